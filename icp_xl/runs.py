"""The run record: what a command read, dropped, measured, warned of and wrote.

Each run leaves ``runs/<run_id>/manifest.json``, ``config_resolved.yaml`` and ``logs.jsonl``, and one line in
``runs/runs.jsonl``. The manifest is the record of the run and lies beside its results:
it holds figures, warnings and names of files. The log holds what happened when, and nothing of the user's data.
"""

from __future__ import annotations

import gc
import hashlib
import json
import platform
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path, PurePosixPath
from typing import Any

import yaml
from filelock import FileLock

from icp_xl import __version__, artifacts
from icp_xl.config import Settings
from icp_xl.errors import Cancelled, DataError, IcpError, SourceError
from icp_xl.one_thread import one_thread
from icp_xl.outputs import Publication, json_text, open_output, plain
from icp_xl.progress import Progress
from icp_xl.safe_paths import (
    is_plain_name,
    refuse_link,
    refuse_planted,
    refuse_planted_files,
    refuse_shared,
    resolve_inside,
)

REGISTRY, MANIFEST, _SETTINGS, _LOG = (
    PurePosixPath(item.name).name
    for item in (artifacts.RUN_REGISTRY, artifacts.RUN_MANIFEST, artifacts.RUN_SETTINGS, artifacts.RUN_LOG)
)
#: Packages whose versions can change a number.
VERSIONED = (
    "icp-xl",
    "pandas",
    "numpy",
    "scipy",
    "scikit-learn",
    "lightgbm",
    "optuna",
    "duckdb",
    "rapidfuzz",
    "xlsxwriter",
)


@dataclass
class RunContext:
    """What every stage of a run shares: settings, progress, staged outputs, and the record being written."""

    command: str
    settings: Settings
    progress: Progress
    outputs: Publication
    run_id: str
    started: datetime
    dry_run: bool = False
    inputs: dict[str, str] = field(default_factory=dict)
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    statuses: dict[str, str] = field(default_factory=dict)
    cutoffs: list[str] = field(default_factory=list)
    planned: list[str] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    #: What each stage of a run of several put into this record, by its name; see :mod:`icp_xl.pipeline.unchanged`.
    stages: dict[str, Any] = field(default_factory=dict)
    #: Files of stages that were left as an earlier run made them, and count as made by this one: name to SHA-256.
    standing: dict[str, str] = field(default_factory=dict)
    #: What one stage read or built and a later stage of the same run needs again.
    memo: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def made(self) -> list[str]:
        """Files of this run's results: what it staged, and what stands as an earlier run made it."""
        return sorted({*self.standing, *self.outputs.names})

    def now(self) -> datetime:
        """The time that outputs are stamped with: the fixed clock, or now in UTC, to the second, without a zone."""
        return self.settings.run.clock or datetime.now(UTC).replace(tzinfo=None, microsecond=0)

    def read(self, path: Path) -> str:
        """Note ``path`` as an input and return its SHA-256."""
        digest = file_digest(path)
        self.inputs[path.name] = digest
        return digest

    def count(self, table: str, read: int, kept: int, dropped: dict[str, int] | None = None) -> None:
        """Record the rows of ``table``: read, kept, and dropped by reason. They must add up.

        Args:
            table: name of the table, for the record.
            read: rows read.
            kept: rows kept.
            dropped: rows dropped, by reason.
        """
        reasons = dict(dropped or {})
        if read != kept + sum(reasons.values()):
            raise DataError("rows do not add up", where=table, got=f"{read} read, {kept} kept, {reasons} dropped")
        self.rows[table] = {"read": read, "kept": kept, "dropped": reasons}
        self.log("rows", table=table)

    def warn(self, text: str, *, first: bool = False) -> None:
        """Record a warning once, before all others if ``first``; it is shown at the end and on the report."""
        if text not in self.warnings:
            self.warnings.insert(0 if first else len(self.warnings), text)
            self.log("warning", number=len(self.warnings))

    def metric(self, name: str, value: Any) -> None:
        """Record a figure."""
        self.metrics[name] = value
        self.log("metric", number=len(self.metrics))

    def status(self, division: str, text: str) -> None:
        """Record the status of one division."""
        self.statuses[division] = text
        self.log("status", number=len(self.statuses))

    def plan(self, *names: str) -> None:
        """Record what a dry run would write."""
        self.planned.extend(name for name in names if name not in self.planned)

    def log(self, event: str, **fields: Any) -> None:
        """Add one structured line to the run's log: what happened when, in words of this program's own only."""
        self.events.append({"time": self.now().isoformat(), "event": event, **fields})

    def publish(self) -> None:
        """Put in place what was staged so far, for work that needs it there before the run is over."""
        for name in self.outputs.names:
            _warn_if_open(self, self.settings.paths.out / name)
        self.outputs.publish()

    def inputs_digest(self) -> str:
        """SHA-256 over the inputs read so far."""
        return hashlib.sha256(json.dumps(self.inputs, sort_keys=True).encode()).hexdigest()


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, read in blocks."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that can change a number."""
    found = {"python": platform.python_version()}
    for name in VERSIONED:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            # Run from its folder, the package itself has no metadata, but knows its version.
            found[name] = __version__ if name == "icp-xl" else "not installed"
    return found


@contextmanager
def rare_collection() -> Iterator[None]:
    """Look for garbage in cycles less often until the block ends: tables, trees and models make none to speak of.

    By default it is looked for after every 700 objects, which takes a twentieth of a run and finds little.
    """
    before = gc.get_threshold()
    gc.set_threshold(max(50_000, before[0]) if before[0] else 0, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


@contextmanager
def start_run(
    command: str, settings: Settings, *, progress: Progress | None = None, dry_run: bool = False, after: str = ""
) -> Iterator[RunContext]:
    """Run one command inside its record: publish its outputs when it succeeds, drop them when it fails.

    A run that fails, is cancelled or is killed leaves every earlier output as it was. The record itself is written
    in all cases but the last.

    Args:
        command: name of the command, for the record.
        settings: resolved settings.
        progress: shows stages and asks for a cancel; silent by default.
        dry_run: nothing but the record is written.
        after: the command whose results this one starts from.

    Raises:
        SourceError: it has to start from earlier results, and there is no output folder; none is made then.
    """
    out = settings.paths.out
    if after and not out.exists():
        raise SourceError(
            "the output folder does not exist",
            where="--out",
            got=str(out),
            next_step=f"Check the folder, or run `icp-xl {after}` first with the same --out.",
        )
    with open_output(out) as outputs:
        refuse_link(settings.paths.runs)
        # Not into the folder of each run: there are many, and only this run's is written.
        for folder in (out, settings.paths.runs):
            refuse_planted_files(folder)
        for name in sorted({item.folder for item in artifacts.ARTIFACTS} - {"", settings.paths.runs.name}):
            refuse_planted(settings.paths.out / name)
        started = settings.run.clock or datetime.now(UTC).replace(tzinfo=None, microsecond=0)
        run_id = _run_id(settings, command, started)
        run = RunContext(command, settings, progress or Progress(), outputs, run_id, started, dry_run)
        run.log("start", command=command, dry_run=dry_run)
        try:
            with one_thread(), rare_collection():
                yield run
        except BaseException as error:
            told = _told(run, error)
            _write_record(run, "cancelled" if isinstance(told, Cancelled | KeyboardInterrupt) else "failed", [], told)
            if told is error:
                raise
            raise told from error
        if dry_run:
            outputs.discard()
        else:
            run.publish()
        _write_record(run, "planned" if dry_run else "succeeded", outputs.published, None)


def _told(run: RunContext, error: BaseException) -> BaseException:
    """``error``; where it comes unexpected and files of earlier runs are not as those left them, an error that says so.

    A table may be whole and yet not what was written: without a column, or with words where figures belong. What each
    stage would make of that is looked into only when one fails.
    """
    if isinstance(error, IcpError | OSError | MemoryError) or not isinstance(error, Exception):
        return error
    altered = find_altered(run.settings.paths.out)
    if not altered:
        return error
    return DataError(
        "files of an earlier run were changed since it wrote them, and cannot be used as they are",
        where=", ".join(altered[:5]) + (f" and {len(altered) - 5} more" if len(altered) > 5 else ""),
        got=type(error).__name__,
        next_step="Put them back as they were, or delete them and run `icp-xl run` again with the same --out.",
    )


def find_altered(out: Path) -> list[str]:
    """Files that the program reads back and that are not as the last run that wrote them left them.

    Args:
        out: the output folder, with the records of its runs.

    Returns:
        Names relative to ``out``; workbooks are not among them, since people fill them in.
    """
    wanted = [item for item in artifacts.ARTIFACTS if item.read_by and item.format not in ("workbook", "SQLite")]
    known: dict[str, str] = {}
    for line in list_runs(out / "runs"):
        try:
            body = artifacts.RUN_MANIFEST.load(out, run=line["run_id"])
            known |= {str(name): str(digest) for name, digest in body["outputs"].items()}
        except (IcpError, LookupError, TypeError, AttributeError):
            continue  # A record that is damaged as well.
    found = []
    for name in sorted(known):
        if any(item.match(name) is not None for item in wanted) and (out / name).is_file():
            if file_digest(resolve_inside(out, name)) != known[name]:
                found.append(name)
    return found


def _warn_if_open(run: RunContext, path: Path) -> None:
    """Where a system lets a file be replaced under the program that shows it, that program goes on with the old one."""
    for name, program in ((f"~${path.name}", "Excel"), (f".~lock.{path.name}#", "LibreOffice")):
        if path.with_name(name).exists():
            run.warn(
                f"{path.name} seems to be open in {program}, which still shows the earlier one: close it there without "
                "saving, and open it again."
            )


def _run_id(settings: Settings, command: str, started: datetime) -> str:
    stem = f"{started:%Y%m%dT%H%M%S}-{command}-{settings.digest()[:8]}"
    if settings.run.clock is not None:
        return stem
    run_id, n = stem, 1
    while (settings.paths.runs / run_id).exists():
        n += 1
        run_id = f"{stem}-{n}"
    return run_id


def _write_record(run: RunContext, status: str, names: list[str], error: BaseException | None) -> None:
    finished = run.now()
    manifest: dict[str, Any] = {
        "schema": artifacts.RUN_MANIFEST.version,
        "run_id": run.run_id,
        "command": run.command,
        "status": status,
        "dry_run": run.dry_run,
        "started": run.started.isoformat(),
        "finished": finished.isoformat(),
        "seed": run.settings.run.seed,
        "settings_hash": run.settings.digest(),
        "inputs": run.inputs,
        "versions": versions(),
        "cutoff_dates": run.cutoffs,
        "rows": run.rows,
        "metrics": run.metrics,
        "warnings": run.warnings,
        "divisions": run.statuses,
        "outputs": {
            **{name: run.standing[name] for name in sorted(run.standing)},
            **{name: file_digest(run.settings.paths.out / name) for name in sorted(names)},
        },
        "planned": run.planned,
        "stages": run.stages,
    }
    if error is not None:
        # The text of an unexpected error may quote data; its type is enough for the record.
        manifest["error"] = str(error) if isinstance(error, IcpError) else type(error).__name__
    run.log("end", status=status)
    folder = f"{run.settings.paths.runs.name}/{run.run_id}"
    files = {f"{folder}/{MANIFEST}": json_text(plain(manifest))}
    resolved = yaml.safe_dump(run.settings.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
    files[f"{folder}/{_SETTINGS}"] = resolved
    lines = "".join(json.dumps(event, ensure_ascii=False, default=str) + "\n" for event in run.events)
    files[f"{folder}/{_LOG}"] = lines
    # By way of the staging folder, which the next run sweeps: they hold warnings, and so names.
    run.outputs.publish_apart({name: mask_secrets(text).encode() for name, text in files.items()})
    line = {
        key: manifest[key] for key in ("run_id", "command", "status", "dry_run", "started", "finished", "settings_hash")
    }
    _append(run.settings.paths.runs / REGISTRY, {**line, "warnings": len(run.warnings), "outputs": len(names)})


#: A password between a scheme and a host, or in the query, as database addresses hold it.
_SECRET = re.compile(r"(://[^/@:\s\"']*:)[^@\s\"']+(@)|([?&](?:password|passwd|pwd|token)=)[^&\s\"']+()", re.IGNORECASE)


def mask_secrets(text: str) -> str:
    """``text`` without the passwords of addresses in it.

    >>> mask_secrets("mysql+pymysql://scott:Tiger9@host/x?password=a")
    'mysql+pymysql://scott:***@host/x?password=***'
    """
    return _SECRET.sub(lambda found: (found[1] or found[3]) + "***" + (found[2] or ""), text)


def _append(registry: Path, line: dict[str, Any]) -> None:
    registry.parent.mkdir(parents=True, exist_ok=True)
    lock = registry.with_name(".runs.lock")
    refuse_shared(registry)
    refuse_shared(lock)
    with FileLock(str(lock)):
        with open(registry, "a", encoding="utf-8", newline="\n") as handle:
            handle.write(json.dumps(line, ensure_ascii=False) + "\n")


#: What every line of the registry holds, and a list of runs shows.
_SHOWN = frozenset(("run_id", "command", "status", "warnings"))


def list_runs(runs: Path) -> list[dict[str, Any]]:
    """Lines of the registry, oldest first; what is no line of ours is passed over."""
    registry = runs / REGISTRY
    if not registry.is_file():
        return []
    found = []
    for line in registry.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            body = json.loads(line)
        except (json.JSONDecodeError, RecursionError):
            continue
        if isinstance(body, dict) and is_plain_name(body.get("run_id")) and body.keys() >= _SHOWN:
            found.append(body)
    return found


def load_manifest(runs: Path, run_id: str) -> dict[str, Any]:
    """The manifest of one run; ``latest`` names the last, and a unique beginning is enough.

    Raises:
        DataError: no such run, or several that begin so.
    """
    known = list(dict.fromkeys(line["run_id"] for line in list_runs(runs)))
    matches = known[-1:] if run_id == "latest" else [name for name in known if name == run_id]
    matches = matches or [name for name in known if name.startswith(run_id)]
    if len(matches) != 1:
        raise DataError(
            "no such run" if not matches else "several runs begin so",
            got=run_id,
            allowed=", ".join((matches or known)[-5:]) or "none: nothing has been run here yet",
            next_step="`icp-xl runs list` names them all.",
        )
    path = resolve_inside(runs, f"{matches[0]}/{MANIFEST}")
    body = artifacts.RUN_MANIFEST.read(path)
    if not isinstance(body, dict):
        raise artifacts.RUN_MANIFEST.damaged(path, "no object")
    return body


def diff_manifests(before: dict[str, Any], after: dict[str, Any]) -> list[tuple[str, str, str]]:
    """What differs between two runs as (key, before, after), times and names of the runs aside."""
    skip = ("run_id", "started", "finished", "error")
    left, right = (_flat({k: v for k, v in body.items() if k not in skip}) for body in (before, after))
    return [
        (key, left.get(key, "absent"), right.get(key, "absent"))
        for key in sorted(left.keys() | right.keys())
        if left.get(key) != right.get(key)
    ]


def _flat(body: Any, key: str = "") -> dict[str, str]:
    if isinstance(body, dict):
        found: dict[str, str] = {}
        for name, value in body.items():
            found.update(_flat(value, f"{key}.{name}" if key else str(name)))
        return found
    return {key: json_text(body).strip()}

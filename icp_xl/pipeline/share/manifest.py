"""The manifest of shared files: who gets what; and with it, which files are ours to replace."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import pandas as pd

from icp_xl import artifacts
from icp_xl.delivery.sharing.file_names import unique
from icp_xl.errors import DataError, DeliveryError
from icp_xl.runs import RunContext, file_digest
from icp_xl.safe_paths import resolve_inside

CSV, JSON = artifacts.SHARE_MANIFEST_CSV.name, artifacts.SHARE_MANIFEST.name


@dataclass(frozen=True)
class SharedFile:
    """One file that was made: for whom, from which report, with how many accounts and rows, and its digest.

    ``file`` is empty for accounts that go into no file.
    """

    file: str
    recipient_key: str
    recipient: str
    by: str
    report: str
    part: int
    parts: int
    accounts: int | None
    rows: int | None
    bytes: int
    sha256: str
    protected: bool
    note: str = ""


def read_entries(run: RunContext) -> list[SharedFile]:
    """What earlier runs shared, as far as it can be read."""
    try:
        body = artifacts.SHARE_MANIFEST.load(run.settings.paths.out)
        names = {field.name for field in fields(SharedFile)}
        entries = [SharedFile(**{k: v for k, v in entry.items() if k in names}) for entry in body["files"]]
        return [entry for entry in entries if not entry.file or _is_a_copy(run, entry.file)]
    except (DataError, KeyError, TypeError, AttributeError):
        return []


def _is_a_copy(run: RunContext, name: str) -> bool:
    """Whether share can have made ``name``: nothing else is replaced or removed because a manifest says so."""
    try:
        inside = resolve_inside(run.settings.paths.out, name)
    except DeliveryError:
        run.warn(
            f"{JSON} names a file outside the output folder, which was left alone: it was not written by this program."
        )
        return False
    folder = run.settings.paths.out / run.settings.share.folder
    return folder in inside.parents and inside.suffix in (".xlsx", ".csv", ".pdf") and not inside.is_symlink()


class Shelf:
    """Gives out places for the files of one run: never that of a file which is not ours, or which someone changed."""

    def __init__(self, run: RunContext, mine: Iterable[tuple[str, str]]) -> None:
        self.run = run
        self.out = run.settings.paths.out
        wanted = set(mine)
        earlier = read_entries(run)
        self.kept = [e for e in earlier if (e.report, e.by) not in wanted and e.file and (self.out / e.file).is_file()]
        self.old = {e.file: e for e in earlier if (e.report, e.by) in wanted and e.file}
        self.taken = {e.file.casefold() for e in self.kept}
        self.given: set[str] = set()

    def place(self, folder: str, stem: str, suffix: str) -> str:
        """A free name below the output folder; the number that tells like names apart comes before anything else."""
        taken = {name.removesuffix(suffix) for name in self.taken if name.endswith(suffix)}
        name = plain = unique(f"{folder}/{stem}", taken) + suffix
        n = 0
        while name.casefold() in self.taken or not self._ours(name):
            # Never the number of another reader: his file must not seem to be somebody else's from one run to the next.
            n += 1
            name = plain.removesuffix(suffix) + (" - new" if n == 1 else f" - new {n}") + suffix
        self.taken |= {plain.casefold(), name.casefold()}
        self.given.add(name)
        return name

    def _ours(self, name: str) -> bool:
        path = self.out / name
        if not path.exists():
            return True
        old = self.old.get(name)
        if old is not None and old.sha256 == file_digest(path):
            return True
        why = "was changed since it was made" if old is not None else "is not one of ours"
        self.run.warn(f"{name} {why} and was left alone; the new copy has another name.")
        return False

    def clear(self) -> None:
        """Have the files of the last such run that this one did not make again removed, unless someone changed them."""
        for name, old in sorted(self.old.items()):
            path = self.out / name
            if name in self.given or not path.is_file():
                continue
            if old.sha256 == file_digest(path):
                self.run.outputs.remove(name)
            else:
                self.run.warn(f"{name} was changed since it was made and was left alone.")


def stage_manifest(run: RunContext, files: list[SharedFile], left_out: dict[str, list[dict[str, Any]]]) -> None:
    """Stage the manifest as CSV and JSON; ``left_out`` names accounts that go into no file, by report and column."""
    rows = [asdict(file) for file in files]
    names = [field.name for field in fields(SharedFile)]
    frame = pd.DataFrame(rows, columns=names).astype({"accounts": "Int64", "rows": "Int64"})
    run.outputs.csv(CSV, frame)
    run.outputs.json(
        JSON,
        {"schema": 1, "run_id": run.run_id, "made": run.now().isoformat(), "files": rows, "left_out": left_out},
    )


def size_and_digest(path: Path) -> tuple[int, str]:
    """Bytes and SHA-256 of a file."""
    return path.stat().st_size, file_digest(path)

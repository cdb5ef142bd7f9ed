"""Which stages of ``run`` stand as an earlier run of the same user left them.

A stage stands when all that it depends on is what it was: code and libraries, settings, source files, the files of the
stages that it reads, the day where it matters, and its own files, which are compared by content and never trusted by
name or date. What people typed into a report changes that file, and so the stage is done again and reads it.

What is kept from run to run holds hashes only, is signed with the user's key and published with the results, so that
a run that fails, is cancelled or killed leaves none. What a stage put into the record of its run is taken over from
there.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import platform
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from pydantic import BaseModel

import icp_xl
from icp_xl import artifacts
from icp_xl.errors import IcpError
from icp_xl.outputs import LOCK, STAGING, is_ours, json_text, plain, sign
from icp_xl.pipeline.stage import Stage
from icp_xl.recall import Recall
from icp_xl.runs import RunContext, file_digest, load_manifest, mask_secrets, versions

NAME = artifacts.STAGES.name
#: Each report notes its own cells in it, beside those of the others.
_SHARED = artifacts.USER_CELLS.name
#: A larger file is none of ours; to hash one that somebody put there would take as long as he likes.
_LARGEST = 2 << 30
#: What stages add to the record of a run, apart from warnings.
_RECORD = ("inputs", "rows", "metrics", "statuses")


@dataclass
class Standing:
    """What one stage, or several that stand or fall together, left.

    Args:
        key: hash of what it depended on.
        files: hash of each file's name to hash of name and content, or nothing where a later stage wrote it again.
        content: hash of its files as it wrote them.
        record: hash of what it put into the record of its run.
        since: id of the run that did it, and when.
    """

    key: str
    files: dict[str, str]
    content: str
    record: str
    since: tuple[str, str]


class Unchanged:
    """The stages of one run: which stand, and what the others leave."""

    def __init__(self, run: RunContext, stages: Sequence[Stage], *, fresh: bool) -> None:
        self.run, self.stages = run, stages
        self.active = not run.dry_run and not _unknowable(run) and bool(sign(""))
        self.parts: dict[str, Standing] = {}
        self._began: dict[str, Any] = {}
        self._touched: dict[str, set[str]] = {}
        if not self.active:
            return
        self._read = _sources(run)
        self._given = _hash([_code(), _libraries(), _settings(run), self._read])
        self._disk = _files_of(run)
        left, records = self._load()
        #: Files as the last run left them, each as a hash of name and content.
        self._left = {pair for part in left.values() for pair in part.files.values()}
        self._earlier, self._records = ({}, {}) if fresh else (left, records)
        there = {_pair(name, digest) for name, digest in self._disk.items()}
        #: Names of files that were changed or deleted since, as hashes.
        self._damaged = {
            name for part in self._earlier.values() for name, pair in part.files.items() if pair and pair not in there
        }

    def stands(self, stage: Stage) -> str:
        """Since which run ``stage`` stands, in words; nothing where it must be done."""
        name = stage.part_of or stage.name
        if not self.active:
            return ""
        if name in self.parts and name not in self._touched:
            return _told(self.parts[name])
        part = self._earlier.get(name)
        if name in self._touched or part is None or not self._is_whole(name, part) or part.key != self._key(name):
            self._begin(name)
            return ""
        self._take_over(name, part)
        return _told(part)

    def done(self, stage: Stage, *, well: bool) -> None:
        """Note what ``stage`` left; one that was left out, or that writes elsewhere, leaves nothing to stand on."""
        name = stage.part_of or stage.name
        if not self.active:
            return
        self._touched[name] |= self.run.outputs.touched
        self.run.outputs.touched.clear()
        if stage.part_of:
            return
        key = self._key(name)
        record = _plain(self._added())
        if well and not _writes_elsewhere(self.run, stage):
            self.run.stages[name] = record
            now = (self.run.run_id, self.run.now().isoformat(sep=" "))
            files = self._written(name)
            content = _hash({each: pair for each, pair in files.items() if each != _hash(_SHARED)})
            self.parts[name] = Standing(key, files, content, _hash(record), now)

    def keep(self) -> None:
        """Stage what the next run needs to know."""
        if not self.active:
            return
        if _sources(self.run) != self._read:
            # Somebody saved a source meanwhile, and nobody knows which stages read what he saved.
            self.parts.clear()
        for name in self.parts:
            self._doubt_replaced(name)
            self._give_up_rewritten(name)
        body = {
            "schema": artifacts.STAGES.version,
            "run": self.run.run_id,
            "others": self._others(self._after(), self.parts),
            "stages": {name: vars(part) for name, part in self.parts.items()},
        }
        self.run.outputs.json(NAME, {**body, "signature": sign(json_text(body))})

    def _load(self) -> tuple[dict[str, Standing], dict[str, Any]]:
        """What the last run left, with its record; nothing where that is not this user's, or other files changed."""
        run = self.run
        try:
            body = artifacts.STAGES.load(run.settings.paths.out)
            signature = body.pop("signature")
            if not is_ours(json_text(body), signature) or body["schema"] != artifacts.STAGES.version:
                return {}, {}
            parts = {name: Standing(**{**each, "since": tuple(each["since"])}) for name, each in body["stages"].items()}
            if body["others"] != self._others(self._disk, parts):
                return {}, {}
            records = load_manifest(run.settings.paths.runs, body["run"])["stages"]
            return {name: each for name, each in parts.items() if _hash(records.get(name)) == each.record}, records
        except (IcpError, OSError, KeyError, TypeError, AttributeError, ValueError):
            return {}, {}

    def _is_whole(self, name: str, part: Standing) -> bool:
        """Whether all files that it reads and writes are there as they were left, after what this run has written."""
        if any(self._damaged & each.files.keys() for each in (part, *self._remembered(name, self._earlier))):
            return False
        written = {_hash(name): name for name in self.run.outputs.names}
        return all(
            pair == _pair(written[name], self._digest(written[name]))
            for name, pair in part.files.items() if pair and name in written
        )  # fmt: skip

    def _key(self, name: str) -> str:
        """Hash of what the part ``name`` depends on."""
        stages = [stage for stage in self.stages if name in (stage.name, stage.part_of)]
        last = stages[-1]
        before = [stage.name for stage in self.stages[: self.stages.index(stages[0])] if not stage.part_of]
        read = {each: self.parts[each].content if each in self.parts else "" for each in before
                if last.reads is None or each in last.reads}  # fmt: skip
        day = self.run.now().date().isoformat() if last.daily else ""
        # Every report lists what was said before it.
        said = [self.parts[each].record for each in before if each in self.parts]
        return _hash([self._given, [stage.name for stage in stages], read, day, said])

    def _remembered(self, name: str, parts: Mapping[str, Standing]) -> list[Standing]:
        """Those of ``parts`` that ``name`` reads as an earlier run left them."""
        remembers = next(stage.remembers for stage in self.stages if stage.name == name)
        return [parts[each] for each in remembers if each in parts]

    def _begin(self, name: str) -> None:
        if name in self._touched:
            return
        run = self.run
        self._touched[name] = set()
        run.outputs.touched.clear()
        self._began = {each: dict(getattr(run, each)) for each in _RECORD} | {"warnings": list(run.warnings)}

    def _added(self) -> dict[str, Any]:
        """What was put into the record since the part began."""
        run, before = self.run, self._began
        added: dict[str, Any] = {
            each: {name: value for name, value in getattr(run, each).items()
                   if name not in before[each] or before[each][name] != value}
            for each in _RECORD
        }  # fmt: skip
        added["warnings"] = [text for text in run.warnings if text not in before["warnings"]]
        return added | {"cutoffs": list(run.cutoffs)}

    def _take_over(self, name: str, part: Standing) -> None:
        """Count what the part left as made by this run."""
        run, record = self.run, self._records[name]
        for each in _RECORD:
            getattr(run, each).update(record[each])
        for text in record["warnings"]:
            run.warn(text)
        run.cutoffs = list(record["cutoffs"])
        run.stages[name] = record
        wanted = {pair for pair in part.files.values() if pair}
        run.standing.update({file: digest for file, digest in self._disk.items() if _pair(file, digest) in wanted})
        self.parts[name] = part

    def _written(self, name: str) -> dict[str, str]:
        names = sorted(self._touched[name] & set(self.run.outputs.names))
        return {_hash(each): _pair(each, self._digest(each)) for each in names}

    def _doubt_replaced(self, name: str) -> None:
        """Have a part done again that read a file as somebody else left it, typed into or torn, and that is whole now.

        What it said of that file is no longer true.
        """
        there = {_hash(file): _pair(file, digest) for file, digest in self._disk.items()}
        part = self.parts[name]
        read = {
            there[file] for each in (part, *self._remembered(name, self.parts)) for file in each.files.keys() & there
        }
        if name in self._touched and read - self._left:
            part.key = ""

    def _give_up_rewritten(self, name: str) -> None:
        """A file that a later part wrote again is that part's; here it only counts as written."""
        order = list(self.parts)
        later = {each for other in order[order.index(name) + 1 :] for each in self.parts[other].files}
        files = {each: "" if each in later else pair for each, pair in self.parts[name].files.items()}
        self.parts[name].files = files

    def _others(self, files: Mapping[str, str], parts: Mapping[str, Standing]) -> str:
        """Hash of the declared files that no stage of the last run wrote: what other commands and people put there."""
        made = {each for part in parts.values() for each in part.files}
        known = re.compile("|".join(re.sub(r"\\\{\w+\\\}", ".+", re.escape(each.name)) for each in artifacts.ARTIFACTS))
        return _hash({name: digest for name, digest in files.items()
                      if name != NAME and known.fullmatch(name) and _hash(name) not in made})  # fmt: skip

    def _after(self) -> dict[str, str]:
        """Files as they will be once this run has published."""
        out = self.run.outputs
        gone = tuple(out.removed)
        kept = {
            name: digest for name, digest in _files_of(self.run).items()
            if not any(name == each or name.startswith(f"{each}/") for each in gone)
        }  # fmt: skip
        return kept | {name: self._digest(name) for name in out.names}

    def _digest(self, name: str) -> str:
        return file_digest(self.run.outputs.find(name))


def place_of_recall(run: RunContext, *, fresh: bool) -> Recall | None:
    """Where the pieces of work of a run are recalled and kept; nowhere in a dry run."""
    return None if run.dry_run else Recall(run.settings.paths.out, _hash([_code(), _libraries()]), fresh)


def _told(part: Standing) -> str:
    return f"{part.since[0]}, {part.since[1]}"


def _hash(body: Any) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True, default=str).encode()).hexdigest()


def _pair(name: str, digest: str) -> str:
    return _hash([name, digest])


def _plain(record: Mapping[str, Any]) -> Any:
    """A record as it comes back from the manifest of its run."""
    return json.loads(mask_secrets(json_text(plain(record))))


@cache
def _code() -> str:
    """Hash of this program's own files."""
    folder = Path(icp_xl.__file__).parent
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return _hash([icp_xl.__version__, {path.relative_to(folder).as_posix(): file_digest(path) for path in paths}])


@cache
def _libraries() -> str:
    """Hash of the versions of what this program runs on."""
    found = {**versions(), "machine": platform.platform()}
    for text in metadata.requires("icp-xl") or () if found["icp-xl"] else ():
        name = re.split(r"[^\w.-]", text)[0]
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = ""
    return _hash(found)


def _settings(run: RunContext) -> str:
    """Hash of the settings, the clock included; where files lie and how many workers there are do not matter.

    What is stated counts also where it is the default: bounds of weights hold as they are once they are stated.
    """
    body = [
        run.settings.model_dump(mode="json", exclude={"paths": True, "run": {"workers"}}, exclude_unset=stated)
        for stated in (False, True)
    ]
    key = run.settings.models.key()
    signed = hmac.new(key, b"stages", hashlib.sha256).hexdigest() if key else ""
    return _hash([run.command, body, signed])


def _unknowable(run: RunContext) -> bool:
    """Whether the run depends on what no file tells: a database, a CRM, a store of another folder, another program."""
    chosen = run.settings
    sources, crms = (
        [getattr(section, name) for name in type(section).model_fields] for section in (chosen.sources, chosen.feedback)
    )
    return bool(
        any(getattr(each, "database", None) for each in sources)
        or any(getattr(each, "enabled", False) for each in crms)
        or chosen.feedback.store or chosen.optimize.storage or chosen.build.transactions or chosen.share.pdf
    )  # fmt: skip


def _writes_elsewhere(run: RunContext, stage: Stage) -> bool:
    after = run.settings.delivery.after_run
    return stage.name == "write-back" and after.workbook is not None and not after.copy_only


def _sources(run: RunContext) -> str:
    """Hash of every file that may be read: those of the data folder, and those that the settings name."""
    data, out = run.settings.paths.data, run.settings.paths.out
    largest = int(run.settings.sources.max_file_mb * 2**20)
    found: dict[str, Any] = {}
    if data.is_dir():
        for folder in (data, data / "history"):
            for path in sorted(folder.iterdir()) if folder.is_dir() else ():
                # An output folder that is the data folder too holds what the run itself writes.
                if path.is_file() and not (out.resolve() == data.resolve() and _is_output(path)):
                    found[str(path.relative_to(data))] = "open" if path.name[:2] == "~$" else _digest(path, largest)
    for named in _paths(run.settings.model_copy(update={"paths": None})):
        # What bears the name here and in the data folder counts both times, whichever is read.
        # A report to be shared that lies where the run itself writes it is told by what wrote it.
        found[f"{named}: "] = [
            (path.name, _digest(path, largest)) for path in _named(named, data)
            if not (path.parent.resolve() == out.resolve() and _is_output(path))
        ]  # fmt: skip
    return _hash(found)


def _is_output(path: Path) -> bool:
    return path.name == LOCK or any(each.match(path.name) is not None for each in artifacts.ARTIFACTS)


def _paths(held: Any, name: str = "") -> Iterator[Path]:
    """The paths in the settings: those of a section or record by what they are, other texts by what their field says.

    What else stands there is no path, whatever a workbook may have put into it, and is not looked for on any disk.
    """
    if isinstance(held, BaseModel):
        for field in type(held).model_fields:
            yield from _paths(getattr(held, field), field)
    elif isinstance(held, dict):
        for each in held.values():
            yield from _paths(each) if isinstance(each, BaseModel) else ()
    elif isinstance(held, list | tuple):
        for each in held:
            yield from _paths(each, name)
    elif isinstance(held, Path) or (isinstance(held, str) and held and name.endswith(("file", "reports"))):
        yield Path(held).expanduser()


def _named(named: Path, data: Path) -> Iterator[Path]:
    """The file, the files of the folder, or those of the pattern, as given and in the data folder."""
    for place in dict.fromkeys((named, data / named)):
        if place.is_file():
            yield place
        elif place.is_dir():
            yield from sorted(path for path in place.iterdir() if path.is_file())
        elif any(mark in place.name for mark in "*?[") and place.parent.is_dir():
            yield from sorted(path for path in place.parent.glob(place.name) if path.is_file())


def _files_of(run: RunContext) -> dict[str, str]:
    """Files below the output folder with their hashes, except records of runs, and sources that lie there."""
    out, data = run.settings.paths.out, run.settings.paths.data.resolve()
    found = {}
    for path in sorted(out.rglob("*")):
        name = path.relative_to(out).as_posix()
        if name.split("/")[0] in (STAGING, LOCK, run.settings.paths.runs.name, artifacts.RECALLED.folder):
            continue
        if data != out.resolve() and data in path.resolve().parents:
            continue
        if path.is_file() and not path.is_symlink():
            found[name] = _digest(path, _LARGEST)
    return found


def _digest(path: Path, largest: int) -> str:
    """Hash of a file; of one that is larger than any that is read or made here, what tells that it was changed."""
    held = path.stat()
    return file_digest(path) if held.st_size <= largest else f"{held.st_size} bytes of {held.st_mtime_ns}"

"""The manifest of shared files: who gets what; and with it, which files are ours to replace."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import pandas as pd

from icp_xl import artifacts
from icp_xl.delivery.sharing.file_names import unique
from icp_xl.delivery.sharing.identity import bare_stem, reader_key
from icp_xl.errors import DataError, DeliveryError
from icp_xl.runs import RunContext, file_digest
from icp_xl.safe_paths import resolve_inside

CSV, JSON = artifacts.SHARE_MANIFEST_CSV.name, artifacts.SHARE_MANIFEST.name


@dataclass(frozen=True)
class SharedFile:
    """One file that was made: for whom, from which report, with how many accounts and rows, and its digest.

    ``file`` is empty for accounts that go into no file; ``content`` is the digest of the workbook inside
    a protected one.
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
    content: str = ""


@dataclass(frozen=True)
class KnownReader:
    """A reader of this run or of any before it.

    ``file_name`` is the part of his files' names that stands for him and for nobody else, then or later; ``accounts``
    are the ids that he was given last, by report (none where he gets nothing any more), ``address``
    where his last draft went.
    """

    by: str
    name: str
    key: str
    file_name: str
    address: str = ""
    accounts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Remembered:
    """What earlier runs shared: their files, and every reader that there has been, by column and name."""

    files: tuple[SharedFile, ...] = ()
    readers: Mapping[tuple[str, str], KnownReader] = field(default_factory=dict)

    def claimed(self, by: str) -> dict[str, str]:
        """Bare file names (case-folded) given out to readers of the column ``by``, with the reader of each."""
        return {
            known.file_name.casefold(): known.name
            for known in self.readers.values()
            if known.by == by and known.file_name == known.name
        }


def read_remembered(run: RunContext) -> Remembered:
    """What earlier runs shared, as far as it can be read; nothing where it cannot."""
    try:
        body = artifacts.SHARE_MANIFEST.load(run.outputs)
        names = {field.name for field in fields(SharedFile)}
        entries = [SharedFile(**{k: v for k, v in entry.items() if k in names}) for entry in body["files"]]
        files = [entry for entry in entries if not entry.file or _is_a_copy(run, entry.file)]
        known = [_known(entry) for entry in body["readers"]] if "readers" in body else _from_files(files)
    except (DataError, KeyError, TypeError, AttributeError):
        folder = run.settings.paths.out / run.settings.share.folder
        if folder.is_dir() and any(folder.iterdir()):
            run.warn(
                f"{JSON} was not found or cannot be read: what lies in {folder.name} is left alone, and who got which "
                "account before is not known."
            )
        return Remembered()
    return Remembered(tuple(files), {(each.by, each.name): each for each in reversed(known)})


def _known(entry: Mapping[str, Any]) -> KnownReader:
    """A reader out of the manifest; the key and the file name are followed only where they can be his."""
    by, name, stem = str(entry["by"]), str(entry["name"]), str(entry["file_name"])
    accounts = {str(report): tuple(map(str, ids)) for report, ids in entry["accounts"].items()}
    address = str(entry.get("address") or "")
    return KnownReader(by, name, reader_key(name), stem if stem == bare_stem(name) else "", address, accounts)


def _from_files(files: Iterable[SharedFile]) -> list[KnownReader]:
    """Readers that an earlier version noted with their files only."""
    return [
        KnownReader(each.by, each.recipient, reader_key(each.recipient), each.recipient)
        for each in files
        if each.by and each.file and Path(each.file).stem == f"{Path(each.report).stem} - {bare_stem(each.recipient)}"
    ]


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
    return folder in inside.parents and inside.suffix in (".xlsx", ".csv", ".pdf", ".eml") and not inside.is_symlink()


class Shelf:
    """Gives out places for the files of one run: never that of a file which is not ours, or which someone changed."""

    def __init__(self, run: RunContext, mine: Iterable[tuple[str, str]], earlier: Iterable[SharedFile]) -> None:
        self.run = run
        self.out = run.settings.paths.out
        wanted = set(mine)
        earlier = list(earlier)
        there = [e for e in earlier if (e.report, e.by) not in wanted and e.file]
        self.kept = [e for e in there if run.outputs.find(e.file).is_file()]
        self.old = {e.file: e for e in earlier if (e.report, e.by) in wanted and e.file}
        self.taken = {e.file.casefold() for e in self.kept}
        self.given: set[str] = set()

    def free_name(self, folder: str, stem: str, suffix: str, recipient: str) -> str:
        """A free name below the output folder: never one that now holds the file of another reader.

        Args:
            folder: below the output folder.
            stem: of the name wished for.
            suffix: with its dot.
            recipient: whose file it is to be.
        """
        taken = {name.removesuffix(suffix) for name in self.taken if name.endswith(suffix)}
        name = plain = unique(f"{folder}/{stem}", taken) + suffix
        n = 0
        while name.casefold() in self.taken or not self._ours(name, recipient):
            n += 1
            name = plain.removesuffix(suffix) + (" - new" if n == 1 else f" - new {n}") + suffix
        self.taken |= {plain.casefold(), name.casefold()}
        self.given.add(name.casefold())
        return name

    def _ours(self, name: str, recipient: str) -> bool:
        path = self.out / name
        if not path.exists():
            return True
        old = self.old.get(name)
        if old is None:
            why = "is not one of ours"
        elif old.recipient != recipient:
            why = f"was made for {old.recipient}"
        elif old.sha256 != file_digest(path):
            why = "was changed since it was made"
        else:
            return True
        self.run.warn(f"{name} {why} and was left alone; the new copy has another name.")
        return False

    def clear(self) -> None:
        """Have the files of the last such run that this one did not make again removed, unless someone changed them."""
        gone: dict[str, list[str]] = {}
        for name, old in sorted(self.old.items()):
            path = self.out / name
            if name.casefold() in self.given or not path.is_file():
                continue
            if old.sha256 == file_digest(path):
                self.run.outputs.remove(name)
                gone.setdefault(old.recipient, []).append(path.name)
            else:
                self.run.warn(f"{name} was changed since it was made and was left alone.")
        for recipient, names in gone.items():
            self.run.warn(f"Removed, since it is no longer made for {recipient}: {', '.join(names)}.")


def stage_manifest(
    run: RunContext,
    files: list[SharedFile],
    readers: Iterable[KnownReader],
    left_out: dict[str, list[dict[str, Any]]],
) -> None:
    """Stage the manifest as CSV and JSON.

    Args:
        readers: all that there have been; one who is gone stays, so that nobody gets his file name.
        left_out: accounts that go into no file, by report and column.
    """
    rows = [asdict(file) for file in files]
    names = [field.name for field in fields(SharedFile)]
    frame = pd.DataFrame(rows, columns=names).astype({"accounts": "Int64", "rows": "Int64"})
    run.outputs.csv(CSV, frame)
    known = [asdict(each) for each in sorted(readers, key=lambda each: (each.by, each.name))]
    run.outputs.json(
        JSON,
        {
            "schema": 2, "run_id": run.run_id, "made": run.now().isoformat(), "files": rows, "readers": known,
            "left_out": left_out,
        },
    )  # fmt: skip


def size_and_digest(path: Path) -> tuple[int, str]:
    """Bytes and SHA-256 of a file."""
    return path.stat().st_size, file_digest(path)

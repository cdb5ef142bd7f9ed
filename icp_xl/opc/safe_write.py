"""Change a workbook so that it is afterwards the old one or the new one, whole, whatever happens in between.

The order is: lock, open-elsewhere check, change in memory, temporary file on the same volume, flush, read back and
compare every foreign part byte for byte, dated backup, one atomic replacement, flush of the folder.
"""

from __future__ import annotations

import errno
import glob
import os
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import zip_longest
from pathlib import Path

from icp_xl.errors import DeliveryError, LockedWorkbookError
from icp_xl.opc.archive import Archive, Content, Entry
from icp_xl.opc.locks import check_not_open, hold
from icp_xl.opc.package import Package, open_package
from icp_xl.progress import Progress
from icp_xl.safe_paths import refuse_link

Change = Callable[[Package], None]
_NO_ROOM = (errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC))
_RETRIES, _PAUSE = 20, 0.1


@dataclass(frozen=True)
class SafeOptions:
    """How a write behaves; see ``delivery`` in the settings. ``clock`` dates the backup."""

    backups: int = 5
    backup_folder: str = "ICP backups"
    keep_timestamps: bool = True
    wait_seconds: float = 10.0
    clock: datetime | None = None
    progress: Progress = field(default_factory=Progress)


def safe_write(target: Path, out: Path | None, change: Change, options: SafeOptions | None = None) -> Path | None:
    """Lay ``change`` over ``target`` and put the result in place of it, or at ``out``.

    Args:
        target: the workbook; it stays as it is where ``out`` names another file.
        out: where the result goes; the target by default.
        change: changes the open package.
        options: backups, checks, waiting for a lock, and progress.

    Returns:
        Where the earlier file was kept, or ``None`` when nothing was replaced or no backup is wanted.

    Raises:
        RefusedError: ``change``, or the check of the package, refuses the workbook.
        LockedWorkbookError: it is open elsewhere.
        DeliveryError: read-only, no room, or the disk does not give back what was written. In each case the file at
            the destination is as it was, and no temporary file is left.
    """
    options = options or SafeOptions()
    final = Path(os.path.realpath(out if out is not None else target))
    source = Path(os.path.realpath(target))
    with _explained(final):
        _check_destination(final)
        with hold(final, options.wait_seconds):
            if final.exists():
                check_not_open(final)
            _sweep(final)
            return _write(source, final, change, options)


def _write(source: Path, final: Path, change: Change, options: SafeOptions) -> Path | None:
    progress = options.progress
    temporary = final.with_name(f".{final.name}.{os.getpid()}.icp-tmp")
    try:
        with open_package(source) as package:
            before = _state(source)
            progress.stage("checking the workbook", None)
            progress.check()
            change(package)
            progress.check()
            package.check_foreign()
            progress.stage("writing the workbook", None)
            progress.check()
            with open(temporary, "x+b") as handle:
                package.write(handle)
                handle.flush()
                os.fsync(handle.fileno())
            progress.stage("comparing every part", None)
            progress.check()
            verify(package, temporary)
        if _state(source) != before:
            raise LockedWorkbookError(
                "the workbook was saved by another program while the result was being made",
                where=source.name,
                next_step="Run again: the result will then be made from the newer file. Nothing was changed.",
            )
        _dress(temporary, final if final.exists() else source, options)
        progress.check()
        backup = _back_up(final, options) if final.exists() else None
        _replace(temporary, final)
        return backup
    finally:
        temporary.unlink(missing_ok=True)


def _state(path: Path) -> tuple[int, int, int]:
    found = os.stat(path)
    return found.st_ino, found.st_size, found.st_mtime_ns


def verify(package: Package, written: Path) -> None:
    """Read ``written`` back and compare it with what was meant: foreign entries as raw bytes, ours as content.

    Raises:
        DeliveryError: they differ.
    """
    with open(written, "rb") as handle:
        found = Archive.read(handle, written.name)
        for meant, entry in zip_longest(package.items(), found.entries):
            if meant is None or entry is None or meant.raw_name != entry.raw_name:
                _torn(written)
            elif isinstance(meant, Content):
                if found.content(entry) != meant.data:
                    _torn(written)
            elif not _equal(package.archive, meant, found, entry):
                _torn(written)


def _equal(before: Archive, meant: Entry, after: Archive, entry: Entry) -> bool:
    if meant.length != entry.length and meant.header_length + meant.compressed != entry.length:
        return False
    return all(left == right for left, right in zip_longest(before.raw(meant), after.raw(entry)))


def _torn(written: Path) -> None:
    raise DeliveryError(
        "the disk did not give back what was written to it",
        where=written.parent.name,
        next_step="Check the disk or the network drive and run again. The workbook is as it was.",
    )


def _check_destination(final: Path) -> None:
    folder = final.parent
    if not folder.is_dir():
        raise DeliveryError("the folder does not exist", where=str(folder), next_step="Choose another with --out.")
    if final.exists() and not os.access(final, os.W_OK):
        raise DeliveryError(
            "the workbook is read-only",
            where=final.name,
            next_step="Clear its read-only mark, or write to another file with --out. Nothing was changed.",
        )
    if not os.access(folder, os.W_OK):
        raise DeliveryError(
            "the folder of the workbook is read-only",
            where=folder.name,
            next_step="Write to a folder of your own with --out. Nothing was changed.",
        )


def _sweep(final: Path) -> None:
    """Remove temporary files that killed runs left; nobody else can be writing, as the lock is held."""
    pattern = re.compile(re.escape(f".{final.name}.") + r"\d+\.icp-tmp")
    for name in os.listdir(final.parent):
        if pattern.fullmatch(name):
            final.with_name(name).unlink(missing_ok=True)


def _dress(temporary: Path, like: Path, options: SafeOptions) -> None:
    """Give the new file the permissions, the owner and, where wanted, the times of the old one."""
    shutil.copystat(like, temporary)
    if sys.platform != "win32":
        old, new = os.stat(like), os.stat(temporary)
        if (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid):
            try:
                os.chown(temporary, old.st_uid, old.st_gid)
            except PermissionError:
                pass
    if not options.keep_timestamps:
        os.utime(temporary)


def _back_up(final: Path, options: SafeOptions) -> Path | None:
    if options.backups == 0:
        return None
    folder = final.parent / options.backup_folder
    refuse_link(folder)  # Copies would land elsewhere, and old ones be removed there.
    folder.mkdir(exist_ok=True)
    for left in folder.glob(f".{glob.escape(final.stem)} *.icp-tmp"):
        left.unlink(missing_ok=True)  # of a run that was killed; nobody else is writing, as the lock is held
    now = options.clock or datetime.now()
    stem = f"{final.stem} {now:%Y-%m-%d %H%M%S}"
    backup, number = folder / f"{stem}{final.suffix}", 1
    while backup.exists():
        number += 1
        backup = folder / f"{stem} ({number}){final.suffix}"
    partial = backup.with_name(f".{backup.name}.icp-tmp")
    try:
        with open(final, "rb") as source, open(partial, "xb") as handle:
            shutil.copyfileobj(source, handle, 1 << 20)
            handle.flush()
            os.fsync(handle.fileno())
        shutil.copystat(final, partial)
        os.replace(partial, backup)
    finally:
        partial.unlink(missing_ok=True)
    for old in list_backups(final, folder)[options.backups :]:
        old.unlink(missing_ok=True)
    return backup


def list_backups(workbook: Path, folder: Path) -> list[Path]:
    """Backups of ``workbook`` in ``folder``, newest first."""
    pattern = re.compile(
        re.escape(workbook.stem) + r" (\d{4}-\d\d-\d\d \d{6})(?: \((\d+)\))?" + re.escape(workbook.suffix)
    )
    found = []
    for path in folder.iterdir() if folder.is_dir() else ():
        match = pattern.fullmatch(path.name)
        if match is not None:
            found.append((match[1], int(match[2] or 1), path))
    return [path for _, _, path in sorted(found, reverse=True)]


def _replace(temporary: Path, final: Path) -> None:
    for attempt in range(_RETRIES):
        try:
            os.replace(temporary, final)
            break
        except PermissionError:
            # A virus scanner or a network drive may hold the file for a moment.
            if attempt == _RETRIES - 1:
                raise
            time.sleep(_PAUSE)
    if sys.platform != "win32":
        try:
            folder = os.open(final.parent, os.O_RDONLY)
        except OSError:
            return
        try:
            os.fsync(folder)
        except OSError:
            pass  # Some network drives cannot flush a folder; the replacement has happened.
        finally:
            os.close(folder)


@contextmanager
def _explained(final: Path) -> Iterator[None]:
    """Turn what the system says into one message; the destination is as it was in every case."""
    try:
        yield
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise DeliveryError(
                "there is no room on the disk for the new workbook and its backup",
                where=final.name,
                next_step="Free some space, or write to another disk with --out. The workbook is as it was.",
            ) from None
        if isinstance(error, PermissionError):
            raise LockedWorkbookError(
                "the workbook, or its folder, is held by another program, or you may not write there",
                where=final.name,
                next_step="Close it and run again, or write to another file with --out. The workbook is as it was.",
            ) from None
        raise DeliveryError(
            "the workbook cannot be written",
            where=final.name,
            got=error.strerror,
            next_step="Check the disk or the network drive and run again. The workbook is as it was.",
        ) from None

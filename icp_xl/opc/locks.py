"""Who holds a workbook: another run of ours, Excel, LibreOffice, or nobody."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from icp_xl.errors import LockedWorkbookError
from icp_xl.safe_paths import refuse_link

if sys.platform == "win32":
    import msvcrt

    def _try_lock(handle: int) -> bool:
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
else:
    import fcntl

    def _try_lock(handle: int) -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True


@contextmanager
def hold(path: Path, wait_seconds: float) -> Iterator[None]:
    """Hold ``path`` against other runs of ours by a lock file beside it, which is gone afterwards.

    The system gives the lock back when a process dies, so a lock file that a killed run left stops nobody.

    Raises:
        LockedWorkbookError: another run held it for longer than ``wait_seconds``.
        DeliveryError: somebody put a link in place of the lock.
    """
    name = path.with_name(f".{path.name}.icp-lock")
    refuse_link(name)  # It would be made where the link points to.
    deadline = time.monotonic() + wait_seconds
    while True:
        handle = os.open(name, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
        if _try_lock(handle) and _same_file(handle, name):
            break
        os.close(handle)
        if time.monotonic() >= deadline:
            raise LockedWorkbookError(
                "another run is writing to this workbook",
                where=path.name,
                next_step="Wait for it to end and run again. Nothing was changed.",
            )
        time.sleep(0.02)
    try:
        yield
    finally:
        # Removed while held: whoever waits on the old file sees that its name is gone and takes the new one.
        if sys.platform != "win32":
            name.unlink(missing_ok=True)
        os.close(handle)
        if sys.platform == "win32":
            try:
                name.unlink(missing_ok=True)
            except OSError:
                pass


def _same_file(handle: int, name: Path) -> bool:
    if sys.platform == "win32":
        return True
    try:
        found = os.stat(name)
    except FileNotFoundError:
        return False
    own = os.fstat(handle)
    return (own.st_ino, own.st_dev) == (found.st_ino, found.st_dev)


def check_not_open(path: Path) -> None:
    """Refuse a workbook that a spreadsheet program has open.

    Raises:
        LockedWorkbookError: its owner file is there, or the system says that another program holds it.
    """
    for name, program in ((f"~${path.name}", "Excel"), (f".~lock.{path.name}#", "LibreOffice")):
        if path.with_name(name).exists():
            raise LockedWorkbookError(
                f"the workbook is open in {program}",
                where=path.name,
                next_step=f"Save and close it there, then run again. If it is not open anywhere, {program} crashed and "
                f"left the file {name} beside it: delete that. Nothing was changed.",
            )
    if sys.platform == "win32":
        try:
            with open(path, "r+b"):
                pass
        except PermissionError:
            raise LockedWorkbookError(
                "the workbook is open in another program, or you may not write it",
                where=path.name,
                next_step="Close it and run again. Nothing was changed.",
            ) from None

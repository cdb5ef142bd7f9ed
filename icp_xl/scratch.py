"""Folders for what is on its way, which hold users' data and never outlive their process by more than one run.

A killed process removes nothing. So each scratch folder holds a lock that the operating system frees when its process
ends, and whoever makes the next one sweeps those whose lock is free.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

PREFIX = "icp_xl_"
_LOCK = ".in_use"
#: Seconds in which whoever made a folder has surely put the lock into it.
_MOMENT = 600


@contextmanager
def scratch_folder(purpose: str, parent: Path | None = None) -> Iterator[Path]:
    """A folder that only this user can read, removed at the end; those of processes that were killed go too.

    Args:
        purpose: a word for its name.
        parent: the folder to make it in; by default the system's folder for temporary files.
    """
    home = Path(tempfile.gettempdir() if parent is None else parent)
    _sweep(home)
    folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{purpose}_", dir=home))
    lock = FileLock(str(folder / _LOCK))
    lock.acquire()
    try:
        yield folder
    finally:
        with suppress(OSError):
            _empty(folder)
        lock.release()
        shutil.rmtree(folder, ignore_errors=True)


def _sweep(home: Path) -> None:
    """Remove our scratch folders in ``home`` that no process holds; never a link, nor what another user made."""
    for folder in home.iterdir():
        try:
            if not folder.name.startswith(PREFIX) or folder.is_symlink():
                continue
            if os.name != "nt" and folder.lstat().st_uid != os.geteuid():
                continue
            if not (folder / _LOCK).exists() and time.time() - folder.stat().st_mtime > _MOMENT:
                folder.rmdir()  # Killed before it held anything; what holds something and no lock is not ours.
            if (folder / _LOCK).is_symlink() or not (folder / _LOCK).is_file():
                continue
            with FileLock(str(folder / _LOCK), timeout=0):
                _empty(folder)
        except (Timeout, OSError):
            continue
        shutil.rmtree(folder, ignore_errors=True)


def _empty(folder: Path) -> None:
    """Remove all but the lock, without which nobody would know, after a kill in between, that the rest is ours."""
    for path in folder.iterdir():
        if path.name == _LOCK:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with suppress(OSError):
                path.unlink()


def is_running(pid: int) -> bool:
    """Whether there is a process of this number."""
    if sys.platform == "win32":
        import ctypes

        kernel = ctypes.windll.kernel32
        handle = kernel.OpenProcess(0x1000, False, pid)  # PROCESS_QUERY_LIMITED_INFORMATION
        if not handle:
            return False
        code = ctypes.c_ulong()
        kernel.GetExitCodeProcess(handle, ctypes.byref(code))
        kernel.CloseHandle(handle)
        return code.value == 259  # STILL_ACTIVE
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True

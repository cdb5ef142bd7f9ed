"""Folders for what is on its way, which hold users' data and never outlive their process by more than one run.

A killed process removes nothing. So each scratch folder holds a lock that the operating system frees when its process
ends, and whoever makes the next one sweeps those whose lock is free.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

PREFIX = "icp_xl_"
_LOCK = ".in_use"


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
        lock.release()
        shutil.rmtree(folder, ignore_errors=True)


def _sweep(home: Path) -> None:
    """Remove our scratch folders in ``home`` that no process holds; never a link, nor what another user made."""
    for folder in home.iterdir():
        try:
            if not folder.name.startswith(PREFIX) or folder.is_symlink() or not (folder / _LOCK).is_file():
                continue
            if (folder / _LOCK).is_symlink() or (os.name != "nt" and folder.lstat().st_uid != os.geteuid()):
                continue
            with FileLock(str(folder / _LOCK), timeout=0):
                pass
        except (Timeout, OSError):
            continue
        shutil.rmtree(folder, ignore_errors=True)

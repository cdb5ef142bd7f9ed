"""The one rule for file names that come from a file, a setting or data: they stay inside the folder they belong to."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath, PureWindowsPath

from icp_xl.errors import DeliveryError


def resolve_inside(root: Path, name: str) -> Path:
    """The path of ``name`` below ``root``, never outside it and never through a link.

    Args:
        root: the folder that the name belongs to; it may itself be reached through a link.
        name: a relative path with forward slashes, as this program writes them.

    Raises:
        DeliveryError: the name is absolute, goes upwards, names a drive, a share or a stream of Windows, or a folder on
            the way to it is a link. The last part may be a link: it is replaced, not followed.
    """
    parts = PurePosixPath(name.replace("\\", "/")).parts
    windows = PureWindowsPath(name)
    outside = windows.drive or windows.root or ":" in name or "\0" in name or ".." in parts or not parts
    if outside or PurePosixPath(name).is_absolute():
        raise DeliveryError(
            "a file name points outside the folder that it belongs to",
            where=root.name,
            got=name[:80],
            next_step="Nothing was changed. If you did not put it there, somebody else did: ask who can write there.",
        )
    path = root
    for part in parts[:-1]:
        path = path / part
        refuse_link(path)
    return path / parts[-1]


def is_plain_name(text: object) -> bool:
    """Whether ``text`` can be the name of one file or folder, and of nothing elsewhere.

    >>> [is_plain_name(text) for text in ("20260105T100000-score-ab", "..", "a/b", "C:x", "", 3)]
    [True, False, False, False, False, False]
    """
    return isinstance(text, str) and text not in ("", ".", "..") and not any(mark in text for mark in "/\\:\0")


def refuse_link(path: Path) -> None:
    """Raise where ``path`` is a link (a junction on Windows): what is written there would land elsewhere.

    Raises:
        DeliveryError: it is one.
    """
    if path.is_symlink() or _is_junction(path):
        raise DeliveryError(
            "a folder or file of ours is a link to somewhere else",
            where=path.name,
            next_step="Remove the link, or name the folder that it points to with --out; nothing was changed.",
        )


#: Endings of files that are changed in place, so that a link would be written through; all others are replaced.
_IN_PLACE = (".sqlite", ".sqlite-wal", ".sqlite-shm", ".journal", ".lock", ".jsonl")


def refuse_planted(folder: Path) -> None:
    """Raise where ``folder``, or anything below it, is there to lead a run astray.

    That is a folder that is a link, a link in place of a file that is changed where it stands, and what is neither
    file nor folder: a pipe is waited for without end. Links to other files are harmless, since those are replaced.

    Raises:
        DeliveryError: there is something of the kind; the text names it.
    """
    refuse_link(folder)
    if not folder.is_dir():
        return
    with os.scandir(folder) as found:
        entries = list(found)
    for entry in entries:
        path = Path(entry.path)
        if entry.is_symlink() and (entry.is_dir() or entry.name.endswith(_IN_PLACE)):
            refuse_link(path)
        elif entry.is_dir(follow_symlinks=False):
            refuse_planted(path)
        elif not entry.is_symlink() and not entry.is_file(follow_symlinks=False):
            raise DeliveryError(
                "something stands among our files that is no file",
                where=path.name,
                allowed="files and folders",
                next_step="Remove it and run again: this program makes no such thing. Nothing was changed.",
            )


def _is_junction(path: Path) -> bool:
    if os.name != "nt":
        return False
    try:
        return bool(getattr(os.lstat(path), "st_reparse_tag", 0))
    except OSError:
        return False

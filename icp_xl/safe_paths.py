"""The one rule for file names that come from a file, a setting or data: they stay inside the folder they belong to."""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath, PureWindowsPath

from icp_xl.errors import DeliveryError

#: Names that Windows keeps for devices, whatever their ending and wherever they stand.
DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]) *(\..*)?", re.IGNORECASE)


def resolve_inside(root: Path, name: str) -> Path:
    """The path of ``name`` below ``root``, never outside it and never through a link.

    Args:
        root: the folder that the name belongs to; it may itself be reached through a link.
        name: a relative path with forward slashes, as this program writes them.

    Raises:
        DeliveryError: the name is absolute, goes upwards, names a drive, a share or a stream of Windows, or a folder on
            the way to it is a link, or a part of it is a device of Windows or ends in a dot or a blank, which Windows
            drops. The last part may be a link: it is replaced, not followed.
    """
    parts = PurePosixPath(name.replace("\\", "/")).parts
    windows = PureWindowsPath(name)
    outside = windows.drive or windows.root or ":" in name or "\0" in name or ".." in parts or not parts
    elsewhere = any(DEVICES.fullmatch(part) or part != part.rstrip(". ") for part in parts)
    if outside or elsewhere or PurePosixPath(name).is_absolute():
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


def refuse_shared(path: Path) -> None:
    """Raise where the file at ``path`` is a link, or has another name elsewhere: what is changed here changes there.

    Raises:
        DeliveryError: it is one.
    """
    refuse_link(path)
    if path.is_file() and path.stat().st_nlink > 1:
        raise DeliveryError(
            "a file of ours is a file somewhere else as well (a hard link)",
            where=path.name,
            next_step="Copy it, remove the link and put the copy in its place; nothing was changed.",
        )


#: Endings of files that are changed in place, so that a link would be written through; all others are replaced.
_IN_PLACE = (".sqlite", ".sqlite-wal", ".sqlite-shm", ".sqlite-journal", ".backup", ".journal", ".lock", ".jsonl")
#: What a rollback journal ends with where it names a file that SQLite deletes once it has rolled back. Source: "The
#: Rollback Journal" in SQLite's description of its file format; only a transaction over several databases has one.
_NAMES_ANOTHER = bytes.fromhex("d9d505f920a163d7")


def refuse_planted_database(path: Path) -> None:
    """Raise where something beside the SQLite database at ``path`` would make SQLite write or delete elsewhere.

    That is a log or journal that is a link, a hard link or no file, and a journal that names another file: SQLite
    deletes that file when it opens the database. Ours never name one.

    Raises:
        DeliveryError: there is something of the kind; the database was not opened.
    """
    real = Path(os.path.realpath(path))
    for ending in ("-journal", "-wal", "-shm"):
        beside = real.with_name(real.name + ending)
        refuse_shared(beside)
        if beside.exists() and not beside.is_file():
            raise _no_file(beside)
    journal = real.with_name(real.name + "-journal")
    if journal.is_file() and journal.stat().st_size >= len(_NAMES_ANOTHER):
        with open(journal, "rb") as handle:
            handle.seek(-len(_NAMES_ANOTHER), os.SEEK_END)
            if handle.read() == _NAMES_ANOTHER:
                raise DeliveryError(
                    "the journal beside a database would make SQLite delete another file",
                    where=journal.name,
                    next_step="Ask who can write there; remove the journal if it is not yours. Nothing was changed.",
                )


def refuse_planted(folder: Path) -> None:
    """Raise where ``folder``, or anything below it, is there to lead a run astray.

    That is a folder that is a link, and what :func:`refuse_planted_files` refuses.

    Raises:
        DeliveryError: there is something of the kind; the text names it.
    """
    refuse_link(folder)
    for below in refuse_planted_files(folder):
        refuse_planted(below)


def refuse_planted_files(folder: Path) -> list[Path]:
    """Raise where a file directly in ``folder`` is there to lead a run astray; return the folders in it.

    That is a link, or a hard link, in place of a file that is changed where it stands, and what is neither file nor
    folder: a pipe is waited for without end. Links to other files are harmless, since those are replaced.

    Raises:
        DeliveryError: there is something of the kind; the text names it.
    """
    if not folder.is_dir():
        return []
    with os.scandir(folder) as found:
        entries = list(found)
    for entry in entries:
        if entry.is_dir():
            continue
        path = Path(entry.path)
        if entry.name.endswith(_IN_PLACE):
            refuse_shared(path)
        if not entry.is_symlink() and not entry.is_file():
            raise _no_file(path)
    return [Path(entry.path) for entry in entries if entry.is_dir()]


def _no_file(path: Path) -> DeliveryError:
    return DeliveryError(
        "something stands among our files that is no file",
        where=path.name,
        allowed="files and folders",
        next_step="Remove it and run again: this program makes no such thing. Nothing was changed.",
    )


_MOUNT_POINT = 0xA0000003


def _is_junction(path: Path) -> bool:
    if os.name != "nt":
        return False
    try:
        # Files that a cloud drive keeps elsewhere have other tags, and are files.
        return getattr(os.lstat(path), "st_reparse_tag", 0) == _MOUNT_POINT
    except OSError:
        return False

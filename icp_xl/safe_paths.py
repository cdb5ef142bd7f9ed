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


def _is_junction(path: Path) -> bool:
    if os.name != "nt":
        return False
    try:
        return bool(getattr(os.lstat(path), "st_reparse_tag", 0))
    except OSError:
        return False

"""The one error of this package for a workbook that is not written, and the XML and size limits behind it."""

from __future__ import annotations

from typing import NoReturn

from icp_xl.errors import DeliveryError

#: Parts of a package (Excel's own books have a few thousand at most).
MAX_ENTRIES = 20_000
#: Inflated size of a whole package; a full sheet of a million rows by twenty columns is about 1 GB.
MAX_PACKAGE = 4 << 30
#: Inflated size of a part that is parsed as a tree (workbook, styles, relationships, tables).
MAX_TREE = 24 << 20
#: A package, or a part, that inflates to more than this many times its size and than ``BOMB_FLOOR`` bytes is a bomb.
MAX_RATIO = 250
BOMB_FLOOR = 200 << 20


class RefusedError(DeliveryError):
    """The workbook cannot be written; ``reason`` is a short word for it, the same for every file of its sort."""

    reason = "refused"


def refuse(
    reason: str, what: str, next_step: str, *, where: str | None = None, got: object = None, allowed: object = None
) -> NoReturn:
    """Raise :class:`RefusedError`.

    >>> refuse("binary", "this is a binary workbook", "Save it as .xlsx.")
    Traceback (most recent call last):
    icp_xl.opc.unsupported.RefusedError: this is a binary workbook. Save it as .xlsx.

    Args:
        reason: a key of the refusal, for programs.
        what: the refusal in words.
        next_step: what the user can do.
        where: file, sheet or cell.
        got: what stood there.
        allowed: what would have been written.

    Raises:
        RefusedError: always.
    """
    error = RefusedError(what, where=where, got=got, allowed=allowed, next_step=next_step)
    error.reason = reason
    raise error


def damaged(what: str, *, where: str | None = None, got: object = None) -> NoReturn:
    """Refuse a package that no reader can trust."""
    refuse(
        "damaged",
        f"the workbook is damaged: {what}",
        "Open it in Excel, let Excel repair it, save it under a new name, and use that file. Nothing was changed.",
        where=where,
        got=got,
    )

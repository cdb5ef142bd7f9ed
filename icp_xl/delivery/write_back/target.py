"""What a renderer must know of a workbook before it makes sheets for it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from icp_xl.delivery.write_back.ownership import read_owned_sheets
from icp_xl.opc.package import open_package
from icp_xl.opc.workbook_part import Workbook, check_writable


@dataclass(frozen=True)
class TargetInfo:
    """What a renderer must know of a target before it makes sheets for it."""

    date_1904: bool
    strict: bool
    sheet_names: tuple[str, ...]
    table_names: frozenset[str]
    defined_names: frozenset[str]
    own_sheets: tuple[str, ...]


def describe(book: Workbook) -> TargetInfo:
    """Read a :class:`TargetInfo` from an open workbook."""
    names = {(e.get("name") or "").lower() for e in book.defined_names() if e.get("localSheetId") is None}
    return TargetInfo(
        date_1904=book.date_1904,
        strict=book.strict,
        sheet_names=tuple(e.get("name") or "" for e in book.sheet_elements()),
        table_names=frozenset((t.get("displayName") or "").lower() for t in book.tables().values()),
        defined_names=frozenset(names),
        own_sheets=tuple(mark.name for mark in read_owned_sheets(book)),
    )


def probe(path: Path) -> TargetInfo:
    """What ``path`` is, for a renderer.

    Raises:
        RefusedError: it may not be written (see :func:`check_writable`).
    """
    with open_package(path) as package:
        book = Workbook(package)
        check_writable(book)
        return describe(book)

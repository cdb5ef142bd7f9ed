"""Sheets and columns by one replacement, so that a workbook never holds the one without the other.

Columns are taken out before the sheets are replaced and put in again after them. So each step can be traced back,
however often the two are brought up to date together.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from icp_xl.delivery.write_back.column_location import sheet_tables
from icp_xl.delivery.write_back.column_ownership import (
    ColumnMark,
    read_column_marks,
    sheet_columns,
    unchanged,
    undo_columns,
)
from icp_xl.delivery.write_back.column_remove import is_latest
from icp_xl.delivery.write_back.column_reruns import columns_beside
from icp_xl.delivery.write_back.column_search import find_location
from icp_xl.delivery.write_back.column_values import Results
from icp_xl.delivery.write_back.columns import ColumnsReport, columns_into_package, read_strings
from icp_xl.delivery.write_back.inject import InjectReport, SheetOptions, inject_package
from icp_xl.opc.package import Package, open_package
from icp_xl.opc.safe_write import SafeOptions, safe_write
from icp_xl.opc.workbook_part import Workbook, check_writable


def write_sheets_and_columns(
    target: Path,
    rendered: Path,
    key: str,
    results: Results,
    out: Path | None = None,
    sheets: SheetOptions | None = None,
    *,
    sheet: str | None = None,
    options: SafeOptions | None = None,
) -> tuple[InjectReport, ColumnsReport]:
    """Put the sheets of ``rendered`` into ``target`` and result columns beside its column ``key``: both, or neither.

    Args:
        target: the user's workbook.
        rendered: a rendered workbook.
        key: header of the column with the accounts' ids or names.
        results: what to write beside it.
        out: where the result goes; the target itself by default, with a dated backup beside it.
        sheets: which sheets, where, and what they replace; its ``force`` holds for the columns too.
        sheet: sheet or table with the column ``key``, where several have one.
        options: backups, checks and progress of the write.

    Raises:
        RefusedError: the workbook cannot be written, or a table cannot grow; it is as it was.
        LockedWorkbookError: it is open elsewhere.
        DeliveryError: the sheets cannot be put in, there is no such column, or no row's key is known.
    """
    injected, columns = InjectReport(out or target), ColumnsReport(out or target)

    def change(package: Package) -> None:
        book = Workbook(package)
        check_writable(book)
        earlier = _lift(book, key, sheet)
        with open_package(rendered) as source:
            inject_package(package, source, injected, sheets or SheetOptions())
        columns_into_package(package, key, results, columns, sheet, lifted=earlier, force=True)

    injected.backup = columns.backup = safe_write(target, out, change, options)
    return injected, columns


def _lift(book: Workbook, key: str, sheet: str | None) -> Mapping[str, ColumnMark] | None:
    """Take our columns out where they stand beside ``key`` and nothing has changed since; ``None`` when they stay."""
    marks = read_column_marks(book)
    indices = {mark.index for mark in marks if mark.column}
    if len(indices) != 1 or len({mark.index for mark in marks}) != 1:
        return None
    (index,) = indices
    strings = read_strings(book)
    location = find_location(book, key, sheet, strings)
    tables = [part for part, _ in sheet_tables(book, location.part)]
    if location.index == index:
        touched = not unchanged(book, location.part)
        columns_beside(book, location, marks, sheet_columns(book, location.part, strings) if touched else None)
    if location.index != index or not is_latest(book, index) or not undo_columns(book, index, location.part, tables):
        return None
    return {mark.field: mark for mark in marks if mark.column}

"""Result columns beside the customer table of an open workbook."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from icp_xl.errors import DataError, DeliveryError
from icp_xl.excel.workbook_discovery import FoundTable
from icp_xl.outputs import safe_text

#: Header, field of the scored accounts, number format.
RESULT_COLUMNS = (
    ("ICP Score", "icp_score", "0.0"),
    ("ICP Grade", "icp_grade", "General"),
    ("ICP Rank", "rank", "#,##0"),
    ("ICP Segment", "segment", "General"),
    ("ICP Reasons", "reasons", "General"),
)


def plan_result_columns(found: FoundTable, accounts: Path) -> Callable[[], int]:
    """Check that score, grade, rank, segment and reasons fit beside the customer table, and return what writes them.

    The writer returns how many rows got a score. Columns of ours from an earlier run are overwritten where they
    stand; new ones follow the table, which grows over them. Rows of no scored account (blank rows, totals) stay blank.

    Raises:
        DeliveryError: the cells beside the table are not free.
        DataError: the scored accounts are missing.
    """
    look_up, fields = _scores(accounts)
    sheet, header = found.sheet, found.header
    first = found.row + header.span
    used = sheet.used_range
    last = used.row + used.shape[0] - 1
    if last < first:
        return lambda: 0
    rows = [look_up(id_, name) for id_, name in zip(*_keys(found, first, last), strict=True)]
    wanted = [column for column in RESULT_COLUMNS if column[1] in fields]
    there, missing, start = _places(found, first - 1, [title for title, _, _ in wanted], last)

    def write() -> int:
        positions = {**there, **_make_room(found, first - 1, missing, start)}
        for title, field, style in wanted:
            column = positions[title]
            area = sheet.range((first, column), (last, column))
            # First the format: a cell formatted as text takes a number as text, one formatted as a date shows 1900.
            area.number_format = style
            area.value = [[None if row is None else safe_text(row[field])] for row in rows]
        return sum(row is not None for row in rows)

    return write


def _scores(path: Path) -> tuple[Callable[[Any, Any], dict[str, Any] | None], set[str]]:
    """A way from an account's id or name to its scores, and the fields there are."""
    from icp_xl.excel.cells import CellError
    from icp_xl.excel.published_results import AccountTable, read_columns

    if not path.is_file():
        raise DataError("the scored accounts are missing", where=path.name, next_step="Press Score accounts again.")
    table = AccountTable(read_columns(path))
    found: dict[int, dict[str, Any]] = {}

    def look_up(account_id: Any, name: Any) -> dict[str, Any] | None:
        for key in (account_id, name):
            if key is None or str(key).strip() == "":
                continue
            text = str(int(key)) if isinstance(key, float) and key.is_integer() else str(key)
            try:
                index = table.find(text)
            except CellError:
                continue
            if index not in found:
                found[index] = {field: values[index] for field, values in table.columns.items()}
            return found[index]
        return None

    return look_up, set(table.columns)


def _keys(found: FoundTable, first: int, last: int) -> list[list[Any]]:
    """Account ids and names of the rows; a column that the table lacks is blank."""
    keys = []
    for field in ("account_id", "account_name"):
        column = found.column_of(field)
        if column is None:
            keys.append([None] * (last - first + 1))
        else:
            values = found.sheet.range((first, column), (last, column)).options(ndim=1).value
            keys.append(list(values))
    return keys


def _places(found: FoundTable, row: int, titles: list[str], last: int) -> tuple[dict[str, int], list[str], int]:
    """Columns of the titles that stand there already, those that are missing, and where the missing ones begin."""
    sheet = found.sheet
    width = max(len(found.header.headers), sheet.used_range.column + sheet.used_range.shape[1] - found.column)
    there = sheet.range((row, found.column), (row, found.column + width - 1)).options(ndim=1).value
    positions = {str(title): found.column + i for i, title in enumerate(there) if title in titles}
    missing = [title for title in titles if title not in positions]
    table = _table_at(sheet, row, found.column)
    if table is not None:
        area = table.range
        start = area.column + area.shape[1]
    else:
        filled = [i for i, title in enumerate(there) if title is not None]
        start = found.column + (filled[-1] + 1 if filled else 0)
    if missing:
        beside = sheet.range((row, start), (last, start + len(missing) - 1))
        if any(cell is not None for line in beside.options(ndim=2).value for cell in line):
            raise DeliveryError(
                "the cells beside the customer table are not free",
                where=f"sheet {sheet.name}, {beside.get_address(False, False)}",
                allowed=f"{len(missing)} empty columns",
                next_step="Move what stands there, or insert empty columns, and press Score accounts again.",
            )
    return positions, missing, start


def _make_room(found: FoundTable, row: int, missing: list[str], start: int) -> dict[str, int]:
    """Write the missing headers and let the table grow over them."""
    sheet = found.sheet
    for i, title in enumerate(missing):
        sheet.range((row, start + i)).value = title
    table = _table_at(sheet, row, found.column)
    if table is not None and missing:
        area = table.range
        bottom = area.row + area.shape[0] - 1
        table.resize(sheet.range((area.row, area.column), (bottom, start + len(missing) - 1)))
    return {title: start + i for i, title in enumerate(missing)}


def _table_at(sheet: Any, row: int, column: int) -> Any | None:
    for table in sheet.tables:
        area = table.range
        if area.row <= row < area.row + area.shape[0] and area.column <= column < area.column + area.shape[1]:
            return table
    return None

"""Room for result columns beside a list: behind everything that is taken, or none."""

from __future__ import annotations

from collections.abc import Sequence

from icp_xl.delivery.write_back.column_growth import spanned
from icp_xl.delivery.write_back.column_location import ListLocation, Scan, merges, sheet_tables
from icp_xl.delivery.write_back.sheet_objects import anchored_areas
from icp_xl.opc.references import MAX_COLUMNS, Area, column_letters
from icp_xl.opc.sheet_xml import RowParser, SheetPartReader
from icp_xl.opc.unsupported import refuse
from icp_xl.opc.workbook_part import Workbook

#: How many rows right above a header may hold headers of groups of columns.
_GROUP_ROWS = 2


def first_free(book: Workbook, location: ListLocation, found: Scan, tail: bytes, width: int, own: Sequence[int]) -> int:
    """First of ``width`` free columns: right of the table, or after everything in the rows of a plain range.

    Args:
        own: columns of ours from an earlier run, which new ones may follow.

    Raises:
        RefusedError: a table cannot grow, or the sheet ends.
    """
    top, bottom = location.top_row, location.area.last_row
    areas = (*merges(tail), *found.arrays, *_other_tables(book, location))
    taken = [area for area in areas if area.last_row >= top and area.first_row <= bottom]
    if location.table is None:
        start = max(1 + found.widest(top, bottom), location.key_column + 1, *(column + 1 for column in own))
        groups, loose = _headers_above(location, found, tail, start)
        start = _past(start, width, [*taken, *groups], loose)
    else:
        start = location.area.last_column + 1
    if start + width - 1 > MAX_COLUMNS:
        refuse("no-room", "the sheet has no free columns left on the right",
               "Remove columns that are not needed and run again. Nothing was changed.", where=book.where,
               got=location.where)  # fmt: skip
    room = Area(location.area.first_row, start, bottom, start + max(width, 1) - 1)
    over = next((area for area in anchored_areas(book, location.part) if width and area.meets(room)), None)
    if over is not None:
        refuse("no-room", "a chart, a picture or a shape lies where our columns would stand",
               f"Move it away from {room}, and run again. Nothing was changed.", where=book.where,
               got=f"sheet {location.sheet}, {over}", allowed=f"{room} free")  # fmt: skip
    if location.table is not None and width:
        _check_room(book, location, found, taken, start, width)
    return start


def _other_tables(book: Workbook, location: ListLocation) -> list[Area]:
    """Areas of the sheet's tables, but for the list's own."""
    own = location.table.get("id") if location.table is not None else None
    roots = [root for _, root in sheet_tables(book, location.part) if own is None or root.get("id") != own]
    return [area for root in roots if (area := Area.of(root.get("ref") or "")) is not None]


def _past(start: int, width: int, taken: Sequence[Area], loose: set[int]) -> int:
    """The first column from ``start`` on with room for ``width`` that meet nothing taken, and under no user's header.

    Args:
        start: the first column behind the list.
        width: how many columns are needed.
        taken: areas in the rows of the list.
        loose: columns with something over them; they count as far as they run on from the list.
    """
    while True:
        area = next((a for a in taken if a.last_column >= start and a.first_column < start + width), None)
        if area is not None:
            start = area.last_column + 1
        elif start in loose and width:
            start += 1
        else:
            return start


def _headers_above(location: ListLocation, found: Scan, tail: bytes, start: int) -> tuple[list[Area], set[int]]:
    """What stands in the rows right above the header: headers of groups or of columns to be filled, or a note.

    Args:
        location: of the list.
        found: what stands in the sheet.
        tail: what stands behind the sheet's rows.
        start: the first column behind the list.

    Returns:
        Cells of rows that have one over the list itself, so that all are headers; columns with a cell in other rows.
    """
    groups, loose, left = list[Area](), set[int](), spanned(location, found)[1].first_column
    for number in range(location.top_row - 1, max(location.top_row - 1 - _GROUP_ROWS, 0), -1):
        filled = _filled(location, found, tail, number)
        if not filled:
            break
        if any(left < column < start for column in filled):
            groups += [Area(number, column, number, column) for column in filled if column >= start]
        else:
            loose |= filled
    return groups, loose


def _filled(location: ListLocation, found: Scan, tail: bytes, number: int) -> set[int]:
    """Columns with something in a row above the header, but for a title that is merged over the key too."""
    parser = RowParser(found.prefix)
    filled = {cell.column for cell in parser.cells(found.top.get(number, b"")) if cell.inner}
    for area in merges(tail):
        first = parser.cells(found.top.get(area.first_row, b"")) if area.first_row <= number <= area.last_row else []
        if any(cell.inner and cell.column == area.first_column for cell in first):
            columns = set(range(area.first_column, area.last_column + 1))
            filled = filled - columns if location.key_column in columns else filled | columns
    return filled


def _check_room(
    book: Workbook, location: ListLocation, found: Scan, areas: Sequence[Area], start: int, width: int
) -> None:
    room = Area(location.area.first_row, start, location.area.last_row, start + width - 1)
    taken = next((str(area) for area in areas if area.meets(room)), "")
    if not taken:
        crowded = found.crowded(start)
        reader = SheetPartReader(book.package.chunks(location.part), location.part, book.where)
        parser = RowParser(found.prefix)
        for row in reader.rows() if crowded else ():
            number = parser.number(row)
            cells = [c.column for c in parser.cells(row) if c.inner and start <= c.column < start + width]
            if number in crowded and cells:
                taken = f"{column_letters(cells[0])}{number}"
                break
    if taken:
        refuse("no-room", "the table cannot grow: the cells beside it are taken",
               f"Move what stands there, or insert {width} empty columns right of the table, and run again. "
               "Nothing was changed.", where=book.where, got=f"sheet {location.sheet}, {taken}",
               allowed=f"{room} free")  # fmt: skip

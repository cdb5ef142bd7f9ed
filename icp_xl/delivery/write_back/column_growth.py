"""What grows with a list as result columns come in beside it: its table, its filter, and how far it reaches itself."""

from __future__ import annotations

import re
from collections.abc import Sequence

from icp_xl.delivery.write_back.column_location import ListLocation, Scan, run
from icp_xl.opc.references import Area, column_letters
from icp_xl.opc.sheet_xml import RowParser
from icp_xl.opc.workbook_part import Workbook
from icp_xl.opc.xml import children, find, serialise


def spanned(location: ListLocation, found: Scan) -> tuple[Area, Area]:
    """What a list spans: the table, or up to the last column in use in its rows, and up to its own last header.

    Args:
        location: of the list.
        found: what stands in the sheet.
    """
    area = location.area
    if location.table is not None:
        return area, area
    parser, headed = RowParser(found.prefix), set[int]()
    for number in range(location.top_row, location.header_row + 1):
        headed |= {cell.column for cell in parser.cells(found.top.get(number, b"")) if cell.inner}
    first, last = run(headed, location.key_column)
    used = found.widest(area.first_row, area.last_row) or first
    return Area(area.first_row, first, area.last_row, used), Area(area.first_row, first, area.last_row, last)


def grow_table(book: Workbook, location: ListLocation, titles: Sequence[str], start: int) -> None:
    """Let the list's table, where it is one, reach over new columns.

    Args:
        book: that holds it.
        location: of the list.
        titles: headers of the new columns.
        start: the first of them, counted from 1.
    """
    table = location.table
    if table is None or not titles:
        return
    area = location.area
    grown = Area(area.first_row, area.first_column, area.last_row, start + len(titles) - 1)
    table.set("ref", str(grown))
    auto = find(table, "autoFilter")
    old = Area.of(auto.get("ref") or "") if auto is not None else None
    if auto is not None and old is not None:
        auto.set("ref", str(Area(old.first_row, old.first_column, old.last_row, grown.last_column)))
    listed = find(table, "tableColumns")
    assert listed is not None
    ids = [int(c.get("id") or 0) for c in children(listed) if (c.get("id") or "").isdigit()]
    for number, title in enumerate(titles, max(ids, default=0) + 1):
        listed.append(listed.makeelement(listed.tag[: -len("s")], {"id": str(number), "name": title}))
    listed.set("count", str(len(children(listed))))
    book.package.put(location.table_part, serialise(table))


def move_filter(book: Workbook, index: int, before: str, after: str) -> None:
    """Bring the hidden name of a sheet's filter in line with it.

    Args:
        book: that holds the sheet.
        index: of the sheet, counted from 0.
        before: what the filter referred to.
        after: what it refers to now.
    """
    for element in book.defined_names():
        if (element.get("name") or "") == "_xlnm._FilterDatabase" and element.get("localSheetId") == str(index):
            sheet, mark, ref = (element.text or "").rpartition("!")
            old, new = Area.of(before), Area.of(after)
            if new is not None and Area.of(ref) == old:
                ends = ((new.first_column, new.first_row), (new.last_column, new.last_row))
                rows = re.search(r"\d", ref) is not None
                cells = [f"${column_letters(column)}" + (f"${row}" if rows else "") for column, row in ends]
                element.text = sheet + mark + ":".join(cells)

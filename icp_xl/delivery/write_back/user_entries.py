"""What the reader typed into cells that are his, carried from the earlier sheet to the one that replaces it.

A cell is found by the text of its row's key and by the headers of the key's and its own column, so rows may have been
sorted, added or filtered since. For a key that the earlier sheet had, what stood there wins, an emptied cell included.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from icp_xl.delivery.write_back.column_identity import plain_header
from icp_xl.delivery.write_back.ownership import OwnedSheet, UserColumn
from icp_xl.opc.package import Package
from icp_xl.opc.references import Area, column_letters
from icp_xl.opc.sheet_xml import (
    Cell,
    RowParser,
    SheetPartReader,
    cell_value,
    item_text,
    key_text,
    shared_strings,
    text_item,
)
from icp_xl.opc.workbook_part import TABLE_TYPE, Workbook
from icp_xl.opc.xml import Element, children, find


@dataclass(frozen=True)
class TypedCell:
    """Content of one cell: type attribute and inner XML; an empty type with empty content is an emptied cell."""

    kind: str
    inner: bytes


@dataclass
class UserEntries:
    """Per kept column, content by key. ``used`` counts what found its row again."""

    cells: dict[UserColumn, dict[str, TypedCell]] = field(default_factory=dict)
    used: int = 0
    lost: list[tuple[str, str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class _ColumnLocation:
    """Where a kept column stands in some sheet."""

    kept: UserColumn
    area: Area
    key_column: int
    column: int


def read_entries(book: Workbook, marks: Sequence[OwnedSheet]) -> UserEntries:
    """Read the reader's cells from our sheets as they stand in the workbook."""
    typed = UserEntries()
    strings: list[bytes] | None = None
    for mark in marks:
        if not mark.kept or mark.part is None:
            continue
        locations = _places(book.package, mark.part, mark.kept)
        if not locations:
            continue
        if strings is None:
            part = book.related("sharedStrings")
            strings = shared_strings(book.package.read(part), part, book.where) if part else []
        _read_sheet(book, mark.part, locations, strings, typed)
    return typed


def _places(package: Package, part: str, kept: Iterable[UserColumn]) -> list[_ColumnLocation]:
    tables = []
    for rel in package.relationships(part):
        if not rel.external and package.has(rel.target) and package.content_type(rel.target) == TABLE_TYPE:
            tables.append(package.tree(rel.target))
    found = []
    for item in kept:
        fitting = [(root, table_headers(root)) for root in tables]
        fitting = [(r, h) for r, h in fitting if plain_header(item.key) in h and plain_header(item.column) in h]
        named = [(r, h) for r, h in fitting if (r.get("displayName") or "").lower() == item.table.lower()]
        for root, headers in (named or fitting)[:1]:
            area = data_area(root)
            if area is not None:
                first = area.first_column
                found.append(
                    _ColumnLocation(
                        item, area, first + headers[plain_header(item.key)], first + headers[plain_header(item.column)]
                    )
                )
    return found


def table_headers(table: Element) -> dict[str, int]:
    """Places of a table's columns, counted from 0, by their plain headers; of two alike the first."""
    columns = children(find(table, "tableColumns"))
    return {_plain(column.get("name")): at for at, column in reversed(list(enumerate(columns)))}


def _plain(header: str | None) -> str:
    return plain_header(item_text(text_item((header or "").replace("_x000a_", "\n").replace("_x000A_", "\n"))))


def data_area(table: Element) -> Area | None:
    """Rows of a table between its header and its totals."""
    whole = Area.of(table.get("ref") or "")
    if whole is None:
        return None
    header = 0 if table.get("headerRowCount") == "0" else 1
    totals = int(table.get("totalsRowCount") or 0) if (table.get("totalsRowCount") or "0").isdigit() else 0
    if whole.first_row + header > whole.last_row - totals:
        return None
    return Area(whole.first_row + header, whole.first_column, whole.last_row - totals, whole.last_column)


def _read_sheet(
    book: Workbook, part: str, locations: Sequence[_ColumnLocation], strings: Sequence[bytes], typed: UserEntries
) -> None:
    reader = SheetPartReader(book.package.chunks(part), part, book.where)
    rows = RowParser(reader.prefix)
    for row in reader.rows():
        number = rows.number(row)
        here = [location for location in locations if location.area.first_row <= number <= location.area.last_row]
        if not here:
            continue
        cells = {cell.column: cell for cell in rows.cells(row)}
        for location in here:
            key = key_text(cell_value(cells[location.key_column], strings)) if location.key_column in cells else ""
            if key:
                content = _content(cells.get(location.column), strings)
                typed.cells.setdefault(location.kept, {}).setdefault(key, content)


def _content(cell: Cell | None, strings: Sequence[bytes]) -> TypedCell:
    """A cell's value without its formula: a formula that was typed may point anywhere once rows have moved."""
    if cell is None:
        return TypedCell("", b"")
    value = cell_value(cell, strings)
    kind = cell.attribute(b"t")
    if value is None or value == "":
        return TypedCell("", b"")
    if isinstance(value, bool):
        return TypedCell("b", b"<v>1</v>" if value else b"<v>0</v>")
    if isinstance(value, float):
        number = int(value) if value.is_integer() and abs(value) < 1e15 else value
        return TypedCell("", f"<v>{number!r}</v>".encode())
    if kind == "e":
        return TypedCell("e", b"<v>" + value.encode() + b"</v>")
    return TypedCell("inlineStr", b"<is>" + text_item(value) + b"</is>")


def restore_entries(
    sheet: bytes, part: str, tables: Mapping[str, Element], kept: Sequence[UserColumn], typed: UserEntries
) -> bytes:
    """Put the reader's cells into a rendered sheet.

    Keys that the new sheet lacks are listed in ``typed.lost`` where something had been typed for them.

    Args:
        sheet: the bytes of the rendered part.
        part: its name.
        tables: elements of the tables on it, by their names in lower case.
        kept: columns in which the reader types.
        typed: what was read from the earlier sheet.
    """
    for item in kept:
        for key, column in item.former if item not in typed.cells else ():
            earlier = UserColumn(item.sheet, item.table, key, column)
            if earlier in typed.cells:
                typed.cells[item] = typed.cells.pop(earlier)
    wanted = [item for item in kept if item in typed.cells]
    locations = []
    for item in wanted:
        table = tables.get(item.table.lower())
        area = data_area(table) if table is not None else None
        headers = table_headers(table) if table is not None else {}
        if area and plain_header(item.key) in headers and plain_header(item.column) in headers:
            first = area.first_column
            locations.append(
                _ColumnLocation(
                    item, area, first + headers[plain_header(item.key)], first + headers[plain_header(item.column)]
                )
            )
    if not locations:
        return sheet
    reader = SheetPartReader([sheet], part, part)
    rows = RowParser(reader.prefix)
    out, seen = [reader.head, reader.open_tag], {location.kept: set[str]() for location in locations}
    for row in reader.rows():
        number = rows.number(row)
        for location in locations:
            if location.area.first_row <= number <= location.area.last_row:
                row = _fill(rows, row, number, location, typed, seen[location.kept])
        out.append(row)
    for item, keys in seen.items():
        for key, content in typed.cells[item].items():
            if key not in keys and content.inner:
                typed.lost.append((item.table, key, item.column))
    return b"".join([*out, reader.close_tag, reader.tail])


def _fill(
    rows: RowParser, row: bytes, number: int, location: _ColumnLocation, typed: UserEntries, seen: set[str]
) -> bytes:
    cells = {cell.column: cell for cell in rows.cells(row)}
    if location.key_column not in cells:
        return row
    key = key_text(cell_value(cells[location.key_column], ()))
    content = typed.cells[location.kept].get(key)
    if content is None:
        return row
    seen.add(key)
    typed.used += bool(content.inner)
    reference = f"{column_letters(location.column)}{number}"
    old = cells.get(location.column)
    style = old.attribute(b"s") if old else ""
    made = cell_bytes(rows.prefix, reference, style, content.kind, content.inner)
    if old is not None:
        return row[: old.start] + made + row[old.end :]
    after = [cell for column, cell in cells.items() if column > location.column]
    if after:
        return row[: after[0].start] + made + row[after[0].start :]
    opened, close = rows.opened(row)
    return opened + made + close


def cell_bytes(prefix: bytes, reference: str, style: str, kind: str, inner: bytes) -> bytes:
    """One cell.

    Args:
        prefix: of the sheet's elements, with the colon; ``inner`` gets it too.
        reference: such as C7.
        style: number of its format; empty for none.
        kind: Excel's ``t``; empty for a number.
        inner: what the cell holds, as elements without prefix; empty for a blank.
    """
    attributes = f' r="{reference}"' + (f' s="{style}"' if style else "") + (f' t="{kind}"' if kind else "")
    if not inner:
        return b"<" + prefix + b"c" + attributes.encode() + b"/>"
    if prefix:
        inner = re.sub(rb"<(/?)(\w)", rb"<\1" + prefix + rb"\2", inner)
    return b"<" + prefix + b"c" + attributes.encode() + b">" + inner + b"</" + prefix + b"c>"


def written_extent(book: Workbook, part: str) -> str:
    """The cells that a rendered sheet fills, as its writer says."""
    head = b"".join(itertools.islice(book.package.chunks(part), 1))
    match = re.search(rb'<(?:[\w.-]+:)?dimension\s[^>]*?ref="([A-Z0-9:]+)"', head)
    return match[1].decode() if match is not None else ""


def entries_beside(book: Workbook, marks: Sequence[OwnedSheet]) -> list[str]:
    """What to say of cells that the user filled on our sheets outside of what we wrote, since they go with them."""
    said = []
    for mark in marks:
        extent = Area.of(mark.extent) if mark.extent else None
        if extent is None or mark.part is None:
            continue
        reader = SheetPartReader(book.package.chunks(mark.part), mark.part, book.where)
        rows, found = RowParser(reader.prefix), list[str]()
        for row in reader.rows():
            number = rows.number(row)
            if number > extent.last_row or rows.cells(row)[-1:] and rows.cells(row)[-1].column > extent.last_column:
                cells = [
                    c
                    for c in rows.cells(row)
                    if c.inner and not (number <= extent.last_row and c.column <= extent.last_column)
                ]
                found += [f"{column_letters(cell.column)}{number}" for cell in cells]
        if found:
            more = f" and {len(found) - 10:,} more" if len(found) > 10 else ""
            said.append(f"{mark.name}: what you had typed beside our cells went with the sheet, and is in the workbook "
                        f"as it was: {', '.join(found[:10])}{more}.")  # fmt: skip
    return said

"""Where result columns go in a sheet that someone made: the key column, its rows, and room beside them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from icp_xl.delivery.write_back.column_identity import plain_header
from icp_xl.delivery.write_back.column_styles import shown_digits
from icp_xl.delivery.write_back.ownership import read_owned_sheets
from icp_xl.delivery.write_back.plain_rows import PlainRows, plain_rows
from icp_xl.delivery.write_back.sheet_objects import anchored_areas
from icp_xl.delivery.write_back.user_entries import data_area, table_headers
from icp_xl.errors import DeliveryError
from icp_xl.opc.references import MAX_COLUMNS, MAX_ROWS, Area, column_letters, column_number
from icp_xl.opc.sheet_xml import Cell, RowParser, SheetPartReader, cell_value, key_text
from icp_xl.opc.unsupported import damaged, refuse
from icp_xl.opc.workbook_part import TABLE_TYPE, Workbook
from icp_xl.opc.xml import Element

#: How far down a header row is looked for.
HEADER_ROWS = 60
_ROW = re.compile(rb'\s*<row r="(\d+)"')


@dataclass
class ListLocation:
    """A key column: ``area`` is the table (header and totals included) or, of a plain range, its header cell.

    ``data`` are the rows of a table; of a plain range they are known once the sheet is read. ``rivals`` are the rows of
    other headers of that name, above it, that have cells below them.
    """

    sheet: str
    index: int
    part: str
    key_column: int
    header_row: int
    area: Area
    table: Element | None = None
    table_part: str = ""
    data: Area | None = None
    rivals: Sequence[int] = ()

    @property
    def where(self) -> str:
        """For a message."""
        return f"sheet {self.sheet}, {column_letters(self.key_column)}{self.header_row}"


def find_location(book: Workbook, key: str, sheet: str | None, strings: Sequence[bytes]) -> ListLocation:
    """The column called ``key``: of a table if one has it, else of the first rows of a sheet.

    Args:
        sheet: a sheet's or a table's name, where several have such a column.

    Raises:
        DeliveryError: no column of this name, or several.
    """
    ours = {mark.index for mark in read_owned_sheets(book)}
    wanted = (sheet or "").strip().lower()
    tables: list[ListLocation] = []
    plain: list[ListLocation] = []
    seen: list[str] = []
    for index, element in enumerate(book.sheet_elements()):
        part, name = book.sheet_part(element), element.get("name") or ""
        rel = book.rels.get(element.get(book.rid) or "")
        if index in ours or part is None or rel is None or rel.kind != "worksheet":
            continue
        here = _tables(book, part, name, index, key)
        named = [location for location in here if (_table_name(location.table)).lower() == wanted]
        if wanted and wanted != name.lower() and not named:
            continue
        tables += named or here
        if not here:
            plain += _plain(book, part, name, index, key, strings, seen)
    found = tables or plain
    if len(found) == 1:
        return found[0]
    if not found:
        raise DeliveryError(
            f"there is no column {key!r} in the workbook" + (f" in {sheet!r}" if sheet else ""),
            where=book.where,
            allowed=", ".join(dict.fromkeys(seen))[:300] or None,
            next_step="Give the header of the column that holds the account's id or name.",
        )
    names = [_table_name(location.table) or location.sheet for location in found]
    raise DeliveryError(
        f"several columns are called {key!r}",
        where=book.where,
        got="; ".join(location.where for location in found)[:300],
        allowed=", ".join(names)[:300],
        next_step="Choose one with --sheet (a sheet's or a table's name).",
    )


def _table_name(table: Element | None) -> str:
    return str((table.get("displayName") or "") if table is not None else "")


def sheet_tables(book: Workbook, part: str) -> list[tuple[str, Element]]:
    """Parts and roots of the tables of a sheet."""
    package = book.package
    rels = [rel.target for rel in package.relationships(part) if not rel.external and package.has(rel.target)]
    return [(name, package.tree(name)) for name in rels if package.content_type(name) == TABLE_TYPE]


def _tables(book: Workbook, part: str, name: str, index: int, key: str) -> list[ListLocation]:
    found = []
    for table_part, root in sheet_tables(book, part):
        area, data, at = Area.of(root.get("ref") or ""), data_area(root), table_headers(root).get(plain_header(key))
        if area is None or data is None or at is None:
            continue
        if root.get("headerRowCount") == "0":
            refuse("table-header", "the table shows no header row, so columns cannot be named in it",
                   "Turn Header Row on (Table Design) and run again. Nothing was changed.", where=book.where,
                   got=_table_name(root))  # fmt: skip
        found.append(
            ListLocation(name, index, part, area.first_column + at, area.first_row, area, root, table_part, data)
        )  # fmt: skip
    return found


def _plain(
    book: Workbook, part: str, name: str, index: int, key: str, strings: Sequence[bytes], seen: list[str]
) -> list[ListLocation]:
    reader = SheetPartReader(book.package.chunks(part), part, book.where)
    rows, fullest, wanted = RowParser(reader.prefix), list[str](), plain_header(key)
    # Candidates as row, column, cells of the row, and the filled cells below without a gap. A legend above the list may
    # name the column too; the list is where most stands beside the header and below it.
    open_: list[list[int]] = []
    closed: list[list[int]] = []
    for row in reader.rows():
        number = rows.number(row)
        if number > HEADER_ROWS and not open_:
            break
        texts = [(cell.column, cell_value(cell, strings)) for cell in rows.cells(row)]
        filled = {at for at, text in texts if text not in (None, "")}
        filled |= {cell.column for cell in rows.cells(row) if b"<f" in cell.inner}
        for candidate in list(open_):
            if candidate[1] in filled and number == candidate[0] + candidate[3] + 1 and candidate[3] < 500:
                candidate[3] += 1
            elif number > candidate[0] + 3 or candidate[3]:
                closed.append(candidate)
                open_.remove(candidate)
        if number > HEADER_ROWS:
            continue
        hits = [at for at, text in texts if isinstance(text, str) and plain_header(text) == wanted]
        words = [" ".join(text.split()) for _, text in texts if isinstance(text, str) and text.strip()]
        open_ += [[number, at, len(filled), 0] for at in hits[:1]]
        if len(words) > max(2, len(fullest)):
            fullest = words
    found = sorted(closed + open_, key=lambda one: (-one[2] * (one[3] + 1), one[0]))
    if found:
        number, at = found[0][:2]
        # What lies below belongs to this list.
        rivals = sorted(one[0] for one in found[1:] if one[3] and one[0] < number)
        return [ListLocation(name, index, part, at, number, Area(number, at, number, at), rivals=rivals)]
    # Groups may stand above the headers: the row with the most texts is the one that names the columns.
    seen += fullest[:30]
    return []


def check_table(book: Workbook, location: ListLocation) -> None:
    """Refuse a table whose columns a query decides.

    Raises:
        RefusedError: it cannot grow.
    """
    if location.table is not None and (location.table.get("tableType") or "worksheet") != "worksheet":
        refuse("query-table", "the table is filled by a query or a map, which decides its columns",
               "Use a sheet of your own that refers to it, or turn it into a plain table (Table Design, Unlink). "
               "Nothing was changed.", where=book.where, got=_table_name(location.table))  # fmt: skip


@dataclass
class Scan:
    """What stands in the rows of a sheet: keys by row, and the last column in use.

    ``shown`` are numbers as their format shows them, say with leading zeros; ``uncomputed`` counts keys that are
    formulas without a value.
    ``last_style`` is the format of a row's last cell, only where that is the last column in use. ``top`` are rows about
    the header, as they stand; ``outside`` the columns in use above and below the list. ``plain`` holds, by their first
    row, rows that are in none of the others; ``formulas`` says whether a cell of the sheet computes anything.
    """

    prefix: bytes = b""
    top: dict[int, bytes] = field(default_factory=dict)
    outside: set[int] = field(default_factory=set)
    plain: dict[int, PlainRows] = field(default_factory=dict)
    formulas: bool = False
    keys: dict[int, str] = field(default_factory=dict)
    shown: dict[int, str] = field(default_factory=dict)
    uncomputed: int = 0
    last_used: dict[int, int] = field(default_factory=dict)
    last_style: dict[int, str] = field(default_factory=dict)

    def texts(self) -> list[str]:
        """All keys that there are, each once."""
        found = dict.fromkeys([*self.keys.values(), *self.shown.values()])
        for rows in self.plain.values():
            found.update(dict.fromkeys(rows.keys))
        return list(filter(None, found))

    def widest(self, top: int, bottom: int) -> int:
        """The last column in use from one row to another."""
        used = [column for number, column in self.last_used.items() if top <= number <= bottom]
        return max([*used, *(rows.column for rows in self.plain.values())], default=0)

    def crowded(self, start: int) -> set[int]:
        """Rows that hold something from column ``start`` on."""
        found = {number for number, used in self.last_used.items() if used >= start}
        for rows in self.plain.values():
            found |= set(range(rows.first, rows.last + 1)) if rows.column >= start else set()
        return found


class KeyReader:
    """Finds one cell of a row without looking at the others, which is what makes large sheets quick."""

    def __init__(self, rows: RowParser, column: int) -> None:
        self.rows, self.column = rows, column
        self._needle = b'r="' + column_letters(column).encode()
        p = re.escape(rows.prefix)
        self._open = b"<" + rows.prefix + b"c "
        self._cell = re.compile(rb"<" + p + rb"c(\s[^>]*?)?(?:/>|>(.*?)</" + p + rb"c>)", re.DOTALL)
        self._last = re.compile(rb"<" + p + rb'c r="([A-Z]{1,3})\d+"(?: s="(\d+)")?(?: t="\w+")?>')
        self._columns: dict[bytes, int] = {}

    def number_of(self, letters: bytes) -> int:
        """The number of a column."""
        column = self._columns.get(letters)
        if column is None:
            column = self._columns[letters] = column_number(letters.decode())
        return column

    def cell(self, row: bytes, number: int) -> Cell | None:
        """The key's cell."""
        at = row.find(self._needle + str(number).encode() + b'"')
        start = row.rfind(self._open, 0, at) if at > 0 else -1
        if start >= 0:
            match = self._cell.match(row, start)
            if match is not None and start < at < match.start() + len(match[1] or b"") + len(self._open):
                return Cell(match.start(), match.end(), self.column, match[1] or b"", match[2] or b"")
        return next((cell for cell in self.rows.cells(row) if cell.column == self.column), None)

    def glance(self, row: bytes) -> tuple[int, str] | None:
        """Column and format of the row's last cell, where it can be told at a glance that it holds something."""
        start = row.rfind(self._open)
        match = self._last.match(row, start) if start >= 0 else None
        if match is None or row.startswith(b"</", match.end()):
            return None
        return self.number_of(match[1]), match[2].decode() if match[2] else ""


def cut(block: bytes, *numbers: int) -> Iterator[bytes]:
    """A block cut before the rows of these numbers, ascending, as far as they are seen."""
    first, last = _ROW.match(block), _ROW.match(block, max(block.rfind(b"<row "), 0))
    for number in numbers:
        if first is not None and last is not None and not int(first[1]) < number <= int(last[1]):
            continue
        # What stands between two rows goes with the second.
        at = len(block[: max(block.find(b'<row r="%d"' % number), 0)].rstrip())
        if at > 0:
            yield block[:at]
            block = block[at:]
    yield block


def scan(
    location: ListLocation, reader: SheetPartReader, strings: Sequence[bytes], formats: Mapping[str, str] | None = None
) -> Scan:
    """Read every row once.

    Args:
        formats: codes of the formats that show a number with leading zeros or with text around it.
    """
    found = Scan(reader.prefix)
    parser = RowParser(reader.prefix)
    key = KeyReader(parser, location.key_column)
    bottom = location.area.last_row if location.table is not None else MAX_ROWS
    data = location.data or Area(location.header_row + 1, 1, MAX_ROWS, 1)
    below: set[int] = set()
    computes = re.compile(rb"<" + re.escape(reader.prefix) + rb"f[\s>/]")
    for block in reader.blocks():
        for part in cut(block, data.first_row, data.last_row + 1):
            if _scan_block(part, key, data, strings, formats, found):
                below.clear()
                continue
            found.formulas = found.formulas or computes.search(part) is not None
            for row in reader.split(part):
                number = parser.number(row)
                if number > MAX_ROWS:
                    damaged("a row lies behind the last that a sheet has", where=reader.where, got=f"row {number}")
                if number <= location.header_row + HEADER_ROWS:
                    found.top[number] = row
                if number < location.header_row or number > bottom:
                    found.outside |= {cell.column for cell in parser.cells(row) if cell.inner}
                    continue
                last = key.glance(row)
                if last is None:
                    used = [cell.column for cell in parser.cells(row) if cell.inner]
                    found.last_used[number] = max(used, default=0)
                else:
                    found.last_used[number], found.last_style[number] = last
                if data.first_row <= number <= data.last_row and number > location.header_row:
                    cell = key.cell(row, number)
                    text = key_text(cell_value(cell, strings)) if cell is not None and cell.inner else ""
                    if text:
                        below.clear()
                        found.keys[number] = text
                        style = cell.attribute(b"s") or "0" if formats and cell is not None else ""
                        plain = cell is not None and cell.attribute(b"t") in ("", "n")
                        if formats and style in formats and text.isdigit() and plain:
                            found.shown[number] = shown_digits(formats[style], text)
                        continue
                    if cell is not None and b"<f" in cell.inner:
                        found.uncomputed += 1
                if location.table is None:
                    below |= {cell.column for cell in parser.cells(row) if cell.inner}
    found.outside |= below
    return found


def _scan_block(
    block: bytes, key: KeyReader, data: Area, strings: Sequence[bytes], formats: Mapping[str, str] | None, found: Scan
) -> bool:
    """Take in the rows of a block at once, where they allow it."""
    shown = {code.encode() for code in formats or ()}
    rows = plain_rows(block, key.column, strings, shown) if not key.rows.prefix else None
    if rows is None or rows.first < data.first_row or rows.last > data.last_row:
        return False
    found.plain[rows.first] = rows
    found.formulas |= rows.formulas
    key.rows.passed(rows.last)
    return True


def merges(tail: bytes) -> list[Area]:
    """Merged areas of a sheet."""
    found = (Area.of(ref.decode("ascii", "replace")) for ref in re.findall(rb'mergeCell\s+ref="([^"]+)"', tail))
    return [area for area in found if area is not None]


def last_header_row(location: ListLocation, tail: bytes) -> int:
    """The row of the header, or the last one of the merged cell that holds it.

    Args:
        location: of a plain range, as it was found.
        tail: what stands behind the sheet's rows.
    """
    row, column = location.header_row, location.key_column
    for area in merges(tail):
        if area.first_row <= row <= area.last_row and area.first_column <= column <= area.last_column:
            row = area.last_row
    return row


def settle(book: Workbook, location: ListLocation, found: Scan, tail: bytes) -> None:
    """Fix the header row and the data of a plain range, now that the sheet is read.

    Args:
        book: that holds the list.
        location: of the list; its header row, area and data are filled in.
        found: keys and plain rows of the sheet, whose keys above the data are taken out.
        tail: what stands behind the sheet's rows.

    Raises:
        DeliveryError: the keys are formulas without values, or there are none.
    """
    if found.uncomputed and not found.keys and not found.plain:
        raise DeliveryError(
            "the keys are formulas that have not been computed yet, as another program wrote them",
            where=location.where,
            got=f"{found.uncomputed:,} formulas without a value",
            next_step="Open the workbook in Excel, save it, and run again. Nothing was changed.",
        )
    if location.table is not None:
        return
    location.header_row = last_header_row(location, tail)
    for rows in [rows for rows in found.plain.values() if rows.first <= location.header_row]:
        # The block is cut at the data when it is written, so that its rows are looked at one by one then.
        del found.plain[rows.first]
        for number, text in enumerate(rows.keys, rows.first):
            found.keys[number], found.last_used[number], found.last_style[number] = text, rows.column, rows.style
    found.keys = {number: text for number, text in found.keys.items() if number > location.header_row}
    if not found.keys and not found.plain:
        raise DeliveryError("there are no rows under the key column", where=location.where)
    bottom = max([*found.keys, *(rows.last for rows in found.plain.values())])
    location.area = Area(location.header_row, location.key_column, bottom, location.key_column)
    location.data = Area(location.header_row + 1, location.key_column, bottom, location.key_column)


def first_free(book: Workbook, location: ListLocation, found: Scan, tail: bytes, width: int, own: Sequence[int]) -> int:
    """First of ``width`` free columns: right of the table, or after everything in the rows of a plain range.

    Args:
        own: columns of ours from an earlier run, which new ones may follow.

    Raises:
        RefusedError: a table cannot grow, or the sheet ends.
    """
    top, bottom = location.area.first_row, location.area.last_row
    if location.table is None:
        start = 1 + found.widest(top, bottom)
        start = max(start, location.key_column + 1, *(column + 1 for column in own))
    else:
        start = location.area.last_column + 1
    blocks = [area for area in merges(tail) if area.last_row >= top and area.first_row <= bottom]
    for _, root in sheet_tables(book, location.part):
        area = Area.of(root.get("ref") or "")
        if area is not None and (location.table is None or root.get("id") != location.table.get("id")):
            blocks.append(area)
    if location.table is None:
        for area in sorted(blocks, key=lambda area: area.first_column):
            if area.meets(Area(top, start, bottom, start + width - 1)):
                start = area.last_column + 1
    if start + width - 1 > MAX_COLUMNS:
        refuse("no-room", "the sheet has no free columns left on the right",
               "Remove columns that are not needed and run again. Nothing was changed.", where=book.where,
               got=location.where)  # fmt: skip
    room = Area(top, start, bottom, start + max(width, 1) - 1)
    over = next((area for area in anchored_areas(book, location.part) if width and area.meets(room)), None)
    if over is not None:
        refuse("no-room", "a chart, a picture or a shape lies where our columns would stand",
               f"Move it away from {room}, and run again. Nothing was changed.", where=book.where,
               got=f"sheet {location.sheet}, {over}", allowed=f"{room} free")  # fmt: skip
    if location.table is not None and width:
        _check_room(book, location, found, blocks, start, width)
    return start


def _check_room(
    book: Workbook, location: ListLocation, found: Scan, blocks: list[Area], start: int, width: int
) -> None:
    room = Area(location.area.first_row, start, location.area.last_row, start + width - 1)
    taken = next((str(area) for area in blocks if area.meets(room)), "")
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

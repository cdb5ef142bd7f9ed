"""A list in a sheet that someone made: its key column, its header and its rows, read once."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from icp_xl.delivery.write_back.column_styles import shown_digits
from icp_xl.delivery.write_back.plain_rows import PlainRows, plain_rows
from icp_xl.errors import DeliveryError
from icp_xl.opc.references import MAX_ROWS, Area, column_letters, column_number
from icp_xl.opc.sheet_xml import Cell, RowParser, SheetPartReader, cell_value, has_formula, key_text
from icp_xl.opc.unsupported import damaged, refuse
from icp_xl.opc.workbook_part import TABLE_TYPE, Workbook
from icp_xl.opc.xml import Element

#: How far down a header row is looked for.
HEADER_ROWS = 60
_ROW = re.compile(rb'\s*<row r="(\d+)"')
_HAS_VALUE = re.compile(rb"<(?:[\w.-]+:)?v[\s>/]")
_FORMULA_TAG = re.compile(rb"<(?:[\w.-]+:)?f(\s[^>]*)>")
_FILLS = re.compile(rb"\st\s*=\s*[\"'](?:array|dataTable)[\"']")
_REFERENCE = re.compile(rb"\sref\s*=\s*[\"']([^\"']*)")


@dataclass
class ListLocation:
    """A key column: ``area`` is the table (header and totals included) or, of a plain range, its header cell.

    ``data`` are the rows of a table; of a plain range they are known once the sheet is read. ``top_row`` is the first
    row of a header that is merged over several, of which ``header_row`` is the last. ``rivals`` are the places of other
    headers of that name with cells below them, which lose to this one.
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
    rivals: Sequence[str] = ()
    top_row: int = 0

    def __post_init__(self) -> None:
        self.top_row = self.top_row or self.header_row

    @property
    def where(self) -> str:
        """For a message."""
        return f"sheet {self.sheet}, {column_letters(self.key_column)}{self.header_row}"


def table_name(table: Element | None) -> str:
    """A table's name; empty where there is no table."""
    return str((table.get("displayName") or "") if table is not None else "")


def sheet_tables(book: Workbook, part: str) -> list[tuple[str, Element]]:
    """Parts and roots of the tables of a sheet."""
    package = book.package
    rels = [rel.target for rel in package.relationships(part) if not rel.external and package.has(rel.target)]
    return [(name, package.tree(name)) for name in rels if package.content_type(name) == TABLE_TYPE]


def run(columns: set[int], column: int) -> tuple[int, int]:
    """First and last of the columns that lie about ``column`` without a gap.

    Args:
        columns: those in use, counted from 1.
        column: one of them.
    """
    first = last = column
    while first - 1 in columns:
        first -= 1
    while last + 1 in columns:
        last += 1
    return first, last


def check_table(book: Workbook, location: ListLocation) -> None:
    """Refuse a table whose columns a query decides.

    Raises:
        RefusedError: it cannot grow.
    """
    if location.table is not None and (location.table.get("tableType") or "worksheet") != "worksheet":
        refuse("query-table", "the table is filled by a query or a map, which decides its columns",
               "Use a sheet of your own that refers to it, or turn it into a plain table (Table Design, Unlink). "
               "Nothing was changed.", where=book.where, got=table_name(location.table))  # fmt: skip


@dataclass
class Scan:
    """What stands in the rows of a sheet: keys by row, and the last column in use.

    ``shown`` are numbers as their format shows them, say with leading zeros; ``uncomputed`` counts keys that are
    formulas without a value.
    ``last_style`` is the format of a row's last cell, only where that is the last column in use. ``top`` are rows about
    the header, as they stand; ``outside`` the columns in use above and below the list. ``plain`` holds, by their first
    row, rows that are in none of the others; ``formulas`` says whether a cell of the sheet computes anything, and
    ``arrays`` where one formula fills several cells, some of which may not be in the file.
    """

    prefix: bytes = b""
    top: dict[int, bytes] = field(default_factory=dict)
    outside: set[int] = field(default_factory=set)
    plain: dict[int, PlainRows] = field(default_factory=dict)
    formulas: bool = False
    arrays: list[Area] = field(default_factory=list)
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

    def choose(self, known: Container[str]) -> list[tuple[str, str]]:
        """Take each number as its format shows it, where that is known; else as the bare number where that is known.

        A number with text around it is that text: bare it counts only where none such is known as it is shown.

        Args:
            known: keys that mean an account.

        Returns:
            What was taken bare, and how it is shown.
        """
        shown = {number: text for number, text in self.shown.items() if text and number in self.keys}
        texts = {n for n, text in shown.items() if text.lstrip("0") != self.keys[n].lstrip("0")}
        as_shown, bare = any(shown[number] in known for number in texts), list[tuple[str, str]]()
        for number, text in shown.items():
            if text in known or self.keys[number] not in known or (as_shown and number in texts):
                self.keys[number] = text
            else:
                bare.append((self.keys[number], text))
        return bare

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
        self._open = b"<" + rows.prefix + b"c"
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
    for block in reader.blocks():
        for part in cut(block, data.first_row, data.last_row + 1):
            if _scan_block(part, key, data, strings, formats, found):
                below.clear()
                continue
            if has_formula(part):
                found.formulas = True
                found.arrays += _array_areas(part)
            for row in reader.split(part):
                number = parser.number(row)
                if number > MAX_ROWS:
                    damaged("a row lies behind the last that a sheet has", where=reader.where, got=f"row {number}")
                if number <= location.header_row + HEADER_ROWS:
                    found.top[number] = row
                if number < location.top_row or number > bottom:
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
                    found.uncomputed += cell is not None and _is_uncomputed(cell)
                if location.table is None:
                    below |= {cell.column for cell in parser.cells(row) if cell.inner}
    found.outside |= below
    return found


def _is_uncomputed(cell: Cell) -> bool:
    """Whether a cell without a text is a formula that has no value, and not one that makes an empty text."""
    computed = cell.attribute(b"t") == "str" and _HAS_VALUE.search(cell.inner) is not None
    return has_formula(cell.inner) and not computed


def _array_areas(rows: bytes) -> list[Area]:
    """The areas that array formulas and data tables fill."""
    if b"array" not in rows and b"dataTable" not in rows:
        return []
    found = [ref[1] for tag in _FORMULA_TAG.findall(rows) if _FILLS.search(tag) and (ref := _REFERENCE.search(tag))]
    areas = [Area.of(ref.decode("ascii", "replace")) for ref in found]
    return [area for area in areas if area is not None]


def _scan_block(
    block: bytes, key: KeyReader, data: Area, strings: Sequence[bytes], formats: Mapping[str, str] | None, found: Scan
) -> bool:
    """Take in the rows of a block at once, where they allow it."""
    shown = {code.encode() for code in formats or ()}
    rows = plain_rows(block, key.column, strings, shown) if not key.rows.prefix else None
    if rows is None or rows.first < data.first_row or rows.last > data.last_row:
        return False
    found.plain[rows.first] = rows
    if rows.formulas:
        found.formulas = True
        found.arrays += _array_areas(block)
    key.rows.passed(rows.last)
    return True


def merges(tail: bytes) -> list[Area]:
    """Merged areas of a sheet."""
    found = (Area.of(ref.decode("ascii", "replace")) for ref in re.findall(rb'mergeCell\s+ref=["\']([^"\']+)', tail))
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

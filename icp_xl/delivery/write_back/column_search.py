"""Which column of a workbook is meant by a header: of a table if one has it, else of the first rows of a sheet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from icp_xl.delivery.write_back.column_identity import plain_header
from icp_xl.delivery.write_back.column_location import (
    HEADER_ROWS,
    ListLocation,
    run,
    sheet_tables,
    table_name,
)
from icp_xl.delivery.write_back.ownership import read_owned_sheets
from icp_xl.delivery.write_back.user_entries import data_area, table_headers
from icp_xl.errors import DeliveryError
from icp_xl.opc.references import Area, column_letters
from icp_xl.opc.sheet_xml import RowParser, SheetPartReader, cell_value, has_formula
from icp_xl.opc.unsupported import refuse
from icp_xl.opc.workbook_part import Workbook


def find_location(book: Workbook, key: str, sheet: str | None, strings: Sequence[bytes]) -> ListLocation:
    """The column called ``key``: of a table if one has it, else of the first rows of a sheet.

    Args:
        sheet: a sheet's or a table's name, where several have such a column.

    Raises:
        DeliveryError: no column of this name, or several.
    """
    ours = {mark.index for mark in read_owned_sheets(book)}
    called = _called(book, sheet, ours)
    tables: list[ListLocation] = []
    plain: list[tuple[ListLocation, list[_HeaderCell]]] = []
    seen: list[str] = []
    for index, element in enumerate(book.sheet_elements()):
        part, name = book.sheet_part(element), element.get("name") or ""
        rel = book.rels.get(element.get(book.rid) or "")
        if index in ours or part is None or rel is None or rel.kind != "worksheet":
            continue
        here = _tables(book, part, name, index, key)
        named = [location for location in here if sheet and called(table_name(location.table))]
        if not called(name) and not named:
            continue
        tables += named or here
        cells = [] if named else _plain(book, part, key, strings, seen, [location.area for location in here])
        if cells:
            row, at = cells[0].row, cells[0].column
            plain.append((ListLocation(name, index, part, at, row, Area(row, at, row, at)), cells))
    found = tables or [location for location, _ in plain]
    if len(found) == 1:
        found[0].rivals = [place for location, cells in plain for place in _lost(location, cells, location is found[0])]
        return found[0]
    if not found:
        looked = f"in tables and in the first {HEADER_ROWS} rows of {'the sheet' if sheet else 'each sheet'}"
        raise DeliveryError(
            f"there is no column {key!r} in {repr(sheet) if sheet else 'the workbook'} (looked for {looked})",
            where=book.where,
            allowed=", ".join(dict.fromkeys(seen))[:300] or None,
            next_step="Give the header of the column that holds the account's id or name.",
        )
    names = [table_name(location.table) or location.sheet for location in found]
    raise DeliveryError(
        f"several columns are called {key!r}",
        where=book.where,
        got="; ".join(location.where for location in found)[:300],
        allowed=", ".join(names)[:300],
        next_step="Choose one with --sheet (a sheet's or a table's name).",
    )


def _called(book: Workbook, sheet: str | None, ours: set[int]) -> Callable[[str], bool]:
    """Whether a name is the sheet's or table's that was asked for; blanks about it count only if that tells two apart.

    Raises:
        DeliveryError: nothing is called so.
    """
    wanted = (sheet or "").lower()
    if not wanted.strip():
        return lambda name: True
    known, theirs = list[str](), list[str]()
    for index, element in enumerate(book.sheet_elements()):
        part, name = book.sheet_part(element), element.get("name") or ""
        names = [name, *(table_name(root) for _, root in (sheet_tables(book, part) if part is not None else ()))]
        known += names
        theirs += names if index not in ours else []
    if any(name.lower() == wanted for name in known):
        return lambda name: name.lower() == wanted
    if any(name.strip().lower() == wanted.strip() for name in known):
        return lambda name: name.strip().lower() == wanted.strip()
    raise DeliveryError(
        f"there is no sheet or table called {sheet!r}",
        where=book.where,
        allowed=", ".join(theirs)[:300],
        next_step="Give the name of one of these with --sheet. Nothing was changed.",
    )


def _tables(book: Workbook, part: str, name: str, index: int, key: str) -> list[ListLocation]:
    found = []
    for table_part, root in sheet_tables(book, part):
        area, data, at = Area.of(root.get("ref") or ""), data_area(root), table_headers(root).get(plain_header(key))
        if area is None or data is None or at is None:
            continue
        if root.get("headerRowCount") == "0":
            refuse("table-header", "the table shows no header row, so columns cannot be named in it",
                   "Turn Header Row on (Table Design) and run again. Nothing was changed.", where=book.where,
                   got=table_name(root))  # fmt: skip
        found.append(
            ListLocation(name, index, part, area.first_column + at, area.first_row, area, root, table_part, data)
        )  # fmt: skip
    return found


@dataclass
class _HeaderCell:
    """A cell that says what the key's header says.

    ``filled`` are the columns in use in its row, ``start`` is the row of the first cell under it, up to which there may
    be a gap, and ``below`` counts the cells from there on.
    """

    row: int
    column: int
    filled: set[int]
    start: int = 0
    below: int = 0

    def take(self, row: int, filled: set[int]) -> bool:
        """Take in a row below; whether more of them are of interest."""
        near = row <= self.row + 3
        if self.column in filled and near and not self.below:
            self.start = row
        if self.column in filled and row == self.start + self.below and self.below < 500:
            self.below += 1
            return True
        return near and not self.below

    def holds(self, other: _HeaderCell) -> bool:
        """Whether another is a cell of this one's list."""
        first, last = run(self.filled, self.column)
        return self.row < other.row < self.start + self.below and first <= other.column <= last


def _plain(
    book: Workbook, part: str, key: str, strings: Sequence[bytes], seen: list[str], taken: Sequence[Area]
) -> list[_HeaderCell]:
    """That header of a sheet's list, and then those of others; where there is none, its headers go to ``seen``.

    A legend above the list may name the column too; the list is where most stands beside the header and below it. What
    stands in the tables ``taken`` does not count.
    """
    first, others = _candidates(book, part, key, strings, seen, taken)
    if not first:
        return []
    best = min(first, key=lambda one: (-len(one.filled) * (one.below + 1), one.row))
    rest = [one for one in (*first, *others) if one is not best and not best.holds(one)]
    return [best, *sorted(rest, key=lambda one: (one.row, one.column))]


def _lost(location: ListLocation, cells: Sequence[_HeaderCell], chosen: bool) -> list[str]:
    """Places of the headers in a sheet under which something is listed, but for the list's own if it is the chosen."""
    best = cells[0]
    # What lies below it in its column belongs to the list.
    lost = [
        one for one in cells if not chosen or (one is not best and (one.column != best.column or one.row < best.row))
    ]
    return [f"sheet {location.sheet}, {column_letters(one.column)}{one.row}" for one in lost if one.below]


def _candidates(
    book: Workbook, part: str, key: str, strings: Sequence[bytes], seen: list[str], taken: Sequence[Area]
) -> tuple[list[_HeaderCell], list[_HeaderCell]]:
    """Cells that say what the key's header says: the first of each row, and the others."""
    reader = SheetPartReader(book.package.chunks(part), part, book.where)
    rows, fullest, wanted = RowParser(reader.prefix), list[str](), plain_header(key)
    first, others, open_ = list[_HeaderCell](), list[_HeaderCell](), list[_HeaderCell]()
    for row in reader.rows():
        number = rows.number(row)
        if number > HEADER_ROWS and not open_:
            break
        cells = rows.cells(row)
        texts = [(cell.column, cell_value(cell, strings)) for cell in cells]
        filled = {at for at, text in texts if text not in (None, "")}
        filled |= {cell.column for cell in cells if has_formula(cell.inner)}
        open_ = [candidate for candidate in open_ if candidate.take(number, filled)]
        if number > HEADER_ROWS:
            continue
        hits = [at for at, text in texts if isinstance(text, str) and plain_header(text) == wanted]
        made = [_HeaderCell(number, at, filled) for at in hits if not any(_holds(area, number, at) for area in taken)]
        first, others, open_ = first + made[:1], others + made[1:], open_ + made
        words = [" ".join(text.split()) for _, text in texts if isinstance(text, str) and text.strip()]
        if len(words) > max(2, len(fullest)):
            fullest = words
    # Groups may stand above the headers: the row with the most texts is the one that names the columns.
    seen += [] if first else fullest[:30]
    return first, others


def _holds(area: Area, row: int, column: int) -> bool:
    return area.meets(Area(row, column, row, column))

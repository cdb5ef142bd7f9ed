"""Take our result columns out of other people's sheets."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from icp_xl.delivery.write_back.column_claims import Claims
from icp_xl.delivery.write_back.column_identity import SheetColumns
from icp_xl.delivery.write_back.column_location import sheet_tables
from icp_xl.delivery.write_back.column_ownership import (
    ColumnMark,
    drop_column_marks,
    drop_record,
    holds,
    read_column_marks,
    read_record,
    settle_marks,
    sheet_columns,
    unchanged,
    undo_columns,
)
from icp_xl.delivery.write_back.column_reruns import lost_note, spared_note
from icp_xl.delivery.write_back.column_rows import EMPHASIS, clear_cells
from icp_xl.delivery.write_back.columns import read_strings, refuse_protected
from icp_xl.delivery.write_back.dependents import CellsOfColumn, check_dependents, find_partly, say, sheet_targets
from icp_xl.delivery.write_back.ownership import read_owned_sheets
from icp_xl.delivery.write_back.remove import RemoveReport, after_removal, remove_from_package
from icp_xl.delivery.write_back.wishes import check_wishes
from icp_xl.opc.package import Package
from icp_xl.opc.references import MAX_ROWS, Area, column_letters
from icp_xl.opc.safe_write import SafeOptions, safe_write
from icp_xl.opc.sheet_xml import RowParser, SheetPartReader
from icp_xl.opc.splice import Edit, Splice
from icp_xl.opc.unsupported import refuse
from icp_xl.opc.workbook_entries import drop_calculation_chain, recalculate
from icp_xl.opc.workbook_part import Workbook, check_writable
from icp_xl.opc.xml import Element, children, find, serialise


def remove_all(
    target: Path, out: Path | None = None, *, force: bool = False, options: SafeOptions | None = None
) -> RemoveReport:
    """Take everything of ours out of ``target``: sheets, and columns in sheets of others.

    Args:
        force: also where formulas or names of the user point to it, which then say ``#REF!``, and where the owner asks
            for care (see :mod:`~icp_xl.delivery.write_back.wishes`).

    Raises:
        RefusedError: the workbook cannot be written, or holds nothing of ours.
        LockedWorkbookError: it is open elsewhere.
    """
    report = RemoveReport(out or target)

    def change(package: Package) -> None:
        remove_all_from_package(package, report, force)

    report.backup = safe_write(target, out, change, options)
    return report


def remove_all_from_package(package: Package, report: RemoveReport, force: bool = False) -> None:
    """Lay the removal over ``package``: what came last goes first, so that each step leads back to exact bytes."""
    book = Workbook(package)
    check_writable(book)
    sheets, columns = read_owned_sheets(book), read_column_marks(book)
    if not sheets and not columns:
        refuse("nothing", "the workbook holds nothing of ours", "There is nothing to remove.", where=book.where)
    wishes = check_wishes(book, tables=False, force=force)
    report.notes += [f"Changed all the same: {wish}." for wish in wishes]
    alive, claims = _alive(book, columns)
    cells = _cells(book, alive, claims)
    targets = replace(sheet_targets(book, sheets), columns=_table_targets(book, alive), cells=cells)
    found = check_dependents(book, targets, force)
    partly = find_partly(book, targets)
    exact = True
    if columns and (not sheets or any(is_latest(book, index) for index in {mark.index for mark in columns})):
        exact = remove_columns_from_package(package, report)
        columns = []
    if sheets:
        report.exact = False
        remove_from_package(package, report)
        exact = exact and bool(package.restored)
    if columns:
        exact = remove_columns_from_package(package, report) and exact
    report.exact = exact and all(name.startswith("xl/worksheets/") for name in package.new)
    after_removal(package, targets, found, report)
    if partly:
        report.notes.append(f"These take in the cells that were ours beside others, as before: {say(partly)}.")


def _alive(book: Workbook, marks: Sequence[ColumnMark]) -> tuple[dict[int, list[ColumnMark]], dict[int, Claims]]:
    """Our columns by the index of their sheet, where they stand now; and of changed ones what is ours."""
    strings, found, claims = read_strings(book), dict[int, list[ColumnMark]](), dict[int, Claims]()
    for index in sorted({mark.index for mark in marks}):
        part, found[index] = book.sheet_part(book.sheet_elements()[index]), [m for m in marks if m.index == index]
        if part is not None and not unchanged(book, part):
            standing = sheet_columns(book, part, strings)
            found[index] = settle_marks(found[index], standing)[0]
            claims[index] = Claims.of(found[index], standing)
    return found, claims


def _table_targets(book: Workbook, marks: Mapping[int, Sequence[ColumnMark]]) -> dict[str, frozenset[str]]:
    """The headers of our columns by table, as far as they stand in tables."""
    found = dict[str, frozenset[str]]()
    for index, alive in marks.items():
        part = book.sheet_part(book.sheet_elements()[index])
        for _, root in sheet_tables(book, part) if part is not None else ():
            area, listed = Area.of(root.get("ref") or ""), children(find(root, "tableColumns"))
            if area is not None:
                at = [mark.column - area.first_column for mark in alive if mark.row == area.first_row]
                names = frozenset((listed[i].get("name") or "").lower() for i in at if 0 <= i < len(listed))
                if names:
                    found[(root.get("displayName") or "").lower()] = names
    return found


def _cells(
    book: Workbook, marks: Mapping[int, Sequence[ColumnMark]], claims: Mapping[int, Claims]
) -> dict[str, dict[int, CellsOfColumn]]:
    """The cells of our columns by sheet and column."""
    strings, found = read_strings(book), dict[str, dict[int, CellsOfColumn]]()
    for index, alive in marks.items():
        element = book.sheet_elements()[index]
        part = book.sheet_part(element)
        if part is None:
            continue
        if index not in claims:
            found[(element.get("name") or "").lower()] = _untouched_cells(book, part, alive)
            continue
        known, top = {mark.column: mark for mark in alive}, min((mark.row for mark in alive), default=0)
        last, stay = dict[int, int](), dict[int, set[int]]()
        reader = SheetPartReader(book.package.chunks(part), part, book.where)
        parser = RowParser(reader.prefix)
        for content in reader.rows() if alive else ():
            number = parser.number(content)
            cells = [cell for cell in parser.cells(content) if cell.inner] if number > top else []
            keyed = any(cell.column == claims[index].key for cell in cells)
            for cell in cells:
                mark = known.get(cell.column)
                if mark is not None and mark.row < number:
                    if claims[index].is_users(cell, number, keyed, strings):
                        stay.setdefault(cell.column, set()).add(number)
                    else:
                        last[cell.column] = number
        found[(element.get("name") or "").lower()] = {
            c: CellsOfColumn(m.row, last.get(c, m.row), frozenset(stay.get(c, ()))) for c, m in known.items()
        }
    return found


def _untouched_cells(book: Workbook, part: str, marks: Sequence[ColumnMark]) -> dict[int, CellsOfColumn]:
    """The cells of our columns in a sheet that nobody has changed since: there, none is the user's."""
    reader = SheetPartReader(book.package.chunks(part), part, book.where)
    last = {mark.column: mark.row for mark in marks}
    filled = {
        c: re.compile(rb'<%bc r="%b(\d+)"(?:\s[^>]*)?(?<!/)>' % (reader.prefix, column_letters(c).encode()))
        for c in last
        if c
    }
    for block in reader.blocks():
        for column, pattern in filled.items():
            numbers = pattern.findall(block)
            last[column] = int(numbers[-1]) if numbers else last[column]
    return {mark.column: CellsOfColumn(mark.row, last[mark.column]) for mark in marks if mark.column}


def is_latest(book: Workbook, index: int) -> bool:
    """Whether our columns in a sheet were the last thing that was done to the workbook part."""
    part = book.sheet_part(book.sheet_elements()[index])
    record = read_record(book, part) if part is not None else None
    return record is not None and holds(book, record, book.part.lower())


def remove_columns_from_package(package: Package, report: RemoveReport) -> bool:
    """Take our columns out of every sheet; whether each is again the very bytes that it was."""
    exact = True
    # The user's copy of a sheet of his holds our marks too, and is no longer known as a copy once the first are gone.
    sheets = {mark.index for mark in read_column_marks(Workbook(package))}
    while True:
        book = Workbook(package)
        marks = [mark for mark in read_column_marks(book) if mark.index in sheets]
        if not marks:
            return exact
        indices = sorted({mark.index for mark in marks}, key=lambda index: (not is_latest(book, index), index))
        index = indices[0]
        element = book.sheet_elements()[index]
        part, mine = book.sheet_part(element), [mark for mark in marks if mark.index == index]
        tables = [name for name, _ in sheet_tables(book, part)] if part is not None else []
        names = [f"{element.get('name')}: {mark.identity.header or mark.field}" for mark in mine]
        latest = part is not None and is_latest(book, index)
        if part is not None and undo_columns(book, index, part, tables):
            exact = exact and latest
            report.columns += names
            continue
        exact = False
        if part is not None:
            drop_record(book, part)
            strings = read_strings(book)
            standing = sheet_columns(book, part, strings)
            alive, dead = settle_marks(mine, standing)
            report.columns += [f"{element.get('name')}: {mark.identity.header or mark.field}" for mark in alive]
            report.notes += [lost_note(mark) for mark in dead]
            reaching: list[str] = []
            for row in sorted({mark.row for mark in alive}):
                spared, over = _take_out(book, part, [mark for mark in alive if mark.row == row], standing, strings)
                reaching += [each for each in over if each not in reaching]
                report.notes += [f"{element.get('name')}: {spared_note(spared)}"] if spared else []
            if reaching:
                report.notes.append(
                    f"{element.get('name')} was changed since, so filters, rules and validations still reach over the "
                    f"columns that were ours: {', '.join(reaching[:10])}."
                )
        drop_column_marks(book, index)
        sheets.discard(index)
        recalculate(book)
        book.save()


def _reaching_over(tail: bytes, columns: set[int]) -> list[str]:
    """References of a sheet's filter, rules and validations, behind its rows, that take in any of the columns."""
    kinds = rb"autoFilter|conditionalFormatting|dataValidation"
    pattern = rb"<(?:[\w.-]+:)?(?:" + kinds + rb")\s[^>]*?\b(?:sq)?ref=[\"']([^\"']*)"
    found = dict.fromkeys(re.findall(pattern, EMPHASIS.sub(b"", tail)))
    said = []
    for reference in (piece for text in found for piece in text.decode("ascii", "replace").split()):
        area = Area.of(reference)
        if area is not None and any(area.first_column <= column <= area.last_column for column in columns):
            said.append(reference)
    return said


def _take_out(
    book: Workbook, part: str, marks: Sequence[ColumnMark], standing: SheetColumns, strings: Sequence[bytes]
) -> tuple[list[str], list[str]]:
    """Empty the cells of our columns; at a table's right end the table shrinks, elsewhere its headers stay.

    What the user has typed or computed in our columns stays, in a table with the column's header.

    Returns:
        The cells that stay, and the filters, rules and validations that still reach over the columns.
    """
    columns, claims = {mark.column for mark in marks}, Claims.of(marks, standing)
    row = max((mark.row for mark in marks), default=0)
    table = next(
        ((name, root) for name, root in sheet_tables(book, part) if _holds_header(root, row, columns)), None
    )  # fmt: skip
    said = max([claims.bottom, *claims.below])
    bottom, spared = said or MAX_ROWS, set[int]()
    reader = SheetPartReader(book.package.chunks(part), part, book.where)
    parser, splice = RowParser(reader.prefix), Splice()
    kept, end = dict[int, set[int]](), _last_of_data(table[1]) if table is not None else bottom
    left = list[str]()
    for content in reader.rows():
        number = parser.number(content)
        if number <= row:
            continue
        cells = [cell for cell in parser.cells(content) if cell.inner]
        keyed = any(cell.column == claims.key for cell in cells)
        # An earlier version did not say how far we wrote: there, what stands alone in its row is the user's.
        alone = not said and table is None and all(cell.column in columns for cell in cells)
        users = [
            cell for cell in cells
            if cell.column in columns and (alone or claims.is_users(cell, number, keyed, strings))
        ]  # fmt: skip
        if number <= max(end, said):
            kept |= {number: {cell.column for cell in users}} if users else {}
        elif keyed:
            # Values of ours that are missing above may have come here.
            left += [f"{column_letters(cell.column)}{number}" for cell in users if cell.column in claims.missed]
    refuse_protected(book, part, reader.tail)
    if table is not None:
        held = {column for number, some in kept.items() for column in some if number <= end}
        bottom, spared = _shrink(book, *table, columns - held)
        bottom, spared = max(bottom, said), spared | held
    chained = emphasised = False
    reader = SheetPartReader(book.package.chunks(part), part, book.where)

    def edited() -> Iterator[bytes]:
        nonlocal chained, emphasised
        parser = RowParser(reader.prefix)
        splice.keep(reader.head + reader.open_tag)
        for block in reader.blocks():
            at, edits = 0, list[Edit]()
            for content in reader.split(block):
                number = parser.number(content)
                if row <= number <= bottom:
                    gone = columns - spared if number == row else columns - kept.get(number, set())
                    cleared = clear_cells(parser, content, sorted(gone))
                    chained = chained or any(b"<f" in content[place : place + size] for place, size, _ in cleared)
                    edits += [(at + place, size, new) for place, size, new in cleared]
                at += len(content)
            splice.change(block, edits)
            yield splice.taken()
        tail, count = EMPHASIS.subn(b"", reader.tail)
        emphasised = bool(count)
        yield reader.close_tag + tail

    book.package.put(part, book.package.pack(part, edited()))
    info = find(table[1], "tableStyleInfo") if table is not None else None
    if table is not None and info is not None and emphasised:
        info.set("showLastColumn", "1")
        book.package.put(table[0], serialise(table[1]))
    if chained:
        drop_calculation_chain(book)
    stay = [f"{column_letters(column)}{number}" for number, some in kept.items() for column in sorted(some)]
    return [*stay, *left], _reaching_over(reader.tail, columns)


def _last_of_data(table: Element) -> int:
    """Last row of a table above its totals."""
    area = Area.of(table.get("ref") or "")
    return area.last_row - int(table.get("totalsRowCount") or 0) if area is not None else 0


def _holds_header(table: Element, row: int, columns: set[int]) -> bool:
    area = Area.of(table.get("ref") or "")
    return area is not None and area.first_row == row and any(
        area.first_column <= column <= area.last_column for column in columns
    )  # fmt: skip


def _shrink(book: Workbook, part: str, table: Element, columns: set[int]) -> tuple[int, set[int]]:
    """Last row of our cells, and our columns that stay as empty columns since others of the table follow."""
    area = Area.of(table.get("ref") or "")
    listed = find(table, "tableColumns")
    assert area is not None and listed is not None
    last = area.last_column
    while last in columns and last > area.first_column:
        listed.remove(children(listed)[-1])
        last -= 1
    if last != area.last_column:
        listed.set("count", str(len(children(listed))))
        table.set("ref", str(Area(area.first_row, area.first_column, area.last_row, last)))
        auto = find(table, "autoFilter")
        old = Area.of(auto.get("ref") or "") if auto is not None else None
        if auto is not None and old is not None:
            auto.set("ref", str(Area(old.first_row, old.first_column, old.last_row, last)))
            for child in children(auto):
                if child.get("colId") is not None and int(child.get("colId")) > last - area.first_column:
                    auto.remove(child)
        book.package.put(part, serialise(table))
    return area.last_row, {column for column in columns if column <= last}

"""Put result columns beside the rows of a sheet that someone made, matched by a key column, and take them out again."""

from __future__ import annotations

import re
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from icp_xl.delivery.write_back.column_claims import Claims
from icp_xl.delivery.write_back.column_growth import grow_table, move_filter, spanned
from icp_xl.delivery.write_back.column_identity import Identity, SheetColumns, identity_of
from icp_xl.delivery.write_back.column_location import (
    ListLocation,
    Scan,
    check_table,
    cut,
    scan,
    settle,
    sheet_tables,
)
from icp_xl.delivery.write_back.column_ownership import (
    ColumnMark,
    drop_record,
    read_column_marks,
    set_column_marks,
    settle_marks,
    sheet_columns,
    unchanged,
    undo_columns,
    write_record,
)
from icp_xl.delivery.write_back.column_reruns import columns_beside, lost_note, spared_note
from icp_xl.delivery.write_back.column_room import first_free
from icp_xl.delivery.write_back.column_rows import RowWriter, emphasis_edits, head_edits, tail_edits
from icp_xl.delivery.write_back.column_search import find_location
from icp_xl.delivery.write_back.column_styles import ColumnStyles
from icp_xl.delivery.write_back.column_values import CellContent, ResultColumn, Results, cell_content
from icp_xl.delivery.write_back.dependents import has_formulas
from icp_xl.delivery.write_back.plain_rows import PlainRows
from icp_xl.delivery.write_back.sheet_objects import anchored_areas
from icp_xl.delivery.write_back.wishes import check_wishes
from icp_xl.errors import DeliveryError
from icp_xl.opc.package import Digested, Package
from icp_xl.opc.plain_text import unique_headers
from icp_xl.opc.references import Area, column_letters
from icp_xl.opc.safe_write import SafeOptions, safe_write
from icp_xl.opc.sheet_xml import MAX_TEXT, RowParser, SheetPartReader, cell_value, has_formula, shared_strings
from icp_xl.opc.splice import Edit, Splice
from icp_xl.opc.undo import Snapshot
from icp_xl.opc.unsupported import refuse
from icp_xl.opc.workbook_entries import drop_calculation_chain, recalculate
from icp_xl.opc.workbook_part import Workbook, check_writable
from icp_xl.opc.xml import children, find, truthy

#: How many places of a kind are named in a note.
_NAMED = 10


@dataclass
class ColumnsReport:
    """What a write did: where, how many rows found their account, and the keys that did not.

    ``stale`` are fields whose column of an earlier run is not ours any more; ``notes`` says what else is to be known.
    """

    path: Path
    sheet: str = ""
    columns: dict[str, str] = field(default_factory=dict)
    replaced: list[str] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    matched: int = 0
    unmatched: dict[str, int] = field(default_factory=dict)
    touched: list[str] = field(default_factory=list)
    added: list[str] = field(default_factory=list)
    backup: Path | None = None


def write_columns(
    target: Path,
    key: str,
    results: Results,
    out: Path | None = None,
    *,
    sheet: str | None = None,
    force: bool = False,
    options: SafeOptions | None = None,
) -> ColumnsReport:
    """Put result columns beside the column called ``key``; nothing else of the workbook changes.

    A table grows over them; beside a plain range they stand after everything in its rows. Columns of an earlier run
    are replaced where they stand, whatever they are called now; those not asked for again are brought up to date too,
    so that no old figure stands beside a new one.

    Args:
        target: the user's workbook (see :func:`~icp_xl.delivery.write_back.inject.inject_sheets`).
        key: header of the column with the accounts' ids or names.
        results: what to write.
        sheet: a sheet's or a table's name, where several have such a column.
        force: pass over what the owner asks for (a password to modify, marked as final …).

    Raises:
        RefusedError: the workbook cannot be written, or a table cannot grow; it is as it was.
        LockedWorkbookError: it is open elsewhere.
        DeliveryError: there is no such column, or no row's key is known.
    """
    report = ColumnsReport(out or target)

    def change(package: Package) -> None:
        columns_into_package(package, key, results, report, sheet, force=force)

    report.backup = safe_write(target, out, change, options)
    return report


def columns_into_package(
    package: Package,
    key: str,
    results: Results,
    report: ColumnsReport,
    sheet: str | None = None,
    *,
    lifted: Mapping[str, ColumnMark] | None = None,
    force: bool = False,
) -> None:
    """Lay result columns over ``package``; see :func:`write_columns`.

    Args:
        lifted: our columns of an earlier run, by field, which the caller has just taken out.
    """
    book = Workbook(package)
    check_writable(book)
    wishes = check_wishes(book, tables=False, force=force)
    report.notes += [f"Written all the same: {wish}." for wish in wishes]
    strings = read_strings(book)
    location = find_location(book, key, sheet, strings)
    check_table(book, location)
    marks = [mark for mark in read_column_marks(book) if mark.index == location.index]
    earlier: dict[str, ColumnMark] = {}
    standing = SheetColumns()
    restored = False
    if marks:
        touched = not unchanged(book, location.part)
        standing = sheet_columns(book, location.part, strings) if touched else standing
        alive, dead = settle_marks(marks, standing) if touched else (marks, [])
        earlier = {mark.field: mark for mark in columns_beside(book, location, alive, standing if touched else None)}
        tables = [part for part, _ in sheet_tables(book, location.part)]
        restored = undo_columns(book, location.index, location.part, tables)
        if restored:
            location = find_location(book, key, sheet, strings)
        else:
            report.notes += [lost_note(mark) for mark in marks if mark.field not in earlier]
            report.stale = [mark.field for mark in [*dead, *alive] if mark.field not in earlier]
            standing = standing if touched else sheet_columns(book, location.part, strings)
            drop_record(book, location.part)
    if lifted is not None:
        earlier, restored = dict(lifted), True
    snapshot = Snapshot.of(package)
    claims = Claims() if restored else Claims.of(list(earlier.values()), standing, location.key_column)
    _Writing(book, location, results, report, strings, earlier, restored, claims, standing).write(snapshot)
    report.touched = sorted(name for name in package.touched() if name in package.entries)
    report.added = sorted(name for name in package.new if name not in package.entries)


def read_strings(book: Workbook) -> list[bytes]:
    """The workbook's shared strings, as inner XML."""
    part = book.related("sharedStrings")
    return shared_strings(book.package.read(part), part, book.where) if part else []


def refuse_protected(book: Workbook, part: str, tail: bytes) -> None:
    """Refuse a sheet whose owner has protected its cells; ``tail`` is what follows them.

    Raises:
        RefusedError: it is protected.
    """
    if re.search(rb'<(?:[\w.-]+:)?sheetProtection\s[^>]*?\bsheet=["\'](?:1|true|on)["\']', tail):
        refuse("sheet-protected", "the sheet is protected, so its owner does not want cells changed",
               "Unprotect it in Excel (Review, Unprotect Sheet) and run again. Nothing was changed.",
               where=book.where, got=part)  # fmt: skip


@dataclass(frozen=True)
class _OurColumns:
    """Our columns in the order in which they stand: where, under which headers, and which of them are new."""

    columns: Sequence[ResultColumn]
    numbers: Sequence[int]
    titles: Sequence[str]
    fresh: Sequence[ResultColumn]


@dataclass
class _Writing:
    """One write.

    ``earlier`` are our columns before it; ``restored`` says that they have been taken out exactly. Else ``claims`` tell
    what is ours of them, and ``standing`` holds the cells of the sheet.
    """

    book: Workbook
    location: ListLocation
    results: Results
    report: ColumnsReport
    strings: Sequence[bytes]
    earlier: Mapping[str, ColumnMark]
    restored: bool
    claims: Claims
    standing: SheetColumns
    _rows: array[int] = field(default_factory=lambda: array("q"))
    _accounts: Mapping[str, int] = field(default_factory=dict)
    _body: RowWriter = field(init=False)
    _spared: dict[int, int] = field(default_factory=dict)

    def write(self, snapshot: Snapshot) -> None:
        book, location = self.book, self.location
        before, checksum = Digested(book.package.chunks(location.part)), book.package.checksum(location.part)
        reader = SheetPartReader(before, location.part, book.where)
        styles = ColumnStyles(book)
        found = scan(location, reader, self.strings, styles.digit_formats())
        if location.rivals:
            others = "; ".join(location.rivals[:_NAMED])
            more = f" and {len(location.rivals) - _NAMED:,} more" if len(location.rivals) > _NAMED else ""
            self.report.notes.append(
                f"The header stands in {others}{more} too: what is listed there gets nothing, only what is under "
                f"{location.where}."
            )
        refuse_protected(book, location.part, reader.tail)
        settle(book, location, found, reader.tail)
        self._accounts, notes = self.results.find_keys(found.texts())
        self.report.notes += notes
        if bare := found.choose(self._accounts):
            text, shown = bare[0]
            self.report.notes.append(
                f"{len(bare):,} keys were taken by their number, since no account is called as their format shows it, "
                f"such as {text} for {shown}."
            )
        if found.uncomputed:
            self.report.notes.append(
                f"{found.uncomputed:,} keys are formulas that have not been computed; their rows stay blank until the "
                "workbook has been saved by Excel."
            )
        columns = self._columns()
        kept = {} if self.restored else {f: m.column for f, m in self.earlier.items()}
        fresh = [column for column in columns if column.field not in kept]
        start = first_free(book, location, found, reader.tail, len(fresh), list(kept.values()))
        places = {**kept, **{column.field: start + at for at, column in enumerate(fresh)}}
        columns.sort(key=lambda column: places[column.field])
        titles = self._titles(columns, places, found, fresh)
        splice = Splice()
        again = SheetPartReader(book.package.chunks(location.part), location.part, book.where)
        ours = _OurColumns(columns, [places[c.field] for c in columns], [titles[c.field] for c in columns], fresh)
        edited = Digested(self._edited(again, splice, found, ours, styles))
        book.package.put(location.part, book.package.pack(location.part, edited))
        self._check_looked_at(found)
        self._check_matched()
        if count := self.results.too_long(columns, self._rows):
            self.report.notes.append(
                f"{count:,} texts are longer than the {MAX_TEXT:,} characters that a cell holds, and end there."
            )
        # Nobody asks for a key any more, and a large sheet has many.
        self._accounts, found.plain = {}, {}
        styles.save()
        grow_table(book, location, [titles[column.field] for column in fresh], start)
        if self.earlier or found.formulas or has_formulas(book, location.part):
            recalculate(book)
        header = location.header_row if location.table is None else location.area.first_row
        assert location.data is not None
        identities = {c.field: self._identity(c, titles[c.field], places[c.field]) for c in columns}
        rows = header, location.data.last_row
        set_column_marks(book, location.index, location.key_column, rows, places, identities, self._body.kept)
        book.save()
        if self.restored or not self.earlier:
            # Else it is written in a way that the reader had to normalise, and the whole earlier part is kept.
            record = splice.record() if splice.checksum == checksum else None
            write_record(book, location.part, snapshot, (before, edited), record)
        self.report.sheet = location.sheet
        self.report.columns = {c.field: f"{titles[c.field]} ({column_letters(places[c.field])})" for c in columns}
        self.report.replaced = sorted(set(self.earlier) & set(places))

    def _columns(self) -> list[ResultColumn]:
        """Earlier columns in their order, then those that are new."""
        asked = {column.field: column for column in self.results.columns}
        known = {column.field: column for column in self.results.others}
        order = sorted(self.earlier, key=lambda name: self.earlier[name].column)
        old = []
        for name in order:
            header = self.earlier[name].identity.header or name
            old.append(asked.get(name) or known.get(name) or ResultColumn(name, header))
            if name not in asked and name not in known:
                self.report.notes.append(f"{header} is not among the results any more: its column is empty now.")
        return old + [column for column in self.results.columns if column.field not in self.earlier]

    def _titles(
        self, columns: Sequence[ResultColumn], places: Mapping[str, int], found: Scan, fresh: Sequence[ResultColumn]
    ) -> dict[str, str]:
        """Headers: as they stand for columns that are there, else ours, free among the others."""
        row, parser = found.top.get(self.location.header_row, b""), RowParser(found.prefix)
        texts = {cell.column: str(cell_value(cell, self.strings) or "") for cell in parser.cells(row)}
        if self.location.table is not None:
            taken = [c.get("name") or "" for c in children(find(self.location.table, "tableColumns"))]
        else:
            taken = [text for column, text in sorted(texts.items()) if text]
        new = [column for column in columns if column in fresh]
        made = unique_headers([*taken, *(column.header for column in new)])[len(taken) :]
        # Where the user has merged our header over several rows, its text stands in the first of them.
        said = {name: mark.identity.header for name, mark in self.earlier.items()}
        titles = {c.field: texts.get(places[c.field]) or said.get(c.field) or c.header for c in columns}
        return {**titles, **{column.field: title for column, title in zip(new, made, strict=True)}}

    def _edited(
        self, reader: SheetPartReader, splice: Splice, found: Scan, columns: _OurColumns, styles: ColumnStyles
    ) -> Iterator[bytes]:
        """The sheet with the columns, block by block; ``splice`` keeps what leads back."""
        location, numbers = self.location, columns.numbers
        widths = {n: c.width for c, n in zip(columns.columns, numbers, strict=True) if c in columns.fresh}
        new = self._widths(widths, found, reader)
        splice.change(reader.head, head_edits(reader.head, reader.prefix, new, 0) if new else [])
        splice.keep(reader.open_tag)
        formats = [column.format for column in columns.columns]
        owned, bottom = self.claims.identities, self.claims.bottom
        left_over = self._left_over(bottom)
        neighbour = min(numbers) - 1
        body = self._body = RowWriter(
            RowParser(reader.prefix),
            numbers,
            neighbour,
            lambda style, at: styles.like(style, formats[at]),
            self.claims,
            self.strings,
        )
        head = RowWriter(RowParser(reader.prefix), numbers, neighbour, lambda style, at: style)
        assert location.data is not None
        data, chained, emptied = location.data, False, 0
        # Rows that a merged header covers need not be in the file.
        missing = bool(columns.fresh) and location.header_row not in found.last_used
        headings = [cell_content(title) for title in columns.titles]
        parser = RowParser(reader.prefix)
        for block in reader.blocks():
            for part in cut(block, data.first_row, data.last_row + 1):
                plain = found.plain.get(parser.next_number(part))
                if missing and plain is not None:
                    splice.change(b"", [(0, 0, head.made_row(location.header_row, headings))])
                    missing = False
                if plain is not None and plain.size == len(part) and not owned and plain.column < numbers[0]:
                    beside = plain.style if plain.column == neighbour else ""
                    body.append(splice, part, plain, beside, self._values(plain, columns.columns))
                    parser.passed(plain.last)
                    continue
                at = 0
                edits: list[Edit] = []
                for row in reader.split(part):
                    number = parser.number(row)
                    if missing and number > location.header_row:
                        edits.append((at, 0, head.made_row(location.header_row, headings)))
                        missing = False
                    if number == location.header_row and columns.fresh:
                        made = head.edits(row, number, headings)
                    elif (
                        number in found.keys
                        or plain is not None
                        or (self.earlier and not self.restored and data.first_row <= number <= data.last_row)
                    ):
                        last, style = found.last_used.get(number, 0), found.last_style.get(number)
                        text = plain.keys[number - plain.first] if plain is not None else found.keys.get(number)
                        cells = self._contents(text, columns.columns)
                        account, spared = self._accounts.get(text or ""), len(body.spared)
                        made = body.edits(row, number, cells, last, style, account is not None)
                        if account is not None and len(body.spared) > spared:
                            self._spared[number] = account
                        if not chained:
                            chained = any(has_formula(row[at : at + length]) for at, length, _ in made if length)
                    elif location.area.last_row < number <= bottom:
                        made = body.emptied(row, number, left_over.get(number, True))
                        emptied += bool(made)
                    else:
                        made = []
                    edits += [(at + position, length, text) for position, length, text in made]
                    at += len(row)
                splice.change(part, edits)
            yield splice.taken()
        splice.keep(reader.close_tag)
        if emptied:
            self.report.notes.append(
                f"{emptied:,} row{'' if emptied == 1 else 's'} below the list held figures of ours: taken out."
            )
        if body.spared:
            self.report.notes.append(spared_note(body.spared))
        if chained:
            drop_calculation_chain(self.book)
        self._tail(reader, splice, numbers, found, self._emphasis(styles) if columns.fresh else None)
        yield splice.taken()

    def _left_over(self, bottom: int) -> dict[int, bool]:
        """Of rows below the list that we wrote when it was longer and that have a key: whether that is an account."""
        keys = self.standing.under(self.location.key_column, self.location.area.last_row)
        texts = {row: text for row, text in keys.items() if row <= bottom}
        accounts = self.results.find_keys(list(dict.fromkeys(texts.values()))).rows if texts else {}
        return {row: text in accounts for row, text in texts.items()}

    def _contents(self, text: str | None, columns: Sequence[ResultColumn]) -> list[CellContent]:
        """What the cells of one row hold, by its key."""
        account = self._account(text)
        if account is not None:
            self._rows.append(account)
        return self.results.cells(account, columns)

    def _values(self, rows: PlainRows, columns: Sequence[ResultColumn]) -> list[list[Any]]:
        """What the cells of plain rows hold, by column."""
        accounts = list(map(self._accounts.get, rows.keys))
        known = [account for account in accounts if account is not None]
        self.report.matched += len(known)
        for key, account in zip(rows.keys, accounts, strict=True) if len(known) < len(accounts) else ():
            if account is None:
                self.report.unmatched[key] = self.report.unmatched.get(key, 0) + 1
        self._rows.extend(known)
        return [self.results.column(column.field, accounts) for column in columns]

    def _identity(self, column: ResultColumn, title: str, place: int) -> Identity:
        """What our column is known by."""
        withheld = Counter(self._spared[row] for row in self._body.withheld.get(place, ()) if row in self._spared)
        rows = [row for row in self._rows if withheld[row] <= 0 or withheld.subtract([row])] if withheld else self._rows
        return identity_of(title, self.results.column(column.field, rows))

    def _account(self, text: str | None) -> int | None:
        account = self._accounts.get(text or "")
        if account is not None:
            self.report.matched += 1
        elif text:
            self.report.unmatched[text] = self.report.unmatched.get(text, 0) + 1
        return account

    def _check_matched(self) -> None:
        if not self.report.matched:
            raise DeliveryError(
                "no row of the key column is the id or the name of an account",
                where=self.location.where,
                got="; ".join(list(self.report.unmatched)[:5])[:200],
                next_step="Choose the column that holds the account's id or name."
                + (f" The header stands in {self.location.rivals[0]} too." if self.location.rivals else "")
                + " Nothing was changed.",
            )

    def _check_looked_at(self, found: Scan) -> None:
        """Stop where rows with a key were read and not written, which would leave them blank without a word."""
        keys = len(found.keys) + sum(len(rows.keys) for rows in found.plain.values())
        looked_at = self.report.matched + sum(self.report.unmatched.values())
        if looked_at < keys:
            raise DeliveryError(
                "some rows of the list could not be found again when it was written",
                where=self.location.where,
                got=f"{looked_at:,} of {keys:,} rows",
                next_step="Nothing was changed. Save the workbook in Excel under a new name, and use that file.",
            )

    def _emphasis(self, styles: ColumnStyles) -> int | None:
        """A bold format for the user's last column, where his table's style sets that off: ours is not meant."""
        table = self.location.table
        info = find(table, "tableStyleInfo") if table is not None else None
        if info is None or not truthy(info.get("showLastColumn")):
            return None
        info.set("showLastColumn", "0")
        return styles.bold()

    def _widths(self, wanted: dict[int, float], found: Scan, reader: SheetPartReader) -> dict[int, float]:
        """Widths for our new columns, but for those over which something of the user's lies that they would stretch."""
        location, parser = self.location, RowParser(reader.prefix)
        used = set(found.outside)
        for area in anchored_areas(self.book, location.part):
            used |= set(range(area.first_column, area.last_column + 1))
        for number, row in found.top.items():
            if number < location.area.first_row:
                used |= {cell.column for cell in parser.cells(row) if cell.inner}
        left = {column: width for column, width in wanted.items() if column not in used}
        if len(left) < len(wanted):
            self.report.notes.append("Column widths were left as they are where something of yours would be stretched.")
        return left

    def _tail(
        self, reader: SheetPartReader, splice: Splice, numbers: Sequence[int], found: Scan, bold: int | None
    ) -> None:
        location, tail = self.location, reader.tail
        area, own = spanned(location, found)
        key = location.key_column if location.table is None else None
        edits, changed = tail_edits(tail, area, own, numbers, key=key)
        if bold is not None:
            last = Area(area.first_row, area.last_column, area.last_row, area.last_column)
            edits += emphasis_edits(tail, reader.prefix, last, bold)
        splice.change(tail, sorted(edits))
        if changed is not None and changed[0] == changed[1]:
            self.report.notes.append(
                f"The sheet's filter, {changed[0]}, does not reach over our columns, since others of yours lie between "
                "or it does not hold the key: before you sort by it, set it anew over all of them."
            )
        if changed is not None:
            move_filter(self.book, location.index, *changed)

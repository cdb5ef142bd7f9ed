"""Which columns of other people's sheets are ours, and what undoes them.

A hidden name on the sheet points at the header cell of each of our columns, so that Excel itself keeps track when
columns are moved, renamed or put before it; another says what we wrote there, since not every program moves names, and
pasting moves none: a column is ours only as long as it holds our header or our values. A record beside the sheet leads
back to the bytes from before: small edits for the sheet, whole entries for the small parts around it.
"""

from __future__ import annotations

import json
import posixpath
import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from icp_xl.delivery.write_back.column_identity import MOST_HEADER, Identity, SheetColumns, locate
from icp_xl.delivery.write_back.ownership import pack, read_owned_sheets, unpack
from icp_xl.opc.package import CONTENT_TYPES, Digested, relationships_of
from icp_xl.opc.references import Area, column_letters
from icp_xl.opc.sheet_xml import RowParser, SheetPartReader
from icp_xl.opc.splice import reverted
from icp_xl.opc.undo import CONTENT_TYPE, Snapshot, Undo, collect, decode, digest, encode
from icp_xl.opc.unsupported import MAX_PACKAGE, RefusedError
from icp_xl.opc.workbook_entries import add_names
from icp_xl.opc.workbook_part import Workbook
from icp_xl.opc.xml import children, find

NAME, IDENTITY = "_icpxl_col_", "_icpxl_own_"
TYPE = "urn:icp-xl:columns"
_MAGIC = b"ICPXL-COLUMNS-1\n"


@dataclass(frozen=True)
class ColumnMark:
    """One column of ours as its mark says: the sheet's position, the field, the header's row and column (0: deleted).

    ``elsewhere`` names the other sheet that the mark has come to point at, with the columns that were cut. ``bottom``
    is the last row of the list as far as we wrote beside it; 0 where that is not known.
    """

    index: int
    field: str
    row: int
    column: int
    identity: Identity = Identity()
    elsewhere: str = ""
    bottom: int = 0


def read_column_marks(book: Workbook) -> list[ColumnMark]:
    """Our columns in sheets of others, by sheet and column; what the user's copies of such a sheet hold is his."""
    ours = {mark.index for mark in read_owned_sheets(book)}
    titles = [element.get("name") or "" for element in book.sheet_elements()]
    known: dict[tuple[int, str], tuple[str, ...]] = {}
    pointed: dict[tuple[int, str], str] = {}
    for element in book.defined_names():
        name, scope = element.get("name") or "", element.get("localSheetId") or ""
        if scope.isdigit() and int(scope) not in ours and int(scope) < len(titles):
            if name.startswith(NAME):
                pointed[int(scope), _field(name[len(NAME) :])] = element.text or ""
            elif name.startswith(IDENTITY):
                known[int(scope), _field(name[len(IDENTITY) :])] = unpack(element.text)
    found = []
    for (index, field), text in pointed.items():
        header, drawn, sort, given = (*known.get((index, field), ()), "", "", "m", "")[:4]
        rivals = {other for (other, one), pieces in known.items() if one == field and pieces[3:4] == (given,)}
        if given and titles[index] != given and any(titles[other] == given for other in rivals):
            continue
        sheet, _, cell = text.rpartition("!")
        sheet = sheet.removeprefix("'").removesuffix("'").replace("''", "'")
        area = Area.of(cell)
        row, column = (area.first_row, area.first_column) if area is not None else (0, 0)
        bottom = area.last_row if area is not None and area.last_row > row else 0
        moved = sheet if area is not None and sheet.lower() != titles[index].lower() else ""
        identity = Identity(header, drawn, sort)
        spot = (0, 0) if moved else (row, column)
        found.append(ColumnMark(index, field, *spot, identity, moved, bottom))
    return sorted(found, key=lambda mark: (mark.index, mark.column))


def settle_marks(
    book: Workbook, part: str, marks: Sequence[ColumnMark], strings: Sequence[bytes]
) -> tuple[list[ColumnMark], list[ColumnMark]]:
    """The marks of one sheet as far as the columns are ours, where they stand now; and those that have died.

    A mark dies when neither the header nor the values that we wrote are found: then the column is somebody else's.

    Args:
        book: that holds the sheet.
        part: of the worksheet.
        marks: of the sheet, as they were last written.
        strings: the workbook's shared strings.
    """
    reader = SheetPartReader(book.package.chunks(part), part, book.where)
    columns = SheetColumns.of(reader.rows(), RowParser(reader.prefix), strings)
    spots = {mark.field: (mark.row, mark.column) for mark in marks if mark.column}
    found = locate({mark.field: mark.identity for mark in marks}, spots, columns)
    alive = []
    for mark in marks:
        if mark.field in found:
            row, column = found[mark.field]
            bottom = mark.bottom + row - mark.row if mark.bottom else 0
            alive.append(replace(mark, row=row, column=column, bottom=bottom))
    alive = _with_rows_put_in(sorted(alive, key=lambda mark: mark.column), columns)
    return alive, [mark for mark in marks if mark.field not in found]


def _with_rows_put_in(marks: list[ColumnMark], columns: SheetColumns) -> list[ColumnMark]:
    """The marks with their rows as far as ours go on below, where a program put rows in without moving names."""
    bottom = max((mark.bottom for mark in marks), default=0)
    if not bottom:
        return marks
    mine = [(mark.identity, columns.under(mark.column, bottom)) for mark in marks]
    others = {row for column in columns.cells if column not in {m.column for m in marks}
              for row in columns.under(column, bottom)}  # fmt: skip
    while any((bottom + 1) in texts for _, texts in mine) and bottom + 1 in others:
        if any(bottom + 1 in texts and identity.excludes(texts[bottom + 1]) for identity, texts in mine):
            break
        bottom += 1
    return [replace(mark, bottom=bottom) for mark in marks]


def set_column_marks(
    book: Workbook, index: int, rows: tuple[int, int], columns: Mapping[str, int], identities: Mapping[str, Identity]
) -> None:
    """Mark columns of a sheet as ours; earlier marks of the sheet go.

    Args:
        book: that holds the sheet.
        index: of the sheet in the workbook, counted from 0.
        rows: of the headers, and the last one of the list.
        columns: the column of each field, counted from 1.
        identities: what each field's column is known again by.
    """
    drop_column_marks(book, index)
    name = book.sheet_elements()[index].get("name") or ""
    title = name.replace("'", "''")
    made = []
    for field, column in columns.items():
        known, letters = identities[field], column_letters(column)
        said = pack(known.header[:MOST_HEADER], known.sketch, known.sort, name)
        texts = {NAME: f"'{title}'!${letters}${rows[0]}:${letters}${rows[1]}", IDENTITY: said}
        for prefix, text in texts.items():
            attributes = {"name": prefix + _safe(field), "localSheetId": str(index), "hidden": "1"}
            element = book.root.makeelement(book.n + "definedName", attributes)
            element.text = text
            made.append(element)
    add_names(book, made)


def drop_column_marks(book: Workbook, index: int) -> None:
    """Take the marks of one sheet away."""
    for element in book.defined_names():
        if (element.get("name") or "").startswith((NAME, IDENTITY)) and element.get("localSheetId") == str(index):
            element.getparent().remove(element)
    names = find(book.root, "definedNames")
    if names is not None and not children(names):
        names.getparent().remove(names)


def _safe(field: str) -> str:
    return re.sub(r"[^A-Za-z0-9_]", lambda match: f".{ord(match[0]):x}.", field)


def _field(name: str) -> str:
    return re.sub(r"\.([0-9a-f]{1,6})\.", lambda match: chr(int(match[1], 16)), name)


def write_record(
    book: Workbook, part: str, snapshot: Snapshot, contents: tuple[Digested, Digested], delta: bytes | None
) -> None:
    """Record how to come back from the sheet ``part`` as it stands now to what it held before.

    Args:
        book: that holds the sheet.
        part: of the worksheet.
        snapshot: the package before the columns were written.
        contents: the part before and after.
        delta: what leads back from the one to the other; without it the whole earlier part is kept.
    """
    package, before = book.package, contents[0]
    record_part = posixpath.join(posixpath.dirname(part), "icp_xl", posixpath.basename(part) + ".bin")
    package.put(record_part, b"", CONTENT_TYPE)
    package.add_relationship(part, TYPE, record_part)
    skip = {record_part.lower()} | ({part.lower()} if delta is not None else set())
    undo = collect(package, snapshot, None, frozenset(skip))
    added = {name: digest(package.read(name)) for name in undo.added}
    head = {
        "sheet": contents[1].sha256(),
        "before": before.sha256(),
        "size": before.size,
        "added": added,
        "delta": len(delta) if delta is not None else -1,
    }
    text = json.dumps(head, separators=(",", ":")).encode()
    package.put(record_part, _MAGIC + struct.pack("<I", len(text)) + text + (delta or b"") + encode(undo))


@dataclass(frozen=True)
class UndoRecord:
    """What undoes our columns in one sheet."""

    part: str
    record_part: str
    sheet: str
    before: str
    size: int
    added: Mapping[str, str]
    delta: bytes | None
    undo: Undo


def read_record(book: Workbook, part: str) -> UndoRecord | None:
    """The record beside the sheet ``part``."""
    rels = [rel for rel in book.package.relationships(part) if rel.type == TYPE and not rel.external]
    try:
        record_part = next(rel.target for rel in rels if book.package.has(rel.target))
        content = book.package.read(record_part, MAX_PACKAGE)
        if not content.startswith(_MAGIC):
            return None
        at = len(_MAGIC) + 4
        size = struct.unpack("<I", content[at - 4 : at])[0]
        head = json.loads(content[at : at + size])
        at += size
        length = int(head["delta"])
        delta = content[at : at + length] if length >= 0 else None
        undo = decode(content[at + max(length, 0) :], book.where)
        added = {str(name): str(value) for name, value in head["added"].items()}
        return UndoRecord(
            part, record_part, str(head["sheet"]), str(head["before"]), int(head["size"]), added, delta, undo
        )
    except (StopIteration, RefusedError, ValueError, KeyError, TypeError, AttributeError, struct.error, RecursionError):
        return None


def holds(book: Workbook, record: UndoRecord, name: str) -> bool:
    """Whether the part ``name`` is still as we left it."""
    wanted = record.undo.after.get(name) or record.added.get(name)
    return wanted is not None and book.package.has(name) and digest(book.package.read(name)) == wanted


def unchanged(book: Workbook, part: str) -> bool:
    """Whether the sheet is byte for byte as our columns left it."""
    record = read_record(book, part)
    return record is not None and book.package.digest(part) == record.sheet


def undo_columns(book: Workbook, index: int, part: str, tables: Sequence[str]) -> bool:
    """Put the sheet at ``index`` back as it was before our columns, where nobody has changed it since.

    Parts around it that others have changed since (the workbook, say) are edited instead of put back.

    Args:
        book: that holds the sheet.
        index: of the sheet in the workbook, counted from 0.
        part: of the worksheet.
        tables: parts of the tables on it.

    Returns:
        Whether it was put back; else it is as it was.
    """
    package, record = book.package, read_record(book, part)
    if record is None:
        return False
    own = [name.lower() for name in (part, *tables, relationships_of(part))]
    if package.digest(part) != record.sheet or not all(
        holds(book, record, name) for name in own[1:] if name in record.undo.after or name in record.added
    ):
        return False
    if record.delta is not None:
        before = Digested(reverted(package.chunks(part), record.delta, MAX_PACKAGE))
        try:
            entry = package.pack(part, before)
        except ValueError:
            return False
        if before.sha256() != record.before:
            return False
        package.put(part, entry)
    states = {name: holds(book, record, name) for name in (*record.undo.before, *record.added)}
    if not states.get(book.part.lower(), True):
        # Somebody has registered sheets or names since, and may use formats that came with our columns.
        states[(book.related("styles") or "").lower()] = False
        drop_column_marks(book, index)
        book.save()
    if states.get(CONTENT_TYPES.lower(), False):
        package.forget(record.record_part)
    else:
        package.drop(record.record_part)
    for name in record.added:
        if states[name]:
            package.forget(name)
    for name, entry in record.undo.before.items():
        if states[name]:
            package.restore(name, entry)
    book.load()
    return True


def drop_record(book: Workbook, part: str) -> None:
    """Take the record of a sheet out; it no longer leads anywhere."""
    ids = {rel.id for rel in book.package.relationships(part) if rel.type == TYPE}
    for rel in book.package.relationships(part):
        if rel.type == TYPE and book.package.has(rel.target):
            book.package.drop(rel.target)
    if ids:
        book.package.remove_relationships(part, ids)

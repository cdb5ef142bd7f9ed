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
from collections.abc import Iterable, Mapping, Sequence
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
#: The key's header, and the cells of a column that are the user's though they could be ours.
KEY, KEPT = "_icpxl_key", "_icpxl_kept_"
#: Characters that a name's formula holds in Excel (8,192), less some for other programs.
_MOST = 8000
TYPE = "urn:icp-xl:columns"
_MAGIC = b"ICPXL-COLUMNS-1\n"


@dataclass(frozen=True)
class ColumnMark:
    """One column of ours as its mark says: the sheet's position, the field, the header's row and column (0: deleted).

    ``elsewhere`` names the other sheet that the mark has come to point at, with the columns that were cut. ``bottom``
    is the last row of the list as far as we wrote beside it; 0 where that is not known. ``key`` are row and column of
    the key's header, ``kept`` the rows whose cell is the user's though it could be ours.
    """

    index: int
    field: str
    row: int
    column: int
    identity: Identity = Identity()
    elsewhere: str = ""
    bottom: int = 0
    key: tuple[int, int] = (0, 0)
    kept: frozenset[int] = frozenset()


def read_column_marks(book: Workbook) -> list[ColumnMark]:
    """Our columns in sheets of others, by sheet and column; what the user's copies of such a sheet hold is his."""
    ours = {mark.index for mark in read_owned_sheets(book)}
    titles = [element.get("name") or "" for element in book.sheet_elements()]
    known: dict[tuple[int, str], tuple[str, ...]] = {}
    pointed: dict[tuple[int, str], str] = {}
    kept: dict[tuple[int, str], frozenset[int]] = {}
    keys: dict[int, tuple[int, int]] = {}
    for element in book.defined_names():
        name, scope = element.get("name") or "", element.get("localSheetId") or ""
        if scope.isdigit() and int(scope) not in ours and int(scope) < len(titles):
            if name.startswith(NAME):
                pointed[int(scope), _field(name[len(NAME) :])] = element.text or ""
            elif name.startswith(IDENTITY):
                known[int(scope), _field(name[len(IDENTITY) :])] = unpack(element.text)
            elif name.startswith(KEPT):
                kept[int(scope), _field(name[len(KEPT) :])] = _rows_of(element.text or "")
            elif name == KEY and (area := Area.of((element.text or "").rpartition("!")[2])) is not None:
                keys[int(scope)] = area.first_row, area.first_column
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
        identity = Identity(header, drawn, sort[:1], int(sort[1:]) if sort[1:].isdigit() else None)
        spot = (0, 0) if moved else (row, column)
        rest = keys.get(index, (0, 0)), kept.get((index, field), frozenset())
        found.append(ColumnMark(index, field, *spot, identity, moved, bottom, *rest))
    return sorted(found, key=lambda mark: (mark.index, mark.column))


def sheet_columns(book: Workbook, part: str, strings: Sequence[bytes]) -> SheetColumns:
    """Every cell of the sheet ``part``; ``strings`` are the workbook's shared strings."""
    reader = SheetPartReader(book.package.chunks(part), part, book.where)
    return SheetColumns.of(reader.rows(), RowParser(reader.prefix), strings)


def settle_marks(marks: Sequence[ColumnMark], columns: SheetColumns) -> tuple[list[ColumnMark], list[ColumnMark]]:
    """The marks of one sheet as far as the columns are ours, where they stand now; and those that have died.

    A mark dies when neither the header nor the values that we wrote are found: then the column is somebody else's.

    Args:
        marks: of the sheet, as they were last written.
        columns: the sheet's cells.
    """
    spots = {mark.field: (mark.row, mark.column) for mark in marks if mark.column}
    found = locate({mark.field: mark.identity for mark in marks}, spots, columns)
    alive = []
    for mark in marks:
        if mark.field in found:
            row, column = found[mark.field]
            # The program that moved the header without its mark moved the rows below it as far.
            by = row - mark.row
            bottom, kept = mark.bottom + by if mark.bottom else 0, frozenset(each + by for each in mark.kept)
            alive.append(replace(mark, row=row, column=column, bottom=bottom, kept=kept))
    return sorted(alive, key=lambda mark: mark.column), [mark for mark in marks if mark.field not in found]


def _rows_of(references: str) -> frozenset[int]:
    """The rows of a list of areas."""
    areas = (Area.of(each.rpartition("!")[2]) for each in references.split(","))
    return frozenset(row for area in areas if area is not None for row in range(area.first_row, area.last_row + 1))


def _areas_of(rows: Iterable[int], sheet: str, letters: str) -> str:
    """:func:`_rows_of` turned round; of very many, the last area reaches over all that do not fit."""
    ends: list[list[int]] = []
    for row in sorted(rows):
        if ends and row == ends[-1][1] + 1:
            ends[-1][1] = row
        else:
            ends.append([row, row])
    most = _MOST // (len(sheet) + 30)
    ends[most - 1 :] = [[ends[most - 1][0], ends[-1][1]]] if len(ends) > most else ends[most - 1 :]
    return ",".join(f"'{sheet}'!${letters}${first}:${letters}${last}" for first, last in ends)


def set_column_marks(
    book: Workbook, index: int, key: int, rows: tuple[int, int], columns: Mapping[str, int],
    identities: Mapping[str, Identity], kept: Mapping[int, Iterable[int]],
) -> None:  # fmt: skip
    """Mark columns of a sheet as ours; earlier marks of the sheet go.

    Args:
        book: that holds the sheet.
        index: of the sheet in the workbook, counted from 0.
        key: column of the keys, counted from 1.
        rows: of the headers, and the last one of the list.
        columns: the column of each field, counted from 1.
        identities: what each field's column is known again by.
        kept: of each column, the rows whose cell is the user's though it could be ours.
    """
    drop_column_marks(book, index)
    name = book.sheet_elements()[index].get("name") or ""
    title = name.replace("'", "''")
    texts = {KEY: f"'{title}'!${column_letters(key)}${rows[0]}"}
    for field, column in columns.items():
        known, letters = identities[field], column_letters(column)
        count = "" if known.count is None else str(known.count)
        texts[NAME + _safe(field)] = f"'{title}'!${letters}${rows[0]}:${letters}${rows[1]}"
        texts[IDENTITY + _safe(field)] = pack(known.header[:MOST_HEADER], known.sketch, known.sort + count, name)
        if theirs := list(kept.get(column, ())):
            texts[KEPT + _safe(field)] = _areas_of(theirs, title, letters)
    made = []
    for called, text in texts.items():
        attributes = {"name": called, "localSheetId": str(index), "hidden": "1"}
        element = book.root.makeelement(book.n + "definedName", attributes)
        element.text = text
        made.append(element)
    add_names(book, made)


def drop_column_marks(book: Workbook, index: int) -> None:
    """Take the marks of one sheet away."""
    for element in book.defined_names():
        if (element.get("name") or "").startswith((NAME, IDENTITY, KEY, KEPT)) and element.get("localSheetId") == str(
            index
        ):
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

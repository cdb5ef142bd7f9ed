"""Our columns of an earlier run: beside which list of a sheet they stand, and what is said of those that are lost."""

from __future__ import annotations

from collections.abc import Sequence

from icp_xl.delivery.write_back.column_identity import SheetColumns
from icp_xl.delivery.write_back.column_location import ListLocation, last_header_row, sheet_tables
from icp_xl.delivery.write_back.column_ownership import ColumnMark
from icp_xl.opc.references import Area, column_letters
from icp_xl.opc.sheet_xml import SheetPartReader
from icp_xl.opc.unsupported import refuse
from icp_xl.opc.workbook_part import Workbook


def columns_beside(
    book: Workbook, location: ListLocation, marks: Sequence[ColumnMark], standing: SheetColumns | None
) -> list[ColumnMark]:
    """Those of our columns in a sheet that stand beside this list.

    Args:
        book: that holds the sheet.
        location: of the list, as it was found.
        marks: our columns in its sheet, where they stand now.
        standing: the cells of its sheet; ``None`` where nobody has changed it since.

    Raises:
        RefusedError: all of them stand beside another list, as a sheet's marks are those of one.
    """
    first, last = location.header_row, location.header_row
    if location.table is None and any(mark.row > first for mark in marks):
        reader = SheetPartReader(book.package.chunks(location.part), location.part, book.where)
        for _ in reader.blocks():
            pass
        last = last_header_row(location, reader.tail)
    others = [Area.of(root.get("ref") or "") for part, root in sheet_tables(book, location.part)
              if part != location.table_part]  # fmt: skip
    placed = [mark for mark in marks if mark.column]
    here = [
        mark for mark in placed
        if first <= mark.row <= last
        and not any(area and area.meets(Area(mark.row, mark.column, mark.row, mark.column)) for area in others)
    ]  # fmt: skip
    # Beside the same key, or one that stands there no more, they or the list have been moved. A workbook of an earlier
    # version does not say which it was.
    keys = {mark.key for mark in placed if mark.key[0]}
    same = any(
        (column == location.key_column and first <= row <= last)
        or (standing is not None and not any(at == row for at, _ in standing.cells.get(column, ())))
        for row, column in keys
    )
    if placed and not here and not same:
        names = (f"{mark.identity.header or mark.field} in {column_letters(mark.column)}{mark.row}" for mark in placed)
        refuse("another-list", "our columns of an earlier run stand beside another list of this sheet",
               "Name that list, or take them out first (write-back --remove), or give each list a sheet of its own. "
               "Nothing was changed.", where=location.where, got="; ".join(names)[:300])  # fmt: skip
    return here


def lost_note(mark: ColumnMark) -> str:
    """What to say of a column of ours that is not found where it was, nor elsewhere in its sheet."""
    name = mark.identity.header or mark.field
    if mark.elsewhere:
        return f"{name} was moved to the sheet {mark.elsewhere}: it stays there, and is yours from now on."
    return f"{name} is not where we put it any more; what stands there now is yours and was left alone."


def spared_note(cells: Sequence[str]) -> str:
    """What to say of the user's own cells in columns of ours."""
    more = f" and {len(cells) - 10:,} more" if len(cells) > 10 else ""
    one = len(cells) == 1
    return (
        f"{len(cells):,} cell{'' if one else 's'} of yours in our columns stay{'s' if one else ''} as "
        f"{'it is' if one else 'they are'}: {', '.join(cells[:10])}{more}."
    )

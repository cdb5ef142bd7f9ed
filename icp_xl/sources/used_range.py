"""The true used range of a sheet, found by streaming its XML.

A reader that lays a sheet out as a rectangle pays for every cell between the first and the last. One stray cell at
row 1,048,576, column 200 costs it 82 seconds and 8 GB. So the sheet's XML is looked at first, in blocks. The look is
quick because it knows only how nearly every program writes cells; a sheet that is written otherwise is told apart.
"""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from icp_xl.opc.archive import Archive
from icp_xl.opc.references import MAX_COLUMNS, MAX_ROWS, column_number

BLOCK = 1 << 22
#: A rectangle up to this many cells is read as it is, however sparse.
SMALL_AREA = 2_000_000
#: A larger one is read as it is when at least one cell in this many holds something.
SPARSENESS = 12
#: A region larger than this, with fewer than one cell in ``SCATTERED`` that holds something, is no table.
SCATTERED_AREA, SCATTERED = 5_000_000, 40
#: A gap of so many empty rows (or columns) divides the sheet's data from a stray cell.
ROW_GAP, COLUMN_GAP = 2_000, 40

_LAST_ROW = re.compile(rb'<(?:\w+:)?row\b[^>]*?\br="(\d+)"')
#: A cell, or a row, that does not begin with its place as nearly every program writes it. One pass over the text is
#: all that the usual sheet costs, so each pattern begins with what is found fastest.
_UNUSUAL_CELL = re.compile(rb'<c(?! r="[A-Z]{1,3}[1-9]\d{0,5}")(?=[\s/>])')
#: Nearly every log is narrow, and then this one pass tells that nothing is unusual or wide.
_NOT_NARROW = re.compile(rb'<c(?! r="[A-Z][1-9]\d{0,5}")(?=[\s/>])')
_UNUSUAL_ROW = re.compile(rb'<row(?! r="[1-9]\d{0,5}")(?=[\s/>])')
#: A place that is on no grid.
_ODD_PLACE = re.compile(rb' r="(?![A-Z]{0,3}(?:[1-9]\d{0,5}|10[0-4]\d{4})")')
_ROW = re.compile(rb"<(?:\w+:)?row(?=[\s/>])")
_TAG = re.compile(rb"<(?:\w+:)?(?:c|row)(?=[\s/>])")
#: A cell may claim a far row that its row element does not: the reader believes the cell.
_FAR = re.compile(rb' r="[A-Z]{1,9}(\d{7,})"')
_WIDE = re.compile(rb' r="([A-Z]{2,3})\d')
_CELL = re.compile(rb"""<(?:\w+:)?c\s[^>]*?\br\s*=\s*["']([A-Z]{1,3})(\d{1,7})["'][^>]*?(/?)>""")
_FORMULA = re.compile(rb"<(?:\w+:)?f[ >/]")
_VALUED_FORMULA = re.compile(rb"</(?:\w+:)?f>\s*<(?:\w+:)?v>[^<]")


@dataclass(frozen=True)
class UsedRange:
    """Rows and columns (counted from 1) that the sheet's data reaches; ``far_cell`` names a cell far outside it.

    ``scattered`` says that the cells lie so far apart that no region holds them.
    """

    rows: int
    columns: int
    far_cell: str = ""
    scattered: bool = False


@dataclass(frozen=True)
class SheetScan:
    """What a quick scan of a sheet found: where to cut it off, if at all, and whether its cells are written oddly.

    ``impossible`` says that some cell's place is on no grid; it is odd then, too.
    """

    clip: UsedRange | None = None
    odd: bool = False
    impossible: bool = False


def scan(data: bytes, part: str, see: Callable[[bytes], None] = lambda block: None) -> SheetScan:
    """Look at a sheet before a reader lays it out.

    ``clip`` is the dense region where a rectangle over everything would be far too large. ``odd`` says that the look
    cannot vouch for that: some cell's place is missing, impossible, or not written as nearly every program does.

    Args:
        data: the workbook's bytes.
        part: the sheet's path inside the package.
        see: is shown each block of the sheet's text, so that it is unpacked once.
    """
    last_row = cells = 0
    odd = impossible = False
    widest = b"Z"
    for block in _blocks(data, part):
        see(block)
        plain = block.count(b"<c ")
        cells += plain or block.count(b":c ")
        wide = not plain or _NOT_NARROW.search(block) is not None
        if not plain or (wide and _UNUSUAL_CELL.search(block)) or _UNUSUAL_ROW.search(block):
            impossible = impossible or _ODD_PLACE.search(block) is not None
            odd = odd or impossible or len(_TAG.findall(block)) != block.count(b' r="')
            last_row = max([last_row, *(int(far[:9]) for far in _FAR.findall(block))])
        if found := _LAST_ROW.findall(block, max(len(block) - 200_000, 0)) or _LAST_ROW.findall(block):
            last_row = max(last_row, max(map(int, found)))
        for letters in set(_WIDE.findall(block)) if wide else ():
            widest = max(widest, letters, key=lambda text: (len(text), text))
    # A row number past the sheet's end makes no sense, and rows out of order may hide one in the middle of a block.
    area = min(last_row, MAX_ROWS) * column_number(widest.decode())
    if area <= SMALL_AREA or area <= cells * SPARSENESS:
        return SheetScan(odd=odd, impossible=impossible)
    return SheetScan(dense_range(data, part, unplaced=odd and not impossible))


def without_values(data: bytes, part: str) -> bool:
    """Whether a sheet has formulas of which not one carries the value that was last calculated."""
    formulas = values = 0
    for block in _blocks(data, part):
        formulas += len(_FORMULA.findall(block))
        values += len(_VALUED_FORMULA.findall(block))
    return formulas > 0 and values == 0


def dense_range(data: bytes, part: str, *, unplaced: bool = False) -> UsedRange:
    """The region that holds the sheet's data, without stray cells and without cells outside any grid.

    Args:
        unplaced: some rows and cells may say no place and count on from the one before, so leave room for them;
            ``columns`` is 0 where no cell says its place.
    """
    rows: Counter[int] = Counter()
    columns: Counter[int] = Counter()
    stray_at: dict[int, str] = {}
    tags = 0
    for block in _blocks(data, part):
        tags += len(_ROW.findall(block)) if unplaced else 0
        for letters, number, closed in _CELL.findall(block):
            if closed:
                continue
            row, column = int(number), column_number(letters.decode())
            if row > MAX_ROWS or column > MAX_COLUMNS:
                continue
            rows[row] += 1
            columns[column] += 1
            stray_at[row] = f"{letters.decode()}{row}"
    last_row, last_column = _before_gap(rows, ROW_GAP), _before_gap(columns, COLUMN_GAP)
    far = [row for row in rows if row > last_row]
    far_cell = stray_at[max(far)] if far else ""
    if not far_cell and columns and max(columns) > last_column:
        far_cell = f"column {max(columns)}"
    area = last_row * last_column
    last_row = min(last_row + tags, MAX_ROWS)
    return UsedRange(last_row, last_column, far_cell, area > SCATTERED_AREA and area > rows.total() * SCATTERED)


def _before_gap(counts: Counter[int], gap: int) -> int:
    """The last position before a gap behind which almost nothing lies."""
    total = sum(counts.values())
    seen, before = 0, 0
    for at in sorted(counts):
        if before and at - before > gap and seen > 0.9 * total:
            return before
        seen += counts[at]
        before = at
    return before


def _blocks(data: bytes, part: str) -> Iterator[bytes]:
    """The part's text in blocks that end between two tags."""
    archive = Archive.read(io.BytesIO(data), "")
    entry = next(entry for entry in archive.entries if entry.name == part)
    rest = b""
    for inflated in archive.chunks(entry):
        chunk = rest + inflated
        if len(chunk) < BLOCK:
            rest = chunk
            continue
        cut = chunk.rfind(b"<")
        rest = chunk[cut:] if cut > 0 else b""
        yield chunk[:cut] if cut > 0 else chunk
    if rest:
        yield rest

"""The rows of large tables as XML by column, some thousand rows at a time, inside a sheet that XlsxWriter makes.

XlsxWriter keeps every cell as an object until the file is closed and writes cell by cell. A :class:`RowBlock` is kept
as the columns of its frame instead; XlsxWriter leaves a mark where its rows go, and :func:`write_with_rows` puts them
there while the container is written, in memory that does not grow with the rows. Texts are inline, as in XlsxWriter's
own mode of constant memory.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import reduce
from typing import Any, BinaryIO

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from xlsxwriter.utility import xl_col_to_name, xl_range

from icp_xl.delivery.render.cell_values import FIRST_YEAR, MAX_TEXT, cached_text, column_values
from icp_xl.delivery.render.formula_sheet import LAST_MOMENT, FormulaSheet
from icp_xl.opc.archive import Archive, Content, write_archive

#: Rows from which a table is written so.
LARGE = 1000
#: Twice as many hold 10 MB more of a table of 20 columns; half as many take a fifth longer.
ROWS_AT_ONCE = 1024
#: Deflating harder makes such sheets a few percent smaller and takes three times as long.
_LEVEL = 1
_EXACT = 2**53
_ESCAPES = (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"))
#: What a cell cannot hold as it is; see :func:`cached_text`.
_ODD = r"[\x00-\x08\x0b-\x1f\x{fffe}\x{ffff}]|_x[0-9a-fA-F]{4}_"
_ERRORS = ("#DIV/0!", "#N/A", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!")
#: Stands for the number of the row in a formula that is the same in every row.
ROW_MARK = "\ue000"


@dataclass(frozen=True)
class BlockColumn:
    """One column of a block.

    Args:
        values: what its cells show.
        style: the format of its cells, and ``style_of`` that of a cell by its value where they differ.
        as_text: identifiers, which stay text.
        flag: true is shown as Yes, false not at all.
        formula: one for all rows with ``ROW_MARK`` for the row's number, or those of some rows (from, to; from 0).
        shared: its formula, which names its row, stands in the first row, and the other rows name it.
    """

    values: pd.Series[Any]
    style: Any
    style_of: Callable[[Any], Any] | None = None
    as_text: bool = False
    flag: bool = False
    formula: str | Callable[[int, int], list[str]] | None = None
    shared: bool = False

    def formats(self) -> list[Any]:
        """The formats that its cells have."""
        return [self.style] if self.style_of is None else list(dict.fromkeys(map(self.style_of, self.values)))


@dataclass
class RowBlock:
    """Rows of a sheet that one table fills; rows and columns count from 0, ``heights`` are pixels by row."""

    first_row: int
    first_column: int
    columns: Sequence[BlockColumn]
    heights: Mapping[int, int] = field(default_factory=dict)
    mark: str = ""
    serial: Callable[[datetime], float] = lambda moment: 0.0
    date_1904: bool = False

    @property
    def last_row(self) -> int:
        """Its last row."""
        return self.first_row + len(self.columns[0].values) - 1

    def xml(self) -> Iterator[bytes]:
        """The rows as XML, in pieces."""
        for start in range(0, self.last_row - self.first_row + 1, ROWS_AT_ONCE):
            stop = min(start + ROWS_AT_ONCE, self.last_row - self.first_row + 1)
            first = self.first_row + start
            rows = pa.array(np.arange(first + 1, self.first_row + stop + 1)).cast(pa.string())
            heights: Any = ""
            if not self.heights.keys().isdisjoint(range(first, self.first_row + stop)):
                heights = pa.array([self._height(row) for row in range(first, self.first_row + stop)])
            pieces = ['<row r="', rows, '"', heights, ">"]
            for at, column in enumerate(self.columns, self.first_column):
                part = column.values.iloc[start:stop]
                if column.style_of is None:
                    style: Any = str(column.style._get_xf_index())
                else:
                    style = pa.array([str(column.style_of(value)._get_xf_index()) for value in part])
                formula = None if column.formula is None else _formulas(column.formula, start, stop, rows)
                if formula is not None:
                    formula = self._shared(at, formula, start) if column.shared else _join("<f>", formula, "</f>")
                tail = _tail(*self._shown(column, part), formula)
                pieces += [f'<c r="{xl_col_to_name(at)}', rows, '" s="', style, tail]
            joined = pc.binary_join_element_wise(*pieces, "</row>", "")
            offsets = np.frombuffer(joined.buffers()[1], dtype=np.int32)
            yield joined.buffers()[2].to_pybytes()[: int(offsets[len(joined)])]

    def _shared(self, column: int, formulas: pa.Array, start: int) -> Any:
        """Formula elements of a column by the number of the column, which no other block of its sheet shares too."""
        named = f'<f t="shared" si="{column}"/>'
        if start:
            return named
        text, cells = formulas[0].as_py(), xl_range(self.first_row, column, self.last_row, column)
        # What Excel's shared formulas must not hold ([MS-XLSB] 2.5.98.98): a sheet's name, an array or an error.
        if not {"!", "{", "#"}.isdisjoint(text):
            raise ValueError(f"a shared formula names cells of its own sheet and defined names only, not {text}")
        first = f'<f t="shared" ref="{cells}" si="{column}">{text}</f>'
        return pa.array([first, *[named] * (len(formulas) - 1)])

    def _height(self, row: int) -> str:
        pixels = self.heights.get(row)
        return "" if pixels is None else f' ht="{pixels * 0.75:.16g}" customHeight="1"'

    def _shown(self, column: BlockColumn, part: pd.Series[Any]) -> tuple[pa.Array | None, pa.Array | None]:
        """The numbers and the texts of some rows, as XML; where both are absent, a cell is blank."""
        kind = part.dtype.kind if isinstance(part.dtype, np.dtype) else ""
        if kind == "f" and not (column.as_text or column.flag):
            numbers = part.to_numpy(float)
            return pa.array(numbers, mask=~np.isfinite(numbers)).cast(pa.string()), None
        if kind in "iu" and kind and not column.flag and part.between(-_EXACT, _EXACT).all():
            found = pa.array(part.to_numpy()).cast(pa.string())
            return (None, found) if column.as_text else (found, None)
        dated = kind == "M" and not (column.as_text or column.flag)
        if dated and part.dropna().dt.year.between(FIRST_YEAR, 9999).all():
            return self._serials(part), None
        if not column.flag and pd.api.types.infer_dtype(part, skipna=True) in ("string", "empty"):
            try:
                return None, _escaped(_array(part))
            except UnicodeEncodeError:
                pass  # a lone surrogate
        values = column_values(part, as_text=column.as_text, flag=column.flag)
        texts = pa.array([value if isinstance(value, str) else None for value in values], pa.string())
        values = [self.serial(value) if isinstance(value, datetime) else value for value in values]
        shown = [None if value is None or isinstance(value, str) else repr(value) for value in values]
        return pa.array(shown, pa.string()), _escaped(texts)

    def _serials(self, part: pd.Series[Any]) -> pa.Array:
        epoch = np.datetime64("1904-01-01" if self.date_1904 else "1899-12-30", "ms")
        moments = np.minimum(part.to_numpy("datetime64[ms]"), np.datetime64(LAST_MOMENT, "ms"))
        seconds, thousandths = np.divmod((moments - epoch).astype(np.int64), 1000)
        days, rest = np.divmod(seconds, 86_400)
        return pa.array(days + (rest + thousandths / 1e3) / 86_400, mask=part.isna().to_numpy()).cast(pa.string())

    def charted(self, column: int, first: int, last: int) -> list[Any]:
        """What a chart caches of some rows of a column, as XlsxWriter tells it."""
        one = self.columns[column - self.first_column]
        part = one.values.iloc[first - self.first_row : last - self.first_row + 1]
        found = column_values(part, as_text=one.as_text, flag=one.flag)
        found = [self.serial(value) if isinstance(value, datetime) else value for value in found]
        if one.formula is not None:
            return ["" if value is None else value for value in found]
        return ["" if value is None else value if isinstance(value, str) else f"{value:.16g}" for value in found]


def _array(part: pd.Series[Any]) -> pa.Array:
    found = pa.array(part, from_pandas=True)
    if isinstance(found, pa.ChunkedArray):
        found = found.combine_chunks()
    return found.cast(pa.string())


def _escaped(texts: pa.Array) -> pa.Array:
    """Texts as XML; none where there is nothing to show."""
    texts = pc.if_else(pc.equal(texts, ""), pa.scalar(None, pa.string()), texts)
    longest = pc.max(pc.utf8_length(texts)).as_py() or 0
    if longest > MAX_TEXT // 2 or pc.any(pc.match_substring_regex(texts, _ODD)).as_py():
        texts = pa.array([None if text is None else cached_text(text) for text in texts.to_pylist()], pa.string())
    return reduce(lambda found, pair: pc.replace_substring(found, *pair), _ESCAPES, texts)


def _formulas(formula: str | Callable[[int, int], list[str]], start: int, stop: int, rows: pa.Array) -> Any:
    if callable(formula):
        return _escaped(pa.array(formula(start, stop), pa.string()))
    for plain, escaped in _ESCAPES:
        formula = formula.replace(plain, escaped)
    first, *others = formula.split(ROW_MARK)
    pieces = [first, *(piece for other in others for piece in (rows, other))]
    return _join(*pieces) if others else first


def _tail(numbers: pa.Array | None, texts: pa.Array | None, formula: Any) -> pa.Array:
    """Cells from behind their format on."""
    found = []
    if formula is None:
        if numbers is not None:
            found.append(_join('"><v>', numbers, "</v></c>"))
        if texts is not None:
            spaced = pc.any(pc.match_substring_regex(texts, r"^\s|\s$")).as_py()
            mark = ' xml:space="preserve"' if spaced else ""
            found.append(_join(f'" t="inlineStr"><is><t{mark}>', texts, "</t></is></c>"))
        return pc.coalesce(*found, '"/>')
    if numbers is not None:
        found.append(_join('">', formula, "<v>", numbers, "</v></c>"))
    if texts is not None:
        kind = pc.if_else(pc.is_in(texts, pa.array(_ERRORS)), '" t="e">', '" t="str">')
        found.append(_join(kind, formula, "<v>", texts, "</v></c>"))
    return pc.coalesce(*found, _join('">', formula, "<v></v></c>"))


def _join(*pieces: Any) -> Any:
    return pc.binary_join_element_wise(*pieces, "")


class BlockSheet(FormulaSheet):
    """XlsxWriter's worksheet with blocks among its rows, which it marks and does not write."""

    dim_rowmin: int
    dim_rowmax: int

    def __init__(self) -> None:
        super().__init__()
        self.blocks: list[RowBlock] = []

    def add_long_table(self, first_row: int, first_column: int, last_row: int, options: Mapping[str, Any]) -> int:
        """``add_table`` for any number of rows.

        XlsxWriter notes each cell of a table so as to refuse one that overlaps another, which ours cannot. So it is
        told of the first row only.

        Args:
            first_row: of the headers, counted from 0.
            first_column: likewise.
            last_row: of the data, or of the totals where there are any.
            options: as XlsxWriter's ``add_table`` takes them, with ``columns``, ``total_row`` and ``autofilter``.

        Returns:
            XlsxWriter's answer; 0 for success.
        """
        totals = int(options["total_row"])
        last_column = first_column + len(options["columns"]) - 1
        noted = first_row + 1 + totals
        code = int(self.add_table(first_row, first_column, noted, last_column, options))
        if code == 0 and last_row > noted:
            table = self.tables[-1]
            table["range"] = xl_range(first_row, first_column, last_row, last_column)
            table["a_range"] = xl_range(first_row, first_column, last_row - totals, last_column)
            if options["autofilter"]:
                table["autofilter"] = table["a_range"]
            for column in range(first_column, last_column + 1) if totals else ():
                if column in self.table[noted]:
                    self.table[last_row][column] = self.table[noted].pop(column)
        return code

    def add_block(self, block: RowBlock) -> None:
        """Take ``block`` in; no other cell stands in its rows."""
        block.mark = f'<row icp="{len(self.blocks)}"/>'
        block.serial, block.date_1904 = self._convert_date_time, bool(self.date_1904)
        self._check_dimensions(block.first_row, block.first_column)
        self._check_dimensions(block.last_row, block.first_column + len(block.columns) - 1)
        self.blocks.append(block)

    def _write_rows(self) -> None:
        first: int = self.dim_rowmin
        last: int = self.dim_rowmax
        at = first
        for block in self.blocks:
            self._write_rows_between(at, block.first_row - 1)
            for column in block.columns:
                # A format gets its number when it is first asked for it, and is only then written.
                for style in column.formats():
                    style._get_xf_index()
            self.fh.write(block.mark)
            at = block.last_row + 1
        self._write_rows_between(at, last)
        self.dim_rowmin, self.dim_rowmax = first, last

    def _write_rows_between(self, first: int, last: int) -> None:
        if first <= last:
            self.dim_rowmin, self.dim_rowmax = first, last
            super()._write_rows()

    def _get_range_data(self, row_start: int, col_start: int, row_end: int, col_end: int) -> Any:
        for block in self.blocks:
            if block.first_row <= row_start and row_end <= block.last_row:
                return block.charted(col_start, row_start, row_end)
        return super()._get_range_data(row_start, col_start, row_end, col_end)


def write_with_rows(content: bytes, blocks: Mapping[str, Sequence[RowBlock]], out: BinaryIO) -> None:
    """Write the workbook ``content`` to ``out`` with the rows of ``blocks`` (by part) where their marks stand."""
    if not blocks:
        out.write(content)
        return
    archive = Archive.read(io.BytesIO(content), "the workbook")
    write_archive(
        archive,
        [
            Content(entry.raw_name, _streamed(archive.content(entry), blocks[entry.name]), _LEVEL, 0o600)
            if entry.name in blocks
            else entry
            for entry in archive.entries
        ],
        out,
    )


def _streamed(sheet: bytes, blocks: Sequence[RowBlock]) -> Iterator[bytes]:
    for block in blocks:
        before, _, sheet = sheet.partition(block.mark.encode())
        yield before
        yield from block.xml()
    yield sheet

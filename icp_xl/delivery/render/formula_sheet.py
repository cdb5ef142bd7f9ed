"""Worksheets that look a kind of formula through once, instead of every formula of it, and write cells quickly."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from xlsxwriter.utility import xl_rowcol_to_cell_fast
from xlsxwriter.worksheet import Worksheet

#: The last moment that a cell shows as a date (ECMA-376-1, 18.17.4.1).
LAST_MOMENT = datetime(9999, 12, 31, 23, 59, 59)
_DIGITS = re.compile(r"\d+")


class _Exact(float):
    """A number that is written with 17 digits where it needs them; XlsxWriter asks for 16."""

    def __format__(self, spec: str) -> str:
        text = super().__format__(spec)
        return text if float(text) == self else repr(float(self))


class FormulaSheet(Worksheet):  # type: ignore[misc]
    """XlsxWriter's worksheet, which searches every formula for some thirty functions that need a prefix.

    A column of formulas differs in row numbers only, and no such function has a digit in its name. So formulas that are
    the same but for digits, and of which one needed nothing, need nothing; all others go the usual way.
    """

    def __init__(self) -> None:
        super().__init__()
        self._ready: set[tuple[str, bool]] = set()

    def _prepare_formula(self, formula: str, expand_future_functions: bool = False) -> str:
        kind = (_DIGITS.sub("", formula), expand_future_functions)
        bare = formula.removeprefix("=")
        if kind in self._ready:
            return bare
        prepared: Any = super()._prepare_formula(formula, expand_future_functions)
        if prepared == bare:
            self._ready.add(kind)
        return str(prepared)

    def _convert_date_time(self, moment: datetime) -> float:
        # Excel tells thousandths of a second apart; what is finer rounds up to the next day late in the calendar.
        whole = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
        return float(super()._convert_date_time(min(whole, LAST_MOMENT)))

    def _write_rows(self) -> None:
        # As XlsxWriter does, which asks of each column up to the last whether a row has a cell there.
        if self.comments:
            super()._write_rows()
            return
        self._calculate_spans()
        for row in range(self.dim_rowmin, self.dim_rowmax + 1):
            cells, info = self.table.get(row), self.row_info.get(row)
            spans = self.row_spans.get(row // 16)
            if cells:
                self._write_row(row, spans, info)
                for column in sorted(cells):
                    self._write_cell(row, column, cells[column])
                self._xml_end_tag("row")
            elif info is not None:
                self._write_empty_row(row, spans, info)

    def _calculate_spans(self) -> None:
        if self.comments:
            super()._calculate_spans()
            return
        spans: dict[int, tuple[int, int]] = {}
        for row in range(self.dim_rowmin, self.dim_rowmax + 1):
            if cells := self.table.get(row):
                first, last = spans.get(row // 16, (min(cells), max(cells)))
                spans[row // 16] = min(first, *cells), max(last, *cells)
        self.row_spans = {block: f"{first + 1}:{last + 1}" for block, (first, last) in spans.items()}

    def _xml_number_element(self, number: float, attributes: Any = ()) -> None:
        super()._xml_number_element(_Exact(number), attributes)

    def _write_cell(self, row: int, col: int, cell: Any) -> None:
        # As XlsxWriter does, which looks through each attribute of a cell for what must be escaped; these need none.
        kind = type(cell).__name__
        if kind not in ("Number", "Datetime", "String", "Blank") or not cell.format:
            super()._write_cell(row, col, cell)
            return
        start = f'<c r="{xl_rowcol_to_cell_fast(row, col)}" s="{cell.format._get_xf_index()}"'
        if kind == "Blank":
            self.fh.write(f"{start}/>")
        elif kind == "String":
            self.fh.write(f'{start} t="s"><v>{cell.string}</v></c>')
        else:
            self.fh.write(f"{start}><v>{_Exact(cell.number):.16G}</v></c>")

"""A second spreadsheet engine besides LibreOffice: IronCalc, which knows LAMBDA, LET and MAKEARRAY itself."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from lxml import etree
from xlsxwriter.utility import xl_cell_to_rowcol, xl_rowcol_to_cell

from tests.support.office import Recalculated


def array_formulas(path: Path) -> Iterator[tuple[int, str, str]]:
    """The array formulas of a workbook: the sheet's number from 0, the cells, the formula."""
    with zipfile.ZipFile(path) as package:
        for name in package.namelist():
            if found := re.fullmatch(r"xl/worksheets/sheet(\d+)\.xml", name):
                for element in etree.fromstring(package.read(name)).iter("{*}f"):
                    if element.get("t") == "array":
                        yield int(found[1]) - 1, element.get("ref"), element.text


class SecondEngine:
    """A workbook loaded from its file, with a sheet of the test's own."""

    def __init__(self, path: Path) -> None:
        ironcalc = pytest.importorskip("ironcalc", reason="ironcalc, the second engine, is not installed")
        self.model = ironcalc.load_from_xlsx(str(path), "en", "UTC", "en")
        self.sheets = [each["name"] for each in self.model.get_worksheets_properties()]
        # It reads an array over several cells as the numbers that stand there.
        for sheet, area, formula in array_formulas(path):
            first, _, last = area.partition(":")
            (top, left), (end, right) = xl_cell_to_rowcol(first), xl_cell_to_rowcol(last or first)
            self.model.range_clear_contents(sheet, top + 1, left + 1, end + 1, right + 1)
            self.model.set_user_array_formula(sheet, top + 1, left + 1, right - left + 1, end - top + 1, f"={formula}")
        self.model.new_sheet()
        self.own = len(self.sheets)

    def put(self, row: int, column: int, value: Any) -> None:
        """A value into a cell of the own sheet, counted from 1; ``None`` and NaN leave it blank."""
        self._set(self.own, row, column, value)

    def set(self, sheet: str, cell: str, value: Any) -> None:
        """A value into a cell of the workbook."""
        row, column = xl_cell_to_rowcol(cell)
        self._set(self.sheets.index(sheet), row + 1, column + 1, value)

    def _set(self, sheet: int, row: int, column: int, value: Any) -> None:
        if value is None or value != value:
            return
        if isinstance(value, bool):
            self.model.update_cell_with_bool(sheet, row, column, value)
        elif isinstance(value, str) and value.startswith("#"):
            self.model.set_user_input(sheet, row, column, value)
        elif isinstance(value, str):
            self.model.update_cell_with_text(sheet, row, column, value)
        else:
            self.model.update_cell_with_number(sheet, row, column, float(value))

    def ask(self, formulas: Mapping[int, str], rows: int = 1, first: int = 1) -> dict[int, list[Any]]:
        """Type each formula into its column of the own sheet, and read what it spills over so many rows."""
        for column, formula in formulas.items():
            self.model.set_user_input(self.own, first, column, formula)
        self.model.evaluate()
        return {column: [self.get(first + i, column) for i in range(rows)] for column in formulas}

    def get(self, row: int, column: int) -> Any:
        """What a cell of the own sheet shows."""
        return self.model.get_cell_value(self.own, row, column)

    def recalculated(self) -> Recalculated:
        """Every cell of the workbook as it is now."""
        values: dict[str, dict[str, Any]] = {name: {} for name in self.sheets}
        for sheet, row, column in self.model.get_all_cells():
            if sheet < self.own:
                value = self.model.get_cell_value(sheet, row, column)
                values[self.sheets[sheet]][xl_rowcol_to_cell(row - 1, column - 1)] = "" if value is None else value
        return Recalculated(values)

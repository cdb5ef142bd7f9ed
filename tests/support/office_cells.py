"""Cells of the stand-in: what they hold, show, refuse and pass on."""

from __future__ import annotations

import copy
import datetime as dt
from decimal import Decimal
from types import SimpleNamespace
from typing import TYPE_CHECKING

from openpyxl.formatting.rule import FormulaRule
from openpyxl.formula.translate import Translator
from openpyxl.styles.numbers import is_date_format
from openpyxl.utils import get_column_letter, range_boundaries
from openpyxl.utils.datetime import from_excel
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.formula import ArrayFormula
from xlwings import base_classes

from tests.support.office_rules import ERROR_VALUES, MAX_FORMULA1, MAX_TEXT, ExcelError, check_formula, is_currency

if TYPE_CHECKING:
    from tests.support.office_sheets import Sheet


class Range(base_classes.Range):
    max_cells_per_read = max_cells_per_write = None

    def __init__(self, sheet: Sheet, row: int, column: int, height: int = 1, width: int = 1) -> None:
        self._sheet, self._row, self._column, self._height, self._width = sheet, row, column, height, width

    sheet = property(lambda self: self._sheet)
    row = property(lambda self: self._row)
    column = property(lambda self: self._column)
    shape = property(lambda self: (self._height, self._width))
    coords = property(lambda self: (self._sheet, self._row, self._column, self._height, self._width))
    api = property(lambda self: CellApi(self))
    first = property(lambda self: self._sheet.ws.cell(self._row, self._column))
    font = property(lambda self: Font(self))
    address = property(lambda self: self.get_address(True, True, False))
    options = address_of = None

    def __len__(self):
        return self._height * self._width

    def __call__(self, arg1, arg2=None):
        if arg2 is None:
            arg1, arg2 = (n + 1 for n in divmod(arg1 - 1, self._width))
        return Range(self._sheet, self._row + arg1 - 1, self._column + arg2 - 1)

    def each(self):
        ws = self._sheet.ws
        for row in range(self._row, self._row + self._height):
            for column in range(self._column, self._column + self._width):
                yield ws.cell(row, column)

    def _read(self, row, column):
        ws = self._sheet.ws
        if (ws.title, row, column) in self._sheet.book.computed:
            return self._sheet.book.computed[ws.title, row, column]
        cell = ws._cells.get((row, column))
        value = None if cell is None else cell.value
        if isinstance(value, str) and value.startswith("=") and cell.data_type == "f":
            values = self._sheet.book.values
            known = values[ws.title]._cells.get((row, column)) if values and ws.title in values.sheetnames else None
            value = None if known is None else known.value
            if value is None and cell.value == '=""':
                value = ""
        if isinstance(value, str) and value in ERROR_VALUES:
            return ERROR_VALUES[value]
        if type(value) is dt.date:
            return dt.datetime.combine(value, dt.time())
        if isinstance(value, dt.time):
            return dt.datetime.combine(dt.date(1899, 12, 30), value)
        if isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if isinstance(value, float) and is_date_format(cell.number_format):
            return from_excel(value)
        if isinstance(value, float) and is_currency(cell.number_format):
            return Decimal(f"{value:.4f}")
        return value

    @property
    def raw_value(self):
        rows = tuple(
            tuple(self._read(row, column) for column in range(self._column, self._column + self._width))
            for row in range(self._row, self._row + self._height)
        )
        return rows[0][0] if self.shape == (1, 1) else rows

    @raw_value.setter
    def raw_value(self, data):
        if not isinstance(data, list | tuple):
            data = [[data] * self._width] * self._height
        self._check_writable()
        self._forget()
        for i, line in enumerate(data):
            for j, value in enumerate(line):
                self._write(self._sheet.ws.cell(self._row + i, self._column + j), value)

    def _forget(self):
        book, title = self._sheet.book, self._sheet.ws.title
        for row in range(self._row, self._row + self._height):
            for column in range(self._column, self._column + self._width):
                book.computed.pop((title, row, column), None)
                book.formulas.pop((title, row, column), None)

    def _compute(self, formula, dynamic):
        calculator = self._sheet.book.app.calculator
        if calculator is not None:
            for cell in self.each():
                place = (self._sheet.ws.title, cell.row, cell.column)
                self._sheet.book.formulas[place] = (formula, dynamic)
                calculator.compute(self._sheet.book, place)

    @property
    def formula2(self):
        return self.formula

    @formula2.setter
    def formula2(self, value):
        self._check_writable()
        check_formula(value)
        self._forget()
        for cell in self.each():
            # A formula that may spill is an array formula of its anchor in the file.
            cell.value = ArrayFormula(cell.coordinate, value)
        self._compute(value, True)

    @property
    def formula_array(self):
        for cell in list(self._sheet.ws._cells.values()):
            if isinstance(cell.value, ArrayFormula):
                left, top, right, bottom = range_boundaries(cell.value.ref)
                if left <= self._column <= right and top <= self._row <= bottom:
                    return cell.value.text
        return None

    @formula_array.setter
    def formula_array(self, value):
        if len(value) > MAX_FORMULA1:
            raise ExcelError("an array formula is set with 255 characters at most")
        self._check_writable()
        self._forget()
        self.first.value = ArrayFormula(self.get_address(False, False, False), value)

    @property
    def row_hidden(self):
        return all(self._sheet.ws.row_dimensions[self._row + i].hidden for i in range(self._height))

    @row_hidden.setter
    def row_hidden(self, value):
        for i in range(self._height):
            self._sheet.ws.row_dimensions[self._row + i].hidden = value

    def _check_writable(self):
        ws, app = self._sheet.ws, self._sheet.book.app
        if app.calculating:
            raise ExcelError("a function may not change cells")
        if app.enable_events:
            app.heard.append((ws.title, self.address))
        if ws.protection.sheet:
            raise ExcelError("the sheet is protected")
        right, bottom = self._column + self._width - 1, self._row + self._height - 1
        for cell in list(ws._cells.values()):
            area = getattr(cell.value, "ref", None)
            if area is None:
                continue
            left, top, end, low = range_boundaries(area)
            inside = left <= right and end >= self._column and top <= bottom and low >= self._row
            whole = self._column <= left and right >= end and self._row <= top and bottom >= low
            if inside and not whole:
                raise ExcelError("you can't change part of an array")
        self._sheet.book.saved = False

    @staticmethod
    def _write(cell, value):
        """As Excel takes a value that is written to it: '=' makes a formula, a leading apostrophe text."""
        if isinstance(value, str) and len(value) > MAX_TEXT:
            raise ExcelError("a cell holds 32,767 characters")
        if isinstance(value, Decimal):
            value = float(round(value, 2))
            cell.number_format = '"$"#,##0.00'
        if cell.number_format == "@" and isinstance(value, int | float) and not isinstance(value, bool):
            value = repr(value)
        if isinstance(value, str) and value.startswith("'"):
            cell.value = value[1:]
            cell.data_type = "s"
            cell.quotePrefix = True
        else:
            cell.value = None if value == "" else value

    @property
    def formula(self):
        ws = self._sheet.ws
        rows = []
        for row in range(self._row, self._row + self._height):
            line = []
            for column in range(self._column, self._column + self._width):
                cell = ws._cells.get((row, column))
                value = None if cell is None else cell.value
                if value is None:
                    value = Range(self._sheet, row, column).formula_array
                line.append("" if value is None else getattr(value, "text", value))
            rows.append(tuple(line))
        return rows[0][0] if self.shape == (1, 1) else tuple(rows)

    @formula.setter
    def formula(self, value):
        self._check_writable()
        if isinstance(value, str) and value.startswith("="):
            check_formula(value)
            self._forget()
            for cell in self.each():
                cell.value = Translator(value, self.first.coordinate).translate_formula(cell.coordinate)
            self._compute(value, False)
        else:
            self.raw_value = value

    def select(self):
        book = self._sheet.book
        book.activate()
        self._sheet.activate()
        book.app.selected = self

    def get_address(self, row_absolute, col_absolute, external):
        def corner(row, column):
            return f"{'$' * col_absolute}{get_column_letter(column)}{'$' * row_absolute}{row}"

        text = corner(self._row, self._column)
        if len(self) > 1:
            text += ":" + corner(self._row + self._height - 1, self._column + self._width - 1)
        return f"[{self._sheet.book.name}]{self._sheet.name}!{text}" if external else text

    @property
    def number_format(self):
        return self.first.number_format

    @number_format.setter
    def number_format(self, value):
        for cell in self.each():
            cell.number_format = value

    @property
    def column_width(self):
        return self._sheet.ws.column_dimensions[get_column_letter(self._column)].width

    @column_width.setter
    def column_width(self, value):
        if value > 255:
            raise ExcelError("a column is 255 characters wide at most")
        for column in range(self._column, self._column + self._width):
            self._sheet.ws.column_dimensions[get_column_letter(column)].width = value


class CellApi:
    """What of COM's Range is asked for beyond xlwings' own words; everything else is the sheet's."""

    def __init__(self, area: Range) -> None:
        self._area, self._ws = area, area.sheet.ws
        self.Validation = SimpleNamespace(Add=self._validate)
        for rule in self._ws.data_validations.dataValidation:
            if area.first.coordinate in rule.sqref:
                self.Validation.Formula1 = f"={rule.formula1}"

    def __getattr__(self, name):
        return getattr(self._ws, name)

    def _validate(self, kind, alert, operator, formula):
        if len(formula) > MAX_FORMULA1:
            raise ExcelError("a validation's formula holds 255 characters")
        rule = DataValidation("list", formula1=formula.lstrip("="))
        rule.add(self._area.first.coordinate)
        self._ws.add_data_validation(rule)

    @property
    def FormatConditions(self):
        return Conditions(self._area)


class Conditions:
    """COM's FormatConditions of one area."""

    def __init__(self, area: Range) -> None:
        self.ws, self.cell = area.sheet.ws, area.first.coordinate

    def Add(self, kind, operator, formula):
        self.ws.conditional_formatting.add(self.cell, FormulaRule(formula=[formula.lstrip("=")]))

    def __call__(self, number):
        found = [rules for rules in self.ws.conditional_formatting if self.cell in rules.sqref]
        return SimpleNamespace(Formula1=f"={found[number - 1].rules[0].formula[0]}")


class Font(base_classes.Font):
    def __init__(self, area: Range) -> None:
        self.area = area

    @property
    def bold(self):
        return bool(self.area.first.font.bold)

    @bold.setter
    def bold(self, value):
        for cell in self.area.each():
            font = copy.copy(cell.font)
            font.bold = value
            cell.font = font

"""An xlwings engine over openpyxl: macros run on a file through xlwings' own object model, without Excel.

It knows what the macros use and nothing else; an unknown member raises, as xlwings' base classes do. Values pass
through the element converters of xlwings' Windows engine, taken from its source, so that a blank, a date or an error
arrives as it does from Excel. The add-in's own VBA (``IcpHost``) is stood in for by :class:`HostMacros`.

Where Excel refuses, this refuses (:class:`ExcelError`): ``tests/excel/test_excel_rules.py`` has each rule with its
source.
"""

from __future__ import annotations

import ast
import copy
import datetime as dt
import functools
import importlib.util
import io
import itertools
import os
import re
import threading
import warnings
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import openpyxl
import pandas as pd
import xlwings as xw
from openpyxl.chart import BarChart, Reference
from openpyxl.formatting.rule import FormulaRule
from openpyxl.formula.translate import Translator
from openpyxl.styles.numbers import is_date_format
from openpyxl.utils import get_column_letter, range_boundaries
from openpyxl.utils.datetime import from_excel
from openpyxl.workbook.defined_name import DefinedName
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.formula import ArrayFormula
from openpyxl.worksheet.table import Table as XlTable
from openpyxl.worksheet.table import TableColumn
from xlwings import base_classes

from icp_xl.excel.cells import ERROR_NUMBERS

MAX_ROWS, MAX_COLUMNS = 1_048_576, 16_384
#: Characters of a path, of a cell, of a formula, and of one that goes into FormulaArray or a validation.
MAX_PATH, MAX_TEXT, MAX_FORMULA, MAX_FORMULA1 = 218, 32_767, 8_192, 255


class ExcelError(Exception):
    """Run-time error 1004: Excel refuses."""


def windows_converters() -> dict[str, Any]:
    """``Engine`` and its helpers as they stand in ``xlwings/_xlwindows.py``, which cannot be imported elsewhere."""
    spec = importlib.util.find_spec("xlwings")
    assert spec is not None and spec.origin is not None
    source = Path(spec.origin).with_name("_xlwindows.py").read_text(encoding="utf-8")
    names = {"cell_errors", "_clean_value_data_element", "Engine"}
    kept = [
        node
        for node in ast.parse(source).body
        if getattr(node, "name", None) in names
        or (isinstance(node, ast.Assign) and getattr(node.targets[0], "id", None) in names)
    ]
    space: dict[str, Any] = {
        "pd": pd,
        "np": np,
        "time_types": (dt.date, dt.datetime),
        "_com_time_to_datetime": lambda value, build: build(
            **{name: getattr(value, name, 0) for name in ("year", "month", "day", "hour", "minute", "second")},
            microsecond=0,
            tzinfo=None,
        ),
        "_datetime_to_com_time": lambda value: value,
        "Apps": lambda: None,
    }
    exec(compile(ast.Module(kept, []), "_xlwindows.py", "exec"), space)
    return space


_WINDOWS = windows_converters()
#: Text of every Excel error to the number that COM hands over; xlwings knows the first seven.
ERROR_VALUES = {text: -2146828288 + number for number, text in ERROR_NUMBERS.items()}
assert {text: code for code, text in _WINDOWS["cell_errors"].items()}.items() <= ERROR_VALUES.items()


class Engine(_WINDOWS["Engine"]):  # type: ignore[misc]
    """The Windows engine's conversions over workbooks in memory."""

    def __init__(self, name: str) -> None:
        self._own_name = name
        self._own_apps = Apps(self)

    name = property(lambda self: self._own_name)
    type = property(lambda self: "desktop")
    apps = property(lambda self: self._own_apps)


class Apps(base_classes.Apps):
    def __init__(self, engine: Engine) -> None:
        self.engine, self.all = engine, []

    def keys(self):
        return [app.pid for app in self.all]

    def add(self, spec=None, add_book=None, xl=None, visible=None):
        app = App(self)
        self.all.insert(0, app)
        return app

    def __iter__(self):
        return iter(list(self.all))

    def __len__(self):
        return len(self.all)

    def __getitem__(self, pid):
        return next(app for app in self.all if app.pid == pid)


class App(base_classes.App):
    _pids = itertools.count(90001)
    screen_updating = display_alerts = enable_events = interactive = visible = True
    calculation, version = "automatic", "16.0"
    #: Computes cells with our functions, and what is so when somebody looks at the status bar: see calculation.py.
    calculator: Any = None
    timers: Any = None
    _told: Any = False

    def __init__(self, apps: Apps) -> None:
        self.apps, self.engine = apps, apps.engine
        self._pid = next(self._pids)
        self._books = Books(self)
        self.alerts: list[str] = []
        self.answer = "ok"
        self.selected: Range | None = None
        self.macros: dict[str, Any] = HostMacros(self).table()
        #: Cells of whose change the user's own macros would be told; whether a function is at work.
        self.heard: list[tuple[str, str]] = []
        self.calculating = False
        #: Set when its process is ended. With ``modal`` a message waits for somebody to press its button.
        self.gone, self.modal, self.shown = threading.Event(), False, ""
        signs = {1: 1, 2: 1, 3: ".", 4: ",", 5: ","}
        self._api = SimpleNamespace(International=signs.get, Build=0, ReferenceStyle=1, ActiveWindow=Window(self))

    pid = property(lambda self: self._pid)
    api = property(lambda self: self._api)

    @property
    def books(self):
        if self.gone.is_set():
            raise ExcelError("the RPC server is unavailable")
        return self._books

    @property
    def status_bar(self):
        # Excel comes to its timers (Application.OnTime) when it is idle, such as between two calls.
        if self.timers is not None:
            self.timers()
        return self._told

    @status_bar.setter
    def status_bar(self, value):
        self._told = value

    def activate(self, steal_focus=False):
        pass

    def calculate(self):
        if self.calculator is not None:
            self.calculator.recalculate(self)

    def run(self, macro, args):
        return self.macros[re.split(r"[!.]", macro)[-1]](*args)

    def alert(self, prompt, title, buttons, mode, callback):
        self.alerts.append(prompt)
        if self.modal:
            self.shown = prompt
            self.gone.wait(60)
            raise ExcelError("the RPC server is unavailable")
        return self.answer

    @property
    def selection(self):
        if self.selected is None:
            raise ExcelError("no cells are selected")
        return self.selected

    def quit(self):
        self.gone.set()
        if self in self.apps.all:
            self.apps.all.remove(self)

    kill = quit


class Window:
    """The active workbook's window; its size in points, a file's in twentieths of one."""

    def __init__(self, app: App) -> None:
        self.app = app

    def _view(self) -> Any:
        return self.app.books.active.wb.views[0]

    Width = property(lambda self: (self._view().windowWidth or 20_000) / 20)
    Height = property(lambda self: (self._view().windowHeight or 10_000) / 20)


class Books(base_classes.Books):
    def __init__(self, app: App) -> None:
        self.app, self.all = app, []

    active = property(lambda self: self.all[0])

    def __call__(self, key):
        if isinstance(key, int):
            return self.all[key - 1]
        for book in self.all:
            if book.name.lower() == str(key).lower():
                return book
        raise KeyError(key)

    def __len__(self):
        return len(self.all)

    def __iter__(self):
        return iter(list(self.all))

    def add(self):
        wb = openpyxl.Workbook()
        wb.worksheets[0].title = "Sheet1"
        book = Book(self, wb, f"Book{len(self.all) + 1}", None, None)
        self.all.insert(0, book)
        return book

    def open(self, fullname, *args, **kwargs):
        path = os.path.abspath(os.fspath(fullname))
        if len(path) > MAX_PATH:
            raise ExcelError("the path is too long")
        for book in self.all:
            if book._path is not None and book._path.lower() == path.lower():
                book.activate()
                return book
            if book.name.lower() == os.path.basename(path).lower():
                raise ExcelError("a workbook of this name is open already")
        with warnings.catch_warnings():
            # openpyxl tells of extensions that it drops, such as sparklines; no macro looks at them.
            warnings.simplefilter("ignore", UserWarning)
            wb = openpyxl.load_workbook(path)
        book = Book(self, wb, os.path.basename(path), path, Path(path).read_bytes())
        book.read_only = len(args) > 1 and bool(args[1])
        self.all.insert(0, book)
        return book


class Book(base_classes.Book):
    #: What has not changed is saved as it was in the file, with what openpyxl does not know: dynamic arrays, say.
    as_in_file = False

    def __init__(self, books: Books, wb: Any, name: str, path: str | None, content: bytes | None) -> None:
        self.books, self.wb, self._name, self._path, self._content = books, wb, name, path, content
        self.saved, self.read_only, self.shared, self.has_password, self.protected = True, False, False, False, False
        self.url = ""
        #: By sheet, row and column: values that were computed here, and the formulas that gave them.
        self.computed: dict[tuple[str, int, int], Any] = {}
        self.formulas: dict[tuple[str, int, int], tuple[str, bool]] = {}
        wb.LinkSources = lambda kind: None

    name = property(lambda self: self._name)

    @functools.cached_property
    def values(self) -> Any:
        """What the formulas showed when the file was saved; read when somebody asks."""
        if self._content is None:
            return None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            return openpyxl.load_workbook(io.BytesIO(self._content), data_only=True)

    @property
    def api(self):
        # The COM object: as far as the macros use it, and the file behind it for the tests.
        self.wb.FullName = self.url or self._path or self._name
        return self.wb

    @property
    def fullname(self):
        if self.url:
            raise xw.XlwingsError("Couldn't find the local path of this workbook")
        return self._path or self._name

    app = property(lambda self: self.books.app)
    sheets = property(lambda self: Sheets(self))
    names = property(lambda self: Names(self, self.wb))

    def activate(self):
        self.books.all.remove(self)
        self.books.all.insert(0, self)

    def close(self):
        self.books.all.remove(self)

    def save(self, path=None, password=None):
        path = path or self._path or os.path.join(os.getcwd(), self._name + ".xlsx")
        if len(os.path.abspath(path)) > MAX_PATH:
            raise ExcelError("the path is too long")
        if self.read_only and os.path.abspath(path) == self._path:
            raise ExcelError("the workbook is open read-only")
        if not (self.as_in_file and self.saved and os.path.abspath(path) == self._path):
            self.wb.save(path)
        self._path, self._name, self.saved = os.path.abspath(path), os.path.basename(path), True


class Names(base_classes.Names):
    def __init__(self, book: Book, owner: Any, prefix: str = "") -> None:
        self.book, self.owner, self.prefix = book, owner, prefix

    def snapshot(self):
        return [(name, Name(self, name)) for name in list(self.owner.defined_names)]

    def __len__(self):
        return len(self.owner.defined_names)

    def __call__(self, key):
        if isinstance(key, int):
            return Name(self, list(self.owner.defined_names)[key - 1])
        if key not in self.owner.defined_names:
            raise KeyError(key)
        return Name(self, key)

    def contains(self, key):
        return key in self.owner.defined_names

    def add(self, name, refers_to):
        self.owner.defined_names[name] = DefinedName(name, attr_text=refers_to.lstrip("="))
        return Name(self, name)


class Name(base_classes.Name):
    def __init__(self, names: Names, key: str) -> None:
        self.names, self.key = names, key

    name = property(lambda self: self.names.prefix + self.key)
    refers_to = property(lambda self: "=" + self.names.owner.defined_names[self.key].attr_text)

    def delete(self):
        del self.names.owner.defined_names[self.key]


class Sheets(base_classes.Sheets):
    def __init__(self, book: Book) -> None:
        self.book, self.wb = book, book.wb

    active = property(lambda self: Sheet(self.book, self.wb.active))

    def __call__(self, key):
        if isinstance(key, int):
            return Sheet(self.book, self.wb.worksheets[key - 1])
        for ws in self.wb.worksheets:
            if ws.title.lower() == key.lower():
                return Sheet(self.book, ws)
        raise KeyError(key)

    def __len__(self):
        return len(self.wb.worksheets)

    def __iter__(self):
        return (Sheet(self.book, ws) for ws in list(self.wb.worksheets))

    def __contains__(self, key):
        return any(ws.title.lower() == str(key).lower() for ws in self.wb.worksheets)

    def add(self, before=None, after=None, name=None):
        if self.book.protected:
            raise ExcelError("the workbook's structure is protected")
        place = after.index if after else before.index - 1 if before else 0
        ws = self.wb.create_sheet(name or f"Sheet{len(self) + 1}", place)
        self.wb.active = ws
        return Sheet(self.book, ws)


class Sheet(base_classes.Sheet):
    def __init__(self, book: Book, ws: Any) -> None:
        self._book, self.ws = book, ws
        ws.Protect = lambda: setattr(ws.protection, "sheet", True)
        ws.Unprotect = lambda: setattr(ws.protection, "sheet", False)

    charts = property(lambda self: Charts(self))
    api = property(lambda self: self.ws)
    book = property(lambda self: self._book)
    index = property(lambda self: self.ws.parent.worksheets.index(self.ws) + 1)
    tables = property(lambda self: Tables(self))
    cells = property(lambda self: Range(self, 1, 1, MAX_ROWS, MAX_COLUMNS))

    @property
    def names(self):
        return Names(self._book, self.ws, f"{quoted(self.ws.title)}!")

    @property
    def name(self):
        return self.ws.title

    @name.setter
    def name(self, value):
        check_sheet_name(value)
        before, self.ws.title = self.ws.title, value
        # As Excel does: whatever pointed to the sheet follows it.
        repoint(self.ws.parent, before, quoted(value) + "!")

    @property
    def used_range(self):
        left, top, right, bottom = range_boundaries(self.ws.calculate_dimension())
        return Range(self, top, left, bottom - top + 1, right - left + 1)

    def range(self, arg1, arg2=None):
        boxes = [self._box(arg) for arg in (arg1, arg2) if arg is not None]
        top, left = min(b[0] for b in boxes), min(b[1] for b in boxes)
        bottom = max(b[0] + b[2] for b in boxes)
        right = max(b[1] + b[3] for b in boxes)
        return Range(self, top, left, bottom - top, right - left)

    def _box(self, arg):
        if isinstance(arg, Range):
            return arg.row, arg.column, *arg.shape
        if isinstance(arg, tuple):
            return (*arg, 1, 1) if len(arg) == 2 else arg
        left, top, right, bottom = range_boundaries(arg.replace("$", ""))
        left, top, right, bottom = left or 1, top or 1, right or MAX_COLUMNS, bottom or MAX_ROWS
        return top, left, bottom - top + 1, right - left + 1

    def activate(self):
        self.ws.parent.active = self.ws

    select = activate

    def delete(self):
        if len(self.ws.parent.worksheets) == 1 or self._book.protected:
            raise ExcelError("a workbook must hold a sheet")
        wb, title = self.ws.parent, self.ws.title
        wb.remove(self.ws)
        repoint(wb, title, "#REF!")


class Tables(base_classes.Tables):
    def __init__(self, sheet: Sheet) -> None:
        self.sheet = sheet

    def _all(self):
        return list(self.sheet.ws.tables.values())

    def __call__(self, key):
        found = self._all()
        if isinstance(key, int):
            return Table(self.sheet, found[key - 1])
        return Table(self.sheet, self.sheet.ws.tables[key])

    def __len__(self):
        return len(self._all())

    def __iter__(self):
        return (Table(self.sheet, table) for table in self._all())

    def __contains__(self, key):
        return key in self.sheet.ws.tables

    def add(self, source=None, name=None, **_):
        self._check(source, name)
        table = XlTable(displayName=name, ref=source.get_address(False, False, False))
        self.sheet.ws.add_table(table)
        table._initialise_columns()
        return Table(self.sheet, table)

    def _check(self, source, name):
        ws = self.sheet.ws
        if self.sheet.book.shared:
            raise ExcelError("no table is made in a shared workbook")
        taken = {known.lower() for other in ws.parent.worksheets for known in (*other.tables, *other.defined_names)}
        taken |= {known.lower() for known in ws.parent.defined_names}
        bad = not re.fullmatch(r"[A-Za-z_\\][\w.\\]{0,254}", name) or name.lower() in ("c", "r")
        if bad or name.lower() in taken or re.fullmatch(r"[A-Za-z]{1,3}[1-9]\d{0,6}", name):
            raise ExcelError(f"{name} is no name for a table")
        left, top, right, bottom = range_boundaries(source.get_address(False, False, False))
        headers = [ws.cell(top, column).value for column in range(left, right + 1)]
        texts = [str(header).lower() for header in headers if isinstance(header, str) and len(header) <= 255]
        if len(set(texts)) < len(headers) or any(text.startswith("=") for text in texts):
            raise ExcelError("headers of a table are texts that differ")
        for area in [table.ref for table in ws.tables.values()] + [str(area) for area in ws.merged_cells.ranges]:
            one, two, three, four = range_boundaries(area)
            if one <= right and three >= left and two <= bottom and four >= top:
                raise ExcelError("a table may not touch another, nor merged cells")


class Table(base_classes.Table):
    def __init__(self, sheet: Sheet, table: Any) -> None:
        self.sheet, self.table = sheet, table

    api = property(lambda self: self.table)
    range = property(lambda self: self.sheet.range(self.table.ref))

    @property
    def data_body_range(self):
        area = self.range
        return Range(self.sheet, area.row + 1, area.column, area.shape[0] - 1, area.shape[1])

    @property
    def name(self):
        return self.table.displayName

    @name.setter
    def name(self, value):
        ws = self.sheet.ws
        if any(value.lower() == name.lower() for other in ws.parent.worksheets for name in other.tables):
            raise RuntimeError(f"a table of the name {value} exists")
        del ws.tables[self.table.displayName]
        self.table.displayName = self.table.name = value
        ws.add_table(self.table)

    def resize(self, area):
        if self.sheet.book.shared:
            raise ExcelError("no table grows in a shared workbook")
        left, top, right, _ = range_boundaries(area.get_address(False, False, False))
        self.table.ref = area.get_address(False, False, False)
        if self.table.autoFilter is not None:
            self.table.autoFilter.ref = self.table.ref
        self.table.tableColumns = [
            TableColumn(id=i, name=str(self.sheet.ws.cell(top, column).value))
            for i, column in enumerate(range(left, right + 1), 1)
        ]


class Charts(base_classes.Charts):
    def __init__(self, sheet: Sheet) -> None:
        self.sheet = sheet

    def __len__(self):
        return len(self.sheet.ws._charts)

    def __call__(self, key):
        return Chart(self.sheet.ws._charts[key - 1])

    def add(self, *place, **wishes):
        self.sheet.ws.add_chart(BarChart(), "J20")
        return self(len(self))


class Chart(base_classes.Chart):
    def __init__(self, chart: Any) -> None:
        self.chart = chart

    @property
    def api(self):
        def series(number):
            return SimpleNamespace(Formula=f"=SERIES(,,{self.chart.series[number - 1].val.numRef.f},{number})")

        return None, SimpleNamespace(SeriesCollection=series)

    def set_source_data(self, source, plot_by=None):
        first, last = source.column, source.column + source.shape[1] - 1
        bottom = source.row + source.shape[0] - 1
        self.chart.add_data(Reference(source.sheet.ws, min_col=last, max_col=max(first, last), min_row=source.row,
                                      max_row=bottom), titles_from_data=True)  # fmt: skip


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


def is_currency(number_format: str) -> bool:
    """Whether COM hands a cell of this format over as currency (VT_CY)."""
    return any(sign in number_format for sign in ("$", "\u20ac", "\u00a3", "_(", "_-"))


def check_formula(text: str) -> None:
    """Refuse a formula that is too long, or holds a text that is."""
    if len(text) > MAX_FORMULA or any(len(part) > MAX_FORMULA1 for part in re.findall(r'"((?:[^"]|"")*)"', text)):
        raise ExcelError("a formula holds 8,192 characters, and a text in it 255")


def check_sheet_name(name: str) -> None:
    """Refuse what Excel refuses as a name of a sheet."""
    units = len(name.encode("utf-16-le")) // 2
    if not 1 <= units <= 31 or re.search(r"[\[\]:*?/\\]", name) or name[0] == "'" or name[-1] == "'":
        raise ExcelError("this is no name for a sheet")
    if name.lower() == "history":
        raise ExcelError("History is a name that Excel keeps for itself")


def quoted(name: str) -> str:
    """A sheet's name as formulas write it."""
    return name if re.fullmatch(r"[A-Za-z_][\w.]*", name) else "'" + name.replace("'", "''") + "'"


def repoint(wb: Any, sheet: str, new: str) -> None:
    """Let every formula and name of the workbook that points to ``sheet`` point to ``new`` instead."""
    old = re.compile(re.escape("'" + sheet.replace("'", "''") + "'!") + r"|(?<![\w'\]])" + re.escape(sheet) + "!")
    for ws in wb.worksheets:
        for cell in list(ws._cells.values()):
            if cell.data_type == "f" and isinstance(cell.value, str):
                cell.value = old.sub(lambda _: new, cell.value)
        for name in ws.defined_names.values():
            name.attr_text = old.sub(lambda _: new, name.attr_text)
    for name in wb.defined_names.values():
        name.attr_text = old.sub(lambda _: new, name.attr_text)
    for ws in wb.worksheets:
        for rule in ws.data_validations.dataValidation:
            rule.formula1 = rule.formula1 and old.sub(lambda _: new, rule.formula1)
        for area in ws.conditional_formatting:
            for rule in area.rules:
                rule.formula = [old.sub(lambda _: new, text) for text in rule.formula]
        for chart in ws._charts:
            for series in chart.series:
                series.val.numRef.f = old.sub(lambda _: new, series.val.numRef.f)


class HostMacros:
    """What ``IcpHost.bas`` does, by Excel's rules. ``answer`` is the file that a user picks; ``calls`` are counted."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.answer = ""
        self.calls: list[str] = []
        self.fail: set[str] = set()

    def table(self) -> dict[str, Any]:
        names = ("IcpSaveCopy", "IcpStateOfBook", "IcpRememberJobs", "IcpAskFile", "IcpRecalculate")
        self.methods = {name: getattr(self, name) for name in names}
        return {name: self._counted(name) for name in names} | {"host": self}

    def _counted(self, name):
        def call(*args):
            self.calls.append(name)
            if name in self.fail:
                raise RuntimeError("Excel is busy")
            return self.methods[name](*args)

        return call

    def IcpSaveCopy(self, book, path):
        found = self.app.books(book)
        found.wb.save(path)
        if found.has_password:
            # The copy is encrypted as the workbook is: a compound file, which nothing but Excel opens.
            Path(path).write_bytes(bytes.fromhex("d0cf11e0a1b11ae1") + bytes(504))
        return True

    def IcpAskFile(self, prompt):
        return self.answer

    def IcpRecalculate(self):
        if self.app.calculator is not None:
            self.app.calculator.dirty(self.app)
        return True

    def IcpStateOfBook(self, book, sheet):
        found = self.app.books(book)
        state = {
            "unsaved": not found.saved, "new": found._path is None and not found.url, "readonly": found.read_only,
            "structure": found.protected, "shared": found.shared, "password": found.has_password,
        }  # fmt: skip
        if sheet:
            ws = found.sheets(sheet).ws
            state["contents"] = bool(ws.protection.sheet)
            state["filtered"] = any(dimension.hidden for dimension in ws.row_dimensions.values())
        return "".join(f"{name}|" for name, is_so in state.items() if is_so)

    def IcpRememberJobs(self, book, name, jobs):
        names = self.app.books(book).wb.defined_names
        names.pop(name, None)
        if jobs:
            names[name] = DefinedName(name, attr_text=f'"{jobs}"', hidden=True)
        return True


def register() -> Any:
    """The engine, also under the name by which function arguments are converted."""
    if "openpyxl" not in xw.engines.engines_by_name:
        xw.engines.add(xw.Engine(impl=Engine("openpyxl")))
    engine = xw.engines["openpyxl"]
    xw.engines.engines_by_name.setdefault("excel", engine)
    engine.activate()
    return engine


def new_app() -> xw.App:
    """A fresh application without a workbook."""
    engine = register()
    return xw.App(impl=engine.impl.apps.add())

"""A stand-in for the module ``xlwings`` as it is in xlwings Lite: what its documentation says, and nothing else.

It needs Python's own library only, so that it runs under Pyodide too. Each rule names its page (lite.xlwings.org).
Whatever is not documented, or is documented as missing, is an AttributeError here.
"""

import datetime as dt
import inspect
import math
import re

_ARG_OPTIONS = {"ndim", "err_to_str", "doc"}
_LETTERS = re.compile(r"[^\W\d_][\w.]{0,127}")
#: "Custom Functions", Writing error cells: these texts become errors, others stay texts.
WRITTEN_ERRORS = {"#DIV/0!", "#N/A", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!"}


class Error:
    """An error cell, as Excel hands it over."""

    def __init__(self, text):
        self.text = text


class Formula:
    """A cell with a formula, and what it shows."""

    def __init__(self, text, value):
        self.text, self.value = text, value


class Refused(Exception):
    """What Excel does not do: a write to a protected sheet ("Range.value"), a sheet in a protected workbook."""


def func(function):
    """ "Custom Functions", Basic syntax; the name must be one that Excel takes."""
    assert _LETTERS.fullmatch(function.__name__), function.__name__
    kinds = {p.kind for p in inspect.signature(function).parameters.values()}
    assert kinds <= {inspect.Parameter.POSITIONAL_OR_KEYWORD}, "no keyword-only arguments"
    assert not function.__annotations__, "a type hint would convert the argument"
    assert function.__doc__, "the function has no description"
    function.lite = {"args": getattr(function, "lite_args", {})}
    assert set(function.lite["args"]) == set(inspect.signature(function).parameters), "an argument is not described"
    return function


def arg(name, convert=None, **options):
    """ "Custom Functions", Dimension of arguments, Reading error cells, Doc strings."""
    assert convert is None and set(options) <= _ARG_OPTIONS and options.get("doc"), options

    def inner(function):
        assert name in inspect.signature(function).parameters, f"Invalid argument name '{name}'."
        function.lite_args = {**getattr(function, "lite_args", {}), name: options}
        return function

    return inner


def script(function):
    """ "Scripts", Basic syntax: an argument with the type hint xw.Book."""
    [book] = inspect.signature(function).parameters.values()
    assert book.annotation is Book, "a script has one argument, annotated as xw.Book"
    function.lite_script = True
    return function


def call(function, *arguments):
    """What a cell shows: ``arguments`` are cells, or lists of rows of them; ``...`` is one that is left out."""
    parameters = list(inspect.signature(function).parameters.values())
    assert len(arguments) <= len(parameters)
    given = []
    for parameter, argument in zip(parameters, [*arguments, *[...] * (len(parameters) - len(arguments))], strict=True):
        options = function.lite["args"][parameter.name]
        rows = argument if isinstance(argument, list) else [[None if argument is ... else argument]]
        cells = [[_read(cell, options.get("err_to_str", False)) for cell in row] for row in rows]
        # One blank cell is as good as an argument that is left out.
        if len(cells) == len(cells[0]) == 1 and cells[0][0] is None:
            optional = parameter.default is not inspect.Parameter.empty
            given.append(parameter.default if optional else None)
        elif options.get("ndim") == 2:
            given.append(cells)
        elif len(cells) == len(cells[0]) == 1:
            given.append(cells[0][0])
        else:
            given.append(cells[0] if len(cells) == 1 else [row[0] for row in cells] if len(cells[0]) == 1 else cells)
    return _shown(function(*given))


def _read(cell, err_to_str):
    if isinstance(cell, Error):
        return cell.text if err_to_str else None
    if isinstance(cell, str) and cell == "":
        return None
    assert cell is None or isinstance(cell, bool | int | float | str), "a date is a number in custom functions"
    return cell


def _shown(value):
    rows = value if isinstance(value, list) else [[value]]
    assert rows and all(isinstance(row, list) and len(row) == len(rows[0]) for row in rows), "rows of one length"
    return [[_cell(cell) for cell in row] for row in rows]


def _cell(value):
    if value is None:
        return ""
    assert isinstance(value, bool | int | float | str), f"{type(value).__name__} in a cell"
    if isinstance(value, float):
        # "Custom Functions", Writing NaN values.
        assert math.isfinite(value), "NaN would be #NUM!, infinity no JSON"
    if isinstance(value, str):
        assert len(value) <= 32_767
        assert not value.startswith("#") or value in WRITTEN_ERRORS, f"{value} would stay a text"
    return value


class Range:
    """Cells of a sheet. "Async API": reads are of before the script, writes are done after it."""

    def __init__(self, sheet, first, last):
        self._sheet, self._first, self._last = sheet, first, last

    row = property(lambda self: self._first[0])
    column = property(lambda self: self._first[1])
    shape = property(lambda self: (self._last[0] - self.row + 1, self._last[1] - self.column + 1))

    def options(self, *, ndim, err_to_str=None):
        assert ndim == 2 and err_to_str in (None, True)
        return _Read(self, err_to_str)

    def _put(self, values):
        # xlwings' "Range.value": a list of lists goes below and beside the first cell.
        assert isinstance(values, list) and all(isinstance(row, list) for row in values), "a list of rows"
        assert {len(row) for row in values} == {len(values[0])}, "rows of one length"
        if self._last != self._first:
            assert (len(values), len(values[0])) == self.shape, f"{self.shape} cells, {len(values)} rows"
        self._sheet.book.queue.append(("values", self._sheet.name, self._first, values))

    value = property(fset=lambda self, value: self._put(value if isinstance(value, list) else [[value]]))
    number_format = property(
        fset=lambda self, text: self._sheet.book.queue.append(("format", self._sheet.name, self._first, text))
    )


class _Read:
    def __init__(self, area, err_to_str):
        self._area, self._err_to_str = area, err_to_str

    def _cells(self, cells):
        area = self._area
        return [
            [cells.get((i, j)) for j in range(area._first[1], area._last[1] + 1)]
            for i in range(area._first[0], area._last[0] + 1)
        ]

    @property
    def value(self):
        """ "Range.value" in a script with ``xw.Book``: what the cells held before it; a date is a datetime."""
        assert self._err_to_str, "errors would be None"
        return [[_script_read(cell) for cell in row] for row in self._cells(self._area._sheet.before)]

    async def get_formula(self):
        """ "Range.get_formula", since 0.37: asks Excel, which first does all that was asked for before."""
        await self._area._sheet.book.flush()
        cells = self._cells(self._area._sheet.cells)
        return [[cell.text if isinstance(cell, Formula) else _script_read(cell) or "" for cell in row] for row in cells]


def _script_read(cell):
    if isinstance(cell, Formula):
        cell = cell.value
    return cell if isinstance(cell, dt.datetime) else _read(cell, True)


class Table:
    """A table of a sheet, rows and columns from 1, ends included; no rows below the header are ``None``."""

    def __init__(self, sheet, name, first, last):
        self.name = name
        self.header_row_range = Range(sheet, first, (first[0], last[1]))
        self.data_body_range = Range(sheet, (first[0] + 1, first[1]), last) if last[0] > first[0] else None


class Sheet:
    """A sheet by its cells: (row, column) from 1 to value."""

    def __init__(self, book, name, cells):
        self.book, self.name, self.cells, self.before, self.tables = book, name, dict(cells), dict(cells), []
        self.protected = False

    @property
    def used_range(self):
        spots = [spot for spot, value in self.before.items() if value is not None] or [(1, 1)]
        rows, columns = zip(*spots, strict=True)
        return Range(self, (min(rows), min(columns)), (max(rows), max(columns)))

    def range(self, first, last=None):
        return Range(self, first, last or first)

    def activate(self):
        self.book.sheets.active = self


class Sheets:
    """The sheets of a workbook, from 0."""

    def __init__(self, book):
        self._book, self._sheets, self.active = book, [], None

    def __iter__(self):
        return iter(self._sheets)

    def __len__(self):
        return len(self._sheets)

    def __getitem__(self, at):
        return self._sheets[at]

    def add(self, *, name, after):
        assert after in self._sheets and 0 < len(name) <= 31
        # "Sheets.add" refuses a name that differs by capitals only.
        if name.lower() in (sheet.name.lower() for sheet in self._sheets):
            raise ValueError(f"Sheet named '{name}' already present in workbook")
        sheet = Sheet(self._book, name, {})
        self._book.queue.append(("sheet", name, (0, 0), None))
        self._sheets.insert(self._sheets.index(after) + 1, sheet)
        # A sheet that is added is the active one.
        self.active = sheet
        return sheet


class Book:
    """A workbook: sheet to rows of cells, from A1; the first is the active one."""

    def __init__(self, sheets):
        self.queue, self.selection, self.protected = [], None, False
        self.sheets = Sheets(self)
        for name, rows in sheets.items():
            cells = {(i, j): cell for i, row in enumerate(rows, 1) for j, cell in enumerate(row, 1)}
            self.sheets._sheets.append(Sheet(self, name, cells))
        self.sheets.active = self.sheets[0]

    def run(self, script_):
        """Run a script on what the sheets hold now, then do what it asked for."""
        assert script_.lite_script and inspect.iscoroutinefunction(script_)
        self.queue.clear()
        for sheet in self.sheets:
            sheet.before = dict(sheet.cells)
        _finish(script_(self))
        _finish(self.flush())

    async def flush(self):
        """ "Book.flush": do what was asked for, in order, up to what Excel refuses; the rest of it is lost."""
        asked, self.queue = self.queue, []
        sheets = {sheet.name: sheet for sheet in self.sheets}
        for what, name, (row, column), value in asked:
            if what == "sheet":
                if self.protected:
                    added = {other for kind, other, *_ in asked if kind == "sheet"}
                    self.sheets._sheets = [sheet for sheet in self.sheets if sheet.name not in added]
                    raise Refused("the workbook is protected")
                continue
            if sheets[name].protected:
                raise Refused("the sheet is protected")
            for i, line in enumerate(value if what == "values" else []):
                for j, cell in enumerate(line):
                    text = _cell(cell)
                    assert (
                        not str(text).startswith(("=", "+", "-", "@", "'")) or not isinstance(text, str) or text == "-"
                    ), text
                    assert column + j <= 16_384
                    sheets[name].cells[row + i, column + j] = None if text == "" else text

    def rows(self, name):
        """What a sheet shows, as rows."""
        [sheet] = [sheet for sheet in self.sheets if sheet.name == name]
        deep, wide = (max(spot[k] for spot in sheet.cells) for k in (0, 1))
        return [[sheet.cells.get((i, j)) for j in range(1, wide + 1)] for i in range(1, deep + 1)]


def _finish(coroutine):
    """Run a coroutine to its end: nothing here ever waits."""
    try:
        coroutine.send(None)
    except StopIteration:
        return
    raise AssertionError("it waits for something that is not of xlwings")

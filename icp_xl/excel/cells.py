"""Values of worksheet cells on their way in and out of the functions: numbers, texts, blanks, errors, ranges.

A range arrives as rows of cells. A cell is a number (a ``Decimal`` where it is formatted as currency or accounting:
that is how COM hands ``Range.Value`` over), a text, a boolean, a date, ``None`` (blank), or an Excel error: its text,
or its number where xlwings does not know it. An error goes out as text; the add-in's VBA makes it a real error value.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from icp_xl.excel.caller import Caller, caller
from icp_xl.reports.lite.cells import NOT_AVAILABLE as NOT_AVAILABLE
from icp_xl.reports.lite.cells import NUM as NUM
from icp_xl.reports.lite.cells import VALUE as VALUE
from icp_xl.reports.lite.cells import CellError as CellError
from icp_xl.reports.lite.cells import finite, text_of, unsigned

#: Every error that a cell may hold, by its number (XlCVError). xlwings turns the first seven into text.
ERROR_NUMBERS = {
    2000: "#NULL!", 2007: "#DIV/0!", 2015: VALUE, 2023: "#REF!", 2029: "#NAME?", 2036: NUM, 2042: NOT_AVAILABLE,
    2043: "#GETTING_DATA", 2045: "#SPILL!", 2046: "#CONNECT!", 2047: "#BLOCKED!", 2048: "#UNKNOWN!", 2049: "#FIELD!",
    2050: "#CALC!",
}  # fmt: skip
ERRORS = frozenset(ERROR_NUMBERS.values())
#: COM's error values (VT_ERROR) are this plus the error's number.
_COM_ERROR = -2146828288
_COM_ERRORS = range(_COM_ERROR + 2000, _COM_ERROR + 2100)

Cell = Any
Grid = list[list[Cell]]
Floats = NDArray[np.float64]
Shape = tuple[int, int]


def as_grid(value: Cell) -> Grid:
    """Any argument as rows of cells.

    >>> as_grid(3), as_grid([1, 2]), as_grid([[1], [2]]), as_grid(None)
    ([[3]], [[1, 2]], [[1], [2]], [[None]])
    """
    if not isinstance(value, list | tuple):
        return [[value]]
    rows = list(value)
    if not rows or not isinstance(rows[0], list | tuple):
        return [rows]
    return [list(row) for row in rows]


def shape_of(grid: Grid) -> Shape:
    """Rows and columns."""
    return len(grid), len(grid[0])


def common_shape(grids: Sequence[Grid]) -> Shape:
    """The shape of the result: single cells fit every range, ranges must be alike.

    Raises:
        CellError: ``#VALUE!`` where two ranges differ in shape.
    """
    shapes = {shape_of(grid) for grid in grids} - {(1, 1)}
    if len(shapes) > 1:
        raise CellError(VALUE)
    return shapes.pop() if shapes else (1, 1)


def flatten(grid: Grid, shape: Shape) -> list[Cell]:
    """The cells row by row, a single cell repeated to fill ``shape``."""
    if shape_of(grid) == shape:
        return [cell for row in grid for cell in row] if shape[1] > 1 else [row[0] for row in grid]
    return [grid[0][0]] * (shape[0] * shape[1])


def shaped(cells: Sequence[Cell], shape: Shape) -> Cell:
    """A flat result in the shape of the range, or the cell itself where it is one."""
    if shape == (1, 1):
        return cells[0]
    rows, columns = shape
    if columns == 1:
        return [[cell] for cell in cells]
    return [list(cells[row * columns : (row + 1) * columns]) for row in range(rows)]


class Numbers:
    """A column of numbers out of cells: NaN where blank, and an error code where a cell is no number."""

    def __init__(self, cells: Sequence[Cell], *, minimum: float | None = None) -> None:
        self.faults: dict[int, str] = {}
        if set(map(type, cells)) <= {float, type(None)}:
            self.values: Floats = np.array(cells, dtype=np.float64)
        else:
            self.values = np.array([self._read(i, cell) for i, cell in enumerate(cells)], dtype=np.float64)
        bad = np.isinf(self.values)
        if minimum is not None:
            bad |= self.values < minimum
        for i in np.flatnonzero(bad):
            self.faults.setdefault(int(i), NUM)

    def _read(self, i: int, cell: Cell) -> float:
        number = to_number(cell)
        if isinstance(number, str):
            self.faults[i] = number
            return math.nan
        return number


def to_number(cell: Cell) -> float | str:
    """The number in a cell (NaN for a blank one), or the error that stands for it.

    A date, a time and a boolean are no numbers here: none of them is a revenue or a count.

    >>> to_number(3), to_number(" 4.5 "), to_number("abc"), to_number(True), to_number("#REF!"), to_number(Decimal(7))
    (3.0, 4.5, '#VALUE!', '#VALUE!', '#REF!', 7.0)
    """
    if cell is None:
        return math.nan
    if isinstance(cell, bool):
        return VALUE
    if isinstance(cell, int | float | Decimal):
        try:
            return error_text(cell) or (finite(cell) if isinstance(cell, int) else float(cell))
        except CellError as error:
            return error.code
    if isinstance(cell, str):
        text = cell.strip()
        if not text:
            return math.nan
        return text if text in ERRORS else text_number(text, caller())
    return VALUE


def error_text(cell: Cell) -> str | None:
    """The error that a number from COM stands for; ``None`` where it is a number.

    >>> error_text(-2146826245), error_text(-2146826239), error_text(12)
    ('#GETTING_DATA', '#FIELD!', None)
    """
    if type(cell) is int and cell in _COM_ERRORS:
        return ERROR_NUMBERS.get(cell - _COM_ERROR, VALUE)
    return None


#: Signs for thousands that people do not tell apart: the kinds of space, the kinds of apostrophe.
_GROUPS = (r"[ \u00a0\u2009\u202f]", "['\u2019]")


def text_number(text: str, signs: Caller) -> float | str:
    """The number that a text is to Excel, by its own signs for decimals and thousands; else ``#VALUE!``.

    A currency sign at either end, a sign of percent behind, and brackets for negatives count.

    >>> german = Caller(decimal=",", thousands=".")
    >>> text_number("1.050,5", german), text_number("$1,000", Caller()), text_number("(5%)", Caller())
    (1050.5, 1000.0, -0.05)
    >>> text_number("1_000", Caller()), text_number("1,00", Caller()), text_number("nan", Caller())
    ('#VALUE!', '#VALUE!', '#VALUE!')
    """
    sign, body = unsigned(text)
    group = next((kind for kind in _GROUPS if re.fullmatch(kind, signs.thousands)), re.escape(signs.thousands))
    shape = rf"(\d{{1,3}}(?:{group}\d{{3}})+|\d+)?(?:{re.escape(signs.decimal)}(\d*))?(?:[eE]([+-]?\d{{1,3}}))?"
    found = re.fullmatch(shape, body, re.ASCII)
    if found is None or not (found[1] or found[2]):
        return VALUE
    whole = re.sub(r"\D", "", found[1] or "0")
    number = sign * float(f"{whole}.{found[2] or 0}e{found[3] or 0}")
    return number if math.isfinite(number) else VALUE


def to_text(cell: Cell) -> str | None:
    """The text in a cell, ``None`` for a blank one; whole numbers lose their point.

    Raises:
        CellError: the cell holds an error, a boolean or a date.
    """
    if error := error_text(cell):
        raise CellError(error)
    return text_of(float(cell) if isinstance(cell, Decimal) else cell)


def one(value: Cell) -> Cell:
    """The only cell of an argument that must be a single cell.

    Raises:
        CellError: ``#VALUE!`` for a range.
    """
    grid = as_grid(value)
    if shape_of(grid) != (1, 1):
        raise CellError(VALUE)
    return grid[0][0]


def each(value: Cell, function: Callable[[Cell], Cell]) -> Cell:
    """Apply a function of one cell to every cell; an error stays in its own cell."""
    grid = as_grid(value)
    shape = shape_of(grid)
    return shaped([guard(function, cell) for cell in flatten(grid, shape)], shape)


def guard(function: Callable[[Cell], Cell], cell: Cell) -> Cell:
    """The function's answer for one cell, or its error."""
    try:
        return function(cell)
    except CellError as error:
        return error.code

"""Values of worksheet cells on their way in and out of the functions: numbers, texts, blanks, errors, ranges.

A range arrives as rows of cells. A cell is a number, a text, a boolean, a date, ``None`` (blank), or the text of an
Excel error. An error goes out as the same text; the add-in's VBA turns it into a real error value.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

VALUE = "#VALUE!"
NOT_AVAILABLE = "#N/A"
NUM = "#NUM!"
#: Every error that a cell may hold.
ERRORS = frozenset({"#DIV/0!", NOT_AVAILABLE, "#NAME?", "#NULL!", NUM, "#REF!", VALUE, "#SPILL!", "#CALC!"})

Cell = Any
Grid = list[list[Cell]]
Floats = NDArray[np.float64]
Shape = tuple[int, int]


class CellError(Exception):
    """The whole result of a function is one of Excel's errors."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


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
        kinds = set(map(type, cells))
        if kinds <= {float, int, type(None)}:
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

    >>> to_number(3), to_number(" 4.5 "), to_number("abc"), to_number(True), to_number("#REF!")
    (3.0, 4.5, '#VALUE!', '#VALUE!', '#REF!')
    """
    if cell is None:
        return math.nan
    if isinstance(cell, bool):
        return VALUE
    if isinstance(cell, int | float):
        return float(cell)
    if isinstance(cell, str):
        text = cell.strip()
        if not text:
            return math.nan
        if text in ERRORS:
            return text
        try:
            number = float(text)
        except ValueError:
            return VALUE
        return number if math.isfinite(number) else VALUE
    return VALUE


def to_text(cell: Cell) -> str | None:
    """The text in a cell, ``None`` for a blank one; whole numbers lose their point.

    Raises:
        CellError: the cell holds an error, a boolean or a date.
    """
    if cell is None:
        return None
    if isinstance(cell, str):
        text = cell.strip()
        if text in ERRORS:
            raise CellError(text)
        return text or None
    if isinstance(cell, bool | dt.date):
        raise CellError(VALUE)
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell)


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

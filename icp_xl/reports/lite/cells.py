"""Cells as xlwings Lite hands them over, in plain Python: this file is the first part of the script that is written.

What the documentation of xlwings Lite says, and the script holds to (lite.xlwings.org):

* An argument is a scalar, a list or a list of lists by the shape of the range, with ``ndim=2`` always rows of cells;
  errors are ``None`` unless ``err_to_str=True`` ("Custom Functions": Dimension of arguments, Reading error cells).
* Numbers, texts and booleans are told apart, a date is a plain number there ("Custom Functions": Date and time).
* Seven errors are written by their texts; other texts stay texts ("Custom Functions": Writing error cells).
* Only pure Python and what Pyodide builds can be installed, no files and no sockets are there ("Limitations"). So the
  script needs nothing but Python's own library and xlwings.
"""

import math
import re
import unicodedata
from collections.abc import Callable, Sequence
from typing import Any

VALUE, NUM, NOT_AVAILABLE = "#VALUE!", "#NUM!", "#N/A"
#: The errors of Excel that a function can give, and those that it can only be given.
WRITTEN = frozenset(("#NULL!", "#DIV/0!", VALUE, "#REF!", "#NAME?", NUM, NOT_AVAILABLE))
ERRORS = WRITTEN | {"#GETTING_DATA", "#SPILL!", "#CONNECT!", "#BLOCKED!", "#UNKNOWN!", "#FIELD!", "#CALC!"}
#: Rows of a sheet: an argument with as many is a whole column.
ALL_ROWS = 1_048_576


class CellError(Exception):
    """The result is one of Excel's errors."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def shown(cell: Any, most: int = 60) -> str:
    """A cell as a message tells it: a date as such, a long text cut.

    >>> shown("a" * 100, 10), shown(None), shown(1.5)
    ("'aaaaaaaaa…'", 'blank', '1.5')
    """
    if cell is None:
        return "blank"
    if isinstance(cell, str):
        return repr(cell if len(cell) <= most else cell[: most - 1] + "\u2026")
    try:
        return str(cell)[:most]
    except ValueError:
        return "a number of too many digits"


def rows_of(argument: Any) -> list[list[Any]]:
    """An argument as rows of cells; one that is left out, or a blank cell, is one blank cell."""
    return argument if isinstance(argument, list) else [[argument]]


def trimmed(grids: Sequence[list[list[Any]]]) -> list[list[list[Any]]]:
    """Whole columns cut to the rows in use of all of them."""
    whole = [grid for grid in grids if len(grid) == ALL_ROWS]
    last = max((next((i for i in range(len(grid), 0, -1) if _filled(grid[i - 1])), 1) for grid in whole), default=0)
    last = max([last, *(len(grid) for grid in grids if 1 < len(grid) < ALL_ROWS)]) if whole else 0
    return [grid[:last] if len(grid) == ALL_ROWS else grid for grid in grids]


def _filled(row: list[Any]) -> bool:
    return any(cell is not None and cell != "" for cell in row)


def over(arguments: Sequence[Any], answer: Callable[..., Any]) -> Any:
    """``answer`` for the cells of each place: single cells fit every range, ranges must be alike."""
    grids = trimmed([rows_of(each) for each in arguments])
    shapes = {(len(grid), len(grid[0])) for grid in grids} - {(1, 1)}
    if len(shapes) > 1:
        return VALUE
    rows, columns = shapes.pop() if shapes else (1, 1)

    def at(i: int, j: int) -> Any:
        cells = [grid[0][0] if len(grid) == len(grid[0]) == 1 else grid[i][j] for grid in grids]
        return guarded(answer, *cells)

    made = [[at(i, j) for j in range(columns)] for i in range(rows)]
    return made[0][0] if rows == columns == 1 else made


def guarded(answer: Callable[..., Any], *given: Any) -> Any:
    """What ``answer`` gives, or the error that it ends in; for one that cannot be written ``#VALUE!``."""
    try:
        return answer(*given)
    except CellError as error:
        return error.code if error.code in WRITTEN else VALUE


def single(argument: Any) -> Any:
    """The only cell of an argument.

    Raises:
        CellError: it is a range.
    """
    grid = rows_of(argument)
    if len(grid) != 1 or len(grid[0]) != 1:
        raise CellError(VALUE)
    return grid[0][0]


def text_of(cell: Any) -> str | None:
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
    if isinstance(cell, bool) or not isinstance(cell, int | float):
        raise CellError(VALUE)
    number = finite(cell)
    return str(int(number)) if number == int(number) else str(number)


def finite(number: float) -> float:
    """A number as Excel could hold it.

    Raises:
        CellError: it is beyond that (Python knows whole numbers of any length).
    """
    try:
        number = float(number)
    except OverflowError:
        raise CellError(NUM) from None
    if not math.isfinite(number):
        raise CellError(NUM)
    return number


def number_of(cell: Any, least: float | None = None) -> float:
    """The number in a cell, NaN for a blank one.

    Raises:
        CellError: the cell holds an error, no number, or one below ``least``.
    """
    if cell is None:
        return math.nan
    if isinstance(cell, str):
        text = cell.strip()
        if not text:
            return math.nan
        if text in ERRORS:
            raise CellError(text)
        number = text_number(text)
    elif isinstance(cell, bool) or not isinstance(cell, int | float):
        raise CellError(VALUE)
    else:
        number = finite(cell)
    if math.isinf(number) or (least is not None and number < least):
        raise CellError(NUM)
    return number


def text_number(text: str) -> float:
    """The number that a text is, where it is the same in every country: the signs of this Excel are not told here.

    >>> text_number("1,050.5"), text_number("1.050,5"), text_number("$1 000 000"), text_number("(5%)")
    (1050.5, 1050.5, 1000000.0, -0.05)

    Raises:
        CellError: it is none, or could be two: ``1.050`` is a thousand in Berlin and about one in Boston.
    """
    sign, body = unsigned("".join("'" if mark == "\u2019" else mark for mark in text if not mark.isspace()))
    found = re.fullmatch(r"([\d.,']*?)([.,](\d*))?([eE][+-]?\d{1,3})?", body, re.ASCII)
    if found is None or not re.search(r"\d", body):
        raise CellError(VALUE)
    whole, mark, decimals = found[1], (found[2] or "")[:1], found[3] or ""
    others = set(whole) - set("0123456789")
    grouped = re.fullmatch(r"\d{1,3}([.,'])\d{3}(\1\d{3})*", whole, re.ASCII)
    if others and grouped is None:
        raise CellError(VALUE)
    if mark and mark in others:
        # The same sign again and again is one of thousands.
        if len(decimals) != 3:
            raise CellError(VALUE)
        whole, decimals = whole + decimals, ""
    elif mark and not others and len(decimals) == 3 and 1 <= len(whole) <= 3 and whole != "0":
        raise CellError(VALUE)
    number = sign * float(f"{re.sub(r'[^0-9]', '', whole) or '0'}.{decimals or '0'}{found[4] or ''}")
    if not math.isfinite(number):
        raise CellError(VALUE)
    return number


def unsigned(text: str) -> tuple[float, str]:
    """What the figure of a text is to be multiplied by, and the figure: without currency, percent, sign and brackets.

    >>> unsigned("-$ 5"), unsigned("(5%)"), unsigned("5 \u20ac")
    ((-1.0, '5'), (-0.01, '5'), (1.0, '5'))
    """
    body, sign = text.strip(), 1.0
    if body.startswith("(") and body.endswith(")"):
        sign, body = -1.0, body[1:-1].strip()
    body = _without_currency(body)
    if body[:1] in ("-", "+", "\u2212"):
        sign, body = (sign if body[0] == "+" else -sign), _without_currency(body[1:].strip())
    if body.endswith("%"):
        sign, body = sign / 100, body[:-1].rstrip()
    return sign, body


def _without_currency(text: str) -> str:
    for end in (0, -1):
        if text and unicodedata.category(text[end]) == "Sc":
            text = (text[1:] if end == 0 else text[:-1]).strip()
    return text

"""What the stand-in of Excel computes: cells with our functions, asked of xlwings' real function server.

Arguments may be numbers, texts, arrays in braces, cells, ranges and whole columns; ISERROR, IFNA and SEQUENCE are known
besides. Any other formula shows nothing. A result spills where the formula was written by Formula2, and shows its first
cell where it was written by Formula.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from openpyxl.utils import range_boundaries

from icp_xl.excel.cells import ERROR_NUMBERS
from tests.support.udf_server import MISSING, Server

#: Text of every error to the number that COM hands over.
ERROR_VALUES = {text: -2146828288 + number for number, text in ERROR_NUMBERS.items()}
UNKNOWN = object()
_TOKEN = re.compile(
    r"""\s*(?:(?P<text>"(?:[^"]|"")*")|(?P<array>\{[^}]*\})|(?P<area>(?:(?:'[^']+'|\w+)!)?\$?[A-Z]{1,3}\$?\d*"""
    r"""(?::\$?[A-Z]{1,3}\$?\d*)?(?![\w(.]))|(?P<call>[A-Z][\w.]*\()|(?P<number>-?[\d.]+(?:[eE][+-]?\d+)?)|"""
    r"""(?P<mark>[,)]))"""
)


class Calculator:
    """Computes cells of open workbooks; ``answer`` may change what a function answers, to plant a fault."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.answer: Callable[[str, Any], Any] = lambda name, found: found
        self._dirty: set[tuple[Any, tuple[str, int, int]]] = set()

    def compute(self, book: Any, place: tuple[str, int, int]) -> None:
        """Compute one cell, and what it spills into."""
        formula, dynamic = book.formulas[place]
        title, row, column = place
        found = self._value(book, title, formula)
        rows = found if isinstance(found, list) else [[found]]
        cells = [(title, row + i, column + j) for i in range(len(rows)) for j in range(len(rows[0]))]
        ws = book.wb[title]
        book.computed[place] = None
        if not dynamic:
            rows, cells = [[rows[0][0]]], cells[:1]
        elif any(getattr(ws._cells.get(cell[1:]), "value", None) is not None for cell in cells[1:]):
            rows, cells = [[ERROR_VALUES["#SPILL!"]]], cells[:1]
        for cell, value in zip(cells, (value for line in rows for value in line), strict=True):
            book.computed[cell] = None if value is UNKNOWN else value

    def dirty(self, app: Any) -> None:
        """Cells with our functions are to be computed again: at once, or in manual mode when somebody asks."""
        for book in app._books.all:
            self._dirty |= {(book, place) for place, (text, _) in book.formulas.items() if "ICP_" in text}
        if app.calculation == "automatic":
            self.recalculate(app)

    def recalculate(self, app: Any) -> None:
        """F9."""
        for book, place in self._dirty:
            if place in book.formulas and book in app._books.all:
                self.compute(book, place)
        self._dirty.clear()

    def _value(self, book: Any, title: str, formula: str) -> Any:
        if formula.upper() == "=LAMBDA(X,X)":
            return ERROR_VALUES["#CALC!"]
        tokens = [match for match in _TOKEN.finditer(formula[1:]) if match.lastgroup]
        if "".join(match.group(0) for match in tokens) != formula[1:]:
            return UNKNOWN
        names = [(match.lastgroup, match.group(match.lastgroup)) for match in tokens]
        return self._node(book, title, names)

    def _node(self, book: Any, title: str, tokens: list[tuple[Any, str]]) -> Any:
        kind, text = tokens.pop(0)
        if kind == "text":
            return text[1:-1].replace('""', '"')
        if kind == "number":
            return float(text)
        if kind == "array":
            return [[float(item) for item in line.split(",")] for line in text[1:-1].split(";")]
        if kind == "area":
            return self._area(book, title, text)
        if kind != "call":
            return UNKNOWN
        given: list[Any] = []
        while tokens[0] != ("mark", ")"):
            if tokens[0] == ("mark", ","):
                tokens.pop(0)
                if tokens[0][0] == "mark":
                    given.append(MISSING)
                continue
            given.append(self._node(book, title, tokens))
        tokens.pop(0)
        return self._call(book, text[:-1], given)

    def _call(self, book: Any, name: str, given: list[Any]) -> Any:
        errors = set(ERROR_VALUES.values())
        if name == "ISERROR":
            return given[0] in errors
        if name == "IFNA":
            return given[1] if given[0] == ERROR_VALUES["#N/A"] else given[0]
        if name == "SEQUENCE":
            return [[float(i + 1)] for i in range(int(given[0]))]
        if not name.startswith("ICP_"):
            return UNKNOWN
        if not hasattr(self.server.modules[next(iter(self.server.modules))], name):
            return ERROR_VALUES["#NAME?"]
        cut = self._cut(given)
        told = f"{book.url or book._path or book._name}\n.\n,"
        book.app.calculating = True
        try:
            found = self.answer(name, self.server.call(name, *(self._plain(item) for item in cut), told=told))
        finally:
            book.app.calculating = False
        if isinstance(found, list | tuple):
            rows = [list(row) if isinstance(row, list | tuple) else None for row in found]
            rows = rows if all(row is not None for row in rows) else [list(found)]
            return [[ERROR_VALUES.get(cell, cell) for cell in row] for row in rows]
        return ERROR_VALUES.get(found, found)

    @staticmethod
    def _cut(given: list[Any]) -> list[Any]:
        """Whole columns end with the last row in use on any of their sheets, as ``IcpArguments`` has it."""
        whole = [item for item in given if isinstance(item, Whole)]
        last = max((item.used for item in whole), default=0)
        return [item.rows(last) if isinstance(item, Whole) else item for item in given]

    @staticmethod
    def _plain(item: Any) -> Any:
        return tuple(tuple(row) for row in item) if isinstance(item, list) else item

    def _area(self, book: Any, title: str, text: str) -> Any:
        sheet, _, cells = text.rpartition("!")
        ws = book.wb[sheet.strip("'").replace("''", "'") or title]
        left, top, right, bottom = range_boundaries(cells.replace("$", ""))
        stand_in = next(each for each in book.sheets if each.ws is ws)
        if top is None:
            return Whole(stand_in, left, right, ws.max_row)
        found = stand_in.range(cells).raw_value
        return found if (left, top) == (right, bottom) else [list(row) for row in found]


class Whole:
    """Whole columns of a sheet."""

    def __init__(self, sheet: Any, left: int, right: int, used: int) -> None:
        self.sheet, self.left, self.right, self.used = sheet, left, right, used

    def rows(self, last: int) -> list[list[Any]]:
        area = self.sheet.range((1, self.left), (last, self.right)).raw_value
        return [list(row) for row in area] if isinstance(area, tuple) else [[area]]

"""The small language in which the settings compute a column from others.

``= [Order Quantity] * [Unit Price] * (1 - [Discount Applied])`` computes numbers, ``= "hardware"`` is a constant,
``= [First] & " " & [Last]`` joins texts, and ``= IF([Type] = "Credit Memo", -[Amount], [Amount])`` chooses. Headers
stand in brackets. There are ``+ - * /``, ``&``, comparisons, parentheses, numbers, quoted texts and the functions of
:data:`FUNCTIONS`, and nothing else: the text is parsed, checked node by node, and never evaluated as Python.

As in Excel, a blank counts as 0 where it is added or subtracted (two blanks stay blank), and texts are compared without
regard to case. A cell that should be a number and is none makes the result missing.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NoReturn, cast

import numpy as np
import pandas as pd

from icp_xl.errors import ConfigError
from icp_xl.sources.typed import TEXT_DTYPE

Value = Any  # a column of numbers or texts, or one number or text
Want = Literal["number", "text"]
_TOKEN = re.compile(r"""\[(?P<header>[^\[\]]+)\]|(?P<text>"[^"]*"|'[^']*')|(?P<other>[^\["']+)""")
_NUMERIC: Mapping[type[ast.operator], Callable[[Value, Value], Value]] = {
    ast.Add: lambda a, b: _sum(a, b),
    ast.Sub: lambda a, b: _sum(a, b, -1.0),
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: _divide(a, b),
}
_COMPARE: Mapping[type[ast.cmpop], Callable[[Value, Value], Value]] = {
    ast.Eq: lambda a, b: a == b,
    ast.NotEq: lambda a, b: a != b,
    ast.Lt: lambda a, b: a < b,
    ast.LtE: lambda a, b: a <= b,
    ast.Gt: lambda a, b: a > b,
    ast.GtE: lambda a, b: a >= b,
}
#: Functions by name, and how many arguments each takes (at least, at most).
FUNCTIONS = {
    "IF": (3, 3), "AND": (1, 9), "OR": (1, 9), "NOT": (1, 1), "ISBLANK": (1, 1), "CONTAINS": (2, 2),
    "STARTSWITH": (2, 2), "ENDSWITH": (2, 2), "ABS": (1, 1), "ROUND": (2, 2),
}  # fmt: skip
_TESTS = ("AND", "OR", "NOT", "ISBLANK", "CONTAINS", "STARTSWITH", "ENDSWITH")
_WORD = re.compile(r"[A-Za-z_]+")
MAX_LENGTH = 1000
#: How deep parts may stand within parts, and how large a number may be.
MAX_DEPTH, MAX_NUMBER = 40, 1e15
ALLOWED = (
    '[Header], numbers, "text", + - * / & = <> < > and parentheses, IF, AND, OR, NOT, ISBLANK, CONTAINS, STARTSWITH, '
    'ENDSWITH, ABS, ROUND, for example = [Qty] * [Unit Price] or = IF([Type] = "Credit Memo", -[Amount], [Amount])'
)


@dataclass(frozen=True)
class Expression:
    """A parsed expression and the headers that it needs."""

    text: str
    tree: ast.expr
    headers: tuple[str, ...]

    def constant(self) -> str | float | None:
        """The constant that the expression is, or ``None``.

        >>> parse_expression('= "Printers"').constant()
        'Printers'
        """
        value = self.tree.value if isinstance(self.tree, ast.Constant) else None
        return value if isinstance(value, str | int | float) else None

    def compute(
        self,
        numbers: Callable[[str], pd.Series[Any]],
        texts: Callable[[str], pd.Series[Any]],
        rows: int,
        want: Want = "number",
    ) -> pd.Series[Any]:
        """The column, one value per row.

        Args:
            numbers: gives a header's column as numbers.
            texts: gives it as texts.
            rows: how many the column has.
            want: the kind in which a header that stands alone is taken.
        """
        result: Value = _Computation(self.headers, numbers, texts, rows).value(self.tree, want)
        if isinstance(result, pd.Series):
            return result
        if isinstance(result, str):
            return cast("pd.Series[Any]", pd.Series([result] * rows, dtype=TEXT_DTYPE))
        return pd.Series(np.full(rows, float(result)), dtype="float64")


@dataclass(frozen=True)
class _Computation:
    """One expression over the columns of one sheet."""

    headers: tuple[str, ...]
    numbers: Callable[[str], pd.Series[Any]]
    texts: Callable[[str], pd.Series[Any]]
    rows: int

    def value(self, node: ast.expr, want: Want) -> Value:
        if isinstance(node, ast.Constant):
            return str(node.value) if want == "text" else node.value
        if isinstance(node, ast.Name):
            header = self.headers[int(node.id[1:])]
            return self.texts(header) if want == "text" else self.numbers(header)
        if isinstance(node, ast.UnaryOp):
            value = self.value(node.operand, "number")
            return -value if isinstance(node.op, ast.USub) else value
        if isinstance(node, ast.BinOp):
            if isinstance(node.op, ast.BitAnd):
                return self.value(node.left, "text") + self.value(node.right, "text")
            return _NUMERIC[type(node.op)](self.value(node.left, "number"), self.value(node.right, "number"))
        if isinstance(node, ast.Call):
            return self._call(node, want)
        raise AssertionError(node)

    def _call(self, node: ast.Call, want: Want) -> Value:
        name = cast("ast.Name", node.func).id
        if name == "IF":
            kind: Want = "text" if any(_is_text(arm) for arm in node.args[1:]) else want
            chosen, other = (self._column(self.value(arm, kind), kind) for arm in node.args[1:])
            return chosen.where(self.test(node.args[0]), other)
        value = self.value(node.args[0], "number")
        if name == "ABS":
            return abs(value)
        digits = int(cast("Any", node.args[1]).value)
        return value.round(digits) if isinstance(value, pd.Series) else round(value, digits)

    def test(self, node: ast.expr) -> pd.Series[Any]:
        """Which rows pass a condition; a blank passes none but the test for a blank and ``<>``."""
        if isinstance(node, ast.Call):
            name = cast("ast.Name", node.func).id
            if name == "NOT":
                return ~self.test(node.args[0])
            if name in ("AND", "OR"):
                parts = [self.test(arm) for arm in node.args]
                whole = parts[0]
                for part in parts[1:]:
                    whole = whole & part if name == "AND" else whole | part
                return whole
            text = self._column(self.value(node.args[0], "text"), "text")
            if name == "ISBLANK":
                return text.isna()
            wanted = str(self.value(node.args[1], "text")).casefold()
            folded = text.fillna("").astype(str).str.casefold()
            return {
                "CONTAINS": folded.str.contains(wanted, regex=False),
                "STARTSWITH": folded.str.startswith(wanted),
                "ENDSWITH": folded.str.endswith(wanted),
            }[name]
        compare = cast("ast.Compare", node)
        sides = [compare.left, compare.comparators[0]]
        kind: Want = "text" if any(_is_text(side) for side in sides) else "number"
        left, right = (self._column(self.value(side, kind), kind) for side in sides)
        if kind == "text":
            left, right = (side.fillna("").astype(str).str.casefold() for side in (left, right))
        return cast("pd.Series[Any]", _COMPARE[type(compare.ops[0])](left, right)).fillna(False).astype(bool)

    def _column(self, value: Value, kind: Want) -> pd.Series[Any]:
        if isinstance(value, pd.Series):
            return value
        return pd.Series([value] * self.rows, dtype=TEXT_DTYPE if kind == "text" else "float64")


def _is_text(node: ast.expr) -> bool:
    """Whether a part can only be a text."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str)
    if isinstance(node, ast.Call):
        return any(_is_text(arm) for arm in node.args[1:])
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitAnd)


def is_expression(text: str) -> bool:
    """Whether a setting's text is an expression and not a header."""
    return text.lstrip().startswith("=")


def parse_expression(text: str, where: str | None = None) -> Expression:
    """Parse ``text``, which begins with ``=``.

    Raises:
        ConfigError: it is not an expression of this language; nothing of it was run.

    >>> parse_expression("= [Qty] * [Price]").headers
    ('Qty', 'Price')
    >>> parse_expression('=IF([Type]="Credit Memo"; -[Amount]; [Amount])').headers
    ('Type', 'Amount')
    """
    body = text.strip().removeprefix("=").strip()
    if len(body) > MAX_LENGTH:
        _refuse("it is too long", text, where)
    headers: list[str] = []
    pieces: list[str] = []
    at = 0
    while at < len(body):
        token = _TOKEN.match(body, at)
        if token is None:
            _refuse("a bracket or a quotation mark is not closed", text, where)
        if token["header"] is not None:
            name = token["header"].strip()
            if name not in headers:
                headers.append(name)
            pieces.append(f" h{headers.index(name)} ")
        elif token["text"] is not None:
            pieces.append(repr(token["text"][1:-1]))
        else:
            pieces.append(_operators(token["other"], text, where))
        at = token.end()
    try:
        tree = ast.parse("".join(pieces).strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        _refuse("it cannot be understood", text, where)
    if _depth(tree) > MAX_DEPTH:
        _refuse("its parts stand too deep within each other", text, where)
    _check(tree, text, where)
    return Expression(text, tree, tuple(headers))


def _depth(tree: ast.expr) -> int:
    """How deep the parts of an expression stand within each other, counted without recursion."""
    level: list[ast.AST] = [tree]
    depth = 0
    while level and depth <= MAX_DEPTH:
        level = [child for node in level for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)]
        depth += 1
    return depth


def _operators(piece: str, text: str, where: str | None) -> str:
    """Excel's signs as Python's: ``=`` and ``<>`` compare, ``;`` parts arguments, names of functions have no case."""
    for word in _WORD.findall(re.sub(r"\d[eE][+-]?\d", "", piece)):
        if word.upper() not in FUNCTIONS:
            _refuse("a header must stand in [brackets] and a text in quotation marks", text, where)
    piece = _WORD.sub(lambda found: found[0].upper(), piece)
    piece = re.sub(r"(?<![<>=!])=(?!=)", "==", piece.replace(";", ",").replace("<>", "!="))
    return piece


def _check(node: ast.expr, text: str, where: str | None, *, number: bool = False) -> None:
    """Refuse everything that is not of this language, and arithmetic on texts."""

    def inner(part: ast.expr, number: bool = False) -> None:
        _check(part, text, where, number=number)

    if isinstance(node, ast.BinOp) and isinstance(node.op, (*_NUMERIC, ast.BitAnd)):
        arithmetic = not isinstance(node.op, ast.BitAnd)
        if number and not arithmetic:
            _refuse("a joined text cannot be calculated with", text, where)
        inner(node.left, arithmetic)
        inner(node.right, arithmetic)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        inner(node.operand, True)
    elif isinstance(node, ast.Call):
        _check_call(node, text, where, number)
    elif isinstance(node, ast.Constant) and type(node.value) in (int, float, str):
        if number and isinstance(node.value, str):
            _refuse("a text cannot be calculated with", text, where)
        if isinstance(node.value, int | float) and not abs(node.value) <= MAX_NUMBER:
            _refuse("a number in it is too large", text, where)
    elif not (isinstance(node, ast.Name) and re.fullmatch(r"h\d+", node.id)):
        _refuse("it holds something that is not allowed", text, where)


def _check_call(node: ast.Call, text: str, where: str | None, number: bool) -> None:
    name = node.func.id if isinstance(node.func, ast.Name) else ""
    least, most = FUNCTIONS.get(name, (0, -1))
    if name not in FUNCTIONS or node.keywords or not least <= len(node.args) <= most:
        _refuse(f"{name or 'a function'} is not written like this", text, where)
    if name in _TESTS:
        _refuse(f"{name} is a condition, and stands in an IF", text, where)
    if name == "IF":
        _check_test(node.args[0], text, where)
        for arm in node.args[1:]:
            _check(arm, text, where, number=number)
    else:
        _check(node.args[0], text, where, number=True)
        if name == "ROUND" and not (isinstance(node.args[1], ast.Constant) and type(node.args[1].value) is int):
            _refuse("ROUND takes a whole number of digits", text, where)


def _check_test(node: ast.expr, text: str, where: str | None) -> None:
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and isinstance(node.ops[0], tuple(_COMPARE)):
        _check(node.left, text, where)
        _check(node.comparators[0], text, where)
        return
    name = node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""
    if not isinstance(node, ast.Call) or name not in _TESTS:
        _refuse('an IF wants a condition first, say [Type] = "Credit Memo"', text, where)
    least, most = FUNCTIONS[name]
    if node.keywords or not least <= len(node.args) <= most:
        _refuse(f"{name} is not written like this", text, where)
    for at, arm in enumerate(node.args):
        if name in ("AND", "OR", "NOT"):
            _check_test(arm, text, where)
        elif at == 1 and not (isinstance(arm, ast.Constant) and isinstance(arm.value, str)):
            _refuse(f"{name} looks for a text in quotation marks", text, where)
        else:
            _check(arm, text, where)


def _sum(a: Value, b: Value, sign: float = 1.0) -> Value:
    """A sum in which a blank counts as nought, unless both are blank."""
    if isinstance(a, pd.Series) or isinstance(b, pd.Series):
        index = a.index if isinstance(a, pd.Series) else b.index
        first, second = (
            side if isinstance(side, pd.Series) else pd.Series(float(side), index=index) for side in (a, b)
        )
        both = first.isna() & second.isna()
        return (first.fillna(0.0) + sign * second.fillna(0.0)).mask(both)
    return a + sign * b


def _divide(a: Value, b: Value) -> Value:
    """Division in which nothing by nothing, and anything by nought, is missing."""
    if isinstance(b, pd.Series):
        return a / b.where(b != 0)
    return a / b if b != 0 else a * np.nan


def _refuse(why: str, text: str, where: str | None) -> NoReturn:
    raise ConfigError(f"this expression cannot be used: {why}", where=where, got=text[:120], allowed=ALLOWED)

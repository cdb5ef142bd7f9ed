"""The small language in which the settings compute a column from others.

``= [Order Quantity] * [Unit Price] * (1 - [Discount Applied])`` computes numbers, ``= "hardware"`` is a constant, and
``= [First] & " " & [Last]`` joins texts. Headers stand in brackets. There are ``+ - * /``, ``&``, parentheses, numbers
and quoted texts, and nothing else: the text is parsed, checked node by node, and never evaluated as Python.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, cast

import numpy as np
import pandas as pd

from icp_xl.errors import ConfigError
from icp_xl.sources.cells import TEXT_DTYPE

Value = Any  # a column of numbers or texts, or one number or text
_TOKEN = re.compile(r"""\[(?P<header>[^\[\]]+)\]|(?P<text>"[^"]*"|'[^']*')|(?P<other>[^\["']+)""")
_NUMERIC: Mapping[type[ast.operator], Callable[[Value, Value], Value]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: _divide(a, b),
}
MAX_LENGTH = 1000


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
    ) -> pd.Series[Any]:
        """The column, one value per row; ``numbers`` and ``texts`` give a header's column in that kind."""
        result: Value = self._value(self.tree, numbers, texts)
        if isinstance(result, pd.Series):
            return result
        if isinstance(result, str):
            return cast("pd.Series[Any]", pd.Series([result] * rows, dtype=TEXT_DTYPE))
        return pd.Series(np.full(rows, float(result)), dtype="float64")

    def _value(self, node: ast.expr, numbers: Any, texts: Any, text: bool = False) -> Value:
        if isinstance(node, ast.Constant):
            return str(node.value) if text else node.value
        if isinstance(node, ast.Name):
            header = self.headers[int(node.id[1:])]
            return texts(header) if text else numbers(header)
        if isinstance(node, ast.UnaryOp):
            value = self._value(node.operand, numbers, texts)
            return -value if isinstance(node.op, ast.USub) else value
        if isinstance(node, ast.BinOp):
            if isinstance(node.op, ast.BitAnd):
                left, right = (self._value(side, numbers, texts, text=True) for side in (node.left, node.right))
                return left + right
            left, right = (self._value(side, numbers, texts) for side in (node.left, node.right))
            return _NUMERIC[type(node.op)](left, right)
        raise AssertionError(node)


def is_expression(text: str) -> bool:
    """Whether a setting's text is an expression and not a header."""
    return text.lstrip().startswith("=")


def parse_expression(text: str, where: str | None = None) -> Expression:
    """Parse ``text``, which begins with ``=``.

    Raises:
        ConfigError: it is not an expression of this language; nothing of it was run.

    >>> parse_expression("= [Qty] * [Price]").headers
    ('Qty', 'Price')
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
            if re.search(r"[A-Za-z_]", re.sub(r"\d[eE][+-]?\d", "", token["other"])):
                _refuse("a header must stand in [brackets] and a text in quotation marks", text, where)
            pieces.append(token["other"])
        at = token.end()
    try:
        tree = ast.parse("".join(pieces).strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        _refuse("it cannot be understood", text, where)
    _check(tree, text, where)
    _check_kinds(tree, text, where)
    return Expression(text, tree, tuple(headers))


def _check(node: ast.expr, text: str, where: str | None) -> None:
    if isinstance(node, ast.BinOp) and isinstance(node.op, (*_NUMERIC, ast.BitAnd)):
        _check(node.left, text, where)
        _check(node.right, text, where)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        _check(node.operand, text, where)
    elif isinstance(node, ast.Constant) and type(node.value) in (int, float, str):
        pass
    elif not (isinstance(node, ast.Name) and re.fullmatch(r"h\d+", node.id)):
        _refuse("it holds something that is not allowed", text, where)


def _check_kinds(node: ast.expr, text: str, where: str | None, *, number: bool = False) -> None:
    """Refuse arithmetic on texts."""
    if isinstance(node, ast.BinOp):
        arithmetic = not isinstance(node.op, ast.BitAnd)
        if number and not arithmetic:
            _refuse("a joined text cannot be calculated with", text, where)
        _check_kinds(node.left, text, where, number=arithmetic)
        _check_kinds(node.right, text, where, number=arithmetic)
    elif isinstance(node, ast.UnaryOp):
        _check_kinds(node.operand, text, where, number=True)
    elif number and isinstance(node, ast.Constant) and isinstance(node.value, str):
        _refuse("a text cannot be calculated with", text, where)


def _divide(a: Value, b: Value) -> Value:
    """Division in which nothing by nothing, and anything by nought, is missing."""
    if isinstance(b, pd.Series):
        return a / b.where(b != 0)
    return a / b if b != 0 else a * np.nan


def _refuse(why: str, text: str, where: str | None) -> NoReturn:
    raise ConfigError(
        f"this expression cannot be used: {why}",
        where=where,
        got=text[:120],
        allowed='[Header], numbers, "text", + - * / & and parentheses, for example = [Qty] * [Unit Price]',
    )

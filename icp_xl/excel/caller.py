"""What the cell that calls a worksheet function belongs to: its workbook, and how that Excel writes numbers.

The add-in's VBA (``IcpCaller``) tells it in lines: full name of the workbook, sign for decimals, sign for thousands.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple


class Caller(NamedTuple):
    """The calling workbook's full name (a path or an address; empty where there is none) and its separators."""

    book: str = ""
    decimal: str = "."
    thousands: str = ","


_NOBODY = Caller()
_CALLER: ContextVar[Caller] = ContextVar("caller", default=_NOBODY)


def caller() -> Caller:
    """Who calls now."""
    return _CALLER.get()


@contextmanager
def called_by(told: object) -> Iterator[None]:
    """Everything inside is asked by the caller that ``told``, the text of ``IcpCaller``, describes.

    >>> with called_by("C:\\\\Sales\\\\Kunden.xlsx\\n,\\n."):
    ...     caller()
    Caller(book='C:\\\\Sales\\\\Kunden.xlsx', decimal=',', thousands='.')
    """
    book, decimal, thousands = ((told.split("\n") if isinstance(told, str) else []) + [""] * 3)[:3]
    token = _CALLER.set(Caller(book, decimal, thousands) if decimal else Caller(book))
    try:
        yield
    finally:
        _CALLER.reset(token)

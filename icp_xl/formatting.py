"""Figures and lists in plain words."""

from __future__ import annotations

import math
from collections.abc import Sequence


def format_money(amount: float, currency: str = "$") -> str:
    """An amount as it is said: three digits at most.

    >>> format_money(1_234_567), format_money(45_300), format_money(310e6), format_money(-80), format_money(999_600)
    ('$1.2M', '$45K', '$310M', '-$80', '$1.0M')
    """
    if not math.isfinite(amount):
        return "unknown"
    sign, size = ("-" if amount < 0 else ""), abs(amount)
    for unit, letter in ((1e9, "B"), (1e6, "M"), (1e3, "K")):
        if size >= unit * 0.9995:
            scaled = size / unit
            return (
                f"{sign}{currency}{scaled:.0f}{letter}"
                if scaled >= 9.95 or unit == 1e3
                else (f"{sign}{currency}{scaled:.1f}{letter}")
            )
    return f"{sign}{currency}{size:.0f}"


def plural(n: int, one: str, many: str | None = None) -> str:
    """A count with its noun.

    >>> plural(1, "account"), plural(1200, "account"), plural(2, "industry", "industries")
    ('1 account', '1,200 accounts', '2 industries')
    """
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def join_words(items: Sequence[str], most: int = 4) -> str:
    """Items in a row, the rest counted.

    >>> join_words(["A", "B"]), join_words(["A", "B", "C", "D"], most=2)
    ('A and B', 'A, B and 2 more')
    """
    shown = list(items[:most])
    rest = len(items) - len(shown)
    if rest:
        return ", ".join(shown) + f" and {rest} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else "".join(shown)


_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight")


def number_word(n: int) -> str:
    """A small number in words.

    >>> number_word(4), number_word(12)
    ('four', '12')
    """
    return _NUMBERS[n] if n < len(_NUMBERS) else f"{n:,}"

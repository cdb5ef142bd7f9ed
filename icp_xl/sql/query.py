"""SQL as text with bound values, and names that cannot carry anything else.

The texts keep to what DuckDB and Spark SQL read alike: ``?`` for every value, integer arithmetic on day numbers
instead of date functions, ``case`` instead of ``filter``, ``cast`` around every sum.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from icp_xl.errors import ConfigError

_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
#: Words that one of the two dialects reserves; a name must not be one of them.
RESERVED = frozenset(
    "all and anti any as between by case cast create cross cube date distinct drop else end except exists false "
    "from full group having in inner intersect into is join lateral left like limit month natural not null on or "
    "order outer over right rows select semi set some table then to true union unique using values when where with "
    "year".split()
)


@dataclass(frozen=True)
class Query:
    """A text with one ``?`` per value, and the values in that order."""

    text: str
    values: tuple[int | float | str, ...] = ()


def identifier(name: str) -> str:
    """``name`` itself, when it is a plain lower-case SQL name that neither dialect reserves.

    Raises:
        ConfigError: anything else; nothing is quoted or escaped, so nothing can slip through.

    >>> identifier("account_key")
    'account_key'
    """
    if not _NAME.fullmatch(name) or name in RESERVED:
        raise ConfigError(
            "a name cannot be used in SQL",
            got=repr(name[:80]),
            allowed="lower-case letters, digits and underscores, beginning with a letter, no reserved word",
        )
    return name


def marks(values: Iterable[object]) -> str:
    """One ``?`` per value, for an ``in (…)`` list; an empty list matches nothing.

    >>> marks([1, 2]), marks([])
    ('?, ?', 'null')
    """
    return ", ".join("?" for _ in values) or "null"

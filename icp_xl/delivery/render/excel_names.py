"""Names that Excel accepts: sheets, tables, and none that is taken already."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from icp_xl.opc.plain_text import plain_text

TABLE_PREFIX = "icp_"
#: Excel keeps this name for itself.
RESERVED_SHEETS = frozenset({"history"})


@dataclass(frozen=True)
class NamesTaken:
    """Names that the target workbook has already; compared without regard to case."""

    sheets: Iterable[str] = ()
    tables: Iterable[str] = ()
    """Names of tables and defined names alike, as they share one space."""


@dataclass
class Names:
    """Gives out names, each once."""

    taken: NamesTaken = field(default_factory=NamesTaken)

    def __post_init__(self) -> None:
        self._sheets = {name.lower() for name in self.taken.sheets}
        self._tables = {name.lower() for name in self.taken.tables}

    def sheet(self, wanted: str) -> str:
        """A sheet name near ``wanted``: at most 31 characters, none that Excel forbids, not taken.

        >>> names = Names()
        >>> names.sheet("Q1/Q2: plan"), names.sheet("q1-q2- plan"), names.sheet("History"), names.sheet("'")
        ('Q1-Q2- plan', 'q1-q2- plan (2)', 'History (2)', 'Sheet')
        """
        clean = re.sub(r"[\[\]:*?/\\]", "-", plain_text(wanted)).strip("' ") or "Sheet"
        clean = _cut(clean, 31).strip("' ")
        name, n = clean, 1
        while name.lower() in self._sheets or name.lower() in RESERVED_SHEETS:
            n += 1
            tail = f" ({n})"
            name = _cut(clean, 31 - len(tail)).rstrip() + tail
        self._sheets.add(name.lower())
        return name

    def table(self, wanted: str) -> str:
        """A table name ``icp_…`` that is a valid name and not taken.

        >>> Names(NamesTaken(tables=["icp_accounts"])).table("Accounts by rep")
        'icp_Accounts_by_rep'
        """
        clean = TABLE_PREFIX + (re.sub(r"\W", "_", plain_text(wanted)) or "table")
        clean = clean[:240]
        name, n = clean, 1
        while name.lower() in self._tables:
            n += 1
            name = f"{clean}_{n}"
        self._tables.add(name.lower())
        return name


def _cut(text: str, units: int) -> str:
    # Excel counts UTF-16 units.
    return text.encode("utf-16-le")[: 2 * units].decode("utf-16-le", "ignore")

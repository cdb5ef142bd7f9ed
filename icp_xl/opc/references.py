"""References as formulas write them: columns, areas, sheets."""

from __future__ import annotations

import re
from dataclasses import dataclass

from xlsxwriter.utility import quote_sheetname, xl_col_to_name

MAX_ROWS, MAX_COLUMNS = 1_048_576, 16_384


def column_number(letters: str) -> int:
    """The number of a column, counted from 1.

    >>> column_number("A"), column_number("XFD")
    (1, 16384)
    """
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number


def column_letters(number: int) -> str:
    """The letters of a column counted from 1.

    >>> column_letters(1), column_letters(16384)
    ('A', 'XFD')
    """
    return str(xl_col_to_name(number - 1))


def quote_sheet(name: str) -> str:
    """A sheet's name as a formula needs it: quoted where it would be read as something else.

    >>> quote_sheet("Score"), quote_sheet("Won & lost"), quote_sheet("O'Neil"), quote_sheet("Q1"), quote_sheet("C")
    ('Score', "'Won & lost'", "'O''Neil'", "'Q1'", "'C'")
    """
    return f"'{name}'" if name.upper() in ("TRUE", "FALSE") else str(quote_sheetname(name))


@dataclass(frozen=True)
class Area:
    """A rectangle of cells, 1-based and inclusive."""

    first_row: int
    first_column: int
    last_row: int
    last_column: int

    @classmethod
    def of(cls, text: str) -> Area | None:
        """From ``A1``, ``A1:C9``, ``A:C`` or ``1:9``; ``None`` when it is none of these.

        >>> Area.of("$A$1:C9")
        Area(first_row=1, first_column=1, last_row=9, last_column=3)
        """
        ends = text.replace("$", "").upper().split(":")
        if len(ends) > 2:
            return None
        found = []
        for end, (row, column) in zip((ends[0], ends[-1]), ((1, 1), (MAX_ROWS, MAX_COLUMNS)), strict=True):
            match = re.fullmatch(r"([A-Z]{0,3})(\d*)", end)
            if match is None or not end:
                return None
            found.append((int(match[2]) if match[2] else row, column_number(match[1]) if match[1] else column))
        (top, left), (bottom, right) = found
        return cls(min(top, bottom), min(left, right), max(top, bottom), max(left, right))

    def __str__(self) -> str:
        first = f"{column_letters(self.first_column)}{self.first_row}"
        last = f"{column_letters(self.last_column)}{self.last_row}"
        return first if first == last else f"{first}:{last}"

    def meets(self, other: Area) -> bool:
        """Whether the two share a cell."""
        return not (
            self.last_row < other.first_row
            or other.last_row < self.first_row
            or self.last_column < other.first_column
            or other.last_column < self.first_column
        )

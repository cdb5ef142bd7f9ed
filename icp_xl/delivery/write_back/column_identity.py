"""How a column of ours is known again, wherever it stands: by the header that we wrote and by what we wrote under it.

Only hidden names survive every program that saves a workbook, and a name holds 255 characters. So what we wrote is kept
as a sketch: the smallest few of the hashes of all values, each counted by how often it came. The share of a sketch that
is found again in a column tells how much of the column is ours, in whatever order its rows stand now.
"""

from __future__ import annotations

import heapq
import math
import re
import sys
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b
from itertools import repeat
from typing import Any

from icp_xl.delivery.write_back.column_values import cell_content
from icp_xl.opc.sheet_xml import Cell, RowParser, cell_value, has_formula, item_text

#: Hashes that a sketch holds.
SKETCH = 14
#: Share of the sketch that must be found under our own header, and under another one.
UNDER_OUR_HEADER, UNDER_ANOTHER = 0.25, 0.75
MOST_HEADER = 100
#: Of a value that comes often, so many occurrences may be drawn into a sketch.
COUNTED = 100


def plain_header(text: object) -> str:
    """A header as it is compared: one line of small letters, whatever blanks it holds.

    >>> plain_header("Acct\\n ID\\u00a0"), plain_header("ICP  Score")
    ('acct id', 'icp score')
    """
    shown = str(text or "")
    if not shown.isascii():
        shown = re.sub(r"[\u200b\u200c\u200d\u2060\ufeff]", "", shown)
    return " ".join(shown.split()).casefold()


def value_text(value: object) -> str:
    """A value as it is compared, the same after any program has saved it."""
    if isinstance(value, bool) or value is None:
        return "" if value is None else str(value).upper()
    return f"{value:.10g}" if isinstance(value, int | float) else str(value).strip()


def written_text(value: object) -> str:
    """:func:`value_text` of what is written for ``value``."""
    if (type(value) is float and math.isfinite(value)) or (type(value) is int and abs(value) < 1 << 53):
        return f"{value + 0.0:.10g}"
    kind, inner = cell_content(value)
    if not inner:
        return ""
    if kind == "inlineStr":
        return value_text(item_text(inner))
    number = float(inner.removeprefix(b"<v>").removesuffix(b"</v>"))
    return value_text(bool(number) if kind == "b" else number)


def hashes(values: Iterable[str]) -> set[str]:
    """One hash for each value and the count of its occurrences so far."""
    return set(_hashes(Counter(value for value in values if value), sys.maxsize))


def _hashes(counts: Mapping[str, int], most: int) -> Iterator[str]:
    for value, times in counts.items():
        for n in range(min(times, most) if value else 0):
            yield _hash(value, n)


_EMPTY = blake2b(digest_size=4)


def _hash(value: str, n: int) -> str:
    drawn = _EMPTY.copy()
    # What Excel writes as _xD800_ is half a character, which is no text elsewhere.
    drawn.update(f"{value}\0{n}".encode("utf-8", "surrogatepass"))
    return drawn.hexdigest()


@lru_cache(maxsize=256)
def _pieces(sketch: str) -> tuple[frozenset[str], str]:
    """The hashes of a sketch, and the highest of them."""
    found = frozenset(sketch[at : at + 8] for at in range(0, len(sketch), 8))
    return found, max(found, default="")


def sketch(counts: Mapping[str, int]) -> str:
    """The sketch of a column, from how often each value stands in it."""
    # Twice as many, since two values may have one hash.
    return "".join(sorted(set(heapq.nsmallest(2 * SKETCH, _hashes(counts, COUNTED))))[:SKETCH])


def sort_of(values: Iterable[str]) -> str:
    """``n`` for a column of numbers, ``t`` for one of texts, ``m`` for both."""
    found = {"n" if _is_number(value) else "t" for value in values if value}
    return found.pop() if len(found) == 1 else "m"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


@dataclass(frozen=True)
class Identity:
    """What is known of a column of ours: its header, the sketch of its values, what sort they are of, and how many."""

    header: str = ""
    sketch: str = ""
    sort: str = "m"
    count: int | None = None

    def share(self, found: set[str]) -> float | None:
        """Share of the sketch among ``found``; nothing for a column that was written without values."""
        pieces = [self.sketch[at : at + 8] for at in range(0, len(self.sketch), 8)]
        return sum(piece in found for piece in pieces) / len(pieces) if pieces else None

    def fits(self, texts: Iterable[str]) -> bool:
        """Whether at least half of those ``texts`` that the sketch would hold are in it, as after rows were deleted."""
        pieces, highest = _pieces(self.sketch)
        counts = Counter(text for text in texts if text)
        drawn = {each for each in _hashes(counts, COUNTED) if len(pieces) < SKETCH or each <= highest}
        return 2 * len(drawn & pieces) >= len(drawn) and (self.sort == "m" or sort_of(counts) in (self.sort, "m"))

    def excludes(self, text: str) -> bool:
        """Whether we certainly did not write ``text``: a value of another sort, or one that the sketch would hold."""
        if self.count == 0 or (self.sort != "m" and sort_of([text]) != self.sort):
            return True
        pieces, highest = _pieces(self.sketch)
        whole = len(pieces) < SKETCH or (self.count is not None and self.count <= SKETCH)
        return bool(pieces) and (drawn := _hash(text, 0)) not in pieces and (whole or drawn < highest)


def identity_of(header: str, values: Sequence[Any]) -> Identity:
    """What a column of ours is known by, from what is written under its header."""
    kinds = set(map(type, values))
    if kinds and kinds <= {int, float} and all(-(1 << 53) < value < 1 << 53 for value in values):
        numbers = Counter([f"{value + 0.0:.10g}" for value in values])
        return Identity(header, sketch(numbers), "n", len(values))
    counts: dict[str, int] = {}
    # Python counts truth and number as one.
    single = bool in kinds or not all(issubclass(kind, Hashable) for kind in kinds)
    for value, times in zip(values, repeat(1)) if single else Counter(values).items():
        text = written_text(value)
        counts[text] = counts.get(text, 0) + times
    count = sum(times for text, times in counts.items() if text)
    return Identity(header, sketch(counts), sort_of(counts), count)


def is_users(cell: Cell, strings: Sequence[bytes], identity: Identity) -> bool:
    """Whether a cell in a column of ours holds what we did not write: a formula, or a value that shows it."""
    if has_formula(cell.inner):
        return True
    text = value_text(cell_value(cell, strings))
    return bool(text) and identity.excludes(text)


@dataclass
class SheetColumns:
    """The cells of a sheet by column, as row and text, but of those that compute the row alone, in ``computed``."""

    cells: dict[int, list[tuple[int, str]]] = field(default_factory=dict)
    computed: dict[int, set[int]] = field(default_factory=dict)
    _filled: dict[int, set[int]] = field(default_factory=dict)
    _hashes: dict[int, set[str]] = field(default_factory=dict)
    _headers: dict[int, dict[str, list[int]]] = field(default_factory=dict)

    @classmethod
    def of(cls, rows: Iterable[bytes], parser: RowParser, strings: Sequence[bytes]) -> SheetColumns:
        """Read every cell."""
        found = cls()
        for row in rows:
            number = parser.number(row)
            for cell in parser.cells(row):
                if cell.inner and has_formula(cell.inner):
                    found.computed.setdefault(cell.column, set()).add(number)
                elif cell.inner:
                    text = value_text(cell_value(cell, strings))
                    if text:
                        found.cells.setdefault(cell.column, []).append((number, text))
        return found

    def under(self, column: int, row: int) -> dict[int, str]:
        """The texts of a column below a row, by row."""
        return {number: text for number, text in self.cells.get(column, ()) if number > row}

    def rows_filled(self, key: int, ours: Iterable[int]) -> set[int]:
        """Rows in which the column ``key`` is filled; where it is 0, any column but ``ours``."""
        columns = {key} if key else {*self.cells, *self.computed} - set(ours)
        return set().union(*(self._rows(column) for column in columns))

    def filled_of(self, row: int, columns: Iterable[int]) -> frozenset[int]:
        """Those of ``columns`` that are filled in a row."""
        return frozenset(column for column in columns if row in self._rows(column))

    def _rows(self, column: int) -> set[int]:
        if column not in self._filled:
            self._filled[column] = {row for row, _ in self.cells.get(column, ())} | self.computed.get(column, set())
        return self._filled[column]

    def hashes(self, column: int) -> set[str]:
        """Hashes of all that stands in a column."""
        if column not in self._hashes:
            self._hashes[column] = hashes(text for _, text in self.cells.get(column, ()))
        return self._hashes[column]

    def header_row(self, column: int, header: str, marked: int = 0) -> int:
        """Row of the cell that holds ``header``, the row ``marked`` before others; 0 for none."""
        wanted = plain_header(header)[:MOST_HEADER]
        if column not in self._headers:
            there = self._headers[column] = {}
            for row, text in self.cells.get(column, ()):
                there.setdefault(plain_header(text)[:MOST_HEADER], []).append(row)
        rows = self._headers[column].get(wanted, []) if wanted else []
        return marked if marked in rows else min(rows, default=0)


def locate(
    identities: Mapping[str, Identity], marked: Mapping[str, tuple[int, int]], columns: SheetColumns
) -> dict[str, tuple[int, int]]:
    """Row of the header and column of each field that is still ours in a sheet.

    Args:
        marked: where the marks say that they stand; what is there is looked at first.
    """
    found: dict[str, tuple[int, int]] = {}
    for name, identity in identities.items():
        here = marked.get(name)
        ranked = []
        for column in sorted({*columns.cells, *([here[1]] if here else [])}):
            row = columns.header_row(column, identity.header, here[0] if here else 0)
            share = identity.share(columns.hashes(column))
            at_mark = here is not None and here[1] == column
            # Where rows were deleted, little of what we wrote is left, but nothing else stands there.
            if row and (
                share is None
                or share >= UNDER_OUR_HEADER
                or (at_mark and identity.fits(columns.under(column, row).values()))
            ):
                ranked.append((1 + at_mark + (share or 0), row, column))
            elif not row and share is not None and share >= UNDER_ANOTHER and len(identity.sketch) >= 16:
                if at_mark and here is not None:
                    ranked.append((share, here[0], column))
        ranked.sort(reverse=True)
        # Two that are equally like ours: nobody can say which is, so neither is.
        if ranked and (len(ranked) == 1 or ranked[0][0] > ranked[1][0]):
            found[name] = ranked[0][1:]
    taken = Counter(column for _, column in found.values())
    return {name: spot for name, spot in found.items() if taken[spot[1]] == 1}

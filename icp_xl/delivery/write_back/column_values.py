"""Result columns as a writer needs them: fields, values per account, and how a key finds its account."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from icp_xl.opc.sheet_xml import MAX_TEXT, text_item


@dataclass(frozen=True)
class ResultColumn:
    """One column: the field that it shows, its header, number format and width."""

    field: str
    header: str
    format: str = "General"
    width: float = 12.0


#: What is written where nothing else is asked for.
RESULT_COLUMNS = (
    ResultColumn("icp_score", "ICP Score", "0.0", 10.5),
    ResultColumn("icp_grade", "ICP Grade", "General", 10.5),
    ResultColumn("rank", "ICP Rank", "#,##0", 10.5),
    ResultColumn("segment", "ICP Segment", "General", 16.0),
    ResultColumn("reasons", "ICP Reasons", "General", 48.0),
)
#: One cell: the type attribute and the inner XML.
CellContent = tuple[str, bytes]


class FoundKeys(NamedTuple):
    """Row of the account of each key that surely means one, and what to say of how they were found."""

    rows: Mapping[str, int]
    notes: Sequence[str] = ()


#: Finds the accounts of all keys of a column, which as a whole holds ids or names.
KeyFinder = Callable[[Sequence[str]], FoundKeys]


@dataclass
class Results:
    """Values per field and row, and how a key finds its row.

    Args:
        columns: what to write, in order.
        values: per field, one value per account.
        find_keys: the accounts of the keys of a column.
        others: how fields look that an earlier run wrote and this one was not asked for.
    """

    columns: Sequence[ResultColumn]
    values: Mapping[str, Sequence[Any]]
    find_keys: KeyFinder
    others: Sequence[ResultColumn] = ()

    def cells(self, row: int | None, columns: Sequence[ResultColumn]) -> list[CellContent]:
        """Contents of the cells of one account; empty ones where there is none."""
        if row is None:
            return [("", b"")] * len(columns)
        return [cell_content(self.value(column.field, row)) for column in columns]

    def column(self, field: str, rows: Sequence[int | None]) -> list[Any]:
        """Values of one column; ``None`` where there is no account."""
        values = self.values.get(field)
        if values is None:
            return [None] * len(rows)
        return [None if row is None else values[row] for row in rows]

    def too_long(self, columns: Sequence[ResultColumn], rows: Sequence[int]) -> int:
        """How many cells hold a text that is longer than a cell may be.

        Args:
            columns: that are written.
            rows: the accounts that are, one for each row that has one.
        """
        count = 0
        for column in columns:
            values = self.values.get(column.field, ())
            kinds = set(map(type, values))
            if not any(issubclass(kind, str) for kind in kinds) or (
                kinds == {str} and max(map(len, values)) <= MAX_TEXT
            ):
                continue
            long = {row for row, value in enumerate(values) if isinstance(value, str) and len(value) > MAX_TEXT}
            count += sum(row in long for row in rows) if long else 0
        return count

    def value(self, name: str, row: int) -> Any:
        """One value; nothing for a field that there is not."""
        return self.values[name][row] if name in self.values else None


def cell_content(value: Any) -> CellContent:
    """A value as a cell: text is text whatever it begins with, and what is missing is blank.

    >>> cell_content(7.0), cell_content("=1+1"), cell_content(float("nan"))
    (('', b'<v>7</v>'), ('inlineStr', b'<is><t xml:space="preserve">=1+1</t></is>'), ('', b''))
    """
    if isinstance(value, str):
        return _text(value)
    if type(value) is int and abs(value) < 1 << 53:
        return "", b"<v>%d</v>" % value
    if type(value) is float and math.isfinite(value) and not value.is_integer():
        return "", b"<v>%b</v>" % repr(value).encode()
    if isinstance(value, np.datetime64):
        value = value.astype("datetime64[us]").item()
    elif isinstance(value, np.generic | np.ndarray) and value.ndim == 0:
        value = value.item()
    if value is None or value is NotImplemented:
        return "", b""
    if isinstance(value, bool):
        return "b", b"<v>1</v>" if value else b"<v>0</v>"
    if isinstance(value, int | float):
        try:
            finite = math.isfinite(value)
        except OverflowError:
            finite = False
        if not finite:
            return "", b""
        number = int(value) if float(value).is_integer() and abs(value) < 1e15 else value
        return "", f"<v>{number!r}</v>".encode()
    if isinstance(value, date):
        value = value.isoformat()[:10]
    text = str(value)
    return ("", b"") if text in ("<NA>", "NaT") else _text(text)


def made_cells(
    values: Sequence[Any], numbers: Sequence[bytes], start: bytes, middle: bytes, *, blank: bool
) -> tuple[Sequence[bytes], ...]:
    """The cells of one column, many at a time: for each value, pieces that joined are its :func:`cell_content`'s cell.

    Args:
        values: what the cells hold.
        numbers: their rows.
        start: the cell up to its row's number.
        middle: what follows that number, up to the type.
        blank: whether a cell without a value is written, for its format.

    >>> made = made_cells([0.5, None, 7.0], [b"2", b"3", b"4"], b'<c r="A', b'"', blank=False)
    >>> [b"".join(pieces) for pieces in zip(*made)]
    [b'<c r="A2"><v>0.5</v></c>', b'', b'<c r="A4"><v>7</v></c>']
    """

    def tail(value: Any) -> bytes:
        kind, inner = cell_content(value)
        if not inner:
            return middle + b"/>" if blank else b""
        return middle + (b' t="%b">' % kind.encode() if kind else b">") + inner + b"</c>"

    kinds, count = set(map(type, values)), len(values)
    if kinds == {float} or (kinds == {int} and all(-(1 << 53) < value < 1 << 53 for value in values)):
        told = " ".join(map(repr, values)).encode().split(b" ")
        # Whole numbers are written without a point, and what is not finite is not written.
        for at in [at for at, value in enumerate(values) if not value % 1 > 0] if kinds == {float} else ():
            told[at] = cell_content(values[at])[1].removeprefix(b"<v>").removesuffix(b"</v>")
        if all(told):
            return [start] * count, numbers, [middle + b"><v>"] * count, told, [b"</v></c>"] * count
    known = {text: tail(text) for text in set(values)} if kinds == {str} else {}
    tails = [known[text] for text in values] if known else list(map(tail, values))
    there = [bool(said) for said in tails]
    if all(there):
        return [start] * count, numbers, tails
    return list(map(start.__mul__, there)), [n * said for n, said in zip(numbers, there, strict=True)], tails


@lru_cache(maxsize=1 << 14)
def _text(text: str) -> CellContent:
    if not text:
        return "", b""
    return "inlineStr", b"<is>" + text_item(text) + b"</is>"

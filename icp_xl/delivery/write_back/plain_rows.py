"""Rows that are alike, as programs write large sheets: a block of them is read at once instead of cell by cell."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from icp_xl.opc.references import column_letters, column_number
from icp_xl.opc.sheet_xml import Cell, cell_value, item_texts, key_text

_CELL = b'<c r="'
_FIRST_ROW = re.compile(rb'\s*<row r="(\d{1,7})"')
_LETTERS = re.compile(rb"[A-Z]{1,3}")
#: What stands between a cell's number and its content: its format, its kind and the tags about the content.
_HEAD = re.compile(
    rb'(?: s="(?P<style>\d+)")?'
    rb'(?:(?: t="(?P<kind>\w+)")?><v>| t="(?P<inline>inlineStr)"><is><t(?: xml:space="preserve")?>)'
)
_POWERS = 10 ** np.arange(8)
#: As long as any text of ours that is looked for from a tag on.
_MARGIN = bytes(32)
#: Texts that are longer are not compared.
_LONGEST = 1000

#: Positions in a block, or places among its tags.
Places = NDArray[np.intp]


@dataclass(frozen=True)
class PlainRows:
    """Rows from ``first`` to ``last`` that are alike: each has a key and ends with the same column in one format.

    ``size`` is that of the block that they fill, in bytes; ``numbered`` is where it goes on behind the number of each
    row and ``closed`` where its closing tag begins. ``alike`` says whether their opening tags differ by that number
    alone; ``formulas`` whether a cell computes anything.
    """

    first: int
    last: int
    column: int
    style: str
    keys: Sequence[str]
    size: int
    numbered: Places
    closed: Places
    alike: bool
    formulas: bool


def plain_rows(block: bytes, column: int, strings: Sequence[bytes], shown: set[bytes]) -> PlainRows | None:
    """The rows of a block, where they follow one another, are alike and are plain to see.

    Args:
        block: whole rows, without comments and CDATA.
        column: of the keys, counted from 1.
        strings: the workbook's shared strings.
        shown: formats that show a number otherwise than it is written.

    Returns:
        Nothing where they are not: then each row is to be looked at.
    """
    match = _FIRST_ROW.match(block)
    if match is None:
        return None
    tags = _Tags(block)
    rows = tags.all(b'<row r="')
    opened, closed = tags.at[rows], tags.at[np.append(rows[1:], len(tags.at)) - 1]
    numbers = int(match[1]) + np.arange(len(rows))
    numbered = tags.behind(opened + len(b'<row r="'), numbers)
    if numbered is None:
        return None
    cells, letters = tags.all(_CELL), column_letters(column).encode()
    named = tags.named(cells, letters)
    last = _LETTERS.match(block, tags.at[cells[-1]] + len(_CELL)) if len(cells) else None
    if last is None or len(named) != len(rows):
        return None
    keys = tags.cells(named, letters, numbers)
    ending = tags.cells(cells[np.searchsorted(tags.at[cells], closed) - 1], last[0], numbers)
    # A row that holds nothing behind that cell is closed where it ends.
    if keys is None or ending is None or (ending.ends != closed).any():
        return None
    styles = {head["style"] for head in ending.told.values()}
    if len(styles) > 1 or any(head["kind"] not in (None, b"s") for head in keys.told.values()):
        return None
    kinds = {head: told["kind"] or told["inline"] for head, told in keys.told.items()}
    if any(kinds[head] is None and (told["style"] or b"0") in shown for head, told in keys.told.items()):
        return None
    contents = [block[start:end] for start, end in zip(keys.starts.tolist(), keys.stops.tolist(), strict=True)]
    texts = _key_texts([kinds[head] for head in keys.heads], contents, strings)
    if not all(texts):
        return None
    tag = block[numbered[0] : block.find(b">", int(numbered[0]))]
    return PlainRows(
        int(numbers[0]),
        int(numbers[-1]),
        column_number(last[0].decode()),
        (styles.pop() or b"").decode(),
        texts,
        len(block),
        numbered,
        closed,
        bool(tags.begin(numbered, tag + b">").all()),
        tags.formulas(),
    )


def _key_texts(kinds: Sequence[bytes | None], contents: Sequence[bytes], strings: Sequence[bytes]) -> list[str]:
    """Keys by the kind and the content of their cells, empty where there is none; a column of one kind at once."""
    if set(kinds) == {b"s"} and all(map(bytes.isdigit, contents)):
        places = list(map(int, contents))
        if max(places) < len(strings):
            return list(map(str.strip, item_texts([strings[at] for at in places])))
    if set(kinds) == {b"inlineStr"}:
        return list(map(str.strip, item_texts([b"<t>" + content + b"</t>" for content in contents])))
    if set(kinds) == {None}:
        with suppress(ValueError):
            return [key_text(float(content)) for content in contents]
    cells = [
        Cell(0, 0, 0, b't="%b"' % (kind or b"n"), (b"<t>%b</t>" if kind == b"inlineStr" else b"<v>%b</v>") % content)
        for kind, content in zip(kinds, contents, strict=True)
    ]
    return [key_text(cell_value(cell, strings)) for cell in cells]


@dataclass(frozen=True)
class _Cells:
    """One cell of each row: what stands between its number and its content, where that lies, and where the cell ends.

    ``told`` is what each of the ``heads`` says.
    """

    heads: Sequence[bytes]
    told: Mapping[bytes, re.Match[bytes]]
    starts: Places
    stops: Places
    ends: Places


class _Tags:
    """Where the tags of a block begin, in ``at``; cells and rows are told by their place among them."""

    def __init__(self, block: bytes) -> None:
        self._block = block
        self._bytes = np.frombuffer(block + _MARGIN, np.uint8)
        self.at: Places = np.flatnonzero(self._bytes == ord("<"))
        self._second = self._bytes[self.at + 1]

    def begin(self, places: Places, text: bytes) -> NDArray[np.bool_]:
        """Whether ``text`` stands at each of some positions, which ascend."""
        fits = len(places) > 0 and len(text) <= _LONGEST and int(places[-1]) + len(text) <= len(self._bytes)
        right = np.full(len(places), fits)
        for n, byte in enumerate(text if fits else b""):
            right &= self._bytes[places + n] == byte
        return right

    def all(self, text: bytes) -> Places:
        """Which of the tags begin with ``text``."""
        alike = np.flatnonzero(self._second == text[1])
        return alike[self.begin(self.at[alike] + 2, text[2:])]

    def formulas(self) -> bool:
        """Whether a formula is among them."""
        follows = self._bytes[self.at[self._second == ord("f")] + 2]
        return not set(follows.tobytes()).isdisjoint(b" \t\r\n/>")

    def named(self, cells: Places, letters: bytes) -> Places:
        """Which of the cells stand in a column."""
        here = cells[self.begin(self.at[cells] + len(_CELL), letters)]
        # What is less than a zero comes out as a high number.
        return here[self._bytes[self.at[here] + len(_CELL) + len(letters)] - np.uint8(ord("0")) < 10]

    def behind(self, places: Places, numbers: Places) -> Places | None:
        """Where it goes on behind a number and a quotation mark; nothing if the numbers are not these."""
        widths = np.searchsorted(_POWERS, numbers, side="right")
        ends = places + widths
        right = self._bytes[ends] == ord('"')
        for n in range(int(widths.max())):
            right &= (n >= widths) | (self._bytes[ends - 1 - n] == numbers // 10**n % 10 + ord("0"))
        return ends + 1 if right.all() else None

    def cells(self, cells: Places, letters: bytes, numbers: Places) -> _Cells | None:
        """One cell of each row, all in one column; nothing if one is not plain: a value or a text without parts."""
        places = self.at[cells] + len(_CELL)
        opened = self.behind(places + len(letters), numbers) if self.begin(places, letters).all() else None
        if opened is None:
            return None
        closing = np.flatnonzero(self._second == ord("/"))
        if not len(closing) or closing[-1] < cells[-1]:
            return None
        close = closing[np.searchsorted(closing, cells)]
        block, stops, inmost = self._block, self.at[close], self.at[close - 1]
        value, text = b"</v></c>", b"</t></is></c>"
        is_value = self.begin(stops, value)
        if not (is_value | self.begin(stops, text)).all():
            return None
        head = block[opened[0] : block.find(b">", int(inmost[0])) + 1]
        if self.begin(opened, head).all():
            heads, starts = [head] * len(cells), opened + len(head)
        else:
            starts = np.array([block.find(b">", tag) + 1 for tag in inmost.tolist()])
            heads = [block[start:end] for start, end in zip(opened.tolist(), starts.tolist(), strict=True)]
        told = {head: match for head in set(heads) if (match := _HEAD.fullmatch(head)) is not None}
        if len(told) < len(set(heads)):
            return None
        return _Cells(heads, told, starts, stops, stops + np.where(is_value, len(value), len(text)))

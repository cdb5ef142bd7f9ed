"""How wide and how high text stands in Calibri, in pixels, without asking any program.

Widths are those of Calibri 11 at 100 %: a column of ``w`` characters is ``7 w + 5`` pixels. Scripts that the table
does not know are taken as wide as they usually are, so that nothing is cut off.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

from xlsxwriter.utility import CHAR_WIDTHS

#: Pixels per row of the default height (15 points).
ROW = 20
#: Pixels of a cell's own padding.
PADDING = 9

#: Pixels of characters, as Excel measures Calibri 11; XlsxWriter knows those of ASCII.
_WIDTHS: dict[str, int] = {
    **CHAR_WIDTHS,
    **dict.fromkeys("\u00a0", 3), **dict.fromkeys("\u2019\u2018\u00b7", 4), "\u2022": 5,
    **dict.fromkeys("\u201c\u201d", 6), **dict.fromkeys("\u20ac\u2013", 7), **dict.fromkeys("\u2014\u2026", 11),
}  # fmt: skip


@lru_cache(maxsize=8192)
def _char_width(char: str) -> int:
    known = _WIDTHS.get(char)
    if known is not None:
        return known
    if unicodedata.east_asian_width(char) in "WF":
        return 15
    if unicodedata.combining(char):
        return 0
    base = unicodedata.normalize("NFD", char)[:1]
    return _WIDTHS.get(base, 8)


@lru_cache(maxsize=65_536)
def text_width(text: str, size: float = 11, bold: bool = False) -> int:
    """Pixels that one line of ``text`` takes.

    >>> text_width("Account") < text_width("Account name") < text_width("Account name", bold=True)
    True
    """
    width = sum(map(_char_width, text)) * size / 11
    return math.ceil(width * (1.06 if bold else 1.0))


@lru_cache(maxsize=65_536)
def wrapped_lines(text: str, width: int, size: float = 11, bold: bool = False) -> int:
    """Lines that ``text`` takes when wrapped at words to ``width`` pixels (at least 1).

    >>> wrapped_lines("one two three", 1000), wrapped_lines("one two three", 40)
    (1, 3)

    Args:
        text: with line feeds where it must break.
        width: of the cell, in pixels.
        size: of the letters, in points.
        bold: whether they are.
    """
    lines = 0
    room = max(width, 20)
    for paragraph in text.split("\n"):
        lines += 1
        used = 0.0
        for word in re.findall(r"\S+\s*", paragraph):
            bare = text_width(word.rstrip(), size, bold)
            if used and used + bare > room:
                lines += 1
                used = 0.0
            # A word longer than the line is broken wherever it must be.
            lines += int(bare // room) if bare > room else 0
            used += text_width(word, size, bold) if bare <= room else bare % room
    return max(lines, 1)


def fitting_width(texts: Iterable[str], lines: int, least: int, most: int) -> int:
    """The least width between ``least`` and ``most`` at which every text takes at most ``lines`` lines.

    Args:
        texts: headers, measured in bold.
        lines: that each may take.
        least: width in pixels that is always given.
        most: width in pixels that is never passed, whatever the texts need.
    """
    shown = [text for text in texts if text]
    low, high = least, most
    if all(wrapped_lines(text, low, bold=True) <= lines for text in shown):
        return low
    while high - low > 2:
        middle = (low + high) // 2
        if all(wrapped_lines(text, middle, bold=True) <= lines for text in shown):
            high = middle
        else:
            low = middle
    return high


def points(pixels: float) -> float:
    """Pixels as points, the unit of row heights."""
    return round(pixels * 0.75, 2)

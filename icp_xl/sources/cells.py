"""Raw cells, as files hold them, and columns of them.

A raw column is a float64 array (NaN where blank), a datetime64 array (NaT where blank), or an object array of whatever
the file holds (``None`` where blank).
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from datetime import date, datetime, time
from typing import Any

import numpy as np
import pandas as pd

from icp_xl.sources.numbers import MISSING

RawColumn = np.ndarray[Any, Any]


def to_raw(values: Sequence[object]) -> RawColumn:
    """Cells as a raw column: floats where every cell is a number or blank, days where every one is a date."""
    kinds = set(map(type, values))
    try:
        numbers = _numbers(values, kinds)
    except OverflowError:  # JSON knows whole numbers of any length: the rest stays what it is
        numbers = None
    if numbers is not None:
        return numbers
    if kinds & {date, datetime} and not kinds - {date, datetime, str, type(None)}:
        if all(not value for value in values if value is None or type(value) is str):
            return _days(values)
    out = np.empty(len(values), dtype=object)
    out[:] = [None if value == "" else value for value in values] if str in kinds and "" in values else values
    return out


def _numbers(values: Sequence[object], kinds: set[type]) -> RawColumn | None:
    if not kinds - {float, int}:
        return np.array(values, dtype=np.float64)
    if not kinds - {float, int, type(None)} and kinds - {type(None)}:
        return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
    if str in kinds and not kinds - {float, int, str} and all(value == "" for value in values if type(value) is str):
        if kinds == {str}:
            return np.full(len(values), None, dtype=object)
        return np.array([np.nan if value == "" else value for value in values], dtype=np.float64)
    return None


def _days(values: Sequence[object]) -> RawColumn:
    """Dates and blanks as datetime64. A log has few different days, and each is converted once."""
    place = {value: at for at, value in enumerate(dict.fromkeys(values))}
    days = np.array([value or None for value in place], dtype="datetime64[us]")
    return np.asarray(days[np.fromiter(map(place.__getitem__, values), np.intp, len(values))])


def is_blank(raw: RawColumn) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Which cells hold nothing, or only spaces. ``N/A`` and its like are not blank, but missing."""
    blank = np.asarray(pd.isna(raw))
    if raw.dtype == object and len(raw):
        codes, cells = distinct(raw)
        spaces = [at for at, cell in enumerate(cells) if type(cell) is str and not cell.strip()]
        if spaces:
            blank |= np.isin(codes, spaces)
    return blank


def is_finite(number: float) -> bool:
    """Whether a number of a cell is one that can be reckoned with: JSON and Python know whole ones of any length.

    >>> is_finite(12), is_finite(float("nan")), is_finite(10**400)
    (True, False, False)
    """
    try:
        return math.isfinite(number)
    except OverflowError:
        return False


def cell_text(value: object) -> str | None:
    """A cell as text, or ``None`` where it is missing. Whole numbers lose their ``.0``, so that keys stay keys.

    >>> cell_text(1001.0), cell_text(" 007 "), cell_text("N/A"), cell_text(2.5)
    ('1001', '007', None, '2.5')
    """
    if value is None:
        return None
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, bool | np.bool_):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float | np.floating):
        number = float(value)
        if not math.isfinite(number):
            return None
        return str(int(number)) if number == int(number) and abs(number) < 1e15 else repr(number)
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(sep=" ")
    return str(value)


def clean_text(text: str) -> str | None:
    """Text without control characters, line breaks and double spaces; ``None`` where it means missing."""
    if not text.isascii():
        text = unicodedata.normalize("NFC", text).replace("\ufeff", "").replace("\u200b", "")
        text = text.encode("utf-8", "replace").decode()
    if not text.isprintable():
        text = "".join(c if c.isprintable() else " " for c in text)
    text = " ".join(text.split())
    if text.startswith('="') and text.endswith('"') and len(text) > 2:
        text = text[2:-1].strip()  # how a CSV keeps Excel from making a number of it
    return None if text.lower() in MISSING else text


#: Types of which no two values are equal, but for numbers of several types.
_APART = {str, type(None), int, float, bool, datetime}


def distinct(raw: RawColumn) -> tuple[RawColumn, list[Any]]:
    """Positions into a list of the distinct cells of an object column; 1, True and "1" stay apart."""
    kinds = set(map(type, raw))
    if not kinds - {str, type(None)}:
        codes, texts = pd.factorize(raw)
        missing = codes < 0
        cells = texts.tolist()
        if missing.any():
            codes[missing] = len(cells)
            cells.append(None)
        return codes, cells
    if kinds <= _APART and len(kinds & {int, float, bool}) <= 1:
        places = {cell: at for at, cell in enumerate(dict.fromkeys(raw.tolist()))}
        return np.fromiter(map(places.__getitem__, raw.tolist()), np.intp, len(raw)), list(places)
    seen: dict[Any, int] = {}
    codes = np.fromiter(
        (seen.setdefault(value if type(value) is str else (type(value), value), len(seen)) for value in raw),
        np.intp,
        len(raw),
    )
    return codes, [key if type(key) is str else key[1] for key in seen]

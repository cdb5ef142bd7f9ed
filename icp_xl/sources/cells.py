"""Columns of raw cells to typed columns. What cannot be read becomes missing, and is reported cell by cell.

A raw column is a float64 array (NaN where blank), a datetime64 array (NaT where blank), or an object array of whatever
the file holds (``None`` where blank). Texts repeat much within a column, so each distinct one is parsed once.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Any, Literal

import numpy as np
import pandas as pd

from icp_xl.sources.dates import Order, as_day, from_serial, order_of, parse_date
from icp_xl.sources.fields import Kind
from icp_xl.sources.numbers import MISSING, Decimals, decimals_of, is_missing, parse_number

RawColumn = np.ndarray[Any, Any]

#: What pandas itself makes of a column of texts, so that our frames join with everyone else's without a cast.
TEXT_DTYPE: Any = pd.Series([""]).dtype

_TRUE = frozenset("yes y true t 1 x on active ja oui si sí wahr vrai verdadero ✓ ✔ enabled subscribed current".split())
_FALSE = frozenset(
    "no n false f 0 off inactive nein non falsch faux falso ✗ ✘ disabled expired lapsed cancelled".split()
)


@dataclass
class Typed:
    """A typed column, the positions of cells that could not be read, and remarks about the column as a whole."""

    values: pd.Series[Any]
    unreadable: list[tuple[int, str]] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


def type_column(
    raw: RawColumn,
    kind: Kind,
    *,
    dates: Order | Literal["auto"] = "auto",
    decimals: Decimals | Literal["auto"] = "auto",
    date1904: bool = False,
) -> Typed:
    """``raw`` as a column of ``kind``; one value per cell, in order."""
    if kind in ("number", "year"):
        return _numbers(raw, decimals)
    if kind == "date":
        return _dates(raw, dates, date1904)
    if kind == "flag":
        return _flags(raw)
    return _texts(raw)


def to_raw(values: Sequence[object]) -> RawColumn:
    """Cells as a raw column: floats where every cell is a number or blank, days where every one is a date."""
    kinds = set(map(type, values))
    if not kinds - {float, int}:
        return np.array(values, dtype=np.float64)
    if not kinds - {float, int, type(None)} and kinds - {type(None)}:
        return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
    if str in kinds and not kinds - {float, int, str} and all(value == "" for value in values if type(value) is str):
        if kinds == {str}:
            return np.full(len(values), None, dtype=object)
        return np.array([np.nan if value == "" else value for value in values], dtype=np.float64)
    if kinds & {date, datetime} and not kinds - {date, datetime, str, type(None)}:
        if all(not value for value in values if value is None or type(value) is str):
            return _days(values)
    out = np.empty(len(values), dtype=object)
    out[:] = [None if value == "" else value for value in values] if str in kinds else values
    return out


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


def missing_column(kind: Kind, rows: int) -> pd.Series[Any]:
    """A column of ``kind`` in which nothing is known."""
    if kind in ("number", "year"):
        return pd.Series(np.full(rows, np.nan))
    if kind == "date":
        return pd.Series(np.full(rows, np.datetime64("NaT"), dtype="datetime64[us]"))
    if kind == "flag":
        return pd.Series(pd.array([None], dtype="boolean").take(np.zeros(rows, dtype=np.intp)))
    return pd.Series([None], dtype=TEXT_DTYPE).take(np.zeros(rows, dtype=np.intp)).reset_index(drop=True)


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
    return None if text.lower() in MISSING else text


def distinct(raw: RawColumn) -> tuple[RawColumn, list[Any]]:
    """Positions into a list of the distinct cells of an object column; 1, True and "1" stay apart."""
    if not set(map(type, raw)) - {str, type(None)}:
        codes, texts = pd.factorize(raw)
        missing = codes < 0
        cells = texts.tolist()
        if missing.any():
            codes[missing] = len(cells)
            cells.append(None)
        return codes, cells
    seen: dict[Any, int] = {}
    codes = np.fromiter(
        (seen.setdefault(value if type(value) is str else (type(value), value), len(seen)) for value in raw),
        np.intp,
        len(raw),
    )
    return codes, [key if type(key) is str else key[1] for key in seen]


def _map(raw: RawColumn, convert: Callable[[Any], Any]) -> tuple[RawColumn, list[Any], list[Any]]:
    codes, cells = distinct(raw)
    return codes, cells, [convert(cell) for cell in cells]


def _texts(raw: RawColumn) -> Typed:
    if raw.dtype.kind == "f":
        present = ~np.isnan(raw)
        whole = present & (raw == np.floor(raw)) & (np.abs(raw) < 1e15)
        values = np.full(len(raw), None, dtype=object)
        values[whole] = raw[whole].astype(np.int64).astype(str)
        rest = present & ~whole
        values[rest] = [repr(float(value)) for value in raw[rest]]
        return Typed(pd.Series(values, dtype=TEXT_DTYPE))
    if raw.dtype.kind == "M":
        raw = raw.astype(object)
    codes, _, texts = _map(raw, cell_text)
    lookup = np.empty(len(texts) or 1, dtype=object)
    lookup[: len(texts)] = texts
    return Typed(pd.Series(lookup[codes], dtype=TEXT_DTYPE))


def _numbers(raw: RawColumn, decimals: Decimals | Literal["auto"]) -> Typed:
    if raw.dtype.kind == "f":
        finite = np.where(np.isfinite(raw), raw, np.nan)
        return Typed(pd.Series(finite, dtype="float64"))
    if raw.dtype.kind == "M":
        raw = raw.astype(object)
    remarks = []
    codes, cells = distinct(raw)
    mark: Decimals = "point"
    if decimals == "auto":
        mark, assumed = decimals_of(cell for cell in cells if type(cell) is str)
        if mark == "comma":
            remarks.append("texts are read with a decimal comma")
        elif assumed:
            remarks.append("texts such as 1.234 are ambiguous; the point is taken for the decimal mark")
    else:
        mark = decimals
    found = np.empty(len(cells) or 1, dtype=np.float64)
    bad: dict[int, str] = {}
    for at, cell in enumerate(cells):
        value, problem = _number(cell, mark)
        found[at] = value
        if problem:
            bad[at] = problem
    return Typed(pd.Series(found[codes], dtype="float64"), _places(codes, bad), remarks)


def _number(cell: object, mark: Decimals) -> tuple[float, str]:
    if cell is None:
        return math.nan, ""
    if isinstance(cell, bool):
        return float(cell), ""
    if isinstance(cell, int | float):
        return (float(cell), "") if math.isfinite(cell) else (math.nan, "not a number")
    if isinstance(cell, str):
        if is_missing(cell):
            return math.nan, ""
        value = parse_number(cell, mark)
        return (math.nan, "not a number") if value is None else (value, "")
    return math.nan, "a date where a number is wanted" if isinstance(cell, date) else "not a number"


def _dates(raw: RawColumn, dates: Order | Literal["auto"], date1904: bool) -> Typed:
    if raw.dtype.kind == "M":
        days = pd.Series(raw.astype("datetime64[us]")).dt.normalize()
        return Typed(days.where(days.dt.year.between(1900, 2200)))
    if raw.dtype.kind == "f":
        raw = raw.astype(object)
        raw[pd.isna(raw)] = None
    remarks = []
    codes, cells = distinct(raw)
    if dates == "auto":
        order, how = order_of(cell for cell in cells if type(cell) is str)
        if how == "mixed":
            remarks.append(f"dates as text contradict each other; ambiguous ones are read {order}")
        elif how == "assumed":
            remarks.append(f"every date as text is ambiguous; they are read {order}")
        elif how == "evident" and order == "day first":
            remarks.append("dates as text are read day first")
    else:
        order = dates
    found = np.empty(len(cells) or 1, dtype="datetime64[us]")
    bad: dict[int, str] = {}
    for at, cell in enumerate(cells):
        day = _date(cell, order, date1904)
        found[at] = np.datetime64("NaT") if day is None else day
        if day is None and not (cell is None or (isinstance(cell, str) and is_missing(cell))):
            bad[at] = "not a date"
    return Typed(pd.Series(found[codes]), _places(codes, bad), remarks)


def _date(cell: object, order: Order, date1904: bool) -> datetime | None:
    if isinstance(cell, bool) or cell is None:
        return None
    if isinstance(cell, date):
        return as_day(cell)
    if isinstance(cell, int | float):
        return from_serial(float(cell), date1904=date1904) if math.isfinite(cell) else None
    return parse_date(cell, order, date1904=date1904) if isinstance(cell, str) and not is_missing(cell) else None


def _flags(raw: RawColumn) -> Typed:
    if raw.dtype != object:
        raw = raw.astype(object)
        raw[pd.isna(raw)] = None
    codes, cells, _ = _map(raw, str)
    found: list[bool | None] = []
    bad: dict[int, str] = {}
    for at, cell in enumerate(cells):
        value, known = _flag(cell)
        found.append(value)
        if not known:
            bad[at] = "neither yes nor no"
    values = pd.Series(pd.array(found or [None], dtype="boolean").take(codes))
    return Typed(values, _places(codes, bad))


def _flag(cell: object) -> tuple[bool | None, bool]:
    if cell is None:
        return None, True
    if isinstance(cell, bool):
        return cell, True
    text = cell_text(cell)
    if text is None:
        return None, True
    word = text.lower()
    if word in _TRUE:
        return True, True
    if word in _FALSE or word.startswith(("not ", "no ")):
        return False, True
    return None, False


def _places(codes: RawColumn, bad: dict[int, str]) -> list[tuple[int, str]]:
    if not bad:
        return []
    at = np.flatnonzero(np.isin(codes, list(bad)))
    return [(int(place), bad[int(codes[place])]) for place in at]

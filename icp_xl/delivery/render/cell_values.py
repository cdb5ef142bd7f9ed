"""Values from frames, made fit for cells: what is missing, what is text, what no XML may hold."""

from __future__ import annotations

import math
import re
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

#: Characters that a cell holds at most.
MAX_TEXT = 32_767
#: Excel counts days from 1900 or 1904; a date of an earlier year is text, as is one after 9999.
FIRST_YEAR = 1905
_SURROGATE = re.compile("[\ud800-\udfff]")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\ufffe\uffff]")
_ESCAPE = re.compile("_(?=x[0-9a-fA-F]{4}_)")


def cell_text(text: str) -> str:
    """``text`` as a cell can hold it: a lone surrogate becomes the replacement character, too long is cut.

    Control characters are left to the writer, which escapes them as ``_xHHHH_`` so that they come back as they were.

    >>> cell_text("=SUM(A1)"), len(cell_text("x" * 40_000)), cell_text("a\\ud800b")
    ('=SUM(A1)', 32767, 'a\ufffdb')
    """
    if _SURROGATE.search(text):
        text = _SURROGATE.sub("\ufffd", text)
    # The limit counts UTF-16 units, of which an astral character takes two.
    if len(text) > MAX_TEXT // 2 and len(text.encode("utf-16-le")) // 2 > MAX_TEXT:
        text = text.encode("utf-16-le")[: 2 * (MAX_TEXT - 1)].decode("utf-16-le", "ignore") + "\u2026"
    return text


def cached_text(text: str) -> str:
    """``text`` as the cached value of a formula, where the writer escapes no control character by itself.

    >>> cached_text("Bell\x07"), cached_text("_x0041_")
    ('Bell_x0007_', '_x005F_x0041_')
    """
    escaped = _ESCAPE.sub("_x005F_", cell_text(text))
    return _CONTROL.sub(lambda found: f"_x{ord(found.group()):04X}_", escaped)


def cell_value(value: Any) -> Any:
    """One value as ``None`` (blank), ``str``, ``float``, ``int`` or ``datetime``.

    >>> cell_value(float("nan")), cell_value(True), cell_value(np.int64(3)), cell_value(Decimal("1.5"))
    (None, 'Yes', 3, 1.5)
    """
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, str):
        return cell_text(value) if value else None
    if isinstance(value, bool | np.bool_):
        return "Yes" if value else "No"
    if isinstance(value, np.datetime64):
        return cell_value(pd.Timestamp(value))
    if isinstance(value, np.generic):
        value = value.item()
        if value is None:  # not-a-time
            return None
    if isinstance(value, int):
        # Beyond 2**53 a number loses digits, so it is shown as text.
        return value if -(2**53) <= value <= 2**53 else str(value)
    if isinstance(value, float | Decimal):
        number = float(value)
        return number if math.isfinite(number) else None
    if isinstance(value, datetime):
        return _moment(value)
    if isinstance(value, date):
        return _moment(datetime(value.year, value.month, value.day))
    if isinstance(value, time):
        return value.isoformat()
    if isinstance(value, list | tuple | set | frozenset | np.ndarray):
        items = sorted(value, key=str) if isinstance(value, set | frozenset) else list(value)
        return cell_text(", ".join(str(item) for item in items)) or None
    return cell_text(str(value)) or None


def _moment(value: datetime) -> Any:
    if isinstance(value, pd.Timestamp) and value.tzinfo is not None:
        value = value.tz_convert(None)
    try:
        bare = value.to_pydatetime(warn=False) if isinstance(value, pd.Timestamp) else value
        bare = bare.replace(tzinfo=None) - (bare.utcoffset() or timedelta())
    except (OverflowError, ValueError):  # before the year 1 or after 9999
        return value.isoformat(sep=" ")
    return bare if bare.year >= FIRST_YEAR else bare.isoformat(sep=" ").removesuffix(" 00:00:00")


def column_values(column: pd.Series[Any], *, as_text: bool = False, flag: bool = False) -> list[Any]:
    """A frame's column as cell values, quickly where its type allows.

    Args:
        column: any dtype.
        as_text: identifiers: numbers become text, without a decimal point where they are whole.
        flag: true becomes ``Yes`` and false blank.
    """
    if flag:
        values = [cell_value(value) for value in column.tolist()]
        return ["Yes" if value == "Yes" else None if value == "No" else value for value in values]
    if as_text:
        return [None if value is None else _id_text(value) for value in map(cell_value, column.tolist())]
    if pd.api.types.is_float_dtype(column.dtype) and isinstance(column.dtype, np.dtype):
        array = column.to_numpy()
        values = array.tolist()
        if not np.isfinite(array).all():
            values = [value if math.isfinite(value) else None for value in values]
        return values
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "iu":
        return [cell_value(value) for value in column.tolist()]
    return [cell_value(value) for value in column.tolist()]


def _id_text(value: Any) -> str:
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    return str(value)

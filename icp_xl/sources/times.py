"""The time of day in a column of dates. Reports know days only, but two lines of 15:32 and 15:33 are two lines."""

from __future__ import annotations

import math
import re
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from icp_xl.sources.cells import RawColumn, distinct
from icp_xl.sources.dates import SERIAL_MAX, SERIAL_MIN

_DAY = 86_400
#: Colons alone: a dot may as well stand between a day and its month.
_CLOCK = re.compile(r"(?:t|\s)(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,]\d+)?)?\s*([ap])?", re.I)


def seconds_of_day(raw: RawColumn) -> pd.Series[Any]:
    """Seconds after midnight of every cell of a raw column of dates; NaN where it tells none, or is midnight.

    >>> seconds_of_day(np.array(["2024-01-31 15:32", "31/01/2024 3:32 pm", "31.01.2024"], dtype=object)).tolist()
    [55920.0, 55920.0, nan]
    """
    if raw.dtype.kind == "M":
        moments = raw.astype("datetime64[us]")
        seconds = (moments - moments.astype("datetime64[D]")) / np.timedelta64(1, "s")
    elif raw.dtype.kind == "f":
        seconds = np.where((raw >= SERIAL_MIN) & (raw <= SERIAL_MAX), np.round(np.mod(raw, 1.0) * _DAY), np.nan)
    else:
        codes, cells = distinct(raw)
        known = np.array([_seconds(cell) for cell in cells] or [math.nan])
        seconds = known[codes] if len(codes) else np.zeros(0)
    return pd.Series(np.where((seconds > 0) & (seconds < _DAY), seconds, np.nan))


def _seconds(cell: object) -> float:
    if isinstance(cell, datetime):
        return cell.hour * 3600 + cell.minute * 60 + cell.second + cell.microsecond / 1e6
    if isinstance(cell, int | float) and SERIAL_MIN <= cell <= SERIAL_MAX:
        return round(cell % 1 * _DAY)
    found = _CLOCK.search(cell) if isinstance(cell, str) else None
    if found is None:
        return math.nan
    hour, half = int(found[1]), (found[4] or "").lower()
    hour = hour % 12 + 12 * (half == "p") if half else hour
    return hour * 3600 + int(found[2]) * 60 + int(found[3] or 0)

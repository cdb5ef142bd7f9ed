"""Days as integers, months back and forth, and the segments that every window is a whole number of.

A window is half-open. ``add_months`` keeps the day of the month and clamps it to the month's end, always counting
from the cutoff itself, so that windows of 3, 6 and 12 months nest whatever the cutoff's day.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd

EPOCH = date(1970, 1, 1)


def to_day(when: date) -> int:
    """Days since 1970-01-01.

    >>> to_day(date(1970, 2, 1))
    31
    """
    return (date(when.year, when.month, when.day) - EPOCH).days


def from_day(day: int) -> date:
    """The date of a day number.

    >>> from_day(31)
    datetime.date(1970, 2, 1)
    """
    return EPOCH + timedelta(days=int(day))


def add_months(when: date, months: int) -> date:
    """``when`` moved by whole months, clamped to the month's end.

    >>> add_months(date(2024, 5, 31), -3), add_months(date(2024, 6, 30), 2)
    (datetime.date(2024, 2, 29), datetime.date(2024, 8, 30))
    """
    index = when.year * 12 + when.month - 1 + months
    year, month = divmod(index, 12)
    return date(year, month + 1, min(when.day, calendar.monthrange(year, month + 1)[1]))


def month_start(when: date) -> date:
    """The first day of the month.

    >>> month_start(date(2024, 2, 29))
    datetime.date(2024, 2, 1)
    """
    return date(when.year, when.month, 1)


@dataclass(frozen=True)
class Segments:
    """Consecutive spans of days; ``starts`` rises strictly, and the last entry is the first day after the end."""

    starts: tuple[int, ...]

    @property
    def count(self) -> int:
        """Number of spans."""
        return len(self.starts) - 1

    def at(self, day: int) -> int:
        """Index of the span that begins at ``day``, which must be a boundary; days outside clamp to the ends."""
        if day <= self.starts[0]:
            return 0
        if day >= self.starts[-1]:
            return self.count
        index = int(np.searchsorted(self.starts, day))
        if self.starts[index] != day:
            raise ValueError(f"{from_day(day)} is no boundary")
        return index

    def table(self) -> pd.DataFrame:
        """One row per day: ``day``, ``seg``."""
        days = np.arange(self.starts[0], self.starts[-1], dtype=np.int64)
        return pd.DataFrame({"day": days, "seg": np.searchsorted(self.starts, days, side="right").astype(np.int64) - 1})

    def quarters(self) -> np.ndarray[Any, Any]:
        """Calendar quarter (0–3) of each span; spans within the windows never cross a month's end."""
        return np.asarray([(from_day(day).month - 1) // 3 for day in self.starts[:-1]], dtype=np.int64)


def build_segments(first: int, cutoffs: Iterable[date], months: Sequence[int]) -> Segments:
    """Spans such that every cutoff, every cutoff minus ``months`` and every month's start between is a boundary.

    Days before the earliest window are one span: nothing but first and last purchases is asked of them.

    Args:
        first: the first day with data.
        cutoffs: the cutoffs to be served; the last one ends the spans.
        months: how many months back a window may begin.
    """
    wanted = sorted(set(cutoffs))
    end = to_day(wanted[-1])
    start = min(first, end - 1)
    bounds = {start, end}
    for cutoff in wanted:
        bounds.add(to_day(cutoff))
        bounds.update(to_day(add_months(cutoff, -back)) for back in months)
    when = month_start(add_months(wanted[0], -max(months)))
    while to_day(when) < end:
        if when >= add_months(wanted[0], -max(months)):
            bounds.add(to_day(when))
        when = add_months(when, 1)
    return Segments(tuple(sorted(day for day in bounds if start <= day <= end)))

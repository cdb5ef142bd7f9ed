"""What each account had bought before each cutoff: one aggregation, of which every window is a difference.

The SQL gives sums of whole numbers per account × division × segment. Cumulated over the segments they make any window
the difference of two slices, exactly, whatever the order of the rows. Accounts are worked through in parts, so that
memory hangs on the part and not on the log.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from icp_xl.config import Settings
from icp_xl.features.model import Array
from icp_xl.progress import Progress
from icp_xl.sql import features as sql
from icp_xl.sql.engine import Engine
from icp_xl.tables.star import Star
from icp_xl.tables.star_calendar import Segments, add_months, build_segments, to_day

#: Sums kept per account × division × segment.
SUMS = ("revenue", "profit", "n_sales", "returned", "n_returns")
NEVER = -(2**31)
NOT_YET = 2**31 - 1
#: Months of the monthly series.
SERIES = 24
_COLUMNS = ("account_key", "division_key", "seg", *SUMS, "first_day", "last_day")


@dataclass(frozen=True)
class Accounts:
    """Accounts that bought before the last cutoff, in the order of their ids."""

    keys: Array
    ids: Array
    first_day: Array


@dataclass
class History:
    """Figures of all accounts at one cutoff; divisions in the order of ``divisions``, the last of them virtual ones.

    ``sums[window][name]`` is accounts × divisions (ten-thousandths for money); ``last_day`` and ``first_day`` too.
    ``series`` is months back (0: the last one) × accounts × divisions of revenue; ``sales_by_quarter`` is calendar
    quarter × accounts over the series' window; ``active`` is months back × accounts (any sale).
    """

    cutoff: date
    divisions: Sequence[int]
    real: int
    sums: dict[int, dict[str, Array]]
    first_day: Array
    last_day: Array
    series: Array
    own_active: Array
    sales_by_quarter: Array


def read_accounts(engine: Engine, star: Star, end: int) -> Accounts:
    """Accounts with a sale before ``end``."""
    found = engine.fetch(sql.universe(end))
    table = star.customers.drop_duplicates("account_key")
    ids = pd.Series(table["account_id"].to_numpy(), index=table["account_key"].to_numpy())
    names = ids.reindex(found["account_key"]).to_numpy()
    order = np.argsort(names.astype(str), kind="stable")
    return Accounts(found["account_key"][order], names[order], found["first_day"][order])


def read_history(
    engine: Engine,
    star: Star,
    accounts: Accounts,
    divisions: Sequence[int],
    virtual: Mapping[int, Sequence[int]],
    cutoffs: Sequence[date],
    settings: Settings,
    progress: Progress,
) -> dict[date, History]:
    """Aggregate once and cut every window of every cutoff.

    Args:
        divisions: keys of the log's divisions.
        virtual: key to code keys of the divisions that are defined by codes only.
    """
    windows = settings.features.windows
    wanted = sorted(set(cutoffs))
    backs = sorted({*windows, 12, *range(SERIES + 1)})
    segments = build_segments(star.first_day, wanted, backs)
    end = to_day(wanted[-1])
    engine.view_frame("segments", segments.table())
    progress.stage("adding up the sales log", None)
    engine.keep("history_cube", sql.cube(end))
    progress.check()
    sources = ["history_cube"]
    if virtual:
        pairs = [(key, sku) for key, skus in sorted(virtual.items()) for sku in skus]
        engine.view_frame("target_skus", pd.DataFrame(pairs, columns=["division_key", "sku_key"], dtype=np.int64))
        engine.keep("target_cube", sql.target_cube(end))
        sources.append("target_cube")
    order = [*divisions, *sorted(virtual)]
    parts = _parts(len(accounts.keys), len(order), segments.count, settings.run.memory_limit_gb)
    shape = (len(accounts.keys), len(order))
    found = {when: _empty(when, order, len(divisions), shape, windows) for when in wanted}
    progress.stage("cutting windows", parts)
    by_key = np.argsort(accounts.keys, kind="stable")
    for number in range(parts):
        progress.check()
        rows = np.flatnonzero(np.mod(accounts.keys, parts) == number)
        if len(rows):
            local = by_key[np.mod(accounts.keys[by_key], parts) == number]
            cube = _Cube(len(rows), order, segments)
            for source in sources:
                cube.fill(engine.fetch(sql.part(source, _COLUMNS, parts, number)), accounts.keys[local], local, rows)
            cube.cumulate()
            for history in found.values():
                cube.cut(history, rows, windows)
        progress.advance()
    for source in sources:
        engine.drop(source)
    return found


def _parts(accounts: int, divisions: int, segments: int, limit_gb: float) -> int:
    """How many parts keep the dense arrays of one within an eighth of the memory limit."""
    need = accounts * divisions * (segments + 1) * 8 * (len(SUMS) + 1)
    return max(1, int(np.ceil(need / (limit_gb * 2**30 / 8))))


def _empty(when: date, order: Sequence[int], real: int, shape: tuple[int, int], windows: Sequence[int]) -> History:
    return History(
        cutoff=when,
        divisions=tuple(order),
        real=real,
        sums={w: {name: np.zeros(shape, np.int64) for name in SUMS} for w in sorted({*windows, 12, SERIES})},
        first_day=np.full(shape, NOT_YET, np.int64),
        last_day=np.full(shape, NEVER, np.int64),
        series=np.zeros((SERIES, *shape), np.int64),
        own_active=np.zeros((SERIES, *shape), bool),
        sales_by_quarter=np.zeros((4, shape[0]), np.int64),
    )


class _Cube:
    """Dense arrays of one part: segments × accounts × divisions."""

    def __init__(self, accounts: int, divisions: Sequence[int], segments: Segments) -> None:
        self.segments = segments
        self.keys = np.asarray(divisions, dtype=np.int64)
        shape = (segments.count + 1, accounts * len(divisions))
        self.shape = (accounts, len(divisions))
        # Row s + 1 of a sum holds segment s, so that the cumulated row s is everything before segment s.
        self.sums = {name: np.zeros(shape, np.int64) for name in SUMS}
        self.first = np.full(shape, NOT_YET, np.int32)
        self.last = np.full(shape, NEVER, np.int32)

    def fill(self, found: Mapping[str, Array], keys: Array, places: Array, rows: Array) -> None:
        """Put the rows of the aggregate in their cells; ``keys`` rise and ``places`` are their global positions."""
        at = np.searchsorted(keys, found["account_key"])
        at = np.minimum(at, len(keys) - 1)
        known = keys[at] == found["account_key"]
        local = np.searchsorted(rows, places)[at]
        order = np.argsort(self.keys, kind="stable")
        division = order[np.minimum(np.searchsorted(self.keys[order], found["division_key"]), len(order) - 1)]
        known &= self.keys[division] == found["division_key"]
        cell = (found["seg"] + 1) * (self.shape[0] * self.shape[1]) + local * self.shape[1] + division
        cell = cell[known]
        for name, cube in self.sums.items():
            cube.reshape(-1)[cell] = found[name][known]
        self.first.reshape(-1)[cell] = found["first_day"][known]
        self.last.reshape(-1)[cell] = found["last_day"][known]

    def cumulate(self) -> None:
        """Turn the cells into running sums and running extremes over the segments."""
        for cube in self.sums.values():
            np.cumsum(cube, axis=0, out=cube)
        np.minimum.accumulate(self.first, axis=0, out=self.first)
        np.maximum.accumulate(self.last, axis=0, out=self.last)

    def between(self, name: str, start: date, end: date) -> Array:
        """The sum over ``[start, end)``, accounts × divisions."""
        cube, at = self.sums[name], self.segments.at
        found: Array = cube[at(to_day(end))] - cube[at(to_day(start))]
        return found.reshape(self.shape)

    def cut(self, history: History, rows: Array, windows: Sequence[int]) -> None:
        """Write this part's figures at the cutoff of ``history``."""
        cutoff = history.cutoff
        for w, sums in history.sums.items():
            start = add_months(cutoff, -w)
            for name in SUMS:
                sums[name][rows] = self.between(name, start, cutoff)
        at = self.segments.at(to_day(cutoff))
        history.first_day[rows] = self.first[at].reshape(self.shape)
        history.last_day[rows] = self.last[at].reshape(self.shape)
        for back in range(SERIES):
            span = (add_months(cutoff, -back - 1), add_months(cutoff, -back))
            history.series[back, rows] = self.between("revenue", *span)
            history.own_active[back, rows] = self.between("n_sales", *span) > 0
        self._quarters(history, rows)

    def _quarters(self, history: History, rows: Array) -> None:
        begin = self.segments.at(to_day(add_months(history.cutoff, -SERIES)))
        end = self.segments.at(to_day(history.cutoff))
        quarters = self.segments.quarters()
        sales, returned = self.sums["revenue"], self.sums["returned"]
        for seg in range(begin, end):
            gross = sales[seg + 1] - sales[seg] + returned[seg + 1] - returned[seg]
            total: Any = gross.reshape(self.shape)[:, : history.real].sum(axis=1)
            history.sales_by_quarter[quarters[seg], rows] += total

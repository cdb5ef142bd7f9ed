"""What each account had bought before each cutoff: one aggregation, of which every window is a difference.

The SQL gives sums of whole numbers per account × division × segment × kind. Cumulated over the segments they make any
window the difference of two slices, exactly, whatever the order of the rows. Accounts are fetched in parts, so that
memory hangs on the part and not on the log, and cut in blocks that fit the processor's cache.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from icp_xl.config import Settings
from icp_xl.features.model import Array
from icp_xl.features.trend import slope, spread
from icp_xl.progress import Progress
from icp_xl.sql import features as sql
from icp_xl.sql.engine import Engine
from icp_xl.tables.star import Star
from icp_xl.tables.star_calendar import Segments, add_months, build_segments, to_day

#: Sums kept per account × division × segment.
SUMS = ("revenue", "profit", "n_sales", "n_days", "returned", "n_returns")
NEVER = -(2**31)
NOT_YET = 2**31 - 1
#: Bytes of a block's arrays.
_CACHE = 16 * 2**20
#: Months of the monthly series, and those that trends are taken over.
SERIES = 24
TRENDS = (12, SERIES)
_COLUMNS = ("account_key", "division_key", "seg", "kind", "revenue", "profit", "n", "days", "first_day", "last_day")


@dataclass(frozen=True)
class Accounts:
    """Accounts that bought before the last cutoff, in the order of their ids."""

    keys: Array
    ids: Array
    first_day: Array


@dataclass(frozen=True)
class Trend:
    """Slope and spread of monthly revenue in currency, and months with a sale: divisions × accounts each.

    A last row holds the whole business.
    """

    slope: Array
    spread: Array
    active: Array


@dataclass(frozen=True)
class Season:
    """The same months a year before those that follow the cutoff: those with a sale, and their revenue.

    Both are divisions × accounts, the whole business last. ``months``: how many there are.
    """

    months: int
    active: Array
    revenue: Array


@dataclass
class History:
    """Figures of all accounts at one cutoff; divisions in the order of ``divisions``, the last of them virtual ones.

    Accounts are those with a sale before the cutoff. ``sums[window][name]`` is divisions × accounts (ten-thousandths
    for money); ``last_day`` and ``first_day`` too. ``trends`` are of 12 and 24 months; ``sales_by_quarter`` is calendar
    quarter × accounts over the last 24 months; ``season`` is ``None`` where the log does not hold the year before.
    """

    cutoff: date
    divisions: Sequence[int]
    real: int
    sums: dict[int, dict[str, Array]]
    first_day: Array
    last_day: Array
    trends: dict[int, Trend]
    sales_by_quarter: Array
    season: Season | None = None


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
    places = {when: _Places(accounts.first_day < to_day(when)) for when in wanted}
    found = {when: _empty(when, order, len(divisions), places[when].count, windows) for when in wanted}
    for when, history in found.items():
        history.season = _season(star, settings, when, (len(order) + 1, places[when].count))
    cube = _Cube(order, segments)
    progress.stage("cutting windows", parts)
    for number in range(parts):
        progress.check()
        rows = np.flatnonzero(np.mod(accounts.keys, parts) == number)
        entries = [
            _entries(engine.fetch(sql.part(source, _COLUMNS, parts, number)), accounts.keys, rows, cube.keys)
            for source in sources
        ]
        for begin in range(0, len(rows), cube.block):
            block = rows[begin : begin + cube.block]
            cube.empty(len(block))
            for entry in entries:
                cube.fill(entry, begin)
            cube.cumulate()
            for when, history in found.items():
                cube.cut(history, *places[when].of(block))
        progress.advance()
    for source in sources:
        engine.drop(source)
    return found


def _parts(accounts: int, divisions: int, segments: int, limit_gb: float) -> int:
    """How many parts keep what is fetched for one within an eighth of the memory limit, if every cell is filled."""
    need = accounts * divisions * segments * 8 * 2 * len(_COLUMNS)
    return max(1, int(np.ceil(need / (limit_gb * 2**30 / 8))))


def _empty(when: date, order: Sequence[int], real: int, accounts: int, windows: Sequence[int]) -> History:
    shape = (len(order), accounts)
    return History(
        cutoff=when,
        divisions=tuple(order),
        real=real,
        sums={w: {name: np.zeros(shape, np.int64) for name in SUMS} for w in sorted({*windows, 12, SERIES})},
        first_day=np.full(shape, NOT_YET, np.int64),
        last_day=np.full(shape, NEVER, np.int64),
        trends={
            w: Trend(
                np.zeros((len(order) + 1, accounts)),
                np.zeros((len(order) + 1, accounts)),
                np.zeros((len(order) + 1, accounts), np.int8),
            )
            for w in TRENDS
        },  # fmt: skip
        sales_by_quarter=np.zeros((4, accounts), np.int64),
    )


def _season(star: Star, settings: Settings, when: date, shape: tuple[int, int]) -> Season | None:
    """Room for the same season a year before; none where the window is a year, or the log did not begin by then."""
    months = settings.build.window_months
    if months >= 12 or star.first_day > to_day(add_months(when, -12)):
        return None
    return Season(months, np.zeros(shape, np.int8), np.zeros(shape, np.int64))


class _Places:
    """Where the accounts that are known at a cutoff stand among themselves."""

    def __init__(self, within: Array) -> None:
        self.within = within
        self.count = int(within.sum())
        self.place = np.cumsum(within) - 1

    def of(self, block: Array) -> tuple[Any, Any]:
        """Which of a block's accounts are known, and their places; slices where they stand together."""
        known = self.within[block]
        to = self.place[block[known]]
        if len(to) and to[-1] - to[0] + 1 == len(to):
            return (slice(None) if known.all() else known), slice(int(to[0]), int(to[-1]) + 1)
        return known, to


def _entries(found: Mapping[str, Array], keys: Array, rows: Array, divisions: Array) -> dict[str, Array]:
    """Rows of the aggregate in the order of their accounts; ``local`` is the place among ``rows``."""
    by_key = np.argsort(keys[rows], kind="stable")
    sorted_keys = keys[rows][by_key]
    at = np.minimum(np.searchsorted(sorted_keys, found["account_key"]), max(len(rows) - 1, 0))
    order = np.argsort(divisions, kind="stable")
    division = order[np.minimum(np.searchsorted(divisions[order], found["division_key"]), len(order) - 1)]
    known = divisions[division] == found["division_key"]
    if len(rows):
        known &= sorted_keys[at] == found["account_key"]
    else:
        known[:] = False
    local = by_key[at[known]]
    within = np.argsort(local)
    taken = np.flatnonzero(known)[within]
    names = ("seg", "kind", "revenue", "profit", "n", "days", "first_day", "last_day")
    return {"local": local[within], "division": division[taken], **{name: found[name][taken] for name in names}}


class _Cube:
    """Dense arrays of one block: segments × divisions × accounts, used again for every block."""

    def __init__(self, divisions: Sequence[int], segments: Segments) -> None:
        self.segments = segments
        self.keys = np.asarray(divisions, dtype=np.int64)
        layer = (segments.count + 1) * len(divisions)
        self.block = max(128, _CACHE // (layer * 8 * (len(SUMS) + 1)))
        # Row s + 1 of a sum holds segment s, so that the cumulated row s is everything before segment s.
        self._room = {name: np.zeros(layer * self.block, np.int64) for name in SUMS}
        self._first_room = np.zeros(layer * self.block, np.int32)
        self._last_room = np.zeros(layer * self.block, np.int32)
        self.empty(self.block)

    def empty(self, accounts: int) -> None:
        """Make room for ``accounts``."""
        shape = (self.segments.count + 1, len(self.keys), accounts)
        size = int(np.prod(shape))
        self.sums = {name: room[:size].reshape(shape) for name, room in self._room.items()}
        for cube in self.sums.values():
            cube[:] = 0
        self.first = self._first_room[:size].reshape(shape)
        self.last = self._last_room[:size].reshape(shape)
        self.first[:], self.last[:] = NOT_YET, NEVER
        self.accounts = accounts

    def fill(self, entries: Mapping[str, Array], begin: int) -> None:
        """Put the entries of the block that begins at the account ``begin`` in their cells."""
        a, b = np.searchsorted(entries["local"], [begin, begin + self.accounts])
        here = {name: values[a:b] for name, values in entries.items()}
        cell = ((here["seg"] + 1) * len(self.keys) + here["division"]) * self.accounts + here["local"] - begin
        sold, back = here["kind"] == 1, here["kind"] == -1
        at_sales, at_returns = cell[sold], cell[back]
        flat = {name: cube.reshape(-1) for name, cube in self.sums.items()}
        for name in ("revenue", "profit"):
            flat[name][at_sales] = here[name][sold]
            flat[name][at_returns] += here[name][back]
        flat["n_sales"][at_sales] = here["n"][sold]
        flat["n_days"][at_sales] = here["days"][sold]
        flat["n_returns"][at_returns] = here["n"][back]
        flat["returned"][at_returns] = -here["revenue"][back]
        self.first.reshape(-1)[at_sales] = here["first_day"][sold]
        self.last.reshape(-1)[at_sales] = here["last_day"][sold]

    def cumulate(self) -> None:
        """Turn the cells into running sums and running extremes over the segments."""
        # Layer by layer: numpy's own cumulation along the first axis is several times slower.
        for at in range(1, self.segments.count + 1):
            for cube in self.sums.values():
                np.add(cube[at], cube[at - 1], out=cube[at])
            np.minimum(self.first[at], self.first[at - 1], out=self.first[at])
            np.maximum(self.last[at], self.last[at - 1], out=self.last[at])

    def cut(self, history: History, known: Any, to: Any) -> None:
        """Write the figures of the block's ``known`` accounts at the cutoff of ``history`` to their places."""
        cutoff, at = history.cutoff, self.segments.at
        end = at(to_day(cutoff))
        for w, sums in history.sums.items():
            start = at(to_day(add_months(cutoff, -w)))
            for name in SUMS:
                cube = self.sums[name]
                sums[name][:, to] = (cube[end] - cube[start])[:, known]
        history.first_day[:, to] = self.first[end][:, known]
        history.last_day[:, to] = self.last[end][:, known]
        months = [at(to_day(add_months(cutoff, -back))) for back in range(SERIES + 1)]
        revenue, sales = self._monthly("revenue", months, history.real), self._monthly("n_sales", months, history.real)
        for w, trend in history.trends.items():
            trend.slope[:, to] = slope(revenue[:w])[:, known]
            trend.spread[:, to] = spread(revenue[:w])[:, known]
            trend.active[:, to] = (sales[:w] > 0).sum(axis=0, dtype=np.int8)[:, known]
        if history.season is not None:
            same = slice(12 - history.season.months, 12)
            history.season.active[:, to] = (sales[same] > 0).sum(axis=0, dtype=np.int8)[:, known]
            history.season.revenue[:, to] = revenue[same].sum(axis=0)[:, known]
        quarters = self.segments.quarters()
        real = slice(0, history.real)
        gross = self.sums["revenue"][months[-1] : end + 1, real] + self.sums["returned"][months[-1] : end + 1, real]
        per_segment = np.diff(gross.sum(axis=1), axis=0)[:, known]
        for i, seg in enumerate(range(months[-1], end)):
            history.sales_by_quarter[quarters[seg], to] += per_segment[i]

    def _monthly(self, name: str, months: Sequence[int], real: int) -> Array:
        """The sum of each month (the latest first) × divisions and, last, all of the log's divisions × accounts."""
        cube = self.sums[name]
        found = np.empty((SERIES, len(self.keys) + 1, self.accounts), np.int64)
        for back, (late, early) in enumerate(pairwise(months)):
            np.subtract(cube[late], cube[early], out=found[back, :-1])
            found[back, :real].sum(axis=0, out=found[back, -1])
        return found

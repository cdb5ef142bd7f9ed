"""Where labels look up purchases: straight in the facts, or in sums that all divisions and cutoffs share."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol

import numpy as np

from icp_xl.sql import labels as sql
from icp_xl.sql.engine import Arrays, Engine

Array = np.ndarray[Any, Any]
SUMMED = ("account_key", "n_lines", "revenue_e4", "gross_profit_e4", "measured_e4")


@dataclass(frozen=True)
class Target:
    """What counts as a purchase in a division: its key, or only certain codes; and which codes never count."""

    division: str
    division_key: int
    targets: tuple[int, ...]
    denied: tuple[int, ...]


class Purchases(Protocol):
    """The two questions of a label; each answer has one row per account, by key."""

    def before(self, target: Target, cutoff: int) -> Arrays:
        """Accounts with a sale before ``cutoff``, and whether one was of the target: ``bought_own``."""

    def within(self, target: Target, start: int, end: int) -> Arrays:
        """Accounts with a line of the target in ``[start, end)``: lines, revenue, profit, measure."""


class OwnPurchases:
    """Each question is a pass over the facts: right for one label set."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def before(self, target: Target, cutoff: int) -> Arrays:
        """See :class:`Purchases`."""
        return self.engine.fetch(sql.before(target.division_key, target.targets, target.denied, cutoff))

    def within(self, target: Target, start: int, end: int) -> Arrays:
        """See :class:`Purchases`."""
        return self.engine.fetch(sql.in_window(target.division_key, target.targets, target.denied, start, end))


class SharedPurchases:
    """One pass over the facts for what was first bought when, and one per window, for all divisions.

    Windows are kept until one of another cutoff is asked for, so ask cutoff by cutoff. Divisions that are defined by
    codes are looked up in the facts. All targets must deny the same codes, as those of one settings object do.
    """

    def __init__(self, engine: Engine, denied: tuple[int, ...]) -> None:
        self.engine, self.denied = engine, denied
        self._own = OwnPurchases(engine)
        self._firsts: Arrays | None = None
        self._known: tuple[int, Array, Array] | None = None
        self._windows: dict[tuple[int, int], dict[int, Arrays]] = {}

    def before(self, target: Target, cutoff: int) -> Arrays:
        """See :class:`Purchases`."""
        if target.targets or target.denied != self.denied:
            return self._own.before(target, cutoff)
        if self._firsts is None:
            self._firsts = self.engine.fetch(sql.firsts(self.denied))
        firsts = self._firsts
        if self._known is None or self._known[0] != cutoff:
            past = firsts["first_day"] < cutoff
            self._known = (cutoff, past, np.unique(firsts["account_key"][past]))
        _, past, keys = self._known
        own = past & (firsts["division_key"] == target.division_key) & (firsts["first_counted"] < cutoff)
        bought = np.zeros(len(keys), np.int64)
        bought[np.searchsorted(keys, firsts["account_key"][own])] = 1
        return {"account_key": keys, "bought_own": bought}

    def within(self, target: Target, start: int, end: int) -> Arrays:
        """See :class:`Purchases`."""
        if target.targets or target.denied != self.denied:
            return self._own.within(target, start, end)
        if (start, end) not in self._windows:
            self._windows = {span: found for span, found in self._windows.items() if span[0] == start}
            found = self.engine.fetch(sql.window_sums(self.denied, start, end))
            self._windows[start, end] = _by_division(found)
        none = {name: np.zeros(0, np.int64) for name in SUMMED}
        return self._windows[start, end].get(target.division_key, none)


def _by_division(found: Arrays) -> dict[int, Arrays]:
    """Rows that are in the order of division and account, cut where the division changes."""
    keys = found["division_key"]
    edges = [0, *(np.flatnonzero(np.diff(keys)) + 1).tolist(), len(keys)]
    return {int(keys[a]): {name: found[name][a:b] for name in SUMMED} for a, b in pairwise(edges) if b > a}

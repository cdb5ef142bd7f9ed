"""Where labels look up purchases: straight in the facts, or in sums that all divisions and cutoffs share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from icp_xl.sql import labels as sql
from icp_xl.sql.engine import Arrays, Engine

_FIRSTS = "label_firsts"


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
    """One pass for what was first bought when, and one per window, for all divisions; kept in the engine.

    Divisions that are defined by codes are looked up in the facts. All targets must deny the same codes, as the targets
    of one settings object do.
    """

    def __init__(self, engine: Engine, denied: tuple[int, ...]) -> None:
        self.engine, self.denied = engine, denied
        self._own = OwnPurchases(engine)
        self._kept: dict[tuple[int, int] | None, str] = {}

    def before(self, target: Target, cutoff: int) -> Arrays:
        """See :class:`Purchases`."""
        if target.targets or target.denied != self.denied:
            return self._own.before(target, cutoff)
        if None not in self._kept:
            self.engine.keep(_FIRSTS, sql.firsts(self.denied))
            self._kept[None] = _FIRSTS
        return self.engine.fetch(sql.before_by_firsts(_FIRSTS, target.division_key, cutoff))

    def within(self, target: Target, start: int, end: int) -> Arrays:
        """See :class:`Purchases`."""
        if target.targets or target.denied != self.denied:
            return self._own.within(target, start, end)
        if (start, end) not in self._kept:
            name = f"label_window_{start}_{end}".replace("-", "m")
            self.engine.keep(name, sql.window_sums(self.denied, start, end))
            self._kept[start, end] = name
        return self.engine.fetch(sql.of_division(self._kept[start, end], target.division_key))

    def close(self) -> None:
        """Let the kept sums go."""
        for name in self._kept.values():
            self.engine.drop(name)
        self._kept.clear()

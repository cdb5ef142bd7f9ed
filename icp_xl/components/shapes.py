"""How facts become a score between 0 and 1: five shapes, in numpy, as a cell expression, in plain Python, in words.

A shape holds what was fitted on the population. Its expression uses only functions that Excel 2007 and LibreOffice
know, its script only Python's own library; both give the same number as its ``score`` to 1e-12.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from icp_xl.components.record import Fact
from icp_xl.formatting import format_money

Floats = NDArray[np.float64]


class Shape(Protocol):
    """What turns the facts of n accounts into n scores."""

    kind: ClassVar[str]

    def score(self, facts: Sequence[Any]) -> Floats:
        """Scores of accounts whose facts are given as equally long arrays, in the component's order."""

    def expression(self, cells: Sequence[str], table: str = "") -> str:
        """The same as a worksheet expression over a cell per fact; a lookup reads the names ``table``_key, _weight."""

    def script(self, values: Sequence[str], table: str = "") -> str:
        """The same in Python over a variable per fact: NaN for a number that is not known, ``None`` for a text.

        It may use the module ``math``, and ``look_up(table, text, prior)`` of :mod:`icp_xl.reports.lite.scorer`.
        """

    def formula(self, facts: Sequence[Fact], money: str) -> str:
        """How it is computed, in words, with its constants."""

    def scales(self, facts: Sequence[Fact]) -> list[tuple[Fact, float]]:
        """The fact and the value that counts as its greatest, for each that is scaled."""


@dataclass(frozen=True)
class Lookup:
    """A weight per text; ``prior`` for one that is not in the table."""

    table: dict[str, float]
    prior: float
    kind: ClassVar[str] = "lookup"

    @cached_property
    def _by_key(self) -> dict[str, float]:
        return {lookup_key(name): weight for name, weight in self.table.items()}

    def score(self, facts: Sequence[Any]) -> Floats:
        seen: dict[Any, float] = {}
        out = np.empty(len(facts[0]))
        for i, name in enumerate(facts[0]):
            if name not in seen:
                seen[name] = self._by_key.get(lookup_key(name), self.prior) if isinstance(name, str) else self.prior
            out[i] = seen[name]
        return out

    def expression(self, cells: Sequence[str], table: str = "") -> str:
        text = without_wildcards(f"TRIM({cells[0]})")
        return f"IFERROR(INDEX({table}_weight,MATCH({text},{table}_key,0)),{self.prior!r})"

    def script(self, values: Sequence[str], table: str = "") -> str:
        return f"look_up({table}, {values[0]}, {self.prior!r})"

    def formula(self, facts: Sequence[Fact], money: str) -> str:
        what = "the industry" if facts[0].name == "industry" else f"the {facts[0].label.lower()}"
        return f"weight of {what}, 0 to 1"

    def scales(self, facts: Sequence[Fact]) -> list[tuple[Fact, float]]:
        return []


@dataclass(frozen=True)
class Tiers:
    """The score of the tier that a number falls into; ``missing`` where it is not known or below the first."""

    starts: list[float]
    scores: list[float]
    missing: float
    kind: ClassVar[str] = "tiers"

    def score(self, facts: Sequence[Any]) -> Floats:
        values = np.atleast_1d(np.asarray(facts[0], dtype=np.float64))
        tier = np.searchsorted(np.asarray(self.starts), values, side="right") - 1
        known = ~np.isnan(values) & (tier >= 0)
        return np.where(known, np.asarray(self.scores)[np.clip(tier, 0, None)], self.missing)

    def expression(self, cells: Sequence[str], table: str = "") -> str:
        text = repr(float(self.missing))
        for start, score in zip(self.starts, self.scores, strict=True):
            text = f"IF({cells[0]}>={start!r},{score!r},{text})"
        return f"IF(ISNUMBER({cells[0]}),{text},{self.missing!r})"

    def script(self, values: Sequence[str], table: str = "") -> str:
        # NaN is not above any start.
        text = repr(float(self.missing))
        for start, score in zip(self.starts, self.scores, strict=True):
            text = f"({score!r} if {values[0]} >= {start!r} else {text})"
        return text

    def formula(self, facts: Sequence[Fact], money: str) -> str:
        what = "size tier" if facts[0].name == "annual_revenue" else f"tier of {facts[0].label.lower()}"
        return f"score of the {what}, 0 to 1"

    def scales(self, facts: Sequence[Fact]) -> list[tuple[Fact, float]]:
        return []


@dataclass(frozen=True)
class LogSum:
    """A weighted sum of logarithms, each over the logarithm of its scale and at most 1; unknown counts as none."""

    tops: list[float]
    shares: list[float]
    kind: ClassVar[str] = "log"

    def score(self, facts: Sequence[Any]) -> Floats:
        parts = [
            share * _log_scale(np.atleast_1d(np.asarray(values, dtype=np.float64)), top)
            for values, top, share in zip(facts, self.tops, self.shares, strict=True)
        ]
        total: Floats = parts[0]
        for part in parts[1:]:
            total = total + part
        return total

    def expression(self, cells: Sequence[str], table: str = "") -> str:
        parts = [
            f"{share!r}*MIN(1,LN(1+MAX(0,N({cell})))/LN(1+{top!r}))" if np.log1p(top) > 0.0 else "0"
            for cell, top, share in zip(cells, self.tops, self.shares, strict=True)
        ]
        return "+".join(parts)

    def script(self, values: Sequence[str], table: str = "") -> str:
        # max() keeps the first of its arguments where the second is NaN.
        parts = [
            f"{share!r} * min(1.0, math.log1p(max(0.0, {value})) / {math.log1p(top)!r})" if top > 0.0 else "0.0"
            for value, top, share in zip(values, self.tops, self.shares, strict=True)
        ]
        return " + ".join(parts)

    def formula(self, facts: Sequence[Fact], money: str) -> str:
        if len(facts) == 1:
            what = f"{facts[0].noun} revenue" if facts[0].unit == "money" else facts[0].plural
            return f"log(1 + {what}) / log(1 + {self.tops[0]:,.0f}), at most 1"
        parts = [
            f"{share:.0%} × log(1 + {fact.plural}) / log(1 + {top:,.0f})"
            for fact, top, share in zip(facts, self.tops, self.shares, strict=True)
        ]
        return " + ".join(parts) + ", each at most 1"

    def scales(self, facts: Sequence[Fact]) -> list[tuple[Fact, float]]:
        return list(zip(facts, self.tops, strict=True))


@dataclass(frozen=True)
class Linear:
    """Straight from ``low`` (0) to ``high`` (1), or the other way where ``low`` is above ``high``."""

    low: float
    high: float
    missing: float
    kind: ClassVar[str] = "linear"

    def score(self, facts: Sequence[Any]) -> Floats:
        values = np.atleast_1d(np.asarray(facts[0], dtype=np.float64))
        width = self.high - self.low
        scaled = np.clip((values - self.low) / width, 0.0, 1.0) if width else np.full(values.shape, 0.5)
        return np.where(np.isnan(values), self.missing, scaled)

    def expression(self, cells: Sequence[str], table: str = "") -> str:
        width = self.high - self.low
        scaled = f"MIN(1,MAX(0,({cells[0]}-{self.low!r})/{width!r}))" if width else "0.5"
        return f"IF(ISNUMBER({cells[0]}),{scaled},{self.missing!r})"

    def script(self, values: Sequence[str], table: str = "") -> str:
        width = self.high - self.low
        scaled = f"min(1.0, max(0.0, ({values[0]} - {self.low!r}) / {width!r}))" if width else "0.5"
        return f"({self.missing!r} if math.isnan({values[0]}) else {scaled})"

    def formula(self, facts: Sequence[Fact], money: str) -> str:
        ends = [_said(facts[0], end, money) for end in (self.low, self.high)]
        return f"0 at {ends[0]}, 1 at {ends[1]}, straight between; {self.missing:g} where it is not known"

    def scales(self, facts: Sequence[Fact]) -> list[tuple[Fact, float]]:
        return [(facts[0], max(self.low, self.high))] if facts[0].unit != "share" else []


@dataclass(frozen=True)
class Decay:
    """1 for nothing, halved every ``half``; 0 where it is not known."""

    half: float
    kind: ClassVar[str] = "decay"

    def score(self, facts: Sequence[Any]) -> Floats:
        values = np.atleast_1d(np.asarray(facts[0], dtype=np.float64))
        return np.where(np.isnan(values), 0.0, 0.5 ** (np.maximum(np.nan_to_num(values), 0.0) / self.half))

    def expression(self, cells: Sequence[str], table: str = "") -> str:
        return f"IF(ISNUMBER({cells[0]}),0.5^(MAX(0,{cells[0]})/{self.half!r}),0)"

    def script(self, values: Sequence[str], table: str = "") -> str:
        return f"(0.0 if math.isnan({values[0]}) else 0.5 ** (max(0.0, {values[0]}) / {self.half!r}))"

    def formula(self, facts: Sequence[Fact], money: str) -> str:
        return f"1 on the day, half of it every {self.half:,.0f} days; 0 where there is none"

    def scales(self, facts: Sequence[Fact]) -> list[tuple[Fact, float]]:
        return []


SHAPES: Mapping[str, Any] = {shape.kind: shape for shape in (Lookup, Tiers, LogSum, Linear, Decay)}


def lookup_key(name: str) -> str:
    """How texts of a lookup are compared: without case and outer space."""
    return " ".join(name.split()).casefold()


def without_wildcards(text: str) -> str:
    """An expression of a text that ``MATCH`` is to find as it stands: there ``*``, ``?`` and ``~`` have a meaning."""
    for sign in "~*?":
        text = f'SUBSTITUTE({text},"{sign}","~{sign}")'
    return text


def _said(fact: Fact, value: float, money: str) -> str:
    if fact.unit == "money":
        return format_money(value, money)
    return f"{value:.0%}" if fact.unit == "share" else f"{value:,.6g}"


def _log_scale(values: Floats, scale: float) -> Floats:
    top = float(np.log1p(scale))
    if top <= 0.0:
        return np.zeros_like(values)
    return np.minimum(np.log1p(np.maximum(np.nan_to_num(values, nan=0.0), 0.0)) / top, 1.0)

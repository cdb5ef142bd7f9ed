"""A component fitted on a population: the part of the score model that scores, explains and writes it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np

from icp_xl.components.kinds import KINDS
from icp_xl.components.record import Component, Fact
from icp_xl.components.shapes import SHAPES, Floats, LogSum, Lookup, Shape, Tiers
from icp_xl.formatting import format_money, plural

#: How a lookup's weight is said.
_PAYS: tuple[tuple[str, ...], tuple[float, ...]] = (
    ("well below", "below", "about", "above", "well above"),
    (0.25, 0.42, 0.58, 0.75),
)
#: Where the words of a tiered component change.
_LEVELS = (0.45, 0.75)


@dataclass(frozen=True)
class FittedComponent:
    """A component with the shape that was fitted for it."""

    declared: Component
    shape: Shape

    @property
    def name(self) -> str:
        """What its columns, weight and arguments are called."""
        return self.declared.name

    @property
    def title(self) -> str:
        """How it is headed on sheets."""
        return self.declared.title

    @cached_property
    def facts(self) -> tuple[Fact, ...]:
        """What it is computed from."""
        return KINDS[self.declared.kind].facts(self.declared)

    def score(self, facts: Mapping[str, Any]) -> Floats:
        """Scores (0 to 1) of accounts, from a mapping of fact to values that holds at least its own."""
        return self.shape.score([facts[fact.name] for fact in self.facts])

    def expression(self, cells: Mapping[str, str]) -> str:
        """The score as a worksheet expression; ``cells`` maps each fact to its cell or argument."""
        return self.shape.expression([cells[fact.name] for fact in self.facts], self.table_name)

    def script(self, values: Mapping[str, str]) -> str:
        """The score in plain Python; ``values`` maps each fact to its variable."""
        return self.shape.script([values[fact.name] for fact in self.facts], self.table_name)

    @property
    def table_name(self) -> str:
        """Stem of the defined names under which a workbook holds a lookup's table."""
        return f"icp_table_{self.name}"

    def definition(self, money: str) -> str:
        """What it is and how it is computed, for the method sheet."""
        about = self.declared.about or f"{KINDS[self.declared.kind].about.capitalize()}."
        return f"{self.title}: {about} Computed as {self.shape.formula(self.facts, money)}."

    @property
    def note(self) -> str:
        """What it is, for the header of its column."""
        return self.declared.note or self.declared.about or f"{KINDS[self.declared.kind].about.capitalize()} (0 to 1)."

    def phrases(self, facts: Mapping[str, Sequence[Any]], scores: Floats, money: str) -> list[str]:
        """The component as a reason, a few words per account."""
        levels, ends = self.declared.levels or _PAYS[0], _PAYS[1]
        if self.declared.levels:
            ends = _LEVELS if len(levels) == 3 else tuple(np.linspace(0.0, 1.0, len(levels) + 1)[1:-1].tolist())
        at = np.searchsorted(ends, np.nan_to_num(scores, nan=0.5), side="right").tolist()
        rows = zip(*(facts[fact.name] for fact in self.facts), strict=True)
        return [self._phrase(row, levels[k], money) for row, k in zip(rows, at, strict=True)]

    def _phrase(self, row: Sequence[Any], level: str, money: str) -> str:
        declared, first = self.declared, self.facts[0]
        if isinstance(self.shape, Lookup):
            if not isinstance(row[0], str) or not row[0]:
                return declared.unknown or f"{first.label.lower()} unknown"
            return (declared.phrase or "{value} pays {level} average").format(value=row[0], level=level)
        if not declared.phrase and isinstance(self.shape, LogSum):
            return self._amounts(row, money)
        if math.isnan(row[0]):
            return declared.unknown or f"{first.label.lower()} unknown"
        value = _amount(first, row[0], money)
        words = (
            f"{self.title.lower()} {{value}}"
            if isinstance(self.shape, Tiers) or first.unit in ("", "share")
            else "{value}"
        )
        return (declared.phrase or words).format(value=value, level=level)

    def _amounts(self, row: Sequence[float], money: str) -> str:
        """Each amount with its noun: what there is, what is unknown, what there is none of."""
        nouns = [fact.plural for fact in self.facts]
        # Amounts of money that are not known are none; a count that is not known is said to be.
        values = [0.0 if math.isnan(x) and fact.unit != "count" else x for fact, x in zip(self.facts, row, strict=True)]
        if all(value < 1.0 for value in values):
            return self.declared.unknown or f"no {' or '.join(nouns)} yet"
        return ", ".join(
            f"{fact.noun} count unknown" if math.isnan(value) else
            _amount(fact, value, money) if value >= 1.0 else f"no {noun}"
            for fact, noun, value in zip(self.facts, nouns, values, strict=True)
        )  # fmt: skip

    def to_json(self) -> dict[str, Any]:
        """The component as JSON: its declaration without what is default, its shape and constants."""
        blank = Component(self.declared.name, self.declared.kind)
        given = {
            item.name: getattr(self.declared, item.name)
            for item in fields(Component)
            if item.name in ("name", "kind") or getattr(self.declared, item.name) != getattr(blank, item.name)
        }
        return {"declared": given, "shape": self.shape.kind, "constants": asdict(self.shape)}  # type: ignore[call-overload]

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> FittedComponent:
        """The component that :meth:`to_json` wrote.

        Raises:
            KeyError, TypeError, ValueError: the body is not one.
        """
        given = {name: _frozen(value) for name, value in body["declared"].items()}
        return cls(Component(**given), SHAPES[body["shape"]](**body["constants"]))


def _frozen(value: Any) -> Any:
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value


def _amount(fact: Fact, value: float, money: str) -> str:
    """An amount with its noun."""
    if fact.unit == "money":
        # The company's own revenue is no amount of something.
        said = format_money(value, money)
        return said if fact.name == "annual_revenue" else f"{said} of {fact.noun}"
    if fact.unit in ("count", "months"):
        return plural(int(value), fact.noun, fact.plural)
    if fact.unit == "days":
        return f"last bought {plural(int(value), 'day')} ago"
    if fact.unit == "share":
        return f"{value:+.0%}" if fact.minimum == -1.0 else f"{value:.0%}"
    return f"{value:,.6g}"

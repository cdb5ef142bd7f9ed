"""The score model in plain Python: this file is the second part of the script that is written."""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import NormalDist
from typing import Any

from icp_xl.reports.lite.cells import (
    NOT_AVAILABLE,
    NUM,
    VALUE,
    CellError,
    guarded,
    number_of,
    over,
    rows_of,
    single,
    text_of,
)

KEY_UNIT = 1e-12
_NORMAL = NormalDist()


def folded(text: str) -> str:
    """A text without regard to capitals and blanks."""
    return " ".join(text.split()).casefold()


def look_up(table: Mapping[str, float], text: str | None, prior: float) -> float:
    """The weight of a text, by its letters without regard to capitals and outer space."""
    return prior if text is None else table.get(folded(text), prior)


@dataclass(frozen=True)
class LiteFact:
    """What is asked of an account: its name, how sheets head it, and whether it is a text."""

    name: str
    label: str
    text: bool = False
    least: float | None = None


@dataclass(frozen=True)
class LitePart:
    """A component: its name, the function that scores it, and places of the facts that the function takes."""

    name: str
    score: Callable[..., float]
    facts: tuple[int, ...]


@dataclass(frozen=True)
class ScriptAccounts:
    """Accounts of the run: what they may be asked for by (in small letters), and their fields."""

    fields: Sequence[str] = ()
    rows: Sequence[Sequence[Any]] = ()
    keys: Mapping[str, int] = field(default_factory=dict)

    def find(self, cell: Any) -> Sequence[Any]:
        """The row of an account."""
        text = text_of(cell)
        at = None if text is None else self.keys.get(folded(text))
        if at is None:
            raise CellError(NOT_AVAILABLE)
        return self.rows[at]

    def column(self, cell: Any) -> int:
        """The place of a field."""
        text = (text_of(cell) or "").lower().replace(" ", "_")
        if text not in self.fields:
            raise CellError(VALUE)
        return self.fields.index(text)

    def look(self, account: Any, field_: Any) -> Any:
        """``ICP_LOOKUP``: a column of accounts against a row of fields gives a table."""
        fields = rows_of(field_)
        if len(fields) == len(fields[0]) == 1:
            at = self.column(fields[0][0])
            return over([account], lambda cell: _shown(self.find(cell)[at]))
        if len(fields) != 1 or len(rows_of(account)[0]) != 1:
            raise CellError(VALUE)

        def one(cell: Any, named: Any) -> Any:
            row = self.find(cell)
            return _shown(row[self.column(named)])

        return [[guarded(one, row[0], named) for named in fields[0]] for row in rows_of(account)]


def _shown(value: Any) -> Any:
    return "" if value is None else value


@dataclass(frozen=True)
class Scorer:
    """The model of a run. ``grades`` rise, each with the percentile from which it is given."""

    facts: tuple[LiteFact, ...]
    parts: tuple[LitePart, ...]
    weights: tuple[float, ...]
    knots: Sequence[int]
    population: int
    grades: tuple[tuple[str, float], ...]
    segments: tuple[str, ...]
    limits: tuple[float, float]
    told: Mapping[str, str]
    accounts: ScriptAccounts = ScriptAccounts()
    #: Words of rows of sums: whether each is one by itself.
    totals: Mapping[str, bool] = field(default_factory=dict)
    #: Tables that texts are looked up in, each with the place of its fact.
    tables: Sequence[tuple[int, Mapping[str, float]]] = ()

    def read(self, cells: Sequence[Any]) -> list[Any] | None:
        """The facts of one account out of its cells; ``None`` where all are blank."""
        values = [
            text_of(cell) if fact.text else number_of(cell, fact.least)
            for fact, cell in zip(self.facts, cells, strict=True)
        ]
        return None if all(value is None or value != value for value in values) else values

    def components(self, values: Sequence[Any]) -> list[float]:
        """Component scores, 0 to 1."""
        return [part.score(*(values[i] for i in part.facts)) for part in self.parts]

    def contributions(self, values: Sequence[Any], weights: Sequence[float]) -> list[float]:
        """Component scores times their weights."""
        return [score * weight for score, weight in zip(self.components(values), weights, strict=True)]

    def raw(self, values: Sequence[Any], weights: Sequence[float]) -> float:
        """The contributions added one by one in their order."""
        return total(self.contributions(values, weights))

    def percentile(self, raw: float) -> float:
        """Linear between the knots, the middle of the step at a tie, clamped."""
        key, last = round(raw / KEY_UNIT), len(self.knots) - 1
        first, after = bisect_left(self.knots, key), bisect_right(self.knots, key)
        if key < self.knots[0] or key > self.knots[-1]:
            value = float(key > self.knots[-1])
        elif after > first:
            value = (first + after - 1) / (2 * last)
        else:
            below = self.knots[after - 1]
            value = (after - 1 + (key - below) / max(self.knots[after] - below, 1)) / last
        edge = 0.5 / self.population
        return min(1.0 - edge, max(edge, value))

    def grade(self, percentile: float) -> str:
        """Grade of a percentile."""
        position = bisect_right([start for _, start in self.grades], round(percentile * 1e12) / 1e12)
        return self.grades[max(position - 1, 0)][0]

    def segment(self, revenue: float) -> str:
        """Segment by annual revenue."""
        return self.segments[-1] if revenue != revenue else self.segments[bisect_right(self.limits, revenue)]

    def explain(self, values: Sequence[Any], weights: Sequence[float]) -> str:
        """Grade, score, and what each component adds."""
        added = self.contributions(values, weights)
        raw = total(added)
        percentile = self.percentile(raw)
        sums = " + ".join(f"{part.name} {each:.3f}" for part, each in zip(self.parts, added, strict=True))
        return f"{self.grade(percentile)}, score {icp_score(percentile):.1f}: {sums} = {raw:.3f}"

    def among(self, raws: Sequence[float]) -> "Scorer":
        """The same model with the accounts of these raw scores as those that are ranked."""
        ordered = sorted(round(raw / KEY_UNIT) for raw in raws)
        count, top = len(self.knots), len(ordered) - 1
        knots = []
        for i in range(count):
            position = (i * (1.0 / (count - 1)) if i < count - 1 else 1.0) * top
            low = math.floor(position)
            high = min(low + 1, top)
            knots.append(round(ordered[low] + (position - low) * (ordered[high] - ordered[low])))
        return replace(self, knots=knots, population=len(ordered))

    def given(self, argument: Any) -> Sequence[float]:
        """The weights of an argument, those of the model where it is left out.

        Raises:
            CellError: there is not a number for each component, or they do not sum to 1.
        """
        cells = [cell for row in rows_of(argument) for cell in row]
        if all(cell is None or cell == "" for cell in cells):
            return self.weights
        if len(cells) != len(self.parts):
            raise CellError(VALUE)
        numbers = [number_of(cell) for cell in cells]
        if any(number != number for number in numbers):
            raise CellError(VALUE)
        if min(numbers) < 0.0 or abs(sum(numbers) - 1.0) > 1e-6:
            raise CellError(NUM)
        return numbers

    def answer(self, what: str, arguments: Sequence[Any], weights: Any = None) -> Any:
        """A worksheet function over its arguments, one per fact.

        Args:
            what: ``score``, ``raw``, ``grade``, ``explain``, or the name of a component.
            arguments: a cell or range per fact.
            weights: the argument of that name.
        """
        used = self.given(weights)
        answers: dict[str, Callable[[list[Any]], Any]] = {
            "score": lambda values: icp_score(self.percentile(self.raw(values, used))),
            "raw": lambda values: self.raw(values, used),
            "grade": lambda values: self.grade(self.percentile(self.raw(values, used))),
            "explain": lambda values: self.explain(values, used),
        }

        def one(*cells: Any) -> Any:
            values = self.read(cells)
            return "" if values is None else answers[what](values)

        return over(arguments, one)

    def component(self, name: Any, arguments: Sequence[Any]) -> Any:
        """``ICP_COMPONENT``."""
        wanted = (text_of(single(name)) or "").lower()
        found = [i for i, part in enumerate(self.parts) if part.name == wanted]
        if not found:
            raise CellError(VALUE)

        def one(*cells: Any) -> Any:
            values = self.read(cells)
            return "" if values is None else self.components(values)[found[0]]

        return over(arguments, one)

    def tell(self, what: Any) -> Any:
        """``ICP_MODEL``: which run stands behind the functions."""
        if what is None:
            return f"Run {self.told['run']} of {self.told['date']}, in {self.told['folder']}"

        def one(cell: Any) -> Any:
            name = (text_of(cell) or "").lower()
            if name not in self.told:
                raise CellError(VALUE)
            return self.told[name]

        return over([what], one)


def total(parts: Sequence[float]) -> float:
    """The parts added one by one, so that they make the whole to the last bit."""
    made = parts[0]
    for part in parts[1:]:
        made += part
    return made


def icp_score(percentile: float) -> float:
    """50 and 15 times the standard normal quantile, from 0 to 100."""
    return min(100.0, max(0.0, 50.0 + 15.0 * _NORMAL.inv_cdf(percentile)))

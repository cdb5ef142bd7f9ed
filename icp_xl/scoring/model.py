"""The score model: everything that turns one account's facts into a score, saved so that it is the same everywhere.

A percentile needs a population. A scoring run therefore saves the distribution of its raw scores as a table of
quantile knots, and **the table is the definition**: the batch, ``=ICP_SCORE()`` and the what-if sheet all read it.

Definitions, in the order of the calculation:

* component scores, 0 to 1 (:meth:`ScoreModel.components`), as each component's record says;
* raw score = the components times their weights, added one by one in their order;
* key = raw score in units of 1e-12, as a whole number: scores that are equal on paper have equal keys;
* percentile = linear between the knots, the middle of the step where several knots are equal to the key, clamped to
  [0.5/n, 1 - 0.5/n] for a population of n;
* ICP score = 50 + 15 times the standard normal quantile of the percentile, clamped to [0, 100];
* grade = by percentile against the cumulative grade shares, rounded at 1e-12 before the comparison.

Only numpy and ``scipy.special`` are imported here, so that worksheet functions start quickly.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from icp_xl import artifacts
from icp_xl.columns import GRADES
from icp_xl.components.fitted import FittedComponent
from icp_xl.components.record import Fact
from icp_xl.components.shapes import Lookup
from icp_xl.errors import SourceError
from icp_xl.outputs import json_text
from icp_xl.scoring.model_file import from_body, to_body

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

FILE = artifacts.SCORE_MODEL.name
#: Raw scores are compared as whole multiples of this.
KEY_UNIT = 1e-12
#: Half of the last digit of a percentile that is held against the start of a grade.
ROUNDING = 5e-13
SCORE_MEAN = 50.0
SCORE_SD = 15.0
SEGMENTS = ("Small Business", "Mid-Market", "Large Enterprise")
UNKNOWN_SEGMENT = "Unknown"


@dataclass(frozen=True)
class Scores:
    """Scores of n accounts; ``components`` and ``contributions`` have a column per component, in their order."""

    components: Floats
    contributions: Floats
    raw_score: Floats
    percentile: Floats
    icp_score: Floats
    icp_grade: NDArray[np.str_]


@dataclass(frozen=True)
class ScoreModel:
    """A fitted scoring engine; see the module's text for what each part does."""

    parts: tuple[FittedComponent, ...]
    weights: dict[str, float]
    grade_shares: dict[str, float]
    segment_mid_market: float
    segment_large: float
    knots: list[int] = field(repr=False)
    population: int = 0
    run_id: str = ""
    fitted_at: str = ""
    preset: str = "equipment"

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the components, in the order in which their contributions are summed."""
        return tuple(part.name for part in self.parts)

    @cached_property
    def facts(self) -> tuple[Fact, ...]:
        """What the components need of an account, each once, in order."""
        return tuple({fact.name: fact for part in self.parts for fact in part.facts}.values())

    def part(self, name: str) -> FittedComponent:
        """The component called ``name``."""
        return self.parts[self.names.index(name)]

    def lookup(self, column: str) -> Lookup | None:
        """The table by which a column of the accounts is looked up, where a component does so."""
        shapes = (part.shape for part in self.parts if part.facts[0].name == column)
        return next((shape for shape in shapes if isinstance(shape, Lookup)), None)

    def components(self, facts: Mapping[str, Any]) -> Floats:
        """Component scores, one row per account and one column per component, each 0 to 1.

        Args:
            facts: fact to values, equally long arrays; a number that is not known is NaN, a text ``None``.
        """
        return np.column_stack(np.broadcast_arrays(*(part.score(facts) for part in self.parts)))

    def weight_vector(self, weights: Mapping[str, float] | Sequence[float] | None = None) -> Floats:
        """The weights in order; the model's own where none are given."""
        if weights is None:
            weights = self.weights
        if isinstance(weights, Mapping):
            weights = [weights[name] for name in self.names]
        return np.asarray(weights, dtype=np.float64)

    def score_components(
        self, components: Floats, weights: Mapping[str, float] | Sequence[float] | None = None
    ) -> Scores:
        """Score accounts whose components are known; one million take well under a second."""
        contributions = components * self.weight_vector(weights)
        raw = sum_contributions(contributions)
        percentile = self.percentile(raw)
        return Scores(
            components, contributions, raw, percentile, icp_score(percentile), grade(percentile, self.grade_shares)
        )

    def score_arrays(
        self, *facts: Sequence[Any] | ArrayLike, weights: Mapping[str, float] | Sequence[float] | None = None
    ) -> Scores:
        """Score accounts from their facts, given as equally long arrays in the order of :attr:`facts`."""
        named = {fact.name: values for fact, values in zip(self.facts, facts, strict=True)}
        return self.score_components(self.components(named), weights)

    def score(self, frame: pd.DataFrame, weights: Mapping[str, float] | Sequence[float] | None = None) -> Scores:
        """Score a frame that has a column for each of :attr:`facts`."""
        return self.score_components(self.components(read_facts(frame, self.facts)), weights)

    def percentile(self, raw_score: ArrayLike) -> Floats:
        """Percentile rank (0 to 1) of raw scores in the reference population."""
        return percentile_of(raw_score, np.asarray(self.knots, dtype=np.int64), self.population)

    def segment(self, annual_revenue: ArrayLike) -> NDArray[np.str_]:
        """Segment by annual revenue; ``Unknown`` where it is missing."""
        revenue = np.atleast_1d(np.asarray(annual_revenue, dtype=np.float64))
        position = np.searchsorted([self.segment_mid_market, self.segment_large], revenue, side="right")
        return np.where(np.isnan(revenue), UNKNOWN_SEGMENT, np.asarray(SEGMENTS)[np.clip(position, 0, 2)])

    def save(self, path: Path) -> None:
        """Write the model as canonical JSON."""
        path.write_bytes(self.to_json().encode())

    def to_json(self) -> str:
        """The model as canonical JSON; reading it back gives the same model to the last bit."""
        return json_text(to_body(self))

    @classmethod
    def load(cls, path: Path) -> ScoreModel:
        """Read a saved model.

        Raises:
            SourceError: the file is missing, damaged, or written by a newer version.
        """
        return cls.from_json(_read(path), path.name)

    @classmethod
    def from_json(cls, text: str, where: str = FILE) -> ScoreModel:
        """Build the model from its JSON text.

        Raises:
            SourceError: the text is damaged, or written by a newer version.
        """
        again = "Run `icp-xl score` to write a new one."
        try:
            body = json.loads(text)
            if not isinstance(body, dict):
                raise TypeError
            if body.get("schema") not in (1, 2):
                raise SourceError(
                    "the score model has another format",
                    where=where, got=body.get("schema"), allowed="1 or 2", next_step=again,
                )  # fmt: skip
            model = cls(**from_body(body))
            model._check()
        except (ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError) as error:
            raise SourceError(
                "the score model is damaged", where=where, got=type(error).__name__, next_step=again
            ) from None
        return model

    def _check(self) -> None:
        knots = np.asarray(self.knots, dtype=np.int64)
        if knots.size < 2 or np.any(np.diff(knots) < 0) or self.population < 1:
            raise ValueError("knots")
        if set(self.weights) != set(self.names) or set(self.grade_shares) != set(GRADES):
            raise ValueError("weights")


def read_facts(frame: pd.DataFrame, facts: Iterable[Fact]) -> dict[str, Any]:
    """The facts out of a frame's columns as arrays: texts with ``None`` and numbers with NaN where nothing is known."""
    return {
        fact.name: frame[fact.name].astype(object).where(frame[fact.name].notna(), None).to_numpy()
        if fact.text
        else frame[fact.name].to_numpy(dtype=np.float64, na_value=np.nan)
        for fact in facts
    }


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SourceError(
            "there is no score model yet", where=path.name, next_step="Run `icp-xl score` first."
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError("the score model cannot be read", where=path.name, got=type(error).__name__) from None


def with_population(draft: ScoreModel, inputs: pd.DataFrame, knots: int) -> ScoreModel:
    """The model with the distribution of its raw scores over ``inputs``, one row per account."""
    raw = draft.score(inputs).raw_score
    return replace(draft, knots=fit_knots(raw, knots), population=max(len(inputs), 1))


def keys(raw_score: ArrayLike) -> NDArray[np.int64]:
    """Raw scores as whole multiples of 1e-12, so that equal on paper is equal here."""
    return np.rint(np.asarray(raw_score, dtype=np.float64) / KEY_UNIT).astype(np.int64)


def fit_knots(raw_score: ArrayLike, count: int = 1001) -> list[int]:
    """Keys at ``count`` equally spaced probabilities, ends included (linear, as ``PERCENTILE.INC``)."""
    ordered = np.sort(keys(np.atleast_1d(raw_score)))
    if ordered.size == 0:
        return [0] * count
    # In whole numbers: a place that is a key must not lie a rounding beside it, where the next key is far above.
    low, rest = np.divmod(np.arange(count, dtype=np.int64) * (ordered.size - 1), count - 1)
    high = np.minimum(low + 1, ordered.size - 1)
    value = ordered[low] + rest * (ordered[high] - ordered[low]) / (count - 1)
    return [int(knot) for knot in np.rint(value).astype(np.int64)]


def percentile_of(raw_score: ArrayLike, knots: NDArray[np.int64], population: int) -> Floats:
    """Percentile by the knot table: linear between knots, the middle of the step at a tie, clamped.

    >>> percentile_of([0.0, 0.5, 1.0], np.array(fit_knots([0.0, 0.5, 0.5, 0.5, 1.0], 5)), 5)
    array([0.1, 0.5, 0.9])
    """
    key = keys(np.atleast_1d(raw_score))
    last = knots.size - 1
    first = np.searchsorted(knots, key, side="left")
    after = np.searchsorted(knots, key, side="right")
    tied = after > first
    below = np.clip(after - 1, 0, last)
    above = np.clip(after, 0, last)
    step = np.maximum(knots[above] - knots[below], 1)
    between = (below + (key - knots[below]) / step) / last
    value = np.where(tied, (first + after - 1) / (2 * last), between)
    value = np.where(key < knots[0], 0.0, np.where(key > knots[-1], 1.0, value))
    edge = 0.5 / max(population, 1)
    return np.clip(value, edge, 1.0 - edge)


def icp_score(percentile: ArrayLike) -> Floats:
    """The 0 to 100 score of percentiles: 50 + 15 × the standard normal quantile, clamped.

    >>> icp_score([0.5, 0.975, 1e-9]).round(3)
    array([50.   , 79.399,  0.   ])
    """
    from scipy.special import ndtri

    score: Floats = np.clip(SCORE_MEAN + SCORE_SD * ndtri(np.asarray(percentile, dtype=np.float64)), 0.0, 100.0)
    return score


def grade_limits(shares: Mapping[str, float]) -> dict[str, float]:
    """The percentile from which each grade is given.

    >>> grade_limits({"A": 0.1, "B": 0.2, "C": 0.4, "D": 0.2, "F": 0.1})
    {'A': 0.9, 'B': 0.7, 'C': 0.3, 'D': 0.1, 'F': 0.0}
    """
    limits, below = {}, 0.0
    for name in reversed(GRADES):
        limits[name] = round(below, 12)
        below += shares[name]
    return {name: limits[name] for name in GRADES}


def grade(percentile: ArrayLike, shares: Mapping[str, float]) -> NDArray[np.str_]:
    """Grades A to F of percentiles; a grade whose share is zero is never given.

    >>> grade([0.95, 0.9, 0.5, 0.05], {"A": 0.1, "B": 0.2, "C": 0.4, "D": 0.2, "F": 0.1}).tolist()
    ['A', 'A', 'C', 'F']
    """
    limits = grade_limits(shares)
    given = [name for name in reversed(GRADES) if shares[name] > 0.0]
    starts = np.asarray([limits[name] for name in given])
    position = np.searchsorted(starts, np.round(np.asarray(percentile, dtype=np.float64), 12), side="right") - 1
    return np.asarray(given)[np.clip(position, 0, None)]


def sum_contributions(contributions: Floats) -> Floats:
    """Raw score: the contributions added in their order, so that the parts make the whole to the last bit."""
    total: Floats = contributions[:, 0].copy()
    for i in range(1, contributions.shape[1]):
        total += contributions[:, i]
    return total

"""The score model: everything that turns one account's facts into a score, saved so that it is the same everywhere.

A percentile needs a population. A scoring run therefore saves the distribution of its raw scores as a table of
quantile knots, and **the table is the definition**: the batch, ``=ICP_SCORE()`` and the what-if sheet all read it.

Definitions, in the order of the calculation:

* component scores, 0 to 1 (:meth:`ScoreModel.components`);
* raw score = ((vertical + size) + adoption) + relationship, each component times its weight, in that order;
* key = raw score in units of 1e-12, as a whole number: scores that are equal on paper have equal keys;
* percentile = linear between the knots, the middle of the step where several knots are equal to the key, clamped to
  [0.5/n, 1 - 0.5/n] for a population of n;
* ICP score = 50 + 15 times the standard normal quantile of the percentile, clamped to [0, 100];
* grade = by percentile against the cumulative grade shares, rounded at 1e-12 before the comparison.

Only numpy and ``scipy.special`` are imported here, so that worksheet functions start quickly.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from icp_xl.columns import COMPONENTS, GRADES
from icp_xl.errors import SourceError
from icp_xl.outputs import json_text

if TYPE_CHECKING:
    import pandas as pd

    from icp_xl.config.scoring import ScoringSettings

Floats = NDArray[np.float64]

SCHEMA = 1
FILE = "score_model.json"
#: Raw scores are compared as whole multiples of this.
KEY_UNIT = 1e-12
SCORE_MEAN = 50.0
SCORE_SD = 15.0
SEGMENTS = ("Small Business", "Mid-Market", "Large Enterprise")
UNKNOWN_SEGMENT = "Unknown"


@dataclass(frozen=True)
class Scores:
    """Scores of n accounts; ``components`` and ``contributions`` are n × 4 in the order of ``COMPONENTS``."""

    components: Floats
    contributions: Floats
    raw_score: Floats
    percentile: Floats
    icp_score: Floats
    icp_grade: NDArray[np.str_]


@dataclass(frozen=True)
class ScoreModel:
    """A fitted scoring engine; see the module's text for what each part does."""

    weights: dict[str, float]
    industry_weights: dict[str, float]
    industry_prior: float
    size_from: list[float]
    size_scores: list[float]
    size_missing: float
    printers_scale: float
    consumable_scale: float
    software_scale: float
    printer_share: float
    grade_shares: dict[str, float]
    segment_mid_market: float
    segment_large: float
    knots: list[int] = field(repr=False)
    population: int = 0
    run_id: str = ""
    fitted_at: str = ""
    schema: int = SCHEMA

    def components(
        self,
        industry: Sequence[str | None] | NDArray[Any],
        annual_revenue: ArrayLike,
        printers: ArrayLike,
        consumable_revenue: ArrayLike,
        software_revenue: ArrayLike,
    ) -> Floats:
        """Component scores as n × 4 (vertical, size, adoption, relationship), each 0 to 1.

        An unknown industry gets the prior, an unknown annual revenue (NaN) the neutral size score; unknown or negative
        printers and revenues count as none.
        """
        revenue, boxes, consumable, software = (
            np.atleast_1d(np.asarray(values, dtype=np.float64))
            for values in (annual_revenue, printers, consumable_revenue, software_revenue)
        )
        vertical = self._vertical(industry)
        tier = np.searchsorted(np.asarray(self.size_from), revenue, side="right") - 1
        known = ~np.isnan(revenue) & (tier >= 0)
        size = np.where(known, np.asarray(self.size_scores)[np.clip(tier, 0, None)], self.size_missing)
        share = self.printer_share
        adoption = share * _log_scale(boxes, self.printers_scale) + (1.0 - share) * _log_scale(
            consumable, self.consumable_scale
        )
        relationship = _log_scale(software, self.software_scale)
        return np.column_stack(np.broadcast_arrays(vertical, size, adoption, relationship))

    def _vertical(self, industry: Sequence[str | None] | NDArray[Any]) -> Floats:
        table = {industry_key(name): weight for name, weight in self.industry_weights.items()}
        seen: dict[Any, float] = {}
        out = np.empty(len(industry))
        for i, name in enumerate(industry):
            if name not in seen:
                known = isinstance(name, str)
                seen[name] = table.get(industry_key(name), self.industry_prior) if known else self.industry_prior
            out[i] = seen[name]
        return out

    def weight_vector(self, weights: Mapping[str, float] | Sequence[float] | None = None) -> Floats:
        """The four weights in order; the model's own where none are given."""
        if weights is None:
            weights = self.weights
        if isinstance(weights, Mapping):
            weights = [weights[name] for name in COMPONENTS]
        return np.asarray(weights, dtype=np.float64)

    def score_components(
        self, components: Floats, weights: Mapping[str, float] | Sequence[float] | None = None
    ) -> Scores:
        """Score accounts whose components (n × 4) are known; one million take well under a second."""
        contributions = components * self.weight_vector(weights)
        raw = sum_contributions(contributions)
        percentile = self.percentile(raw)
        return Scores(
            components, contributions, raw, percentile, icp_score(percentile), grade(percentile, self.grade_shares)
        )

    def score_arrays(
        self,
        industry: Sequence[str | None] | NDArray[Any],
        annual_revenue: ArrayLike,
        printers: ArrayLike,
        consumable_revenue: ArrayLike,
        software_revenue: ArrayLike,
        weights: Mapping[str, float] | Sequence[float] | None = None,
    ) -> Scores:
        """Score accounts from their facts, given as equally long arrays."""
        components = self.components(industry, annual_revenue, printers, consumable_revenue, software_revenue)
        return self.score_components(components, weights)

    def score(self, frame: pd.DataFrame, weights: Mapping[str, float] | Sequence[float] | None = None) -> Scores:
        """Score a frame with the columns industry, annual_revenue, printers, consumable_revenue, software_revenue."""
        industry = frame["industry"].astype(object).where(frame["industry"].notna(), None).to_numpy()
        names = ("annual_revenue", "printers", "consumable_revenue", "software_revenue")
        facts = [frame[name].to_numpy(dtype=np.float64, na_value=np.nan) for name in names]
        return self.score_arrays(industry, facts[0], facts[1], facts[2], facts[3], weights)

    def percentile(self, raw_score: ArrayLike) -> Floats:
        """Percentile rank (0 to 1) of raw scores in the reference population."""
        return percentile_of(raw_score, np.asarray(self.knots, dtype=np.int64), self.population)

    def segment(self, annual_revenue: ArrayLike) -> NDArray[np.str_]:
        """Segment by annual revenue; ``Unknown`` where it is missing."""
        revenue = np.atleast_1d(np.asarray(annual_revenue, dtype=np.float64))
        place = np.searchsorted([self.segment_mid_market, self.segment_large], revenue, side="right")
        return np.where(np.isnan(revenue), UNKNOWN_SEGMENT, np.asarray(SEGMENTS)[np.clip(place, 0, 2)])

    def save(self, path: Path) -> None:
        """Write the model as canonical JSON."""
        path.write_bytes(self.to_json().encode())

    def to_json(self) -> str:
        """The model as canonical JSON; reading it back gives the same model to the last bit."""
        return json_text(asdict(self))

    @classmethod
    def load(cls, path: Path) -> ScoreModel:
        """Read a saved model.

        Raises:
            SourceError: the file is missing, damaged, or written by a newer version.
        """
        return cls.from_json(_read(path), path.name)

    @classmethod
    def from_json(cls, text: str, where: str = FILE) -> ScoreModel:
        """Build the model from its JSON text."""
        again = "Run `icp-xl score` to write a new one."
        try:
            body = json.loads(text)
            if not isinstance(body, dict):
                raise TypeError
            schema = body.get("schema")
            if schema != SCHEMA:
                raise SourceError(
                    "the score model has another format", where=where, got=schema, allowed=SCHEMA, next_step=again
                )
            names = {item.name for item in fields(cls)}
            model = cls(**{key: value for key, value in body.items() if key in names})
            model._check()
        except (ValueError, TypeError, KeyError) as error:
            raise SourceError(
                "the score model is damaged", where=where, got=type(error).__name__, next_step=again
            ) from None
        return model

    def _check(self) -> None:
        knots = np.asarray(self.knots, dtype=np.int64)
        if knots.size < 2 or np.any(np.diff(knots) < 0) or self.population < 1:
            raise ValueError("knots")
        if set(self.weights) != set(COMPONENTS) or set(self.grade_shares) != set(GRADES):
            raise ValueError("weights")
        if len(self.size_from) != len(self.size_scores):
            raise ValueError("tiers")


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SourceError(
            "there is no score model yet", where=path.name, next_step="Run `icp-xl score` first."
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError("the score model cannot be read", where=path.name, got=type(error).__name__) from None


def fit_score_model(
    inputs: pd.DataFrame,
    industry_weights: Mapping[str, float],
    industry_prior: float,
    weights: Mapping[str, float],
    settings: ScoringSettings,
    *,
    run_id: str = "",
    fitted_at: str = "",
) -> ScoreModel:
    """Fit scales and the reference distribution on a population of accounts.

    Args:
        inputs: one row per account: industry, annual_revenue, printers, consumable_revenue, software_revenue.
        industry_weights: canonical industry to weight, 0 to 1.
        industry_prior: weight of an industry that is not in the table.
        weights: component to weight.
        settings: tiers, robust quantile, grade shares and segment limits.

    The scale of a component is the robust maximum (a high quantile) of its positive values, so that one new extreme
    account clips at 1 and moves nobody else.
    """
    draft = ScoreModel(
        weights={name: float(weights[name]) for name in COMPONENTS},
        industry_weights={name: float(industry_weights[name]) for name in sorted(industry_weights)},
        industry_prior=float(industry_prior),
        size_from=[tier.from_revenue for tier in settings.size_tiers],
        size_scores=[tier.score for tier in settings.size_tiers],
        size_missing=settings.size_missing_score,
        printers_scale=_robust_maximum(inputs["printers"], settings.robust_quantile),
        consumable_scale=_robust_maximum(inputs["consumable_revenue"], settings.robust_quantile),
        software_scale=_robust_maximum(inputs["software_revenue"], settings.robust_quantile),
        printer_share=settings.adoption_printer_share,
        grade_shares=settings.grade_shares.model_dump(),
        segment_mid_market=settings.segment_mid_market,
        segment_large=settings.segment_large,
        knots=[0, 1],
        population=max(len(inputs), 1),
        run_id=run_id,
        fitted_at=fitted_at,
    )
    scores = draft.score(inputs)
    knots = fit_knots(scores.raw_score, settings.knots)
    values = {item.name: getattr(draft, item.name) for item in fields(draft)}
    return ScoreModel(**{**values, "knots": knots})


def keys(raw_score: ArrayLike) -> NDArray[np.int64]:
    """Raw scores as whole multiples of 1e-12, so that equal on paper is equal here."""
    return np.rint(np.asarray(raw_score, dtype=np.float64) / KEY_UNIT).astype(np.int64)


def fit_knots(raw_score: ArrayLike, count: int = 1001) -> list[int]:
    """Keys at ``count`` equally spaced probabilities, ends included (linear, as ``PERCENTILE.INC``)."""
    ordered = np.sort(keys(np.atleast_1d(raw_score)))
    if ordered.size == 0:
        return [0] * count
    place = np.linspace(0.0, 1.0, count) * (ordered.size - 1)
    low = np.floor(place).astype(np.int64)
    high = np.minimum(low + 1, ordered.size - 1)
    value = ordered[low] + (place - low) * (ordered[high] - ordered[low])
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
    place = np.searchsorted(starts, np.round(np.asarray(percentile, dtype=np.float64), 12), side="right") - 1
    return np.asarray(given)[np.clip(place, 0, None)]


def sum_contributions(contributions: Floats) -> Floats:
    """Raw score: the four contributions added in their order, so that the parts make the whole to the last bit."""
    total: Floats = contributions[:, 0].copy()
    for i in range(1, contributions.shape[1]):
        total += contributions[:, i]
    return total


def industry_key(name: str) -> str:
    """How industries are compared: without case and outer space."""
    return " ".join(name.split()).casefold()


def _log_scale(values: Floats, scale: float) -> Floats:
    top = float(np.log1p(scale))
    if top <= 0.0:
        return np.zeros_like(values)
    return np.minimum(np.log1p(np.maximum(np.nan_to_num(values, nan=0.0), 0.0)) / top, 1.0)


def _robust_maximum(values: pd.Series[Any], quantile: float) -> float:
    amounts = values.to_numpy(dtype=np.float64, na_value=np.nan)
    positive = amounts[amounts > 0.0]
    return float(np.quantile(positive, quantile)) if positive.size else 0.0

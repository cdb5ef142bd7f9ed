"""Fit components on a population: scales, weights of lookups, and the distribution of raw scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from icp_xl.components.fitted import FittedComponent
from icp_xl.components.kinds import HALF_LIFE, KINDS, facts_of
from icp_xl.components.record import Component, Fact
from icp_xl.components.shapes import Decay, Linear, LogSum, Lookup, Shape, Tiers
from icp_xl.config.scoring import ScoringSettings
from icp_xl.scoring.industry_weights import IndustryWeights, compute_industry_weights
from icp_xl.scoring.model import Floats, ScoreModel, read_facts, with_population
from icp_xl.scoring.robust import ordinary_weights, robust_maximum, robust_range

#: Days of a month, on average.
MONTH = 365.25 / 12


def fit_score_model(
    inputs: pd.DataFrame,
    components: Sequence[Component],
    weights: Mapping[str, float],
    settings: ScoringSettings,
    tiers: Mapping[str, str],
    *,
    preset: str = "equipment",
    run_id: str = "",
    fitted_at: str = "",
) -> ScoreModel:
    """Fit scales, lookups and the reference distribution on a population of accounts.

    Args:
        inputs: one row per account, with a column per fact of the components and ``total_revenue``.
        components: their declarations, in the order in which contributions are summed.
        weights: component to weight, 0 to 1.
        settings: robust quantile, grade shares and segment limits.
        tiers: text of a lookup to its strategic tier.

    The scale of an amount is a high quantile of its positive values, by what each account counts (see
    :func:`account_weights`), so that one new extreme account clips at 1 and moves nobody else.
    """
    counts = account_weights(inputs, components)
    draft = ScoreModel(
        parts=tuple(fit_component(component, inputs, settings, tiers, counts) for component in components),
        weights={component.name: float(weights[component.name]) for component in components},
        grade_shares=settings.grade_shares.model_dump(),
        segment_mid_market=settings.segment_mid_market,
        segment_large=settings.segment_large,
        knots=[0, 1],
        population=max(len(inputs), 1),
        run_id=run_id,
        fitted_at=fitted_at,
        preset=preset,
    )
    return with_population(draft, inputs, settings.knots)


def account_weights(inputs: pd.DataFrame, components: Sequence[Component]) -> Floats:
    """How far each account counts in whatever is fitted, 0 to 1.

    It counts as far as the least ordinary of its amounts does (see :mod:`icp_xl.scoring.robust`): of an account with
    one figure beyond the ordinary, nothing is taken for what accounts are like.

    Args:
        inputs: one row per account, with a column per fact of the components and ``total_revenue``.
        components: what is fitted; of their facts, money and counts are looked at.
    """
    names = ["total_revenue", *(fact.name for fact in facts_of(components) if fact.unit in ("money", "count"))]
    if "annual_revenue" in inputs:
        names.append("annual_revenue")
    columns = [inputs[name].to_numpy(dtype=np.float64, na_value=np.nan) for name in dict.fromkeys(names)]
    counts = np.ones(len(inputs))
    for _ in range(2):
        # Once more, so that an account with one odd figure has no say by its others in what is ordinary.
        counts = np.min([ordinary_weights(column, counts > 0.0) for column in columns], axis=0)
    return counts


def fit_component(
    component: Component,
    inputs: pd.DataFrame,
    settings: ScoringSettings,
    tiers: Mapping[str, str],
    counts: Floats,
) -> FittedComponent:
    """One component fitted on ``inputs``, one row per account.

    Args:
        component: the declaration.
        inputs: its facts, one row per account.
        settings: how scales are fitted.
        tiers: strategic tier by industry.
        counts: how far each account counts (see :func:`account_weights`).
    """
    return FittedComponent(
        component, _shape(component, KINDS[component.kind].facts(component), inputs, settings, tiers, counts)
    )


def lookup_weights(
    component: Component,
    inputs: pd.DataFrame,
    settings: ScoringSettings,
    tiers: Mapping[str, str],
    counts: Floats,
) -> IndustryWeights:
    """The table behind a lookup.

    Args:
        component: a lookup.
        inputs: facts, one row per account.
        settings: of the score.
        tiers: strategic tier by industry.
        counts: weight of each account.
    """
    return compute_industry_weights(inputs, tiers if component.strategic else {}, settings, component.column, counts)


def _shape(
    component: Component,
    facts: Sequence[Fact],
    inputs: pd.DataFrame,
    settings: ScoringSettings,
    tiers: Mapping[str, str],
    counts: Floats,
) -> Shape:
    if component.kind == "lookup":
        found = lookup_weights(component, inputs, settings, tiers, counts)
        weights = found.as_dict()
        return Lookup({name: float(weights[name]) for name in sorted(weights)}, float(found.prior))
    if component.kind == "tiers":
        starts, scores = zip(*component.tiers, strict=True)
        missing = component.missing
        return Tiers(list(starts), list(scores), settings.size_missing_score if missing is None else missing)
    if component.kind == "recency":
        return Decay((component.months or HALF_LIFE) * MONTH)
    values = read_facts(inputs, facts)
    if component.kind in ("share", "growth") or (component.kind == "number" and component.scale == "linear"):
        return _line(component, facts[0], values[facts[0].name], settings, counts)
    if component.kind == "number" and component.falling:
        low, high = robust_range(values[facts[0].name], settings.robust_quantile, counts)
        return Linear(high, low, 0.5 if component.missing is None else component.missing)
    tops = [robust_maximum(values[fact.name], settings.robust_quantile, counts) for fact in facts]
    return LogSum(tops, list(component.shares) or [1.0])


def _line(component: Component, fact: Fact, values: Floats, settings: ScoringSettings, counts: Floats) -> Linear:
    missing = component.missing
    if component.kind == "share":
        low, high = 0.0, 1.0
        missing = 0.0 if missing is None else missing
    elif component.kind == "growth":
        low, high = -1.0, 1.0
    else:
        low, high = robust_range(values, settings.robust_quantile, counts)
    ends = (high, low) if component.falling else (low, high)
    return Linear(*ends, 0.5 if missing is None else missing)

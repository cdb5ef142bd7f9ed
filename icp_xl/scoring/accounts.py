"""Score a whole table of accounts: fit the model, score, rank, flag."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from icp_xl.components.presets import EQUIPMENT
from icp_xl.components.record import Component, contribution_columns, score_columns
from icp_xl.config.scoring import ScoringSettings
from icp_xl.errors import InsufficientDataError
from icp_xl.scoring.fitting import account_weights, fit_score_model
from icp_xl.scoring.industry_weights import DOUBTED, IndustryWeights, compute_industry_weights
from icp_xl.scoring.model import ScoreModel, Scores, grade, keys

_BEFORE = (
    "account_id", "account_name", "industry", "segment", "region", "rep", "annual_revenue", "printers",
    "hardware_revenue", "consumable_revenue", "software_revenue", "service_revenue", "total_revenue", "gross_profit",
)  # fmt: skip
#: With fewer accounts than this, grades come with what they can mean.
FEW = 100
_AFTER = ("raw_score", "percentile", "icp_score", "icp_grade", "rank", "flags")


def scored_columns(names: Sequence[str]) -> list[str]:
    """Columns of the scored accounts, in the order in which they are written, for components of these names."""
    return [*_BEFORE, *score_columns(names), *contribution_columns(names), *_AFTER]


#: Those of the equipment trade.
SCORED_COLUMNS = tuple(scored_columns([component.name for component in EQUIPMENT]))


@dataclass(frozen=True)
class ScoringResult:
    """``scored``: one row per account, in the order of :func:`scored_columns`, sorted by rank."""

    scored: pd.DataFrame
    model: ScoreModel
    industries: IndustryWeights
    warnings: tuple[str, ...]


def score_accounts(
    accounts: pd.DataFrame,
    tiers: Mapping[str, str],
    weights: Mapping[str, float],
    settings: ScoringSettings,
    *,
    components: Sequence[Component] | None = None,
    preset: str = "equipment",
    run_id: str = "",
    fitted_at: str = "",
) -> ScoringResult:
    """Fit the score model on ``accounts`` and score them.

    Args:
        accounts: one row per account: account_id, account_name, industry, annual_revenue, rep, region, printers, the
            revenue per category with total_revenue and gross_profit, and what the components need beyond that.
        tiers: industry to strategic tier.
        weights: component to weight.
        settings: the scoring section.
        components: declarations of the components; by default those of the equipment trade.
        preset: where they come from, for the record.

    Raises:
        InsufficientDataError: there is no account at all.
    """
    if accounts.empty:
        raise InsufficientDataError(
            "there is no account to score", got="0 accounts", allowed="at least 1", next_step="`icp-xl check` says why."
        )
    components = settings.declared("equipment") if components is None else components
    industries = compute_industry_weights(accounts, tiers, settings, counts=account_weights(accounts, components))
    model = fit_score_model(
        accounts, components, weights, settings, tiers, preset=preset, run_id=run_id, fitted_at=fitted_at
    )
    scored = attach_scores(accounts, model, model.score(accounts))
    return ScoringResult(scored, model, industries, tuple(_warnings(scored, industries, model)))


def attach_scores(accounts: pd.DataFrame, model: ScoreModel, scores: Scores) -> pd.DataFrame:
    """Accounts with their scores, segment, rank and flags; sorted by rank, ties by account id."""
    out = accounts.copy()
    for i, part in enumerate(model.parts):
        out[part.declared.score_column] = scores.components[:, i]
        out[part.declared.contribution_column] = scores.contributions[:, i]
    out["raw_score"] = scores.raw_score
    out["percentile"] = scores.percentile
    out["icp_score"] = scores.icp_score
    out["icp_grade"] = scores.icp_grade
    out["segment"] = model.segment(accounts["annual_revenue"].to_numpy(dtype=float, na_value=np.nan))
    if len(out) < FEW:
        out["grade_range"] = grade_ranges(scores.percentile, model)
    key = pd.Series(keys(scores.raw_score), index=out.index)
    out["rank"] = key.rank(method="min", ascending=False).astype("int64")
    out["flags"] = _flags(accounts, model)
    columns = scored_columns(model.names)
    extra = [name for name in out.columns if name not in columns]
    return out.sort_values(["rank", "account_id"], ignore_index=True)[[*columns, *extra]]


#: Facts whose absence is worth a flag, and its words where they are others than the fact's own.
_FLAGGED = {"printers": "printer count unknown"}


def _flags(accounts: pd.DataFrame, model: ScoreModel) -> pd.Series[str]:
    """What is not known of an account that its score needs, in words."""
    total = accounts["total_revenue"].fillna(0.0)
    # Segments need the annual revenue whatever the score is made of.
    read = {fact.name for fact in model.facts}
    sized = "annual_revenue" in read or bool(accounts["annual_revenue"].notna().any())
    wanted = [
        *(["annual_revenue"] if sized else []),
        *(fact.name for fact in model.facts if fact.name != "annual_revenue"),
    ]
    order = ["annual_revenue", "industry", "printers"]
    wanted.sort(key=lambda name: order.index(name) if name in order else len(order))
    labels = {fact.name: fact.label.lower() for fact in model.facts}
    tests = {
        _FLAGGED.get(name) or f"{labels.get(name, 'annual revenue')} unknown": accounts[name].isna()
        for name in wanted
        if name in order or name in _customer_columns(model)
    } | {
        "no sales on record": total == 0.0,
        "more returns than sales": total < 0.0,
    }
    columns = [np.where(test, text, "") for text, test in tests.items()]
    texts = ["; ".join(filter(None, row)) for row in zip(*columns, strict=True)]
    return pd.Series(texts, index=accounts.index, dtype=object)


def grade_ranges(percentile: NDArray[np.float64], model: ScoreModel) -> list[str]:
    """The grades that an account could have among as many other accounts of the same market, such as ``B to C``.

    A percentile among n accounts is a share of n; its 95 % interval is Wilson's (J. Am. Stat. Assoc. 22, 1927).
    """
    n, z = max(model.population, 1), 1.959964
    middle = (percentile + z * z / (2 * n)) / (1 + z * z / n)
    half = z * np.sqrt(percentile * (1 - percentile) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    best, worst = (grade(np.clip(end, 0.0, 1.0), model.grade_shares) for end in (middle + half, middle - half))
    return [str(a) if a == b else f"{a} to {b}" for a, b in zip(best, worst, strict=True)]


def _customer_columns(model: ScoreModel) -> set[str]:
    """Columns of the customers' own that the components read."""
    return {name for part in model.parts for name in (part.declared.column, *part.declared.columns) if name} - {
        "consumable_revenue", "hardware_revenue", "software_revenue", "service_revenue", "total_revenue",
        "gross_profit",
    }  # fmt: skip


def _warnings(scored: pd.DataFrame, industries: IndustryWeights, model: ScoreModel) -> list[str]:
    found = []
    n = len(scored)
    if n < FEW:
        wide = int((scored["grade_range"] != scored["icp_grade"]).sum())
        found.append(
            f"Only {n} account{'s' if n > 1 else ''}: percentiles and grades over so few mean little. One account more "
            f"or less moves a percentile by up to {1 / n:.1%}; {wide} of them could as well have another grade among "
            "other accounts of the same market (column grade_range, at 95 %)."
        )
    unknown = float(scored["annual_revenue"].isna().mean())
    if unknown > 0.3 and any(fact.name == "annual_revenue" for fact in model.facts):
        found.append(f"Annual revenue is unknown for {unknown:.0%} of accounts; they get the neutral size score.")
    if float((scored["total_revenue"].fillna(0.0) <= 0.0).mean()) == 1.0:
        found.append("No account has any revenue: adoption, relationship and industry say nothing.")
    elif industries.reliability == 0.0 and model.lookup("industry") is not None:
        found.append(
            "The sales show no evidence that industries differ; no industry's data weight is further than "
            f"{DOUBTED:g} from neutral."
        )
    return found

"""Score a whole table of accounts: fit the model, score, rank, flag."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from icp_xl.columns import COMPONENT_SCORES, CONTRIBUTIONS
from icp_xl.config.scoring import ScoringSettings
from icp_xl.errors import InsufficientDataError
from icp_xl.scoring.industry_weights import IndustryWeights, compute_industry_weights
from icp_xl.scoring.model import ScoreModel, Scores, fit_score_model, keys

#: Columns of the scored accounts, in the order in which they are written.
SCORED_COLUMNS = (
    "account_id", "account_name", "industry", "segment", "region", "rep", "annual_revenue", "printers",
    "hardware_revenue", "consumable_revenue", "software_revenue", "service_revenue", "total_revenue", "gross_profit",
    *COMPONENT_SCORES, *CONTRIBUTIONS, "raw_score", "percentile", "icp_score", "icp_grade", "rank", "flags",
)  # fmt: skip


@dataclass(frozen=True)
class ScoringResult:
    """``scored``: one row per account, in the order of ``SCORED_COLUMNS``, sorted by rank."""

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
    run_id: str = "",
    fitted_at: str = "",
) -> ScoringResult:
    """Fit the score model on ``accounts`` and score them.

    Args:
        accounts: one row per account: account_id, account_name, industry, annual_revenue, rep, region, printers, and
            the revenue per category with total_revenue and gross_profit.
        tiers: industry to strategic tier.
        weights: component to weight.
        settings: the scoring section.

    Raises:
        InsufficientDataError: there is no account at all.
    """
    if accounts.empty:
        raise InsufficientDataError(
            "there is no account to score", got="0 accounts", allowed="at least 1", next_step="`icp-xl check` says why."
        )
    industries = compute_industry_weights(accounts, tiers, settings)
    model = fit_score_model(
        accounts,
        industries.as_dict(),
        industries.prior,
        weights,
        settings,
        run_id=run_id,
        fitted_at=fitted_at,
    )
    scored = attach_scores(accounts, model, model.score(accounts))
    return ScoringResult(scored, model, industries, tuple(_warnings(scored, industries)))


def attach_scores(accounts: pd.DataFrame, model: ScoreModel, scores: Scores) -> pd.DataFrame:
    """Accounts with their scores, segment, rank and flags; sorted by rank, ties by account id."""
    out = accounts.copy()
    for i, (score, contribution) in enumerate(zip(COMPONENT_SCORES, CONTRIBUTIONS, strict=True)):
        out[score] = scores.components[:, i]
        out[contribution] = scores.contributions[:, i]
    out["raw_score"] = scores.raw_score
    out["percentile"] = scores.percentile
    out["icp_score"] = scores.icp_score
    out["icp_grade"] = scores.icp_grade
    out["segment"] = model.segment(accounts["annual_revenue"].to_numpy(dtype=float, na_value=np.nan))
    key = pd.Series(keys(scores.raw_score), index=out.index)
    out["rank"] = key.rank(method="min", ascending=False).astype("int64")
    out["flags"] = _flags(accounts)
    extra = [name for name in out.columns if name not in SCORED_COLUMNS]
    return out.sort_values(["rank", "account_id"], ignore_index=True)[[*SCORED_COLUMNS, *extra]]


def _flags(accounts: pd.DataFrame) -> pd.Series[str]:
    """What is not known of an account, in words."""
    total = accounts["total_revenue"].fillna(0.0)
    tests = {
        "annual revenue unknown": accounts["annual_revenue"].isna(),
        "industry unknown": accounts["industry"].isna(),
        "printer count unknown": accounts["printers"].isna(),
        "no sales on record": total == 0.0,
        "more returns than sales": total < 0.0,
    }
    columns = [np.where(test, text, "") for text, test in tests.items()]
    texts = ["; ".join(filter(None, row)) for row in zip(*columns, strict=True)]
    return pd.Series(texts, index=accounts.index, dtype=object)


def _warnings(scored: pd.DataFrame, industries: IndustryWeights) -> list[str]:
    found = []
    n = len(scored)
    if n < 50:
        found.append(f"Only {n} account{'s' if n > 1 else ''}: percentiles and grades over so few mean little.")
    unknown = float(scored["annual_revenue"].isna().mean())
    if unknown > 0.3:
        found.append(f"Annual revenue is unknown for {unknown:.0%} of accounts; they get the neutral size score.")
    if float((scored["total_revenue"].fillna(0.0) <= 0.0).mean()) == 1.0:
        found.append("No account has any revenue: adoption, relationship and industry say nothing.")
    elif industries.reliability == 0.0:
        found.append("The sales show no evidence that industries differ; every industry has the neutral data weight.")
    return found

"""Simulated pipelines with a truth that is known: closed opportunities beside their scores, and raw opportunities."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.special import expit

from icp_xl.config.feedback import ALL_COMPONENTS, PIPELINE_COMPONENTS, FeedbackSettings, PipelineWeights
from icp_xl.feedback.evaluation_frame import band_of
from icp_xl.feedback.pipeline_score import mid_percentile, weighted_score
from icp_xl.feedback.snapshots import model_id_of

#: True weights that differ from the default ones: win rate and recency carry most, the rest next to nothing.
PLANTED = {
    "speed_to_close": 0.03,
    "largest_deal": 0.04,
    "product_mix": 0.03,
    "upsell_instances": 0.05,
    "win_rate": 0.55,
    "recency": 0.30,
}


#: True weights per stage (odd, even) and what the owner's history adds, in deviations of the log-odds.
PLANTED_STAGES = (
    {"win_rate": 0.6, "recency": 0.2, "product_mix": 0.1, "speed_to_close": 0.1},
    {"recency": 0.6, "win_rate": 0.2, "largest_deal": 0.1, "product_mix": 0.1},
)
PLANTED_OWNER = 0.6


def planted_by_stage(frame: pd.DataFrame, strength: float = 1.3) -> np.ndarray:
    """Log-odds that hang on other components at each stage, and on the owner's history."""
    odd = frame["stage"].str[-1].astype(int).to_numpy() % 2
    logit = np.zeros(len(frame))
    for k, truth in enumerate(PLANTED_STAGES):
        line = sum(weight * frame[f"{name}_score"] for name, weight in truth.items())
        logit += np.where(odd == k, strength * (line - line.mean()) / line.std(), 0.0)
    owner = frame["owner_history_score"]
    return np.asarray(logit + PLANTED_OWNER * (owner - owner.mean()) / owner.std())


def simulate_judged(
    rng: np.random.Generator,
    n: int,
    *,
    truth: Mapping[str, float] | None,
    strength: float = 1.3,
    months: int = 10,
    first: str = "2024-01",
    accounts: int = 250,
    account_effect: float = 0.0,
    season: float = 0.5,
    weights: PipelineWeights | None = None,
    challenger: PipelineWeights | None = None,
    extra_logit: object = None,
) -> pd.DataFrame:
    """Closed opportunities as ``build_evaluation_frame`` gives them, with outcomes drawn from the ``truth``'s score.

    ``strength``: deviation of the log-odds that the true score explains; ``truth=None``: nothing explains them.
    ``account_effect``: deviation of log-odds per account that no component explains; ``season``: deviation per month.
    ``extra_logit``: a function of the frame that adds to the log-odds.
    """
    weights = weights or PipelineWeights()
    account = rng.integers(0, accounts, n)
    own = rng.beta(1.6, 1.6, size=(accounts, len(ALL_COMPONENTS)))
    parts = np.clip(0.7 * own[account] + 0.3 * rng.random((n, len(ALL_COMPONENTS))), 0, 1)
    month = np.sort(rng.integers(0, months, n))
    frame = pd.DataFrame({f"{name}_score": parts[:, k] for k, name in enumerate(ALL_COMPONENTS)})
    frame["freshness_score"] = 0.5
    for name in PIPELINE_COMPONENTS:
        frame[f"account_{name}_score"] = own[account, ALL_COMPONENTS.index(name)]
    logit = season * rng.standard_normal(months)[month] + account_effect * rng.standard_normal(accounts)[account]
    if truth is not None:
        line = parts[:, : len(PIPELINE_COMPONENTS)] @ np.asarray([truth[name] for name in PIPELINE_COMPONENTS])
        logit = logit + strength * (line - line.mean()) / line.std()
    frame["account_id"] = [f"A{code:05d}" for code in account]
    frame["account_name"] = frame["account_id"]
    frame["opportunity_id"] = [f"O{k:06d}" for k in range(n)]
    for name, choices in (("stage", 5), ("owner", 12), ("product", 6), ("division", 3), ("industry", 8)):
        frame[name] = [f"{name} {k}" for k in rng.integers(0, choices, n)]
    frame["amount"] = np.round(np.exp(rng.normal(9, 1, n)), 2)
    frame["days_open"], frame["days_in_stage"] = rng.integers(5, 200, n).astype(float), np.nan
    start = pd.Timestamp(first)
    frame["snapshot_date"] = [start + pd.DateOffset(months=int(m)) for m in month]
    frame["close_date"] = frame["snapshot_date"] + pd.to_timedelta(rng.integers(0, 28, n), unit="D")
    frame["close_month"] = frame["close_date"].dt.strftime("%Y-%m")
    if callable(extra_logit):
        logit = logit + extra_logit(frame)
    frame["won"] = rng.random(n) < expit(logit)
    frame["final_amount"] = frame["amount"].where(frame["won"], 0.0)
    frame["days_to_close"], frame["reopened"], frame["replayed"] = 30.0, 0, False
    frame["actual_score_at_close"], frame["competitor"], frame["loss_reason"] = np.nan, "", ""
    frame["model_id"], frame["challenger_id"] = model_id_of(weights), model_id_of(challenger) if challenger else ""
    values = frame[[f"{name}_score" for name in ALL_COMPONENTS]].to_numpy()
    frame["opportunity_score"] = weighted_score(values, weights)
    frame["account_score"] = weighted_score(
        frame[[f"account_{name}_score" for name in PIPELINE_COMPONENTS]].to_numpy(), weights
    )
    frame["challenger_score"] = np.nan if challenger is None else weighted_score(values, challenger, frame["stage"])
    for name in ("opportunity", "account"):
        frame[f"{name}_percentile"] = frame.groupby("snapshot_date")[f"{name}_score"].transform(
            lambda column: mid_percentile(column.to_numpy())
        )
    frame["band"] = band_of(frame["opportunity_percentile"], FeedbackSettings())
    return frame


def simulate_opportunities(
    rng: np.random.Generator, n: int, *, accounts: int = 40, months: int = 18, open_share: float = 0.2
) -> pd.DataFrame:
    """Raw opportunities as an export gives them, created over ``months`` from 2023-01-01 on."""
    created = pd.Timestamp("2023-01-01") + pd.to_timedelta(rng.integers(0, months * 30, n), unit="D")
    close = created + pd.to_timedelta(rng.integers(0, 150, n), unit="D")
    outcome = np.where(rng.random(n) < open_share, "open", np.where(rng.random(n) < 0.5, "won", "lost"))
    return pd.DataFrame(
        {
            "opportunity_id": [f"O{k:06d}" for k in range(n)],
            "account_id": [f"A{k:05d}" for k in rng.integers(0, accounts, n)],
            "account_name": "",
            "stage": np.where(outcome == "open", "Proposal", np.where(outcome == "won", "Closed Won", "Closed Lost")),
            "outcome": outcome,
            "amount": np.round(np.exp(rng.normal(9, 1, n)), 2),
            "created_date": created,
            "close_date": pd.Series(close).where(outcome != "open"),
            "owner": [f"R{k}" for k in rng.integers(0, 8, n)],
            "division": [f"D{k}" for k in rng.integers(0, 3, n)],
            "product": [f"P{k}" for k in rng.integers(0, 6, n)],
        }
    )

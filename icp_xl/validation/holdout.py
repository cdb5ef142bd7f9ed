"""The model as it would have been at a past cutoff, and what came after it: one division, nothing of the future."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import norm

from icp_xl.config import Settings
from icp_xl.propensity.calibration import calibration_loss, calibration_table, slope_and_intercept
from icp_xl.propensity.data import CutoffData, DivisionData
from icp_xl.propensity.metrics import Interval, compare, gains_table, measure, measure_brier
from icp_xl.validation.alerts import Alert, badges, find_alerts
from icp_xl.validation.drift import compare_samples, feature_drift, value_drift
from icp_xl.validation.published import ServedModel
from icp_xl.validation.scenarios import build_scenarios, segment_performance, sort_scenarios


@dataclass(frozen=True)
class Holdout:
    """Everything that is said of one division at one cutoff; ``frame`` has one row per account.

    ``kind`` says what was judged: a model of its own, the one for all divisions (``pooled``) or a rule; ``skilled``
    whether that would have been published.
    """

    division: str
    slug: str
    data: CutoffData
    kind: str
    frame: pd.DataFrame
    metrics: dict[str, Interval]
    figures: dict[str, float]
    gains: pd.DataFrame
    calibration: pd.DataFrame
    scenarios: pd.DataFrame
    segments: pd.DataFrame
    drift: pd.DataFrame
    ev_table: pd.DataFrame
    alerts: list[Alert]
    badges: dict[str, str]
    ablations: list[dict[str, Any]] = field(default_factory=list)
    skilled: bool = True

    @property
    def sorted_scenarios(self) -> pd.DataFrame:
        """Scenarios, the most precise first."""
        return sort_scenarios(self.scenarios)

    def drift_json(self) -> dict[str, Any]:
        """Drift of features, scores and value, as plain JSON."""
        return {
            "features": self.drift.to_dict("records"),
            "score_ks": self.figures["score_ks"], "score_ks_limit": self.figures["score_ks_limit"],
            "ev_psi": self.figures["ev_psi"], "ev_tenths": self.ev_table.to_dict("records"),
            "base_rate": self.figures["base_rate"], "train_base_rate": self.figures["train_base_rate"],
        }  # fmt: skip


def validate_division(
    published: ServedModel,
    now: CutoffData,
    accounts: pd.DataFrame,
    settings: Settings,
    *,
    seed: int,
    check: Callable[[], None] = lambda: None,
) -> Holdout:
    """Predict as of ``now`` by what was published then, and compare with what came.

    Args:
        published: learned from cutoffs whose windows had ended by ``now``.
        accounts: account_id, and rep, segment, region, icp_grade where known.

    Raises:
        InsufficientDataError: the cutoffs before held too little.
        ValueError: a training window reaches beyond the cutoff.
    """
    data, options = published.data, settings.validation
    if any(each.window_end > now.cutoff for each in data.cutoffs):
        raise ValueError("a training window reaches beyond the cutoff")
    fitted = published.fit("")
    check()
    p = fitted.model.predict(now.features)
    score = fitted.model.log_odds(now.features)
    frame = pd.DataFrame(
        {"account_id": now.accounts, "cutoff_date": pd.Timestamp(now.cutoff), "p_hat": p, "score": score,
         "label": now.label, "revenue": now.revenue, "gross_profit": now.gross_profit}
    )  # fmt: skip
    frame = frame.merge(accounts, on="account_id", how="left")
    y = now.label.astype(np.float64)
    worth = now.revenue.clip(0)
    metrics = measure(y, score, worth, resamples=options.bootstrap, seed=seed)
    metrics |= measure_brier(y, p, resamples=options.bootstrap, seed=seed)
    check()
    frame["expected_value"] = p * _typical_value(data)
    ev_psi, ev_table = value_drift(frame["expected_value"], worth)
    trained = np.concatenate([fitted.model.log_odds(each.features) for each in data.cutoffs[-1:]])
    shift = compare_samples(trained, score, bins=options.bins, alpha=options.alpha, least=options.psi_least)
    inputs = list(dict.fromkeys(name.partition("=")[0] for name in fitted.model.features))
    kept = [name for name in inputs if name in now.features and name in data.cutoffs[-1].features]
    drift = feature_drift(
        data.cutoffs[-1].features[kept], now.features[kept], bins=options.bins, alpha=options.alpha,
        least=options.psi_least,
    )  # fmt: skip
    figures = _figures(y, p, data, metrics, (shift.ks, shift.ks_limit), ev_psi)
    alerts = find_alerts(figures, drift, (shift.ks, shift.ks_limit), ev_psi, options)
    column = next((name for name in ("segment", "icp_grade", "region") if name in frame), None)
    segments = segment_performance(frame.assign(all="All"), column or "all", options.capacity_grid[0] / 100.0)
    return Holdout(
        data.division, data.slug, now, fitted.model.kind, frame, metrics, figures, gains_table(y, p, worth),
        calibration_table(y, p),
        build_scenarios(frame, options.capacity_grid, options.accounts_per_rep_grid, resamples=options.bootstrap,
                        seed=seed),
        segments, drift, ev_table, alerts, badges(figures, ev_psi, (shift.ks, shift.ks_limit), options),
        [_ablate(name, published, now, score, settings, seed, check) for name in options.ablations],
        published.skilled,
    )  # fmt: skip


def base_rate_noise(one: tuple[int, int], two: tuple[int, int]) -> float:
    """Chance that two shares (hits, n) of the same rate differ as much as these (two-sided, pooled normal)."""
    n1, n2 = max(one[1], 1), max(two[1], 1)
    p1, p2 = one[0] / n1, two[0] / n2
    pooled = (one[0] + two[0]) / (n1 + n2)
    error = float(np.sqrt(max(pooled * (1 - pooled), 1e-12) * (1 / n1 + 1 / n2)))
    return float(2 * norm.sf(abs(p1 - p2) / error))


def _figures(
    y: np.ndarray, p: np.ndarray, data: DivisionData, metrics: Mapping[str, Interval], ks: tuple[float, float],
    ev_psi: float,
) -> dict[str, float]:  # fmt: skip
    slope, intercept = slope_and_intercept(y, p)
    hits, rows = data.positives, sum(len(each.label) for each in data.cutoffs)
    return {
        "rows": float(y.size), "buyers": float(y.sum()), "auc": metrics["auc"].value,
        "pr_auc": metrics["pr_auc"].value, "lift_10": metrics["lift_10"].value,
        "calibration_loss": calibration_loss(y, p), "slope": slope, "intercept": intercept,
        "base_rate": float(y.mean()), "train_base_rate": hits / max(rows, 1), "predicted_rate": float(p.mean()),
        "base_rate_p": base_rate_noise((int(y.sum()), y.size), (hits, rows)),
        "score_ks": ks[0], "score_ks_limit": ks[1], "ev_psi": ev_psi,
    }  # fmt: skip


def _typical_value(data: DivisionData) -> float:
    """Median revenue of a buyer in the training windows, so that one whale does not set it."""
    bought = np.concatenate([each.revenue[each.label == 1] for each in data.cutoffs])
    return float(np.median(bought)) if bought.size else 0.0


def _ablate(
    name: str, published: ServedModel, now: CutoffData, score: np.ndarray, settings: Settings, seed: int,
    check: Callable[[], None],
) -> dict[str, Any]:  # fmt: skip
    """What the AUC loses without one thing, with the interval of the paired bootstrap."""
    check()
    other = published.fit(name).model.log_odds(now.features)
    gain = compare(now.label, score, other, resamples=settings.validation.bootstrap, seed=seed, only="auc")["auc"]
    return {"without": name, "auc_gain": gain.value, "auc_gain_low": gain.low, "auc_gain_high": gain.high}

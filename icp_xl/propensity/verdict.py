"""What is known of a fitted model, and whether it may be used: Ready, Usable with care, or Not ready, with reasons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
from scipy.stats import norm

from icp_xl.config.train import TrainSettings
from icp_xl.propensity.calibration import calibration_loss, calibration_table, slope_and_intercept
from icp_xl.propensity.fit import BASELINES, Fitted
from icp_xl.propensity.metrics import Interval, compare, gains_table, measure, measure_brier, thresholds_table
from icp_xl.propensity.model import CARE, NOT_READY, READY

NO_SKILL = "no evidence of skill"


@dataclass(frozen=True)
class Evaluation:
    """Figures of the latest judged cutoff, and the verdict on them.

    ``metrics`` are those of the chosen model, ``baseline_metrics`` those of the best rule on the same rows,
    ``gain`` their paired difference. ``season_seen`` says whether the calendar months to be predicted
    were among those learned from.
    """

    verdict: str
    reasons: tuple[str, ...]
    metrics: dict[str, Interval]
    rule: str
    baseline_metrics: dict[str, Interval]
    gain: dict[str, Interval]
    calibration_loss: float
    slope: float
    intercept: float
    base_rates: dict[str, float]
    season_seen: bool
    rows: int
    positives: int
    gains: pd.DataFrame
    calibration: pd.DataFrame
    thresholds: pd.DataFrame


def evaluate(
    fitted: Fitted, settings: TrainSettings, *, seed: int, score_cutoff: date, base_rates: dict[str, float],
    windows: Sequence[tuple[date, date]], looks: int = 1,
) -> Evaluation:  # fmt: skip
    """Judge a model by its latest judged cutoff.

    Args:
        base_rates: share of buyers at each training cutoff, by its date.
        windows: start and end of each training label window.
        looks: divisions that are judged together; among forty-seven without any skill one looks skilled by chance.
    """
    rows, chosen, rule = fitted.latest, fitted.model.kind, fitted.best_baseline
    y, worth = rows["label"].to_numpy(np.float64), rows["revenue"].to_numpy(np.float64).clip(0)
    groups, p = rows["account_id"].to_numpy(object), rows["p_hat"].to_numpy(np.float64)
    score = rows[chosen].to_numpy(np.float64)
    drawn = {"resamples": settings.bootstrap, "seed": seed}
    metrics = {
        **measure(y, score, worth, groups=groups, **drawn),
        **measure_brier(y, p, groups=groups, **drawn),
    }
    other = rows[rule].to_numpy(np.float64)
    baseline_metrics = {
        **measure(y, other, worth),
        **measure_brier(y, rows["p_" + rule].to_numpy(np.float64)),
    }
    gain = compare(y, score, other, worth, groups=groups, **drawn)
    slope, intercept = slope_and_intercept(y, p)
    seen = season_was_seen(windows, score_cutoff, fitted.model.window_months)
    verdict, reasons = _verdict(fitted, settings, metrics, gain, rule, slope, base_rates, seen, y, looks)
    return Evaluation(
        verdict, tuple(reasons), metrics, rule, baseline_metrics, gain, calibration_loss(y, p), slope, intercept,
        base_rates, seen, len(y), int(y.sum()), gains_table(y, p, worth), calibration_table(y, p), thresholds_table(p),
    )  # fmt: skip


def season_was_seen(windows: Sequence[tuple[date, date]], cutoff: date, months: int) -> bool:
    """Whether every calendar month of the window after ``cutoff`` lies in a training window of some year."""
    wanted = {(cutoff.month - 1 + k) % 12 for k in range(months)}
    known: set[int] = set()
    for start, end in windows:
        count = (end.year - start.year) * 12 + end.month - start.month
        known |= {(start.month - 1 + k) % 12 for k in range(max(count, 1))}
    return wanted <= known


def chance_error(positives: int, negatives: int) -> float:
    """Standard error of the AUC of a ranking that knows nothing (Mann and Whitney, 1947); NaN without both outcomes."""
    if positives < 1 or negatives < 1:
        return float("nan")
    return float(np.sqrt((positives + negatives + 1) / (12.0 * positives * negatives)))


def _verdict(
    fitted: Fitted,
    settings: TrainSettings,
    metrics: dict[str, Interval],
    gain: dict[str, Interval],
    rule: str,
    slope: float,
    base_rates: dict[str, float],
    seen: bool,
    y: np.ndarray,
    looks: int,
) -> tuple[str, list[str]]:
    auc, kind = metrics["auc"].value, fitted.model.kind
    positives, negatives = int(y.sum()), int(y.size - y.sum())
    error = chance_error(positives, negatives)
    level = 1.0 - (1.0 - settings.evidence) / max(looks, 1)
    certain = np.isfinite(error) and auc - float(norm.ppf(level)) * error > 0.5
    if kind == "base_rate" or not certain:
        return NOT_READY, [f"{NO_SKILL}: AUC {auc:.3f} on {positives} buyers of {y.size:,}, chance is 0.500"]
    care = []
    if kind in BASELINES:
        care.append(f"no model beats the {kind.replace('_', ' ')} rule beyond noise, so the rule serves")
    else:
        if gain["auc"].value < 0.0 or gain["pr_auc"].value < 0.0:
            return NOT_READY, [f"the {rule} rule ranks better than the model (AUC {gain['auc'].value:+.3f})"]
        if gain["auc"].low <= 0.0:
            care.append(f"AUC is above the {rule} rule by {gain['auc'].value:.3f}, which may be noise")
    if positives < settings.ready_positives:
        care.append(f"judged on {positives} buyers only; {settings.ready_positives} make it sure")
    if not fitted.forward:
        care.append("judged across accounts, not forward in time: the log allows one cutoff")
    low, high = settings.slope_limits
    if not low <= slope <= high:
        care.append(f"calibration slope {slope:.2f} is outside {low:g} to {high:g}")
    if fitted.train_auc - auc > settings.max_gap:
        care.append(f"AUC in training is {fitted.train_auc:.3f}, far above {auc:.3f} in the test window")
    if not seen:
        care.append("the calendar months to be predicted were not among those learned from: the season is unknown")
    shift = base_rate_shift(base_rates)
    if shift:
        care.append(shift)
    if care:
        return CARE, care
    return READY, [f"AUC {auc:.3f} forward in time, {gain['auc'].value:+.3f} to the {rule} rule"]


def base_rate_shift(rates: dict[str, float]) -> str:
    """Words for a share of buyers that moved by half or more between cutoffs; empty where it did not."""
    if len(rates) < 2:
        return ""
    low, high = min(rates, key=lambda day: rates[day]), max(rates, key=lambda day: rates[day])
    if rates[low] > 0 and rates[high] / rates[low] < 1.5:
        return ""
    return f"the share of buyers moved between {rates[low]:.1%} ({low}) and {rates[high]:.1%} ({high})"

"""What is known of a fitted model, and whether it may be used: Ready, Usable with care, or Not ready, with reasons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import pandas as pd
from scipy.stats import norm

from icp_xl.config.train import TrainSettings
from icp_xl.propensity.baselines import BASELINES
from icp_xl.propensity.calibration import calibration_loss, calibration_table, slope_and_intercept
from icp_xl.propensity.fit import Fitted
from icp_xl.propensity.metrics import (
    Curve,
    Interval,
    compare_brier,
    gains_table,
    measure,
    measure_and_compare,
    measure_brier,
    thresholds_table,
)
from icp_xl.propensity.model import CARE, NOT_READY, READY

NO_SKILL = "no evidence of skill"
#: AUC below which a ranking is not worth waiting for.
LEAST_AUC = 0.52


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
    baseline: str
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
        base_rates: share of buyers at each cutoff, by its date.
        windows: start and end of each training label window.
        looks: divisions that are judged together; among forty-seven without any skill one looks skilled by chance.
    """
    rows, chosen, baseline = fitted.latest, fitted.model.kind, fitted.best_baseline
    y, value = rows["label"].to_numpy(np.float64), rows["revenue"].to_numpy(np.float64).clip(0)
    groups, p = pd.factorize(rows["account_id"], sort=True)[0], rows["p_hat"].to_numpy(np.float64)
    score = rows[chosen].to_numpy(np.float64)
    drawn = {"resamples": settings.bootstrap, "seed": seed}
    other = rows[baseline].to_numpy(np.float64)
    ranking, gain = measure_and_compare(y, score, other, value, groups=groups, **drawn)
    # What ranks is compared as it is, and what is a chance as chances: log-odds have no Brier loss.
    p_other = rows["p_" + baseline].to_numpy(np.float64)
    brier, brier_gain = compare_brier(y, p, p_other, groups=groups, **drawn)
    metrics, gain = {**ranking, **brier}, {**gain, **brier_gain}
    baseline_metrics = {**measure(y, other, value), **measure_brier(y, p_other)}
    slope, intercept = slope_and_intercept(y, p)
    seen = season_was_seen(windows, score_cutoff, fitted.model.window_months)
    found = Evaluation(
        NOT_READY, (), metrics, baseline, baseline_metrics, gain, calibration_loss(y, p), slope, intercept, base_rates,
        seen, len(y), int(y.sum()), gains_table(y, p, value), calibration_table(y, p), thresholds_table(p),
    )  # fmt: skip
    verdict, reasons = _verdict(fitted, settings, found, looks)
    return replace(found, verdict=verdict, reasons=reasons)


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


def skill_error(auc: float, positives: float, negatives: float) -> float:
    """Standard error of an AUC (Hanley and McNeil, Radiology 143, 1982)."""
    one, two = auc / (2.0 - auc), 2.0 * auc**2 / (1.0 + auc)
    spread = auc * (1 - auc) + (positives - 1) * (one - auc**2) + (negatives - 1) * (two - auc**2)
    return float(np.sqrt(spread / (positives * negatives)))


def buyers_needed(auc: float, share: float, certainty: float, power: float = 0.8) -> int | None:
    """Buyers in the test window at which a ranking of this AUC is told from chance with the probability ``power``.

    Args:
        auc: what the ranking is worth in truth; ``None`` is returned where it is hardly more than chance.
        share: share of buyers among the accounts.
        certainty: what is asked of a verdict, between 0 and 1.
    """
    if auc < LEAST_AUC or not 0.0 < share < 1.0:
        return None
    low, high = 2, 1_000_000
    while low < high:
        n = (low + high) // 2
        others = n * (1.0 - share) / share
        bar = 0.5 + float(norm.ppf(certainty)) * float(np.sqrt((n + others + 1) / (12.0 * n * others)))
        enough = auc - float(norm.ppf(power)) * skill_error(auc, n, others) >= bar
        low, high = (low, n) if enough else (n + 1, high)
    return low


def proves_skill(fitted: Fitted, settings: TrainSettings, looks: int) -> bool:
    """Whether the ranking of the latest judged cutoff is better than chance, as surely as is asked of ``looks``."""
    y, kind = fitted.latest["label"].to_numpy(np.float64), fitted.model.kind
    auc, positives = Curve(y, fitted.latest[kind].to_numpy(np.float64)).auc(), int(y.sum())
    return kind != "base_rate" and is_certain(auc, positives, y.size, _certainty(settings, looks))


def is_certain(auc: float, positives: int, rows: int, certainty: float) -> bool:
    """Whether a ranking is above chance, one-sided; never without buyers or without others.

    Args:
        auc: that it has.
        positives: buyers.
        rows: accounts, buyers among them.
        certainty: from 0 to 1.
    """
    error = chance_error(positives, rows - positives)
    return bool(np.isfinite(error) and auc - float(norm.ppf(certainty)) * error > 0.5)


def _certainty(settings: TrainSettings, looks: int) -> float:
    """What is asked of one of ``looks`` divisions, so that all of them together are asked what the settings say."""
    return 1.0 - (1.0 - settings.evidence) / max(looks, 1)


def _verdict(
    fitted: Fitted, settings: TrainSettings, found: Evaluation, looks: int
) -> tuple[str, tuple[str, ...]]:  # fmt: skip
    auc, kind, positives = found.metrics["auc"].value, fitted.model.kind, found.positives
    certainty = _certainty(settings, looks)
    if kind == "base_rate" or not is_certain(auc, positives, found.rows, certainty):
        mixed = 0 < positives < found.rows
        told = f"AUC {auc:.3f} on " if mixed else ""
        told = f"{NO_SKILL}: {told}{positives:,} {'buyer' if positives == 1 else 'buyers'} of {found.rows:,}"
        told += ", chance is 0.500" if mixed else ""
        needed = buyers_needed(auc, positives / found.rows, certainty) if mixed else None
        if needed is not None and needed > positives:
            told += f"; were it worth that, {needed - positives:,} more outcomes would show it"
        return NOT_READY, (told,)
    care, gain = [], found.gain["auc"]
    if kind in BASELINES:
        care.append(f"no model beats the {kind.replace('_', ' ')} rule beyond noise, so the rule serves")
    elif gain.low <= 0.0:
        side = f"above the {found.baseline} rule by" if gain.value >= 0.0 else f"below the {found.baseline} rule by"
        care.append(f"AUC is {side} {abs(gain.value):.3f}, which may be noise")
    if positives < settings.ready_positives:
        care.append(f"judged on {positives} buyers only; {settings.ready_positives} make it sure")
    if not fitted.forward:
        care.append("judged across accounts, not forward in time: the log allows one cutoff")
    low, high = settings.slope_limits
    if not low <= found.slope <= high:
        care.append(f"calibration slope {found.slope:.2f} is outside {low:g} to {high:g}")
    if fitted.train_auc - auc > settings.max_gap:
        care.append(f"AUC in training is {fitted.train_auc:.3f}, far above {auc:.3f} in the test window")
    if not found.season_seen:
        care.append("the calendar months to be predicted were not among those learned from: the season is unknown")
    missed = level_missed(float(fitted.latest["p_hat"].mean()), positives / found.rows)
    if missed:
        care.append(missed)
    if ended := may_have_ended(found.base_rates):
        care.insert(0, ended)  # The command says the first reason only.
    if care:
        return CARE, tuple(care)
    return READY, (f"AUC {auc:.3f} forward in time, {gain.value:+.3f} to the {found.baseline} rule",)


def may_have_ended(base_rates: dict[str, float]) -> str:
    """Words for a division that nobody bought in the last window, unless it was as quiet a year before; else empty.

    >>> may_have_ended({"2024-06-01": 0.1, "2024-12-01": 0.2, "2025-06-01": 0.0})
    'nobody bought in the window from 2025-06-01, the last known: has it ended? (build.sku_map dates a division)'
    >>> may_have_ended({"2024-06-01": 0.0, "2024-12-01": 0.2, "2025-06-01": 0.0})
    ''
    """
    last = max(base_rates, default="")
    if not last or base_rates[last] > 0.0 or base_rates.get(f"{int(last[:4]) - 1}{last[4:]}") == 0.0:
        return ""
    return f"nobody bought in the window from {last}, the last known: has it ended? (build.sku_map dates a division)"


def level_missed(expected: float, observed: float) -> str:
    """Words for a share of buyers that the forecast for the judged window missed by half or more; else empty."""
    ratio = max(expected, 1e-9) / max(observed, 1e-9)
    if 1 / 1.5 < ratio < 1.5:
        return ""
    return f"{observed:.1%} bought in the judged window where {expected:.1%} were expected: the level moves"

"""What must be looked at: each alert with its value, its threshold, what it means and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from icp_xl.config.validation import ValidationSettings

GOOD, WATCH, ALERT = "Good", "Watch", "Alert"


@dataclass(frozen=True)
class Alert:
    """One alert of one division at one cutoff."""

    kind: str
    value: float
    threshold: float
    meaning: str
    action: str

    def to_json(self) -> dict[str, Any]:
        """The alert as plain JSON."""
        return asdict(self)


def find_alerts(
    metrics: Mapping[str, float], drift: pd.DataFrame, score_shift: tuple[float, float], ev_psi: float,
    settings: ValidationSettings,
) -> list[Alert]:  # fmt: skip
    """All alerts of one division at one cutoff.

    Args:
        metrics: auc, calibration_loss, slope, intercept, base_rate, train_base_rate, base_rate_p (chance of such a
            difference by noise).
        drift: :func:`icp_xl.validation.drift.feature_drift`.
        score_shift: Kolmogorov-Smirnov distance of the scores, and the value from which it is more than noise.
    """
    found = []
    old, new = metrics["train_base_rate"], metrics["base_rate"]
    ratio = max(new, 1e-9) / max(old, 1e-9)
    if max(ratio, 1 / ratio) >= settings.base_rate_ratio and metrics["base_rate_p"] < 0.01:
        found.append(
            Alert("base rate", new, old * (settings.base_rate_ratio if ratio > 1 else 1 / settings.base_rate_ratio),
                  f"{new:.1%} of the accounts bought, {old:.1%} did in training: a season, a campaign or a price.",
                  "Trust the order, not the probabilities; train with a cutoff of the same season.")
        )  # fmt: skip
    if abs(metrics["intercept"]) >= settings.intercept:
        more = "More" if metrics["intercept"] > 0 else "Fewer"
        found.append(Alert("calibration intercept", metrics["intercept"], settings.intercept,
                           f"{more} bought than the probabilities said.",
                           "Calibrate on a later cutoff: train again."))  # fmt: skip
    low, high = settings.slope_limits
    if np.isfinite(metrics["slope"]) and not low <= metrics["slope"] <= high:
        bound = low if metrics["slope"] < low else high
        said = "too extreme" if metrics["slope"] < low else "too timid"
        found.append(Alert("calibration slope", metrics["slope"], bound, f"The probabilities are {said}.",
                           "Use the order; train again with more cutoffs."))  # fmt: skip
    if metrics["calibration_loss"] >= settings.calibration_loss:
        found.append(Alert("calibration error", metrics["calibration_loss"], settings.calibration_loss,
                           "Mean gap between what was predicted and what came.",
                           "Do not plan numbers from it."))  # fmt: skip
    if metrics["auc"] < settings.min_auc:
        found.append(Alert("ranking", metrics["auc"], settings.min_auc, "The ranking is hardly better than chance.",
                           "Do not use this division's list."))  # fmt: skip
    if score_shift[0] > 2 * score_shift[1]:
        found.append(Alert("scores", score_shift[0], 2 * score_shift[1],
                           "The scores of these accounts lie elsewhere than those of training.",
                           "Look at the features that moved."))  # fmt: skip
    share = float(drift["moved"].mean()) if len(drift) else 0.0
    if share >= settings.drifted_share:
        found.append(Alert("features", share, settings.drifted_share, "So many features moved beyond noise.",
                           "Check the data first, then train again."))  # fmt: skip
    if np.isfinite(ev_psi) and ev_psi >= settings.ev_psi:
        found.append(Alert("expected value", ev_psi, settings.ev_psi,
                           "Money came from other tenths of the list than expected.",
                           "Look at large accounts and at the cap of expected value."))  # fmt: skip
    return found


def badges(
    metrics: Mapping[str, float], ev_psi: float, score_ks: tuple[float, float], settings: ValidationSettings
) -> dict[str, str]:
    """A word per quality: calibration, ranking, expected value, scores.

    Args:
        metrics: figures of one division by name.
        ev_psi: PSI of the expected value.
        score_ks: distance of the scores, and its limit.
        settings: limits of the alerts.
    """
    loss, auc = metrics["calibration_loss"], metrics["auc"]
    return {
        "ranking": GOOD if auc >= 0.65 else WATCH if auc >= settings.min_auc else ALERT,
        "calibration": _grade(loss, settings.calibration_loss),
        "expected value": _grade(ev_psi, settings.ev_psi) if np.isfinite(ev_psi) else WATCH,
        "scores": GOOD if score_ks[0] <= score_ks[1] else WATCH if score_ks[0] <= 2 * score_ks[1] else ALERT,
    }


def _grade(value: float, limit: float) -> str:
    return GOOD if value < limit / 2 else WATCH if value < limit else ALERT

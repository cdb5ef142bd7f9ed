"""How sure a prediction is, in words (High, Medium, Low), and how often each word proved right.

The chance to win is read off the score by a logistic curve that is fitted, for every snapshot, only on opportunities
that had closed before that snapshot. So the measured accuracy is what a reader would have got at the time.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import expit

from icp_xl.config.feedback import FeedbackSettings
from icp_xl.feedback.stats import wilson

LEVELS = ("High", "Medium", "Low")
Floats = npt.NDArray[np.float64]


def fit_curve(score: Floats, won: Floats, month: npt.NDArray[np.int64]) -> tuple[float, float]:
    """Intercept and slope (per 100 points) of the chance to win, by Newton's method.

    The slope is learned within months, so that a good month in which scores happened to be high teaches nothing; a
    weak prior (normal, deviation 4) keeps it finite when won and lost do not overlap. The intercept then makes the
    mean chance equal the share that was won. Scores are counted in bins of one point, which costs nothing.
    """
    groups, months = np.unique(month, return_inverse=True)
    cell = months * 101 + np.clip(np.round(score), 0, 100).astype(np.int64)
    n = np.bincount(cell, minlength=101 * len(groups)).astype(float)
    at = np.flatnonzero(n)
    hits = np.bincount(cell, weights=won, minlength=101 * len(groups))[at]
    centre = (np.bincount(cell, weights=score, minlength=101 * len(groups))[at] / n[at]) / 100.0 - 0.5
    n = n[at]
    design = np.zeros((len(at), len(groups) + 1))
    design[np.arange(len(at)), at // 101] = 1.0
    design[:, -1] = centre
    # A month in which all were won or all were lost has no finite intercept; the same weak prior holds it.
    prior = np.full(design.shape[1], 1.0 / 16.0)
    won_here: Floats = np.asarray(hits, dtype=np.float64)
    slope = _newton(design, won_here, n, prior)[-1]
    intercept = _newton(np.ones((len(at), 1)), won_here, n, np.full(1, 1e-6), slope * centre)[0]
    return float(intercept), float(slope)


def _newton(design: Floats, hits: Floats, n: Floats, prior: Floats, offset: Floats | float = 0.0) -> Floats:
    beta = np.zeros(design.shape[1])
    for _ in range(60):
        p = expit(design @ beta + offset)
        gradient = design.T @ (hits - n * p) - prior * beta
        hessian = (design * (n * p * (1 - p))[:, None]).T @ design + np.diag(prior)
        step = np.linalg.solve(hessian, gradient)
        beta = beta + np.clip(step, -2.0, 2.0)
        if np.abs(step).max() < 1e-10:
            break
    return beta


def predict_chance(curve: tuple[float, float], score: Floats) -> Floats:
    """Chance to win (0–1) from the score (0–100)."""
    return np.asarray(expit(curve[0] + curve[1] * (score / 100.0 - 0.5)), dtype=np.float64)


def predict_before(evaluated: pd.DataFrame, settings: FeedbackSettings) -> Floats:
    """For every row of ``evaluated`` the chance to win as said at its snapshot; NaN where too little was known.

    As-of rule: the curve for a snapshot sees only opportunities that closed before the snapshot's day.
    """
    chance = np.full(len(evaluated), np.nan)
    if not len(evaluated):
        return chance
    close = evaluated["close_date"].to_numpy(dtype="datetime64[D]")
    day = evaluated["snapshot_date"].to_numpy(dtype="datetime64[D]")
    score, won = evaluated["opportunity_score"].to_numpy(dtype=float), evaluated["won"].to_numpy(dtype=float)
    month = close.astype("datetime64[M]").astype(np.int64)
    for snapshot in np.unique(day):
        past = close < snapshot
        if won[past].sum() < settings.min_won or (1 - won[past]).sum() < settings.min_lost:
            continue
        rows = day == snapshot
        chance[rows] = predict_chance(fit_curve(score[past], won[past], month[past]), score[rows])
    return chance


def level_of(chance: Floats, settings: FeedbackSettings) -> npt.NDArray[np.object_]:
    """High, Medium or Low by how sure the call is; "" where no chance is known."""
    sure = np.maximum(chance, 1.0 - chance)
    level = np.where(
        sure >= settings.confidence_high, "High", np.where(sure >= settings.confidence_medium, "Medium", "Low")
    )
    return np.where(np.isnan(chance), "", level).astype(object)


def measure_levels(chance: Floats, won: npt.ArrayLike, settings: FeedbackSettings) -> pd.DataFrame:
    """One row per level: level, promise, calls, right, accuracy, low, high (Wilson), expected, verdict.

    A call is "won" from a chance of 0.5 on. ``expected`` is the mean certainty of the level's calls; the verdict
    holds it against the interval of what was measured.
    """
    y = np.asarray(won, dtype=bool)
    level = level_of(chance, settings)
    right = (chance >= 0.5) == y
    promise = {
        "High": f"at least {settings.confidence_high:.0%} sure",
        "Medium": f"{settings.confidence_medium:.0%} to {settings.confidence_high:.0%} sure",
        "Low": f"less than {settings.confidence_medium:.0%} sure",
    }
    rows = []
    for name in LEVELS:
        at = level == name
        n, hits = int(at.sum()), int(right[at].sum())
        low, high = wilson(hits, n)
        expected = float(np.maximum(chance[at], 1 - chance[at]).mean()) if n else np.nan
        rows.append(
            {
                "level": name, "promise": promise[name], "calls": n, "right": hits,
                "accuracy": hits / n if n else np.nan, "low": low if n else np.nan, "high": high if n else np.nan,
                "expected": expected, "verdict": _verdict(n, low, high, expected),
            }
        )  # fmt: skip
    return pd.DataFrame(rows)


def _verdict(n: int, low: float, high: float, expected: float) -> str:
    if n == 0:
        return "no such call was made"
    if n < 30:
        return f"too few calls to say ({n}, needs 30)"
    if expected > high:
        return "claims more than it keeps"
    return "better than it claims" if expected < low else "keeps what it claims"

"""The challenger: weights learned from what happened after an earlier cutoff, and the score that they give.

A logistic regression of "bought within the window" on the normalised signals, its weights not allowed below 0: a
signal may be found useless, but never turned round. The probabilities that it learns from must be out of time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.special import expit

from icp_xl.signals import NORMALISED, SIGNALS
from icp_xl.whitespace.model import Floats, Mode
from icp_xl.whitespace.signals import floored

#: Buyers and non-buyers that the fit needs.
MIN_EVENTS = 40
#: Pull towards equal nothing, in rows' worth of doubt.
_RIDGE = 1.0
#: Spread at or below which a signal is the same for all.
_CONSTANT = 1e-9


@dataclass(frozen=True)
class Challenger:
    """Learned weights (as shares of their sum), slopes and intercept; from which cutoff, rows and buyers."""

    cutoff: date
    rows: int
    buyers: int
    intercept: float
    slopes: tuple[float, ...]
    mode: Mode

    @property
    def weights(self) -> dict[str, float]:
        """Share of each signal in the sum of the slopes."""
        total, names = sum(self.slopes), [signal.name for signal in SIGNALS]
        return {name: slope / total if total > 0.0 else 0.0 for name, slope in zip(names, self.slopes, strict=True)}

    def score(self, normalised: pd.DataFrame) -> Floats:
        """Between 0 and 1, never falling as a signal rises."""
        x = _inputs(normalised, self.mode)
        return np.round(np.asarray(expit(self.intercept + x @ np.asarray(self.slopes))), 12)


def fit_challenger(
    normalised: pd.DataFrame, bought: Sequence[int], cutoff: date, mode: Mode
) -> Challenger | str:  # fmt: skip
    """Learn the weights from candidates of an earlier cutoff and whether each bought; or why that is impossible.

    Args:
        normalised: one row per candidate, the columns :data:`~icp_xl.signals.NORMALISED`.
        bought: 1 where the candidate bought within the window, else 0; in the same order.
        cutoff: what the candidates are as of.
        mode: how their signals were put on one scale.
    """
    y = np.asarray(bought, dtype=np.float64)
    events, others = int(y.sum()), int(len(y) - y.sum())
    if min(events, others) < MIN_EVENTS:
        return f"not enough outcomes yet: {events} bought and {others} did not, needs {MIN_EVENTS} of each"
    x = _inputs(normalised, mode)
    scale = np.maximum(x.std(axis=0), _CONSTANT)
    z = (x - x.mean(axis=0)) / scale

    def loss(beta: Floats) -> tuple[float, Floats]:
        eta = beta[0] + z @ beta[1:]
        p = expit(eta)
        value = float(np.logaddexp(0.0, eta).sum() - y @ eta + 0.5 * _RIDGE * (beta[1:] ** 2).sum())
        slope = np.concatenate([[np.sum(p - y)], z.T @ (p - y) + _RIDGE * beta[1:]])
        return value, slope

    base = float(np.log(events / others))
    bounds = [(None, None), *[(0.0, None)] * z.shape[1]]
    start = np.concatenate([[base], np.full(z.shape[1], 0.1)])
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 500})
    # A signal that never differs tells nothing; its slope is left where the search began.
    slopes = np.where(x.std(axis=0) > _CONSTANT, found.x[1:] / scale, 0.0)
    intercept = float(found.x[0] - slopes @ x.mean(axis=0))
    return Challenger(cutoff, len(y), events, intercept, tuple(float(s) for s in slopes), mode)


def _inputs(normalised: pd.DataFrame, mode: Mode) -> Floats:
    x = normalised[list(NORMALISED)].to_numpy(dtype=np.float64)
    return np.asarray(np.log(floored(x)) if mode == "calibrated" else x)

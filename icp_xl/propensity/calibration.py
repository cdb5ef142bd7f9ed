"""Calibration: turn a score into a probability that comes true, and measure how true it came.

Platt's sigmoid is two numbers fitted on the log-odds; isotonic regression bends freely and needs about a thousand rows
before it stops fitting noise. Both are kept as plain numbers, so that a model file holds no code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize
from scipy.special import expit, logit

Floats = NDArray[np.float64]

#: Accounts and rarer-class accounts below which isotonic regression is not tried.
ISOTONIC_ROWS = 1000
ISOTONIC_EVENTS = 100
_EDGE = 1e-6
#: A model's log-odds are log-odds: what calibration may stretch them by. Beyond it noise was stretched, not skill.
SLOPES = (0.05, 3.0)


@dataclass(frozen=True)
class Calibrator:
    """``platt``: p = expit(slope × log-odds + intercept). ``isotonic``: linear between knots of the log-odds.

    ``rate``: log of how much more often accounts buy in the window that is meant than the log-odds say, see
    :func:`lifted`; it comes first.
    """

    method: str
    slope: float = 1.0
    intercept: float = 0.0
    knots_x: tuple[float, ...] = ()
    knots_y: tuple[float, ...] = ()
    rate: float = 0.0

    def apply(self, log_odds: ArrayLike) -> Floats:
        """Probabilities of raw log-odds, strictly between 0 and 1, never falling as the log-odds rise."""
        x = lifted(np.asarray(log_odds, dtype=np.float64), self.rate)
        if self.method == "isotonic":
            p = np.interp(x, self.knots_x, self.knots_y)
            # A trace of the slope keeps accounts of one flat step in their order.
            p = p + 1e-9 * (expit(x) - 0.5)
        else:
            p = expit(self.slope * x + self.intercept)
        return np.asarray(np.clip(p, _EDGE, 1.0 - _EDGE))

    def drawn(self, slope: float, pivot: float) -> Calibrator:
        """The same with all log-odds of its probabilities drawn to ``pivot`` by ``slope``."""
        constant = pivot * (1.0 - slope)
        if self.method == "isotonic":
            y = logit(np.clip(np.asarray(self.knots_y), _EDGE, 1.0 - _EDGE))
            return replace(self, knots_y=tuple(expit(slope * y + constant).tolist()))
        return replace(self, slope=slope * self.slope, intercept=slope * self.intercept + constant)

    def to_json(self) -> dict[str, Any]:
        """Plain numbers for the model file."""
        return {
            "method": self.method,
            "slope": self.slope,
            "intercept": self.intercept,
            "knots_x": list(self.knots_x),
            "knots_y": list(self.knots_y),
            "rate": self.rate,
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Calibrator:
        """The calibrator that :meth:`to_json` described."""
        return cls(
            str(body["method"]),
            float(body["slope"]),
            float(body["intercept"]),
            tuple(float(x) for x in body["knots_x"]),
            tuple(float(y) for y in body["knots_y"]),
            float(body.get("rate", 0.0)),
        )


def lifted(log_odds: Floats, rate: float | Floats) -> Floats:
    """The log-odds of a purchase where accounts buy ``exp(rate)`` times as often as these say.

    A season or a good year changes how often accounts buy: who would have placed half an order places one, and who is
    gone stays away. p = 1 - exp(-orders), so that this is a shift of the complementary log-log of p (Prentice and
    Gloeckler, Biometrics 34, 1978).
    """
    if not np.any(rate):
        return log_odds
    orders = np.maximum(np.logaddexp(0.0, log_odds), 1e-12) * np.exp(rate)
    return np.asarray(orders + np.log(-np.expm1(-orders)))


def fit_calibrator(
    log_odds: ArrayLike,
    y: ArrayLike,
    method: str = "auto",
    *,
    weight: ArrayLike | None = None,
    accounts: ArrayLike | None = None,
    slopes: tuple[float, float] | None = SLOPES,
) -> Calibrator:
    """Fit on rows that the model has not seen.

    Args:
        log_odds: what the model says of each row.
        y: 0 or 1 per row.
        method: platt, isotonic, or auto (by the size of the data).
        weight: say of each row; all have the same by default.
        accounts: of each row; an account at twelve cutoffs does not tell twelve times as much. All differ by default.
        slopes: what Platt's slope keeps to; ``None`` where ``log_odds`` is on a scale of its own.
    """
    x, truth = np.asarray(log_odds, dtype=np.float64), np.asarray(y, dtype=np.float64)
    w = np.ones_like(truth) if weight is None else np.asarray(weight, dtype=np.float64)
    events = min(truth.sum(), (1.0 - truth).sum())
    if method == "auto":
        who = np.arange(x.size) if accounts is None else pd.factorize(np.asarray(accounts))[0]
        size, fewer = len(np.unique(who)), min(len(np.unique(who[truth == each])) for each in (0, 1))
        method = "isotonic" if size >= ISOTONIC_ROWS and fewer >= ISOTONIC_EVENTS else "platt"
    return _fit_isotonic(x, truth, w) if method == "isotonic" and events > 0 else _fit_platt(x, truth, w, slopes)


def _fit_platt(x: Floats, y: Floats, w: Floats, slopes: tuple[float, float] | None) -> Calibrator:
    """Platt's targets (Advances in Large Margin Classifiers, 1999) keep a small or one-sided sample finite."""
    positives, negatives = float(w @ y), float(w @ (1.0 - y))
    target = np.where(y > 0, (positives + 1.0) / (positives + 2.0), 1.0 / (negatives + 2.0))
    if x.size == 0 or np.ptp(x) < 1e-12:
        rate = (positives + 1.0) / (positives + negatives + 2.0)
        return Calibrator("platt", 0.0, float(logit(rate)))
    centre, spread = float(x.mean()), float(x.std()) or 1.0
    z, share = (x - centre) / spread, w / w.sum()
    edges = (1e-3, 20.0) if slopes is None else (slopes[0] * spread, slopes[1] * spread)

    # The slope is kept positive: calibration may flatten a ranking, never turn it over. The loss is convex, so that
    # where the best slope lies beyond an edge, the edge is the best that is allowed.
    slope, constant = _newton(z, share, target, 1.0, free=True)
    if not edges[0] <= slope <= edges[1]:
        slope, constant = _newton(z, share, target, float(np.clip(slope, *edges)), free=False)
    return Calibrator("platt", slope / spread, constant - slope / spread * centre)


def _newton(z: Floats, share: Floats, target: Floats, slope: float, *, free: bool) -> tuple[float, float]:
    """Slope and constant of the least log-loss; the slope stays as it is unless it is ``free``."""
    at = np.array([slope, float(logit(np.clip(share @ target, 1e-6, 1 - 1e-6)))])
    design = np.vstack([z, np.ones_like(z)])

    def loss(margin: Floats) -> float:
        return float(share @ (np.logaddexp(0.0, margin) - target * margin))

    margin = at @ design
    now = loss(margin)
    for _ in range(100):
        p = expit(margin)
        gradient, spread = design @ (share * (p - target)), share * p * (1.0 - p)
        curve = (design * spread) @ design.T + 1e-12 * np.eye(2)
        step = -np.linalg.solve(curve, gradient) if free else np.array([0.0, -gradient[1] / curve[1, 1]])
        step *= min(1.0, 5.0 / float(np.abs(step).max(initial=1e-12)))
        while (then := loss(margin + step @ design)) > now and np.abs(step).max() > 1e-9:
            step /= 2.0
        if then > now:
            break
        at, margin, now = at + step, margin + step @ design, then
        if np.abs(step).max() < 1e-7:
            break
    return float(at[0]), float(np.clip(at[1], -20.0, 20.0))


def _fit_isotonic(x: Floats, y: Floats, w: Floats) -> Calibrator:
    from sklearn.isotonic import IsotonicRegression

    model = IsotonicRegression(out_of_bounds="clip").fit(x, y, sample_weight=w)
    # One account's worth of the base rate in each step: a step of thirty buyers and no other is likely, not certain.
    fitted = model.predict(x)
    values, step = np.unique(fitted, return_inverse=True)
    count, bought = np.bincount(step, weights=w), np.bincount(step, weights=w * y)
    # Steps that this puts out of order are pooled by their weight: a step of two accounts moves none of thousands.
    drawn = (bought + w @ y / w.sum()) / (count + 1.0)
    smooth = IsotonicRegression().fit_transform(np.arange(values.size), drawn, sample_weight=count + 1.0)
    place = np.searchsorted(values, model.predict(model.X_thresholds_)).clip(max=values.size - 1)
    return Calibrator(
        "isotonic",
        knots_x=tuple(float(value) for value in model.X_thresholds_),
        knots_y=tuple(float(value) for value in smooth[place]),
    )


def calibration_table(y: ArrayLike, p: ArrayLike, bins: int = 10) -> pd.DataFrame:
    """Equally filled bins of predicted probability: bin, mean_predicted, fraction_positives, count, low, high.

    ``low`` and ``high`` are Wilson's 95 % interval of the observed fraction.
    """
    truth, predicted = np.asarray(y, dtype=np.float64), np.asarray(p, dtype=np.float64)
    order = np.argsort(predicted, kind="stable")
    place = np.minimum(np.arange(order.size) * bins // max(order.size, 1), bins - 1)
    frame = pd.DataFrame({"bin": place + 1, "p": predicted[order], "y": truth[order]})
    table = frame.groupby("bin").agg(
        mean_predicted=("p", "mean"), fraction_positives=("y", "mean"), count=("y", "size")
    )
    table["low"], table["high"] = wilson_interval(table["fraction_positives"], table["count"])
    return table.reset_index()


def wilson_interval(share: ArrayLike, n: ArrayLike, z: float = 1.959963984540054) -> tuple[Floats, Floats]:
    """Wilson's score interval of a share out of n (Journal of the American Statistical Association 22, 1927)."""
    p, count = np.asarray(share, dtype=np.float64), np.maximum(np.asarray(n, dtype=np.float64), 1.0)
    centre = (p + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z * np.sqrt(p * (1 - p) / count + z**2 / (4 * count**2)) / (1 + z**2 / count)
    return np.asarray(np.clip(centre - half, 0, 1)), np.asarray(np.clip(centre + half, 0, 1))


def calibration_loss(y: ArrayLike, p: ArrayLike, bins: int = 10) -> float:
    """Mean absolute gap between predicted and observed per bin, weighted by count (lower is better)."""
    table = calibration_table(y, p, bins)
    gap = (table["mean_predicted"] - table["fraction_positives"]).abs()
    return float((gap * table["count"]).sum() / max(table["count"].sum(), 1))


def slope_and_intercept(y: ArrayLike, p: ArrayLike) -> tuple[float, float]:
    """Cox's calibration slope, and the intercept with the slope held at 1 (Biometrika 45, 1958).

    Slope 1 and intercept 0 are perfect. A slope below 1 says that predictions are too extreme, an intercept above 0
    that more happened than was predicted. NaN where only one outcome occurred.
    """
    truth = np.asarray(y, dtype=np.float64)
    x = logit(np.clip(np.asarray(p, dtype=np.float64), _EDGE, 1 - _EDGE))
    if truth.size == 0 or truth.min() == truth.max():
        return float("nan"), float("nan")

    def loss(parameters: Floats, free_slope: bool) -> tuple[float, Floats]:
        slope = parameters[1] if free_slope else 1.0
        margin = slope * x + parameters[0]
        residual = expit(margin) - truth
        gradient = [residual.mean(), (residual * x).mean()] if free_slope else [residual.mean()]
        return float(np.mean(np.logaddexp(0.0, margin) - truth * margin)), np.array(gradient)

    both = minimize(loss, np.array([0.0, 1.0]), args=(True,), jac=True, method="BFGS")
    alone = minimize(loss, np.array([0.0]), args=(False,), jac=True, method="BFGS")
    slope = float(both.x[1]) if np.ptp(x) > 1e-6 else float("nan")
    return slope, float(alone.x[0])

"""Elastic-net logistic regression on features whose heavy tails are tamed, kept as plain numbers.

Amounts and counts differ between accounts by factors of thousands. On raw values the saga solver does not converge and
the largest account decides the fit, so every feature is first taken as sign(x) × log1p(|x|), filled with its training
median where missing, clipped to the range that all but one percent of the training rows lie in, and standardised: a
line goes on for ever, but beyond the training rows nothing is known (a tenure grows from cutoff to cutoff). The terms
of the sum are the explanation: coefficient times standardised value, adding up to the log-odds exactly.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Share of the training rows that is clipped at either end.
CLIP = 0.005
_ARRAYS = ("median", "low", "high", "centre", "scale", "coefficients")
_ROUNDS = (400, 1600, 6400)


@dataclass(frozen=True)
class LinearModel:
    """A fitted logistic regression over ``features``, in their order."""

    features: tuple[str, ...]
    median: Floats
    low: Floats
    high: Floats
    centre: Floats
    scale: Floats
    coefficients: Floats
    intercept: float
    converged: bool = True

    kind = "logreg"

    def standardise(self, x: Floats) -> Floats:
        """Rows × features as the model sees them."""
        return _place(_tame(x), self.median, self.low, self.high, self.centre, self.scale)

    def log_odds(self, x: Floats) -> Floats:
        """Uncalibrated log-odds of each row."""
        return np.asarray(self.standardise(x) @ self.coefficients + self.intercept)

    def contributions(self, x: Floats) -> Floats:
        """Rows × (features + 1): what each feature adds to the log-odds, the constant last."""
        terms = self.standardise(x) * self.coefficients
        return np.column_stack([terms, np.full(len(x), self.intercept)])

    def to_json(self) -> dict[str, Any]:
        """Plain numbers for the model file."""
        return {
            "kind": self.kind,
            "features": list(self.features),
            "median": self.median.tolist(),
            "low": self.low.tolist(),
            "high": self.high.tolist(),
            "centre": self.centre.tolist(),
            "scale": self.scale.tolist(),
            "coefficients": self.coefficients.tolist(),
            "intercept": self.intercept,
            "converged": self.converged,
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> LinearModel:
        """The model that :meth:`to_json` described."""
        arrays = {name: np.asarray(body[name], float) for name in _ARRAYS}
        return cls(
            features=tuple(body["features"]),
            intercept=float(body["intercept"]),
            converged=bool(body["converged"]),
            **arrays,
        )


def fit_linear(
    x: Floats, y: Floats, features: Sequence[str], *, c: float, l1_ratio: float, balanced: bool, seed: int
) -> LinearModel:
    """Fit with inverse regularisation ``c`` and an L1 share of ``l1_ratio``; iterations grow until it converges.

    With ``balanced`` both classes weigh the same. The constant is then moved back by the log of the class ratio, so
    that the log-odds stay near the true rate and calibration has little to do.

    Args:
        x: rows × features, scaled.
        y: 1 or 0 per row.
        features: names of the columns of ``x``.
        c: inverse of the regularisation.
        l1_ratio: share of L1, 0 to 1.
        balanced: both classes weigh the same.
        seed: seed of the solver.
    """
    return fit_linear_members(
        x, y, features, [np.ones(len(y), bool)], c=c, l1_ratio=l1_ratio, balanced=balanced, seed=seed
    )[0]


def fit_linear_members(
    x: Floats, y: Floats, features: Sequence[str], members: Sequence[NDArray[np.bool_]], *,
    weight: Floats | None = None, c: float, l1_ratio: float, balanced: bool, seed: int,
) -> tuple[LinearModel, Floats]:  # fmt: skip
    """One fit per member on the rows that it marks; their mean, and log-odds of each row by those that did not see it.

    The mean of linear models over one scaling is a linear model. Rows that every member saw have NaN.

    Args:
        weight: say of each row; all have the same by default.
    """
    tamed = _tame(x)
    scaling = _fit_scaling(tamed)
    z = _place(tamed, *scaling)
    w = np.ones(len(y)) if weight is None else weight
    aside, count = np.zeros(len(y)), np.zeros(len(y))
    coefficients, intercepts, converged, start = [], [], True, None
    for rows in members:
        coefficient, intercept, done, start = _fit_member(z[rows], y[rows], w[rows], c, l1_ratio, balanced, seed, start)
        coefficients.append(coefficient)
        intercepts.append(intercept)
        converged &= done
        aside[~rows] += z[~rows] @ coefficient + intercept
        count[~rows] += 1.0
    model = LinearModel(
        tuple(features), *scaling, np.mean(coefficients, axis=0), float(np.mean(intercepts)), converged
    )  # fmt: skip
    return model, np.where(count > 0, aside / np.maximum(count, 1.0), np.nan)


def _fit_member(
    z: Floats, y: Floats, w: Floats, c: float, l1_ratio: float, balanced: bool, seed: int, model: Any
) -> tuple[Floats, float, bool, Any]:
    """Coefficients, constant, whether it converged, and the search, from whose end the next member's may begin."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    options: dict[str, Any] = {"C": c, "class_weight": "balanced" if balanced else None, "tol": 1e-4}
    # Pure L2 has a smooth optimum that lbfgs reaches in a few dozen steps; only a true elastic net needs saga.
    options |= {"solver": "lbfgs"} if l1_ratio == 0.0 else {"solver": "saga", "l1_ratio": l1_ratio}
    # Each search goes on where the shorter one stopped.
    model = model or LogisticRegression(random_state=seed, warm_start=True, **options)
    converged = False
    for rounds in _ROUNDS:
        model.max_iter = rounds
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            model.fit(z, y, sample_weight=w)
        converged = not any(issubclass(item.category, ConvergenceWarning) for item in caught)
        if converged:
            break
    intercept = float(model.intercept_[0])
    if balanced and 0.0 < y.mean() < 1.0:
        intercept += float(np.log(y.mean() / (1.0 - y.mean())))
    return np.array(model.coef_[0], float), intercept, converged, model


def _tame(x: Floats) -> Floats:
    tamed = np.abs(np.asarray(x, dtype=np.float64))
    np.log1p(tamed, out=tamed)
    return np.copysign(tamed, x, out=tamed)


def _fit_scaling(tamed: Floats) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    edges = (CLIP, 0.5, 1.0 - CLIP)
    # Column by column: a quantile needs a column in order, which is found many times faster where it lies together.
    columns = (column[~np.isnan(column)] for column in np.ascontiguousarray(tamed.T))
    low, median, high = np.array([np.quantile(known, edges) if known.size else np.zeros(3) for known in columns]).T
    filled = np.where(np.isnan(tamed), median, tamed)
    np.clip(filled, low, high, out=filled)
    centre, scale = filled.mean(axis=0), filled.std(axis=0)
    constant = scale <= 1e-9
    return median, low, high, np.where(constant, low, centre), np.where(constant, 1.0, scale)


def _place(tamed: Floats, median: Floats, low: Floats, high: Floats, centre: Floats, scale: Floats) -> Floats:
    """Tamed values as the model sees them: filled, clipped, standardised."""
    z = np.where(np.isnan(tamed), median, tamed)
    np.clip(z, low, high, out=z)
    z -= centre
    z /= scale
    return z

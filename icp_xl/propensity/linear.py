"""Elastic-net logistic regression on features whose heavy tails are tamed, kept as plain numbers.

Amounts and counts differ between accounts by factors of thousands. On raw values the largest account decides the fit,
so every feature is first taken as sign(x) × log1p(|x|), filled with its training median where missing, clipped to the
range that all but one percent of the training rows lie in, and standardised: a line goes on for ever, but beyond the
training rows nothing is known (a tenure grows from cutoff to cutoff). The terms of the sum are the explanation:
coefficient times standardised value, adding up to the log-odds exactly.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky, solve_triangular
from scipy.special import expit

Floats = NDArray[np.float64]

#: Median, low, high, centre and scale of each feature.
_Scaling = tuple[Floats, Floats, Floats, Floats, Floats]
#: Share of the training rows that is clipped at either end.
CLIP = 0.005
_ARRAYS = ("median", "low", "high", "centre", "scale", "coefficients")
#: Steps of Newton's method at most; the change in any coefficient below which it stands still (the next is its square).
_STEPS, _STILL = 50, 1e-4
#: How far the levels of windows are blown up, so that what holds the coefficients small does not hold them.
_FREE = 10.0
#: Rows whose products are summed at once; rows from which the search begins, and from which quantiles are taken.
_BLOCK, _FIRST, _QUANTILE_ROWS = 4096, 10_000, 20_000


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
        z = _tame(x)
        for part in _blocks(z):
            _place(part, self.median, self.low, self.high)
            part -= self.centre
            part /= self.scale
        return z

    def log_odds(self, x: Floats) -> Floats:
        """Uncalibrated log-odds of each row."""
        # By blocks: memory for all rows at once costs more than what is done with it.
        said = [self.standardise(part) @ self.coefficients + self.intercept for part in _blocks(x)]
        return np.concatenate(said) if said else np.zeros(0)

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
    x: Floats, y: Floats, features: Sequence[str], *, c: float, l1_ratio: float, balanced: bool
) -> LinearModel:
    """Fit with inverse regularisation ``c`` and an L1 share of ``l1_ratio``.

    With ``balanced`` both classes weigh the same. The constant is then moved back by the log of the class ratio, so
    that the log-odds stay near the true rate and calibration has little to do.

    Args:
        x: rows × features, scaled.
        y: 1 or 0 per row.
        features: names of the columns of ``x``.
        c: inverse of the regularisation.
        l1_ratio: share of L1, 0 to 1.
        balanced: both classes weigh the same.
    """
    return fit_linear_path(x, y, features, [(c, l1_ratio, balanced)])[0]


def fit_linear_path(
    x: Floats, y: Floats, features: Sequence[str], settings: Sequence[tuple[float, float, bool]],
    window: NDArray[np.intp] | None = None,
) -> list[LinearModel]:  # fmt: skip
    """One fit after the other, each of which begins where the last ended: see :func:`fit_linear`.

    Args:
        x: rows × features.
        y: 1 or 0 per row.
        features: names of the columns of ``x``.
        settings: c, l1_ratio and balanced of each fit.
        window: number of each row's window, which has a level of its own that is no part of the model.
    """
    z, scaling = _standardised(x)
    w, p = np.ones(len(y)), z.shape[1]
    if window is not None:
        z = np.hstack([z, _levels(window, w)])
    found: list[LinearModel] = []
    start = None
    for c, l1_ratio, balanced in settings:
        start, converged = _search(z, y, w, c, l1_ratio, balanced, start)
        constant = float(start[-1]) + _moved_back(y, balanced)
        found.append(LinearModel(tuple(features), *scaling, start[:p], constant, converged))
    return found


def fit_linear_members(
    x: Floats, y: Floats, features: Sequence[str], members: Sequence[NDArray[np.bool_]], *,
    weight: Floats | None = None, window: NDArray[np.intp] | None = None, c: float, l1_ratio: float, balanced: bool,
) -> tuple[LinearModel, Floats]:  # fmt: skip
    """One fit per member on the rows that it marks; their mean, and log-odds of each row by those that did not see it.

    The mean of linear models over one scaling is a linear model. Rows that every member saw have NaN.

    Args:
        weight: say of each row; all have the same by default.
        window: number of each row's window, which has a level of its own that is no part of the model.
    """
    # Rows that the same member leaves out lie together, so that those of one of two members need no copy.
    order = np.argsort(np.argmin(members, axis=0), kind="stable")
    w = np.ones(len(y)) if weight is None else weight
    levels = _levels(window[order], w[order]) if window is not None else np.zeros((len(y), 0))
    z, scaling = _standardised(x, order, levels)
    p = x.shape[1]
    aside, count = np.zeros(len(y)), np.zeros(len(y))
    coefficients, intercepts, converged, start = [], [], True, None
    for rows in members:
        mine, others = _together(rows[order]), _together(~rows[order])
        here = order[mine]
        start, done = _search(z[mine], y[here], w[here], c, l1_ratio, balanced, start)
        coefficients.append(start[:p])
        intercepts.append(float(start[-1]) + _moved_back(y[here], balanced))
        converged &= done
        aside[order[others]] += z[others, :p] @ coefficients[-1] + intercepts[-1]
        count[order[others]] += 1.0
    model = LinearModel(
        tuple(features), *scaling, np.mean(coefficients, axis=0), float(np.mean(intercepts)), converged
    )  # fmt: skip
    return model, np.where(count > 0, aside / np.maximum(count, 1.0), np.nan)


def _levels(window: NDArray[np.intp], weight: Floats) -> Floats:
    """Rows × windows but the first: of which window a row is, less the mean, too large to feel a penalty."""
    each = _FREE * (window[:, None] == np.arange(1, window.max() + 1))
    return np.asarray(each - weight @ each / weight.sum())


def _moved_back(y: Floats, balanced: bool) -> float:
    share = float(y.mean())
    return float(np.log(share / (1.0 - share))) if balanced and 0.0 < share < 1.0 else 0.0


def _search(
    z: Floats, y: Floats, w: Floats, c: float, l1_ratio: float, balanced: bool, start: Floats | None
) -> tuple[Floats, bool]:
    """Coefficients and, last, the constant; and whether they stand still. The search begins at ``start``."""
    if balanced and 0.0 < y.mean() < 1.0:
        w = w * np.where(y > 0, 0.5 / y.mean(), 0.5 / (1.0 - y.mean()))
    if l1_ratio > 0.0:
        return _elastic_net(z, y, w, (1.0 - l1_ratio) / c, l1_ratio / c, start)
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    # Pure L2 has a smooth optimum that lbfgs reaches in a few dozen passes over the rows.
    model = LogisticRegression(C=c, solver="lbfgs", tol=1e-4, max_iter=2000, warm_start=True)
    if start is not None:
        model.coef_, model.intercept_, model.classes_ = start[None, :-1].copy(), start[-1:].copy(), np.array([0.0, 1.0])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(z, y, sample_weight=w)
    converged = not any(issubclass(item.category, ConvergenceWarning) for item in caught)
    return np.append(model.coef_[0], model.intercept_[0]), converged


def _elastic_net(
    z: Floats, y: Floats, w: Floats, ridge: float, lasso: float, start: Floats | None
) -> tuple[Floats, bool]:
    """The least weighted log-loss + ``lasso`` |b| + ``ridge`` b²/2, by Newton's method.

    Features are few beside the rows, so that a step costs little more than the table of their products, and half a
    dozen reach the optimum, where saga takes hundreds of passes over the rows. What a step looks for is a lasso in that
    table (Friedman, Hastie and Tibshirani, Journal of Statistical Software 33, 2010).
    """
    if start is None and len(z) > _FIRST:
        # Near the optimum of all rows lies that of a few of them.
        few = slice(None, None, len(z) // _FIRST + 1)
        start, _ = _elastic_net(z[few], y[few], w[few] * (w.sum() / w[few].sum()), ridge, lasso, None)
    at = np.zeros(z.shape[1] + 1) if start is None else start

    def loss(beta: Floats, margin: Floats) -> float:
        penalty = lasso * float(np.abs(beta).sum()) + ridge / 2.0 * float(beta @ beta)
        return float(w @ (np.logaddexp(0.0, margin) - y * margin)) + penalty

    margin = z @ at[:-1] + at[-1]
    now = loss(at[:-1], margin)
    for _ in range(_STEPS):
        p = expit(margin)
        spread, error = w * p * (1.0 - p), w * (p - y)
        # The constant carries no penalty: it is solved for, and what is left is about the features alone.
        mass, mean = max(float(spread.sum()), 1e-12), z.T @ spread
        products = _products(z, spread) - np.outer(mean, mean / mass)
        products[np.diag_indices_from(products)] += ridge + 1e-9
        slope = z.T @ error - mean * (float(error.sum()) / mass)
        step = _lasso(products, products @ at[:-1] - ridge * at[:-1] - slope, lasso, at[:-1]) - at[:-1]
        step = np.append(step, -(float(error.sum()) + float(mean @ step)) / mass)
        along, length = z @ step[:-1] + step[-1], 1.0
        while (then := loss(at[:-1] + length * step[:-1], margin + length * along)) > now and length > 1e-4:
            length /= 2.0
        if then > now:
            # No step is better by more than what rounding loses.
            return at, bool(np.abs(step).max() < 1e-3)
        at, margin, now = at + length * step, margin + length * along, then
        if np.abs(step).max() < _STILL:
            return at, True
    return at, False


def _products(z: Floats, weight: Floats) -> Floats:
    """Weighted products of every two columns, by blocks of rows that stay in the processor's cache."""
    total = np.zeros((z.shape[1], z.shape[1]))
    root = np.sqrt(weight)[:, None]
    for start, part in zip(range(0, len(z), _BLOCK), _blocks(z), strict=True):
        scaled = part * root[start : start + _BLOCK]
        total += scaled.T @ scaled
    return total


def _lasso(products: Floats, goal: Floats, penalty: float, start: Floats) -> Floats:
    """The ``b`` with the least b'products b / 2 - goal'b + penalty |b|, as a lasso of as many rows as columns."""
    from sklearn.linear_model import Lasso

    factor = cholesky(products, lower=True)
    rows = len(goal)
    model = Lasso(alpha=penalty / rows, fit_intercept=False, tol=1e-8, max_iter=10_000, warm_start=True)
    model.coef_ = start.copy()
    with warnings.catch_warnings():
        # The outer search says whether it stands still.
        warnings.simplefilter("ignore")
        model.fit(factor.T, solve_triangular(factor, goal, lower=True))
    return np.asarray(model.coef_, dtype=np.float64)


def _blocks(rows: Floats) -> Iterator[Floats]:
    return (rows[start : start + _BLOCK] for start in range(0, len(rows), _BLOCK))


def _together(marked: NDArray[np.bool_]) -> slice | NDArray[np.intp]:
    """The places that are marked: as a slice where they follow each other."""
    places = np.flatnonzero(marked)
    return slice(places[0], places[-1] + 1) if places.size and places[-1] - places[0] + 1 == places.size else places


def _tame(x: Floats) -> Floats:
    tamed = np.abs(np.asarray(x, dtype=np.float64))
    np.log1p(tamed, out=tamed)
    return np.copysign(tamed, x, out=tamed)


def _standardised(
    x: Floats, order: NDArray[np.intp] | None = None, beside: Floats | None = None
) -> tuple[Floats, _Scaling]:  # fmt: skip
    """Rows as a model fitted on them sees them, and what it takes to make others so: median, low, high, centre, scale.

    Args:
        order: of the rows.
        beside: columns that stand as they are to the right of the others.
    """
    columns = x.shape[1]
    held: Floats = np.empty((len(x), columns + (0 if beside is None else beside.shape[1])))
    if beside is not None:
        held[:, columns:] = beside
    z = held[:, :columns]
    for start, part in zip(range(0, len(z), _BLOCK), _blocks(z), strict=True):
        rows = slice(start, start + _BLOCK)
        part[:] = _tame(x[rows] if order is None else x[order[rows]])
    low, median, high = _quantiles(z[:: len(z) // _QUANTILE_ROWS + 1], (CLIP, 0.5, 1.0 - CLIP))
    for part in _blocks(z):
        _place(part, median, low, high)
    centre = z.mean(axis=0)
    squares = np.zeros(z.shape[1])
    for part in _blocks(z):
        part -= centre
        squares += np.einsum("ij,ij->j", part, part)
    scale = np.sqrt(squares / max(len(z), 1))
    constant = scale <= 1e-9
    scale = np.where(constant, 1.0, scale)
    for part in _blocks(z):
        part /= scale
    # A constant is 0 whatever it is; rounding has left crumbs of its mean.
    z[:, constant] = 0.0
    return held, (median, low, high, np.where(constant, low, centre), scale)


def _quantiles(z: Floats, shares: tuple[float, ...]) -> Floats:
    """Shares × columns: of each column what is known of it; 0 where that is nothing."""
    # A quantile needs a column in order, which is found many times faster where it lies together.
    columns = np.ascontiguousarray(z.T)
    gaps = np.isnan(columns).any(axis=1)
    found: Floats = np.zeros((len(shares), len(columns)))
    if not gaps.all():
        found[:, ~gaps] = np.quantile(columns[~gaps], shares, axis=1)
    for at in np.flatnonzero(gaps):
        known = columns[at][~np.isnan(columns[at])]
        if known.size:
            found[:, at] = np.quantile(known, shares)
    return found


def _place(tamed: Floats, median: Floats, low: Floats, high: Floats) -> None:
    """Fill and clip tamed values in their place."""
    np.copyto(tamed, median, where=np.isnan(tamed))
    np.clip(tamed, low, high, out=tamed)

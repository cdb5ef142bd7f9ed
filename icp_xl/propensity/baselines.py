"""The rules that a model must beat, each of a few features: base rate, recency, frequency (lines), purchase days and
revenue of the last year, BG/NBD.

Each gives a ranking score from the features, and a sigmoid that turns it into log-odds, both fitted on the training
cutoffs only, so that rules and models are compared on the same split and on the same scale.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import logit

from icp_xl.errors import InsufficientDataError
from icp_xl.propensity.bgnbd import BgNbd, fit_bgnbd
from icp_xl.propensity.calibration import Calibrator, fit_calibrator
from icp_xl.propensity.data import CutoffData

Floats = NDArray[np.float64]

BASELINES = ("base_rate", "recency", "frequency", "days", "spending", "bgnbd")
#: No rule by itself: how likely it is that an account has gone, see :func:`fit_gone`.
GONE, GONE_FEATURES = "gone", ("all_recency_days", "life_tenure_days", "all_days_ever")
_OVER_ALL = {"own_tenure_days": "life_tenure_days"}
#: Days that stand for "never".
_NEVER = 36_500.0
_MONTH = 365.25 / 12
#: How soon accounts leave, beside what :func:`_odds_gone` takes: those of shops come and go, those of firms stay.
_LEAVING = (1.0, 0.2, 0.04)
#: Log-likelihood that each of these must gain on the one before, the first on none: no more than noise gains less.
_WORTH = 1.0
#: What accounts that bought nothing score less than all others, at least: more than the second feature tells apart.
_APART = 0.05
#: Accounts that the purchase process is fitted on, at most about so many.
_PROCESS_ROWS = 20_000
#: Rows of the rarer outcome that what a silence is worth is fitted on, at most about so many.
_RARER_ROWS = 2_500


@dataclass(frozen=True)
class BaselineModel:
    """A fitted baseline; ``parameters`` are BG/NBD's (r, alpha, a, b, window, rate of those who never bought).

    For :data:`GONE`, how soon accounts leave: see :func:`fit_gone`. For the others, the score of accounts that bought
    nothing: see :func:`_fit_scored`.
    """

    baseline: str
    sigmoid: Calibrator
    parameters: tuple[float, ...] = ()

    kind = "rule"

    @property
    def features(self) -> tuple[str, ...]:
        """Features that the baseline looks at."""
        return _FEATURES[self.baseline]

    def log_odds(self, x: Floats) -> Floats:
        """Uncalibrated log-odds of each row of the baseline's features."""
        return np.asarray(self.sigmoid.slope * _score(self.baseline, x, self.parameters) + self.sigmoid.intercept)

    def contributions(self, x: Floats) -> Floats:
        """Rows × (features + 1): the baseline's own feature carries all that differs between accounts."""
        score = _score(self.baseline, x, self.parameters)
        terms = np.zeros((len(x), len(self.features) + 1))
        middle = float(np.mean(score)) if len(score) else 0.0
        if self.features:
            terms[:, 0] = self.sigmoid.slope * (score - middle)
            terms[:, -1] = self.sigmoid.slope * middle + self.sigmoid.intercept
        else:
            terms[:, -1] = self.log_odds(x)
        return terms

    def to_json(self) -> dict[str, Any]:
        """Plain numbers for the model file."""
        return {
            "kind": self.kind, "rule": self.baseline, "sigmoid": self.sigmoid.to_json(),
            "parameters": list(self.parameters),
        }  # fmt: skip

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> BaselineModel:
        """The baseline that :meth:`to_json` described."""
        numbers = tuple(float(value) for value in body["parameters"])
        return cls(str(body["rule"]), Calibrator.from_json(body["sigmoid"]), numbers)


_FEATURES: dict[str, tuple[str, ...]] = {
    "base_rate": (),
    "recency": ("own_recency_days", "all_recency_days"),
    "frequency": ("own_lines_24m", "all_days_24m"),
    "days": ("own_days_12m", "all_days_12m"),
    "spending": ("own_revenue_12m", "all_revenue_12m"),
    "bgnbd": ("own_active_months_24m", "own_recency_days", "own_tenure_days"),
    GONE: GONE_FEATURES,
}


def baseline_matrix(baseline: str, features: pd.DataFrame) -> Floats | None:
    """The features of a baseline, or ``None`` where the frame lacks one."""
    names = [_present(name, features) for name in _FEATURES[baseline]]
    if any(name is None for name in names):
        return None
    chosen = [name for name in names if name is not None]
    # Column by column: to choose a few of many at once costs several times as much.
    columns = [features[name].to_numpy(np.float64) for name in chosen]
    return np.column_stack(columns) if columns else np.zeros((len(features), 0))


def fit_baseline(baseline: str, cutoffs: Sequence[CutoffData]) -> BaselineModel | None:
    """The baseline fitted on ``cutoffs``; ``None`` where the features or the purchases do not allow it."""
    matrices = [baseline_matrix(baseline, each.features) for each in cutoffs]
    if any(matrix is None for matrix in matrices):
        return None
    x = np.concatenate([matrix for matrix in matrices if matrix is not None])
    y = np.concatenate([each.label for each in cutoffs]).astype(np.float64)
    parameters: tuple[float, ...] = ()
    if baseline == "base_rate":
        return BaselineModel(baseline, Calibrator("platt", 0.0, float(logit(rate_of(cutoffs)))))
    if baseline == "bgnbd":
        window = float(np.mean([(each.window_end - each.cutoff).days for each in cutoffs]))
        model = _fit_process(x)
        if model is None:
            return None
        never = np.isnan(x[:, 2])
        rate = float((y[never].sum() + 0.5) / (never.sum() + 1.0))
        parameters = (model.r, model.alpha, model.a, model.b, window, rate)
        sigmoid = fit_calibrator(_score(baseline, x, parameters), y, "platt", slopes=None)
        return BaselineModel(baseline, sigmoid, parameters)
    return _fit_scored(baseline, x, y)


def _fit_scored(baseline: str, x: Floats, y: Floats) -> BaselineModel:
    """A sigmoid for accounts that bought, and for those that did not the place on it which has their share of buyers.

    How far "never" lies from the longest silence, or none from one, no scale says: one sigmoid through both is too
    flat, and expects too little of the best fifth. The order stays that of the rule.
    """
    score, none = _score(baseline, x, ()), _bought_nothing(baseline, x)
    if none.all() or not none.any():
        return BaselineModel(baseline, fit_calibrator(score, y, "platt", slopes=None))
    sigmoid = fit_calibrator(score[~none], y[~none], "platt", slopes=None)
    share = (y[none].sum() + 0.5) / (none.sum() + 1.0)
    place = float((logit(share) - sigmoid.intercept) / max(sigmoid.slope, 1e-9))
    return BaselineModel(baseline, sigmoid, (min(place, float(score[~none].min()) - _APART),))


def _bought_nothing(baseline: str, x: Floats) -> NDArray[np.bool_]:
    return np.isnan(x[:, 0]) if baseline == "recency" else np.nan_to_num(x[:, 0]) <= 0.0


def rate_of(cutoffs: Sequence[CutoffData]) -> float:
    """Share of buyers, half a buyer and half a one less added, so that it is never 0 nor 1."""
    return (sum(each.positives for each in cutoffs) + 0.5) / (sum(len(each.label) for each in cutoffs) + 1.0)


def fit_gone(
    cutoffs: Sequence[CutoffData], log_odds: Floats, y: Floats, weight: Floats
) -> tuple[BaselineModel, Floats] | None:
    """What a candidate leaves unsaid of accounts that have gone: a further part of it, and what that says of each row.

    Past windows hold few accounts that have long been silent, so that a fit which is held small expects several times
    too many of them to buy; and as their number grows, the levels of windows seem to fall. How surely a silence is the
    end, its length and the purchases before it tell, and how soon accounts leave: where few do, three months of silence
    tell little and a year nearly all. By 1 + the odds of having gone, chances fall. What of this is still unsaid is one
    coefficient, which nothing holds small.

    Args:
        cutoffs: of the rows.
        log_odds: what a candidate says of rows that it has not seen, each window at its own level.
        y: 1 or 0 per row.
        weight: say of each row.

    Returns:
        ``None`` where the features are missing or tell nothing beyond noise.
    """
    from sklearn.linear_model import LogisticRegression

    matrices = [baseline_matrix(GONE, each.features) for each in cutoffs]
    if any(matrix is None for matrix in matrices):
        return None
    x = np.concatenate([matrix for matrix in matrices if matrix is not None])
    some = slice(None, None, int(min(y.sum(), (1.0 - y).sum())) // _RARER_ROWS + 1)
    said, label, say = log_odds[some], y[some], weight[some]

    def fit(*columns: Floats) -> tuple[Floats, float]:
        model = LogisticRegression(C=1e6, solver="newton-cholesky")
        model.fit(np.column_stack(columns), label, sample_weight=say)
        return model.coef_[0], float(model.intercept_[0])

    def loss(margin: Floats) -> float:
        return float(say @ (np.logaddexp(0.0, margin) - label * margin))

    [first], constant = fit(said)
    least, found = loss(first * said + constant), None
    for leaving in _LEAVING:
        score = _score(GONE, x[some], (leaving,))
        (first, second), constant = fit(said, score)
        if not min(first, second) > 0.0:
            continue
        slope = min(float(second / first), 1.0)
        now = loss(first * (said + slope * score) + constant)
        if now < least - _WORTH:
            least, found = now, BaselineModel(GONE, Calibrator("platt", slope), (leaving,))
    return None if found is None else (found, found.log_odds(x))


def _present(name: str, features: pd.DataFrame) -> str | None:
    """The feature, or the one of the longest window there is (settings may have no 24 months).

    Where the question is a purchase in any division, what holds over all of them stands for what is the division's own.
    """
    for each in (name, _OVER_ALL.get(name, name.replace("own_", "all_", 1))):
        if each in features:
            return each
        stem = each.rsplit("_", 1)[0]
        named = [str(column) for column in features.columns]
        found = [column for column in named if re.fullmatch(rf"{re.escape(stem)}_\d+m", column)]
        if found:
            return max(found, key=lambda column: int(column[len(stem) + 1 : -1]))
    return None


def _score(baseline: str, x: Floats, parameters: Sequence[float]) -> Floats:
    if baseline == "base_rate":
        return np.zeros(len(x))
    if baseline == "recency":
        own, last = (np.nan_to_num(x[:, i], nan=_NEVER) for i in (0, 1))
        return _placed(baseline, x, -np.log1p(own), parameters) - 1e-3 * np.log1p(last)
    if baseline in ("frequency", "days", "spending"):
        own, days = (np.nan_to_num(x[:, i]) for i in (0, 1))
        return np.asarray(_placed(baseline, x, np.log1p(own.clip(0)), parameters) + 1e-3 * np.log1p(days.clip(0)))
    if baseline == GONE:
        recency, tenure, days = (np.nan_to_num(each) for each in x.T)
        # A model of an earlier version has no parameter.
        return -np.log1p(next(iter(parameters), 1.0) * _odds_gone(recency / _MONTH, tenure / _MONTH, days))
    r, alpha, a, b, window, rate = parameters
    frequency, recency, tenure = _events(x)
    p = BgNbd(r, alpha, a, b, 0.0).p_purchase(frequency, recency, tenure, window)
    p = np.where(np.isnan(x[:, 2]), rate, p)
    return np.asarray(logit(np.clip(p, 1e-6, 1 - 1e-6)))


def _placed(baseline: str, x: Floats, score: Floats, parameters: Sequence[float]) -> Floats:
    """The scores with that of accounts which bought nothing; a model of an earlier version has none."""
    return np.where(_bought_nothing(baseline, x), parameters[0], score) if parameters else score


def _odds_gone(recency: Floats, tenure: Floats, days: Floats) -> Floats:
    """Odds that an account has gone, by months since its last and its first purchase, and days with one.

    Those of the Pareto/NBD (Schmittlein, Morrison and Colombo, Management Science 33, 1987) at r = 1.5, s = 0.5 and
    alpha = beta = 2 months, where they need no integral. A smaller s, with r + s = 2, gives so many times less.
    """
    silence = (days + 1.0) * np.log((tenure + 2.0) / (np.maximum(tenure - recency, 0.0) + 2.0))
    return np.asarray(0.5 / (days + 1.0) * np.expm1(np.minimum(silence, 20.0)))


def _events(x: Floats) -> tuple[Floats, Floats, Floats]:
    """Repeat purchases (months with one, after the first), time from first to last, age; in days."""
    tenure = np.nan_to_num(x[:, 2])
    last = np.clip(tenure - np.nan_to_num(x[:, 1]), 0.0, None)
    repeats = np.clip(np.nan_to_num(x[:, 0]) - 1.0, 0.0, None)
    return np.where(last > 0, repeats, 0.0), np.where(repeats > 0, last, 0.0), tenure


def _fit_process(x: Floats) -> BgNbd | None:
    known = np.flatnonzero(~np.isnan(x[:, 2]))
    # Four parameters are known to the second digit from so many accounts, evenly over the rows.
    known = known[:: known.size // _PROCESS_ROWS + 1]
    try:
        return fit_bgnbd(*(values[known] for values in _events(x)), polish=False)
    except InsufficientDataError:
        return None

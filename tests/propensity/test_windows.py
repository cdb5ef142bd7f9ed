"""A log that is little longer than its windows: a count means the same at past cutoffs as where accounts are scored."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from icp_xl.config import load_settings
from icp_xl.propensity.data import CutoffData, DivisionData
from icp_xl.propensity.fit import fit_division
from icp_xl.propensity.windows import COMPLETED, complete_windows

FAST = load_settings(overrides={"train.bootstrap": 50, "train.tree_seeds": 1, "train.logreg": [{"c": 0.01}]})
AHEAD = 6


def month(number: int) -> date:
    return date(2024 + number // 12, number % 12 + 1, 1)


Days = NDArray[np.int64]


def log(n: int, seed: int, months: int) -> tuple[Days, Days, NDArray[np.float64]]:
    """Days with a purchase per account × month, in the division and in all, and orders a month in the division.

    Rates differ between accounts as a gamma distribution.
    """
    rng = np.random.default_rng(seed)
    rate, others = rng.gamma(0.9, 0.16, n), rng.gamma(2.0, 0.16, n)
    own = rng.poisson(rate[:, None], (n, months))
    return own, own + rng.poisson(others[:, None], (n, months)), rate


def at(own: Days, every: Days, now: int) -> CutoffData:
    """Features of all that was bought in the months before ``now``; labels are those of the months after it."""
    known = every[:, :now].any(axis=1)
    tenure = now - (every[known, :now] > 0).argmax(axis=1)
    frame = pd.DataFrame({"life_tenure_days": 30.44 * tenure},
                         index=pd.Index(np.flatnonzero(known).astype(str), name="account_id"))  # fmt: skip
    for who, days in (("own", own[known, :now]), ("all", every[known, :now])):
        silent = (days[:, ::-1] > 0).argmax(axis=1)
        frame[f"{who}_recency_days"] = np.where(days.any(axis=1), 30.44 * silent + 15.0, np.nan)
        for window in (3, 6, 12, 24):
            count = days[:, -window:].sum(axis=1) * 1.0
            frame[f"{who}_days_{window}m"] = count
            frame[f"{who}_lines_{window}m"] = 6.0 * count
            frame[f"{who}_revenue_{window}m"] = 900.0 * count
    label = own[known, now : now + AHEAD].any(axis=1).astype(np.int64)
    return CutoffData(month(now), frame, label, label * 1.0, label * 1.0, AHEAD)


def division(own: Days, every: Days, cutoffs: range) -> DivisionData:
    return DivisionData("Test", "test", AHEAD, tuple(at(own, every, now) for now in cutoffs), pd.DataFrame())


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("candidates", [[], ["logreg"]])
def test_a_short_log_expects_as_many_buyers_as_come(seed: int, candidates: list[str]) -> None:
    own, every, rate = log(1000, seed, 13)
    true = 1.0 - np.exp(-AHEAD * rate[every.any(axis=1)])
    settings = FAST.model_copy(update={"train": FAST.train.model_copy(update={"candidates": tuple(candidates),
                                       "baselines": ("days",)})})  # fmt: skip
    fitted = fit_division(division(own, every, range(3, 8)), settings, seed=1, target=month(13))
    assert COMPLETED in fitted.steps
    p = fitted.model.predict(at(own, every, 13).features)
    assert p.mean() == pytest.approx(true.mean(), abs=0.05)
    for part in np.array_split(np.argsort(p, kind="stable"), 5):
        assert p[part].mean() == pytest.approx(true[part].mean(), abs=0.1)


def test_a_completed_count_is_what_was_bought_before_the_log_began() -> None:
    own, every, _ = log(4000, 3, 24)
    data = division(own[:, 12:], every[:, 12:], range(3, 7))
    told = complete_windows(data, month(12)).cutoffs[-1].features
    seen = data.cutoffs[-1].features
    whole = own[told.index.astype(int), 6:18].sum(axis=1)
    assert seen["own_days_12m"].mean() < 0.6 * whole.mean()
    assert told["own_days_12m"].mean() == pytest.approx(whole.mean(), rel=0.1)
    # Who bought nothing lately had bought something before; one order tells less than its rate says.
    for count in (0, 1, 2, 4):
        same = (seen["own_days_12m"] == count).to_numpy()
        assert told["own_days_12m"][same].mean() == pytest.approx(whole[same].mean(), rel=0.15)
    bought = told["own_days_12m"][(seen["own_days_12m"] > 0).to_numpy()]
    np.testing.assert_allclose(told["own_lines_12m"][bought.index], 6.0 * bought)
    pd.testing.assert_series_equal(told["own_days_6m"], seen["own_days_6m"])
    pd.testing.assert_series_equal(told["own_recency_days"], seen["own_recency_days"])


def test_windows_that_the_log_fills_and_logs_that_tell_nothing_stay_as_they_are() -> None:
    own, every, _ = log(300, 4, 40)
    long, short = division(own, every, range(3, 28, 3)), division(own, every, range(3, 5))
    assert complete_windows(long, month(33)) is long
    assert complete_windows(short, month(13)) is short
    assert (
        complete_windows(division(own, every, range(3, 8)), month(10))
        .cutoffs[-1]
        .features.equals(at(own, every, 7).features)
    )
    bare = replace(long, cutoffs=tuple(replace(each, features=each.features[["own_days_3m"]]) for each in long.cutoffs))
    assert complete_windows(bare, month(33)) is bare

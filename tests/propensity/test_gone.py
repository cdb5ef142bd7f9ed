"""Accounts that have gone, and seasons: what a fit that is held small does not say of them is said all the same."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.special import expit

from icp_xl.config import load_settings
from icp_xl.config.train import LinearGrid
from icp_xl.propensity.baselines import _MONTH, GONE, GONE_FEATURES, BaselineModel, _odds_gone, fit_gone
from icp_xl.propensity.candidates import Recipe, plain_log_odds
from icp_xl.propensity.data import CutoffData
from icp_xl.propensity.fit import fit_candidates
from icp_xl.propensity.matrix import Matrices
from icp_xl.propensity.model import DivisionModel
from icp_xl.propensity.splits import Fold

SETTINGS = load_settings().train
CUTOFFS = range(12, 40, 3)


def month(number: int) -> date:
    return date(2021 + number // 12, number % 12 + 1, 1)


def leavers(n: int, seed: int = 3) -> tuple[list[CutoffData], NDArray[np.float64]]:
    """Quarterly cutoffs of accounts that buy at their own rates until half of them leave; true chances at the last."""
    rng = np.random.default_rng(seed)
    rate = rng.gamma(2.0, 0.15, n)
    ends = np.where(rng.random(n) < 0.5, rng.integers(6, 42, n), 99)
    months = np.arange(42)
    bought = (rng.random((n, 42)) < 1.0 - np.exp(-rate)[:, None]) & (months < ends[:, None])
    found = []
    for now in CUTOFFS:
        known = bought[:, :now].any(axis=1)
        past = bought[known, :now]
        last, first = now - 1 - past[:, ::-1].argmax(axis=1), past.argmax(axis=1)
        frame = pd.DataFrame(
            {"all_recency_days": 30.44 * (now - last), "life_tenure_days": 30.44 * (now - first),
             "all_days_ever": past.sum(axis=1) * 1.0, "all_days_12m": past[:, -12:].sum(axis=1) * 1.0,
             "all_days_3m": past[:, -3:].sum(axis=1) * 1.0},
            index=pd.Index(np.flatnonzero(known).astype(str), name="account_id"),
        )  # fmt: skip
        label = bought[known, now : now + 3].any(axis=1).astype(np.int64)
        found.append(CutoffData(month(now), frame, label, label * 1.0, label * 1.0, 3))
    left = np.clip(ends[known] - CUTOFFS[-1], 0, 3)
    return found, 1.0 - np.exp(-rate[known] * left)


def test_fewer_of_the_long_silent_are_expected_than_a_fit_held_small_says() -> None:
    cutoffs, true = leavers(700)
    known, latest = cutoffs[:-1], cutoffs[-1]
    inputs = Matrices(tuple(latest.features.columns), known)
    recipe = Recipe(LinearGrid(c=0.003), None, 0)
    made = fit_candidates(known, inputs, recipe, SETTINGS, 1, ("logreg",), latest.cutoff)["logreg"]
    model = DivisionModel("", "", "logreg", made.parts, made.calibrator, (), 3)
    silent, p = (latest.features["all_recency_days"] > 365).to_numpy(), model.predict(latest.features)
    # 3.9 % of them buy; a fit held so small expects 9 %, with the further part 7 %.
    assert p[silent].mean() < 2.0 * true[silent].mean()
    assert p.mean() == pytest.approx(true.mean(), abs=0.02)
    # It is a part like any other: it adds up, and comes back from its file.
    [gone] = [part for _, part in model.parts if isinstance(part, BaselineModel)]
    assert gone.baseline == GONE
    assert BaselineModel.from_json(gone.to_json()) == gone
    np.testing.assert_allclose(model.contributions(latest.features).sum(axis=1), model.log_odds(latest.features))


@pytest.mark.parametrize("leaving", [1.0, 0.2, 0.04])
def test_what_a_silence_is_worth_hangs_on_how_soon_accounts_leave(leaving: float) -> None:
    """Shops and firms: chances of the active are known; which accounts have gone is told by silences alone."""
    cutoffs, _ = leavers(1000)
    features = pd.concat([each.features for each in cutoffs])
    gone = _odds_gone(*(features[name].to_numpy() / scale for name, scale in zip(
        GONE_FEATURES, (_MONTH, _MONTH, 1.0), strict=True)))  # fmt: skip
    rng = np.random.default_rng(4)
    odds = rng.normal(-0.5, 1.0, len(features))
    chance = expit(odds - np.log1p(leaving * gone))
    y = (rng.random(odds.size) < chance).astype(float)
    told = fit_gone(cutoffs, odds, y, np.ones(odds.size))
    assert told is not None
    assert told[0].parameters == (leaving,)
    assert told[0].sigmoid.slope == pytest.approx(1.0, abs=0.15)
    p, silences = expit(odds + told[1]), features["all_recency_days"] / _MONTH
    for low, high in ((0, 3), (3, 6), (6, 12), (12, 99)):
        here = ((silences > low) & (silences <= high)).to_numpy()
        assert p[here].mean() == pytest.approx(chance[here].mean(), abs=0.015)


def test_nothing_is_said_of_the_gone_where_nothing_tells_of_them() -> None:
    cutoffs, _ = leavers(200)
    rows = sum(len(each.label) for each in cutoffs)
    odds, weight = np.random.default_rng(1).normal(size=rows), np.ones(rows)
    y = np.concatenate([each.label for each in cutoffs]).astype(float)
    assert fit_gone(cutoffs, odds, 1.0 - y, weight) is None  # the silent buy more: no matter of having gone
    found = [fit_gone(cutoffs, odds, y, weight) for y in np.random.default_rng(5).random((10, rows)) < expit(odds)]
    assert sum(each is not None for each in found) <= 2  # the silent buy as much as others: no more than noise
    bare = [CutoffData(c.cutoff, c.features[["all_days_3m"]], c.label, c.revenue, c.gross_profit, 3) for c in cutoffs]
    assert fit_gone(bare, odds, y, weight) is None


def test_a_season_is_no_trait_of_accounts_where_histories_are_compared() -> None:
    """A figure that follows the calendar, the same for all accounts but for chance, tells nothing of one of them."""
    rng = np.random.default_rng(2)
    cutoffs = []
    for now in CUTOFFS:
        spring = np.cos(2 * np.pi * (now % 12) / 12)
        frame = pd.DataFrame({"calendar": spring + 0.1 * rng.normal(size=400), "other": rng.normal(size=400)},
                             index=pd.Index(map(str, range(400)), name="account_id"))  # fmt: skip
        label = (rng.random(400) < 0.3 + 0.25 * spring).astype(np.int64)
        cutoffs.append(CutoffData(month(now), frame, label, label * 1.0, label * 1.0, 3))
    said = plain_log_odds(Fold(tuple(cutoffs[:-1]), cutoffs[-1]), Matrices(("calendar", "other"), cutoffs), SETTINGS)
    assert said.std() < 0.1

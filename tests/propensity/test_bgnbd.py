"""BG/NBD: the published estimates, and the truth of a simulation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from icp_xl.errors import InsufficientDataError
from icp_xl.propensity.bgnbd import BgNbd, _log_likelihood, fit_bgnbd

CDNOW = BgNbd(0.243, 4.414, 0.793, 2.426, 0.0)


def simulate(n: int, window: float, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Accounts that live by the model: frequency, recency, age, purchases in the window after."""
    rng = np.random.default_rng(seed)
    rate = rng.gamma(CDNOW.r, 1 / CDNOW.alpha, n)
    quit_ = rng.beta(CDNOW.a, CDNOW.b, n)
    age = rng.uniform(20, 39, n)
    x, tx, later = np.zeros(n), np.zeros(n), np.zeros(n)
    for i in range(n):
        now, alive = 0.0, True
        while alive:
            now += rng.exponential(1 / rate[i]) if rate[i] > 1e-12 else np.inf
            if now > age[i] + window:
                break
            if now <= age[i]:
                x[i], tx[i] = x[i] + 1, now
            else:
                later[i] += 1
            alive = rng.random() > quit_[i]
    return x, tx, age, later


def test_published_estimates(shared_data: Path) -> None:
    data = pd.read_csv(shared_data / "cdnow" / "cdnow_customers_summary.csv")
    fit = fit_bgnbd(data["frequency"], data["recency"], data["T"])
    assert (round(fit.r, 3), round(fit.alpha, 3), round(fit.a, 3), round(fit.b, 3)) == (0.243, 4.414, 0.793, 2.426)
    assert fit.log_likelihood == pytest.approx(-9582.4, abs=0.1)


def test_probabilities_recover_the_simulated_ones() -> None:
    x, tx, age, later = simulate(20_000, 13.0, 5)
    p = CDNOW.p_purchase(x, tx, age, 13.0)
    bins = np.quantile(p, np.linspace(0, 1, 11))
    place = np.clip(np.searchsorted(bins, p, side="right") - 1, 0, 9)
    for i in range(10):
        inside = place == i
        if inside.sum() > 200:
            spread = 4 * np.sqrt(0.25 / inside.sum())
            assert p[inside].mean() == pytest.approx((later[inside] > 0).mean(), abs=spread)
    assert CDNOW.expected_purchases(x, tx, age, 13.0).mean() == pytest.approx(later.mean(), rel=0.08)


def test_the_unit_of_time_does_not_matter() -> None:
    x, tx, age, _ = simulate(3_000, 1.0, 6)
    weeks, days = fit_bgnbd(x, tx, age), fit_bgnbd(x, tx * 7, age * 7)
    assert days.alpha == pytest.approx(weeks.alpha * 7, rel=1e-3)
    assert days.r == pytest.approx(weeks.r, rel=1e-3)


def test_more_recent_is_more_alive() -> None:
    p = CDNOW.p_purchase([4, 4, 4], [5, 20, 38], [38, 38, 38], 13)
    assert p[0] < p[1] < p[2]


def test_no_repeat_purchase_is_an_error() -> None:
    with pytest.raises(InsufficientDataError, match="too few repeat purchases"):
        fit_bgnbd([0] * 20, [0] * 20, [5] * 20)


def test_slopes_of_the_likelihood_are_those_of_small_differences() -> None:
    rng = np.random.default_rng(4)
    counts, age = rng.poisson(1.5, 60).astype(float), rng.uniform(0.3, 2.0, 60)
    last = np.where(counts > 0, age * rng.uniform(0.2, 1.0, 60), 0.0)
    numbers, place = np.unique(counts, return_inverse=True)
    at = np.array([0.7, 0.9, 0.4, 1.7])
    slopes = _log_likelihood(at, numbers, place, last, age)[1]
    for k, step in enumerate(1e-6 * np.eye(4)):
        up, down = (_log_likelihood(each, numbers, place, last, age)[0] for each in (at + step, at - step))
        np.testing.assert_allclose(slopes[k], (up - down) / 2e-6, atol=1e-6)

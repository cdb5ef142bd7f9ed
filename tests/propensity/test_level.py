"""The level of the coming window, and what a verdict needs: planted seasons come back, power is what is promised."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import norm

from icp_xl.propensity.calibration import Calibrator, fit_calibrator, lifted
from icp_xl.propensity.level import Mix, forecast_level, shift_of
from icp_xl.propensity.metrics import Curve
from icp_xl.propensity.verdict import buyers_needed, chance_error

QUARTERS = [date(2021 + k // 4, 3 * (k % 4) + 1, 1) for k in range(13)]


def test_a_strong_season_is_followed_and_a_flat_level_is_not_disturbed() -> None:
    # The window to come begins in April; each April lies 0.9 above the mean of the year.
    season = [0.9 if day.month == 4 else -0.3 for day in QUARTERS]
    found = forecast_level(QUARTERS, [(value, 0.05) for value in season], date(2024, 4, 1), 3, 18.0)
    assert found.shift == pytest.approx(0.9, abs=0.15)
    assert found.low < 0.9 < found.high
    flat = forecast_level(QUARTERS, [(0.0, 0.05)] * len(QUARTERS), date(2024, 4, 1), 3, 18.0)
    assert flat.shift == pytest.approx(0.0, abs=1e-9)
    # Less than a year says nothing of the season.
    short = forecast_level(QUARTERS[-3:], [(0.1, 0.05)] * 3, date(2024, 4, 1), 3, 18.0)
    assert (short.season, short.shift) == (0.0, pytest.approx(0.1))


def test_last_year_counts_as_far_as_the_level_has_moved_since_and_not_as_the_log_filled_up() -> None:
    # Accounts die unseen: each year lies 0.3 below the one before. The log's first windows know hardly anybody.
    rng = np.random.default_rng(4)
    missed = []
    for _ in range(50):
        levels = [
            (0.9 if day.month == 4 else -0.3) - 0.3 * k / 4 + (1.0, 0.5, 0.2, 0.0)[min(k, 3)]
            for k, day in enumerate(QUARTERS[1:-1])
        ]
        shifts = [(level + float(rng.normal(0, 0.08)), 0.08) for level in levels]
        april = forecast_level(QUARTERS[1:], [*shifts, (-1.2, 0.08)], date(2024, 4, 1), 3, 18.0).shift
        missed.append(april - (0.9 - 0.3 * 12 / 4))
    assert abs(np.mean(missed)) < 0.1
    assert np.sqrt(np.mean(np.square(missed))) < 0.25


def test_noise_of_small_windows_is_not_taken_for_a_season() -> None:
    rng = np.random.default_rng(1)
    missed = []
    for _ in range(200):
        shifts = [(float(rng.normal(0, 0.3)), 0.3) for _ in QUARTERS]
        missed.append(forecast_level(QUARTERS, shifts, date(2024, 4, 1), 3, 18.0).shift)
    # Following last year's window blindly would miss by 0.3.
    assert np.std(missed) < 0.2


def test_shifts_come_back_and_stay_finite() -> None:
    rng = np.random.default_rng(2)
    odds = rng.normal(-1, 1, 40_000)
    y = (rng.random(odds.size) < expit(lifted(odds, 0.7))).astype(float)
    assert shift_of(y, 1 / (1 + np.exp(-odds)))[0] == pytest.approx(0.7, abs=0.05)
    assert np.isfinite(shift_of(np.zeros(50), np.full(50, 0.3))[0])


def test_a_season_moves_how_often_accounts_buy() -> None:
    rate = np.array([1e-6, 0.01, 0.5, 2.0, 30.0])
    odds = np.log(np.expm1(rate))
    np.testing.assert_allclose(expit(lifted(odds, 1.0)), -np.expm1(-rate * np.e), rtol=1e-6)
    np.testing.assert_allclose(lifted(lifted(odds, 1.3), -1.3), odds, atol=1e-6)
    found = Calibrator("platt", 1.2, -0.1, rate=0.6)
    assert Calibrator.from_json(found.to_json()) == found
    np.testing.assert_allclose(found.apply(odds[1:3]), expit(1.2 * lifted(odds[1:3], 0.6) - 0.1))


def test_an_account_at_many_cutoffs_bends_no_calibration() -> None:
    rng = np.random.default_rng(6)
    odds = rng.normal(-1, 1, 6000)
    y = (rng.random(6000) < expit(odds)).astype(float)
    assert fit_calibrator(odds, y).method == "isotonic"
    assert fit_calibrator(odds, y, accounts=np.arange(6000) % 500).method == "platt"


def test_log_odds_that_hardly_differ_are_not_stretched_to_certainty() -> None:
    rng = np.random.default_rng(3)
    odds = rng.normal(-2.17, 0.0009, 790)
    y = (rng.random(790) < 0.17).astype(float)
    p = fit_calibrator(odds, y, "platt").apply(odds + 0.17)
    assert p.max() < 0.3


@pytest.mark.parametrize(("auc", "share"), [(0.6, 0.1), (0.65, 0.3)])
def test_the_buyers_asked_for_give_the_power_that_is_promised(auc: float, share: float) -> None:
    needed = buyers_needed(auc, share, 0.999)
    assert needed is not None
    rng, others = np.random.default_rng(4), round(needed * (1 - share) / share)
    bar = 0.5 + norm.ppf(0.999) * chance_error(needed, others)
    y = np.r_[np.ones(needed), np.zeros(others)]
    gap = np.sqrt(2) * norm.ppf(auc)
    won = [Curve(y, rng.normal(0, 1, y.size) + gap * y).auc() > bar for _ in range(1500)]
    assert 0.75 <= np.mean(won) <= 0.85
    assert buyers_needed(0.5, share, 0.999) is None


MONTHS = tuple(date(2024 + (11 + k) // 12, (11 + k) % 12 + 1, 1) for k in range(9))  # December to August
CUTOFFS = [date(2025, 3, 1), date(2025, 6, 1)]


def test_a_month_that_was_not_seen_lies_between_those_that_were() -> None:
    """Christmas goods in a log from December to August: the autumn to come lies between August and December."""
    mix = Mix(MONTHS, (430, 40, 40, 35, 30, 35, 70, 140, 240), (1000,) * 9)
    shifts = [(-0.2, 0.1), (0.2, 0.1)]
    found = forecast_level(CUTOFFS, shifts, date(2025, 9, 1), 3, 18.0, mix)
    assert found.shift > forecast_level(CUTOFFS, shifts, date(2025, 9, 1), 3, 18.0).shift + 1.0
    assert found.low < found.shift - 0.5
    assert found.mix == pytest.approx(found.shift - 0.02, abs=0.1)
    # What is sold evenly is not moved, however its months scatter by chance; nor is a log that knows its seasons.
    rng = np.random.default_rng(5)
    even = Mix(MONTHS, tuple(rng.binomial(1000, 0.3, 9).tolist()), (1000,) * 9)
    assert abs(forecast_level(CUTOFFS, shifts, date(2025, 9, 1), 3, 18.0, even).mix) < 0.05
    year = Mix((*MONTHS, *(date(2025, month, 1) for month in (9, 10, 11))), mix.buyers + (500,) * 3, (1000,) * 12)
    assert year.forecast(CUTOFFS, date(2026, 3, 1), 3) is None


def test_a_month_that_no_window_holds_is_told_by_the_log_all_the_same() -> None:
    """Twelve months know each month of the calendar once, and windows that began after three of them only nine."""
    year = Mix((*MONTHS, *(date(2025, month, 1) for month in (9, 10, 11))), (430, 300, 200, *[40] * 9), (1000,) * 12)
    shifts = [(-0.2, 0.1), (0.2, 0.1)]
    assert forecast_level(CUTOFFS, shifts, date(2025, 12, 1), 3, 18.0, year).mix > 1.0


def test_the_mix_of_later_months_is_not_known_earlier() -> None:
    mix = Mix(MONTHS, (430, 40, 40, 35, 30, 35, 70, 140, 240), (1000,) * 9)
    assert mix.before(date(2025, 7, 15)).months == MONTHS[:7]
    assert mix.forecast(CUTOFFS[:1], date(2025, 6, 1), 3) is None  # six months tell too little

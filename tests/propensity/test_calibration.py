"""Calibration recovers planted distortions, and its measures know a good from a bad probability."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.special import expit, logit

from icp_xl.propensity.calibration import (
    Calibrator,
    calibration_loss,
    calibration_table,
    fit_calibrator,
    slope_and_intercept,
    wilson_interval,
)


def sample(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(-1.0, 1.5, n)
    true = expit(x)
    return x, true, (rng.random(n) < true).astype(float)


@pytest.mark.parametrize("method", ["platt", "isotonic"])
def test_a_planted_distortion_is_undone(method: str) -> None:
    x, true, y = sample(20_000)
    calibrator = fit_calibrator(3.0 * x + 1.0, y, method)
    assert np.abs(calibrator.apply(3.0 * x + 1.0) - true).mean() < 0.02


def test_the_method_follows_the_size_of_the_data() -> None:
    x, _, y = sample(5_000)
    assert fit_calibrator(x, y).method == "isotonic"
    assert fit_calibrator(x[:500], y[:500]).method == "platt"
    rare = np.zeros(5_000)
    rare[:20] = 1
    assert fit_calibrator(x, rare).method == "platt"


@pytest.mark.parametrize("method", ["platt", "isotonic"])
def test_order_is_kept(method: str) -> None:
    x, _, y = sample(2_000)
    grid = np.linspace(-8, 8, 400)
    p = fit_calibrator(x, y, method).apply(grid)
    assert (np.diff(p) >= 0).all()
    assert ((p > 0) & (p < 1)).all()
    wrong_way = fit_calibrator(-x, y, method).apply(grid)
    assert (np.diff(wrong_way) >= 0).all()


@pytest.mark.parametrize("y", [np.zeros(30), np.ones(30)])
def test_one_sided_and_constant_samples_stay_finite(y: np.ndarray) -> None:
    for x in (np.linspace(-1, 1, 30), np.full(30, 2.0)):
        p = fit_calibrator(x, y).apply(x)
        assert np.isfinite(p).all()
        assert ((p > 0) & (p < 1)).all()


def test_plain_numbers_bring_it_back() -> None:
    x, _, y = sample(3_000)
    for method in ("platt", "isotonic"):
        one = fit_calibrator(x, y, method)
        two = Calibrator.from_json(json.loads(json.dumps(one.to_json())))
        assert (one.apply(x) == two.apply(x)).all()


def test_slope_and_intercept_find_what_is_wrong() -> None:
    _, true, y = sample(50_000)
    assert slope_and_intercept(y, true) == pytest.approx((1.0, 0.0), abs=0.04)
    assert slope_and_intercept(y, expit(2 * logit(true)))[0] == pytest.approx(0.5, abs=0.03)
    assert slope_and_intercept(y, expit(logit(true) - 0.7))[1] == pytest.approx(0.7, abs=0.05)
    assert all(np.isnan(slope_and_intercept(np.zeros(5), np.full(5, 0.1))))


def test_loss_is_small_for_the_truth_only() -> None:
    _, true, y = sample(50_000)
    assert calibration_loss(y, true) < 0.01 < calibration_loss(y, true / 2)
    table = calibration_table(y, true)
    assert table["count"].sum() == 50_000
    assert ((table["low"] <= table["mean_predicted"]) & (table["mean_predicted"] <= table["high"])).mean() >= 0.7


def test_wilson_stays_inside_zero_and_one() -> None:
    low, high = wilson_interval([0.0, 1.0, 0.5], [10, 10, 10])
    assert low[0] == pytest.approx(0.0)
    assert high[1] == pytest.approx(1.0)
    assert low[2] == pytest.approx(0.2366, abs=1e-4)


def test_a_tiny_lowest_step_does_not_lift_the_many_above_it() -> None:
    """One account at the bottom, then thousands that buy at 5 %: the one must not set a floor for them all."""
    rng = np.random.default_rng(3)
    x = np.r_[-9.0, np.full(4000, -2.0), np.full(4000, 1.0)]
    y = np.r_[0.0, rng.random(4000) < 0.05, rng.random(4000) < 0.7].astype(float)
    p = fit_calibrator(x, y, "isotonic").apply(x)
    assert abs(p[1:4001].mean() - y[1:4001].mean()) < 0.001
    assert abs(p.mean() - y.mean()) < 0.001
    assert np.all(np.diff(p) >= 0)

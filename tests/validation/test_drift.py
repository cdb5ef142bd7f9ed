"""Drift: quiet where nothing moved, awake where something did; intervals that cover; scenarios that add up."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from icp_xl.config.validation import ValidationSettings
from icp_xl.propensity.metrics import measure
from icp_xl.validation.alerts import find_alerts
from icp_xl.validation.backtest import backtest_by, backtest_by_decile
from icp_xl.validation.drift import bin_counts, compare_samples, feature_drift, stability_index, value_drift
from icp_xl.validation.scenarios import build_scenarios, segment_performance, sort_scenarios

QUIET = {"auc": 0.8, "calibration_loss": 0.01, "slope": 1.0, "intercept": 0.0, "base_rate": 0.2,
         "train_base_rate": 0.2, "base_rate_p": 0.9}  # fmt: skip
NONE = pd.DataFrame({"moved": [False]})


def draw(rng: np.random.Generator, n: int, kind: str) -> np.ndarray:
    if kind == "normal":
        return rng.normal(size=n)
    if kind == "heavy":
        return np.exp(rng.normal(5, 2, n))
    if kind == "count":
        return rng.poisson(1.2, n).astype(float)
    return np.where(rng.random(n) < 0.4, np.nan, rng.gamma(2, 30, n))


@pytest.mark.parametrize("n", [100, 200, 500, 5000])
def test_nothing_moved_is_flagged_in_at_most_five_percent(n: int) -> None:
    rng = np.random.default_rng(n)
    trials = 400 if n < 5000 else 100
    kinds = ("normal", "heavy", "count", "missing")
    flagged = [
        compare_samples(draw(rng, n, kind), draw(rng, n, kind)).moved for kind in kinds for _ in range(trials // 4)
    ]
    assert np.mean(flagged) <= 0.05


def test_half_a_deviation_is_found() -> None:
    rng = np.random.default_rng(1)
    found = [compare_samples(rng.normal(size=1000), rng.normal(0.5, 1, 1000)).moved for _ in range(100)]
    assert np.mean(found) >= 0.95


def test_stability_index_by_hand() -> None:
    assert stability_index([50, 50], [50, 50]) == pytest.approx(0.0)
    p, q = np.array([50.5, 50.5]) / 101, np.array([80.5, 20.5]) / 101
    assert stability_index([50, 50], [80, 20]) == pytest.approx(float(((q - p) * np.log(q / p)).sum()))
    old, new = bin_counts(np.array([1.0, 2.0, 3.0, np.nan]), np.array([1.0, np.nan, np.nan, 9.0]), 4)
    assert old.sum() == new.sum() == 4
    assert old[-1] == 1
    assert new[-1] == 2


def test_features_that_moved_are_named_first() -> None:
    rng = np.random.default_rng(2)
    before = pd.DataFrame({"same": rng.normal(size=800), "moved": rng.normal(size=800), "ctx_a": "x"})
    after = pd.DataFrame({"same": rng.normal(size=800), "moved": rng.normal(1, 1, 800), "ctx_a": "y"})
    found = feature_drift(before, after)
    assert found["feature"].tolist() == ["moved", "same"]
    assert found["moved"].tolist() == [True, False]


def test_bootstrap_intervals_cover_the_truth() -> None:
    rng = np.random.default_rng(3)

    def sample(n: int) -> tuple[np.ndarray, np.ndarray]:
        score = rng.normal(size=n)
        return (rng.random(n) < 1 / (1 + np.exp(-(score - 1)))).astype(float), score

    truth = measure(*sample(200_000))["auc"].value
    inside = []
    for seed in range(150):
        found = measure(*sample(400), resamples=300, seed=seed)["auc"]
        inside.append(found.low <= truth <= found.high)
    assert 0.90 <= np.mean(inside) <= 0.99


def frame_of(n: int = 600, seed: int = 4) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    p = rng.beta(1, 4, n)
    label = (rng.random(n) < p).astype(int)
    return pd.DataFrame({"account_id": [f"A{i:04d}" for i in range(n)], "p_hat": p, "label": label,
                         "revenue": label * np.exp(rng.normal(6, 1, n)), "rep": rng.choice(["x", "y", None], n),
                         "segment": rng.choice(["s", "m"], n), "division": "D",
                         "cutoff_date": pd.Timestamp("2024-01-01")})  # fmt: skip


def test_scenarios_against_plain_arithmetic() -> None:
    frame = frame_of()
    found = build_scenarios(frame, (10.0, 100.0), (5,), resamples=200, seed=1).set_index("scenario")
    best = frame.sort_values("p_hat", ascending=False).head(60)
    row = found.loc["top 10 %"]
    assert row["accounts"] == 60
    assert row["wins"] == best["label"].sum()
    assert row["precision"] == pytest.approx(best["label"].mean())
    assert row["capture"] == pytest.approx(best["label"].sum() / frame["label"].sum())
    assert row["rev_capture"] == pytest.approx(best["revenue"].sum() / frame["revenue"].sum())
    assert row["precision_low"] <= row["precision"] <= row["precision_high"]
    assert found.loc["top 100 %", "capture"] == 1.0
    assert found.loc["5 per rep", "accounts"] == 10
    assert found["as_expected"].all()


def test_scenarios_do_not_depend_on_the_order() -> None:
    frame = frame_of()
    one, two = (
        build_scenarios(each, (5.0, 20.0), (3,), resamples=100, seed=1)
        for each in (frame, frame.sample(frac=1, random_state=1))
    )
    pd.testing.assert_frame_equal(one, two)
    assert sort_scenarios(one)["precision"].is_monotonic_decreasing


def test_segments_add_up() -> None:
    frame = frame_of()
    found = segment_performance(frame, "segment", 0.1)
    assert found["called"].sum() == 60
    assert found["buyers"].sum() == frame["label"].sum()


def test_backtest_adds_up() -> None:
    frame = frame_of()
    tenths = backtest_by_decile(frame)
    assert tenths["wins"].sum() == frame["label"].sum()
    assert tenths["expected"].sum() == pytest.approx(frame["p_hat"].sum())
    assert tenths["expected"].is_monotonic_decreasing
    assert backtest_by(frame, "segment")["pairs"].sum() == len(frame)


def test_value_drift() -> None:
    rng = np.random.default_rng(5)
    expected = np.exp(rng.normal(size=2000))
    same, table = value_drift(expected, expected)
    turned, _ = value_drift(expected, expected.max() - expected)
    assert same == pytest.approx(0.0, abs=1e-9)
    assert turned > 0.5
    assert table["came"].sum() == pytest.approx(expected.sum())


def test_alerts_say_what_and_what_to_do() -> None:
    options = ValidationSettings()
    assert find_alerts(QUIET, NONE, (0.01, 0.05), 0.0, options) == []
    season = QUIET | {"base_rate": 0.4, "train_base_rate": 0.1, "base_rate_p": 1e-9, "intercept": 1.2}
    found = find_alerts(season, NONE, (0.01, 0.05), 0.0, options)
    assert {each.kind for each in found} == {"base rate", "calibration intercept"}
    assert all(each.meaning.endswith(".") and each.action for each in found)
    noise = QUIET | {"base_rate": 0.4, "train_base_rate": 0.2, "base_rate_p": 0.2}
    assert find_alerts(noise, NONE, (0.01, 0.05), 0.0, options) == []

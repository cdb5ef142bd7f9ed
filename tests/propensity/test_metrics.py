"""Metrics against scikit-learn and against slow counting; intervals against simulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

from icp_xl.propensity.metrics import (
    Curve,
    bounds,
    compare,
    draw_weights,
    gains_table,
    measure,
    measure_and_compare,
    measure_brier,
    resample_lifts,
    thresholds_table,
)

rows = st.lists(st.tuples(st.booleans(), st.integers(0, 8)), min_size=4, max_size=80).filter(
    lambda items: len({y for y, _ in items}) == 2
)


@given(rows)
def test_ranking_metrics_are_scikit_learns_ties_included(items: list[tuple[bool, int]]) -> None:
    y = np.array([y for y, _ in items], dtype=float)
    p = np.array([s for _, s in items]) / 9
    found = measure(y, p)
    assert found["auc"].value == pytest.approx(roc_auc_score(y, p), abs=1e-12)
    assert found["pr_auc"].value == pytest.approx(average_precision_score(y, p), abs=1e-12)
    assert found["brier_loss"].value == pytest.approx(brier_score_loss(y, p), abs=1e-12)


@given(rows, st.randoms(use_true_random=False))
def test_row_order_does_not_matter(items: list[tuple[bool, int]], random) -> None:
    shuffled = items.copy()
    random.shuffle(shuffled)
    one, two = (
        measure([y for y, _ in each], [s / 9 for _, s in each], [s + 1.0 for _, s in each])
        for each in (items, shuffled)
    )
    for name in one:
        assert one[name].value == pytest.approx(two[name].value, abs=1e-12), name


def test_lift_and_capture_by_counting() -> None:
    rng = np.random.default_rng(0)
    p = rng.permutation(1000) / 1000
    y = (rng.random(1000) < p).astype(float)
    value = rng.gamma(1.0, 100.0, 1000)
    found = measure(y, p, value)
    top = p >= np.sort(p)[-100]
    assert found["capture_10"].value == pytest.approx(y[top].sum() / y.sum())
    assert found["lift_10"].value == pytest.approx(10 * y[top].sum() / y.sum())
    assert found["revenue_capture_10"].value == pytest.approx((y * value)[top].sum() / (y * value).sum())


def test_a_weighted_resample_is_the_resample() -> None:
    rng = np.random.default_rng(1)
    y, p = (rng.random(200) < 0.3).astype(float), rng.random(200).round(1)
    weights = np.concatenate(list(draw_weights(200, 3, seed=9)))
    from icp_xl.propensity.metrics import Curve

    found = Curve(y, p).measure(weights)
    for i in range(3):
        index = np.repeat(np.arange(200), weights[i].astype(int))
        assert found["auc"][i] == pytest.approx(roc_auc_score(y[index], p[index]))
        assert found["pr_auc"][i] == pytest.approx(average_precision_score(y[index], p[index]))


def test_intervals_cover_the_truth() -> None:
    rng = np.random.default_rng(2)
    big = rng.normal(size=400_000)
    truth = roc_auc_score(rng.random(400_000) < 1 / (1 + np.exp(1 - big)), big)
    covered = 0
    for trial in range(300):
        x = rng.normal(size=400)
        y = rng.random(400) < 1 / (1 + np.exp(1 - x))
        interval = measure(y, x, resamples=400, seed=trial)["auc"]
        covered += interval.low <= truth <= interval.high
    assert 0.92 <= covered / 300 <= 0.98


def test_paired_difference_is_tighter_than_two_intervals() -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=2000)
    y = rng.random(2000) < 1 / (1 + np.exp(-x))
    better, worse = x + rng.normal(size=2000) * 0.1, x + rng.normal(size=2000) * 0.5
    difference = compare(y, better, worse, resamples=500)["auc"]
    alone = measure(y, better, resamples=500)["auc"]
    assert difference.low > 0
    assert difference.high - difference.low < alone.high - alone.low
    same = compare(y, better, better, resamples=100)["auc"]
    assert (same.value, same.low, same.high) == (0, 0, 0)


def test_one_class_has_no_ranking_metric() -> None:
    found = measure(np.zeros(50), np.linspace(0, 1, 50), resamples=50)
    assert np.isnan(found["auc"].value)
    assert np.isnan(found["auc"].low)


def test_no_buyer_or_nobody_else_has_no_figure_under_any_draw() -> None:
    x, groups = np.linspace(0, 1, 60).round(1), np.repeat(np.arange(20), 3)
    for y in (np.zeros(60), np.ones(60)):
        assert np.isnan(Curve(y, x).auc())
        found = compare(y, x, -x, resamples=40, groups=groups, only="auc")["auc"]
        assert np.isnan([found.value, found.low, found.high]).all()
    (lifts,) = resample_lifts([Curve(np.zeros(60), x)], 0.1, resamples=40, seed=1, groups=groups)
    assert np.isnan(lifts).all()
    (lifts,) = resample_lifts([Curve(np.ones(60), x)], 0.1, resamples=40, seed=1, groups=groups)
    assert lifts == pytest.approx(np.ones(40))


def test_groups_are_drawn_whole() -> None:
    weights = np.concatenate(list(draw_weights(6, 20, 0, groups=["a", "a", "b", "b", "c", "c"])))
    assert (weights[:, 0] == weights[:, 1]).all()
    assert (weights[:, [0, 2, 4]].sum(axis=1) == 3).all()


def test_gains_and_thresholds() -> None:
    y = np.r_[np.ones(10), np.zeros(90)]
    p = np.linspace(1, 0, 100)
    table = gains_table(y, p, y * 5)
    assert table["count"].tolist() == [10] * 10
    assert table["captured"].tolist() == [1.0] * 10
    assert table["lift"].iloc[0] == pytest.approx(10)
    limits = thresholds_table(p).set_index("k_percent")
    assert limits["count"].to_dict() == {5: 5, 10: 10, 20: 20, 30: 30}


def test_the_short_ways_give_what_the_long_way_gives() -> None:
    """Brier alone, and many lifts under shared resamples, against measuring everything."""
    rng = np.random.default_rng(5)
    x, other = rng.normal(size=300), rng.normal(size=300).round(1)
    y = (rng.random(300) < 1 / (1 + np.exp(-x))).astype(float)
    groups = np.repeat(np.arange(100), 3)
    p = 1 / (1 + np.exp(-x))
    whole = measure(y, p, resamples=60, seed=4, groups=groups)
    short = measure_brier(y, p, resamples=60, seed=4, groups=groups)
    for name, found in short.items():
        assert found.value == pytest.approx(whole[name].value, abs=1e-12)
        assert (found.low, found.high) == pytest.approx((whole[name].low, whole[name].high), abs=1e-12)
    one, two = resample_lifts([Curve(y, x), Curve(y, other)], 0.1, resamples=60, seed=4, groups=groups)
    gain = compare(y, x, other, resamples=60, seed=4, groups=groups)["lift_10"]
    assert bounds(one - two) == pytest.approx((gain.low, gain.high), abs=1e-12)


def test_the_top_is_enough_and_where_it_is_not_all_is_looked_at() -> None:
    """The lift from the top of the ranking against that from all of it, where resamples draw little of the top."""
    rng = np.random.default_rng(8)
    for score in (rng.normal(size=200), rng.normal(size=200).round(0), np.zeros(200)):
        y = (rng.random(200) < 0.3).astype(float)
        thin = rng.integers(0, 3, (40, 200)).astype(float)
        thin[:20, np.argsort(-score, kind="stable")[:30]] = 0.0
        curve = Curve(y, score)
        top = curve.captured(0.1, np.arange(200))(thin, 0.1 * thin.sum(axis=1)) / (thin @ y)
        assert 10 * top == pytest.approx(curve.measure(thin)["lift_10"], abs=1e-12)
        assert curve.lift(0.1) == pytest.approx(curve.measure()["lift_10"][0], abs=1e-12)
        assert curve.auc() == pytest.approx(curve.measure()["auc"][0], abs=1e-12)


def test_a_resample_draws_with_the_right_chances() -> None:
    """Each row once on average with the variance of the multinomial; no rows, no draws."""
    weights = np.concatenate(list(draw_weights(50, 4000, 3)))
    assert (weights.sum(axis=1) == 50).all()
    assert weights.mean(axis=0) == pytest.approx(np.ones(50), abs=0.08)
    assert weights.var(axis=0) == pytest.approx(np.full(50, 0.98), abs=0.12)
    assert np.concatenate(list(draw_weights(0, 3, 1))).shape == (3, 0)


def test_one_resampling_says_what_two_say() -> None:
    rng = np.random.default_rng(2)
    y, one, two, value = rng.integers(0, 2, 300), rng.random(300), rng.random(300), rng.random(300)
    groups = rng.integers(0, 90, 300)
    alone, gain = measure_and_compare(y, one, two, value, resamples=60, seed=4, groups=groups)
    assert alone == measure(y, one, value, resamples=60, seed=4, groups=groups)
    assert gain == compare(y, one, two, value, resamples=60, seed=4, groups=groups)
    for name in ("auc", "pr_auc"):
        assert compare(y, one, two, resamples=60, seed=4, groups=groups, only=name) == {name: gain[name]}


def test_intervals_of_very_many_rows_need_no_finer_order() -> None:
    rng = np.random.default_rng(3)
    score = rng.normal(size=30_000)
    curve = Curve((rng.random(30_000) < 1 / (1 + np.exp(2 - score))).astype(float), score, np.ones(30_000))
    point, coarse = curve.measure(), curve.measure(np.ones((1, 30_000)))
    for name, value in point.items():
        assert coarse[name][0] == pytest.approx(value[0], rel=1e-3), name

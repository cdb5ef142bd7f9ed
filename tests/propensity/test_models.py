"""The two kinds of model: they find planted drivers, explain themselves exactly, and come back from plain text."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.special import expit

from icp_xl.propensity.linear import LinearModel, fit_linear, fit_linear_members, fit_linear_path
from icp_xl.propensity.metrics import measure
from icp_xl.propensity.trees import TreeModel, fit_trees, grow_trees, positive_weight

NAMES = ("spend", "recency", "noise one", "noise/two", "gaps")
TREES = {"learning_rate": 0.05, "num_leaves": 8, "min_data_in_leaf": 40}


def true_odds(x: np.ndarray) -> np.ndarray:
    return 0.8 * np.log1p(x[:, 0]) - 0.9 * np.log1p(x[:, 1]) - 1.0


def make(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = np.column_stack(
        [np.exp(rng.normal(5, 2, n)), rng.gamma(2, 60, n), rng.normal(size=n), rng.normal(size=n), rng.random(n)]
    )
    odds = true_odds(x)
    x[rng.random(n) < 0.2, 4] = np.nan
    return x, (rng.random(n) < expit(odds)).astype(float)


def fit(kind: str, x: np.ndarray, y: np.ndarray, seed: int = 0) -> LinearModel | TreeModel:
    if kind == "trees":
        return fit_trees(x, y, NAMES, TREES, seed=seed, rounds=80)
    l1_ratio = 0.0 if kind == "ridge" else 0.5
    return fit_linear(x, y, NAMES, c=0.1, l1_ratio=l1_ratio, balanced=True)


@pytest.mark.parametrize("kind", ["ridge", "elastic", "trees"])
def test_planted_drivers_come_out_on_top(kind: str) -> None:
    model = fit(kind, *make(4000))
    x, y = make(4000, seed=1)
    best = measure(y, true_odds(x))["auc"].value
    assert measure(y, model.log_odds(x))["auc"].value > best - 0.02
    importance = np.abs(model.contributions(x)[:, :-1]).mean(axis=0)
    assert set(np.argsort(-importance)[:2]) == {0, 1}


@pytest.mark.parametrize("kind", ["ridge", "elastic", "trees"])
def test_contributions_add_up_to_the_log_odds(kind: str) -> None:
    x, y = make(1500)
    model = fit(kind, x, y)
    assert np.abs(model.contributions(x).sum(axis=1) - model.log_odds(x)).max() < 1e-6


@pytest.mark.parametrize("kind", ["ridge", "elastic", "trees"])
def test_the_same_seed_gives_the_same_model_and_text_brings_it_back(kind: str) -> None:
    x, y = make(1500)
    one, two = fit(kind, x, y), fit(kind, x, y)
    assert json.dumps(one.to_json()) == json.dumps(two.to_json())
    body = json.loads(json.dumps(one.to_json()))
    if isinstance(one, TreeModel) and isinstance(two, TreeModel):
        assert one.text == two.text
        back: LinearModel | TreeModel = TreeModel.from_json(body, one.text)
    else:
        back = LinearModel.from_json(body)
    assert (back.log_odds(x) == one.log_odds(x)).all()


def test_heavy_tails_converge_and_one_giant_does_not_decide() -> None:
    x, y = make(3000)
    x[0, 0] = 1e15
    model = fit("elastic", x, y)
    assert isinstance(model, LinearModel)
    assert model.converged
    assert np.abs(model.standardise(x)).max() <= 6.0


def test_missing_constant_and_empty_features_are_harmless() -> None:
    x, y = make(800)
    x[:, 2], x[:, 3] = 7.0, np.nan
    for kind in ("ridge", "trees"):
        model = fit(kind, x, y)
        assert np.isfinite(model.log_odds(x)).all()
        assert (model.contributions(x)[:, [2, 3]] == 0).all()


def test_balancing_does_not_move_the_average_probability_far() -> None:
    x, y = make(6000)
    rare = np.where(np.random.default_rng(0).random(6000) < 0.1, y, 0.0)
    for model in (
        fit("ridge", x, rare),
        fit_trees(x, rare, NAMES, {**TREES, "balanced": True}, seed=0, rounds=60),
    ):
        assert expit(model.log_odds(x)).mean() == pytest.approx(rare.mean(), rel=0.35)
    assert positive_weight(rare) <= 10.0


def test_early_stopping_stops() -> None:
    x, y = make(1500)
    model = fit_trees(x, y, NAMES, {**TREES, "learning_rate": 0.3}, seed=0, rounds=400, validation=make(1500, 5))
    assert model.rounds < 100


@pytest.mark.parametrize("l1_ratio", [0.3, 1.0])
def test_an_elastic_net_ends_where_no_coefficient_can_move(l1_ratio: float) -> None:
    x, y = make(900, 8)
    w = np.random.default_rng(1).uniform(0.2, 2.0, len(y))
    everybody = [np.ones(len(y), bool)]
    c = 0.01
    model, _ = fit_linear_members(x, y, NAMES, everybody, weight=w, c=c, l1_ratio=l1_ratio, balanced=False)
    z, b = model.standardise(x), model.coefficients
    slope = c * z.T @ (w * (expit(z @ b + model.intercept) - y)) + (1 - l1_ratio) * b
    free = b != 0
    assert model.converged and free.any() and not free.all()
    np.testing.assert_allclose(slope[free], -l1_ratio * np.sign(b[free]), atol=1e-4)
    assert np.abs(slope[~free]).max() <= l1_ratio + 1e-4
    assert abs(w @ (expit(z @ b + model.intercept) - y)) < 1e-2


def test_a_path_ends_where_each_fit_alone_ends() -> None:
    x, y = make(900, 8)
    settings = [(0.02, 0.0, False), (0.02, 0.5, True), (0.1, 0.5, False)]
    for each, (c, l1_ratio, balanced) in zip(fit_linear_path(x, y, NAMES, settings), settings, strict=True):
        alone = fit_linear(x, y, NAMES, c=c, l1_ratio=l1_ratio, balanced=balanced)
        np.testing.assert_allclose(each.log_odds(x), alone.log_odds(x), atol=5e-3)


def test_a_level_of_a_window_is_not_learned_as_what_its_rows_have_in_common() -> None:
    """Two windows, three times as many buyers in one, and a feature by which a model knows the window."""
    x, _ = make(4000)
    window = np.arange(4000) % 2
    x[:, 2] = window + 0.01 * x[:, 2]
    odds = true_odds(x) + np.where(window == 1, 1.5, 0.0)
    y = (np.random.default_rng(1).random(4000) < expit(odds)).astype(float)
    halves = [np.arange(4000) % 4 < 2, np.arange(4000) % 4 >= 2]
    apart = []
    for level, known in ((None, None), (np.where(window == 1, 0.75, -0.75), window)):
        _, trees = grow_trees(x, y, NAMES, TREES | {"rounds": 80}, halves, level=level, seed=1)
        _, linear = fit_linear_members(x, y, NAMES, halves, window=known, c=0.1, l1_ratio=0.0, balanced=False)
        rest = true_odds(x)[window == 1].mean() - true_odds(x)[window == 0].mean()
        apart += [odds[window == 1].mean() - odds[window == 0].mean() - rest for odds in (trees, linear)]
    assert min(apart[:2]) > 0.8
    assert max(np.abs(apart[2:])) < 0.25

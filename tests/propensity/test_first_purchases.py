"""Opponents for first purchases, and what undated fields cost: planted truths come back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix

from icp_xl.config import load_settings
from icp_xl.propensity.data import DivisionData
from icp_xl.propensity.first_purchases import (
    ORDERS,
    OURS,
    compare_orders,
    ease_weights,
    likeness,
    neighbour_weights,
)
from icp_xl.propensity.inputs import choose_inputs
from icp_xl.propensity.undated import cost_of_undated
from tests.support.divisions import make_division


def test_the_closed_form_is_the_ridge_regression_of_each_code_on_the_others() -> None:
    rng = np.random.default_rng(0)
    x = (rng.random((60, 7)) < 0.4).astype(float)
    found = ease_weights(csr_matrix(x), 3.0)
    for j in range(7):
        others = [k for k in range(7) if k != j]
        a = x[:, others]
        expected = np.linalg.solve(a.T @ a + 3.0 * np.eye(6), a.T @ x[:, j])
        np.testing.assert_allclose(found[others, j], expected, atol=1e-9)
    assert np.diag(found).tolist() == [0.0] * 7


def test_neighbours_are_the_nearest_by_cosine() -> None:
    x = csr_matrix(np.array([[1, 1, 0], [1, 1, 0], [0, 1, 1], [1, 0, 0]], float))
    found = neighbour_weights(x, 1)
    assert found[:, 0].tolist() == [0.0, pytest.approx(2 / 3), 0.0]
    assert found[0, 2] == 0.0


def test_likeness_finds_who_buys_what_goes_together() -> None:
    rng = np.random.default_rng(1)
    taste = rng.integers(0, 2, 400)
    codes = np.zeros((400, 40))
    for i, t in enumerate(taste):
        own = np.arange(0, 10) if t == 0 else np.arange(20, 30)
        codes[i, rng.choice(own, 5, replace=False)] = 1.0
        codes[i, rng.choice(np.arange(10, 20) if t == 0 else np.arange(30, 40), 2, replace=False)] = 1.0
    member = np.zeros((40, 2), bool)
    member[10:20, 0] = member[30:, 1] = True
    for scores in likeness(csr_matrix(codes), member).values():
        assert (scores[taste == 0, 0].min(), scores[taste == 1, 1].min()) > (
            scores[taste == 1, 0].max(), scores[taste == 0, 1].max())  # fmt: skip


def test_the_table_counts_first_purchases_in_the_first_tenth() -> None:
    n = 1000
    label = np.zeros(n)
    label[:50] = 1
    pairs = pd.DataFrame({"account_id": np.arange(n) % 200, "label": label, OURS: label, "popularity": 0.0})
    found = compare_orders(pairs, resamples=100, seed=1).set_index("order")
    assert set(found.index) == {OURS, "popularity"} <= set(ORDERS)
    assert found.loc[OURS, "captured"] == 1.0
    # A tie falls by chance, whatever the order of the rows.
    assert found.loc["popularity", "captured"] == pytest.approx(0.1, abs=0.08)
    assert found.loc["popularity", "ahead_low"] > 0.5
    assert (found["pairs"] == n).all()
    assert (found["first_purchases"] == 50).all()


def test_what_an_undated_field_would_add_is_told() -> None:
    settings = load_settings(environ={}, overrides={"train.bootstrap": 100})
    data, _ = make_division(1200, 3)

    def less(data: DivisionData) -> DivisionData:
        return replace(
            data, cutoffs=tuple(replace(c, features=c.features.drop(columns="ctx_industry")) for c in data.cutoffs)
        )

    # Industry is drawn anew at each cutoff here, so that of the last one is what today's table says.
    last = data.cutoffs[-1]
    names = choose_inputs(less(data).cutoffs, settings.train, settings.leakage).names
    owner = np.where(last.label == 1, "Key accounts", "Others")  # assigned after the win
    today = last.features.assign(ctx_owner=owner, acct_printers=np.random.default_rng(0).random(len(owner)))
    found = cost_of_undated(less(data), today, names, settings, seed=1)
    assert found is not None
    assert set(found.fields) == {"ctx_industry", "ctx_owner", "acct_printers"}
    assert 0.2 < found.without < 0.9
    assert f"PR-AUC {found.without:.3f} without" in found.in_words()
    assert "owner" in found.in_words()
    assert cost_of_undated(less(data), last.features.drop(columns="ctx_industry"), names, settings, seed=1) is None

"""Industry weights: planted differences come out, noise does not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from icp_xl.config.scoring import ScoringSettings
from icp_xl.scoring.industry_weights import compute_industry_weights

NO_STRATEGY = ScoringSettings(strategic_share=0.0)


def make(effects: dict[str, float], sizes: dict[str, int], seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    rows = [
        (name, np.expm1(max(0.0, rng.normal(9 + effects[name], 1.5)))) for name, n in sizes.items() for _ in range(n)
    ]
    return pd.DataFrame(rows, columns=["industry", "total_revenue"])


def test_planted_order_is_recovered() -> None:
    effects = {"Low": -1.5, "Mid": 0.0, "High": 1.5}
    found = compute_industry_weights(make(effects, dict.fromkeys(effects, 200), 1), {}, NO_STRATEGY)
    assert found.table["industry"].tolist() == ["High", "Mid", "Low"]
    assert found.reliability > 0.9


def test_few_accounts_have_little_say() -> None:
    data = make({"Big": 1.0, "Other": 0.0, "Third": -0.5}, {"Big": 300, "Other": 300, "Third": 300}, 2)
    lucky = pd.DataFrame({"industry": ["Tiny"], "total_revenue": [np.expm1(11.0)]})
    table = compute_industry_weights(pd.concat([data, lucky]), {}, NO_STRATEGY).table.set_index("industry")
    assert table.loc["Tiny", "performance"] > table.loc["Big", "performance"]
    assert table.loc["Tiny", "weight"] < table.loc["Big", "weight"]
    assert table.loc["Tiny", "evidence"] < 0.5 < table.loc["Big", "evidence"]


def test_no_difference_gives_nearly_no_weight() -> None:
    spreads = []
    for seed in range(40):
        data = make(dict.fromkeys("ABCDEF", 0.0), dict.fromkeys("ABCDEF", 60), seed)
        table = compute_industry_weights(data, {}, NO_STRATEGY).table
        spreads.append(table["weight"].max() - table["weight"].min())
    planted = make(dict(zip("ABCDEF", np.linspace(-1, 1, 6), strict=True)), dict.fromkeys("ABCDEF", 60), 1)
    clear = compute_industry_weights(planted, {}, NO_STRATEGY).table["weight"]
    assert np.median(spreads) < 0.3 < clear.max() - clear.min()


def test_tiers_are_blended_and_unseen_tiers_listed() -> None:
    data = make({"A": 0.0, "B": 0.0}, {"A": 50, "B": 50}, 3)
    data["total_revenue"] = 1000.0
    found = compute_industry_weights(data, {"a": "1", "Moon": "3"}, ScoringSettings(strategic_share=0.4))
    table = found.table.set_index("industry")
    assert table.loc["A", "weight"] == pytest.approx(0.6 * 0.5 + 0.4 * 1.0)
    assert table.loc["B", "weight"] == pytest.approx(0.5)
    assert table.loc["Moon", "weight"] == pytest.approx(0.6 * 0.5 + 0.4 * 0.4)
    assert table.loc["Moon", "accounts"] == 0
    assert found.prior == pytest.approx((table.loc["A", "weight"] + table.loc["B", "weight"]) / 2)


@pytest.mark.parametrize("industries", [[], ["A"], [None, None], ["A", "B"]])
def test_degenerate_inputs_are_neutral(industries: list[str | None]) -> None:
    data = pd.DataFrame({"industry": pd.Series(industries, dtype=object), "total_revenue": [5.0] * len(industries)})
    found = compute_industry_weights(data, {}, NO_STRATEGY)
    assert (found.table["weight"] == 0.5).all()
    assert found.prior == 0.5

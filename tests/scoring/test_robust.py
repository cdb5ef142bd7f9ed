"""No account's own figures move others more than an ordinary account's do."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from icp_xl.config.scoring import ScoringSettings
from icp_xl.scoring.accounts import score_accounts
from icp_xl.scoring.choose import choose_components
from icp_xl.scoring.industry_weights import compute_industry_weights
from icp_xl.scoring.measures import SalesHistory
from icp_xl.scoring.model import ScoreModel
from icp_xl.scoring.robust import ordinary_weights, robust_maximum, robust_range

EVEN = dict.fromkeys(("vertical", "size", "adoption", "relationship"), 0.25)
MONEY = ["hardware_revenue", "consumable_revenue", "software_revenue"]


def population(n: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng([n, seed])
    industry = rng.integers(0, 8, n)
    level = rng.normal(0, 0.7, 8)[industry]
    frame = pd.DataFrame(
        {
            "account_id": [f"A{i:04d}" for i in range(n)], "account_name": "x", "region": None, "rep": None,
            "industry": [None if k == 7 else f"I{k}" for k in industry],
            "annual_revenue": np.exp(rng.normal(16, 2, n)), "printers": rng.poisson(1.5, n).astype(float),
            **{name: np.exp(rng.normal(8, 1.3, n) + level) * (rng.random(n) < 0.5) for name in MONEY},
            "service_revenue": 0.0, "gross_profit": 0.0,
        }
    )  # fmt: skip
    return frame.assign(total_revenue=frame[MONEY].sum(axis=1))


def fitted(accounts: pd.DataFrame) -> ScoreModel:
    return score_accounts(accounts, {}, EVEN, ScoringSettings()).model


@pytest.mark.parametrize("n", [60, 100, 300])
@pytest.mark.parametrize("change", ["all", "negative", "new industry", "unknown industry"])
def test_an_account_beyond_all_others_has_no_influence_at_all(n: int, change: str) -> None:
    for seed in range(4):
        accounts = population(n, seed)
        row = accounts.iloc[[seed]].assign(account_id="NEW")
        row[MONEY] = 5_000.0 * accounts[MONEY].max().to_numpy() * (-1.0 if change == "negative" else 1.0)
        row["printers"] = 5_000.0
        if "industry" in change:
            row["industry"] = "Of its own" if change == "new industry" else None
        row["total_revenue"] = row[MONEY].sum(axis=1)
        before, after = fitted(accounts), fitted(pd.concat([accounts, row], ignore_index=True))
        # Sums of floats depend on their order in the last bit.
        np.testing.assert_allclose(
            after.score(accounts).raw_score, before.score(accounts).raw_score, rtol=0, atol=1e-14
        )


@pytest.mark.parametrize("odd", ["annual_revenue", "printers", *MONEY])
def test_an_account_with_one_odd_figure_does_not_lend_its_others(odd: str) -> None:
    most, ordinary = [], []
    for seed in range(12):
        accounts = population(100, seed)
        row = population(101, seed + 50).iloc[[seed]].assign(account_id="NEW")
        before = fitted(accounts).score(accounts).raw_score
        for found in (ordinary, most):
            after = fitted(pd.concat([accounts, row], ignore_index=True))
            found.append(float(np.abs(after.score(accounts).raw_score - before).max()))
            row[odd] = 5_000.0 * max(accounts[odd].max(), 1.0)
            row["total_revenue"] = row[MONEY].sum(axis=1)
    assert max(most) < 0.01 and max(ordinary) > 0.03, (most, ordinary)


@pytest.mark.parametrize("others", [[], [5.0], [5.0, 9.0], [5.0, 9.0, 900.0], [3.0, 3.0, 3.0, 3.0]])
def test_the_few_that_have_an_amount_keep_their_scale(others: list[float]) -> None:
    before = robust_maximum([0.0, *others], 0.99)
    after = robust_maximum([0.0, *others, 1e12], 0.99)
    assert after == before or not others


def test_a_cluster_of_great_amounts_is_no_oddity_and_two_odd_ones_do_not_vouch_for_each_other() -> None:
    rng = np.random.default_rng(3)
    many = np.concatenate([rng.lognormal(3, 0.3, 60), rng.lognormal(12, 0.3, 40)])
    assert (ordinary_weights(many) == 1.0).all()
    odd = np.concatenate([rng.lognormal(3, 0.3, 60), [1e9, 1e9, 2e9]])
    assert ordinary_weights(odd)[-3:].tolist() == [0.0, 0.0, 0.0]


def test_a_straight_scale_is_not_stretched_by_one_number() -> None:
    rng = np.random.default_rng(4)
    numbers = rng.normal(50, 10, 60)
    for odd in (1e9, -1e9):
        assert robust_range([*numbers, odd], 0.99) == robust_range(numbers, 0.99)
    flags = np.repeat([0.0, 1.0], 20)
    assert robust_range([*flags, 1e9], 0.99) == (0.0, 1.0)
    assert robust_range([], 0.99) == robust_range([np.nan], 0.99) == (0.0, 0.0)


def log(rows: list[tuple[str, str, str, float]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["date", "account_id", "sku", "revenue"])
    return frame.assign(date=pd.to_datetime(frame["date"]), division="D", category=None, product=frame["sku"])


def test_one_line_years_after_all_others_does_not_age_them() -> None:
    rows = [(f"2023-{1 + i % 12:02d}-15", f"A{i % 30}", "s", 10.0) for i in range(120)]
    plain, odd = SalesHistory.of(log(rows)), SalesHistory.of(log([*rows, ("2025-06-01", "A3", "s", 10.0)]))
    assert odd.as_of == plain.as_of == pd.Timestamp("2023-12-16")
    assert not plain.warning and "1 sales line" in odd.warning and "2023-12-15" in odd.warning
    few = [row for row in rows if row[1] in ("A0", "A1")]
    assert SalesHistory.of(log([*few, ("2025-06-01", "A0", "s", 10.0)])).as_of == pd.Timestamp("2025-06-02")


def test_one_great_purchase_does_not_change_the_preset() -> None:
    months = pd.date_range("2022-01-03", periods=24, freq="MS").strftime("%Y-%m-%d")
    rows = [(month, f"A{i}", f"plan {i % 3}", 10.0 + i) for i in range(30) for month in months[i % 9 :]]
    ids = [f"A{i}" for i in range(31)]
    accounts = pd.DataFrame({"account_id": ids, "industry": None, "annual_revenue": np.nan, "printers": np.nan})
    accounts = accounts.assign(hardware_revenue=0.0, consumable_revenue=0.0, software_revenue=0.0, total_revenue=1.0)
    for extra in ([], [("2023-12-01", "A30", "yacht", 1e9)]):
        choice = choose_components(accounts, SalesHistory.of(log([*rows, *extra])), ScoringSettings(), {})
        assert choice.preset == "subscription", extra


def test_industries_of_noise_stay_near_neutral_and_tell_nobody_apart() -> None:
    settings, over = ScoringSettings(strategic_share=0.0), 0
    for seed in range(60):
        rng = np.random.default_rng([5, seed])
        industry = rng.choice([f"I{k}" for k in range(9)], 200)
        revenue = np.exp(rng.normal(9, 1.5, 200)) * (rng.random(200) < 0.6)
        found = compute_industry_weights(pd.DataFrame({"industry": industry, "total_revenue": revenue}), {}, settings)
        weights = found.table["data_weight"]
        over += weights.max() - weights.min() > 0.2 + 1e-9
        assert found.believed or weights.between(0.4, 0.6).all()
    assert over <= 3

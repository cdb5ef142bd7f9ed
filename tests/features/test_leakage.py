"""Nothing at or after the cutoff can change a bit of a feature; the order of the log neither."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from icp_xl.features.build import build_feature_sets
from icp_xl.tables.star_build import build_star
from tests.support.messy_lines import messy_assets, messy_lines
from tests.support.sales_lines import build_settings, make_lines

CUTOFFS = (dt.date(2025, 3, 1), dt.date(2025, 6, 17))
SLOW = settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def features(lines: pd.DataFrame, cutoff: dt.date, assets: pd.DataFrame | None = None) -> list[pd.DataFrame]:
    """Features and rules of two divisions of the log, and of one that its codes define."""
    chosen = build_settings(
        **{
            "build.as_of": "2028-01-01",
            "build.divisions": ["Printers", "Software"],
            "labels.target_skus": {"Codes": ["Pr-1", "So-2"]},
            "features.basket_min_accounts": 3,
        }
    )
    star = build_star(lines, chosen, assets=assets).star
    sets = list(build_feature_sets(star, ["Printers", "Software", "Codes"], [cutoff], chosen))
    return [found.frame for found in sets] + [found.rules for found in sets]


def same(one: list[pd.DataFrame], two: list[pd.DataFrame]) -> None:
    for a, b in zip(one, two, strict=True):
        pd.testing.assert_frame_equal(a, b, check_exact=True)


@SLOW
@given(
    seed=st.integers(0, 10_000), cutoff=st.sampled_from(CUTOFFS), how=st.sampled_from(["delete", "scramble", "double"])
)
def test_the_future_leaves_features_bit_identical(seed: int, cutoff: dt.date, how: str) -> None:
    lines = make_lines(seed)
    future = lines["date"] >= pd.Timestamp(cutoff)
    draw = np.random.default_rng(seed)
    changed = lines.copy()
    if how == "delete":
        changed = lines[~future]
    elif how == "scramble":
        for name in ("account_id", "revenue", "quantity", "gross_profit"):
            changed.loc[future, name] = draw.permutation(changed.loc[future, name].to_numpy())
    else:
        changed = pd.concat([lines, lines[future].assign(revenue=lambda f: f["revenue"] * 9, invoice="again")])
    same(features(changed, cutoff), features(lines, cutoff))


@settings(SLOW, max_examples=3)
@given(seed=st.integers(0, 10_000))
def test_a_future_like_no_other_changes_nothing_either(seed: int) -> None:
    """New divisions, codes, spellings and accounts, fees, returns, garbage, and assets that start later."""
    cutoff = CUTOFFS[1]
    lines, assets = messy_lines(seed, [cutoff]), messy_assets(seed, [cutoff])
    past = lines[lines["date"] < pd.Timestamp(cutoff)]
    later = messy_lines(seed + 1, [cutoff])
    later = later[later["date"] >= pd.Timestamp(cutoff)]
    odd = later.iloc[:30].assign(division="PRINTERS", sku="pr-1", product="Another name", revenue=-1e9, invoice="C1")
    new = later.iloc[:30].assign(division="3D-Scan!", sku="POST-1", account_id="A999", revenue=1e11)
    # Codes that the log names only later, of assets that are there before.
    assets = pd.concat(
        [assets, assets.iloc[:5].assign(sku="PR-77", division=None, start_date=pd.Timestamp("2024-01-01"))]
    )
    new = pd.concat([new, new.iloc[:3].assign(sku="Pr-77", division="Printers")])
    known = pd.to_datetime(assets["start_date"]) < pd.Timestamp(cutoff)
    unborn = messy_assets(seed + 1, [cutoff]).assign(start_date=pd.Timestamp(cutoff), division="Later")
    other = pd.concat([assets[known], unborn], ignore_index=True)
    found = features(pd.concat([later, odd, past, new], ignore_index=True), cutoff, other)
    same(found, features(lines, cutoff, assets[known]))


@SLOW
@given(seed=st.integers(0, 10_000))
def test_the_order_of_the_log_does_not_matter(seed: int) -> None:
    lines = make_lines(seed)
    same(features(lines.sample(frac=1.0, random_state=seed), CUTOFFS[1]), features(lines, CUTOFFS[1]))


def test_the_past_does_matter() -> None:
    lines = make_lines(3)
    doubled = features(lines.assign(revenue=lines["revenue"] * 2), CUTOFFS[0])
    with pytest.raises(AssertionError):
        same(doubled, features(lines, CUTOFFS[0]))


def test_boundary_rows_land_on_the_stated_side() -> None:
    cutoff = dt.date(2025, 6, 1)
    rows = {"2025-06-01": 1000.0, "2025-03-01": 100.0, "2025-02-28": 10.0, "2024-06-01": 1.0}
    base = make_lines(0, n=len(rows)).assign(
        date=pd.to_datetime(list(rows)),
        revenue=list(rows.values()),
        quantity=1.0,
        account_id="A00",
        division="Printers",
    )
    other = make_lines(1)
    other = other[(other["account_id"] != "A00") & (other["date"] < pd.Timestamp(cutoff))]
    found = features(pd.concat([base, other], ignore_index=True), cutoff)[0].loc["A00"]
    assert found["all_revenue_3m"] == 100.0  # [2025-03-01, 2025-06-01)
    assert found["all_revenue_6m"] == 110.0
    assert found["all_revenue_12m"] == 111.0  # 2024-06-01 is its first day
    assert found["all_recency_days"] == (cutoff - dt.date(2025, 3, 1)).days

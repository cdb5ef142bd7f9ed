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
from tests.support.sales_lines import build_settings, make_lines

CUTOFFS = (dt.date(2025, 3, 1), dt.date(2025, 6, 17))
SLOW = settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def features(lines: pd.DataFrame, cutoff: dt.date) -> list[pd.DataFrame]:
    """Features and rules of two divisions."""
    chosen = build_settings()
    star = build_star(lines, chosen).star
    sets = list(build_feature_sets(star, ["Printers", "Software"], [cutoff], chosen))
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

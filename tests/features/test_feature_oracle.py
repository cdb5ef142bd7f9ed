"""The features of the build against a slow oracle that shares no code with them."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from icp_xl.config import Settings
from icp_xl.errors import ConfigError
from icp_xl.features.build import build_feature_sets
from icp_xl.features.model import FeatureSet
from icp_xl.tables.star_build import build_star
from tests.support.feature_oracle import oracle_features
from tests.support.messy_lines import messy_assets, messy_customers, messy_lines
from tests.support.sales_lines import build_settings

#: A month's start, a month's last day (windows clamp to shorter months), and a day inside a month.
CUTOFFS = (dt.date(2024, 7, 1), dt.date(2025, 3, 31), dt.date(2025, 8, 17))
WANTED = ("Printers", "Software", "Scanner codes")


def small_settings(**more: object) -> Settings:
    return build_settings(
        **{
            "labels.target_skus": {"Scanner codes": ["3d-1", "SO-2", "se-0", "nothing"]},
            "features.basket_min_accounts": 3,
            "build.as_of": "2028-01-01",
            # Here every field is a feature; what may be one in the past has tests of its own.
            "features.stable_fields": [
                "country",
                "state",
                "city",
                "region",
                "industry",
                "segment",
                "owner",
                "annual_revenue",
                "printers",
                "subscription",
                "expiry",
            ],
            "features.installed_base": [],
            **more,
        }
    )


def agree(found: FeatureSet, expected: dict[str, dict[str, object]]) -> None:
    assert sorted(found.frame.columns) == sorted(expected)
    for name, values in expected.items():
        column = found.frame[name]
        assert list(column.index) == sorted(values), name
        listed = [values[account] for account in column.index]
        if name in found.categories:
            assert [None if value != value else value for value in column] == listed, name
        else:
            np.testing.assert_allclose(
                column.to_numpy(), np.asarray(listed, dtype=float), rtol=1e-9, atol=1e-9, err_msg=name
            )


@pytest.mark.parametrize(
    ("seed", "cutoffs", "divisions", "more"),
    [
        (1, CUTOFFS, WANTED, {}),
        (2, CUTOFFS[:2], WANTED[:1], {"features.winsor_quantile": 0.8, "features.assets_missing_start": "impute"}),
        (3, CUTOFFS[1:], WANTED[2:], {"features.winsor_quantile": 1.0, "features.basket_prior": 0.0,
                                      "features.basket_months": 5}),
        (4, CUTOFFS[::2], WANTED[1:2], {"features.windows": [1, 6, 30], "features.assets_expiry_days": [1, 30],
                                        "features.assets_rollup": "sku"}),
        (5, CUTOFFS[:1], WANTED[:1], {"features.use_assets": False, "features.use_basket": False,
                                      "build.duplicates": "keep"}),
    ],
)  # fmt: skip
def test_every_feature_agrees_with_the_oracle(
    seed: int, cutoffs: tuple[dt.date, ...], divisions: tuple[str, ...], more: dict[str, object]
) -> None:
    chosen = small_settings(**more)
    lines, customers, assets = messy_lines(seed, cutoffs), messy_customers(seed), messy_assets(seed, cutoffs)
    star = build_star(lines, chosen, customers=customers, assets=assets).star
    sets = list(build_feature_sets(star, divisions, cutoffs, chosen))
    assert len(sets) == len(divisions) * len(cutoffs)
    for found in sets:
        expected, caps, rules = oracle_features(lines, customers, assets, found.division, found.cutoff, chosen)
        agree(found, expected)
        listed = found.catalog.set_index("name")
        assert listed["cap_high"].notna().sum() == len(caps)
        for name, (low, high) in caps.items():
            np.testing.assert_allclose(listed.loc[name, ["cap_low", "cap_high"]].astype(float), (low, high), atol=1e-9)
        agree_rules(found, rules)


def agree_rules(found: FeatureSet, expected: list[dict[str, object]]) -> None:
    key = ["kind", "item"]
    got = found.rules.assign(item=found.rules["item"].str.upper()).set_index(key).sort_index()
    want = pd.DataFrame(expected, columns=[*key, "accounts", "owners", "support", "confidence", "lift"])
    want = want.assign(item=want["item"].str.upper()).set_index(key).sort_index()
    assert list(got.index) == list(want.index)
    for name in want.columns:
        np.testing.assert_allclose(got[name].astype(float), want[name].astype(float), atol=1e-9, err_msg=name)


EDGES = [
    ("2025-08-16 23:59:59", ("3m", "6m", "12m", "24m"), 1),
    ("2025-08-17 00:00:00", (), None),
    ("2025-05-17 00:00:00", ("3m", "6m", "12m", "24m"), 92),
    ("2025-05-16 23:59:59", ("6m", "12m", "24m"), 93),
    ("2025-02-17 00:00:00", ("6m", "12m", "24m"), 181),
    ("2025-02-16 23:59:59", ("12m", "24m"), 182),
    ("2024-08-17 00:00:00", ("12m", "24m"), 365),
    ("2024-08-16 23:59:59", ("24m",), 366),
    ("2023-08-17 00:00:00", ("24m",), 731),
    ("2023-08-16 23:59:59", (), 732),
]


@pytest.mark.parametrize(("moment", "windows", "recency"), EDGES)
def test_a_row_on_a_boundary_lands_on_the_stated_side(
    boundary_features: pd.DataFrame, moment: str, windows: tuple[str, ...], recency: int | None
) -> None:
    if recency is None:
        assert moment not in boundary_features.index  # at the cutoff: nothing is known of the account yet
        return
    row = boundary_features.loc[moment]
    assert row["all_recency_days"] == row["own_recency_days"] == row["life_tenure_days"] == recency
    for name in ("all_revenue", "own_revenue", "all_lines", "own_lines", "all_days", "div_skus"):
        assert {w for w in ("3m", "6m", "12m", "24m") if row[f"{name}_{w}"]} == set(windows), name
    assert bool(row[[f"season_q{q}_share_24m" for q in (1, 2, 3, 4)]].sum()) == ("24m" in windows)
    assert bool(row["all_active_months_12m"]) == ("12m" in windows)


@pytest.fixture(scope="module")
def boundary_features() -> pd.DataFrame:
    """Features of accounts with a single line each; an account is named by the moment of its line."""
    moments = [moment for moment, *_ in EDGES]
    lines = messy_lines(1, CUTOFFS, n=len(EDGES)).iloc[: len(EDGES)].assign(
        date=pd.to_datetime(moments), account_id=moments, division="Printers", sku="P-1", revenue=10.0,
        gross_profit=1.0, quantity=1.0, invoice="I1")  # fmt: skip
    chosen = small_settings(**{"features.winsor_quantile": 1.0})
    return next(build_feature_sets(build_star(lines, chosen).star, ["Printers"], [CUTOFFS[2]], chosen)).frame


def test_an_asset_on_a_boundary_lands_on_the_stated_side() -> None:
    cutoff = CUTOFFS[2]
    cases = {  # expiry in days from the cutoff: expires within 30, within 60 days
        -1: (0, 0), 0: (1, 1), 29: (1, 1), 30: (0, 1), 59: (0, 1), 60: (0, 0),
    }  # fmt: skip
    names = [f"expires {days:+d}" for days in cases]
    lines = messy_lines(1, CUTOFFS, n=len(cases)).iloc[: len(cases)]
    lines = lines.assign(account_id=names, date=pd.Timestamp("2025-01-01"), revenue=1.0, invoice="I1", sku="P-1")
    known = pd.DataFrame({"account_id": names, "sku": None, "division": "Printers", "subscription": True,
        "start_date": pd.Timestamp("2024-01-01"),
        "expiry_date": [pd.Timestamp(cutoff) + pd.Timedelta(days=days) for days in cases]})  # fmt: skip
    assets = pd.concat([known, known.assign(start_date=pd.Timestamp(cutoff)), known.assign(account_id="stranger")])
    chosen = small_settings(**{"features.use_basket": False, "features.winsor_quantile": 1.0})
    star = build_star(lines, chosen, assets=assets).star
    found = next(build_feature_sets(star, ["Printers"], [cutoff], chosen)).frame
    for name, (days, (in_30, in_60)) in zip(names, cases.items(), strict=True):
        row = found.loc[name]
        assert row["assets_active_printers"] == 1.0  # one that starts on the cutoff is not known yet
        assert (row["assets_expiring_30d_printers"], row["assets_expiring_60d_printers"]) == (in_30, in_60), days
        assert row["assets_subs_share_printers"] == float(days >= 0)


def test_rollups_that_look_alike_keep_their_own_columns() -> None:
    lines = messy_lines(1, CUTOFFS).assign(account_id="A00")
    assets = pd.DataFrame({"account_id": "A00", "sku": ["X-1", "X.1", "X.1"], "start_date": pd.Timestamp("2024-01-01")})
    chosen = small_settings(**{"features.use_basket": False, "features.assets_rollup": "sku"})
    star = build_star(lines, chosen, assets=assets).star
    found = next(build_feature_sets(star, ["Printers"], [CUTOFFS[2]], chosen))
    assert found.frame.columns.is_unique
    assert found.frame.loc["A00", ["assets_active_x_1", "assets_active_x_1_2"]].tolist() == [1.0, 2.0]


def test_a_division_of_codes_must_not_take_the_file_names_of_another() -> None:
    chosen = small_settings(**{"labels.target_skus": {"Printers!": ["pr-1"]}})
    star = build_star(messy_lines(1, CUTOFFS), chosen).star
    with pytest.raises(ConfigError, match="share their file names"):
        next(build_feature_sets(star, ["Printers"], [CUTOFFS[2]], chosen))

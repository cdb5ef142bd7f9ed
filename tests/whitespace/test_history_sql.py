"""What a pair bought before the cutoff: against a slow count, and blind to everything after it."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd

from icp_xl.config.whitespace import WhitespaceSettings
from icp_xl.sql import whitespace as sql
from icp_xl.sql.star import SCALE
from icp_xl.tables.star import Star, open_engine
from icp_xl.tables.star_build import build_star
from icp_xl.tables.star_calendar import to_day
from icp_xl.whitespace.value import compute_value
from tests.support.sales_lines import build_settings, make_lines

CUTOFF, START = dt.date(2025, 6, 17), dt.date(2024, 6, 17)
WINDOW = 92
SETTINGS = build_settings()


def history(star: Star) -> pd.DataFrame:
    with open_engine(star, SETTINGS) as engine:
        return pd.DataFrame(engine.fetch(sql.pair_history(to_day(START), to_day(CUTOFF), WINDOW)))


def test_history_against_a_slow_count_and_blind_to_the_future() -> None:
    lines = make_lines(3)
    star = build_star(lines, SETTINGS).star
    found = history(star)
    known = lines[lines["date"] < pd.Timestamp(CUTOFF)]
    pd.testing.assert_frame_equal(found, history(build_star(known, SETTINGS).star))
    accounts = star.customers.set_index("account_key")["account_id"]
    divisions = star.divisions.set_index("division_key")["division"]
    assert len(found) == known.groupby(["account_id", "division"]).ngroups
    for row in found.iloc[::7].to_dict("records"):
        mine = known[
            (known["account_id"] == accounts[row["account_key"]])
            & (known["division"] == divisions[row["division_key"]])
        ]
        sold, recent = mine[mine["revenue"] > 0], mine[mine["date"] >= pd.Timestamp(START)]
        assert row["revenue"] / SCALE == np.round(recent["revenue"].sum(), 4)
        if len(sold):
            assert row["last_day"] == to_day(sold["date"].max().date())
            assert row["first_day"] == to_day(sold["date"].min().date())
        days = recent.loc[recent["revenue"] > 0, "date"].dt.normalize().nunique()
        assert row["n_days"] == days
        on = recent.loc[recent["revenue"] > 0, "date"]
        assert row["n_windows"] == len({(to_day(CUTOFF) - 1 - to_day(moment.date())) // WINDOW for moment in on})


def test_expected_value_knows_nothing_of_the_future() -> None:
    """The same to the last bit when everything after the cutoff is another account's, another sum, or gone."""
    lines = make_lines(5)
    later = (lines["date"] >= pd.Timestamp(CUTOFF)).to_numpy()
    scrambled = lines.copy()
    scrambled.loc[later, "account_id"] = lines.loc[later, "account_id"].to_numpy()[::-1]
    scrambled.loc[later, "revenue"] = lines.loc[later, "revenue"] * 7.0
    values = [expected(build_star(each, SETTINGS).star) for each in (lines, scrambled, lines[~later])]
    assert later.any() and values[0].sum() > 0.0
    assert values[0].equals(values[1]) and values[0].equals(values[2])


def expected(star: Star) -> pd.Series[float]:
    """What each pair brings in a window in which it buys, by account and division."""
    found = history(star)
    found["account_id"] = found["account_key"].map(star.customers.set_index("account_key")["account_id"])
    found["division"] = found["division_key"].map(star.divisions.set_index("division_key")["division"])
    found = found.assign(
        segment="", value_own=found["revenue"] / SCALE, days_own=found["n_days"] * 1.0,
        windows_own=found["n_windows"] * 1.0,
    )  # fmt: skip
    found["account_value"] = found.groupby("account_id")["value_own"].transform("sum")
    value = compute_value(found, WhitespaceSettings(), 3)
    return pd.Series(value, index=pd.MultiIndex.from_frame(found[["account_id", "division"]])).sort_index()


def test_the_evidence_is_the_owned_code_with_the_highest_lift() -> None:
    lines = make_lines(4)
    star = build_star(lines, SETTINGS).star
    keys = star.products.set_index("sku")["sku_key"]
    division = int(star.divisions["division_key"].iloc[0])
    lifts = {sku: 1.0 + i / 10 for i, sku in enumerate(sorted(keys.index))}
    spoken = pd.DataFrame(
        {"sku_key": [keys[s] for s in lifts], "division_key": division,
         "lift_e9": [round(v * 10**9) for v in lifts.values()]}
    ).astype(np.int64)  # fmt: skip
    with open_engine(star, SETTINGS) as engine:
        engine.view_frame("spoken", spoken)
        found = pd.DataFrame(engine.fetch(sql.best_evidence(to_day(START), to_day(CUTOFF))))
    accounts = star.customers.set_index("account_key")["account_id"]
    window = lines[
        (lines["date"] >= pd.Timestamp(START)) & (lines["date"] < pd.Timestamp(CUTOFF)) & (lines["revenue"] > 0)
    ]
    best = window.groupby("account_id")["sku"].agg(lambda codes: max(codes, key=lambda code: lifts[code]))
    assert len(found) == len(best)
    for row in found.to_dict("records"):
        assert row["sku_key"] == keys[best[accounts[row["account_key"]]]]

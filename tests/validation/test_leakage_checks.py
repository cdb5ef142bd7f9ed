"""The leakage check: every planted leak is caught, an honest build passes, and each action does what it says."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from icp_xl.config.build import LeakageSettings
from icp_xl.features.build import build_feature_sets
from icp_xl.labels.build import build_labels
from icp_xl.pipeline.models.leakage_checks import LeakageResult, comparable
from icp_xl.propensity.data import CutoffData, join_labels
from icp_xl.tables.star_build import build_star
from icp_xl.validation.leakage_checks import (
    AFTER_THE_FACT,
    NAMED,
    PLANTED,
    PLANTED_NAMES,
    SHIFTED,
    TOO_GOOD,
    best_auc,
    change_after_the_fact,
    changed_features,
    examine,
    missed_plants,
    plant,
    scramble_future,
)
from tests.support.divisions import make_division, shuffled
from tests.support.sales_lines import build_settings, make_lines

GUARD = LeakageSettings()
CUTOFF = dt.date(2025, 6, 1)


def test_every_planted_leak_is_caught() -> None:
    data, _ = make_division(1200, 1)
    now = data.cutoffs[-1]
    other = shuffled(data, 3).cutoffs[-1]
    assert len(PLANTED) + len(PLANTED_NAMES) >= 10
    assert missed_plants(now, "Test", GUARD, 5, other) == []


def test_most_are_caught_by_looking_alone() -> None:
    data, _ = make_division(1200, 2)
    found = examine(plant(data.cutoffs[-1], 1), "Test", GUARD)
    caught = set(found.loc[found["leak"], "feature"])
    assert len(caught & {*PLANTED, *PLANTED_NAMES}) >= 10
    assert caught <= {*PLANTED, *PLANTED_NAMES}


def test_an_honest_division_passes() -> None:
    data, _ = make_division(1500, 3)
    found = examine(data.cutoffs[-1], "Test", GUARD, data.cutoffs[-2])
    assert {TOO_GOOD, SHIFTED} <= set(found["check"])
    assert not found["leak"].any()


def test_what_was_filled_in_later_is_found_by_shifting() -> None:
    data, _ = make_division(1500, 4)
    earlier, now = data.cutoffs[-2:]
    rng = np.random.default_rng(0)
    half = np.where(rng.random(len(now.label)) < 0.7, now.label, rng.integers(0, 2, len(now.label))).astype(float)
    late = replace(now, features=now.features.assign(filled_later=half))
    before = replace(earlier, features=earlier.features.assign(filled_later=rng.random(len(earlier.label))))
    found = examine(late, "Test", GUARD, before)
    assert found.loc[found["leak"], ["check", "feature"]].to_numpy().tolist() == [[SHIFTED, "filled_later"]]


def test_names_give_themselves_away() -> None:
    data, _ = make_division(300, 5)
    named = replace(data.cutoffs[0], features=data.cutoffs[0].features.assign(bought_in_window=0.0))
    found = examine(named, "Test", GUARD)
    assert found.loc[found["check"] == NAMED, "feature"].tolist() == ["bought_in_window"]


def test_absence_can_give_away_too() -> None:
    label = np.array([0, 0, 1, 1])
    assert best_auc(pd.Series([np.nan, np.nan, 1.0, 1.0]), label) == 1.0
    assert best_auc(pd.Series([1.0, 1.0, 1.0, 1.0]), label) == 0.5


@pytest.mark.parametrize("how", ["scramble", "delete", "double"])
def test_a_build_that_is_honest_does_not_move_with_the_future(how: str) -> None:
    settings = build_settings()
    star = build_star(make_lines(1, n=900, accounts=60), settings).star

    def datas(schema: object) -> CutoffData:
        [found] = build_feature_sets(schema, ["Printers"], [CUTOFF], settings)  # type: ignore[arg-type]
        return join_labels(CUTOFF, found.frame, build_labels(schema, "Printers", CUTOFF, settings))  # type: ignore[arg-type]

    one, two = datas(star), datas(scramble_future(star, CUTOFF, 1, how))
    assert changed_features(one.features, two.features) == []
    if how == "scramble":
        assert (one.label != two.label).any()


@pytest.mark.parametrize(("action", "sound"), [("drop", True), ("report", True), ("refuse", False)])
def test_what_the_actions_do(action: str, sound: bool) -> None:
    found = pd.DataFrame({"check": [NAMED], "feature": ["won_flag"], "leak": [True]})
    result = LeakageResult(found, 15, (), action)
    assert result.leaks == ["won_flag"]
    assert result.sound is sound
    assert not LeakageResult(found, 15, ("the_label",), action).sound


@pytest.mark.parametrize("name", ["share_labels_12m", "share_next_day_parts_24m", "assets_active_won", "all_lines_24m"])
def test_a_division_may_be_called_anything(name: str) -> None:
    data, _ = make_division(600, 6)
    now = replace(data.cutoffs[-1], features=data.cutoffs[-1].features.assign(**{name: 1.0}))
    assert not examine(now, "Labels", GUARD)["leak"].any()


@pytest.mark.parametrize(("begun", "told"), [(0.0, False), (0.4, False), (0.6, True)])
def test_a_division_that_began_midway_is_not_held_against_the_time_before(begun: float, told: bool) -> None:
    data, _ = make_division(1200, 6)
    now, earlier = data.cutoffs[-1], data.cutoffs[-2]
    owned = np.arange(len(now.label)) < 200
    now = replace(now, features=pd.DataFrame({"own_ever": owned.astype(float), "own_lines": 0.8 * now.label}))
    others = np.arange(len(earlier.label)) < 200 * begun
    earlier = replace(earlier, features=pd.DataFrame({"own_ever": others.astype(float), "own_lines": 0.0}))
    found = examine(now, "New", GUARD, comparable(now, earlier))
    assert (found["check"] == SHIFTED).any() is np.bool_(told)


def test_a_log_without_gross_profit_passes_as_well() -> None:
    data, _ = make_division(1200, 1)
    now, other = (
        replace(each, gross_profit=0.0 * each.revenue) for each in (data.cutoffs[-1], shuffled(data, 3).cutoffs[-1])
    )
    assert missed_plants(now, "Test", GUARD, 5, other) == []


def test_every_change_after_the_fact_is_prevented_or_caught() -> None:
    lines = make_lines(5, n=1500, accounts=120)
    ids = sorted(lines["account_id"].dropna().unique())
    rng = np.random.default_rng(0)
    customers = pd.DataFrame(
        {"account_id": ids, "industry": "Dental", "region": rng.choice(["West", "East"], len(ids)),
         "rep": rng.choice(["Ana", "Bo"], len(ids)), "segment": None, "country": "US", "state": "NY",
         "annual_revenue": 1e7, "printers": rng.integers(1, 9, len(ids)).astype(float)}
    )  # fmt: skip
    assets = pd.DataFrame({"account_id": ids, "sku": "P-1", "division": "Printers", "quantity": 1.0,
                           "start_date": pd.Timestamp("2024-05-01"), "expiry_date": pd.Timestamp("2025-07-01"),
                           "subscription": False})  # fmt: skip

    def moved(*stable: str) -> list[str]:
        settings = build_settings(**{"features.stable_fields": list(stable), "features.installed_base": []})
        star = build_star(lines, settings, customers=customers, assets=assets).star
        buyers = set(ids[::2])
        one, two = (
            next(build_feature_sets(each, ["Printers"], [CUTOFF], settings)).frame
            for each in (star, change_after_the_fact(star, buyers))
        )
        return changed_features(one, two)

    assert moved("country") == []
    # Called stable, each kind gives itself away; a status is never read.
    told = {
        "owner": "ctx_owner", "annual_revenue": "acct_annual_revenue", "printers": "acct_printers",
        "industry": "ctx_industry", "region": "ctx_region", "segment": "ctx_segment", "state": "ctx_state",
    }  # fmt: skip
    assert set(told.values()) <= set(moved(*told))
    assert [name for name in moved("expiry") if name.startswith("assets_expiring")]
    assert [name for name in moved("subscription", "expiry") if "subs" in name]
    assert len(AFTER_THE_FACT) == len(told) + len(("status", "renewal", "subscription"))

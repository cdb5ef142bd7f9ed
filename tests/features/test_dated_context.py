"""What the customers table says is a feature of the past only as it was filed by then."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from icp_xl.config import Settings
from icp_xl.features.build import build_feature_sets, build_features, frame_checksum
from icp_xl.pipeline.models.history import FIELDS
from icp_xl.tables.dated import TableHistory
from icp_xl.tables.star import Star
from icp_xl.tables.star_build import build_star
from tests.support.sales_lines import build_settings, make_lines

CUTOFF = dt.date(2025, 3, 1)
FILED = dt.date(2025, 1, 15)
TODAY = dt.date(2026, 2, 1)


def given(**more: object) -> tuple[Star, Settings]:
    chosen = build_settings(**{"features.use_basket": False, **more})
    lines = make_lines(5, n=1500)
    ids = sorted(lines["account_id"].dropna().unique())
    rng = np.random.default_rng(0)
    customers = pd.DataFrame(
        {
            "account_id": ids, "account_name": ids, "industry": rng.choice(["Dental", "Aero"], len(ids)),
            "region": rng.choice(["West", "East"], len(ids)), "rep": rng.choice(["Ana", "Bo"], len(ids)),
            "country": rng.choice(["US", "CA"], len(ids)), "segment": None,
            "annual_revenue": rng.gamma(2.0, 1e7, len(ids)), "printers": rng.integers(0, 9, len(ids)).astype(float),
        }
    )  # fmt: skip
    assets = pd.DataFrame(
        {
            "account_id": ids, "sku": "P-1", "division": "Printers", "start_date": pd.Timestamp("2024-05-01"),
            "expiry_date": pd.Timestamp("2025-04-01"), "subscription": rng.random(len(ids)) < 0.5, "quantity": 1.0,
        }
    )  # fmt: skip
    return build_star(lines, chosen, customers=customers, assets=assets).star, chosen


def filed(star: Star) -> Star:
    history = TableHistory().add(star.customers[list(FIELDS)], FILED)
    assets = star.assets.drop(columns=["account_key", "product"], errors="ignore")
    return replace(star, filed={"customers": history, "assets": TableHistory().add(assets, FILED)})


def bought(star: Star) -> np.ndarray[Any, Any]:
    """Accounts that bought in the month after the cutoff: what any change after the fact would tell of."""
    facts, start = star.facts, (CUTOFF - dt.date(1970, 1, 1)).days
    assert isinstance(facts, pd.DataFrame)
    later = facts[facts["day"].between(start, start + 29) & (facts["kind"] == 1)]
    found = star.customers["account_id"].isin(later["account_id"]).to_numpy()
    assert 0.2 < found.mean() < 0.9
    return found


#: A change that somebody makes in the table once a sale has been made, per kind of field.
AFTER: dict[str, Callable[[pd.DataFrame, np.ndarray[Any, Any]], pd.DataFrame]] = {
    "owner": lambda t, won: t.assign(rep=np.where(won, "Key accounts", t["rep"])),
    "revenue": lambda t, won: t.assign(annual_revenue=np.where(won, t["annual_revenue"] * 3, t["annual_revenue"])),
    "installed base": lambda t, won: t.assign(printers=t["printers"] + won),
    "industry": lambda t, won: t.assign(industry=np.where(won, t["industry"], None)),
    "region": lambda t, won: t.assign(region=np.where(won, "Strategic", t["region"])),
    "segment": lambda t, won: t.assign(segment=np.where(won, "Customer", "Prospect")),
    "status": lambda t, won: t.assign(status=np.where(won, "Active", "Churned")),
    "removed": lambda t, won: t[won],
    "emptied": lambda t, won: t.assign(**dict.fromkeys(("industry", "region", "rep", "annual_revenue", "printers"))),
    "scrambled": lambda t, won: t.assign(account_id=t["account_id"].sample(frac=1.0, random_state=1).to_numpy()),
}


@pytest.mark.parametrize("history", [False, True])
@pytest.mark.parametrize("kind", [*AFTER, "subscription", "renewal"])
def test_changes_after_the_cutoff_change_no_bit(kind: str, history: bool) -> None:
    star, chosen = given()
    star = filed(star) if history else star
    before = build_features(star, "Printers", CUTOFF, chosen).frame
    if kind in AFTER:
        table = star.customers
        # The country does not move: it is what the settings call stable.
        changed = AFTER[kind](table, bought(star))
        if kind in ("removed", "scrambled"):
            changed = changed.assign(country="US")
            before = build_features(
                replace(star, customers=table.assign(country="US")), "Printers", CUTOFF, chosen
            ).frame
        keys = dict(zip(table["account_id"], table["account_key"], strict=True))
        missing = table[~table["account_id"].isin(changed["account_id"])][["account_id", "account_key"]]
        changed = pd.concat([changed.assign(account_key=changed["account_id"].map(keys)), missing])
        changed = changed.assign(country=changed["country"].fillna("US")) if kind == "removed" else changed
        other = replace(star, customers=changed.sort_values("account_id", ignore_index=True))
    elif kind == "subscription":
        other = replace(star, assets=star.assets.assign(subscription=True))
    else:
        other = replace(star, assets=star.assets.assign(expiry_day=star.assets["expiry_day"] + 365))
    after = build_features(other, "Printers", CUTOFF, chosen).frame
    assert frame_checksum(before) == frame_checksum(after)


@pytest.mark.parametrize("history", [False, True])
def test_leaving_the_table_tells_nothing_of_the_accounts_that_left(history: bool) -> None:
    """Customers who have stopped to buy are archived; to have no country would be to have stopped."""
    star, chosen = given()
    before = build_features(star, "Printers", CUTOFF, chosen).frame
    left = np.arange(len(star.customers)) % 3 == 0
    fields = {name: star.customers[name].mask(left) for name in FIELDS[1:]}
    archived = star.customers.assign(**fields, known_from=np.where(left, "sales log", "customers"))
    other = replace(star, customers=archived)
    if history:  # Filed once before the accounts left, if after the cutoff.
        first = TableHistory().add(star.customers[list(FIELDS)], TODAY)
        other = replace(other, filed={"customers": first.add(archived.loc[~left, list(FIELDS)], dt.date(2026, 3, 1))})
    after = build_features(other, "Printers", CUTOFF, chosen).frame
    assert "ctx_country" in before
    expected = before if history else before.drop(columns="ctx_country")
    assert frame_checksum(after) == frame_checksum(expected)


def test_a_field_is_known_from_its_filing_on() -> None:
    star, chosen = given()
    bare = build_features(star, "Printers", CUTOFF, chosen).frame
    assert {name for name in bare if name.startswith(("ctx_", "acct_"))} == {"ctx_country"}
    assert not [name for name in bare if name.startswith(("assets_expiring", "assets_subs", "assets_on"))]
    dated = filed(star)
    known = build_features(dated, "Printers", CUTOFF, chosen).frame
    assert {"ctx_owner", "ctx_industry", "acct_annual_revenue", "acct_printers", "assets_expiring_60d_printers"} <= set(
        known
    )
    assert known["assets_expiring_60d_printers"].sum() > 0
    early = build_features(dated, "Printers", dt.date(2024, 12, 1), chosen).frame
    assert "ctx_owner" not in early
    # Only where accounts are scored as of today, today's table is what is known.
    day = star.observed_through
    assert "ctx_owner" not in build_features(star, "Printers", day, chosen).frame
    today = next(build_feature_sets(star, ["Printers"], [day], chosen, today=day)).frame
    assert {"ctx_owner", "acct_printers"} <= set(today)


def test_the_installed_base_follows_the_log() -> None:
    star, chosen = given(**{"features.installed_base": ["Printers"], "features.winsor_quantile": 1.0})
    key = star.divisions.set_index("division")["division_key"]["Printers"]
    facts = star.facts
    assert isinstance(facts, pd.DataFrame)
    facts = facts[(facts["division_key"] == key) & (facts["kind"] != 0)]

    def sold(start: dt.date, end: dt.date) -> pd.Series[Any]:
        inside = facts["day"].between((start - dt.date(1970, 1, 1)).days, (end - dt.date(1970, 1, 1)).days - 1)
        return facts[inside].groupby("account_id")["quantity"].sum().round()

    base = star.customers.set_index("account_id")["printers"]
    found = build_features(filed(star), "Printers", CUTOFF, chosen).frame["acct_printers"]
    expected = base.add(sold(FILED, CUTOFF), fill_value=0.0)
    assert found.to_dict() == expected.reindex(found.index).to_dict()
    stable = build_settings(**{"features.use_basket": False, "features.stable_fields": ["printers"],
                               "features.winsor_quantile": 1.0})  # fmt: skip
    rolled = build_features(star, "Printers", CUTOFF, stable).frame["acct_printers"]
    expected = base.sub(sold(CUTOFF, star.observed_through), fill_value=0.0)
    assert rolled.to_dict() == expected.reindex(rolled.index).to_dict()

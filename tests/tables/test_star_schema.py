"""The star schema: every line once, keys that hold, returns with the sale before them, and breaches that are listed."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from icp_xl.runs import file_digest
from icp_xl.tables.star import Star, open_star
from icp_xl.tables.star_build import StarBuild, build_star
from icp_xl.tables.star_files import StarTarget
from tests.support.line_oracle import fold, given, read_lines
from tests.support.messy_lines import messy_assets, messy_customers, messy_lines
from tests.support.sales_lines import build_settings

CUTOFF = dt.date(2025, 3, 31)
SETTINGS = build_settings(**{"build.as_of": "2028-01-01"})


@pytest.fixture(scope="module")
def made() -> tuple[pd.DataFrame, StarBuild]:
    lines = messy_lines(31, [CUTOFF], n=400)
    return lines, build_star(lines, SETTINGS, customers=messy_customers(31), assets=messy_assets(31, [CUTOFF]))


def facts_of(star: Star) -> pd.DataFrame:
    assert isinstance(star.facts, pd.DataFrame)
    return star.facts


def test_every_line_is_there_once_with_what_it_says(made: tuple[pd.DataFrame, StarBuild]) -> None:
    lines, built = made
    facts = facts_of(built.star)
    assert built.read == len(lines) == built.kept + sum(built.reasons.values())
    assert facts["line_id"].is_unique
    assert len(facts) == built.kept == len(lines.drop(columns="source_row").drop_duplicates())
    expected = sorted(
        (line.account, line.day, line.division, line.sku or "", line.sale, line.revenue)
        for line in read_lines(lines, SETTINGS)
    )
    goods = facts[facts["kind"] != 0]
    found = sorted(
        (row.account_id, row.moment.date(), row.division, fold(row.sku), row.kind == 1, round(row.revenue_e4 / 1e4, 2))
        for row in goods.itertuples()
    )
    assert [row[:5] for row in found] == [row[:5] for row in expected]
    np.testing.assert_allclose([row[5] for row in found], [float(row[5]) for row in expected])


def test_every_key_leads_to_one_row_of_its_dimension(made: tuple[pd.DataFrame, StarBuild]) -> None:
    star = made[1].star
    facts = facts_of(star)
    accounts = star.customers.set_index("account_key")["account_id"]
    assert accounts.index.is_unique
    assert (facts["account_key"].map(accounts) == facts["account_id"]).all()
    products = star.products.set_index("sku_key")
    assert products.index.is_unique
    coded = facts[facts["sku_key"] != 0]
    assert (coded["sku_key"].map(products["sku"]) == coded["sku"]).all()
    assert (facts.loc[facts["sku_key"] == 0, "sku"] == "").all()
    names = star.divisions.set_index("division_key")["division"]
    goods = facts[facts["kind"] != 0]
    assert (goods["division_key"].map(names) == goods["division"]).all()
    assert (facts.loc[facts["kind"] == 0, "division_key"] == 0).all()
    owned = star.assets[star.assets["account_key"] != 0]
    assert (owned["account_key"].map(accounts) == owned["account_id"]).all()
    strangers = star.assets[star.assets["account_key"] == 0]
    assert len(strangers)
    assert not set(strangers["account_id"]) & set(accounts)


def test_keys_hang_on_names_alone() -> None:
    lines = messy_lines(32, [CUTOFF], n=80)
    few, all_ = (build_star(part, SETTINGS).star for part in (lines.iloc[:40], lines))
    for table, name, key in (("customers", "account_id", "account_key"), ("products", "fold", "sku_key")):
        one, two = (getattr(star, table).set_index(name)[key] for star in (few, all_))
        assert one.equals(two.reindex(one.index))


def test_a_return_belongs_to_the_latest_sale_before_it(made: tuple[pd.DataFrame, StarBuild]) -> None:
    star = made[1].star
    facts = facts_of(star)
    goods = facts[(facts["kind"] != 0) & (facts["sku_key"] != 0)]
    expected = {}
    for row in goods[goods["kind"] == -1].itertuples():
        same = goods[(goods["account_id"] == row.account_id) & (goods["sku"] == row.sku) & (goods["kind"] == 1)]
        before = same[same["moment"] <= row.moment].sort_values(["moment", "line_id"])
        expected[row.line_id] = before["line_id"].iloc[-1] if len(before) else None
    found = dict(zip(star.returns["return_line_id"], star.returns["sale_line_id"], strict=True))
    assert {key: None if pd.isna(value) else int(value) for key, value in found.items()} == expected
    assert any(value is not None for value in expected.values())
    sale = star.returns["sale_line_id"].notna()
    assert (star.returns.loc[sale, "sold"] <= star.returns.loc[sale, "returned"]).all()
    assert (star.returns.loc[~sale, "matched"] == "no earlier sale").all()


@pytest.mark.parametrize(
    ("returned", "matched"), [(-5.0, "whole line"), (-2.0, "part of a line"), (-9.0, "more than that line")]
)
def test_how_much_of_a_sale_came_back(returned: float, matched: str) -> None:
    base = messy_lines(1, [CUTOFF], n=1).iloc[:1].assign(
        account_id="A", sku="P-1", division="Printers", gross_profit=None)  # fmt: skip
    sale = base.assign(date=pd.Timestamp("2025-01-05"), quantity=5.0, revenue=50.0, invoice="I1", source_row=2)
    later = base.assign(date=pd.Timestamp("2025-01-09"), quantity=5.0, revenue=60.0, invoice="I2", source_row=4)
    back = base.assign(date=pd.Timestamp("2025-01-07"), quantity=returned, revenue=-9.0, invoice="C1", source_row=3)
    found = build_star(pd.concat([later, back, sale]), SETTINGS).star.returns
    assert found[["matched", "sold", "returned_quantity"]].to_numpy().tolist() == [
        [matched, pd.Timestamp("2025-01-05"), -returned]
    ]


def test_breaches_of_the_dimensions_are_listed_by_row(made: tuple[pd.DataFrame, StarBuild]) -> None:
    built = made[1]
    assets = built.star.assets
    listed = built.violations[built.violations["table"] == "fact_assets"]
    strangers = np.flatnonzero(assets["account_key"] == 0) + 1
    turned = np.flatnonzero(assets["expiry_day"] < assets["start_day"]) + 1
    assert sorted(listed.loc[listed["reason"] == "account is in no table", "row"]) == strangers.tolist()
    assert sorted(listed.loc[listed["reason"] == "expiry before start", "row"].unique()) == turned.tolist()
    assert (listed["severity"] == "warning").all()
    rule = next(contract for contract in built.contracts if contract.table == "fact_assets")
    assert (rule.broken, rule.status) == (len({*strangers, *turned}), "warning")
    customers = messy_customers(31).assign(annual_revenue=-1.0)
    broken = build_star(made[0], SETTINGS, customers=customers).violations
    assert set(broken.loc[broken["column"] == "annual_revenue", "row"]) <= set(range(1, 60))
    assert (broken["column"] == "annual_revenue").sum() == len(customers)


def test_the_files_on_disk_are_the_star_in_memory(made: tuple[pd.DataFrame, StarBuild], tmp_path: Path) -> None:
    lines, built = made

    def place(name: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    written = build_star(
        lines, SETTINGS, customers=messy_customers(31), assets=messy_assets(31, [CUTOFF]), target=StarTarget(place)
    )
    star = open_star(tmp_path)
    assert (star.first_day, star.last_day, star.observed_until) == (
        built.star.first_day, built.star.last_day, built.star.observed_until)  # fmt: skip
    for name in ("customers", "products", "divisions", "assets", "returns"):
        pd.testing.assert_frame_equal(
            getattr(star, name), getattr(built.star, name), check_dtype=False, check_index_type=False
        )
    facts = pd.concat([pd.read_parquet(path) for path in star.facts], ignore_index=True)
    pd.testing.assert_frame_equal(facts[facts_of(built.star).columns], facts_of(built.star), check_dtype=False)
    body = star.manifest
    assert body["rows"] == written.kept == sum(part["rows"] for part in body["partitions"])
    for entry in body["tables"].values():
        assert entry["sha256"] == file_digest(tmp_path / "curated" / "star" / entry["file"])
    for part, path in zip(body["partitions"], star.facts, strict=True):
        months = pd.read_parquet(path)["moment"].dt.strftime("%Y%m")
        assert set(months) == {str(part["ym"])}
        assert part["rows"] == len(months)


def test_spaces_around_texts_are_no_part_of_them() -> None:
    lines = messy_lines(33, [CUTOFF], n=60)
    codes = lines["sku"].map(lambda sku: f" {sku} " if given(sku) else "  ")
    padded = lines.assign(account_id="  " + lines["account_id"] + " ", sku=codes)
    one, two = (facts_of(build_star(part, SETTINGS).star) for part in (lines, padded))
    pd.testing.assert_frame_equal(one, two)


@pytest.mark.parametrize("gap", [None, float("nan"), pd.NA, pd.NaT])
def test_a_blank_cell_in_any_column_is_a_gap(gap: object) -> None:
    """Readers leave each of these where a cell is blank; a flag that nobody gave is not set."""
    customers, assets = messy_customers(31), messy_assets(31, [CUTOFF])
    before = build_star(messy_lines(31, [CUTOFF], n=60), SETTINGS, customers=customers, assets=assets).star
    blank = {}
    for name, table in (
        ("customers", customers.assign(do_not_contact=True)),
        ("assets", assets.assign(subscription=True)),
    ):
        blank[name] = table.astype(object)
        blank[name].loc[table.index[0], table.columns.difference(["account_id"])] = gap
    star = build_star(messy_lines(31, [CUTOFF], n=60), SETTINGS, **blank).star
    assert len(star.assets) == len(before.assets) and (~star.assets["subscription"]).sum() == 1
    unset = star.customers[~star.customers["do_not_contact"] & (star.customers["known_from"] != "sales log")]
    assert list(unset["account_id"]) == [customers["account_id"].iloc[0].strip()]

"""The published wholesaler's log as it is: what the cleaning report says of it is what is known of it."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from icp_xl.config import Settings, load_settings
from icp_xl.pipeline.models.build import BuildResult, build
from icp_xl.runs import start_run

#: The log's own headers under our names; nothing else is told, and nothing is cleaned by hand.
COLUMNS = {
    "date": "InvoiceDate", "account_id": "CustomerID", "sku": "StockCode", "product": "Description",
    "quantity": "Quantity", "revenue": "= [Quantity] * [UnitPrice]", "invoice": "InvoiceNo", "country": "Country",
}  # fmt: skip
DIVISIONS = ("Bags", "Christmas", "Garden", "Home", "Jewellery", "Kitchen", "Lighting", "Stationery", "Toys")
CUTOFFS = (dt.date(2011, 6, 1), dt.date(2011, 9, 1))


def online_retail(shared_data: Path, out: Path, **more: object) -> Settings:
    folder = shared_data / "online-retail"
    return load_settings(
        environ={},
        overrides={
            "paths.data": str(folder),
            "sources.accept_losses": True,  # A quarter of its lines names no customer.
            "paths.out": str(out),
            "sources.sales": {"file": "online_retail.parquet"},
            "sources.customers": {"ignore": True},
            "columns": {"sales": COLUMNS},
            "build.sku_map": str(folder / "sku_divisions.csv"),
            **more,
        },
    )


@pytest.fixture(scope="module")
def built(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[BuildResult, Path]:
    out = tmp_path_factory.mktemp("online_retail")
    chosen = online_retail(
        shared_data,
        out,
        **{
            "build.cutoffs": [str(cutoff) for cutoff in CUTOFFS],
            "build.window_months": 3,
            "build.divisions": list(DIVISIONS),
            "features.use_als": False,
            "features.winsor_quantile": 1.0,
        },
    )
    with start_run("build", chosen) as run:
        result = build(run)
    assert result is not None
    return result, out


def test_the_cleaning_report_counts_what_is_known_of_the_log(built: tuple[BuildResult, Path]) -> None:
    report = pd.read_csv(built[1] / "cleaning_report.csv", encoding="utf-8-sig").set_index("found")["count"]
    known = {
        "lines": 541_909,
        "no account": 135_080,  # 25 %
        "cancellations": 9_288,
        "cancellations without a sign": 0,
        "other negative quantity": 1_336,
        "exact duplicates": 5_268,
        "accounts in several places": 8,
        "days missing at the end of the last month": 22,  # the log ends on 2011-12-09
        "no date": 0,
    }
    assert {name: int(report[name]) for name in known} == known
    assert report["fee lines"] > 2_000
    assert report["respelled codes"] > 2_000
    assert report["return lines with an earlier sale"] > 0.85 * report["return lines"]


def test_every_line_of_the_log_is_kept_or_left_out_for_a_reason(built: tuple[BuildResult, Path]) -> None:
    star = built[0].star
    assert star.read == star.kept + sum(star.reasons.values()) == 541_909
    # A duplicate without an account is left out once, as one without an account.
    assert star.reasons == {"exact duplicate": 5_225, "no account": 135_080}
    contracts = {contract.rule: contract.broken for contract in star.contracts}
    assert contracts["every line names an account"] == 135_080
    assert star.star.observed_through.isoformat() == "2011-12-10"
    assert any("last month is partial" in text for text in star.warnings)
    assert any("135,080 of 541,909 sales lines (25%) name no account" in text for text in star.warnings)


def test_the_map_gives_all_but_a_few_lines_one_of_nine_divisions(built: tuple[BuildResult, Path]) -> None:
    star = built[0].star.star
    assert star.division_names == [*DIVISIONS, "Unmapped"]
    assert any("belong to no division" in text for text in built[0].star.warnings)
    products = star.products
    assert products["fold"].is_unique
    assert products.loc[products["division"].isna() & ~products["is_fee"], "lines"].sum() == 20
    assert len(star.customers) == 4_372


@pytest.fixture(scope="module")
def goods(shared_data: Path) -> pd.DataFrame:
    """The lines that count, cleaned in a few lines of pandas."""
    folder = shared_data / "online-retail"
    raw = pd.read_parquet(folder / "online_retail.parquet").drop_duplicates()
    raw = raw[raw["CustomerID"].notna()]
    divisions = pd.read_csv(folder / "sku_divisions.csv", dtype=str)
    by_code = dict(zip(divisions["sku"].str.upper(), divisions["division"], strict=True))
    code = raw["StockCode"].str.upper()
    fees = code.isin(load_settings(environ={}).build.fee_skus) | code.str.startswith("GIFT_")
    frame = pd.DataFrame(
        {
            "account": raw["CustomerID"].astype("int64").astype(str),
            "day": raw["InvoiceDate"].dt.normalize(),
            "division": code.map(by_code).fillna("Unmapped"),
            "code": code,
            "revenue": raw["Quantity"] * raw["UnitPrice"],
            "sale": ~raw["InvoiceNo"].str.startswith("C") & (raw["Quantity"] > 0),
        }
    )
    return frame[~(fees & ~code.isin(list(by_code)))]


def test_labels_of_nine_divisions_are_those_of_a_plain_group_by(
    built: tuple[BuildResult, Path], goods: pd.DataFrame
) -> None:
    folder = built[1] / "curated" / "labels"
    for cutoff in CUTOFFS:
        start, end = pd.Timestamp(cutoff), pd.Timestamp(cutoff) + pd.DateOffset(months=3)
        known = sorted(goods.loc[(goods["day"] < start) & goods["sale"], "account"].unique())
        inside = goods[(goods["day"] >= start) & (goods["day"] < end)]
        for division in DIVISIONS:
            lines = inside[inside["division"] == division].groupby("account")
            bought = (lines["sale"].any() & (lines["revenue"].sum().round(4) > 0)).reindex(known, fill_value=False)
            found = pd.read_parquet(folder / f"labels_{division.lower()}_{cutoff}.parquet").set_index("account_id")
            assert list(found.index) == known
            assert found["label"].astype(bool).equals(bought.astype(bool).rename_axis("account_id").rename("label"))
            assert found["label"].sum() > 20
            assert not found["censored"].any()


def test_features_of_nine_divisions_are_those_of_a_plain_group_by(
    built: tuple[BuildResult, Path], goods: pd.DataFrame
) -> None:
    folder = built[1] / "curated" / "features"
    for cutoff in CUTOFFS:
        start = pd.Timestamp(cutoff)
        past = goods[goods["day"] < start]
        year = past[past["day"] >= start - pd.DateOffset(months=12)]
        sales = past[past["sale"]]
        known = sorted(sales["account"].unique())
        common = {
            "all_recency_days": (start - sales.groupby("account")["day"].max()).dt.days,
            "life_tenure_days": (start - sales.groupby("account")["day"].min()).dt.days,
            "all_days_ever": sales.groupby("account")["day"].nunique(),
            "all_revenue_12m": year.groupby("account")["revenue"].sum(),
            "div_skus_12m": year[year["sale"]].groupby("account")["code"].nunique(),
            "div_count_ever": sales.groupby("account")["division"].nunique(),
        }
        for division in DIVISIONS:
            found = pd.read_parquet(folder / f"features_{division.lower()}_{cutoff}.parquet").set_index("account_id")
            assert list(found.index) == known
            own = year[year["division"] == division].groupby("account")
            for name, values in {
                **common,
                "own_revenue_12m": own["revenue"].sum(),
                "own_lines_12m": own["sale"].sum(),
            }.items():
                expected = values.reindex(known, fill_value=0).to_numpy(dtype=float)
                np.testing.assert_allclose(found[name], expected, atol=1e-6, err_msg=f"{name}, {division}, {cutoff}")

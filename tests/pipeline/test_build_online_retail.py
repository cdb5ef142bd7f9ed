"""The published wholesaler's log as it is: what the cleaning report says of it is what is known of it."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from icp_xl.config import Settings, load_settings
from icp_xl.pipeline.build import BuildResult, build
from icp_xl.runs import start_run

#: The log's own headers under our names; nothing else is told, and nothing is cleaned by hand.
COLUMNS = {
    "date": "InvoiceDate", "account_id": "CustomerID", "sku": "StockCode", "product": "Description",
    "quantity": "Quantity", "revenue": "= [Quantity] * [UnitPrice]", "invoice": "InvoiceNo", "country": "Country",
}  # fmt: skip


def online_retail(shared_data: Path, out: Path, **more: object) -> Settings:
    folder = shared_data / "online-retail"
    return load_settings(
        environ={},
        overrides={
            "paths.data": str(folder),
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
    with start_run("build", online_retail(shared_data, out)) as run:
        result = build(run, staging_only=True)
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
    assert star.division_names == [
        "Bags", "Christmas", "Garden", "Home", "Jewellery", "Kitchen", "Lighting", "Stationery", "Toys", "Unmapped",
    ]  # fmt: skip
    assert any("belong to no division" in text for text in built[0].star.warnings)
    products = star.products
    assert products["fold"].is_unique
    assert products.loc[products["division"].isna() & ~products["is_fee"], "lines"].sum() == 20
    assert len(star.customers) == 4_372

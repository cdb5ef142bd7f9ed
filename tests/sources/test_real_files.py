"""Published files that nobody here made, read as they are, through the settings that the docs show."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest

from icp_xl.config import load_settings
from icp_xl.errors import IcpError
from icp_xl.sources import open_book, read_sources

pytestmark = pytest.mark.shared

MAVEN = """
paths: {data: "%s"}
sources:
  customers: {file: accounts.csv, multiply: {annual_revenue: 1000000}}
  sales:
    file: sales_pipeline.csv
    where: {deal_stage: Won}
    joins:
      - {key: product, file: products.csv, take: series}
  opportunities: {file: sales_pipeline.csv}
columns:
  customers: {account_name: account, industry: sector, annual_revenue: revenue, country: office_location}
  sales:
    date: close_date
    account_name: account
    division: series
    product: product
    sku: product
    revenue: close_value
    rep: sales_agent
    invoice: opportunity_id
    category: '= "software licence"'
"""
REGIONAL = """
paths: {data: "%s"}
sources:
  customers: {file: US_Regional_Sales_Data.xlsx, sheet: Customers Sheet}
  sales:
    file: US_Regional_Sales_Data.xlsx
    sheet: Sales Orders Sheet
    joins:
      - {key: _CustomerID, sheet: Customers Sheet}
      - {key: _ProductID, sheet: Products Sheet}
      - {key: _SalesTeamID, sheet: Sales Team Sheet}
columns:
  sales:
    date: OrderDate
    account_id: _CustomerID
    account_name: Customer Names
    division: Sales Channel
    sku: _ProductID
    product: Product Name
    quantity: Order Quantity
    revenue: "= [Order Quantity] * [Unit Price] * (1 - [Discount Applied])"
    gross_profit: "= [Order Quantity] * ([Unit Price] * (1 - [Discount Applied]) - [Unit Cost])"
    rep: Sales Team
    invoice: OrderNumber
    category: '= "consumable"'
"""


def _settings(folder: Path, text: str, data: Path):  # type: ignore[no-untyped-def]
    (folder / "icp_xl.yaml").write_text(text % data.as_posix(), encoding="utf-8")
    return load_settings(folder / "icp_xl.yaml", environ={})


def test_maven_crm_through_a_mapping(shared_data: Path, tmp_path: Path) -> None:
    sources = read_sources(_settings(tmp_path, MAVEN, shared_data / "maven-crm"))
    with open(shared_data / "maven-crm" / "sales_pipeline.csv", encoding="utf-8") as handle:
        deals = list(csv.DictReader(handle))
    won = [deal for deal in deals if deal["deal_stage"] == "Won"]
    assert sources.sales is not None and sources.customers is not None and sources.opportunities is not None
    assert len(sources.sales.frame) == len(won) == 4238
    assert sources.sales.frame["revenue"].sum() == sum(float(deal["close_value"]) for deal in won)
    # GTXPro in the pipeline is GTX Pro in the list of products.
    assert sources.sales.frame["division"].notna().all()
    assert sources.customers.frame["annual_revenue"].iloc[0] == pytest.approx(1100.04e6)
    assert sources.customers.frame["industry"].iloc[0] == "technolgy"
    assert len(sources.opportunities.frame) == len(deals) - 1425


def test_one_workbook_that_holds_both_sources(shared_data: Path, tmp_path: Path) -> None:
    sources = read_sources(_settings(tmp_path, REGIONAL, shared_data / "regional-sales"))
    assert sources.sales is not None and sources.customers is not None
    frame = sources.sales.frame
    book = openpyxl.load_workbook(
        shared_data / "regional-sales" / "US_Regional_Sales_Data.xlsx", read_only=True, data_only=True
    )
    rows = list(book["Sales Orders Sheet"].iter_rows(min_row=2, values_only=True))
    names = {row[0]: row[1].strip() for row in book["Customers Sheet"].iter_rows(min_row=2, values_only=True)}
    assert len(frame) == len(rows) == 7991
    assert np.allclose(frame["revenue"], [row[12] * row[14] * (1 - row[13]) for row in rows])
    assert frame["date"].tolist() == [pd.Timestamp(row[4]) for row in rows]
    assert frame["account_name"].tolist() == [" ".join(names[row[9]].split()) for row in rows]
    assert len(sources.customers.frame) == 50


def test_a_parquet_log_of_half_a_million_lines(shared_data: Path, tmp_path: Path) -> None:
    text = """
paths: {data: "%s"}
sources: {sales: {file: online_retail.parquet}}
columns:
  sales:
    account_id: CustomerID
    account_name: CustomerID
    sku: StockCode
    product: Description
    revenue: "= [Quantity] * [UnitPrice]"
"""
    sales = read_sources(_settings(tmp_path, text, shared_data / "online-retail")).sales
    frame = pd.read_parquet(shared_data / "online-retail" / "online_retail.parquet")
    assert sales is not None and sales.rows_read == len(frame) == 541_909
    assert sales.rows_read == len(sales.frame) + len(sales.dropped)
    assert sales.frame["revenue"].sum() == pytest.approx((frame["Quantity"] * frame["UnitPrice"]).sum())
    assert sales.frame["account_id"].nunique() == 4_372
    assert sales.frame["account_id"].dropna().str.fullmatch(r"\d{5}").all()


def test_every_odd_workbook_is_read_or_refused_with_words(shared_data: Path) -> None:
    """A sample of the corpus; ``tests/benchmarks/read_corpus.py`` reads all of it, with time and memory."""
    files = sorted(path for path in (shared_data / "workbooks").iterdir() if path.is_file())
    refused = []
    for path in files[::9]:
        try:
            book = open_book(path)
            for sheet in book.sheets:
                for _ in book.rows(sheet.name):
                    pass
            assert book.sheets
        except IcpError as error:
            assert path.name in str(error)
            refused.append(path.name)
    assert len(refused) < len(files[::9]) / 10


def test_cells_are_what_openpyxl_reads(shared_data: Path) -> None:
    """Held to a slower reader, cell by cell, wherever that one can open the workbook."""
    import warnings

    files = sorted(path for path in (shared_data / "workbooks").iterdir() if path.suffix == ".xlsx")
    compared = 0
    for path in files[::23]:
        try:
            book = open_book(path)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                other = openpyxl.load_workbook(path, data_only=True)
        except Exception:  # one of the two cannot open it
            continue
        for sheet in book.sheets:
            if sheet.name not in other.sheetnames:
                continue
            for row, cells in enumerate(book.rows(sheet.name), start=1):
                for column, cell in enumerate(cells, start=1):
                    if isinstance(cell, str) and cell or isinstance(cell, float):
                        theirs = other[sheet.name].cell(row, column).value
                        if isinstance(theirs, str | int | float) and not isinstance(theirs, bool):
                            same = theirs == cell if isinstance(cell, str) else np.isclose(float(theirs), cell)
                            assert same, (path.name, sheet.name, row, column)
                            compared += 1
    assert compared > 300

"""Contracts of the raw tables."""

from __future__ import annotations

import numpy as np
import pandas as pd

from icp_xl.sources.model import Sources, SourceTable
from icp_xl.tables.contracts import LISTED, check_sources, count_issues
from icp_xl.tables.model import ISSUE_COLUMNS


def table(name: str, **columns: object) -> SourceTable:
    frame = pd.DataFrame(columns)
    return SourceTable(name, frame.assign(source_row=np.arange(len(frame)) + 5), f"{name}.csv", rows_read=len(frame))


GOOD_CUSTOMERS = table(
    "customers", account_id=["1", "2"], account_name=["a", "b"], annual_revenue=[1e6, np.nan], printers=[0.0, 2.0]
)
GOOD_SALES = table(
    "sales", date=pd.to_datetime(["2024-01-01", "2024-02-01"]), account_id=["1", "2"], account_name=["a", "b"],
    revenue=[10.0, -5.0], gross_profit=[1.0, np.nan],
)  # fmt: skip


def test_sound_tables_break_nothing() -> None:
    found = check_sources(Sources(GOOD_CUSTOMERS, GOOD_SALES))
    assert found.empty
    assert list(found.columns) == list(ISSUE_COLUMNS)


def test_every_planted_breach_is_found_at_its_row_and_nothing_else() -> None:
    customers = table(
        "customers", account_id=["1", "1.0", None, "4", None], account_name=["a", "b", "c", "d", None],
        annual_revenue=[1e6, -5.0, 1e15, 1.0, 1.0], printers=[1.0, -1.0, 2e5, 1.0, 1.0],
    )  # fmt: skip
    sales = table(
        "sales", date=pd.to_datetime(["1900-01-01", None, "2030-01-01", "2024-01-01"]),
        account_id=["1", "1", None, "1"], account_name=[None, None, None, "a"],
        revenue=[1.0, 1.0, np.nan, 10.0], gross_profit=[2.0, 0.0, 0.0, -1.0],
    )  # fmt: skip
    found = check_sources(Sources(customers, sales), today="2024-06-30")
    seen = {(row.table, row.column, row.row, row.severity) for row in found.itertuples()}
    assert seen == {
        ("customers", "account_id", 5, "warning"), ("customers", "account_id", 6, "warning"),
        ("customers", "account_id", 7, "warning"), ("customers", "account_id", 9, "warning"),
        ("customers", "account_id", 9, "error"), ("customers", "account_name", 9, "warning"),
        ("customers", "annual_revenue", 6, "warning"), ("customers", "annual_revenue", 7, "warning"),
        ("customers", "printers", 6, "warning"), ("customers", "printers", 7, "warning"),
        ("sales", "date", 5, "warning"), ("sales", "date", 6, "error"), ("sales", "date", 7, "warning"),
        ("sales", "account_id", 7, "error"), ("sales", "revenue", 7, "error"), ("sales", "gross_profit", 5, "note"),
        ("sales", "gross_profit", 8, "note"),
    }  # fmt: skip


def test_absent_and_empty_tables_are_said() -> None:
    found = check_sources(Sources(None, table("sales", date=[], revenue=[])))
    assert found["problem"].tolist() == ["the source customers is absent", "no rows"]


def test_a_column_that_holds_nothing_is_one_error_not_one_per_row() -> None:
    sales = table("sales", date=[pd.NaT] * 3, account_id=["1"] * 3, account_name=["a"] * 3, revenue=[1.0] * 3)
    found = check_sources(Sources(GOOD_CUSTOMERS, sales))
    assert found[["column", "row", "severity"]].to_numpy().tolist() == [["date", 0, "error"]]


def test_a_long_list_is_cut_and_still_counted() -> None:
    many = 3 * LISTED
    sales = table(
        "sales", date=[pd.Timestamp("2024-01-01")] + [pd.NaT] * many, account_id=["1"] * (many + 1),
        account_name=["a"] * (many + 1), revenue=[1.0] * (many + 1),
    )  # fmt: skip
    found = check_sources(Sources(GOOD_CUSTOMERS, sales))
    assert len(found) == LISTED + 1
    assert count_issues(found) == {"error": many, "warning": 0, "note": 0}

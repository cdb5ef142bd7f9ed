"""The sheets Data Quality and Rows Left Out: the same thing has one number, and people's words."""

from __future__ import annotations

import dataclasses

import pandas as pd

from icp_xl.config.reports import ReportSettings
from icp_xl.reports.quality import build_dropped_sheet, build_quality_sheet
from icp_xl.reports.spec import Figures, Sheet, Table
from icp_xl.tables.model import ISSUE_COLUMNS, RECONCILIATION_COLUMNS, RowCount
from tests.support.score_report import make_inputs

SETTINGS = ReportSettings()


def table_of(sheet: Sheet, name: str) -> Table:
    found = [block for block in sheet.blocks if isinstance(block, Table) and block.name == name]
    assert len(found) == 1
    return found[0]


def test_rows_that_break_a_rule_are_counted_whole() -> None:
    problems = ["gross profit is negative"] * 50 + ["549 more rows: gross profit is negative", "every row: no rep"]
    issues = pd.DataFrame(
        [("sales", "gross_profit", row, text, "note") for row, text in enumerate(problems)], columns=list(ISSUE_COLUMNS)
    )
    inputs = make_inputs(60)
    inputs = dataclasses.replace(inputs, quality=dataclasses.replace(inputs.quality, issues=issues))
    sheet = build_quality_sheet(inputs, SETTINGS)
    shown = table_of(sheet, "contracts").frame
    assert shown[["table", "column", "problem"]].iloc[0].tolist() == [
        "Sales log", "Gross profit", "gross profit is negative"
    ]  # fmt: skip
    assert shown["rows"].iloc[0] == 599 and shown["rows"].isna().tolist() == [False, True]
    tiles = next(block for block in sheet.blocks if isinstance(block, Figures))
    assert [tile.value for tile in tiles.figures if tile.label == "Rows that break a rule"] == [600]


def test_accounts_that_differ_are_those_of_the_warning() -> None:
    statuses = ["differs", "no yearly total", "no sales lines", "equal"]
    rows = [
        {"account_id": f"C-{i}", "account_name": f"Account {i}", "year": 2024, "measure": "revenue",
         "yearly_total": 10.0, "line_total": 12.0, "difference": -2.0, "status": status}
        for i, status in enumerate(statuses)
    ]  # fmt: skip
    inputs = make_inputs(60)
    frame = pd.DataFrame(rows)[list(RECONCILIATION_COLUMNS)]
    inputs = dataclasses.replace(inputs, quality=dataclasses.replace(inputs.quality, reconciliation=frame))
    shown = table_of(build_quality_sheet(inputs, SETTINGS), "reconciliation").frame
    assert shown[["accounts", "alone"]].to_numpy().tolist() == [[1, 2]]


def test_rows_that_went_into_another_account_are_said_where_they_are_not_listed() -> None:
    quality = dataclasses.replace(
        make_inputs(60).quality,
        dropped=pd.DataFrame([("enriched_revenue", "Sheet1", 3, "blank row")],
                             columns=["source", "sheet", "row", "reason"]),
        counts=(RowCount("enriched_revenue", 100, 90, {"blank row": 1, "merged into another account": 9}),),
    )  # fmt: skip
    sheet = build_dropped_sheet(quality, SETTINGS)
    assert sheet is not None and "9 more that went into another account" in sheet.subtitle
    pair = sheet.blocks[0]
    assert isinstance(pair, tuple) and isinstance(pair[0], Table)
    assert pair[0].frame["source"].tolist() == ["Enriched revenue"]

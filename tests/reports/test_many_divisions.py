"""Sheets of many divisions: charts stay legible and say what they leave out, no division's name is cut."""

from __future__ import annotations

from datetime import date
from itertools import chain

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from icp_xl.config.reports import ReportSettings
from icp_xl.config.whitespace import WhitespaceSettings
from icp_xl.delivery.render import layout
from icp_xl.reports.build import BuildReport, build_book
from icp_xl.reports.spec import Chart, Sheet, tables_of
from icp_xl.reports.whitespace_grid import build_grid_sheet
from icp_xl.reports.whitespace_metrics import build_metrics_sheet
from icp_xl.reports.words import MOST_BARS
from icp_xl.whitespace.model import Terms
from icp_xl.whitespace.rank import rank_whitespace
from tests.support.whitespace_frames import make_candidates

TERMS = Terms(date(2024, 7, 1), date(2024, 7, 2), 6)


def charts_of(sheet: Sheet) -> list[Chart]:
    flat = chain.from_iterable(item if isinstance(item, tuple) else (item,) for item in sheet.blocks)
    return [block for block in flat if isinstance(block, Chart)]


def build_sheets(names: list[str]) -> list[Sheet]:
    labels = pd.DataFrame(
        {
            "division": names, "cutoff_date": "2024-07-01", "window_end": "2025-01-01", "window_months": 6,
            "accounts": 100, "positives": range(len(names)), "left_out": 0,
            "prevalence": [i / 100 for i in range(len(names))], "is_expansion_positives": 0,
            "is_renewal_like_positives": 0, "is_new_logo_positives": 0, "revenue": 1.0, "censored": False,
        }
    )  # fmt: skip
    empty = pd.DataFrame()
    report = BuildReport(empty.assign(found="", lines=0, number=0), {}, 0, 0, [], empty, labels, {}, empty, [], {})
    return list(build_book(report, ReportSettings()).sheets)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text("abcdefgh –&", min_size=1, max_size=44), min_size=1, max_size=40, unique=True))
def test_names_are_whole_and_charts_say_what_they_leave_out(names: list[str]) -> None:
    sheet = next(sheet for sheet in build_sheets(names) if sheet.name == "Labels")
    for table in tables_of(sheet.blocks):
        needed = max(layout.text_width(name) for name in names)
        width = layout.block_widths(table)[[column.key for column in table.columns].index("division")]
        assert width >= needed
    [chart] = charts_of(sheet)
    assert chart.series[0].values.rows == MOST_BARS
    assert chart.title.endswith(f"of {len(names)})") == (len(names) > MOST_BARS)


@pytest.mark.parametrize("count", [3, MOST_BARS, MOST_BARS + 1, 40])
def test_the_chart_of_shares_and_the_grid_stay_legible(count: int) -> None:
    parts = [make_candidates(60, 1, seed=k).assign(division=f"Division {k}") for k in range(count)]
    found = rank_whitespace(pd.concat(parts, ignore_index=True), WhitespaceSettings(), TERMS)
    [chart] = charts_of(build_metrics_sheet(found, "revenue", found.warnings, {}))
    assert chart.title.endswith(f"of {count})") == (count > MOST_BARS) and chart.series[0].values.rows == MOST_BARS
    assert chart.height >= 18 * min(count, MOST_BARS)
    assert build_grid_sheet(found, 20).printed == (count <= MOST_BARS)

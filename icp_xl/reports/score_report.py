"""The score report: scored, graded and explained accounts as a book of sheets."""

from __future__ import annotations

from icp_xl.config.reports import ReportSettings
from icp_xl.reports.about import build_about_sheet
from icp_xl.reports.accounts import build_accounts_sheet
from icp_xl.reports.categories import build_category_sheet
from icp_xl.reports.changes import build_changes_sheet
from icp_xl.reports.charts import build_chart_sheets
from icp_xl.reports.groups import build_groups_sheet
from icp_xl.reports.industries import build_industries_sheet
from icp_xl.reports.inputs import QualityTables, RunFacts, ScoreReportInputs
from icp_xl.reports.method import build_method_sheet
from icp_xl.reports.quality import build_dropped_sheet, build_quality_sheet
from icp_xl.reports.review import build_review_sheet
from icp_xl.reports.segments import build_segments_sheet
from icp_xl.reports.spec import Book, Sheet
from icp_xl.reports.summary import build_summary_sheet


def build_score_report(inputs: ScoreReportInputs, settings: ReportSettings) -> Book:
    """The whole report, in the order in which it is read.

    The sheet Changes is there only where there was an earlier run, and Rows Left Out only where rows were left out.
    """
    charts, chart_data = build_chart_sheets(inputs, settings)
    body: list[Sheet | None] = [
        build_accounts_sheet(inputs, settings),
        build_segments_sheet(inputs, settings),
        build_industries_sheet(inputs, settings),
        charts,
        build_changes_sheet(inputs, settings),
        build_review_sheet(inputs.quality, settings),
        build_groups_sheet(inputs),
        build_category_sheet(inputs.quality, settings),
        build_quality_sheet(inputs, settings),
        build_dropped_sheet(inputs.quality, settings),
        build_method_sheet(inputs, settings),
        build_about_sheet(inputs.run, dict(inputs.extra)),
        chart_data,
    ]
    sheets = [sheet for sheet in body if sheet is not None]
    summary = build_summary_sheet(inputs, settings, [sheet.name for sheet in sheets])
    return Book(
        [summary, *sheets],
        title=settings.title,
        subject="Account scores, grades and the reasons for them",
        footer=f"run {inputs.run.run_id}",
        currency=settings.currency,
        paper=settings.paper,
    )


__all__ = ["QualityTables", "RunFacts", "ScoreReportInputs", "build_score_report"]

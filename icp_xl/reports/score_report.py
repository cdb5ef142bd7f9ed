"""The score report: scored, graded and explained accounts as a book of sheets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

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
from icp_xl.reports.spec import ReportBook, Sheet
from icp_xl.reports.summary import build_summary_sheet


@dataclass(frozen=True)
class ReportSheet:
    """A sheet of the report.

    Args:
        build: builds it; ``None`` where it is not there. Of a pair, the second goes behind all others: it holds the
            figures behind charts.
        guide: what a reader finds there, for the summary; nothing keeps it out of that list.
        in_copies: whether a copy for one reader has it too.
    """

    build: Callable[[ScoreReportInputs, ReportSettings], Sheet | tuple[Sheet | None, Sheet | None] | None]
    guide: str = ""
    in_copies: bool = True


#: Sheets in the order in which they are read, after the summary. Changes is there only where there was an earlier run,
#: and Rows Left Out only where rows were left out.
SHEETS = (
    ReportSheet(
        build_accounts_sheet,
        "every account with its score, grade and the reasons in words; filter by rep, segment or grade",
    ),
    ReportSheet(build_segments_sheet, "small, mid-market and large accounts compared, and what to do in each"),
    ReportSheet(build_industries_sheet, "which industries pay, how sure that is, and the weight each gets"),
    ReportSheet(
        build_chart_sheets, "how scores spread, the weights, and whether each component follows what it measures"
    ),
    ReportSheet(build_changes_sheet, "who moved since the last run, split into data, weights and model"),
    ReportSheet(
        lambda inputs, settings: build_review_sheet(inputs.quality, settings),
        "names that may be the same account: decide in the yellow cells, and the next run obeys",
        in_copies=False,
    ),
    ReportSheet(
        lambda inputs, settings: build_groups_sheet(inputs),
        "accounts of one house together: what each part buys, and what only one of them buys",
        in_copies=False,
    ),
    ReportSheet(
        lambda inputs, settings: build_category_sheet(inputs.quality, settings),
        "what decided the category of the sales lines: correct it in the yellow cells",
        in_copies=False,
    ),
    ReportSheet(
        build_quality_sheet, "what was missing, dropped, guessed or contradictory in the source files", in_copies=False
    ),
    ReportSheet(lambda inputs, settings: build_dropped_sheet(inputs.quality, settings), in_copies=False),
    ReportSheet(build_method_sheet, "how a score is made, with every constant"),
    ReportSheet(
        lambda inputs, settings: build_about_sheet(inputs.run, dict(inputs.extra)),
        "run id, source files with their hashes, and versions",
    ),
)


def build_score_report(inputs: ScoreReportInputs, settings: ReportSettings, *, copy: bool = False) -> ReportBook:
    """The whole report, in the order in which it is read.

    Args:
        copy: only the sheets that a copy for one reader has.
    """
    sheets: list[Sheet] = []
    behind: list[Sheet] = []
    guide = {}
    for each in SHEETS:
        if copy and not each.in_copies:
            continue
        made = each.build(inputs, settings)
        sheet, data = made if isinstance(made, tuple) else (made, None)
        sheets += [sheet] if sheet is not None else []
        behind += [data] if data is not None else []
        if sheet is not None and each.guide:
            guide[sheet.name] = each.guide
    sheets += behind
    summary = build_summary_sheet(inputs, settings, guide)
    return ReportBook(
        [summary, *sheets],
        title=settings.title,
        subject="Account scores, grades and the reasons for them",
        footer=f"run {inputs.run.run_id}",
        currency=settings.currency,
        paper=settings.paper,
    )


__all__ = ["SHEETS", "QualityTables", "ReportSheet", "RunFacts", "ScoreReportInputs", "build_score_report"]

"""The workbook of the feedback loop: *Closed Won*, *Closed Lost*, *Model Trend*, *Champion* and *Stages*."""

from __future__ import annotations

from icp_xl.feedback.snapshots import model_id_of
from icp_xl.reports.about import build_about_sheet
from icp_xl.reports.spec import ReportBook
from icp_xl.reports.won_lost.champion import build_champion_sheet
from icp_xl.reports.won_lost.common import WonLostInputs
from icp_xl.reports.won_lost.lost import build_lost_sheet
from icp_xl.reports.won_lost.stages import build_stage_sheet
from icp_xl.reports.won_lost.trend import build_trend_sheet
from icp_xl.reports.won_lost.won import build_won_sheet


def build_won_lost_book(inputs: WonLostInputs) -> ReportBook:
    """The workbook of the feedback loop."""
    sheets = [
        build_won_sheet(inputs),
        build_lost_sheet(inputs),
        build_trend_sheet(inputs),
        build_champion_sheet(inputs),
        build_stage_sheet(inputs.stages),
    ]
    extra: dict[str, object] = {
        "Snapshots": f"{inputs.snapshots}, {inputs.first_snapshot} to {inputs.last_snapshot}",
        "Weights": f"{model_id_of(inputs.weights)} from {inputs.weights_source}",
    }
    return ReportBook(
        [*sheets, build_about_sheet(inputs.run, extra)], title="Won and lost",
        subject="What won and lost opportunities say of the scores", footer=f"run {inputs.run.run_id}",
        currency=inputs.currency, paper=inputs.paper,
    )  # fmt: skip

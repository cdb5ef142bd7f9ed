"""The workbook of the weight search: *Optimisation*, *Trade-off* and *Grade Moves*."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from icp_xl.reports.optimize.moves import build_moves_sheet
from icp_xl.reports.optimize.summary import build_summary_sheet
from icp_xl.reports.optimize.tradeoff import build_tradeoff_sheet
from icp_xl.reports.spec import ReportBook, Sheet

if TYPE_CHECKING:
    from icp_xl.config import Settings
    from icp_xl.weight_search.search import OptimizeResult


def optimisation_book(result: OptimizeResult, settings: Settings, facts: Mapping[str, str]) -> ReportBook:
    """A workbook of the optimisation alone."""
    return ReportBook(
        optimisation_sheets(result, settings, facts), title="Weight optimisation",
        subject="Which weights rank accounts best by what they buy",
        footer=f"run {facts['Run']}" if "Run" in facts else "", currency=settings.reports.currency,
        paper=settings.reports.paper,
    )  # fmt: skip


def optimisation_sheets(result: OptimizeResult, settings: Settings, facts: Mapping[str, str]) -> list[Sheet]:
    """The three sheets; ``facts`` are lines about the run for the foot of the first."""
    return [build_summary_sheet(result, settings, facts), build_tradeoff_sheet(result), build_moves_sheet(result)]

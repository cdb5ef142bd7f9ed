"""The sheet *Leakage*: whether any feature knows the future."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from icp_xl.config.reports import ReportSettings
from icp_xl.reports.about import build_about_sheet
from icp_xl.reports.inputs import RunFacts
from icp_xl.reports.spec import Column, Figure, Figures, Item, ReportBook, Sheet, Table, Text

_WATCHED = 40
_DONE = {"drop": "Training leaves these features out.", "refuse": "Mend them before training.",
         "report": "They are only reported here."}  # fmt: skip


def build_leakage_book(
    findings: pd.DataFrame, planted: int, missed: Sequence[str], action: str, run: RunFacts, settings: ReportSettings
) -> ReportBook:
    """The leakage report; ``findings`` has one row per check × feature × division.

    Args:
        findings: one row per check × feature × division.
        planted: leaks that were planted to try the checks.
        missed: of these, those that no check caught.
        action: what is done with features that leak, in words.
        run: particulars of the run.
        settings: looks of the report.
    """
    leak = findings["leak"].astype(bool)
    leaks, rest = findings[leak], findings[~leak]
    columns = [
        Column("feature", "Feature", width=30),
        Column("check", "Check", width=24),
        Column("division", "Division"),
        Column("cutoff", "Cutoff", width=12),
        Column("value", "Value", "number", decimals=3, width=10),
        Column("limit", "Limit", "number", decimals=3, width=10),
        Column("advice", "What to do", "long_text", width=64),
    ]
    count = leaks["feature"].nunique()
    blocks: list[Item] = [
        Figures(
            [
                Figure("Features that leak", count, "integer", _DONE[action] if count else "none knows the future",
                       tone="bad" if count else "good"),
                Figure("Looked at", len(findings), "integer", "checks times features times divisions"),
                Figure("Planted leaks caught", planted - len(missed), "integer", f"of {planted}",
                       tone="bad" if missed else "good"),
            ]
        ),
        Text("The future was dealt out anew, deleted and doubled: what changes with it has seen it. Single features "
             "that rank the buyers too well, that were worth far less a window earlier, or whose names tell of the "
             "outcome are suspect. What people write into the customers and assets tables after a sale was written "
             "there too: whatever moves with it is a leak. Leaks planted on purpose show that the checks catch them."),
        Table("leaks", columns, leaks, title="Leaks", empty_text="No feature knows the future."),
        Table("leaks_near", columns[:-1], rest.assign(room=rest["limit"] - rest["value"]).nsmallest(_WATCHED, "room"),
              title="Nearest to their limits", filters=False),
    ]  # fmt: skip
    sheets = [Sheet("Leakage", "Does any feature know the future?", blocks), build_about_sheet(run)]
    return ReportBook(
        sheets, title="Leakage check", footer=f"run {run.run_id}", currency=settings.currency, paper=settings.paper
    )

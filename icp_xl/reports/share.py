"""The score report of one reader: his accounts and no others, in every sheet, chart and figure."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from icp_xl.config.reports import ReportSettings
from icp_xl.reports.guarded import Guard, guard_accounts, guard_industries, guard_of
from icp_xl.reports.inputs import QualityTables, ScoreReportInputs
from icp_xl.reports.score_report import build_score_report
from icp_xl.reports.spec import ReportBook, Text
from icp_xl.reports.words import build_reasons, say_count


@dataclass(frozen=True)
class Reader:
    """Whom a report is for: ``by`` is the column (rep, region, or empty for all), ``name`` its value.

    ``part`` of ``parts`` says which piece of a report that was split this is.
    """

    by: str = ""
    name: str = ""
    part: int = 1
    parts: int = 1

    @property
    def words(self) -> str:
        """The reader in words."""
        return f"{self.by} {self.name}" if self.by else "all accounts"


def inputs_for(
    inputs: ScoreReportInputs,
    scored: pd.DataFrame,
    gone: pd.Series[str] | None = None,
    currency: str = "$",
    *,
    guarded: bool = True,
) -> ScoreReportInputs:
    """What the report shows, cut down to the accounts ``scored``; the score model stays that of all accounts.

    Args:
        inputs: of the whole report.
        scored: the reader's accounts, best first.
        gone: ids of accounts that were his and are no longer there.
        currency: the sign of money in the reasons.
        guarded: leave out what would give figures of others away; not for a piece of everybody's report.
    """
    guard = guard_of(inputs.model, inputs.scored) if guarded and len(scored) < len(inputs.scored) else Guard()
    industries = _own_industries(inputs.industries, scored)
    if guard:
        scored = guard_rows(inputs, scored, guard, currency)
        industries = guard_industries(industries, inputs.scored)
    changes = inputs.changes
    if changes is not None:
        mine = set(scored["account_id"]) | set(gone if gone is not None else ())
        changes = changes[changes["account_id"].isin(mine)].reset_index(drop=True)
    return replace(
        inputs,
        scored=scored.reset_index(drop=True),
        industries=industries,
        quality=QualityTables(),
        changes=changes,
        warnings=(),
        guarded=guard.components,
    )


def guard_rows(inputs: ScoreReportInputs, scored: pd.DataFrame, guard: Guard, currency: str) -> pd.DataFrame:
    """A reader's accounts with their reasons in words, and without what would give others' figures away.

    Args:
        inputs: of the whole report.
        scored: the reader's accounts, one row each.
        guard: what the reader must not be able to work out.
        currency: sign of the amounts in the reasons.
    """
    if "reasons" not in scored.columns:
        scored = scored.assign(reasons=build_reasons(scored, inputs.model, currency))
    return guard_accounts(scored, inputs.model, guard)


def _own_industries(table: pd.DataFrame, scored: pd.DataFrame) -> pd.DataFrame:
    """Weights as they were used; accounts and revenue of the reader's own accounts, and only industries that he has."""
    grouped = scored[scored["industry"].notna()].groupby("industry", observed=True)["total_revenue"]
    counts, means = grouped.size(), grouped.mean()
    own = table[table["industry"].isin(counts.index)].copy()
    own["accounts"] = own["industry"].map(counts).astype("int64")
    own["mean_revenue"] = own["industry"].map(means).astype(float)
    if "performance" in own.columns:
        own["performance"] = np.nan
    return own.reset_index(drop=True)


def build_reader_report(
    inputs: ScoreReportInputs, settings: ReportSettings, reader: Reader, population: int
) -> ReportBook:
    """The report of one reader, from inputs that hold his accounts alone (see :func:`inputs_for`).

    Args:
        population: how many accounts were scored together.
    """
    title = f"{settings.title}: {reader.name}" if reader.name else settings.title
    if reader.parts > 1:
        title += f" (part {reader.part} of {reader.parts})"
    shown = settings.model_copy(update={"title": title[:120]})
    facts = {"Made for": reader.words, "Accounts": f"{len(inputs.scored):,} of {population:,} scored"}
    book = build_score_report(replace(inputs, extra=facts), shown, copy=True)
    summary, *sheets = book.sheets
    told = Text(scope(len(inputs.scored), reader, population))
    return replace(book, sheets=[replace(summary, blocks=[told, *summary.blocks]), *sheets])


def scope(accounts: int, reader: Reader, population: int) -> str:
    """What the figures cover, in words.

    >>> scope(12, Reader("rep", "Ann"), 900)[:54]
    'This copy holds the 12 accounts of rep Ann and no othe'
    """
    part = f" (part {reader.part} of {reader.parts}, by rank)" if reader.parts > 1 else ""
    whose = f"of {reader.words}" if reader.by else "listed here"
    return (
        f"This copy holds the {say_count(accounts, 'account')} {whose}{part} and no others: every count, sum and chart "
        f"is theirs alone. Scores, grades and ranks were made among all {population:,} accounts."
    )

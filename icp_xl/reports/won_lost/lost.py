"""The sheet *Closed Lost*: high scores that did not win, and what to do about it."""

from __future__ import annotations

import pandas as pd

from icp_xl.feedback.lost_patterns import LostAnalysis
from icp_xl.feedback.lost_reasons import LossReasons
from icp_xl.reports.spec import Block, Column, Figure, Figures, Sheet, Table, Text
from icp_xl.reports.won_lost.common import (
    LOST,
    WonLostInputs,
    chances,
    deal_columns,
    name_of,
    period_of,
    ranges,
    say_p,
    status_blocks,
)


def build_lost_sheet(inputs: WonLostInputs) -> Sheet:
    """What to do, patterns of loss, components that misled, and the opportunities themselves."""
    lost = inputs.lost
    blocks: list[Block | tuple[Block, ...]] = [
        Figures([
            Figure("Lost though scored high", lost.lost, "integer", f"of {lost.deals:,} high-scored"),
            Figure("Share lost", lost.lost / lost.deals if lost.deals else None, "percent", "of the high-scored",
                   decimals=0),
            Figure("Patterns beyond chance", len(lost.patterns) if not lost.status else "too early",
                   "text" if lost.status else "integer", f"{lost.looks:,} splits looked at"),
            Figure("Components that misled", int(_misled(lost).sum()), "integer",
                   f"of {len(lost.components)}"),
        ]),
        *status_blocks(inputs, f"among the high-scored: {lost.status}" if lost.status else ""),
        Text("What to do", "heading"),
        *(Text(text, "bullet") for text in recommendations(inputs)),
        Text("Patterns of loss", "heading"),
        Text(
            "A pattern is a kind of high-scored opportunity that was lost more often than the others of its month. It "
            "stands here only if the most striking of all splits looked at would rarely be as striking by chance."
        ),
        _pattern_table(lost),
        Text("Which components misled?", "heading"),
        _component_table(lost),
        Text("Why they were lost, and to whom", "heading"),
        *_reason_blocks(inputs.reasons),
        Text("High-scored opportunities that were lost", "heading"),
        Table("lost_deals", deal_columns("weakest", "Lowest components (0–1)"), lost.losses,
              title="Best scored first (at most 50)", empty_text="No high-scored opportunity was lost."),
    ]  # fmt: skip
    return Sheet("Closed Lost", "Closed lost: high scores that did not win", blocks, subtitle=period_of(inputs),
                 tab_colour=LOST)  # fmt: skip


def _reason_blocks(found: LossReasons) -> list[Block]:
    """Reasons and competitors of all lost opportunities, as the CRM holds them."""
    if not found.reasons_known and not found.competitors_known:
        return [Text("The export names no reason for losing and no competitor: columns Loss reason and Competitor, or "
                     "whatever columns.opportunities.loss_reason and .competitor name.", "note")]  # fmt: skip
    reasons = found.reasons.assign(range=ranges(found.reasons, "low", "high"))
    rivals = found.competitors.assign(range=ranges(found.competitors, "low", "high"), p=chances(found.competitors))
    blocks: list[Block] = [
        Text(f"{found.reasons_known:.0%} of the lost name a reason, {found.competitors_known:.0%} of the closed a "
             f"competitor. "
             "Reasons are what was typed at the close; they count, and prove nothing.", "note"),
        Table(
            "lost_reasons",
            [Column("reason", "Reason", "long_text", width=34), Column("lost", "Lost", "integer"),
             Column("share", "Share", "percent", rule="data_bar", decimals=0),
             Column("range", "95 % interval", width=16), Column("value", "Value", "money"),
             Column("high_scored", "Of these high-scored", "integer"),
             Column("earlier_share", "Share, earlier half", "percent", decimals=0),
             Column("recent_share", "Share, later half", "percent", decimals=0)],
            reasons, title="Reasons", filters=False, empty_text="No lost opportunity names a reason.",
        ),
    ]  # fmt: skip
    if found.one_sided:
        blocks.append(
            Text("Only lost opportunities name a competitor, so nothing is said of winning against one.", "note")
        )
    blocks.append(Table(
        "lost_competitors",
        [Column("competitor", "Competitor", width=26), Column("deals", "Closed", "integer"),
         Column("won", "Won", "integer"),
         Column("win_rate", "Win rate", "percent", decimals=0), Column("range", "95 % interval", width=16),
         Column("value_lost", "Value lost", "money"),
         Column("difference", "Against the others, within a month", "percent", decimals=0),
         Column("p", "Corrected p", width=13, align="right"), Column("verdict", "Finding", width=24)],
        rivals.assign(verdict="named for lost ones only" if found.one_sided else rivals["verdict"]),
        title="Competitors", filters=False, empty_text="No opportunity names a competitor.",
    ))  # fmt: skip
    return blocks


def recommendations(inputs: WonLostInputs) -> list[str]:
    """What to do, each with the evidence it rests on; one sentence that nothing is to be done where there is none."""
    lost, found = inputs.lost, inputs.refinement
    said = []
    for row in lost.patterns.itertuples():
        said.append(
            f"Look twice at high-scored opportunities with {row.pattern}: {row.lost_rate:.0%} of {row.deals} were lost "
            f"({row.low:.0%} to {row.high:.0%}, {row.accounts} accounts) against {row.other_rate:.0%} of the others; "
            f"p {say_p(row.p_adjusted)} after correction for {lost.looks:,} looks."
        )
    for row in lost.components[_misled(lost)].itertuples():
        said.append(
            f"Do not lean on {name_of(str(row.name)).lower()}: among the high-scored it was higher for the lost "
            f"({row.lost_mean:.2f}) than for the won ({row.won_mean:.2f}); p {say_p(row.p_adjusted)}."
        )
    if found.recommended:
        said.append(f"Try the suggested weights (sheet Champion): {found.reason}.")
    for row in inputs.accuracy.factors[inputs.accuracy.factors["verdict"] == "it matters"].itertuples():
        said.append(
            f"Allow for {str(row.name)[:1].lower()}{str(row.name)[1:]} in a forecast. Wins most: {row.most}; wins "
            f"least: {row.least}."
        )
    if said:
        return said
    if lost.status or inputs.accuracy.status:
        return ["Nothing yet: go on taking snapshots and recording outcomes."]
    return ["Nothing: no pattern, component or factor stands out from chance. Keep the weights."]


def _misled(lost: LostAnalysis) -> pd.Series[bool]:
    """Which components misled; none where there was too little to say."""
    return pd.Series(
        [str(said).startswith("misled") for said in lost.components["verdict"]], index=lost.components.index, dtype=bool
    )


def _pattern_table(lost: LostAnalysis) -> Table:
    frame = lost.patterns.assign(
        range=ranges(lost.patterns, "low", "high"),
        gap_range=ranges(lost.patterns, "difference_low", "difference_high"),
        p=chances(lost.patterns),
    )
    return Table(
        "lost_patterns",
        [Column("pattern", "Pattern", "long_text", width=28), Column("deals", "High-scored", "integer"),
         Column("accounts", "Accounts", "integer"), Column("lost", "Lost", "integer"),
         Column("lost_rate", "Share lost", "percent", decimals=0), Column("range", "95 % interval", width=16),
         Column("other_rate", "Others lost", "percent", decimals=0),
         Column("p", "Corrected p", width=13, align="right"),
         Column("gap_range", "Difference within a month", width=24)],
        frame, title="Patterns", filters=False,
        empty_text=lost.status or f"No evidence: none of {lost.looks:,} splits stands out from chance.",
    )  # fmt: skip


def _component_table(lost: LostAnalysis) -> Table:
    frame = lost.components.assign(
        label=lost.components["name"].map(name_of),
        range=ranges(lost.components, "low", "high", False),
        p=chances(lost.components),
    )
    return Table(
        "lost_components",
        [Column("label", "Component", width=22), Column("verdict", "Finding", width=28),
         Column("won_mean", "Mean of the won", "number", decimals=2),
         Column("lost_mean", "Mean of the lost", "number", decimals=2),
         Column("difference", "Lost less won, within a month", "number", decimals=3),
         Column("range", "95 % interval", width=16), Column("p", "Corrected p", width=13, align="right")],
        frame, title="Components of the high-scored (0–1)", filters=False, empty_text="Nothing to compare yet.",
    )  # fmt: skip

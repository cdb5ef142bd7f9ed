"""The sheets *Closed Won*, *Closed Lost*, *Model Trend* and *Champion*: what outcomes say of the pipeline score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from icp_xl.config.feedback import ALL_COMPONENTS, FeedbackSettings, PipelineWeights
from icp_xl.feedback.accuracy import Accuracy
from icp_xl.feedback.champion import TrialReport
from icp_xl.feedback.lost_patterns import LostAnalysis
from icp_xl.feedback.refine import Refinement
from icp_xl.feedback.snapshots import model_id_of
from icp_xl.reports.about import build_about_sheet
from icp_xl.reports.inputs import RunFacts
from icp_xl.reports.spec import Block, Book, Chart, Column, Facts, Figure, Figures, Ref, Series, Sheet, Table, Text

NAMES = {
    "opportunity_score": "Opportunity score",
    "account_score": "Account score",
    "speed_to_close": "Speed to close",
    "largest_deal": "Largest deal",
    "product_mix": "Product mix",
    "upsell_instances": "Upsell instances",
    "win_rate": "Win rate",
    "recency": "Recency",
    "owner_history": "Owner's history",
    "freshness": "Freshness",
}
#: Teal and orange, as everywhere: people who cannot tell red from green see the difference.
WON, EXPECTED, LOST = "#1B7F8C", "#A9B4BB", "#D9772B"


@dataclass(frozen=True)
class WonLostInputs:
    """All that the report shows. ``replayed``: share of judged opportunities whose snapshot was replayed (0–1)."""

    accuracy: Accuracy
    lost: LostAnalysis
    refinement: Refinement
    trial: TrialReport
    changes: pd.DataFrame
    settings: FeedbackSettings
    weights: PipelineWeights
    weights_source: str
    snapshots: int
    first_snapshot: str
    last_snapshot: str
    replayed: float
    currency: str
    paper: Literal["letter", "a4"]
    run: RunFacts


def build_won_lost_book(inputs: WonLostInputs) -> Book:
    """The workbook of the feedback loop."""
    sheets = [_won_sheet(inputs), _lost_sheet(inputs), _trend_sheet(inputs), _champion_sheet(inputs)]
    extra: dict[str, object] = {
        "Snapshots": f"{inputs.snapshots}, {inputs.first_snapshot} to {inputs.last_snapshot}",
        "Weights": f"{model_id_of(inputs.weights)} from {inputs.weights_source}",
    }
    return Book(
        [*sheets, build_about_sheet(inputs.run, extra)], title="Won and lost",
        subject="What won and lost opportunities say of the scores", footer=f"run {inputs.run.run_id}",
        currency=inputs.currency, paper=inputs.paper,
    )  # fmt: skip


def name_of(key: str) -> str:
    """The words for a score or component.

    >>> name_of("win_rate_score"), name_of("account_score")
    ('Win rate', 'Account score')
    """
    return NAMES.get(key) or NAMES.get(key.removesuffix("_score"), key)


def _period(inputs: WonLostInputs) -> str:
    found = inputs.accuracy
    if not found.won + found.lost:
        return "No opportunity that a snapshot holds has closed yet"
    return f"{found.won + found.lost:,} opportunities closed {found.first_close} to {found.last_close}"


def _status(inputs: WonLostInputs, status: str) -> list[Block]:
    blocks: list[Block] = []
    if status:
        blocks.append(Text(f"{status[:1].upper()}{status[1:]}. Until then the figures describe; nothing is concluded.",
                           "warning"))  # fmt: skip
    if inputs.replayed > 0:
        blocks.append(Text(
            f"{inputs.replayed:.0%} of these opportunities were scored in replay: for past days, from what had "
            "happened before each of them. Stage and amount as they then were are not known for these.", "note",
        ))  # fmt: skip
    return blocks


def _won_sheet(inputs: WonLostInputs) -> Sheet:
    found = inputs.accuracy
    blocks: list[Block | tuple[Block, ...]] = [
        _headline(inputs),
        Text(_answer(inputs), "good" if _finding(found, "opportunity_score") == "higher wins more" else "warning"),
        *_status(inputs, found.status),
        Text("Predicted against actual", "heading"),
        Text(
            f"High are the best scored {inputs.settings.high_share:.0%} of the pipeline on the day of the snapshot, "
            f"Low the worst scored {inputs.settings.low_share:.0%}. A lift of 1.00 is the usual win rate of the "
            "months in which they closed; an interval that holds 1.00 shows no difference."
        ),
        (_band_chart(), _decile_chart()),
        _band_table(found),
        _metric_table(found),
        _decile_table(found),
        Text("Does a higher score win more?", "heading"),
        Text(
            "AUC is the chance that a won opportunity had a higher score than a lost one that closed in the same "
            "month: 0.50 is a coin. Whatever cannot be told from a coin reads: no evidence."
        ),
        _score_table(found),
        Text("What else goes with winning", "heading"),
        Text(
            "Each factor is tested within the month of closing, the month itself over all. All tests count together, "
            "so that chance alone names a factor in at most one report of twenty. The month is known only at the close."
        ),
        _factor_table(found),
        Text("How sure was the prediction?", "heading"),
        Text(
            "Each opportunity's chance to win was read off its score with what was known on the day of the snapshot. "
            "The level says how sure that was; measured is how often it proved right."
        ),
        _level_table(found),
        Text("Blind spots: scored low, and won", "heading"),
        _blind_table(inputs),
    ]
    return Sheet("Closed Won", "Closed won: predicted against actual", blocks, subtitle=_period(inputs),
                 tab_colour=WON)  # fmt: skip


def _finding(found: Accuracy, name: str) -> str:
    row = found.scores[found.scores["name"] == name]
    return str(row["verdict"].iloc[0]) if len(row) else "no evidence"


def _answer(inputs: WonLostInputs) -> str:
    found = inputs.accuracy
    opportunity, account = _finding(found, "opportunity_score"), _finding(found, "account_score")
    factors = found.factors.loc[found.factors["verdict"] == "it matters", "name"].tolist()
    text = f"Opportunity score: {opportunity}. Account score: {account}."
    if factors:
        text += f" What matters: {', '.join(name[:1].lower() + name[1:] for name in factors)}."
    return text


def _headline(inputs: WonLostInputs) -> Figures:
    found = inputs.accuracy
    area = found.scores[found.scores["name"] == "opportunity_score"].to_dict("records")[0]
    precision = found.metrics[found.metrics["name"] == "Precision"].to_dict("records")[0]
    total = found.won + found.lost
    known = inputs.accuracy.status == ""
    return Figures([
        Figure("Won", found.won, "integer", f"of {total:,} closed"),
        Figure("Win rate", found.won / total if total else None, "percent", "of all closed", decimals=0),
        Figure("AUC of the score", float(area["auc"]) if known else "too early", "number" if known else "text",
               f"{area['low']:.2f} to {area['high']:.2f}; 0.50 is a coin" if known else "needs more outcomes",
               decimals=2 if known else None),
        Figure("High-scored that won", _or_none(precision["value"]), "percent",
               _range(precision["low"], precision["high"]), decimals=0),
        Figure("Snapshots", inputs.snapshots, "integer", f"{inputs.first_snapshot} to {inputs.last_snapshot}"),
    ])  # fmt: skip


def _or_none(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _range(low: float, high: float, percent: bool = True) -> str:
    if np.isnan(low) or np.isnan(high):
        return ""
    return f"{low:.0%} to {high:.0%}" if percent else f"{low:.2f} to {high:.2f}"


def _ranges(frame: pd.DataFrame, low: str, high: str, percent: bool = True) -> list[str]:
    return [_range(a, b, percent) for a, b in zip(frame[low], frame[high], strict=True)]


def _chances(frame: pd.DataFrame) -> list[str]:
    """A column of p, corrected for the number of looks."""
    values = frame["p_adjusted"].astype(float).tolist()
    return ["" if np.isnan(p) else say_p(p).removeprefix("= ") for p in values]


def say_p(p: Any) -> str:
    """How likely chance alone would show as much, in words; it is never nothing.

    >>> say_p(0.04), say_p(0.00001)
    ('= 0.040', 'below 0.001')
    """
    return "below 0.001" if p < 0.0005 else f"= {p:.3f}"


def _errors(frame: pd.DataFrame, value: str, low: str, high: str) -> pd.DataFrame:
    return frame.assign(
        above=(frame[high] - frame[value]).clip(lower=0).fillna(0),
        below=(frame[value] - frame[low]).clip(lower=0).fillna(0),
    )


def _band_table(found: Accuracy) -> Table:
    frame = _errors(found.bands, "win_rate", "low", "high")
    frame = frame.assign(
        win_range=_ranges(frame, "low", "high"),
        lift_range=_ranges(frame, "lift_low", "lift_high", False),
        told=[
            "" if np.isnan(expected) else f"{expected:,.0f} expected, {actual:,.0f} came"
            for expected, actual in zip(frame["expected"], frame["actual"], strict=True)
        ],
    )
    return Table(
        "won_bands",
        [
            Column("band", "Band", width=12), Column("deals", "Closed", "integer"), Column("won", "Won", "integer"),
            Column("win_rate", "Win rate", "percent", rule="data_bar", decimals=0),
            Column("win_range", "95 % interval", width=16), Column("lift", "Lift", "number", decimals=2),
            Column("lift_range", "Interval of lift", width=14),
            Column("expected_of", "With a prediction", "integer"),
            Column("told", "Wins of these", width=30),
            Column("above", "Up to", "percent", hidden_from_print=True, note="For the chart: upper end less rate"),
            Column("below", "Down to", "percent", hidden_from_print=True, note="For the chart: rate less lower end"),
        ],
        frame, title="By score band", filters=False,
    )  # fmt: skip


def _band_chart() -> Chart:
    return Chart(
        "column", "Win rate by score band",
        [Series("Win rate", Ref("won_bands", "band"), Ref("won_bands", "win_rate"), WON, labels=True,
                error_bars=(Ref("won_bands", "above"), Ref("won_bands", "below")))],
        "Win rate of the high, medium and low scored opportunities with 95 % intervals", y_title="Win rate",
        y_format="0%", y_range=(0.0, 1.0), legend=False, width=430, height=280,
    )  # fmt: skip


def _decile_table(found: Accuracy) -> Table:
    frame = found.deciles.assign(win_range=_ranges(found.deciles, "low", "high"))
    return Table(
        "won_tenths",
        [
            Column("tenth", "Place in the pipeline", width=20, note="0 % is the worst scored of the day"),
            Column("deals", "Closed", "integer"), Column("win_rate", "Actual win rate", "percent", decimals=0),
            Column("win_range", "95 % interval", width=16),
            Column("expected_rate", "Predicted win rate", "percent", decimals=0),
        ],
        frame, title="By tenth of the pipeline", filters=False,
    )  # fmt: skip


def _decile_chart() -> Chart:
    return Chart(
        "line", "Predicted and actual win rate",
        [Series("Actual", Ref("won_tenths", "tenth"), Ref("won_tenths", "win_rate"), WON),
         Series("Predicted", Ref("won_tenths", "tenth"), Ref("won_tenths", "expected_rate"), EXPECTED, dashed=True)],
        "Actual and predicted win rate by tenth of the pipeline, worst scored to best",
        x_title="Place in the pipeline, worst to best", y_format="0%", y_range=(0.0, 1.0), width=520, height=280,
    )  # fmt: skip


def _metric_table(found: Accuracy) -> Table:
    frame = found.metrics.assign(range=_ranges(found.metrics, "low", "high", False))
    return Table(
        "won_metrics",
        [Column("name", "Measure", width=14), Column("value", "Value", "number", decimals=2),
         Column("range", "95 % interval", width=16), Column("note", "Meaning", width=44)],
        frame, title="Of the band High", filters=False,
    )  # fmt: skip


def _score_table(found: Accuracy) -> Table:
    frame = found.scores.assign(
        label=found.scores["name"].map(name_of), range=_ranges(found.scores, "low", "high", False),
        p=_chances(found.scores),
    )  # fmt: skip
    return Table(
        "won_scores",
        [Column("label", "Score or component", width=20), Column("verdict", "Finding", width=26),
         Column("auc", "AUC", "number", decimals=3), Column("range", "95 % interval", width=16),
         Column("p", "Corrected p", width=13, align="right"), Column("kind", "Kind", width=13)],
        frame, title="Scores and components", filters=False,
    )  # fmt: skip


def _factor_table(found: Accuracy) -> Table:
    return Table(
        "won_factors",
        # Texts stand under the texts of the other tables: the columns of a sheet are shared.
        [Column("name", "Factor", width=20), Column("most", "Wins most", "long_text", width=28),
         Column("least", "Wins least", "long_text", width=24), Column("verdict", "Finding", width=24),
         Column("p", "Corrected p", width=13, align="right"), Column("deals", "Closed", "integer"),
         Column("levels", "Values", "integer")],
        found.factors.assign(p=_chances(found.factors)), title="Factors", filters=False,
    )  # fmt: skip


def _level_table(found: Accuracy) -> Table:
    frame = found.levels.assign(range=_ranges(found.levels, "low", "high"))
    return Table(
        "won_levels",
        [Column("level", "Confidence", width=13), Column("promise", "What it claims", width=22),
         Column("range", "95 % interval of measured", width=16), Column("verdict", "Finding", "long_text", width=28),
         Column("accuracy", "Measured", "percent", decimals=0), Column("expected", "Claimed", "percent", decimals=0),
         Column("calls", "Predictions", "integer"), Column("right", "Right", "integer")],
        frame, title="Confidence levels", filters=False,
    )  # fmt: skip


def _deal_columns(last: str, header: str) -> list[Column]:
    return [
        Column("opportunity_id", "Opportunity", "id", width=14), Column("account_name", "Account", width=28),
        Column("owner", "Owner", width=18), Column("product", "Product", width=20),
        Column("value", "Value", "money"), Column("close_date", "Closed", "date"),
        Column("opportunity_score", "Opportunity score", "score"), Column("account_score", "Account score", "score"),
        Column(last, header, "long_text", width=36),
    ]  # fmt: skip


def _blind_table(inputs: WonLostInputs) -> Table:
    return Table(
        "won_blind", _deal_columns("pulled_down_by", "Lowest components (0–1)"), inputs.accuracy.blind_spots,
        title="Largest opportunities of the band Low that won (at most 50)",
        empty_text="No low-scored opportunity won.",
    )  # fmt: skip


def _misled(lost: LostAnalysis) -> pd.Series[bool]:
    """Which components misled; none where there was too little to say."""
    return pd.Series(
        [str(said).startswith("misled") for said in lost.components["verdict"]], index=lost.components.index, dtype=bool
    )


def _lost_sheet(inputs: WonLostInputs) -> Sheet:
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
        *_status(inputs, f"among the high-scored: {lost.status}" if lost.status else ""),
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
        Text("High-scored opportunities that were lost", "heading"),
        Table("lost_deals", _deal_columns("weakest", "Lowest components (0–1)"), lost.losses,
              title="Best scored first (at most 50)", empty_text="No high-scored opportunity was lost."),
    ]  # fmt: skip
    return Sheet("Closed Lost", "Closed lost: high scores that did not win", blocks, subtitle=_period(inputs),
                 tab_colour=LOST)  # fmt: skip


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


def _pattern_table(lost: LostAnalysis) -> Table:
    frame = lost.patterns.assign(
        range=_ranges(lost.patterns, "low", "high"),
        gap_range=_ranges(lost.patterns, "difference_low", "difference_high"),
        p=_chances(lost.patterns),
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
        range=_ranges(lost.components, "low", "high", False),
        p=_chances(lost.components),
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


def _trend_sheet(inputs: WonLostInputs) -> Sheet:
    found = inputs.accuracy
    months = _errors(found.close_months, "auc", "auc_low", "auc_high")
    months = months.assign(
        range=_ranges(months, "low", "high"),
        auc_range=_ranges(months, "auc_low", "auc_high", False),
        expected_range=[
            "" if np.isnan(a) else f"{a:.0f} to {b:.0f}"
            for a, b in zip(months["expected_low"], months["expected_high"], strict=True)
        ],
        coin=0.5,
    )
    table = Table(
        "trend_months",
        [Column("month", "Closed in", "id", width=12), Column("deals", "Closed", "integer"),
         Column("won", "Won", "integer"), Column("win_rate", "Win rate", "percent", decimals=0),
         Column("range", "95 % interval", width=16), Column("predicted", "With a prediction", "integer"),
         Column("expected", "Expected wins", "number", decimals=0), Column("expected_range", "Range", width=14),
         Column("actual", "Actual wins", "integer"), Column("precision", "High-scored that won", "percent", decimals=0),
         Column("auc", "AUC", "number", decimals=2), Column("auc_range", "95 % interval of AUC", width=20),
         Column("coin", "A coin", "number", decimals=2, hidden_from_print=True),
         Column("above", "Up to", "number", decimals=2, hidden_from_print=True),
         Column("below", "Down to", "number", decimals=2, hidden_from_print=True)],
        months, title="Month by month", filters=False, empty_text="No opportunity has closed yet.",
    )  # fmt: skip
    month = Ref("trend_months", "month")
    charts = (
        Chart("line", "How well the score ranks, month by month",
              [Series("AUC", month, Ref("trend_months", "auc"), WON,
                      error_bars=(Ref("trend_months", "above"), Ref("trend_months", "below"))),
               Series("A coin", month, Ref("trend_months", "coin"), EXPECTED, dashed=True, marker=False)],
              "AUC of the opportunity score by month of closing, with 95 % intervals, beside 0.5", y_format="0.00",
              y_range=(0.0, 1.0), width=500, height=300),
        Chart("column", "Expected and actual wins",
              [Series("Expected", month, Ref("trend_months", "expected"), EXPECTED),
               Series("Actual", month, Ref("trend_months", "actual"), WON)],
              "Wins expected from the scores and wins that came, by month of closing", y_format="#,##0", width=500,
              height=300),
    )  # fmt: skip
    models = found.models.assign(range=_ranges(found.models, "low", "high", False))
    blocks: list[Block | tuple[Block, ...]] = [
        Text(found.trend, "good" if found.trend.startswith("The score got better") else "paragraph"),
        *_status(inputs, found.status),
    ]
    if len(months):
        blocks.append(charts)
    blocks += [
        table,
        Text("By weights", "heading"),
        Table("trend_models",
              [Column("model_id", "Weights", "id", width=16), Column("first", "First snapshot", "id", width=16),
               Column("last", "Last snapshot", "id", width=16), Column("deals", "Closed", "integer"),
               Column("won", "Won", "integer"), Column("auc", "AUC", "number", decimals=3),
               Column("range", "95 % interval", width=16)],
              models, title="Weights that scored", filters=False, empty_text="No opportunity has closed yet."),
    ]  # fmt: skip
    return Sheet("Model Trend", "The model over time", blocks, subtitle=_period(inputs))


def _champion_sheet(inputs: WonLostInputs) -> Sheet:
    found, trial = inputs.refinement, inputs.trial
    blocks: list[Block | tuple[Block, ...]] = [
        _champion_tiles(inputs),
        Text(f"{found.reason[:1].upper()}{found.reason[1:]}.", "good" if found.recommended else "paragraph"),
        Text("Weights", "heading"),
        Text(
            "The suggestion is the weights that best tell won from lost within a month, never negative, and pulled "
            "towards the weights in force. The range is where they end up when accounts are drawn anew."
        ),
        *_weights_blocks(inputs),
        Text("Champion against challenger", "heading"),
        Text(trial.reason, "good" if trial.decision == "promote" else "paragraph"),
    ]
    if trial.running:
        blocks += [Facts(_trial_facts(trial), title="The trial"), _looks_table(trial)]
    else:
        blocks.append(Text("The command icp-xl refine puts recommended weights on trial. A trial scores the pipeline "
                           "beside the weights in force and changes nothing until icp-xl refine --apply.",
                           "note"))  # fmt: skip
    blocks += [
        Text("Change log", "heading"),
        Table("champion_log",
              [Column("changed_at", "When", "id", width=20), Column("change", "Change", width=16),
               Column("model_id", "Weights", "id", width=16), Column("before_id", "Before", "id", width=16),
               Column("reason", "Evidence", width=70)],
              inputs.changes, title="Changes", filters=False, empty_text="The weights were never changed."),
        Text("The command icp-xl refine --revert takes the last change back.", "note"),
    ]  # fmt: skip
    return Sheet("Champion", "Weights: champion and challenger", blocks,
                 subtitle=f"In force: {model_id_of(inputs.weights)}, from {inputs.weights_source}")  # fmt: skip


def _champion_tiles(inputs: WonLostInputs) -> Figures:
    found, trial = inputs.refinement, inputs.trial
    known = not found.status
    advice = "Too early" if not known else "Try other weights" if found.recommended else "No change"
    return Figures([
        Figure("Recommendation", advice, "text",
               "of the weights in force", tone="good" if found.recommended else "plain"),
        Figure("Change in AUC", found.gain if known else "too early", "number" if known else "text",
               f"{found.gain_low:+.3f} to {found.gain_high:+.3f} on {found.tried_on:,} later outcomes" if known
               else found.status, decimals=3 if known else None),
        Figure("Trial", trial.decision if trial.running else "none", "text",
               f"{trial.outcomes:,} of {trial.planned:,} outcomes" if trial.running else "no challenger"),
        Figure("Outcomes still needed", trial.still_needed if trial.running else "none",
               "integer" if trial.running else "text", "to the planned decision" if trial.running else ""),
    ])  # fmt: skip


def _weights_blocks(inputs: WonLostInputs) -> Sequence[Block | tuple[Block, ...]]:
    found = inputs.refinement
    order = {name: k for k, name in enumerate(ALL_COMPONENTS)}
    frame = found.weights.sort_values("name", key=lambda names: names.map(order), ignore_index=True)
    frame = frame.assign(label=frame["name"].map(name_of), range=_ranges(frame, "low", "high", False))
    table = Table(
        "champion_weights",
        [Column("label", "Component", width=22), Column("current", "In force", "weight"),
         Column("suggested", "Suggested", "weight"), Column("range", "Range the outcomes allow", width=24),
         Column("verdict", "Finding", width=28)],
        frame, title="Weights of the components", filters=False,
    )  # fmt: skip
    chart = Chart(
        "bar", "Weights in force and suggested",
        [Series("In force", Ref("champion_weights", "label"), Ref("champion_weights", "current"), EXPECTED),
         Series("Suggested", Ref("champion_weights", "label"), Ref("champion_weights", "suggested"), WON)],
        "Weights of the components in force and as suggested", y_format="0%", width=520, height=300,
    )  # fmt: skip
    return [table, chart] if found.recommended else [table]


def _trial_facts(trial: TrialReport) -> list[tuple[str, object]]:
    interval = f"{trial.low:+.3f} to {trial.high:+.3f}" if np.isfinite(trial.low) and trial.low > -9 else "too early"
    return [
        ("Champion", trial.champion_id),
        ("Challenger", trial.challenger_id),
        ("Since", trial.started),
        ("Outcomes scored by both", f"{trial.outcomes:,} ({trial.won:,} won, {trial.lost:,} lost)"),
        ("Planned", f"{trial.planned:,} outcomes: {trial.power:.0%} chance to see a gain of {trial.worth:.3f} in AUC"),
        ("AUC of the champion", f"{trial.auc_champion:.3f}"),
        ("AUC of the challenger", f"{trial.auc_challenger:.3f}"),
        ("Interval of the gain", interval),
        ("Decision", trial.decision),
    ]


def _looks_table(trial: TrialReport) -> Table:
    looks = trial.looks.assign(
        range=["too early" if low <= -9 else f"{low:+.3f} to {high:+.3f}"
               for low, high in zip(trial.looks["low"], trial.looks["high"], strict=True)]
    )  # fmt: skip
    return Table(
        "champion_looks",
        [Column("looked_on", "Looked on", "id", width=14), Column("outcomes", "Outcomes", "integer"),
         Column("difference", "Gain in AUC", "number", decimals=3), Column("range", "Interval at this look", width=24),
         Column("decision", "Decision", width=20)],
        looks, title="Looks at the trial", filters=False, empty_text="Nobody looked at the trial yet.",
    )  # fmt: skip

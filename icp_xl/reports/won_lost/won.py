"""The sheet *Closed Won*: predicted against actual."""

from __future__ import annotations

import numpy as np

from icp_xl.feedback.accuracy import Accuracy
from icp_xl.reports.spec import Block, Chart, Column, Figure, Figures, Ref, Series, Sheet, Table, Text
from icp_xl.reports.won_lost.common import (
    EXPECTED,
    WON,
    WonLostInputs,
    chances,
    deal_columns,
    error_bars_of,
    name_of,
    or_none,
    period_of,
    range_words,
    ranges,
    status_blocks,
)


def build_won_sheet(inputs: WonLostInputs) -> Sheet:
    """Bands, tenths, factors, confidence and blind spots, for who wants to know whether the score told winners."""
    found = inputs.accuracy
    blocks: list[Block | tuple[Block, ...]] = [
        _headline(inputs),
        Text(_answer(inputs), "good" if _finding(found, "opportunity_score") == "higher wins more" else "warning"),
        *status_blocks(inputs, found.status),
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
        *_at_close(found),
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
    return Sheet("Closed Won", "Closed won: predicted against actual", blocks, subtitle=period_of(inputs),
                 tab_colour=WON)  # fmt: skip


def _at_close(found: Accuracy) -> list[Block]:
    """The last snapshot's score beside the one recomputed at the close: what a fresher snapshot would have told."""
    if found.at_close.empty:
        return []
    frame = found.at_close.assign(
        label=found.at_close["name"].map(name_of), range=ranges(found.at_close, "low", "high", False)
    )
    return [
        Text(
            "The score is also computed anew for the day of each close, from what had happened before that day. If "
            "it tells "
            "winners better than the last snapshot's, take snapshots more often.", "paragraph",
        ),
        Table(
            "won_at_close",
            [Column("label", "Score", width=30), Column("deals", "Closed", "integer"),
             Column("auc", "AUC", "number", decimals=2), Column("range", "95 % interval", width=16)],
            frame, title="Last snapshot and day of the close", filters=False,
        ),
    ]  # fmt: skip


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
        Figure("High-scored that won", or_none(precision["value"]), "percent",
               range_words(precision["low"], precision["high"]), decimals=0),
        Figure("Snapshots", inputs.snapshots, "integer", f"{inputs.first_snapshot} to {inputs.last_snapshot}"),
    ])  # fmt: skip


def _band_table(found: Accuracy) -> Table:
    frame = error_bars_of(found.bands, "win_rate", "low", "high")
    frame = frame.assign(
        win_range=ranges(frame, "low", "high"),
        lift_range=ranges(frame, "lift_low", "lift_high", False),
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
    frame = found.deciles.assign(win_range=ranges(found.deciles, "low", "high"))
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
    frame = found.metrics.assign(range=ranges(found.metrics, "low", "high", False))
    return Table(
        "won_metrics",
        [Column("name", "Measure", width=14), Column("value", "Value", "number", decimals=2),
         Column("range", "95 % interval", width=16), Column("note", "Meaning", width=44)],
        frame, title="Of the band High", filters=False,
    )  # fmt: skip


def _score_table(found: Accuracy) -> Table:
    frame = found.scores.assign(
        label=found.scores["name"].map(name_of), range=ranges(found.scores, "low", "high", False),
        p=chances(found.scores),
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
        found.factors.assign(p=chances(found.factors)), title="Factors", filters=False,
    )  # fmt: skip


def _level_table(found: Accuracy) -> Table:
    frame = found.levels.assign(range=ranges(found.levels, "low", "high"))
    return Table(
        "won_levels",
        [Column("level", "Confidence", width=13), Column("promise", "What it claims", width=22),
         Column("range", "95 % interval of measured", width=16), Column("verdict", "Finding", "long_text", width=28),
         Column("accuracy", "Measured", "percent", decimals=0), Column("expected", "Claimed", "percent", decimals=0),
         Column("calls", "Predictions", "integer"), Column("right", "Right", "integer")],
        frame, title="Confidence levels", filters=False,
    )  # fmt: skip


def _blind_table(inputs: WonLostInputs) -> Table:
    return Table(
        "won_blind", deal_columns("pulled_down_by", "Lowest components (0–1)"), inputs.accuracy.blind_spots,
        title="Largest opportunities of the band Low that won (at most 50)",
        empty_text="No low-scored opportunity won.",
    )  # fmt: skip

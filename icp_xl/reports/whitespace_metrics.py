"""The sheets *Whitespace Metrics* and *Thresholds*: every figure of the list with what it means for a sales team."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from icp_xl.config.whitespace import WhitespaceSettings
from icp_xl.reports.spec import Chart, Column, Figure, Figures, Item, Ref, Series, Sheet, Table, Text
from icp_xl.reports.words import MOST_BARS, say_bars, say_count
from icp_xl.signals import COUNT, SIGNALS
from icp_xl.whitespace.model import Ranking

_MODES = {
    "percentile": "compared within each division",
    "pooled": "compared over all divisions",
    "calibrated": "taken as they are and multiplied",
}
#: What orders the list, by ``whitespace.rank_by``.
ORDERS = {
    "score": f"the score, the blend of the {COUNT} signals (rank_by: score)",
    "value": "expected value alone, the most revenue or profit first (rank_by: value)",
    "balanced": "chance and expected value, each against its mean, added up (rank_by: balanced)",
    "challenger": "the challenger's score (rank_by: challenger)",
}
_GROUPS = {"top_percent": "Share of all", "per_rep": "Per rep", "hybrid": "Divisions in turn", "division": "Division"}


def build_metrics_sheet(
    ranking: Ranking, value_name: str, warnings: Sequence[str], verdicts: Mapping[str, str]
) -> Sheet:
    """Headline figures, capture, shares of divisions, weights, and the models that stand behind them.

    Args:
        ranking: the list with its figures.
        value_name: what a purchase counts with, in words.
        warnings: of the ranking, shown below the headline.
        verdicts: by division, whether its model or a baseline serves.
    """
    figures, shares = ranking.metrics, _shares_table(ranking, verdicts)
    blocks: list[Item] = [
        _tiles(figures, value_name),
        *(Text(text, "warning") for text in warnings),
        Text("How concentrated the opportunity is", "heading"),
        Text("Capture: of all purchases that the model expects of the ranked pairs, the share that lies in the top "
             "part of the list. The higher it is, the more a short list is worth. It is the model's own expectation; "
             "what came true is on the validation report."),
        (_capture_table(figures, value_name), _shares_chart(figures, len(shares.frame))),
        Text("Who is in the list", "heading"),
        Text("A list that is nearly all one division wears out its customers and its reps. Above the limit in the "
             "settings you are warned, and capacity: hybrid takes the divisions in turn."),
        shares,
        Text("What the score is made of", "heading"),
        Text(f"Signals are {_MODES[figures['normalize']]}. A signal that covers few pairs counts less, and the others "
             "take its place; low coverage is not bad, only little to go on. The challenger's weights are learned from "
             "what happened after an earlier cutoff."),
        Text(f"The list is ordered by {ORDERS[figures['rank_by']]}."),
        _weights_table(ranking),
        *_no_challenger(figures["challenger"]),
        *_holdout(figures["holdout"]),
        Text("How to work with it", "heading"),
        Text("Choose one capacity and keep to it for four to six weeks; then compare those worked with those held out.",
             "bullet"),
        Text("Call in the order of the list, fill in Status, and say why where a pair is Not eligible: both are read "
             "before the next list is made.", "bullet"),
        Text("A chance is no promise, and expected value no quotation.", "bullet"),
    ]  # fmt: skip
    ahead = say_count(ranking.window_months, "month")
    return Sheet("Whitespace Metrics", "What this list is, in figures", blocks,
                 subtitle=f"Scores as of {ranking.cutoff}, {ahead} ahead.")  # fmt: skip


def _no_challenger(found: object) -> list[Item]:
    return [Text(f"There is no challenger: {found}.", "note")] if isinstance(found, str) else []


def _tiles(figures: Mapping[str, Any], value_name: str) -> Figures:
    overlap = figures["stability_jaccard"]
    moved = "no earlier list"
    if overlap is not None:
        moved = "few changes" if overlap >= 0.7 else "some changes" if overlap >= 0.3 else "many changes: look why"
    return Figures(
        [
            Figure("To work now", figures["selected"], "integer", f"of {figures['ranked']:,} ranked pairs"),
            Figure("Accounts", figures["accounts_selected"], "integer", "behind them"),
            Figure("Purchases expected", figures["expected_purchases_selected"], "number",
                   f"within {say_count(figures['window_months'], 'month')}", decimals=0),
            Figure(f"Expected {value_name}", figures["expected_value_selected"], "money",
                   f"within {say_count(figures['window_months'], 'month')}"),
            Figure("Overlap with last list", "none" if overlap is None else overlap,
                   "text" if overlap is None else "percent", moved, decimals=0,
                   tone="warning" if overlap is not None and overlap < 0.3 else "plain"),
        ]
    )  # fmt: skip


def _capture_table(figures: Mapping[str, Any], value_name: str) -> Table:
    frame = pd.DataFrame(figures["capture"])
    frame["percent"] = frame["percent"] / 100.0
    return Table(
        "ws_capture",
        [
            Column("percent", "Top of the list", "percent", decimals=0, width=14),
            Column("pairs", "Pairs", "integer", width=10),
            Column("purchases", "Of expected purchases", "percent", width=14, rule="data_bar"),
            Column("value", f"Of expected {value_name}", "percent", width=14, rule="data_bar"),
        ],
        frame, title="Capture", filters=False,
    )  # fmt: skip


def _shares_table(ranking: Ranking, verdicts: Mapping[str, str]) -> Table:
    rows = ranking.thresholds[ranking.thresholds["mode"] == "division"]
    frame = rows.assign(model=[verdicts.get(str(name), "") for name in rows["group"]])
    frame = frame.sort_values(["share", "group"], ascending=[False, True], kind="stable")
    return Table(
        "ws_shares",
        [
            Column("group", "Division"),
            Column("selected", "To work now", "integer", width=12),
            Column("share", "Share of the list", "percent", width=14, rule="data_bar"),
            Column("ranked", "Ranked", "integer", width=10),
            Column("p_threshold", "Lowest chance taken", "probability", width=13),
            Column("model", "Model", width=20, rule="status"),
        ],
        frame, title="Divisions", filters=False, empty_text="Nothing is selected.",
    )  # fmt: skip


def _shares_chart(figures: Mapping[str, Any], count: int) -> Chart:
    names = ", ".join(f"{name} {share:.0%}" for name, share in figures["division_shares"].items())
    return Chart(
        "bar", "Share of the list by division" + say_bars(count, "largest"),
        [Series("Share of the list", Ref("ws_shares", "group", MOST_BARS), Ref("ws_shares", "share", MOST_BARS))],
        f"Bars: share of each division in the list to work now: {names or 'none'}.",
        y_format="0%", legend=False, height=max(260, 60 + 18 * min(count, MOST_BARS)), width=460,
    )  # fmt: skip


def _weights_table(ranking: Ranking) -> Table:
    frame = ranking.weights.copy()
    known = {signal.name: signal for signal in SIGNALS}
    frame["name"] = [known[str(name)].title for name in frame["signal"]]
    frame["meaning"] = [known[str(name)].meaning for name in frame["signal"]]
    return Table(
        "ws_weights",
        [
            Column("name", "Signal", width=20),
            Column("asked", "Weight asked", "percent", decimals=0, width=12),
            Column("coverage", "Coverage", "percent", decimals=0, width=11),
            Column("used", "Weight used", "percent", decimals=0, width=12, rule="data_bar"),
            Column("challenger", "Challenger's", "percent", decimals=0, width=12),
            Column("meaning", "What it is", "long_text", width=52),
        ],
        frame, title="Weights", filters=False,
    )  # fmt: skip


def _holdout(plan: Mapping[str, Any]) -> list[Item]:
    if plan["share"] <= 0.0:
        return []
    words = (
        f"{plan['share']:.0%} of the accounts are held out of the list at random: {plan['accounts_held_out']:,} "
        f"against {plan['accounts_worked']:,} that are worked. "
    )
    if "needed_held_out" in plan:
        words += (
            f"To see that calling raises purchases by {plan['planned_lift']:.0%} (from {plan['expected_rate']:.1%}) "
            f"takes {plan['needed_held_out']:,} held out and {plan['needed_worked']:,} worked (5 % error, 80 % power). "
        )
        visible = plan.get("visible_lift", math.nan)
        words += (
            f"With the accounts of this list only a rise of {visible:.0%} or more would be seen; lists of several "
            "periods add up."
            if math.isfinite(visible)
            else "This list alone holds too few accounts for any rise to be seen; lists of several periods add up."
        )
    return [Text("What the list itself brings", "heading"), Text(words)]


def build_thresholds_sheet(ranking: Ranking, settings: WhitespaceSettings) -> Sheet:
    """Where the list is cut: places asked for and taken, and the last score and chance taken, by group."""
    frame = ranking.thresholds.copy()
    frame["mode"] = [_GROUPS[str(mode)] for mode in frame["mode"]]
    frame["group"] = frame["group"].replace({"all": "All"})
    table = Table(
        "ws_thresholds",
        [
            Column("mode", "Cut by", width=18),
            Column("group", "Group"),
            Column("ranked", "Ranked", "integer", width=11),
            Column("asked", "Places", "integer", width=10),
            Column("selected", "To work now", "integer", width=12),
            Column("share", "Share of the list", "percent", width=14, rule="data_bar"),
            Column("score_threshold", "Lowest score taken", "weight", width=14),
            Column("p_threshold", "Lowest chance taken", "probability", width=14),
        ],
        frame,
    )  # fmt: skip
    how = {
        "top_percent": f"The best {settings.top_percent:g} % of the ranked pairs, whatever their division and rep.",
        "per_rep": f"The best {settings.per_rep:,} pairs of each rep.",
        "hybrid": f"As many as {settings.top_percent:g} % of the ranked pairs, the divisions in turn, none above "
        f"{settings.max_division_share:.0%} of the places.",
    }[settings.capacity]
    blocks: list[Item] = [
        Text(how),
        Text("Change it with capacity, top_percent and per_rep in the settings' section whitespace.", "note"),
        table,
    ]
    return Sheet("Thresholds", "Where the list is cut", blocks, subtitle="Capacity, and what it takes of each group.")

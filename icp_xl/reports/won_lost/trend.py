"""The sheet *Model Trend*: how well the score did, month by month and by weights."""

from __future__ import annotations

import numpy as np

from icp_xl.reports.spec import Block, Chart, Column, Ref, Series, Sheet, Table, Text
from icp_xl.reports.won_lost.common import EXPECTED, WON, WonLostInputs, error_bars_of, period_of, ranges, status_blocks


def build_trend_sheet(inputs: WonLostInputs) -> Sheet:
    """Ranking and expected wins by month of closing, and the weights that scored."""
    found = inputs.accuracy
    months = error_bars_of(found.close_months, "auc", "auc_low", "auc_high")
    months = months.assign(
        range=ranges(months, "low", "high"),
        auc_range=ranges(months, "auc_low", "auc_high", False),
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
    models = found.models.assign(range=ranges(found.models, "low", "high", False))
    blocks: list[Block | tuple[Block, ...]] = [
        Text(found.trend, "good" if found.trend.startswith("The score got better") else "paragraph"),
        *status_blocks(inputs, found.status),
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
    return Sheet("Model Trend", "The model over time", blocks, subtitle=period_of(inputs))

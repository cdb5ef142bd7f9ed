"""The sheet *Trade-off*: prediction against the wanted grade mix."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from icp_xl.columns import GRADES
from icp_xl.reports.optimize.common import titles
from icp_xl.reports.spec import Chart, Column, Ref, Series, Sheet, Table, Text

if TYPE_CHECKING:
    from icp_xl.weight_search.search import OptimizeResult


def build_tradeoff_sheet(result: OptimizeResult) -> Sheet:
    """What a truer grade mix costs in prediction, point by point."""
    rows = []
    for point in result.tradeoff:
        row: dict[str, object] = {
            "lambda": point.lambda_,
            "kl": point.value.kl,
            "correlation": point.value.rho,
            "chosen_kl": point.value.kl if point.chosen else np.nan,
            "chosen": "chosen" if point.chosen else "",
        }
        row.update({name: int(units) / 10_000 for name, units in zip(result.problem.names, point.units, strict=True)})
        rows.append(row)
    frame = pd.DataFrame(rows)
    frame["marked"] = np.where(frame["chosen"] == "chosen", frame["correlation"], np.nan)
    curve = Table(
        "tradeoff",
        [
            Column("lambda", "λ", "number", decimals=2),
            Column("correlation", "Correlation", "number", decimals=4),
            Column("kl", "Mix shift (KL)", "number", decimals=5),
            *(Column(name, title, "weight") for name, title in titles(result).items()),
            Column("chosen", "Choice", "text"),
            Column("marked", "Chosen point", "number", decimals=4, hidden_from_print=True),
        ],
        frame,
        title="Best weights for each λ",
        filters=False,
    )
    chart = Chart(
        "scatter",
        "Correlation against shift of the grade mix",
        [
            Series("Best for each λ", Ref("tradeoff", "kl"), Ref("tradeoff", "correlation")),
            Series("Chosen", Ref("tradeoff", "kl"), Ref("tradeoff", "marked"), colour="#D9772B", labels=True),
        ],
        "Scatter: the correlation that can be had at each divergence of the grade mix, with the choice marked",
        x_title="Shift of the grade mix (KL divergence)",
        y_title="Correlation with revenue",
        x_format="0.000",
        y_format="0.000",
        x_range=(0.0, None),
    )
    mix = pd.DataFrame(
        {
            "grade": list(GRADES),
            "target": result.problem.target,
            "current": result.mixes["current"],
            "best": result.mixes["best"],
        }
    )
    mix_table = Table(
        "mix",
        [
            Column("grade", "Grade", "grade", rule="grade"),
            Column("target", "Target", "percent", decimals=1),
            Column("current", "In force", "percent", decimals=1),
            Column("best", "Best", "percent", decimals=1),
        ],
        mix,
        title="Grade mix under fixed cut-points",
        filters=False,
    )
    mix_chart = Chart(
        "column",
        "Grade mix",
        [
            Series(title, Ref("mix", "grade"), Ref("mix", key))
            for key, title in (("target", "Target"), ("current", "In force"), ("best", "Best"))
        ],
        "Columns: share of accounts per grade, target, in force and best",
        y_format="0%",
    )
    return Sheet(
        "Trade-off",
        "Trade-off between correlation and grade mix",
        [
            Text(
                "A small λ looks at revenue only and lets the grade mix drift; λ = 1 keeps the mix alone. "
                "Each point of the curve is the best that can be had for its λ; the chosen one is marked."
            ),
            (chart, mix_chart),
            curve,
            mix_table,
        ],
        subtitle="What a better ranking costs in shifted grades",
    )

"""The sheet Industries: which pay, how sure that is, and the weight each gets."""

from __future__ import annotations

import numpy as np
import pandas as pd

from icp_xl.config.reports import ReportSettings
from icp_xl.reports.inputs import ScoreReportInputs
from icp_xl.reports.spec import Chart, Column, Item, Ref, Series, Sheet, Table, Text
from icp_xl.reports.words import say_count, say_list


def industry_figures(inputs: ScoreReportInputs) -> pd.DataFrame:
    """One row per industry, highest weight first: weight and its parts, accounts, average score, share of A and B."""
    table = inputs.industries.copy()
    scored = inputs.scored[inputs.scored["industry"].notna()]
    grouped = scored.groupby("industry", observed=True)
    score = grouped["icp_score"].mean()
    top = scored["icp_grade"].isin(["A", "B"]).groupby(scored["industry"], observed=True).mean()
    table["average_score"] = table["industry"].map(score).astype(float)
    table["top_share"] = table["industry"].map(top).astype(float)
    for name in ("evidence", "mean_revenue", "data_weight", "tier", "tier_score"):
        if name not in table.columns:
            table[name] = np.nan
    return table


def build_industries_sheet(inputs: ScoreReportInputs, settings: ReportSettings) -> Sheet:
    """The table of industry weights, with a chart of the weights and of how sure they are."""
    frame = industry_figures(inputs)
    columns = [
        Column("industry", "Industry", width=32),
        Column("accounts", "Accounts", "integer", total="sum", width=11),
        Column("weight", "Weight", "weight", rule="data_bar", decimals=2, width=11,
               note="Industry score of every account of this industry, 0 to 1; 0.5 is the average industry."),
        Column("data_weight", "From sales", "weight", decimals=2, width=11,
               note="What the sales alone say, after shrinkage towards the average."),
        Column("tier", "Strategic tier", width=11),
        Column("tier_score", "From tier", "weight", decimals=2, width=11),
        Column("evidence", "Evidence", "percent", decimals=0, rule="scale", width=11,
               note="How much of the industry's own result is kept; the rest is pulled to the average. Few accounts, "
               "little say."),
        Column("mean_revenue", "Revenue per account", "money", width=14),
        Column("average_score", "Average score", "score", width=11),
        Column("top_share", "Graded A or B", "percent", decimals=0, width=11),
    ]  # fmt: skip
    known = frame[frame["accounts"] > 0]
    best = known.head(3)["industry"].astype(str).tolist()
    words = (
        f"{say_count(len(known), 'industry', 'industries')} with accounts; the highest weights go to {say_list(best)}."
        if best else "No account has a known industry."
    )  # fmt: skip
    unknown = int(inputs.scored["industry"].isna().sum())
    blocks: list[Item] = [Text(words)]
    table = inputs.model.lookup("industry")
    if table is None:
        blocks.append(Text("No component of this score reads the industry; the weights are for information.", "note"))
    elif unknown:
        has, gets = ("has", "gets") if unknown == 1 else ("have", "get")
        text = f"{say_count(unknown, 'account')} {has} no known industry and {gets} the prior weight of "
        blocks.append(Text(text + f"{table.prior:.2f}.", "note"))
    blocks.append(Table("industries", columns, frame, empty_text="No industry is known."))
    shown = min(settings.industries_charted, len(frame))
    chart = Chart(
        "bar", f"Industry weights (the {shown} highest)" if shown < len(frame) else "Industry weights",
        [
            Series("Weight in use", Ref("industries", "industry", shown), Ref("industries", "weight", shown)),
            Series("From sales alone", Ref("industries", "industry", shown), Ref("industries", "data_weight", shown),
                   colour="#A9B4BB"),
        ],
        f"Bar chart of industry weights from 0 to 1, highest first: {say_list(best)} lead.",
        x_format="0.0", y_format="0.0", y_range=(0, 1), width=760, height=max(240, 70 + 34 * shown),
    )  # fmt: skip
    blocks.append(chart)
    return Sheet(
        "Industries", "Industries", blocks, portrait=True, one_page=len(frame) <= 40, freeze_table="industries",
        freeze_columns=1,
        subtitle="How well each industry has paid, pulled towards the average where there are few accounts, and "
        "blended with the strategic tiers.",
    )  # fmt: skip

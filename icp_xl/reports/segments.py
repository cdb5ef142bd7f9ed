"""The sheet Segments: small, mid-market and large accounts compared, and what to do in each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from icp_xl.columns import GRADES
from icp_xl.config.reports import ReportSettings
from icp_xl.reports.accounts import is_complete
from icp_xl.reports.formulas import group_figures, group_formula
from icp_xl.reports.inputs import ScoreReportInputs
from icp_xl.reports.spec import Chart, Column, Ref, Series, Sheet, Table, Text
from icp_xl.reports.words import say_count, say_money, share, total
from icp_xl.scoring.model import SEGMENTS, UNKNOWN_SEGMENT

#: Fewer accounts than this make no recommendation.
LEAST = 3
#: What recommendations are read from; to cut all columns of the accounts into segments costs more than the rest.
_READ = (
    "segment", "total_revenue", "software_revenue", "consumable_revenue", "printers", "icp_grade", "annual_revenue",
)  # fmt: skip


@dataclass(frozen=True)
class Recommendation:
    """What to do in a segment, the figures that say so, and how many accounts it concerns."""

    segment: str
    action: str
    why: str
    accounts: int
    amount: float


def segments_present(scored: pd.DataFrame) -> list[str]:
    """Segments that have accounts, from small to large, the unknown last."""
    found = set(scored["segment"].dropna())
    return [name for name in (*SEGMENTS, UNKNOWN_SEGMENT) if name in found]


def build_segments_sheet(inputs: ScoreReportInputs, settings: ReportSettings) -> Sheet:
    """Comparison table and charts, then recommendations that follow from the figures."""
    scored = inputs.scored
    live = is_complete(inputs, settings) and len(scored) > 0
    frame = segment_figures(scored)
    model = inputs.model
    subtitle = (
        f"By annual revenue: Small Business below {say_money(model.segment_mid_market, settings.currency)}, Mid-Market "
        f"below {say_money(model.segment_large, settings.currency)}, Large Enterprise from there; Unknown where it is "
        "not known."
    )
    columns = [
        Column("segment", "Segment", width=22),
        Column("accounts", "Accounts", "integer", total="sum", width=12,
               formula=group_formula("accounts", "segment", live)),
        Column("average_score", "Average score", "score", rule="data_bar",
               formula=group_formula("average_score", "segment", live), width=12),
        Column("top_grades", "Graded A or B", "integer", total="sum",
               formula=group_formula("top_grades", "segment", live), width=12),
        Column("top_share", "Share graded A or B", "percent", width=13,
               formula=group_formula("top_share", "segment", live)),
        Column("revenue", "Revenue with us", "money", total="sum",
               formula=group_formula("revenue", "segment", live), width=16),
        Column("revenue_share", "Share of revenue", "percent",
               formula="IF(SUM({segments.revenue})=0,0,{revenue}/SUM({segments.revenue}))", width=13),
        Column("per_account", "Revenue per account", "money", width=14,
               formula='IF({accounts}=0,"",{revenue}/{accounts})'),
        Column("software_share", "Buy software", "percent", width=12),
        Column("printer_share", "Own printers", "percent", width=12),
    ]  # fmt: skip
    advice = pd.DataFrame(
        [vars(each) for each in recommend(scored, settings.currency)],
        columns=["segment", "action", "why", "accounts", "amount"],
    )
    advice = advice[["segment", "accounts", "action", "why"]]
    return Sheet(
        "Segments",
        "Segments",
        [
            Table("segments", columns, frame, totals=True, filters=False),
            tuple(_charts(frame)),
            Text("What to do, by segment", "heading"),
            Text(
                "Each line follows from the figures of the segment; filter Scored Accounts to find the accounts.",
                "note",
            ),
            *_advice_tables(advice),
        ],
        subtitle=subtitle,
        one_page=True,
    )


def segment_figures(scored: pd.DataFrame) -> pd.DataFrame:
    """One row per segment that has accounts."""
    names = segments_present(scored)
    frame = group_figures(scored, "segment", names)
    revenue = float(frame["revenue"].sum())
    frame["revenue_share"] = [share(part, revenue) for part in frame["revenue"]]
    frame["per_account"] = frame["revenue"] / frame["accounts"].where(frame["accounts"] > 0)
    bought = scored[["segment", "software_revenue", "printers"]]
    parts = [bought[bought["segment"] == name] for name in names]
    frame["software_share"] = [share(float((part["software_revenue"] > 0).sum()), len(part)) for part in parts]
    frame["printer_share"] = [share(float((part["printers"] > 0).sum()), len(part)) for part in parts]
    return frame


def _charts(frame: pd.DataFrame) -> Iterator[Chart]:
    about = {
        "accounts": ("Accounts", "#,##0", "integer"),
        "average_score": ("Average ICP score", "0", "score"),
        "revenue": ("Revenue with us", "$#,##0.0,,\"M\"", "money"),
    }  # fmt: skip
    colours = ("#1B7F8C", "#12344D", "#D9772B")
    for (key, (title, form, _)), colour in zip(about.items(), colours, strict=True):
        best = frame["segment"].iloc[int(frame[key].fillna(0).to_numpy().argmax())] if len(frame) else "none"
        yield Chart(
            "column", f"{title} by segment",
            [Series(title, Ref("segments", "segment"), Ref("segments", key), colour=colour, labels=True)],
            f"Column chart of {title.lower()} by segment; {best} is highest.",
            y_format=form, legend=False, width=370, height=270, y_range=(0, None),
        )  # fmt: skip


def _advice_tables(advice: pd.DataFrame) -> Iterator[Text]:
    for segment in dict.fromkeys(advice["segment"]):
        yield Text(str(segment), "heading")
        for row in advice[advice["segment"] == segment].itertuples():
            yield Text(f"{row.action} {row.why}", "bullet")


def recommend(scored: pd.DataFrame, currency: str = "$") -> list[Recommendation]:
    """What the figures of each segment say should be done; one row at least per segment that has accounts."""
    found: list[Recommendation] = []
    scored = scored[list(_READ)]
    for name in segments_present(scored):
        part = scored[scored["segment"] == name]
        advice = [each for each in _rules(name, part, currency) if each.accounts >= LEAST]
        if not advice:
            why = f"{say_count(len(part), 'account')}, too few or too even to single any out."
            advice = [Recommendation(name, "Work the list from the top.", why, len(part), 0.0)]
        found += advice
    return found


def _rules(name: str, part: pd.DataFrame, currency: str) -> Iterator[Recommendation]:
    n = len(part)
    revenue = part["total_revenue"].fillna(0.0)
    software = part["software_revenue"].fillna(0.0)
    consumables = part["consumable_revenue"].fillna(0.0)
    owners = part["printers"].fillna(0.0) > 0
    good = part["icp_grade"].isin(GRADES[:3])
    top = part["icp_grade"].isin(GRADES[:2])

    idle = top & (revenue <= 0)
    yield Recommendation(
        name, "Open the door to the best that have never bought.",
        f"{say_count(int(idle.sum()), 'account')} graded A or B {_have(idle)} no sales on record; they resemble "
        "those that buy.",
        int(idle.sum()), 0.0,
    )  # fmt: skip
    gap = owners & good & (software <= 0)
    buyers = owners & (software > 0)
    if buyers.sum() >= LEAST:
        usual = float(np.median(software[buyers]))
        yield Recommendation(
            name, "Offer software and maintenance to printer owners.",
            f"{say_count(int(gap.sum()), 'account')} graded A to C own printers but buy no software; the "
            f"{int(buyers.sum()):,} owners that do have spent {say_money(usual, currency)} (median).",
            int(gap.sum()), usual * float(gap.sum()),
        )  # fmt: skip
    dry = owners & (consumables <= 0)
    supplied = owners & (consumables > 0)
    if supplied.sum() >= LEAST:
        usual = float(np.median(consumables[supplied]))
        yield Recommendation(
            name, "Ask who supplies the consumables.",
            f"{say_count(int(dry.sum()), 'printer owner')} {_have(dry, 'buys', 'buy')} none from us; the "
            f"{int(supplied.sum()):,} that do have spent {say_money(usual, currency)} (median).",
            int(dry.sum()), usual * float(dry.sum()),
        )  # fmt: skip
    if n >= 20:
        edge = float(revenue.quantile(0.9))
        large = (revenue >= edge) & (revenue > 0)
        held = share(float(revenue[large].sum()), float(revenue.sum()))
        if held > 0.5:
            yield Recommendation(
                name, "Protect the few that carry the segment.",
                f"{say_count(int(large.sum()), 'account')} of {n:,} bring {held:.0%} of its revenue: a named owner "
                "and a plan for each.",
                int(large.sum()), float(revenue[large].sum()),
            )  # fmt: skip
        low = part["icp_grade"].isin(GRADES[3:]) & large
        yield Recommendation(
            name, "Check the low grades that spend much.",
            f"{say_count(int(low.sum()), 'account')} graded D or F {_have(low, 'is', 'are')} among the segment's "
            f"largest ({say_money(total(part[low], 'total_revenue'), currency)}); look at industry and data "
            "before dropping them.",
            int(low.sum()), total(part[low], "total_revenue"),
        )  # fmt: skip
    unknown = part["annual_revenue"].isna() & top
    if name == UNKNOWN_SEGMENT:
        yield Recommendation(
            name, "Find the annual revenue of the best accounts first.",
            f"{say_count(int(unknown.sum()), 'account')} graded A or B {_have(unknown, 'lacks', 'lack')} it; until "
            "then they have the neutral size score and no segment.",
            int(unknown.sum()), 0.0,
        )  # fmt: skip


def _have(mask: pd.Series[bool], one: str = "has", many: str = "have") -> str:
    return one if int(mask.sum()) == 1 else many

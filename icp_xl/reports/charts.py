"""The sheet Charts, and the sheet Chart Data that its charts draw from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from icp_xl.columns import GRADES
from icp_xl.components.fitted import FittedComponent
from icp_xl.components.record import Fact
from icp_xl.config.reports import ReportSettings
from icp_xl.reports.inputs import ScoreReportInputs
from icp_xl.reports.segments import segments_present
from icp_xl.reports.spec import Chart, Column, Ref, Series, Sheet, Table, Text
from icp_xl.reports.summary import about_weights
from icp_xl.reports.words import number_word, say_count
from icp_xl.scoring.model import ScoreModel

#: Width of a histogram bar in points of score.
BIN = 5


@dataclass(frozen=True)
class Diagnostic:
    """A component's score against one number that it is made of."""

    part: FittedComponent
    fact: Fact

    @property
    def score(self) -> str:
        """Column of the score."""
        return self.part.declared.score_column

    @property
    def log(self) -> bool:
        """Whether the axis of the number is logarithmic."""
        return self.fact.unit == "money"


def diagnostics(model: ScoreModel) -> list[Diagnostic]:
    """Every number of every component."""
    return [Diagnostic(part, fact) for part in model.parts for fact in part.facts if not fact.text]


def build_chart_sheets(inputs: ScoreReportInputs, settings: ReportSettings) -> tuple[Sheet, Sheet]:
    """The sheets Charts and Chart Data."""
    histogram = histogram_table(inputs.scored)
    boxes = box_table("score_box", box_figures(inputs.scored))
    weights = weight_table(inputs)
    industries = industry_table(inputs, settings)
    shown = [item for item in diagnostics(inputs.model) if item.part.name not in inputs.guarded]
    points, notes = point_tables(inputs.scored, shown, settings)
    scatters = [_scatter(i, item, points[i].frame) for i, item in enumerate(shown)]
    charts = Sheet(
        "Charts",
        "Charts",
        [
            (histogram_chart(inputs.scored), box_chart("score_box", "ICP score by segment", boxes.frame)),
            (radar_chart(inputs), industry_chart(industries.frame)),
            Text("Does each component follow what it measures?", "heading"),
            Text(
                "Each point is one account. A component that is worth its weight rises with its raw input; a flat or "
                "falling cloud is a reason to look at the data. " + notes,
                "note",
            ),
            *(tuple(scatters[i : i + 2]) for i in range(0, len(scatters), 2)),
        ],
        subtitle="Native charts; their figures are on the sheet Chart Data.",
        portrait=True,
        one_page=True,
    )
    data = Sheet(
        "Chart Data",
        "Chart data",
        [(histogram, boxes, weights, industries), tuple(points)],
        subtitle="What the charts draw; it is not printed.",
        kind="method",
        printed=False,
    )
    return charts, data


# ---------------------------------------------------------------- distribution


def histogram_table(scored: pd.DataFrame) -> Table:
    """Accounts per five points of score, by grade."""
    edges = np.arange(0, 100 + BIN, BIN)
    place = np.clip(np.digitize(scored["icp_score"].to_numpy(dtype=float), edges) - 1, 0, len(edges) - 2)
    frame = pd.DataFrame({"score_from": edges[:-1], "label": [f"{a}\u2013{a + BIN}" for a in edges[:-1]]})
    grades = scored["icp_grade"].to_numpy(dtype=object)
    for grade in GRADES:
        frame[grade] = np.bincount(place[grades == grade], minlength=len(edges) - 1) if len(scored) else 0
    columns = [Column("label", "Score", width=9), *(Column(g, f"Grade {g}", "integer", width=9) for g in GRADES)]
    return Table("score_histogram", columns, frame, title="Accounts by score and grade", filters=False)


#: Colours of the grades in charts.
GRADE_FILLS = {"A": "#0B5F6B", "B": "#5FAFB6", "C": "#E1E6E8", "D": "#F5C893", "F": "#C9651B"}


def histogram_chart(scored: pd.DataFrame) -> Chart:
    """The distribution of scores, coloured by grade."""
    middle = float(scored["icp_score"].median()) if len(scored) else math.nan
    return Chart(
        "stacked_column", "How scores spread",
        [
            Series(f"Grade {g}", Ref("score_histogram", "label"), Ref("score_histogram", g), colour=GRADE_FILLS[g],
                   gap=4)
            for g in GRADES
        ],
        f"Histogram of {say_count(len(scored), 'account')} by ICP score in steps of {BIN}, coloured by grade; the "
        f"middle account has {middle:.0f}.",
        x_title="ICP score", y_title="Accounts", y_format="#,##0", width=620, height=330,
    )  # fmt: skip


def box_figures(scored: pd.DataFrame) -> pd.DataFrame:
    """One row per segment and one for all: accounts, least, quartiles and greatest score."""
    scores = scored["icp_score"]
    groups = [
        ("All accounts", scores),
        *((name, scores[scored["segment"] == name]) for name in segments_present(scored)),
    ]
    rows = []
    for name, part in groups:
        values = part.to_numpy(dtype=float)
        if values.size:
            low, q1, middle, q3, high = np.quantile(values, [0, 0.25, 0.5, 0.75, 1])
            rows.append((name, int(values.size), low, q1, middle, q3, high))
    frame = pd.DataFrame(rows, columns=["group", "accounts", "low", "q1", "middle", "q3", "high"])
    return frame.astype(dict.fromkeys(("low", "q1", "middle", "q3", "high"), float))


def box_table(name: str, figures: pd.DataFrame) -> Table:
    """Figures of a box plot (see :func:`box_figures`) with the lengths that it is drawn from, as formulas."""
    frame = figures.assign(
        lower=figures["middle"] - figures["q1"],
        upper=figures["q3"] - figures["middle"],
        down=figures["q1"] - figures["low"],
        up=figures["high"] - figures["q3"],
    )
    columns = [
        Column("group", "Accounts of", width=17),
        Column("accounts", "Accounts", "integer", width=10),
        Column("low", "Lowest", "score", width=9),
        Column("q1", "Lower quartile", "score", width=9),
        Column("middle", "Median", "score", width=9),
        Column("q3", "Upper quartile", "score", width=9),
        Column("high", "Highest", "score", width=9),
        Column("lower", "Box below median", "score", formula="{middle}-{q1}", width=10),
        Column("upper", "Box above median", "score", formula="{q3}-{middle}", width=10),
        Column("down", "Whisker down", "score", formula="{q1}-{low}", width=10),
        Column("up", "Whisker up", "score", formula="{high}-{q3}", width=10),
    ]
    return Table(name, columns, frame, title="Box plot of scores", filters=False)


def box_chart(table: str, title: str, figures: pd.DataFrame, *, width: int = 560, height: int = 330) -> Chart:
    """A box plot out of stacked columns and error bars, which every Excel and LibreOffice draw.

    Args:
        table: name of the table with the columns group, q1, lower, upper, down and up.
        title: of the chart.
        figures: one row per group: its quartiles (q1, middle, q3).
        width: in pixels.
        height: likewise.
    """
    told = "; ".join(f"{row.group} {row.middle:.0f} ({row.q1:.0f} to {row.q3:.0f})" for row in figures.itertuples())
    group = Ref(table, "group")
    return Chart(
        "box", title,
        [
            Series("Base", group, Ref(table, "q1"), colour="none", gap=90,
                   error_bars=(Ref(table, "down"), None)),
            Series("Lower quartile to median", group, Ref(table, "lower"), colour="#7FC4C9"),
            Series("Median to upper quartile", group, Ref(table, "upper"), colour="#1B7F8C",
                   error_bars=(None, Ref(table, "up"))),
        ],
        f"Box plot of scores. Median and middle half: {told}. Whiskers reach the lowest and highest score.",
        y_title="ICP score", y_format="0", y_range=(0, 100), width=width, height=height,
    )  # fmt: skip


# ---------------------------------------------------------------- weights and industries


def weight_table(inputs: ScoreReportInputs) -> Table:
    """Weights in use beside equal ones."""
    frame = about_weights(inputs.model)
    frame["equal"] = 1.0 / len(frame)
    columns = [
        Column("component", "Component", width=14),
        Column("weight", "Weight", "percent", width=10),
        Column("equal", "Equal weights", "percent", width=10),
    ]
    return Table("weights", columns, frame, title="Weights", filters=False)


def radar_chart(inputs: ScoreReportInputs) -> Chart:
    """The weights as a radar."""
    told = ", ".join(f"{name} {weight:.0%}" for name, weight in about_weights(inputs.model).itertuples(index=False))
    return Chart(
        "radar", f"Weights of the {number_word(len(inputs.model.parts))} components",
        [
            Series("In use", Ref("weights", "component"), Ref("weights", "weight")),
            Series("Equal", Ref("weights", "component"), Ref("weights", "equal"), colour="#A9B4BB",
                   dashed=True, marker=False),
        ],
        f"Radar chart of the component weights: {told}.",
        y_format="0%", y_range=(0, None), width=440, height=340,
    )  # fmt: skip


def industry_table(inputs: ScoreReportInputs, settings: ReportSettings) -> Table:
    """Average score of the industries with most accounts, best first."""
    known = inputs.scored[inputs.scored["industry"].notna()]
    grouped = known.groupby("industry", observed=True)["icp_score"].agg(["size", "mean"]).reset_index()
    frame = grouped.rename(columns={"size": "accounts", "mean": "average_score"})
    frame = frame.sort_values(["accounts", "industry"], ascending=[False, True]).head(settings.industries_charted)
    frame = frame.sort_values(["average_score", "industry"], ascending=[False, True], ignore_index=True)
    columns = [
        Column("industry", "Industry", width=24),
        Column("accounts", "Accounts", "integer", width=10),
        Column("average_score", "Average score", "score", width=10),
    ]
    return Table("industry_scores", columns, frame, title="Score by industry", filters=False)


def industry_chart(frame: pd.DataFrame) -> Chart:
    """Average score by industry."""
    told = "; ".join(f"{row.industry} {row.average_score:.0f}" for row in frame.head(3).itertuples())
    return Chart(
        "bar", "Average score by industry",
        [Series("Average ICP score", Ref("industry_scores", "industry"), Ref("industry_scores", "average_score"),
                labels=True, gap=40)],
        f"Bar chart of the average ICP score of the largest industries, best first: {told}.",
        y_format="0", y_range=(0, None), legend=False, width=740, height=340,
    )  # fmt: skip


# ---------------------------------------------------------------- diagnostics


def point_tables(
    scored: pd.DataFrame, items: Sequence[Diagnostic], settings: ReportSettings
) -> tuple[list[Table], str]:
    """A table of points per diagnostic chart, and a sentence on what is left out."""
    tables, left_out = [], []
    for i, item in enumerate(items):
        score, raw, label, log = item.score, item.fact.name, item.fact.label, item.log
        frame = scored[[raw, score]].astype(float).dropna()
        shown = frame[frame[raw] > 0] if log else frame
        if log:
            left_out.append(f"{label.lower()} {len(scored) - len(shown):,}")
        sample = sample_rows(shown, settings.chart_points).reset_index(drop=True)
        kind = "money" if log else "number"
        columns = [
            Column(raw, label, kind, width=15, decimals=0),  # type: ignore[arg-type]
            Column(score, score.replace("_", " ").capitalize(), "weight", width=12),
        ]
        tables.append(Table(f"points_{i + 1}", columns, sample, title=f"{label} and score", filters=False))
    absent = "Accounts where it is nothing or unknown have no place on a logarithmic axis: "
    note = absent + ", ".join(left_out) + "." if left_out else ""
    if len(scored) > settings.chart_points:
        note += f" At most {settings.chart_points:,} accounts are drawn, spread evenly over the list."
    return tables, note


def sample_rows(frame: pd.DataFrame, most: int) -> pd.DataFrame:
    """At most ``most`` rows, spread evenly over the frame, the same every time.

    >>> sample_rows(pd.DataFrame({"x": range(10)}), 4)["x"].tolist()
    [0, 3, 6, 9]
    """
    if len(frame) <= most:
        return frame
    return frame.iloc[np.linspace(0, len(frame) - 1, most).round().astype(int)]


def _scatter(number: int, item: Diagnostic, frame: pd.DataFrame) -> Chart:
    score, raw, label, log = item.score, item.fact.name, item.fact.label, item.log
    table = f"points_{number + 1}"
    rank = frame[raw].rank().corr(frame[score].rank()) if len(frame) > 2 and frame[score].nunique() > 1 else math.nan
    told = "no rank correlation can be given" if math.isnan(rank) else f"rank correlation {rank:.2f}"
    name = score.split("_")[0].capitalize()
    return Chart(
        "scatter", f"{name} score and {label.lower()} ({told})",
        [Series(name, Ref(table, raw), Ref(table, score), trendline=not log, colour="#1B7F8C")],
        f"Scatter of {name.lower()} score against {label.lower()} for {say_count(len(frame), 'account')}; {told}.",
        x_title=label + (" (logarithmic)" if log else ""), y_title=f"{name} score", y_range=(0, 1), y_format="0.0",
        x_format=short_format(frame[raw]) if log else "#,##0", log_x=log, legend=False,
        width=590, height=320, x_range=decades(frame[raw]) if log else (0, None),
    )  # fmt: skip


def short_format(values: pd.Series[float]) -> str:
    """Number format of a logarithmic axis over ``values``: thousands, millions or billions in short."""
    if len(values) and values.max() >= 1e9:
        return '[>=1000000000]#,##0,,,"B";[>=1000000]#,##0,,"M";#,##0,"K"'
    return '[>=1000000]#,##0,,"M";[>=1000]#,##0,"K";#,##0'


def decades(values: pd.Series[float]) -> tuple[float | None, float | None]:
    """The powers of ten that hold positive ``values``, from 1 on; nothing where there are none."""
    if values.empty:
        return (None, None)
    low = 10.0 ** math.floor(math.log10(max(float(values.min()), 1.0)))
    high = 10.0 ** math.ceil(math.log10(max(float(values.max()), 10.0)))
    return (low, high)

"""Charts of the live workbook; all draw what formulas compute."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from icp_xl.columns import GRADES
from icp_xl.reports.charts import GRADE_FILLS, Diagnostic, box_chart, decades, short_format
from icp_xl.reports.live.figures import LiveFigures
from icp_xl.reports.live.inputs import raw_inputs
from icp_xl.reports.live.tables import raw_points
from icp_xl.reports.spec import Chart, Item, Ref, Series
from icp_xl.reports.words import number_word, say_count
from icp_xl.scoring.model import ScoreModel

_OLD = "#A9B4BB"


def dashboard_charts(now: LiveFigures) -> list[Item]:
    """Distribution, grade mix, segments and industries."""
    return [
        (score_histogram(now), _grades()),
        (_segments(), _segment_sizes()),
        (_segment_grades(), _box(now)),
        _industries(),
    ]


def what_if_charts(now: LiveFigures, model: ScoreModel) -> list[Item]:
    """All charts that follow the weights."""
    scatters = [
        _scatter(Ref("live_points", "published_score"), "Published score", now.points["published_score"],
                 len(now.accounts), x_range=(0, 100)),
        *(_raw_scatter(column, item, now) for column, item in raw_inputs(model).items()),
    ]  # fmt: skip
    return [
        (score_histogram(now), _grades()), (_box(now), _radar(len(model.parts))), (_segments(), _segment_grades()),
        (_segment_sizes(), _industries()),
        *(tuple(scatters[i : i + 2]) for i in range(0, len(scatters), 2)),
    ]  # fmt: skip


def _box(now: LiveFigures) -> Chart:
    return box_chart("live_box", "Where the scores lie", now.box, width=460, height=290)


def _pair(table: str, label: str, now: str, before: str) -> list[Series]:
    names = Ref(table, label)
    return [Series("With these weights", names, Ref(table, now)),
            Series("Published", names, Ref(table, before), colour=_OLD)]  # fmt: skip


def score_histogram(now: LiveFigures) -> Chart:
    """How the scores spread, with these weights and as published."""
    return Chart(
        "column", "How scores spread", _pair("live_histogram", "label", "accounts", "published"),
        f"Histogram of {len(now.accounts):,} accounts by ICP score, with these weights and as published.",
        x_title="ICP score", y_title="Accounts", y_format="#,##0", width=460, height=290,
    )  # fmt: skip


def _grades() -> Chart:
    names = Ref("live_grades", "grade")
    return Chart(
        "column", "Grade mix against target",
        [*_pair("live_grades", "grade", "share", "published"),
         Series("Target", names, Ref("live_grades", "target"), colour="#D9772B")],
        "Column chart of the share of accounts per grade: with these weights, published, and target.",
        y_format="0%", width=460, height=290,
    )  # fmt: skip


def _segments() -> Chart:
    return Chart(
        "column", "Average score by segment", _pair("live_segments", "segment", "average", "published"),
        "Column chart of the average ICP score per segment, with these weights and as published.",
        y_format="0", y_range=(0, None), width=460, height=290,
    )  # fmt: skip


def _segment_grades() -> Chart:
    names = Ref("live_segments", "segment")
    return Chart(
        "stacked_column", "Grades by segment",
        [Series(name, names, Ref("live_segments", f"share_{name}"), colour=GRADE_FILLS[name]) for name in GRADES],
        "Stacked column chart of the share of accounts per grade in each segment, with these weights.",
        y_format="0%", y_range=(0, 1), width=460, height=290,
    )  # fmt: skip


def _segment_sizes() -> Chart:
    names = Ref("live_segments", "segment")
    return Chart(
        "column", "Accounts and revenue by segment",
        [Series("Share of accounts", names, Ref("live_segments", "accounts_share")),
         Series("Share of revenue", names, Ref("live_segments", "revenue_share"), colour="#D9772B")],
        "Column chart of each segment's share of all accounts and of all revenue.",
        y_format="0%", y_range=(0, None), width=460, height=290,
    )  # fmt: skip


def _radar(components: int) -> Chart:
    return Chart(
        "radar", "Weights", _pair("live_weights", "component", "used", "published"),
        f"Radar chart of the {number_word(components)} weights, those in use and the published ones.",
        y_format="0%", y_range=(0, None), width=460, height=290,
    )  # fmt: skip


def _industries() -> Chart:
    return Chart(
        "bar", "Average score by industry", _pair("live_industries", "industry", "average", "published"),
        "Bar chart of the average ICP score of the largest industries, with these weights and as published.",
        y_format="0", y_range=(0, None), width=460, height=380,
    )  # fmt: skip


def _raw_scatter(column: str, item: Diagnostic, now: LiveFigures) -> Chart:
    values = raw_points(now, column, item)[column]
    possible = int((now.accounts[column] > 0).sum() if item.log else now.accounts[column].notna().sum())
    drawn = _scatter(Ref(f"live_{column}", column), item.fact.label, values, possible, x_range=(0, None))
    if not item.log:
        return drawn
    return replace(drawn, x_title=f"{item.fact.label} (logarithmic)", x_format=short_format(values), log_x=True,
                   x_range=decades(values))  # fmt: skip


def _scatter(
    across: Ref, label: str, values: pd.Series[float], possible: int, x_range: tuple[float | None, float | None]
) -> Chart:
    """The live score over ``values``, those of ``possible`` accounts that are drawn."""
    points = Series("Accounts", across, Ref(across.table, "icp_score"), colour="#1B7F8C")
    shown = say_count(len(values), "account")
    shown += f" of {possible:,}, spread evenly over the published ranking" if len(values) < possible else ""
    return Chart(
        "scatter", f"ICP score and {label.lower()}", [points],
        f"Scatter of the ICP score with these weights against the {label.lower()} for {shown}.",
        x_title=label, y_title="ICP score", x_range=x_range, y_range=(0, 100), x_format="#,##0",
        y_format="0", legend=False, width=460, height=240,
    )  # fmt: skip

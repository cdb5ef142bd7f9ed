"""The sheet What-If: what the reader may set, and what follows from it."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from icp_xl.columns import GRADES
from icp_xl.reports.live.charts import score_histogram, what_if_charts
from icp_xl.reports.live.figures import ALL, SEGMENT_ROWS, LiveFigures
from icp_xl.reports.live.inputs import PUBLISHED, LiveInputs
from icp_xl.reports.live.tables import HEADLINES, best_accounts, count_shown
from icp_xl.reports.spec import Column, Control, Figure, Figures, Sheet, Table
from icp_xl.scoring.model import SEGMENTS

#: Linked cell of a scroll bar when the weight is that of the preset; one step is one percentage point.
REST = 100
#: The preset chosen; the published weights where the choice was cleared.
_PRESET = f'IF({{live_preset.value:1}}="","{PUBLISHED}",{{live_preset.value:1}})'
#: Weights that stay in sight on a small laptop; see ``freeze_whole`` of a sheet.
FROZEN = 5
#: Accounts in the list of the best on this sheet.
BEST_HERE = 10


def headline_tiles(now: LiveFigures) -> list[Figure]:
    """Headline figures of the chosen segment, live; they are computed once, in the model's tables."""
    return [
        Figure(words, now.headlines[key], kind, formula=f"{{live_headlines.{key}:1}}")
        for key, words, kind, _ in HEADLINES
    ]


def tile_rows(now: LiveFigures) -> list[Figures]:
    """The tiles in two rows: what the scores are, and how far they moved."""
    tiles = headline_tiles(now)
    return [Figures(tiles[:4]), Figures(tiles[4:])]


def build_what_if(inputs: LiveInputs, now: LiveFigures) -> Sheet:
    """The sheet on which weights are tried: sliders, presets, and what each choice does to the grades."""
    presets = inputs.all_presets()
    published = list(presets[PUBLISHED].values())
    weights = pd.DataFrame(
        {
            "component": [part.title for part in inputs.model.parts],
            "start": published,
            "own": pd.array([None] * len(published), dtype=object),
            "slider": REST, "bar": "",
            "wanted": published, "used": published, "published": published,
        }
    )  # fmt: skip
    picks = [
        _pick("live_preset", "Weights to start from", PUBLISHED, list(presets)),
        _pick("live_normalise", "Make weights sum to 1", "Yes", ["Yes", "No"]),
        _pick("live_segment", "Segment shown", ALL, [ALL, *SEGMENT_ROWS]),
    ]
    total = "SUM({live_weights.wanted})"
    scaled = f"IF({total}=0,{1 / len(published)!r},{{wanted}}/{total})"
    used = f'IF(OR({{live_normalise.value:1}}="No",ABS({total}-1)<0.000000001),{{wanted}},{scaled})'
    weight_columns = [
        Column("component", "Component", width=30),
        Column("start", "Preset", "weight", width=15,
               formula=f'INDEX({{live_presets.weight}},MATCH({_PRESET}&" "&{_plain("{component}")},'
               "{live_presets.name},0))"),
        Column("own", "Your own", "weight", width=17, editable=True, limits=(0, 1),
               note="Type a weight from 0 to 1, or leave blank to keep the preset."),
        Column("slider", "Scroll bar", "integer", width=9, editable=True, limits=(0, 2 * REST),
               control=Control("scroll", "bar", 0, 2 * REST), note="100 leaves the weight; a step is one point."),
        Column("bar", "Move", width=28),
        Column("wanted", "Wanted", "weight", width=13,
               formula=f"MAX(0,IF(ISNUMBER({{own}}),{{own}},{{start}})+({{slider}}-{REST})/100)"),
        Column("used", "Weight used", "weight", width=11, formula=used),
        Column("published", "Published", "weight", width=11),
    ]  # fmt: skip
    counted = "MAX(1,SUM({live_grades.accounts}))"
    number = f'SEARCH({{grade}},"{"".join(reversed(GRADES))}")'
    grade_columns = [
        Column("grade", "Grade", "grade", rule="grade", width=9),
        Column("target", "Target share", "percent", editable=True, limits=(0, 1)),
        Column("starts", "From percentile", "number", decimals=3,
               formula="IF({target}>0,ROUND(SUMIF({live_grades.grade},\">\"&{grade},{live_grades.target}),12),9)"),
        Column("accounts", "Accounts", "integer", width=10,
               formula=[_counted(name) for name in GRADES]),
        Column("share", "Share", "percent", formula=f"{{accounts}}/{counted}", rule="data_bar"),
        Column("published", "Published", "percent", width=10,
               formula=f"{count_shown('{live.published_no}', number)}/{counted}"),
    ]  # fmt: skip
    checks = pd.DataFrame({"check": ["Weights sum to 1", "Grade shares sum to 1"], "status": ["OK", "OK"]})
    checks["of"] = [float(sum(published)), float(now.grades["target"].sum())]
    check = Column("status", "Status", formula='IF(ABS({of}-1)<0.000001,"OK","Check: it is "&FIXED({of},3,TRUE))')
    of = Column(
        "of",
        "Sum",
        "weight",
        formula='IF({check}="Weights sum to 1",SUM({live_weights.used}),SUM({live_grades.target}))',
    )
    charts = what_if_charts(now, inputs.model)
    tried = Table("live_weights", weight_columns, weights, title="Weights", filters=False)
    # More weights than stay in sight while charts scroll below them have a small chart beside them.
    beside = [] if len(weights) <= FROZEN else [replace(score_histogram(now), width=300, height=240)]
    return Sheet(
        "What-If", "What if the weights were others?",
        [
            tuple(picks),
            (tried, *beside),
            Table("live_checks", [Column("check", "Check"), of, check], checks, filters=False),
            *tile_rows(now),
            Table("live_grades", grade_columns, now.grades, title="Grades", filters=False),
            # On paper the page ends about here, where a table may be cut and a chart may not.
            *charts[:2],
            _best(now),
            *charts[2:],
            _movers(now),
            _limits(inputs),
        ],
        subtitle="Yellow cells are yours: choose, type or move the scroll bars. Accounts are on the next sheet.",
        portrait=True, protected=True, freeze_table="live_weights", freeze_whole=True,
    )  # fmt: skip


def _plain(text: str) -> str:
    """A text whose characters stand for themselves in a search."""
    for sign in "~?*":
        text = f'SUBSTITUTE({text},"{sign}","~{sign}")'
    return text


def _counted(grade: str) -> str:
    """Accounts shown with a grade, from the shares by segment, so that accounts are gone through once."""
    return f"ROUND(SUMPRODUCT({{live_segments.shown}},{{live_segments.accounts}},{{live_segments.share_{grade}}}),0)"


def _limits(inputs: LiveInputs) -> Table:
    model = inputs.model
    frame = pd.DataFrame({"segment": SEGMENTS[1:], "starts": [model.segment_mid_market, model.segment_large]})
    columns = [
        Column("segment", "Segment"),
        Column("starts", "From annual revenue", "money", editable=True, limits=(0, 1e15)),
    ]
    return Table("live_limits", columns, frame, title="Where segments begin", filters=False)


def _pick(name: str, header: str, value: str, choices: list[str]) -> Table:
    column = Column("value", header, editable=True, choices=choices)
    return Table(name, [column], pd.DataFrame({"value": [value]}), filters=False)


def _best(now: LiveFigures) -> Table:
    # In the widths of the columns that the weights have.
    columns = [
        Column("account_name", "Account"), Column("segment", "Segment"),
        Column("total_revenue", "Revenue with us", "money"),
        Column("icp_grade", "Grade", "grade", rule="grade"), Column("industry", "Industry"),
        Column("icp_score", "ICP score", "score"), Column("published_grade", "Was", "grade", rule="grade"),
    ]  # fmt: skip
    return best_accounts("live_best", now, columns, BEST_HERE)


def _movers(now: LiveFigures) -> Table:
    columns = []
    for side, words in (("up", "Moves up"), ("down", "Moves down")):
        at = f"INDEX({{live_places.{side}}},ROW()-ROW({{live_movers.up_name:1}})+1)"
        get = "IFERROR(INDEX({live.%s}," + at + '),"")'
        grades = f'IFERROR(INDEX({{live.published_grade}},{at})&" > "&INDEX({{live.icp_grade}},{at}),"")'
        columns += [
            Column(f"{side}_name", words, formula=get % "account_name"),
            Column(f"{side}_by", f"Places {side}", "integer", formula=get % "place_change"),
            Column(f"{side}_grade", f"Grade, {side}", formula=grades),
        ]
    # The second side begins under the scroll bars, where a column is wide enough for a name.
    columns.insert(3, Column("gap", "\u2194", formula='""'))
    return Table("live_movers", columns, now.movers.assign(gap=""), title="Who moves most", filters=False)

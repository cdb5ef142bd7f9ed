"""The sheet What-If: what the reader may set, and what follows from it."""

from __future__ import annotations

import pandas as pd

from icp_xl.columns import COMPONENTS, GRADES
from icp_xl.reports.live.charts import what_if_charts
from icp_xl.reports.live.figures import ALL, SEGMENT_ROWS, LiveFigures
from icp_xl.reports.live.inputs import PUBLISHED, LiveInputs
from icp_xl.reports.spec import Column, Control, Figure, Figures, Sheet, Stack, Table
from icp_xl.scoring.model import SEGMENTS

#: Linked cell of a scroll bar when the weight is that of the preset; one step is one percentage point.
REST = 100


def headline_tiles(now: LiveFigures) -> list[Figure]:
    """Headline figures of the chosen segment, live."""
    got, n, move = now.headlines, "SUM({live.inside})", "{live.inside},1,{live.grade_move}"
    money = "{live.total_revenue}"
    top = 'COUNTIF({live.shown_grade},">=4")'
    earned, all_money = f'SUMIF({{live.shown_grade}},">=4",{money})', f"SUMIF({{live.inside}},1,{money})"
    return [
        Figure("Accounts", got["accounts"], "integer", formula=n),
        Figure("Average score", got["average"], "score", formula="IFERROR(AVERAGE({live.shown_score}),0)"),
        Figure("Graded A or B", got["top_share"], "percent", formula=f"IFERROR({top}/{n},0)"),
        Figure("Their share of revenue", got["top_revenue"], "percent", formula=f"IFERROR({earned}/{all_money},0)"),
        Figure("Grade goes up", got["up"], "integer", formula=f'COUNTIFS({move},">0")'),
        Figure("Grade goes down", got["down"], "integer", formula=f'COUNTIFS({move},"<0")'),
        Figure("Spearman with revenue", got["correlation"], "number",
               formula="IFERROR(CORREL({live.chosen},{live.revenue_rank}),0)"),
    ]  # fmt: skip


def build_what_if(inputs: LiveInputs, now: LiveFigures) -> Sheet:
    presets = inputs.all_presets()
    weights = pd.DataFrame(
        {
            "component": [name.capitalize() for name in COMPONENTS],
            "start": [inputs.model.weights[name] for name in COMPONENTS],
            "own": pd.array([None] * len(COMPONENTS), dtype=object),
            "slider": REST, "bar": "",
            "wanted": [inputs.model.weights[name] for name in COMPONENTS],
            "used": [inputs.model.weights[name] for name in COMPONENTS],
            "published": [inputs.model.weights[name] for name in COMPONENTS],
        }
    )  # fmt: skip
    picks = [
        _pick("live_preset", "Weights to start from", PUBLISHED, list(presets)),
        _pick("live_normalise", "Make weights sum to 1", "Yes", ["Yes", "No"]),
        _pick("live_segment", "Segment shown", ALL, [ALL, *SEGMENT_ROWS]),
    ]
    total = "SUM({live_weights.wanted})"
    scaled = f"IF({total}=0,0.25,{{wanted}}/{total})"
    used = f'IF(OR({{live_normalise.value:1}}="No",ABS({total}-1)<0.000000001),{{wanted}},{scaled})'
    weight_columns = [
        Column("component", "Component", width=14),
        Column("start", "Preset", "weight", width=10,
               formula="INDEX({live_presets.weight},"
               "MATCH({live_preset.value:1}&\" \"&{component},{live_presets.name},0))"),
        Column("own", "Your own", "weight", width=10, editable=True, limits=(0, 1),
               note="Type a weight from 0 to 1, or leave blank to keep the preset."),
        Column("slider", "Scroll bar", "integer", width=9, editable=True, limits=(0, 2 * REST),
               control=Control("scroll", "bar", 0, 2 * REST), note="100 leaves the weight; a step is one point."),
        Column("bar", "Move", width=24),
        Column("wanted", "Wanted", "weight", width=10,
               formula=f"MAX(0,IF(ISNUMBER({{own}}),{{own}},{{start}})+({{slider}}-{REST})/100)"),
        Column("used", "Weight used", "weight", width=11, formula=used),
        Column("published", "Published", "weight", width=11),
    ]  # fmt: skip
    counted = "MAX(1,SUM({live_grades.accounts}))"
    number = f'SEARCH({{grade}},"{"".join(reversed(GRADES))}")'
    grade_columns = [
        Column("grade", "Grade", "grade", rule="grade", width=9),
        Column("target", "Target share", "percent", width=10, editable=True, limits=(0, 1)),
        Column("starts", "From percentile", "number", width=11, decimals=3,
               formula="IF({target}>0,ROUND(SUMIF({live_grades.grade},\">\"&{grade},{live_grades.target}),12),9)"),
        Column("accounts", "Accounts", "integer", formula=f"COUNTIF({{live.shown_grade}},{number})", width=10),
        Column("share", "Share", "percent", formula=f"{{accounts}}/{counted}", width=9),
        Column("published", "Published", "percent", width=10,
               formula=f"COUNTIFS({{live.inside}},1,{{live.published_no}},{number})/{counted}"),
    ]  # fmt: skip
    checks = pd.DataFrame({"check": ["Weights sum to 1", "Grade shares sum to 1"], "status": ["OK", "OK"]})
    checks["of"] = [float(sum(inputs.model.weights.values())), float(now.grades["target"].sum())]
    check = Column(
        "status", "Status", width=26, formula='IF(ABS({of}-1)<0.000001,"OK","Check: it is "&TEXT({of},"0.000"))'
    )
    of = Column(
        "of",
        "Sum",
        "weight",
        formula='IF({check}="Weights sum to 1",SUM({live_weights.used}),SUM({live_grades.target}))',
    )
    return Sheet(
        "What-If", "What if the weights were others?",
        [
            tuple(picks),
            Table("live_weights", weight_columns, weights, title="Weights", filters=False),
            Figures(headline_tiles(now)),
            (Table("live_grades", grade_columns, now.grades, title="Grades", filters=False),
             Stack([Table("live_checks", [Column("check", "Check", width=22), of, check], checks,
                          title="Checks", filters=False),
                    _limits(inputs)])),
            *what_if_charts(now),
            _movers(now),
        ],
        subtitle="Yellow cells are yours: choose, type or move the scroll bars. Accounts are on the next sheet.",
        portrait=True, protected=True,
    )  # fmt: skip


def _limits(inputs: LiveInputs) -> Table:
    model = inputs.model
    frame = pd.DataFrame({"segment": SEGMENTS[1:], "starts": [model.segment_mid_market, model.segment_large]})
    columns = [
        Column("segment", "Segment", width=22),
        Column("starts", "From annual revenue", "money", width=20, editable=True, limits=(0, 1e15)),
    ]
    return Table("live_limits", columns, frame, title="Where segments begin", filters=False)


def _pick(name: str, header: str, value: str, choices: list[str]) -> Table:
    column = Column("value", header, width=26, editable=True, choices=choices)
    return Table(name, [column], pd.DataFrame({"value": [value]}), filters=False)


def _movers(now: LiveFigures) -> Table:
    columns = [Column("number", "No.", "integer", width=14)]
    for side, words in (("up", "Moves up"), ("down", "Moves down")):
        at = f"INDEX({{live_places.{side}}},{{number}})"
        get = "IFERROR(INDEX({live.%s}," + at + '),"")'
        grades = f'IFERROR(INDEX({{live.published_grade}},{at})&" > "&INDEX({{live.icp_grade}},{at}),"")'
        columns += [
            Column(f"{side}_name", words, width=30, formula=get % "account_name"),
            Column(f"{side}_by", "Places", "integer", width=9, formula=get % "place_change"),
            Column(f"{side}_grade", "Grade", width=9, formula=grades),
        ]
    return Table("live_movers", columns, now.movers, title="Who moves most", filters=False)

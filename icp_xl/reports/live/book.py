"""The live workbook as sheets: Dashboard, What-If, its accounts, the score model's tables, the method."""

from __future__ import annotations

import pandas as pd

from icp_xl.columns import COMPONENTS, GRADES
from icp_xl.config.reports import ReportSettings
from icp_xl.reports.live import expressions as ex
from icp_xl.reports.live.charts import dashboard_charts, what_if_charts
from icp_xl.reports.live.figures import ALL, BIN, LiveFigures, compute_live
from icp_xl.reports.live.inputs import PUBLISHED, LiveInputs, base_frame, charted_industries
from icp_xl.reports.segments import recommend
from icp_xl.reports.spec import Book, Column, Control, Figure, Figures, Sheet, Table, Text
from icp_xl.scoring.model import KEY_UNIT, SCORE_MEAN, SCORE_SD, SEGMENTS, UNKNOWN_SEGMENT

#: Linked cell of a scroll bar when the weight is that of the preset; one step is one percentage point.
REST = 100
_IN = "{live.segment},icp_segment"


def build_live_book(inputs: LiveInputs, settings: ReportSettings) -> Book:
    """Everything the reader needs to move a weight and watch the scores, with the published state as cached values."""
    base = base_frame(inputs, settings)
    industries = charted_industries(base, settings.industries_charted)
    model = inputs.model
    now = compute_live(base, model.weights, model.grade_shares, ALL, industries, len(model.knots))
    names = {**ex.NAMES, **(ex.lambda_names() if settings.live_lambda else {})}
    sheets = [
        _dashboard(inputs, now, settings),
        _what_if(inputs, now),
        _accounts(now, len(inputs.scored)),
        _model(inputs, now),
        _method(),
    ]
    return Book(
        sheets, title="Live ICP scores", names=names, footer=inputs.run_id, currency=settings.currency,
        paper=settings.paper,
    )  # fmt: skip


def headline_tiles(now: LiveFigures) -> list[Figure]:
    """Headline figures of the chosen segment, live."""
    got, n = now.headlines, f"COUNTIF({_IN})"
    top = f'(COUNTIFS({_IN},{{live.icp_grade}},"A")+COUNTIFS({_IN},{{live.icp_grade}},"B"))'
    money = "{live.total_revenue}"
    earned = f'(SUMIFS({money},{_IN},{{live.icp_grade}},"A")+SUMIFS({money},{_IN},{{live.icp_grade}},"B"))'
    all_money = f"SUMIFS({money},{_IN})"
    return [
        Figure("Accounts", got["accounts"], "integer", formula=n),
        Figure("Average score", got["average"], "score", formula=f"IFERROR(AVERAGEIFS({{live.icp_score}},{_IN}),0)"),
        Figure("Graded A or B", got["top_share"], "percent", formula=f"IFERROR({top}/{n},0)"),
        Figure("Their share of revenue", got["top_revenue"], "percent", formula=f"IFERROR({earned}/{all_money},0)"),
        Figure("Grade goes up", got["up"], "integer", formula=f'COUNTIFS({_IN},{{live.grade_move}},">0")'),
        Figure("Grade goes down", got["down"], "integer", formula=f'COUNTIFS({_IN},{{live.grade_move}},"<0")'),
        Figure("Spearman with revenue", got["correlation"], "number",
               formula="IFERROR(CORREL({live.chosen},{live.revenue_rank}),0)"),
    ]  # fmt: skip


def _dashboard(inputs: LiveInputs, now: LiveFigures, settings: ReportSettings) -> Sheet:
    best = now.accounts.head(settings.top_accounts)
    columns = [
        Column("account_name", "Account", width=34),
        Column("industry", "Industry", width=22),
        Column("segment", "Segment", width=17),
        Column("total_revenue", "Revenue with us", "money"),
        Column("published_score", "ICP score", "score", rule="data_bar"),
        Column("published_grade", "Grade", "grade", rule="grade"),
    ]
    advice = [Text(f"{each.segment}: {each.action} {each.why}", "bullet")
              for each in recommend(inputs.scored, settings.currency)]  # fmt: skip
    return Sheet(
        "Dashboard", "ICP dashboard",
        [
            Figures(headline_tiles(now)),
            *dashboard_charts(now),
            Text("What to do, by segment (published scores)", "heading"),
            *advice,
            Table("live_top", columns, best[[c.key for c in columns]], title="Top accounts (published)", filters=False),
        ],
        subtitle="Tiles and charts follow the sheet What-If; top accounts and advice are those of the published run.",
        portrait=True, protected=True,
    )  # fmt: skip


def _what_if(inputs: LiveInputs, now: LiveFigures) -> Sheet:
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
        _pick("live_segment", "Segment shown", ALL, [ALL, *SEGMENTS, UNKNOWN_SEGMENT]),
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
    grade_columns = [
        Column("grade", "Grade", "grade", rule="grade", width=9),
        Column("target", "Target share", "percent", width=10, editable=True, limits=(0, 1)),
        Column("starts", "From percentile", "number", width=11, decimals=3,
               formula="IF({target}>0,ROUND(SUMIF({live_grades.grade},\">\"&{grade},{live_grades.target}),12),9)"),
        Column("accounts", "Accounts", "integer", formula=f"COUNTIFS({_IN},{{live.icp_grade}},{{grade}})", width=10),
        Column("share", "Share", "percent", formula=f"{{accounts}}/{counted}", width=9),
        Column("published", "Published", "percent", width=10,
               formula=f"COUNTIFS({_IN},{{live.published_grade}},{{grade}})/{counted}"),
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
             Table("live_checks", [Column("check", "Check", width=22), of, check], checks,
                   title="Checks", filters=False)),
            *what_if_charts(now),
            _movers(now),
        ],
        subtitle="Yellow cells are yours: choose, type or move the scroll bars. Accounts are on the next sheet.",
        portrait=True, protected=True,
    )  # fmt: skip


def _pick(name: str, header: str, value: str, choices: list[str]) -> Table:
    column = Column("value", header, width=26, editable=True, choices=choices)
    return Table(name, [column], pd.DataFrame({"value": [value]}), filters=False)


def _movers(now: LiveFigures) -> Table:
    columns = [Column("number", "No.", "integer", width=14)]
    for side, pick, words in (("up", "LARGE", "Moves up"), ("down", "SMALL", "Moves down")):
        at = f"MATCH({pick}({{live.mover}},{{number}}),{{live.mover}},0)"
        get = "IFERROR(INDEX({live.%s}," + at + '),"")'
        grades = f'IFERROR(INDEX({{live.published_grade}},{at})&" > "&INDEX({{live.icp_grade}},{at}),"")'
        columns += [
            Column(side, words, width=30, formula=get % "account_name"),
            Column(f"{side}_by", "Places", "integer", width=9, formula=get % "place_change"),
            Column(f"{side}_grade", "Grade", width=9, formula=grades),
        ]
    return Table("live_movers", columns, now.movers, title="Who moves most", filters=False)


def _accounts(now: LiveFigures, total: int) -> Sheet:
    parts = ["{vertical_score}", "{size_score}", "{adoption_score}", "{relationship_score}"]
    inside = 'OR(icp_segment="*",{segment}=icp_segment)'
    order = "".join(reversed(GRADES))
    columns = [
        Column("account_id", "Account ID", "id", width=12),
        Column("account_name", "Account", width=32),
        Column("industry", "Industry", width=20),
        Column("segment", "Segment", width=17),
        Column("total_revenue", "Revenue with us", "money", width=13),
        *(Column(f"{name}_score", name.capitalize(), "weight", width=11) for name in COMPONENTS),
        Column("published_score", "Published score", "score", width=10),
        Column("published_grade", "Published grade", "grade", width=10),
        Column("icp_score", "ICP score", "score", rule="data_bar", width=11, formula=ex.score("{percentile}")),
        Column("icp_grade", "Grade", "grade", rule="grade", width=8, formula=ex.grade("{percentile}")),
        Column("score_change", "Score change", "score", rule="sign", width=10, formula="{icp_score}-{published_score}"),
        Column("place_change", "Places up or down", "integer", rule="sign", width=10,
               formula="{published_place}-(1+(1-{percentile})*(icp_population-1))"),
        Column("grade_move", "Grades up or down", "integer", width=10,
               formula=f'SEARCH({{icp_grade}},"{order}")-SEARCH({{published_grade}},"{order}")'),
        Column("raw_score", "Raw score", "number", decimals=4, width=10, formula=ex.raw(*parts)),
        Column("percentile", "Percentile", "number", decimals=4, width=10,
               formula=ex.percentile("{key}", "{position}")),
        Column("key", "Key", "integer", width=18, formula=ex.key("{raw_score}")),
        Column("position", "Knot", "integer", width=8, formula=ex.position("{key}")),
        Column("published_place", "Published place", "integer", width=10),
        Column("revenue_rank", "Revenue rank", "number", decimals=4, width=10),
        Column("chosen", "Percentile, if shown", "number", decimals=4, width=10,
               formula=f'IF({inside},{{percentile}},"")'),
        Column("mover", "Move, if shown", "number", decimals=4, width=10,
               formula=f'IF({inside},{{place_change}}-(ROW()-ROW({{live.account_id:1}})+1)/10000000,"")'),
    ]  # fmt: skip
    n = len(now.accounts)
    note = f"All {n:,} accounts." if n == total else (
        f"{n:,} of {total:,} accounts, spread evenly over the published ranking; scores here are relative to these."
    )  # fmt: skip
    frame = now.accounts[[column.key for column in columns]]
    return Sheet("Live Accounts", "Accounts", [Table("live", columns, frame)], subtitle=note, freeze_table="live",
                 freeze_columns=2, kind="data", protected=True)  # fmt: skip


def _model(inputs: LiveInputs, now: LiveFigures) -> Sheet:
    constants = pd.DataFrame({"constant": ["Accounts", "Key unit", "Score mean", "Score deviation"],
                              "value": [len(now.accounts), KEY_UNIT, SCORE_MEAN, SCORE_SD]})  # fmt: skip
    chosen = pd.DataFrame({"choice": ["Preset", "Normalise", "Segment criterion"], "value": [PUBLISHED, "Yes", "*"]})
    picked = (f'IF({{choice}}="Preset",{{live_preset.value:1}},IF({{choice}}="Normalise",{{live_normalise.value:1}},'
              f'IF({{live_segment.value:1}}="{ALL}","*",{{live_segment.value:1}})))')  # fmt: skip
    presets = pd.DataFrame(
        [(f"{preset} {name.capitalize()}", weights[name])
         for preset, weights in inputs.all_presets().items() for name in COMPONENTS],
        columns=["name", "weight"],
    )  # fmt: skip
    knot = "IF(AND({exact}-INT({exact})=0.5,INT({exact})/2=INT(INT({exact})/2)),INT({exact}),ROUND({exact},0))"
    knots = [
        Column("number", "Knot", "integer", width=8),
        Column("exact", "Key at knot", "number", decimals=2, width=20,
               formula="PERCENTILE(icp_keys,{number}/(ROWS(icp_knots)-1))"),
        Column("knot", "Rounded", "integer", width=18, formula=knot),
        Column("last", "Last equal", "integer", width=10,
               formula="MATCH({knot},icp_knots,0)+COUNTIF(icp_knots,{knot})-2"),
        Column("middle", "Percentile at tie", "number", decimals=5, width=12,
               formula="(MATCH({knot},icp_knots,0)-1+{last})/(2*(ROWS(icp_knots)-1))"),
        Column("step", "To next knot", "integer", width=18,
               formula="MAX(1,INDEX(icp_knots,MIN({last}+2,ROWS(icp_knots)))-{knot})"),
    ]  # fmt: skip
    group = [
        Column("accounts", "Accounts", "integer", width=10),
        Column("average", "Average score", "score", width=10),
        Column("published", "Published average", "score", width=10),
    ]
    graded = 'COUNTIFS({live.segment},{segment},{live.icp_grade},"%s")'
    top = f"({graded % 'A'}+{graded % 'B'})"
    mine = "{live.segment},{segment}"
    segments = [
        Column("segment", "Segment", width=17),
        _with(group[0], f"COUNTIF({mine})"),
        _with(group[1], f"IFERROR(AVERAGEIFS({{live.icp_score}},{mine}),0)"),
        _with(group[2], f"IFERROR(AVERAGEIFS({{live.published_score}},{mine}),0)"),
        Column("top_share", "Graded A or B", "percent", width=10, formula=f"IFERROR({top}/{{accounts}},0)"),
        Column("revenue", "Revenue", "money", width=14, formula=f"SUMIFS({{live.total_revenue}},{mine})"),
    ]
    both = f"{_IN},{{live.industry}},{{industry}}"
    industries = [
        Column("industry", "Industry", width=24),
        _with(group[0], f"COUNTIFS({both})"),
        _with(group[1], f"IFERROR(AVERAGEIFS({{live.icp_score}},{both}),0)"),
        _with(group[2], f"IFERROR(AVERAGEIFS({{live.published_score}},{both}),0)"),
    ]
    upper = f"{{from}}+IF({{from}}={100 - BIN},{BIN + 1},{BIN})"
    bins = [Column("from", "From", "integer", width=8), Column("label", "Score", width=10)]
    for key, source, words in (("accounts", "icp_score", "Accounts"), ("published", "published_score", "Published")):
        within = f'{{live.{source}}},">="&{{from}},{{live.{source}}},"<"&({upper})'
        bins.append(Column(key, words, "integer", width=10, formula=f"COUNTIFS({_IN},{within})"))
    return Sheet(
        "Score Model", "The score model's tables",
        [
            (Table("live_constants", [Column("constant", "Constant", width=18), Column("value", "Value", width=14)],
                   constants, filters=False),
             Table("live_choices", [Column("choice", "Choice", width=18),
                                    Column("value", "In use", width=20, formula=picked)],
                   chosen, filters=False),
             Table("live_presets", [Column("name", "Preset", width=26), Column("weight", "Weight", "weight")],
                   presets, filters=False)),
            (Table("live_segments", segments, now.segments, title="Segments", filters=False),
             Table("live_histogram", bins, now.histogram, title="Histogram", filters=False)),
            Table("live_industries", industries, now.industries, title="Industries", filters=False),
            Table("live_knots", knots, now.knots, title="Quantile knots", filters=False),
        ],
        subtitle="Every constant of the calculation, once; the knots are recomputed whenever a weight changes.",
        kind="method", protected=True,
    )  # fmt: skip


def _with(column: Column, formula: str) -> Column:
    from dataclasses import replace

    return replace(column, formula=formula)


def _method() -> Sheet:
    lines = (
        "A raw score is the sum of the four component scores, each times its weight.",
        "Raw scores are compared as whole multiples of 1e-12, so that equal scores are equal.",
        "The percentile is read between 1,001 quantile knots of all raw scores, the middle of the step at a tie.",
        "ICP score = 50 + 15 times the standard normal quantile of the percentile, from 0 to 100.",
        "Places are those that belong to the percentile: exact at the knots, between them to within a thousandth.",
        "Spearman with revenue is the correlation of the percentile with the rank by revenue, both over all accounts.",
        "A grade's share may be edited; from percentile is where the grade begins. 9 means that it is never given.",
        "Sheets are protected without a password, against slips only: Review, Unprotect Sheet.",
    )
    return Sheet("Method", "How these figures are made", [Text(line, "bullet") for line in lines], kind="method",
                 portrait=True)  # fmt: skip

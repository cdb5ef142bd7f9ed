"""The sheets that compute: one row per account, and the score model's tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from icp_xl.columns import GRADES
from icp_xl.components.fitted import FittedComponent
from icp_xl.components.shapes import Lookup
from icp_xl.reports.charts import Diagnostic, box_table
from icp_xl.reports.live import expressions as ex
from icp_xl.reports.live.figures import (
    ALL,
    APART,
    BEFORE,
    BIN,
    LEAST_REVENUE,
    MOST_REVENUE,
    NEVER,
    UNKNOWN_REVENUE,
    LiveFigures,
    sample_points,
)
from icp_xl.reports.live.inputs import PUBLISHED, LiveInputs, raw_inputs
from icp_xl.reports.live.knots import build_knots
from icp_xl.reports.live.rankings import build_rankings
from icp_xl.reports.spec import Column, Kind, Sheet, Stack, Table
from icp_xl.scoring.model import KEY_UNIT, ROUNDING, SCORE_MEAN, SCORE_SD, ScoreModel

#: Criteria that the accounts of the segment shown meet.
_OF_SEGMENT = '{live.segment_by},">="&icp_shown_from,{live.segment_by},"<"&icp_shown_below'
#: Of each account, 1 where it is not shown, else 0: an array.
_OTHERS = "(1-({live.segment_by}>=icp_shown_from)*({live.segment_by}<icp_shown_below))"
#: Criterion that the percentiles of grades A and B meet.
_TOP = '">="&MIN(icp_reached_A,icp_reached_B)'


def count_shown(column: str, criterion: str) -> str:
    """How many accounts shown meet a criterion.

    The segment is asked for on what is no formula, and only where one is chosen: that is several times as fast.

    Args:
        column: of *Live Accounts*, as a reference.
        criterion: of ``COUNTIF``, as an expression.
    """
    return f"IF(icp_segment_shown,COUNTIFS({column},{criterion},{_OF_SEGMENT}),COUNTIF({column},{criterion}))"


#: Note of a column of :func:`_if_shown`.
_OUTSIDE = "Blank outside the segment shown."


def _if_shown(value: str) -> str:
    """A value of the accounts shown, blank for others."""
    inside = "({segment_by}>=icp_shown_from)*({segment_by}<icp_shown_below)"
    return f'IF(icp_segment_shown,IF({inside},{value},""),{value})'


_OF_SHOWN = "SUMPRODUCT({live_segments.shown},{live_segments.accounts},{live_segments.%s})/{accounts}"
#: Headline figures of the chosen segment: key, words, kind, formula.
HEADLINES: tuple[tuple[str, str, Kind, str], ...] = (
    ("accounts", "Accounts", "integer", "SUMIF({live_segments.shown},1,{live_segments.accounts})"),
    ("average", "Average score", "score", f"IFERROR({_OF_SHOWN % 'average'},0)"),
    ("top_share", "Graded A or B", "percent", f"IFERROR({_OF_SHOWN % 'top_share'},0)"),
    ("top_revenue", "Their share of revenue", "percent",
     f"IFERROR(IF(icp_segment_shown,SUMIFS({{live.total_revenue}},{_OF_SEGMENT},{{live.percentile}},{_TOP}),"
     f"SUMIF({{live.percentile}},{_TOP},{{live.total_revenue}}))/SUMIF({{live_segments.shown}},1,{{live_segments.revenue}}),0)"),
    ("up", "Grade goes up", "integer", count_shown("{live.grade_move}", '">0"')),
    ("down", "Grade goes down", "integer", count_shown("{live.grade_move}", '"<0"')),
    ("correlation", "Spearman with revenue", "number", "IFERROR(IF(icp_segment_shown,"
     "IF(MAX({live.standing})>MIN({live.standing}),CORREL({live.standing},{live.revenue_rank}),0),"
     "CORREL({live.percentile},{live.revenue_rank})),0)"),
)  # fmt: skip


def build_accounts(inputs: LiveInputs, now: LiveFigures) -> Sheet:
    """One row per account: what is known, its score now, and the helper columns that charts and tiles count."""
    model, total = inputs.model, len(inputs.scored)
    scores = {part.name: f"{{{part.declared.score_column}}}" for part in model.parts}
    columns = [
        Column("account_id", "Account ID", "id", width=12),
        Column("account_name", "Account", width=32),
        Column("industry", "Industry", width=20),
        Column("segment", "Segment", width=17, formula=f"INDEX(icp_segments,{ex.segment_number('{annual_revenue}')})"),
        Column("annual_revenue", "Annual revenue", "money", width=15),
        Column("total_revenue", "Revenue with us", "money", width=13),
        *(Column(part.declared.score_column, part.title, "weight", width=11) for part in model.parts),
        # No formula stands beside one that it hangs on by way of other cells: LibreOffice, which computes such columns
        # together, would take what those cells held before. So what was published stands between what is computed.
        #
        # In key units, which its number format alone makes a raw score: a column more costs each change of a weight.
        Column("key", "Raw score", "number", decimals=4, thousands=4, width=10, formula=ex.key(ex.raw(scores)),
               note="A whole number of units of 1e-12, which is shown as a fraction of 1."),
        Column("published_percentile", "Published percentile", "number", decimals=4, width=10),
        # What sums and counts go through is shared, and only that: they take half as long.
        Column("percentile", "Percentile", "number", decimals=4, width=10,
               formula=ex.known_percentile("{key}", "{position}"), shared=True),
        Column("published_score", "Published score", "score", width=10),
        Column("icp_score", "ICP score", "score", rule="data_bar", width=11, formula=ex.score("{percentile}"),
               shared=True),
        Column("published_grade", "Published grade", "grade", width=10),
        Column("icp_grade", "Grade", "grade", rule="grade", width=8, formula=ex.grade("{grade_move}+{published_no}")),
        Column("score_change", "Score change", "score", rule="sign", width=10,
               formula=_if_shown("{icp_score}-{published_score}"), note=_OUTSIDE),
        Column("place_change", "Places up or down", "integer", rule="sign", width=10,
               formula=_if_shown("ROUND(({percentile}-{published_percentile})*(icp_population-1),9)"),
               note=_OUTSIDE),
        Column("grade_move", "Grades up or down", "integer", width=10,
               formula=f"{ex.grade_number('{percentile}', ex.reached_name)}-{{published_no}}"),
        *_helpers(),
    ]  # fmt: skip
    n = len(now.accounts)
    note = f"All {n:,} accounts." if n == total else (
        f"{n:,} of {total:,} accounts, spread evenly over the published ranking; scores here are relative to these."
    )  # fmt: skip
    frame = now.accounts[[column.key for column in columns]]
    return Sheet("Live Accounts", "Accounts", [Table("live", columns, frame)], subtitle=note, freeze_table="live",
                 freeze_columns=2, kind="data", protected=True)  # fmt: skip


def _helpers() -> list[Column]:
    """Columns that other cells count by. They are numbers: a criterion on text costs LibreOffice ten times as much."""

    def whole(key: str, header: str, formula: str | None = None, width: float = 9) -> Column:
        return Column(key, header, "integer", width=width, formula=formula, hidden_from_print=True)

    def fraction(key: str, header: str, formula: str | None = None) -> Column:
        return Column(key, header, "number", decimals=4, width=10, formula=formula, hidden_from_print=True)

    return [
        whole("row_no", "Row", width=8),
        whole("position", "Knot", ex.known_position("{key}")),
        whole("published_no", "Published number"),
        whole("industry_no", "Industry number"),
        Column(
            "segment_by",
            "Revenue by which segments are told",
            "number",
            decimals=1,
            width=16,
            note=f"{UNKNOWN_REVENUE} where it is unknown.",
            hidden_from_print=True,
        ),
        fraction("revenue_rank", "Revenue rank"),
        fraction("standing", "Percentile, if shown", _if_shown("{percentile}")),
    ]


def lookup_parts(model: ScoreModel) -> list[FittedComponent]:
    """The components whose formula needs a table."""
    return [part for part in model.parts if isinstance(part.shape, Lookup)]


def table_names(model: ScoreModel) -> dict[str, str]:
    """Defined names of the tables that lookups read."""
    return {
        f"{part.table_name}_{column}": f"{{live_table_{part.name}.{column}}}"
        for part in lookup_parts(model)
        for column in ("key", "weight")
    }


def _lookup_table(part: FittedComponent) -> Table:
    shape = part.shape
    frame = pd.DataFrame(list(shape.table.items()) if isinstance(shape, Lookup) else [], columns=["key", "weight"])
    columns = [Column("key", part.facts[0].label, width=26), Column("weight", "Score", "weight", width=10)]
    return Table(f"live_table_{part.name}", columns, frame, title=f"{part.title} scores", filters=False)


def build_model(inputs: LiveInputs, now: LiveFigures, best: int, *, lookups: bool = False) -> Sheet:
    """Every constant and helper table of the calculation.

    Args:
        inputs: what the workbook is made from.
        now: its figures as published.
        best: how many accounts the longest list of the best names.
        lookups: the tables of lookups too, where functions need them.
    """
    edge = 0.5 / max(len(now.accounts), 1)
    constants = pd.DataFrame(
        [("Accounts", len(now.accounts)), ("Key unit", KEY_UNIT), ("Score mean", SCORE_MEAN),
         ("Score deviation", SCORE_SD), ("Least percentile", edge), ("Most percentile", 1 - edge),
         ("Rounding", ROUNDING)],
        columns=["constant", "value"],
    )  # fmt: skip
    chosen = pd.DataFrame(
        {"choice": ["Preset", "Normalise", "Segment number", "From revenue", "Below revenue"],
         "value": pd.array([PUBLISHED, "Yes", 0, UNKNOWN_REVENUE, MOST_REVENUE], dtype=object)}
    )  # fmt: skip
    picked = (f'IF({{choice}}="Preset",{{live_preset.value:1}},IF({{choice}}="Normalise",{{live_normalise.value:1}},'
              f'IF(OR({{live_segment.value:1}}="{ALL}",{{live_segment.value:1}}=""),0,'
              "MATCH({live_segment.value:1},icp_segments,0))))")  # fmt: skip
    limits = [f"IF(icp_segment_shown,INDEX({{live_segments.{side}}},MAX(1,icp_segment_shown)),{every:G})"
              for side, every in (("from", UNKNOWN_REVENUE), ("below", MOST_REVENUE))]  # fmt: skip
    presets = pd.DataFrame(
        [(f"{preset} {part.title}", weights[part.name])
         for preset, weights in inputs.all_presets().items() for part in inputs.model.parts],
        columns=["name", "weight"],
    )  # fmt: skip
    group = [
        Column("accounts", "Accounts", "integer", width=10),
        Column("average", "Average score", "score", width=10),
        Column("published", "Published average", "score", width=10),
    ]
    # A limit that was cleared counts as 0, as it does for each account; none reaches down to unknown revenue.
    both = f"MAX({LEAST_REVENUE / 2},%s(N(icp_mid_market),N(icp_large)))"
    starts = [f"{LEAST_REVENUE}", both % "MIN", both % "MAX", f"{UNKNOWN_REVENUE}"]
    ends = [starts[1], starts[2], f"{MOST_REVENUE:G}", starts[0]]
    # Criteria on what is no formula: LibreOffice goes through it in a fifth of the time.
    mine = '{live.segment_by},">="&{from},{live.segment_by},"<"&{below}'
    # After loading, LibreOffice tells who reads an array of its first cell only; these are told of what it hangs on.
    counted = "+0*({live_box.accounts:1}+SUM({live_mix.below}))"
    group_no = Column("number", "No.", "integer", width=6)
    segments = [
        group_no,
        Column("segment", "Segment", width=17),
        Column("from", "From revenue", width=14, formula=starts),
        Column("below", "Below revenue", width=14, formula=ends),
        _with(group[0], f"COUNTIFS({mine})"),
        _with(group[1], f"IFERROR(AVERAGEIFS({{live.icp_score}},{mine}),0)"),
        _with(group[2], f"IFERROR(AVERAGEIFS({{live.published_score}},{mine}),0)"),
        Column("top_share", "Graded A or B", "percent", width=10, formula="{share_A}+{share_B}"),
        Column("revenue", "Revenue", "money", width=14, formula=f"SUMIFS({{live.total_revenue}},{mine})"),
        *(Column(f"share_{name}", f"Grade {name}", "percent", width=9,
                 formula=f'IF({{accounts}},SUMIFS({{live_mix.accounts}},{{live_mix.number}},{{number}},'
                         f'{{live_mix.grade}},"{name}")/{{accounts}},0){counted}') for name in GRADES),
        *(Column(f"{name}_share", f"Share of {name}", "percent", width=10,
                 formula=f"IFERROR({{{name}}}/SUM({{live_segments.{name}}}),0)") for name in ("accounts", "revenue")),
        Column("shown", "Shown", "integer", width=8,
               formula="IF(OR(icp_segment_shown=0,{number}=icp_segment_shown),1,0)"),
    ]  # fmt: skip
    mine_too = "{live.industry_no},{number}"
    before = (
        f"IFERROR(IF(icp_segment_shown,AVERAGEIFS({{live.published_score}},{mine_too},{_OF_SEGMENT}),"
        f"AVERAGEIF({mine_too},{{live.published_score}})),0)"
    )
    # The changes of accounts outside the segment are blank.
    average = (
        f"IFERROR(IF(icp_segment_shown,{{published}}+AVERAGEIF({mine_too},{{live.score_change}}),"
        f"AVERAGEIF({mine_too},{{live.icp_score}})),0)"
    )
    industries = [
        group_no,
        Column("industry", "Industry", width=24),
        # Counted in one go; those of other segments, and without a bar, are beyond the last.
        replace(
            group[0], array=True, formula=f"FREQUENCY({{live.industry_no}}+1000*{_OTHERS},{{live_industries.number}})"
        ),
        _with(group[1], average),
        _with(group[2], before),
    ]
    # Percentiles are counted in one go. Asked first how many there are, LibreOffice computes their column at once; and
    # it has no answer where there are none.
    end = f"NORMSDIST(({{from}}+{BIN}-icp_score_mean)/icp_score_sd)-icp_rounding"
    bins = [
        Column("from", "From", "integer", width=8), Column("label", "Score", width=10),
        Column("below", "Below percentile", "number", decimals=4, width=11,
               formula=[*[end] * (len(now.histogram) - 1), f"{NEVER:g}"]),
        Column("accounts", "Accounts", "integer", width=10, array=True,
               formula="IF({live_box.accounts:1},FREQUENCY({live.standing},{live_histogram.below}),0)"),
        Column("published", "Published", "integer", width=10, array=True,
               formula=f"FREQUENCY({{live.published_percentile}}+{NEVER:g}*{_OTHERS},{{live_histogram.below}})"),
    ]  # fmt: skip
    reached = [ex.reached(name) for name in GRADES]
    headlines = [Column(key, words, kind, formula=formula) for key, words, kind, formula in HEADLINES]
    published = Column("published_score", "Published score", "number", decimals=4, width=12)
    return Sheet(
        "Score Model", "The score model's tables",
        [
            (Table("live_constants", [Column("constant", "Constant", width=18), Column("value", "Value", width=14)],
                   constants, filters=False),
             Table("live_choices", [Column("choice", "Choice", width=18),
                                    Column("value", "In use", width=20, formula=[picked] * 3 + limits)],
                   chosen, filters=False),
             Table("live_reached",
                   [Column("grade", "Grade", "grade", width=10),
                    Column("percentile", "Given from", "number", decimals=4, width=14, formula=reached)],
                   pd.DataFrame({"grade": GRADES, "percentile": now.grades["starts"] - ROUNDING}), filters=False),
             Table("live_presets", [Column("name", "Preset", width=26), Column("weight", "Weight", "weight")],
                   presets, filters=False)),
            Table("live_headlines", headlines, pd.DataFrame([now.headlines]), filters=False,
                  title="Headline figures of the segment shown"),
            (Table("live_segments", segments, _numbered(now.segments).assign(**_bounds(inputs.model)), title="Segments",
                   filters=False),
             Table("live_histogram", bins, now.histogram, title="Histogram", filters=False)),
            (Table("live_industries", industries, _numbered(now.industries), title="Industries", filters=False),
             Stack([_box(now), _mix(now)])),
            *build_rankings(now, best),
            (build_knots(now, inputs.model.names[0]),
             _points("live_points", published, now.points, "Points of the scatter chart")),
            tuple(_points(f"live_{column}", _raw_column(column, item), raw_points(now, column, item),
                          f"{item.fact.label} and score")
                  for column, item in raw_inputs(inputs.model).items()),
            *(_lookup_table(part) for part in (lookup_parts(inputs.model) if lookups else [])),
        ],
        subtitle="Every constant of the calculation, once; knots are recomputed when a weight changes. Not printed.",
        kind="method", protected=True, printed=False,
    )  # fmt: skip


def _mix(now: LiveFigures) -> Table:
    """Accounts of each segment with each grade, counted in one go."""
    tens = "10*(" + "+".join(f"({{live.segment_by}}>={{live_segments.from:{i}}})" for i in (1, 2, 3)) + ")"
    below = []
    for row in range(len(now.mix)):
        segment, place = divmod(row, len(GRADES))
        names = ",".join(ex.reached_name(each) for each in GRADES[: len(GRADES) - 1 - place])
        end = f"MIN({names})" if names else f"{NEVER:g}-icp_rounding"
        # A grade without a share ends where the one below it does; LibreOffice fills any of equal ends.
        below.append(f"{10 * segment}+({end}+{place}*icp_rounding/{APART})")
    columns = [
        Column("number", "Segment", "integer", width=9), Column("grade", "Grade", "grade", width=9),
        Column("below", "Below", "number", decimals=4, width=10, formula=below),
        Column("accounts", "Accounts", "integer", width=10, array=True,
               formula=f"IF({{live_box.accounts:1}}>=0,FREQUENCY({{live.percentile}}+{tens},{{live_mix.below}}),0)"),
    ]  # fmt: skip
    return Table("live_mix", columns, now.mix, title="Segments and grades", filters=False)


def best_accounts(name: str, now: LiveFigures, columns: Sequence[Column], most: int) -> Table:
    """The best accounts of the segment shown: a list that sorts itself by the weights set.

    Args:
        name: of the table.
        now: the figures as published, which its cells hold until they are computed.
        columns: fields of *Live Accounts*.
        most: how many accounts it names.
    """
    get = "IFERROR(INDEX({live.%s},INDEX({live_standing.row},ROW()-ROW({" + name + '.%s:1})+1)),"")'
    first = columns[0].key
    made = [replace(each, formula=get % (each.key, first)) for each in columns]
    frame = now.best.head(most)[[each.key for each in columns]]
    return Table(name, made, frame.where(frame.notna(), ""), title="Best accounts with these weights", filters=False)


def raw_points(now: LiveFigures, column: str, item: Diagnostic) -> pd.DataFrame:
    """The accounts that the scatter over a raw input shows; on a logarithmic axis nothing at or below 0 has a place."""
    frame = now.accounts
    return sample_points(frame[frame[column] > 0] if item.log else frame, column)


def _raw_column(column: str, item: Diagnostic) -> Column:
    return Column(column, item.fact.label, "money" if item.log else "number", width=15, decimals=0)


def _points(name: str, column: Column, points: pd.DataFrame, title: str) -> Table:
    """Points of a scatter chart, whose scores follow the weights; each names its account's cell."""
    scores = [f"{{live.icp_score:{row}}}" for row in points["row"]]
    columns = [column, Column("icp_score", "ICP score", "score", width=10, formula=scores)]
    return Table(name, columns, points, title=title, filters=False)


def _bounds(model: ScoreModel) -> dict[str, list[float]]:
    """From which annual revenue on and below which each segment is, as published."""
    starts = [LEAST_REVENUE, *sorted((model.segment_mid_market, model.segment_large)), UNKNOWN_REVENUE]
    return {"from": starts, "below": [*starts[1:3], MOST_REVENUE, LEAST_REVENUE]}


def _numbered(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(number=range(1, len(frame) + 1))


def _box(now: LiveFigures) -> Table:
    """The score report's box plot table, with its figures live."""
    all_of = {"low": "MIN(%s)", "q1": "QUARTILE(%s,1)", "middle": "MEDIAN(%s)", "q3": "QUARTILE(%s,3)",
              "high": "MAX(%s)"}  # fmt: skip
    # Of one segment there is no column of its scores: those with the weights set follow from the percentiles of its
    # accounts, the published ones stand above all others, which are moved below every score.
    score = ex.score("SMALL({live.standing},%s)")
    others = f"{{live.published_score}}-1000*{_OTHERS}"
    formulas: dict[str, str | list[str]] = {"accounts": ["COUNT({live.standing})", "{live_box.accounts:1}"]}
    for quarter, (key, text) in enumerate(all_of.items()):
        place = f"({{accounts}}-1)*{quarter}/4"
        low, high = score % f"1+INT({place})", score % f"MIN({{accounts}},2+INT({place}))"
        share = f"1-({{accounts}}-1)*{4 - quarter}/4/MAX(1,icp_population-1)"
        # The least by its place: a share that is rounded down would reach into the others.
        before = f"PERCENTILE({others},{share})" if quarter else f"LARGE({others},{{accounts}})"
        shown = f'IF({{group}}="{BEFORE}",SUMPRODUCT({before}),{low}+MOD({place},1)*({high}-{low}))'
        every = f'IF({{group}}="{BEFORE}",{text % "{live.published_score}"},{text % "{live.icp_score}"})'
        formulas[key] = f"IF({{accounts}},IFERROR(IF(icp_segment_shown,{shown},{every}),0),0)"
    table = box_table("live_box", now.box)
    columns = [replace(each, formula=formulas[each.key]) if each.key in formulas else each
               for each in table.columns]  # fmt: skip
    return replace(table, columns=columns)


def _with(column: Column, formula: str) -> Column:
    return replace(column, formula=formula)

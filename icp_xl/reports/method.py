"""The sheet Method: how a score is made, with every constant."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from icp_xl.columns import GRADES
from icp_xl.components.fitted import FittedComponent
from icp_xl.components.record import FACTS
from icp_xl.components.shapes import Linear, Lookup, Tiers
from icp_xl.config.reports import ReportSettings
from icp_xl.reports.inputs import ScoreReportInputs
from icp_xl.reports.spec import Column, Facts, Figure, Item, Sheet, Table, Text
from icp_xl.reports.words import number_word, say_money
from icp_xl.scoring.model import SCORE_MEAN, SCORE_SD, ScoreModel, grade_limits, icp_score

_NOT_TOLD = "Its scale and the scores by it are not told here, since fewer than ten accounts stand behind them."


def build_method_sheet(inputs: ScoreReportInputs, settings: ReportSettings) -> Sheet:
    """Definitions, formulas, weights and thresholds, as the score model holds them."""
    model = inputs.model
    money = settings.currency
    blocks: list[Item] = [
        Text("From facts to a grade", "heading"),
        Text(f"Each account gets {number_word(len(model.parts))} component scores between 0 and 1.", "bullet"),
        Text("The raw score is the sum of component scores times their weights, which sum to 1.", "bullet"),
        Text(
            f"The percentile is the share of the {model.population:,} scored accounts that lie below, read from a "
            f"table of {len(model.knots):,} quantiles that is saved with the run. Equal raw scores have equal "
            "percentiles.",
            "bullet",
        ),
        Text(
            f"The ICP score is {SCORE_MEAN:.0f} + {SCORE_SD:.0f} × the standard normal quantile of the percentile, "
            "kept between 0 and 100: scores are spread like a bell around 50, whatever the raw scores look like.",
            "bullet",
        ),
        Text("The grade goes by percentile: the shares below say how many accounts each grade gets.", "bullet"),
        Text("Components and weights", "heading"),
        *_definitions(inputs, money),
        (_component_table(model), _grade_table(model), _score_table()),
        Text(f"The weights come from {inputs.weights_source}.", "note"),
        Text("Size tiers and segments" if any(_tiered(model)) else "Segments", "heading"),
        (*_tier_tables(model), _segment_facts(inputs, money)),
        *_about_lookups(model),
        Text("What is not known", "heading"),
        *_unknown(model),
        Text("Changes between runs", "heading"),
        Text(
            "A change of score is split exactly: first the new figures at the old weights and model, then the new "
            "weights, then the rest of the model. The three parts add up to the change."
        ),
    ]
    return Sheet("Method", "Method", blocks, subtitle="How a score is made, with every constant.", kind="method",
                 one_page=True)  # fmt: skip


def _about_lookups(model: ScoreModel) -> Iterator[Text]:
    for part in model.parts:
        if not isinstance(part.shape, Lookup):
            continue
        one = part.facts[0].label.lower()
        many = "industries" if one == "industry" else f"values of {one}"
        yield Text(f"{part.facts[0].label} weights", "heading")
        yield Text(
            f"{'An' if one[0] in 'aeiou' else 'A'} {one}'s result is the mean of log(1 + revenue) of its accounts. It "
            f"is pulled towards the mean of all {many} by empirical Bayes: the fewer its accounts and the more they "
            f"differ, the further. The  average {one} gets 0.5; {many} far above it approach 1. Where a strategic tier "
            f"is given, it is blended in with the share that the settings say. An account of unknown {one} gets "
            f"the average weight, {part.shape.prior:.3f}."
        )


def _unknown(model: ScoreModel) -> Iterator[Text]:
    missing = [
        f"Unknown {part.facts[0].label.lower()} gets the {part.title.lower()} score {part.shape.missing:.2f}"
        for part in model.parts
        if isinstance(part.shape, Tiers | Linear)
    ]
    counts = [f"an unknown {fact.noun} count" for fact in model.facts if fact.unit == "count" and fact.name in FACTS]
    said = "; ".join([*missing, " and ".join([*counts, "no sales on record"]) + " count as none"])
    yield Text(f"{said[:1].upper()}{said[1:]}. The flags of each account say what was missing.")


def _definitions(inputs: ScoreReportInputs, money: str) -> Iterator[Text]:
    for part in inputs.model.parts:
        if part.name in inputs.guarded:
            facts = " and ".join(fact.label.lower() for fact in part.facts)
            yield Text(f"{part.title}: computed from {facts}. {_NOT_TOLD}", "bullet")
        else:
            yield Text(part.definition(money), "bullet")


def _component_table(model: ScoreModel) -> Table:
    frame = pd.DataFrame(
        [(part.title, model.weights[part.name]) for part in model.parts], columns=["component", "weight"]
    )
    columns = [
        Column("component", "Component", width=18),
        Column("weight", "Weight", "percent", total="sum", width=14),
    ]
    return Table("components", columns, frame, title="Weights", totals=True, filters=False)


def _grade_table(model: ScoreModel) -> Table:
    limits = grade_limits(model.grade_shares)
    frame = pd.DataFrame(
        [(name, model.grade_shares[name], limits[name], float(icp_score(limits[name])[()])) for name in GRADES],
        columns=["grade", "share", "limit", "score"],
    )
    columns = [
        Column("grade", "Grade", "grade", rule="grade", width=12),
        Column("share", "Share of accounts", "percent", decimals=0, width=14),
        Column("limit", "From percentile", "percent", width=14),
        Column("score", "From ICP score", "score", width=14),
    ]
    return Table("grades", columns, frame, title="Grades", filters=False)


def _score_table() -> Table:
    percentiles = [0.01, 0.05, 0.10, 0.25, 0.50, 0.75, 0.90, 0.95, 0.99]
    frame = pd.DataFrame({"percentile": percentiles, "score": icp_score(percentiles)})
    columns = [
        Column("percentile", "Percentile", "percent", decimals=0, width=14),
        Column("score", "ICP score", "score", width=14,
               formula=f"MAX(0,MIN(100,{SCORE_MEAN:.0f}+{SCORE_SD:.0f}*NORMSINV({{percentile}})))"),
    ]  # fmt: skip
    return Table("score_map", columns, frame, title="Percentile and score", filters=False)


def _tiered(model: ScoreModel) -> Iterator[tuple[FittedComponent, Tiers]]:
    for part in model.parts:
        if isinstance(part.shape, Tiers):
            yield part, part.shape


def _tier_tables(model: ScoreModel) -> Iterator[Table]:
    for part, shape in _tiered(model):
        frame = pd.DataFrame({"from_revenue": shape.starts, "score": shape.scores})
        fact = part.facts[0]
        columns = [
            Column("from_revenue", f"{fact.label} from", "money" if fact.unit == "money" else "number"),
            Column("score", f"{part.title} score", "weight", decimals=2),
        ]
        yield Table(f"{part.name}_tiers", columns, frame, title=f"{part.title} tiers", filters=False)


def _segment_facts(inputs: ScoreReportInputs, money: str) -> Facts:
    model = inputs.model
    return Facts(
        [
            ("Small Business", f"below {say_money(model.segment_mid_market, money)}"),
            ("Mid-Market", f"{say_money(model.segment_mid_market, money)} to {say_money(model.segment_large, money)}"),
            ("Large Enterprise", f"{say_money(model.segment_large, money)} and more"),
            ("Unknown", "annual revenue not known"),
            *(
                (
                    f"Scale of {fact.plural}",
                    "not told: fewer than ten accounts stand behind it"
                    if part.name in inputs.guarded
                    else Figure("", top, "money")
                    if fact.unit == "money"
                    else Figure("", top, "number", decimals=1),
                )
                for part in model.parts
                for fact, top in part.shape.scales(part.facts)
            ),
        ],
        title="Segments and scales",
    )

"""The sheet Method: how a score is made, with every constant."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from icp_xl.columns import COMPONENTS, GRADES
from icp_xl.config.reports import ReportSettings
from icp_xl.reports.inputs import ScoreReportInputs
from icp_xl.reports.spec import Column, Facts, Figure, Item, Sheet, Table, Text
from icp_xl.reports.words import component_label, say_money
from icp_xl.scoring.model import SCORE_MEAN, SCORE_SD, ScoreModel, grade_limits, icp_score

_DEFINITIONS = {
    "vertical": (
        "How well the industry has paid, pulled to the average where little is known, blended with its strategic tier.",
        "weight of the industry, 0 to 1",
    ),
    "size": (
        "Annual revenue of the account, by tier; unknown is neutral, not zero.",
        "score of the size tier, 0 to 1",
    ),
    "adoption": (
        "Printers owned and consumables bought.",
        "{p:.0%} × log(1 + printers) / log(1 + {a:,.0f}) + {q:.0%} × log(1 + consumables) / log(1 + {b:,.0f}), "
        "each at most 1",
    ),
    "relationship": (
        "Software, SaaS and maintenance bought.",
        "log(1 + software revenue) / log(1 + {c:,.0f}), at most 1",
    ),
}


def build_method_sheet(inputs: ScoreReportInputs, settings: ReportSettings) -> Sheet:
    """Definitions, formulas, weights and thresholds, as the score model holds them."""
    model = inputs.model
    money = settings.currency
    blocks: list[Item] = [
        Text("From facts to a grade", "heading"),
        Text("Each account gets four component scores between 0 and 1.", "bullet"),
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
        *_definitions(model),
        (_component_table(model), _grade_table(model), _score_table()),
        Text(f"The weights come from {inputs.weights_source}.", "note"),
        Text("Size tiers and segments", "heading"),
        (_tier_table(model), _segment_facts(model, money)),
        Text("Industry weights", "heading"),
        Text(
            "An industry's result is the mean of log(1 + revenue) of its accounts. It is pulled towards the mean of "
            "all industries by empirical Bayes: the fewer its accounts and the more they differ, the further. The "
            " average industry gets 0.5; industries far above it approach 1. Where a strategic tier is given, it "
            "is blended in with the share that the settings say. An account of unknown industry gets the average "
            f"weight, {model.industry_prior:.3f}."
        ),
        Text("What is not known", "heading"),
        Text(
            f"Unknown annual revenue gets the size score {model.size_missing:.2f}; an unknown printer count and no "
            "sales on record count as none. The flags of each account say what was missing."
        ),
        Text("Changes between runs", "heading"),
        Text(
            "A change of score is split exactly: first the new figures at the old weights and model, then the new "
            "weights, then the rest of the model. The three parts add up to the change."
        ),
    ]
    return Sheet("Method", "Method", blocks, subtitle="How a score is made, with every constant.", kind="method",
                 one_page=True)  # fmt: skip


def _definitions(model: ScoreModel) -> Iterator[Text]:
    constants = {
        "p": model.printer_share,
        "q": 1.0 - model.printer_share,
        "a": model.printers_scale,
        "b": model.consumable_scale,
        "c": model.software_scale,
    }
    for name in COMPONENTS:
        meaning, formula = _DEFINITIONS[name]
        yield Text(f"{component_label(name)}: {meaning} Computed as {formula.format(**constants)}.", "bullet")


def _component_table(model: ScoreModel) -> Table:
    frame = pd.DataFrame(
        [(component_label(name), model.weights[name]) for name in COMPONENTS], columns=["component", "weight"]
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


def _tier_table(model: ScoreModel) -> Table:
    frame = pd.DataFrame({"from_revenue": model.size_from, "score": model.size_scores})
    columns = [
        Column("from_revenue", "Annual revenue from", "money"),
        Column("score", "Size score", "weight", decimals=2),
    ]
    return Table("size_tiers", columns, frame, title="Size tiers", filters=False)


def _segment_facts(model: ScoreModel, money: str) -> Facts:
    return Facts(
        [
            ("Small Business", f"below {say_money(model.segment_mid_market, money)}"),
            ("Mid-Market", f"{say_money(model.segment_mid_market, money)} to {say_money(model.segment_large, money)}"),
            ("Large Enterprise", f"{say_money(model.segment_large, money)} and more"),
            ("Unknown", "annual revenue not known"),
            ("Scale of printers", Figure("", model.printers_scale, "number", decimals=1)),
            ("Scale of consumables", Figure("", model.consumable_scale, "money")),
            ("Scale of software", Figure("", model.software_scale, "money")),
        ],
        title="Segments and scales",
    )

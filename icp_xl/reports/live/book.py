"""The live workbook as sheets: Dashboard, What-If, its accounts, the score model's tables, the method."""

from __future__ import annotations

from icp_xl.config.reports import ReportSettings
from icp_xl.reports.functions.lambdas import function_names
from icp_xl.reports.live import expressions as ex
from icp_xl.reports.live.charts import dashboard_charts
from icp_xl.reports.live.figures import ALL, LiveFigures, compute_live
from icp_xl.reports.live.inputs import LiveInputs, base_frame, charted_industries
from icp_xl.reports.live.tables import best_accounts, build_accounts, build_model, table_names
from icp_xl.reports.live.what_if import BEST_HERE, build_what_if, tile_rows
from icp_xl.reports.segments import recommend
from icp_xl.reports.spec import Column, ReportBook, Sheet, Text
from icp_xl.reports.words import number_word


def build_live_book(inputs: LiveInputs, settings: ReportSettings) -> ReportBook:
    """Everything the reader needs to move a weight and watch the scores, with the published state as cached values."""
    base = base_frame(inputs, settings)
    industries = charted_industries(base, settings.industries_charted)
    model = inputs.model
    limits = (model.segment_mid_market, model.segment_large)
    now = compute_live(base, model.weights, model.grade_shares, ALL, industries, limits, len(model.knots))
    names = ex.names_of(model.names)
    if settings.live_lambda:
        names |= {**table_names(model), "icp_weights": "{live_weights.used}", **function_names(model)}
    sheets = [
        _dashboard(inputs, now, settings),
        build_what_if(inputs, now),
        build_accounts(inputs, now),
        build_model(inputs, now, max(settings.top_accounts, BEST_HERE), lookups=settings.live_lambda),
        _method(len(model.parts)),
    ]
    return ReportBook(
        sheets, title="Live ICP scores", names=names, footer=inputs.run_id, currency=settings.currency,
        paper=settings.paper,
    )  # fmt: skip


def _dashboard(inputs: LiveInputs, now: LiveFigures, settings: ReportSettings) -> Sheet:
    columns = [
        Column("account_name", "Account", width=34),
        Column("industry", "Industry", width=22),
        Column("segment", "Segment", width=17),
        Column("total_revenue", "Revenue with us", "money"),
        Column("icp_score", "ICP score", "score", width=12, rule="data_bar"),
        Column("icp_grade", "Grade", "grade", width=9, rule="grade"),
    ]
    advice = [Text(f"{each.segment}: {each.action} {each.why}", "bullet")
              for each in recommend(inputs.scored, settings.currency)]  # fmt: skip
    return Sheet(
        "Dashboard", "ICP dashboard",
        [
            *tile_rows(now),
            *dashboard_charts(now),
            Text("What to do, by segment (published scores)", "heading"),
            *advice,
            best_accounts("live_top", now, columns, settings.top_accounts),
        ],
        subtitle="Tiles, charts and best accounts follow the sheet What-If; advice is that of the published run.",
        portrait=True, one_page=True, protected=True,
    )  # fmt: skip


def _method(components: int) -> Sheet:
    lines = (
        f"A raw score is the sum of the {number_word(components)} component scores, each times its weight.",
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

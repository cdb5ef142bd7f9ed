"""The sheet Scored Accounts: one row per account, with its score and why."""

from __future__ import annotations

import pandas as pd

from icp_xl import artifacts
from icp_xl.components.record import FACTS, Fact
from icp_xl.config.reports import ReportSettings
from icp_xl.reports.inputs import ScoreReportInputs
from icp_xl.reports.spec import Column, Item, Kind, Sheet, Table, Text
from icp_xl.reports.words import build_reasons, number_word, say_count
from icp_xl.scoring.model import ScoreModel

TABLE = "scored"
_KINDS: dict[str, Kind] = {"money": "money", "count": "integer", "share": "percent"}


def listed(inputs: ScoreReportInputs, settings: ReportSettings) -> pd.DataFrame:
    """The accounts that the sheet lists, best first, with their reasons."""
    frame = inputs.scored.head(settings.most_accounts)
    if "reasons" not in frame.columns:
        frame = frame.assign(reasons=build_reasons(inputs.scored, inputs.model, settings.currency).loc[frame.index])
    return frame


def is_complete(inputs: ScoreReportInputs, settings: ReportSettings) -> bool:
    """Whether the sheet lists every account, so that formulas over it give the whole."""
    return len(inputs.scored) <= settings.most_accounts


def build_accounts_sheet(inputs: ScoreReportInputs, settings: ReportSettings) -> Sheet:
    """One row per account, best first; the filters of the table do the rest."""
    frame = listed(inputs, settings)
    subtitle = (
        f"{say_count(len(inputs.scored), 'account')}, best first. Filter by grade, segment, industry or rep; "
        "columns on the right show how each score is made."
    )
    if not is_complete(inputs, settings):
        subtitle = (
            f"The best {len(frame):,} of {len(inputs.scored):,} accounts; all are in {artifacts.SCORED_CSV.name}. "
            "The limit is most_accounts in the settings' section reports."
        )
    table = Table(
        TABLE, account_columns(frame, inputs.model), frame, key="account_id", empty_text="No account was scored.",
    )  # fmt: skip
    blocks: list[Item] = [table] if len(frame) else [Text("No account was scored.", "warning"), table]
    return Sheet(
        "Scored Accounts",
        "Scored accounts",
        blocks,
        subtitle=subtitle,
        freeze_table=TABLE,
        freeze_columns=3,
        kind="data",
    )


def account_columns(frame: pd.DataFrame, model: ScoreModel) -> list[Column]:
    """Columns of the table; those that the frame lacks are left out, and those only for study are not printed."""
    columns = [
        Column("rank", "Rank", "integer", align="center",
               note="1 is the best; accounts with equal scores share a rank."),
        Column("account_id", "Account id", "id"),
        Column("account_name", "Account name", width=36),
        Column("icp_score", "ICP score", "score", rule="data_bar", width=11,
               note="0 to 100. The average account has 50; two of three lie between 35 and 65."),
        Column("icp_grade", "Grade", "grade", rule="grade",
               note="A is the best tenth (or the share that the settings say), F the last."),
        Column("grade_range", "Grade could be", width=12,
               note="Grades it could have among as few other accounts of the same market, at 95 %."),
        Column("reasons", "Why", "long_text", width=62,
               note="The components that set this account apart from the average account, best first."),
        Column("segment", "Segment"),
        Column("industry", "Industry", width=24),
        Column("region", "Region"),
        Column("rep", "Rep"),
        Column("annual_revenue", "Annual revenue", "money", note="The account's own yearly revenue, where known."),
        Column("printers", "Printers", "integer"),
        Column("total_revenue", "Revenue with us", "money", note="All sales on record."),
        Column("flags", "Flags", "long_text", rule="flag", width=34, note="What is not known of the account."),
        Column("hardware_revenue", "Hardware revenue", "money", hidden_from_print=True),
        Column("consumable_revenue", "Consumable revenue", "money", hidden_from_print=True),
        Column("software_revenue", "Software revenue", "money", hidden_from_print=True),
        Column("service_revenue", "Service revenue", "money", hidden_from_print=True),
        Column("gross_profit", "Gross profit", "money", hidden_from_print=True),
    ]  # fmt: skip
    columns += [_fact_column(fact) for fact in model.facts if fact.name not in FACTS]
    for part in model.parts:
        columns.append(
            Column(part.declared.score_column, f"{part.title} score", "weight", rule="scale", decimals=2,
                   note=part.note, hidden_from_print=True)
        )  # fmt: skip
    count = number_word(len(model.parts))
    for part in model.parts:
        columns.append(
            Column(part.declared.contribution_column, f"{part.title} contribution", "weight", decimals=4,
                   note=f"Component score times its weight; the {count} add up to the raw score.",
                   hidden_from_print=True)
        )  # fmt: skip
    columns += [
        Column("raw_score", "Raw score", "weight", decimals=4, hidden_from_print=True),
        Column("percentile", "Percentile", "percent", note="Share of accounts that score lower.",
               hidden_from_print=True),
    ]  # fmt: skip
    return [column for column in columns if column.key in frame.columns]


def _fact_column(fact: Fact) -> Column:
    """A column of a fact that only this score has."""
    kind: Kind = "text" if fact.text else _KINDS.get(fact.unit, "number")
    return Column(fact.name, fact.label, kind, note=f"{fact.help}.", hidden_from_print=True)

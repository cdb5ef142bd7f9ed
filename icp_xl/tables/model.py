"""The tables that cleaning and matching the sources gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

CUSTOMER_COLUMNS = (
    "account_id", "account_name", "industry", "annual_revenue", "rep", "region", "printers", "city", "state", "country",
    "do_not_contact", "parent_account_id", "parent_name", "merged_ids", "merged_names", "origin", "revenue_source",
    "industry_source", "industry_as_written", "flags",
)  # fmt: skip
TRANSACTION_COLUMNS = (
    "date", "account_id", "division", "sku", "product", "quantity", "revenue", "gross_profit", "category", "rep",
    "invoice", "source_row", "account_name", "resolved_by", "category_from", "repeated", "time",
)  # fmt: skip
#: One row per name of a source that was looked up among the accounts, or pair of accounts that may be one. ``name_id``
#: is the account under which the name stands alone, ``name_rep``, ``name_last`` and ``money`` are what its rows say:
#: the last rep and day, and the revenue (else the amount) that hangs on the answer.
MATCH_TABLE_COLUMNS = (
    "key", "source", "name", "place", "name_id", "name_rep", "name_last", "money", "account_id", "account_name",
    "score", "runner_up_name", "runner_up", "margin", "outcome", "how", "reason", "agrees", "contradicts", "decision",
    "rows",
)  # fmt: skip
RECONCILIATION_COLUMNS = (
    "account_id", "account_name", "year", "measure", "yearly_total", "line_total", "difference", "status",
)  # fmt: skip
DROPPED_COLUMNS = ("source", "sheet", "row", "reason")
ISSUE_COLUMNS = ("table", "column", "row", "problem", "severity")


@dataclass(frozen=True)
class RowCount:
    """Rows of one table: read, kept, and dropped by reason; they add up."""

    table: str
    read: int
    kept: int
    dropped: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Tables:
    """The cleaned tables of a run.

    ``customers``: one row per account, after duplicates were merged, with :data:`CUSTOMER_COLUMNS`; ``annual_revenue``
    is the enriched one where known. ``transactions``: one row per sales line with :data:`TRANSACTION_COLUMNS`, sorted.
    ``matches``: every decision on a name with :data:`MATCH_TABLE_COLUMNS`; ``duplicates``: pairs of accounts, the same
    columns. ``yearly_totals``, ``assets`` and ``opportunities`` are the sources' frames with ``account_id`` resolved.
    ``reconciliation``: account × year × measure with :data:`RECONCILIATION_COLUMNS`. ``industries``: one row per
    spelling. ``dropped``: rows left out, while reading and since. ``issues``: breaches of the tables' contracts.
    ``categories``: what decided the category of the sales lines, one row per text.
    ``account_map``: every id ever seen to the account that now holds it.
    """

    customers: pd.DataFrame
    transactions: pd.DataFrame
    yearly_totals: pd.DataFrame
    reconciliation: pd.DataFrame
    assets: pd.DataFrame
    opportunities: pd.DataFrame
    matches: pd.DataFrame
    duplicates: pd.DataFrame
    industries: pd.DataFrame
    dropped: pd.DataFrame
    issues: pd.DataFrame
    account_map: pd.DataFrame
    counts: tuple[RowCount, ...] = ()
    warnings: tuple[str, ...] = ()
    categories: pd.DataFrame = field(default_factory=pd.DataFrame)

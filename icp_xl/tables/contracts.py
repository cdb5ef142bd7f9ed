"""Contracts of the raw tables: what each must hold before anything is computed from it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from icp_xl.config.matching import MatchingSettings
from icp_xl.sources.model import Sources, SourceTable
from icp_xl.tables.ids import id_key
from icp_xl.tables.model import ISSUE_COLUMNS

ERROR, WARNING, NOTE = "error", "warning", "note"
#: Rows listed per problem; the rest is counted in one closing line.
LISTED = 50

Check = Callable[[pd.DataFrame, "Context"], "pd.Series[bool]"]


@dataclass(frozen=True)
class Context:
    """What checks need to know beside the frame."""

    earliest: pd.Timestamp
    latest: pd.Timestamp | None


@dataclass(frozen=True)
class Rule:
    """One promise of a table: ``broken`` marks the rows that break it."""

    column: str
    problem: str
    severity: str
    broken: Check


def _missing(column: str) -> Check:
    return lambda frame, _: frame[column].isna()


def _repeated(column: str) -> Check:
    def check(frame: pd.DataFrame, _: Context) -> pd.Series[bool]:
        keys = frame[column].map(id_key, na_action="ignore")
        return keys.notna() & keys.duplicated(keep=False)

    return check


def _below(column: str, least: float) -> Check:
    return lambda frame, _: pd.to_numeric(frame[column], errors="coerce") < least


def _above(column: str, most: float) -> Check:
    return lambda frame, _: pd.to_numeric(frame[column], errors="coerce") > most


def _infinite(column: str) -> Check:
    return lambda frame, _: pd.to_numeric(frame[column], errors="coerce").abs() == np.inf


def _early(column: str) -> Check:
    return lambda frame, context: _dates(frame, column) < context.earliest


def _late(column: str) -> Check:
    def check(frame: pd.DataFrame, context: Context) -> pd.Series[bool]:
        if context.latest is None:
            return pd.Series(False, index=frame.index)
        return _dates(frame, column) > context.latest

    return check


def _dates(frame: pd.DataFrame, column: str) -> pd.Series[pd.Timestamp]:
    return pd.to_datetime(frame[column], errors="coerce")


def _no_customer(frame: pd.DataFrame, _: Context) -> pd.Series[bool]:
    return frame["account_id"].isna() & frame["account_name"].isna()


def _profit_above_revenue(frame: pd.DataFrame, _: Context) -> pd.Series[bool]:
    revenue, profit = (pd.to_numeric(frame[name], errors="coerce") for name in ("revenue", "gross_profit"))
    return (revenue > 0) & (profit > revenue * 1.0000001)


def _negative_profit(frame: pd.DataFrame, _: Context) -> pd.Series[bool]:
    revenue, profit = (pd.to_numeric(frame[name], errors="coerce") for name in ("revenue", "gross_profit"))
    return (revenue > 0) & (profit < 0)


def _expiry_before_start(frame: pd.DataFrame, _: Context) -> pd.Series[bool]:
    return _dates(frame, "expiry_date") < _dates(frame, "start_date")


def _close_before_created(frame: pd.DataFrame, _: Context) -> pd.Series[bool]:
    return _dates(frame, "close_date") < _dates(frame, "created_date")


#: Per table: columns that must hold something, and rules on rows.
CONTRACTS: dict[str, tuple[tuple[str, ...], tuple[Rule, ...]]] = {
    "customers": (
        ("account_name",),
        (
            Rule("account_id", "no account id and no name; the row is left out", ERROR, _no_customer),
            Rule("account_id", "no account id; one is made from the name", WARNING, _missing("account_id")),
            Rule("account_id", "account id is used more than once; rows are merged", WARNING, _repeated("account_id")),
            Rule("account_name", "no account name", WARNING, _missing("account_name")),
            Rule("annual_revenue", "annual revenue is negative or zero; taken as unknown", WARNING, lambda f, _:
                 pd.to_numeric(f["annual_revenue"], errors="coerce") <= 0),
            Rule("annual_revenue", "annual revenue is above ten trillion", WARNING, _above("annual_revenue", 1e13)),
            Rule("printers", "printer count is negative", WARNING, _below("printers", 0)),
            Rule("printers", "printer count is above 100,000", WARNING, _above("printers", 1e5)),
        ),
    ),
    "sales": (
        ("date", "revenue"),
        (
            Rule("date", "no date; the line is left out", ERROR, _missing("date")),
            Rule("date", "date is before the earliest that the settings allow", WARNING, _early("date")),
            Rule("date", "date is in the future", WARNING, _late("date")),
            Rule("account_id", "no customer; the line is left out", ERROR, _no_customer),
            Rule("revenue", "no revenue; the line is left out", ERROR, _missing("revenue")),
            Rule("revenue", "revenue is not finite", ERROR, _infinite("revenue")),
            Rule("gross_profit", "gross profit is above revenue", NOTE, _profit_above_revenue),
            Rule("gross_profit", "gross profit is negative on a sale", NOTE, _negative_profit),
        ),
    ),
    "yearly_totals": (
        ("amount",),
        (
            Rule("amount", "no amount", WARNING, _missing("amount")),
            Rule("account_name", "no customer", WARNING, _no_customer),
        ),
    ),
    "enriched_revenue": (
        ("account_name", "annual_revenue"),
        (
            Rule("account_name", "no account name", WARNING, _missing("account_name")),
            Rule("annual_revenue", "enriched revenue is not above zero", NOTE, lambda f, _:
                 pd.to_numeric(f["annual_revenue"], errors="coerce") <= 0),
        ),
    ),
    "industry_updates": (
        ("industry",),
        (Rule("account_name", "no customer", WARNING, _no_customer),),
    ),
    "assets": (
        (),
        (
            Rule("account_id", "no customer", WARNING, _no_customer),
            Rule("expiry_date", "expiry lies before the start", WARNING, _expiry_before_start),
        ),
    ),
    "opportunities": (
        (),
        (
            Rule("opportunity_id", "opportunity id is used more than once", WARNING, _repeated("opportunity_id")),
            Rule("account_id", "no customer", NOTE, _no_customer),
            Rule("close_date", "closed before it was created", WARNING, _close_before_created),
        ),
    ),
}  # fmt: skip


def check_sources(
    sources: Sources, settings: MatchingSettings | None = None, today: pd.Timestamp | str | None = None
) -> pd.DataFrame:
    """Every breach of the raw tables' contracts, one row per cell (columns ``table, column, row, problem, severity``).

    ``row`` is the row in the file; 0 stands for the table as a whole. ``severity`` is "error" where rows or results are
    lost, "warning" where a figure may be wrong, "note" where it is unusual. Of one problem, the first rows are listed
    and the rest counted. A date after ``today`` is flagged, where that is given.
    """
    settings = settings or MatchingSettings()
    context = Context(
        pd.Timestamp(settings.earliest_date), None if today is None else pd.Timestamp(today) + pd.Timedelta(days=1)
    )
    rows: list[tuple[object, ...]] = []
    for needed in ("customers", "sales"):
        if getattr(sources, needed) is None:
            rows.append((needed, "", 0, f"the source {needed} is absent", WARNING))
    for table in sources.tables():
        rows.extend(check_table(table, context))
    return pd.DataFrame(rows, columns=list(ISSUE_COLUMNS))


def check_table(table: SourceTable, context: Context) -> list[tuple[object, ...]]:
    """The breaches of one table."""
    columns, rules = CONTRACTS.get(table.name, ((), ()))
    frame = table.frame
    if frame.empty:
        return [(table.name, "", 0, "no rows", WARNING)]
    found: list[tuple[object, ...]] = []
    for column in columns:
        if column not in frame.columns or frame[column].isna().all():
            found.append((table.name, column, 0, "the column holds nothing", ERROR))
    silent = {row[1] for row in found}
    for rule in rules:
        if rule.column in silent or not _has(frame, rule):
            continue
        broken = rule.broken(frame, context).fillna(False).to_numpy(dtype=bool)
        if broken.all() and rule.severity != ERROR and len(frame) > 1:
            found.append((table.name, rule.column, 0, f"every row: {rule.problem}", rule.severity))
            continue
        numbers = sorted(_row_numbers(frame)[broken].tolist())
        found.extend((table.name, rule.column, row, rule.problem, rule.severity) for row in numbers[:LISTED])
        if len(numbers) > LISTED:
            text = f"{len(numbers) - LISTED} more rows: {rule.problem}"
            found.append((table.name, rule.column, 0, text, rule.severity))
    return found


def _has(frame: pd.DataFrame, rule: Rule) -> bool:
    known: dict[Check, tuple[str, ...]] = {
        _no_customer: ("account_id", "account_name"),
        _profit_above_revenue: ("revenue", "gross_profit"),
        _negative_profit: ("revenue", "gross_profit"),
        _expiry_before_start: ("start_date", "expiry_date"),
        _close_before_created: ("created_date", "close_date"),
    }
    return all(column in frame.columns for column in known.get(rule.broken, (rule.column,)))


def _row_numbers(frame: pd.DataFrame) -> np.ndarray:
    if "source_row" in frame.columns:
        return frame["source_row"].to_numpy()
    return np.arange(len(frame)) + 2


def count_issues(issues: pd.DataFrame) -> dict[str, int]:
    """Breaches by severity; a closing line counts for the rows that it stands for."""
    counts: dict[str, int] = {ERROR: 0, WARNING: 0, NOTE: 0}
    for severity, problem in zip(issues["severity"], issues["problem"], strict=True):
        counts[severity] += read_problem(str(problem))[1]
    return counts


def read_problem(text: str) -> tuple[str, int]:
    """A breach's words, and the rows it stands for: a closing line stands for all that are not listed.

    >>> read_problem("549 more rows: no date"), read_problem("no date")
    (('no date', 549), ('no date', 1))
    """
    head, _, rest = text.partition(" more rows: ")
    return (rest, int(head)) if rest and head.isdigit() else (text, 1)


__all__: Sequence[str] = (
    "CONTRACTS",
    "Context",
    "Rule",
    "check_sources",
    "check_table",
    "count_issues",
    "read_problem",
)

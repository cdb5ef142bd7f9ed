"""The sheets *Build*, *Labels*, *Feature Catalog* and *Left Out*: what the build took from the log and made of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from icp_xl import artifacts
from icp_xl.config.reports import ReportSettings
from icp_xl.reports.spec import (
    Block,
    Chart,
    Column,
    Facts,
    Figure,
    Figures,
    Ref,
    ReportBook,
    Series,
    Sheet,
    Table,
    Text,
)
from icp_xl.reports.words import MOST_BARS, say_bars

#: Violations shown; the CSV beside the report lists more.
MOST_SHOWN = 500
_STATUS = {"ok": "Holds", "dropped": "Left out", "error": "Broken", "warning": "Look at"}
#: Peculiarities of the log as the sheet words them, where the file's words could be misread.
_FOUND = {
    "no account": "without an account id (the name may tell)",
    "respelled codes": "codes spelt in several ways",
    "fee lines": "fees, not goods",
}
#: Tables as people call them.
_TABLES = {
    "fact_transactions": "Sales lines", "dim_customer": "Customers", "dim_product": "Products",
    "dim_division": "Divisions", "dim_date": "Dates", "fact_assets": "Assets", "fact_returns": "Returns",
}  # fmt: skip
_FAMILIES = {
    "recency": "Recency",
    "frequency": "Frequency",
    "monetary": "Money",
    "trajectory": "Trend",
    "lifecycle": "Lifecycle",
    "seasonality": "Season",
    "mix": "Division mix",
    "diversity": "Breadth",
    "returns": "Returns",
    "basket": "Market basket",
    "embedding": "Embedding",
    "assets": "Assets",
    "context": "Account",
}


@dataclass(frozen=True)
class BuildReport:
    """What a build has to say.

    Attributes:
        cleaning: one row per peculiarity of the log and how many lines have it.
        reasons: lines left out, by reason; with ``kept`` they add up to ``read``.
        read: lines that came in.
        kept: lines that stayed.
        contracts: table, rule, how often broken, status.
        violations: one row per broken rule and line.
        labels: one row per division and cutoff.
        catalogs: per division and cutoff, one row per feature.
        sanity: one row per check of the assets.
        warnings: sentences.
        facts: what identifies the run, by name.
    """

    cleaning: pd.DataFrame
    reasons: Mapping[str, int]
    read: int
    kept: int
    contracts: Sequence[tuple[str, str, int, str]]
    violations: pd.DataFrame
    labels: pd.DataFrame
    catalogs: Mapping[tuple[str, str], pd.DataFrame]
    sanity: pd.DataFrame
    warnings: Sequence[str]
    facts: Mapping[str, Any]


def build_book(report: BuildReport, settings: ReportSettings) -> ReportBook:
    """A workbook of the build alone."""
    sheets = [_build_sheet(report)]
    if len(report.labels):
        sheets.append(_label_sheet(report.labels))
    if report.catalogs:
        sheets.append(_catalog_sheet(report.catalogs))
    if len(report.sanity):
        sheets.append(_asset_sheet(report.sanity))
    if len(report.violations):
        sheets.append(_violation_sheet(report.violations))
    return ReportBook(
        sheets, title="Build of the sales data", subject="What was read, left out and made of the sales log",
        footer=f"run {report.facts['Run']}" if "Run" in report.facts else "", currency=settings.currency,
        paper=settings.paper,
    )  # fmt: skip


def _build_sheet(report: BuildReport) -> Sheet:
    labels, catalogs, read, kept = report.labels, report.catalogs, report.read, report.kept
    censored = int(labels["censored"].sum()) if len(labels) else 0
    features = len(next(iter(catalogs.values()))) if catalogs else 0
    blocks: list[Block | tuple[Block, ...]] = [
        Figures(
            [
                Figure("Sales lines kept", kept, "integer", f"of {read:,} that came in"),
                Figure("Share kept", kept / read if read else 0.0, "percent", "the rest is listed below"),
                Figure(
                    "Label sets",
                    len(labels),
                    "integer",
                    f"{censored} with a window not yet over",
                    tone="warning" if censored else "plain",
                ),
                Figure("Features per set", features, "integer", f"{len(catalogs)} feature sets"),
            ]
        ),
        *(Text(text[:1].upper() + text[1:].rstrip(".") + ".", "warning") for text in report.warnings),
        (_cleaning_table(report.cleaning), _reason_table(report.reasons)),
        Text("Rules that were checked", "heading"),
        _contract_table(report.contracts),
        Facts(tuple(report.facts.items()), title="This build"),
    ]
    return Sheet(
        "Build", "Build of the sales data", blocks, subtitle="What was read from the sales log, and what was left out"
    )


def _cleaning_table(cleaning: pd.DataFrame) -> Table:
    words = [_FOUND.get(str(text), str(text)) for text in cleaning["found"]]
    frame = cleaning.assign(found=[text[:1].upper() + text[1:] for text in words])
    return Table(
        "build_cleaning",
        [Column("found", "Found in the log", width=40), Column("count", "Number", "integer", width=12)],
        frame,
        title="What the log holds",
        filters=False,
    )


def _reason_table(reasons: Mapping[str, int]) -> Table:
    rows = sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
    frame = pd.DataFrame([(name[:1].upper() + name[1:], n) for name, n in rows], columns=["reason", "lines"])
    return Table(
        "build_reasons",
        [Column("reason", "Reason", width=30), Column("lines", "Lines", "integer", width=12, rule="data_bar")],
        frame,
        title="Lines left out, by first reason",
        empty_text="No line was left out.",
        filters=False,
    )


def _contract_table(contracts: Sequence[tuple[str, str, int, str]]) -> Table:
    frame = pd.DataFrame(
        [
            (rule[:1].upper() + rule[1:], _TABLES.get(table, table), broken, _STATUS.get(status, status))
            for table, rule, broken, status in contracts
        ],
        columns=["rule", "table", "broken", "status"],
    )
    return Table(
        "build_contracts",
        [
            Column("rule", "Rule", width=46),
            Column("table", "Table", width=20),
            Column("broken", "Rows that break it", "integer", width=18),
            Column("status", "Status", width=12, rule="status"),
        ],
        frame,
        filters=False,
    )


def _label_sheet(labels: pd.DataFrame) -> Sheet:
    frame = labels.copy()
    for name in ("cutoff_date", "window_end"):
        frame[name] = pd.to_datetime(frame[name])
    frame["state"] = ["Not yet over" if late else "Whole" for late in frame["censored"]]
    latest = frame[frame["cutoff_date"] == frame["cutoff_date"].max()].sort_values("prevalence", ascending=False)
    table = _labels_table(frame)
    names, rates = (Ref("build_latest", key, MOST_BARS) for key in ("division", "prevalence"))
    chart = Chart(
        "bar",
        f"Share of accounts that bought after {latest['cutoff_date'].iloc[0]:%d %b %Y}"
        + say_bars(len(latest), "highest"),
        [Series("Share that bought", names, rates)],
        "Bars: share of accounts that bought in each division within the window after the latest cutoff.",
        y_format="0%",
        legend=False,
    )
    short = Table(
        "build_latest",
        [Column("division", "Division"), Column("prevalence", "Share that bought", "percent", width=16)],
        latest[["division", "prevalence"]],
        title="Latest cutoff",
        filters=False,
    )
    blocks: list[Block | tuple[Block, ...]] = [
        Text(
            "A window begins on the cutoff and ends before its last date. A window that the log does not cover whole "
            "is not used to train a model."
        ),
        (short, chart),
        table,
    ]
    return Sheet("Labels", "Who bought after each cutoff", blocks, subtitle="One row per division and cutoff")


def _labels_table(frame: pd.DataFrame) -> Table:
    return Table(
        "build_labels",
        [
            Column("division", "Division"),
            Column("cutoff_date", "Cutoff", "date", width=13),
            Column("window_end", "Window ends before", "date", width=18),
            Column("window_months", "Months", "integer", width=9),
            Column("accounts", "Accounts", "integer", width=11),
            Column("positives", "Bought", "integer", width=10),
            Column(
                "left_out",
                "Buyers left out",
                "integer",
                width=11,
                note="Bought, and count for nothing all the same: the settings ask for profit, or for more.",
            ),
            Column("prevalence", "Share that bought", "percent", rule="data_bar", width=17),
            Column("is_expansion_positives", "New to the division", "integer", width=18),
            Column("is_renewal_like_positives", "Bought again", "integer", width=13),
            Column("is_new_logo_positives", "New accounts", "integer", width=13),
            Column("revenue", "Revenue in the window", "money", width=20),
            Column("state", "Window", width=14),
        ],
        frame,
        title="All divisions and cutoffs",
    )


def _catalog_sheet(catalogs: Mapping[tuple[str, str], pd.DataFrame]) -> Sheet:
    last = max(key[1] for key in catalogs)
    chosen = sorted(key for key in catalogs if key[1] == last)
    frame = catalogs[chosen[0]].copy()
    spread = pd.DataFrame({key[0]: catalogs[key].set_index("name")["coverage"] for key in chosen})
    found = frame.set_index("name").join(spread.min(axis=1).rename("lowest")).join(spread.max(axis=1).rename("highest"))
    found = found.reset_index()
    found["family"] = [_FAMILIES.get(str(text), str(text)) for text in found["family"]]
    table = Table(
        "build_catalog",
        [
            Column("name", "Feature", "id", width=34),
            Column("meaning", "Meaning", "long_text", width=64),
            Column("family", "Family", width=15),
            Column("unit", "Unit", width=18),
            Column("window", "Window", width=24),
            Column("lowest", "Coverage, lowest division", "percent", rule="data_bar", width=14),
            Column("highest", "Highest division", "percent", width=12),
            Column("cap_low", "Capped below", "number", width=13),
            Column("cap_high", "Capped above", "number", width=13),
        ],
        found,
    )
    names = ", ".join(key[0] for key in chosen)
    blocks: list[Block | tuple[Block, ...]] = [
        Text(
            "Coverage is the share of accounts with a value that is neither missing nor zero. Caps are those of "
            f"{chosen[0][0]}; each feature set has its own in its catalog file."
        ),
        Text(f"Divisions: {names}.", "note"),
        table,
    ]
    return Sheet(
        "Feature Catalog",
        "Feature catalog",
        blocks,
        subtitle=f"What was known of each account before {last}",
        freeze_table="build_catalog",
        kind="data",
    )


def _asset_sheet(sanity: pd.DataFrame) -> Sheet:
    frame = sanity.assign(cutoff_date=pd.to_datetime(sanity["cutoff_date"]))
    table = Table(
        "build_assets",
        [
            Column("rollup", "Group", width=22),
            Column("cutoff_date", "Cutoff", "date", width=13),
            Column("assets", "Assets", "integer"),
            Column("accounts", "Accounts", "integer"),
            Column("expiring", "Expire soon", "integer", width=13),
            Column("subscribed", "Under subscription", "integer", width=18),
            Column("tenure_median_days", "Median age (days)", "integer", width=17),
            Column("imputed_share", "Starts imputed", "percent", width=14),
            Column("problem", "To look at", "long_text", width=46),
        ],
        frame,
    )
    return Sheet(
        "Assets", "Assets at each cutoff", [table], subtitle="Sanity of the asset groups and of their start dates"
    )


def _violation_sheet(violations: pd.DataFrame) -> Sheet:
    # Some of every reason: a log without accounts in a quarter of its lines has far more than 500 of one kind.
    each = max(1, MOST_SHOWN // max(1, violations["reason"].nunique()))
    shown = violations.groupby("reason", sort=False).head(each).copy()
    shown["reason"] = [str(text)[:1].upper() + str(text)[1:] for text in shown["reason"]]
    shown["severity"] = [_STATUS.get(str(text), str(text)) for text in shown["severity"]]
    table = Table(
        "build_violations",
        [
            Column("table", "Table", width=18),
            Column("row", "Row", "integer", width=10),
            Column("column", "Column", width=16),
            Column("reason", "Reason", width=30),
            Column("severity", "Effect", width=12),
            Column("value", "Value", width=30),
        ],
        shown,
    )
    more = len(violations) - len(shown)
    blocks: list[Block | tuple[Block, ...]] = [table]
    if more > 0:
        blocks.insert(
            0, Text(f"Up to {each} rows of each reason; {artifacts.VIOLATIONS.name} lists {more:,} more.", "note")
        )
    return Sheet(
        "Left Out", "Rows that were left out or need a look", blocks, freeze_table="build_violations", kind="data"
    )

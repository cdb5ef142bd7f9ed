"""The sheet Data Quality: what was missing, dropped, guessed or contradictory in the source files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from icp_xl.config.reports import ReportSettings
from icp_xl.reports.inputs import QualityTables, ScoreReportInputs
from icp_xl.reports.spec import Block, Chart, Column, Figure, Figures, Item, Ref, Series, Sheet, Table, Text
from icp_xl.reports.words import field_label, say_count, share
from icp_xl.tables.contracts import ERROR, count_issues, read_problem
from icp_xl.tables.reconcile import DIFFERS, NO_LINES, NO_TOTAL

#: Facts that a score needs, with what happens where they are missing.
COVERAGE = (
    ("industry", "Industry", "gets the prior industry weight"),
    ("annual_revenue", "Annual revenue", "gets the neutral size score, and no segment"),
    ("printers", "Printer count", "counts as none"),
    ("region", "Region", "missing from regional views only"),
    ("rep", "Rep", "missing from per-rep views only"),
)


def build_quality_sheet(inputs: ScoreReportInputs, settings: ReportSettings) -> Sheet:
    """Coverage, rows read and dropped, contracts, guesses, and reconciliation with the yearly totals."""
    quality = inputs.quality
    coverage = coverage_figures(inputs.scored)
    blocks: list[Item] = [Figures(_headlines(inputs))]
    if inputs.warnings:
        blocks += [Text("Warnings of this run", "heading"), *(Text(text, "warning") for text in inputs.warnings)]
    blocks += [
        Text("What is known of the accounts", "heading"),
        _coverage_table(coverage),
        _coverage_chart(coverage),
        Text("What was read, held against the files", "heading"),
        *_balance(quality),
        Text("Rows read, kept and left out", "heading"),
        _counts_table(quality),
        _dropped_table(quality),
        Text("Rules that the tables must keep", "heading"),
        _issues_table(quality),
        Text("Columns that were guessed", "heading"),
        Text("Set them in the settings' section columns to be sure; a guess is used until then.", "note"),
        _guess_table(quality),
        *_unused(quality),
        Text("How names were matched", "heading"),
        _match_table(quality),
        Text("Sales lines against the yearly totals", "heading"),
        *_reconciliation(quality),
    ]
    return Sheet(
        "Data Quality", "Data quality", blocks, subtitle="What the source files lacked, and what was done about it."
    )


def build_dropped_sheet(quality: QualityTables, settings: ReportSettings) -> Sheet | None:
    """Every row left out and every cell that could not be read, up to the limit; ``None`` when there is none."""
    if not len(quality.dropped) and not len(quality.flags):
        return None
    columns = [
        Column("source", "Source", width=18),
        Column("sheet", "Sheet", width=22),
        Column("row", "Row in the file", "integer", width=10),
    ]
    dropped = _worded(quality.dropped.head(settings.listed_rows))
    flags = _worded(quality.flags.head(settings.listed_rows))
    reason = [*columns, Column("reason", "Why it was left out", "text", width=48)]
    problem = [*columns, Column("column", "Column", width=18), Column("problem", "What is wrong", width=48)]
    return Sheet(
        "Rows Left Out",
        "Rows left out, cells not read",
        [
            (
                Table("dropped_rows", reason, _plain(dropped, reason),
                      title=_of("Rows left out", dropped, quality.dropped), empty_text="No row was left out."),
                Table("unread_cells", problem, _plain(flags, problem),
                      title=_of("Cells not read", flags, quality.flags), empty_text="Every cell could be read."),
            )
        ],
        subtitle="By source file, sheet and row, so that they can be put right there." + _merged(quality),
    )  # fmt: skip


def _worded(frame: pd.DataFrame) -> pd.DataFrame:
    named = {name: _labels(frame[name]) for name in ("source", "column") if name in frame.columns}
    return frame.assign(**named)


def _merged(quality: QualityTables) -> str:
    """Rows that were left out and are not listed, because they live on in another account."""
    more = sum(count.read - count.kept for count in quality.counts) - len(quality.dropped)
    return f" Data Quality counts {more:,} more that went into another account." if more > 0 else ""


def _of(title: str, shown: pd.DataFrame, whole: pd.DataFrame) -> str:
    cut = len(shown) < len(whole)
    return f"{title} (the first {len(shown):,} of {len(whole):,})" if cut else f"{title} ({len(whole):,})"


def _plain(frame: pd.DataFrame, columns: list[Column]) -> pd.DataFrame:
    return frame.reindex(columns=[column.key for column in columns]).reset_index(drop=True)


def _headlines(inputs: ScoreReportInputs) -> list[Figure]:
    quality = inputs.quality
    read = sum(count.read for count in quality.counts)
    kept = sum(count.kept for count in quality.counts)
    broken = count_issues(quality.issues)
    faults = broken[ERROR]
    pairs = sum(int((part["outcome"] == "review").sum()) for part in (quality.matches, quality.duplicates) if len(part))
    flagged = int((inputs.scored["flags"].astype(str).str.len() > 0).sum()) if "flags" in inputs.scored else 0
    return [
        Figure("Rows read", read, "integer", "over all source files"),
        Figure("Rows kept", share(kept, read) if read else None, "percent", f"{read - kept:,} left out"),
        Figure("Accounts with a gap", flagged, "integer", f"of {len(inputs.scored):,}", tone=_tone(flagged)),
        Figure("Pairs to review", pairs, "integer", "on the sheet Match Review", tone=_tone(pairs)),
        Figure("Rows that break a rule", sum(broken.values()), "integer", f"{faults:,} of them errors",
               tone="bad" if faults else "plain"),
    ]  # fmt: skip


def _tone(count: int) -> Any:
    return "warning" if count else "good"


def coverage_figures(scored: pd.DataFrame) -> pd.DataFrame:
    """One row per fact: accounts that have it, their share, and what happens to the others."""
    n = len(scored)
    rows = []
    for key, label, effect in COVERAGE:
        if key in scored.columns:
            text = scored[key].notna() & (scored[key].astype(str).str.strip() != "")
            rows.append((label, int(text.sum()), n - int(text.sum()), share(int(text.sum()), n), effect))
    bought = int((scored["total_revenue"].fillna(0) != 0).sum())
    rows.append(("Sales on record", bought, n - bought, share(bought, n), "adoption and relationship count as none"))
    return pd.DataFrame(rows, columns=["fact", "known", "missing", "share", "effect"])


def _coverage_table(frame: pd.DataFrame) -> Table:
    columns = [
        Column("fact", "Fact", width=22),
        Column("known", "Known", "integer", width=13),
        Column("missing", "Missing", "integer", width=13),
        Column("share", "Share known", "percent", decimals=0, rule="data_bar", width=14,
               formula="IF({known}+{missing}=0,0,{known}/({known}+{missing}))"),
        Column("effect", "An account without it", width=42),
    ]  # fmt: skip
    return Table("coverage", columns, frame, filters=False)


def _coverage_chart(frame: pd.DataFrame) -> Chart:
    told = "; ".join(f"{row.fact} {row.share:.0%}" for row in frame.itertuples())
    return Chart(
        "bar", "Share of accounts with each fact",
        [Series("Known", Ref("coverage", "fact"), Ref("coverage", "share"), labels=True, gap=40)],
        f"Bar chart of how many accounts have each fact: {told}.",
        y_format="0%", y_range=(0, 1), legend=False, width=470, height=250,
    )  # fmt: skip


def _balance(quality: QualityTables) -> Iterator[Block]:
    """The reconciliation: hold these figures against your own report."""
    frame = quality.balance.assign(source=_labels(quality.balance["source"]))
    frame["column"] = [field_label(str(name)) if isinstance(name, str) else "" for name in frame["column"]]
    columns = [
        Column("source", "Source"),
        Column("read", "Rows read", "integer"),
        Column("kept", "Rows kept", "integer"),
        Column("left_out", "Left out", "integer"),
        Column("column", "Sum of"),
        Column("sum_read", "Read", "money"),
        Column("sum_kept", "Kept", "money"),
        Column("sum_left_out", "Left out, sum", "money"),
        Column("first_date", "First date"),
        Column("last_date", "Last date"),
    ]
    yield Table("balance", columns, _plain(frame, columns), filters=False, empty_text="No source was read.")


def _unused(quality: QualityTables) -> Iterator[Block]:
    for source, headers in quality.unused.items():
        yield Text(f"{field_label(source)}, not used: {', '.join(headers[:40])}.", "note")


def _counts_table(quality: QualityTables) -> Table:
    frame = pd.DataFrame(
        [(field_label(c.table), c.read, c.kept, c.read - c.kept, share(c.kept, c.read)) for c in quality.counts],
        columns=["table", "read", "kept", "dropped", "share"],
    )
    columns = [
        Column("table", "Source", width=22),
        Column("read", "Read", "integer", total="sum"),
        Column("kept", "Kept", "integer", total="sum"),
        Column("dropped", "Left out", "integer", total="sum", formula="{read}-{kept}"),
        Column("share", "Share kept", "percent", formula="IF({read}=0,0,{kept}/{read})"),
    ]
    return Table("row_counts", columns, frame, totals=True, filters=False, empty_text="No counts were recorded.")


def _dropped_table(quality: QualityTables) -> Table:
    # The counts hold every reason, merged duplicates too, so that both tables give the same sum.
    rows = [
        (field_label(count.table), n, reason) for count in quality.counts for reason, n in count.dropped.items() if n
    ]
    frame = pd.DataFrame(rows, columns=["source", "rows", "reason"])
    frame = frame.sort_values(["rows", "source", "reason"], ascending=[False, True, True], ignore_index=True)
    columns = [
        Column("source", "Source"),
        Column("rows", "Rows", "integer", total="sum"),
        Column("reason", "Why rows were left out"),
    ]
    return Table(
        "dropped_reasons",
        columns,
        frame,
        title="Reasons",
        totals=True,
        filters=False,
        empty_text="No row was left out.",
    )


def count_by(frame: pd.DataFrame, keys: list[str], name: str) -> pd.DataFrame:
    """How often each combination of ``keys`` occurs, most often first."""
    if frame.empty:
        return pd.DataFrame({key: pd.Series([], dtype=object) for key in [*keys, name]})
    counted = frame[keys].astype(object).fillna("").groupby(keys, sort=True).size().reset_index(name=name)
    return counted.sort_values([name, *keys], ascending=[False, *[True] * len(keys)], ignore_index=True)


def _issues_table(quality: QualityTables) -> Table:
    frame = _broken_rules(quality.issues)
    columns = [
        Column("table", "Table"),
        Column("rows", "Rows", "integer", note="Blank where every row breaks the rule."),
        Column("severity", "Severity", rule="status"),
        Column("column", "Column"),
        Column("problem", "Problem"),
    ]
    return Table("contracts", columns, frame, filters=False, empty_text="Every table keeps every rule.")


def _broken_rules(issues: pd.DataFrame) -> pd.DataFrame:
    """One row per table, rule and column with the rows that break it; a closing line counts for those it stands for."""
    keys = ["table", "severity", "column", "problem"]
    if issues.empty:
        return pd.DataFrame({name: pd.Series([], dtype=object) for name in [*keys, "rows"]})
    read = [read_problem(str(text)) for text in issues["problem"]]
    # A rule that every row breaks is said once, without a number.
    rows = [float("nan") if text.startswith("every row: ") else float(n) for text, n in read]
    frame = issues.assign(problem=[text for text, _ in read], rows=rows)[[*keys, "rows"]]
    frame = frame.astype(dict.fromkeys(keys, object)).fillna(dict.fromkeys(keys, ""))
    frame = frame.groupby(keys, sort=True)[["rows"]].sum(min_count=1).reset_index()
    frame["table"], frame["column"] = _labels(frame["table"]), _labels(frame["column"])
    return frame.sort_values(["rows", *keys], ascending=[False, True, True, True, True], ignore_index=True)


def _labels(names: pd.Series[str]) -> list[str]:
    return [field_label(str(name)) if name else "" for name in names]


def _guess_table(quality: QualityTables) -> Table:
    columns = [
        Column("source", "Source"),
        Column("column", "We take as"),
        Column("how", "Found by"),
        Column("sheet", "Sheet"),
        Column("header", "Heading in the file"),
        Column("samples", "Values", width=30),
        Column("figure", "Adds up to", "money"),
    ]
    guesses = quality.guesses
    if len(quality.taken):
        told = quality.taken[["source", "column", "header", "samples", "figure"]].drop_duplicates(
            ["source", "column", "header"]
        )
        guesses = guesses.merge(told, on=["source", "column", "header"], how="left")
    frame = _plain(guesses, columns)
    frame["source"], frame["column"] = _labels(frame["source"]), _labels(frame["column"])
    return Table("guesses", columns, frame, filters=False, empty_text="Every column was found by its name.")


def _match_table(quality: QualityTables) -> Table:
    parts = [part for part in (quality.matches, quality.duplicates) if len(part)]
    whole = (
        pd.concat([part[["source", "outcome"]] for part in parts])
        if parts
        else pd.DataFrame(columns=["source", "outcome"])
    )
    counted = count_by(whole, ["source", "outcome"], "names")
    rows = []
    for source in dict.fromkeys(sorted(counted["source"].astype(str))):
        part = counted[counted["source"] == source].set_index("outcome")["names"]
        found = [int(part.get(name, 0)) for name in ("accepted", "review", "no match")]
        rows.append((field_label(source), *found, share(found[0], sum(found))))
    frame = pd.DataFrame(rows, columns=["source", "accepted", "review", "no_match", "share"])
    columns = [
        Column("source", "Source"),
        Column("accepted", "Accepted", "integer"),
        Column("review", "To review", "integer"),
        Column("no_match", "No match", "integer"),
        Column("share", "Share accepted", "percent",
               formula="IF({accepted}+{review}+{no_match}=0,0,{accepted}/({accepted}+{review}+{no_match}))"),
    ]  # fmt: skip
    return Table("match_outcomes", columns, frame, filters=False, empty_text="No names had to be matched.")


def _reconciliation(quality: QualityTables) -> Iterator[Block]:
    frame = quality.reconciliation
    if frame.empty:
        yield Text("The workbook holds no yearly totals to compare with.", "note")
        return
    rows = []
    for (year, measure), part in frame.groupby(["year", "measure"], sort=True):
        differ, alone = int((part["status"] == DIFFERS).sum()), int(part["status"].isin([NO_LINES, NO_TOTAL]).sum())
        rows.append(
            (str(year), str(measure).replace("_", " "), part["yearly_total"].sum(), part["line_total"].sum(),
             part["line_total"].sum() - part["yearly_total"].sum(), differ, alone)
        )  # fmt: skip
    totals = pd.DataFrame(
        rows, columns=["year", "measure", "yearly_total", "line_total", "difference", "accounts", "alone"]
    )
    yield Table(
        "reconciliation",
        [
            Column("year", "Year", "id"),
            Column("measure", "Measure"),
            Column("yearly_total", "Yearly totals", "money"),
            Column("line_total", "Sales lines", "money"),
            Column("difference", "Difference", "money", rule="sign", formula="{line_total}-{yearly_total}"),
            Column("accounts", "Accounts that differ", "integer"),
            Column("alone", "Accounts on one side only", "integer"),
        ],
        totals,
        filters=False,
    )
    largest = frame.loc[frame["difference"].abs().sort_values(ascending=False, kind="stable").index].head(15)
    largest = largest[largest["difference"].abs() > 0.005]
    largest = largest.assign(
        measure=largest["measure"].astype(str).str.replace("_", " "), year=largest["year"].astype(str)
    )
    columns = [
        Column("account_name", "Account"),
        Column("year", "Year", "id"),
        Column("yearly_total", "Yearly total", "money"),
        Column("line_total", "Sales lines", "money"),
        Column("status", "Status", rule="status"),
        Column("measure", "Measure"),
    ]
    yield Table(
        "differences", columns, _plain(largest, columns), title="Largest differences", filters=False,
        empty_text="Lines and yearly totals agree.",
    )  # fmt: skip
    yield Text(f"{say_count(len(frame), 'account and year', 'accounts and years')} compared.", "note")

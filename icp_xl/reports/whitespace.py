"""The whitespace workbook: the list that reps work from, by division and by rep, and what stands behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from icp_xl.config.whitespace import WhitespaceSettings
from icp_xl.reports.about import build_about_sheet
from icp_xl.reports.inputs import RunFacts
from icp_xl.reports.reader_mark import mark_line
from icp_xl.reports.spec import Column, Item, ReportBook, Sheet, Table, Text
from icp_xl.reports.whitespace_grid import build_grid_sheet
from icp_xl.reports.whitespace_metrics import build_metrics_sheet, build_thresholds_sheet
from icp_xl.reports.words import say_count
from icp_xl.signals import COUNT
from icp_xl.user_cells import WHITESPACE
from icp_xl.whitespace.model import Ranking
from icp_xl.whitespace.states import STATUSES

ACCOUNT, DIVISION, STATUS, MARK = (column.header for column in (*WHITESPACE.keys, *WHITESPACE.typed))
WORK, HELD = "Work now", "Held out"
#: Removed pairs that the sheet lists; the CSV has all.
MOST_REMOVED = 5000
#: Pairs on paper where none is to be worked now: a page.
ROWS_OF_A_PAGE = 20
_TABS = ("Whitespace", "Grid", "Thresholds", "Whitespace Metrics", "Not Eligible", "About")


@dataclass(frozen=True)
class WhitespaceReport:
    """All that the workbooks show; ``value_name`` is what expected value is counted in, ``csv`` the file with all."""

    ranking: Ranking
    settings: WhitespaceSettings
    run: RunFacts
    value_name: str = "revenue"
    verdicts: Mapping[str, str] = field(default_factory=dict)
    currency: str = "$"
    paper: str = "letter"
    warnings: Sequence[str] = ()
    csv: str = ""


def build_whitespace_book(report: WhitespaceReport) -> ReportBook:
    """The workbook for sales operations: everything, sliced to what a workbook can bear."""
    ranking, settings = report.ranking, report.settings
    ranked, removed = ranking.ranked, ranking.pairs[ranking.pairs["removed_by"] != ""]
    sheets = [_list_sheet(report, ranked, settings.sheet_rows, "Whitespace", "Who to call next, about what, and why",
                          "all", of="of all divisions", group="")]  # fmt: skip
    if settings.division_sheets:
        for number, name in enumerate(sorted(ranked["division"].unique())):
            rows = ranked[ranked["division"] == name]
            sheets.append(_list_sheet(report, rows, settings.division_rows, _tab(name, sheets), f"{name}: who to call",
                                      f"d{number}", of=f"of {name}", group=str(name)))  # fmt: skip
    if settings.rep_sheets and ranking.whole is None:
        for number, name in enumerate(sorted(set(ranked["rep"]) - {""})):
            rows = ranked[(ranked["rep"] == name) & ~ranked["holdout"]]
            sheets.append(_list_sheet(report, rows, settings.rep_rows, _tab(name, sheets), f"{name}: who to call",
                                      f"r{number}", of=f"of {name}"))  # fmt: skip
    sheets += [
        build_grid_sheet(ranking, settings.grid_rows, report.value_name),
        build_thresholds_sheet(ranking, settings),
        build_metrics_sheet(ranking, report.value_name, report.warnings, report.verdicts),
        _removed_sheet(report, removed),
        build_about_sheet(
            report.run,
            {
                "Scores as of": str(ranking.cutoff),
                "Months ahead": str(ranking.window_months),
                "Copy": mark_line("all", ""),
            },
        ),
    ]
    return _book(report, sheets, "Whitespace")


def build_rep_book(report: WhitespaceReport, rep: str, pairs: pd.DataFrame, *, by: str = "rep") -> ReportBook:
    """The workbook of one rep, from the pairs of his accounts alone; pairs held out for measurement are not in it.

    Args:
        by: what ``rep`` is, ``rep`` or ``region``; ``all`` for everybody.
        pairs: rows of the ranking of this rep, in its order.
    """
    rows = pairs[pairs["rank"].notna() & ~pairs["holdout"]]
    subtitle_of = "of your accounts"
    sheet = _list_sheet(report, rows, report.settings.rep_rows, "Whitespace", "Who to call next, about what, and why",
                        "all", of=subtitle_of)  # fmt: skip
    kept = pairs[~pairs["holdout"]]
    own = Ranking(report.ranking.cutoff, report.ranking.window_months, kept, report.ranking.removals,
                  report.ranking.thresholds, report.ranking.weights, {}, report.ranking.states)  # fmt: skip
    grid = build_grid_sheet(own, report.settings.grid_rows, report.value_name)
    removed = _removed_sheet(report, pairs[pairs["removed_by"] != ""])
    facts = RunFacts(report.run.run_id, report.run.finished, report.run.command)
    return _book(report, [sheet, grid, removed, _rep_about(report, facts, mark_line(by, rep))], f"Whitespace of {rep}")


def _rep_about(report: WhitespaceReport, facts: RunFacts, mark: str) -> Sheet:
    blocks: list[Item] = [
        Text(f"Scores as of {report.ranking.cutoff}, for the {report.ranking.window_months} months after it."),
        Text("Chance: how likely the account is to buy from the division in that time. It comes true on average: of "
             "ten accounts at 30 %, about three buy."),
        Text(f"Expected value: the chance times the {report.value_name} that such an account brings in that time, "
             "if it buys."),
        Text("Fill in Status and Not eligible and send the workbook back: the next list obeys what you wrote of your "
             "accounts."),
        Text(mark, "note"),
        Text(f"Run {facts.run_id}.", "note"),
    ]  # fmt: skip
    return Sheet("About", "About this workbook", blocks, kind="method")


def _book(report: WhitespaceReport, sheets: list[Sheet], title: str) -> ReportBook:
    return ReportBook(
        sheets,
        title=title,
        subject="Who to call next, about what, and why",
        footer=f"run {report.run.run_id}",
        currency=report.currency,
        paper="a4" if report.paper == "a4" else "letter",
    )


def _tab(name: str, sheets: Sequence[Sheet]) -> str:
    """A free sheet name for a division or a rep."""
    taken = {sheet.name.casefold() for sheet in sheets} | {tab.casefold() for tab in _TABS}
    plain = "".join(" " if letter in "[]:*?/\\" else letter for letter in name).strip().strip("'")[:27] or "Other"
    tab, number = plain, 2
    while tab.casefold() in taken:
        tab, number = f"{plain} {number}", number + 1
    return tab


def listed(frame: pd.DataFrame) -> pd.DataFrame:
    """Pairs as the sheets show them: with the key of a row and whether it is to be worked now."""
    work = np.where(frame["holdout"], HELD, np.where(frame["selected"], WORK, ""))
    key = [f"{a} | {d}" for a, d in zip(frame["account_id"], frame["division"], strict=True)]
    return frame.assign(work=work, key=key, cooldown=frame["cooldown"].to_numpy(dtype=bool))


def list_columns(value_name: str, months: int) -> list[Column]:
    """Columns of every list of pairs."""
    return [
        Column("rank", "Rank", "integer", width=7, align="center", note="1 is the best of all ranked pairs."),
        Column("work", "List", width=11, note=f"{WORK}: within the capacity that the settings give."),
        Column("account_id", ACCOUNT, "id"),
        Column("account_name", "Account name", width=30),
        Column("division", DIVISION),
        Column("p_icp", "Chance", "probability", width=10, rule="scale", decimals=0,
               note=f"How likely the account buys from the division within {months} months; calibrated."),
        Column("expected_value", f"Expected {value_name}", "money", width=13,
               note=f"Chance times the {value_name} that such an account brings within {months} months if it buys: "
                    "its own sums, and where it has few, those of its likes."),
        Column("nba_reason", "Why", "long_text", width=52, note="What speaks for this pair, from its own figures."),
        Column("talking_point", "Talking point", "long_text", width=46, note="A fact to open the call with."),
        Column("status", STATUS, width=14, editable=True, choices=STATUSES,
               note="Yours to fill. Contacted, won and not relevant take the pair off the list for a while."),
        Column("not_eligible", MARK, width=14, editable=True,
               note="Yours to fill, with a reason or an x: the pair leaves the list until you clear it on the sheet "
                    "Not Eligible."),
        Column("rep", "Rep", width=18, hidden_from_print=True),
        Column("region", "Region", width=12, hidden_from_print=True),
        Column("segment", "Segment", width=16, hidden_from_print=True),
        Column("score", "Score", "weight", decimals=3, width=9, hidden_from_print=True,
               note=f"The blend of the {COUNT} signals, 0 to 1. Orders the list unless rank_by says otherwise."),
        Column("p_icp_pct", "Chance, percentile", "percent", decimals=0, width=11, hidden_from_print=True,
               note="Share of accounts with a lower chance in this division."),
        Column("cooldown", "Stepped back", "flag", width=11, hidden_from_print=True,
               note="Listed for weeks without action; its score counts less for a while."),
        Column("key", "Key", "id", width=20, hidden_from_print=True, note="Finds the row again; leave it as it is."),
    ]  # fmt: skip


def _list_sheet(
    report: WhitespaceReport, rows: pd.DataFrame, most: int, name: str, title: str, table: str, *, of: str,
    group: str | None = None,
) -> Sheet:  # fmt: skip
    # Pairs to work now come first in any slice: with a capacity per rep they are not the first ranks.
    chosen = rows["selected"].to_numpy(dtype=bool)
    order = np.argsort(~chosen, kind="stable") if len(rows) > most else np.arange(len(rows))
    shown = listed(rows.iloc[np.sort(order[:most])])
    n, total, whole = int(chosen.sum()), len(rows), report.ranking.whole
    if whole is not None and group is not None:
        n, total = whole.selected[group], whole.ranked[group]
    subtitle = f"{say_count(n, 'pair')} to work now, {say_count(total, 'pair')} ranked {of}, best first."
    if total > len(shown):
        subtitle += f" These are the best {len(shown):,}; {report.csv} has all."
    work = np.flatnonzero((shown["work"] == WORK).to_numpy())
    to_print = int(work[-1]) + 1 if len(work) else ROWS_OF_A_PAGE
    if to_print < len(shown):
        subtitle += f" On paper: the first {to_print:,}."
    grid = Table(
        f"ws_{table}", list_columns(report.value_name, report.ranking.window_months), shown, key="key",
        empty_text="No pair is left after ownership and the other gates.",
    )  # fmt: skip
    return Sheet(
        name, title, [grid], subtitle=subtitle, freeze_table=f"ws_{table}", freeze_columns=5, kind="data",
        printed_rows=to_print,
    )  # fmt: skip


def _removed_sheet(report: WhitespaceReport, removed: pd.DataFrame) -> Sheet:
    """Counts per gate, and the pairs removed for another reason than ownership; marks can be cleared here."""
    counts = report.ranking.removals.copy()
    if report.ranking.whole is None:
        counts["removed"] = [int((removed["removed_by"] == name).sum()) for name in counts["gate"]]
    others = int(counts.loc[counts["gate"] != "owned", "removed"].sum())
    counts["gate"] = [str(name)[:1].upper() + str(name)[1:] for name in counts["gate"]]
    other = removed[removed["removed_by"] != "owned"]
    marked = (other["not_eligible"] != "") | (other["status"] != "")
    other = other.iloc[np.lexsort((-other["p_icp"].to_numpy(), ~marked.to_numpy()))]
    shown = listed(other.head(MOST_REMOVED))
    columns = {column.key: column for column in list_columns(report.value_name, report.ranking.window_months)}
    table = Table(
        "ws_removed",
        [
            columns["account_id"], columns["account_name"], columns["division"], columns["p_icp"],
            Column("removal_reason", "Reason", "long_text", width=44), columns["status"],
            Column("not_eligible", MARK, width=22, editable=True, note="Clear it to bring the pair back."),
            columns["rep"], columns["region"], columns["key"],
        ],
        shown, key="key", empty_text="No pair was removed for another reason than ownership.",
    )  # fmt: skip
    note = "A pair counts at the first rule that removes it; the reason names all of them."
    if others > len(shown):
        note += f" Shown are {len(shown):,} of {others:,}, marked ones first."
    blocks: list[Item] = [
        Table("ws_gates", [Column("gate", "Rule", width=26), Column("removed", "Pairs removed", "integer", width=14)],
              counts, filters=False),
        Text(note, "note"),
        table,
    ]  # fmt: skip
    return Sheet(
        "Not Eligible", "Who is not to be called, and why", blocks,
        subtitle="Pairs that the account has already are counted here and shown on the Grid.",
    )  # fmt: skip

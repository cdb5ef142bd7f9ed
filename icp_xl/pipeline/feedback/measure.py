"""``measure``: did working the list bring more than not working it? Earlier lists against what was bought since."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from icp_xl import artifacts
from icp_xl.delivery.render.book import render_book
from icp_xl.delivery.render.html import html_text
from icp_xl.errors import InsufficientDataError
from icp_xl.feedback.measure import PAIR_COLUMNS, Measured, measure_list
from icp_xl.pipeline.feedback.example_list import example_list
from icp_xl.pipeline.run_metadata import run_facts
from icp_xl.pipeline.tables import load_tables
from icp_xl.pipeline.whitespace.rank import read_statuses
from icp_xl.reports.did_it_work import MeasureInputs, build_measure_book, findings_in_words
from icp_xl.runs import RunContext
from icp_xl.tables import Tables
from icp_xl.whitespace.states import ACTED

REPORT = artifacts.MEASURE_REPORT.name
_NEXT = "`icp-xl whitespace --holdout 0.1` gives out a list and holds one account in ten out of it."


@dataclass(frozen=True)
class MeasureResult:
    """What the lists brought, and where it is told."""

    found: Measured
    words: tuple[str, ...]
    path: Path

    def summary(self) -> list[str]:
        """What to say at the end of the command."""
        return [*self.words, f"Open {self.path}."]


def measure(run: RunContext, example: tuple[pd.DataFrame, str] | None = None) -> MeasureResult | None:
    """Compare what listed and held-out accounts bought, and write the report.

    Args:
        example: a list to show it with where none was given out, and what to say of it.

    Returns:
        ``None`` in a dry run.

    Raises:
        InsufficientDataError: no list was given out before the last day that the sales tell of.
    """
    run.plan(REPORT, *([artifacts.MEASURE_HTML.name] if run.settings.reports.html else []))
    lists, said = example or (earlier_lists(run), "")
    if lists.empty:
        raise InsufficientDataError("no list has been given out yet, so there is nothing to measure", next_step=_NEXT)
    if run.dry_run:
        return None
    tables = load_tables(run)
    last = tables.transactions["date"].max()
    pairs, notes = outcomes_of(lists, tables, read_statuses(run)[0])
    if pairs.empty:
        first = f"{lists['list_day'].min():%Y-%m-%d}"
        raise InsufficientDataError(
            "no sale is later than the first list, so there is nothing to measure yet", where="sales",
            got=f"sales until {last:%Y-%m-%d}, the first list of {first}" if pd.notna(last) else "no sale",
            next_step="Run it again with sales of the weeks after the list.",
        )  # fmt: skip
    run.progress.stage("Comparing listed and held-out accounts")
    found = measure_list(pairs, seed=run.settings.run.seed)
    run.progress.check()
    currency = run.settings.reports.currency
    for text in notes:
        run.warn(text)
    notes = [said, *notes] if said else notes
    book = build_measure_book(
        MeasureInputs(found, f"{last:%Y-%m-%d}", tuple(notes), currency, run.settings.reports.paper, run_facts(run))
    )
    render_book(book, run.outputs.path(REPORT), clock=run.now())
    if run.settings.reports.html:
        run.outputs.text(artifacts.MEASURE_HTML.name, html_text(book))
    run.metric("accounts listed", found.whole.listed)
    run.metric("accounts held out", found.whole.held)
    if not found.whole.possible:
        run.status("did it work", found.whole.verdict)
    words = (*([said] if said else ()), *findings_in_words(found, currency))
    return MeasureResult(found, words, run.settings.paths.out / REPORT)


def measure_if_there(run: RunContext) -> MeasureResult | None:
    """The measurement as part of a run of everything: a status where there is nothing to measure yet.

    The demo, whose only list is of today, shows it with an example.
    """
    try:
        return measure(run, example_list(run) if run.command == "demo" else None)
    except InsufficientDataError as error:
        run.status("did it work", error.fault.what)
        return None


def earlier_lists(run: RunContext) -> pd.DataFrame:
    """Every list that was kept, one row per pair and list: the columns of the kept lists and ``list_day``.

    Lists of earlier versions are known by their CSV only, and dated by their cutoff.
    """
    out = run.settings.paths.out
    found = []
    # That of a run of everything, which is staged, too: it finds what the same run would find once more.
    there = (path.relative_to(out).as_posix() for path in out.glob(artifacts.LISTS_GIVEN.pattern))
    for name in sorted({*there, *run.outputs.names}):
        parts = artifacts.LISTS_GIVEN.match(name)
        if parts:
            frame = artifacts.LISTS_GIVEN.read(run.outputs.find(name))
            found.append(frame.assign(list_day=pd.Timestamp(parts["day"])))
    kept = {day for frame in found for day in frame["cutoff"]}
    window = run.settings.build.window_months
    for path in sorted(out.glob(artifacts.WHITESPACE_LIST.pattern)):
        parts = artifacts.WHITESPACE_LIST.match(path.name)
        if parts and pd.Timestamp(parts["cutoff"]) not in kept:
            day = pd.Timestamp(parts["cutoff"])
            frame = artifacts.WHITESPACE_LIST.read(path).assign(cutoff=day, list_day=day, window_months=window)
            found.append(frame.assign(status_on=pd.NaT))
    if not found:
        return pd.DataFrame(columns=[*artifacts.LISTS_GIVEN.columns, "list_day"])
    frame = pd.concat([each[[*artifacts.LISTS_GIVEN.columns, "list_day"]] for each in found], ignore_index=True)
    for name in ("account_id", "division", "rep", "status"):
        frame[name] = frame[name].fillna("").astype(str)
    for name in ("selected", "holdout"):
        frame[name] = frame[name].astype(str).str.lower().isin(["true", "1"])
    ordered: pd.DataFrame = frame.sort_values("list_day", kind="stable", ignore_index=True)
    return ordered


def outcomes_of(lists: pd.DataFrame, tables: Tables, states: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """The pairs to compare, one row each with ``PAIR_COLUMNS``, and what was odd.

    An account counts from the first list that named it, among the lists that held any out (among all,
    where none did).

    Args:
        states: what people say of pairs now, with status and status_on.
    """
    ids = dict(zip(tables.account_map["id"], tables.account_map["account_id"], strict=True))
    lists = lists.assign(account_id=[ids.get(each, each) for each in lists["account_id"]])
    sales = tables.transactions[["date", "account_id", "division", "revenue"]]
    last = sales["date"].max()
    notes: list[str] = []
    named = lists[lists["selected"]]
    drawn = named.groupby("list_day")["holdout"].transform("any")
    if drawn.any() and not drawn.all():
        plain = named.loc[~drawn, "list_day"].nunique()
        notes.append(f"{plain} list{'s' if plain > 1 else ''} held no account out and cannot be compared.")
    named = named[drawn] if drawn.any() else named
    young = named["list_day"] >= last
    if young.any():
        days = ", ".join(f"{day:%Y-%m-%d}" for day in sorted(named.loc[young, "list_day"].unique()))
        notes.append(f"The list of {days} is no older than the last sale ({last:%Y-%m-%d}) and is not measured yet.")
    named = named[~young]
    first = named.groupby("account_id")["list_day"].transform("min")
    pairs = named[named["list_day"] == first].drop_duplicates(["account_id", "division"]).copy()
    pairs["held_out"] = pairs.groupby("account_id")["holdout"].transform("any")
    pairs["worked"] = _worked(pairs, lists, states, notes)
    pairs["revenue"] = _bought_since(pairs, sales, notes)
    pairs["bought"] = pairs["revenue"] > 0
    _oddities(pairs, tables, notes, last)
    return pairs[list(PAIR_COLUMNS)].reset_index(drop=True), notes


#: A status in people's own words that says that nobody has done anything yet.
_NOTHING = re.compile(
    r"\W*|to ?do|tbd|n ?a|none|open|new|pending|offen|neu"
    r"|(not|noch|nicht|un)\b.*(yet|nicht|start|work|call|contact|touch|kontakt|angerufen|bearbeitet).*"
)


def _untouched(status: str) -> bool:
    """Whether a status says that nobody has done anything.

    >>> [_untouched(text) for text in ("", "To-Do", "-", "not contacted yet", "N/A", "not relevant", "called")]
    [True, True, True, True, True, False, False]
    """
    return _NOTHING.fullmatch(re.sub(r"[\W_]+", " ", status).strip().casefold()) is not None


def _worked(pairs: pd.DataFrame, lists: pd.DataFrame, states: pd.DataFrame, notes: list[str]) -> pd.Series[bool]:
    """Whether somebody gave any pair of the account a status other than to do since its list."""
    said = pd.concat([lists[["account_id", "status", "status_on"]], states[["account_id", "status", "status_on"]]])
    said = said[~said["status"].map(_untouched)]
    words = said.loc[said["account_id"].isin(pairs["account_id"]) & ~said["status"].isin(ACTED), "status"]
    if len(words):
        shown = ", ".join(f"{word} ({count:,})" for word, count in words.value_counts().head(5).items())
        notes.append(f"Statuses in people's own words count as worked: {shown}.")
    when = pd.to_datetime(said["status_on"])
    # A status without a day is of the list that it stands in; those of our own time carry one.
    latest = when.fillna(pd.Timestamp.max.floor("D").as_unit("s")).groupby(said["account_id"]).max()
    mine = pd.to_datetime(latest.reindex(pairs["account_id"])).to_numpy()
    return pd.Series(mine >= pairs["list_day"].to_numpy(), index=pairs.index)


def _bought_since(pairs: pd.DataFrame, sales: pd.DataFrame, notes: list[str]) -> pd.Series[float]:
    """Revenue of each pair from the day after its list to the end of its window."""
    fold = {name: " ".join(str(name).split()).casefold() for name in sales["division"].dropna().unique()}
    known = set(fold.values())
    wanted = pairs.assign(key=[" ".join(name.split()).casefold() for name in pairs["division"]])
    lines = sales[sales["account_id"].isin(set(pairs["account_id"]))]
    if not known & set(wanted["key"]):
        notes.append("The sales name none of the list's divisions: whatever an account bought counts.")
        lines, wanted = lines.assign(key=""), wanted.assign(key="")
        wanted.loc[wanted.duplicated("account_id"), "key"] = "counted already"
    else:
        unseen = sorted(set(wanted.loc[~wanted["key"].isin(known), "division"]))
        if unseen:
            notes.append(f"No sale is of {', '.join(unseen)}: what was bought of it since the list cannot be seen.")
        lines = lines.assign(key=lines["division"].map(fold))
    ends = [
        day + pd.DateOffset(months=int(months))
        for day, months in zip(wanted["list_day"], wanted["window_months"], strict=True)
    ]
    # With its type, since there may be no pair at all.
    wanted["until"] = pd.Series(ends, index=wanted.index, dtype=lines["date"].dtype)
    both = lines.merge(wanted[["account_id", "key", "list_day", "until"]], on=["account_id", "key"])
    both = both[(both["date"] > both["list_day"]) & (both["date"] <= both["until"])]
    total = both.groupby(["account_id", "key"])["revenue"].sum()
    index = pd.MultiIndex.from_frame(wanted[["account_id", "key"]])
    return pd.Series(total.reindex(index).fillna(0.0).to_numpy(dtype="float64"), index=pairs.index)


def _oddities(pairs: pd.DataFrame, tables: Tables, notes: list[str], last: pd.Timestamp) -> None:
    gone = set(pairs["account_id"]) - set(tables.customers["account_id"])
    if gone:
        notes.append(
            f"{len(gone):,} listed accounts are no longer among the customers; they count as having bought nothing."
        )
    held = pairs[pairs["held_out"]].drop_duplicates("account_id")
    if held["worked"].any():
        notes.append(f"{int(held['worked'].sum()):,} of {len(held):,} held-out accounts have a status: somebody worked "
                     "them all the same, which makes the list look weaker than it is.")  # fmt: skip
    ends = pairs["list_day"] + pd.to_timedelta(pairs["window_months"].astype(float) * 30.4, unit="D")
    if len(pairs) and (ends > last).any():
        notes.append(f"Sales are known until {last:%Y-%m-%d}, before the windows of {int((ends > last).sum()):,} of "
                     f"{len(pairs):,} pairs are over: more will be bought, on either side.")  # fmt: skip

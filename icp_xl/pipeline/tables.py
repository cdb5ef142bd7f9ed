"""Sources to clean tables, once per run: read, match, merge, count."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pandas as pd

from icp_xl import artifacts
from icp_xl.config import Settings
from icp_xl.errors import DataError, Fault, IcpError, SourceError
from icp_xl.pipeline.feedback.crm import read_crm
from icp_xl.pipeline.feedback.stages import answers_on_stages
from icp_xl.pipeline.from_opportunities import fill_from_opportunities
from icp_xl.runs import RunContext
from icp_xl.sources import Sources, read_sources
from icp_xl.sources.fields import SPECS
from icp_xl.sources.file_types import layout_of, open_book
from icp_xl.sources.locate import locate
from icp_xl.tables import Tables, account_totals, build_tables, load_overrides
from icp_xl.tables.balance import SourceBalance, balance_frame, balance_sources
from icp_xl.tables.categories import CATEGORY_SHEET, read_categories
from icp_xl.tables.matching.overrides import Overrides

#: The report that ``score`` writes; its Match Review sheet is where a user corrects matches.
REPORT: str = artifacts.REPORT.name
SOURCES = (*SPECS, "strategic_tiers")


def load_sources(run: RunContext) -> Sources:
    """Read the sources, or return what this run has read already; inputs and row counts go into the record."""
    if "sources" not in run.memo:
        sources = read_sources(run.settings, progress=run.progress)
        places = [place for name in SOURCES if (place := locate(name, run.settings)) is not None]
        for path in sorted({path for place in places for path in (place.path, *place.more)}):
            run.read(path)
        for table in sources.tables():
            if getattr(run.settings.sources, table.name).database:
                run.inputs[f"{table.name}: {table.file}"] = _digest(table.frame)
        for text in sources.warnings:
            run.warn(text)
        crm = read_crm(run)
        sources = sources if crm is None else replace(sources, opportunities=crm)
        if sources.customers is None and sources.sales is None and sources.opportunities is None:
            raise _nothing_found(run)
        sources, told = fill_from_opportunities(
            sources, sales=not run.settings.sources.sales.ignore, given=answers_on_stages(run)
        )
        for text in told:
            run.warn(text)
        if sources.customers is None:
            run.warn("No customer workbook was found: accounts come from the sales log, without industry and size.")
        run.memo["sources"] = sources
    found: Sources = run.memo["sources"]
    return found


def _digest(frame: pd.DataFrame) -> str:
    """What a query gave, as a hash: a database has no file to hash."""
    return hashlib.sha256(pd.util.hash_pandas_object(frame, index=False).to_numpy().tobytes()).hexdigest()


def _nothing_found(run: RunContext) -> SourceError:
    folder = run.settings.paths.data
    files = sorted(path.name for path in folder.iterdir() if path.is_file() and not path.name.startswith((".", "~$")))
    return SourceError(
        "the data folder holds no customers, sales or opportunities",
        where=f"folder {folder.name or folder}",
        got=", ".join(files[:10]) + (f" and {len(files) - 10} more" if len(files) > 10 else "") or "no file",
        allowed=" and ".join(repr(SPECS[name].files[0]) for name in ("customers", "sales")),
        next_step="`icp-xl map` asks what each file holds. Or name another folder with --data, or the files in the "
        "settings: sources.customers.file and sources.sales.file.",
        faults=[fault for name in files[:10] if (fault := _unreadable(folder / name, run.settings))],
    )


def _unreadable(path: Path, settings: Settings) -> Fault | None:
    """Why a file of the folder could not be looked into, where that is so."""
    if layout_of(path) == "none":
        return None
    try:
        open_book(path, settings.sources)
    except IcpError as error:
        return Fault(error.fault.what, path.name, error.fault.got)
    return None


def load_tables(run: RunContext, *, stop: bool = True) -> Tables:
    """Read and clean the sources, or return what this run has cleaned already.

    Args:
        run: the run.
        stop: whether too large a loss stops it; ``check`` only says so.

    Raises:
        DataError: more was left out than the settings allow, or no line is left.
    """
    if "tables" not in run.memo:
        sources = load_sources(run)
        _any_line(sources)
        tables = build_tables(sources, _with_answers(run), run.progress, overrides=_overrides(run))
        for rows in tables.counts:
            run.count(rows.table, rows.read, rows.kept, dict(rows.dropped))
        for text in tables.warnings:
            run.warn(text)
        balances = balance_sources(sources, tables)
        run.memo["balances"] = balances
        run.metric("reconciliation", json.loads(balance_frame(balances).to_json(orient="records")))
        _weigh(run, balances, stop)
        run.memo["tables"] = tables
    found: Tables = run.memo["tables"]
    return found


def reconciliation(run: RunContext) -> list[str]:
    """The closing lines on what was read of each source; nothing before the tables are loaded."""
    balances: tuple[SourceBalance, ...] = run.memo.get("balances", ())
    return [line for item in balances for line in item.lines()]


def _any_line(sources: Sources) -> None:
    """Refuse a sales log of which nothing can be used, before it is taken for one without sales."""
    table = sources.sales
    if table is None or not max(table.tally.rows, len(table.frame)):
        return
    frame = table.frame
    if bool((frame["date"].notna() & frame["revenue"].notna()).any()):
        return
    why = {f"{name}: {problem}": len(rows) for (name, problem), rows in table.flags.groupby(["column", "problem"])}
    lacks = [name for name in ("date", "revenue") if not frame[name].notna().any()]
    told = "; ".join(f"{text} ({count:,})" for text, count in list(why.items())[:6])
    raise DataError(
        f"no line of the sales log can be counted: {' and '.join(lacks) or 'date or revenue'} is missing in every one",
        where=table.file + (f", sheet {table.sheet}" if table.sheet else ""),
        got=told or ", ".join(f"{name} read from {header}" for name, header in
                              ((guess.column, guess.header) for guess in table.guesses) if name in lacks) or None,
        next_step="Say under columns.sales which columns hold them; `icp-xl map` shows every column with its values.",
    )  # fmt: skip


def _weigh(run: RunContext, balances: tuple[SourceBalance, ...], stop: bool) -> None:
    """Warn, first of all and in words, of what was left out; stop where it is too much."""
    limits = run.settings.sources
    for item in reversed(balances):
        if item.lost and item.loss >= limits.loss_warning:
            run.warn(f"{item.loss_text()}. The sheet Rows Left Out lists them.", first=True)
        none = item.source == "sales" and item.read > 0 and item.kept == 0
        much = item.loss >= limits.loss_stop and item.lost >= limits.loss_stop_rows
        if stop and (none or much) and not limits.accept_losses:
            raise DataError(
                f"{item.loss_text()}: too much to go on",
                where=item.file,
                allowed=f"{limits.loss_stop:.0%} (sources.loss_stop)",
                next_step="`icp-xl check` shows what was read; correct the columns, or go on with --accept-losses.",
            )


def accounts_with_totals(tables: Tables) -> pd.DataFrame:
    """One row per account: the customer's facts and the sums over its sales lines."""
    totals = account_totals(tables.transactions, tables.customers)
    return tables.customers.drop(columns="flags").merge(totals, on="account_id", how="left", validate="one_to_one")


def _with_answers(run: RunContext) -> Settings:
    """The settings with the answers of the last report's sheet Categories; what the settings themselves say wins."""
    try:
        answers = read_categories(run.settings.paths.out / REPORT)
    except SourceError as error:
        # Our own report may have been saved by any program; a damaged one must not stop the run that replaces it.
        if error.faults and CATEGORY_SHEET in str(error):
            raise
        return run.settings
    if not answers:
        return run.settings
    matching = run.settings.matching
    body = {**matching.model_dump(), "categories": {**answers, **matching.categories}}
    return run.settings.model_copy(update={"matching": type(matching).model_validate(body)})


def _overrides(run: RunContext) -> Overrides:
    """Decisions of the last report's Match Review sheet, then those of the file beside the sources, which win."""
    report = run.settings.paths.out / REPORT
    try:
        return load_overrides(run.settings, REPORT if report.is_file() else None)
    except SourceError as error:
        if error.faults or REPORT not in str(error):
            # An answer that cannot be used stops the run: the new report would take all of them away.
            raise
        # Our own report may have been saved by any program; a damaged one must not stop the run that replaces it.
        run.warn(f"The decisions in {REPORT} could not be read and are left out: {error.fault.what}.")
        return load_overrides(run.settings)

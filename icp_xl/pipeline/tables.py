"""Sources to clean tables, once per run: read, match, merge, count."""

from __future__ import annotations

import hashlib

import pandas as pd

from icp_xl.config import Settings
from icp_xl.errors import SourceError
from icp_xl.pipeline.from_opportunities import fill_from_opportunities
from icp_xl.runs import RunContext
from icp_xl.sources import Sources, read_sources
from icp_xl.sources.fields import SPECS
from icp_xl.sources.locate import locate
from icp_xl.tables import Tables, account_totals, build_tables, load_overrides
from icp_xl.tables.categories import CATEGORY_SHEET, read_categories
from icp_xl.tables.matching.overrides import Overrides

#: The report that ``score`` writes; its Match Review sheet is where a user corrects matches.
REPORT = "icp_report.xlsx"
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
        if sources.customers is None and sources.sales is None and sources.opportunities is None:
            raise _nothing_found(run)
        sources, told = fill_from_opportunities(sources, sales=not run.settings.sources.sales.ignore)
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
        next_step="Name another folder with --data, or the files in the settings: sources.customers.file and "
        "sources.sales.file.",
    )


def load_tables(run: RunContext) -> Tables:
    """Read and clean the sources, or return what this run has cleaned already."""
    if "tables" not in run.memo:
        sources = load_sources(run)
        tables = build_tables(sources, _with_answers(run), run.progress, overrides=_overrides(run))
        for rows in tables.counts:
            run.count(rows.table, rows.read, rows.kept, dict(rows.dropped))
        for text in tables.warnings:
            run.warn(text)
        run.memo["tables"] = tables
    found: Tables = run.memo["tables"]
    return found


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
        if REPORT not in str(error):
            raise
        # Our own report may have been saved by any program; a damaged one must not stop the run that replaces it.
        run.warn(f"The decisions in {REPORT} could not be read and are left out: {error.fault.what}.")
        return load_overrides(run.settings)

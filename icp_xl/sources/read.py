"""Read every source of a run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from icp_xl.config.settings import Settings
from icp_xl.errors import Fault, MissingColumnsError, SourceError
from icp_xl.progress import Progress
from icp_xl.sources.book import Book
from icp_xl.sources.database import open_query
from icp_xl.sources.fields import ASSETS, SPECS, spec_of
from icp_xl.sources.file_types import layout_of, open_book, open_container
from icp_xl.sources.headers import words
from icp_xl.sources.locate import Located, locate
from icp_xl.sources.model import Sources, SourceTable
from icp_xl.sources.reader import header_words, read_table
from icp_xl.sources.text import decode
from icp_xl.sources.yearly import read_yearly_totals

#: Sources of one table each, in the order of reading.
TABLES = ("customers", "sales", "enriched_revenue", "industry_updates", "assets", "opportunities")


def read_sources(settings: Settings, progress: Progress | None = None) -> Sources:
    """Find and read all sources in ``settings.paths.data``.

    A source whose file is absent is ``None``. Assets are also looked for in a sheet of the sales log, and yearly
    totals in the workbooks of sales and customers.

    Raises:
        SourceError: a file that is there cannot be read as what it is; all such faults are reported together.
        LockedWorkbookError: another program holds a file.
        ConfigError: the settings name columns or expressions that make no sense.
        Cancelled: the user asked to stop.
    """
    progress = progress or Progress()
    books: dict[Path, Book] = {}

    def opener(path: Path) -> Book:
        # A workbook that holds several sources is opened, and each of its sheets laid out, once.
        key = path.resolve()
        if key not in books:
            books[key] = open_book(path, settings.sources, encoding=encodings.get(key), words=header_words(settings))
        return books[key]

    located = {name: locate(name, settings) for name in TABLES}
    encodings = {
        path.resolve(): getattr(settings.sources, name).encoding
        for name, found in located.items()
        for path in ((found.path, *found.more) if found else ())
    }
    warnings: list[str] = [remark for found in located.values() if found for remark in found.remarks]
    tables: dict[str, SourceTable | None] = dict.fromkeys(TABLES)
    errors: list[SourceError] = []
    for name in TABLES:
        chosen = getattr(settings.sources, name)
        if chosen.database and not chosen.ignore:
            # A query has no path; this one only stands for it among the open books.
            located[name] = Located(settings.paths.data / f"query of {name}")
            try:
                books[(settings.paths.data / f"query of {name}").resolve()] = open_query(
                    name, chosen, settings.paths.data, progress
                )
            except SourceError as error:
                errors.append(error)
                continue
        found = located[name] or _inside_sales(name, settings, located, opener)
        if found is None:
            continue
        progress.stage(f"Reading {found.path.name} ({SPECS[name].title.lower()})")
        progress.check()
        try:
            paths = (found.path, *found.more)
            tables[name], remarks = read_table(
                paths, spec_of(name, settings), settings, progress=progress, opener=opener
            )
            warnings += remarks
        except SourceError as error:
            if name == "assets" and located[name] is None and isinstance(error, MissingColumnsError):
                continue
            errors.append(error)
    tiers: dict[str, str] = {}
    try:
        tiers = _read_tiers(settings)
    except SourceError as error:
        errors.append(error)
    yearly = None
    if not errors and not settings.sources.yearly_totals.ignore:
        progress.stage("Reading yearly totals")
        places = [locate("yearly_totals", settings), located["sales"], located["customers"]]
        books_of = dict.fromkeys(
            path
            for place in places
            for path in ((place.path, *place.more) if place else ())
            if layout_of(path) in ("sheets", "text")
        )
        yearly, remarks = read_yearly_totals([opener(path) for path in books_of], settings)
        warnings += remarks
    _raise_all(errors)
    return Sources(
        customers=tables["customers"],
        sales=tables["sales"],
        yearly_totals=yearly,
        enriched_revenue=tables["enriched_revenue"],
        industry_updates=tables["industry_updates"],
        assets=tables["assets"],
        opportunities=tables["opportunities"],
        strategic_tiers=tiers,
        warnings=tuple(dict.fromkeys(warnings)),
    )


def _inside_sales(
    name: str, settings: Settings, located: dict[str, Located | None], opener: Callable[[Path], Book]
) -> Located | None:
    """Assets may be a sheet of the sales log; such a sheet is named for what it holds."""
    sales = located["sales"]
    if name != "assets" or settings.sources.assets.ignore or sales is None:
        return None
    if layout_of(sales.path) != "sheets":
        return None
    if settings.sources.assets.sheet:
        return Located(sales.path)
    try:
        names = opener(sales.path).sheet_names()
    except SourceError:
        return None  # the sales log's own error says what is wrong with it
    return Located(sales.path) if any(words(sheet) in ASSETS.sheets for sheet in names) else None


def _read_tiers(settings: Settings) -> dict[str, str]:
    """Strategic tiers as industry to tier; the file may list industries under tiers or tiers under industries."""
    found = locate("strategic_tiers", settings)
    if found is None:
        return {}
    container = open_container(found.path, settings.sources)
    text, _ = decode(container.name, container.data)
    try:
        body = json.loads(text)
    except json.JSONDecodeError as error:
        raise SourceError(
            "the strategic tiers are not valid JSON",
            where=f"{container.name} line {error.lineno}",
            got=error.msg,
        ) from None
    except RecursionError:
        raise SourceError("the strategic tiers are nested too deeply", where=container.name) from None
    tiers: dict[str, str] = {}
    faults: list[Fault] = []
    _collect_tiers(body, tiers, faults, container.name)
    if faults:
        raise SourceError(
            "the strategic tiers cannot be understood",
            where=container.name,
            allowed='{"tier_1": ["Aerospace", …], …} or {"Aerospace": 1, …}',
            faults=faults,
        )
    return tiers


def _collect_tiers(body: object, tiers: dict[str, str], faults: list[Fault], name: str) -> None:
    if not isinstance(body, dict):
        faults.append(Fault("it must hold an object", name, type(body).__name__))
        return
    for key, value in body.items():
        if key.startswith(("_", "$")) or key.lower() in ("description", "notes", "comment", "version"):
            continue
        if isinstance(value, dict) and isinstance(value.get("industries"), list):
            value = value["industries"]
        if isinstance(value, dict) and key.lower() in ("tiers", "strategic_tiers", "industries", "industry_tiers"):
            _collect_tiers(value, tiers, faults, name)
        elif isinstance(value, list):
            tier = words(key).removeprefix("tier").strip()
            for industry in value:
                if not isinstance(industry, str):
                    faults.append(Fault("an industry must be a text", f"{name}, {key}", repr(industry)[:60]))
                elif industry in tiers and tiers[industry] != tier:
                    faults.append(Fault("an industry stands in two tiers", f"{name}, {key}", industry))
                else:
                    tiers[industry] = tier
        elif isinstance(value, str | int | float) and not isinstance(value, bool):
            text = str(int(value)) if isinstance(value, int | float) and value == int(value) else str(value)
            tiers[key] = words(text).removeprefix("tier").strip()
        else:
            faults.append(Fault("a tier must be a list of industries, or a number", f"{name}, {key}", repr(value)[:60]))


def _raise_all(errors: list[SourceError]) -> None:
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise SourceError(
            f"{len(errors)} sources cannot be read",
            next_step="Correct them and run again; nothing was written.",
            faults=[fault for error in errors for fault in (error.fault, *error.faults)],
        )

"""Which column of the user's files is which of ours: what was found, what is open, and the settings that say so."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from icp_xl.config import Settings
from icp_xl.errors import IcpError, MissingColumnsError, SourceError
from icp_xl.sources.book import Book, find_sheet
from icp_xl.sources.cells import RawColumn, cell_text, is_blank
from icp_xl.sources.fields import SPECS, SourceSpec
from icp_xl.sources.file_evidence import Evidence, foreign_word
from icp_xl.sources.file_types import layout_of, open_book
from icp_xl.sources.headers import SAMPLE_ROWS, SEARCH_ROWS, Header
from icp_xl.sources.locate import locate
from icp_xl.sources.read import read_sources
from icp_xl.sources.reader import book_and_sheets, header_words
from icp_xl.sources.suggest import best_header, debit_and_credit, nearest, price_by_quantity
from icp_xl.sources.typed import type_column
from icp_xl.sources.vocabulary import Vocabulary, vocabulary

#: Sources that are mapped, in the order of asking.
MAPPED = ("customers", "sales", "opportunities", "assets", "enriched_revenue", "industry_updates")
#: Facts of a column come from its first so many rows; a larger file says so.
FACT_ROWS = 200_000
#: Days that are written as numbers, 20240131; other numbers are guessed to be no days.
EIGHT_DIGITS = (19_000_101, 21_001_231)


@dataclass(frozen=True)
class ColumnFacts:
    """What a column of the file holds: three samples, and its sum or its first and last day where it has them."""

    header: str
    samples: tuple[str, ...] = ()
    summary: str = ""
    #: ``date``, ``number``, ``text`` or, where no cell tells, nothing.
    kind: str = ""

    def line(self) -> str:
        """The facts in one line, to stand beside the header."""
        shown = ", ".join(self.samples) or "blank"
        return f"{shown}{'; ' if self.summary else ''}{self.summary}"


@dataclass(frozen=True)
class Wanted:
    """A column of ours: where it was found and how, or which headers come nearest."""

    name: str
    label: str
    group: tuple[str, ...] = ()
    header: str = ""
    how: str = ""
    near: tuple[str, ...] = ()


@dataclass
class SourceMap:
    """One source: its file and sheet, the columns of the file, and those of ours."""

    source: str
    title: str
    path: Path
    sheet: str
    header_row: int
    #: Further files that are read with the first, and every sheet that is read.
    more: tuple[Path, ...] = ()
    sheets: tuple[str, ...] = ()
    columns: dict[str, ColumnFacts] = field(default_factory=dict)
    wanted: list[Wanted] = field(default_factory=list)
    chosen: dict[str, str] = field(default_factory=dict)

    def open_groups(self) -> list[tuple[Wanted, ...]]:
        """Groups of columns that the source cannot do without and of which none is chosen."""
        groups = dict.fromkeys(item.group for item in self.wanted if item.group)
        by_name = {item.name: item for item in self.wanted}
        return [
            tuple(by_name[name] for name in group if name in by_name)
            for group in groups
            if not any(name in self.chosen for name in group)
        ]

    def doubtful(self) -> list[Wanted]:
        """Columns that only a close spelling gave."""
        return [item for item in self.wanted if item.how == "close spelling"]

    def unused(self) -> list[str]:
        """Headers that no column of ours takes."""
        used = set(self.chosen.values())
        return [header for header in self.columns if header not in used]


def survey(settings: Settings) -> list[SourceMap]:
    """Look at every source that is found, whether or not its columns are.

    Raises:
        SourceError: the data folder does not exist, or a file in it cannot be read.
    """
    found = []
    for name in MAPPED:
        place = locate(name, settings)
        if place is not None:
            found.append(describe_source(place.path, SPECS[name], settings, place.more))
    return found


def unclaimed(settings: Settings, maps: list[SourceMap]) -> list[Path]:
    """Files of the data folder that could be tables and are no source."""
    used = {path.resolve() for item in maps for path in (item.path, *item.more)}
    return sorted(
        path
        for path in settings.paths.data.iterdir()
        if path.is_file()
        and layout_of(path) != "none"
        and path.resolve() not in used
        and not path.name.startswith((".", "~$", "icp_"))
    )


def describe_source(path: Path, spec: SourceSpec, settings: Settings, more: tuple[Path, ...] = ()) -> SourceMap:
    """What the file at ``path`` has for a source: the sheets that are read, or the one that comes nearest to it.

    Args:
        path: the file whose columns are looked at.
        spec: the source.
        settings: all settings.
        more: further files of the same columns that are read with it.

    Raises:
        SourceError: the file cannot be read, or no row of it looks like a header.
    """
    chosen = getattr(settings.sources, spec.name)
    mapping = settings.columns.get(spec.name, {})
    book = open_book(path, settings.sources, encoding=chosen.encoding, words=header_words(settings))
    known = vocabulary(settings.sources.synonyms)
    try:
        book, found = book_and_sheets(book, spec, settings, known)
        header, names = found[0].header, tuple(choice.name for choice in found)
    except MissingColumnsError:
        header, names = _nearest_sheet(book, spec, settings, known)
    head = list(book.head(names[0], SEARCH_ROWS))
    result = SourceMap(spec.name, spec.title, path, names[0], header.row + 1, more, names,
                       _facts(book, names[0], header, settings, spec))  # fmt: skip
    samples = head[header.data_from : header.data_from + SAMPLE_ROWS]
    groups = {name: group for group in spec.required for name in group}
    for item in spec.fields:
        match = header.matches.get(item.name)
        given = mapping.get(item.name, "")
        taken = given or (match.header if match else "")
        how = "setting" if given else match.how if match else ""
        near = nearest(item, spec, header.headers, samples, known)
        result.wanted.append(
            Wanted(item.name, item.label, groups.get(item.name, ()), taken, how,
                   tuple(header.headers[at] for at in near))
        )  # fmt: skip
        if taken:
            result.chosen[item.name] = taken
    return result


def _nearest_sheet(
    book: Book, spec: SourceSpec, settings: Settings, known: Vocabulary
) -> tuple[Header, tuple[str, ...]]:
    """The sheet that comes nearest to a source that none of them holds whole."""
    chosen = getattr(settings.sources, spec.name)
    mapping = settings.columns.get(spec.name, {})
    best: tuple[bool, float, str, Header] | None = None
    for name in [find_sheet(book, name) for name in chosen.sheet] or [s.name for s in book.sheets if s.visible]:
        header = best_header(
            book.head(name, SEARCH_ROWS), spec, named=set(mapping.values()), given=set(mapping), known=known
        )
        if header is not None and (
            best is None or (not header.lacks(spec, mapping), header.score) > (best[0], best[1])
        ):
            best = not header.lacks(spec, mapping), header.score, name, header
    if best is None:
        raise SourceError(f"{spec.title}: no row looks like a header", where=book.name,
                          next_step=f"Give sources.{spec.name}.sheet and header_row in the settings.")  # fmt: skip
    return best[3], (best[2],)


def _facts(book: Book, sheet: str, header: Header, settings: Settings, spec: SourceSpec) -> dict[str, ColumnFacts]:
    """Samples, sums and days of every column under a header."""
    places = {text: at for at, text in reversed(list(enumerate(header.headers))) if text}
    raw = dict(zip(places, book.columns(sheet, header.data_from, list(places.values())), strict=True))
    raw = {text: column[:FACT_ROWS] for text, column in raw.items()}
    evidence = Evidence(book.delimiter, foreign_word(header.headers), lambda: raw)
    return {text: _fact(text, raw[text], book, evidence) for text in header.headers if text in raw}


def _fact(text: str, raw: RawColumn, book: Book, evidence: Evidence) -> ColumnFacts:
    filled = raw[~is_blank(raw)]
    shown = list(dict.fromkeys(filter(None, (cell_text(_plain(cell)) for cell in filled[:50]))))[:3]
    said = f"{len(filled):,} of {len(raw):,} filled"
    if len(filled) == 0:
        return ColumnFacts(text)
    head = filled[:2000]
    try:
        days = type_column(head, "date", date1904=book.date1904, header=text, evidence=evidence).values
        numbers = type_column(head, "number", header=text, evidence=evidence).values
        kind = "text"
        if raw.dtype.kind == "M" or (
            days.notna().mean() > 0.9
            and (not numbers.notna().mean() > 0.9 or bool(numbers.between(*EIGHT_DIGITS).all()))
        ):
            kind = "date"
            days = type_column(filled, "date", date1904=book.date1904, header=text, evidence=evidence).values
            said = f"{days.min():%Y-%m-%d} to {days.max():%Y-%m-%d}"
        elif numbers.notna().mean() > 0.9:
            kind = "number"
            numbers = type_column(filled, "number", header=text, evidence=evidence).values
            said = f"sum {np.nansum(numbers):,.2f}"
    except IcpError as error:  # the column can be read in two ways: the run will ask
        said, kind = error.fault.what, ""
    return ColumnFacts(text, tuple(sample[:30] for sample in shown), said, kind)


def _plain(cell: Any) -> Any:
    return cell.astype("datetime64[us]").item() if isinstance(cell, np.datetime64) else cell


def take_nearest(item: SourceMap) -> list[str]:
    """Choose the nearest header for each column that cannot be done without, and say so.

    Raises:
        SourceError: no header comes near one of them.
    """
    said = []
    for group in item.open_groups():
        sides = debit_and_credit(list(item.columns)) if group[0].name == "revenue" else None
        if sides:
            raise SourceError(f"{item.title}: sales may be credits or debits",
                              where=f"{item.path.name}, sheet {item.sheet}", got=", ".join(sides),
                              next_step=f'Say which in the settings: columns.{item.source}.revenue: "= [{sides[1]}] - '
                              f'[{sides[0]}]" for a revenue account, or "= [{sides[0]}]" for a customers\' ledger, '
                              "whose credits are payments.")  # fmt: skip
        ranked = sorted(group, key=lambda one: one.name != "account_name")
        free = [
            (one, header)
            for one in ranked
            for header in one.near
            if header not in item.chosen.values() and _may_be(item, one, header)
        ]
        if not free:
            raise SourceError(f"{item.title}: no column comes near {' or '.join(one.name for one in group)}",
                              where=f"{item.path.name}, sheet {item.sheet}", got=", ".join(item.columns),
                              next_step="Run icp-xl map on a terminal, or give the column in the settings."
                              )  # fmt: skip
        wanted, header = free[0]
        shown = item.columns[header].line()
        header = price_by_quantity(wanted.name, header, item.chosen.get("quantity"))
        item.chosen[wanted.name] = header
        said.append(f"{item.title}: {header} is guessed to be the {wanted.label.lower()} "
                    f"({shown}); look whether it is right")  # fmt: skip
    return said


def _may_be(item: SourceMap, wanted: Wanted, header: str) -> bool:
    """Whether a column may be guessed to be one of ours: plain numbers are no days, and a blank column is nothing."""
    kind = item.columns[header].kind if header in item.columns else ""
    wants = SPECS[item.source].field(wanted.name)
    return bool(kind) and not (wants is not None and wants.kind == "date" and kind == "number")


def summary_lines(maps: list[SourceMap]) -> list[str]:
    """What was found, as lines."""
    lines = []
    for item in maps:
        files = ", ".join(path.name for path in (item.path, *item.more))
        sheets = f"sheet{'s' if len(item.sheets) > 1 else ''} {', '.join(item.sheets)}"
        lines.append(f"{item.title}: {files}, {sheets}, header in row {item.header_row}")
        for wanted in item.wanted:
            header = item.chosen.get(wanted.name)
            if header:
                facts = item.columns.get(header)
                lines.append(f"  {wanted.name}: {header}" + (f" ({facts.line()})" if facts else ""))
        if item.unused():
            lines.append(f"  not used: {', '.join(item.unused())}")
    return lines


def nothing_to_map(settings: Settings) -> SourceError:
    """No file of the folder is a source."""
    return SourceError("the data folder holds no file that could be mapped",
                       where=f"folder {settings.paths.data.name or settings.paths.data}",
                       got=", ".join(path.name for path in unclaimed(settings, [])[:10]) or "no table",
                       next_step="Name another folder with --data, or a file with sources.sales.file.")  # fmt: skip


def settings_body(maps: list[SourceMap], settings: Settings, folder: Path) -> dict[str, Any]:
    """The sections ``paths``, ``sources`` and ``columns`` that say what the choices and the settings in use say.

    A file that ``--write`` names may be read alone: look-ups, conditions and rates have to stand in it too.
    """
    own = settings.sources.model_dump(mode="json", exclude_unset=True)
    body: dict[str, Any] = {"paths": {"data": str(folder)}, "sources": own, "columns": {}}
    for item in maps:
        where: dict[str, Any] = own.setdefault(item.source, {})
        where["file"] = where.get("file") or _one_or_more([path.name for path in (item.path, *item.more)])
        if layout_of(item.path) == "sheets":
            where["sheet"] = where.get("sheet") or _one_or_more(list(item.sheets))
        for key in ("file", "sheet"):
            if isinstance(where.get(key), list):
                where[key] = _one_or_more(where[key])
        body["columns"][item.source] = dict(item.chosen)
    return body


def _one_or_more(names: list[str]) -> str | list[str]:
    return names[0] if len(names) == 1 else names


def with_choices(settings: Settings, maps: list[SourceMap]) -> Settings:
    """``settings`` as they are with the choices."""
    body = settings.model_dump(exclude_unset=True)
    added = settings_body(maps, settings, settings.paths.data)
    for source, where in added["sources"].items():
        if isinstance(where, dict):
            body.setdefault("sources", {}).setdefault(source, {}).update(where)
    body["columns"] = {**body.get("columns", {}), **added["columns"]}
    return Settings.model_validate(body)


def preview(settings: Settings) -> list[str]:
    """The first accounts and the sums of what would be read, to hold against a report of one's own.

    Raises:
        IcpError: the choices cannot be read.
    """
    sources = read_sources(settings)
    lines = []
    for table in sources.tables():
        frame = table.frame
        parts = [f"{len(frame):,} rows"]
        if table.name == "sales" and len(frame):
            days = frame["date"].dropna()
            parts += [f"revenue {frame['revenue'].sum():,.2f}",
                      f"{days.min():%Y-%m-%d} to {days.max():%Y-%m-%d}" if len(days) else "no day"]  # fmt: skip
        if table.name == "opportunities":
            parts.append(f"amount {frame['amount'].sum():,.2f}")
        lines.append(f"{SPECS[table.name].title}: {', '.join(parts)} from {table.file}")
    main = next((table for table in (sources.sales, sources.opportunities, sources.customers) if table), None)
    if main is not None and len(main.frame):
        frame = main.frame
        name = frame["account_name"].where(frame["account_name"].notna(), frame["account_id"])
        money = next((column for column in ("revenue", "amount", "annual_revenue") if column in frame), None)
        lines.append("First accounts:")
        for account in list(dict.fromkeys(name.dropna()))[:5]:
            own = frame[name == account]
            summary_lines = f"{len(own):,} row{'s' if len(own) != 1 else ''}"
            lines.append(f"  {account}: {summary_lines}" + (f", {own[money].sum():,.2f}" if money else ""))
    lines += [f"Note: {text}" for text in sources.warnings]
    return lines


def write_settings(maps: list[SourceMap], settings: Settings, path: Path) -> str:
    """Write the choices into the settings file at ``path`` and say what was done; other keys of it stay.

    A file that is there is kept beside the new one as ``….before-map``, for its comments are not carried over.
    """
    from icp_xl.outputs import write_bytes

    target, data = path.resolve().parent, settings.paths.data.resolve()
    body = settings_body(maps, settings, Path(os.path.relpath(data, target)) if data.is_relative_to(target) else data)
    said = f"Wrote {path}"
    if path.is_file():
        before = path.read_bytes()
        own = yaml.safe_load(before.decode("utf-8-sig")) or {}
        merged = own if isinstance(own, dict) else {}
        for section in ("paths", "sources", "columns"):
            part: dict[str, Any] = merged.get(section) or {}
            for key, value in body[section].items():
                old = part.get(key)
                part[key] = {**old, **value} if isinstance(old, Mapping) and isinstance(value, Mapping) else value
            merged[section] = part
        body = merged
        kept = path.with_name(path.name + ".before-map")
        write_bytes(kept, before)
        said += f"; what it held before is in {kept.name}"
    head = "# Made by icp-xl map. What each key means: icp-xl settings\n"
    text = head + yaml.safe_dump(body, sort_keys=False, allow_unicode=True, default_flow_style=False, width=110)
    write_bytes(path, text.encode("utf-8"))
    return said

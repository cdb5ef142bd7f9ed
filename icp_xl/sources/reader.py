"""One source's file to a typed table, with everything noticed on the way."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from icp_xl.config.settings import Settings
from icp_xl.config.sources import SourceSettings
from icp_xl.errors import ConfigError, Fault, MissingColumnsError, SourceError
from icp_xl.progress import Progress
from icp_xl.sources.book import Book
from icp_xl.sources.cells import RawColumn, cell_text, is_blank, missing_column, type_column
from icp_xl.sources.deals import leave_out_open, stage_header
from icp_xl.sources.expressions import Expression, is_expression, parse_expression
from icp_xl.sources.fields import SourceSpec
from icp_xl.sources.file_types import open_book
from icp_xl.sources.headers import compact
from icp_xl.sources.joins import JoinPlan, join_columns, plan_joins
from icp_xl.sources.model import Guess, SourceTable
from icp_xl.sources.rows import BLANK, FRAGMENT, NO_ACCOUNT, classify
from icp_xl.sources.sheets import SheetChoice, choose_sheets
from icp_xl.sources.times import seconds_of_day
from icp_xl.sources.vocabulary import vocabulary

TITLE = "title above the header"
OpenBook = Callable[[Path], Book]


@dataclass
class _Plan:
    """Where each field comes from: a header of the file, or an expression over headers."""

    headers: dict[str, str] = field(default_factory=dict)
    expressions: dict[str, Expression] = field(default_factory=dict)
    guesses: list[Guess] = field(default_factory=list)


@dataclass
class _Part:
    """What one sheet gives."""

    frame: pd.DataFrame
    rows_read: int
    dropped: list[tuple[str, int, str]]
    flags: list[tuple[str, int, str, str]]
    remarks: list[str]


def read_table(
    path: Path,
    spec: SourceSpec,
    settings: Settings,
    *,
    progress: Progress | None = None,
    opener: OpenBook | None = None,
) -> tuple[SourceTable, list[str]]:
    """Read one source and remark on what was noticed.

    Raises:
        MissingColumnsError: no sheet has the columns that the source cannot do without.
        SourceError: the file, or a file that it is joined with, cannot be read.
        ConfigError: the settings name headers that are not there, or an expression that makes no sense.
    """
    progress = progress or Progress()
    opener = opener or (lambda file: open_book(file, settings.sources))
    chosen: SourceSettings = getattr(settings.sources, spec.name)
    mapping = settings.columns.get(spec.name, {})
    _check_mapping(spec, mapping, chosen)
    expressions = {
        name: parse_expression(text, f"columns.{spec.name}.{name}")
        for name, text in mapping.items()
        if is_expression(text)
    }
    book = opener(path)
    joins = plan_joins(chosen.joins, spec, book, path, settings, opener)
    wanted = _named_headers(mapping, expressions, chosen)
    choices = choose_sheets(
        book, spec, chosen, named=wanted, given=set(mapping), close=settings.sources.close_spelling,
        known=vocabulary(settings.sources.synonyms),
    )  # fmt: skip
    parts, plans = [], []
    for choice in choices:
        plan = _plan(spec, mapping, expressions, choice, joins, book)
        plans.append(plan)
        parts.append(_read_sheet(book, choice, spec, plan, chosen, joins, progress, settings.sources.synonyms))
    return _assemble(spec, path.name, choices, parts, plans[0], book)


def _check_mapping(spec: SourceSpec, mapping: Mapping[str, str], chosen: SourceSettings) -> None:
    faults = [
        Fault(f"unknown column {name}", f"{section}.{spec.name}", None, ", ".join(spec.names))
        for section, names in (("columns", mapping), ("sources", chosen.multiply))
        for name in names
        if spec.field(name) is None
    ]
    if faults:
        raise ConfigError("the settings map columns that there are not", faults=faults)


def _named_headers(
    mapping: Mapping[str, str], expressions: Mapping[str, Expression], chosen: SourceSettings
) -> set[str]:
    names = {text for name, text in mapping.items() if name not in expressions}
    names.update(header for item in expressions.values() for header in item.headers)
    names.update(chosen.where)
    names.update(join.key for join in chosen.joins)
    return names


def _plan(
    spec: SourceSpec,
    mapping: Mapping[str, str],
    expressions: Mapping[str, Expression],
    choice: SheetChoice,
    joins: Sequence[JoinPlan],
    book: Book,
) -> _Plan:
    """Settle each field's origin, or raise with every fault at once."""
    header = choice.header
    joined = {compact(name): name for join in joins for name in join.takes}
    plan, faults = _Plan(), []

    def resolve(name: str, where: str) -> str | None:
        at = header.column(name)
        if at is not None:
            return header.headers[at]
        if compact(name) in joined:
            return joined[compact(name)]
        faults.append(Fault("there is no such column", where, name, _listing([*header.headers, *joined.values()])))
        return None

    for name, text in mapping.items():
        where = f"columns.{spec.name}.{name}"
        if name in expressions:
            resolved = {item: resolve(item, where) for item in expressions[name].headers}
            if all(resolved.values()):
                plan.expressions[name] = expressions[name]
                plan.guesses.append(Guess(spec.name, name, text.strip(), "expression", choice.name))
        elif found := resolve(text, where):
            plan.headers[name] = found
            plan.guesses.append(Guess(spec.name, name, found, "setting", choice.name))
    if faults:
        raise MissingColumnsError(
            "the settings name columns that the file does not have",
            where=f"{book.name}, sheet {choice.name}, row {header.row + 1}",
            next_step="Correct the columns section of the settings.",
            faults=faults,
        )
    used = set(plan.headers.values())
    for name, match in {**header.matches, **header.evidence}.items():
        if name not in mapping and match.header not in used:
            plan.headers[name] = match.header
            if match.how != "exact" and name in header.matches:
                plan.guesses.append(Guess(spec.name, name, match.header, match.how, choice.name))
    return plan


def _read_sheet(
    book: Book,
    choice: SheetChoice,
    spec: SourceSpec,
    plan: _Plan,
    chosen: SourceSettings,
    joins: Sequence[JoinPlan],
    progress: Progress,
    synonyms: Path | None,
) -> _Part:
    header = choice.header
    needed = [*plan.headers.values(), *(name for item in plan.expressions.values() for name in item.headers)]
    needed += [*chosen.where, *(join.key for join in joins)]
    known = vocabulary(synonyms)
    stage = stage_header(header, known) if spec.name == "sales" else None
    if stage and compact(stage) not in map(compact, chosen.where):
        needed.append(stage)
    else:
        stage = None
    at = {name: header.column(name) for name in dict.fromkeys(needed)}
    own = {name: column for name, column in at.items() if column is not None}
    raw = dict(zip(own, book.columns(choice.name, header.data_from, list(own.values()), progress), strict=True))
    rows = len(next(iter(raw.values()))) if raw else 0
    fields = {name: raw[text] for name, text in plan.headers.items() if text in raw}
    # Columns used only inside expressions and filters also tell whether a row is blank.
    fields.update({f"[{name}]": column for name, column in raw.items() if name not in plan.headers.values()})
    elsewhere = {*plan.expressions, *(name for name, text in plan.headers.items() if text not in own)}
    repeats = {name: header.repeats(own[text]) for name, text in plan.headers.items() if text in own}
    keep, reason = classify(fields, repeats, spec, rows, elsewhere)
    remarks = _noticed(book, choice, spec, plan, raw, int(keep.sum()))
    remarks += join_columns(raw, joins, keep)
    _filter(raw, chosen, keep, reason, book, choice)
    if stage:
        amounts = plan.headers.get("revenue")
        told = leave_out_open(stage, raw, amounts if amounts in raw else None, keep, reason, known)
        remarks += [f"{spec.title}: {text}" for text in told]
    first = header.data_from + 1
    dropped = [(choice.name, row + 1, TITLE) for row in choice.titles]
    filled = np.flatnonzero(reason != BLANK)
    last = int(filled[-1]) + 1 if len(filled) else 0
    dropped += [(choice.name, int(row) + first, reason[row]) for row in np.flatnonzero(~keep[:last])]
    places = np.flatnonzero(keep)
    frame, flags = _typed(spec, plan, {name: column[places] for name, column in raw.items()}, chosen, book, remarks)
    frame["source_row"] = (places + first).astype("int64")
    cells = [(choice.name, int(places[row]) + first, name, problem) for row, name, problem in flags]
    return _Part(frame, last + len(choice.titles), dropped, cells, remarks)


def _noticed(
    book: Book, choice: SheetChoice, spec: SourceSpec, plan: _Plan, raw: Mapping[str, RawColumn], kept: int
) -> list[str]:
    """Remarks on a sheet without rows, columns that share a header, and formulas that nothing ever calculated."""
    remarks = []
    plain = [compact(text) for text in choice.header.headers]
    for name, text in plan.headers.items():
        if text in raw and plain.count(compact(text)) > 1:
            remarks.append(f"{spec.title}: several columns are headed {text}; the first is read as {name}")
    needed = [text for name, text in plan.headers.items() if any(name in group for group in spec.required)]
    empty = [text for text in needed if text in raw and bool(is_blank(raw[text]).all())]
    if empty and book.uncalculated(choice.name):
        raise SourceError(
            "the sheet's formulas were never calculated, so its cells hold no values",
            where=f"{book.name}, sheet {choice.name}, column {', '.join(empty)}",
            next_step="Open the workbook in Excel, save it, and run again.",
        )
    given = {*plan.headers, *plan.expressions}
    remarks += [f"{spec.title}: {text}" for text in choice.header.remarks if not set(_fields_named(text, spec)) & given]
    if spec.name == "customers" and "account_name" not in plan.headers and "account_name" not in plan.expressions:
        used = {compact(text) for text in plan.headers.values()}
        spare = [text for text in choice.header.headers if text and compact(text) not in used]
        remarks.append(
            f"{spec.title}: no column holds account names, so accounts go by their ids and no name can be matched; "
            f"say under columns.customers what it is called (columns not used: {_listing(spare) or 'none'})"
        )
    if not kept:
        remarks.append(f"{spec.title}: {book.name}, sheet {choice.name} has a header and no rows of data")
    return remarks


def _fields_named(remark: str, spec: SourceSpec) -> list[str]:
    return [item.name for item in spec.fields if f"taken for {item.label.lower()}" in remark]


def _filter(
    raw: Mapping[str, RawColumn],
    chosen: SourceSettings,
    keep: Any,
    reason: RawColumn,
    book: Book,
    choice: SheetChoice,
) -> None:
    """Leave out rows that the settings' ``where`` does not want."""
    plain = {compact(name): column for name, column in raw.items()}
    for name, allowed in chosen.where.items():
        column = plain.get(compact(name))
        if column is None:
            raise MissingColumnsError(
                "the settings filter by a column that the file does not have",
                where=f"{book.name}, sheet {choice.name}",
                got=name,
                allowed=_listing(choice.header.headers),
            )
        wanted = {(cell_text(value) or "").casefold() for value in allowed}
        texts = type_column(column, "text").values.str.casefold()
        # A row that the user filters out is no fault of the file, whatever else it lacks.
        asked = keep | np.isin(reason, (FRAGMENT, NO_ACCOUNT))
        out = asked & ~texts.isin(wanted).to_numpy(dtype=bool)
        reason[out] = f"left out by the setting where: {name}"
        keep &= ~out


def _typed(
    spec: SourceSpec,
    plan: _Plan,
    raw: Mapping[str, RawColumn],
    chosen: SourceSettings,
    book: Book,
    remarks: list[str],
) -> tuple[pd.DataFrame, list[tuple[int, str, str]]]:
    rows = len(next(iter(raw.values()))) if raw else 0
    plain = {compact(name): name for name in reversed(list(raw))}
    flags: list[tuple[int, str, str]] = []
    out: dict[str, pd.Series[Any]] = {}

    def convert(header: str, kind: Any, name: str) -> pd.Series[Any]:
        column = raw[header] if header in raw else raw[plain[compact(header)]]
        typed = type_column(column, kind, dates=chosen.dates, decimals=chosen.decimals, date1904=book.date1904)
        flags.extend((row, name, problem) for row, problem in typed.unreadable)
        remarks.extend(f"{spec.title}, column {header}: {remark}" for remark in typed.remarks)
        return typed.values

    for item in spec.columns:
        if item.name in plan.headers:
            values = convert(plan.headers[item.name], item.kind, item.name)
        elif item.name in plan.expressions:
            name = item.name
            values = plan.expressions[name].compute(
                lambda text, name=name: convert(text, "number", name),  # type: ignore[misc]
                lambda text, name=name: convert(text, "text", name),  # type: ignore[misc]
                rows,
            )
            kind_of = values.to_numpy(dtype=object)
            if item.kind != "number" or values.dtype.kind != "f":
                values = type_column(kind_of, item.kind).values
        else:
            values = missing_column(item.kind, rows)
        if item.name in chosen.multiply:
            values = values * chosen.multiply[item.name]
        out[item.name] = values.reset_index(drop=True)
    if spec.name == "sales":
        header = plan.headers.get("date")
        column = None if header is None else raw[header] if header in raw else raw[plain[compact(header)]]
        out["time"] = missing_column("number", rows) if column is None else seconds_of_day(column)
    return pd.DataFrame(out), flags


def _assemble(
    spec: SourceSpec, file: str, choices: Sequence[SheetChoice], parts: Sequence[_Part], plan: _Plan, book: Book
) -> tuple[SourceTable, list[str]]:
    frame = pd.concat([part.frame for part in parts], ignore_index=True) if len(parts) > 1 else parts[0].frame
    dropped = [(spec.name, *row) for part in parts for row in part.dropped]
    flags = [(spec.name, *row) for part in parts for row in part.flags]
    table = SourceTable(
        name=spec.name,
        frame=frame,
        file=file,
        sheet=", ".join(choice.name for choice in choices),
        header_row=choices[0].header.row + 1,
        rows_read=sum(part.rows_read for part in parts),
        guesses=tuple(plan.guesses),
        dropped=pd.DataFrame(dropped, columns=["source", "sheet", "row", "reason"]),
        flags=pd.DataFrame(flags, columns=["source", "sheet", "row", "column", "problem"]),
    )
    remarks = [text for choice in choices for text in choice.remarks]
    remarks += [text for part in parts for text in part.remarks]
    if flags:
        count = table.flags["column"].value_counts(sort=False)
        shown = ", ".join(f"{str(name).replace('_', ' ')}: {number:,}" for name, number in count.items())
        remarks.append(f"{spec.title}: {len(flags):,} cells could not be read and count as missing ({shown})")
    return table, list(dict.fromkeys([*book.remarks, *remarks]))


def _listing(headers: Sequence[str]) -> str:
    return ", ".join([name for name in headers if name][:40])

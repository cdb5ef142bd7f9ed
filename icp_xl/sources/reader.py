"""One source's files to a typed table, with everything noticed on the way."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from icp_xl.config.settings import Settings
from icp_xl.config.sources import SourceSettings
from icp_xl.errors import ConfigError, Fault, MissingColumnsError, SourceError
from icp_xl.progress import Progress
from icp_xl.sources.book import Book
from icp_xl.sources.currency import MONEY, settle_currencies
from icp_xl.sources.expressions import Expression, is_expression, parse_expression
from icp_xl.sources.fields import SourceSpec
from icp_xl.sources.file_types import open_book
from icp_xl.sources.headers import compact
from icp_xl.sources.joins import JoinPlan, doubled_names, joined_names, plan_joins
from icp_xl.sources.model import Guess, SourceTable, Tally
from icp_xl.sources.shapes import reshaped
from icp_xl.sources.sheet_reader import Part, Plan, SheetReader, listing
from icp_xl.sources.sheets import SheetChoice, choose_sheets
from icp_xl.sources.suggest import closest, lines_to_paste
from icp_xl.sources.vocabulary import Vocabulary, vocabulary

OpenBook = Callable[[Path], Book]
#: Sources of which a line that is read twice counts twice.
MONEY_LINES = ("sales", "opportunities")
#: From so many lines on, and such a share of the shorter, two files share lines that are said, or are one and the same.
REPEATED_LINES, REPEATED_SOME, REPEATED_MOST = 5, 0.01, 0.5


def read_table(
    path: Path | Sequence[Path],
    spec: SourceSpec,
    settings: Settings,
    *,
    progress: Progress | None = None,
    opener: OpenBook | None = None,
) -> tuple[SourceTable, list[str]]:
    """Read one source and remark on what was noticed.

    Args:
        path: its file, or several that hold the same columns; each finds its own headers.
        spec: the source.
        settings: all settings.
        progress: told of rows as they are read.
        opener: opens a file, or gives one that is open.

    Raises:
        MissingColumnsError: no sheet has the columns that the source cannot do without.
        SourceError: the file, or a file that it is joined with, cannot be read, or can be read in two ways.
        ConfigError: the settings name headers that are not there, or an expression that makes no sense.
    """
    progress = progress or Progress()
    paths = [path] if isinstance(path, Path) else list(path)
    chosen: SourceSettings = getattr(settings.sources, spec.name)
    opener = opener or (
        lambda file: open_book(file, settings.sources, encoding=chosen.encoding, words=header_words(settings))
    )
    mapping = settings.columns.get(spec.name, {})
    _check_mapping(spec, mapping, chosen)
    expressions = {
        name: parse_expression(text, f"columns.{spec.name}.{name}")
        for name, text in mapping.items()
        if is_expression(text)
    }
    known = vocabulary(settings.sources.synonyms)
    parts: list[Part] = []
    plans: list[Plan] = []
    choices: list[SheetChoice] = []
    remarks: list[str] = []
    names: list[str] = []
    labels: list[str] = []
    for file in paths:
        book = opener(file)
        names.append(book.name)
        joins = plan_joins(chosen.joins, spec, book, file, settings, opener)
        book, found = book_and_sheets(book, spec, settings, known)
        for choice in found:
            plan = _plan(spec, mapping, expressions, choice, joins, book)
            plans.append(plan)
            reader = SheetReader(book, choice, spec, plan, chosen, joins, progress, known)
            parts.append(reader.read())
            labels.append(f"{book.name}, sheet {choice.name}" if len(found) > 1 else book.name)
            remarks += _repeats(spec, labels, parts, given=bool(chosen.file or chosen.sheet))
        choices += found
        remarks += book.remarks
        if len(paths) > 1:
            remarks.append(
                f"{spec.title}: {book.name} gives {sum(len(part.frame) for part in parts[-len(found) :]):,} rows"
            )
    table, more = _assemble(spec, ", ".join(names), choices, parts, plans)
    where = f"{paths[0].name}, columns of {spec.name}"
    more += settle_currencies(table.frame, spec, settings.sources.rates, opener, settings.paths.data, where)
    return table, list(dict.fromkeys([*remarks, *more]))


def _repeats(spec: SourceSpec, labels: Sequence[str], parts: Sequence[Part], *, given: bool) -> list[str]:
    """Whether the last of several files or sheets repeats lines of an earlier one, as a later export or a copy does.

    Raises:
        SourceError: most lines do, money would count twice, and the settings name neither.
    """
    if spec.name not in MONEY_LINES or len(parts) < 2:
        return []
    last = _hashes(parts[-1].frame)
    for label, part in zip(labels[:-1], parts[:-1], strict=True):
        other = _hashes(part.frame)
        fewer, more = sorted((last, other), key=len)
        same = fewer.isin(set(more)).to_numpy()
        if same.sum() < REPEATED_LINES or same.mean() < REPEATED_SOME:
            continue
        frame = (parts[-1] if fewer is last else part).frame
        money = MONEY[spec.name][0]
        what = (
            f"{spec.title}: {label} and {labels[-1]} hold the same lines: {int(same.sum()):,} of {len(fewer):,} of the "
            f"one stand in the other too ({money} {frame.loc[same, money].sum():,.2f})"
        )
        if given or same.mean() < REPEATED_MOST:
            return [f"{what}; both are read"]
        raise SourceError(what, next_step="Name the one to read, or both where both count, in sources."
                          f"{spec.name}.file (or sheet), or take the other out of the folder.")  # fmt: skip
    return []


def _hashes(frame: pd.DataFrame) -> pd.Series[Any]:
    return pd.util.hash_pandas_object(frame.drop(columns="source_row"), index=False)


def header_words(settings: Settings) -> tuple[str, ...]:
    """Headers that a file may hold: those that the settings name, and the known terms; they tell its encoding."""
    named = [text for mapping in settings.columns.values() for text in mapping.values()]
    known = vocabulary(settings.sources.synonyms)
    terms = [*known.terms, *(text for texts in known.whole.values() for text in texts)]
    return tuple(word for word in dict.fromkeys([*named, *terms]) if not word.isascii())


def book_and_sheets(
    book: Book, spec: SourceSpec, settings: Settings, known: Vocabulary
) -> tuple[Book, list[SheetChoice]]:
    """The sheets to read, of the book itself or, where it lacks a column, of the book laid out as a table.

    Args:
        book: as it is.
        spec: of the source.
        settings: names of sheets, and columns that the user has named.
        known: words for fields.

    Raises:
        MissingColumnsError: no sheet has what the source cannot do without, however it is laid out.
        SourceError: the book has no sheet of a name that the settings give.
    """
    chosen: SourceSettings = getattr(settings.sources, spec.name)
    mapping = settings.columns.get(spec.name, {})
    wanted = _named_headers(mapping, chosen)
    # What a look-up brings in is no header of the book.
    own = [] if chosen.joins else [text for text in mapping.values() if not is_expression(text)]

    def sheets_of(candidate: Book) -> list[SheetChoice]:
        return choose_sheets(candidate, spec, chosen, named=wanted, given=set(mapping),
                             close=settings.sources.close_spelling, known=known)  # fmt: skip

    def has_own(found: list[SheetChoice]) -> bool:
        return all(choice.header.column(text) is not None for choice in found for text in own)

    plain: list[SheetChoice] | None = None
    failure: MissingColumnsError | None = None
    try:
        plain = sheets_of(book)
        if has_own(plain):
            return book, plain
    except MissingColumnsError as error:
        failure = error
    for other in reshaped(book, spec, chosen, wanted, known):
        try:
            found = sheets_of(other)
        except MissingColumnsError:
            continue
        if plain is None or has_own(found):
            return other, found
    if plain is None:
        raise failure or MissingColumnsError(f"{spec.title}: no header row was found", where=book.name)
    return book, plain


def _check_mapping(spec: SourceSpec, mapping: Mapping[str, str], chosen: SourceSettings) -> None:
    faults = [
        Fault(f"unknown column {name}", f"{section}.{spec.name}", None, ", ".join(spec.names))
        for section, names in (("columns", mapping), ("sources", chosen.multiply))
        for name in names
        if spec.field(name) is None
    ]
    if faults:
        raise ConfigError("the settings map columns that there are not", faults=faults)


def _named_headers(mapping: Mapping[str, str], chosen: SourceSettings) -> set[str]:
    names = {text for text in mapping.values() if not is_expression(text)}
    computed = [parse_expression(text, f"columns.{name}") for name, text in mapping.items() if is_expression(text)]
    names.update(header for item in computed for header in item.headers)
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
) -> Plan:
    """Settle each field's origin, or raise with every fault at once."""
    header = choice.header
    joined = joined_names(joins, header.headers)
    plan, faults = Plan(), []
    computed = {f"columns.{spec.name}.{name}" for name in expressions}

    def resolve(name: str, where: str) -> str | None:
        at = header.column(name)
        if at is not None:
            return header.headers[at] or name
        if compact(name) in joined:
            return joined[compact(name)]
        names = [text for join in joins for text in join.takes]
        there = [*header.headers, *names]
        near = closest(name, there)
        paste = lines_to_paste(spec.name, {where.rpartition(".")[2]: near or ""})
        # Of a computation the whole text would have to be pasted.
        hint = f"the closest header is {near}" + ("; " if where in computed else f": {paste}; ") if near else ""
        faults.append(Fault("there is no such column", where, name, hint + listing(there)))
        return None

    for name, text in mapping.items():
        where = f"columns.{spec.name}.{name}"
        if name in expressions:
            resolved = {item: resolve(item, where) for item in expressions[name].headers}
            if all(resolved.values()):
                plan.expressions[name] = expressions[name]
                plan.places.update({item: str(found) for item, found in resolved.items()})
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
    named = [*mapping.values(), *(item for text in expressions.values() for item in text.headers)]
    plan.remarks += [f"{spec.title}: {text}" for text in doubled_names(joins, header.headers, named)]
    return plan


def _assemble(
    spec: SourceSpec, file: str, choices: Sequence[SheetChoice], parts: Sequence[Part], plans: Sequence[Plan]
) -> tuple[SourceTable, list[str]]:
    doubts = list(dict.fromkeys(doubt for part in parts for doubt in part.doubts))
    if doubts:
        raise _doubtful(spec, file, doubts)
    frame = pd.concat([part.frame for part in parts], ignore_index=True) if len(parts) > 1 else parts[0].frame
    dropped = [(spec.name, *row) for part in parts for row in part.dropped]
    flags = [(spec.name, *row) for part in parts for row in part.flags]
    table = SourceTable(
        name=spec.name,
        frame=frame,
        file=file,
        sheet=", ".join(dict.fromkeys(choice.name for choice in choices)),
        header_row=choices[0].header.row + 1,
        rows_read=sum(part.rows_read for part in parts),
        guesses=tuple(dict.fromkeys(guess for plan in plans for guess in plan.guesses)),
        dropped=pd.DataFrame(dropped, columns=["source", "sheet", "row", "reason"]),
        flags=pd.DataFrame(flags, columns=["source", "sheet", "row", "column", "problem"]),
        tally=_tally(parts),
    )
    remarks = [text for choice in choices for text in choice.remarks]
    remarks += [text for plan in plans for text in plan.remarks]
    remarks += [text for part in parts for text in part.remarks]
    if flags:
        count = table.flags["column"].value_counts(sort=False)
        shown = ", ".join(f"{str(name).replace('_', ' ')}: {number:,}" for name, number in count.items())
        remarks.append(f"{spec.title}: {len(flags):,} cells could not be read and count as missing ({shown})")
    return table, list(dict.fromkeys(remarks))


def _doubtful(spec: SourceSpec, file: str, doubts: Sequence[tuple[str, str, str]]) -> SourceError:
    """What can be read in two ways, all of it at once, with the line that decides it."""
    lines = {
        "dates": f'sources.{spec.name}.dates: "day first" (or "month first")',
        "decimals": f"sources.{spec.name}.decimals: comma (or point)",
        "where": f"columns.{spec.name}",
    }
    asked = list(dict.fromkeys(lines.get(setting, setting) for _, _, setting in doubts))
    return SourceError(
        f"{spec.title}: what the file holds can be read in two ways, and nothing in it tells which",
        where=file,
        next_step="Say which it is with a line in the settings: " + "; ".join(asked) + ".",
        faults=[Fault(text, f"column {header}") for header, text, _ in doubts],
    )


def _tally(parts: Sequence[Part]) -> Tally:
    def added(dicts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        total: dict[str, Any] = {}
        for item in dicts:
            for name, value in item.items():
                total[name] = total.get(name, 0) + value
        return total

    tallies = [part.tally for part in parts]
    unused = dict.fromkeys(name for tally in tallies for name in tally.unused)
    return Tally(
        rows=sum(tally.rows for tally in tallies),
        money=added([tally.money for tally in tallies]),
        lost=added([tally.lost for tally in tallies]),
        lost_money=added([tally.lost_money for tally in tallies]),
        unused=tuple(unused),
        samples=tallies[0].samples,
        sums=added([tally.sums for tally in tallies]),
    )

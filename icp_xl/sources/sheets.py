"""Which sheet of a workbook holds a source, and where its header stands."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from icp_xl.config.sources import SourceSettings
from icp_xl.errors import Fault, MissingColumnsError, SourceError
from icp_xl.sources.book import Book, find_sheet
from icp_xl.sources.cells import cell_text
from icp_xl.sources.dates import month_of
from icp_xl.sources.fields import SourceSpec
from icp_xl.sources.headers import SEARCH_ROWS, Header, find_header, words
from icp_xl.sources.suggest import lines_to_paste, plain_header, suggestions
from icp_xl.sources.vocabulary import Vocabulary

#: What a hidden sheet is behind every visible one.
HIDDEN = 1000.0


@dataclass(frozen=True)
class SheetChoice:
    """A sheet to read, its header, the rows above it that hold something, and remarks."""

    name: str
    header: Header
    titles: tuple[int, ...] = ()
    remarks: tuple[str, ...] = field(default=())


def choose_sheets(
    book: Book,
    spec: SourceSpec,
    chosen: SourceSettings,
    *,
    named: Collection[str] = (),
    given: Collection[str] = (),
    close: float = 88.0,
    known: Vocabulary | None = None,
) -> list[SheetChoice]:
    """The sheets that hold the source: those that the settings name, else the one that fits best.

    A hidden sheet is taken only where no visible one comes near, and that is remarked on: an old copy must not stand
    in for the sheet whose columns someone has renamed.

    Args:
        book: with the sheets.
        spec: of the source.
        chosen: its settings.
        named: headers that the settings name.
        given: fields that the settings give a column.
        close: likeness from which a spelling counts as meant, 0 to 100.
        known: words for fields; by default the built-in ones.

    Raises:
        MissingColumnsError: no sheet has what the source cannot do without.
        SourceError: the book has no sheet of a name that the settings give.
    """
    if chosen.sheet:
        names = [find_sheet(book, name) for name in chosen.sheet]
    else:
        names = book.sheet_names()
    row = chosen.header_row - 1 if chosen.header_row else None
    count = SEARCH_ROWS if row is None else row + 3
    visible = {sheet.name: sheet.visible for sheet in book.sheets}
    found: list[tuple[float, SheetChoice]] = []
    seen: list[tuple[str, Header | None]] = []
    broken: list[SourceError] = []
    for name in names:
        try:
            head = book.head(name, count)
        except SourceError as error:
            broken.append(error)
            continue
        header = find_header(head, spec, named=named, given=given, close=close, row=row, known=known)
        seen.append((name, header))
        if header is None or header.lacks(spec, given):
            continue
        titles = tuple(at for at in range(header.row) if any(cell_text(cell) for cell in head[at]))
        bonus = 2.0 if words(name) in spec.sheets else 0.0
        # An extract of a few columns must not lose to a pivot over them, nor a visible sheet to a hidden copy.
        score = header.score + bonus - (HIDDEN if not visible.get(name, True) else 0.0)
        found.append((score, SheetChoice(name, header, titles)))
    if chosen.sheet:
        if broken:
            raise broken[0]
        lacking = [(name, header) for name, header in seen if header is None or header.lacks(spec, given)]
        if lacking:
            raise _missing(book, spec, lacking, given, known)
        return [choice for _, choice in found]
    if not found:
        if broken and not any(header for _, header in seen):
            raise broken[0]
        raise _missing(book, spec, seen, given, known)
    best = max(found, key=lambda item: item[0])
    choice = best[1]
    remarks = []
    if not visible.get(choice.name, True):
        # Of the visible sheets that come near, one with the source's own name is meant.
        near = [item for item in seen if visible.get(item[0], True) and _comes_near(item[1], choice.header)]
        named_so = [item for item in near if words(item[0]) in spec.sheets]
        if near:
            raise _missing(book, spec, named_so or near, given, known, instead=choice.name)
        remarks.append(f"{spec.title}: no visible sheet holds it; hidden sheet {choice.name} is read")
    twins = [
        other
        for _, other in found
        if other is not choice and visible.get(other.name, True) and _same_columns(other.header, choice.header)
    ]
    same = [other for _, other in found if other is choice or (other in twins and _continues(other.name, choice.name))]
    if len(same) > 1:
        # Sales 2023 and Sales 2024: one log, a sheet a year.
        remarks.append(f"{spec.title}: sheets {', '.join(other.name for other in same)} are read as one")
    spare = [other.name for other in twins if other not in same]
    if spare:
        read = "" if len(same) > 1 else f"sheet {choice.name} is read; "
        remarks.append(
            f"{spec.title}: {read}{', '.join(spare[:5])} has the same columns and is not "
            f"(to read several, list them in sources.{spec.name}.sheet)"
        )
    if len(same) > 1:
        return [SheetChoice(item.name, item.header, item.titles, tuple(remarks)) for item in same]
    return [SheetChoice(choice.name, choice.header, choice.titles, tuple(remarks))]


def _continues(name: str, other: str) -> bool:
    """Whether two names differ in figures or the name of a month only."""
    return _without_period(name) == _without_period(other)


def _without_period(name: str) -> str:
    plain = re.sub(r"\d+", "#", words(name))
    return " ".join("#" if word == "#" or month_of(word) is not None else word for word in plain.split())


def _comes_near(header: Header | None, other: Header) -> bool:
    return header is not None and len(header.matches) >= max(3, len(other.matches) / 2)


def _same_columns(a: Header, b: Header) -> bool:
    return [words(name) for name in a.headers if name] == [words(name) for name in b.headers if name]


def _missing(
    book: Book,
    spec: SourceSpec,
    seen: Sequence[tuple[str, Header | None]],
    given: Collection[str],
    known: Vocabulary | None,
    instead: str = "",
) -> MissingColumnsError:
    """What is missing, told for the sheet that comes nearest; ``instead`` is a hidden sheet that has every column."""
    near = [(name, header) for name, header in seen if header is not None]
    guessed = not near
    if guessed:
        # No word is known: the row that looks like a header is shown with what its columns look like.
        for name, _ in seen:
            plain = plain_header(book.head(name, SEARCH_ROWS))
            near += [] if plain is None else [(name, plain)]
    if not near:
        return MissingColumnsError(
            f"{spec.title}: no header row was found",
            where=f"{book.name}, " + (f"sheets {', '.join(name for name, _ in seen[:8])}" if seen else "no sheet"),
            got="only blank or unlabelled cells",
            allowed=", ".join(" or ".join(group) for group in spec.required),
            next_step=f"Give sources.{spec.name}.sheet and header_row, or map the columns in columns.{spec.name}.",
        )
    name, header = max(near, key=lambda item: item[1].score)
    lacks = header.lacks(spec, given)
    near_by = suggestions(spec, header, book.head(name, SEARCH_ROWS), lacks, known)
    headers = ", ".join([text for text in header.headers if text][:40])
    step = f"Add the column, or say under columns.{spec.name} in the settings what it is called in this file"
    step += f", for example {lines_to_paste(spec.name, near_by)}." if near_by else "."
    step += " `icp-xl map` shows every column with its values and asks."
    if instead:
        step += f" The hidden sheet {instead} has them all: to read it, set sources.{spec.name}.sheet to its name."
    faults = []
    for group in lacks:
        closest = next((_closest(near_by[item]) for item in group if item in near_by), "")
        doubt = [text for text in header.remarks if any(f"taken for {_label(spec, item)}" in text for item in group)]
        faults.append(Fault(f"no column for {' or '.join(group)}", None, "; ".join(doubt) or None, closest or None))
    what = f"{spec.title}: {'columns are' if len(lacks) > 1 else 'a column is'} missing"
    if guessed:
        what = f"{spec.title}: no header is known, and columns are missing"
    return MissingColumnsError(
        what, where=f"{book.name}, sheet {name}, row {header.row + 1}", got=headers, next_step=step, faults=faults
    )


def _closest(found: str) -> str:
    if sides := re.fullmatch(r"= \[(.+)\] - \[(.+)\]", found):
        return (
            f"debits and credits stand apart: {found} where sales are credits (a revenue account), = [{sides[2]}] "
            "where they are debits and credits are payments (a customers' ledger)"
        )
    return f"it may be computed: {found}" if found.startswith("=") else f"the closest header is {found}"


def _label(spec: SourceSpec, name: str) -> str:
    item = spec.field(name)
    return name if item is None else item.label.lower()

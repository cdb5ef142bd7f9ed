"""Find the header row of a sheet, and which of its columns is which field."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from rapidfuzz import fuzz
from rapidfuzz.distance import OSA

from icp_xl.sources.cells import cell_text
from icp_xl.sources.fields import Field, SourceSpec

#: How many rows from the top a header may be below titles, logos and notes.
SEARCH_ROWS = 60
#: A header such as ``GP24``, ``Revenue 2023`` or ``FY24 Sales``: a yearly total, not a field.
_MEASURES = r"gp|gross\s?profit|gross\s?margin|margin|rev|revenue|sales|umsatz"
_YEAR = r"(?:19|20)?(\d{2})"
_MEASURE_YEAR = re.compile(rf"^(?:total\s)?({_MEASURES})\s?(?:fy|cy)?\s?{_YEAR}(?:\stotal)?$")
_YEAR_MEASURE = re.compile(rf"^(?:fy|cy)?\s?{_YEAR}\s?({_MEASURES})$")
#: A likeness that no spelling reaches.
NEVER = 101.0
POINTS = {"setting": 5.0, "exact": 4.0, "synonym": 3.0, "close spelling": 1.0}


@dataclass(frozen=True)
class Match:
    """One field found in one column."""

    column: int
    header: str
    how: str  # "setting", "exact", "synonym", "close spelling"


@dataclass(frozen=True)
class Header:
    """A header row: its place (counted from 0), how many rows it spans, its texts, and the fields found."""

    row: int
    span: int
    headers: tuple[str, ...]
    matches: dict[str, Match] = field(default_factory=dict)
    score: float = 0.0
    options: tuple[tuple[str, ...], ...] = ()

    def repeats(self, column: int) -> tuple[str, ...]:
        """Every text that says again what stands above ``column``."""
        return self.options[column] if column < len(self.options) else (self.headers[column],)

    @property
    def data_from(self) -> int:
        """The first row of data, counted from 0."""
        return self.row + self.span

    def column(self, header: str) -> int | None:
        """The column under ``header``, without regard to case, accents, spaces and punctuation."""
        wanted = header.strip()
        for at, name in enumerate(self.headers):
            if name == wanted:
                return at
        plain = compact(wanted)
        if not plain:
            return None
        for at, name in enumerate(self.headers):
            if compact(name) == plain:
                return at
        return next((at for at, texts in enumerate(self.options) if plain in map(compact, texts)), None)

    def lacks(self, spec: SourceSpec, given: Collection[str] = ()) -> list[tuple[str, ...]]:
        """Groups of required fields of which none was found or ``given`` by the settings."""
        return [group for group in spec.required if not any(name in self.matches or name in given for name in group)]


@lru_cache(maxsize=8192)
def words(text: str) -> str:
    """A header as plain words in lower case.

    >>> words("_CustomerID"), words("Raison  Sociale*"), words("Qté.")
    ('customer id', 'raison sociale', 'qte')
    """
    text = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", text)
    text = unicodedata.normalize("NFKD", text.casefold())
    text = "".join(c for c in text if not unicodedata.combining(c))
    return " ".join(re.sub(r"[\W_]+", " ", text).split())


@lru_cache(maxsize=8192)
def compact(text: str) -> str:
    """A header as lower-case letters and digits only."""
    return words(text).replace(" ", "")


def measure_year(text: str) -> tuple[str, int] | None:
    """What a yearly total's name says.

    >>> measure_year("GP24"), measure_year("Revenue 2023"), measure_year("FY22 Sales"), measure_year("Revenue")
    (('gross_profit', 2024), ('revenue', 2023), ('revenue', 2022), None)
    """
    plain = words(text)
    if found := _MEASURE_YEAR.match(plain):
        name, year = found[1], found[2]
    elif found := _YEAR_MEASURE.match(plain):
        name, year = found[2], found[1]
    else:
        return None
    measure = "gross_profit" if name.startswith(("gp", "gross", "margin")) else "revenue"
    return measure, 2000 + int(year) if int(year) < 80 else 1900 + int(year)


def match_columns(names: Sequence[Sequence[str]], spec: SourceSpec, close: float) -> dict[str, Match]:
    """Which column holds which field of ``spec``.

    ``names`` gives each column's possible headers, the one to show last. An exact name beats a synonym, an earlier
    synonym a later one, and any of these a close spelling; a column serves one field.
    """
    candidates: list[tuple[float, int, int, str, Match]] = []
    for at, options in enumerate(names):
        for option in options:
            plain = compact(option)
            if not plain or measure_year(option):
                continue
            for order, item in enumerate(spec.fields):
                rank, how = _rank(plain, item)
                if rank is not None:
                    candidates.append((rank, order, at, item.name, Match(at, options[-1], how)))
    found: dict[str, Match] = {}
    taken: set[int] = set()
    _assign(candidates, found, taken)
    if close > 100:
        return found
    spellings = []
    for at, options in enumerate(names):
        for option in options if at not in taken else ():
            plain = compact(option)
            if not 5 <= len(plain) <= 40 or measure_year(option):
                continue
            for order, item in enumerate(spec.fields):
                likeness = 0.0 if item.name in found else _likeness(plain, item)
                if likeness >= close:
                    spellings.append((-likeness, order, at, item.name, Match(at, options[-1], "close spelling")))
    _assign(spellings, found, taken)
    return found


def _assign(candidates: list[tuple[float, int, int, str, Match]], found: dict[str, Match], taken: set[int]) -> None:
    for _, _, at, name, match in sorted(candidates, key=lambda item: item[:4]):
        if at not in taken and name not in found:
            found[name] = match
            taken.add(at)


def _rank(plain: str, item: Field) -> tuple[float | None, str]:
    spellings = _spellings(item)
    if plain in spellings[:2]:
        return 0.0, "exact"
    if plain in spellings:
        return 1.0 + spellings.index(plain), "synonym"
    return None, ""


@lru_cache(maxsize=512)
def _spellings(item: Field) -> tuple[str, ...]:
    return tuple(compact(name) for name in (item.name, item.label, *item.synonyms))


@lru_cache(maxsize=16384)
def _likeness(plain: str, item: Field) -> float:
    """Likeness from 0 to 100; one slip of the keyboard in a word of some length is nearly the same word."""
    best = 0.0
    digits = _digits(plain)
    for spelling in _spellings(item):
        if _digits(spelling) != digits:
            continue
        if min(len(plain), len(spelling)) >= 7 and OSA.distance(plain, spelling, score_cutoff=1) <= 1:
            return 95.0
        best = max(best, fuzz.ratio(plain, spelling))
    return best


def _digits(text: str) -> str:
    return "".join(filter(str.isdigit, text))


def find_header(
    head: Sequence[Sequence[Any]],
    spec: SourceSpec,
    *,
    named: Collection[str] = (),
    given: Collection[str] = (),
    close: float = 88.0,
    row: int | None = None,
) -> Header | None:
    """The header row among the first rows of a sheet, or ``None`` where no row looks like one.

    Args:
        head: the first rows, from the sheet's first.
        named: headers that the settings name; a row that holds them is the header.
        given: fields that the settings give, whatever their header.
        close: likeness from which a header is guessed.
        row: the header's row (counted from 0) where the settings say it.
    """
    texts = [[cell_text(cell) or "" if isinstance(cell, str) else _other(cell) for cell in line] for line in head]
    rows = range(len(texts)) if row is None else [row] if row < len(texts) else []
    candidates = [(at, span, names) for at in rows for span in (1, 2) if (names := _names(texts, at, span)) is not None]

    def score(at: int, span: int, names: list[list[str]], close: float) -> tuple[float, Header]:
        header = _scored(names, at, span, spec, named, given, close)
        # Two rows are a header together only when that tells more than either does alone.
        return header.score - (0.5 if span == 2 else 0.0), header

    # Close spellings are looked for only where a header is likely: to compare every cell would cost seconds.
    exact = [(score(*item, NEVER)[0], -number) for number, item in enumerate(candidates)]
    likely = {-number for _, number in sorted(exact, reverse=True)[:6]} | set(range(min(len(candidates), 12)))
    scored = [score(*candidates[number], close) for number in sorted(likely)]
    best = max(scored, key=lambda item: item[0], default=None)
    return best[1] if best is not None and best[1].score > 0 else None


def _other(cell: Any) -> str:
    """A header that is a number, such as a year, is kept; a date is no header."""
    return cell_text(cell) or "" if isinstance(cell, int | float) and not isinstance(cell, bool) else ""


def _names(texts: Sequence[Sequence[str]], at: int, span: int) -> list[list[str]] | None:
    line = texts[at]
    if span == 1:
        return [[name] for name in line] if any(line) else None
    if at + 1 >= len(texts):
        return None
    below = texts[at + 1]
    width = max(len(line), len(below))
    upper, lower = ([*row, *[""] * (width - len(row))] for row in (line, below))
    if sum(map(bool, upper)) < 2 or sum(map(bool, lower)) < 2:
        return None
    names, group = [], ""
    for over, under in zip(upper, lower, strict=True):
        group = over or (group if under else "")
        names.append([under, f"{group} {under}"] if under and group else [under or over])
    return names


def _scored(
    names: list[list[str]],
    at: int,
    span: int,
    spec: SourceSpec,
    named: Collection[str],
    given: Collection[str],
    close: float,
) -> Header:
    matches = match_columns(names, spec, close)
    plain = {compact(option) for options in names for option in options}
    score = sum(POINTS[match.how] for match in matches.values())
    score += sum(POINTS["setting"] for name in named if compact(name) in plain)
    # The lower row's texts are what people call the columns, unless the same text stands under two groups.
    under = [options[0] for options in names]
    shown = tuple(texts[0] if under.count(texts[0]) == 1 else texts[-1] for texts in names)
    matches = {name: Match(match.column, shown[match.column], match.how) for name, match in matches.items()}
    options = tuple(map(tuple, names))
    header = Header(at, span, shown, matches, score, options)
    score += 4.0 * (len(spec.required) - len(header.lacks(spec, given))) if score else 0.0
    # A row of data may hold a word that is a header elsewhere; it also holds figures, and a header seldom does.
    cells = [options[-1] for options in names if options[-1]]
    figures = sum(
        1 for cell in cells if re.fullmatch(r"[-+$€£]?[\d.,]+%?", cell) and not re.fullmatch(r"(19|20)\d\d", cell)
    )
    score -= 3.0 * figures
    return Header(at, span, shown, matches, score, options)

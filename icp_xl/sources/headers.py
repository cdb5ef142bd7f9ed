"""Find the header row of a sheet, and which of its columns is which field."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from icp_xl.sources.cells import cell_text
from icp_xl.sources.evidence import contradiction, supported
from icp_xl.sources.fields import ACCOUNT_ID, Field, SourceSpec
from icp_xl.sources.numbers import parse_number
from icp_xl.sources.vocabulary import Vocabulary, tokens, vocabulary

#: How many rows from the top a header may be below titles, logos and notes.
SEARCH_ROWS = 60
#: How many rows of data below a header are looked at to judge it.
SAMPLE_ROWS = 40
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
    remarks: tuple[str, ...] = ()
    evidence: dict[str, Match] = field(default_factory=dict)

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
        if letters := re.fullmatch(r"column ([A-Z]{1,3})", wanted, re.I):
            at = -1
            for letter in letters[1].upper():
                at = (at + 1) * 26 + ord(letter) - 65
            return at if wanted not in self.headers else self.headers.index(wanted)
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
    return " ".join(word for word in tokens(text) if word not in ("%", "#"))


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


def match_columns(
    names: Sequence[Sequence[str]],
    spec: SourceSpec,
    close: float,
    samples: Sequence[Sequence[Any]] = (),
    known: Vocabulary | None = None,
    *,
    fields: Sequence[Field] | None = None,
    taken: Collection[int] = (),
) -> tuple[dict[str, Match], tuple[str, ...]]:
    """Which column holds which field of ``spec``, and remarks on columns that their values keep from being taken.

    An exact name beats a synonym, a better synonym a worse one, and any of these a close spelling; values may
    contradict any of them. A column serves one field.

    Args:
        names: each column's possible headers, the one to show last.
        spec: of the source.
        close: likeness from which a spelling counts as meant, 0 to 100.
        samples: the first rows of data.
        known: words for fields; by default the built-in ones.
        fields: those looked for; by default the spec's, without evidence.
        taken: columns to leave alone, counted from 0.
    """
    known = known or vocabulary()
    fields = spec.fields if fields is None else fields
    found: dict[str, Match] = {}
    remarks: list[str] = []
    fixed, barred = _system(names, spec, known)
    taken = set(taken) | set(fixed.values()) | barred
    found.update({name: Match(at, names[at][-1], "synonym") for name, at in fixed.items()})
    candidates: list[tuple[float, int, int, str, Match]] = []
    own_names = {compact(text) for item in fields for text in (item.name, item.label)}
    for at, options in enumerate(names):
        for option in options if at not in taken else ():
            if not compact(option) or measure_year(option):
                continue
            if compact(option) not in own_names and not known.understands(option, close):
                continue
            cells = [row[at] for row in samples if at < len(row)]
            for order, item in enumerate(fields):
                rank, how = _rank(option, item, spec, known, cells, close)
                if rank is None:
                    continue
                against = contradiction(item, cells)
                if against and against.certain:
                    remarks.append(f"{options[-1]} {against.why} and is not taken for {item.label.lower()}")
                    continue
                rank += 500.0 if against else 0.0
                candidates.append((rank, order, at, item.name, Match(at, options[-1], how)))
    _assign(candidates, found, taken)
    if any(item.name == "account_id" for item in fields):
        _key_beside_name(names, found, taken, known, samples)
    remarks += _shares(names, spec, found, known)
    remarks += _by_price(names, found, taken, known, samples)
    remarks += _less_tax(names, found, taken, known, samples)
    return found, tuple(dict.fromkeys(remarks))


def _system(names: Sequence[Sequence[str]], spec: SourceSpec, known: Vocabulary) -> tuple[dict[str, int], set[int]]:
    """Columns that a known system's export fixes, and those that it says are none of ours."""
    plain = ["".join(tokens(options[0])) for options in names]
    for system in known.systems:
        if spec.name in system and {"".join(tokens(text)) for text in system.get("when", ())} <= set(plain):
            at = {header: plain.index("".join(tokens(header))) for header in system[spec.name]
                  if "".join(tokens(header)) in plain}  # fmt: skip
            own = {header: column for header, column in system[spec.name].items() if header in at}
            fixed: dict[str, int] = {}
            for header, column in own.items():
                # A billing name, say, serves only where the export has no company.
                if column != "none" and spec.field(column) and column not in fixed:
                    fixed[column] = at[header]
            return fixed, {at[header] for header, column in own.items() if column == "none"}
    return {}, set()


def _key_beside_name(
    names: Sequence[Sequence[str]],
    found: dict[str, Match],
    taken: set[int],
    known: Vocabulary,
    samples: Sequence[Sequence[Any]],
) -> None:
    """Take *Customer* for the account's id where *Customer Name* stands beside it and no other column is the id."""
    name = found.get("account_name")
    if name is None or "account_id" in found:
        return
    words = set(tokens(name.header))
    for at, options in enumerate(names):
        own = set(tokens(options[-1]))
        ideas = [reading.ideas for reading in known.readings(options[-1])]
        if at not in taken and own and own < words and frozenset({"account"}) in ideas:
            cells = [row[at] for row in samples if at < len(row)]
            if contradiction(ACCOUNT_ID, cells) is None:
                found["account_id"] = Match(at, options[-1], "synonym")
                taken.add(at)
                return


def _by_price(
    names: Sequence[Sequence[str]],
    found: dict[str, Match],
    taken: set[int],
    known: Vocabulary,
    samples: Sequence[Sequence[Any]],
) -> list[str]:
    """Take the product for the revenue where the column taken for it times a price is another column: *Amount* is then
    a quantity."""
    if "revenue" not in found or not samples:
        return []
    at = found["revenue"].column
    prices = [place for place, options in enumerate(names) if "price" in known.known(options[-1]) and place != at]
    if not prices:
        return []
    figures = _figures(samples, len(names))
    for price in prices:
        for total in [place for place in range(len(names)) if place not in (at, price) and place not in taken]:
            rows = _known_rows(figures[at], figures[price], figures[total])
            if (
                len(rows) >= 3
                and any(abs(b) not in (0, 1) for _, b, _ in rows)
                and all(abs(a * b - c) <= 0.011 + 0.001 * abs(c) for a, b, c in rows)
            ):
                amount, price_header = found["revenue"], names[price][-1]
                found["revenue"] = Match(total, names[total][-1], "synonym")
                taken.add(total)
                found.setdefault("quantity", amount)
                return [f"{amount.header} times {price_header} is {names[total][-1]}, so {amount.header} is a quantity"]
    return []


def _figures(samples: Sequence[Sequence[Any]], width: int) -> list[list[float | None]]:
    """The numbers of each column's first cells."""
    columns = [[row[place] if place < len(row) else None for row in samples] for place in range(width)]
    return [
        [cell if isinstance(cell, int | float) else parse_number(str(cell or "")) for cell in column]
        for column in columns
    ]


def _known_rows(*columns: Sequence[float | None]) -> list[tuple[float, ...]]:
    """Rows of which every column's number is known."""
    rows = (tuple(cell for cell in row if cell is not None) for row in zip(*columns, strict=True))
    return [row for row in rows if len(row) == len(columns)]


def _less_tax(
    names: Sequence[Sequence[str]],
    found: dict[str, Match],
    taken: set[int],
    known: Vocabulary,
    samples: Sequence[Sequence[Any]],
) -> list[str]:
    """Take the net amount for the revenue where the column taken for it is another one and a tax together."""
    if "revenue" not in found or len(samples) < 2:
        return []
    at = found["revenue"].column
    said = [{idea for reading in known.readings(options[-1]) for idea in reading.ideas} for options in names]
    taxes = [place for place, ideas in enumerate(said) if place != at and "tax" in ideas]
    if not taxes or "net" in said[at]:
        return []
    figures = _figures(samples, len(names))
    for tax in taxes:
        for net in [place for place in range(len(names)) if place not in (at, tax) and place not in taken]:
            rows = _known_rows(figures[at], figures[net], figures[tax])
            if sum(c != 0 for _, _, c in rows) >= 2 and all(abs(a - b - c) <= 0.011 for a, b, c in rows):
                gross, called = found["revenue"].header, names[net][-1]
                found["revenue"] = Match(net, called, "synonym")
                taken.add(net)
                return [f"{gross} is {called} and {names[tax][-1]} together, so {called} is the revenue"]
    return []


def _shares(names: Sequence[Sequence[str]], spec: SourceSpec, found: dict[str, Match], known: Vocabulary) -> list[str]:
    """Remarks on percentages of a figure that is missing itself."""
    told = []
    for item in spec.fields:
        if item.kind != "number" or item.name in found:
            continue
        patterns = known.patterns_of(spec.name, item.name)
        for options in names:
            for reading in known.readings(options[-1]):
                if "percent" in reading.ideas and reading.ideas - {"percent"} in patterns:
                    told.append(
                        f"{options[-1]} holds percentages and is not taken for {item.label.lower()}; "
                        f"to compute it, give columns.{spec.name}.{item.name} as a product with [{options[-1]}]"
                    )
                    break
    return told


def _assign(candidates: list[tuple[float, int, int, str, Match]], found: dict[str, Match], taken: set[int]) -> None:
    for _, _, at, name, match in sorted(candidates, key=lambda item: item[:4]):
        if at not in taken and name not in found:
            found[name] = match
            taken.add(at)


def _rank(
    option: str, item: Field, spec: SourceSpec, known: Vocabulary, cells: Sequence[Any], close: float
) -> tuple[float | None, str]:
    if "%" not in option and compact(option) in (compact(item.name), compact(item.label)):
        return 0.0, "exact"
    rank = known.rank(spec.name, item.name, option, close)
    if rank is not None:
        return (1000.0 + rank[0], "close spelling") if rank[1] else (1.0 + rank[0], "synonym")
    doubtful = known.doubtful_rank(item.name, option)
    if doubtful is not None and supported(item, cells, known.values.get(item.name, ())):
        return 1.0 + doubtful, "synonym"
    return None, ""


def find_header(
    head: Sequence[Sequence[Any]],
    spec: SourceSpec,
    *,
    named: Collection[str] = (),
    given: Collection[str] = (),
    close: float = 88.0,
    row: int | None = None,
    known: Vocabulary | None = None,
) -> Header | None:
    """The header row among the first rows of a sheet, or ``None`` where no row looks like one.

    Args:
        head: the first rows, from the sheet's first.
        named: headers that the settings name; a row that holds them is the header.
        given: fields that the settings give, whatever their header.
        close: likeness from which a header is guessed.
        row: the header's row (counted from 0) where the settings say it.
        known: the vocabulary of headers; by default the package's own.
    """
    texts = [[cell_text(cell) or "" if isinstance(cell, str) else _other(cell) for cell in line] for line in head]
    rows = range(len(texts)) if row is None else [row] if row < len(texts) else []
    candidates = [(at, span, names) for at in rows for span in (1, 2) if (names := _names(texts, at, span)) is not None]

    def samples(first: int) -> Sequence[Sequence[Any]]:
        rows = head[first : first + SAMPLE_ROWS]
        # What stands below a blank row may be another table, and must not speak against the first.
        blank = next(
            (at for at, line in enumerate(rows) if at and not any(cell not in (None, "") for cell in line)), None
        )
        return rows[:blank]

    def score(at: int, span: int, names: list[list[str]], close: float) -> tuple[float, Header]:
        found = match_columns(names, spec, close, samples(at + span), known)
        header = _scored(names, at, span, spec, named, given, found)
        # Two rows are a header together only when that tells more than either does alone.
        return header.score - (0.5 if span == 2 else 0.0), header

    # Close spellings are looked for only where a header is likely: to compare every cell would cost seconds.
    exact = [(score(*item, NEVER)[0], -number) for number, item in enumerate(candidates)]
    likely = {-number for _, number in sorted(exact, reverse=True)[:6]} | set(range(min(len(candidates), 12)))
    scored = [score(*candidates[number], close) for number in sorted(likely)]
    best = max(scored, key=lambda item: item[0], default=None)
    if best is None or best[1].score <= 0:
        return None
    header = best[1]
    used = {match.column for match in header.matches.values()}
    rest = samples(header.data_from)
    more, _ = match_columns(header.options, spec, NEVER, rest, known, fields=spec.evidence, taken=used)
    return replace(header, evidence=more)


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
    found: tuple[dict[str, Match], tuple[str, ...]],
) -> Header:
    matches, remarks = found
    plain = {compact(option) for options in names for option in options}
    score = sum(POINTS[match.how] for match in matches.values())
    score += sum(POINTS["setting"] for name in named if compact(name) in plain)
    # The lower row's texts are what people call the columns, unless the same text stands under two groups.
    under = [options[0] for options in names]
    shown = tuple(texts[0] if under.count(texts[0]) == 1 else texts[-1] for texts in names)
    matches = {name: Match(match.column, shown[match.column], match.how) for name, match in matches.items()}
    options = tuple(map(tuple, names))
    header = Header(at, span, shown, matches, score, options, remarks)
    score += 4.0 * (len(spec.required) - len(header.lacks(spec, given))) if score else 0.0
    # A row of data may hold a word that is a header elsewhere; it also holds figures, and a header seldom does.
    cells = [options[-1] for options in names if options[-1]]
    figures = sum(
        1 for cell in cells if re.fullmatch(r"[-+$€£]?[\d.,]+%?", cell) and not re.fullmatch(r"(19|20)\d\d", cell)
    )
    score -= 3.0 * figures
    return Header(at, span, shown, matches, score, options, remarks)

"""Reports laid out as tables: months across the columns, headings over groups, all in one column, no header row.

A sheet that has its columns is read as it stands; only where it lacks some is it looked at here. What is made of it is
a book again, of rows in memory, which remembers the row of the file that each of its rows comes from.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from icp_xl.config.sources import SourceSettings
from icp_xl.sources.book import Book, Row, SheetInfo
from icp_xl.sources.cells import cell_text
from icp_xl.sources.dates import read_date
from icp_xl.sources.fields import SourceSpec
from icp_xl.sources.headers import SEARCH_ROWS, measure_year, words
from icp_xl.sources.numbers import parse_number
from icp_xl.sources.rows import LAID_OUT
from icp_xl.sources.total_words import total_kind
from icp_xl.sources.vocabulary import Vocabulary

_YEAR = re.compile(r"^(?:fy|cy|year|jahr|an|ano|año)?\s*((?:19|20)\d{2})$", re.I)
LETTERS = re.compile(r"^column ([A-Z]{1,3})$", re.I)


@dataclass
class Shaped(Book):
    """A book whose sheets were laid out anew."""

    tables: dict[str, list[list[Any]]] = field(default_factory=dict)
    lines: dict[str, list[int]] = field(default_factory=dict)

    def rows(self, sheet: str) -> Iterator[Row]:
        return iter(self.tables[sheet])

    def numbers(self, sheet: str) -> Sequence[int] | None:
        return self.lines[sheet]


@dataclass
class _RelaidTable:
    """Rows laid out anew, the row of the file that each comes from (counted from 1), and what is to be said."""

    rows: list[list[Any]]
    lines: list[int]
    remark: str


def reshaped(
    book: Book, spec: SourceSpec, chosen: SourceSettings, named: Collection[str], known: Vocabulary
) -> Iterator[Book]:
    """The book with its sheets laid out as tables, in each way that fits.

    Args:
        book: as it is.
        spec: of the source.
        chosen: its settings.
        named: headers that the settings name.
        known: words for fields.
    """
    ways: list[Callable[[list[list[Any]]], _RelaidTable | None]] = [_split_column, lambda rows: _lettered(rows, named)]
    if spec.name == "sales":
        ways += [lambda rows: _unpivoted(rows, known)] if chosen.unpivot == "auto" else []
        ways.append(lambda rows: _headed(rows, known))
    sheets = [sheet for sheet in book.sheets if sheet.visible]
    for way in ways:
        tables, lines, remarks = {}, {}, list(book.remarks)
        for sheet in sheets:
            rows = [list(row) for row in book.head(sheet.name, LAID_OUT + 1)]
            if not rows or len(rows) > LAID_OUT:
                continue
            found = way(rows)
            if found is not None:
                tables[sheet.name], lines[sheet.name] = found.rows, found.lines
                remarks.append(f"{spec.title}: {book.name}, sheet {sheet.name}: {found.remark}")
        if tables:
            infos = [SheetInfo(name) for name in tables]
            yield Shaped(book.name, infos, book.date1904, remarks, book.delimiter, tables, lines)


def _filled(row: Sequence[Any]) -> list[int]:
    return [at for at, cell in enumerate(row) if cell is not None and not (isinstance(cell, str) and not cell.strip())]


def _split_column(rows: list[list[Any]]) -> _RelaidTable | None:
    """A CSV that was pasted into one column."""
    filled = [row for row in rows if _filled(row)]
    if len(filled) < 2 or any(_filled(row) != [0] or not isinstance(row[0], str) for row in filled):
        return None
    for mark in ";\t|,":
        counts = [row[0].count(mark) for row in filled]
        if min(counts) >= 1 and max(counts) == counts[0]:
            texts = [str(row[0]) if row and row[0] is not None else "" for row in rows]
            parts = [next(csv.reader([text], delimiter=mark), []) for text in texts]
            told = {"\t": "tabs", ";": "semicolons", ",": "commas", "|": "bars"}[mark]
            remark = f"everything stands in one column with {told} between; it is parted there (Excel: Text to Columns)"
            return _RelaidTable([list(part) for part in parts], list(range(1, len(rows) + 1)), remark)
    return None


def _lettered(rows: list[list[Any]], named: Collection[str]) -> _RelaidTable | None:
    """A sheet without a header row, whose columns the settings name by letter."""
    if not named or not all(LETTERS.match(name.strip()) for name in named):
        return None
    width = max(map(len, rows))
    header = [f"column {_letter(at)}" for at in range(width)]
    remark = "no row names the columns; they are taken by letter"
    return _RelaidTable([header, *rows], [0, *range(1, len(rows) + 1)], remark)


def _letter(at: int) -> str:
    text = ""
    at += 1
    while at:
        at, rest = divmod(at - 1, 26)
        text = chr(65 + rest) + text
    return text


def _period(cell: Any) -> datetime | None:
    """The month, quarter or year that a header names."""
    if isinstance(cell, datetime | date):
        return datetime(cell.year, cell.month, 1)
    if isinstance(cell, int | float) and not isinstance(cell, bool):
        return datetime(int(cell), 1, 1) if cell == int(cell) and 1990 <= cell <= 2100 else None
    if not isinstance(cell, str) or not cell.strip():
        return None
    text = " ".join(cell.split())
    if found := _YEAR.match(text):
        return datetime(int(found[1]), 1, 1)
    if told := measure_year(text):
        return datetime(told[1], 1, 1) if told[0] == "revenue" else None
    if parse_number(text) is not None:
        return None
    day = read_date(text)
    return day.day if day is not None and day.precision in ("month", "quarter") else None


def _is_revenue(text: Any, known: Vocabulary) -> float | None:
    """How well a text names revenue, 0 best; ``None`` where it does not."""
    rank = known.rank("sales", "revenue", text) if isinstance(text, str) and text.strip() else None
    return None if rank is None else rank[0]


def _revenue_of(cell: Any, known: Vocabulary) -> Any:
    """The period of a header that names revenue and a period (*Fatturato 2022*, *Sales Jan 2024*); else the header."""
    parts = cell.split() if isinstance(cell, str) else []
    for at in range(1, len(parts)):
        for measure, period in ((parts[:at], parts[at:]), (parts[at:], parts[:at])):
            if _period(" ".join(period)) is not None and _is_revenue(" ".join(measure), known) is not None:
                return _period(" ".join(period))
    return cell


@dataclass
class _PeriodHeader:
    """A header of periods as one row, where the rows below it begin, columns of other measures, what was chosen."""

    row: list[Any]
    body_from: int
    others: set[int] = field(default_factory=set)
    said: str = ""


def _one_row(rows: list[list[Any]], at: int, known: Vocabulary) -> _PeriodHeader:
    """The header in row ``at``, with what stands above or below it: years over months, measures under or over both."""
    row = [_revenue_of(cell, known) for cell in rows[at]]
    first = next((column for column, cell in enumerate(row) if _period(cell) is not None), None)
    below = rows[at + 1] if at + 1 < len(rows) else []
    if first is None:
        return _PeriodHeader(row, at + 1)
    under = {column: text for column, cell in enumerate(below) if column >= first and (text := cell_text(cell))}
    worded = under and all(isinstance(below[column], str) and parse_number(below[column]) is None for column in under)
    if worded and len(under) > 1:
        over = _filled_right(row, first, len(below))
        keys = [cell_text(cell) or (below[column] if column < len(below) else None) for column, cell in enumerate(row)]
        years = {column: _period(f"{text} {cell_text(over[column])}") for column, text in under.items()}
        if sum(day is not None for day in years.values()) > 1:
            head = [years.get(column) or under.get(column) for column in range(len(below))]
            return _PeriodHeader([*keys[:first], *head[first:]], at + 2)
        chosen, others, said = _of_revenue({column: (over[column], text) for column, text in under.items()}, known)
        head = [over[column] if column in chosen else None for column in range(len(below))]
        return _PeriodHeader([*keys[:first], *head[first:]], at + 2, others, said)
    if at and len({str(cell) for cell in row[first:] if cell_text(cell)}) < sum(
        bool(cell_text(cell)) for cell in row[first:]
    ):
        over = _filled_right(rows[at - 1], 0, len(row))
        named = {column: (row[column], over[column]) for column in range(first, len(row)) if _period(row[column])}
        chosen, others, said = _of_revenue(named, known)
        if chosen:
            return _PeriodHeader(
                [None if column in others else cell for column, cell in enumerate(row)], at + 1, others, said
            )
    return _PeriodHeader(row, at + 1)


def _filled_right(row: Sequence[Any], first: int, width: int) -> list[Any]:
    """A row in which a blank stands for what is left of it, as under merged cells."""
    out: list[Any] = [*row[:width], *[None] * (width - len(row))]
    for column in range(first + 1, width):
        if not cell_text(out[column]) and not isinstance(out[column], date):
            out[column] = out[column - 1]
    return out


def _of_revenue(named: Mapping[int, tuple[Any, Any]], known: Vocabulary) -> tuple[set[int], set[int], str]:
    """Of columns of a period and a measure those of revenue, the best of each period; the others; what to say of it."""
    best: dict[str, tuple[float, int]] = {}
    for column, (period, measure) in named.items():
        rank = _is_revenue(measure, known)
        if rank is not None and (str(period) not in best or rank < best[str(period)][0]):
            best[str(period)] = rank, column
    chosen = {column for _, column in best.values()}
    others = set(named) - chosen
    taken = ", ".join(dict.fromkeys(str(named[column][1]) for column in sorted(chosen)))
    left = ", ".join(dict.fromkeys(str(named[column][1]) for column in sorted(others)))
    return chosen, others, f"; of each period {taken} is read, and {left} left out" if left else ""


def _unpivoted(rows: list[list[Any]], known: Vocabulary) -> _RelaidTable | None:
    """Months, quarters or years across the columns: one line per row and period."""
    for at in range(min(len(rows), SEARCH_ROWS)):
        header = _one_row(rows, at, known)
        row = header.row
        periods = {column: day for column, cell in enumerate(row) if (day := _period(cell)) is not None}
        if len(periods) < 2:
            continue
        body = rows[header.body_from :]
        days = list(periods.values())
        single = {column for column, day in periods.items() if days.count(day) == 1}
        sums = _sum_columns(row, body, min(periods), single)
        periods = {column: day for column, day in periods.items() if column not in sums}
        if len(periods) < 2 or len(set(periods.values())) != len(periods):
            continue
        first, last = min(periods), max(periods)
        keys = [
            column for column, cell in enumerate(row) if column not in periods and cell_text(cell) and column < first
        ]
        between = set(range(first, last + 1)) - set(periods) - sums - header.others
        if not keys or any(cell_text(row[column]) for column in between):
            continue
        # Figures below no header at all are nobody knows what.
        if any(_figure(line[column]) for line in body for column in between if column < len(line)):
            continue
        lines: list[int] = []
        out: list[list[Any]] = [[*(row[column] for column in keys), "Date", "Revenue"]]
        lines.append(at + 1)
        skipped = _sum_rows(body, list(periods))
        for number, line in enumerate(body, start=header.body_from + 1):
            texts = [line[column] if column < len(line) else None for column in keys]
            if not any(cell_text(cell) for cell in texts if cell is not None):
                continue
            if number - header.body_from - 1 in skipped or (
                any(isinstance(cell, str) and total_kind(cell) for cell in texts)
                and sum(bool(cell_text(cell)) for cell in texts if cell is not None) == 1
            ):
                continue
            for column, day in periods.items():
                cell = line[column] if column < len(line) else None
                if cell is None or (isinstance(cell, str) and not cell.strip()) or cell == 0:
                    continue
                out.append([*texts, day, cell])
                lines.append(number)
        names = [_shown(rows[at], row, column) for column in (first, last)]
        kind = (
            "years"
            if all(day.month == 1 for day in periods.values())
            and len({d.year for d in periods.values()}) == len(periods)
            else "months"
        )
        remark = (
            f"the {kind} stand in columns ({names[0]} … {names[1]}); each cell is read as a line of revenue dated the "
            "first day of its period (to leave that: sources.sales.unpivot: never)"
        )
        remark += header.said
        named = [_shown(rows[at], row, column) for column in sorted(sums)]
        if named:
            remark += f"; {', '.join(named)} hold sums of these and are left out"
        if skipped:
            remark += f"; {len(skipped):,} rows are sums of the rows above and are left out"
        return _RelaidTable(out, lines, remark)
    return None


def _shown(written: Sequence[Any], row: Sequence[Any], column: int) -> str:
    """A header as the file has it, where it stands in one row."""
    cell = written[column] if column < len(written) and cell_text(written[column]) else row[column]
    return str(cell)[:10] if isinstance(cell, date) else str(cell_text(cell))


def _sum_columns(header: Sequence[Any], body: list[list[Any]], first: int, never: Collection[int]) -> set[int]:
    """Columns from ``first`` on that are, row by row, the sum of the columns since the last such, or of all before.

    Those of ``never`` are periods that no other column names.
    """
    found: set[int] = set()
    start = first
    figures = [
        [_figure(line[column] if column < len(line) else None) for column in range(len(header))] for line in body
    ]
    for column in range(first + 1, len(header)):
        if column in never or not (cell_text(header[column]) or isinstance(header[column], datetime | date)):
            continue
        since = [at for at in range(start, column) if at not in found]
        every = [at for at in range(first, column) if at not in found]
        for parts in (since, every):
            held = [(line[column], sum(line[at] for at in parts)) for line in figures if line[column]]
            if len(parts) >= 2 and len(held) >= 2 and all(_equal(total, of) for total, of in held):
                found.add(column)
                start = column + 1
                break
    return found


def _sum_rows(body: list[list[Any]], columns: list[int]) -> set[int]:
    """Rows that are, in every period, the sum of the rows since the last such, or of all rows above."""
    found: set[int] = set()
    block, whole = [0.0] * len(columns), [0.0] * len(columns)
    count = 0
    for at, line in enumerate(body):
        figures = [_figure(line[column] if column < len(line) else None) for column in columns]
        if not any(figures):
            continue
        if sum(map(bool, figures)) >= 2 and any(
            number >= 2 and all(_equal(figure, of) for figure, of in zip(figures, total, strict=True))
            for total, number in ((block, count), (whole, at - len(found)))
        ):
            found.add(at)
            block, count = [0.0] * len(columns), 0
            continue
        block = [a + b for a, b in zip(block, figures, strict=True)]
        whole = [a + b for a, b in zip(whole, figures, strict=True)]
        count += 1
    return found


def _figure(cell: Any) -> float:
    if isinstance(cell, int | float) and not isinstance(cell, bool):
        return float(cell)
    return (parse_number(cell) or 0.0) if isinstance(cell, str) else 0.0


def _equal(total: float, of: float) -> bool:
    return abs(total - of) <= 0.011 + 1e-9 * abs(of)


def _headed(rows: list[list[Any]], known: Vocabulary) -> _RelaidTable | None:
    """The account stands in a row of its own above its lines."""
    best = max(range(min(len(rows), SEARCH_ROWS)), key=lambda at: _header_points(rows[at]), default=None)
    if best is None or _header_points(rows[best]) < 3:
        return None
    header = rows[best]
    named_so = [text for text in header if isinstance(text, str) and text.strip()]
    if any(known.rank("sales", name, text) for text in named_so for name in ("account_id", "account_name")):
        return None
    out: list[list[Any]] = [["Customer", *header]]
    lines = [best + 1]
    account: str | None = None
    groups = 0
    named = set(_filled(header))
    for number, row in enumerate(rows[best + 1 :], start=best + 2):
        filled = _filled(row)
        alone = row[filled[0]] if len(filled) == 1 else None
        if isinstance(alone, str) and not total_kind(alone) and parse_number(alone) is None and filled[0] <= 1:
            account, groups = " ".join(alone.split()), groups + 1
            continue
        if not filled or any(isinstance(row[at], str) and total_kind(row[at]) for at in filled[:2]):
            continue
        if len(set(filled) & named) < 2:
            continue
        out.append([account, *row])
        lines.append(number)
    if not groups or len(out) < 2 or all(row[0] is None for row in out[1:]):
        return None
    remark = f"the customer stands in a row of its own above its lines; {groups:,} such headings are filled down"
    return _RelaidTable(out, lines, remark)


def _header_points(row: Sequence[Any]) -> int:
    texts = [cell for cell in row if isinstance(cell, str) and cell.strip()]
    if any(isinstance(cell, int | float) for cell in row) or any(parse_number(text) is not None for text in texts):
        return 0
    return len({words(text) for text in texts})

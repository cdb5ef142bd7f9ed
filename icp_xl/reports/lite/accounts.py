"""The accounts on a sheet: this file is the fourth part of the script that is written."""

import unicodedata
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from icp_xl.reports.lite.cells import shown
from icp_xl.reports.lite.ownership import digest, row_key
from icp_xl.reports.lite.scorer import Scorer

#: What stands for the digest of a cell with a formula.
FORMULA = "formula"
#: What a text says of a total.
BARE, PARTLY = "total", "total of a part"
#: Beyond the sums that are looked at; and how many earlier rows of sums a later one may begin after.
MOST_SUMMED, MOST_STARTS = 1e300, 200


class CannotScore(Exception):
    """Nothing was scored; the text says why, and what to do."""


@dataclass(frozen=True)
class AccountList:
    """A row of headers that has all facts, and what is below: rows and columns from 0, columns by what they hold."""

    name: str
    header: int
    rows: Sequence[int]
    wide: range
    columns: dict[str, list[int]]


@dataclass(frozen=True)
class ScoredSheet:
    """The accounts on a sheet: their header row, their rows, and columns from 0 by what they hold."""

    sheet: Any
    cells: list[list[Any]]
    header: int
    rows: Sequence[int]
    columns: dict[str, int]
    facts: Sequence[str]
    notes: Sequence[str] = ()
    beside: Sequence[AccountList] = ()

    def keys(self, of: AccountList | None = None) -> list[str]:
        """The digest of each account's facts, here or in a list beside it."""
        rows = self.rows if of is None else of.rows
        at = [self.columns[name] if of is None else of.columns[name][0] for name in self.facts]
        return [row_key([self.cells[row][each] for each in at]) for row in rows]

    async def marks(self, at: int) -> list[str]:
        """The digests of the cells of a column, header first; that of a formula is none that was written."""
        area = self.sheet.range((self.header + 1, at + 1), (self.rows[-1] + 1, at + 1))
        formulas = [str(row[0]).startswith("=") for row in await area.options(ndim=2).get_formula()]
        return [
            FORMULA if formulas[row - self.header] else digest(self.cells[row][at]) for row in (self.header, *self.rows)
        ]

    def blocks(self) -> Iterator[tuple[int, int]]:
        """Rows without others in between: where each begins in ``rows``, and how many there are."""
        start = 0
        for i in range(1, len(self.rows) + 1):
            if i == len(self.rows) or self.rows[i] != self.rows[i - 1] + 1:
                yield start, i - start
                start = i


def find_accounts(book: Any, sheet: Any, model: Scorer) -> ScoredSheet:
    """The accounts on a sheet: those where the cursor is, else of the first table, else below the first row of headers.

    Raises:
        CannotScore: a fact has no column, or two.
    """
    used = sheet.used_range
    cells = values_of(sheet.range((1, 1), (used.row + used.shape[0] - 1, used.column + used.shape[1] - 1)))
    while len(cells) > 1 and all(cell is None for cell in cells[-1]):
        cells.pop()
    lists, best = account_lists(sheet, cells, model)
    filled = [each for each in lists if each.rows]
    if not filled:
        lacking = ", ".join(best) or "rows below the headers"
        raise CannotScore(
            f"{sheet.name} lacks {lacking}. The accounts need a row of headers with "
            f"{', '.join(fact.label for fact in model.facts)}, in any order, and a row for each account below."
        )
    row, column = cursor(book)
    chosen = next((each for each in filled if column in each.wide and (row == each.header or row in each.rows)),
                  filled[0])  # fmt: skip
    twice = [fact.label for fact in model.facts if len(chosen.columns[fact.name]) > 1]
    if twice:
        raise CannotScore(f"Two columns are headed {' and two '.join(twice)}. Rename one of them and run again.")
    columns = {name: found[0] for name, found in chosen.columns.items() if len(found) == 1}
    notes = [f"Not scored: {each.name}. Go into it and run again." for each in filled if each is not chosen]
    facts = [fact.name for fact in model.facts]
    totals = total_rows(cells, chosen, model)
    if totals:
        said = ", ".join(
            f"row {row + 1}{f' ({shown(text)})' if text else ''}" for row, text in list(totals.items())[:5]
        )
        more = f" and {len(totals) - 5:,} more" if len(totals) > 5 else ""
        notes.append(f"Taken for totals of rows above, and left alone: {said}{more}.")
    outside = rows_below(cells, chosen, {each.header for each in lists}, model)
    if outside:
        what = f"{len(outside):,} rows from row {outside[0] + 1} on, which are below {chosen.name} and not in it"
        notes.append(f"Not scored: {what}. Take them into it and run again.")
    rows = [row for row in chosen.rows if row not in totals]
    beside = [each for each in filled if each is not chosen and each.header == chosen.header]
    return ScoredSheet(sheet, cells, chosen.header, rows, columns, facts, notes, beside)


def account_lists(sheet: Any, cells: list[list[Any]], model: Scorer) -> tuple[list[AccountList], list[str]]:
    """Tables, then other rows of headers, that have all facts; and what the nearest row of headers lacks."""
    wanted = {_words(name): fact.name for fact in model.facts for name in (fact.name, fact.label)}
    extra = {_words(name): "annual_revenue" for name in ("annual_revenue", "Annual revenue")} | wanted
    best: list[str] = [fact.label for fact in model.facts]

    def columns_of(header: int, wide: range) -> dict[str, list[int]] | None:
        nonlocal best
        row = cells[header] if header < len(cells) else []
        texts = [at for at in wide if at < len(row) and isinstance(row[at], str)]
        # A row with fewer texts than the nearest has of the facts is not nearer.
        if len(texts) <= len(model.facts) - len(best) and len(texts) < len(model.facts):
            return None
        made: dict[str, list[int]] = {}
        for at in texts:
            if name := extra.get(_words(row[at])):
                made.setdefault(name, []).append(at)
        missing = [fact.label for fact in model.facts if fact.name not in made]
        best = missing if len(missing) < len(best) else best
        return None if missing else made

    lists = []
    for table in sheet.tables:
        head, body = table.header_row_range, table.data_body_range
        if head is None:
            continue
        wide = range(head.column - 1, head.column - 1 + head.shape[1])
        rows = range(body.row - 1, min(body.row - 1 + body.shape[0], len(cells))) if body is not None else range(0)
        found = columns_of(head.row - 1, wide)
        if found is not None:
            lists.append(AccountList(f"the table {table.name}", head.row - 1, rows, wide, found))
    headed = {each.header for each in lists}
    plain = [
        (row, found)
        for row in range(len(cells))
        if row not in headed and (found := columns_of(row, range(len(cells[0])))) is not None
    ]
    starts = sorted([*headed, *(row for row, _ in plain), len(cells)])
    for row, found in plain:
        stop = starts[starts.index(row) + 1]
        lists.append(
            AccountList(f"the list below row {row + 1}", row, range(row + 1, stop), range(len(cells[0])), found)
        )
    return lists, best


def cursor(book: Any) -> tuple[int, int]:
    """Row and column of the selection, from 0; of none where no cells are selected."""
    try:
        return book.selection.row - 1, book.selection.column - 1
    except Exception:
        # What is selected is a shape, or ranges apart.
        return -1, -1


def total_rows(cells: list[list[Any]], accounts: AccountList, model: Scorer) -> dict[int, str]:
    """Rows of sums among the accounts, with their first text.

    Such a row says so by a bare word and has no text facts; or its figures are the sums of rows above, since the start
    or since an earlier row of sums, and it says so by a word or has no text facts. A company may be called Total.
    """
    texts = [accounts.columns[fact.name][0] for fact in model.facts if fact.text]
    numbers = [accounts.columns[fact.name][0] for fact in model.facts if not fact.text]
    whole, count, found = [0.0] * len(numbers), 0, {}
    starts = [(whole, count)]
    for row in accounts.rows:
        said = [cell for at in accounts.wide if isinstance(cell := cells[row][at], str)]
        values = [
            # Beyond what Excel holds it is a fault of the row.
            cell if isinstance(cell, int | float) and not isinstance(cell, bool) and abs(cell) < MOST_SUMMED else 0.0
            for cell in (cells[row][at] for at in numbers)
        ]
        bare = bool(texts) and not any(
            isinstance(cell, str) and any(map(str.isalnum, cell)) and not total_words(cell, model)
            for cell in (cells[row][at] for at in texts)
        )
        words = [told for cell in said if (told := total_words(cell, model))]
        named = bare and bool(said) and total_words(said[0], model) == BARE
        if named or ((bare or words) and any(values) and any(
            _are_sums(values, whole, before, 1 if words else 2) and (count - rows > 1 or (bare and words))
            for before, rows in starts
        )):  # fmt: skip
            found[row] = said[0] if said else ""
            starts = [starts[0], *starts[1:][-MOST_STARTS:], (whole, count)]
        elif any(values):
            whole, count = [total + value for total, value in zip(whole, values, strict=True)], count + 1
    return found


def rows_below(cells: list[list[Any]], accounts: AccountList, headers: Collection[int], model: Scorer) -> list[int]:
    """Rows with facts that stand right below a table and are not in it, rows of sums apart."""
    stop = last = accounts.rows[-1] + 1
    places = [accounts.columns[fact.name][0] for fact in model.facts]
    while last < len(cells) and last not in headers and any(cells[last][at] is not None for at in places):
        last += 1
    if last == stop:
        return []
    totals = total_rows(cells, replace(accounts, rows=range(accounts.rows[0], last)), model)
    return [row for row in range(stop, last) if row not in totals]


def _are_sums(values: Sequence[float], whole: Sequence[float], before: Sequence[float], least: int) -> bool:
    """Whether at least so many numbers, and none but blanks besides, are the sums of what came after ``before``."""
    given = [each for each in zip(values, whole, before, strict=True) if each[0]]
    return len(given) >= least and all(abs(value - (end - start)) <= 1e-9 * abs(end) for value, end, start in given)


def total_words(cell: Any, model: Scorer) -> str:
    """Whether a text is no more than a word for a total, or begins or ends with one."""
    if not isinstance(cell, str) or len(cell) > 60:
        return ""
    text = unicodedata.normalize("NFKD", cell.casefold().replace("\u0142", "l"))
    kept = (mark for mark in text if not unicodedata.combining(mark) and mark not in "\"'.\u2019")
    words = "".join(mark if mark.isalnum() else " " for mark in kept).split()
    if not words or not any(model.totals.get(word) for word in (words[0], words[-1])):
        return ""
    return BARE if all(word in model.totals for word in words) else PARTLY


def values_of(area: Any) -> list[list[Any]]:
    """The cells of an area, blank ones as ``None``."""
    rows: list[list[Any]] = area.options(ndim=2, err_to_str=True).value
    return [[None if cell == "" else cell for cell in row] for row in rows]


@lru_cache(maxsize=10_000)
def _words(text: str) -> str:
    return " ".join("".join(mark if mark.isalnum() else " " for mark in text.casefold()).split())


def letters(column: int) -> str:
    """The letters of a column, counted from 0.

    >>> letters(0), letters(27)
    ('A', 'AB')
    """
    text = ""
    while column >= 0:
        text, column = chr(65 + column % 26) + text, column // 26 - 1
    return text

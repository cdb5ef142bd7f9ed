"""The scripts that work on the sheet: this file is the third part of what is written.

What the documentation of xlwings Lite says of scripts, and these hold to (lite.xlwings.org, "Scripts" and "Async API"):
they get the active workbook as ``xw.Book``; all values are read before a script starts, and what it writes is done
after it ends. So whatever is wrong is found before anything is written, and nothing that was written is read again.
Formulas cannot be read, only what they show.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from icp_xl.reports.lite.cells import LiteError, number_of, text_of
from icp_xl.reports.lite.scorer import Scorer, icp_score

WEIGHTS_SHEET, RECORD_SHEET = "ICP Weights", "ICP Written"
RECORD = "What ICP scores wrote, so that it is known again; leave it as it is."
AMONG, LAST_RUN, THIS_TABLE, DONE = "Rank among", "last run", "this table", "Last scored"
SCORE, GRADE, SEGMENT, WHY = "ICP Score", "ICP Grade", "ICP Segment", "ICP Why"
#: Before the name of a sheet in a cell, which may begin as a formula does.
_SHEET = "Sheet "
#: Rows of a sheet among which the headers are looked for.
HEADER_ROWS = 50


class CannotScore(Exception):
    """Nothing was written; the text says why, and what to do."""


@dataclass(frozen=True)
class Wish:
    """What the sheet of weights asks for."""

    weights: Sequence[float]
    scaled: bool
    here: bool


@dataclass(frozen=True)
class ScoredSheet:
    """The accounts on a sheet: their header row, the rows below, and columns from 0 by what they hold."""

    sheet: Any
    cells: list[list[Any]]
    header: int
    rows: range
    columns: dict[str, int]

    def column(self, at: int) -> list[Any]:
        """The cells of a column."""
        return [self.cells[row][at] for row in self.rows]


def score_sheet(book: Any, model: Scorer) -> list[str]:
    """Score the accounts of the active sheet in place, and say what was written.

    Raises:
        CannotScore: something is not as it must be; nothing was written.
    """
    names = {sheet.name: sheet for sheet in book.sheets}
    sheet = book.sheets.active
    if sheet.name in (WEIGHTS_SHEET, RECORD_SHEET):
        raise CannotScore(f"The sheet {sheet.name} has no accounts. Go to the sheet with your accounts and run again.")
    wish = read_wish(names.get(WEIGHTS_SHEET), model)
    records = read_records(names.get(RECORD_SHEET))
    target = find_accounts(sheet, model)
    results, notes = scored(target, model, wish)
    free = max(len(row) for row in target.cells)
    taken = {str(cell) for cell in target.cells[target.header] if cell is not None}
    lines = []
    for name, values in results.items():
        at, said, why = own_column(target, records, name)
        if at is None:
            said, number = name, 2
            while said in taken:
                said, number = f"{name} ({number})", number + 1
            at, free = free, free + 1
        taken.add(said)
        area = sheet.range((target.header + 1, at + 1), (target.rows.stop, at + 1))
        area.value = [[said], *([value] for value in values)]
        if name == SCORE:
            area.number_format = "0.0"
        records[sheet.name, said] = [value for value in values if value is not None]
        lines.append(f"{said} in column {letters(at)}{why}")
    write_records(book, names.get(RECORD_SHEET), records)
    weights = ", ".join(f"{part.name} {weight:.4g}" for part, weight in zip(model.parts, wish.weights, strict=True))
    what = f"{sum(value is not None for value in results[SCORE]):,} of {len(target.rows):,} rows of {sheet.name} scored"
    how = f"weights {weights}{', scaled to sum to 1' if wish.scaled else ''}; ranked among the accounts of "
    told = [f"{what}: {how}{THIS_TABLE if wish.here else 'the ' + LAST_RUN}.", f"Written: {'; '.join(lines)}.", *notes]
    page = names.get(WEIGHTS_SHEET) or write_weights(book, model)
    page.range((len(model.parts) + 7, 2)).value = told[0]
    return told


def scored(target: ScoredSheet, model: Scorer, wish: Wish) -> tuple[dict[str, list[Any]], list[str]]:
    """The result columns by their names, and what is to be said of rows that have none."""
    accounts: list[Any] = []
    faults: dict[int, str] = {}
    for i in target.rows:
        row = target.cells[i]
        try:
            accounts.append(model.read([row[target.columns[fact.name]] for fact in model.facts]))
        except LiteError:
            accounts.append(None)
            faults[i] = "; ".join(_faults(row, target, model))
    raws = [None if values is None else model.raw(values, wish.weights) for values in accounts]
    known = [raw for raw in raws if raw is not None]
    if not known:
        raise CannotScore("No row below the headers can be scored. " + " ".join(list(faults.values())[:3]))
    ranked = model.among(known) if wish.here else model
    percentiles = [None if raw is None else ranked.percentile(raw) for raw in raws]
    made: dict[str, list[Any]] = {
        SCORE: [None if percentile is None else icp_score(percentile) for percentile in percentiles],
        GRADE: [None if percentile is None else ranked.grade(percentile) for percentile in percentiles],
    }
    revenue = target.columns.get("annual_revenue")
    if revenue is not None:
        made[SEGMENT] = [
            None if values is None else model.segment(number_of(target.cells[i][revenue], 0.0))
            for i, values in zip(target.rows, accounts, strict=True)
        ]
    made[WHY] = [
        f"not scored: {faults[i]}" if i in faults
        else None if values is None
        else ranked.explain(values, wish.weights)
        for i, values in zip(target.rows, accounts, strict=True)
    ]  # fmt: skip
    blank = len(accounts) - len(known) - len(faults)
    notes = [f"{len(faults):,} rows could not be scored; {WHY} says why."] if faults else []
    return made, notes + ([f"{blank:,} rows without facts were left blank."] if blank else [])


def _faults(row: list[Any], target: ScoredSheet, model: Scorer) -> list[str]:
    found = []
    for fact in model.facts:
        cell = row[target.columns[fact.name]]
        try:
            text_of(cell) if fact.text else number_of(cell, fact.least)
        except LiteError as error:
            found.append(f"{fact.label} is {cell!r} ({error})")
    return found


def find_accounts(sheet: Any, model: Scorer) -> ScoredSheet:
    """The accounts on a sheet: in a table that has all headers, else below the first row that has them.

    Raises:
        CannotScore: a fact has no column, or two.
    """
    used = sheet.used_range
    cells = _values(sheet.range((1, 1), (used.row + used.shape[0] - 1, used.column + used.shape[1] - 1)))
    best: tuple[int, list[str], dict[str, list[int]]] | None = None
    tables = [table for table in sheet.tables if table.header_row_range is not None]
    spots: list[tuple[int, range, range]] = []
    for table in tables:
        body, head = table.data_body_range, table.header_row_range
        rows = range(body.row - 1, body.row - 1 + body.shape[0]) if body is not None else range(0)
        spots.append((head.row - 1, rows, range(head.column - 1, head.column - 1 + head.shape[1])))
    spots += [(i, range(i + 1, len(cells)), range(len(cells[0]))) for i in range(min(HEADER_ROWS, len(cells)))]
    for header, rows, wide in spots:
        columns_of = {fact.name: _columns(cells[header], wide, (fact.name, fact.label)) for fact in model.facts}
        missing = [fact.label for fact in model.facts if not columns_of[fact.name]]
        if best is None or len(missing) < len(best[1]):
            best = (header, missing, columns_of)
        if missing:
            continue
        twice = [fact.label for fact in model.facts if len(columns_of[fact.name]) > 1]
        if twice:
            raise CannotScore(f"Two columns are headed {' and two '.join(twice)}. Rename one of them and run again.")
        columns = {name: found[0] for name, found in columns_of.items()}
        if "annual_revenue" not in columns:
            others = _columns(cells[header], wide, ("annual_revenue", "Annual revenue"))
            columns |= {"annual_revenue": others[0]} if len(others) == 1 else {}
        if rows:
            return ScoredSheet(sheet, cells, header, rows, columns)
    assert best is not None
    lacking = ", ".join(best[1]) or "rows below the headers"
    raise CannotScore(
        f"{sheet.name} lacks {lacking}. The accounts need a row of headers with "
        f"{', '.join(fact.label for fact in model.facts)}, in any order, and a row for each account below."
    )


def _values(area: Any) -> list[list[Any]]:
    rows: list[list[Any]] = area.options(ndim=2, err_to_str=True).value
    return [[None if cell == "" else cell for cell in row] for row in rows]


def _columns(row: list[Any], wide: range, names: tuple[str, ...]) -> list[int]:
    wanted = {_plain(name) for name in names}
    return [at for at in wide if isinstance(row[at], str) and _plain(row[at]) in wanted]


def _plain(text: str) -> str:
    return " ".join("".join(mark if mark.isalnum() else " " for mark in text.casefold()).split())


def own_column(
    target: ScoredSheet, records: dict[tuple[str, str], list[Any]], name: str
) -> tuple[int | None, str, str]:
    """The column of ours that holds ``name``: where it is, how it is headed, and what is to be said of others.

    A column is ours while its header is one that was written on this sheet and every cell holds what was written.
    """
    why = ""
    for at, cell in enumerate(target.cells[target.header]):
        if not isinstance(cell, str) or (cell != name and not cell.startswith(f"{name} (")):
            continue
        written = Counter(map(_same, records.get((target.sheet.name, cell), [])))
        strange = Counter(_same(value) for value in target.column(at) if value is not None) - written
        if not strange and (target.sheet.name, cell) in records:
            return at, cell, ""
        shown = next(iter(strange), "")
        why = f" (column {letters(at)} is yours: it holds {shown})" if strange else f" (column {letters(at)} is yours)"
    return None, name, why


def _same(value: Any) -> str:
    return repr(float(value)) if isinstance(value, int | float) and not isinstance(value, bool) else str(value)


def read_wish(sheet: Any, model: Scorer) -> Wish:
    """The weights on their sheet, scaled to sum to 1; the model's own where there is no such sheet.

    Raises:
        CannotScore: all that is wrong with them.
    """
    if sheet is None:
        return Wish(model.weights, False, False)
    said = {str(row[0]).strip().lower(): (i, row[1] if len(row) > 1 else None)
            for i, row in enumerate(_values(sheet.used_range)) if row[0] is not None}  # fmt: skip
    weights, wrong = [], []
    for part in model.parts:
        at, cell = said.get(part.name, (-1, None))
        try:
            weight = number_of(cell, 0.0)
        except LiteError:
            weight = math.nan
        if weight != weight:
            wrong.append(f"{part.name}: {cell!r}" if at >= 0 else f"{part.name} is not there")
        weights.append(weight)
    among = str(said.get(AMONG.lower(), (0, LAST_RUN))[1] or LAST_RUN).strip().lower()
    if among not in (LAST_RUN, THIS_TABLE):
        wrong.append(f"{AMONG}: {among!r}, where {LAST_RUN!r} or {THIS_TABLE!r} is allowed")
    if not wrong and not sum(weights):
        wrong.append("all of them are 0")
    if wrong:
        raise CannotScore(
            f"The weights on the sheet {WEIGHTS_SHEET} must be numbers of at least 0: {'; '.join(wrong)}. Mend them, "
            "or rename the sheet to start from those of the last run."
        )
    whole = sum(weights)
    scaled = abs(whole - 1.0) > 1e-9
    return Wish([weight / whole for weight in weights] if scaled else weights, scaled, among == THIS_TABLE)


def write_weights(book: Any, model: Scorer) -> Any:
    """The sheet on which weights are set, with those of the last run."""
    here = book.sheets.active
    sheet = book.sheets.add(name=WEIGHTS_SHEET, after=book.sheets[len(book.sheets) - 1])
    rows: list[list[Any]] = [
        ["ICP weights", None, None],
        ["Set the weights below, go to the sheet with your accounts, and run score_accounts.", None, None],
        ["Component", "Weight", "Last run"],
        *([part.name, weight, weight] for part, weight in zip(model.parts, model.weights, strict=True)),
        [None, None, None],
        [AMONG, LAST_RUN, f"{LAST_RUN} or {THIS_TABLE}"],
        [None, None, None],
        [DONE, None, None],
    ]
    sheet.range((1, 1)).value = rows
    here.activate()
    return sheet


def read_records(sheet: Any) -> dict[tuple[str, str], list[Any]]:
    """What was written, by sheet and header.

    Raises:
        CannotScore: the sheet of that name is another.
    """
    if sheet is None:
        return {}
    cells = _values(sheet.used_range)
    if cells[0][0] != RECORD or len(cells) < 3:
        raise CannotScore(f"The sheet {RECORD_SHEET} is not the one that these scripts made. Rename it and run again.")
    return {
        (str(cells[1][at]).removeprefix(_SHEET), str(cells[2][at])): [
            row[at] for row in cells[3:] if row[at] is not None
        ]
        for at in range(1, len(cells[1]))
        if cells[1][at] is not None
    }


def write_records(book: Any, sheet: Any, records: dict[tuple[str, str], list[Any]]) -> None:
    """Keep what was written, as columns of a sheet of its own."""
    if sheet is None:
        here = book.sheets.active
        sheet = book.sheets.add(name=RECORD_SHEET, after=book.sheets[len(book.sheets) - 1])
        here.activate()
        tall = 0
    else:
        tall = len(_values(sheet.used_range))
    deep = max([tall - 3, *(len(values) for values in records.values())])
    rows: list[list[Any]] = [[RECORD], ["Sheet"], ["Header"], *([None] for _ in range(deep))]
    for (where, header), values in records.items():
        for row, cell in zip(
            rows, [None, _SHEET + where, header, *values, *[None] * (deep - len(values))], strict=True
        ):
            row.append(cell)
    sheet.range((1, 1)).value = rows


def letters(column: int) -> str:
    """The letters of a column, counted from 0.

    >>> letters(0), letters(27)
    ('A', 'AB')
    """
    text = ""
    while column >= 0:
        text, column = chr(65 + column % 26) + text, column // 26 - 1
    return text

"""The scripts that work on the sheet: this file is the last part of what is written.

What the documentation of xlwings Lite says of scripts, and these hold to (lite.xlwings.org, "Scripts" and "Async API"):
they get the active workbook as ``xw.Book`` with all values; formulas are read by ``await``, which first does whatever
was asked for. So all is read, and whatever is wrong is found, before anything is written.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from icp_xl.reports.lite.accounts import FORMULA, CannotScore, ScoredSheet, find_accounts, letters, values_of
from icp_xl.reports.lite.cells import CellError, number_of, shown, text_of
from icp_xl.reports.lite.ownership import (
    MOST_RUNS,
    WrittenRun,
    agreeing,
    digest,
    mixed,
    read_run,
    strangers,
    written_run,
)
from icp_xl.reports.lite.scorer import Scorer, folded, icp_score

WEIGHTS_SHEET, RECORD_SHEET = "ICP Weights", "ICP Written"
RECORD = "What ICP scores wrote, so that it is known again; leave it as it is."
AMONG, LAST_RUN, THIS_TABLE, DONE = "Rank among", "last run", "this table", "Last scored"
RESULTS = SCORE, GRADE, SEGMENT, WHY = "ICP Score", "ICP Grade", "ICP Segment", "ICP Why"
#: What tells that a text is of a run.
SCORED = " scored: weights "
#: Before the name of a sheet in a cell, which may begin as a formula does.
_SHEET = "Sheet "
#: Limits of Excel: columns of a sheet, characters of a cell.
MOST_COLUMNS, MOST_CHARACTERS = 16_384, 32_767


@dataclass(frozen=True)
class Wish:
    """What the sheet of weights asks for."""

    weights: Sequence[float]
    scaled: bool
    here: bool


@dataclass(frozen=True)
class ScriptColumn:
    """Where a result goes: a column of ours, or a new one; and what is to be said of others."""

    header: str
    at: int
    new: bool
    why: str


async def score_sheet(book: Any, model: Scorer) -> list[str]:
    """Score the accounts of the active sheet in place, and say what was written.

    Raises:
        CannotScore: something is not as it must be, or Excel refuses.
    """
    names = sheets_of(book)
    sheet = book.sheets.active
    if sheet.name.casefold() in (WEIGHTS_SHEET.casefold(), RECORD_SHEET.casefold()):
        raise CannotScore(f"The sheet {sheet.name} has no accounts. Go to the sheet with your accounts and run again.")
    wish = read_wish(names.get(WEIGHTS_SHEET.casefold()), model)
    runs = read_runs(names.get(RECORD_SHEET.casefold()))
    target = find_accounts(book, sheet, model)
    results, notes = scored(target, model, wish)
    keys = target.keys()
    columns, met = await result_columns(target, keys, runs, results)
    # From here on it is written: first what Excel may refuse as a whole, the records as they are among it, so that they
    # can be written when the results are.
    page = names.get(WEIGHTS_SHEET.casefold()) or write_weights(book, model)
    record = names.get(RECORD_SHEET.casefold()) or add_sheet(book, RECORD_SHEET)
    write_runs(record, runs)
    await do(book, "write the sheets that it keeps its weights and records on")
    for name, column in columns.items():
        put(target, column, results[name], "0.0" if name == SCORE else None)
    await do(book, f"write on the sheet {sheet.name}")
    marks = list(zip(*([digest(cell) for cell in results.get(name, [None] * len(keys))] for name in RESULTS),
                     strict=True))  # fmt: skip
    gone = [run for run in met if run.sheet.casefold() == sheet.name.casefold() or run.sheet.casefold() not in names]
    kept = [run for run in runs if run not in gone][1 - MOST_RUNS :]
    write_runs(record, [*kept, written_run(sheet.name, keys, marks)])
    await do(book, f"remember on the sheet {record.name} what it wrote")
    weights = ", ".join(f"{part.name} {weight:.4g}" for part, weight in zip(model.parts, wish.weights, strict=True))
    what = f"{sum(value is not None for value in results[SCORE]):,} of {len(target.rows):,} rows of {sheet.name}"
    how = f"{SCORED}{weights}{', scaled to sum to 1' if wish.scaled else ''}; ranked among the accounts of "
    lines = [f"{column.header} in column {letters(column.at)}{column.why}" for column in columns.values()]
    told = [f"{what}{how}{THIS_TABLE if wish.here else 'the ' + LAST_RUN}.", f"Written: {'; '.join(lines)}.",
            *target.notes, *notes]  # fmt: skip
    if spot := done_spot(names.get(WEIGHTS_SHEET.casefold()), model):
        page.range(spot).value = told[0][:MOST_CHARACTERS]
    try:
        await do(book, f"write on the sheet {page.name} when this was")
    except CannotScore as refused:
        told.append(str(refused))
    return told


async def show_weights_sheet(book: Any, model: Scorer) -> str:
    """Make the sheet of weights where there is none, and say what to do on it.

    Raises:
        CannotScore: a sheet of that name is another, or Excel refuses.
    """
    there = sheets_of(book).get(WEIGHTS_SHEET.casefold())
    read_wish(there, model)
    if there is None:
        write_weights(book, model)
        await do(book, f"add the sheet {WEIGHTS_SHEET}")
    name = WEIGHTS_SHEET if there is None else there.name
    return f"Set the weights on the sheet {name}, then run score_accounts on the sheet with your accounts."


def sheets_of(book: Any) -> dict[str, Any]:
    """The sheets by their names, which Excel tells apart without regard to capitals."""
    return {sheet.name.casefold(): sheet for sheet in book.sheets}


async def do(book: Any, what: str) -> None:
    """Have Excel do what was asked for.

    Raises:
        CannotScore: Excel refuses.
    """
    try:
        await book.flush()
    except Exception as error:
        raise CannotScore(
            f"Excel did not {what}: {shown(str(error), 300)}. Take the protection off the sheet or the workbook where "
            "it is protected, end what you type in a cell, and run again."
        ) from None


def put(target: ScoredSheet, column: ScriptColumn, values: Sequence[Any], number_format: str | None) -> None:
    """Write a column, leaving out the rows in between that are no accounts."""
    if column.new:
        target.sheet.range((target.header + 1, column.at + 1)).value = column.header
    for start, count in target.blocks():
        first = target.rows[start] + 1
        area = target.sheet.range((first, column.at + 1), (first + count - 1, column.at + 1))
        area.value = [[value] for value in values[start : start + count]]
        if number_format and column.new:
            area.number_format = number_format


async def result_columns(
    target: ScoredSheet, keys: Sequence[str], runs: Sequence[WrittenRun], results: dict[str, list[Any]]
) -> tuple[dict[str, ScriptColumn], list[WrittenRun]]:
    """A column for each result: the one that was written and is untouched, else a new one; and the runs met there.

    Raises:
        CannotScore: the sheet has no columns left.
    """
    headers = target.cells[target.header]
    found: dict[int, int] = {}
    marks: dict[int, list[str]] = {}
    left: dict[int, list[str]] = {}
    for i, name in enumerate(RESULTS):
        for at, cell in enumerate(headers):
            if name not in results or i in found or not is_headed(cell, name):
                continue
            head, *body = await target.marks(at)
            count, ours = strangers(i, body, keys, runs)
            count += head == FORMULA
            other = next((each for each in target.beside if agreeing(
                i, [digest(target.cells[row][at]) for row in each.rows], target.keys(each), runs
            ) > agreeing(i, body, keys, runs)), None)  # fmt: skip
            if other is not None:
                left.setdefault(i, []).append(f"column {letters(at)} is that of {other.name}")
            elif ours and not count:
                found[i], marks[i] = at, body
            else:
                what = f"{count:,} of its cells are not what was written there"
                whose = "" if ours else "yours, and "
                left.setdefault(i, []).append(f"column {letters(at)} is {whose}left as it is: {what}")
                if ours:
                    marks[i] = body
    wrong, met = mixed(marks, keys, runs)
    for i in sorted(found.keys() & wrong.keys()):
        at = found.pop(i)
        left.setdefault(i, []).append(
            f"column {letters(at)} is left as it is: {wrong[i]:,} of its cells do not belong to the rest of their rows"
        )
    free = max(len(row) for row in target.cells)
    if free + len(results) - len(found) > MOST_COLUMNS:
        raise CannotScore(f"{target.sheet.name} has no columns left to write to. Delete some on the right, also empty "
                          "ones that are formatted, and run again.")  # fmt: skip
    taken = {cell.casefold() for cell in headers if isinstance(cell, str)}
    made = {}
    for i, name in enumerate(RESULTS):
        if i in found:
            made[name] = ScriptColumn(str(headers[found[i]]), found[i], False, "")
        elif name in results:
            said, number = name, 2
            while said.casefold() in taken:
                said, number = f"{name} ({number})", number + 1
            made[name] = ScriptColumn(said, free, True, f" ({'; '.join(left[i])})" if i in left else "")
            free += 1
    return made, met


def is_headed(cell: Any, name: str) -> bool:
    """Whether a header is one of a result, numbered or not."""
    text = cell.strip().casefold() if isinstance(cell, str) else ""
    return text == name.casefold() or text.startswith(f"{name.casefold()} (")


def scored(target: ScoredSheet, model: Scorer, wish: Wish) -> tuple[dict[str, list[Any]], list[str]]:
    """The result columns by their names, and what is to be said of rows that have none.

    Raises:
        CannotScore: no row can be scored.
    """
    accounts: list[Any] = []
    faults: dict[int, str] = {}
    for i in target.rows:
        row = target.cells[i]
        try:
            accounts.append(model.read([row[target.columns[fact.name]] for fact in model.facts]))
        except CellError:
            accounts.append(None)
            faults[i] = "; ".join(_faults(row, target, model))
    raws = [None if values is None else model.raw(values, wish.weights) for values in accounts]
    known = [raw for raw in raws if raw is not None]
    blank = len(accounts) - len(known) - len(faults)
    if not known:
        said = [f"row {i + 1}: {text}" for i, text in list(faults.items())[:3]]
        said += [f"{len(faults) - 3:,} more rows have faults"] if len(faults) > 3 else []
        said += [f"{blank:,} rows are blank in all of {', '.join(fact.label for fact in model.facts)}"] if blank else []
        raise CannotScore(f"No row below the headers of {target.sheet.name} can be scored: {'; '.join(said)}. Mend "
                          "them and run again.")  # fmt: skip
    ranked = model.among(known) if wish.here else model
    percentiles = [None if raw is None else ranked.percentile(raw) for raw in raws]
    made: dict[str, list[Any]] = {
        SCORE: [None if percentile is None else icp_score(percentile) for percentile in percentiles],
        GRADE: [None if percentile is None else ranked.grade(percentile) for percentile in percentiles],
    }
    revenue = target.columns.get("annual_revenue")
    if revenue is not None:
        made[SEGMENT] = [
            None if values is None else _segment(model, target.cells[i][revenue])
            for i, values in zip(target.rows, accounts, strict=True)
        ]
    made[WHY] = [
        f"not scored: {faults[i]}"[:MOST_CHARACTERS] if i in faults
        else None if values is None
        else ranked.explain(values, wish.weights)[:MOST_CHARACTERS]
        for i, values in zip(target.rows, accounts, strict=True)
    ]  # fmt: skip
    notes = [f"{len(faults):,} rows could not be scored; {WHY} says why."] if faults else []
    notes += [f"{blank:,} rows without facts were left blank."] if blank else []
    return made, [*notes, *_unknown(accounts, model)]


def _unknown(accounts: Sequence[Any], model: Scorer) -> list[str]:
    """What is to be said of texts that no table of the model has: they are scored as unknown."""
    said = []
    for place, table in model.tables:
        texts = [values[place] for values in accounts if values is not None and values[place] is not None]
        strange = Counter(text for text in texts if folded(text) not in table)
        if strange:
            names = ", ".join(shown(text) for text, _ in strange.most_common(5))
            more = f" and {len(strange) - 5:,} more" if len(strange) > 5 else ""
            said.append(
                f"{sum(strange.values()):,} rows count as unknown in {model.facts[place].label}, which the model's "
                f"table does not have so spelt: {names}{more}."
            )
    return said


def _segment(model: Scorer, cell: Any) -> str | None:
    """The segment; none where the score does not need the revenue, and the cell holds no number."""
    try:
        return model.segment(number_of(cell, 0.0))
    except CellError:
        return None


def _faults(row: list[Any], target: ScoredSheet, model: Scorer) -> list[str]:
    found = []
    for fact in model.facts:
        cell = row[target.columns[fact.name]]
        try:
            text_of(cell) if fact.text else number_of(cell, fact.least)
        except CellError as error:
            found.append(f"{fact.label} is {shown(cell)} ({error})")
    return found


def read_wish(sheet: Any, model: Scorer) -> Wish:
    """The weights on their sheet, scaled to sum to 1; the model's own where there is no such sheet.

    Raises:
        CannotScore: all that is wrong with them.
    """
    if sheet is None:
        return Wish(model.weights, False, False)
    rows = [(str(row[0]).strip().lower(), row[1] if len(row) > 1 else None)
            for row in values_of(sheet.used_range) if row[0] is not None]  # fmt: skip
    said, counts = dict(rows), Counter(name for name, _ in rows)
    names = [*(part.name for part in model.parts), AMONG.lower()]
    weights, wrong = [], [f"{name} is there {counts[name]} times" for name in names if counts[name] > 1]
    for part in model.parts:
        cell = said.get(part.name)
        try:
            weight = number_of(cell, 0.0)
        except CellError:
            weight = float("nan")
        if weight != weight:
            wrong.append(f"{part.name}: {shown(cell)}" if part.name in said else f"{part.name} is not there")
        weights.append(weight)
    among = str(said.get(AMONG.lower()) or LAST_RUN).strip().lower()
    if among not in (LAST_RUN, THIS_TABLE):
        wrong.append(f"{AMONG}: {shown(among)}, where {LAST_RUN!r} or {THIS_TABLE!r} is allowed")
    if not wrong and not 0 < sum(weights) < float("inf"):
        wrong.append("their sum is beyond numbers" if sum(weights) else "all of them are 0")
    if wrong:
        raise CannotScore(
            f"The weights on the sheet {sheet.name} must be numbers of at least 0: {'; '.join(wrong)}. Mend them, "
            "or rename the sheet to start from those of the last run."
        )
    whole = sum(weights)
    scaled = abs(whole - 1.0) > 1e-9
    return Wish([weight / whole for weight in weights] if scaled else weights, scaled, among == THIS_TABLE)


def done_spot(sheet: Any, model: Scorer) -> tuple[int, int] | None:
    """Where the sheet of weights tells of the last run; nowhere if its label went, or something else stands there."""
    if sheet is None:
        return len(model.parts) + 7, 2
    used = sheet.used_range
    for i, row in enumerate(values_of(used)):
        for at, cell in enumerate(row):
            if cell == DONE:
                beside = row[at + 1] if at + 1 < len(row) else None
                free = beside is None or (isinstance(beside, str) and SCORED in beside)
                return (used.row + i, used.column + at + 1) if free else None
    return None


def write_weights(book: Any, model: Scorer) -> Any:
    """The sheet on which weights are set, with those of the last run."""
    sheet = add_sheet(book, WEIGHTS_SHEET)
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
    return sheet


def add_sheet(book: Any, name: str) -> Any:
    """A new last sheet; the active one stays so."""
    here = book.sheets.active
    sheet = book.sheets.add(name=name, after=book.sheets[len(book.sheets) - 1])
    here.activate()
    return sheet


def read_runs(sheet: Any) -> list[WrittenRun]:
    """What was written, a run a column.

    Raises:
        CannotScore: the sheet of that name is another.
    """
    if sheet is None:
        return []
    cells = values_of(sheet.used_range)
    try:
        if cells == [[None]]:
            return []
        if cells[0][0] != RECORD:
            raise ValueError(RECORD)
        return [
            read_run(
                str(head).removeprefix(_SHEET), [row[at] for row in cells[2:] if row[at] is not None], len(RESULTS)
            )
            for at, head in enumerate(cells[1] if len(cells) > 1 else ())
        ]
    except (ValueError, IndexError, TypeError):
        raise CannotScore(f"The sheet {sheet.name} is not as these scripts left it. Rename it and run again; results "
                          "are then written into new columns.") from None  # fmt: skip


def write_runs(sheet: Any, runs: Sequence[WrittenRun]) -> None:
    """Keep what was written, in place of what the sheet held."""
    columns = [[_SHEET + run.sheet, *run.lines()] for run in runs]
    before = sheet.used_range
    tall = max([before.row + before.shape[0] - 2, *(len(column) for column in columns)])
    wide = max(before.column + before.shape[1] - 1, len(columns))
    rows = [[RECORD, *[None] * (wide - 1)]]
    rows += [[column[i] if i < len(column) else None for column in columns] + [None] * (wide - len(columns))
             for i in range(tall)]  # fmt: skip
    sheet.range((1, 1)).value = rows

"""Worksheet functions that look things up: accounts of the last run, names, industries, offers."""

from __future__ import annotations

import numpy as np

from icp_xl.excel.cells import (
    NOT_AVAILABLE,
    NUM,
    VALUE,
    Cell,
    CellError,
    as_grid,
    common_shape,
    each,
    flatten,
    guard,
    one,
    shape_of,
    shaped,
    to_number,
    to_text,
)
from icp_xl.excel.functions import known_industries, read_weights, safe
from icp_xl.excel.published_results import published

#: Rows that ``ICP_WHATIF`` shows where nothing else is asked for.
WHATIF_ROWS = 20
WHATIF_HEADER = ("Account ID", "Account", "Rank", "Score", "Grade", "Rank now", "Score now", "Change")


@safe
def lookup(account: Cell, field: Cell) -> Cell:
    """Fields of accounts from the last run: a column of accounts against a row of fields gives a table."""
    table = published.accounts()
    accounts, fields = as_grid(account), as_grid(field)
    if shape_of(fields) == (1, 1):
        values = table.field(to_text(fields[0][0]) or "")
        return each(accounts, lambda cell: _shown(values[_find(cell)]))
    if len(fields) != 1 or shape_of(accounts)[1] != 1:
        raise CellError(VALUE)
    columns = [guard(lambda cell: table.field(to_text(cell) or ""), cell) for cell in fields[0]]

    def row(cell: Cell) -> list[Cell]:
        position = guard(_find, cell)
        if isinstance(position, str):
            return [position] * len(columns)
        return [column if isinstance(column, str) else _shown(column[position]) for column in columns]

    return [row(cells[0]) for cells in accounts]


def _find(cell: Cell) -> int:
    text = to_text(cell)
    if text is None:
        raise CellError(NOT_AVAILABLE)
    return published.accounts().find(text)


def _shown(value: Cell) -> Cell:
    if value is None:
        return ""
    if isinstance(value, bool | int | float | str):
        return value
    return value.to_pydatetime() if hasattr(value, "to_pydatetime") else str(value)


@safe
def whatif(weights: Cell, rows: Cell) -> Cell:
    """The best accounts under other weights, beside their place now: a table with a header."""
    model = published.model()
    wanted = read_weights(weights, model)
    if wanted is None:
        raise CellError(VALUE)
    count = to_number(one(rows)) if rows is not None else float(WHATIF_ROWS)
    if isinstance(count, str):
        raise CellError(count)
    if not 1 <= count <= 1_000_000:
        raise CellError(NUM)
    table = published.accounts()
    parts = [np.array(table.field(f"{name}_score"), dtype=np.float64) for name in model.names]
    scores = model.score_components(np.column_stack(parts), wanted)
    order = np.lexsort((np.arange(len(parts[0])), -scores.raw_score))[: int(count)]
    from icp_xl.scoring.model import keys

    ranked = np.sort(-keys(scores.raw_score))
    ranks = np.searchsorted(ranked, -keys(scores.raw_score)) + 1
    ids, names = table.field("account_id"), table.field("account_name")
    now, before = table.field("rank"), table.field("icp_score")
    out: list[list[Cell]] = [list(WHATIF_HEADER)]
    for i in order.tolist():
        new = float(scores.icp_score[i])
        out.append(
            [ids[i], names[i] or "", int(ranks[i]), new, str(scores.icp_grade[i]), now[i], before[i], new - before[i]]
        )
    return out


@safe
def normalize(name: Cell) -> Cell:
    """Company names without legal form, case, accents and punctuation."""
    from icp_xl.tables.names import normalize_name

    return each(name, lambda cell: normalize_name(to_text(cell) or "").core)


@safe
def industry(text: Cell) -> Cell:
    """Industries under their standard names; ``#N/A`` where none fits."""
    from icp_xl.tables.industries import standardize_industry

    try:
        known = known_industries(published.model())
    except CellError:
        known = []
    grid = as_grid(text)
    names = {name for row in grid for cell in row if isinstance(name := guard(to_text, cell), str)}
    found = standardize_industry(sorted(names), known=known)
    unknown = {row.spelling for row in found.mapping.itertuples() if str(row.how).startswith("unknown")}
    standard = {
        name: value
        for name, value in zip(sorted(names), found.values, strict=True)
        if value is not None and " ".join(name.split()) not in unknown
    }

    def answer(cell: Cell) -> Cell:
        name = to_text(cell)
        if name is None or name not in standard:
            raise CellError(NOT_AVAILABLE)
        return standard[name]

    return each(text, answer)


@safe
def match(name: Cell, candidates: Cell, minimum: Cell) -> Cell:
    """Best match and confidence (0 to 1) of each name among the candidates: two columns per name."""
    names = [cell for row in as_grid(name) for cell in row]
    if min(shape_of(as_grid(name))) != 1:
        raise CellError(VALUE)
    least = to_number(one(minimum)) if minimum is not None else None
    if isinstance(least, str):
        raise CellError(least)
    if least is not None and not 0.0 <= least <= 1.0:
        raise CellError(NUM)
    from icp_xl.excel.name_match import best_matches

    texts = [guard(to_text, cell) for cell in names]
    offered = [text for row in as_grid(candidates) for cell in row if isinstance(text := guard(to_text, cell), str)]
    found = best_matches([text if isinstance(text, str) else "" for text in texts], offered, least)
    out: list[list[Cell]] = []
    for text, (best, confidence) in zip(texts, found, strict=True):
        if isinstance(text, str) and text.startswith("#") and best is None:
            out.append([text, text])
        else:
            out.append([NOT_AVAILABLE, NOT_AVAILABLE] if best is None else [best, confidence])
    return out


@safe
def propensity(account: Cell, division: Cell) -> Cell:
    """Calibrated probability, 0 to 1, that the account buys in the division."""
    table = published.propensity()
    grids = [as_grid(account), as_grid(division)]
    shape = common_shape(grids)

    def answer(pair: Cell) -> Cell:
        wanted = to_text(pair[1])
        if wanted is None:
            raise CellError(NOT_AVAILABLE)
        for row in table.of(_account_id(pair[0])):
            if str(row["division"]).casefold() == wanted.casefold() and row.get("p_icp") is not None:
                return float(row["p_icp"])
        raise CellError(NOT_AVAILABLE)

    pairs = zip(flatten(grids[0], shape), flatten(grids[1], shape), strict=True)
    return shaped([guard(answer, pair) for pair in pairs], shape)


@safe
def next_best(account: Cell, place: Cell) -> Cell:
    """Division and reason of the account's best offer, or of the one at ``place``: two columns per account."""
    table = published.whitespace()
    number = to_number(one(place)) if place is not None else 1.0
    if isinstance(number, str):
        raise CellError(number)
    if number < 1 or number != int(number):
        raise CellError(NUM)
    if min(shape_of(as_grid(account))) != 1:
        raise CellError(VALUE)

    def answer(cell: Cell) -> list[Cell]:
        rows = table.of(_account_id(cell))
        if len(rows) < number:
            raise CellError(NOT_AVAILABLE)
        row = rows[int(number) - 1]
        return [row["division"], _shown(row.get("nba_reason") or row.get("reason"))]

    found = [guard(answer, cell) for row in as_grid(account) for cell in row]
    return [[item, item] if isinstance(item, str) else item for item in found]


def _account_id(cell: Cell) -> str:
    """The account's id; a name is looked up among the scored accounts where there are any."""
    text = to_text(cell)
    if text is None:
        raise CellError(NOT_AVAILABLE)
    try:
        table = published.accounts()
        return str(table.columns["account_id"][table.find(text)])
    except CellError:
        return text

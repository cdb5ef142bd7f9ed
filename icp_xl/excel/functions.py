"""What the worksheet functions compute, without Excel: cells in, cells out.

Each function takes single cells or ranges and answers in the shape of the range. Errors are Excel's own: ``#VALUE!``
for an argument of the wrong kind, ``#N/A`` for an unknown account or a result that no run has published yet,
``#NUM!`` for a number outside its domain. The numbers come from the saved score model, so that a cell, the batch and
the what-if sheet agree.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from icp_xl.artifacts import SCORE_MODEL
from icp_xl.errors import ConfigError, IcpError
from icp_xl.excel.cells import (
    NOT_AVAILABLE,
    NUM,
    VALUE,
    Cell,
    CellError,
    Numbers,
    Shape,
    as_grid,
    common_shape,
    each,
    flatten,
    one,
    shape_of,
    shaped,
    to_number,
    to_text,
)
from icp_xl.excel.published_results import published
from icp_xl.runs import list_runs

if TYPE_CHECKING:
    from icp_xl.scoring.model import ScoreModel, Scores

F = TypeVar("F", bound=Callable[..., Any])


def safe(function: F) -> F:
    """Turn every failure into an Excel error: nothing else ever reaches a cell."""

    @wraps(function)
    def shown(*args: Any) -> Any:
        try:
            return function(*args)
        except CellError as error:
            return error.code
        except ConfigError:
            return VALUE
        except IcpError:
            return NOT_AVAILABLE
        except Exception as error:
            _note(function.__name__, error)
            return VALUE

    return shown  # type: ignore[return-value]


def _note(name: str, error: Exception) -> None:
    """Leave the kind and place of an unexpected failure for the doctor; never its text, which may quote data."""
    from icp_xl.outputs import write_json
    from icp_xl.user_dirs import user_folder

    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    line = trace.tb_lineno if trace else 0
    module = trace.tb_frame.f_globals.get("__name__", "") if trace else ""
    try:
        write_json(
            user_folder() / "last_function_error.json",
            {"function": name, "error": type(error).__name__, "module": module, "line": line},
        )
    except (OSError, IcpError):
        pass


class CellFacts:
    """The facts of accounts out of cells, with the error of each row that has one, and the rows that are blank.

    ``cells`` holds an argument per fact; those that the model does not read are left aside.

    Raises:
        CellError: ``#N/A`` where the model reads a fact that is not among them.
    """

    def __init__(self, model: ScoreModel, cells: Mapping[str, Cell]) -> None:
        if any(fact.name not in cells for fact in model.facts):
            raise CellError(NOT_AVAILABLE)
        grids = [as_grid(cells[fact.name]) for fact in model.facts]
        self.model = model
        self.shape: Shape = common_shape(grids)
        self.faults: dict[int, str] = {}
        self.values: dict[str, Any] = {}
        blank = np.ones(self.shape[0] * self.shape[1], dtype=bool)
        for fact, grid in reversed(list(zip(model.facts, grids, strict=True))):
            flat = flatten(grid, self.shape)
            if fact.text:
                texts = self._texts(flat)
                self.values[fact.name] = standard_texts(texts, model, fact.name)
                empty = np.array([text is None for text in texts], dtype=bool)
            else:
                column = Numbers(flat, minimum=fact.minimum)
                self.faults.update(column.faults)
                self.values[fact.name] = column.values
                empty = np.isnan(column.values)
            blank &= empty
        self.blank = [int(i) for i in np.flatnonzero(blank) if int(i) not in self.faults]

    def _texts(self, cells: list[Cell]) -> list[str | None]:
        known: dict[Cell, str | None] = {}
        out: list[str | None] = []
        for i, cell in enumerate(cells):
            if type(cell) is str and cell in known:
                out.append(known[cell])
                continue
            try:
                text = to_text(cell)
            except CellError as error:
                self.faults[i] = error.code
                out.append(None)
                continue
            out.append(text)
            if type(cell) is str:
                known[cell] = text
        return out

    def answer(self, cells: list[Cell]) -> Cell:
        """The result in its shape, errors and blanks in their places."""
        for i in self.blank:
            cells[i] = ""
        for i, code in self.faults.items():
            cells[i] = code
        return shaped(cells, self.shape)

    def score(self, weights: Cell) -> Scores:
        """Scores under the model's weights or the given ones."""
        return self.model.score_components(self.model.components(self.values), read_weights(weights, self.model))


def standard_texts(names: Sequence[str | None], model: ScoreModel, fact: str) -> Sequence[str | None]:
    """Industries as the model spells them: as given where the model knows them, else by the rules of the batch."""
    if fact != "industry":
        return names
    # Kept on the model itself, so that a new model starts afresh.
    cache: dict[str | None, str | None] = model.__dict__.setdefault("_icp_industries", {None: None})
    new = {name for name in names if name not in cache}
    if new:
        from icp_xl.components.shapes import lookup_key

        known = known_industries(model)
        keys = {lookup_key(item) for item in known}
        cache.update({name: name for name in new if name is not None and lookup_key(name) in keys})
        unknown = sorted(name for name in new if name is not None and name not in cache)
        cache.update(zip(unknown, _by_rule(unknown, known), strict=True))
    return [cache[name] for name in names]


def known_industries(model: ScoreModel) -> list[str]:
    """The industries that the model has a weight for."""
    table = model.lookup("industry")
    return [] if table is None else list(table.table)


def _by_rule(names: Sequence[str], known: Iterable[str]) -> list[str | None]:
    if not names:
        return []
    from icp_xl.tables.industries import standardize_industry

    return standardize_industry(names, known=known).values


def read_weights(value: Cell, model: ScoreModel) -> list[float] | None:
    """A weight per component of the model out of a range; ``None`` where the argument is left out.

    Raises:
        CellError: ``#VALUE!`` unless there is a number for each, ``#NUM!`` unless they are at least 0 and sum to 1.
    """
    if value is None:
        return None
    grid = as_grid(value)
    cells = [cell for row in grid for cell in row]
    if all(cell is None or cell == "" for cell in cells):
        return None
    if len(cells) != len(model.names):
        raise CellError(VALUE)
    weights = []
    for cell in cells:
        number = to_number(cell)
        if isinstance(number, str):
            raise CellError(number)
        if math.isnan(number):
            raise CellError(VALUE)
        weights.append(number)
    if min(weights) < 0.0 or not math.isclose(sum(weights), 1.0, abs_tol=1e-6):
        raise CellError(NUM)
    return weights


@safe
def score(cells: Mapping[str, Cell], weights: Cell) -> Cell:
    """ICP score, 0 to 100, from a cell or range per fact."""
    facts = CellFacts(published.model(), cells)
    return facts.answer(facts.score(weights).icp_score.tolist())


@safe
def raw(cells: Mapping[str, Cell], weights: Cell) -> Cell:
    """Raw score, 0 to 1."""
    facts = CellFacts(published.model(), cells)
    return facts.answer(facts.score(weights).raw_score.tolist())


@safe
def grade(cells: Mapping[str, Cell], weights: Cell) -> Cell:
    """Grade, A to F."""
    facts = CellFacts(published.model(), cells)
    return facts.answer(facts.score(weights).icp_grade.tolist())


@safe
def component(name: Cell, cells: Mapping[str, Cell]) -> Cell:
    """One component's score, 0 to 1."""
    model = published.model()
    wanted = (to_text(one(name)) or "").lower()
    if wanted not in model.names:
        raise CellError(VALUE)
    facts = CellFacts(model, cells)
    return facts.answer(facts.score(None).components[:, model.names.index(wanted)].tolist())


@safe
def explain(cells: Mapping[str, Cell], weights: Cell) -> Cell:
    """The score in words: grade, score, and what each component adds."""
    facts = CellFacts(published.model(), cells)
    return facts.answer(_explained(facts, weights))


def _explained(facts: CellFacts, weights: Cell) -> list[Cell]:
    scores = facts.score(weights)
    texts: list[Cell] = []
    for i, parts in enumerate(scores.contributions.tolist()):
        sums = " + ".join(f"{name} {part:.3f}" for name, part in zip(facts.model.names, parts, strict=True))
        texts.append(f"{scores.icp_grade[i]}, score {scores.icp_score[i]:.1f}: {sums} = {scores.raw_score[i]:.3f}")
    return texts


@safe
def score_row(headers: Cell, values: Cell, what: Cell, weights: Cell) -> Cell:
    """A score for each row of ``values``, whose columns ``headers`` names in any order.

    A fact is found by its label, its name or another usual header for it.

    Args:
        headers: a range of names, in a row or in a column.
        values: a range with one column, or one row, for each of them.
        what: ``score`` (by default), ``grade``, ``raw``, ``explain`` or a component.
        weights: one per component; nothing for the model's.

    Raises:
        CellError: ``#VALUE!`` where the headers do not name each column of the values, name a fact twice or not at
            all, or ``what`` is none of these.
    """
    model = published.model()
    grid = as_grid(values)
    names = [cell for row in as_grid(headers) for cell in row]
    if len(names) != len(grid[0]):
        if len(names) != len(grid):
            raise CellError(VALUE)
        grid = [list(row) for row in zip(*grid, strict=True)]  # headers down a column, one account a column
    at = fact_columns(names, model)
    facts = CellFacts(model, {fact.name: [[row[at[fact.name]]] for row in grid] for fact in model.facts})
    wanted = (to_text(one(what)) or "score").lower() if what is not None else "score"
    scores = facts.score(weights)
    if wanted in model.names:
        return facts.answer(scores.components[:, model.names.index(wanted)].tolist())
    answers: dict[str, Callable[[], list[Cell]]] = {
        "score": lambda: scores.icp_score.tolist(),
        "grade": lambda: scores.icp_grade.tolist(),
        "raw": lambda: scores.raw_score.tolist(),
        "explain": lambda: _explained(facts, weights),
    }
    if wanted not in answers:
        raise CellError(VALUE)
    return facts.answer(answers[wanted]())


def fact_columns(headers: Sequence[Cell], model: ScoreModel) -> dict[str, int]:
    """Which of ``headers`` holds each fact of the model: by its label or name, else as a customers' file is read.

    Raises:
        CellError: ``#VALUE!`` where a fact has no header, or two.
    """
    texts = [_plain(to_text(cell) or "") for cell in headers]
    found: dict[str, int] = {}
    for fact in model.facts:
        places = [at for at, text in enumerate(texts) if text in (_plain(fact.name), _plain(fact.label))]
        if len(places) > 1:
            raise CellError(VALUE)
        if places:
            found[fact.name] = places[0]
    if len(found) < len(model.facts):
        from icp_xl.sources.fields import CUSTOMERS
        from icp_xl.sources.headers import NEVER, match_columns

        read, _ = match_columns([[text] for text in texts], CUSTOMERS, NEVER, taken=set(found.values()))
        found = {**{name: match.column for name, match in read.items()}, **found}
    if any(fact.name not in found for fact in model.facts):
        raise CellError(VALUE)
    return found


def _plain(text: str) -> str:
    return " ".join("".join(mark if mark.isalnum() else " " for mark in text.casefold()).split())


@safe
def segment(annual_revenue: Cell) -> Cell:
    """Segment by annual revenue."""
    grid = as_grid(annual_revenue)
    shape = shape_of(grid)
    numbers = Numbers(flatten(grid, shape), minimum=0.0)
    cells: list[Cell] = published.model().segment(numbers.values).tolist()
    for i, code in numbers.faults.items():
        cells[i] = code
    return shaped(cells, shape)


@safe
def weights_table(component_name: Cell) -> Cell:
    """The model's weights as a table of two columns, or the weight of one component."""
    model = published.model()
    weights = model.weights
    if component_name is None:
        return [[name.capitalize(), weights[name]] for name in model.names]

    def weight(cell: Cell) -> Cell:
        name = (to_text(cell) or "").lower()
        if name not in weights:
            raise CellError(VALUE)
        return weights[name]

    return each(component_name, weight)


@safe
def model_source(what: Cell) -> Cell:
    """What stands behind the calling workbook's functions: run, its date, the folder, the components.

    Raises:
        CellError: ``#N/A`` where no score model is published, ``#VALUE!`` for any other ``what``.
    """
    model, folder = published.model(), published.folder()
    made = [
        line for line in list_runs(folder / "runs")
        if line["command"] in SCORE_MODEL.written_by and line["status"] == "succeeded"
    ]  # fmt: skip
    run, date = (made[-1]["run_id"], str(made[-1]["finished"])[:16].replace("T", " ")) if made else ("unknown", "")
    parts = {"run": run, "date": date, "folder": str(folder.absolute()), "components": ", ".join(model.names)}
    if what is None:
        return f"Run {run} of {date or 'an unknown date'}, in {parts['folder']}"

    def part(cell: Cell) -> Cell:
        name = (to_text(cell) or "").lower()
        if name not in parts:
            raise CellError(VALUE)
        return parts[name]

    return each(what, part)

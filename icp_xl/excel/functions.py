"""What the worksheet functions compute, without Excel: cells in, cells out.

Each function takes single cells or ranges and answers in the shape of the range. Errors are Excel's own: ``#VALUE!``
for an argument of the wrong kind, ``#N/A`` for an unknown account or a result that no run has published yet,
``#NUM!`` for a number outside its domain. The numbers come from the saved score model, so that a cell, the batch and
the what-if sheet agree.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from icp_xl.columns import COMPONENTS
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
from icp_xl.excel.published import published

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


class Facts:
    """Five facts per account out of cells, with the error of each row that has one, and the rows that are blank."""

    def __init__(self, industry: Cell, numbers: Sequence[Cell]) -> None:
        grids = [as_grid(industry), *map(as_grid, numbers)]
        self.shape: Shape = common_shape(grids)
        self.faults: dict[int, str] = {}
        limits = (0.0, 0.0, None, None)
        columns = [Numbers(flatten(grid, self.shape), minimum=low) for grid, low in zip(grids[1:], limits, strict=True)]
        for column in reversed(columns):
            self.faults.update(column.faults)
        self.numbers = [column.values for column in columns]
        self.industry = self._industries(flatten(grids[0], self.shape))
        empty = np.logical_and.reduce([np.isnan(values) for values in self.numbers])
        self.blank = [int(i) for i in np.flatnonzero(empty) if self.industry[i] is None and int(i) not in self.faults]

    def _industries(self, cells: list[Cell]) -> list[str | None]:
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

    def score(self, model: ScoreModel, weights: Cell) -> Scores:
        """Scores under the model's weights or the given ones."""
        industry = standard_industries(self.industry, model)
        a, b, c, d = self.numbers
        return model.score_arrays(industry, a, b, c, d, read_weights(weights))


def standard_industries(names: Sequence[str | None], model: ScoreModel) -> list[str | None]:
    """Industries as the model spells them: as given where the model knows them, else by the rules of the batch."""
    # Kept on the model itself, so that a new model starts afresh.
    cache: dict[str | None, str | None] = model.__dict__.setdefault("_icp_industries", {None: None})
    new = {name for name in names if name not in cache}
    if new:
        from icp_xl.scoring.model import industry_key

        keys = {industry_key(item) for item in model.industry_weights}
        cache.update({name: name for name in new if name is not None and industry_key(name) in keys})
        unknown = sorted(name for name in new if name is not None and name not in cache)
        cache.update(zip(unknown, _by_rule(unknown, model.industry_weights), strict=True))
    return [cache[name] for name in names]


def _by_rule(names: Sequence[str], known: Iterable[str]) -> list[str | None]:
    if not names:
        return []
    from icp_xl.tables.industries import standardize_industry

    return standardize_industry(names, known=known).values


def read_weights(value: Cell) -> list[float] | None:
    """Four weights out of a range of four cells; ``None`` where the argument is left out.

    Raises:
        CellError: ``#VALUE!`` unless there are four numbers, ``#NUM!`` unless they are at least 0 and sum to 1.
    """
    if value is None:
        return None
    grid = as_grid(value)
    cells = [cell for row in grid for cell in row]
    if all(cell is None or cell == "" for cell in cells):
        return None
    if len(cells) != len(COMPONENTS):
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
def score(
    industry: Cell, annual_revenue: Cell, printers: Cell, consumable: Cell, software: Cell, weights: Cell
) -> Cell:
    """ICP score, 0 to 100."""
    facts = Facts(industry, (annual_revenue, printers, consumable, software))
    return facts.answer(facts.score(published.model(), weights).icp_score.tolist())


@safe
def raw(industry: Cell, annual_revenue: Cell, printers: Cell, consumable: Cell, software: Cell, weights: Cell) -> Cell:
    """Raw score, 0 to 1."""
    facts = Facts(industry, (annual_revenue, printers, consumable, software))
    return facts.answer(facts.score(published.model(), weights).raw_score.tolist())


@safe
def grade(
    industry: Cell, annual_revenue: Cell, printers: Cell, consumable: Cell, software: Cell, weights: Cell
) -> Cell:
    """Grade, A to F."""
    facts = Facts(industry, (annual_revenue, printers, consumable, software))
    return facts.answer(facts.score(published.model(), weights).icp_grade.tolist())


@safe
def component(
    name: Cell, industry: Cell, annual_revenue: Cell, printers: Cell, consumable: Cell, software: Cell
) -> Cell:
    """One component's score, 0 to 1."""
    wanted = (to_text(one(name)) or "").lower()
    if wanted not in COMPONENTS:
        raise CellError(VALUE)
    facts = Facts(industry, (annual_revenue, printers, consumable, software))
    scores = facts.score(published.model(), None)
    return facts.answer(scores.components[:, COMPONENTS.index(wanted)].tolist())


@safe
def explain(
    industry: Cell, annual_revenue: Cell, printers: Cell, consumable: Cell, software: Cell, weights: Cell
) -> Cell:
    """The score in words: grade, score, and what each component adds."""
    facts = Facts(industry, (annual_revenue, printers, consumable, software))
    scores = facts.score(published.model(), weights)
    texts: list[Cell] = []
    for i, parts in enumerate(scores.contributions.tolist()):
        sums = " + ".join(f"{name} {part:.3f}" for name, part in zip(COMPONENTS, parts, strict=True))
        texts.append(f"{scores.icp_grade[i]}, score {scores.icp_score[i]:.1f}: {sums} = {scores.raw_score[i]:.3f}")
    return facts.answer(texts)


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
    weights = published.model().weights
    if component_name is None:
        return [[name.capitalize(), weights[name]] for name in COMPONENTS]

    def weight(cell: Cell) -> Cell:
        name = (to_text(cell) or "").lower()
        if name not in weights:
            raise CellError(VALUE)
        return weights[name]

    return each(component_name, weight)

"""The live workbook and the cell formulas of components that are declared in settings, recalculated by LibreOffice."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from icp_xl.config.reports import ReportSettings
from icp_xl.delivery.render.book import render_book
from icp_xl.reports.live.book import build_live_book
from icp_xl.reports.live.inputs import LiveInputs
from icp_xl.reports.spec import Column, ReportBook, Sheet, Table
from tests.components.test_declared import KINDS, MORE, scored
from tests.support.live_books import Step, check, make_live, render_live
from tests.support.office import recalculate


@pytest.mark.office
def test_eight_declared_components_move_as_the_library_says(tmp_path: Path) -> None:
    frame, model = scored(KINDS)
    inputs = LiveInputs(frame.reset_index(), model, {})
    live = render_live(inputs, tmp_path / "live.xlsx")
    rng = np.random.default_rng(3)
    weights = dict(zip(model.names, rng.dirichlet(np.ones(8)).round(4).tolist(), strict=True))
    weights[model.names[0]] = round(1 - sum(list(weights.values())[1:]), 4)
    cells = [(*live.cell("live_weights", "own", k), weights[name]) for k, name in enumerate(model.names, 1)]
    check(live, [Step(cells, weights, model.grade_shares, "All segments")])


def test_a_chart_stands_beside_many_weights_and_below_few(tmp_path: Path) -> None:
    frame, model = scored(KINDS)
    many = render_live(LiveInputs(frame.reset_index(), model, {}), tmp_path / "eight.xlsx")
    few = render_live(make_live(40), tmp_path / "four.xlsx")
    for live, rows in ((many, 8), (few, 4)):
        weights = live.result.tables["live_weights"]
        first = next(chart for chart in live.result.charts if chart.sheet == weights.sheet)
        assert weights.rows == rows and first.title == "How scores spread"
        beside = first.row <= weights.first_row and first.column > max(weights.columns.values())
        assert beside is (live is many)
        assert (first.row > weights.last_row) is (live is few)


@pytest.mark.office
@pytest.mark.parametrize("declared", [KINDS, MORE], ids=["first", "second"])
def test_every_kind_as_a_cell_formula_gives_the_score(tmp_path: Path, declared: dict[str, object]) -> None:
    frame, model = scored(declared)
    book = build_live_book(LiveInputs(frame.reset_index(), model, {}), ReportSettings(live_lambda=True))
    sheets = [sheet for sheet in book.sheets if sheet.name == "Score Model"]
    facts = [fact.name for fact in model.facts]
    columns = [Column(name, name, "text" if pd.api.types.is_object_dtype(frame[name]) else "number") for name in facts]
    columns += [
        Column(f"now_{part.name}", part.name, "number",
               formula=part.expression({name: f"{{{name}}}" for name in facts}))
        for part in model.parts
    ]  # fmt: skip
    shown = frame[facts].assign(**{f"now_{part.name}": frame[part.declared.score_column] for part in model.parts})
    tables = {name: text for name, text in book.names.items() if name.startswith("icp_table_")}
    lookups = [block for block in sheets[0].blocks if isinstance(block, Table) and block.name.startswith("live_table_")]
    made = [Sheet("Facts", "Facts", [Table("facts", columns, shown)])]
    made += [Sheet("Lookups", "Lookups", lookups)] if lookups else []
    result = render_book(ReportBook(made, names=tables), tmp_path / "facts.xlsx", clock=datetime(2024, 7, 1))
    [found] = recalculate(tmp_path / "facts.xlsx", [[]])
    assert not found.errors
    spot = result.tables["facts"]
    for part in model.parts:
        letter = spot.letter(f"now_{part.name}")
        got = [found.values[spot.sheet][f"{letter}{spot.first_row + i + 1}"] for i in range(spot.rows)]
        np.testing.assert_allclose(np.asarray(got, float), frame[part.declared.score_column].to_numpy(float), atol=1e-9)

"""The live workbook in LibreOffice: whatever the reader sets, its formulas give what the library computes."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from icp_xl.columns import COMPONENTS, GRADES
from icp_xl.config.reports import ReportSettings
from icp_xl.config.scoring import ScoringSettings
from icp_xl.delivery.places import RenderResult
from icp_xl.delivery.render import render_book
from icp_xl.reports.live.book import build_live_book
from icp_xl.reports.live.figures import ALL, LiveFigures, compute_live
from icp_xl.reports.live.inputs import LiveInputs, base_frame, charted_industries
from icp_xl.reports.spec import Column, Table
from icp_xl.scoring.accounts import score_accounts
from tests.support.office import Recalculated, assert_recalculates, recalculate
from tests.support.score_report import make_sold

WEIGHTS = {"vertical": 0.3, "size": 0.2, "adoption": 0.3, "relationship": 0.2}
MIXES = ((0.1, 0.2, 0.4, 0.2, 0.1), (0.05, 0.15, 0.3, 0.3, 0.2), (0.25, 0.25, 0.25, 0.25, 0.0))
SEGMENTS = (ALL, "Small Business", "Mid-Market", "Large Enterprise", "Unknown")


def make_live(n: int) -> LiveInputs:
    sold = make_sold(n).assign(gross_profit=0.0)
    result = score_accounts(sold, {}, WEIGHTS, ScoringSettings())
    return LiveInputs(result.scored, result.model, {"Default": dict.fromkeys(COMPONENTS, 0.25)}, "run")


def steps(result: RenderResult, count: int) -> list[tuple[list[tuple[str, str, float | str]], dict, dict, str]]:
    rng = np.random.default_rng(5)

    def at(table: str, column: str, row: int, value: float | str) -> tuple[str, str, float | str]:
        sheet, cell = result.tables[table].cell(column, row).replace("'", "").split("!")
        return sheet, cell.replace("$", ""), value

    made = []
    for i in range(count):
        weights = {name: round(float(w), 4) for name, w in zip(COMPONENTS, rng.dirichlet([2] * 4), strict=True)}
        weights["vertical"] = round(1 - sum(list(weights.values())[1:]), 4)
        shares = dict(zip(GRADES, MIXES[i % len(MIXES)], strict=True))
        segment = SEGMENTS[i % len(SEGMENTS)]
        cells = [at("live_weights", "own", k, weights[name]) for k, name in enumerate(COMPONENTS, 1)]
        cells += [at("live_grades", "target", k, shares[name]) for k, name in enumerate(GRADES, 1)]
        made.append(([*cells, at("live_segment", "value", 1, segment)], weights, shares, segment))
    return made


def column(found: Recalculated, result: RenderResult, table: str, key: str) -> list[object]:
    spot = result.tables[table]
    cells = found.values[spot.sheet]
    return [cells[f"{spot.letter(key)}{spot.first_row + i + 1}"] for i in range(spot.rows)]


def limits_of(inputs: LiveInputs) -> tuple[float, float]:
    return inputs.model.segment_mid_market, inputs.model.segment_large


def compare(found: Recalculated, result: RenderResult, want: LiveFigures) -> None:
    assert not found.errors
    for table, frame, keys in (
        ("live", want.accounts, ("raw_score", "percentile", "icp_score", "score_change", "place_change", "grade_move")),
        ("live_grades", want.grades, ("starts", "accounts", "share", "published")),
        ("live_segments", want.segments, ("accounts", "average", "published", "top_share", "revenue")),
        ("live_industries", want.industries, ("accounts", "average", "published")),
        ("live_histogram", want.histogram, ("accounts", "published")),
        ("live_box", want.box, ("accounts", "low", "q1", "middle", "q3", "high")),
    ):
        for key in keys:
            got = np.asarray(column(found, result, table, key), dtype=float)
            np.testing.assert_allclose(got, frame[key].to_numpy(float), rtol=1e-9, atol=1e-9, err_msg=f"{table}.{key}")
    for key in ("icp_grade", "segment"):
        assert column(found, result, "live", key) == want.accounts[key].tolist()
    assert column(found, result, "live_movers", "up_name") == want.movers["up_name"].tolist()
    numbers = [value for value in found.values["What-If"].values() if isinstance(value, float)]
    for name, value in want.headlines.items():
        assert np.isclose(numbers, value, rtol=1e-9, atol=1e-9).any(), name


def check(inputs: LiveInputs, path: Path, count: int) -> list[float]:
    settings = ReportSettings(live_accounts=200_000)
    result = render_book(build_live_book(inputs, settings), path, clock=datetime(2024, 7, 1))
    base = base_frame(inputs, settings)
    industries = charted_industries(base, settings.industries_charted)
    made, limits = steps(result, count), limits_of(inputs)
    answers = recalculate(path, [cells for cells, *_ in made])
    for answer, (_, weights, shares, segment) in zip(answers, made, strict=True):
        compare(answer, result, compute_live(base, weights, shares, segment, industries, limits))
    return [answer.seconds for answer in answers]


@pytest.mark.office
def test_every_score_grade_and_headline_equals_the_library(tmp_path: Path) -> None:
    check(make_live(1500), tmp_path / "live.xlsx", 10)


@pytest.mark.office
def test_opens_as_published(tmp_path: Path) -> None:
    path = tmp_path / "live.xlsx"
    render_book(build_live_book(make_live(300), ReportSettings()), path, clock=datetime(2024, 7, 1))
    assert assert_recalculates(path) > 3000


def test_a_slice_is_stated() -> None:
    inputs = make_live(300)
    book = build_live_book(inputs, ReportSettings(live_accounts=100))
    [sheet] = [each for each in book.sheets if each.name == "Live Accounts"]
    assert "100 of 300" in sheet.subtitle
    assert isinstance(inputs.scored, pd.DataFrame)


@pytest.mark.office
def test_the_defined_function_agrees_by_substitution(tmp_path: Path) -> None:
    inputs = make_live(1500)
    settings = ReportSettings(live_lambda=True)
    book = build_live_book(inputs, settings)
    body = book.names["ICP_SCORE"].split(",", 4)[-1].removesuffix(")")
    for letter, name in zip("vsar", COMPONENTS, strict=True):
        body = body.replace(f"_xlpm.{letter}", f"{{{name}_score}}")
    sheets = []
    for sheet in book.sheets:
        if sheet.name == "Live Accounts":
            [table] = sheet.blocks
            assert isinstance(table, Table)
            frame = table.frame.assign(function=table.frame["icp_score"])
            columns = [*table.columns, Column("function", "Function", "score", formula=body)]
            sheet = replace(sheet, blocks=[replace(table, columns=columns, frame=frame)])
        sheets.append(sheet)
    names = {name: text for name, text in book.names.items() if name != "ICP_SCORE"}
    path = tmp_path / "live.xlsx"
    result = render_book(replace(book, sheets=sheets, names=names), path, clock=datetime(2024, 7, 1))
    [found] = recalculate(path)
    got = np.asarray(column(found, result, "live", "function"), dtype=float)
    want = inputs.model.score_components(inputs.scored[[f"{name}_score" for name in COMPONENTS]].to_numpy(float))
    np.testing.assert_allclose(got, want.icp_score, rtol=1e-9, atol=1e-9)

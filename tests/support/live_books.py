"""Live workbooks for tests: accounts with planted ties, what a reader may set, and what the library makes of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from python_calamine import CalamineWorkbook
from xlsxwriter.utility import xl_col_to_name

from icp_xl.columns import GRADES
from icp_xl.config.reports import ReportSettings
from icp_xl.config.scoring import ScoringSettings
from icp_xl.delivery.render.book import render_book
from icp_xl.delivery.render.references import RenderResult
from icp_xl.reports.live.book import build_live_book
from icp_xl.reports.live.figures import ALL, LiveFigures, compute_live
from icp_xl.reports.live.inputs import LiveInputs, base_frame, charted_industries
from icp_xl.reports.live.what_if import headline_tiles
from icp_xl.scoring.accounts import score_accounts
from tests.support.equipment import COMPONENTS
from tests.support.office import Recalculated, recalculate
from tests.support.score_report import make_sold

WEIGHTS = {"vertical": 0.3, "size": 0.2, "adoption": 0.3, "relationship": 0.2}
MIXES = ((0.1, 0.2, 0.4, 0.2, 0.1), (0.05, 0.15, 0.3, 0.3, 0.2), (0.25, 0.25, 0.25, 0.25, 0.0))
SEGMENTS = (ALL, "Small Business", "Mid-Market", "Large Enterprise", "Unknown")
CLOCK = datetime(2024, 7, 1)
Cells = list[tuple[str, str, float | str]]


def make_live(n: int, twins: int = 0) -> LiveInputs:
    """Scored accounts; ``twins`` of them are copies of five, equal in all that is scored."""
    sold = make_sold(n).assign(gross_profit=0.0)
    if twins:
        same = ["industry", "annual_revenue", "printers", "consumable_revenue", "software_revenue"]
        # Rows far apart, so that the copies of one account do not stand together.
        at = np.linspace(5, n - 1, twins).astype(int)
        sold.loc[at, same] = sold.loc[np.arange(twins) % 5, same].to_numpy()
    result = score_accounts(sold, {}, WEIGHTS, ScoringSettings())
    return LiveInputs(result.scored, result.model, {"Default": dict.fromkeys(COMPONENTS, 0.25)}, "run")


@dataclass(frozen=True)
class Live:
    """A rendered live workbook, and what it was rendered from."""

    inputs: LiveInputs
    path: Path
    result: RenderResult
    settings: ReportSettings
    base: pd.DataFrame
    industries: list[str]

    def cell(self, table: str, column: str, row: int) -> tuple[str, str]:
        """Sheet and address of a table's cell, rows from 1."""
        sheet, cell = self.result.tables[table].cell(column, row).replace("'", "").split("!")
        return sheet, cell.replace("$", "")

    def column(self, found: Recalculated, table: str, key: str) -> list[object]:
        """What a column holds after a recalculation."""
        spot = self.result.tables[table]
        cells = found.values[spot.sheet]
        return [cells[f"{spot.letter(key)}{spot.first_row + i + 1}"] for i in range(spot.rows)]

    def want(self, weights: dict[str, float], shares: dict[str, float], segment: str) -> LiveFigures:
        """What the library computes."""
        model = self.inputs.model
        limits = (model.segment_mid_market, model.segment_large)
        return compute_live(self.base, weights, shares, segment, self.industries, limits)


def render_live(inputs: LiveInputs, path: Path, settings: ReportSettings | None = None) -> Live:
    """Write the workbook."""
    settings = settings or ReportSettings(live_accounts=200_000)
    result = render_book(build_live_book(inputs, settings), path, clock=CLOCK)
    base = base_frame(inputs, settings)
    return Live(inputs, path, result, settings, base, charted_industries(base, settings.industries_charted))


@dataclass(frozen=True)
class Step:
    """What a reader sets, as cells and as arguments of the library."""

    cells: Cells
    weights: dict[str, float]
    shares: dict[str, float]
    segment: str


def steps(live: Live, most: int | None = None) -> list[Step]:
    """Random weights for every grade mix with every segment."""
    rng = np.random.default_rng(5)
    made = []
    for shape, segment in list(product(MIXES, SEGMENTS))[:most]:
        weights = {name: round(float(w), 4) for name, w in zip(COMPONENTS, rng.dirichlet([2] * 4), strict=True)}
        weights["vertical"] = round(1 - sum(list(weights.values())[1:]), 4)
        shares = dict(zip(GRADES, shape, strict=True))
        cells: Cells = [(*live.cell("live_weights", "own", k), weights[name]) for k, name in enumerate(COMPONENTS, 1)]
        cells += [(*live.cell("live_grades", "target", k), shares[name]) for k, name in enumerate(GRADES, 1)]
        made.append(Step([*cells, (*live.cell("live_segment", "value", 1), segment)], weights, shares, segment))
    return made


def a_readers_steps(live: Live, seed: int, most: int) -> list[Step]:
    """What a reader may set one after another: any weights, any shares of grades, some of them 0, any segment."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(most):
        weights = {name: round(float(w), 4) for name, w in zip(COMPONENTS, rng.dirichlet([1] * 4), strict=True)}
        weights["vertical"] = round(1 - sum(list(weights.values())[1:]), 4)
        given = rng.multinomial(20, rng.dirichlet([1] * 5)) / 20 * (rng.random(5) < 0.8)
        shares = dict(zip(GRADES, (float(each) for each in given), strict=True))
        segment = str(rng.choice(SEGMENTS))
        cells: Cells = [(*live.cell("live_segment", "value", 1), segment)]
        cells += [(*live.cell("live_grades", "target", k), shares[name]) for k, name in enumerate(GRADES, 1)]
        cells += [(*live.cell("live_weights", "own", k), weights[name]) for k, name in enumerate(COMPONENTS, 1)]
        made.append(Step([cells[int(i)] for i in rng.permutation(len(cells))], weights, shares, segment))
    return made


NUMBERS: tuple[tuple[str, str, Sequence[str]], ...] = (
    ("live", "accounts",
     ("percentile", "icp_score", "score_change", "place_change", "grade_move")),
    ("live_grades", "grades", ("starts", "accounts", "share", "published")),
    ("live_segments", "segments",
     ("accounts", "average", "published", "top_share", "revenue", *(f"share_{name}" for name in GRADES),
      "accounts_share", "revenue_share")),
    ("live_industries", "industries", ("accounts", "average", "published")),
    ("live_histogram", "histogram", ("accounts", "published")),
    ("live_box", "box", ("accounts", "low", "q1", "middle", "q3", "high")),
    ("live_knots", "knots", ("last", "middle")),
)  # fmt: skip
WORDS = (
    ("live", "accounts", ("icp_grade", "segment")),
    ("live_movers", "movers", ("up_name", "down_name", "up_grade", "down_grade")),
    ("live_top", "best", ("account_name", "industry", "segment", "icp_grade")),
    ("live_best", "best", ("account_name", "industry", "segment", "icp_grade", "published_grade")),
)  # noqa: E501


def compare(live: Live, found: Recalculated, want: LiveFigures) -> None:
    """Fail unless every figure of the recalculated workbook is the library's."""
    assert not found.errors
    for table, frame, keys in NUMBERS:
        for key in keys:
            # Blank is what does not belong to the segment shown.
            got = np.asarray([np.nan if value == "" else value for value in live.column(found, table, key)], float)
            expected = getattr(want, frame)[key].to_numpy(float)
            # A place is a percentile times the accounts, and as exact as that.
            near = 1e-9 * len(want.accounts) if key == "place_change" else 1e-9
            np.testing.assert_allclose(got, expected, rtol=1e-9, atol=near, err_msg=f"{table}.{key}")
    # Raw scores, in units of 1e-12: the last one may differ where engines round.
    keys = np.asarray(live.column(found, "live", "key"), dtype=float)
    np.testing.assert_allclose(keys, want.accounts["key"].to_numpy(float), rtol=0, atol=1)
    # A knot that falls half way between two keys may be rounded either way: that is one unit of 1e-12 in a raw score.
    knots = np.asarray(live.column(found, "live_knots", "knot"), dtype=float)
    np.testing.assert_allclose(knots, want.knots["knot"].to_numpy(float), rtol=0, atol=1)
    for table, frame, keys in WORDS:
        for key in keys:
            got = live.column(found, table, key)
            expected = getattr(want, frame)[key].head(len(got)).fillna("").tolist()
            assert got == expected, f"{table}.{key}"
    for side in ("up", "down"):
        got = [value for value in live.column(found, "live_movers", f"{side}_by") if value != ""]
        np.testing.assert_allclose(np.asarray(got, dtype=float), want.movers[f"{side}_by"].dropna().to_numpy(float),
                                   rtol=1e-9, atol=1e-9 * len(want.accounts))  # fmt: skip
    for sheet in ("Dashboard", "What-If"):
        got = [found.values[sheet][cell] for cell in tiles(live.path, sheet, want)]
        np.testing.assert_allclose(got, list(want.headlines.values()), rtol=1e-9, atol=1e-9)


def tiles(path: Path, sheet: str, want: LiveFigures) -> list[str]:
    """Cells of the headline figures, each below its label."""
    rows = CalamineWorkbook.from_path(path).get_sheet_by_name(sheet).to_python(skip_empty_area=False)
    places: dict[object, tuple[int, int]] = {}
    for i, row in enumerate(rows[:60]):
        for j, value in enumerate(row):
            places.setdefault(value, (i, j))
    spots = [places[figure.label] for figure in headline_tiles(want)]
    return [f"{xl_col_to_name(j)}{i + 2}" for i, j in spots]


def check(live: Live, made: Sequence[Step], repeat: int = 1) -> list[Recalculated]:
    """Recalculate every step and compare it with the library."""
    answers = recalculate(live.path, [step.cells for step in made], repeat=repeat)
    for answer, step in zip(answers, made, strict=True):
        compare(live, answer, live.want(step.weights, step.shares, step.segment))
    return answers

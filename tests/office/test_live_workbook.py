"""The live workbook in LibreOffice: whatever the reader sets, its formulas give what the library computes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from icp_xl.config.reports import ReportSettings
from icp_xl.reports.live import knots, rankings
from icp_xl.reports.live.book import build_live_book
from icp_xl.reports.live.figures import ALL
from icp_xl.reports.spec import Table
from icp_xl.scoring.model import grade_limits
from tests.support.equipment import COMPONENTS
from tests.support.live_books import (
    SEGMENTS,
    WEIGHTS,
    Live,
    Step,
    a_readers_steps,
    check,
    compare,
    make_live,
    render_live,
    steps,
)
from tests.support.office import assert_recalculates, recalculate
from tests.support.second_engine import SecondEngine


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Live:
    """A workbook of 1,501 accounts, of which 375 are copies of five."""
    return render_live(make_live(1501, twins=375), tmp_path_factory.mktemp("live") / "live.xlsx")


@pytest.mark.office
def test_every_score_grade_and_headline_equals_the_library(live: Live) -> None:
    made = steps(live)
    assert len(made) == 15
    ties = [live.want(step.weights, step.shares, step.segment).accounts for step in made]
    assert all(frame["key"].duplicated(keep=False).sum() >= 375 for frame in ties)
    # With 1,501 accounts the knots are accounts, so that some stand exactly where a grade begins.
    edges = [{limit for limit in grade_limits(step.shares).values() if 0 < limit < 1} for step in made]
    on_edge = [frame["percentile"].round(12).isin(limits).sum() for frame, limits in zip(ties, edges, strict=True)]
    assert sum(on_edge) >= 15
    check(live, made)


@pytest.mark.office
def test_keys_asked_for_by_one_array_give_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(knots, "ARRAY_FROM", 1002)
    # The knots of the first are accounts; those of the second lie between them.
    for n, twins in ((2001, 500), (1337, 200)):
        live = render_live(make_live(n, twins=twins), tmp_path / f"{n}.xlsx")
        assert "below" in live.result.tables["live_knots"].columns
        check(live, steps(live, 4))
        assert_recalculates(live.path)


@pytest.mark.office
@pytest.mark.parametrize(("n", "twins", "block"), [(300, 60, 16), (97, 90, 8), (64, 0, 64), (65, 0, 64)])
def test_lists_by_blocks_of_accounts_give_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, n: int, twins: int, block: int
) -> None:
    monkeypatch.setattr(rankings, "BLOCKS_FROM", 65)
    monkeypatch.setattr(rankings, "BLOCK", block)
    live = render_live(make_live(n, twins=twins), tmp_path / "live.xlsx")
    assert ("live_blocks" in live.result.tables) == (n > 64)
    check(live, steps(live))
    assert_recalculates(live.path)


@pytest.mark.office
@pytest.mark.parametrize(("n", "twins", "seed", "large"), [(60, 10, 1, 0), (203, 40, 2, 0), (1400, 300, 3, 1)])
def test_what_a_reader_sees_without_a_hard_recalculation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, n: int, twins: int, seed: int, large: int
) -> None:
    if large:
        monkeypatch.setattr(knots, "ARRAY_FROM", 1002)
        monkeypatch.setattr(rankings, "BLOCKS_FROM", 1002)
        monkeypatch.setattr(rankings, "BLOCK", 128)
    live = render_live(make_live(n, twins=twins), tmp_path / "live.xlsx")
    assert ("below" in live.result.tables["live_knots"].columns) == ("live_blocks" in live.result.tables) == bool(large)
    check(live, a_readers_steps(live, seed, 12), repeat=0)


@pytest.mark.office
def test_accounts_without_revenue_at_either_end_are_counted(tmp_path: Path) -> None:
    inputs = make_live(150)
    scored = inputs.scored.reset_index(drop=True)
    # LibreOffice leaves out blank cells at the ends of a range when they are asked for first.
    scored.loc[[0, 1, 148, 149], "annual_revenue"] = np.nan
    live = render_live(replace(inputs, scored=scored), tmp_path / "live.xlsx")
    check(live, [step for step in steps(live) if step.segment == "Unknown"])


@pytest.mark.office
def test_revenues_below_zero_and_beyond_all_measure_are_of_a_segment(tmp_path: Path) -> None:
    made = make_live(120)
    revenues = np.random.default_rng(4).choice([np.nan, -3.9e6, -0.2, 0.0, 2e7, 1e300], len(made.scored))
    one = made.scored.assign(annual_revenue=revenues, industry="Aerospace & Defense")
    live = render_live(replace(made, scored=one), tmp_path / "live.xlsx")
    check(live, steps(live, len(SEGMENTS)), repeat=0)


@pytest.mark.office
def test_presets_own_weights_and_the_sum_to_one(live: Live) -> None:
    model = live.inputs.model
    shares = dict(model.grade_shares)
    base = live.cell("live_preset", "value", 1)
    size, slider = live.cell("live_weights", "own", 2), live.cell("live_weights", "slider", 3)
    normalise = live.cell("live_normalise", "value", 1)

    def scaled(weights: dict[str, float]) -> dict[str, float]:
        total = sum(weights.values())
        return {name: value / total for name, value in weights.items()}

    equal = dict.fromkeys(COMPONENTS, 0.25)
    typed = {**equal, "size": 0.65}
    moved = {**typed, "adoption": 0.25 + 0.3}
    # Each step keeps what the steps before it set.
    made = [
        ([(*base, "Default")], model.weights | dict.fromkeys(COMPONENTS, 0.25)),
        ([(*base, "Equal")], equal),
        ([(*size, 0.65)], scaled(typed)),
        ([(*slider, 130.0)], scaled(moved)),
        ([(*normalise, "No")], moved),
        ([(*base, "Published"), (*size, ""), (*slider, 100.0)], WEIGHTS),
    ]
    answers = recalculate(live.path, [cells for cells, _ in made])
    for answer, (_, weights) in zip(answers, made, strict=True):
        assert live.column(answer, "live_weights", "used") == pytest.approx(list(weights.values()), abs=1e-12)
        compare(live, answer, live.want(weights, shares, ALL))
    sums = [live.column(answer, "live_checks", "status")[0] for answer in answers]
    assert sums == ["OK", "OK", "OK", "OK", "Check: it is 1.700", "OK"]


@pytest.mark.office
def test_segment_limits_are_the_readers_too(live: Live) -> None:
    limits = (2e6, 5e7)
    cells = [(*live.cell("live_limits", "starts", k), value) for k, value in enumerate(limits, 1)]
    [found] = recalculate(live.path, [[*cells, (*live.cell("live_segment", "value", 1), "Mid-Market")]])
    model = replace(live.inputs.model, segment_mid_market=limits[0], segment_large=limits[1])
    moved = replace(live, inputs=replace(live.inputs, model=model))
    compare(live, found, moved.want(WEIGHTS, dict(model.grade_shares), "Mid-Market"))


@pytest.mark.office
@pytest.mark.parametrize("n", [5, 101])
def test_few_accounts_many_ties_and_empty_segments(tmp_path: Path, n: int) -> None:
    # With 101 accounts percentiles are knots, so that many accounts move by the same number of places; with a weight on
    # one component many stand equal, in a segment all of them.
    live = render_live(make_live(n), tmp_path / "live.xlsx")
    shares = dict(live.inputs.model.grade_shares)
    made = []
    for values in ((0.1, 0.5, 0.1, 0.3), (0.0, 1.0, 0.0, 0.0)):
        weights = dict(zip(COMPONENTS, values, strict=True))
        own = [(*live.cell("live_weights", "own", k), weights[name]) for k, name in enumerate(COMPONENTS, 1)]
        made += [Step([*own, (*live.cell("live_segment", "value", 1), name)], weights, shares, name)
                 for name in SEGMENTS]  # fmt: skip
    shown = [live.want(step.weights, shares, step.segment).headlines["accounts"] for step in made]
    assert min(shown) < 10
    check(live, made)


@pytest.mark.office
def test_equal_keys_that_reach_over_many_knots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(knots, "ARRAY_FROM", 1002)
    # Copies of five accounts, each a fifth of all.
    live = render_live(make_live(1500, twins=1450), tmp_path / "live.xlsx")
    check(live, steps(live, 4))


@pytest.mark.office
def test_cleared_cells_and_labels_with_signs_of_a_search(tmp_path: Path) -> None:
    inputs = make_live(60)
    labels = ("Fit A", "Fit ?", "Fit ~ x", "Fit*")
    parts = tuple(replace(part, declared=replace(part.declared, label=label))
                  for part, label in zip(inputs.model.parts, labels, strict=True))  # fmt: skip
    live = render_live(replace(inputs, model=replace(inputs.model, parts=parts)), tmp_path / "live.xlsx")
    shares = dict(inputs.model.grade_shares)
    segment = live.cell("live_segment", "value", 1)
    cleared = [(*live.cell("live_preset", "value", 1), ""), (*segment, "")]
    limit = [(*live.cell("live_limits", "starts", 1), ""), (*segment, "Mid-Market")]
    all_of, mid = recalculate(live.path, [cleared, limit])
    compare(live, all_of, live.want(WEIGHTS, shares, ALL))
    assert live.column(all_of, "live_weights", "used") == pytest.approx(list(WEIGHTS.values()), abs=1e-12)
    moved = replace(live, inputs=replace(live.inputs, model=replace(inputs.model, segment_mid_market=0.0)))
    compare(live, mid, moved.want(WEIGHTS, shares, "Mid-Market"))


@pytest.mark.office
def test_opens_as_published(tmp_path: Path) -> None:
    live = render_live(make_live(300), tmp_path / "live.xlsx")
    assert assert_recalculates(live.path) > 3000


def test_a_slice_is_stated() -> None:
    inputs = make_live(300)
    book = build_live_book(inputs, ReportSettings(live_accounts=100))
    [sheet] = [each for each in book.sheets if each.name == "Live Accounts"]
    assert "100 of 300" in sheet.subtitle
    [table] = sheet.blocks
    assert isinstance(table, Table) and len(table.frame) == 100


def test_a_second_engine_agrees_with_every_formula_and_with_the_functions(tmp_path: Path) -> None:
    live = render_live(make_live(300, twins=60), tmp_path / "live.xlsx", ReportSettings(live_lambda=True))
    engine, inputs = SecondEngine(live.path), live.inputs
    shares, n = dict(inputs.model.grade_shares), len(live.base)
    facts = [fact.name for fact in inputs.model.facts]
    for j, name in enumerate(facts, 1):
        for i, value in enumerate(inputs.scored.set_index("account_id").loc[live.base["account_id"], name], 1):
            engine.put(i, j, value)
    ranges = ",".join(f"{letter}1:{letter}{n}" for letter in "ABCDE"[: len(facts)])
    calls = {20: f"=ICP_SCORE({ranges})", 21: f"=ICP_GRADE({ranges})"}
    moved = {"vertical": 0.13, "size": 0.37, "adoption": 0.29, "relationship": 0.21}
    for weights in (WEIGHTS, moved):
        if weights is moved:
            for k, name in enumerate(COMPONENTS, 1):
                engine.set(*live.cell("live_weights", "own", k), moved[name])
        got, want = engine.ask(calls, rows=n), live.want(weights, shares, ALL)
        compare(live, engine.recalculated(), want)
        np.testing.assert_allclose(np.asarray(got[20], float), want.accounts["icp_score"], rtol=0, atol=1e-9)
        assert got[21] == want.accounts["icp_grade"].tolist()

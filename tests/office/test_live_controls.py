"""The scroll bars of the live workbook in LibreOffice: each is linked to its cell, and the scores follow it."""

from __future__ import annotations

from pathlib import Path

import pytest

from icp_xl.delivery.render.book import render_book
from icp_xl.reports.live.figures import ALL
from icp_xl.reports.spec import Control
from tests.delivery.test_controls import make_book
from tests.support.equipment import COMPONENTS
from tests.support.live_books import CLOCK, WEIGHTS, Live, make_live, render_live
from tests.support.office import ask_office

SCRIPT = Path(__file__).parents[1] / "support" / "lo_controls.py"


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Live:
    return render_live(make_live(200), tmp_path_factory.mktemp("live") / "live.xlsx")


@pytest.mark.office
def test_scroll_bars_move_their_cells_and_the_scores_follow(live: Live) -> None:
    accounts = range(1, 201)
    watch = [live.cell("live_weights", "used", k) for k in range(1, 5)]
    watch += [live.cell("live", "icp_score", k) for k in accounts]
    # One after the other, each from where the last one left the weights.
    moves = [(1, 140), (2, 85), (3, 110), (4, 60)]
    got = ask_office(SCRIPT, live.path, {"moves": [["What-If", n, v] for n, v in moves], "watch": watch})

    first, *controls = got["controls"]
    cells = [live.cell("live_weights", "slider", k)[1] for k in range(1, 5)]
    assert [control["cell"] for control in controls] == cells and first["cell"] == cells[0]
    weights = dict(WEIGHTS)
    shares = dict(live.inputs.model.grade_shares)
    for control, (_, value), after, name in zip(controls, moves, got["after"], COMPONENTS, strict=True):
        assert (control["service"], control["across"]) == ("scroll", True)
        assert (control["low"], control["high"], control["step"], control["value"]) == (0, 200, 1, 100)
        assert control["width"] > 3000 and control["height"] > 300
        assert after["linked"] == value
        weights[name] = max(0.0, weights[name] + (value - 100) / 100)
        used = {key: weight / sum(weights.values()) for key, weight in weights.items()}
        want = live.want(used, shares, ALL).accounts["icp_score"].tolist()
        assert after["watched"] == pytest.approx([*used.values(), *want], abs=1e-9)


@pytest.mark.office
def test_spin_buttons_are_linked_too(tmp_path: Path) -> None:
    path = tmp_path / "spin.xlsx"
    render_book(make_book(Control("spin", "bar", 0, 50, 2)), path, clock=CLOCK)
    got = ask_office(SCRIPT, path, {"moves": [["Try", 1, 30], ["Try", 2, 40]], "watch": []})
    assert [control["service"] for control in got["controls"]] == ["spin"] * 3
    assert [control["value"] for control in got["controls"]][1:] == [10, 20]
    assert [after["linked"] for after in got["after"]] == [30, 40]

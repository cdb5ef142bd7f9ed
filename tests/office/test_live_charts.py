"""The charts of the live workbook, drawn by LibreOffice before and after: each follows what it must, and only that."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from icp_xl.columns import GRADES
from tests.support.equipment import COMPONENTS
from tests.support.live_books import Cells, make_live, render_live
from tests.support.office import ask_office

SCRIPT = Path(__file__).parents[1] / "support" / "lo_charts.py"
#: Charts that follow the grade shares, and those that a choice of segment leaves alone.
OF_GRADES = {"Grade mix against target", "Grades by segment"}
OF_ALL_ACCOUNTS = {"Average score by segment", "Weights", "Grades by segment", "Accounts and revenue by segment"}
SCATTERS = {f"ICP score and {name}" for name in ("published score", "annual revenue", "printers", "consumable revenue",
                                                 "software revenue")}  # fmt: skip
DASHBOARD = {"How scores spread", "Grade mix against target", "Average score by segment", "Average score by industry",
             "Where the scores lie", "Grades by segment", "Accounts and revenue by segment"}  # fmt: skip
#: What it draws hangs on where segments begin, and on nothing else.
OF_LIMITS = {"Accounts and revenue by segment"}


def draws_other(before: dict[str, Any], after: dict[str, Any]) -> bool:
    """Whether a chart looks otherwise; its picture must tell the same as its values."""
    changed = Path(before["picture"]).read_bytes() != Path(after["picture"]).read_bytes()
    assert changed == (before["series"] != after["series"]), before["title"]
    return changed


@pytest.mark.office
def test_every_chart_follows_what_it_must_and_nothing_else(tmp_path: Path) -> None:
    live = render_live(make_live(600), tmp_path / "live.xlsx")
    weights = dict(zip(COMPONENTS, (0.1, 0.5, 0.1, 0.3), strict=True))
    shares = dict(zip(GRADES, (0.25, 0.25, 0.25, 0.25, 0.0), strict=True))
    set_weights: Cells = [(*live.cell("live_weights", "own", k), weights[n]) for k, n in enumerate(COMPONENTS, 1)]
    set_shares: Cells = [(*live.cell("live_grades", "target", k), shares[n]) for k, n in enumerate(GRADES, 1)]
    set_segment: Cells = [(*live.cell("live_segment", "value", 1), "Mid-Market")]
    sets = [[], set_weights, set_shares, set_segment]
    start, moved, graded, chosen = ask_office(SCRIPT, live.path, {"folder": str(tmp_path), "sets": sets})

    assert {chart["title"] for chart in start if chart["sheet"] == "Dashboard"} == DASHBOARD
    what_if = {chart["title"] for chart in start if chart["sheet"] == "What-If"}
    assert what_if == DASHBOARD | SCATTERS | {"Weights"} and len(start) == 20
    assert all(len(chart["alt"]) > 40 for chart in start)

    for before, after in zip(start, moved, strict=True):
        assert draws_other(before, after) == (before["title"] not in OF_LIMITS), before["title"]
        for name, values in before["series"].items():
            # What was published, a target, and what a point is drawn over stay; the rest follows.
            fixed = name.startswith(("Published", "Target", "Share of")) or "values-x" in name
            assert (values == after["series"][name]) == fixed, (before["title"], name)
    for before, after in zip(moved, graded, strict=True):
        assert draws_other(before, after) == (before["title"] in OF_GRADES), before["title"]
    for before, after in zip(graded, chosen, strict=True):
        assert draws_other(before, after) == (before["title"] not in OF_ALL_ACCOUNTS | SCATTERS), before["title"]

"""The sheets that the script keeps for itself: what people do to them is told, and not written over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.lite.conftest import Ran


@pytest.mark.parametrize(
    "text", ["dabc:1 x", "d" + "0" * 12 + ":1 - - -", "d" + "0" * 12 + ":" + "9" * 5000 + " - - - -", 5.0]
)
def test_a_line_of_the_records_that_is_none_is_told(ran: Callable[..., Ran], text: Any) -> None:
    each = ran()
    each.run()
    next(sheet for sheet in each.book.sheets if sheet.name == "ICP Written").cells[4, 1] = text
    assert "is not as these scripts left it" in each.refused()


def test_on_the_sheet_of_weights_only_what_is_ours_is_written(ran: Callable[..., Ran]) -> None:
    each = ran()
    each.run()
    page = next(sheet for sheet in each.book.sheets if sheet.name == "ICP Weights")
    ours = dict(page.cells)
    # Rows and a column before: what is told of a run goes where its label went.
    page.cells = {(i + 2, j + 1): cell for (i, j), cell in ours.items()}
    before = dict(page.cells)
    each.run()
    assert page.cells == before
    [spot] = [spot for spot, cell in page.cells.items() if " scored: weights " in str(cell)]
    page.cells[spot] = "my own words"
    each.run()
    assert page.cells[spot] == "my own words"


@pytest.mark.parametrize(
    ("cells", "words"),
    [({4 + i: 1.7e308 for i in range(4)}, "their sum is beyond numbers"), ({4: 10**400}, "vertical: 1000"),
     ({}, "vertical is there 2 times; rank among is there 2 times")],
)  # fmt: skip
def test_weights_that_are_none_are_refused(ran: Callable[..., Ran], cells: dict[int, Any], words: str) -> None:
    each = ran()
    each.run()
    page = next(sheet for sheet in each.book.sheets if sheet.name == "ICP Weights")
    for i, cell in cells.items():
        page.cells[i, 2] = cell
    if not cells:
        page.cells |= {(20, 1): "Vertical", (20, 2): 0.9, (21, 1): "Rank among", (21, 2): "this table"}
    said = each.refused()
    assert words in said and len(said) < 500


@pytest.mark.parametrize("name", ["ICP Written", "ICP Weights", "Accounts"])
def test_wherever_excel_refuses_the_columns_are_known_again(ran: Callable[..., Ran], name: str) -> None:
    each = ran()
    each.run()
    names, before = each.headers(), dict(each.sheet.cells)
    page = next(sheet for sheet in each.book.sheets if sheet.name == "ICP Weights")
    for i, weight in enumerate((0, 0, 0, 1)):
        page.cells[4 + i, 2] = weight
    locked = next(sheet for sheet in each.book.sheets if sheet.name == name)
    locked.protected = True
    if name == "ICP Weights":
        assert "12 of 12 rows" in (said := each.run()) and "Excel did not write on the sheet ICP Weights" in said
    else:
        assert "the sheet is protected" in each.refused() and each.sheet.cells == before
    locked.protected = False
    assert "left as it is" not in each.run() and each.headers() == names and each.sheet.cells != before

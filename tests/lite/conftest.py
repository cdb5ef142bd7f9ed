"""A sheet of accounts on which the script for xlwings Lite is run."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest

from icp_xl.reports.lite.script import LiteInputs, lite_script
from tests.lite.test_lite_in_place import LIVE, MODEL, rows
from tests.support import lite_xlwings
from tests.support.lite_xlwings import Book, Sheet


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    made: dict[str, Any] = {"__name__": "main"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "xlwings", lite_xlwings)
        exec(compile(lite_script(LiteInputs(MODEL, LIVE.scored)), "main.py", "exec", dont_inherit=True), made)
    return made


class Ran:
    """A sheet of accounts on which ``score_accounts`` was run."""

    def __init__(self, script: dict[str, Any], capsys: pytest.CaptureFixture[str], made: list[list[Any]]) -> None:
        self.script, self.capsys = script, capsys
        self.book = Book({"Accounts": made})

    @property
    def sheet(self) -> Sheet:
        return next(sheet for sheet in self.book.sheets if sheet.name not in ("ICP Weights", "ICP Written"))

    def run(self) -> str:
        self.book.run(self.script["score_accounts"])
        return self.capsys.readouterr().out

    def refused(self) -> str:
        before = {sheet.name: dict(sheet.cells) for sheet in self.book.sheets}
        with pytest.raises(self.script["CannotScore"]) as raised:
            self.book.run(self.script["score_accounts"])
        after = {sheet.name: dict(sheet.cells) for sheet in self.book.sheets}
        assert {name: after[name] for name in before} == before
        return str(raised.value)

    def headers(self, at: int = 2) -> list[Any]:
        return self.book.rows(self.sheet.name)[at]

    def put(self, row: int, at: int, value: Any) -> None:
        """Change the cell of an account, both from 0."""
        self.sheet.cells[row + 4, at + 1] = value

    def get(self, row: int, at: int) -> Any:
        return self.sheet.cells.get((row + 4, at + 1))


@pytest.fixture
def ran(script: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    return lambda made=None: Ran(script, capsys, rows(12, step=10) if made is None else made)

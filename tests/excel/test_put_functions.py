"""The button Put functions in, on the sample customer workbook, twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import openpyxl

from icp_xl.cli import run
from icp_xl.excel import macros
from icp_xl.samples import write_samples


def test_the_functions_go_into_the_open_workbook_and_it_is_open_again(app: Any, tmp_path: Path) -> None:
    folder = tmp_path / "s"
    customers, *_ = write_samples(folder, accounts=60, lines=700)
    options = ["--set", "reports.live=false", "--data", str(folder), "--out", str(folder / "icp_output")]
    assert run(["score", "--quiet", *options]) == 0
    book = app.books.open(str(customers))
    names = [tab.name for tab in book.sheets]
    for _ in range(2):
        assert macros.guarded(book, macros.MACROS["put_functions"]), app.impl.alerts
        book = app.books[customers.name]
    assert "ICP_LOOKUP can be typed" in str(app.impl.alerts[-1])
    assert {*names, "ICP Functions", "ICP Accounts"} == {tab.name for tab in book.sheets}
    assert "ICP_SCORE" in openpyxl.load_workbook(customers).defined_names

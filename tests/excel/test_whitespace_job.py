"""The Rank whitespace button, with the real command line behind it: the list opens as a workbook of its own."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from icp_xl.cli import run
from icp_xl.excel import macros
from icp_xl.excel.actions import ACTIONS
from icp_xl.samples import write_samples
from tests.support.whitespace_output import CUTOFF, make_scores


@pytest.mark.slow
def test_the_list_opens_beside_the_workbook(app: Any, tmp_path: Path) -> None:
    folder = tmp_path / "samples"
    customers, sales, *_ = write_samples(folder, accounts=60, lines=900)
    out = folder / "icp_output"
    fast = ["--quiet", "--data", str(folder), "--out", str(out), "--set", "features.use_als=false"]
    assert run(["build", *fast, "--cutoff", CUTOFF]) == 0
    make_scores(out)
    app.books.open(str(sales))
    book = app.books.open(str(customers))
    before = {sheet.name for sheet in book.sheets}
    job = macros.start(book, ACTIONS["whitespace"])
    assert job.wait(1200).state == "succeeded", job.log_tail()
    assert macros.guarded(book, partial(macros.collect_job, job_id=job.id)), app.impl.alerts
    result = job.result()
    assert result is not None and [Path(name).name for name in result.reports] == ["icp_whitespace.xlsx"]
    assert {sheet.name for sheet in book.sheets} == before
    assert {"Whitespace", "Grid", "Whitespace Metrics"} <= {tab.name for tab in app.books["icp_whitespace.xlsx"].sheets}
    listed = pd.read_parquet(out / "state/whitespace.parquet")
    assert listed["selected"].sum() > 0

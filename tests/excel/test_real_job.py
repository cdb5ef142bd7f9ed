"""The Score button on the package's own untidy sample workbooks, with the real command line behind it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from icp_xl.excel import jobs, macros
from icp_xl.excel.actions import ACTIONS
from icp_xl.excel.columns import RESULT_COLUMNS
from icp_xl.excel.workbook_discovery import find_table
from icp_xl.sources.fields import CUSTOMERS


@pytest.mark.slow
def test_score_on_the_sample_workbooks(app: Any, tmp_path: Path) -> None:
    from icp_xl.samples import write_samples

    folder = tmp_path / "samples"
    customers, sales, *_ = write_samples(folder, accounts=120, lines=1500)
    app.books.open(str(sales))
    book = app.books.open(str(customers))
    before = {sheet.name: sheet.used_range.formula for sheet in book.sheets}
    job = macros.start(book, ACTIONS["score"])
    assert job.wait(1200).state == "succeeded", job.log_tail()
    assert macros.guarded(book, partial(macros.collect_job, job_id=job.id)), app.impl.alerts
    assert app.impl.alerts == []
    result = job.result()
    assert result is not None and [Path(name).name for name in result.reports] == ["icp_report.xlsx"]
    assert [sheet.name for sheet in book.sheets] == list(before)
    assert len(app.books["icp_report.xlsx"].sheets) >= 4
    found = find_table(book, CUSTOMERS)
    assert found is not None
    for name, formulas in before.items():
        if name != found.sheet.name:
            assert book.sheets[name].used_range.formula == formulas
    headers = dict(zip(found.header.headers, range(found.column, found.column + 99), strict=False))
    assert {title for title, _, _ in RESULT_COLUMNS} <= set(headers)
    scored = pd.read_parquet(folder / "icp_output" / "state" / "scored_accounts.parquet").set_index("account_name")
    first = found.row + found.header.span
    last = first + found.sheet.used_range.shape[0]
    names = found.sheet.range((first, found.column_of("account_name")), (last, found.column_of("account_name"))).value
    scores = found.sheet.range((first, headers["ICP Score"]), (last, headers["ICP Score"])).value
    filled = [(name, score) for name, score in zip(names, scores, strict=True) if score is not None]
    assert len(filled) >= 110
    for name, score in filled:
        if name in scored.index and scored.index.tolist().count(name) == 1:
            assert score == scored.loc[name, "icp_score"]
    assert jobs.waiting_jobs() == []


@pytest.mark.slow
def test_share_after_a_score_says_where_the_copies_are(app: Any, tmp_path: Path) -> None:
    from icp_xl.samples import write_samples

    folder = tmp_path / "samples"
    customers, sales, *_ = write_samples(folder, accounts=60, lines=600)
    app.books.open(str(sales))
    book = app.books.open(str(customers))
    for name in ("score", "share"):
        job = macros.start(book, ACTIONS[name])
        assert job.wait(1200).state == "succeeded", job.log_tail()
        assert macros.guarded(book, partial(macros.collect_job, job_id=job.id)), app.impl.alerts
    assert "1 workbook to send in" in str(app.impl.alerts[-1])
    out = Path(job.request.out)
    assert (out / "shared" / "icp_report.xlsx").is_file() and (out / "share_manifest.csv").is_file()

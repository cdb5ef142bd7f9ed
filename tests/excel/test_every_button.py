"""Every button whose work is a job, one after the other on the sample workbooks, with the real command line."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from icp_xl.excel import macros
from icp_xl.excel.actions import ACTIONS
from icp_xl.excel.workbook_discovery import find_table
from icp_xl.sources.fields import CUSTOMERS

EVERY_REPORT = (
    "icp_build.xlsx",
    "icp_models.xlsx",
    "icp_optimisation.xlsx",
    "icp_report.xlsx",
    "icp_validation.xlsx",
    "icp_whitespace.xlsx",
    "icp_won_lost.xlsx",
)

#: Button, the reports that it makes, and a sheet of the one that is opened.
ORDER = (
    ("check", (), None),
    ("score", ("icp_report.xlsx",), "Summary"),
    ("live", (), None),
    ("train", ("icp_build.xlsx", "icp_models.xlsx"), None),
    ("whitespace", ("icp_whitespace.xlsx",), "Whitespace"),
    ("validate", ("icp_validation.xlsx",), "Validation"),
    ("snapshot", (), None),
    ("won_lost", ("icp_won_lost.xlsx",), "Closed Won"),
    ("refine", (), None),
    ("optimize", ("icp_optimisation.xlsx",), "Optimisation"),
    ("refresh_all", EVERY_REPORT, "Summary"),
)


@pytest.mark.slow
def test_the_buttons_in_the_order_of_the_work(app: Any, tmp_path: Path) -> None:
    from icp_xl.samples import write_samples

    folder = tmp_path / "samples"
    customers, sales, *_ = write_samples(folder, accounts=150, lines=4000)
    (folder / "icp_xl.yaml").write_text(
        "features: {use_als: false}\noptimize: {n_trials: 40}\n"
        "train: {tree_seeds: 1, bootstrap: 60, min_positives: 20, candidates: [logreg], logreg: [{c: 0.02}]}\n"
        "validation: {bootstrap: 100}\nfeedback: {permutations: 199, bootstrap: 200, min_won: 10, min_lost: 10}\n",
        encoding="utf-8",
    )
    app.books.open(str(sales))
    book = app.books.open(str(customers))
    found = find_table(book, CUSTOMERS)
    assert found is not None
    # The customers' sheet gets the columns of the score; every other sheet of theirs stays as it was.
    before = {each.name: each.used_range.formula for each in book.sheets if each.name != found.sheet.name}
    for name, reports, sheet in ORDER:
        job = macros.start(book, ACTIONS[name])
        assert job.wait(1200).state == "succeeded", f"{name}: {job.log_tail()}"
        assert macros.guarded(book, partial(macros.collect_job, job_id=job.id)), f"{name}: {app.impl.alerts}"
        result = job.result()
        assert result is not None
        assert tuple(sorted(Path(report).name for report in result.reports)) == reports, name
        if name == "live":
            # It is a workbook of its own, to be handed on, so the button says where it is.
            assert "icp_live.xlsx and move a weight" in str(app.impl.alerts[-1])
            assert (Path(job.request.out) / "live" / "icp_live.xlsx").is_file()
        if sheet is not None:
            shown = [each for each in app.books if each.name in reports]
            assert any(sheet in {tab.name for tab in each.sheets} for each in shown), name
        assert [tab.name for tab in book.sheets] == [found.sheet.name, *before] or set(before) < {
            tab.name for tab in book.sheets
        }
    for kept, formulas in before.items():
        assert book.sheets[kept].used_range.formula == formulas
    # All reports into the workbook, twice: every sheet of every report is there once, and the user's stand.
    for _ in range(2):
        assert macros.guarded(app.books[customers.name], macros.MACROS["put_sheets"]), app.impl.alerts
    book = app.books[customers.name]
    names = [tab.name for tab in book.sheets]
    assert len(names) == len({name.lower() for name in names})
    for kept, formulas in before.items():
        assert book.sheets[kept].used_range.formula == formulas
    for report in EVERY_REPORT:
        tabs = openpyxl.load_workbook(Path(job.request.out) / report, read_only=True).sheetnames
        for tab in tabs:
            assert any(name == tab or name.startswith(f"{tab} (") for name in names), (report, tab)

"""Steps: buttons, background jobs and what becomes of their results."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from icp_xl.artifacts import REPORT
from icp_xl.errors import DeliveryError
from icp_xl.excel import jobs, macros
from icp_xl.excel.actions import ACTIONS
from icp_xl.excel.columns import RESULT_COLUMNS
from icp_xl.excel.published_results import DEFAULT_OUT
from icp_xl.excel.selftest.bench import CUSTOMERS_FILE, SALES_FILE, Bench
from icp_xl.excel.selftest.functions import ONE
from icp_xl.excel.selftest.step import NotHere, expect, step
from icp_xl.excel.workbook_discovery import find_table
from icp_xl.sources.fields import CUSTOMERS


def _books(bench: Bench, folder: Path) -> Any:
    """The customer workbook of a fresh copy of ``folder``, open beside its sales log."""
    copy = bench.copy_of(folder)
    bench.open(copy / SALES_FILE)
    return bench.open(copy / CUSTOMERS_FILE)


def _scores(bench: Bench, book: Any) -> list[Any]:
    """Scores beside the customer table; empty where there is no such column."""
    found = find_table(book, CUSTOMERS)
    title = RESULT_COLUMNS[0][0]
    if found is None or title not in found.header.headers:
        return []
    column = found.column + list(found.header.headers).index(title)
    used = found.sheet.used_range
    area = found.sheet.range((found.row + 1, column), (used.row + used.shape[0] - 1, column))
    return [cell for cell in bench.read(area) if cell is not None]


@step(
    10, 19, 32, 48, seconds=240,
    expected="Columns beside the table, the report open behind, no links, cell and sheet as they were; functions show "
    "the new scores untouched",
)  # fmt: skip
def score_button(bench: Bench) -> str:
    """Score accounts."""
    book = _books(bench, bench.blank)
    own = book.sheets.add("My own", after=book.sheets[-1])
    if bench.launcher.has_functions:
        expect(bench.answer(own.range("A1"), f"=ICP_SCORE({ONE})") == "#N/A", "a score before any run")
    own.activate()
    own.range("B2:C3").select()
    job = bench.press(book, "score")
    told = bench.fetched(job, book)
    scores = _scores(bench, book)
    expect(len(scores) > 10, f"{len(scores)} accounts have a score; the status bar says: {told}")
    report = REPORT.find(Path(job.request.out))
    expect(report.name in [each.name for each in bench.app.books], f"{report.name} is not open")
    place = (bench.app.books.active.name, book.sheets.active.name, bench.app.selection.address)
    expect(place == (book.name, "My own", "$B$2:$C$3"), f"the cell is now {place}")
    if bench.launcher.has_functions:
        expect(not book.api.LinkSources(1), "the workbook has links")
        shown = bench.read(own.range("A1"))
        expect(isinstance(shown, float), f"the function still shows {shown}")
    expect("done" in told, f"the status bar says: {told}")
    return f"{len(scores)} scores; {told}"


@step(18, expected="Cells can be written and read", seconds=240)
def excel_answers(bench: Bench) -> str:
    """Excel while a job runs."""
    book = _books(bench, bench.first)
    job = bench.press(book, "optimize")
    cell = book.sheets.add(after=book.sheets[-1]).range("A1")
    began, count = time.monotonic(), 0
    while not job.status().ended and count < 20:
        cell.value = count
        expect(bench.read(cell) == count, "the cell did not take a value")
        count += 1
    used = time.monotonic() - began
    job.cancel()
    job.wait(30)
    if not count:
        raise NotHere("the job was done before a cell could be written")
    return f"{count} cells in {used:.1f} s; the status bar says: {bench.app.status_bar}"


@step(22, 33, expected="Cancelled, the workbook as it was")
def cancel_button(bench: Bench) -> str:
    """Cancel."""
    book = _books(bench, bench.first)
    before = [sheet.name for sheet in book.sheets]
    job = macros.start(book, ACTIONS["optimize"])
    began = time.monotonic()
    job.cancel()
    state = job.wait(60).state
    if state == "succeeded":
        raise NotHere("the job was done before it could be cancelled")
    expect(state == "cancelled" and [sheet.name for sheet in book.sheets] == before, f"the job {state}")
    return f"cancelled after {time.monotonic() - began:.1f} s"


@step(24, 40, expected="Known to be dead, with its log")
def killed_job(bench: Bench) -> str:
    """A job whose process is killed."""
    book = _books(bench, bench.first)
    job = macros.start(book, ACTIONS["optimize"])
    # Nobody is to be told by a message, which would stop this Excel.
    job.mark_delivered()
    pid = job.status().pid
    until = time.monotonic() + 30
    while not pid and time.monotonic() < until:
        time.sleep(0.05)
        pid = job.status().pid
    os.kill(pid, signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL)
    status = job.wait(30)
    if status.state == "succeeded":
        raise NotHere("the job was done before it could be killed")
    expect(status.state == "crashed" and (job.folder / jobs.LOG_FILE).is_file(), status.line())
    return status.line()


@step(
    23, 40, seconds=300,
    expected="The job goes on; its result goes into the workbook later",
)  # fmt: skip
def excel_ends(bench: Bench) -> str:
    """Excel ends during a job."""
    book = _books(bench, bench.blank)
    path = Path(book.fullname)
    job = bench.press(book, "score")
    bench.excel.end()
    state = job.wait(120).state
    if state == "crashed" and job.status().note == jobs.TIED:
        return "the job ended with Excel, as the status bar had said"
    expect(state == "succeeded", f"the job {job.status().line()}")
    excel = bench.start(home="other home")
    try:
        again = excel.app.books.open(str(path))
        macros.collect_job(again, job.id)
        scores = _scores(bench, again)
    finally:
        excel.end()
    expect(job.delivered and len(scores) > 10, f"{len(scores)} accounts have a score")
    return f"{len(scores)} scores in a new Excel"


@step(25, expected="Both end, each in its folder", seconds=240)
def two_jobs(bench: Bench) -> str:
    """Two jobs at once."""
    started = []
    for folder in (bench.first, bench.second):
        book = _books(bench, folder)
        started.append(macros.start(book, ACTIONS["score"]))
        # Two workbooks of one name cannot be open in one Excel.
        for each in list(bench.app.books):
            if each.name in (SALES_FILE, CUSTOMERS_FILE):
                each.close()
    states = [job.wait(100).state for job in started]
    expect(states == ["succeeded"] * 2, states)
    expect(len({job.request.out for job in started}) == 2, "both wrote into one folder")
    return "both succeeded"


@step(30, expected="The sheet ICP Settings; every answer of the doctor can be shown")
def settings_button(bench: Bench) -> str:
    """Settings and Doctor."""
    from icp_xl.excel.doctor import examine

    book = _books(bench, bench.blank)
    macros.settings(book)
    expect("ICP Settings" in [sheet.name for sheet in book.sheets], "there is no sheet ICP Settings")
    with bench.as_user():
        lines = [item.line() for item in examine()]
    expect(lines, "the doctor says nothing")
    return f"the sheet is there; the doctor has {len(lines)} answers"


@step(39, 41, seconds=300,
      expected="The result goes to the renamed workbook, not to the old file nor to the other Excel")  # fmt: skip
def save_as(bench: Bench) -> str:
    """Save As during a job, with a second Excel."""
    book = _books(bench, bench.blank)
    path = Path(book.fullname)
    job = macros.start(book, ACTIONS["score"])
    book.save(str(path.with_name("renamed.xlsx")))
    book = bench.app.books["renamed.xlsx"]
    old = bench.open(path)
    job.wait(120)
    other = bench.start(home="other home")
    try:
        macros.collect_job(other.app.books[0], job.id)
        expect(not job.delivered, "the other Excel took the result")
    finally:
        other.end()
    macros.collect_job(old, job.id)
    expect(not _scores(bench, old), "the old file got the scores")
    scores = _scores(bench, book)
    expect(job.delivered and len(scores) > 10, f"{len(scores)} accounts have a score")
    return f"{len(scores)} scores in renamed.xlsx"


@step(43, expected="A sentence, and no job")
def in_the_way(bench: Bench) -> str:
    """Protected and read-only workbooks."""
    bench.need_windows()
    book = _books(bench, bench.blank)
    found = find_table(book, CUSTOMERS)
    expect(found is not None, "the customer table was not found")
    count, told = len(jobs.list_jobs()), []
    if found is not None:
        found.sheet.api.Protect()
        told.append(_refusal(book))
        found.sheet.api.Unprotect()
    path = Path(book.fullname)
    book.close()
    told.append(_refusal(bench.app.books.open(str(path), read_only=True)))
    expect(all(told) and len(jobs.list_jobs()) == count, f"{told}, {len(jobs.list_jobs()) - count} jobs")
    return "; ".join(told)


def _refusal(book: Any) -> str:
    try:
        macros.start(book, ACTIONS["score"])
    except DeliveryError as error:
        return error.fault.what
    return ""


@step(44, expected="They have their own scores too", seconds=240)
def hidden_rows(bench: Bench) -> str:
    """Hidden rows in the customer table."""
    book = _books(bench, bench.blank)
    found = find_table(book, CUSTOMERS)
    expect(found is not None, "the customer table was not found")
    if found is not None:
        first = found.row + found.header.span
        found.sheet.range((first, found.column), (first + 3, found.column)).rows.hidden = True
    job = macros.start(book, ACTIONS["score"])
    job.wait(120)
    macros.collect_job(book, job.id)
    hidden = _scores(bench, book)[:4]
    expect(len(hidden) == 4 and all(isinstance(cell, float) for cell in hidden), hidden)
    return "4 hidden rows have scores"


@step(47, expected="A sentence; nothing is closed")
def unsaved_report(bench: Bench) -> str:
    """A report with decisions that were not saved."""
    book = _books(bench, bench.first)
    report = bench.open(REPORT.find(Path(book.fullname).parent / DEFAULT_OUT))
    report.sheets[0].range("Z99").value = "decided"
    book.activate()
    told = _refusal(book)
    expect(told and bench.read(report.sheets[0].range("Z99")) == "decided", told or "a job was started")
    return told

"""The macros behind the ribbon. Each takes the active workbook; all but a few start a background job and return.

An error leaves the workbook as it was and shows one sentence. Nothing here computes a result: the work is done by
the same command lines that run without Excel.
"""

from __future__ import annotations

import hashlib
import json
import os
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from icp_xl import __version__
from icp_xl.artifacts import REPORT, SCORED_ACCOUNTS
from icp_xl.commands.ribbon import MACRO, buttons, tag_of
from icp_xl.config import Settings
from icp_xl.errors import DataError, DeliveryError, IcpError
from icp_xl.excel import jobs
from icp_xl.excel.actions import ACTIONS, Action
from icp_xl.excel.deliver import check_writable, find_target, not_open, release_reports, show_report
from icp_xl.excel.host import Host, jobs_of
from icp_xl.excel.published_results import READ_BY_FUNCTIONS, book_key, published_folder, set_published_folder
from icp_xl.excel.put_sheets import put_functions_into, put_into, reports_in
from icp_xl.excel.workbook_discovery import (
    SETTINGS_SHEET,
    FoundTable,
    Workbooks,
    find_table,
    find_workbooks,
    folder_of,
    full_name,
    live_settings,
)
from icp_xl.sources.fields import CUSTOMERS
from icp_xl.sources.mapping_sheet import MAPPING_SHEET
from icp_xl.user_dirs import jobs_folder, user_folder

TITLE = "ICP"
LAST_ERROR = "last_macro_error.txt"
#: The job that belongs to no workbook.
SELFTEST = "selftest"


def run(name: str) -> None:
    """Entry point of the ribbon: run the macro ``name`` on the workbook that called."""
    import xlwings as xw

    guarded(xw.Book.caller(), partial(MACROS[name]))


def fetch(job_id: str) -> None:
    """Entry point of the job watcher: bring in the result of the job ``job_id``."""
    import xlwings as xw

    guarded(xw.Book.caller(), partial(collect_job, job_id=job_id))


def guarded(book: Any, macro: Callable[[Any], object]) -> bool:
    """Run ``macro`` on ``book``; whatever goes wrong becomes one sentence. Returns whether it went well.

    The text that a macro leaves in the status bar stays until the next button is pressed.
    """
    app = book.app
    try:
        macro(book)
        return True
    except IcpError as error:
        text = sentence(error)
    except Exception:
        text = f"Something unexpected happened. The details are in {_write_trace()}."
    app.status_bar = False
    alert(app, text)
    return False


def sentence(error: IcpError) -> str:
    """An error in one sentence; several faults are counted and the first is told.

    >>> sentence(DataError("a column is missing", got="x", next_step="Add it."))
    'A column is missing (got: x). Add it.'
    """
    text = str(error.fault)
    if error.faults:
        more = f" (and {len(error.faults) - 1} more)" if len(error.faults) > 1 else ""
        text = f"{error.fault.what}: {error.faults[0]}{more}"
        if error.fault.next_step:
            text += f". {error.fault.next_step}"
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")


def alert(app: Any, text: str) -> None:
    """Show a message."""
    app.alert(text[:1000], title=TITLE)


def fitting(text: str, most: int = 900) -> str:
    """The lines of a text that a message holds: the first ones and the last one, each whole or cut at its end.

    >>> fitting("3 failed\\nfirst\\nsecond\\nthird\\nfourth\\nfifth\\nSend it", 45)
    '3 failed\\nfirst\\nsecond\\n(3 more lines)\\nSend it'
    """
    lines = [line if len(line) <= most // 3 else line[: most // 3 - 3] + "..." for line in text.strip().splitlines()]
    for left in range(len(lines) - 1):
        kept = lines if not left else [*lines[: -left - 1], f"({left} more lines)", lines[-1]]
        if len("\n".join(kept)) <= most:
            return "\n".join(kept)
    return "\n".join(lines[:1])


def _write_trace() -> Path:
    folder = user_folder()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / LAST_ERROR
    path.write_text(traceback.format_exc(), encoding="utf-8")
    return path


def start(book: Any, action: Action) -> jobs.Job:
    """Save copies of the inputs, start the job, and return at once."""
    host = Host(book.app)
    book.app.status_bar = f"ICP {action.label}: saving a copy of the inputs ..."
    settings, _ = live_settings(book)
    found = find_workbooks(book, settings, host, need_sales=action.sales)
    if found.customers.book.name != book.name:
        settings, _ = live_settings(found.customers.book)
    out = out_folder(found.customers.book, settings)
    check_writable(found.customers.book, found.customers.sheet.name, host, columns=action.columns)
    for job in jobs.running_jobs():
        if job.request.action == action.name and job.request.out == str(out):
            raise DataError(
                f"{action.label} is already running for this workbook",
                next_step="Wait for it, or press Cancel and start again.",
            )
    release_reports(book.app, out, host)
    jobs.remove_old_jobs(settings.excel.keep_jobs_days)
    customers = found.customers
    request = jobs.Request(
        action=action.name,
        label=action.label,
        commands=(),
        out=str(out),
        book=customers.book.name,
        book_path=full_name(customers.book),
        sheet=customers.sheet.name,
        columns=action.columns,
    )
    job = jobs.prepare_job(request)
    host.remember_jobs(customers.book, [*jobs_of(customers.book), job.id])
    options = _copy_inputs(job.folder / jobs.INPUTS, found, out, host)
    commands = tuple((*command.split(), *options) for command in action.commands)
    job = jobs.Job(job.folder, replace(job.request, commands=commands))
    jobs.start_job(job)
    told = job.status().note
    book.app.status_bar = f"ICP {action.label}: started" + (f"; {told}" if told else "")
    return job


def out_folder(book: Any, settings: Settings) -> Path:
    """Where results go: the setting, counted from the workbook's folder; else the user's own folder."""
    out = settings.paths.out
    if out.is_absolute():
        return out
    folder = folder_of(book)
    if folder is None:
        # One folder per address: the same file name in two libraries is two workbooks.
        digest = hashlib.sha256(book_key(full_name(book)).encode()).hexdigest()[:8]
        folder = user_folder() / f"{Path(book.name).stem}-{digest}"
    return folder / out


def _copy_inputs(inputs: Path, found: Workbooks, out: Path, host: Host) -> tuple[str, ...]:
    """Save copies of the open workbooks and return the options that name them.

    Other sources (CSV files, tiers) are read where they lie, beside the customer workbook.
    """
    customers = found.customers.book
    folder = folder_of(customers)
    copy = inputs / f"customers{Path(customers.name).suffix or '.xlsx'}"
    host.save_copy(customers, copy)
    values = {"sources.customers.file": str(copy)}
    if found.sales is not None:
        if found.sales.name == customers.name:
            values["sources.sales.file"] = str(copy)
        else:
            sales = inputs / f"sales{Path(found.sales.name).suffix or '.xlsx'}"
            host.save_copy(found.sales, sales)
            values["sources.sales.file"] = str(sales)
    elif found.sales_path is not None:
        values["sources.sales.file"] = str(found.sales_path)
    values["paths.data"] = str(folder if folder is not None else inputs)
    values["paths.out"] = str(out)
    options: list[str] = []
    config = None if folder is None else folder / "icp_xl.yaml"
    if config is not None and config.is_file():
        options += ["--config", str(config)]
    for key, value in values.items():
        # Quoted as JSON, which YAML reads too: a path may hold '#', ': ' or brackets.
        options += ["--set", f"{key}={json.dumps(value, ensure_ascii=False)}"]
    return tuple(options)


def collect(book: Any) -> None:
    """Bring in every result that waits."""
    waiting = jobs.waiting_jobs()
    if not waiting:
        running = len(jobs.running_jobs())
        text = f"{running} job{'s are' if running > 1 else ' is'} still running." if running else ""
        alert(book.app, f"No finished job waits to be brought in. {text}".strip())
        return
    for job in waiting:
        _deliver(book, job)


def collect_job(book: Any, job_id: str) -> None:
    """Bring in the result of one job that has ended, where its workbook is open in this Excel."""
    job = jobs.open_job(jobs_folder() / Path(job_id).name)
    if job.delivered or not job.status().ended:
        return
    if job.request.book and find_target(book.app.books, job) is None and job.status().state == "succeeded":
        # Another Excel may have the workbook; nobody is interrupted for what waits.
        book.app.status_bar = f"ICP {job.request.label} is done: open {job.request.book}, then Bring in results"
        return
    _deliver(book, job)


def _deliver(book: Any, job: jobs.Job) -> None:
    app, label, host = book.app, job.request.label, Host(book.app)
    result = job.result()
    state = result.state if result is not None else job.status().state
    target = find_target(app.books, job)
    if job.request.action == SELFTEST:
        _deliver_selftest(app, job, state)
        return
    if result is None or state != "succeeded":
        _forget(job, target, host)
        if state == "cancelled":
            return
        reason = result.message if result is not None and state == "failed" and result.message else ""
        if not reason:
            reason = f"it stopped unexpectedly. Its log is {job.folder / jobs.LOG_FILE}"
        alert(app, f"{label} was not finished: {reason}")
        return
    if target is None:
        raise not_open(job)
    # Everything that may be refused is asked before anything is written.
    write = None
    if job.request.columns:
        check_writable(target, job.request.sheet, host, columns=True)
        write = _plan_columns(target, job)
    commands = {command.partition(" --")[0] for command in ACTIONS[job.request.action].commands}
    if {command for artifact in READ_BY_FUNCTIONS for command in artifact.written_by} & commands:
        set_published_folder(Path(job.request.out), full_name(target))
    reports = [Path(report) for report in result.reports if Path(report).is_file()]
    if job.request.action == "map_columns" and reports:
        # A sheet to choose on, which belongs into the workbook; its choices are read from there.
        if not _agreed(app, f"The sheet {MAPPING_SHEET} is ready. Save {target.name} and put it in now?"):
            return
        job.mark_delivered()
        put_into(target, reports, live_settings(target)[0], host)
        app.status_bar = f"ICP {label} is done: choose on the sheet {MAPPING_SHEET}"
        alert(app, fitting(job.output()))
        return
    with _unheard(app):
        written = write() if write is not None else 0
    # One is opened; the rest of a long run wait in its folder.
    opened = show_report(app, _main_report(reports)) if reports else False
    _forget(job, target, host)
    host.recalculate()
    if not reports and not written:
        # A report of one's own: what the command printed.
        alert(app, fitting(job.output()) or f"{label} is done. The results are in {job.request.out}.")
        return
    app.status_bar = _done_text(job, reports, written, opened)


def _deliver_selftest(app: Any, job: jobs.Job, state: str) -> None:
    """Say what it found; where it was ended before it could, where that is as far as it came."""
    job.mark_delivered()
    app.status_bar = f"ICP {job.request.label} is {'done' if state in ('succeeded', 'failed') else state}"
    result = job.result()
    text = job.output() or (result.message if result is not None and state == "failed" else "")
    alert(app, fitting(text) or f"The self-test was {state}. What it found until then is in {job.request.out}.")


@contextmanager
def _unheard(app: Any) -> Iterator[None]:
    """While this holds, no macro of the user's hears of changed cells or new sheets (Application.EnableEvents)."""
    before = app.enable_events
    app.enable_events = False
    try:
        yield
    finally:
        app.enable_events = before


def _forget(job: jobs.Job, target: Any | None, host: Host) -> None:
    job.mark_delivered()
    if target is not None:
        host.remember_jobs(target, [each for each in jobs_of(target) if each != job.id])


def _main_report(reports: list[Path]) -> Path:
    return next((report for report in reports if report.name == REPORT.name), reports[0])


def _done_text(job: jobs.Job, reports: list[Path], written: int, opened: bool) -> str:
    text = f"ICP {job.request.label} is done"
    if written:
        text += f": {written:,} accounts scored in place"
    if reports:
        first = _main_report(reports)
        text += f"; {first.name} is open" if opened else f"; the report is {first}"
        if len(reports) > 1:
            text += f", {len(reports) - 1} more in {job.request.out}"
    return text


def _plan_columns(book: Any, job: jobs.Job) -> Callable[[], int]:
    from icp_xl.excel.columns import plan_result_columns

    found = find_table(book, CUSTOMERS)
    if found is None:
        raise DeliveryError(
            "the customer table is gone, so that scores cannot be written beside it",
            where=book.name,
            next_step="Press Bring in results once the table is back.",
        )
    return plan_result_columns(found, SCORED_ACCOUNTS.find(Path(job.request.out)))


def put_sheets(book: Any) -> None:
    """Save the workbook, put the sheets of every report into it, and open it again at the same cell."""
    settings, _ = live_settings(book)
    out = out_folder(book, settings)
    reports = reports_in(out)
    if not reports:
        raise DataError("there is no report yet", where=str(out), next_step="Press Score accounts first.")
    app = book.app
    lines = put_into(book, reports, settings, Host(app))
    app.status_bar = f"ICP: the sheets of {len(reports)} report{'s' if len(reports) > 1 else ''} are in {book.name}"
    alert(app, fitting("\n".join(lines)))


def put_functions(book: Any) -> None:
    """Save the workbook, put the worksheet functions into it as names, and open it again at the same cell."""
    settings, _ = live_settings(book)
    out = out_folder(book, settings)
    app = book.app
    lines = put_functions_into(book, out, settings, Host(app))
    app.status_bar = f"ICP: the functions are in {book.name}"
    alert(app, fitting("\n".join(lines)))


def _agreed(app: Any, question: str) -> bool:
    return str(app.alert(question, title=TITLE, buttons="ok_cancel", mode="info")) == "ok"


def settings(book: Any) -> None:
    """Show the settings sheet, and add it where it is missing."""
    from icp_xl.excel.templates import settings_rows

    for sheet in book.sheets:
        if sheet.name.casefold() == SETTINGS_SHEET.casefold():
            sheet.activate()
            return
    rows = [["Setting", "Value", "Notes"], *([key, value, note] for key, value, note in settings_rows())]
    with _unheard(book.app):
        sheet = book.sheets.add(SETTINGS_SHEET, after=book.sheets[-1])
        area = sheet.range((1, 1), (len(rows), 3))
        area.value = rows
        sheet.range("A1:C1").font.bold = True
        for column, width in (("A:A", 36), ("B:B", 24), ("C:C", 90)):
            sheet.range(column).column_width = width
        sheet.tables.add(area, name="tblIcpSettings")
    sheet.activate()


def doctor(book: Any) -> None:
    """Show what the doctor finds."""
    from icp_xl.excel.doctor import examine

    found = examine()
    bad = [item for item in found if item.state == "bad"]
    notes = [item for item in found if item.state == "note"]
    head = "Everything is in place." if not bad else f"{len(bad)} thing{'s' if len(bad) > 1 else ''} to mend:"
    alert(book.app, fitting("\n".join([head, *(item.line() for item in [*bad, *notes])])))


def selftest(book: Any) -> None:
    """Start the self-test in the background: it drives an Excel of its own and touches no open workbook."""
    out = user_folder() / SELFTEST
    request = jobs.Request(SELFTEST, "Self-test", (("addin", "selftest", "--out", str(out)),), str(out))
    jobs.start_job(jobs.prepare_job(request))
    book.app.status_bar = "ICP Self-test: started; a second Excel opens, leave it alone until it closes"


def about(book: Any) -> None:
    """Show version, folders and the last run."""
    from icp_xl.runs import list_runs

    out = published_folder()
    runs = list_runs(out / "runs")
    last = runs[-1] if runs else None
    text = f"{last['command']} {last['status']}, {last['run_id']}" if last else "none yet"
    lines = (f"icp_xl {__version__}", f"Results: {os.path.abspath(out)}", f"Jobs: {user_folder()}", f"Last run: {text}")
    alert(book.app, "\n".join(lines))


def customer_table(book: Any) -> FoundTable | None:
    """The customer table of ``book``, as every macro finds it."""
    return find_table(book, CUSTOMERS)


def _starter(name: str) -> Callable[[Any], jobs.Job]:
    action = ACTIONS[name]

    def macro(book: Any) -> jobs.Job:
        return start(book, action)

    macro.__name__ = macro.__qualname__ = name
    macro.__doc__ = f"{action.label}: start ``icp-xl {' + '.join(action.commands)}`` in the background."
    return macro


#: Every macro by the tag of its button: those that start a job, and those of this module.
MACROS: dict[str, Callable[[Any], object]] = {
    **{name: _starter(name) for name in ACTIONS},
    **{tag_of(*each): globals()[tag_of(*each)] for each in buttons() if each[1] is None and each[0].calls == MACRO},
}

"""The macros behind the ribbon. Each takes the active workbook; all but a few start a background job and return.

An error leaves the workbook as it was and shows one sentence. Nothing here computes a result: the work is done by
the same command lines that run without Excel.
"""

from __future__ import annotations

import json
import os
import traceback
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from icp_xl import __version__
from icp_xl.artifacts import SCORED_ACCOUNTS
from icp_xl.commands.ribbon import MACRO, buttons, tag_of
from icp_xl.config import Settings
from icp_xl.delivery.write_back.live_excel import Delivery, Host, bring_in
from icp_xl.errors import DataError, DeliveryError, IcpError
from icp_xl.excel import jobs
from icp_xl.excel.actions import ACTIONS, Action
from icp_xl.excel.published_results import READ_BY_FUNCTIONS, published_folder, set_published_folder
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
from icp_xl.user_dirs import user_folder

TITLE = "ICP"
LAST_ERROR = "last_macro_error.txt"


def run(name: str) -> None:
    """Entry point of the ribbon: run the macro ``name`` on the workbook that called."""
    import xlwings as xw

    guarded(xw.Book.caller(), partial(MACROS[name]))


def fetch(job_id: str) -> None:
    """Entry point of the job watcher: bring in the result of the job ``job_id``."""
    import xlwings as xw

    guarded(xw.Book.caller(), partial(collect_job, job_id=job_id))


def guarded(book: Any, macro: Callable[[Any], object]) -> bool:
    """Run ``macro`` on ``book``; whatever goes wrong becomes one sentence. Returns whether it went well."""
    app = book.app
    try:
        macro(book)
        return True
    except IcpError as error:
        alert(app, sentence(error))
    except Exception:
        path = _write_trace()
        alert(app, f"Something unexpected happened and nothing was changed. The details are in {path}.")
    finally:
        app.status_bar = False
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
    for job in jobs.running_jobs():
        if job.request.action == action.name and job.request.out == str(out):
            raise DataError(
                f"{action.label} is already running for this workbook",
                next_step="Wait for it, or press Cancel and start again.",
            )
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
    options = _copy_inputs(job.folder / jobs.INPUTS, found, out, host)
    commands = tuple((*command.split(), *options) for command in action.commands)
    job = jobs.Job(job.folder, replace(job.request, commands=commands))
    jobs.start_job(job)
    book.app.status_bar = f"ICP {action.label}: started"
    return job


def out_folder(book: Any, settings: Settings) -> Path:
    """Where results go: the setting, counted from the workbook's folder; else the user's own folder."""
    out = settings.paths.out
    if out.is_absolute():
        return out
    folder = folder_of(book)
    return (folder if folder is not None else user_folder() / Path(book.name).stem) / out


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
    """Bring in the result of one job that has ended."""
    from icp_xl.user_dirs import jobs_folder

    job = jobs.open_job(jobs_folder() / Path(job_id).name)
    if not job.delivered and job.status().ended:
        _deliver(book, job)


def _deliver(book: Any, job: jobs.Job) -> None:
    app, label = book.app, job.request.label
    result = job.result()
    state = result.state if result is not None else job.status().state
    if result is None or state != "succeeded":
        job.mark_delivered()
        if state == "cancelled":
            return
        reason = result.message if result is not None and state == "failed" and result.message else ""
        if not reason:
            reason = f"it stopped unexpectedly. Its log is {job.folder / jobs.LOG_FILE}"
        alert(app, f"{label} was not finished: {reason}")
        return
    target = _target(book, job)
    if {command for artifact in READ_BY_FUNCTIONS for command in artifact.written_by} & set(
        ACTIONS[job.request.action].commands
    ):
        set_published_folder(Path(job.request.out), full_name(target))
    app.status_bar = f"ICP {label}: bringing in the result ..."
    # Everything that may be refused is asked before anything is written.
    write = _plan_columns(target, job) if job.request.columns else None
    done = [bring_in(target, Path(report)) for report in result.reports if Path(report).is_file()]
    written = write() if write is not None else 0
    job.mark_delivered()
    Host(app).recalculate()
    if job.request.action == "map_columns":
        # What is read with the choices on the sheet, to hold against a report of one's own.
        alert(app, job.output().strip()[-900:])
    elif not done and not written:
        alert(app, job.output().strip()[-900:] or f"{label} is done. The results are in {job.request.out}.")
    else:
        app.status_bar = _done_text(label, done, written)


def _done_text(label: str, done: list[Delivery], written: int) -> str:
    sheets = sum(len(item.sheets) for item in done)
    text = f"ICP {label}: {sheets} sheet{'s' if sheets != 1 else ''} brought in"
    return text + (f", {written:,} accounts scored in place" if written else "")


def _target(book: Any, job: jobs.Job) -> Any:
    """The workbook that the job was started from.

    Raises:
        DataError: it is not open; the result goes on waiting.
    """
    for item in [book, *book.app.books]:
        if item.name.casefold() == job.request.book.casefold():
            return item
    raise DataError(
        f"the result of {job.request.label} is ready, but its workbook is not open",
        got=job.request.book,
        next_step="Open that workbook and press Bring in results.",
    )


def _plan_columns(book: Any, job: jobs.Job) -> Callable[[], int]:
    from icp_xl.excel.columns import plan_result_columns

    found = find_table(book, CUSTOMERS)
    if found is None:
        raise DeliveryError(
            "the customer table is gone, so that scores cannot be written beside it",
            where=book.name,
            next_step="The report sheets are in place; press Score accounts again once the table is back.",
        )
    return plan_result_columns(found, SCORED_ACCOUNTS.find(Path(job.request.out)))


def settings(book: Any) -> None:
    """Show the settings sheet, and add it where it is missing."""
    from icp_xl.excel.templates import settings_rows

    for sheet in book.sheets:
        if sheet.name.casefold() == SETTINGS_SHEET.casefold():
            sheet.activate()
            return
    sheet = book.sheets.add(SETTINGS_SHEET, after=book.sheets[-1])
    rows = [["Setting", "Value", "Notes"], *([key, value, note] for key, value, note in settings_rows())]
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
    alert(book.app, "\n".join([head, *(item.line() for item in [*bad, *notes])]))


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

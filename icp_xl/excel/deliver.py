"""Results of a job into Excel: to the workbook that it was started from, and to no other.

The report opens as the workbook that it is: Excel refuses to copy sheets that hold tables as a group, and copies of
single sheets would point to the report's file. Scores go into the customers' table in place.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from icp_xl.errors import DataError, DeliveryError
from icp_xl.excel.host import Host, jobs_of
from icp_xl.excel.jobs import Job
from icp_xl.excel.published_results import book_key
from icp_xl.excel.workbook_discovery import full_name

#: What keeps scores from being written beside a table, and what to do.
HINDRANCES = {
    "readonly": ("is open read-only", "Save it under a name of your own, or open it for editing"),
    "shared": ("is a shared workbook of the old kind, in which Excel lets no table grow", "Stop sharing it (Review)"),
    "contents": ("is protected: its sheet {sheet} lets nothing be written", "Unprotect the sheet (Review)"),
}


def find_target(books: Iterable[Any], job: Job) -> Any | None:
    """The open workbook that ``job`` was started from, whatever it is called now; ``None`` where it is not open.

    The job's id inside the workbook counts first: it goes with Save As, a rename or a move. Else the full path, where
    the workbook was closed without being saved. A file of the same name in another folder is another workbook.
    """
    path = job.request.book_path
    marked, there = [], []
    for book in books:
        if job.id in jobs_of(book):
            marked.append(book)
        if ("/" in path or "\\" in path) and book_key(full_name(book)) == book_key(path):
            there.append(book)
    same = [book for book in there if any(book.name == other.name for other in marked)]
    for found in (same, marked, there):
        if len(found) == 1:
            return found[0]
    return None


def check_writable(book: Any, sheet: str, host: Host, *, columns: bool) -> None:
    """Say before a job starts what would stand in its way at the end.

    Args:
        book: the open workbook.
        sheet: that the button was pressed on.
        host: speaks to Excel.
        columns: whether scores are to be written beside the accounts.

    Raises:
        DeliveryError: the workbook has a password to open (its copy would too), or lets no scores be written.
    """
    state = host.state(book, sheet)
    if "password" in state:
        raise DeliveryError(
            f"{book.name} has a password to open, and so has every copy that a job could read",
            next_step="Save a copy without a password and start from that, or run icp-xl on the file itself.",
        )
    for name, (what, step) in HINDRANCES.items():
        if columns and name in state:
            text = what.format(sheet=sheet)
            raise DeliveryError(f"{book.name} {text}", next_step=f"{step}, and press the button again.")


def release_reports(app: Any, out: Path, host: Host) -> None:
    """Close the reports in ``out`` that are open, so that the job may replace them; Excel locks what it has open.

    Raises:
        DeliveryError: one has changes that were not saved.
    """
    mine = [book for book in app.books if book_key(str(Path(full_name(book)).parent)) == book_key(str(out))]
    for book in mine:
        if "unsaved" in host.state(book):
            raise DeliveryError(
                f"{book.name} is open and has changes that were not saved",
                next_step="Save and close it, so that the new run reads what you decided, and press the button again.",
            )
    for book in mine:
        book.close()


def show_report(app: Any, report: Path) -> bool:
    """Open ``report`` behind the workbook in which the user is; false where Excel cannot.

    Excel opens no two workbooks of one name, nor a path of more than 218 characters.
    """
    before = app.books.active if len(app.books) else None
    for book in app.books:
        if book_key(full_name(book)) == book_key(str(report)):
            return True
    try:
        app.books.open(str(report), update_links=False, add_to_mru=False)
    except Exception:  # Excel's own words come as an error of a type that only exists there.
        return False
    if before is not None:
        before.activate()
    return True


def not_open(job: Job) -> DataError:
    """What to say where the workbook of a finished job is not open here."""
    return DataError(
        f"the result of {job.request.label} is ready, but its workbook is not open",
        got=job.request.book_path or job.request.book,
        next_step="Open that workbook and press Bring in results.",
    )

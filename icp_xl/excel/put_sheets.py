"""Put the sheets of reports, or the functions, into the workbook that is open.

It is saved, changed as a file, and opened where the user was. The change is that of ``icp-xl write-back``: nothing of
the user's is touched, formulas, charts, pivots, validations and formats that point to our sheets go on pointing to
them, and a dated backup is kept. It is made on a copy; the workbook is closed only when the copy is whole.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path, PureWindowsPath
from typing import Any

from icp_xl.artifacts import ARTIFACTS
from icp_xl.config import Settings
from icp_xl.errors import DeliveryError
from icp_xl.excel.host import Host
from icp_xl.excel.published_results import book_key
from icp_xl.excel.workbook_discovery import full_name
from icp_xl.opc.safe_write import SafeOptions, safe_write


def reports_in(out: Path) -> list[Path]:
    """The reports that runs left in ``out``, in the order in which they are declared."""
    names = [item.name for item in ARTIFACTS if item.format == "workbook" and "/" not in item.name]
    return [out / name for name in names if (out / name).is_file()]


def put_into(book: Any, reports: Sequence[Path], settings: Settings, host: Host) -> list[str]:
    """Put every sheet of ``reports`` into the open ``book`` and open it again at the same cell; say what was done.

    Args:
        book: the open workbook.
        reports: files of the output folder, which lie in it directly.
        settings: of the add-in.
        host: speaks to Excel.

    Raises:
        DeliveryError: it is no file of its own, may not be written, or a report has changes that were not saved.
        RefusedError: the writer refuses the workbook. In each case it stays open as it is.
    """
    import icp_xl

    app = book.app
    _file_of(book, host)
    for other in app.books:
        if book_key(full_name(other)) in {book_key(str(report)) for report in reports} and "unsaved" in host.state(
            other
        ):
            raise DeliveryError(f"{other.name} has changes that were not saved", next_step="Save it, and try again.")

    def change(copy: Path) -> list[str]:
        lines: list[str] = []
        for report in reports:
            app.status_bar = f"ICP: putting in {report.name} ..."
            lines += icp_xl.write_back(copy, _given(reports[0].parent, settings), report=report).summary()
        return lines

    return _rewrite(book, settings, host, change)


def put_functions_into(book: Any, out: Path, settings: Settings, host: Host) -> list[str]:
    """Put the worksheet functions with the model in ``out`` into the open ``book``; as :func:`put_into` otherwise.

    Args:
        book: the open workbook.
        out: the output folder.
        settings: of the add-in.
        host: speaks to Excel.
    """
    import icp_xl
    from icp_xl.pipeline.write_back.functions import check_reader

    check_reader(out / settings.share.folder, _file_of(book, host))
    given = {**_given(out, settings), "delivery.functions_accounts": settings.delivery.functions_accounts}
    return _rewrite(
        book, settings, host, lambda copy: list(icp_xl.write_back(copy, given, functions=True).summary())
    )  # fmt: skip


def _given(out: Path, settings: Settings) -> dict[str, Any]:
    return {"paths.out": str(out), "delivery.place": settings.delivery.place, "delivery.backups": 0}


def _rewrite(book: Any, settings: Settings, host: Host, change: Callable[[Path], list[str]]) -> list[str]:
    """Save the open ``book``, change a copy of its file, and open that in its place at the same cell."""
    app, path = book.app, _file_of(book, host)
    sheet, cells = book.sheets.active.name, _selected(app)
    book.save()
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        shutil.copyfile(path, copy)
        lines = change(copy)
        book.close()
        try:
            chosen = settings.delivery
            safe_write(
                copy, path, lambda _: None,
                SafeOptions(backups=chosen.backups, backup_folder=chosen.backup_folder,
                            keep_timestamps=chosen.keep_timestamps, wait_seconds=chosen.wait_seconds),
            )  # fmt: skip
        finally:
            again = app.books.open(str(path))
            _go_to(again, sheet, cells)
    return lines


def _file_of(book: Any, host: Host) -> Path:
    name, state = full_name(book), host.state(book)
    if "new" in state:
        raise DeliveryError(f"{book.name} was never saved", next_step="Save it as a file, and try again.")
    if "://" in name:
        raise DeliveryError(
            f"{book.name} is open from the web, where only Excel itself may write",
            next_step="Save a copy in a folder of this computer and open that, or keep the report as its own workbook.",
        )
    if "readonly" in state:
        raise DeliveryError(f"{book.name} is open read-only", next_step="Open it for editing, and try again.")
    if "password" in state:
        raise DeliveryError(f"{book.name} has a password to open", next_step="Take it off, and try again.")
    if PureWindowsPath(name).suffix.lower() not in (".xlsx", ".xlsm"):
        raise DeliveryError(
            f"{book.name} is no workbook of the kind that can be written without Excel",
            allowed=".xlsx or .xlsm", next_step="Save it as one of these, and try again.",
        )  # fmt: skip
    return Path(name)


def _selected(app: Any) -> str:
    try:
        return str(app.selection.address)
    except Exception:  # a chart or a shape is selected, or nothing
        return "A1"


def _go_to(book: Any, sheet: str, cells: str) -> None:
    names = {item.name for item in book.sheets}
    if sheet in names:
        book.sheets[sheet].activate()
        book.sheets[sheet].range(cells).select()

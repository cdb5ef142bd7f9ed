"""``write-back``: put the sheets of a report into a workbook that someone keeps, or take them out again."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

from icp_xl import artifacts
from icp_xl.delivery.render.references import RenderResult
from icp_xl.delivery.write_back.column_remove import remove_all, remove_all_from_package
from icp_xl.delivery.write_back.inject import SheetOptions, inject_sheets
from icp_xl.delivery.write_back.ownership import UserColumn
from icp_xl.delivery.write_back.remove import RemoveReport
from icp_xl.errors import DataError, DeliveryError, SourceError
from icp_xl.opc.package import open_package
from icp_xl.opc.safe_write import SafeOptions
from icp_xl.pipeline.write_back.result import WriteBackResult
from icp_xl.reports.spec import ReportBook, tables_of
from icp_xl.runs import RunContext
from icp_xl.user_cells import former_headers

#: Which cells of each report are the reader's to fill, left by the command that rendered it.
KEPT_STATE = artifacts.USER_CELLS.name


def stage_kept_cells(run: RunContext, report: str, book: ReportBook, placed: RenderResult) -> None:
    """Leave beside a report which of its cells a reader may fill, so that a write-back carries them over.

    Args:
        run: whose outputs hold the list of such cells.
        report: file name of the report.
        book: the report.
        placed: where its tables came to stand.
    """
    body = _noted(run)
    body[report] = [vars(item) for item in kept_cells(book, placed)]
    run.outputs.json(KEPT_STATE, body)


def _noted(run: RunContext) -> dict[str, Any]:
    """What earlier runs left; a file that is damaged is written anew, since every report notes its own cells again."""
    if not artifacts.USER_CELLS.exists(run.outputs):
        return {}
    try:
        body = artifacts.USER_CELLS.load(run.outputs)
        if isinstance(body, dict):
            return body
    except DataError:
        pass
    run.warn(f"{KEPT_STATE} was damaged and is written anew; run the other reports again before a write-back.")
    return {}


def kept_cells(book: ReportBook, placed: RenderResult) -> list[UserColumn]:
    """The editable columns of every keyed table of ``book``, by the names that the file has."""
    found = []
    for sheet in book.sheets:
        for table in tables_of(sheet.blocks):
            headers = {column.key: column.header for column in table.columns}
            if table.key is None or table.name not in placed.tables:
                continue
            name = placed.tables[table.name].excel_name
            for column in table.columns:
                if column.editable:
                    key = headers[table.key]
                    names = product((key, *former_headers(key)), (column.header, *former_headers(column.header)))
                    former = tuple(names)[1:]
                    found.append(UserColumn(placed.sheets[sheet.name], name, key, column.header, former))
    return found


def write_back(
    run: RunContext,
    workbook: Path,
    report: Path,
    out: Path | None,
    place: str | None,
    sheets: Sequence[str] | None = None,
    force: bool = False,
) -> WriteBackResult | None:
    """Put the sheets of ``report`` into ``workbook`` (or a copy at ``out``); nothing else in it changes.

    Args:
        sheets: only these; what an earlier run put in besides stays.
        force: pass over what the workbook's owner asks for.

    Returns:
        ``None`` in a dry run.

    Raises:
        SourceError: one of the two files is not there.
        RefusedError: the workbook cannot be written; it is as it was.
        LockedWorkbookError: it is open elsewhere.
    """
    for path in (workbook, report):
        if not path.is_file():
            raise SourceError("the file does not exist", where=path.name, next_step="Check the path.")
        run.read(path)
    if (out or workbook).resolve() == report.resolve():
        raise DeliveryError(
            "the report would be written into itself",
            where=report.name,
            next_step="Name your own workbook, and the report after --report.",
        )
    run.plan((out or workbook).name)
    if run.dry_run:
        return None
    chosen = SheetOptions(place or run.settings.delivery.place, kept=kept_beside(report), only=sheets, force=force)
    done = inject_sheets(workbook, report, out, chosen, options=safe_options(run))
    return WriteBackResult(out or workbook, sheets=done)


def take_out(run: RunContext, workbook: Path, out: Path | None, force: bool = False) -> WriteBackResult | None:
    """Remove our sheets and columns from ``workbook`` and leave it as if they had never been there.

    Args:
        force: also where formulas of the user point to them. A dry run says what would go.
    """
    if not workbook.is_file():
        raise SourceError("the file does not exist", where=workbook.name, next_step="Check the path.")
    run.read(workbook)
    if run.dry_run:
        report = RemoveReport(out or workbook)
        with open_package(workbook) as package:
            remove_all_from_package(package, report, force)
        run.plan(f"{report.path.name}, without {'; '.join([*report.removed, *report.columns])}")
        return None
    run.plan((out or workbook).name)
    return WriteBackResult(out or workbook, removed=remove_all(workbook, out, force=force, options=safe_options(run)))


def safe_options(run: RunContext) -> SafeOptions:
    """How this run writes workbooks."""
    chosen = run.settings.delivery
    return SafeOptions(
        backups=chosen.backups,
        backup_folder=chosen.backup_folder,
        keep_timestamps=chosen.keep_timestamps,
        wait_seconds=chosen.wait_seconds,
        clock=run.now(),
        progress=run.progress,
    )


def kept_beside(report: Path) -> list[UserColumn]:
    """The cells of ``report`` that are the reader's to fill, as the run that made it noted."""
    path = report.parent / KEPT_STATE
    try:
        body = artifacts.USER_CELLS.read(path)
        return [UserColumn(**item) for item in body.get(report.name, [])]
    except (DataError, TypeError, AttributeError):
        return []

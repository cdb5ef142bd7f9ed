"""The last stage of ``run``: results into the workbook that the settings name, or into a copy of it."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

from icp_xl.config.delivery import AfterRunSettings
from icp_xl.delivery.write_back.columns import write_columns
from icp_xl.delivery.write_back.inject import SheetOptions, inject_sheets
from icp_xl.delivery.write_back.sheets_and_columns import write_sheets_and_columns
from icp_xl.errors import SourceError
from icp_xl.opc.safe_write import SafeOptions
from icp_xl.pipeline.tables import REPORT
from icp_xl.pipeline.write_back.columns import SCORED, read_results
from icp_xl.pipeline.write_back.functions import check_reader, fill_functions, read_inputs
from icp_xl.pipeline.write_back.result import WriteBackResult
from icp_xl.pipeline.write_back.sheets import kept_beside, safe_options
from icp_xl.runs import RunContext
from icp_xl.scratch import scratch_folder
from icp_xl.sources.locate import locate

#: Folder below the output folder that copies go into.
COPIES = "written_back"
#: What the demo shows: two sheets of the report, the usual columns and the functions, in a copy of the sample workbook.
DEMO = AfterRunSettings(copy_only=True, sheets=("Summary", "Scored Accounts"), columns="Acct ID", functions=True)


def publish_to_workbook(run: RunContext) -> WriteBackResult | None:
    """Put this run's sheets, columns and functions into ``delivery.after_run.workbook``, or a copy.

    Returns:
        ``None`` where it names none, and in a dry run.

    Raises:
        SourceError: the workbook does not exist.
        ConfigError: an unknown field.
        DeliveryError: it cannot be written; what could not be put in is not in it.
    """
    chosen = run.settings.delivery.after_run
    if chosen.workbook is None and run.command == "demo":
        chosen = DEMO.model_copy(update={"workbook": _sample(run)})
    if chosen.workbook is None:
        return None
    workbook = _found(run, chosen.workbook)
    run.read(workbook)
    name = f"{COPIES}/{workbook.name}"
    run.plan(name if chosen.copy_only else workbook.name)
    if run.dry_run:
        return None
    if not chosen.copy_only:
        return _fill(run, chosen, workbook, None, safe_options(run))
    with scratch_folder("write_back") as folder:
        # Published like every other result, and only when all of it came out.
        made = folder / workbook.name
        done = _fill(run, chosen, workbook, made, replace(safe_options(run), backups=0))
        shutil.copyfile(made, run.outputs.path(name))
    copy = run.settings.paths.out / name
    return replace(done, workbook=copy, copy=copy)


def _fill(
    run: RunContext, chosen: AfterRunSettings, workbook: Path, out: Path | None, options: SafeOptions
) -> WriteBackResult:
    """Sheets and columns, then functions, into ``workbook`` or a copy at ``out``."""
    if not chosen.functions:
        return _fill_sheets(run, chosen, workbook, out, options)
    check_reader(run.settings.paths.out / run.settings.share.folder, workbook)
    inputs = read_inputs(run, run.outputs)
    place = SheetOptions(run.settings.delivery.place)
    if not chosen.sheets and chosen.columns is None:
        return fill_functions(run, workbook, out, inputs, place, options)
    done = _fill_sheets(run, chosen, workbook, out, options)
    # The backup is the one of the first step: the workbook as it was.
    added = fill_functions(run, out or workbook, out, inputs, place, replace(options, backups=0))
    return replace(done, functions=added.functions)


def _fill_sheets(
    run: RunContext, chosen: AfterRunSettings, workbook: Path, out: Path | None, options: SafeOptions
) -> WriteBackResult:
    report, scored = run.outputs.find(REPORT), run.outputs.find(SCORED)
    sheets = SheetOptions(run.settings.delivery.place, kept=kept_beside(report), only=chosen.sheets or None)
    target = out or workbook
    if chosen.columns is None:
        injected = inject_sheets(workbook, report, out, sheets, options=options)
        return WriteBackResult(target, sheets=injected)
    results = read_results(scored, chosen.fields, run.settings.matching)
    if not chosen.sheets:
        columns = write_columns(workbook, chosen.columns, results, out, sheet=chosen.sheet, options=options)
        return WriteBackResult(target, columns=columns)
    done = write_sheets_and_columns(
        workbook, report, chosen.columns, results, out, sheets, sheet=chosen.sheet, options=options
    )
    return WriteBackResult(target, *done)


def _sample(run: RunContext) -> Path | None:
    found = locate("customers", run.settings)
    return found.path if found is not None else None


def _found(run: RunContext, path: Path) -> Path:
    """The workbook as named, or in the data folder."""
    place = path if path.is_absolute() or path.exists() else run.settings.paths.data / path
    if not place.is_file():
        raise SourceError(
            "the workbook that the run should put results into does not exist",
            where="delivery.after_run.workbook",
            got=str(path),
            next_step="Correct its name, or give its full path.",
        )
    return place

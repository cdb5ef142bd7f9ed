"""The worksheet functions in a workbook that someone keeps, as names over a sheet with the score model."""

from __future__ import annotations

from pathlib import Path

from icp_xl import artifacts
from icp_xl.delivery.render.book import render_book
from icp_xl.delivery.write_back.dependents import add_in_calls
from icp_xl.delivery.write_back.inject import SheetOptions, inject_sheets
from icp_xl.errors import ConfigError, DeliveryError, SourceError
from icp_xl.opc.package import open_package
from icp_xl.opc.safe_write import SafeOptions
from icp_xl.opc.workbook_part import Workbook
from icp_xl.pipeline.write_back.result import WriteBackResult
from icp_xl.pipeline.write_back.wish import WriteBackWish
from icp_xl.reports.functions.book import ACCOUNTS_SHEET, FunctionInputs, build_functions_book, functions_of
from icp_xl.runs import RunContext
from icp_xl.scoring.model import ScoreModel
from icp_xl.scratch import scratch_folder


def put_functions(run: RunContext, workbook: Path, wish: WriteBackWish, folder: Path) -> WriteBackResult | None:
    """Put the functions into a workbook, or a copy, with the model and accounts of the last run.

    Args:
        run: whose settings count.
        workbook: the user's file.
        wish: what was asked for, and where the copy goes.
        folder: the output folder of the last run.

    Returns:
        ``None`` in a dry run.

    Raises:
        ConfigError: something else is asked for in the same step.
        SourceError: the workbook, the score model or the scored accounts are not there.
        RefusedError: it cannot be written, or has names that are called as our functions are; it is as it was.
        DeliveryError: it is a copy for one reader, or the model has too many components for Excel's formulas.
    """
    other = {"--columns": wish.columns, "--sheets": wish.sheets, "--sheet": wish.sheet, "--fields": wish.fields}
    given = [name for name, value in other.items() if value]
    if given:
        raise ConfigError(
            "the functions go in by themselves", where="--functions", got=", ".join(given),
            next_step="Run once with --functions, and once without.",
        )  # fmt: skip
    if not workbook.is_file():
        raise SourceError("the file does not exist", where=workbook.name, next_step="Check the path.")
    check_reader(run.settings.paths.out / run.settings.share.folder, workbook)
    run.read(workbook)
    inputs = read_inputs(run, folder)
    run.plan((wish.out or workbook).name)
    if run.dry_run:
        return None
    from icp_xl.pipeline.write_back.sheets import safe_options

    options = SheetOptions(wish.place or run.settings.delivery.place, force=wish.force)
    return fill_functions(run, workbook, wish.out, inputs, options, safe_options(run))


def check_reader(shared: Path, workbook: Path) -> None:
    """Copies for single readers, in the folder ``shared``, get no functions: what they tell is not theirs to know.

    Raises:
        DeliveryError: the workbook is one of them.
    """
    if shared.resolve() in workbook.resolve().parents:
        raise DeliveryError(
            "this is a copy to send, and the functions would bring it the score model and the accounts of everybody",
            where=workbook.name,
            next_step="Put them into a workbook of your own, and send that to those who may see every account.",
        )


def read_inputs(run: RunContext, where: artifacts.Where) -> FunctionInputs:
    """The score model and the scored accounts of the last run.

    Raises:
        SourceError: there are none yet.
    """
    model, scored = artifacts.SCORE_MODEL.find(where), artifacts.SCORED_ACCOUNTS.find(where)
    if not scored.is_file() or not model.is_file():
        raise SourceError("there are no scored accounts yet", where=scored.name, next_step="Run icp-xl score first.")
    run.read(model)
    run.read(scored)
    most = run.settings.delivery.functions_accounts
    return FunctionInputs(ScoreModel.load(model), artifacts.SCORED_ACCOUNTS.read(scored), most, run.run_id)


def fill_functions(
    run: RunContext, workbook: Path, out: Path | None, inputs: FunctionInputs, sheets: SheetOptions, safe: SafeOptions
) -> WriteBackResult:
    """Render the sheets of the functions and lay them over a workbook, or a copy.

    Args:
        run: whose settings and clock count.
        workbook: the user's file.
        out: of the copy; None writes into the workbook itself.
        inputs: the score model and the accounts that go in.
        sheets: who owns the sheets, and what they may replace.
        safe: backup, locks and undo.
    """
    book = build_functions_book(inputs, run.settings.reports)
    with open_package(workbook) as package:
        older = add_in_calls(Workbook(package))
    with scratch_folder("functions") as folder:
        made = folder / "functions.xlsx"
        render_book(book, made, clock=run.now())
        done = inject_sheets(workbook, made, out, sheets, options=safe)
    lines = [
        f"{', '.join(functions_of(book))} can be typed in {done.path.name}, with neither add-in nor macro.",
        "They compute in Excel 2024, for Microsoft 365, on the web and on phones; earlier versions show #NAME? instead"
        + (f", and have the scores as values on the sheet {ACCOUNTS_SHEET}." if len(inputs.accounts) else "."),
        f"It holds the score model and {len(inputs.accounts):,} of {len(inputs.scored):,} accounts with their scores: "
        "send it to those who may see every one of them.",
    ]
    if len(inputs.accounts) < len(inputs.scored):
        lines.append("ICP_LOOKUP finds only these; the setting delivery.functions_accounts says how many.")
    if older:
        lines.append(
            f"{older:,} cells call the add-in's functions and go on doing so; type them anew to use those of the "
            "workbook."
        )
    done.notes += lines
    return WriteBackResult(out or workbook, functions=done)

"""``icp-xl check``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from icp_xl.cli._run import (
    ConfigOption,
    DataOption,
    DryRunOption,
    OutOption,
    QuietOption,
    SetOption,
    run_command,
    settings_of,
)

if TYPE_CHECKING:
    from icp_xl.config import Settings
    from icp_xl.delivery.sharing.shareable import Shareable
    from icp_xl.runs import RunContext


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("check")(check)


def check(
    files: Annotated[
        list[Path] | None, typer.Argument(help="More workbooks for --shareable.", show_default=False)
    ] = None,
    shareable: Annotated[
        list[Path] | None,
        typer.Option("--shareable", help="Say instead whether this workbook is safe to send, and why not."),
    ] = None,
    leakage: Annotated[
        bool, typer.Option("--leakage", help="Check instead whether any feature of the build knows the future.")
    ] = False,
    config: ConfigOption = None,
    data: DataOption = None,
    out: OutOption = None,
    set_: SetOption = None,
    dry_run: DryRunOption = False,
    quiet: QuietOption = False,
) -> None:
    """Say what is missing, thin or doubtful in the inputs, before anything is run.

    With --shareable, look into any workbook for what should not leave the house: macros, links, hidden sheets, names
    of people, paths, and more. With --leakage, change the future of the sales log and plant leaks: what a model must
    not know. Exit code 0: ready, safe to send, or no leak; 4: something must be mended first.

    Example: icp-xl check --data my_files
    """
    if shareable or files:
        _shareable(shareable or [], files or [], settings_of(config, set_, data=data, out=out), quiet)
        return
    if leakage:
        _leakage(settings_of(config, set_, data=data, out=out), dry_run, quiet)
        return
    from icp_xl.pipeline.check import CheckReport, check_lines
    from icp_xl.pipeline.check import check as run_check

    settings = settings_of(config, set_, data=data, out=out)
    reports: list[CheckReport] = []

    def body(run: RunContext) -> list[str]:
        reports.append(run_check(run))
        return check_lines(reports[0])

    run_command("check", settings, body, dry_run=dry_run, quiet=quiet)
    if not reports[0].sound:
        raise typer.Exit(4)


def _leakage(settings: Settings, dry_run: bool, quiet: bool) -> None:
    """Whether any feature knows the future."""
    from icp_xl.pipeline.models.leakage_checks import LeakageResult, leakage_lines, run_leakage_checks

    found: list[LeakageResult | None] = []

    def body(run: RunContext) -> list[str]:
        found.append(run_leakage_checks(run))
        return leakage_lines(found[0])

    run_command("check", settings, body, dry_run=dry_run, quiet=quiet)
    if found[0] is not None and not found[0].sound:
        raise typer.Exit(4)


def _shareable(named: list[Path], more: list[Path], settings: Settings, quiet: bool) -> None:
    """Whether workbooks are safe to send; they are only read."""
    from icp_xl.errors import ConfigError
    from icp_xl.pipeline.share.copies import check_files

    if not named:
        raise ConfigError("workbooks are checked with --shareable", got=str(more[0]), next_step="Put it before them.")
    found: list[Shareable] = []

    def body(run: RunContext) -> list[str]:
        found.extend(check_files(run, [*named, *more]))
        return [line for each in found for line in each.lines()]

    run_command("check", settings, body, quiet=quiet)
    if not all(each.safe for each in found):
        raise typer.Exit(4)

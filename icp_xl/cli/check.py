"""``icp-xl check``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from icp_xl.cli._run import (
    ConfigOption,
    DataOption,
    DryRunOption,
    OutOption,
    QuietOption,
    SetOption,
    run_command,
    say,
    settings_of,
)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("check")(check)


def check(
    config: ConfigOption = None,
    data: DataOption = None,
    out: OutOption = None,
    set_: SetOption = None,
    leakage: Annotated[
        bool, typer.Option("--leakage", help="Also run the leakage gauntlet on the built features.")
    ] = False,
    shareable: Annotated[
        Path | None, typer.Option("--shareable", help="Say whether this workbook is safe to e-mail, and nothing else.")
    ] = None,
    dry_run: DryRunOption = False,
    quiet: QuietOption = False,
) -> None:
    """Say what is missing, thin or doubtful in the inputs, before anything is run.

    Exit code 0: ready; 4: something must be mended first.

    Example: icp-xl check --data my_files
    """
    if shareable is not None:
        _check_shareable(shareable)
        return
    from icp_xl.pipeline.check import CheckReport, check_lines
    from icp_xl.pipeline.check import check as run_check
    from icp_xl.runs import RunContext

    settings = settings_of(config, set_, data=data, out=out)
    reports: list[CheckReport] = []

    def body(run: RunContext) -> list[str]:
        reports.append(run_check(run))
        lines = check_lines(reports[0])
        if leakage:
            from icp_xl.pipeline.gauntlet import leakage_lines

            lines += leakage_lines(run)
        return lines

    run_command("check", settings, body, dry_run=dry_run, quiet=quiet)
    if not reports[0].sound:
        raise typer.Exit(4)


def _check_shareable(path: Path) -> None:
    from icp_xl.delivery.shareable import check_shareable

    faults = check_shareable(path)
    for fault in faults:
        say(f"  {fault}")
    say(f"{path.name}: " + ("not safe to share as it is." if faults else "safe to share."))
    if faults:
        raise typer.Exit(5)

"""``icp-xl check``."""

from __future__ import annotations

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


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("check")(check)


def check(
    config: ConfigOption = None,
    data: DataOption = None,
    out: OutOption = None,
    set_: SetOption = None,
    dry_run: DryRunOption = False,
    quiet: QuietOption = False,
) -> None:
    """Say what is missing, thin or doubtful in the inputs, before anything is run.

    Exit code 0: ready; 4: something must be mended first.

    Example: icp-xl check --data my_files
    """
    from icp_xl.pipeline.check import CheckReport, check_lines
    from icp_xl.pipeline.check import check as run_check
    from icp_xl.runs import RunContext

    settings = settings_of(config, set_, data=data, out=out)
    reports: list[CheckReport] = []

    def body(run: RunContext) -> list[str]:
        reports.append(run_check(run))
        return check_lines(reports[0])

    run_command("check", settings, body, dry_run=dry_run, quiet=quiet)
    if not reports[0].sound:
        raise typer.Exit(4)

"""``icp-xl write-back``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from icp_xl.cli._run import ConfigOption, DryRunOption, QuietOption, SetOption, run_command, settings_of

if TYPE_CHECKING:
    from icp_xl.runs import RunContext


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("write-back")(write_back)


def write_back(
    workbook: Annotated[Path, typer.Argument(help="The workbook that the sheets go into.")],
    report: Annotated[
        Path | None, typer.Option("--report", help="The report to put in (default: icp_report.xlsx of the last run).")
    ] = None,
    to: Annotated[Path | None, typer.Option("--to", help="Write a copy here and leave the workbook alone.")] = None,
    place: Annotated[
        str | None, typer.Option("--place", help="Where new sheets go: start, end, before:NAME or after:NAME.")
    ] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Take our sheets out again instead.")] = False,
    config: ConfigOption = None,
    set_: SetOption = None,
    dry_run: DryRunOption = False,
    quiet: QuietOption = False,
) -> None:
    """Put the sheets of a report into your own workbook, or take them out; nothing else in it changes.

    Sheets of an earlier run are replaced where they stand, whatever you renamed them to; a dated backup is kept.

    Example: icp-xl write-back Customers.xlsx --report icp_output/icp_report.xlsx
    """
    settings = settings_of(config, set_)

    def body(run: RunContext) -> list[str]:
        from icp_xl.pipeline.tables import REPORT
        from icp_xl.pipeline.write_back import inject_lines, remove_lines, take_out
        from icp_xl.pipeline.write_back import write_back as stage

        if remove:
            return remove_lines(take_out(run, workbook, to))
        return inject_lines(stage(run, workbook, report or settings.paths.out / REPORT, to, place))

    run_command("write-back", settings, body, dry_run=dry_run, quiet=quiet)

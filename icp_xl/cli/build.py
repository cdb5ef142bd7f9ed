"""``icp-xl build``."""

from __future__ import annotations

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
    from icp_xl.runs import RunContext


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("build")(build)


def build(
    config: ConfigOption = None,
    set_: SetOption = None,
    data: DataOption = None,
    out: OutOption = None,
    division: Annotated[
        list[str] | None, typer.Option("--division", help="A division to build for; may be repeated; default: all.")
    ] = None,
    cutoff: Annotated[
        list[str] | None, typer.Option("--cutoff", help="A cutoff date, YYYY-MM-DD; may be repeated.")
    ] = None,
    window_months: Annotated[int | None, typer.Option("--window-months", help="Length of the label window.")] = None,
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Write every month anew, changed or not.")] = False,
    staging_only: Annotated[
        bool, typer.Option("--staging-only", help="Read and judge the lines, write no star schema.")
    ] = False,
    fail_soft: Annotated[
        bool, typer.Option("--fail-soft", help="Go on without lines and cutoffs that cannot be used, and say so.")
    ] = False,
    dry_run: DryRunOption = False,
    quiet: QuietOption = False,
) -> None:
    """Build the star schema, labels and features from the sales log.

    Only months that changed are written again.

    Example: icp-xl build --data workbooks --out icp_output --cutoff 2024-06-30 --window-months 6
    """
    settings = settings_of(
        config,
        set_,
        data=data,
        out=out,
        **{
            "build.divisions": division or None,
            "build.cutoffs": cutoff or None,
            "build.window_months": window_months,
        },
    )

    def body(run: RunContext) -> list[str]:
        from icp_xl.pipeline.models.build import build as stage
        from icp_xl.pipeline.models.build import closing_lines

        return closing_lines(stage(run, rebuild=rebuild, staging_only=staging_only, fail_soft=fail_soft))

    run_command("build", settings, body, dry_run=dry_run, quiet=quiet)

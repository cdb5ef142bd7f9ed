"""``icp-xl validate``."""

from __future__ import annotations

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
    settings_of,
)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("validate")(validate)


def validate(
    config: ConfigOption = None,
    set_: SetOption = None,
    data: DataOption = None,
    out: OutOption = None,
    division: Annotated[
        list[str] | None, typer.Option("--division", help="A division to validate; may be repeated; default: all.")
    ] = None,
    cutoff: Annotated[
        list[str] | None, typer.Option("--cutoff", help="A past day to look back on, YYYY-MM-DD; may be repeated.")
    ] = None,
    window_months: Annotated[int | None, typer.Option("--window-months", help="Length of the window after it.")] = None,
    capacity_grid: Annotated[
        str | None, typer.Option("--capacity-grid", help="Percents of the accounts called, such as 5,10,20.")
    ] = None,
    accounts_per_rep_grid: Annotated[
        str | None, typer.Option("--accounts-per-rep-grid", help="Accounts that each rep calls, such as 10,25.")
    ] = None,
    bootstrap: Annotated[int | None, typer.Option("--bootstrap", help="Resamples behind every interval.")] = None,
    ablation: Annotated[
        list[str] | None,
        typer.Option("--ablation", help="assets, als or lgbm: what its absence costs; may be repeated."),
    ] = None,
    dry_run: DryRunOption = False,
    quiet: QuietOption = False,
) -> None:
    """Hold the models, as they would have been at past cutoffs, against what came after: scenarios, drift, alerts.

    Example: icp-xl validate --out icp_output --cutoff 2024-07-01 --capacity-grid 5,10,20
    """
    settings = settings_of(
        config,
        set_,
        data=data,
        out=out,
        **{
            "build.divisions": division or None,
            "validation.cutoffs": cutoff or None,
            "build.window_months": window_months,
            "validation.capacity_grid": capacity_grid.split(",") if capacity_grid else None,
            "validation.accounts_per_rep_grid": accounts_per_rep_grid.split(",") if accounts_per_rep_grid else None,
            "validation.bootstrap": bootstrap,
            "validation.ablations": ablation or None,
        },
    )

    from icp_xl.pipeline.models.validate import closing_lines
    from icp_xl.pipeline.models.validate import validate as stage

    run_command("validate", settings, lambda run: closing_lines(stage(run)), dry_run=dry_run, quiet=quiet)

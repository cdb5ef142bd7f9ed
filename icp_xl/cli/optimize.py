"""``icp-xl optimize``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from icp_xl.cli._run import ConfigOption, DryRunOption, OutOption, QuietOption, SetOption, run_command, settings_of

if TYPE_CHECKING:
    from icp_xl.runs import RunContext


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("optimize")(optimize)


def optimize(
    config: ConfigOption = None,
    set_: SetOption = None,
    out: OutOption = None,
    trials: Annotated[int | None, typer.Option("--trials", "-n", help="Trials in the study.")] = None,
    lambda_: Annotated[
        float | None,
        typer.Option("--lambda", help="0 looks at revenue only, 1 at the grade mix only."),
    ] = None,
    size: Annotated[
        bool | None, typer.Option("--size/--no-size", help="Use the size component, or switch it off.")
    ] = None,
    storage: Annotated[
        str | None,
        typer.Option("--storage", help="Journal file or database URL of a study that several machines share."),
    ] = None,
    dry_run: DryRunOption = False,
    quiet: QuietOption = False,
) -> None:
    """Find the component weights that rank accounts by revenue and keep the grade mix.

    A study that was interrupted goes on where it stopped.

    Example: icp-xl optimize --out icp_output --lambda 0.25
    """
    more: dict[str, Any] = {
        "optimize.n_trials": trials,
        "optimize.lambda_param": lambda_,
        "optimize.include_size": size,
        "optimize.storage": storage,
    }
    settings = settings_of(config, set_, out=out, **more)

    def body(run: RunContext) -> list[str]:
        from icp_xl.pipeline.optimize import closing_lines
        from icp_xl.pipeline.optimize import optimize as stage

        result = stage(run)
        return closing_lines(result) if result is not None else []

    run_command("optimize", settings, body, dry_run=dry_run, quiet=quiet)

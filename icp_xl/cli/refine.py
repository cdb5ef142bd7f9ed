"""``icp-xl refine``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from icp_xl.cli._run import ConfigOption, DryRunOption, OutOption, QuietOption, SetOption, run_command, settings_of

if TYPE_CHECKING:
    from icp_xl.runs import RunContext


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("refine")(refine)


def refine(
    config: ConfigOption = None,
    set_: SetOption = None,
    out: OutOption = None,
    apply: Annotated[
        bool, typer.Option("--apply", help="Put the challenger in force, if its trial decided so.")
    ] = False,
    revert: Annotated[bool, typer.Option("--revert", help="Put the weights before the last change in force.")] = False,
    end_trial: Annotated[bool, typer.Option("--end-trial", help="End the trial and keep the weights.")] = False,
    trial: Annotated[bool, typer.Option("--trial/--no-trial", help="Put recommended weights on trial.")] = True,
    dry_run: DryRunOption = False,
    quiet: QuietOption = False,
) -> None:
    """Learn weights of the pipeline score from outcomes, and try them beside those in force.

    A suggestion is a file of its own; the weights in force change only with --apply, after the trial.

    Example: icp-xl refine --out icp_output
    """
    settings = settings_of(config, set_, out=out)

    def body(run: RunContext) -> list[str]:
        from icp_xl.pipeline.feedback.won_lost import refine as stage

        return stage(run, apply=apply, take_back=revert, stop=end_trial, trial=trial)

    run_command("refine", settings, body, dry_run=dry_run, quiet=quiet)

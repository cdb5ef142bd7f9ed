"""``icp-xl train``."""

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
    app.command("train")(train)


def train(
    config: ConfigOption = None,
    set_: SetOption = None,
    data: DataOption = None,
    out: OutOption = None,
    division: Annotated[
        list[str] | None, typer.Option("--division", help="A division to train; may be repeated; default: all.")
    ] = None,
    cutoff: Annotated[
        list[str] | None, typer.Option("--cutoff", help="A cutoff to learn from, YYYY-MM-DD; may be repeated.")
    ] = None,
    window_months: Annotated[int | None, typer.Option("--window-months", help="Length of the label window.")] = None,
    model: Annotated[
        list[str] | None, typer.Option("--model", help="logreg, lgbm or blend; may be repeated; default: all.")
    ] = None,
    calibration: Annotated[
        str | None, typer.Option("--calibration", help="auto (by the size of the data), platt or isotonic.")
    ] = None,
    score_only: Annotated[
        bool, typer.Option("--score-only", help="Score with the current models; fit nothing.")
    ] = False,
    revert: Annotated[
        list[str] | None,
        typer.Option("--revert", help="DIVISION or DIVISION=v0001: make an earlier model current; may be repeated."),
    ] = None,
    dry_run: DryRunOption = False,
    quiet: QuietOption = False,
) -> None:
    """Train one model per division, judge it forward in time against plain rules, and score every account.

    Example: icp-xl train --out icp_output --window-months 6
    """
    settings = settings_of(
        config,
        set_,
        data=data,
        out=out,
        **{
            "build.divisions": division or None,
            "train.cutoffs": cutoff or None,
            "build.window_months": window_months,
            "train.candidates": model or None,
            "train.calibration": calibration,
        },
    )

    def body(run: RunContext) -> list[str]:
        from icp_xl.pipeline.models import train as stage

        if revert:
            return stage.revert(run, revert)
        return stage.closing_lines(stage.train(run, score_only=score_only))

    run_command("train", settings, body, dry_run=dry_run, quiet=quiet)

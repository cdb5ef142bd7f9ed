"""``icp-xl outcomes``."""

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
    from icp_xl.runs import RunContext


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("outcomes")(outcomes)


def outcomes(
    config: ConfigOption = None,
    set_: SetOption = None,
    data: DataOption = None,
    out: OutOption = None,
    review: Annotated[
        Path | None, typer.Option("--review", help="outcomes_review.csv with yes or no in its column decision.")
    ] = None,
    partial: Annotated[
        bool, typer.Option("--partial", help="The export is not complete: what is absent was not deleted.")
    ] = False,
    dry_run: DryRunOption = False,
    quiet: QuietOption = False,
) -> None:
    """Record which opportunities were won, lost, reopened, changed or deleted since the last time.

    Example: icp-xl outcomes --data .
    """
    settings = settings_of(config, set_, data=data, out=out)

    def body(run: RunContext) -> list[str]:
        from icp_xl.pipeline.feedback.snapshots import outcomes as stage

        return stage(run, review=review, partial=partial)

    run_command("outcomes", settings, body, dry_run=dry_run, quiet=quiet)

"""``icp-xl snapshot``."""

from __future__ import annotations

from datetime import datetime
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

DAY = ["%Y-%m-%d"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("snapshot")(snapshot)


def snapshot(
    config: ConfigOption = None,
    set_: SetOption = None,
    data: DataOption = None,
    out: OutOption = None,
    as_of: Annotated[
        datetime | None, typer.Option("--as-of", formats=DAY, help="A past day to replay (default: today).")
    ] = None,
    replay_from: Annotated[
        datetime | None, typer.Option("--replay-from", formats=DAY, help="Also replay every month from this day on.")
    ] = None,
    only_today: Annotated[
        bool, typer.Option("--only-today", help="Do not replay the last year when nothing is kept yet.")
    ] = False,
    division: Annotated[str | None, typer.Option("--division", help="Only the pipeline of one division.")] = None,
    dry_run: DryRunOption = False,
    quiet: QuietOption = False,
) -> None:
    """Score the open pipeline and keep it, so that outcomes can be held against it later.

    Taking the same snapshot twice adds nothing. A replay uses only what had happened before its day; the first
    snapshot of all replays the last year.

    Example: icp-xl snapshot --data . --replay-from 2025-01-01
    """
    settings = settings_of(config, set_, data=data, out=out)

    def body(run: RunContext) -> list[str]:
        from icp_xl.pipeline.feedback.snapshots import snapshot as stage

        return stage(
            run,
            as_of=as_of.date() if as_of else None,
            replay_from=replay_from.date() if replay_from else None,
            division=division,
            only_today=only_today,
        )

    run_command("snapshot", settings, body, dry_run=dry_run, quiet=quiet)

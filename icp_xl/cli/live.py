"""``icp-xl live``."""

from __future__ import annotations

import typer

from icp_xl.cli._run import ConfigOption, DryRunOption, OutOption, QuietOption, SetOption, run_command, settings_of


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("live")(live)


def live(
    config: ConfigOption = None,
    out: OutOption = None,
    set_: SetOption = None,
    dry_run: DryRunOption = False,
    quiet: QuietOption = False,
) -> None:
    """Write the live workbook again, from what `icp-xl score` left.

    Writes live/icp_live.xlsx, in which anyone can move a weight and watch every score change.

    Example: icp-xl live --out icp_output
    """
    from icp_xl.pipeline.live import rebuild_live

    run_command("live", settings_of(config, set_, out=out), rebuild_live, dry_run=dry_run, quiet=quiet)

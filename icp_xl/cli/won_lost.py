"""``icp-xl won-lost``."""

from __future__ import annotations

import typer

from icp_xl.cli._run import ConfigOption, DryRunOption, OutOption, QuietOption, SetOption, run_command, settings_of


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("won-lost")(won_lost)


def won_lost(
    config: ConfigOption = None,
    set_: SetOption = None,
    out: OutOption = None,
    dry_run: DryRunOption = False,
    quiet: QuietOption = False,
) -> None:
    """Write the report on won and lost opportunities: did higher scores win more, and what did losses have in common.

    Example: icp-xl won-lost --out icp_output
    """
    from icp_xl.pipeline.feedback.won_lost import won_lost as stage

    run_command("won-lost", settings_of(config, set_, out=out), stage, dry_run=dry_run, quiet=quiet)

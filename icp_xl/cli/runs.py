"""``icp-xl runs``: the registry of what was run here."""

from __future__ import annotations

from typing import Annotated

import typer

from icp_xl.cli._run import ConfigOption, OutOption, SetOption, say, settings_of

runs = typer.Typer(no_args_is_help=True, help="List, show and compare earlier runs.")


def register(app: typer.Typer) -> None:
    """Add the group ``runs``."""
    app.add_typer(runs, name="runs")


@runs.command("list")
def list_(config: ConfigOption = None, set_: SetOption = None, out: OutOption = None) -> None:
    """List the runs of an output folder, oldest first.

    Example: icp-xl runs list --out icp_output
    """
    from icp_xl.runs import list_runs

    found = list_runs(settings_of(config, set_, out=out).paths.runs)
    if not found:
        say("No run is recorded here yet.")
    for line in found:
        say(f"{line['run_id']}  {line['command']:<10} {line['status']:<10} {line['warnings']} warnings")


@runs.command()
def show(
    run_id: Annotated[str, typer.Argument(help="A run's id, a unique beginning of it, or 'latest'.")] = "latest",
    config: ConfigOption = None,
    set_: SetOption = None,
    out: OutOption = None,
) -> None:
    """Show what one run read, dropped, measured, warned of and wrote.

    Example: icp-xl runs show latest
    """
    from icp_xl.outputs import json_text
    from icp_xl.runs import load_manifest

    say(json_text(load_manifest(settings_of(config, set_, out=out).paths.runs, run_id)).rstrip())


@runs.command()
def diff(
    before: Annotated[str, typer.Argument(help="The earlier run.")],
    after: Annotated[str, typer.Argument(help="The later run.")] = "latest",
    config: ConfigOption = None,
    set_: SetOption = None,
    out: OutOption = None,
) -> None:
    """Say what differs between two runs: inputs, settings, versions, rows, figures, outputs.

    Example: icp-xl runs diff 20260105 latest
    """
    from icp_xl.runs import diff_manifests, load_manifest

    folder = settings_of(config, set_, out=out).paths.runs
    rows = diff_manifests(load_manifest(folder, before), load_manifest(folder, after))
    if not rows:
        say("The two runs do not differ.")
    for key, left, right in rows:
        say(f"{key}: {left} -> {right}")

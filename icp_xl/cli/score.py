"""``icp-xl score``."""

from __future__ import annotations

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
    app.command("score")(score)


def score(
    config: ConfigOption = None,
    data: DataOption = None,
    out: OutOption = None,
    set_: SetOption = None,
    dry_run: DryRunOption = False,
    quiet: QuietOption = False,
) -> None:
    """Read the sources, score every account, and write the report workbook.

    Writes icp_report.xlsx, icp_scored_accounts.csv, score_model.json and industry_weights.json.

    Example: icp-xl score --data my_files --out icp_output
    """
    from icp_xl.pipeline.score import score as run_score
    from icp_xl.pipeline.score import score_lines

    settings = settings_of(config, set_, data=data, out=out)
    run_command("score", settings, lambda run: score_lines(run, run_score(run)), dry_run=dry_run, quiet=quiet)

"""``icp-xl share``."""

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
    from icp_xl.pipeline.share.copies import Passwords
    from icp_xl.runs import RunContext


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("share")(share)


def share(
    report: Annotated[
        list[Path] | None,
        typer.Option("--report", help="Workbook to share (default: icp_report.xlsx of the last run); may be repeated."),
    ] = None,
    by: Annotated[str | None, typer.Option("--by", help="One file per rep or region instead of one for all.")] = None,
    pdf: Annotated[bool, typer.Option("--pdf", help="The summary as PDF too, where LibreOffice is installed.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="The accounts of each file as CSV too.")] = False,
    allow: Annotated[
        list[str] | None, typer.Option("--allow", help="A kind of finding to leave in; may be repeated.")
    ] = None,
    password_env: Annotated[
        str | None,
        typer.Option(
            "--password-env",
            help="Environment variable with the password to open; NAME_KEY holds that of one reader's file.",
        ),
    ] = None,
    ask_password: Annotated[bool, typer.Option("--ask-password", help="Ask for a password to open.")] = False,
    config: ConfigOption = None,
    data: DataOption = None,
    out: OutOption = None,
    set_: SetOption = None,
    dry_run: DryRunOption = False,
    quiet: QuietOption = False,
) -> None:
    """Make copies of reports that are safe to send, one for all or one per rep or region.

    A copy holds values, native charts and native formulas; what would betray a person, a path or another rep's account
    is not in it. What only you can decide on (a hidden sheet, say) is refused by name.

    Example: icp-xl share --by rep --out icp_output
    """
    more: dict[str, object] = {
        "share.pdf": True if pdf else None,
        "share.csv": True if csv else None,
        "share.allow": tuple(allow) if allow else None,
    }
    settings = settings_of(config, set_, data=data, out=out, **more)
    passwords = _passwords(password_env, ask_password)

    def body(run: RunContext) -> list[str]:
        from icp_xl.pipeline.share.copies import share as stage
        from icp_xl.pipeline.share.copies import share_lines

        return share_lines(run, stage(run, tuple(report or ()), by=by, passwords=passwords))

    run_command("share", settings, body, dry_run=dry_run, quiet=quiet)


def _passwords(name: str | None, ask: bool) -> Passwords | None:
    import os

    if name is not None:
        from icp_xl.pipeline.share.copies import environment_passwords

        return environment_passwords(name, os.environ)
    if not ask:
        return None
    password: str = typer.prompt("Password to open", hide_input=True, confirmation_prompt=True)
    return lambda key: password

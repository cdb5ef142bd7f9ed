"""``icp-xl addin``: build, install and examine the Excel add-in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from icp_xl.cli._run import say

addin = typer.Typer(no_args_is_help=True, help="Build, install and examine the Excel add-in.")

ToOption = Annotated[
    Path | None, typer.Option("--to", help="A folder for everything, in place of Excel's own and yours.")
]


def register(app: typer.Typer) -> None:
    """Add the group ``addin``."""
    app.add_typer(addin, name="addin")


@addin.command()
def build(
    out: Annotated[Path, typer.Option("--out", "-o", help="The add-in to write.")] = Path("workbooks/icp_xl.xlam"),
) -> None:
    """Build the add-in from the VBA sources, the function stubs and the ribbon; needs no Excel.

    Example: icp-xl addin build --out workbooks/icp_xl.xlam
    """
    from icp_xl.excel.build import build_addin

    path = build_addin(out)
    say(f"Built {path} ({path.stat().st_size:,} bytes). `icp-xl addin install` puts it in place.")


@addin.command()
def install(
    to: ToOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be written, and write nothing.")] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Take the add-in away again.")] = False,
) -> None:
    """Build the add-in and put it where Excel loads it, with this Python's full path.

    Example: icp-xl addin install
    """
    from icp_xl.excel.install import install as put
    from icp_xl.excel.install import plan_install, uninstall

    plan = plan_install(to)
    if remove:
        for path in uninstall(plan):
            say(f"Removed {path}")
        return
    if not dry_run:
        put(plan)
    for line in plan.lines(done=not dry_run):
        say(line)


@addin.command()
def doctor(to: ToOption = None) -> None:
    """Check Python, xlwings, paths, trust and model files, and say what to do.

    Example: icp-xl addin doctor
    """
    from icp_xl.excel.doctor import examine

    findings = examine(to)
    for finding in findings:
        say(finding.line())
    if any(finding.state == "bad" for finding in findings):
        raise typer.Exit(1)


@addin.command()
def templates(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to write the two workbooks to.")] = Path("."),
) -> None:
    """Write the two workbooks to start from: customers and sales log.

    Example: icp-xl addin templates --out MyFolder
    """
    from icp_xl.excel.templates import write_templates

    for path in write_templates(out):
        say(f"Wrote {path}")

"""``write-back`` and ``share``: results into workbooks of one's own, and copies to send."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from icp_xl.artifacts import REPORT
from icp_xl.commands.declare import Button, InRun, Option, Setting, command
from icp_xl.pipeline import run_all
from icp_xl.pipeline.share.wish import MailWish
from icp_xl.pipeline.write_back.wish import WriteBackWish

if TYPE_CHECKING:
    from icp_xl.pipeline.share.outcome import ShareOutcome
    from icp_xl.pipeline.write_back.result import WriteBackResult
    from icp_xl.runs import RunContext

#: Gives the password of a file by the key of its reader; ``None`` for a file without.
Passwords = Callable[[str], str | None]


@command(
    shared=("config", "set_"),
    in_run=InRun(100, "write-back", run_all.publish, last=True, reads=("report",)),
)
def write_back(
    run: RunContext,
    workbook: Annotated[Path, Option("The workbook that the results go into.", argument=True)],
    wish: WriteBackWish,
    *,
    remove: Annotated[bool, Option("Take our sheets and columns out again instead.")] = False,
) -> WriteBackResult | None:
    """Put results into your own workbook, as sheets or as columns, or take them out; nothing else in it changes.

    What an earlier run put in is replaced where it stands, whatever you renamed it to; a dated backup is kept.

    Example: icp-xl write-back Customers.xlsx --report icp_output/icp_report.xlsx

    Example: icp-xl write-back Customers.xlsx --columns "Account ID" --fields icp_score,icp_grade
    """
    from icp_xl.pipeline.write_back.columns import put_back
    from icp_xl.pipeline.write_back.sheets import take_out

    if remove:
        return take_out(run, workbook, wish.out, wish.force)
    return put_back(run, workbook, wish)


def _asker(run: RunContext) -> Callable[[str], bool] | None:
    """Asks on the terminal; ``None`` where there is none."""
    from icp_xl.commands.mapping_dialog import has_terminal

    def ask(question: str) -> bool:
        import typer

        with run.progress.aside():
            return typer.confirm(question)

    return ask if has_terminal() else None


def _ask() -> Passwords:
    import typer

    password: str = typer.prompt("Password to open", hide_input=True, confirmation_prompt=True)
    return lambda key: password


@command(
    Setting("--pdf", "share.pdf"),
    Setting("--csv", "share.csv"),
    Setting("--allow", "share.allow"),
    button=(
        Button(
            "Share", "Share", "FileSendAsAttachment", "H",
            "Makes copies that are safe to e-mail: values and charts only, and for each rep his own accounts.",
            large=True, order=10, sales=False,
        ),
        Button(
            "Mail", "Share", "FileEmailAsPdfEmailAttachment", "E",
            "Writes one e-mail draft per rep, with his own workbook attached and his figures in the text. Nothing is "
            "sent: open each draft, look at it and press Send.",
            order=20, tag="mail", sales=False, options=("--mail",),
        ),
    ),
    in_run=InRun(90, "share", run_all.share_if_asked, last=True),  # of whichever reports the settings name
)  # fmt: skip
def share(
    run: RunContext,
    reports: Annotated[
        tuple[Path, ...],
        Option(f"Workbook to share (default: {REPORT.name} of the last run); may be repeated.", flag="--report"),
    ] = (),
    *,
    by: Annotated[str | None, Option("One file per rep or region instead of one for all.")] = None,
    password_env: Annotated[
        str | None,
        Option("Environment variable with the password to open; NAME_KEY holds that of one reader's file."),
    ] = None,
    passwords: Annotated[Passwords | None, Option("Ask for a password to open.", "--ask-password", ask=_ask)] = None,
    wish: MailWish,
) -> ShareOutcome:
    """Make copies of reports that are safe to send, one for all or one per rep or region.

    A copy holds values, native charts and native formulas; what would betray a person, a path or another rep's account
    is not in it. What only you can decide on (a hidden sheet, say) is refused by name.

    Example: icp-xl share --by rep --out icp_output

    Example: icp-xl share --mail --set share.mail.contacts=reps.csv --out icp_output
    """
    from icp_xl.pipeline.share.copies import environment_passwords
    from icp_xl.pipeline.share.copies import share as stage

    if password_env is not None:
        passwords = environment_passwords(password_env, os.environ)
    return stage(run, reports, by=by, passwords=passwords, wish=wish, ask=_asker(run))

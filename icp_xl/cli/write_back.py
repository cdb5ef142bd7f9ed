"""``icp-xl write-back``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from icp_xl.cli._run import ConfigOption, DryRunOption, QuietOption, SetOption, run_command, settings_of

if TYPE_CHECKING:
    from icp_xl.runs import RunContext


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("write-back")(write_back)


def write_back(
    workbook: Annotated[Path, typer.Argument(help="The workbook that the results go into.")],
    report: Annotated[
        Path | None, typer.Option("--report", help="The report to put in (default: icp_report.xlsx of the last run).")
    ] = None,
    sheets: Annotated[
        str | None, typer.Option("--sheets", help="Only these sheets of the report, with commas between.")
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(
            "--columns",
            metavar="KEY",
            help="Put result columns beside this column of yours, which holds account ids or names.",
        ),
    ] = None,
    sheet: Annotated[
        str | None, typer.Option("--sheet", help="Sheet or table with that column, where several have one.")
    ] = None,
    fields: Annotated[
        str | None,
        typer.Option("--fields", help="Which results (default: icp_score,icp_grade,rank,segment,reasons)."),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Write a copy here and leave the workbook alone.")] = None,
    place: Annotated[
        str | None, typer.Option("--place", help="Where new sheets go: start, end, before:NAME or after:NAME.")
    ] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Take our sheets and columns out again instead.")] = False,
    config: ConfigOption = None,
    set_: SetOption = None,
    dry_run: DryRunOption = False,
    quiet: QuietOption = False,
) -> None:
    """Put results into your own workbook, as sheets or as columns, or take them out; nothing else in it changes.

    What an earlier run put in is replaced where it stands, whatever you renamed it to; a dated backup is kept.

    Example: icp-xl write-back Customers.xlsx --report icp_output/icp_report.xlsx

    Example: icp-xl write-back Customers.xlsx --columns "Account ID" --fields icp_score,icp_grade
    """
    settings = settings_of(config, set_)

    def body(run: RunContext) -> list[str]:
        from icp_xl.pipeline.write_back.columns import put_back
        from icp_xl.pipeline.write_back.sheets import remove_lines, take_out

        if remove:
            return remove_lines(take_out(run, workbook, out))
        return put_back(
            run,
            workbook,
            report,
            sheets=_listed(sheets),
            columns=columns,
            sheet=sheet,
            fields=_listed(fields),
            out=out,
            place=place,
        )

    run_command("write-back", settings, body, dry_run=dry_run, quiet=quiet)


def _listed(text: str | None) -> list[str]:
    return [piece.strip() for piece in (text or "").split(",") if piece.strip()]

"""``icp-xl whitespace``."""

from __future__ import annotations

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
    app.command("whitespace")(whitespace)


def whitespace(
    config: ConfigOption = None,
    set_: SetOption = None,
    data: DataOption = None,
    out: OutOption = None,
    normalize: Annotated[
        str | None, typer.Option("--normalize", help="Scale of the signals: calibrated, percentile, pooled.")
    ] = None,
    weights: Annotated[
        str | None, typer.Option("--weights", help="Weights of chance, affinity, likeness and value: 0.6,0.2,0.1,0.1.")
    ] = None,
    rank_by: Annotated[
        str | None, typer.Option("--rank-by", help="What orders the list: score, value, balanced, challenger.")
    ] = None,
    capacity_mode: Annotated[
        str | None, typer.Option("--capacity-mode", help="Which pairs to work: top_percent, per_rep, hybrid.")
    ] = None,
    top_percent: Annotated[float | None, typer.Option("--top-percent", help="Share of the ranked pairs, in %.")] = None,
    per_rep: Annotated[int | None, typer.Option("--per-rep", help="Pairs per rep.")] = None,
    ownership: Annotated[
        str | None, typer.Option("--ownership", help="Leave out what the account has: recent, ever, off.")
    ] = None,
    holdout: Annotated[
        float | None, typer.Option("--holdout", help="Share of accounts held out at random, 0.05 to 0.1; 0: none.")
    ] = None,
    shadow: Annotated[
        str | None, typer.Option("--shadow", help="Older rule to compare with: revenue, frequency, icp_score, off.")
    ] = None,
    rep_books: Annotated[
        bool | None, typer.Option("--rep-books/--no-rep-books", help="One workbook per rep, with his accounts alone.")
    ] = None,
    dry_run: DryRunOption = False,
    quiet: QuietOption = False,
) -> None:
    """Rank every account × division: who to call next, about what, and why.

    Needs the scores of icp-xl train. Status and Not eligible, as typed into the last workbook, are taken over.

    Example: icp-xl whitespace --out icp_output --capacity-mode per_rep --per-rep 25 --rep-books
    """
    numbers = None if weights is None else [part.strip() for part in weights.split(",")]
    settings = settings_of(
        config,
        set_,
        data=data,
        out=out,
        **{
            "whitespace.normalize": normalize,
            "whitespace.weights": numbers,
            "whitespace.rank_by": rank_by,
            "whitespace.capacity": capacity_mode,
            "whitespace.top_percent": top_percent,
            "whitespace.per_rep": per_rep,
            "whitespace.ownership": ownership,
            "whitespace.holdout_share": holdout,
            "whitespace.shadow": shadow,
            "whitespace.rep_books": rep_books,
        },
    )

    def body(run: RunContext) -> list[str]:
        from icp_xl.pipeline.whitespace.rank import closing_lines
        from icp_xl.pipeline.whitespace.rank import whitespace as stage

        return closing_lines(stage(run))

    run_command("whitespace", settings, body, dry_run=dry_run, quiet=quiet)

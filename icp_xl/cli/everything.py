"""``icp-xl run`` and ``icp-xl demo``."""

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
    say,
    settings_of,
)

if TYPE_CHECKING:
    from icp_xl.runs import RunContext


#: A tour need not average tree ensembles nor draw a thousand resamples; ``run`` does.
QUICK: dict[str, object] = {
    "train.tree_seeds": 1,
    "train.logreg": [{"c": 0.02}],
    "train.bootstrap": 200,
    "validation.bootstrap": 200,
    "feedback.permutations": 499,
}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("demo")(demo)
    app.command("run")(run)


def run(
    config: ConfigOption = None,
    data: DataOption = None,
    out: OutOption = None,
    set_: SetOption = None,
    dry_run: DryRunOption = False,
    quiet: QuietOption = False,
) -> None:
    """Run every stage on your own files, from scores to who to call next, and say what came of each.

    A stage that has too little data says so and is left out; the rest goes on.

    Example: icp-xl run --data my_files --out icp_output
    """
    settings = settings_of(config, set_, data=data, out=out)
    run_command("run", settings, _everything, dry_run=dry_run, quiet=quiet)


def demo(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the sample workbooks and the results.")] = Path(
        "icp_demo"
    ),
    set_: SetOption = None,
    dry_run: DryRunOption = False,
    quiet: QuietOption = False,
) -> None:
    """Make sample workbooks where there are none, run everything on them, and say what to open.

    Example: icp-xl demo --out icp_demo
    """
    from icp_xl.samples import write_samples

    folder = out / "workbooks"
    if not (folder.is_dir() and any(folder.iterdir())):
        if not quiet:
            say(f"Making sample workbooks in {folder} …")
        write_samples(folder)
    given = {text.partition("=")[0].strip() for text in set_ or ()}
    quick = {name: value for name, value in QUICK.items() if name not in given}
    settings = settings_of(None, set_, data=folder, out=out, **quick)
    run_command("demo", settings, _everything, dry_run=dry_run, quiet=quiet)


def _everything(context: RunContext) -> list[str]:
    from icp_xl.pipeline.run_all import run_everything

    return run_everything(context)

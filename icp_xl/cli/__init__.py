"""The command line: parse, call the pipeline, print, exit code.

One module per group of commands, each with a ``register`` function. Nothing heavy is imported before a command runs.
"""

from __future__ import annotations

import sys

import typer

from icp_xl.cli import (
    addin,
    build,
    check,
    everything,
    live,
    optimize,
    outcomes,
    refine,
    runs,
    score,
    share,
    snapshot,
    train,
    validate,
    whitespace,
    won_lost,
    write_back,
)
from icp_xl.cli._run import guarded

app = typer.Typer(
    name="icp-xl",
    help="Score every account, know why, and know what to sell next, inside the workbooks you already keep.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for _module in (
    everything, check, score, optimize, live, build, train, whitespace, validate, snapshot, outcomes, won_lost, refine,
    write_back, share, runs, addin,
):  # fmt: skip
    _module.register(app)


def main() -> None:
    """Entry point of the ``icp-xl`` command."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run the command line ``arguments`` and return its exit code."""
    code = 0

    def call() -> None:
        nonlocal code
        try:
            app(arguments, prog_name="icp-xl")
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)

    return guarded(call) or code

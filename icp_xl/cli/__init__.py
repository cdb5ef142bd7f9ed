"""The command line: parse, call the pipeline, print, exit code.

Its commands are made from the declarations in :mod:`icp_xl.commands`. Nothing heavy is imported before one runs.
"""

from __future__ import annotations

import sys

import typer

from icp_xl.cli._run import guarded
from icp_xl.cli.shell import shell_function
from icp_xl.commands import COMMANDS
from icp_xl.excel import commands as _addin_commands  # noqa: F401 - declares those of the add-in

#: Groups of commands and what they are for.
GROUPS = {
    "history": "File what the customers table said on earlier days.",
    "runs": "List, show and compare earlier runs.",
    "addin": "Build, install and examine the Excel add-in.",
}


def make_app() -> typer.Typer:
    """The application with every declared command."""
    app = typer.Typer(
        name="icp-xl",
        help="Score every account, know why, and know what to sell next, inside the workbooks you already keep.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    groups = {"": app}
    for command in COMMANDS.values():
        if command.group not in groups:
            groups[command.group] = typer.Typer(no_args_is_help=True, help=GROUPS.get(command.group))
            app.add_typer(groups[command.group], name=command.group)
        groups[command.group].command(command.name)(shell_function(command))
    return app


app = make_app()


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

"""The command line: parse, call the pipeline, print, exit code.

Its commands are made from the declarations in :mod:`icp_xl.commands`. Nothing heavy is imported before one runs; the
options of a command, whose types and help the settings know, are made when that command is asked for.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperGroup

from icp_xl.cli._run import guarded
from icp_xl.cli.shell import shell_function
from icp_xl.commands import COMMANDS
from icp_xl.excel import commands as _addin_commands  # noqa: F401 - declares those of the add-in

if TYPE_CHECKING:
    from icp_xl.commands import Command

#: Groups of commands and what they are for.
GROUPS = {
    "history": "File what the customers table said on earlier days.",
    "runs": "List, show and compare earlier runs.",
    "addin": "Build, install and examine the Excel add-in.",
}


class _Group(TyperGroup):
    """Commands that list and help know by name and docstring, and that get their options once one is chosen."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        name, listed, rest = super().resolve_command(ctx, args)
        found = COMMANDS.get(f"{self.name} {name}" if self.name in GROUPS else str(name))
        return name, listed if found is None else complete(found), rest


def complete(command: Command) -> Any:
    """``command`` with its options, as typer runs it."""
    alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    alone.command(command.name)(shell_function(command))
    return typer.main.get_command(alone)


def _listed(command: Command) -> Callable[[], None]:
    """A command as lists show it, without options."""

    def function() -> None:
        raise AssertionError(f"{command.title} was called without its options")

    function.__doc__ = command.help
    return function


def make_app() -> typer.Typer:
    """The application with every declared command."""
    app = typer.Typer(
        name="icp-xl",
        cls=_Group,
        help="Score every account, know why, and know what to sell next, inside the workbooks you already keep.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    groups = {"": app}
    for command in COMMANDS.values():
        if command.group not in groups:
            groups[command.group] = typer.Typer(cls=_Group, no_args_is_help=True, help=GROUPS.get(command.group))
            app.add_typer(groups[command.group], name=command.group)
        groups[command.group].command(command.name)(_listed(command))
    return app


app = make_app()


def main() -> None:
    """Entry point of the ``icp-xl`` command."""
    code = run(sys.argv[1:])
    # What is left goes with the process: to look through all of it for garbage takes a second after a long run.
    gc.freeze()
    sys.exit(code)


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

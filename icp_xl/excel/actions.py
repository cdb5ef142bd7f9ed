"""What each ribbon button runs: the command lines of its background job, and what it needs."""

from __future__ import annotations

from dataclasses import dataclass

from icp_xl.commands.ribbon import buttons, tag_of
from icp_xl.excel import commands as _addin_commands  # noqa: F401 - declares the buttons of the add-in


@dataclass(frozen=True)
class Action:
    """One button whose work is a background job.

    ``commands`` are subcommands of ``icp-xl``, run in this order. ``sales`` says whether the sales log is needed.
    ``columns`` asks for result columns beside the customer table.
    """

    name: str
    label: str
    commands: tuple[str, ...]
    sales: bool = True
    columns: bool = False


ACTIONS: dict[str, Action] = {
    tag_of(button, command): Action(
        tag_of(button, command),
        button.action or button.label,
        (*button.before, " ".join([command.title, *button.options])),
        button.sales,
        button.columns,
    )
    for button, command in buttons()
    if command is not None
}

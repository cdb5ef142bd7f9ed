"""Every command, each declared once: what it does, its options, its button, its place in ``icp-xl run``.

The command line, the library's functions, the macros, the ribbon and the pages of reference are made from these
declarations. A new command is a function in one of these modules, or in a new one that is named below. Those of the
add-in itself are in :mod:`icp_xl.excel.commands`, which whoever needs all of them imports.
"""

from __future__ import annotations

from icp_xl.commands import (  # noqa: F401, I001 - in the order in which help lists them
    everything,
    feedback,
    inputs,
    models,
    records,
    scoring,
    workbooks,
)
from icp_xl.commands.declare import BUTTONS, COMMANDS, Button, Command

__all__ = ["BUTTONS", "COMMANDS", "Button", "Command"]

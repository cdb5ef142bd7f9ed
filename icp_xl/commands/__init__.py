"""Every command, each declared once: what it does, its options, its button, its place in ``icp-xl run``.

The command line, the library's functions, the macros, the ribbon and the pages of reference are made from these
declarations. A new command is a function in one of these modules, or in a new one that is named below. Those of the
add-in itself are in :mod:`icp_xl.excel.commands`, which whoever needs all of them imports.
"""

from __future__ import annotations

# ruff: noqa: F401, I001 - imported for what they declare, in the order in which help lists the commands
from icp_xl.commands import run_all
from icp_xl.commands import inputs
from icp_xl.commands import scoring
from icp_xl.commands import models
from icp_xl.commands import history
from icp_xl.commands import feedback
from icp_xl.commands import workbooks
from icp_xl.commands import records
from icp_xl.commands.declare import BUTTONS, COMMANDS, Button, Command

__all__ = ["BUTTONS", "COMMANDS", "Button", "Command"]

"""``history add``: what the customers table said on earlier days."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from icp_xl.commands.declare import Option, command

if TYPE_CHECKING:
    from icp_xl.pipeline.models.history import Filing
    from icp_xl.runs import RunContext


@command(name="add", group="history", public="add_history")
def add(
    run: RunContext,
    file: Annotated[Path, Option("An export of the customers table.", argument=True)],
    *,
    as_of: Annotated[date | None, Option("Its day (default: the one in the file's name).")] = None,
    changes: Annotated[bool, Option("The file holds only accounts that are new or changed since then.")] = False,
) -> Filing | None:
    """File an export of the customers table as of its day, so that models know what was known when.

    Every run files today's tables by itself, and the exports in the folder history beside the sources, whose names hold
    their days. A day that is filed again takes the place of what was filed as of it.

    Example: icp-xl history add "customers 2024-06-30.xlsx" --as-of 2024-06-30
    """
    from icp_xl.pipeline.models.history import add_history

    return add_history(run, file, as_of, changes=changes)

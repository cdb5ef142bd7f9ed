"""``history add``: what the customers table said on earlier days."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from icp_xl.commands.declare import Button, Option, command

if TYPE_CHECKING:
    from icp_xl.pipeline.models.history import Filing, Filings
    from icp_xl.runs import RunContext


@command(
    name="add",
    group="history",
    public="add_history",
    button=Button(
        "File history", "Prepare", "FileOpen", "Y",
        "Files earlier exports of the customers table, from the folder history beside your files, as of the days in "
        "their names: models then know what was known when.",
        order=18, sales=False,
    ),
)  # fmt: skip
def add(
    run: RunContext,
    file: Annotated[
        Path | None, Option("An export of the customers table (default: all in the folder history).", argument=True)
    ] = None,
    *,
    as_of: Annotated[date | None, Option("Its day (default: the one in the file's name).")] = None,
    changes: Annotated[bool, Option("The file holds only accounts that are new or changed since then.")] = False,
) -> Filing | Filings | None:
    """File exports of the customers table as of their days, so that models know what was known when.

    Without a file, those in the folder history beside the sources are filed, whose names hold their days, such as
    customers 2024-06-30.xlsx; every run does so by itself, and files today's tables. A day that is filed again takes
    the place of what was filed as of it.

    Example: icp-xl history add "customers 2024-06-30.xlsx" --as-of 2024-06-30
    """
    from icp_xl.pipeline.models.history import add_exports, add_history

    return add_exports(run) if file is None else add_history(run, file, as_of, changes=changes)

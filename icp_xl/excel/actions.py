"""What each ribbon button runs: the command lines of its background job, and what it needs."""

from __future__ import annotations

from dataclasses import dataclass


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
    action.name: action
    for action in (
        Action("check", "Check inputs", ("check",), sales=False),
        Action("refresh_all", "Refresh all", ("run",), columns=True),
        Action("score", "Score", ("score",), columns=True),
        Action("live", "What if", ("live",), sales=False),
        Action("optimize", "Optimise weights", ("optimize",)),
        Action("train", "Build and train", ("build", "train")),
        Action("validate", "Validate", ("validate",)),
        Action("whitespace", "Rank whitespace", ("whitespace",)),
        Action("snapshot", "Snapshot", ("snapshot",)),
        Action("won_lost", "Won and lost", ("outcomes", "won-lost")),
        Action("refine", "Refine", ("refine",)),
        Action("share", "Share", ("share",), sales=False),
    )
}

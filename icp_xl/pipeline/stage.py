"""What a stage of ``run`` is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from icp_xl.runs import RunContext


@dataclass(frozen=True, kw_only=True)
class StageRules:
    """What holds of a stage of ``run``, whatever it does.

    Args:
        needed: without it there is nothing more to do.
        brief: only the last of its closing lines is said.
        last: the results stand whether or not it succeeds, so that errors of settings and files do not stop the run.
        part_of: a later stage, with which it stands or is done again.
        reads: stages whose files it reads; all before it by default.
        remembers: later stages of which it reads what people typed into their files of an earlier run.
        daily: it depends on the day.
    """

    needed: bool = False
    brief: bool = False
    last: bool = False
    part_of: str = ""
    reads: tuple[str, ...] | None = None
    remembers: tuple[str, ...] = ()
    daily: bool = False


@dataclass(frozen=True)
class Stage(StageRules):
    """One stage of ``run``, as :class:`icp_xl.commands.declare.InRun` declares it.

    Args:
        name: what the record calls it.
        call: does its work and returns its result; ``None`` where there is nothing to say.
    """

    name: str
    call: Callable[[RunContext], Any]

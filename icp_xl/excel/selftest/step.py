"""What a step of the self-test is, and how one ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from icp_xl.excel.selftest.bench import Bench

State = Literal["passed", "failed", "skipped"]


class Unmet(Exception):
    """What was got is not what is expected."""


class NotHere(Exception):
    """This Excel or this system has no such thing, so that the step says nothing."""


@dataclass(frozen=True)
class Step:
    """One step: ``covers`` are the numbers of the checklist that it answers, wholly or in part."""

    covers: tuple[int, ...]
    title: str
    expected: str
    check: Callable[[Bench], str]
    seconds: float = 120.0

    @property
    def id(self) -> str:
        """Its name on the command line."""
        return self.check.__name__


@dataclass(frozen=True)
class StepOutcome:
    """How a step ended: what was got, or why it failed or was left out."""

    id: str
    covers: tuple[int, ...]
    title: str
    expected: str
    got: str
    state: State
    seconds: float


STEPS: list[Step] = []


def step(
    *covers: int, expected: str, seconds: float = 120.0
) -> Callable[[Callable[[Bench], str]], Callable[[Bench], str]]:
    """Declare a step; its function returns what was got, or raises :class:`Unmet` or :class:`NotHere`.

    The function's docstring is the step's title.
    """

    def declare(check: Callable[[Bench], str]) -> Callable[[Bench], str]:
        STEPS.append(Step(covers, (check.__doc__ or check.__name__).rstrip("."), expected, check, seconds))
        return check

    return declare


def expect(true: object, got: object) -> None:
    """Fail the step with what was got unless ``true``."""
    if not true:
        raise Unmet(str(got))

"""Progress and cancellation, one small protocol for the command line, Excel's status bar and tests.

A stage announces itself with :meth:`Progress.stage`, counts with :meth:`Progress.advance`, and calls
:meth:`Progress.check` often enough (at least every two seconds) that a cancel is obeyed at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sized
from contextlib import contextmanager
from typing import TypeVar

from icp_xl.errors import Cancelled

T = TypeVar("T")


class Progress:
    """Silent progress that is never cancelled; the base of every other kind."""

    def stage(self, name: str, total: int | None = None) -> None:
        """Begin the stage ``name`` of ``total`` steps (``None``: unknown)."""

    def advance(self, n: int = 1) -> None:
        """Count ``n`` more steps of the current stage."""

    def note(self, text: str) -> None:
        """Show a short text beside the current stage, for example the best value so far."""

    def cancelled(self) -> bool:
        """Whether the user asked to stop."""
        return False

    def check(self) -> None:
        """Raise :class:`~icp_xl.errors.Cancelled` when the user asked to stop."""
        if self.cancelled():
            raise Cancelled()

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Out of the way while something else talks with the user on the terminal."""
        yield

    def track(self, items: Iterable[T], name: str, total: int | None = None) -> Iterator[T]:
        """Yield ``items`` as one stage, counting and checking for a cancel at each.

        >>> list(Progress().track([1, 2], "reading"))
        [1, 2]
        """
        if total is None and isinstance(items, Sized):
            total = len(items)
        self.stage(name, total)
        for item in items:
            self.check()
            yield item
            self.advance()


class RecordingProgress(Progress):
    """Keeps what it was told; cancels after ``cancel_after`` calls of :meth:`check` or :meth:`cancelled`."""

    def __init__(self, cancel_after: int | None = None) -> None:
        self.stages: list[tuple[str, int | None]] = []
        self.steps: dict[str, int] = {}
        self.notes: list[str] = []
        self._left = cancel_after

    def stage(self, name: str, total: int | None = None) -> None:
        self.stages.append((name, total))
        self.steps.setdefault(name, 0)

    def advance(self, n: int = 1) -> None:
        if self.stages:
            self.steps[self.stages[-1][0]] += n

    def note(self, text: str) -> None:
        self.notes.append(text)

    def cancelled(self) -> bool:
        if self._left is None:
            return False
        self._left -= 1
        return self._left < 0

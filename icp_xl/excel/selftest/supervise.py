"""Calls that come back, whatever they do: each on a thread apart and within a limit.

Excel's objects belong to the thread that made them (COM's apartments), so that all calls of one worker follow each
other on it. Where one neither ends nor lets itself be ended, its thread is left behind and the next call gets another.
"""

from __future__ import annotations

import queue
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")
#: Seconds between two looks at the clock, at Ctrl+C and at Cancel.
_LOOK = 0.1


class CancelledError(Exception):
    """Somebody pressed Cancel."""


class AbandonedError(BaseException):
    """This thread was left behind: what it does nobody waits for."""


@dataclass
class Ended:
    """How a call ended: what it returned or raised, whether it took too long, and whether it never came back."""

    value: Any = None
    error: BaseException | None = None
    over: bool = False
    hung: bool = False
    done: threading.Event = field(default_factory=threading.Event)


class _Worker(threading.Thread):
    def __init__(self) -> None:
        super().__init__(daemon=True, name="self-test")
        self.abandoned = False
        self.calls: queue.SimpleQueue[tuple[Callable[[], Any], Ended] | None] = queue.SimpleQueue()
        self.start()

    def run(self) -> None:
        if sys.platform == "win32":
            import pythoncom

            pythoncom.CoInitialize()
        while (call := self.calls.get()) is not None:
            function, ended = call
            try:
                ended.value = function()
            except BaseException as error:  # SystemExit too: a step ends nobody but itself.
                ended.error = error
            ended.done.set()

    def abandon(self) -> None:
        """Leave it behind: it ends when its call comes back, or now where it has none.

        No exception is sent into the thread: while one waits for a thread that waits for Excel, all other threads look
        for it at every step, and under a tracer (coverage, a debugger) Python 3.11 does not get past that look.
        """
        self.abandoned = True
        self.calls.put(None)


def check_wanted() -> None:
    """Raise where this thread was left behind, before it starts anything that nobody would end."""
    if getattr(threading.current_thread(), "abandoned", False):
        raise AbandonedError


class Supervisor:
    """Makes calls; ``unblock`` is called where one takes too long, and ends what it may wait for."""

    def __init__(
        self, unblock: Callable[[], None], cancelled: Callable[[], bool] = lambda: False, *, grace: float = 10.0
    ) -> None:
        self._unblock, self._cancelled, self._grace = unblock, cancelled, grace
        self._worker: _Worker | None = None

    def call(self, function: Callable[[], Any], seconds: float) -> Ended:
        """Call ``function``, and come back after ``seconds`` and a moment at most.

        Raises:
            CancelledError: somebody pressed Cancel. Then, as after Ctrl+C, the call may go on: see :meth:`drop`.
        """
        if self._worker is None:
            self._worker = _Worker()
        ended = Ended()
        self._worker.calls.put((function, ended))
        until = time.monotonic() + seconds
        while not ended.done.wait(_LOOK):
            if self._cancelled():
                raise CancelledError
            if time.monotonic() >= until:
                ended.over = True
                self._unblock()
                ended.hung = not ended.done.wait(self._grace)
                break
        if ended.hung:
            self.drop()
        return ended

    def drop(self) -> None:
        """Leave the worker behind with whatever it does; the next call gets another."""
        if self._worker is not None:
            self._worker.abandon()
            self._worker = None


def bounded(function: Callable[[], T], seconds: float, otherwise: T) -> T:
    """What ``function`` returns; ``otherwise`` where it raises, or takes longer."""
    ended = Ended(otherwise)

    def run() -> None:
        with suppress(Exception):
            ended.value = function()
        ended.done.set()

    threading.Thread(target=run, daemon=True).start()
    found: T = ended.value if ended.done.wait(seconds) else otherwise
    return found


@contextmanager
def undisturbed() -> Iterator[None]:
    """While this holds, Ctrl+C waits for nothing and ends nothing: what must be done at the end is done."""
    try:
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    except ValueError:  # Only the main thread hears of it.
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)

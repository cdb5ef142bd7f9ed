"""What every command shares: progress bar, and errors turned into one message and an exit code."""

from __future__ import annotations

import errno
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer

from icp_xl.errors import DeliveryError, IcpError
from icp_xl.progress import Progress

#: What text from data could tell a terminal to do, or make no text at all: control characters and half pairs.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def say(text: str = "", *, err: bool = False) -> None:
    """Print one line; what only a terminal would understand is made visible."""
    typer.echo(_CONTROL.sub("\ufffd", text), err=err)


@contextmanager
def progress_bar(quiet: bool) -> Iterator[Progress]:
    """A bar on a terminal, one line per stage elsewhere, nothing when ``quiet``; a background job's status file."""
    job = os.environ.get("ICP_XL_STATUS")
    if job:
        # Set by the add-in's background jobs, whose status Excel polls; see icp_xl.excel.status.
        from icp_xl.excel.status import StatusProgress

        yield StatusProgress(Path(job))
        return
    if quiet:
        yield Progress()
        return
    bar = TerminalProgress()
    with bar:
        yield bar


class TerminalProgress(Progress):
    """Progress drawn by rich on standard error; Ctrl-C cancels at the next check, a second one at once."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as Bar

        self._console = Console(stderr=True)
        self._bar = Bar(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[note]}", markup=False),
            console=self._console,
            disable=not self._console.is_terminal,
            transient=True,
        )
        self._task: Any = None
        self._stop = False
        self._before: Any = None

    def __enter__(self) -> TerminalProgress:
        import signal
        import threading

        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._interrupt)
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        import signal

        self._bar.stop()
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def _interrupt(self, *_: object) -> None:
        if self._stop:
            raise KeyboardInterrupt
        self._stop = True

    @contextmanager
    def aside(self) -> Iterator[None]:
        import signal

        self._bar.stop()
        mine = signal.getsignal(signal.SIGINT)
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
        try:
            yield
        finally:
            if self._before is not None:
                signal.signal(signal.SIGINT, mine)
            self._bar.start()

    def stage(self, name: str, total: int | None = None) -> None:
        name = name[:1].upper() + name[1:]
        if self._task is not None:
            self._bar.remove_task(self._task)
        self._task = self._bar.add_task(name, total=total, note="")
        if not self._console.is_terminal:
            self._console.print(f"{name} …", highlight=False, markup=False)

    def advance(self, n: int = 1) -> None:
        if self._task is not None:
            self._bar.advance(self._task, n)

    def note(self, text: str) -> None:
        if self._task is not None:
            self._bar.update(self._task, note=text)

    def cancelled(self) -> bool:
        return self._stop


def guarded(call: Callable[[], object]) -> int:
    """Call, turn an :class:`IcpError` into text on standard error, and return the exit code."""
    try:
        call()
    except IcpError as error:
        say(f"icp-xl: {error}", err=True)
        return error.exit_code
    except KeyboardInterrupt:
        typer.echo("icp-xl: cancelled", err=True)
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    except OSError as error:
        fault = storage_fault(error)
        if fault is None:
            raise
        say(f"icp-xl: {fault}", err=True)
        return fault.exit_code
    return 0


def storage_fault(error: OSError) -> DeliveryError | None:
    """What a disk or folder that cannot take a file means to a user; ``None`` where it is a fault of ours.

    >>> print(storage_fault(NotADirectoryError(errno.ENOTDIR, "Not a directory", "out/plan")))
    a file stands where a folder is needed (where: plan; got: Not a directory). Choose another folder with --out.
    """
    step, room = "Choose another folder with --out.", "Make room and run again; earlier results are untouched."
    known = {
        errno.ENOSPC: ("the disk is full", room),
        getattr(errno, "EDQUOT", -1): ("the disk quota is used up", room),
        errno.EFBIG: ("a file is larger than the disk or its quota takes", room),
        errno.EACCES: ("a file or folder is write-protected, or open in another program", f"Close it. {step}"),
        errno.EPERM: ("a file or folder is write-protected, or open in another program", f"Close it. {step}"),
        errno.EROFS: ("the disk cannot be written", step),
        errno.EEXIST: ("a file stands where a folder is needed", step),
        errno.ENOTDIR: ("a file stands where a folder is needed", step),
        errno.EISDIR: ("a folder stands where a file is needed", step),
        errno.ENAMETOOLONG: ("a path is too long", step),
    }
    if error.errno not in known:
        return None
    what, step = known[error.errno]
    where = Path(os.fsdecode(error.filename)).name if isinstance(error.filename, str | bytes) else None
    return DeliveryError(what, where=where, got=error.strerror, next_step=step)

"""What every command shares: options, progress bar, and errors turned into one message and an exit code."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from icp_xl.errors import DeliveryError, IcpError
from icp_xl.progress import Progress

if TYPE_CHECKING:
    from icp_xl.config import Settings
    from icp_xl.runs import RunContext

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="Settings file (default: icp_xl.yaml here, where there is one)."),
]
DryRunOption = Annotated[
    bool,
    typer.Option("--dry-run", help="Check the inputs and list what would be written; write only the run record."),
]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", help="One setting, as section.key=value; may be repeated.")
]
DataOption = Annotated[Path | None, typer.Option("--data", help="Folder that holds the source files.")]
OutOption = Annotated[Path | None, typer.Option("--out", "-o", help="Folder that results are written to.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar, no closing lines.")]


def settings_of(
    config: Path | None,
    set_: list[str] | None,
    *,
    data: Path | None = None,
    out: Path | None = None,
    **more: object,
) -> Settings:
    """The settings as this command line gives them."""
    from icp_xl.config.loader import parse_override
    from icp_xl.pipeline.settings import resolve_settings

    overrides: dict[str, object] = dict(parse_override(text) for text in set_ or [])
    # An option that was not given leaves what --set says.
    given = {"paths.data": data, "paths.out": out, **more}
    overrides.update({key: value for key, value in given.items() if value is not None})
    return resolve_settings(config, overrides)


def run_command(
    name: str,
    settings: Settings,
    body: Callable[[RunContext], list[str] | None],
    *,
    dry_run: bool = False,
    quiet: bool = False,
) -> None:
    """Run ``body`` in a run record, with a progress bar, and print its closing lines and warnings."""
    from icp_xl.runs import start_run

    with (
        progress_bar(quiet) as progress,
        start_run(name, settings, progress=progress, dry_run=dry_run) as run,
    ):
        lines = body(run) or []
    for text in run.warnings:
        say(f"Warning: {text}")
    if dry_run:
        say("Dry run: the inputs were read and checked. It would write:")
        lines = [f"  {planned}" for planned in run.planned]
    if not quiet:
        for line in lines:
            say(line)


def say(text: str = "") -> None:
    """Print one line."""
    typer.echo(text)


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
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[note]}"),
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

    def stage(self, name: str, total: int | None = None) -> None:
        name = name[:1].upper() + name[1:]
        if self._task is not None:
            self._bar.remove_task(self._task)
        self._task = self._bar.add_task(name, total=total, note="")
        if not self._console.is_terminal:
            self._console.print(f"{name} …", highlight=False)

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
        typer.echo(f"icp-xl: {error}", err=True)
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
        typer.echo(f"icp-xl: {fault}", err=True)
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

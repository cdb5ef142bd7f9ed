"""The status of a background job as two small files that Excel can read while the job writes them.

``status.json`` is for Python. ``status.txt`` is for VBA, which has no JSON: the state on the first line and the text
of the status bar on the second. Both are replaced in one step, so a reader sees the old text or the new one. The
flag file ``cancel`` is written by Excel and read here.
"""

from __future__ import annotations

import json
import os
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from icp_xl.outputs import json_text
from icp_xl.progress import Progress

STATUS_VARIABLE = "ICP_XL_STATUS"
STATUS_FILE = "status.json"
TEXT_FILE = "status.txt"
CANCEL_FILE = "cancel"
#: States in which a job is still at work, and those in which it has ended.
ALIVE = ("starting", "waiting", "running")
ENDED = ("succeeded", "failed", "cancelled", "crashed")
#: Seconds between two signs of life; VBA asks after a job that gave none for ten.
BEAT = 2.0
#: Seconds between two writes of a running stage: often enough to look alive, rare enough to cost nothing.
EVERY = 0.25


@dataclass(frozen=True)
class Status:
    """What a job says of itself; ``done`` of ``total`` steps of ``stage``, ``updated`` in seconds since 1970."""

    state: str = "starting"
    label: str = ""
    stage: str = ""
    done: int = 0
    total: int | None = None
    note: str = ""
    message: str = ""
    updated: float = 0.0
    pid: int = 0

    @property
    def ended(self) -> bool:
        """Whether nothing more will come."""
        return self.state in ENDED

    def line(self) -> str:
        """The text of Excel's status bar.

        >>> Status("running", "Score", "Reading sales", 50, 200).line()
        'ICP Score: Reading sales 25% (50 of 200)'
        >>> Status("failed", "Score", message="a column is missing").line()
        'ICP Score failed: a column is missing'
        """
        head = f"ICP {self.label}".rstrip()
        if self.ended:
            first = self.message.splitlines()[0] if self.message else ""
            return f"{head} {self.state}" + (f": {first}" if first else "")
        if self.state != "running":
            return f"{head}: {self.message or self.state + ' ...'}"
        text = f"{head}: {self.stage or 'working'}"
        if self.total:
            text += f" {min(100, 100 * self.done // self.total)}% ({self.done:,} of {self.total:,})"
        return text + (f", {self.note}" if self.note else "")


def write_status(folder: Path, status: Status) -> bool:
    """Replace both status files; a reader in the way (Windows) costs one update and never the job."""
    # VBA reads the file in the machine's own code page, so the text stays within ASCII. It is written first: where the
    # other says that the job has ended, this one does too.
    line = status.line().encode("ascii", "replace").decode()
    written = _replace(folder / TEXT_FILE, f"{status.state}\n{line}\n")
    return _replace(folder / STATUS_FILE, json_text(asdict(status))) and written


def _replace(path: Path, text: str) -> bool:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.tmp")
    try:
        temporary.write_text(text, encoding="utf-8", newline="\n")
        for _ in range(5):
            try:
                os.replace(temporary, path)
                return True
            except PermissionError:
                time.sleep(0.02)
        return False
    except OSError:
        return False
    finally:
        temporary.unlink(missing_ok=True)


def read_status(folder: Path) -> Status | None:
    """The status as last written; ``None`` where there is none yet or it cannot be read just now."""
    try:
        body = json.loads((folder / STATUS_FILE).read_text(encoding="utf-8"))
        return Status(**body)
    except (OSError, ValueError, TypeError):
        return None


def request_cancel(folder: Path) -> None:
    """Ask the job in ``folder`` to stop."""
    (folder / CANCEL_FILE).write_text("cancel\n", encoding="ascii")


def cancel_requested(folder: Path) -> bool:
    """Whether someone asked the job in ``folder`` to stop."""
    return (folder / CANCEL_FILE).exists()


class StatusProgress(Progress):
    """Progress written into a job's folder, and cancelled by its flag file."""

    def __init__(self, folder: Path, label: str = "", every: float = EVERY) -> None:
        self._folder = folder
        self._label = label or _label_of(folder)
        self._every = every
        self._stage, self._note = "", ""
        self._done = 0
        self._total: int | None = None
        self._written = 0.0
        self._looked = 0.0
        self._cancelled = False

    def stage(self, name: str, total: int | None = None) -> None:
        self._stage, self._done, self._total, self._note = name, 0, total, ""
        self._write(force=True)

    def advance(self, n: int = 1) -> None:
        self._done += n
        self._write()

    def note(self, text: str) -> None:
        self._note = text
        self._write()

    def cancelled(self) -> bool:
        # A look at the disk costs microseconds, but stages ask in tight loops.
        now = time.monotonic()
        if not self._cancelled and now - self._looked >= 0.1:
            self._looked = now
            self._cancelled = cancel_requested(self._folder)
        return self._cancelled

    def _write(self, force: bool = False) -> None:
        now = time.monotonic()
        if not force and now - self._written < self._every:
            return
        self._written = now
        write_status(
            self._folder,
            Status(
                "running", self._label, self._stage, self._done, self._total, self._note, "", time.time(), os.getpid()
            ),
        )


def _label_of(folder: Path) -> str:
    before = read_status(folder)
    return before.label if before else ""

"""Background jobs: long work never runs inside Excel.

A job is a folder below the user's ``jobs`` folder: the request, saved copies of the inputs, status files, the log, and
at the end the result. The process that does the work is detached from Excel, so closing Excel does not end it; a
result nobody fetched waits there and is offered the next time. Whether a process is still at work is told by a file
lock that the operating system lets go of when the process dies, however it dies.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from icp_xl.errors import DataError, DeliveryError
from icp_xl.excel.status import (
    STATUS_FILE,
    STATUS_VARIABLE,
    Status,
    cancel_requested,
    read_status,
    request_cancel,
    write_status,
)
from icp_xl.outputs import write_json
from icp_xl.user_dirs import HOME_VARIABLE, jobs_folder

REQUEST_FILE = "request.json"
RESULT_FILE = "result.json"
LOG_FILE = "log.txt"
OUTPUT_FILE = "output.txt"
LOCK_FILE = "alive.lock"
INPUTS = "inputs"
DELIVERED_FILE = "delivered"
#: Seconds that a new process may take before it says anything.
START_GRACE = 60.0
#: Seconds after which a job that was asked to stop, and could not listen, is ended.
CANCEL_GRACE = 1.5


@dataclass(frozen=True)
class Request:
    """What a job is to do.

    ``commands`` are command lines of ``icp-xl``, run one after the other until one fails. ``book`` and ``sheet`` say
    which open workbook, and which of its sheets, the result belongs to; ``columns`` asks for result columns beside
    the customer table.
    """

    action: str
    label: str
    commands: tuple[tuple[str, ...], ...]
    out: str
    book: str = ""
    book_path: str = ""
    sheet: str = ""
    columns: bool = False
    id: str = ""
    created: str = ""


@dataclass(frozen=True)
class Result:
    """How a job ended: ``reports`` are paths of the workbooks it published, ``run_ids`` its run records."""

    state: str
    code: int
    message: str = ""
    reports: tuple[str, ...] = ()
    run_ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class Job:
    """A job that was started, in this process or another."""

    folder: Path
    request: Request = field(compare=False)

    @property
    def id(self) -> str:
        """The job's name, unique for this user."""
        return self.folder.name

    @property
    def delivered(self) -> bool:
        """Whether its result was brought in, or declined."""
        return (self.folder / DELIVERED_FILE).exists()

    def alive(self) -> bool:
        """Whether the process holds its lock."""
        lock = FileLock(str(self.folder / LOCK_FILE))
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return True
        lock.release()
        return False

    def status(self) -> Status:
        """The status now; a process that died without a word is ``crashed``."""
        alive = self.alive()
        status = read_status(self.folder) or Status(label=self.request.label)
        if status.ended or alive:
            return status
        if status.state == "starting" and time.time() - status.updated < START_GRACE:
            return status
        # The process may have ended between the two looks.
        status = read_status(self.folder) or status
        if status.ended:
            return status
        crashed = replace(status, state="crashed", message=f"it stopped without a word; its log is {LOG_FILE}")
        write_status(self.folder, crashed)
        return crashed

    def cancel(self) -> None:
        """Ask it to stop; it does within two seconds and leaves nothing half written."""
        request_cancel(self.folder)

    def result(self) -> Result | None:
        """How it ended; ``None`` while it works and for a crash."""
        try:
            body = json.loads((self.folder / RESULT_FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return Result(
            body["state"], body["code"], body["message"], tuple(body["reports"]), tuple(body.get("run_ids", ()))
        )

    def log_tail(self, lines: int = 12) -> str:
        """The last lines of the log."""
        try:
            text = (self.folder / LOG_FILE).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""
        return "\n".join(text.splitlines()[-lines:])

    def output(self) -> str:
        """What the commands printed."""
        try:
            return (self.folder / OUTPUT_FILE).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""

    def mark_delivered(self) -> None:
        """Remember that nobody needs to be asked about it again, and drop the copies of the inputs."""
        (self.folder / DELIVERED_FILE).touch()
        shutil.rmtree(self.folder / INPUTS, ignore_errors=True)

    def wait(self, seconds: float) -> Status:
        """Poll until it ends or ``seconds`` are over; for tests and the command line."""
        until = time.monotonic() + seconds
        while not (status := self.status()).ended and time.monotonic() < until:
            time.sleep(0.05)
        return status


def prepare_job(request: Request, jobs: Path | None = None) -> Job:
    """Make the folder of a new job, with a place for its inputs; nothing runs yet."""
    jobs = jobs_folder() if jobs is None else jobs
    jobs.mkdir(parents=True, exist_ok=True)
    now = datetime.now()
    stem = f"{now:%Y%m%dT%H%M%S}-{request.action}"
    n, folder = 1, jobs / stem
    while True:
        try:
            folder.mkdir()
            break
        except FileExistsError:
            n += 1
            folder = jobs / f"{stem}-{n}"
    (folder / INPUTS).mkdir()
    return Job(folder, replace(request, id=folder.name, created=now.isoformat(timespec="seconds")))


def start_job(job: Job, *, python: str | None = None, environ: Mapping[str, str] | None = None) -> Job:
    """Start the prepared ``job`` as a process of its own and return at once.

    Raises:
        DeliveryError: the process cannot be started.
    """
    write_json(job.folder / REQUEST_FILE, asdict(job.request))
    write_status(job.folder, Status("starting", job.request.label, updated=time.time()))
    env = dict(os.environ if environ is None else environ)
    env[STATUS_VARIABLE] = str(job.folder)
    env[HOME_VARIABLE] = str(job.folder.parent.parent)
    env["PYTHONIOENCODING"] = "utf-8"
    # Found from any folder, installed or not.
    root = str(Path(__file__).resolve().parents[2])
    env["PYTHONPATH"] = os.pathsep.join(filter(None, [env.get("PYTHONPATH"), root]))
    command = [python or sys.executable, "-m", "icp_xl.excel.worker", str(job.folder)]
    try:
        with open(job.folder / LOG_FILE, "ab") as log, open(job.folder / OUTPUT_FILE, "ab") as output:
            _spawn(command, env, output, log, job.folder)
    except OSError as error:
        write_status(job.folder, Status("failed", job.request.label, message="Python could not be started"))
        raise DeliveryError(
            "the background job cannot be started",
            where=command[0],
            got=error.strerror,
            next_step="Run `icp-xl addin doctor` to see which Python is used.",
        ) from None
    return job


def _spawn(command: Sequence[str], env: Mapping[str, str], output: Any, log: Any, folder: Path) -> None:
    # In its own folder: a settings file that happens to lie where Excel was started from is none of its business.
    common: dict[str, Any] = {
        "stdin": subprocess.DEVNULL, "stdout": output, "stderr": log, "env": dict(env), "cwd": folder,
    }  # fmt: skip
    if sys.platform == "win32":
        # Excel may hold its Python server in a job object that dies with Excel: break away where that is allowed.
        flags = subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP
        try:
            process = subprocess.Popen(command, creationflags=flags | subprocess.CREATE_BREAKAWAY_FROM_JOB, **common)
        except PermissionError:
            process = subprocess.Popen(command, creationflags=flags, **common)
    else:
        process = subprocess.Popen(command, start_new_session=True, close_fds=True, **common)
    # The process outlives this one on purpose; a thread collects it, where this one outlives it instead.
    threading.Thread(target=process.wait, daemon=True).start()


def open_job(folder: Path) -> Job:
    """The job in ``folder``.

    Raises:
        DataError: there is none.
    """
    try:
        body = json.loads((folder / REQUEST_FILE).read_text(encoding="utf-8"))
        body["commands"] = tuple(tuple(command) for command in body["commands"])
        return Job(folder, Request(**body))
    except (OSError, ValueError, KeyError, TypeError):
        raise DataError("no such background job", got=folder.name, next_step="Start it again.") from None


def list_jobs(jobs: Path | None = None) -> list[Job]:
    """Every job of this user, oldest first; folders that are none are passed over."""
    jobs = jobs_folder() if jobs is None else jobs
    found = []
    for path in sorted(jobs.glob(f"*/{REQUEST_FILE}")):
        try:
            found.append(open_job(path.parent))
        except DataError:
            continue
    return found


def running_jobs(jobs: Path | None = None) -> list[Job]:
    """Jobs still at work."""
    return [job for job in list_jobs(jobs) if not job.delivered and not job.status().ended]


def waiting_jobs(jobs: Path | None = None) -> list[Job]:
    """Jobs that ended and whose result nobody fetched."""
    return [job for job in list_jobs(jobs) if not job.delivered and job.status().ended]


def remove_old_jobs(days: int, jobs: Path | None = None) -> int:
    """Remove folders of delivered jobs whose status is older than ``days``; return how many."""
    removed = 0
    for job in list_jobs(jobs):
        try:
            age = time.time() - (job.folder / STATUS_FILE).stat().st_mtime
        except OSError:
            continue
        if job.delivered and age > days * 86400:
            shutil.rmtree(job.folder, ignore_errors=True)
            removed += 1
    return removed


__all__ = [
    "Job", "Request", "Result", "cancel_requested", "list_jobs", "open_job", "prepare_job", "remove_old_jobs",
    "running_jobs", "start_job", "waiting_jobs",
]  # fmt: skip

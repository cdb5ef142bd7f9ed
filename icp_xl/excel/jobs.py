"""Background jobs: long work never runs inside Excel.

A job is a folder below the user's ``jobs`` folder: the request, saved copies of the inputs, status files, the log, and
at the end the result. The process that does the work is detached from Excel, so closing Excel does not end it; a
result nobody fetched waits there and is offered the next time. Whether a process is still at work is told by a file
lock that the operating system lets go of when the process dies, however it dies, and before it has that by its number.
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
from icp_xl.scratch import is_running
from icp_xl.user_dirs import HOME_VARIABLE, jobs_folder

REQUEST_FILE = "request.json"
RESULT_FILE = "result.json"
LOG_FILE = "log.txt"
OUTPUT_FILE = "output.txt"
LOCK_FILE = "alive.lock"
INPUTS = "inputs"
DELIVERED_FILE = "delivered"
#: Seconds that a new process may take before it says anything, where its number is not known.
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


#: What the status bar adds where the process could not be taken out of Excel's own group of processes.
TIED = "keep Excel open until it is done"


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
        starting = status.state == "starting" and time.time() - status.updated < START_GRACE
        if starting and (not status.pid or is_running(status.pid)):
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
    starting = Status("starting", job.request.label, updated=time.time())
    write_status(job.folder, starting)
    env = {**(os.environ if environ is None else environ), **worker_environment(job.folder, environ)}
    command = [python or sys.executable, "-c", _START, str(_ROOT), str(job.folder)]
    try:
        pid, tied = _spawn(command, env, job.folder)
    except OSError as error:
        write_status(job.folder, Status("failed", job.request.label, message="Python could not be started"))
        raise DeliveryError(
            "the background job cannot be started",
            where=command[0],
            got=error.strerror,
            next_step="Run `icp-xl addin doctor` to see which Python is used.",
        ) from None
    # Unless the process was faster and has said something itself.
    if (read_status(job.folder) or starting) == starting:
        write_status(job.folder, replace(starting, pid=pid, note=TIED if tied else ""))
    return job


_ROOT = Path(__file__).resolve().parents[2]
#: Found from any folder, installed or not; everything else the process sets up itself.
_START = (
    "import sys; sys.path.insert(0, sys.argv[1]); from icp_xl.excel.worker import main; sys.exit(main(sys.argv[2:]))"
)


def worker_environment(folder: Path, environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Variables that the process of the job in ``folder`` needs, and hands on to those that it starts."""
    before = (os.environ if environ is None else environ).get("PYTHONPATH")
    return {
        STATUS_VARIABLE: str(folder),
        HOME_VARIABLE: str(folder.parent.parent),
        "PYTHONIOENCODING": "utf-8",
        "PYTHONPATH": os.pathsep.join(filter(None, [before, str(_ROOT)])),
    }


def _spawn(command: Sequence[str], env: Mapping[str, str], folder: Path) -> tuple[int, bool]:
    """Start a process that outlives Excel; return its number, and whether it is tied to Excel after all.

    xlwings' DLL puts its Python into a job object that ends all its processes with Excel and lets none break away. A
    process that Windows' own management service starts is in no such group.
    """
    with open(folder / LOG_FILE, "ab") as log, open(folder / OUTPUT_FILE, "ab") as output:
        # In its own folder: a settings file that happens to lie where Excel was started from is none of its business.
        common: dict[str, Any] = {
            "stdin": subprocess.DEVNULL, "stdout": output, "stderr": log, "env": dict(env), "cwd": folder,
        }  # fmt: skip
        tied = False
        if sys.platform == "win32":
            flags = subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP
            try:
                process = subprocess.Popen(
                    command, creationflags=flags | subprocess.CREATE_BREAKAWAY_FROM_JOB, **common
                )
            except PermissionError:
                pid = _spawn_by_service(command, folder)
                if pid:
                    return pid, False
                process, tied = subprocess.Popen(command, creationflags=flags, **common), True
        else:
            process = subprocess.Popen(command, start_new_session=True, close_fds=True, **common)
    # The process outlives this one on purpose; a thread collects it, where this one outlives it instead.
    threading.Thread(target=process.wait, daemon=True).start()
    return process.pid, tied


def _spawn_by_service(command: Sequence[str], folder: Path) -> int:
    """Start ``command`` by Win32_Process.Create; 0 where the service is not there or refuses."""
    try:
        from win32com.client import GetObject

        service = GetObject(r"winmgmts:root\cimv2")
        startup = service.Get("Win32_ProcessStartup").SpawnInstance_()
        startup.Properties_("ShowWindow").Value = 0
        given = service.Get("Win32_Process").Methods_("Create").InParameters.SpawnInstance_()
        given.Properties_("CommandLine").Value = subprocess.list2cmdline(command)
        given.Properties_("CurrentDirectory").Value = str(folder)
        given.Properties_("ProcessStartupInformation").Value = startup
        done = service.ExecMethod("Win32_Process", "Create", given)
        return int(done.Properties_("ProcessId").Value or 0) if done.Properties_("ReturnValue").Value == 0 else 0
    except Exception:  # COM's own errors have a type that only exists there.
        return 0


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

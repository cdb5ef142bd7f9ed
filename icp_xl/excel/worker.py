"""The process behind a background job; its only argument is the job's folder.

It runs the job's command lines one after the other with the ordinary command line, whose progress goes into the
job's status files, and leaves the result. Two jobs that write to one output folder follow each other; others run
side by side.
"""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from importlib import import_module
from pathlib import Path

from filelock import FileLock, Timeout

from icp_xl.excel.jobs import (
    CANCEL_GRACE,
    LOCK_FILE,
    LOG_FILE,
    OUTPUT_FILE,
    RESULT_FILE,
    Job,
    Result,
    open_job,
    worker_environment,
)
from icp_xl.excel.status import BEAT, TEXT_FILE, Status, cancel_requested, read_status, write_status
from icp_xl.outputs import JOURNAL, STAGING, write_json
from icp_xl.safe_paths import resolve_inside

CANCELLED = 130
PREFIX = "icp-xl: "


def main(arguments: list[str]) -> int:
    """Do the job whose folder is the only argument; return the exit code."""
    folder = Path(arguments[0])
    lock = FileLock(str(folder / LOCK_FILE))
    lock.acquire(timeout=10)
    try:
        # Whoever started this process may not have been able to hand anything over.
        os.environ.update(worker_environment(folder))
        for number, name in ((1, OUTPUT_FILE), (2, LOG_FILE)):
            with open(folder / name, "ab") as file:
                os.dup2(file.fileno(), number)
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(encoding="utf-8")
        threading.Thread(target=_beat, args=(folder,), daemon=True).start()
        return work(open_job(folder))
    finally:
        lock.release()


def _beat(folder: Path) -> None:
    """Touch the status that VBA reads, so that its age tells a dead job from one that is busy."""
    while True:
        time.sleep(BEAT)
        try:
            os.utime(folder / TEXT_FILE)
        except OSError:  # It is being replaced just now.
            continue


def work(job: Job) -> int:
    """Wait for the output folder, run the commands, leave the result."""
    finished = threading.Event()
    threading.Thread(target=_end_when_cancelled, args=(job, finished), daemon=True).start()
    try:
        with _turn(job) as mine:
            code = _run_commands(job) if mine else CANCELLED
        state = {0: "succeeded", CANCELLED: "cancelled"}.get(code, "failed")
        message = "" if state == "succeeded" else _last_error(job)
        reports, run_ids = _published(job) if state == "succeeded" else ((), ())
        result = Result(state, code, message, reports, run_ids)
    except BaseException:
        traceback.print_exc()
        result = Result("crashed", 1, f"something unexpected happened; the log is {LOG_FILE}")
    finished.set()
    _finish(job, result)
    return result.code


def _finish(job: Job, result: Result) -> None:
    write_json(job.folder / RESULT_FILE, asdict(result))
    before = read_status(job.folder) or Status(label=job.request.label)
    message = {"succeeded": "the result is ready", "cancelled": "nothing was changed"}.get(result.state, result.message)
    status = replace(before, state=result.state, message=message, updated=time.time(), pid=os.getpid())
    for _ in range(20):
        if write_status(job.folder, status):
            return
        time.sleep(0.1)


@contextmanager
def _turn(job: Job) -> Iterator[bool]:
    """Hold the queue of the job's output folder; false when it was cancelled while it waited."""
    name = hashlib.sha256(os.path.normcase(os.path.abspath(job.request.out)).encode()).hexdigest()[:16]
    lock = FileLock(str(job.folder.parent / f".queue-{name}.lock"))
    told = False
    while True:
        try:
            lock.acquire(timeout=0)
            break
        except Timeout:
            if cancel_requested(job.folder):
                yield False
                return
            if not told:
                told = True
                text = "waiting for another job on the same results"
                write_status(
                    job.folder,
                    Status("waiting", job.request.label, message=text, updated=time.time(), pid=os.getpid()),
                )
            time.sleep(0.1)
    try:
        yield True
    finally:
        lock.release()


def _run_commands(job: Job) -> int:
    # This process stands above the command line, as a shell would; the package below it does not know it.
    run = import_module("icp_xl.cli").run
    write_status(job.folder, Status("running", job.request.label, "Starting", updated=time.time(), pid=os.getpid()))
    job.folder.joinpath("runs_before").write_text(str(_registry_lines(job)), encoding="ascii")
    for command in job.request.commands:
        if cancel_requested(job.folder):
            return CANCELLED
        code = int(run(list(command)))
        sys.stdout.flush()
        sys.stderr.flush()
        if code:
            return code
    return 0


def _registry(job: Job) -> Path:
    return Path(job.request.out) / "runs"


def _registry_lines(job: Job) -> int:
    from icp_xl.runs import list_runs

    return len(list_runs(_registry(job)))


def _published(job: Job) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Workbooks that the job's own runs published, in order, and the ids of the runs."""
    from icp_xl.runs import list_runs, load_manifest

    before = int(job.folder.joinpath("runs_before").read_text(encoding="ascii"))
    names: list[str] = []
    ids = [line["run_id"] for line in list_runs(_registry(job))[before:]]
    for run_id in ids:
        for name in load_manifest(_registry(job), run_id).get("outputs", {}):
            if name.endswith(".xlsx") and name not in names:
                names.append(name)
    # Only the top level: copies made for others to read lie in folders of their own.
    top = sorted(name for name in names if "/" not in name)
    return tuple(str(resolve_inside(Path(job.request.out), name)) for name in top), tuple(ids)


def _last_error(job: Job) -> str:
    sys.stderr.flush()
    text = (job.folder / LOG_FILE).read_text(encoding="utf-8", errors="replace")
    place = text.rfind(PREFIX)
    return text[place + len(PREFIX) :].strip() if place >= 0 else ""


def _end_when_cancelled(job: Job, finished: threading.Event) -> None:
    """End the process when it was asked to stop and is too deep in something to listen.

    Outputs are published through a journal that the next run completes or drops, so that this is safe.
    """
    while not finished.wait(0.1):
        if cancel_requested(job.folder):
            # A publication that has begun is a matter of moments, and is let through.
            ended = finished.wait(CANCEL_GRACE)
            while not ended and any(Path(job.request.out).glob(f"{STAGING}/*/{JOURNAL}")):
                ended = finished.wait(0.05)
            if not ended:
                _finish(job, Result("cancelled", CANCELLED, "it was ended"))
                _end_all()
            return


def _end_all() -> None:
    """End this process and those it started."""
    if sys.platform == "win32":
        subprocess.run(["taskkill", "/PID", str(os.getpid()), "/T", "/F"], capture_output=True, check=False)
    elif os.getpgid(0) == os.getpid():
        import signal

        os.killpg(0, signal.SIGKILL)
    os._exit(CANCELLED)

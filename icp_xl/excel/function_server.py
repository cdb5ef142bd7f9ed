"""Start the function server as Excel would, ask it one function, and end it again.

Excel's own way is xlwings' DLL, which starts the Python of ``icp_xl.conf`` with a class id of its own and waits until
that class answers; the same Python, the same module of xlwings and the same call are used here.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from icp_xl.excel.xlwings_udfs import FUNCTIONS

ROOT = Path(__file__).resolve().parents[2]
#: Seconds in which a server must answer; the DLL itself waits for about a minute.
LIMIT = 60.0
_SERVE = "import sys; sys.path.insert(0, sys.argv[1]); import xlwings; xlwings.serve(sys.argv[2])"
_IMPORT = (
    f"import sys; sys.path.insert(0, sys.argv[1]); import xlwings, {FUNCTIONS}; "
    "from icp_xl.excel import functions, lookups; print(sys.argv[2][::-1])"
)


@dataclass(frozen=True)
class ServerTrial:
    """How a function server did: seconds to its first answer, seconds of one more call, or why there was none."""

    start_seconds: float = 0.0
    call_seconds: float = 0.0
    fault: str = ""


def try_server(
    python: str, *, connect: Callable[[str], Any] | None = None, limit: float = LIMIT, serve: str = _SERVE
) -> ServerTrial:
    """Start a function server of ``python``, ask it ``ICP_NORMALIZE`` twice, and end it.

    Args:
        python: the interpreter.
        connect: from a class id to the server, raising while there is none; by default COM's own.
        limit: seconds in which it must answer.
        serve: what the interpreter runs, given the package's folder and the class id.
    """
    connect = connect or _connect
    clsid = "{" + str(uuid.uuid4()).upper() + "}"
    began = time.monotonic()
    try:
        with _running(python, serve, clsid) as (process, words, _), _ended_after(process, limit + 1):
            while True:
                if process.poll() is not None:
                    return ServerTrial(fault=f"it ended at once: {words()}")
                try:
                    server = connect(clsid)
                    _ask(server)
                    started = time.monotonic()
                    _ask(server)
                    return ServerTrial(started - began, time.monotonic() - started)
                except Exception as error:  # COM's own errors have a type that only exists there.
                    if time.monotonic() - began > limit:
                        return ServerTrial(fault=f"no answer within {limit:g} seconds: {type(error).__name__}")
                    time.sleep(0.05)
    except OSError as error:
        return ServerTrial(fault=f"{python} cannot be started ({error.strerror})")


def try_import(python: str, limit: float = LIMIT) -> ServerTrial:
    """Start ``python`` and load the functions in it; what can be tried of a server where there is no COM."""
    began = time.monotonic()
    try:
        token = str(uuid.uuid4())
        with _running(python, _IMPORT, token) as (process, words, said):
            if process.wait(limit):
                return ServerTrial(fault=f"it ended at once: {words()}")
            # Only what ran the code can say the token backwards.
            if token[::-1] not in said():
                return ServerTrial(fault=f"{python} ended at once and is no Python")
    except OSError as error:
        return ServerTrial(fault=f"{python} cannot be started ({error.strerror})")
    except subprocess.TimeoutExpired:
        return ServerTrial(fault=f"no answer within {limit:g} seconds")
    return ServerTrial(time.monotonic() - began)


@contextmanager
def _ended_after(process: subprocess.Popen[bytes], seconds: float) -> Iterator[None]:
    """End the process after so long, which ends a call that waits for it."""
    timer = threading.Timer(seconds, process.kill)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


@contextmanager
def _running(
    python: str, code: str, token: str
) -> Iterator[tuple[subprocess.Popen[bytes], Callable[[], str], Callable[[], str]]]:
    """The process while it is needed; how to read the last line of what it complained of, and what it said."""
    hidden: dict[str, Any] = {}
    if sys.platform == "win32":
        hidden["creationflags"] = subprocess.CREATE_NO_WINDOW
    with tempfile.TemporaryFile() as complaint:
        process = subprocess.Popen(
            [python, "-B", "-c", code, str(ROOT), token],
            # Whatever talks without end waits for a reader, and fills no disk.
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=complaint, **hidden,
        )  # fmt: skip

        def words() -> str:
            complaint.seek(0)
            lines = complaint.read().decode("utf-8", "replace").strip().splitlines()
            return lines[-1][:200] if lines else f"exit code {process.returncode}"

        def answer() -> str:
            return process.stdout.read(10_000).decode("utf-8", "replace") if process.stdout else ""

        try:
            yield process, words, answer
        finally:
            process.kill()
            process.wait()
            if process.stdout:
                process.stdout.close()


def _connect(clsid: str) -> Any:
    from win32com.client import Dispatch

    return Dispatch(clsid)


def _ask(server: Any) -> None:
    # The last argument is what the add-in's VBA says of the caller: workbook, decimal sign, thousands sign.
    found = server.CallUDF(FUNCTIONS, "ICP_NORMALIZE", ("Acme Inc.", "\n.\n,"), None, None)
    if "acme" not in str(found).lower():
        raise ValueError("the answer is not the function's")

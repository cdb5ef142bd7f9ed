"""An Excel of the self-test's own: started apart from the user's, known by its process, ended whatever happens.

xlwings' ``App.quit`` and ``App.kill`` are not used on Windows: they end every Excel that xlwings cannot see, such as
one that another program drives (``Apps.cleanup`` in its ``_xlwindows.py``).
"""

from __future__ import annotations

import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from icp_xl.errors import DeliveryError
from icp_xl.excel.build import INSTALL

#: Seconds that an Excel may take to start, and to end when it is asked to.
START_SECONDS, END_SECONDS = 90.0, 15.0


class OwnExcel(Protocol):
    """An Excel that belongs to the self-test."""

    app: Any
    pid: int

    def alive(self) -> bool:
        """Whether its process is there."""
        ...

    def end(self) -> None:
        """Ask it to go, without saving; then make it."""
        ...

    def kill(self) -> None:
        """End its process at once."""
        ...

    def dialog(self) -> str:
        """The text of a message that it shows and waits for; empty where there is none, or it cannot be known."""
        ...

    def pythons(self) -> int | None:
        """How many function servers it started; ``None`` where that cannot be known."""
        ...


class Launcher(Protocol):
    """How an Excel is started.

    ``has_functions`` says whether worksheet functions from Python exist there, ``calculates`` whether other formulas
    are calculated.
    """

    has_functions: bool
    calculates: bool

    def start(
        self, workbook: Path, environ: Mapping[str, str], *, addin: bool = True, born: Callable[[OwnExcel], None]
    ) -> OwnExcel:
        """A new Excel with ``workbook`` open in it; without ``addin`` it loads none.

        ``born`` is given it as soon as its process is known, long before it answers.
        """
        ...


def system_launcher() -> Launcher:
    """How Excel is started on this machine.

    Raises:
        DeliveryError: there is no Excel for this system, or xlwings is not installed.
    """
    system = platform.system()
    if system not in ("Windows", "Darwin"):
        raise DeliveryError(
            "the self-test needs Excel, and there is none for this system", got=system,
            allowed="Windows or macOS", next_step="Run it on a machine with Excel and the add-in.",
        )  # fmt: skip
    try:
        import xlwings  # noqa: F401
    except ImportError:
        raise DeliveryError("the self-test needs xlwings, which is not installed", next_step=INSTALL) from None
    return WindowsLauncher() if system == "Windows" else MacLauncher()


class WindowsLauncher:
    """``EXCEL.EXE /x`` is a process apart ("Command-line switches for Microsoft Office products"), which takes the
    environment along and loads the start-up folder as a user's does. One that is started by automation loads no
    add-in.
    """

    has_functions = calculates = True

    def start(
        self, workbook: Path, environ: Mapping[str, str], *, addin: bool = True, born: Callable[[OwnExcel], None]
    ) -> OwnExcel:
        import xlwings as xw

        from icp_xl.excel.windows import InstalledExcel

        if not addin:
            app = xw.App(visible=True, add_book=False)
            excel = ProcessExcel(app, int(app.pid), None)
            born(excel)
            app.books.open(str(workbook))
            return excel
        program = InstalledExcel().program
        if not Path(program).is_file():
            raise DeliveryError("no Excel is registered on this machine", next_step="Run `icp-xl addin doctor`.")
        process = subprocess.Popen([program, "/x", str(workbook)], env=dict(environ))
        excel = ProcessExcel(None, process.pid, process)
        try:
            born(excel)
            excel.app = _app_with(workbook, process)
        except BaseException:
            process.kill()
            raise
        return excel


def _app_with(workbook: Path, process: subprocess.Popen[bytes]) -> Any:
    """The Excel of ``process``, once the workbook is open in it."""
    import xlwings as xw

    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        try:
            app = xw.apps[process.pid]
            if any(book.name == workbook.name for book in app.books):
                return app
        except Exception:  # It is not there yet, or shows a dialog; COM's errors have a type of their own.
            pass
        time.sleep(0.5)
    raise DeliveryError(
        "Excel did not start, or shows a question first", next_step="Start Excel by hand, answer it, and try again."
    )


class MacLauncher:
    """A new instance by AppleScript. There are no worksheet functions from Python on a Mac."""

    has_functions, calculates = False, True

    def start(
        self, workbook: Path, environ: Mapping[str, str], *, addin: bool = True, born: Callable[[OwnExcel], None]
    ) -> OwnExcel:
        import xlwings as xw

        before = set(xw.apps.keys())
        app = xw.App(visible=True, add_book=False)
        if app.pid in before:
            raise DeliveryError(
                "Excel gave no instance of its own", next_step="Quit Excel (Cmd-Q), and start the self-test again."
            )
        excel = ProcessExcel(app, int(app.pid), None)
        born(excel)
        app.books.open(str(workbook))
        return excel


class ProcessExcel:
    """An Excel that is a process of this machine; ``process`` is at hand where we started it ourselves."""

    def __init__(self, app: Any, pid: int, process: subprocess.Popen[bytes] | None) -> None:
        self.app, self.pid, self._process = app, pid, process

    def alive(self) -> bool:
        from icp_xl.scratch import is_running

        return self._process.poll() is None if self._process is not None else is_running(self.pid)

    def end(self) -> None:
        if not self.alive():
            return
        try:
            if sys.platform == "win32":
                self.app.api.DisplayAlerts = False
                self.app.api.Quit()
            else:
                self.app.quit()
        except Exception:  # It hangs, or shows a dialog; COM's errors have a type of their own.
            self.kill()
        # COM keeps a program for as long as somebody holds an object of it.
        self.app = None
        until = time.monotonic() + END_SECONDS
        while self.alive() and time.monotonic() < until:
            time.sleep(0.2)
        self.kill()

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(END_SECONDS)
        elif self.alive():
            os.kill(self.pid, signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL)

    def dialog(self) -> str:
        found: list[str] = []
        if sys.platform == "win32":
            import win32gui
            import win32process

            def look(window: int, _: Any) -> bool:
                # "#32770" is the class of Windows' own dialogs, "Static" that of the texts in them.
                if win32gui.GetClassName(window) == "#32770" and self.pid in win32process.GetWindowThreadProcessId(
                    window
                ):
                    win32gui.EnumChildWindows(window, lambda part, _: found.append(win32gui.GetWindowText(part)), None)
                return True

            win32gui.EnumWindows(look, None)
        return " ".join(text for text in found if text)

    def pythons(self) -> int | None:
        if sys.platform == "win32":
            from win32com.client import GetObject

            query = "SELECT ProcessId, ParentProcessId, Name FROM Win32_Process"
            rows = [
                (int(row.ProcessId), int(row.ParentProcessId), str(row.Name).lower())
                for row in GetObject(r"winmgmts:root\cimv2").ExecQuery(query)
            ]
            # xlwings' DLL starts cmd.exe, which starts Python; an environment's python.exe starts the real one.
            family, count = {self.pid}, 0
            for _ in range(3):
                children = {pid for pid, parent, _ in rows if parent in family}
                count = max(count, sum(pid in children and name.startswith("python") for pid, _, name in rows))
                family = children
            return count
        return None

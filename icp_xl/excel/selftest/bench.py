"""What the steps of the self-test work on: an Excel of its own and invented data in a folder that goes afterwards."""

from __future__ import annotations

import os
import platform
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd

from icp_xl.artifacts import SCORED_ACCOUNTS
from icp_xl.components.presets import EQUIPMENT
from icp_xl.errors import DeliveryError
from icp_xl.excel import jobs, macros
from icp_xl.excel.actions import ACTIONS
from icp_xl.excel.cells import error_text
from icp_xl.excel.published_results import DEFAULT_OUT, FOLDERS
from icp_xl.excel.selftest.own_excel import Launcher, OwnExcel
from icp_xl.excel.selftest.step import NotHere, Unmet
from icp_xl.samples import write_samples
from icp_xl.user_dirs import HOME_VARIABLE, jobs_folder

RIBBON = "'icp_xl.xlam'!IcpRibbon.IcpRun"
FACTS = ("industry", "annual_revenue", "printers", "consumable_revenue", "software_revenue")
#: Another model than the preset's, so that two folders give two scores.
OTHER_WEIGHTS = (0.7, 0.1, 0.1, 0.1)
#: What the workbooks are called: customers, sales log, and the facts of every account with its score.
CUSTOMERS_FILE, SALES_FILE, FACTS_FILE = "customers.xlsx", "sales.xlsx", "facts.xlsx"


class Bench:
    """The place where steps work.

    ``first`` and ``second`` are folders of one customer workbook each, both scored, with models that differ; ``blank``
    has the same workbooks and no result.
    """

    def __init__(self, folder: Path, launcher: Launcher, *, accounts: int = 60, lines: int = 700) -> None:
        self.folder, self.launcher = folder, launcher
        self.first, self.second, self.blank = folder / "A", folder / "B", folder / "C"
        self.home = folder / "home"
        self._size = (accounts, lines)
        self._excel: OwnExcel | None = None
        self._started: list[OwnExcel] = []
        self._broken: DeliveryError | None = None
        self._count = 0

    def prepare(self) -> None:
        """Write and score the invented data."""
        import icp_xl

        accounts, lines = self._size
        customers, sales, *_ = write_samples(self.blank, accounts=accounts, lines=lines)
        customers.rename(self.blank / CUSTOMERS_FILE)
        sales.rename(self.blank / SALES_FILE)
        for folder in (self.first, self.second):
            shutil.copytree(self.blank, folder)
        weights = dict(zip((component.name for component in EQUIPMENT), OTHER_WEIGHTS, strict=True))
        for folder, more in ((self.first, {}), (self.second, {"scoring.weights": weights})):
            icp_xl.score({**self._sources(folder), "reports.live": False, **more})
            self._write_facts(folder)

    @staticmethod
    def _sources(folder: Path) -> dict[str, Any]:
        return {
            "paths.data": str(folder), "paths.out": str(folder / DEFAULT_OUT),
            "sources.customers.file": str(folder / CUSTOMERS_FILE), "sources.sales.file": str(folder / SALES_FILE),
        }  # fmt: skip

    def _write_facts(self, folder: Path) -> None:
        """A workbook with the facts of every account and its score by the library."""
        scored = SCORED_ACCOUNTS.load(folder / DEFAULT_OUT)
        columns = [*FACTS, "icp_score", "account_id"]
        book = openpyxl.Workbook()
        book.worksheets[0].title = "Facts"
        book.worksheets[0].append(columns)
        for row in scored[columns].itertuples(index=False, name=None):
            book.worksheets[0].append([None if pd.isna(cell) else cell for cell in row])
        # A sheet by which a workbook would name the interpreter, were it listened to.
        book.create_sheet("icp_xl.conf").append(["INTERPRETER_WIN", r"C:\nothing.exe"])
        book.save(folder / FACTS_FILE)

    @property
    def excel(self) -> OwnExcel:
        """The Excel, started at first use and again when it is gone."""
        if self._excel is None or not self._excel.alive():
            self._excel = self.start()
        return self._excel

    def start(self, *, addin: bool = True, home: str = "home") -> OwnExcel:
        """One more Excel of its own. With another ``home`` its add-in does not ask about jobs that wait."""
        if self._broken is not None:
            raise self._broken
        self._count += 1
        path = self.folder / f"icp_selftest_{self._count}.xlsx"
        openpyxl.Workbook().save(path)
        try:
            excel = self.launcher.start(path, {**os.environ, HOME_VARIABLE: str(self.folder / home)}, addin=addin)
        except DeliveryError as error:
            # It takes a minute to know; no step after this one waits for it again.
            self._broken = error
            raise
        self._started.append(excel)
        return excel

    @property
    def app(self) -> Any:
        """Its application object of xlwings."""
        return self.excel.app

    def end(self) -> None:
        """End every Excel that was started here."""
        while self._started:
            self._started.pop().end()
        self._excel = None

    @contextmanager
    def limit(self, seconds: float) -> Iterator[Callable[[], str]]:
        """End our Excel where a step takes longer, which ends the call that waits for it; gives what was so."""
        told: list[str] = []

        def over() -> None:
            excel = self._excel
            words = "" if excel is None else excel.dialog()
            told.append(f"no answer within {seconds:g} seconds" + (f"; Excel shows: {words}" if words else ""))
            for one in list(self._started):
                one.kill()

        timer = threading.Timer(seconds, over)
        timer.daemon = True
        timer.start()
        try:
            yield lambda: told[0] if told else ""
        finally:
            timer.cancel()

    def tidy(self) -> None:
        """Close what a step left open; its jobs, and what they published, are forgotten."""
        (self.home / FOLDERS).unlink(missing_ok=True)
        for job in [*jobs.running_jobs(), *jobs.waiting_jobs()]:
            job.cancel()
            job.mark_delivered()
        if self._excel is not None and self._excel.alive():
            for book in list(self._excel.app.books):
                if not book.name.startswith("icp_selftest_") and not book.name.lower().endswith(".xlam"):
                    book.close()

    def copy_of(self, folder: Path) -> Path:
        """A copy of a folder, for a step that changes what is in it."""
        self._count += 1
        copy = self.folder / f"{folder.name}{self._count}"
        shutil.copytree(folder, copy)
        return copy

    def open(self, path: Path) -> Any:
        """Open a workbook and bring it to the front."""
        book = self.app.books.open(str(path))
        book.activate()
        return book

    def need_functions(self) -> None:
        """Leave a step out where worksheet functions from Python do not exist."""
        if not self.launcher.has_functions:
            raise NotHere("Excel for Mac has no worksheet functions from Python")

    def need_windows(self) -> None:
        """Leave a step out that needs objects which xlwings reaches on Windows only."""
        if not self.launcher.has_functions:
            raise NotHere("needs Excel's own object model, which xlwings has on Windows only")

    @cached_property
    def _spills(self) -> bool:
        book = self.app.books.add()
        try:
            self.put(book, "=SEQUENCE(2)")
            return bool(self.read(book.sheets[-1].range("A2")) == 2)
        except Unmet:
            return False
        finally:
            book.close()

    def need_spill(self) -> None:
        """Leave a step out in an Excel without dynamic arrays."""
        if not self._spills:
            raise NotHere("this Excel has no dynamic arrays (2016, 2019)")

    @cached_property
    def calculates(self) -> bool:
        """Whether ordinary formulas are calculated here; a stand-in of Excel need not."""
        book = self.app.books.add()
        try:
            return bool(self.put(book, "=SUM(1,2)") == 3)
        finally:
            book.close()

    def put(self, book: Any, formula: str, at: str = "A1") -> Any:
        """Write a formula into a new sheet and return what it shows, a spill as rows; errors are their texts."""
        sheet = book.sheets.add(after=book.sheets[-1])
        return self.answer(sheet.range(at), formula)

    def answer(self, cell: Any, formula: str) -> Any:
        """Write a formula into ``cell`` and return what it shows."""
        try:
            cell.formula2 = formula
        except Exception as error:  # COM's own errors have a type that only exists there.
            raise Unmet(f"Excel refused {formula} ({type(error).__name__})") from None
        return self.read(cell)

    @staticmethod
    def read(area: Any) -> Any:
        """Values of cells; errors are their texts."""

        def one(value: Any) -> Any:
            return error_text(value) or value

        found = area.options(err_to_str=True).value
        if not isinstance(found, list):
            return one(found)
        return [[one(cell) for cell in row] if isinstance(row, list) else one(row) for row in found]

    def press(self, book: Any, action: str) -> jobs.Job:
        """Press a button of the ribbon as Excel would, and return the job that it started."""
        before = {job.id for job in jobs.list_jobs()}
        book.activate()
        if self.launcher.has_functions:
            self.app.macro(RIBBON)(action)
        else:
            macros.start(book, ACTIONS[action])
        started = [job for job in jobs.list_jobs() if job.id not in before]
        if len(started) != 1:
            raise Unmet(f"{len(started)} jobs were started; the status bar says: {self.app.status_bar}")
        return started[0]

    def fetched(self, job: jobs.Job, book: Any, seconds: float = 100.0) -> str:
        """Wait until the watcher has brought the result in; return what the status bar says."""
        if not self.launcher.has_functions:
            job.wait(seconds)
            macros.guarded(book, partial(macros.collect_job, job_id=job.id))
        until = time.monotonic() + seconds
        # To look at the status bar lets Excel come to its timers.
        while (told := str(self.app.status_bar)) and not job.delivered and time.monotonic() < until:
            time.sleep(0.2)
        if not job.delivered:
            raise Unmet(f"the result was not fetched: {job.status().line()}")
        result = job.result()
        if result is None or result.state != "succeeded":
            raise Unmet(f"the job {job.status().state}: {'' if result is None else result.message}")
        return str(self.app.status_bar) or told


@contextmanager
def own_home(folder: Path) -> Iterator[None]:
    """While this holds, jobs and published results are those of the self-test and not the user's."""
    before: Mapping[str, str | None] = {HOME_VARIABLE: os.environ.get(HOME_VARIABLE)}
    folder.mkdir(parents=True, exist_ok=True)
    os.environ[HOME_VARIABLE] = str(folder)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def check_nothing_waits() -> str:
    """On a Mac the add-in looks into the user's own folder of jobs; whether something of his is there."""
    if platform.system() != "Darwin":
        return ""
    # The self-test may be one of them itself.
    count = sum(job.request.action != macros.SELFTEST for job in [*jobs.running_jobs(), *jobs.waiting_jobs()])
    return f"{count} jobs of yours are running or wait in {jobs_folder()}" if count else ""

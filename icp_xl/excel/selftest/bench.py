"""What the steps of the self-test work on: an Excel of its own and invented data in a folder that goes afterwards."""

from __future__ import annotations

import os
import platform
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd

from icp_xl.artifacts import SCORED_ACCOUNTS, SCORES, WHITESPACE
from icp_xl.components.presets import EQUIPMENT
from icp_xl.errors import DeliveryError
from icp_xl.excel import jobs, macros
from icp_xl.excel.actions import ACTIONS
from icp_xl.excel.cells import error_text
from icp_xl.excel.published_results import DEFAULT_OUT, FOLDERS
from icp_xl.excel.selftest.own_excel import Launcher, OwnExcel
from icp_xl.excel.selftest.step import NotHere, Unmet
from icp_xl.excel.selftest.supervise import bounded, check_wanted
from icp_xl.samples import write_samples
from icp_xl.user_dirs import HOME_VARIABLE, jobs_folder

RIBBON = "'icp_xl.xlam'!IcpRibbon.IcpRun"
FACTS = ("industry", "annual_revenue", "printers", "consumable_revenue", "software_revenue")
#: Another model than the preset's, so that two folders give two scores.
OTHER_WEIGHTS = (0.7, 0.1, 0.1, 0.1)
#: What the workbooks are called: customers, sales log, and the facts of every account with its score.
CUSTOMERS_FILE, SALES_FILE, FACTS_FILE = "customers.xlsx", "sales.xlsx", "facts.xlsx"
#: What every account of the first folder would be offered, with a chance of one half.
DIVISION, OFFER = "Invented division", "Because it is invented"
#: Seconds in which a process must be gone that was ended, and in which Excel's windows must answer.
KILL_SECONDS, LOOK_SECONDS = 15.0, 5.0


class Bench:
    """The place where steps work.

    ``first`` and ``second`` are folders of one customer workbook each, both scored, with models that differ; ``blank``
    has the same workbooks and no result.
    """

    def __init__(
        self, folder: Path, launcher: Launcher, *, accounts: int = 60, lines: int = 700, users_home: str | None = None
    ) -> None:
        self.folder, self.launcher, self._users_home = folder, launcher, users_home
        self.first, self.second, self.blank = folder / "A", folder / "B", folder / "C"
        self.home = folder / "home"
        #: Names of the user that Excel itself knows.
        self.names: list[str] = []
        self._size = (accounts, lines)
        self._excel: OwnExcel | None = None
        self._started: list[OwnExcel] = []
        self._own_books: set[str] = set()
        #: Why no Excel starts, with and without add-ins.
        self._broken: dict[bool, DeliveryError] = {}
        self._starting: bool | None = None
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
        self._write_offers(self.first / DEFAULT_OUT)

    @staticmethod
    def _write_offers(out: Path) -> None:
        """What training and ranking would publish, as far as the worksheet functions read it."""
        table = SCORED_ACCOUNTS.load(out)[["account_id"]].assign(division=DIVISION)
        table.assign(p_icp=0.5).to_parquet(SCORES.find(out))
        table.assign(selected=True, rank=1, nba_reason=OFFER).to_parquet(WHITESPACE.find(out))

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
        if self._excel is None or not self.is_alive():
            self._excel = self.start()
        return self._excel

    def is_alive(self) -> bool:
        """Whether the Excel is there to be asked; one of which that cannot be known is not started once more."""
        return self._excel is not None and bounded(self._excel.alive, LOOK_SECONDS, True)

    def start(self, *, addin: bool = True, home: str = "home") -> OwnExcel:
        """One more Excel of its own. With another ``home`` its add-in does not ask about jobs that wait."""
        check_wanted()
        if addin in self._broken:
            raise self._broken[addin]
        self._count += 1
        path = self.folder / f"icp_selftest_{self._count}.xlsx"
        openpyxl.Workbook().save(path)
        self._own_books.add(path.name)
        environ = {**os.environ, HOME_VARIABLE: str(self.folder / home)}
        self._starting = addin
        try:
            excel = self.launcher.start(path, environ, addin=addin, born=self._born)
        except Exception as error:
            # It takes a minute to know; no step after this one waits for it again.
            self.give_up()
            if isinstance(error, DeliveryError):
                self._broken[addin] = error
            self.kill(all_but=self._excel)
            raise self._broken[addin] from None
        finally:
            self._starting = None
        check_wanted()
        return excel

    def _born(self, excel: OwnExcel) -> None:
        """Know an Excel from the moment at which its process is there, so that it is ended whatever comes."""
        self._started.append(excel)
        check_wanted()

    def give_up(self, *, hung: bool = False) -> None:
        """An Excel that is just being started does not start."""
        if self._starting is not None:
            self._broken.setdefault(self._starting, DeliveryError("Excel did not start"))
        if hung:
            self._starting, self._excel = None, None

    @property
    def app(self) -> Any:
        """Its application object of xlwings."""
        return self.excel.app

    def dialog(self) -> str:
        """What our Excels show and wait for."""
        return " ".join(filter(None, (bounded(one.dialog, LOOK_SECONDS, "") for one in list(self._started))))

    def end(self) -> None:
        """Ask every Excel that was started here to go, then make it."""
        for one in list(self._started):
            with suppress(Exception):  # What does not go when it is asked is ended below.
                one.end()
        self.kill()

    def kill(self, *, all_but: OwnExcel | None = None) -> list[int]:
        """End every Excel that was started here at once; the processes that are still there."""
        left = []
        for one in [each for each in self._started if each is not all_but]:
            bounded(one.kill, KILL_SECONDS, None)
            until = time.monotonic() + LOOK_SECONDS
            while (alive := bounded(one.alive, LOOK_SECONDS, True)) and time.monotonic() < until:
                time.sleep(0.1)
            if alive:
                left.append(one.pid)
            elif one in self._started:
                self._started.remove(one)
        return left

    @staticmethod
    def cancel_jobs() -> None:
        """End our jobs, and forget their results."""
        for job in [*jobs.running_jobs(), *jobs.waiting_jobs()]:
            job.cancel()
            job.mark_delivered()

    def tidy(self) -> None:
        """Close what a step left open; its jobs, and what they published, are forgotten."""
        (self.home / FOLDERS).unlink(missing_ok=True)
        self.cancel_jobs()
        if self._excel is not None and self.is_alive():
            for book in list(self._excel.app.books):
                if book.name not in self._own_books and not book.name.lower().endswith(".xlam"):
                    book.close()

    @contextmanager
    def as_user(self) -> Iterator[None]:
        """While this holds, folders are the user's and not the self-test's, for what only looks at them."""
        with _home(self._users_home):
            yield

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
    def spills(self) -> bool:
        """Whether this Excel has dynamic arrays: of those without, each says that it knows no SEQUENCE.

        Raises:
            Unmet: it neither spills nor says so.
        """
        book = self.app.books.add()
        first = self.put(book, "=SEQUENCE(2)")
        second = self.read(book.sheets[-1].range("A2"))
        book.close()
        if first != "#NAME?" and (first, second) != (1, 2):
            raise Unmet(f"=SEQUENCE(2) shows {first} and below it {second}")
        return bool(first != "#NAME?")

    def need_spill(self) -> None:
        """Leave a step out in an Excel without dynamic arrays."""
        if not self.spills:
            raise NotHere("this Excel has no dynamic arrays (2016, 2019)")

    @property
    def calculates(self) -> bool:
        """Whether ordinary formulas are calculated here; a stand-in of Excel need not."""
        return self.launcher.calculates

    def put(self, book: Any, formula: str, at: str = "A1") -> Any:
        """Write a formula into a new sheet and return what it shows, a spill as rows; errors are their texts."""
        sheet = book.sheets.add(after=book.sheets[-1])
        return self.answer(sheet.range(at), formula)

    def answer(self, cell: Any, formula: str) -> Any:
        """Write a formula into ``cell`` and return what it shows."""
        try:
            try:
                cell.formula2 = formula
            except Exception:  # 2016 and 2019 have no such word.
                cell.formula = formula
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
def own_home(folder: Path) -> Iterator[str | None]:
    """While this holds, jobs and published results are those of the self-test; gives where the user's are."""
    before = os.environ.get(HOME_VARIABLE)
    folder.mkdir(parents=True, exist_ok=True)
    with _home(str(folder)):
        yield before


@contextmanager
def _home(folder: str | None) -> Iterator[None]:
    before = os.environ.pop(HOME_VARIABLE, None)
    if folder is not None:
        os.environ[HOME_VARIABLE] = folder
    try:
        yield
    finally:
        os.environ.pop(HOME_VARIABLE, None)
        if before is not None:
            os.environ[HOME_VARIABLE] = before


def check_nothing_waits() -> str:
    """On a Mac the add-in looks into the user's own folder of jobs; whether something of his is there."""
    if platform.system() != "Darwin":
        return ""
    # The self-test may be one of them itself.
    count = sum(job.request.action != macros.SELFTEST for job in [*jobs.running_jobs(), *jobs.waiting_jobs()])
    return f"{count} jobs of yours are running or wait in {jobs_folder()}" if count else ""

"""Go through the steps of the self-test, each within its limit, and end our Excel whatever happens."""

from __future__ import annotations

import importlib
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import metadata
from pathlib import Path
from typing import Any

from icp_xl import __version__
from icp_xl.errors import DataError, DeliveryError, IcpError
from icp_xl.excel.selftest.bench import Bench, check_nothing_waits, own_home
from icp_xl.excel.selftest.cleaned import Cleaner
from icp_xl.excel.selftest.own_excel import END_SECONDS, START_SECONDS, Launcher, system_launcher
from icp_xl.excel.selftest.result import SelfTest, SelfTestFiles
from icp_xl.excel.selftest.step import STEPS, NotHere, State, Step, StepOutcome, Unmet
from icp_xl.excel.selftest.supervise import CancelledError, Ended, Supervisor, undisturbed
from icp_xl.excel.status import STATUS_VARIABLE, cancel_requested
from icp_xl.excel.windows import InstalledExcel
from icp_xl.scratch import scratch_folder
from icp_xl.user_dirs import MAC_CONTAINER

#: Seconds for the invented data, for what is asked of the machine beside Excel's start, and for tidying up.
PREPARE_SECONDS, FACTS_SECONDS, TIDY_SECONDS = 600.0, 60.0, 60.0


def all_steps() -> list[Step]:
    """Every step, in the order in which they are done."""
    modules = [f"icp_xl.excel.selftest.{name}" for name in ("books", "functions", "answers", "jobs")]
    for module in modules:
        importlib.import_module(module)
    # Not in the order of the imports, which hangs on what was imported before.
    return sorted(STEPS, key=lambda each: modules.index(each.check.__module__))


def chosen_steps(only: Sequence[str]) -> list[Step]:
    """The steps that ``only`` names, by name or by a number of the checklist; all where it names none.

    Raises:
        DataError: there is no such step.
    """
    steps = all_steps()
    unknown = [text for text in only if not any(_is_meant(step, text) for step in steps)]
    if unknown:
        raise DataError(
            "no such step of the self-test", got=", ".join(unknown),
            allowed=", ".join(step.id for step in steps) + ", or a number of the checklist",
        )  # fmt: skip
    return [step for step in steps if not only or any(_is_meant(step, text) for text in only)]


def _is_meant(step: Step, text: str) -> bool:
    return text.strip() in (step.id, *map(str, step.covers))


def run_selftest(
    out: Path,
    *,
    only: Sequence[str] = (),
    launcher: Launcher | None = None,
    tell: Callable[[str], None] = lambda _: None,
    grace: float = 10.0,
) -> SelfTest:
    """Drive an Excel of its own through the steps, and write the result to ``out``.

    What was found so far is in the JSON file after every step, and our Excel is ended, whatever happens: an Excel that
    does not start, hangs or dies, a step that does not come back, Ctrl+C, Cancel.

    Args:
        out: folder for the workbook and the JSON file.
        only: names of steps, or numbers of the checklist; all by default.
        launcher: how Excel is started; by default this machine's.
        tell: is given a line about each step.
        grace: seconds in which a step must come back once its Excel was ended.

    Raises:
        DeliveryError: there is no Excel for this system, no xlwings, or the result has no place.
        DataError: ``only`` names no step, or jobs of the user's would get in the way.
        KeyboardInterrupt: Ctrl+C, once the result is written.
    """
    steps = chosen_steps(only)
    launcher = launcher or system_launcher()
    waiting = check_nothing_waits()
    if waiting:
        raise DataError(waiting, next_step="Bring them in first, then start the self-test again.")
    with _work_folder() as folder:
        result = SelfTestFiles(out, steps, Cleaner(folder, out=out))
        with own_home(folder / "home") as users_home:
            found = _Run(Bench(folder, launcher, users_home=users_home), result, tell, grace).go(steps)
    if isinstance(found, BaseException):
        raise found
    return found


class _Run:
    """One self-test, from the invented data to the end of its Excel."""

    def __init__(self, bench: Bench, result: SelfTestFiles, tell: Callable[[str], None], grace: float) -> None:
        self.bench, self.result, self._tell, self._shown = bench, result, tell, ""
        self.supervisor = Supervisor(self._unblock, _cancelled, grace=grace)

    def go(self, steps: Sequence[Step]) -> SelfTest | BaseException:
        """The result; Ctrl+C, or a fault of ours, once the result is written."""
        stop: BaseException | None = None
        try:
            if self._prepared():
                for step in steps:
                    self._one(step)
        except BaseException as error:
            stop = error
        with undisturbed():
            self._end(hurry=stop is not None)
            if stop is not None and not isinstance(stop, KeyboardInterrupt | CancelledError):
                self.result.trouble(f"The self-test itself failed: {type(stop).__name__}: {stop}")
            found = self.result.finish(stopped=isinstance(stop, KeyboardInterrupt | CancelledError))
        if stop is None or isinstance(stop, CancelledError):
            return found
        for line in found.summary():
            self.tell(line)
        return stop

    def tell(self, line: str) -> None:
        """Say a line; that nobody listens is no reason to stop."""
        with suppress(Exception):
            self._tell(line)

    def _prepared(self) -> bool:
        self.tell("preparing invented data")
        ended = self.supervisor.call(self.bench.prepare, PREPARE_SECONDS)
        if ended.over or ended.error is not None:
            state, got = self._judged(ended, PREPARE_SECONDS)
            self.result.reason = self.result.clean(f"the invented data could not be made: {got}")
            self.result.troubles.append(self.result.reason)
            return False
        ended = self.supervisor.call(
            lambda: machine_facts(self.bench, self.result.facts), START_SECONDS + FACTS_SECONDS
        )
        self.result.clean = Cleaner(self.bench.folder, out=self.result.json.parent, more=self.bench.names)
        for name, value in list(self.result.facts.items()):
            self.result.facts[name] = self.result.clean(value)
        if ended.over:
            self.result.trouble("Excel did not say what it is: " + self._judged(ended, FACTS_SECONDS)[1])
            self.bench.give_up(hung=ended.hung)
        return True

    def _one(self, step: Step) -> None:
        began, alive = time.monotonic(), self.bench.is_alive()
        ended = self.supervisor.call(lambda: step.check(self.bench), step.seconds)
        if isinstance(ended.error, KeyboardInterrupt):
            raise ended.error
        state, got = self._judged(ended, step.seconds)
        if state == "skipped" and alive and not self.bench.is_alive():
            state, got = "failed", f"Excel ended; before it did: {got}"
        used = round(time.monotonic() - began, 2)
        outcome = StepOutcome(step.id, step.covers, step.title, step.expected, got, state, used)
        self.tell(f"{self.result.add(outcome).state}: {step.title}")
        if ended.hung:
            self.bench.give_up(hung=True)
        tidied = self.supervisor.call(self.bench.tidy, TIDY_SECONDS)
        if tidied.over or tidied.error is not None:
            # What cannot be tidied up goes with its Excel.
            self.supervisor.call(self.bench.end, END_SECONDS * 2)
            self.bench.kill()

    def _judged(self, ended: Ended, seconds: float) -> tuple[State, Any]:
        if ended.over:
            text = f"no answer within {seconds:g} seconds" + (f"; Excel shows: {self._shown}" if self._shown else "")
            return "failed", text + ("; it did not come back when its Excel was ended" if ended.hung else "")
        if ended.error is None:
            return "passed", ended.value
        if isinstance(ended.error, NotHere):
            return "skipped", ended.error
        if isinstance(ended.error, Unmet | IcpError):
            return "failed", ended.error
        # Excel's own words come as an error of a type that only exists there.
        return "failed", f"{type(ended.error).__name__}: {self.result.clean(ended.error)}"

    def _unblock(self) -> None:
        self._shown = self.bench.dialog()
        self.bench.kill()

    def _end(self, *, hurry: bool) -> None:
        if hurry:
            # The worker may wait for Excel, or for nothing at all.
            self.bench.kill()
        else:
            with suppress(CancelledError, KeyboardInterrupt):
                self.supervisor.call(self.bench.end, END_SECONDS * 2 + 10.0)
        self.supervisor.drop()
        for pid in self.bench.kill():
            self.result.trouble(
                f"Excel of the self-test, process {pid}, could not be ended: end it in the task manager."
            )
        with suppress(Exception):
            self.bench.cancel_jobs()


def _cancelled() -> bool:
    """Whether Cancel was pressed on the ribbon, where this runs as a job of it."""
    return bool(os.environ.get(STATUS_VARIABLE)) and cancel_requested(Path(os.environ[STATUS_VARIABLE]))


@contextmanager
def _work_folder() -> Iterator[Path]:
    # Excel for Mac may read its own container without asking.
    mac = sys.platform == "darwin" and (Path.home() / MAC_CONTAINER).is_dir()
    place = Path.home() / MAC_CONTAINER if mac else None
    made = scratch_folder("selftest", place)
    try:
        folder = made.__enter__()
    except OSError as error:
        raise DeliveryError(
            "there is no folder for temporary files", got=error.strerror, where=str(error.filename or ""),
            next_step="Make the folder that TEMP names one that you may write to.",
        ) from None  # fmt: skip
    try:
        yield folder.resolve()
    finally:
        # A program that was ended a moment ago may still hold a file; what is left goes at the next self-test.
        with suppress(OSError):
            made.__exit__(None, None, None)


def machine_facts(bench: Bench, into: dict[str, str]) -> None:
    """What a reader must know of the machine, as it becomes known: versions, widths and signs, nothing of its user."""
    excel = InstalledExcel()
    asked: dict[str, Callable[[], object]] = {
        "System": lambda: f"{platform.system()} {platform.release()}, {platform.machine()}",
        "Python": lambda: f"{platform.python_version()}, {64 if sys.maxsize > 2**32 else 32} bits",
        "xlwings": lambda: metadata.version("xlwings"),
        "icp_xl": lambda: __version__,
        "Excel edition": lambda: excel.edition,
        "Excel bits": lambda: excel.bits or "",
        "Excel from the Store": lambda: excel.from_store if excel.program else "",
        "Excel": lambda: bench.app.version,
        "Excel build": lambda: bench.app.api.Build,
        "Decimal sign": lambda: bench.app.api.International(3),
        "Thousands sign": lambda: bench.app.api.International(4),
        "List separator": lambda: bench.app.api.International(5),
        "Country of Excel": lambda: bench.app.api.International(1),
        "Country of the system": lambda: bench.app.api.International(2),
    }
    for name, ask in asked.items():
        into[name] = _asked(ask)
    bench.names += [name for name in [_asked(lambda: bench.app.api.UserName)] if name]


def _asked(ask: Callable[[], object]) -> str:
    try:
        return str(ask())
    except Exception:  # A Mac has no such word, or Excel does not answer.
        return ""

"""Go through the steps of the self-test, and write what to send back: a workbook and the same as JSON.

Nothing of the user's is in them: all data are invented, and names of folders and people are taken out of every text.
"""

from __future__ import annotations

import getpass
import importlib
import json
import platform
import re
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import pandas as pd

from icp_xl import __version__
from icp_xl.errors import DataError, IcpError
from icp_xl.excel.selftest.bench import Bench, check_nothing_waits, own_home
from icp_xl.excel.selftest.own_excel import Launcher, system_launcher
from icp_xl.excel.selftest.step import STEPS, NotHere, Step, StepOutcome, Unmet
from icp_xl.excel.windows import InstalledExcel
from icp_xl.outputs import write_json
from icp_xl.reports.spec import Column, Facts, ReportBook, Sheet, Table
from icp_xl.user_dirs import MAC_CONTAINER

RESULT = "icp_selftest"
#: Characters of a text that is reported.
MOST = 600


@dataclass(frozen=True)
class SelfTest:
    """What the self-test found, and the two files that hold it. ``facts`` describe Excel and the machine."""

    outcomes: tuple[StepOutcome, ...]
    facts: dict[str, str]
    workbook: Path
    json: Path

    @property
    def exit_code(self) -> int:
        """1 where a step failed."""
        return int(any(outcome.state == "failed" for outcome in self.outcomes))

    def summary(self) -> list[str]:
        """Counts, each failure, and where the files are."""
        counts = Counter[str](outcome.state for outcome in self.outcomes)
        lines = [f"{len(self.outcomes)} steps: " + ", ".join(f"{counts[state]} {state}" for state in _STATES)]
        lines += [
            f"FAILED {outcome.title}: expected {outcome.expected}; got {outcome.got}"
            for outcome in self.outcomes
            if outcome.state == "failed"
        ]
        return [*lines, f"Send back {self.workbook} or {self.json}: they hold invented data only."]


_STATES = ("passed", "failed", "skipped")


def all_steps() -> list[Step]:
    """Every step, in the order in which they are done."""
    for name in ("books", "functions", "jobs"):
        importlib.import_module(f"icp_xl.excel.selftest.{name}")
    return list(STEPS)


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
) -> SelfTest:
    """Drive an Excel of its own through the steps, and write the result to ``out``.

    Args:
        out: folder for the workbook and the JSON file.
        only: names of steps, or numbers of the checklist; all by default.
        launcher: how Excel is started; by default this machine's.
        tell: is given a line about each step.

    Raises:
        DeliveryError: there is no Excel for this system, no xlwings, or Excel does not start.
        DataError: ``only`` names no step, or jobs of the user's would get in the way.
    """
    steps = chosen_steps(only)
    launcher = launcher or system_launcher()
    waiting = check_nothing_waits()
    if waiting:
        raise DataError(waiting, next_step="Bring them in first, then start the self-test again.")
    folder = _work_folder()
    bench = Bench(folder, launcher)
    outcomes: list[StepOutcome] = []
    facts: dict[str, str] = {}
    cleaned = _Cleaner(folder)
    try:
        with own_home(bench.home):
            try:
                tell("preparing invented data")
                bench.prepare()
                facts = machine_facts(bench.app)
                for step in steps:
                    outcomes.append(_one(bench, step, cleaned))
                    tell(f"{outcomes[-1].state}: {step.title}")
            finally:
                # Whatever happened, Ctrl+C too: the Excels that were started here end, and what was found is kept.
                bench.end()
                done = {outcome.id for outcome in outcomes}
                outcomes += [_left_out(step) for step in steps if step.id not in done]
                found = _write(out, outcomes, facts) if facts else None
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    assert found is not None
    return found


def _one(bench: Bench, step: Step, cleaned: _Cleaner) -> StepOutcome:
    began = time.monotonic()
    with bench.limit(step.seconds) as over:
        try:
            state, got = "passed", step.check(bench)
        except NotHere as reason:
            state, got = "skipped", str(reason)
        except Unmet as found:
            state, got = "failed", str(found)
        except IcpError as error:
            state, got = "failed", str(error)
        except Exception as error:  # Excel's own words come as an error of a type that only exists there.
            state, got = "failed", f"{type(error).__name__}: {error}"
        used = time.monotonic() - began
        if over():
            state, got = "failed", over()
    try:
        with bench.limit(step.seconds):
            bench.tidy()
    except Exception:  # What cannot be tidied up goes with its Excel.
        bench.end()
    return StepOutcome(step.id, step.covers, step.title, step.expected, cleaned(got), state, round(used, 2))  # type: ignore[arg-type]


def _left_out(step: Step) -> StepOutcome:
    return StepOutcome(
        step.id, step.covers, step.title, step.expected, "the self-test was stopped before", "skipped", 0.0
    )


def _work_folder() -> Path:
    # Excel for Mac may read its own container without asking.
    container = Path.home() / MAC_CONTAINER
    place = container if sys.platform == "darwin" and container.is_dir() else None
    return Path(tempfile.mkdtemp(prefix="icp_selftest_", dir=place)).resolve()


class _Cleaner:
    """Takes names of folders and people out of a text."""

    def __init__(self, folder: Path) -> None:
        home = Path.home()
        names = [(str(folder), "<folder>"), (str(home), "~"), (home.name, "<user>"), (platform.node(), "<machine>")]
        try:
            names.append((getpass.getuser(), "<user>"))
        except (OSError, KeyError, ImportError):  # There is no name.
            pass
        self._names = [(name, put) for name, put in names if len(name) > 2]

    def __call__(self, text: str) -> str:
        for name, put in self._names:
            for spelt in (name, name.replace("\\", "\\\\"), name.replace("\\", "/")):
                text = re.sub(re.escape(spelt), put, text, flags=re.IGNORECASE)
        return " ".join(text.split())[:MOST]


def machine_facts(app: Any) -> dict[str, str]:
    """What a reader must know of the machine: versions, widths and signs, and nothing of its user."""
    excel = InstalledExcel()
    asked: dict[str, Callable[[], object]] = {
        "Excel": lambda: app.version,
        "Excel build": lambda: app.api.Build,
        "Excel edition": lambda: excel.edition,
        "Excel bits": lambda: excel.bits or "",
        "Excel from the Store": lambda: excel.from_store if excel.program else "",
        "Decimal sign": lambda: app.api.International(3),
        "Thousands sign": lambda: app.api.International(4),
        "List separator": lambda: app.api.International(5),
        "Country of Excel": lambda: app.api.International(1),
        "Country of the system": lambda: app.api.International(2),
        "System": lambda: f"{platform.system()} {platform.release()}, {platform.machine()}",
        "Python": lambda: f"{platform.python_version()}, {64 if sys.maxsize > 2**32 else 32} bits",
        "xlwings": lambda: metadata.version("xlwings"),
        "icp_xl": lambda: __version__,
    }
    return {name: _asked(ask) for name, ask in asked.items()}


def _asked(ask: Callable[[], object]) -> str:
    try:
        return str(ask())
    except Exception:  # A Mac has no such word, or Excel does not answer.
        return ""


def _write(out: Path, outcomes: Iterable[StepOutcome], facts: dict[str, str]) -> SelfTest:
    from icp_xl.delivery.render.book import render_book

    out.mkdir(parents=True, exist_ok=True)
    found = SelfTest(tuple(outcomes), facts, out / f"{RESULT}.xlsx", out / f"{RESULT}.json")
    counts = Counter[str](outcome.state for outcome in found.outcomes)
    body = {
        "finished": datetime.now(UTC).isoformat(timespec="seconds"), "facts": facts,
        "counts": {state: counts[state] for state in _STATES}, "steps": [asdict(each) for each in found.outcomes],
    }  # fmt: skip
    write_json(found.json, json.loads(json.dumps(body)))
    render_book(_book(found, counts), found.workbook)
    return found


def _book(found: SelfTest, counts: Counter[str]) -> ReportBook:
    columns = [
        Column("state", "Result", width=10),
        Column("title", "Step", "long_text", width=34),
        Column("expected", "Expected", "long_text", width=44),
        Column("got", "Got", "long_text", width=56),
        Column("seconds", "Seconds", "number", width=10, decimals=1),
        Column("covers", "Checklist", width=12),
        Column("id", "Name", width=22),
    ]
    rows = [{**asdict(each), "covers": ", ".join(map(str, each.covers))} for each in found.outcomes]
    rows.sort(key=lambda row: ("failed", "skipped", "passed").index(row["state"]))
    told = ", ".join(f"{counts[state]} {state}" for state in _STATES)
    table = Table("selftest", columns, pd.DataFrame(rows, columns=[column.key for column in columns]), title=told)
    facts = Facts([(name, value or "?") for name, value in found.facts.items()], title="Where it was run")
    return ReportBook([Sheet("Self-test", "Self-test of the add-in", [facts, table])], title="Self-test")

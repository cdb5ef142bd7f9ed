"""What the self-test sends back: a JSON file that is whole after every step, and a workbook at the end."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from icp_xl.errors import DeliveryError, IcpError
from icp_xl.excel.selftest.cleaned import Cleaner
from icp_xl.excel.selftest.step import Step, StepOutcome
from icp_xl.outputs import write_json
from icp_xl.reports.spec import Column, Facts, ReportBook, Sheet, Table

RESULT = "icp_selftest"
STATES = ("passed", "failed", "skipped")
NOT_DONE = "the self-test was stopped before"
#: What a process returns that somebody stopped.
STOPPED = 130


@dataclass(frozen=True)
class SelfTest:
    """What the self-test found, and the two files that hold it.

    ``facts`` describe Excel and the machine, ``troubles`` are what went wrong beside the steps. ``workbook`` is
    ``None`` where it could not be written.
    """

    outcomes: tuple[StepOutcome, ...]
    facts: dict[str, str]
    workbook: Path | None
    json: Path
    troubles: tuple[str, ...] = ()
    stopped: bool = False

    @property
    def exit_code(self) -> int:
        """130 where it was cancelled, 1 where a step failed or something else went wrong."""
        failed = any(outcome.state == "failed" for outcome in self.outcomes)
        return STOPPED if self.stopped else int(failed or bool(self.troubles))

    def summary(self) -> list[str]:
        """Counts, each failure, and where the files are."""
        counts = Counter[str](outcome.state for outcome in self.outcomes)
        lines = [f"{len(self.outcomes)} steps: " + ", ".join(f"{counts[state]} {state}" for state in STATES)]
        lines += [
            f"FAILED {outcome.title}: expected {outcome.expected}; got {outcome.got}"
            for outcome in self.outcomes
            if outcome.state == "failed"
        ]
        files = " or ".join(str(path) for path in (self.workbook, self.json) if path is not None)
        end = "They hold" if self.workbook else "It holds"
        return [*lines, *self.troubles, f"Send back {files}. {end} invented data only."]


class SelfTestFiles:
    """Outcomes as they come; ``out`` is made ready at once, so that nothing is done whose result has no place.

    Raises:
        DeliveryError: the folder, or a result of an earlier self-test in it, cannot be written.
    """

    def __init__(self, out: Path, steps: Sequence[Step], clean: Cleaner) -> None:
        self.steps, self.clean = steps, clean
        self.workbook, self.json = out / f"{RESULT}.xlsx", out / f"{RESULT}.json"
        self.outcomes: list[StepOutcome] = []
        self.facts: dict[str, str] = {}
        self.troubles: list[str] = []
        self.reason = NOT_DONE
        try:
            out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DeliveryError(
                "the folder for the result cannot be made", where=str(out), got=error.strerror,
                next_step="Name a folder of yours with --out.",
            ) from None  # fmt: skip
        try:
            for path in (self.workbook, self.json):
                path.unlink(missing_ok=True)
            self._write_json(complete=False)
        except OSError as error:
            raise DeliveryError(
                "the result cannot be written", where=str(error.filename or out), got=error.strerror,
                next_step="Close it where it is open, or name another folder with --out.",
            ) from None  # fmt: skip

    def add(self, outcome: StepOutcome) -> StepOutcome:
        """Keep what a step gave, at once; what cannot be kept now is tried again at the end."""
        cleaned = replace(outcome, got=self.clean(outcome.got))
        self.outcomes.append(cleaned)
        try:
            self._write_json(complete=False)
        except (OSError, IcpError):
            pass
        return cleaned

    def trouble(self, text: object) -> None:
        """Keep what went wrong beside the steps."""
        self.troubles.append(self.clean(text))

    def finish(self, *, stopped: bool) -> SelfTest:
        """Write both files; where the folder is gone meanwhile, into one that is new."""
        book: Path | None = self.workbook
        try:
            self._write_json(complete=not stopped)
        except (OSError, IcpError) as error:
            place = Path(tempfile.mkdtemp(prefix=f"{RESULT}_"))
            # Without the name of the folder, since this is sent too.
            self.troubles.append(f"The result could not be written to the folder of --out ({type(error).__name__}).")
            self.workbook, self.json = place / self.workbook.name, place / self.json.name
            self._write_json(complete=not stopped)
            book = self.workbook
        try:
            from icp_xl.delivery.render.book import render_book

            render_book(self._book(), self.workbook)
        except Exception as error:  # Whatever keeps the workbook from being written, the other file stands.
            self.troubles.append(
                f"The workbook could not be written ({type(error).__name__}); {self.json.name} is whole."
            )
            book = None
        return SelfTest(tuple(self._all()), dict(self.facts), book, self.json, tuple(self.troubles), stopped)

    def _all(self) -> list[StepOutcome]:
        left = self.steps[len(self.outcomes) :]
        return [
            *self.outcomes,
            *(
                StepOutcome(step.id, step.covers, step.title, step.expected, self.reason, "skipped", 0.0)
                for step in left
            ),
        ]

    def _write_json(self, *, complete: bool) -> None:
        outcomes = self._all()
        counts = Counter[str](outcome.state for outcome in outcomes)
        body = {
            "finished": datetime.now(UTC).isoformat(timespec="seconds"), "complete": complete, "facts": self.facts,
            "counts": {state: counts[state] for state in STATES}, "steps": [asdict(each) for each in outcomes],
            "troubles": self.troubles,
        }  # fmt: skip
        write_json(self.json, json.loads(json.dumps(body)))

    def _book(self) -> ReportBook:
        columns = [
            Column("state", "Result", width=10),
            Column("title", "Step", "long_text", width=34),
            Column("expected", "Expected", "long_text", width=44),
            Column("got", "Got", "long_text", width=56),
            Column("seconds", "Seconds", "number", width=10, decimals=1),
            Column("covers", "Checklist", width=12),
            Column("id", "Name", width=22),
        ]
        outcomes = self._all()
        counts = Counter[str](outcome.state for outcome in outcomes)
        rows = [{**asdict(each), "covers": ", ".join(map(str, each.covers))} for each in outcomes]
        rows.sort(key=lambda row: ("failed", "skipped", "passed").index(row["state"]))
        told = ", ".join(f"{counts[state]} {state}" for state in STATES)
        table = Table("selftest", columns, pd.DataFrame(rows, columns=[column.key for column in columns]), title=told)
        facts = [(name, value or "?") for name, value in self.facts.items()]
        facts += [("Trouble", text) for text in self.troubles]
        first = [Facts(facts, title="Where it was run")] if facts else []
        return ReportBook([Sheet("Self-test", "Self-test of the add-in", [*first, table])], title="Self-test")

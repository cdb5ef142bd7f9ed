"""The self-test on machines that answer wrongly, hang, refuse or die: what was found is written, our Excel is ended."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from icp_xl.errors import DeliveryError, IcpError
from icp_xl.excel import jobs, macros
from icp_xl.excel.selftest import run
from icp_xl.excel.selftest.bench import Bench
from icp_xl.excel.selftest.step import NotHere, Step, Unmet
from icp_xl.excel.status import CANCEL_FILE, STATUS_VARIABLE
from icp_xl.excel.xlwings_udfs import described
from icp_xl.user_dirs import HOME_VARIABLE, user_folder
from tests.support.office_cells import Range
from tests.support.selftest_excel import StandIn, StandInExcel

from .test_selftest_cleaned import Odd


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Steps in place of the real ones; ``seconds`` is the limit of those that do not come back."""

    def put(*checks: Callable[[Bench], Any], seconds: float = 600.0) -> None:
        made = [Step((), check.__name__, "anything", check, 600.0 if check is fine else seconds) for check in checks]
        monkeypatch.setattr(run, "all_steps", lambda: made)

    return put


def sent(tmp_path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((tmp_path / "sent" / "icp_selftest.json").read_text(encoding="utf-8"))
    return found


def fine(bench: Bench) -> Any:
    assert bench.app.version
    return "fine"


def outcomes(found: Any) -> list[tuple[str, str]]:
    return [(outcome.state, outcome.got) for outcome in found.outcomes]


def test_a_wrong_answer_of_any_function_is_found(start: Any) -> None:
    """One run in which every function answers, and answers the wrong thing: each is named."""
    names = {item["name"] for item in described()}

    def wrong(name: str, found: Any) -> Any:
        change = {float: lambda value: value + 1e-6, int: lambda value: value + 1, str: lambda value: value + "x"}
        if isinstance(found, list | tuple):
            return [wrong(name, cell) for cell in found]
        return change.get(type(found), lambda value: value)(found)

    def plant(excel: StandInExcel) -> None:
        excel.calculator.answer = wrong

    found, _ = start("functions_answer", "what_if_spills", plant=plant)
    whatif, (state, got) = outcomes(found)
    assert state == "failed" and whatif[0] == "failed" and "ICP_WHATIF shows" in whatif[1]
    assert names == set(got.removeprefix("wrong: ").partition(";")[0].split(", "))


def test_what_the_step_asks_covers_every_function(prepared: Path) -> None:
    from icp_xl.excel.selftest.answers import cases

    names = {item["name"] for item in described()}
    asked = list(cases(Bench(prepared, None)))  # type: ignore[arg-type]
    assert {case.name for case in asked} == names
    # A table of right length is not enough.
    table = next(case for case in asked if case.name == "ICP_WHATIF")
    assert len(table.rows) == 5 and all(isinstance(row[3], float) for row in table.rows[1:])


@pytest.mark.parametrize("cell", [1, -1])
def test_one_wrong_cell_of_the_what_if_table_is_found(start: Any, cell: int) -> None:
    def plant(excel: StandInExcel) -> None:
        def answer(name: str, found: Any) -> Any:
            if name == "ICP_WHATIF":
                found = [list(row) for row in found]
                found[cell][3] += 0.001
            return found

        excel.calculator.answer = answer

    found, _ = start("what_if_spills", plant=plant)
    assert outcomes(found)[0][0] == "failed"


# Excels that hang, refuse, die


@pytest.mark.parametrize("hangs", ["dialog", "kill", "end", "alive"])
@pytest.mark.parametrize("how", ["raises", "hangs"])
def test_an_excel_that_resists_loses_no_result(
    start: Any, steps: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hangs: str, how: str
) -> None:
    monkeypatch.setattr("icp_xl.excel.selftest.bench.LOOK_SECONDS", 0.5)
    monkeypatch.setattr("icp_xl.excel.selftest.bench.KILL_SECONDS", 0.5)
    monkeypatch.setattr(run, "END_SECONDS", -4.9)
    ended: list[StandInExcel] = []
    free = threading.Event()

    class Resisting(StandIn):
        def start(self, workbook: Path, environ: Any, **given: Any) -> StandInExcel:
            excel = super().start(workbook, environ, **given)
            real = getattr(excel, hangs)

            def resist() -> Any:
                ended.append(excel)
                if hangs in ("kill", "end") and len(ended) > 1:
                    return real()
                if how == "raises":
                    raise OSError("the RPC server is unavailable")
                free.wait()

            setattr(excel, hangs, resist)
            return excel

    def waits(bench: Bench) -> str:
        bench.app.impl.modal = True
        return str(bench.app.alert("Press a button"))

    steps(fine, waits, seconds=0.3)
    found, launcher = run_anyway(start, tmp_path, Resisting)
    free.set()
    assert [state for state, _ in outcomes(found)] == ["passed", "failed"]
    assert sent(tmp_path)["counts"]["passed"] == 1 and found.exit_code == 1
    # Where it cannot be known whether one is gone, that is said.
    assert bool(found.troubles) == (hangs == "alive")
    assert all(excel.impl.gone.is_set() for excel in launcher.started)


def run_anyway(start: Any, tmp_path: Path, kind: type[StandIn]) -> tuple[Any, StandIn]:
    """Run on another kind of launcher."""
    launcher = kind(*start.office)
    return run.run_selftest(tmp_path / "sent", launcher=launcher, grace=0.2), launcher


def test_an_excel_that_cannot_be_ended_is_said(
    start: Any, steps: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("icp_xl.excel.selftest.bench.LOOK_SECONDS", 0.5)

    class Immortal(StandIn):
        def start(self, workbook: Path, environ: Any, **given: Any) -> StandInExcel:
            excel = super().start(workbook, environ, **given)
            excel.end = excel.kill = lambda: None  # type: ignore[method-assign]
            return excel

    steps(fine)
    found, launcher = run_anyway(start, tmp_path, Immortal)
    assert f"process {launcher.started[0].pid}, could not be ended" in found.troubles[0] and found.exit_code == 1
    assert found.troubles[0] in found.summary() and sent(tmp_path)["troubles"] == list(found.troubles)


def test_a_step_that_hangs_in_python_is_left_behind_and_the_others_are_done(start: Any, steps: Any) -> None:
    free = threading.Event()
    late: list[Any] = []

    def hangs(bench: Bench) -> str:
        free.wait()
        late.append("came back")
        bench.start()
        late.append("started an Excel that nobody ends")
        return ""

    steps(fine, hangs, fine, seconds=0.3)
    found, launcher = start()
    free.set()
    assert [state for state, _ in outcomes(found)] == ["passed", "failed", "passed"]
    assert "did not come back" in outcomes(found)[1][1]
    for thread in threading.enumerate():
        if thread.name == "self-test":
            thread.join(600)
    assert late == ["came back"] and len(launcher.started) == 2


def test_a_step_that_is_left_behind_stops_nobody_else() -> None:
    """Under a tracer too: in a process of its own, for it was the interpreter that never got on."""
    program = """
        import os, sys, threading
        from icp_xl.excel.selftest.supervise import Supervisor
        assert Supervisor(lambda: None, grace=0.01).call(threading.Event().wait, 0.01).hung
        sys.settrace(lambda *_: None)
        print(sum(len([each for each in range(n)]) for n in range(50)), flush=True)
        os._exit(0)
    """
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, timeout=600, check=True
    )
    assert ended.stdout.split() == ["1225"]


@pytest.mark.parametrize("what", ["prepare", "facts"])
@pytest.mark.parametrize("how", ["raises", "hangs"])
def test_before_the_first_step(
    start: Any, steps: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str, how: str
) -> None:
    free = threading.Event()
    for limit in ("PREPARE_SECONDS", "START_SECONDS", "FACTS_SECONDS"):
        monkeypatch.setattr(run, limit, 0.2 if how == "hangs" else 600.0)

    def odd(*_: Any) -> None:
        if how == "raises":
            raise MemoryError
        free.wait()

    monkeypatch.setattr(*((Bench, "prepare", odd) if what == "prepare" else (run, "machine_facts", odd)))
    steps(fine)
    found, launcher = start()
    free.set()
    assert found.exit_code == (1 if what == "prepare" or how == "hangs" else 0)
    assert outcomes(found)[0][0] == ("skipped" if what == "prepare" else "passed")
    if what == "prepare":
        assert launcher.started == [] and "invented data could not be made" in sent(tmp_path)["steps"][0]["got"]


class Dead(StandIn):
    """Excel does not start, in one of several ways; what was born is ended."""

    how: Any = DeliveryError("Excel did not start")

    def start(self, workbook: Path, environ: Any, *, addin: bool = True, born: Any) -> StandInExcel:
        excel = StandInExcel(self.engine, self.server, addin=addin)
        self.started.append(excel)
        born(excel)
        if self.how == "hangs":
            excel.impl.gone.wait(1200)
            raise OSError("the RPC server is unavailable")
        raise self.how


@pytest.mark.parametrize("how", [DeliveryError("Excel did not start"), OSError("class not registered"), "hangs"])
def test_an_excel_that_does_not_start_leaves_a_result_of_this_time(
    start: Any, steps: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: Any
) -> None:
    for limit in ("START_SECONDS", "FACTS_SECONDS"):
        monkeypatch.setattr(run, limit, 0.2 if how == "hangs" else 600.0)
    monkeypatch.setattr(Dead, "how", how)
    (tmp_path / "sent").mkdir()
    for name in ("icp_selftest.xlsx", "icp_selftest.json"):
        (tmp_path / "sent" / name).write_text("of an earlier time", encoding="utf-8")

    def no_excel(bench: Bench) -> str:
        return "needs none"

    steps(fine, no_excel, fine)
    found, launcher = run_anyway(start, tmp_path, Dead)
    assert outcomes(found) == [("failed", "Excel did not start"), ("passed", "needs none"), outcomes(found)[0]]
    assert len(launcher.started) == 1 and all(not excel.alive() for excel in launcher.started)
    assert sent(tmp_path)["facts"]["xlwings"] and found.exit_code == 1
    assert openpyxl.load_workbook(found.workbook)


def test_an_excel_that_dies_is_no_reason_to_leave_a_step_out(start: Any, steps: Any, tmp_path: Path) -> None:
    def dies(bench: Bench) -> str:
        bench.excel.kill()
        raise NotHere("this Excel has no dynamic arrays (2016, 2019)")

    steps(fine, dies)
    found, _ = start()
    assert outcomes(found)[1][0] == "failed" and "Excel ended" in outcomes(found)[1][1] and found.exit_code == 1


@pytest.mark.parametrize(
    ("shows", "state"),
    [("#NAME?", "skipped"), (7.0, "failed"), (None, "failed"), ("#BUSY!", "failed"), ("dies", "failed")],
)
def test_whether_excel_spills_is_not_guessed(start: Any, shows: Any, state: str) -> None:
    def plant(excel: StandInExcel) -> None:
        real = excel.calculator._value

        def value(book: Any, title: str, formula: str) -> Any:
            if "SEQUENCE" in formula:
                if shows == "dies":
                    excel.kill()
                    raise OSError("the RPC server is unavailable")
                return {"#NAME?": -2146826259}.get(shows, shows)
            return real(book, title, formula)

        excel.calculator._value = value

    found, _ = start("a_range_spills", plant=plant)
    assert outcomes(found)[0][0] == state


def test_an_excel_of_2016_answers_in_single_cells(start: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(self: Any, value: str) -> None:
        raise AttributeError("Formula2")

    def plant(excel: StandInExcel) -> None:
        real = excel.calculator._value
        excel.calculator._value = lambda book, title, text: (
            -2146826259 if "SEQUENCE" in text else real(book, title, text)
        )

    monkeypatch.setattr(Range, "formula2", property(lambda self: self.formula, unknown))
    found, _ = start("functions_answer", "a_range_spills", "a_real_error", plant=plant)
    assert {outcome.id: outcome.state for outcome in found.outcomes} == {
        "functions_answer": "passed", "a_range_spills": "skipped", "a_real_error": "passed",
    }  # fmt: skip


# Where the result goes


@pytest.mark.parametrize("place", ["file", "below a file", "/proc/nope", "workbook is a folder"])
def test_a_result_that_has_no_place_is_known_before_anything_starts(
    start: Any, steps: Any, tmp_path: Path, place: str
) -> None:
    out = tmp_path / "out"
    if place in ("file", "below a file"):
        out.write_text("x", encoding="utf-8")
    elif place == "workbook is a folder":
        (out / "icp_selftest.xlsx").mkdir(parents=True)
    out = {"below a file": out / "x", "/proc/nope": Path("/proc/nope")}.get(place, out)
    launcher = StandIn(*start.office)
    steps(fine)
    with pytest.raises(DeliveryError, match="cannot be (made|written)") as told:
        run.run_selftest(out, launcher=launcher)
    assert "--out" in str(told.value) and launcher.started == []


def test_without_temporary_files_there_is_one_sentence(
    start: Any, steps: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nowhere(*_: Any, **__: Any) -> str:
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.setattr("tempfile.mkdtemp", nowhere)
    steps(fine)
    with pytest.raises(DeliveryError, match="no folder for temporary files"):
        start()


@pytest.mark.parametrize("fault", [OSError("full"), IcpError("no"), RuntimeError("odd"), KeyboardInterrupt()])
def test_a_workbook_that_cannot_be_written_leaves_the_other_file(
    start: Any, steps: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: BaseException
) -> None:
    def refuse(*_: Any) -> None:
        raise fault

    monkeypatch.setattr("icp_xl.delivery.render.book.render_book", refuse)
    steps(fine)
    try:
        found, _ = start()
        assert found.workbook is None and "could not be written" in found.troubles[0] and found.exit_code == 1
        assert "icp_selftest.xlsx" not in found.summary()[-1]
    except KeyboardInterrupt:
        assert isinstance(fault, KeyboardInterrupt)
    assert sent(tmp_path)["counts"]["passed"] == 1


def test_a_folder_that_goes_meanwhile_is_replaced(
    start: Any, steps: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))

    def removes(bench: Bench) -> str:
        import shutil

        shutil.rmtree(tmp_path / "sent")
        (tmp_path / "sent").write_text("in the way", encoding="utf-8")
        return "removed"

    steps(removes, fine)
    found, _ = start()
    assert found.json.is_file() and found.json.parent != tmp_path / "sent" and found.exit_code == 1
    # The folder that cannot be written may be called after anybody.
    assert "could not be written" in (text := found.json.read_text(encoding="utf-8")) and "/" not in text
    assert [state for state, _ in outcomes(found)] == ["passed", "passed"]


# What steps give


@pytest.mark.parametrize(
    "got", ["\ud800", None, 3, Odd(), b"\xff", ["\x00"], SystemExit(0), SystemExit("bye"),
            GeneratorExit(), RecursionError(), Unmet("\udfff"), NotHere("\ud800"), IcpError("\x07")]
)  # fmt: skip
def test_whatever_a_step_gives_the_results_are_whole(start: Any, steps: Any, tmp_path: Path, got: Any) -> None:
    def odd(bench: Bench) -> Any:
        if isinstance(got, BaseException):
            raise got
        return got

    steps(fine, odd, fine)
    found, _ = start()
    states = [state for state, _ in outcomes(found)]
    wanted = "skipped" if isinstance(got, NotHere) else "failed" if isinstance(got, BaseException) else "passed"
    assert states == ["passed", wanted, "passed"] == [step["state"] for step in sent(tmp_path)["steps"]]
    assert found.exit_code == (wanted == "failed") and openpyxl.load_workbook(found.workbook)


def nobody(*_: Any) -> Any:
    raise RuntimeError("no answer")


@pytest.mark.parametrize("asked", ["os.getcwd", "pathlib.Path.home", "platform.node", "getpass.getuser"])
def test_a_machine_that_does_not_know_itself(
    start: Any, steps: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: str
) -> None:
    monkeypatch.setattr(asked, nobody)
    steps(fine)
    found, _ = start(tell=nobody)
    assert outcomes(found) == [("passed", "fine")] and found.exit_code == 0


# Stopped by somebody


@pytest.mark.parametrize("when", ["step", "tidy", "end"])
def test_control_c_at_any_moment_keeps_what_was_found(
    start: Any, steps: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    # Tests that run side by side are deaf to Control-C; users are not.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)

    def press(*_: Any) -> str:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.3)
        return "pressed"

    def presses(bench: Bench) -> str:
        return press() if when == "step" else "nothing pressed"

    steps(fine, presses, fine)
    if when != "step":
        real = getattr(Bench, when)
        monkeypatch.setattr(Bench, when, lambda self: (press(), real(self)) and None)
    started: list[StandInExcel] = []
    try:
        start(plant=started.append)
        assert when == "end", "at the end there is nothing left to stop"
    except KeyboardInterrupt:
        assert when != "end"
    finally:
        signal.signal(signal.SIGINT, before)
    passed = {"step": 1, "tidy": 1, "end": 3}[when]
    assert sent(tmp_path)["counts"] == {"passed": passed, "failed": 0, "skipped": 3 - passed}
    assert (tmp_path / "sent" / "icp_selftest.xlsx").is_file() and not any(excel.alive() for excel in started)


def test_cancel_of_the_button_ends_our_excel_and_leaves_a_result(
    start: Any, steps: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(STATUS_VARIABLE, str(tmp_path))
    free = threading.Event()

    def long(bench: Bench) -> str:
        (tmp_path / CANCEL_FILE).touch()
        free.wait()
        return ""

    steps(fine, long, fine)
    found, _ = start()
    free.set()
    assert found.exit_code == 130 and found.stopped
    assert [state for state, _ in outcomes(found)] == ["passed", "skipped", "skipped"]
    assert sent(tmp_path)["complete"] is False


def test_what_the_button_shows_is_whole(app: Any, tmp_path: Path, home: Path) -> None:
    def job(state: str, output: str) -> jobs.Job:
        made = jobs.prepare_job(jobs.Request(macros.SELFTEST, "Self-test", (), str(tmp_path)))
        jobs.write_json(made.folder / jobs.REQUEST_FILE, {**vars(made.request)})
        jobs.write_json(made.folder / jobs.RESULT_FILE, {"state": state, "code": 1, "message": "", "reports": []})
        jobs.write_status(made.folder, jobs.Status(state, "Self-test"))
        (made.folder / jobs.OUTPUT_FILE).write_text(output, encoding="utf-8")
        return made

    book = app.books.add()
    lines = [
        "32 steps: 2 passed, 30 failed, 0 skipped",
        *(f"FAILED step {n}: " + "x" * 400 for n in range(30)),
        "Send it",
    ]
    macros.guarded(book, lambda book: macros.collect_job(book, job("failed", "\n".join(lines)).id))
    shown = app.impl.alerts[-1].splitlines()
    assert shown[0] == lines[0] and shown[1].startswith("FAILED step 0") and shown[-1] == "Send it"
    assert int(shown[-2].strip("(").split()[0]) + len(shown) - 3 == 30
    macros.guarded(book, lambda book: macros.collect_job(book, job("cancelled", "").id))
    assert str(tmp_path) in app.impl.alerts[-1] and "cancelled" in app.status_bar


def test_nothing_is_left_behind(start: Any, steps: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    open_then: list[str] = []

    def opens(bench: Bench) -> str:
        path = bench.folder / "icp_selftest_result.xlsx"
        openpyxl.Workbook().save(path)
        bench.open(path)
        return "open"

    def looks(bench: Bench) -> str:
        open_then.extend(book.name for book in bench.app.books)
        return ""

    steps(opens, looks)
    start()
    assert open_then == ["icp_selftest_1.xlsx"]
    assert list((tmp_path / "tmp").iterdir()) == []


def test_the_doctor_looks_at_the_users_folders(start: Any, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[Any] = []

    def examine() -> list[Any]:
        looked.append((user_folder(), os.environ.get(HOME_VARIABLE)))
        return []

    monkeypatch.setattr("icp_xl.excel.doctor.examine", examine)
    start("doctor_is_content")
    assert looked == [(home, str(home))]

"""The self-test, against the stand-in of Excel: every step is reported, and what is planted is found."""

from __future__ import annotations

import getpass
import json
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from icp_xl.errors import DataError, DeliveryError
from icp_xl.excel import macros
from icp_xl.excel.selftest import books, run
from icp_xl.excel.selftest.bench import Bench
from icp_xl.excel.selftest.result import SelfTest
from icp_xl.excel.selftest.run import all_steps, run_selftest
from icp_xl.excel.selftest.step import STEPS
from tests.support.selftest_excel import StandInExcel

ROOT = Path(__file__).parents[2]
CHECKLIST = ROOT / "tests" / "office" / "WINDOWS-CHECKLIST.md"


def test_every_step_is_reported_and_passes_on_a_sound_machine(start: Any, tmp_path: Path) -> None:
    found, launcher = start()
    # A message would stand in front of a real Excel until somebody presses its button.
    assert [excel.impl.alerts for excel in launcher.started if excel.impl.alerts] == []
    assert [outcome.id for outcome in found.outcomes] == [step.id for step in all_steps()]
    assert {outcome.id: outcome.got for outcome in found.outcomes if outcome.state == "failed"} == {}
    skipped = {outcome.id for outcome in found.outcomes if outcome.state == "skipped"}
    assert skipped == {"pivot_stands", "live_workbook"}, "what the stand-in cannot do"
    body = json.loads(found.json.read_text(encoding="utf-8"))
    assert [step["id"] for step in body["steps"]] == [outcome.id for outcome in found.outcomes]
    assert body["counts"]["failed"] == found.exit_code == 0 and body["facts"]["Excel"] == "16.0"
    assert {"Excel bits", "Decimal sign", "System", "Python", "xlwings", "icp_xl"} <= set(body["facts"])
    rows = list(openpyxl.load_workbook(found.workbook).worksheets[0].iter_rows(values_only=True))
    assert sum("passed" in row for row in rows) == body["counts"]["passed"]


def states(found: SelfTest) -> dict[str, tuple[str, str]]:
    return {outcome.id: (outcome.state, outcome.got) for outcome in found.outcomes}


def shifted(excel: StandInExcel) -> None:
    excel.calculator.answer = lambda name, found: found if not isinstance(found, list) else [[7.0]] * len(found)


def zero(excel: StandInExcel) -> None:
    excel.calculator.answer = lambda name, found: 0.0 if found == "#N/A" else found


def words(excel: StandInExcel) -> None:
    """An error that is a text and no error value."""
    excel.calculator.answer = lambda name, found: " #NUM!" if found == "#NUM!" else found


def unloaded(excel: StandInExcel) -> None:
    excel.impl.macros.clear()


def strange(excel: StandInExcel) -> None:
    """Another country's Excel, whose texts the server takes for numbers of its own."""
    excel.impl.api.International = {3: "'", 4: ","}.get


def asleep(excel: StandInExcel) -> None:
    excel.poll = lambda: None


def everywhere(excel: StandInExcel) -> None:
    """Excel calculates at once what should wait for F9."""
    excel.calculator.dirty = lambda app: [
        excel.calculator.compute(book, place) for book in app._books.all for place in list(book.formulas)
    ]


@pytest.mark.parametrize(
    ("plant", "step", "got"),
    [
        (shifted, "a_range_spills", r"\d+ of \d+ differ"), (zero, "nothing_published", "0.0"),
        (zero, "unknown_account", "0.0, then 0.0"), (words, "a_real_error", " #NUM!, ISERROR False"),
        (unloaded, "addin_answers", "the add-in is not loaded"), (strange, "signs_and_style", "gives #VALUE!"),
        (everywhere, "manual_calculation", "after F9"), (asleep, "score_button", "the result was not fetched"),
    ],
)  # fmt: skip
def test_a_planted_failure_is_found(
    start: Any, monkeypatch: pytest.MonkeyPatch, plant: Any, step: str, got: str
) -> None:
    if plant is asleep:
        monkeypatch.setattr(Bench.fetched, "__defaults__", (0.5,))
    found, _ = start(step, plant=plant)
    ((state, said),) = states(found).values()
    assert state == "failed" and re.search(got.strip(), said), said
    assert found.exit_code == 1 and any(line.startswith("FAILED") and said in line for line in found.summary())


def test_a_workbook_that_excel_repaired_and_things_that_got_lost_are_found(
    start: Any, office: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, _ = office
    opened, put = engine.Books.open, books.put

    def repaired(self: Any, *args: Any, **given: Any) -> Any:
        book = opened(self, *args, **given)
        for ws in book.wb.worksheets if book.name == "icp_report.xlsx" else ():
            ws.tables.clear()
        return book

    def careless(book: Any) -> Any:
        if len(book.sheets["My own"].charts):
            book.api["My own"].data_validations.dataValidation.clear()
            book.api["My own"]["C1"] = "=@FILTER(A1:A4,A1:A4)"
            return book
        return put(book)

    monkeypatch.setattr(engine.Books, "open", repaired)
    monkeypatch.setattr(books, "put", careless)
    said = states(start("6", "users_things_stand")[0])
    assert said["books_open_whole"][0] == "failed" and "icp_report.xlsx" in said["books_open_whole"][1]
    lost = said["users_things_stand"]
    assert lost[0] == "failed" and ("@FILTER" in lost[1] or "Formula1" in lost[1]), lost


def test_a_message_that_waits_ends_its_excel_and_the_next_step_gets_another(
    start: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = [replace(step, seconds=0.5) if step.id == "addin_answers" else step for step in all_steps()]
    monkeypatch.setattr(run, "all_steps", lambda: steps)

    def blocked(excel: StandInExcel) -> None:
        excel.impl.modal = True
        excel.impl.macros["IcpWord"] = lambda text: excel.impl.alert("Press a button", "", "", "", None)

    found, launcher = start("addin_answers", "nothing_published", plant=blocked)
    said = states(found)
    assert said["addin_answers"] == ("failed", "no answer within 0.5 seconds; Excel shows: Press a button")
    assert said["nothing_published"][0] == "passed" and len(launcher.started) == 2


def test_control_c_ends_the_excel_and_keeps_what_was_found(
    start: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[StandInExcel] = []
    stop = next(step for step in all_steps() if step.id == "ranges_differ")

    def interrupted(bench: Bench) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "all_steps", lambda: [
        step if step is not stop else type(stop)(stop.covers, stop.title, stop.expected, interrupted) for step in STEPS
    ])  # fmt: skip
    with pytest.raises(KeyboardInterrupt):
        start("nothing_published", "interrupted", "a_real_error", plant=started.append)
    assert started and all(not excel.alive() for excel in started)
    body = json.loads((tmp_path / "sent" / "icp_selftest.json").read_text(encoding="utf-8"))
    assert [step["state"] for step in body["steps"]] == ["passed", "skipped", "skipped"]
    assert "stopped before" in body["steps"][2]["got"]


def test_an_excel_that_does_not_start_is_said_once(start: Any) -> None:
    def dies(excel: StandInExcel) -> None:
        if len(deaths) > 0:
            raise DeliveryError("Excel did not start")
        deaths.append(excel)

    deaths: list[StandInExcel] = []
    steps = ("addin_answers", "nothing_published", "ranges_differ")

    def first_dies(excel: StandInExcel) -> None:
        dies(excel)
        excel.impl.macros["IcpWord"] = lambda text: excel.kill()

    found, _ = start(*steps, plant=first_dies)
    assert [state for state, _ in states(found).values()] == ["failed"] * 3
    assert states(found)["ranges_differ"][1] == "Excel did not start"


def test_what_is_sent_back_names_nobody_and_no_folder(
    start: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "Users" / "Jane Doe"
    home.mkdir(parents=True)
    monkeypatch.setattr(Path, "home", lambda: home)
    monkeypatch.setattr(getpass, "getuser", lambda: "jdoe_77")

    def tells(excel: StandInExcel) -> None:
        def word(text: str) -> str:
            return f"{home}/AppData, {str(home).upper()} jdoe_77 {excel.app.books[0].fullname}"

        excel.impl.macros["IcpWord"] = word

    found, _ = start("3", "score_button", "in_the_way", plant=tells)
    assert states(found)["addin_answers"][0] == "failed"
    book = openpyxl.load_workbook(found.workbook)
    cells = " ".join(str(cell) for sheet in book for row in sheet.iter_rows(values_only=True) for cell in row)
    for text in (found.json.read_text(encoding="utf-8"), cells):
        assert "<user>" in text and "<home>" in text and "<folder>" in text and "AppData" not in text
        assert not re.search(f"jane|jdoe|{re.escape(str(tmp_path))}", text, re.IGNORECASE)
    assert not any(Path(line).exists() for line in re.findall(r"/\S+icp_selftest_\w+", cells))


def test_the_checklist_and_the_self_test_name_each_other() -> None:
    wanted: dict[int, set[str]] = {}
    for line in CHECKLIST.read_text(encoding="utf-8").splitlines():
        number = re.match(r"\| (\d+) \|", line)
        if number:
            last = line.rstrip(" |").rpartition("|")[2].strip()
            wanted[int(number.group(1))] = (
                set() if last == "by hand" else {name.strip("` ") for name in last.split(",")}
            )
    assert list(wanted) == list(range(1, len(wanted) + 1))
    got: dict[int, set[str]] = {number: set() for number in wanted}
    for step in all_steps():
        for number in step.covers:
            got[number].add(step.id)
    assert got == wanted


def test_without_excel_there_is_one_sentence(tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from icp_xl.cli import run as command_line

    monkeypatch.setattr("platform.system", lambda: "Linux")
    assert command_line(["addin", "selftest", "--out", str(tmp_path / "x")]) not in (0, 130)
    said = capsys.readouterr()
    assert "needs Excel, and there is none for this system" in said.err and len(said.err.strip().splitlines()) == 1
    assert not (tmp_path / "x").exists()
    monkeypatch.setattr("platform.system", lambda: "Windows")
    monkeypatch.setitem(sys.modules, "xlwings", None)
    assert command_line(["addin", "selftest"]) not in (0, 130)
    assert "needs xlwings, which is not installed" in capsys.readouterr().err
    with pytest.raises(DataError, match="no such step"):
        run_selftest(tmp_path, only=["nonsense"])


def test_the_button_starts_a_job_of_no_workbook_and_shows_what_it_said(
    app: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from icp_xl.excel import jobs

    book = app.books.add()
    assert macros.guarded(book, macros.MACROS["selftest"])
    (job,) = jobs.list_jobs()
    # Here there is no Excel, which the job says.
    assert job.wait(1200).state == "failed"
    macros.guarded(book, lambda book: macros.collect_job(book, job.id))
    assert "there is none for this system" in app.impl.alerts[-1] and job.delivered
    assert [name.name for name in book.names] == []
    (tmp_path / "icp_home").mkdir()
    monkeypatch.setenv("ICP_XL_HOME", str(tmp_path / "icp_home"))
    done = jobs.prepare_job(jobs.Request(macros.SELFTEST, "Self-test", (), str(tmp_path)))
    jobs.write_json(done.folder / jobs.REQUEST_FILE, {**vars(done.request)})
    jobs.write_json(done.folder / jobs.RESULT_FILE, {"state": "failed", "code": 1, "message": "", "reports": []})
    jobs.write_status(done.folder, jobs.Status("failed", "Self-test"))
    (done.folder / jobs.OUTPUT_FILE).write_text("31 steps: 30 passed, 1 failed, 0 skipped", encoding="utf-8")
    macros.guarded(book, lambda book: macros.collect_job(book, done.id))
    assert app.impl.alerts[-1] == "31 steps: 30 passed, 1 failed, 0 skipped"


def test_the_command_line_takes_steps_by_name_and_by_number(capsys: pytest.CaptureFixture[str]) -> None:
    from icp_xl.cli import run as command_line

    assert command_line(["addin", "selftest", "--only", "a_range_spills", "--only", "nonsense"]) != 0
    assert "got: nonsense;" in capsys.readouterr().err

"""The job protocol with real processes: start, progress, cancel, crash, Excel gone and back, two at once."""

from __future__ import annotations

import json
import os
import signal
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from icp_xl.errors import DataError, DeliveryError
from icp_xl.excel.jobs import (
    LOCK_FILE,
    REQUEST_FILE,
    Job,
    Request,
    list_jobs,
    open_job,
    prepare_job,
    remove_old_jobs,
    running_jobs,
    start_job,
    waiting_jobs,
)
from icp_xl.excel.status import STATUS_FILE, TEXT_FILE, Status, StatusProgress, read_status, write_status

# A command line in place of the real one: it obeys the same progress and output protocols, and nothing else.
FAKE_CLI = """
import os, sys, time
from pathlib import Path
import icp_xl.cli as cli
from icp_xl.errors import DataError
from icp_xl.cli._run import guarded, progress_bar
from icp_xl.config import load_settings
from icp_xl.runs import start_run

def run(arguments):
    kind, out, *more = arguments
    settings = load_settings(environ={}, overrides={"paths.out": out})
    def call():
        if kind == "die":
            os.kill(os.getpid(), 9)
        if kind == "explode":
            raise RuntimeError("boom")
        with progress_bar(False) as progress, start_run(kind, settings, progress=progress) as run:
            run.outputs.text("report.xlsx", " ".join(arguments))
            run.outputs.text("share/rep.xlsx", "x")
            if kind == "fail":
                raise DataError("a column is missing", got="nothing", next_step="Add it.")
            if kind == "deaf":
                Path(out, "deaf").write_text("x")
                time.sleep(60)
            for _ in progress.track(range(int(more[0]) if more else 1), "Counting"):
                time.sleep(0.02)
    code = guarded(call)
    return code
cli.run = run
"""


@pytest.fixture
def jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A jobs folder, and a Python that finds the fake command line through ``sitecustomize``."""
    site = tmp_path / "site"
    site.mkdir()
    # Patched at start-up of the worker, before it imports the command line's ``run``.
    (site / "sitecustomize.py").write_text(textwrap.dedent(FAKE_CLI), encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(site), str(Path(__file__).parents[2])]))
    return tmp_path / "home" / "jobs"


def begin(jobs: Path, out: Path, *command: str, action: str = "score") -> Job:
    out.mkdir(exist_ok=True, parents=True)
    request = Request(action, "Score", ((command[0], str(out), *command[1:]),), str(out), book="Accounts.xlsx")
    return start_job(prepare_job(request, jobs))


def wait_until(happens: Callable[[], bool], job: Job) -> None:
    """Wait for what a job must come to; one that ended before it is told, and not waited for."""
    while not happens():
        assert not job.status().ended, job.status().line()
        time.sleep(0.02)


def test_a_job_starts_reports_progress_and_ends_with_its_reports(jobs: Path, tmp_path: Path) -> None:
    job = begin(jobs, tmp_path / "out", "count", "60")
    seen: list[Status] = []
    while not (status := job.status()).ended:
        seen.append(status)
        time.sleep(0.02)
    assert status.state == "succeeded"
    counted = [item.done for item in seen if item.stage == "Counting"]
    assert counted == sorted(counted) and len(set(counted)) > 1
    result = job.result()
    assert result is not None and result.code == 0 and len(result.run_ids) == 1
    assert [Path(name).name for name in result.reports] == ["report.xlsx"], "copies for others are not brought in"
    state, line = (job.folder / TEXT_FILE).read_text(encoding="ascii").splitlines()
    assert (state, line) == ("succeeded", "ICP Score succeeded: the result is ready")


def test_cancel_is_obeyed_and_leaves_earlier_results(jobs: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert begin(jobs, out, "count", "1").wait(600).state == "succeeded"
    earlier = (out / "report.xlsx").read_text()
    job = begin(jobs, out, "count", "3000")
    wait_until(lambda: job.status().stage == "Counting", job)
    job.cancel()
    assert job.wait(600).state == "cancelled"
    assert (out / "report.xlsx").read_text() == earlier
    assert not (out / ".icp_staging").exists()
    assert [item.id for item in running_jobs(jobs)] == []


def test_a_job_that_cannot_listen_is_ended_and_what_it_staged_is_dropped(jobs: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    job = begin(jobs, out, "deaf")
    wait_until((out / "deaf").exists, job)
    job.cancel()
    assert job.wait(600).state == "cancelled"
    while job.alive():
        time.sleep(0.02)
    assert not (out / "report.xlsx").exists()
    assert begin(jobs, out, "count", "1").wait(600).state == "succeeded"
    assert not (out / ".icp_staging").exists()


def test_an_error_is_told_in_its_own_words(jobs: Path, tmp_path: Path) -> None:
    job = begin(jobs, tmp_path / "out", "fail")
    assert job.wait(600).state == "failed"
    result = job.result()
    assert result is not None
    assert result.message == "a column is missing (got: nothing). Add it."
    assert "Traceback" not in job.log_tail()


def test_a_crash_says_so_with_its_log(jobs: Path, tmp_path: Path) -> None:
    job = begin(jobs, tmp_path / "out", "explode")
    assert job.wait(600).state == "crashed"
    assert "RuntimeError: boom" in job.log_tail()
    assert "log.txt" in job.status().line()


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
def test_a_process_that_is_killed_is_known_to_be_dead(jobs: Path, tmp_path: Path) -> None:
    job = begin(jobs, tmp_path / "out", "count", "3000")
    wait_until(lambda: job.status().stage == "Counting", job)
    pid = job.status().pid
    assert pid != os.getpid()
    os.kill(pid, signal.SIGKILL)
    status = job.wait(600)
    assert status.state == "crashed" and job.result() is None
    assert status.line().startswith("ICP Score crashed")


def test_a_result_waits_for_excel_to_come_back(jobs: Path, tmp_path: Path) -> None:
    job = begin(jobs, tmp_path / "out", "count", "1")
    job.wait(600)
    # Another process, that knows nothing but the folder, finds it.
    again = waiting_jobs(jobs)
    assert [item.id for item in again] == [job.id] and again[0].request == job.request
    assert again[0].request.book == "Accounts.xlsx"
    (again[0].folder / "inputs" / "copy.xlsx").write_text("x")
    again[0].mark_delivered()
    assert waiting_jobs(jobs) == [] and not (again[0].folder / "inputs").exists()
    os.utime(job.folder / STATUS_FILE, (0, 0))
    assert remove_old_jobs(1, jobs) == 1 and list_jobs(jobs) == []


def test_two_jobs_run_side_by_side_or_one_after_the_other(jobs: Path, tmp_path: Path) -> None:
    first = begin(jobs, tmp_path / "a", "count", "100")
    second = begin(jobs, tmp_path / "a", "count", "1", action="optimize")
    other = begin(jobs, tmp_path / "b", "count", "1")
    assert len({first.id, second.id, other.id}) == 3
    assert other.wait(600).state == "succeeded"
    assert first.wait(600).state == "succeeded" and second.wait(600).state == "succeeded"
    lines = [json.loads(line) for line in (tmp_path / "a/runs/runs.jsonl").read_text().splitlines()]
    assert [line["status"] for line in lines] == ["succeeded", "succeeded"]


def test_a_job_that_waits_can_be_cancelled(jobs: Path, tmp_path: Path) -> None:
    first = begin(jobs, tmp_path / "a", "count", "3000")
    wait_until(lambda: first.status().state == "running", first)
    second = begin(jobs, tmp_path / "a", "count", "1")
    wait_until(lambda: second.status().state == "waiting", second)
    second.cancel()
    assert second.wait(600).state == "cancelled"
    first.cancel()
    assert first.wait(600).state == "cancelled"


def test_commands_stop_at_the_first_that_fails(jobs: Path, tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    request = Request("train", "Train", (("count", out, "1"), ("fail", out), ("count", out, "1")), out)
    job = start_job(prepare_job(request, jobs))
    assert job.wait(600).state == "failed"
    assert len((tmp_path / "out/runs/runs.jsonl").read_text().splitlines()) == 2


def test_a_missing_python_is_told_at_once(jobs: Path, tmp_path: Path) -> None:
    request = Request("score", "Score", (), str(tmp_path))
    with pytest.raises(DeliveryError, match="cannot be started"):
        start_job(prepare_job(request, jobs), python=str(tmp_path / "no-python"))
    assert waiting_jobs(jobs)[0].status().state == "failed"


def test_a_damaged_job_folder_is_passed_over(jobs: Path) -> None:
    folder = jobs / "x"
    folder.mkdir(parents=True)
    (folder / REQUEST_FILE).write_text("{")
    assert list_jobs(jobs) == []
    with pytest.raises(DataError, match="no such background job"):
        open_job(folder)


def test_a_process_that_never_spoke_is_given_time_and_then_called_crashed(jobs: Path, tmp_path: Path) -> None:
    job = prepare_job(Request("score", "Score", (), str(tmp_path)), jobs)
    write_status(job.folder, Status("starting", "Score", updated=time.time()))
    assert job.status().state == "starting"
    write_status(job.folder, Status("starting", "Score", updated=time.time() - 3600))
    assert job.status().state == "crashed"
    assert (job.folder / LOCK_FILE).exists() or True


def test_status_files_are_whole_at_every_moment(tmp_path: Path) -> None:
    write_status(tmp_path, Status("running", "Förderung", "Länge", 1, 2))
    progress = StatusProgress(tmp_path, every=0.0)
    progress.stage("Zählen", 500)
    for n in range(500):
        progress.advance()
        status = read_status(tmp_path)
        assert status is not None and status.done == n + 1 and status.label == "Förderung"
    text = (tmp_path / TEXT_FILE).read_bytes().decode("ascii")
    assert text == "running\nICP F?rderung: Z?hlen 100% (500 of 500)\n"
    assert not progress.cancelled()
    (tmp_path / "cancel").touch()
    time.sleep(0.11)
    assert progress.cancelled()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cancel", STATUS_FILE, TEXT_FILE]

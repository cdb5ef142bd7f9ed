"""The study: complete, resumed after a kill, shared by processes, cancelled, and the same every time."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest

from icp_xl.config import Settings, load_settings
from icp_xl.progress import RecordingProgress
from icp_xl.weight_search.objective import Objective
from icp_xl.weight_search.problem import build_problem
from icp_xl.weight_search.simplex import UNITS
from icp_xl.weight_search.storage import TrialStore
from icp_xl.weight_search.study import StudyResult, run_study, study_name

from tests.support.weights import make_scored  # isort: skip

ROOT = Path(__file__).resolve().parents[2]
TRIALS = 160


def _settings(**overrides: object) -> Settings:
    return load_settings(environ={}, overrides={"optimize.n_trials": TRIALS, "optimize.tpe_trials": 40, **overrides})


def _run(where: str | Path, progress: RecordingProgress | None = None, **overrides: object) -> StudyResult:
    settings = _settings(**overrides)
    objective = Objective(build_problem(make_scored(1600), settings))
    return run_study(objective, settings.optimize, TrialStore(where), progress)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> StudyResult:
    return _run(tmp_path_factory.mktemp("study") / "whole.journal")


def test_the_study_is_a_real_one_and_holds_what_it_says(whole: StudyResult, tmp_path: Path) -> None:
    path = tmp_path / "a.journal"
    result = _run(path)
    backend = optuna.storages.journal.JournalFileBackend(str(path))
    study = optuna.load_study(study_name=result.name, storage=optuna.storages.JournalStorage(backend))
    assert len(study.trials) == TRIALS == len(result.outcomes)
    assert [trial.number for trial in study.trials] == list(range(TRIALS))
    assert study.best_value == pytest.approx(result.value.objective(0.25), abs=1e-15)
    assert {trial.state.name for trial in study.trials} == {"COMPLETE", "PRUNED"}
    for trial in study.trials:
        assert sum(round(share * UNITS) for share in trial.params.values()) == UNITS
        assert all(0.15 <= share <= 0.5 for share in trial.params.values())
        assert trial.intermediate_values
    assert repr(result.outcomes) == repr(whole.outcomes)  # the same seed, in another file
    assert optuna.importance.get_param_importances(study)  # Optuna's own tools work on it


def test_cancel_keeps_the_best_and_the_study_goes_on(whole: StudyResult, tmp_path: Path) -> None:
    progress = RecordingProgress(cancel_after=150)
    part = _run(tmp_path / "a.journal", progress)
    assert not part.complete and 0 < len(part.outcomes) < TRIALS
    assert any("best so far" in note for note in progress.notes)
    rest = _run(tmp_path / "a.journal")
    assert rest.complete and repr(rest.outcomes) == repr(whole.outcomes)


def test_a_cancel_at_any_moment_loses_nothing(whole: StudyResult, tmp_path: Path) -> None:
    for calls in (1, 12, 55, 90, 140):
        path = tmp_path / f"{calls}.journal"
        _run(path, RecordingProgress(cancel_after=calls))
        assert repr(_run(path).outcomes) == repr(whole.outcomes)


def test_a_torn_last_line_does_not_spoil_the_study(whole: StudyResult, tmp_path: Path) -> None:
    path = tmp_path / "a.journal"
    _run(path)
    content = path.read_bytes()
    lines = content.splitlines(keepends=True)
    for cut in (len(lines[0]) + 10, len(content) // 3, 2 * len(content) // 3, len(content) - 5):
        path.write_bytes(content[:cut])
        again = _run(path)
        assert repr(again.outcomes) == repr(whole.outcomes)


SCRIPT = (
    "import sys; sys.path.insert(0, sys.argv[2]); from tests.support.weights import run_small; run_small(sys.argv[1])"
)


def test_a_killed_study_resumes_to_the_same_optimum(whole: StudyResult, tmp_path: Path) -> None:
    path = tmp_path / "a.journal"
    process = subprocess.Popen([sys.executable, "-c", SCRIPT, str(path), str(ROOT)], cwd=ROOT)
    deadline = time.monotonic() + 1200
    while time.monotonic() < deadline and not (path.exists() and path.stat().st_size > 60_000):
        time.sleep(0.002)
    os.kill(process.pid, signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
    process.wait()
    again = _run(path)
    assert repr(again.outcomes) == repr(whole.outcomes)


def _worker(where: str) -> None:
    _run(where)


def _opener(where: str, barrier: Any) -> None:
    barrier.wait(1200)
    TrialStore(where).study("one")


def test_processes_that_start_together_on_a_new_database_make_one_study(tmp_path: Path) -> None:
    where = f"sqlite:///{tmp_path / 'a.db'}"
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(4)
    workers = [context.Process(target=_opener, args=(where, barrier)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(1200)
    assert [worker.exitcode for worker in workers] == [0] * 4
    assert optuna.get_all_study_names(where) == ["one"]


@pytest.mark.parametrize("kind", ["journal", "database"])
def test_two_processes_make_one_consistent_study(whole: StudyResult, tmp_path: Path, kind: str) -> None:
    where = str(tmp_path / "a.journal") if kind == "journal" else f"sqlite:///{tmp_path / 'a.db'}"
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_worker, args=(where,)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(1200)
    assert [worker.exitcode for worker in workers] == [0, 0]
    result = _run(where)
    study = TrialStore(where).study(result.name)
    assert [trial.number for trial in study.trials] == list(range(TRIALS))
    assert repr(result.outcomes) == repr(whole.outcomes)
    places = [(trial.user_attrs["block"], trial.user_attrs["at"]) for trial in study.trials]
    assert len(set(places)) == TRIALS


def test_the_database_lock_works_where_files_do_not_reach(tmp_path: Path) -> None:
    store = TrialStore(f"sqlite:///{tmp_path / 'a.db'}")
    store._lock_file = None  # as for a database on another machine
    with store.exclusive("study"):
        assert "study.lock" in optuna.get_all_study_names(store.storage)
    assert "study.lock" not in optuna.get_all_study_names(store.storage)


def test_other_inputs_have_another_study() -> None:
    names = set()
    for overrides in ({}, {"optimize.lambda_param": 0.5}, {"run.seed": 7}, {"optimize.include_size": False}):
        settings = _settings(**overrides)
        names.add(study_name(Objective(build_problem(make_scored(100), settings)), settings.optimize))
    assert len(names) == 4


def test_small_and_narrow_studies_fill(tmp_path: Path) -> None:
    small = _run(tmp_path / "a.journal", **{"optimize.n_trials": 10})
    assert len(small.outcomes) == 10 and small.complete
    narrow = _run(tmp_path / "b.journal", **{"optimize.minimum": 0.249, "optimize.maximum": 0.251})
    assert narrow.complete and np.abs(narrow.best - 2500).max() <= 10


def test_optuna_stays_as_loud_as_it_was(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    before = optuna.logging.get_verbosity()
    _run(tmp_path / "a.journal", **{"optimize.n_trials": 20})
    assert optuna.logging.get_verbosity() == before
    assert capfd.readouterr().err == ""

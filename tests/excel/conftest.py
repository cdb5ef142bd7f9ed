"""Fixtures of the Excel tests: a home of one's own, an application over files, and the self-test on a stand-in."""

from __future__ import annotations

import os
import shutil
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import openpyxl
import pytest

from icp_xl.excel.selftest.bench import Bench, own_home
from icp_xl.excel.selftest.result import SelfTest
from icp_xl.excel.selftest.run import run_selftest
from tests.support import office_engine
from tests.support.selftest_excel import StandIn
from tests.support.udf_server import function_server

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's folder of one's own; no result of another place is shown."""
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("ICP_XL_HOME", str(folder))
    monkeypatch.delenv("ICP_XL__PATHS__OUT", raising=False)
    return folder


@pytest.fixture
def engine() -> ModuleType:
    """The xlwings engine over openpyxl."""
    return office_engine


@pytest.fixture
def app(engine: ModuleType) -> Iterator[Any]:
    """An application without a workbook."""
    found = engine.new_app()
    yield found
    found.quit()


#: In place of the real command line: a job publishes what a scored folder holds, or takes its time.
FAKE_CLI = """
import os, shutil, time
from pathlib import Path
import icp_xl.cli as cli
from icp_xl.cli._run import guarded, progress_bar
from icp_xl.config import load_settings
from icp_xl.runs import start_run

def run(arguments):
    out = next(item.split("=", 1)[1].strip('"') for item in arguments if item.startswith("paths.out="))
    def call():
        settings = load_settings(environ={}, overrides={"paths.out": out})
        with progress_bar(False) as progress, start_run(arguments[0], settings, progress=progress) as run:
            if arguments[0] == "optimize":
                for _ in progress.track(range(3000), "Trying"):
                    time.sleep(0.02)
            for name in ("icp_report.xlsx", "score_model.json", "state/scored_accounts.parquet"):
                shutil.copyfile(Path(os.environ["SCORED"]) / name, run.outputs.path(name))
    return guarded(call)
cli.run = run
"""


@pytest.fixture(scope="module")
def office() -> Iterator[tuple[ModuleType, Any]]:
    with function_server() as server:
        yield office_engine, server


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Invented data, scored once for all tests."""
    folder = tmp_path_factory.mktemp("prepared")
    with own_home(folder / "home"):
        Bench(folder, cast(Any, None), accounts=40, lines=300).prepare()
    # What jobs publish here: the scores, and a report of one sheet.
    shutil.copytree(folder / "A" / "icp_output", folder / "published")
    report = openpyxl.Workbook()
    report.save(folder / "published" / "icp_report.xlsx")
    return folder


@pytest.fixture
def start(
    tmp_path: Path, prepared: Path, office: Any, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[SelfTest, StandIn]]:
    """Run the self-test on the stand-in, with ``plant`` put into each Excel."""
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(textwrap.dedent(FAKE_CLI), encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(site), str(ROOT)]))
    monkeypatch.setenv("SCORED", str(prepared / "published"))
    monkeypatch.setattr(
        Bench, "prepare", lambda self: [shutil.copytree(prepared / name, self.folder / name) for name in "ABC"]
    )

    def call(*only: str, plant: Any = lambda excel: None, **given: Any) -> tuple[SelfTest, StandIn]:
        launcher = given.pop("launcher", None) or StandIn(*office, plant=plant)
        found = run_selftest(tmp_path / "sent", only=only, launcher=launcher, grace=0.2, **given)
        assert all(not excel.alive() for excel in launcher.started), "every Excel that was started is ended"
        return found, launcher

    call.office = office  # type: ignore[attr-defined]
    return call

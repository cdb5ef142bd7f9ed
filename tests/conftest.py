"""Fixtures that every test may use, and the rule that no test is skipped unnoticed."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

if TYPE_CHECKING:
    import pandas as pd

    from icp_xl.scoring.model import ScoreModel

# A busy machine generates inputs slowly; that is nothing that a test may fail of.
hypothesis.settings.register_profile("suite", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("suite")

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("ICP_XL_SHARED", ROOT.parent / "shared"))
#: One regular expression a line: reasons for which a test may skip where CI is set.
EXPECTED_SKIPS = Path(__file__).with_name("expected_skips.txt")
#: Helpers and benchmarks hold no tests; some helpers run only inside LibreOffice's own Python.
collect_ignore_glob = ["support/*", "benchmarks/*"]
_unexpected: list[str] = []


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Published data files beside the project; a test that needs them skips, and says so, where they are absent."""
    folder = SHARED / "data"
    if not folder.is_dir():
        pytest.skip("published data files not found beside the project")
    return folder


@pytest.fixture(scope="session")
def soffice() -> str:
    """LibreOffice's program; a test that needs it skips, and says so, where it is not installed."""
    program = shutil.which("soffice")
    if program is None:
        pytest.skip("LibreOffice (soffice) is not installed")
    return program


@pytest.fixture(scope="session")
def sample_scores(tmp_path_factory: pytest.TempPathFactory) -> tuple[ScoreModel, pd.DataFrame]:
    """The model and every scored account of the sample workbooks."""
    from icp_xl.artifacts import SCORED_ACCOUNTS
    from icp_xl.cli import run
    from icp_xl.scoring.model import FILE, ScoreModel

    out = tmp_path_factory.mktemp("sample") / "out"
    options = ["--quiet", "--set", "reports.live=false", "--data", str(ROOT / "workbooks"), "--out", str(out)]
    assert run(["score", *options]) == 0
    return ScoreModel.load(out / FILE), SCORED_ACCOUNTS.read(SCORED_ACCOUNTS.find(out))


@pytest.fixture(scope="session", autouse=True)
def _a_folder_of_the_user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Tests, and the programs that they start, leave nothing in the folder of whoever runs them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ICP_XL_HOME", str(tmp_path_factory.mktemp("user")))
        yield


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Tests see no settings of the machine they run on."""
    for name in list(os.environ):
        if name.upper().startswith("ICP_XL__") or name == "SOURCE_DATE_EPOCH":
            monkeypatch.delenv(name)
    yield


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Remember every skip whose reason is not on the list."""
    if report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        lines = EXPECTED_SKIPS.read_text(encoding="utf-8").splitlines()
        allowed = [line for line in lines if line.strip() and not line.startswith("#")]
        if not any(re.search(pattern, reason) for pattern in allowed):
            _unexpected.append(f"{report.nodeid}: {reason}")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """On CI an unexpected skip is a failure: nothing may stop being tested unnoticed."""
    if _unexpected and os.environ.get("CI") and not hasattr(session.config, "workerinput"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name the unexpected skips."""
    if _unexpected and os.environ.get("CI"):
        terminalreporter.section("skips that were not expected here")
        for line in _unexpected:
            terminalreporter.write_line(line)

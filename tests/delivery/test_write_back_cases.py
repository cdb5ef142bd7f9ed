"""What users did to their workbooks, and what must hold afterwards: every case of the shared folder, read in place."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

CASES = Path(__file__).parents[3] / "shared" / "cases"
FOLDER = CASES / "write_back"
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the shared cases are not here")


def _cases() -> list[dict[str, Any]]:
    found = FOLDER / "expected.yaml"
    return list(yaml.safe_load(found.read_text(encoding="utf-8"))["cases"]) if found.is_file() else []


@pytest.fixture(scope="module")
def checker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("write_back_check", CASES / "check.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def store(checker: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("scored")
    checker.results(FOLDER, made)
    return made


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", _cases(), ids=lambda case: str(case["name"]))
def test_what_a_user_did_comes_out_as_he_expects(case: dict[str, Any], checker: ModuleType, store: Path) -> None:
    failed, code, said = checker.run_case(case, FOLDER, store)
    assert not failed, f"exit code {code}; {said[:600]}"

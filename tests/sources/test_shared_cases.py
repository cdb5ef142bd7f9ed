"""Every case beside the project, run in place by its own checking program."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import SHARED

CASES = SHARED / "cases"
FOLDER = CASES / "sources"


def _cases() -> list[dict[str, Any]]:
    path = FOLDER / "expected.yaml"
    return yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else []


def _checker() -> Any:
    spec = importlib.util.spec_from_file_location("check_sources", CASES / "check_sources.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", _cases(), ids=lambda case: case["name"])
def test_a_case_gives_its_figures_and_says_what_must_be_said(
    case: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    folder = FOLDER / case["name"]
    monkeypatch.chdir(folder)
    assert _checker().faults(case, folder) == []

"""Fixtures of the Excel tests: a home of one's own, and an application over files."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


def load_support(name: str) -> ModuleType:
    """A module of ``tests/support``, which is no package."""
    full = f"support_{name}"
    if full not in sys.modules:
        path = Path(__file__).parents[1] / "support" / f"{name}.py"
        spec = importlib.util.spec_from_file_location(full, path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[full] = module
        spec.loader.exec_module(module)
    return sys.modules[full]


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
    return load_support("office_engine")


@pytest.fixture
def app(engine: ModuleType) -> Iterator[Any]:
    """An application without a workbook."""
    found = engine.new_app()
    yield found
    found.quit()

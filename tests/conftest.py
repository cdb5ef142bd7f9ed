"""Fixtures that every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

SHARED = Path(os.environ.get("ICP_XL_SHARED", Path(__file__).resolve().parents[2] / "shared"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Published data files beside the project; a test that needs them skips, and says so, where they are absent."""
    folder = SHARED / "data"
    if not folder.is_dir():
        pytest.skip(f"published data not found at ../{folder.parent.name}/data")
    return folder

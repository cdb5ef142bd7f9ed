"""What several modules of this folder work on copies of."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.whitespace_output import make_output


@pytest.fixture(scope="session")
def whitespace_output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``books`` and ``out`` as ``build`` and ``train`` leave it; nothing in it may be changed."""
    folder = tmp_path_factory.mktemp("whitespace")
    make_output(folder)
    return folder

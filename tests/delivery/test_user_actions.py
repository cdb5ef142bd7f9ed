"""Whatever people do between two runs, nothing of theirs changes: sequences at random (500 in tests/benchmarks)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.donors import make_donor
from tests.support.user_actions import play


@pytest.fixture(scope="module")
def donors(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("donors")
    return [make_donor(folder / f"donor_{n}.xlsx", generation=n, accounts=8) for n in (1, 2)]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("seed", range(24))
def test_no_cell_of_the_user_changes(seed: int, donors: list[Path], tmp_path: Path) -> None:
    assert list(play(seed, tmp_path, donors))


@pytest.mark.office
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("seed", range(1000, 1002))
def test_nor_where_libreoffice_has_saved_it(seed: int, donors: list[Path], tmp_path: Path, soffice: str) -> None:
    assert list(play(seed, tmp_path, donors, office=True))

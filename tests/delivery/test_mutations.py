"""A sample of damaged workbooks; ``tests/benchmarks/mutations.py --full`` tries 10,000."""

from __future__ import annotations

import sys
import zlib
from pathlib import Path

import pytest

from tests.support.donors import make_donor
from tests.support.mutants import MUTATORS, mutant
from tests.support.mutation_trial import SECONDS, try_mutant

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="not on Windows: it has no alarm")


def test_damaged_workbooks_are_written_or_refused_and_never_crash(shared_data: Path, tmp_path: Path) -> None:
    books = sorted(p for p in (shared_data / "workbooks").iterdir() if p.is_file() and p.stat().st_size < 60_000)
    donor = make_donor(tmp_path / "donor.xlsx")
    refused = 0
    for seed in range(100):
        how, content = mutant(books[seed * 7 % len(books)].read_bytes(), 20_000 + seed)
        trial = try_mutant(content, donor, tmp_path)
        assert not trial.crash, f"seed {20_000 + seed}, {how}: {trial.crash}"
        assert trial.seconds < SECONDS
        refused += bool(trial.refused)
    assert 20 < refused < 100


def test_a_seed_gives_the_same_mutant() -> None:
    from tests.support.planted import clean_parts

    content = b"PK" + b"".join(clean_parts().values())
    assert mutant(content, 5) == mutant(content, 5)
    assert len({name for name, _ in MUTATORS}) >= 15


def test_data_behind_the_end_of_a_part_do_not_hang_the_reader(tmp_path: Path) -> None:
    from icp_xl.opc.archive import _inflated

    deflate = zlib.compressobj(6, zlib.DEFLATED, -15)
    packed = deflate.compress(b"part" * 1000) + deflate.flush()
    for tail in (b"x", b"x" * 100, packed):
        assert b"".join(_inflated([packed + tail, tail], 8, "book", "part")) == b"part" * 1000

"""Damaged workbooks: no crash without an error of ours, none over 30 seconds or 1 GB, none changed when refused.

python tests/benchmarks/mutations.py --full           10,000 mutants of the published workbooks
python tests/benchmarks/mutations.py --count 500      fewer; --start N begins at another seed
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.support.donors import make_donor
from tests.support.mutants import mutant
from tests.support.mutation_trial import try_mutant

BOOKS = Path(__file__).resolve().parents[3] / "shared" / "data" / "workbooks"
LIMIT = 1 << 30


def main() -> int:
    """Try the mutants; print how many were refused and why, and every crash; 1 when there is one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--books", type=Path, default=BOOKS)
    chosen = parser.parse_args()
    count = 10_000 if chosen.full else chosen.count
    books = sorted(path for path in chosen.books.iterdir() if path.is_file() and path.stat().st_size < 300_000)
    reasons: Counter[str] = Counter()
    crashes, slowest = 0, (0.0, "")
    with tempfile.TemporaryDirectory() as folder:
        donor = make_donor(Path(folder) / "donor.xlsx")
        resource.setrlimit(resource.RLIMIT_AS, (_address_space() + LIMIT, resource.RLIM_INFINITY))
        for seed in range(chosen.start, chosen.start + count):
            book = books[seed % len(books)]
            how, content = mutant(book.read_bytes(), seed)
            trial = try_mutant(content, donor, Path(folder))
            reasons[trial.refused or "written"] += 1
            slowest = max(slowest, (trial.seconds, f"{book.name} seed {seed} {how}"))
            if trial.crash:
                crashes += 1
                print(f"seed {seed} {book.name} {how}: {trial.crash}", flush=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{count:,} mutants of {len(books)} workbooks: {crashes} crashes; slowest {slowest[0]:.1f} s ({slowest[1]}); "
          f"peak memory {peak:,.0f} MB")  # fmt: skip
    print(", ".join(f"{reason} {n:,}" for reason, n in reasons.most_common(25)))
    return int(crashes > 0)


def _address_space() -> int:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmSize:"):
            return int(line.split()[1]) * 1024
    return LIMIT


if __name__ == "__main__":
    sys.exit(main())

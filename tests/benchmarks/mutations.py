"""Damaged workbooks: no crash without an error of ours, none over 30 seconds or 1 GB, none changed when refused.

python tests/benchmarks/mutations.py --full           10,000 mutants of the published workbooks
python tests/benchmarks/mutations.py --count 500      fewer; --start N begins at another seed

They are tried in processes of their own, 250 in each, so that one that brings its process down is counted and named.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.support.donors import make_donor
from tests.support.mutants import mutant
from tests.support.mutation_trial import try_mutant

BOOKS = Path(__file__).resolve().parents[3] / "shared" / "data" / "workbooks"
LIMIT = 1 << 30
CHUNK = 250
NOTHING: dict[str, Any] = {"reasons": {}, "crashes": 0, "slowest": (0.0, ""), "peak": 0.0}


def main() -> int:
    """Try the mutants; print how many were refused and why, and every crash; 1 when there is one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--books", type=Path, default=BOOKS)
    chosen = parser.parse_args()
    end = chosen.start + (10_000 if chosen.full else chosen.count)
    reasons: Counter[str] = Counter()
    crashes, peak, slowest = 0, 0.0, (0.0, "")
    for start in range(chosen.start, end, CHUNK):
        found = in_own_process(chosen.books, start, min(CHUNK, end - start))
        reasons.update(found["reasons"])
        crashes += found["crashes"]
        peak, slowest = max(peak, found["peak"]), max(slowest, tuple(found["slowest"]))
        print(f"seeds to {min(start + CHUNK, end):,}: {crashes} crashes, {peak:,.0f} MB", file=sys.stderr, flush=True)
    print(f"{end - chosen.start:,} mutants: {crashes} crashes; slowest {slowest[0]:.1f} s ({slowest[1]}); "
          f"peak memory {peak:,.0f} MB")  # fmt: skip
    print(", ".join(f"{reason} {n:,}" for reason, n in reasons.most_common(25)))
    return int(crashes > 0)


def in_own_process(books: Path, start: int, count: int) -> dict[str, Any]:
    """Try ``count`` mutants from the seed ``start``; where their process ends by itself, the seed that did it."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=chunk, args=(books, start, count, theirs))
    process.start()
    theirs.close()
    seed = start
    try:
        while True:
            told = ours.recv()
            if isinstance(told, dict):
                return told
            seed = told
    except EOFError:
        process.join()
        print(f"seed {seed}: the process ended with {process.exitcode}", flush=True)
        rest = in_own_process(books, seed + 1, start + count - seed - 1) if seed + 1 < start + count else NOTHING
        return {**rest, "crashes": rest["crashes"] + 1}


def chunk(folder: Path, start: int, count: int, answer: Any) -> None:
    """Try mutants in this process, telling each seed before it, and what came of all at the end."""
    books = sorted(path for path in folder.iterdir() if path.is_file() and path.stat().st_size < 300_000)
    reasons: Counter[str] = Counter()
    crashes, slowest = 0, (0.0, "")
    with tempfile.TemporaryDirectory() as name:
        donor = make_donor(Path(name) / "donor.xlsx")
        resource.setrlimit(resource.RLIMIT_AS, (_address_space() + LIMIT, resource.RLIM_INFINITY))
        for seed in range(start, start + count):
            answer.send(seed)
            book = books[seed % len(books)]
            how, content = mutant(book.read_bytes(), seed)
            trial = try_mutant(content, donor, Path(name))
            reasons[trial.refused or "written"] += 1
            slowest = max(slowest, (trial.seconds, f"{book.name} seed {seed} {how}"))
            if trial.crash:
                crashes += 1
                print(f"seed {seed} {book.name} {how}: {trial.crash}", flush=True)
    peaks = [resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    answer.send({"reasons": reasons, "crashes": crashes, "slowest": slowest, "peak": max(peaks) / 1024})


def _address_space() -> int:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmSize:"):
            return int(line.split()[1]) * 1024
    return LIMIT


if __name__ == "__main__":
    sys.exit(main())

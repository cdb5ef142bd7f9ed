"""500 random sequences of what people do between two runs: how many changed a cell that was the user's.

Run: python tests/benchmarks/user_actions.py [--sequences 500] [--office 20] [--first 0]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.support.donors import make_donor  # noqa: E402
from tests.support.user_actions import play  # noqa: E402

warnings.simplefilter("ignore")


def main() -> int:
    """Play them; the exit code says whether any failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sequences", type=int, default=500)
    parser.add_argument("--office", type=int, default=20, help="how many of them LibreOffice takes part in")
    parser.add_argument("--first", type=int, default=0, help="seed of the first one")
    chosen = parser.parse_args()
    failed, started = 0, time.perf_counter()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        donors = [make_donor(folder / f"donor_{n}.xlsx", generation=n, accounts=8) for n in (1, 2)]
        for seed in range(chosen.first, chosen.first + chosen.sequences):
            place = folder / str(seed)
            place.mkdir()
            try:
                list(play(seed, place, donors, office=seed < chosen.first + chosen.office))
            except Exception as error:
                failed += 1
                print(f"seed {seed}: {type(error).__name__}: {str(error)[:700]}", flush=True)
    print(f"{chosen.sequences} sequences, {failed} failures, {time.perf_counter() - started:,.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

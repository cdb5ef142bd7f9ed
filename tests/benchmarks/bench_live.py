"""Size, recalculation and equality of the live workbook: ``python tests/benchmarks/bench_live.py 1500 20000``.

For each number of accounts: writes the workbook, lets LibreOffice recalculate it for every grade mix with every
segment under random weights (``--steps`` for fewer), compares all it computes with the library, and tells the file's
size and the fastest of five recalculations, in seconds and in CPU seconds of the office (which a busy machine inflates
less). Takes minutes at 20,000.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.support.live_books import check, make_live, render_live, steps


def main() -> None:
    """Print the figures of each size."""
    parser = argparse.ArgumentParser()
    parser.add_argument("sizes", nargs="*", type=int, default=[1500])
    parser.add_argument("--steps", type=int)
    parser.add_argument("--repeat", type=int, default=5)
    given = parser.parse_args()
    for size in given.sizes:
        with tempfile.TemporaryDirectory() as folder:
            # One more account than asked makes some stand exactly where a grade begins; a quarter are copies of five.
            live = render_live(make_live(size + 1, twins=size // 4), Path(folder) / "live.xlsx")
            made = steps(live, given.steps)
            answers = check(live, made, given.repeat)
            moved = answers[1:] or answers
            figures = {
                "a hard recalculation": [(a.seconds, a.cpu) for a in answers],
                "marking what hangs on the weights, when they are set": [
                    (a.marking_seconds, a.marking_cpu) for a in moved
                ],
                "recalculating what was marked": [(a.change_seconds, a.change_cpu) for a in moved],
                "both, all that a reader waits for": [
                    (a.marking_seconds + a.change_seconds, a.marking_cpu + a.change_cpu) for a in moved
                ],
            }
            megabytes = live.path.stat().st_size / 1e6
            sys.stdout.write(f"{size + 1:,} accounts: {megabytes:.2f} MB, {len(made)} settings equal the library\n")
            for words, times in figures.items():
                seconds, cpu = (min(each) for each in zip(*times, strict=True))
                sys.stdout.write(f"  {words}: {seconds:.2f} s, {cpu:.2f} CPU s\n")


if __name__ == "__main__":
    main()

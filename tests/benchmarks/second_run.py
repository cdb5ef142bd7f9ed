"""What a second ``icp-xl run`` costs beside the first, and whether its outputs are those of a full run.

    python -m tests.benchmarks.second_run                   the sample workbooks: CPU seconds of runs
    python -m tests.benchmarks.second_run --thin            the same with settings that train less
    python -m tests.benchmarks.second_run --changes N SEED  a small world: N random changes, each against a full run

The first runs everything on the sample workbooks with the settings as they are given, under a fixed clock, runs it
again with nothing changed, then with one changed opportunity, with the amount of one line of the newest month changed,
that against ``--fresh`` on a copy, byte by byte, and with one in the middle of the log. The last draws changed cells
and lines, settings, weights, days, deleted sources, deleted and torn outputs, words typed into reports, and other
versions of the program.
"""

from __future__ import annotations

import random
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.support.changes import change_cell, change_line, differences, draw, make, outputs, run  # noqa: E402
from tests.support.whole_world import load_all  # noqa: E402

if "--help" in sys.argv:
    print(__doc__)
    sys.exit()


#: What ``icp-xl demo`` trains with, near enough.
THIN = """
train: {tree_seeds: 1, logreg: [{c: 0.02}], bootstrap: 100, cutoffs: [2023-07-01, 2024-01-01, 2024-07-01]}
validation: {bootstrap: 100}
optimize: {n_trials: 1000, bootstrap: 100}
feedback: {permutations: 499}
share: {with_run: true}
"""


def figures(folder: Path, settings: str) -> None:
    """Print CPU seconds of the first run and of later ones."""
    world = folder / "world"
    make(world, accounts=1500, lines=40_000)
    (world / "icp_xl.yaml").write_text("paths: {data: data, out: out}\n" + settings, encoding="utf-8")
    first = run(world)
    print(f"{'full run':28}{first.seconds:7.1f} CPU s")
    chance = random.Random(1)
    changes: dict[str, Callable[[], None]] = {
        "nothing changed": lambda: None,
        "one opportunity changed": lambda: change_cell(next((world / "data").glob("Opp*")), chance),
        "one new sales line changed": lambda: change_line(next((world / "data").glob("*Sales Log*")), 0.999),
        "one old sales line changed": lambda: change_line(next((world / "data").glob("*Sales Log*")), 0.5),
    }
    before, compared = outputs(world), "one new sales line changed"
    for name, change in changes.items():
        change()
        if name == compared:
            ended, wrong = differences(world, folder / "copy", (), lambda: None)
        else:
            ended = run(world)
            wrong = [] if name != "nothing changed" or outputs(world) == before else ["the outputs of the first run"]
        told = (
            f"DIFFERENT: {', '.join(wrong[:5])}"
            if wrong
            else "the same bytes"
            if name in (compared, "nothing changed")
            else ""
        )
        print(f"{name:28}{ended.seconds:7.1f} CPU s {ended.seconds / first.seconds:6.0%}   {told}", flush=True)


def sequence(folder: Path, count: int, seed: int) -> None:
    """Print each change, its cost, and what differs from a full run."""
    world, chance, bad = folder / "world", random.Random(seed), 0
    make(world)
    print(f"full run {run(world).seconds:.1f} CPU s")
    for _ in range(count):
        name, options, before = draw(world, chance)
        ended, wrong = differences(world, folder / "copy", options, before)
        bad += bool(wrong)
        print(f"{name:45} {ended.code} {ended.seconds:6.1f} CPU s  {'; '.join(wrong[:6]) or 'same'}", flush=True)
    print(f"{count} changes, {bad} with other outputs than a full run")


if __name__ == "__main__":
    load_all()
    with tempfile.TemporaryDirectory() as held:
        if "--changes" in sys.argv:
            at = sys.argv.index("--changes")
            sequence(Path(held), int(sys.argv[at + 1]), int(sys.argv[at + 2]) if len(sys.argv) > at + 2 else 1)
        else:
            figures(Path(held), THIN if "--thin" in sys.argv else "")

"""Kill every command in its middle: earlier outputs whole, the next run right, nothing left behind.

python tests/benchmarks/kills_everywhere.py                 60 kills
python tests/benchmarks/kills_everywhere.py --kills 300     more; --start N begins at another seed
python tests/benchmarks/kills_everywhere.py --world FOLDER  keep the sample there, and take it up the next time

Half of the kills fall on a change of a file, half on a moment of the computing, so that none hangs on how busy the
computer is. The pipeline has changed since the last outcomes, and weights can be taken back, so that ``outcomes`` and
``refine`` change what they hold. After a kill every file is the one before or the one that an undisturbed run leaves;
after the next run all are those of an undisturbed run, of one or of two.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import openpyxl

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from icp_xl.outputs import STAGING
from tests.support.whole_world import BOOK, REPORT, arguments_of, call, copy_world, digests, load_all, make_world, own

#: Commands that change something, the cheap ones more often, and what they read besides the output folder.
COMMANDS: tuple[tuple[int, str, tuple[str, ...]], ...] = (
    (8, "data", ("snapshot",)), (10, "data", ("outcomes",)), (10, "", ("refine", "--revert")),
    (8, "", ("refine", "--end-trial")), (8, "", ("won-lost",)), (6, "data", ("score",)), (3, "data", ("build",)),
    (6, "", ("live",)), (4, "", ("whitespace",)), (2, "", ("train", "--score-only")), (1, "", ("validate",)),
    (6, "", ("share",)), (2, "", ("share", "--by", "rep")), (6, "", ("write-back", BOOK, "--report", REPORT)),
    (4, "", ("write-back", BOOK, "--columns", "Acct ID")), (4, "", ("write-back", BOOK, "--remove")),
    (3, "data", ("map", "--yes")), (2, "data", ("history", "add", "CUSTOMERS", "--as-of", "2023-06-30")),
    (4, "", ("optimize", "--trials", "12")), (4, "data", ("measure",)), (1, "", ("train",)), (1, "data", ("run",)),
    (1, "", ("demo",)),
)  # fmt: skip
CLOCK = "run.clock=2025-01-05T10:00:00"
#: Files that say when a run was, and what is swept by the next one.
_VARIES = ("out/runs/", "home/", "tmp/", "said.txt", "out/contract_")


@dataclass(frozen=True)
class State:
    """Every file of a world by its digest, and every row of its store."""

    files: dict[str, str]
    rows: tuple[str, ...]

    @classmethod
    def of(cls, world: Path, base: Path) -> State:
        files = {name: each for name, each in digests(world, base).items()
                 if not name.startswith(_VARIES) and ".sqlite" not in name and not name.endswith(".lock")}  # fmt: skip
        files |= {name: _trials(world / name) for name in files if name.endswith(".journal")}
        store = world / "out/feedback/history.sqlite"
        with closing(sqlite3.connect(store)) as database:
            if database.execute("PRAGMA integrity_check").fetchone()[0] != "ok":
                return cls(files, ("damaged",))
            return cls(files, tuple(database.iterdump()))


def _trials(journal: Path) -> str:
    """What a study's journal says of its trials, without the process and the moment that wrote it down."""
    lines = journal.read_text(encoding="utf-8").split("\n")
    records = [json.loads(line) for line in lines[:-1]]  # What a kill left without its end is cut off by the next run.
    found = [[each.get(key) for key in ("params", "values", "value", "user_attrs")] for each in records
             if each["op_code"] == 4]  # fmt: skip
    return json.dumps(found, sort_keys=True)


def prepare(world: Path) -> None:
    """Close a part of the pipeline since the last outcomes; put weights in force that were promoted, and a trial."""
    path = own(world / "data/Opportunities.xlsx")
    book = openpyxl.load_workbook(path)
    rows = list(book.worksheets[0].iter_rows())
    head = next(i for i, row in enumerate(rows) if "Stage" in [cell.value for cell in row])
    names = [cell.value for cell in rows[head]]
    stage, closed = names.index("Stage"), names.index("Close Date")
    opened = [row for row in rows[head + 1 :] if not str(row[stage].value or "Closed").startswith("Closed")]
    for number, row in enumerate(opened[::2]):
        row[stage].value = "Closed Won" if number % 2 else "Closed Lost"
        row[closed].value = datetime(2025, 1, 2)
    book.save(path)
    # Those that ``demo`` would make are larger.
    (world / "out/workbooks").mkdir()
    for source in (world / "data").glob("*.xlsx"):
        shutil.copyfile(source, world / "out/workbooks" / source.name)


def die_at_change(number: int) -> Callable[[], None]:
    """Set a trap in this process: it is killed at the change of a file with that number."""

    def set_trap() -> None:
        left = [number]

        def hear(event: str, given: tuple[Any, ...]) -> None:
            if event in ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "sqlite3.connect") or (
                event == "open" and isinstance(given[1], str) and set(given[1]) & set("wax+")
            ):
                left[0] -= 1
                if left[0] < 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(hear)

    return set_trap


def die_after(seconds: float) -> Callable[[], None]:
    """The same after so many seconds of computing."""
    return lambda: signal.setitimer(signal.ITIMER_PROF, max(0.001, seconds))


class Trials:
    """A world and what undisturbed runs make of it."""

    def __init__(self, base: Path, folder: Path) -> None:
        self.base, self.folder = base, folder
        self.before = State.of(base, base)
        self._right: dict[tuple[str, ...], tuple[State, State, float, int]] = {}

    def run(self, world: Path, words: Sequence[str], reads: str, trap: Callable[[], None] = lambda: None) -> Any:
        """The command in ``world``, with temporary files in a folder of the world's own."""

        def begin() -> None:
            tempfile.tempdir = str(world / "tmp")
            trap()

        (world / "tmp").mkdir(exist_ok=True)
        return call(world, (*arguments_of(world, words, reads), "--set", CLOCK, "--quiet"), seconds=60, before=begin)

    def right(self, words: tuple[str, ...], reads: str) -> tuple[State, State, float, int]:
        """What one undisturbed run leaves, and two; the seconds of the first, and its exit code."""
        if words not in self._right:
            world = self.folder / "right"
            copy_world(self.base, world)
            first = self.run(world, words, reads)
            once = State.of(world, self.base)
            self.run(world, words, reads)
            self._right[words] = once, State.of(world, self.base), first.seconds, first.code
            shutil.rmtree(world)
            if first.code not in (0, 4):
                raise SystemExit(f"{' '.join(words)} ends with {first.code} undisturbed: {first.said[-800:]}")
        return self._right[words]

    def kill(self, seed: int) -> tuple[str, str, bool]:
        """One kill: the command, what was wrong (or nothing), and whether it was in time."""
        chance = random.Random(seed)
        _, reads, words = chance.choices(COMMANDS, [weight for weight, _, _ in COMMANDS])[0]
        once, twice, seconds, code = self.right(words, reads)
        # A command without a change to make dies by the clock only.
        trap = die_at_change(int(chance.triangular(0, 60, 8))) if seed % 2 else die_after(chance.uniform(0, seconds))
        world = self.folder / f"w{seed}"
        copy_world(self.base, world)
        ended = self.run(world, words, reads, trap)
        fault = "" if ended.code < 0 else ended.fault
        now = State.of(world, self.base)
        allowed = (self.before, once)
        for name in self.before.files:
            if now.files.get(name) not in {state.files.get(name) for state in allowed}:
                fault = fault or f"an earlier file is torn or gone: {name}"
        if now.rows not in {state.rows for state in allowed}:
            fault = fault or "the store holds a part of a change"
        again = self.run(world, words, reads)
        fault = fault or again.fault or self._after(world, words, reads, (once, twice), again.code, code)
        shutil.rmtree(world)
        return " ".join(words), fault, ended.code < 0

    def _after(
        self, world: Path, words: Sequence[str], reads: str, right: tuple[State, State], found: int, code: int
    ) -> str:
        if words[0] == "refine":
            # Its change was made before the kill, or it is made now; what the file lacks, the next snapshot writes.
            if found not in (0, 4):
                return f"the next run ends with {found}"
        elif found not in (code, 5 if words[-1] == "--remove" else code):  # There is nothing of ours any more.
            return f"the next run ends with {found}, undisturbed with {code}"
        state = State.of(world, self.base)
        for name in sorted(set(state.files) | set(right[0].files)):
            if words[0] == "refine" and name == "out/pipeline_weights.json":
                continue
            if state.files.get(name) not in {each.files.get(name) for each in right} and "ICP backups/" not in name:
                return f"the next run leaves another {name}"
        if state.rows not in {each.rows for each in right}:
            return "the next run leaves another store"
        left = [
            path.name for path in world.rglob("*") if path.name == STAGING or path.name.endswith((".tmp", ".icp-tmp"))
        ]
        # An empty folder holds nobody's data; it goes when it is old enough to be nobody's.
        left += [path.name for path in (world / "tmp").iterdir() if not path.is_dir() or any(path.iterdir())]
        return f"left behind: {left[0]}" if left else ""


def main() -> int:
    """Kill and print; 1 where anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--world", type=Path, help="a folder made by an earlier call, or where to make one")
    chosen = parser.parse_args()
    load_all()
    faults, hits, mark = 0, 0, time.monotonic()
    counts: Counter[str] = Counter()
    if chosen.world:
        chosen.world.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=chosen.world.parent if chosen.world else None) as name:
        folder = Path(name).resolve()
        made = (chosen.world or folder / "made").resolve()
        if not (made / "out").is_dir():
            make_world(made)
        copy_world(made, folder / "world")
        prepare(folder / "world")
        trials = Trials(folder / "world", folder)
        for seed in range(chosen.start, chosen.start + chosen.kills):
            command, fault, hit = trials.kill(seed)
            counts[command] += 1
            hits += hit
            if fault:
                faults += 1
                print(f"seed {seed}: {command}: {fault}", flush=True)
    print(f"{chosen.kills:,} kills of {len(counts)} commands, {hits:,} of them before the end: {faults} faults; "
          f"{time.monotonic() - mark:,.0f} s in all; {dict(counts.most_common())}")  # fmt: skip
    return int(faults > 0)


if __name__ == "__main__":
    sys.exit(main())

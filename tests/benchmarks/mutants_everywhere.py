"""Damaged inputs and outputs under every command: no traceback, no hang, nothing half written.

python tests/benchmarks/mutants_everywhere.py                 300 mutants of a small sample
python tests/benchmarks/mutants_everywhere.py --count 2000    more; --start N begins at another seed
python tests/benchmarks/mutants_everywhere.py --seed 17       one again, with its traceback
python tests/benchmarks/mutants_everywhere.py --world FOLDER  keep the sample there, and take it up the next time

Each is tried in a process of its own, with 2 GB of memory of its own and 30 seconds of computing.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from icp_xl.artifacts import ARTIFACTS
from icp_xl.outputs import STAGING
from tests.support.damage import damage
from tests.support.whole_world import (
    BOOK,
    COMMANDS,
    Command,
    Ended,
    arguments_of,
    call,
    copy_world,
    digests,
    draw_command,
    files_of,
    load_all,
    make_world,
    own,
)


@dataclass(frozen=True)
class Trial:
    """One mutant under one command: what was damaged and how, how the command ended, what was wrong (or nothing)."""

    seed: int
    name: str
    how: str
    command: str
    ended: Ended
    fault: str


def kind_of(name: str) -> str:
    """What stands for a file and those like it."""
    found = next((item.name for item in ARTIFACTS if item.match(name.removeprefix("out/")) is not None), None)
    return found if name.startswith("out/") and found else name


def choose(names: Sequence[str], chance: random.Random, commands: Sequence[Command]) -> tuple[str, Command]:
    """A file, each kind as often as any other, and a command that reads it; where none is known to, any."""
    names = [name for name in names if name != "out/runs/.runs.lock"]
    kinds: dict[str, list[str]] = {}
    for name in names:
        kinds.setdefault(kind_of(name), []).append(name)
    name = chance.choice(kinds[chance.choice(sorted(kinds))])
    if name.startswith("out/"):
        readers = next((item.read_by for item in ARTIFACTS if item.match(name[4:]) is not None), ())
        known = [each for each in commands if {each[2][0], each[2][0].replace("functions", "worksheet functions")}
                 & set(readers)]  # fmt: skip
        if name.endswith(".xlsx"):
            known += [each for each in commands if name in each[2] or each[2][0] == "share"]
        return name, draw_command(chance, known if known and chance.random() < 0.8 else commands)
    wanted = "book" if name == BOOK else "data"
    known = [each for each in commands if each[2][0] == "whitespace" or wanted == each[1]]
    if name.startswith("returned/") or name.endswith(("holds.csv", "contacts.csv")):
        known = [each for each in commands if each[2][0] == "whitespace"]
    return name, draw_command(chance, known or commands)


def left_behind(out: Path) -> str:
    """A temporary file or folder that a command left, or nothing."""
    for path in out.rglob("*"):
        if path.name == STAGING or path.name.endswith((".tmp", ".icp-tmp")):
            return path.name
    return ""


def try_mutant(base: Path, seed: int, folder: Path, commands: Sequence[Command] = COMMANDS) -> Trial:
    """Damage a copy of ``base`` and run a command on it."""
    chance = random.Random(seed)
    name, (_, reads, words) = choose(files_of(base), chance, commands)
    world = folder / f"w{seed}"
    copy_world(base, world)
    how = damage(own(world / name), seed)
    arguments = arguments_of(world, words, reads)
    before = digests(world, base)
    ended = call(world, arguments)
    left = left_behind(world)
    fault = ended.fault or (f"left behind: {left}" if left else "")
    if not fault and ended.code and words[0] != "check":
        after = digests(world, base)
        changed = sorted(each for each in before.keys() | after.keys() if before.get(each) != after.get(each))
        # What a failed run adds too: its record, the faults of the sources, a database's own log.
        changed = [each for each in changed if not each.startswith(("out/runs/", "out/contract_", "home/"))
                   and ".sqlite" not in each]  # fmt: skip
        fault = f"half written: {', '.join(changed[:4])}" if changed else ""
    shutil.rmtree(world)
    return Trial(seed, name, how, " ".join(arguments), ended, fault)


def main() -> int:
    """Try the mutants; print each fault and the counts; 1 where there is one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--stage", default="run", help="the command whose outputs are damaged; only it is tried")
    parser.add_argument("--world", type=Path, help="a folder made by an earlier call, or where to make one")
    parser.add_argument("--times", action="store_true", help="also print what each command took")
    chosen = parser.parse_args()
    seeds = range(chosen.start, chosen.start + chosen.count) if chosen.seed is None else [chosen.seed]
    commands = [each for each in COMMANDS if chosen.stage in ("run", each[2][0])]
    codes: Counter[int] = Counter()
    took: Counter[str] = Counter()
    tries: Counter[str] = Counter()
    faults, slowest, peak, mark = 0, 0.0, 0.0, time.monotonic()
    load_all()
    # Beside the world, since files of two disks cannot be shared.
    if chosen.world:
        chosen.world.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=chosen.world.parent if chosen.world else None) as name:
        base = (chosen.world or Path(name) / "world").resolve()
        if not (base / "out").is_dir():
            make_world(base, chosen.stage)
        stamps = {each: (base / each).stat().st_mtime_ns for each in files_of(base)}
        for seed in seeds:
            trial = try_mutant(base, seed, Path(name).resolve(), commands)
            ended = trial.ended
            codes[ended.code] += 1
            tries[trial.command] += 1
            took[trial.command] += round(1000 * ended.seconds)
            slowest, peak = max(slowest, ended.seconds), max(peak, ended.megabytes)
            if trial.fault:
                faults += 1
                print(f"seed {seed}: {trial.name} ({trial.how}), {trial.command}: {trial.fault}", flush=True)
        written = [each for each, stamp in stamps.items() if (base / each).stat().st_mtime_ns != stamp]
        if written:
            raise SystemExit(f"written in place, not replaced: {', '.join(written)}")
    if chosen.times:
        for command, milliseconds in took.most_common():
            print(f"{tries[command]:5} × {milliseconds / 1000 / tries[command]:6.2f} s  {command}")
    print(f"{len(seeds):,} mutants: {faults} faults; slowest {slowest:.1f} s of computing, peak {peak:,.0f} MB, "
          f"{time.monotonic() - mark:,.0f} s in all; exit codes {dict(sorted(codes.items()))}")  # fmt: skip
    return int(faults > 0)


if __name__ == "__main__":
    sys.exit(main())

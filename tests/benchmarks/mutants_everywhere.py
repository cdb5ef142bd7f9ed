"""Damaged inputs and outputs under every command: no traceback, no hang, nothing half written.

python tests/benchmarks/mutants_everywhere.py                 300 mutants of a small sample
python tests/benchmarks/mutants_everywhere.py --count 2000    more; --start N begins at another seed
python tests/benchmarks/mutants_everywhere.py --seed 17       one again, with its traceback

Each is tried in a process of its own, with 2 GB of memory of its own and 30 seconds of computing.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import importlib
import io
import os
import pkgutil
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from icp_xl.artifacts import ARTIFACTS
from icp_xl.cli import run
from icp_xl.outputs import LOCK, STAGING
from icp_xl.samples import write_samples
from tests.support.damage import damage

SECONDS = 30
MEMORY = 2 << 30
#: Commands that need no further argument, and arguments of those that do.
DATA = ("check", "score", "build", "snapshot", "outcomes", "map")
LATER = ("live", "optimize --trials 12", "train --score-only", "validate", "whitespace", "won-lost", "refine", "share",
         "share --by rep", "runs list", "write-back --workbook book.xlsx",
         "write-back --workbook book.xlsx --report out/icp_report.xlsx")  # fmt: skip


@dataclass
class Trial:
    """One mutant under one command: what went wrong (nothing where empty), and what it took."""

    seed: int
    name: str
    how: str
    command: str
    fault: str = ""
    code: int = 0
    seconds: float = 0.0
    megabytes: float = 0.0


def make_world(folder: Path, stage: str) -> Path:
    """A data folder, the outputs of ``stage`` (``run`` is all of them), and a workbook to write back into."""
    write_samples(folder / "data", accounts=120, lines=1500)
    here = Path.cwd()
    os.chdir(folder)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            code = run([stage, "--data", "data", "--out", "out", "--quiet"])
    finally:
        os.chdir(here)
    if code not in (0, 4):
        raise SystemExit(f"the sample cannot be run: exit code {code}")
    shutil.copyfile(next(folder.glob("data/*Segmentation.xlsx")), folder / "book.xlsx")
    return folder


def files_of(world: Path) -> list[str]:
    """Every file that may be damaged."""
    found = (path for part in ("data", "out") for path in (world / part).rglob("*") if path.is_file())
    return sorted(path.relative_to(world).as_posix() for path in found if path.name != LOCK)


def choose(world: Path, seed: int) -> tuple[str, str]:
    """A file and a command that reads it; where none is known to, any."""
    chance = random.Random(seed)
    files = files_of(world)
    # Each kind of file as often as any other, however many there are of it.
    kinds = sorted({kind_of(name) for name in files})
    kind = chance.choice(kinds)
    name = chance.choice([name for name in files if kind_of(name) == kind])
    commands = [*DATA, *LATER]
    if name.startswith("data/"):
        return name, chance.choice(DATA)
    readers = next((item.read_by for item in ARTIFACTS if item.match(name[4:]) is not None), ())
    known = [command for command in commands if command.split()[0] in readers]
    return name, chance.choice(known if known and chance.random() < 0.8 else commands)


def kind_of(name: str) -> str:
    """What stands for a file and those like it."""
    found = next((item.name for item in ARTIFACTS if item.match(name.removeprefix("out/")) is not None), None)
    return found if name.startswith("out/") and found else name


def digests(world: Path) -> dict[str, str]:
    """Of every file but what a failed run adds too: its record, the faults of the sources, a database's own log."""
    return {
        name: hashlib.sha256((world / name).read_bytes()).hexdigest()
        for name in [*files_of(world), "book.xlsx"]
        if not name.startswith(("out/runs/", "out/contract_")) and ".sqlite" not in name
    }


def load_all() -> None:
    """Import what commands import late, once for all that are tried."""
    for place in ("pipeline", "reports", "delivery", "weight_search", "propensity", "features", "tables", "sources"):
        package = importlib.import_module(f"icp_xl.{place}")
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not found.name.endswith("trial_child"):
                importlib.import_module(found.name)
    for name in ("lightgbm", "sklearn.linear_model", "optuna", "duckdb", "pyarrow.parquet", "openpyxl", "xlsxwriter"):
        importlib.import_module(name)


def try_mutant(base: Path, seed: int, folder: Path) -> Trial:
    """Damage a copy of ``base`` and run a command on it in a process of its own."""
    world = folder / f"w{seed}"
    shutil.copytree(base, world, symlinks=True)
    name, command = choose(world, seed)
    trial = Trial(seed, name, damage(world / name, seed), command)
    before = digests(world)
    arguments = command.split()
    arguments += ["--data", "data"] if arguments[0] in DATA else []
    arguments += ["--out", "out"]
    started = time.monotonic()
    child = os.fork()
    if child == 0:
        os._exit(_child(world, arguments))
    while True:
        pid, status, usage = os.wait4(child, os.WNOHANG)
        if pid:
            break
        if time.monotonic() - started > 20 * SECONDS:
            os.kill(child, signal.SIGKILL)
        time.sleep(0.01)
    trial.code = os.waitstatus_to_exitcode(status)
    trial.seconds = usage.ru_utime + usage.ru_stime
    trial.megabytes = usage.ru_maxrss / 1024
    said = (world / "said.txt").read_text(errors="replace") if (world / "said.txt").exists() else ""
    trial.fault = _fault(world, trial, before, said)
    shutil.rmtree(world)
    return trial


def _child(world: Path, arguments: list[str]) -> int:
    os.chdir(world)
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS + 5))
    said = open("said.txt", "w", encoding="utf-8")
    os.dup2(said.fileno(), 1)
    os.dup2(said.fileno(), 2)
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            return run(arguments)
    except BaseException:
        traceback.print_exc(file=said)
        return 99
    finally:
        said.flush()


def _fault(world: Path, trial: Trial, before: dict[str, str], said: str) -> str:
    if trial.code == 99 or "Traceback (most recent call last)" in said:
        return "traceback: " + said.strip()[-3000:]
    if trial.code == -signal.SIGXCPU or trial.code == -signal.SIGKILL:
        return "hang"
    if trial.code < 0:
        return f"ended by signal {-trial.code}"
    if trial.megabytes > MEMORY / 2**20:
        return "memory"
    left = [path for path in (world / "out").rglob(".*") if path.name.endswith(".tmp") or path.name == STAGING]
    if left:
        return f"left behind: {left[0].name}"
    if trial.code and not said.strip():
        return "refused without a reason"
    if trial.code and trial.command.split()[0] not in ("check",):
        after = digests(world)
        changed = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
        if changed:
            return f"half written: {', '.join(changed[:4])}"
    return ""


def main() -> int:
    """Try the mutants; print each fault and the counts; 1 where there is one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--stage", default="run", help="the command whose outputs are damaged")
    parser.add_argument("--world", type=Path, help="a folder made by an earlier call, or where to make one")
    chosen = parser.parse_args()
    seeds = range(chosen.start, chosen.start + chosen.count) if chosen.seed is None else [chosen.seed]
    codes: Counter[int] = Counter()
    faults, slowest, peak, mark = 0, 0.0, 0.0, time.monotonic()
    load_all()
    with tempfile.TemporaryDirectory() as name:
        base = chosen.world or Path(name) / "world"
        if not (base / "out").is_dir():
            base.mkdir(parents=True, exist_ok=True)
            make_world(base, chosen.stage)
        for seed in seeds:
            trial = try_mutant(base, seed, Path(name))
            codes[trial.code] += 1
            slowest, peak = max(slowest, trial.seconds), max(peak, trial.megabytes)
            if trial.fault:
                faults += 1
                print(f"seed {seed}: {trial.name} ({trial.how}), {trial.command}: {trial.fault}", flush=True)
    print(f"{len(seeds):,} mutants: {faults} faults; slowest {slowest:.1f} s of computing, peak {peak:,.0f} MB, "
          f"{time.monotonic() - mark:,.0f} s in all; exit codes {dict(sorted(codes.items()))}")  # fmt: skip
    return int(faults > 0)


if __name__ == "__main__":
    sys.exit(main())

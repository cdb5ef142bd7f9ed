"""A small data folder with every output, and whole commands on cheap copies of it, each in a process of its own.

A copy shares its files with the world by hard links until they are replaced, and a command runs in a fork of a process
that has imported all: what is measured is the command, not the start of an interpreter.
"""

from __future__ import annotations

import contextlib
import functools
import gc
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
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from icp_xl.artifacts import RECALLED
from icp_xl.cli import run
from icp_xl.config.feedback import FeedbackSettings, PipelineWeights
from icp_xl.feedback.champion import PROMOTE, TrialReport, promote, start_trial
from icp_xl.feedback.snapshots import model_id_of
from icp_xl.feedback.store import Store
from icp_xl.outputs import LOCK
from icp_xl.samples import write_samples

#: Seconds of computing and bytes of memory that a command on the world may take.
SECONDS, MEMORY = 30, 2 << 30
BOOK, REPORT = "book.xlsx", "out/icp_report.xlsx"
#: Every setting that names a file, none that makes a run long, and limits that so few accounts reach.
SETTINGS = """
paths: {data: data}
build: {sku_map: data/codes.csv, divisions: [Printers, Consumables]}
whitespace: {exclusions: data/holds.csv, contacts: data/contacts.csv, status_books: [returned]}
train: {tree_seeds: 1, n_cutoffs: 8, min_positives: 5, evidence: 0.91, bootstrap: 50, logreg: [{c: 0.02}]}
validation: {bootstrap: 50}
feedback: {permutations: 199, bootstrap: 200, min_won: 10, min_lost: 10}
optimize: {minimum_engaged: 10}
"""
#: How often a command is drawn, which inputs it reads besides the output folder, and its words.
Command = tuple[int, str, tuple[str, ...]]
COMMANDS: tuple[Command, ...] = (
    (8, "data", ("check",)), (8, "data", ("score",)), (6, "data", ("build",)), (10, "data", ("snapshot",)),
    (10, "data", ("outcomes", "--review", "review.csv")), (6, "data", ("map", "--yes")),
    (6, "data", ("map", "--sheet")),
    (6, "data", ("history", "add", "CUSTOMERS", "--as-of", "2023-06-30")), (1, "data", ("run",)),
    (3, "", ("check", "--leakage", "--data", "data")), (10, "", ("live",)),
    (6, "", ("lite",)), (10, "", ("optimize", "--trials", "12")),
    (1, "", ("train",)), (5, "", ("train", "--score-only")), (4, "", ("train", "--revert", "Consumables")),
    (4, "", ("validate",)), (10, "", ("whitespace",)), (10, "", ("won-lost",)), (10, "", ("measure",)),
    (8, "", ("refine",)), (4, "", ("refine", "--revert")), (4, "", ("refine", "--end-trial")), (10, "", ("share",)),
    (4, "", ("share", "--by", "rep")), (8, "", ("share", "--report", "out/icp_whitespace.xlsx")),
    (6, "", ("runs", "list")), (6, "", ("runs", "show")), (6, "", ("runs", "diff", "FIRST")), (10, "", ("functions",)),
    (8, "book", ("write-back", BOOK, "--report", REPORT)), (8, "book", ("write-back", BOOK, "--columns", "Acct ID")),
    (6, "book", ("write-back", BOOK, "--remove")), (6, "book", ("check", "--shareable", BOOK)),
    (6, "", ("check", "--shareable", REPORT)), (6, "", ("write-back", BOOK, "--report", "out/icp_whitespace.xlsx")),
    (3, "", ("addin", "doctor")),
)  # fmt: skip


@dataclass(frozen=True)
class Ended:
    """How a command ended: exit code (negative for a signal, 99 for a traceback), what it took, what it said."""

    code: int
    seconds: float
    megabytes: float
    said: str

    @property
    def fault(self) -> str:
        """What no command may do, in words; empty where it did not."""
        if self.code == 99 or "Traceback (most recent call last)" in self.said:
            return "traceback: " + self.said.strip()[-3000:]
        if self.code in (-signal.SIGXCPU, -signal.SIGKILL):
            return "hang"
        if self.code < 0:
            return f"ended by signal {-self.code}"
        if self.megabytes > MEMORY / 2**20:
            return "memory"
        return "refused without a reason" if self.code and not self.said.strip() else ""


def load_all() -> None:
    """Import what commands import late, once for all that are tried."""
    # Threads neither survive a fork nor help on small tables.
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    rooms = ("pipeline", "reports", "delivery", "weight_search", "propensity", "features", "tables", "sources", "excel",
             "whitespace", "validation", "feedback", "labels", "sql")  # fmt: skip
    for place in rooms:
        package = importlib.import_module(f"icp_xl.{place}")
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not found.name.endswith(("trial_child", "stubs")):
                importlib.import_module(found.name)
    for name in ("lightgbm", "sklearn.linear_model", "optuna", "duckdb", "pyarrow.parquet", "openpyxl", "xlsxwriter"):
        importlib.import_module(name)
    gc.freeze()


def make_world(
    folder: Path,
    stage: str = "run",
    accounts: int = 60,
    lines: int = 600,
    change: Callable[[Path], None] = lambda _: None,
    twice: bool = True,
) -> None:
    """Inputs of every kind, as ``change`` leaves them, and the outputs of ``stage`` (``run`` is all of them).

    With ``twice`` the models are trained again, so that there is an earlier version to go back to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_samples(folder / "data", accounts=accounts, lines=lines)
    change(folder / "data")
    tables = {
        "data/match_overrides.csv": "key,account_id,decision\nname: nobody @ nowhere,C-10001,different\n",
        "data/codes.csv": "sku,division\nZZ-1,Printers\n",
        "data/holds.csv": "account_id,division,reason\nC-10001,Printers,hold\n",
        "data/contacts.csv": "account_id,contacted_on\nC-10002,2024-12-01\n",
        "review.csv": "export_opportunity_id,account_id,snapshot_opportunity_id,decision\nO-1,C-10001,O-2,no\n",
        "icp_xl.yaml": SETTINGS.lstrip(),
    }
    for name, text in tables.items():
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "returned").mkdir()
    shutil.copyfile(next(folder.glob("data/*Segmentation.xlsx")), folder / BOOK)
    # The day after the last sale; the first list is older, so that there are sales to compare it with.
    clock, earlier = (f"run.clock={day}T10:00:00" for day in ("2024-12-28", "2024-06-03"))
    stages: list[tuple[str, ...]] = [(stage, "--set", clock)]
    if stage == "run":
        stages += [("train",)] if twice else []
        stages += [("whitespace", "--set", earlier), ("outcomes",), ("share",)]
        stages += [("write-back", BOOK, "--report", REPORT)]
    for words in stages:
        arguments = arguments_of(folder, words, "data" if words[0] in (stage, "outcomes") else "")
        ended = call(folder, (*arguments, "--quiet"), seconds=300)
        if ended.code not in (0, 4):
            raise SystemExit(f"the sample cannot be made: {arguments[0]} ends with {ended.code}: {ended.said[-2000:]}")
    if stage == "run":
        plant_weights(folder / "out/feedback/history.sqlite")
        shutil.copyfile(folder / "out/icp_whitespace.xlsx", folder / "returned/returned.xlsx")


def plant_weights(store_file: Path) -> None:
    """Weights that were promoted and can be taken back, and a trial of others that can be ended."""
    usual = PipelineWeights()
    weights = [usual, usual.model_copy(update={"win_rate": usual.recency, "recency": usual.win_rate}),
               usual.model_copy(update={"win_rate": usual.largest_deal, "largest_deal": usual.win_rate + 0.0,
                                        "speed_to_close": usual.recency, "recency": usual.speed_to_close})]  # fmt: skip
    with Store(store_file) as store:
        for number in (1, 2):
            tried = SimpleNamespace(
                recommended=True, gain=0.05, unit_variance=1.0, reason="planted", current=weights[number - 1],
                suggested=weights[number],
            )  # fmt: skip
            when: dict[str, Any] = {"today": date(2025, 1, number), "now": f"2025-01-0{number}", "run_id": "planted"}
            start_trial(store, cast(Any, tried), FeedbackSettings(), **when)
            if number == 1:
                report = TrialReport(True, PROMOTE, "planted", challenger_id=model_id_of(weights[1]), gain=0.05)
                promote(store, report, **when)


def files_of(world: Path) -> list[str]:
    """Every input and every output."""
    found = (path for path in world.rglob("*") if path.is_file() and not path.is_symlink())
    names = (path.relative_to(world).as_posix() for path in found if path.name != LOCK)
    return sorted(name for name in names if not name.startswith("home/") and name != "said.txt")


def copy_world(base: Path, world: Path) -> None:
    """A copy that shares what is replaced rather than changed; registries, databases and recalled work are its own."""

    def copy(source: str, target: str) -> None:
        # A piece of work is marked as used by its time.
        own_file = source.endswith((".jsonl", ".sqlite", "-wal", "-shm", ".journal", ".lock", "said.txt", "key"))
        if own_file or RECALLED.folder in Path(source).parts:
            shutil.copy2(source, target)
        else:
            os.link(source, target)

    shutil.copytree(base, world, symlinks=True, copy_function=copy)


def own(path: Path) -> Path:
    """The file at ``path`` of a copy, no longer shared."""
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content)
    return path


@functools.cache
def _digest(path: Path, stamp: tuple[int, int, int]) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def digests(world: Path, base: Path, names: Sequence[str] | None = None) -> dict[str, str]:
    """Of every file; those still shared with ``base`` are read once."""
    found = {}
    for name in files_of(world) if names is None else names:
        stamp = _stamp(world / name)
        shared = base / name
        kept = shared if shared.exists() and _stamp(shared) == stamp else world / name
        found[name] = _digest(kept, stamp)
    return found


def _stamp(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns


def arguments_of(world: Path, words: Sequence[str], reads: str) -> tuple[str, ...]:
    """The command as it is typed in ``world``."""
    customers = next((name for name in files_of(world) if name.startswith("data/") and "Customer Analysis" in name), "")
    runs = sorted(path.name for path in (world / "out/runs").glob("*-*"))
    stands_for = {"CUSTOMERS": customers, "FIRST": runs[0] if runs else "latest"}
    named = tuple(stands_for.get(word, word) for word in words)
    if named[0] in ("functions", "addin"):
        return named
    data = ("--data", "data") if reads == "data" else ()
    return (*named, *data, *(("--set", "paths.out=out") if named[0] == "write-back" else ("--out", "out")))


def call(
    world: Path,
    arguments: Sequence[str],
    *,
    seconds: int = SECONDS,
    before: Callable[[], None] = lambda: None,
    during: Callable[[int], None] = lambda pid: None,
) -> Ended:
    """Run a command in ``world``, in a fork with limits; ``before`` in the fork, ``during`` beside it."""
    started = time.monotonic()
    child = os.fork()
    if child == 0:
        os._exit(_child(world, arguments, seconds, before))
    during(child)
    while True:
        pid, status, usage = os.wait4(child, os.WNOHANG)
        if pid:
            break
        if time.monotonic() - started > 20 * seconds:
            os.kill(child, signal.SIGKILL)
        time.sleep(0.005)
    said = world / "said.txt"
    text = said.read_text(encoding="utf-8", errors="replace") if said.exists() else ""
    code = os.waitstatus_to_exitcode(status)
    return Ended(code, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, text)


def _child(world: Path, arguments: Sequence[str], seconds: int, before: Callable[[], None]) -> int:
    os.chdir(world)
    os.environ["ICP_XL_HOME"] = str(world / "home")
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    said = open("said.txt", "w", encoding="utf-8")
    os.dup2(said.fileno(), 1)
    os.dup2(said.fileno(), 2)
    _try_in_forks()
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            before()
            return functions() if arguments[0] == "functions" else run(list(arguments))
    except BaseException:
        traceback.print_exc(file=said)
        return 99
    finally:
        said.flush()


def functions() -> int:
    """Every worksheet function that reads what was published; a fault of ours leaves its mark and counts as one."""
    from icp_xl.excel import functions as sheet
    from icp_xl.excel import lookups

    os.environ["ICP_XL__PATHS__OUT"] = "out"
    cells = {"industry": "Aerospace", "annual_revenue": 1e6, "hardware_revenue": 10.0, "software_revenue": 5.0}
    for function in (sheet.score, sheet.grade, sheet.explain):
        function(cells, None)
    sheet.weights_table("size")
    sheet.segment(1e6)
    sheet.score_row([["Industry"]], [["Aerospace"]], "score", None)
    for account in ("C-10001", "nobody"):
        lookups.lookup(account, "icp_score")
        lookups.propensity(account, "Printers")
        lookups.next_best(account, None)
    mark = Path("home/last_function_error.json")
    if mark.exists():
        sys.stderr.write("Traceback (most recent call last), as the functions keep it: " + mark.read_text("utf-8"))
        return 99
    return 0


def _try_in_forks() -> None:
    """Trials of model files and workbooks in forks of this process, by the same code under the same limits."""
    import icp_xl.propensity.model as models
    import icp_xl.sources.workbooks as workbooks
    from icp_xl.propensity import tree_trial, tree_trial_child
    from icp_xl.sources import trial, trial_child

    def forked(work: Callable[[str], int], given: bytes, memory: int) -> bool:
        child = os.fork()
        if child == 0:
            code = 1
            with contextlib.suppress(BaseException):
                sys.stdin = io.TextIOWrapper(io.BytesIO(given))
                # What this process holds already counts towards the limit of a fork.
                held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
                code = work(str(held + memory))
            os._exit(code)
        return os.waitpid(child, 0)[1] == 0

    def are_sound(trees: Sequence[tuple[str, int]]) -> bool:
        import json

        given = json.dumps(list(trees)).encode()
        return not trees or forked(lambda limit: tree_trial_child.main("", limit), given, tree_trial.MEMORY)

    def survives(data: bytes, sheet: str = "") -> bool:
        memory = trial.MEMORY + trial.MEMORY_TIMES * len(data)
        return forked(lambda limit: trial_child.main("", limit, sheet), data, memory)

    models.are_sound = are_sound  # type: ignore[attr-defined]
    workbooks.survives = survives  # type: ignore[attr-defined]


def draw_command(chance: random.Random, commands: Sequence[Command]) -> Command:
    """One of ``commands``, the cheap ones more often."""
    return chance.choices(commands, [weight for weight, _, _ in commands])[0]

"""Time and memory of the whitespace list at full size: ranked, explained and written; and of 100 reps' workbooks.

    python tests/benchmarks/whitespace_scale.py                  # 200,000 accounts × 8 divisions, 100 reps
    python tests/benchmarks/whitespace_scale.py --accounts 20000 --reps 10

Each part is measured in a process of its own; memory is the most that it held. The reps' workbooks are opened and every
part of every package is searched for the accounts of others.
"""

from __future__ import annotations

import argparse
import multiprocessing
import re
import resource
import sys
import tempfile
import time
import zipfile
from datetime import date, datetime
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from icp_xl import artifacts  # noqa: E402
from icp_xl.config import Settings, load_settings  # noqa: E402
from icp_xl.pipeline.whitespace import rank as stage  # noqa: E402
from icp_xl.pipeline.whitespace.inputs import WhitespaceInputs  # noqa: E402
from icp_xl.runs import start_run  # noqa: E402
from icp_xl.whitespace.model import Terms  # noqa: E402
from icp_xl.whitespace.rank import rank_whitespace  # noqa: E402
from tests.support.whitespace_frames import make_candidates  # noqa: E402

CUTOFF = date(2024, 7, 1)


def settings_of(out: Path, rep_books: bool) -> Settings:
    return load_settings(
        environ={},
        overrides={
            "paths.out": str(out), "run.clock": datetime(2024, 7, 2), "whitespace.capacity": "per_rep",
            "whitespace.rep_books": rep_books, "whitespace.holdout_share": 0.05, "whitespace.shadow": "revenue",
        },
    )  # fmt: skip


def rank_and_write(out: Path, accounts: int, reps: int, rep_books: bool) -> None:
    """Rank, explain and write everything; what the command does from candidates on."""
    candidates = make_candidates(accounts, 8, seed=1, reps=reps)
    candidates["peers"] = "After Solidworks, 38% of the accounts that added a division took Simulation next (52 of 137)"
    candidates["driver"] = "bought in 7 of the last 12 months"
    settings = settings_of(out, rep_books)
    began, cpu = time.perf_counter(), time.process_time()
    with start_run("whitespace", settings) as run:
        chosen = settings.whitespace
        ranking = rank_whitespace(
            candidates, chosen, Terms(CUTOFF, run.now().date(), 6, seed=1)
        )  # fmt: skip
        del candidates
        names = stage.file_names(CUTOFF)
        inputs = WhitespaceInputs(ranking.pairs.head(0), CUTOFF, 6, "revenue")
        ranked = time.process_time()
        stage._stage_lists(run, ranking, names)
        stage._stage_files(run, ranking, inputs, names)
        run.outputs.parquet(artifacts.WHITESPACE_STATES.name, ranking.states)
        written = time.process_time()
        stage._report(run, ranking, inputs)
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    parts = {
        "ranked and explained": ranked - cpu,
        "files": written - ranked,
        "workbooks": time.process_time() - written,
    }
    print(
        f"{accounts:,} accounts x 8 divisions, {reps} reps, workbooks per rep {'on' if rep_books else 'off'}: "
        f"{time.perf_counter() - began:.0f} s wall, {time.process_time() - cpu:.0f} CPU s "
        f"({', '.join(f'{name} {seconds:.0f}' for name, seconds in parts.items())}), {held:.2f} GB",
        flush=True,
    )


def search(out: Path) -> None:
    """Every text of every part of every rep's workbook, against the accounts of the others."""
    frame = pd.read_parquet(out / stage.STATE, columns=["account_id", "account_name", "rep"]).drop_duplicates()
    owner = dict(zip(frame["account_id"], frame["rep"], strict=True))
    named = dict(zip(frame["account_name"], frame["rep"], strict=True))
    reps = set(frame["rep"])
    books = sorted((out / stage.REP_FOLDER).glob("*.xlsx"))
    found = wrong = 0
    for book in books:
        with zipfile.ZipFile(book) as package:
            text = "\n".join(package.read(name).decode("utf-8", "replace") for name in package.namelist())
        mine = {owner[word] for word in re.findall(r"A\d{6}", text) if word in owner}
        mine |= {named[word] for word in re.findall(r"Company \d+", text) if word in named}
        mine |= {word for word in re.findall(r"Rep \d{3}", text) if word in reps}
        found += len(mine)
        wrong += len(mine) != 1
    print(f"{len(books)} workbooks searched, {wrong} of them with an account or name of another rep", flush=True)
    if wrong or found != len(books):
        raise SystemExit(1)


def main() -> None:
    """Both parts, each in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--accounts", type=int, default=200_000, help="accounts")
    parser.add_argument("--reps", type=int, default=100, help="reps")
    chosen = parser.parse_args()
    spawn = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as scratch:
        for rep_books in (False, True):
            out = Path(scratch) / ("reps" if rep_books else "list")
            job = spawn.Process(target=rank_and_write, args=(out, chosen.accounts, chosen.reps, rep_books))
            job.start()
            job.join()
            if job.exitcode:
                raise SystemExit(job.exitcode)
        search(out)


if __name__ == "__main__":
    main()

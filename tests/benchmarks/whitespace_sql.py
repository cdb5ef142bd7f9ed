"""The whitespace list by SQL: CPU seconds, peak memory and disk of 80 million pairs, beside pandas in the same run.

    python tests/benchmarks/whitespace_sql.py                       # 200,000 accounts x 8 both ways, held together
    python tests/benchmarks/whitespace_sql.py --full                # and 1 and 10 million accounts by SQL
    python tests/benchmarks/whitespace_sql.py --accounts 20000 --spark   # DuckDB, Spark in local mode and pandas

Ranked, selected and filed as Parquet; reasons in words are not part of it on either side. Each way runs in a process
of its own; memory is the most that it held, all of DuckDB included. Pairs are made up: a third owned, some signals
missing, ties.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from icp_xl.config import load_settings  # noqa: E402
from icp_xl.sql.engine import open_duckdb  # noqa: E402
from icp_xl.sql.spark import open_spark  # noqa: E402
from icp_xl.whitespace.by_sql import rank_by_sql  # noqa: E402
from icp_xl.whitespace.model import Terms  # noqa: E402

TERMS = Terms(date(2024, 7, 1), date(2024, 7, 2), 6, seed=1)
DIVISIONS = 8
#: Numbers between 0 and 1 that hang on account, division and place alone.
_DRAW = "(hash(i * 64 + j * 8 + {k}) / 18446744073709551616.0)"


def make_pairs(path: Path, accounts: int) -> None:
    """File the table ``pairs``."""
    u = [_DRAW.format(k=k) for k in range(8)]
    mine = "(hash(i * 64 + 63) / 18446744073709551616.0)"
    size = f"exp(8 + 1.2 * sqrt(-2 * ln({mine} + 1e-12)) * cos(6.2832 * (hash(i * 64 + 62) / 18446744073709551616.0)))"
    owned = f"{u[0]} < 0.33"
    with open_duckdb(2.0, 2) as engine:
        engine.connection.execute(
            f"""
            copy (
              select 'A' || lpad(cast(i as varchar), 8, '0') as account_id, 'Company ' || i as account_name,
                'Rep ' || lpad(cast(i % 2000 as varchar), 4, '0') as rep,
                ['North', 'South', 'East'][1 + i % 3] as region,
                ['Small Business', 'Mid-Market', 'Large Enterprise'][1 + i % 3] as segment,
                ['Consumables', 'Data Management', 'Printers', 'Scanning', 'Services', 'Simulation', 'Solidworks',
                 'Training'][1 + j] as division,
                round(0.0005 + 0.6 * pow({u[1]}, 4), 5) as p_icp, cast({u[1]} as double) as p_icp_pct,
                case when {u[2]} < 0.9 then round(0.2 + 2 * {u[2]}, 2) else 0.0 end as mb_lift_max,
                case when {u[2]} < 0.9 then round(0.1 + {u[2]}, 2) else 0.0 end as mb_lift_mean,
                case when {u[3]} < 0.8 then round({u[3]} * 1.3 - 0.2, 3) end as als_similarity,
                case when {owned} then {size} * (0.05 + 0.95 * {u[4]}) else 0.0 end as value_own,
                case when {owned} then 1.0 + floor(11 * {u[5]}) else 0.0 end as days_own,
                cast(null as double) as windows_own, {size} as account_value,
                {mine} < 0.02 as do_not_contact, {u[6]} < 0.03 as open_deal, '' as exclusion,
                case when {owned} then cast(19797 as bigint) end as last_day,
                cast(null as bigint) as contacted_day
              from range({accounts}) a(i), range({DIVISIONS}) d(j)
            ) to '{path}' (format parquet, compression zstd)
            """
        )


def by_sql(source: Path, out: Path, engine: str, memory_gb: float) -> None:
    """Rank by SQL, with all temporary files beside the result."""
    settings = load_settings(environ={}).whitespace
    opened: Any = (
        open_duckdb(memory_gb, 2, out)
        if engine == "duckdb"
        else open_spark({"spark.master": "local[2]", "spark.driver.memory": "3g"})
    )
    folder = out / "list"
    folder.mkdir()
    with opened as tables:
        tables.view_parquet("pairs", [source])
        rank_by_sql(tables, settings, TERMS, folder)


def by_pandas(source: Path, out: Path, engine: str, memory_gb: float) -> None:
    """Rank in memory: the same steps up to the selection."""
    from icp_xl.whitespace.candidates import complete_candidates
    from icp_xl.whitespace.capacity import select_pairs
    from icp_xl.whitespace.eligibility_rules import OWNED, apply_rules
    from icp_xl.whitespace.order import order_pairs
    from icp_xl.whitespace.scores import add_scores, score_pairs
    from icp_xl.whitespace.states import empty_states

    settings = load_settings(environ={}).whitespace
    frame = pd.read_parquet(source)
    frame["last_bought"] = pd.Timestamp("1970-01-01") + pd.to_timedelta(frame.pop("last_day"), unit="D")
    del frame["contacted_day"]
    known = complete_candidates(frame, empty_states(), TERMS, settings)
    del frame
    eligibility = apply_rules(known, TERMS.today, settings)
    unowned = ~eligibility.matched[OWNED]
    scores = score_pairs(known[unowned].reset_index(drop=True), settings)
    scored = add_scores(known, unowned, scores, "off")
    pairs = select_pairs(order_pairs(scored, eligibility, "off", TERMS.today, settings), settings, TERMS.seed)
    (out / "list").mkdir()
    pairs.to_parquet(out / "list" / "part-00000.parquet", index=False)


def measured(way: Callable[..., None], source: Path, out: Path, engine: str, memory_gb: float) -> None:
    """Run one way and say what it took."""
    out.mkdir()
    most, ended = [0], threading.Event()

    def watch() -> None:
        while not ended.wait(0.5):
            most[0] = max(most[0], _size(out))

    watcher = threading.Thread(target=watch)
    watcher.start()
    began = time.perf_counter()
    try:
        way(source, out, engine, memory_gb)
    finally:
        ended.set()
        watcher.join()
    used, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    cpu = sum(each.ru_utime + each.ru_stime for each in (used, children))
    rows = sum(len(pd.read_parquet(path, columns=["division"])) for path in (out / "list").glob("*.parquet"))
    name = engine if way is by_sql else "pandas"
    print(
        f"{name:<7} {rows:>11,} pairs: {cpu:6.0f} CPU s, {time.perf_counter() - began:5.0f} s wall, "
        f"{max(used.ru_maxrss, children.ru_maxrss) / 1e6:5.2f} GB, most on disk {most[0] / 1e9:5.2f} GB, "
        f"list {_size(out / 'list') / 1e9:.2f} GB in {len(list((out / 'list').glob('*.parquet')))} files",
        flush=True,
    )
    left = [path.name for path in out.iterdir() if path.name != "list"]
    if left:
        raise SystemExit(f"left behind: {left}")


def _size(folder: Path) -> int:
    total = 0
    # It goes over a folder that is removed meanwhile.
    for at, _, names in os.walk(folder):
        for name in names:
            try:
                total += (Path(at) / name).stat().st_size
            except OSError:
                continue
    return total


def run(way: Callable[..., None], source: Path, out: Path, engine: str, memory_gb: float) -> Path:
    """Run one way in a process of its own; where its list lies."""
    job = multiprocessing.get_context("spawn").Process(target=measured, args=(way, source, out, engine, memory_gb))
    job.start()
    job.join()
    if job.exitcode:
        raise SystemExit(job.exitcode)
    return out / "list"


def hold_together(ours: Path, theirs: Path, name: str) -> None:
    """Say how far two lists agree, and end with an error where they do not."""
    columns = ["account_id", "division", "rank", "score", "expected_value", "selected"]
    a, b = (
        pd.concat([pd.read_parquet(path, columns=columns) for path in sorted(folder.glob("*.parquet"))])
        for folder in (ours, theirs)
    )
    moved = int(
        (a[["account_id", "division"]].to_numpy() != b[["account_id", "division"]].to_numpy()).any(axis=1).sum()
    )
    both = a.merge(b, on=["account_id", "division"], suffixes=("", "_b"))
    far = {n: float((both[n] - both[f"{n}_b"]).abs().max()) for n in ("score", "expected_value")}
    ranks = int((both["rank"].fillna(0) != both["rank_b"].fillna(0)).sum())
    print(
        f"        against {name}: {len(both):,} pairs, {moved} at another place, {ranks} with another rank, largest "
        f"difference of score {far['score']:.1e}, of expected value {far['expected_value']:.1e}",
        flush=True,
    )
    if len(both) != len(a) or max(far.values()) > 2e-12 * max(1.0, float(a["expected_value"].max())):
        raise SystemExit("the lists differ")


def main() -> None:
    """Both ways at one size, then SQL alone at larger ones."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--accounts", type=int, default=200_000, help="accounts of the comparison")
    parser.add_argument("--full", action="store_true", help="1 and 10 million accounts too")
    parser.add_argument("--spark", action="store_true", help="Spark in local mode too")
    parser.add_argument("--memory-gb", type=float, default=4.0, help="run.memory_limit_gb")
    parser.add_argument("--scratch", type=Path, help="folder for the data; by default the system's")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=chosen.scratch) as scratch:
        home = Path(scratch)
        source = home / "pairs.parquet"
        make_pairs(source, chosen.accounts)
        ours = run(by_sql, source, home / "duckdb", "duckdb", chosen.memory_gb)
        hold_together(ours, run(by_pandas, source, home / "pandas", "", 0.0), "pandas")
        if chosen.spark:
            hold_together(ours, run(by_sql, source, home / "spark", "spark", 0.0), "Spark")
        for accounts in (1_000_000, 10_000_000) if chosen.full else ():
            make_pairs(source, accounts)
            run(by_sql, source, home / f"duckdb{accounts}", "duckdb", chosen.memory_gb)


if __name__ == "__main__":
    main()

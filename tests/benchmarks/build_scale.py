"""Labels and features of a long sales log: CPU seconds and peak memory, against the plain pandas group-by.

    python tests/benchmarks/build_scale.py                      # 2 million lines, both ways
    python tests/benchmarks/build_scale.py --rows 20000000
    python tests/benchmarks/build_scale.py --rows 100000000 --memory-gb 4 --skip-pandas
    python tests/benchmarks/build_scale.py --rows 20000000 --cutoffs 2,4,8   # time and memory by the number of cutoffs

50,000 customers, 8 divisions, 36 months, three cutoffs; every feature but the embeddings. Each way runs in a process of
its own on the same filed months and on one thread. pandas groups once by the log's own ids, and once by the numbers
that the filing put in their place. The sums of every column of every feature set must agree.
"""

from __future__ import annotations

import argparse
import multiprocessing
import platform
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import date
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

CUSTOMERS, DIVISIONS, CODES, MONTHS = 50_000, 8, 400, 36
FIRST = date(2022, 7, 1)
CUTOFFS = ["2024-07-01", "2024-10-01", "2025-01-01"]
CHUNK = 1_000_000
Sums = dict[str, float]


def make_log(path: Path, rows: int, seed: int = 1) -> None:
    """Write ``rows`` sales lines month by month: few large customers, favourite divisions, returns, doubles."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    draw = np.random.default_rng(seed)
    weight = np.cumsum(draw.lognormal(0.0, 1.0, CUSTOMERS))
    favourite = draw.integers(0, DIVISIONS, CUSTOMERS)
    accounts = pa.array([f"C{k:06d}" for k in range(CUSTOMERS)])
    divisions = pa.array([f"Division {k}" for k in range(DIVISIONS)])
    codes = pa.array([f"D{k // CODES}-{k % CODES:04d}" for k in range(DIVISIONS * CODES)])
    writer, line = None, 0
    for month in range(MONTHS):
        begin = np.datetime64(FIRST, "M") + month
        days = int(((begin + 1).astype("datetime64[D]") - begin.astype("datetime64[D]")).astype(int))
        left = rows * (month + 1) // MONTHS - rows * month // MONTHS
        while left:
            n = min(left, CHUNK)
            who = np.searchsorted(weight, draw.random(n) * weight[-1])
            what = (favourite[who] + np.minimum(draw.geometric(0.5, n) - 1, DIVISIONS - 1)) % DIVISIONS
            code = what * CODES + (CODES * draw.random(n) ** 2.5).astype(np.int64)
            sign = np.where(draw.random(n) < 0.03, -1.0, 1.0)
            revenue = np.round(draw.lognormal(4.0, 1.0, n), 2) * sign
            invoice = line + np.arange(n) // 3
            when = begin.astype("datetime64[D]") + draw.integers(0, days, n)
            at = np.arange(n)
            # One line in 500 is a double of the line before it.
            at[1:] -= draw.random(n - 1) < 0.002
            table = pa.table(
                {
                    "date": pa.array(when[at].astype("datetime64[us]")),
                    "account_id": pa.DictionaryArray.from_arrays(pa.array(who[at].astype(np.int32)), accounts),
                    "division": pa.DictionaryArray.from_arrays(pa.array(what[at].astype(np.int32)), divisions),
                    "sku": pa.DictionaryArray.from_arrays(pa.array(code[at].astype(np.int32)), codes),
                    "quantity": sign[at],
                    "revenue": revenue[at],
                    "gross_profit": np.round(revenue[at] * 0.3, 2),
                    "invoice": pc.cast(pa.array(invoice[at]), pa.string()),
                }
            )
            writer = writer or pq.ParquetWriter(path, table.schema, compression="zstd")
            writer.write_table(table)
            line, left = line + n, left - n
    assert writer is not None
    writer.close()


def settings_of(folder: Path, memory_gb: float, cutoffs: Sequence[str] = CUTOFFS) -> Any:
    from icp_xl.config import load_settings

    return load_settings(
        environ={},
        overrides={
            "paths.data": folder, "paths.out": folder / "out", "build.transactions": folder / "log.parquet",
            "build.cutoffs": list(cutoffs), "build.window_months": 6, "build.as_of": "2026-01-01",
            "features.use_als": False, "run.memory_limit_gb": memory_gb, "run.workers": 1, "labels.auto_widen": False,
        },
    )  # fmt: skip


def file_star(folder: Path, memory_gb: float) -> Sums:
    """The log to a star schema on disk."""
    from icp_xl.tables.star_build import build_star
    from icp_xl.tables.star_files import StarTarget

    def place(name: str) -> Path:
        path = folder / "out" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    found = build_star(folder / "log.parquet", settings_of(folder, memory_gb), target=StarTarget(place, scratch=folder))
    return {"read": found.read, "kept": found.kept}


def quarters(count: int) -> list[str]:
    """So many cutoffs, a quarter apart, the latest first learned from."""
    from icp_xl.tables.star_calendar import add_months

    last = date.fromisoformat(CUTOFFS[-1])
    return [add_months(last, -3 * k).isoformat() for k in reversed(range(count))]


def with_icp_xl(folder: Path, memory_gb: float, cutoffs: Sequence[str] = CUTOFFS) -> Sums:
    """Labels and features of all divisions at all cutoffs."""
    from icp_xl.features.build import build_feature_sets
    from icp_xl.labels.build import build_label_sets
    from icp_xl.tables.star import open_engine, open_star

    star, settings = open_star(folder / "out"), settings_of(folder, memory_gb, cutoffs)
    sums: Sums = {}
    with open_engine(star, settings, folder) as engine:
        names = star.division_names
        sets = build_label_sets(star, names, settings.build.cutoffs, settings, engine=engine)
        for (cutoff, division), labels in zip(product(settings.build.cutoffs, names), sets, strict=True):
            sums[f"{division} {cutoff} label"] = float(labels["label"].sum())
        for found in build_feature_sets(star, names, settings.build.cutoffs, settings, engine=engine):
            for name in found.numbers:
                sums[f"{found.division} {found.cutoff} {name}"] = float(np.nansum(found.frame[name].to_numpy()))
    return sums


def with_pandas(folder: Path, memory_gb: float, text: bool = False) -> Sums:
    """The same by group-by of numbers; see ``tests/support/pandas_features.py``."""
    from icp_xl.tables.star import open_star
    from tests.support.pandas_features import all_sets

    star, settings = open_star(folder / "out"), settings_of(folder, memory_gb)
    sums: Sums = {}
    for division, cutoff, values, positives in all_sets(star, settings, text=text):
        sums[f"{division} {cutoff} label"] = positives
        for name, column in values.items():
            sums[f"{division} {cutoff} {name}"] = float(np.nansum(column))
    return sums


def with_pandas_on_text(folder: Path, memory_gb: float) -> Sums:
    """The same by group-by of the log's own ids and names."""
    return with_pandas(folder, memory_gb, text=True)


def whole_build(folder: Path, memory_gb: float) -> Sums:
    """``icp-xl build``: reading, cleaning, filing, labels, features, every file and the report."""
    from icp_xl.pipeline.api import call
    from icp_xl.pipeline.models.build import build

    found = call("build", build, settings_of(folder, memory_gb))
    assert found is not None
    return {"read": found.star.read, "kept": found.star.kept, "feature sets": len(found.stats)}


def _measure(call: Callable[[Path, float], Sums], folder: Path, memory_gb: float, answer: Any) -> None:
    import duckdb
    import pandas  # imported before the clock starts

    assert duckdb and pandas
    begin, wall = time.process_time(), time.perf_counter()
    sums = call(folder, memory_gb)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    answer.put((time.process_time() - begin, time.perf_counter() - wall, peak, sums))


def measure(name: str, call: Callable[[Path, float], Sums], folder: Path, memory_gb: float) -> tuple[float, Sums]:
    """CPU seconds of a process of its own, and what it found; prints them with the peak memory."""
    context = multiprocessing.get_context("spawn")
    answer: Any = context.Queue()
    process = context.Process(target=_measure, args=(call, folder, memory_gb, answer))
    process.start()
    while True:
        try:
            cpu, wall, peak, sums = answer.get(timeout=1)
            break
        except Exception:
            if not process.is_alive():
                raise SystemExit(f"{name} ended with {process.exitcode}") from None
    process.join()
    print(f"{name:24s} {cpu:8.1f} CPU s  {wall:8.1f} s  {peak:6.2f} GB", flush=True)
    return float(cpu), sums


def compare(ours: Sums, theirs: Sums) -> None:
    """Every figure that pandas has must be ours too."""
    assert set(theirs) <= set(ours), sorted(set(theirs) - set(ours))[:5]
    for name, value in theirs.items():
        if not np.isclose(ours[name], value, rtol=1e-7, atol=1e-6):
            raise SystemExit(f"{name}: {ours[name]} against {value}")
    print(f"{len(theirs):,} of {len(ours):,} columns of {DIVISIONS * len(CUTOFFS)} sets compared, all equal")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--memory-gb", type=float, default=2.5, help="run.memory_limit_gb")
    parser.add_argument("--skip-pandas", action="store_true")
    parser.add_argument("--keys", choices=["numbered", "ids", "both"], default="both", help="what pandas groups by")
    parser.add_argument("--cutoffs", help="numbers of cutoffs to measure instead, such as 2,4,8")
    parser.add_argument("--whole", action="store_true", help="measure icp-xl build as a whole instead")
    parser.add_argument("--folder", type=Path, help="where data are made and kept; by default a temporary folder")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = chosen.folder or Path(made)
        folder.mkdir(parents=True, exist_ok=True)
        log = folder / "log.parquet"
        if not log.is_file():
            make_log(log, chosen.rows)
        size = log.stat().st_size / 2**20
        print(f"{chosen.rows:,} lines, {size:,.0f} MB, limit {chosen.memory_gb} GB, {platform.machine()}", flush=True)
        if chosen.whole:
            print(measure("icp-xl build", whole_build, folder, chosen.memory_gb)[1])
            return
        if not (folder / "out" / "curated" / "star" / "star.json").is_file():
            print(measure("star schema", file_star, folder, chosen.memory_gb)[1])
        if chosen.cutoffs:
            for count in map(int, chosen.cutoffs.split(",")):
                measure(f"{count} cutoffs", partial(with_icp_xl, cutoffs=quarters(count)), folder, chosen.memory_gb)
            return
        cpu, ours = measure("labels and features", with_icp_xl, folder, chosen.memory_gb)
        if not chosen.skip_pandas:
            ways = {"pandas, numbered keys": with_pandas, "pandas, the log's ids": with_pandas_on_text}
            for name, way in ways.items():
                if chosen.keys in name or chosen.keys == "both":
                    plain, theirs = measure(name, way, folder, chosen.memory_gb)
                    compare(ours, theirs)
                    print(f"{name}: {plain / cpu:.1f} times the CPU", flush=True)


if __name__ == "__main__":
    main()

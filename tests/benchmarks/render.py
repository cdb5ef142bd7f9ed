"""A table of 20 columns as a workbook: ours, openpyxl and XlsxWriter, in CPU seconds and memory.

python tests/benchmarks/render.py                50,000 rows, every way
python tests/benchmarks/render.py 1000000 icp_xl    a million rows, one way

Each way runs in a process of its own. Memory is what the process holds at most while it writes, above the bare imports
and above what it held before it began (imports and the table).
"""

from __future__ import annotations

import argparse
import gc
import multiprocessing as mp
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.support.memory import held, peak, reset_peak  # noqa: E402


def make_frame(rows: int, path: Path) -> None:
    """Twelve columns of numbers, eight of texts that are mostly different."""
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(0)
    frame = pd.DataFrame({f"n{i}": rng.random(rows) * 1e5 for i in range(12)})
    for i in range(8):
        frame[f"t{i}"] = [f"Account {number}" for number in rng.integers(0, rows, rows)]
    frame.to_parquet(path)


def icp_xl(frame: object, path: Path) -> None:
    """A native table with formats, filters and everything else that our sheets have."""
    from icp_xl.delivery.render.book import render_book
    from icp_xl.reports.spec import Column, ReportBook, Sheet, Table

    columns = [Column(c, c.upper(), "money" if c[0] == "n" else "text") for c in frame]  # type: ignore[attr-defined]
    render_book(ReportBook([Sheet("Data", "Data", [Table("data", columns, frame)], kind="data")]), path)  # type: ignore[arg-type]


def openpyxl(frame: object, path: Path) -> None:
    """Cell by cell, in memory."""
    import openpyxl

    book = openpyxl.Workbook()
    book.active.append(list(frame))  # type: ignore[call-overload, union-attr]
    for row in frame.itertuples(index=False):  # type: ignore[attr-defined]
        book.active.append(list(row))  # type: ignore[union-attr]
    book.save(path)


def openpyxl_write_only(frame: object, path: Path) -> None:
    """Row by row, without formats."""
    import openpyxl

    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("Data")
    sheet.append(list(frame))  # type: ignore[call-overload]
    for row in frame.itertuples(index=False):  # type: ignore[attr-defined]
        sheet.append(list(row))
    book.save(path)


def xlsxwriter_constant(frame: object, path: Path) -> None:
    """XlsxWriter's constant memory, without formats."""
    import xlsxwriter

    book = xlsxwriter.Workbook(str(path), {"constant_memory": True})
    sheet = book.add_worksheet("Data")
    sheet.write_row(0, 0, list(frame))  # type: ignore[call-overload]
    for number, row in enumerate(frame.itertuples(index=False), 1):  # type: ignore[attr-defined]
        sheet.write_row(number, 0, row)
    book.close()


WAYS = (icp_xl, openpyxl, openpyxl_write_only, xlsxwriter_constant)


def _child(work: Callable[[object, Path], None], source: Path, pipe: object) -> None:
    import openpyxl  # noqa: F401
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute  # noqa: F401
    import pyarrow.parquet  # noqa: F401

    import icp_xl.delivery.render.book  # noqa: F401

    imports = held()
    frame = pd.read_parquet(source)
    gc.collect()
    pa.default_memory_pool().release_unused()
    before = held()
    reset_peak()
    path = source.with_suffix(".xlsx")
    start = time.process_time()
    work(frame, path)
    used = time.process_time() - start
    pipe.send((used, peak() - imports, peak() - before, path.stat().st_size / 1e6))  # type: ignore[attr-defined]


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="?", type=int, default=50_000)
    parser.add_argument("ways", nargs="*", default=[way.__name__ for way in WAYS])
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "frame.parquet"
        make_frame(given.rows, source)
        for way in WAYS:
            if way.__name__ in given.ways:
                here, there = mp.Pipe()
                process = mp.get_context("spawn").Process(target=_child, args=(way, source, there))
                process.start()
                there.close()
                used, imports, table, size = here.recv()
                process.join()
                print(f"{way.__name__:20} {given.rows:,} x 20: {used:7.2f} CPU s, {imports:6.0f} MB above imports, "
                      f"{table:6.0f} MB above imports and table, file {size:.1f} MB", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()

"""Reading a sales log of 540,000 lines from .xlsx, against openpyxl: CPU seconds and peak memory of each.

``python tests/benchmarks/read_log.py --full`` takes some two minutes; without ``--full`` a tenth of the lines is read.
openpyxl only walks over the cells; the package also finds the header, types every column and tells what it dropped.
"""

from __future__ import annotations

import multiprocessing
import resource
import sys
import tempfile
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

if "--help" in sys.argv:
    print(__doc__)
    sys.exit()

LINES = 540_000
NAME = "TR - Master Sales Log - Customer Segementation.xlsx"


def make(path: Path, lines: int) -> None:
    """A log of eight columns, as a cash register might export it."""
    import xlsxwriter

    book = xlsxwriter.Workbook(str(path), {"constant_memory": True, "default_date_format": "yyyy-mm-dd"})
    sheet = book.add_worksheet("Sales Log")
    sheet.write_row(0, 0, ["Date", "Invoice", "Customer", "Division", "SKU", "Qty", "Revenue", "GP"])
    start = datetime(2021, 1, 1)
    for at in range(1, lines + 1):
        sheet.write_datetime(at, 0, start + timedelta(days=at * 1400 // lines))
        sheet.write_number(at, 1, 500_000 + at // 3)
        sheet.write_string(at, 2, f"Customer {at * 7919 % 4372} Manufacturing Inc")
        sheet.write_string(at, 3, f"Division {at % 8}")
        sheet.write_string(at, 4, f"SKU-{at * 31 % 4070:05d}")
        sheet.write_number(at, 5, at % 9 + 1)
        sheet.write_number(at, 6, (at * 37 % 99_991) / 100)
        sheet.write_number(at, 7, (at * 11 % 30_011) / 100)
    book.close()


def with_icp_xl(path: Path) -> float:
    from icp_xl.config import load_settings
    from icp_xl.sources import read_sources

    sales = read_sources(load_settings(overrides={"paths.data": path.parent}, environ={})).sales
    assert sales is not None
    return float(sales.frame["revenue"].sum())


def with_openpyxl(path: Path) -> float:
    import openpyxl

    sheet = openpyxl.load_workbook(path, read_only=True, data_only=True).worksheets[0]
    return sum(row[6] for row in sheet.iter_rows(min_row=2, values_only=True))


def _measure(call: Any, path: Path, answer: Any) -> None:
    import openpyxl
    import pandas

    import icp_xl.config
    import icp_xl.sources

    assert openpyxl and pandas and icp_xl  # all are imported before the clock starts
    begin = time.process_time()
    total = call(path)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    answer.put((time.process_time() - begin, peak, total))


def measure(call: Any, path: Path) -> tuple[float, float, float]:
    """CPU seconds, peak gigabytes and the sum read, in a process of its own."""
    context = multiprocessing.get_context("spawn")
    answer: Any = context.Queue()
    process = context.Process(target=_measure, args=(call, path, answer))
    process.start()
    found: tuple[float, float, float] = answer.get()
    process.join()
    return found


def main(lines: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / NAME
        make(path, lines)
        print(f"{lines:,} lines, {path.stat().st_size / 1e6:.1f} MB")
        ours, theirs = measure(with_icp_xl, path), measure(with_openpyxl, path)
    assert abs(ours[2] - theirs[2]) < 1e-3 * lines
    print(f"icp_xl    {ours[0]:6.1f} CPU s  {ours[1]:5.2f} GB")
    print(f"openpyxl  {theirs[0]:6.1f} CPU s  {theirs[1]:5.2f} GB")
    print(f"ratio     {theirs[0] / ours[0]:6.1f}")


if __name__ == "__main__":
    main(LINES if "--full" in sys.argv else LINES // 10)

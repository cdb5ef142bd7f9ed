"""Write-back into a workbook of 200,000 × 12 cells against openpyxl's load and save.

python tests/benchmarks/write_back_scale.py --full     200,000 rows
python tests/benchmarks/write_back_scale.py            10,000 rows

Each way runs in a process of its own and is given the same values; what is told is CPU seconds from then on, and what
the process holds at most, those values included, above what it held after the bare imports. Ours, which take seconds,
run before, between and after openpyxl's, which take a minute, and their median counts: a machine changes its pace.
"""

from __future__ import annotations

import argparse
import multiprocessing as mp
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.support.keys import exactly  # noqa: E402
from tests.support.memory import held, peak, reset_peak  # noqa: E402

HEADERS = (
    "Account",
    "Name",
    "City",
    "Region",
    "Rep",
    "Industry",
    "Revenue",
    "Profit",
    "Orders",
    "Score",
    "Day",
    "Note",
)


def make_book(path: Path, rows: int) -> None:
    """A sheet of text, numbers and dates with a table over it; strings are shared, as Excel writes them."""
    import datetime as dt

    import xlsxwriter

    book = xlsxwriter.Workbook(str(path))
    sheet = book.add_worksheet("Customers")
    money, day = book.add_format({"num_format": "#,##0.00"}), book.add_format({"num_format": "yyyy-mm-dd"})
    first = dt.date(2024, 1, 1)
    for i in range(rows):
        sheet.write_row(i + 1, 0, (f"A{i:06d}", f"Company number {i}", f"City {i % 900}", f"Region {i % 9}"))
        sheet.write_row(i + 1, 4, (f"Rep {i % 60}", f"Industry {i % 25}"))
        sheet.write_row(i + 1, 6, (i * 13.37 % 99991, i * 7.77 % 9973), money)
        sheet.write_row(i + 1, 8, (i % 300, i * 0.618 % 1))
        sheet.write_datetime(i + 1, 10, dt.datetime.combine(first, dt.time()) + dt.timedelta(days=i % 700), day)
        sheet.write_string(i + 1, 11, f"note {i % 5000} of the account")
    sheet.add_table(0, 0, rows, 11, {"name": "Customers", "columns": [{"header": name} for name in HEADERS]})
    book.close()


#: Result columns: field to one value per row.
Values = dict[str, list[object]]


def make_values(rows: int) -> Values:
    """Five result columns."""
    return {
        "icp_score": [i * 0.37 % 100 for i in range(rows)], "icp_grade": ["ABCDF"[i % 5] for i in range(rows)],
        "rank": list(range(1, rows + 1)), "segment": [f"Segment {i % 4}" for i in range(rows)],
        "reasons": ["Buys much, and more each year"] * rows,
    }  # fmt: skip


def sheets(path: Path, donor: Path, values: Values) -> None:
    """Two report sheets."""
    from icp_xl.delivery.write_back.inject import inject_sheets
    from icp_xl.opc.safe_write import SafeOptions

    inject_sheets(path, donor, options=SafeOptions(backups=0))


def columns(path: Path, donor: Path, values: Values) -> None:
    """Five result columns beside every row."""
    from icp_xl.delivery.write_back.column_values import RESULT_COLUMNS, Results
    from icp_xl.delivery.write_back.columns import write_columns
    from icp_xl.opc.safe_write import SafeOptions

    n = len(values["rank"])
    results = Results(RESULT_COLUMNS, values, exactly([f"A{i:06d}" for i in range(n)]))
    done = write_columns(path, "Account", results, options=SafeOptions(backups=0))
    assert done.matched == n, done.matched


def removal(path: Path, donor: Path, values: Values) -> None:
    """Everything out again."""
    from icp_xl.delivery.write_back.column_remove import remove_all
    from icp_xl.opc.safe_write import SafeOptions

    assert remove_all(path, options=SafeOptions(backups=0)).exact


def openpyxl_sheet(path: Path, donor: Path, values: Values) -> None:
    """Load, add one small sheet, save."""
    import openpyxl

    book = openpyxl.load_workbook(path)
    book.create_sheet("Report").append(["a"])
    book.save(path)


def openpyxl_columns(path: Path, donor: Path, values: Values) -> None:
    """Load, write five columns, save."""
    import openpyxl

    book = openpyxl.load_workbook(path)
    sheet = book["Customers"]
    for number, row in enumerate(zip(*values.values(), strict=True), 2):
        for column, value in enumerate(row, 13):
            sheet.cell(number, column, value)
    book.save(path)


Work = Callable[[Path, Path, Values], None]


def _child(work: Work, path: Path, donor: Path, rows: int, pipe: object) -> None:
    import icp_xl.delivery.write_back.column_remove  # noqa: F401
    import icp_xl.delivery.write_back.inject  # noqa: F401

    base = held()
    reset_peak()
    values = make_values(rows)
    start, wall = time.process_time(), time.perf_counter()
    work(path, donor, values)
    used = (time.process_time() - start, time.perf_counter() - wall)
    pipe.send((*used, peak() - base))  # type: ignore[attr-defined]


def measure(work: Work, path: Path, donor: Path, rows: int) -> tuple[float, float, float]:
    """CPU seconds, wall seconds and megabytes of one way."""
    here, there = mp.Pipe()
    process = mp.get_context("spawn").Process(target=_child, args=(work, path, donor, rows, there))
    process.start()
    while not here.poll(1):
        if not process.is_alive():
            raise RuntimeError(f"{work.__name__} failed")
    process.join()
    cpu, wall, memory = here.recv()
    print(f"{work.__name__:18} {cpu:8.2f} CPU s  {wall:8.2f} s  {memory:8.1f} MB above imports", flush=True)
    return cpu, wall, memory


def main() -> int:
    """Run and print."""
    from tests.support.donors import make_donor

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--rows", type=int)
    arguments = parser.parse_args()
    rows = arguments.rows or (200_000 if arguments.full else 10_000)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        book, donor = folder / "book.xlsx", folder / "donor.xlsx"
        make_book(book, rows)
        make_donor(donor)
        print(f"{rows:,} rows × {len(HEADERS)}, {book.stat().st_size / 1e6:.1f} MB")
        found: dict[Work, list[tuple[float, float, float]]] = {}
        for work in (sheets, columns, openpyxl_sheet, sheets, columns, openpyxl_columns, sheets, columns):
            copy = folder / "copy.xlsx"
            shutil.copyfile(book, copy)
            found.setdefault(work, []).append(measure(work, copy, donor, rows))
        measure(removal, copy, donor, rows)
    for ours, theirs in ((sheets, openpyxl_sheet), (columns, openpyxl_columns)):
        a, b = ([statistics.median(kind) for kind in zip(*found[work], strict=True)] for work in (ours, theirs))
        print(f"{ours.__name__}: {b[0] / a[0]:.1f} times faster, {b[2] / a[2]:.1f} times leaner")
    return 0


if __name__ == "__main__":
    sys.exit(main())

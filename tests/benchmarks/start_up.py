"""What a command costs before it does its work, beside ``python -c "import pandas"``.

    python tests/benchmarks/start_up.py [repeats]

CPU seconds of each, the least of five in turn (or of ``repeats``), and the ratio to the import of pandas, which holds
on slower and faster machines alike: ``icp-xl --help``, ``icp-xl score --help``, and ``icp-xl score`` on ten accounts
with sixty sales lines, its report and the live workbook included.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path

from openpyxl import Workbook

if "--help" in sys.argv:
    print(__doc__)
    sys.exit()

#: With modules compiled once, as an installation has them.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
REPEATS = int(sys.argv[1]) if len(sys.argv) > 1 else 5


def cpu(*arguments: str) -> float:
    """CPU seconds of one Python with ``arguments``, its children included."""
    before = os.times()
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True, env=ENVIRONMENT)
    after = os.times()
    return sum(after[2:4]) - sum(before[2:4])


def write_world(folder: Path) -> None:
    """Ten accounts and sixty sales lines."""
    tables: dict[str, list[tuple[object, ...]]] = {
        "customers": [("Customer ID", "Company Name", "Industry", "Annual Revenue")]
        + [(f"C{n}", f"Firm {n} Ltd", ("Auto", "Food")[n % 2], 1000 * n + 100) for n in range(10)],
        "sales": [("Customer ID", "Company Name", "Date", "Product", "Revenue", "Quantity")]
        + [(f"C{n % 10}", f"Firm {n % 10} Ltd", date(2024, 1 + n % 12, 5), "Printers", 100 + n * 7, 1)
           for n in range(60)],
    }  # fmt: skip
    for name, rows in tables.items():
        book = Workbook()
        assert book.active is not None
        for row in rows:
            book.active.append(row)
        book.save(folder / f"{name}.xlsx")


def main() -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory() as held:
        folder = Path(held)
        write_world(folder)
        module = ("-m", "icp_xl")
        measured = {
            'python -c "import pandas"': ("-c", "import pandas"),
            "icp-xl --help": (*module, "--help"),
            "icp-xl score --help": (*module, "score", "--help"),
            "icp-xl score, ten accounts": (*module, "score", "--data", held, "--out", str(folder / "out")),
        }
        # In turn, so that what else the machine does falls on all alike.
        seconds = [{name: cpu(*call) for name, call in measured.items()} for _ in range(REPEATS)]
    least = {name: min(each[name] for each in seconds) for name in measured}
    pandas = least['python -c "import pandas"']
    print(f"{'':32}{'CPU s':>8}{'ratio':>8}")
    for name, value in least.items():
        print(f"{name:32}{value:8.2f}{value / pandas:8.2f}")


if __name__ == "__main__":
    main()

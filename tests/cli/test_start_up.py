"""What a command loads before it is of use: by module, since times differ from machine to machine."""

from __future__ import annotations

import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from openpyxl import Workbook

#: Each takes as long to load as all the rest of the help.
HEAVY = ("pandas", "numpy", "scipy", "duckdb", "pyarrow", "yaml", "openpyxl", "lxml", "babel", "xlwings")
#: Scoring a short list needs none of these.
LEARNING = ("sklearn", "scipy.stats", "lightgbm", "optuna", "duckdb", "openpyxl", "matplotlib")


def loaded(*arguments: str) -> list[str]:
    """Modules that ``icp-xl`` with ``arguments`` has loaded when it ends."""
    code = "import sys; from icp_xl.cli import run; code = run(sys.argv[1:]); print('\\n' + ' '.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}; sys.exit(code)", *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()[-1].split()


@pytest.mark.parametrize("arguments", [("--help",), ("runs", "--help"), ("addin", "--help")])
def test_help_loads_nothing_heavy(arguments: tuple[str, ...]) -> None:
    names = set(loaded(*arguments))
    assert "icp_xl.commands.scoring" in names
    assert not names & {*HEAVY, "icp_xl.config"}
    # Which typer itself loads, for a group only, where it is installed.
    assert "pydantic" not in names or arguments[0] != "--help"


def test_scoring_a_short_list_loads_no_learning(tmp_path: Path) -> None:
    book = Workbook()
    assert book.active is not None
    book.active.append(("Customer ID", "Customer", "Date", "Product", "Revenue"))
    for n in range(40):
        book.active.append((f"C{n % 9}", f"Firm {n % 9}", date(2024, 1 + n % 12, 5), "Printer", 100 + 7 * n))
    book.save(tmp_path / "sales.xlsx")
    names = loaded("score", "--data", str(tmp_path), "--out", str(tmp_path / "out"))
    assert (tmp_path / "out" / "icp_report.xlsx").is_file()
    assert not set(LEARNING) & set(names)

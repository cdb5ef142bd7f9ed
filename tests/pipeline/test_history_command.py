"""``icp-xl history add`` without a file: what the button files, once, and what it says where there is nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from icp_xl.cli import run as cli
from icp_xl.excel.actions import ACTIONS

HEAD = "Account ID,Customer,Industry,Account Owner\n"


def add(folder: Path) -> int:
    return cli(["history", "add", "--data", str(folder), "--out", str(folder / "out")])


def test_the_exports_of_the_folder_are_filed_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ACTIONS["history_add"].commands == ("history add",)
    assert add(tmp_path) != 0
    assert "there is no export to file" in capsys.readouterr().err
    (tmp_path / "history").mkdir()
    for day, owner in (("2024-03-31", "Ana"), ("2024-06-30", "Bo")):
        text = HEAD + "".join(f"A{k},Company {k},Dental,{owner}\n" for k in range(5))
        (tmp_path / "history" / f"customers {day}.csv").write_text(text, encoding="utf-8")
    assert add(tmp_path) == 0
    assert "2 filings from 2024-03-31 to 2024-06-30" in capsys.readouterr().out
    assert add(tmp_path) == 0
    assert "Nothing new to file. 2 had been filed before." in capsys.readouterr().out


def test_what_is_no_customers_table_is_refused_and_what_an_export_lacks_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def file(name: str, day: str, text: str) -> int:
        (tmp_path / name).write_text(text, encoding="utf-8")
        return cli(["history", "add", str(tmp_path / name), "--as-of", day, "--out", str(tmp_path / "out")])

    accounts = range(30)
    assert file("whole.csv", "2024-03-31", HEAD + "".join(f"A{k},Company {k},Dental,Ana\n" for k in accounts)) == 0
    assert "It says nothing of" not in capsys.readouterr().out
    assert (
        file("thin.csv", "2024-06-30", "Account ID,Customer\n" + "".join(f"A{k},Company {k}\n" for k in accounts)) == 0
    )
    assert "It says nothing of industry, owner: unknown until the next filing." in capsys.readouterr().out
    lines = "".join(f"2024-01-{day:02d},A{k},Company {k},{day}.5\n" for k in accounts for day in range(1, 11))
    assert file("sales.csv", "2024-07-31", "Date,Account ID,Customer,Revenue\n" + lines) == 4
    assert "300 rows of 30 accounts" in capsys.readouterr().err

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

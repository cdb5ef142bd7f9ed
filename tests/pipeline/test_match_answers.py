"""Answers that a person types into the sheet Match Review, from one run to the next."""

from __future__ import annotations

from pathlib import Path

import openpyxl
import pandas as pd
import pytest
import yaml

from icp_xl.cli import run

NAMES = ["Quorvex Machining Inc", "Quorvix Machining", "Hansen Dental", "Hanson Dental", "Netherby Gearworks",
         "Netherby Gearworks Ltd", "Acuvex", "Acuvex Dental", "Ostrava Lenswork", "Fernhall Castings"]  # fmt: skip


def sheet(report: Path) -> tuple[openpyxl.Workbook, dict[str, tuple[object, ...]]]:
    """The workbook, and the cells of each question by the first name in it."""
    book = openpyxl.load_workbook(report)
    rows = list(book["Match Review"].iter_rows())
    start = next(i for i, row in enumerate(rows) if row[0].value == "Decision")
    at = {str(cell.value): i for i, cell in enumerate(rows[start]) if cell.value}
    found = {str(row[at["This name"]].value): row for row in rows[start + 1 :] if row[at["This name"]].value}
    return book, {name: (row[0], row[at["Status"]].value, row[at["Key"]].value) for name, row in found.items()}


def answer(report: Path, answers: dict[str, object]) -> None:
    book, rows = sheet(report)
    for name, value in answers.items():
        rows[name][0].value = value  # type: ignore[attr-defined]
    book.save(report)


@pytest.mark.filterwarnings("ignore")
def test_answers_are_obeyed_and_an_odd_one_stops_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    ids = [f"C-{i}" for i in range(len(NAMES))]
    pd.DataFrame({"account_id": ids, "company name": NAMES, "industry": "Dental", "city": "Austin"}).to_csv(
        "customers.csv", index=False
    )
    pd.DataFrame(
        {"date": "2025-03-01", "account_id": ids, "customer": NAMES, "division": "Dental", "sku": "S1", "quantity": 1,
         "revenue": [900, 100, 800, 200, 700, 300, 600, 400, 50, 60], "category": "consumable"}
    ).to_csv("sales.csv", index=False)  # fmt: skip
    sources = {"customers": {"file": "customers.csv"}, "sales": {"file": "sales.csv"}}
    Path("icp_xl.yaml").write_text(yaml.safe_dump({"sources": sources}), encoding="utf-8")
    command = ["score", "--config", "icp_xl.yaml", "--data", ".", "--out", "out", "-q"]
    report = tmp_path / "out" / "icp_report.xlsx"

    def accounts() -> int:
        return len(pd.read_csv(tmp_path / "out" / "icp_scored_accounts.csv"))

    assert run(command) == 0
    _, rows = sheet(report)
    assert accounts() == 10 and [status for _, status, _ in rows.values()] == ["Open"] * 4
    # The most money that an answer would move comes first.
    assert list(rows) == ["Acuvex", "Netherby Gearworks", "Hansen Dental", "Quorvex Machining Inc"]
    answer(report, {"Quorvex Machining Inc": "YES", "Hansen Dental": " No ", "Netherby Gearworks": "perhaps"})
    typed = report.read_bytes()
    assert run(command) == 3
    said = capsys.readouterr().err
    assert "perhaps" in said and "icp_report.xlsx row" in said and "same, different, merge" in said
    assert report.read_bytes() == typed and accounts() == 10
    answer(report, {"Netherby Gearworks": "merge into c-5"})
    for _ in range(2):
        assert run(command) == 0
        assert accounts() == 8
        _, rows = sheet(report)
        assert {name: (str(cell.value), status) for name, (cell, status, _) in rows.items()} == {  # type: ignore[attr-defined]
            "Acuvex": ("None", "Open"), "Quorvex Machining Inc": ("same", "Decided"),
            "Hansen Dental": ("different", "Decided"), "Netherby Gearworks": ("same", "Decided"),
        }  # fmt: skip
    answer(report, {"Quorvex Machining Inc": "different"})
    assert run(command) == 0 and accounts() == 9

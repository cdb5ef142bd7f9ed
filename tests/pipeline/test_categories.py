"""A category that is given decides; what a person corrects on the report's sheet, the next run obeys."""

from __future__ import annotations

import csv
from pathlib import Path

import openpyxl
import pytest

from icp_xl.cli import run

pytestmark = pytest.mark.filterwarnings("ignore:.*extension is not supported")

LINES = """Date,Customer,Category,Product,Amount
2024-01-05,Acme,Furniture,Mesh Seat,500
2024-01-06,Beta,Furniture,Training Table,300
2024-01-07,Gamma,,Laser Printer,200
2024-01-08,Gamma,Hardware,Cleaning service,100
2024-01-09,Delta,,Blue thing,50
"""


def score(folder: Path) -> dict[str, float]:
    assert run(["score", "--data", str(folder), "--out", str(folder / "out")]) == 0
    with (folder / "out" / "icp_scored_accounts.csv").open(encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    kinds = ("hardware", "consumable", "software", "service")
    return {kind: sum(float(row[f"{kind}_revenue"] or 0) for row in rows) for kind in kinds}


def test_a_given_category_decides_and_corrections_are_obeyed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "sales.csv").write_text(LINES, encoding="utf-8")
    # "Training" and "seat" in products change nothing where there is a category; "printer" does where there is none.
    assert score(tmp_path) == {"hardware": 300.0, "consumable": 0.0, "software": 0.0, "service": 0.0}
    said = capsys.readouterr().out
    assert "Furniture: 2 lines, 800.00" in said and "Laser Printer: hardware" in said
    path = tmp_path / "out" / "icp_report.xlsx"
    book = openpyxl.load_workbook(path)
    sheet = book["Categories"]
    place = {cell.value: cell for row in sheet.iter_rows() for cell in row if isinstance(cell.value, str)}
    column, rows = (
        place["Is a"].column,
        {name: place[name].row for name in ("Furniture", "Laser Printer", "Blue thing")},
    )
    assert any(rule.type == "list" for rule in sheet.data_validations.dataValidation)
    for name, answer in (("Furniture", "consumable"), ("Laser Printer", "none"), ("Blue thing", "Hardware")):
        sheet.cell(rows[name], column).value = answer
    book.save(path)
    assert score(tmp_path) == {"hardware": 150.0, "consumable": 800.0, "software": 0.0, "service": 0.0}
    # The answers stand in the new report, and are obeyed again.
    assert score(tmp_path) == {"hardware": 150.0, "consumable": 800.0, "software": 0.0, "service": 0.0}
    again = openpyxl.load_workbook(path)["Categories"]
    assert [again.cell(row, column).value for row in range(1, again.max_row + 1)].count("consumable") == 1


@pytest.mark.parametrize("heading", ["Division", "Part Number"])
def test_lines_without_category_and_product_can_be_answered_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], heading: str
) -> None:
    lines = [f"Date,Customer,{heading},Amount", "2024-01-05,Acme,Printers,500", "2024-01-06,Beta,Oddments,300"]
    (tmp_path / "sales.csv").write_text("\n".join(lines), encoding="utf-8")
    assert score(tmp_path)["hardware"] == 500.0
    assert "(such as Printers: hardware)" in capsys.readouterr().out
    path = tmp_path / "out" / "icp_report.xlsx"
    book = openpyxl.load_workbook(path)
    sheet = book["Categories"]
    place = {cell.value: cell for row in sheet.iter_rows() for cell in row if isinstance(cell.value, str)}
    for name, answer in (("Printers", "none"), ("Oddments", "consumable")):
        sheet.cell(place[name].row, place["Is a"].column).value = answer
    book.save(path)
    assert score(tmp_path) == {"hardware": 0.0, "consumable": 300.0, "software": 0.0, "service": 0.0}


def test_an_answer_that_is_no_category_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "sales.csv").write_text(LINES, encoding="utf-8")
    score(tmp_path)
    path = tmp_path / "out" / "icp_report.xlsx"
    book = openpyxl.load_workbook(path)
    cell = next(c for row in book["Categories"].iter_rows() for c in row if c.value == "Is a")
    book["Categories"].cell(cell.row + 1, cell.column).value = "toys"
    book.save(path)
    capsys.readouterr()
    assert run(["score", "--data", str(tmp_path), "--out", str(tmp_path / "out")]) != 0
    assert "toys" in capsys.readouterr().err

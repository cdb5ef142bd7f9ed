"""The button Map columns: it puts the sheet in, keeps what was chosen there, and says what is then read."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import openpyxl

from icp_xl.excel import macros
from icp_xl.excel.actions import ACTIONS


def press(app: Any, book: Any) -> str:
    """Press the button, wait for its job, and return what the user is told."""
    job = macros.start(book, ACTIONS["map_columns"])
    assert job.wait(1200).state == "succeeded", job.log_tail()
    assert macros.guarded(book, partial(macros.collect_job, job_id=job.id)), app.impl.alerts
    return str(app.impl.alerts[-1])


def places(sheet: Any) -> dict[tuple[Any, Any], int]:
    """Row of each (source, column) of the sheet."""
    cells = sheet.used_range.value
    return {(row[0], row[1]): at for at, row in enumerate(cells, start=sheet.used_range.row)}


def test_choose_on_the_sheet_and_press_again(app: Any, tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "Customers"
    for row in (["Account ID", "Account name", "Industry"], ["A1", "Acme", "Dental"], ["A2", "Beta", "Foods"]):
        sheet.append(row)
    book.save(tmp_path / "Customers.xlsx")
    (tmp_path / "sales.csv").write_text(
        "Xdat,Wer,Stueck,Preis\n2024-01-05,Acme,2,50\n2024-01-06,Beta,3,10\n", encoding="utf-8"
    )
    live = app.books.open(str(tmp_path / "Customers.xlsx"))
    before = live.sheets["Customers"].used_range.formula
    assert "cannot be read yet" in press(app, live)
    assert "Save Customers.xlsx and put it in now?" in app.impl.alerts[0]
    live = app.books["Customers.xlsx"]  # it was saved, written and opened again
    mapped = live.sheets["ICP Mapping"]
    at = places(mapped)
    for column, choice in (("date", "Xdat"), ("account_name", "Wer"), ("revenue", "[Stueck] * [Preis]")):
        mapped.range((at["sales", column], 4)).value = choice
    told = press(app, live)
    assert "revenue 130.00, 2024-01-05 to 2024-01-06" in told and "Acme: 1 row, 100.00" in told
    live = app.books["Customers.xlsx"]
    again = live.sheets["ICP Mapping"]
    assert again.range((places(again)["sales", "revenue"], 4)).value == "[Stueck] * [Preis]"
    assert [each.name for each in live.sheets] == ["Customers", "ICP Mapping"]
    assert live.sheets["Customers"].used_range.formula == before


def test_who_declines_keeps_the_result_waiting(app: Any, tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.worksheets[0].title = "Customers"
    for row in (["Account ID", "Account name", "Industry"], ["A1", "Acme", "Dental"]):
        book.worksheets[0].append(row)
    book.save(tmp_path / "Customers.xlsx")
    (tmp_path / "sales.csv").write_text("Date,Account ID,Revenue\n2024-01-05,A1,50\n", encoding="utf-8")
    live = app.books.open(str(tmp_path / "Customers.xlsx"))
    app.impl.answer = "cancel"
    saved = (tmp_path / "Customers.xlsx").read_bytes()
    job = macros.start(live, ACTIONS["map_columns"])
    job.wait(1200)
    macros.guarded(live, partial(macros.collect_job, job_id=job.id))
    assert not job.delivered and (tmp_path / "Customers.xlsx").read_bytes() == saved
    assert [each.name for each in live.sheets] == ["Customers"]

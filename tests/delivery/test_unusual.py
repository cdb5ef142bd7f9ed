"""Workbooks that are valid and unlike Excel's own: other writers' habits, names that clash, another count of days."""

from __future__ import annotations

import datetime as dt
import hashlib
import warnings
from pathlib import Path

import openpyxl
import pytest
import xlsxwriter

from icp_xl.delivery.write_back.column_remove import remove_all
from icp_xl.delivery.write_back.column_values import RESULT_COLUMNS, Results
from icp_xl.delivery.write_back.inject import SheetOptions, inject_sheets
from icp_xl.delivery.write_back.sheets_and_columns import write_sheets_and_columns
from icp_xl.delivery.write_back.target import probe
from icp_xl.opc.safe_write import SafeOptions
from icp_xl.sources import open_book
from tests.support.disguises import DISGUISES, unpack
from tests.support.donors import make_donor
from tests.support.keys import exactly
from tests.support.validator import assert_valid, validate

OPTIONS = SafeOptions(backups=0)
#: Parts that sheets and columns may change.
TOUCHED = (
    "[content_types].xml", "workbook.xml", "book1.xml", "workbook.xml.rels", "book1.xml.rels", "styles.xml", "app.xml",
    "sheet1.xml", "sheet1.xml.rels", "table1.xml",
)  # fmt: skip
#: Disguises in which what we write differs from what we write elsewhere.
VALIDATED = ("utf-16", "prefixed", "absolute", "without properties")
RESULTS = Results(RESULT_COLUMNS[:2], {"icp_score": [90.0, 10.0], "icp_grade": ["A", "F"]}, exactly(["Ä-1", "Ö-2"]))


def somebodys_book(path: Path) -> Path:
    """A table with a filter, a calculated column and a total; a chart sheet, a hidden sheet, names, dates, a link."""
    book = xlsxwriter.Workbook(str(path), {"strings_to_formulas": False})
    sheet = book.add_worksheet("O'Brien's “Kunden” & Söhne <31>")
    day = book.add_format({"num_format": "dd.mm.yyyy", "bold": True})
    rows = [["Ä-1", 1200.5, dt.date(2024, 2, 29)], ["Ö-2", 7.0, dt.date(2025, 1, 1)], ["Ü-3", None, None]]
    columns = [{"header": "Kürzel", "total_string": "Summe"}, {"header": "Umsatz", "total_function": "sum"},
               {"header": "Am", "format": day}]  # fmt: skip
    sheet.add_table(1, 1, 5, 3, {"name": "Kunden", "columns": columns, "data": rows, "total_row": True})
    sheet.write_url("A9", "https://example.org/?a=1&b=2", string="link")
    sheet.write_comment("B3", "mine")
    chart = book.add_chart({"type": "line"})
    chart.add_series({"values": f"='{sheet.name.replace(chr(39), chr(39) * 2)}'!$C$3:$C$5"})
    book.add_chartsheet("Chart").set_chart(chart)
    book.add_worksheet("Hidden").hide()
    book.define_name("Umsatz", "=Kunden[Umsatz]")
    book.define_name("Hidden!Lokal", "=Hidden!$A$1")
    book.set_properties({"author": "Somebody"})
    book.close()
    return path


def digests(path: Path) -> dict[str, str]:
    return {
        name.lower().replace("\\", "/"): hashlib.sha256(body).hexdigest()
        for name, body in unpack(path.read_bytes()).items()
    }


@pytest.mark.parametrize("name", DISGUISES)
def test_written_and_taken_out_again(tmp_path: Path, name: str) -> None:
    plain = somebodys_book(tmp_path / "plain.xlsx").read_bytes()
    book = tmp_path / "book.xlsx"
    book.write_bytes(DISGUISES[name](plain))
    before, faults = digests(book), validate(book) if name in VALIDATED else []
    for generation, place in ((1, "start"), (2, "end")):
        donor = make_donor(tmp_path / "donor.xlsx", generation=generation, accounts=8)
        sheets, columns = write_sheets_and_columns(
            book, donor, "kürzel", RESULTS, sheets=SheetOptions(place=place), options=OPTIONS
        )
        assert len(sheets.sheets) == 2 and len(sheets.replaced) == 2 * (generation - 1)
        assert columns.matched == 2 and list(columns.unmatched) == ["Ü-3"]
        assert len(columns.replaced) == 2 * (generation - 1)
    assert probe(book).sheet_names[2:] == ("O'Brien's “Kunden” & Söhne <31>", "Chart", "Hidden")
    after = digests(book)
    assert [part for part in before if after[part] != before[part] and not part.endswith(TOUCHED)] == []
    assert name not in VALIDATED or len(validate(book)) == len(faults)
    remove_all(book, options=OPTIONS)
    assert digests(book) == before


@pytest.mark.parametrize("name", DISGUISES)
def test_read_like_the_plain_one(tmp_path: Path, name: str) -> None:
    plain, book = somebodys_book(tmp_path / "plain.xlsx"), tmp_path / "book.xlsx"
    book.write_bytes(DISGUISES[name](plain.read_bytes()))
    expected, found = open_book(plain), open_book(book)
    assert found.sheets == expected.sheets
    for sheet in expected.sheets:
        assert _cells(found.rows(sheet.name)) == _cells(expected.rows(sheet.name))


def _cells(rows: object) -> dict[tuple[int, int], object]:
    """What is filled in; readers differ in the type of whole numbers and in what a date without a time is."""
    found = {}
    for i, row in enumerate(rows):  # type: ignore[arg-type, var-annotated]
        for j, cell in enumerate(row):
            if cell not in (None, ""):
                found[i, j] = dt.date(cell.year, cell.month, cell.day) if isinstance(cell, dt.date) else cell
    return found


@pytest.mark.parametrize("theirs", [False, True])
def test_days_are_counted_as_the_workbook_counts_them(tmp_path: Path, theirs: bool) -> None:
    book = tmp_path / "book.xlsx"
    made = xlsxwriter.Workbook(str(book), {"date_1904": theirs})
    made.add_worksheet("Mine")
    made.close()
    donor = make_donor(tmp_path / "donor.xlsx", date_1904=not theirs)
    inject_sheets(book, donor, options=OPTIONS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # openpyxl says what it would lose
        rendered, put_in = openpyxl.load_workbook(donor), openpyxl.load_workbook(book)
    dates = 0
    for sheet in rendered:
        for row in sheet.iter_rows():
            for cell in row:
                here = put_in[sheet.title][cell.coordinate]
                assert here.value == cell.value and here.number_format == cell.number_format
                dates += isinstance(cell.value, dt.datetime)
    assert dates >= 40
    assert_valid(book)

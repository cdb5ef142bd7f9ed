"""Rows that are alike are written a block at a time: the same bytes, however the sheet is cut, and the way back."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
import xlsxwriter

from icp_xl.delivery.write_back import column_location
from icp_xl.delivery.write_back.column_remove import remove_all
from icp_xl.delivery.write_back.column_values import RESULT_COLUMNS, Results
from icp_xl.delivery.write_back.columns import write_columns
from icp_xl.opc import archive
from icp_xl.opc.safe_write import SafeOptions
from tests.support.keys import exactly
from tests.support.validator import assert_valid

ROWS = 60
OPTIONS = SafeOptions(backups=0)


def make_book(path: Path, table: bool, odd: bool) -> None:
    """A list of text, numbers and formats; ``odd`` puts blanks, formulas and numbers as keys among its rows."""
    with xlsxwriter.Workbook(str(path)) as book:
        sheet = book.add_worksheet("Data")
        bold = book.add_format({"bold": True, "num_format": "0.0"})
        sheet.write_row(0, 0, ("Id", "Name", "Sum"))
        for i in range(1, ROWS + 1):
            sheet.write_row(i, 0, (f"A{i} & co", f"Name {i % 7}"))
            sheet.write_number(i, 2, i * 1.5, bold if i > 20 else None)
        if odd:
            sheet.write_blank(9, 2, None, bold)
            sheet.write_formula(17, 2, "=SUM(C2:C3)", None, 4.5)
            sheet.write_number(30, 0, 31)
            sheet.write_blank(40, 0, None)
            sheet.write_string(45, 9, "far away")
        if table:
            headers = [{"header": name} for name in ("Id", "Name", "Sum")]
            sheet.add_table(0, 0, ROWS, 2, {"name": "Data1", "columns": headers})


def results() -> Results:
    n = ROWS - 5
    values = {
        "icp_score": [i * 0.37 for i in range(n)], "icp_grade": [None if i % 9 == 0 else "<B>" for i in range(n)],
        "rank": list(range(n)), "segment": ["=1+1"] * n, "reasons": [f"a & b {i % 3}" for i in range(n)],
    }  # fmt: skip
    return Results(RESULT_COLUMNS, values, exactly([f"A{i + 1} & co" for i in range(n)]))


def sheet_of(path: Path) -> bytes:
    with zipfile.ZipFile(path) as package:
        return package.read("xl/worksheets/sheet1.xml")


@pytest.mark.parametrize(("table", "odd"), [(True, False), (False, False), (False, True)])
def test_blocks_and_single_rows_make_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, table: bool, odd: bool
) -> None:
    make_book(tmp_path / "book.xlsx", table, odd)
    before = sheet_of(tmp_path / "book.xlsx")
    made, told, plain = set[bytes](), set[str](), list[int]()
    scanned = column_location._scan_block
    for way, block in (("blocks", 1 << 20), ("pieces", 700), ("rows", 1 << 20)):
        with monkeypatch.context() as patch:
            patch.setattr(archive, "_BLOCK", block)
            if way == "rows":
                patch.setattr(column_location, "_scan_block", lambda *_: False)
            else:
                patch.setattr(
                    column_location, "_scan_block", lambda *a: (scanned(*a), plain.append(len(a[5].plain)))[0]
                )
            path = tmp_path / f"{way}.xlsx"
            path.write_bytes((tmp_path / "book.xlsx").read_bytes())
            report = write_columns(path, "Id", results(), options=OPTIONS)
            made.add(sheet_of(path))
            told.add(repr((report.columns, report.matched, report.unmatched, report.notes)))
            if way == "blocks":
                assert_valid(path)
            assert remove_all(path, options=OPTIONS).exact
            assert sheet_of(path) == before
    assert len(made) == len(told) == 1 and max(plain) > 0

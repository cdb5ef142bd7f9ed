"""Rows that are alike are written a block at a time: the same bytes, however the sheet is cut, and the way back."""

from __future__ import annotations

import math
import random
import re
import zipfile
from pathlib import Path

import pytest
import xlsxwriter
from lxml import etree

from icp_xl.delivery.write_back import column_location
from icp_xl.delivery.write_back.column_remove import remove_all
from icp_xl.delivery.write_back.column_values import RESULT_COLUMNS, Results
from icp_xl.delivery.write_back.columns import write_columns
from icp_xl.delivery.write_back.plain_rows import plain_rows
from icp_xl.errors import DeliveryError
from icp_xl.opc import archive
from icp_xl.opc.references import column_letters, column_number
from icp_xl.opc.safe_write import SafeOptions
from icp_xl.opc.sheet_xml import item_text, item_texts
from tests.support.keys import exactly
from tests.support.odd_sheets import odd_sheet
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


def cells_of(content: bytes, ours: set[str]) -> list[object]:
    """Rows and cells of a sheet but for the columns ``ours``, as a parser sees them, without the hints of ``spans``."""
    found: list[object] = []
    for row in etree.fromstring(content).iter("{*}row"):
        found.append({name: value for name, value in row.attrib.items() if name != "spans"})
        column = 0
        for cell in row:
            letters = re.sub(r"\d", "", cell.get("r", ""))
            column = column_number(letters) if letters else column + 1
            if column_letters(column) not in ours:
                found.append(etree.tostring(cell, with_tail=False))
    return found


@pytest.mark.parametrize(
    "items",
    [
        [b"<t>a</t>", b"<t>b</t>"], [b"<t></t>"], [b"<t>a</t>", b"<t/>", b"<t>b</t>"], [b"<t>a &amp; b</t>"],
        [b"<t>_x0041_</t>", b"<t>b</t>"], [b"<t>a</t>", b"<t>b</t><r><t>c</t></r>", b"<t>d</t>"],
        [b"<t>a</t>", b"<t>b</t>\0<t>c</t>"], [b"<t>a</t>\0<t>b</t>", b"x", b"<t>c</t>\0<t>d</t>"],
        [b"<t>a<x></t>", b"<t>b</t>"], [b"<t>a", b"b</t>\0<t>c</t>"], [b"<t>\xff</t>", "<t>é</t>".encode()],
    ],
)  # fmt: skip
def test_texts_of_many_items_are_those_of_each(items: list[bytes]) -> None:
    assert item_texts(items) == list(map(item_text, items))


def test_wide_rows_are_read_at_once_whatever_the_column_of_the_keys() -> None:
    """Column A is none of AA to AZ."""
    cells = "".join(f'<c r="{column_letters(n)}%d"><v>{n}</v></c>' for n in range(1, 60))
    block = "".join(f'<row r="{n}">{cells % ((n,) * 59)}</row>' for n in range(8, 1002)).encode()
    for column in (1, 26, 27, 59):
        rows = plain_rows(block, column, (), set())
        assert rows is not None and (rows.first, rows.last, rows.column) == (8, 1001, 59)
        assert rows.keys == [str(column)] * 994 and rows.alike and not rows.formulas


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('<c r="B9"><v>9</v></c>', '<c r="B9"><v>9</v></c><c t="inlineStr"><is><t>next</t></is></c>'),
        ('<c r="B9"><v>9</v></c>', '<c r="B9"><v>9</v></c><c/>'),
        ('<c r="B9"><v>9</v></c>', '<c r="B9"><v>9</v></c><extLst/>'),
        ('<c r="B9"><v>9</v></c>', '<c r="B9"><v>9</v></c><c r="C9"><v>1</v></c>'),
        ('<c r="B9"><v>9</v></c>', ""),
        ('<c r="B9">', '<c r="B9" s="3">'),
        ('<c r="A9">', '<c r="A8">'),
        ('<c r="A9">', '<c r="AA9">'),
        ('<c r="A9">', '<c r="A9" t="b">'),
        ('<c r="A9">', '<c r="A9"><f>1+8</f>'),
        ('<row r="9">', "<row>"),
        ('<row r="9">', '<row r="09">'),
        ('<row r="9">', '<row r="9"/><row r="10">'),
        ("<v>11</v></c></row>", "<v>11"),
        ("<v>11</v></c></row>", "<v"),
    ],
)  # fmt: skip
def test_a_row_that_is_not_plain_is_looked_at(old: str, new: str) -> None:
    block = "".join(f'<row r="{n}"><c r="A{n}"><v>{n}</v></c><c r="B{n}"><v>{n}</v></c></row>' for n in range(7, 12))
    rows = plain_rows(block.encode(), 1, (), set())
    assert rows is not None and rows.keys == ["7", "8", "9", "10", "11"]
    assert old in block and plain_rows(block.replace(old, new, 1).encode(), 1, (), set()) is None


@pytest.mark.parametrize("block", [1 << 20, 900])
def test_oddly_spelled_rows_are_written_alike_and_stay_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    """Generated sheets: at once or row by row makes one file, nothing of the user's changes, and the way back."""
    monkeypatch.setattr(archive, "_BLOCK", block)
    at_once, read = list[bool](), column_location.plain_rows
    monkeypatch.setattr(
        column_location, "plain_rows", lambda *a: at_once.append((found := read(*a)) is not None) or found
    )
    path = tmp_path / "book.xlsx"
    for seed in range(block, block + 80):
        content, keys = odd_sheet(seed)
        draw = random.Random(seed)
        values = {
            "icp_score": [draw.choice((draw.random() * 100, 7.0, 1e17, math.nan)) for _ in keys],
            "rank": list(range(len(keys))), "reasons": [draw.choice(("a & b", "", None)) for _ in keys],
        }  # fmt: skip
        found = Results(RESULT_COLUMNS, values, exactly([key.strip() for key in keys]))
        made = set[bytes]()
        for way in ("at once", "row by row"):
            path.write_bytes(content)
            before = sheet_of(path)
            with monkeypatch.context() as patch:
                if way == "row by row":
                    patch.setattr(column_location, "plain_rows", lambda *_: None)
                try:
                    report = write_columns(path, "Account", found, options=OPTIONS)
                except DeliveryError:
                    continue
            made.add(path.read_bytes())
            ours = {text.rpartition("(")[2].rstrip(")") for text in report.columns.values()}
            assert cells_of(sheet_of(path), ours) == cells_of(before, ours), (seed, way)
            assert remove_all(path, options=OPTIONS).exact and sheet_of(path) == before, (seed, way)
        assert len(made) <= 1, seed
    assert sum(at_once) > 50 and not all(at_once)

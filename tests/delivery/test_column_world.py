"""Result columns in sheets that break a reader's habits: what cannot be right is said, nothing is left out unsaid."""

from __future__ import annotations

import io
import math
import re
import zipfile
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest

from icp_xl.delivery.write_back import columns
from icp_xl.delivery.write_back.column_remove import remove_all
from icp_xl.delivery.write_back.column_values import ResultColumn, Results
from icp_xl.delivery.write_back.columns import ColumnsReport, write_columns
from icp_xl.errors import DeliveryError
from icp_xl.opc import archive
from icp_xl.opc.safe_write import SafeOptions
from icp_xl.opc.unsupported import RefusedError
from tests.support.keys import exactly
from tests.support.odd_sheets import sheet_package

OPTIONS = SafeOptions(backups=0)


def text(ref: str, value: str) -> str:
    return f'<c r="{ref}" t="inlineStr"><is><t>{value}</t></is></c>'


def header(row: int) -> str:
    return f'<row r="{row}">{text(f"A{row}", "Id")}{text(f"B{row}", "Value")}</row>'


def rows(first: int, last: int) -> str:
    return "".join(
        f'<row r="{n}">{text(f"A{n}", f"k{n}")}<c r="B{n}"><v>{n}</v></c></row>' for n in range(first, last + 1)
    )


def write(path: Path, values: list[object] | None = None, count: int = 4000) -> ColumnsReport:
    values = values or [float(n) for n in range(count)]
    found = exactly([f"k{n}" for n in range(len(values))])
    return write_columns(path, "Id", Results([ResultColumn("f", "F")], {"f": values}, found), options=OPTIONS)


def ours(path: Path, column: str = "C") -> dict[int, object]:
    book = openpyxl.load_workbook(path)
    return {cell.row: cell.value for cell in book.worksheets[0][column] if cell.value is not None}


@pytest.mark.parametrize("block", [1 << 20, 5000])
def test_a_header_merged_over_rows_with_something_left_below(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    """The hidden cell below the header is no key, and every row behind it gets its value."""
    monkeypatch.setattr(archive, "_BLOCK", block)
    path = tmp_path / "book.xlsx"
    tail = '<mergeCells count="1"><mergeCell ref="A1:A2"/></mergeCells>'
    path.write_bytes(sheet_package(header(1) + rows(2, 3000), tail=tail))
    before = path.read_bytes()
    report = write(path)
    assert report.matched == 2998 and not report.unmatched
    assert ours(path) == {2: "F", **{n: n for n in range(3, 3001)}}
    assert remove_all(path, options=OPTIONS).exact and zipfile.ZipFile(path).testzip() is None
    assert sheet(path) == sheet_in(before)


@pytest.mark.parametrize("quote", ['"', "'"])
def test_attributes_behind_the_rows_stand_in_either_quotes(tmp_path: Path, quote: str) -> None:
    path = tmp_path / "book.xlsx"
    said = '<autoFilter ref="A2:B9"/><mergeCells count="1"><mergeCell ref="A1:A2"/></mergeCells>'
    said += '<conditionalFormatting sqref="A3:B9"><cfRule type="expression" priority="1"><formula>1</formula></cfRule>'
    said += "</conditionalFormatting>"
    content = header(1) + rows(3, 9)
    path.write_bytes(sheet_package(content, tail=said.replace('"', quote)))
    before = path.read_bytes()
    assert write(path).matched == 7
    assert ours(path) == {2: "F", **{n: n for n in range(3, 10)}}
    assert b"A2:C9" in sheet(path) and b"A3:C9" in sheet(path)
    assert remove_all(path, options=OPTIONS).exact and sheet(path) == sheet_in(before)
    path.write_bytes(sheet_package(content, tail=f"<sheetProtection sheet={quote}1{quote}/>"))
    with pytest.raises(RefusedError, match="protected"):
        write(path)


def sheet(path: Path) -> bytes:
    return sheet_in(path.read_bytes())


def sheet_in(content: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(content)) as package:
        return package.read("xl/worksheets/sheet1.xml")


@pytest.mark.parametrize(
    ("note", "formula", "pointed"),
    [
        ("", "SUM(C3:C4)", True), ("", "SUM(C90:C91)", False), ('write c r="C1" here', "SUM(C3:C4)", True),
        ('say c r="C99"', "SUM(C90:C91)", False),
    ],
)  # fmt: skip
def test_formulas_on_our_cells_are_found_whatever_the_users_texts_say(
    tmp_path: Path, note: str, formula: str, pointed: bool
) -> None:
    path = tmp_path / "book.xlsx"
    last = f'<row r="9">{text("E9", note)}<c r="F9"><f>{formula}</f><v>0</v></c></row>'
    path.write_bytes(sheet_package(header(1) + rows(2, 5) + last))
    assert write(path).matched == 4
    assert b'<c r="C3"><v>' in sheet(path), "a cell without a format is what this is about"
    if pointed:
        with pytest.raises(RefusedError, match="point to what would be taken out"):
            remove_all(path, options=OPTIONS)
    else:
        assert remove_all(path, options=OPTIONS).columns


def test_a_second_list_of_the_same_header_is_named(tmp_path: Path) -> None:
    path = tmp_path / "book.xlsx"
    path.write_bytes(sheet_package(header(1) + rows(2, 5) + header(7) + rows(8, 27)))
    report = write(path)
    assert report.matched == 20 and set(ours(path)) == {7, *range(8, 28)}
    assert [note for note in report.notes if "sheet S, A1 too" in note and "under sheet S, A7" in note], report.notes
    path.write_bytes(sheet_package(header(1) + rows(2, 25) + header(27) + rows(28, 30)))
    report = write(path)
    assert report.matched == 27 and report.unmatched == {"Id": 1} and not report.notes


def test_escaped_characters_of_keys_are_read_beside_phonetic_hints(tmp_path: Path) -> None:
    """ECMA-376, 22.9.2.19: ``_x0032_`` in a string is the character 2."""
    path = tmp_path / "book.xlsx"
    cells = "".join(f'<row r="{n}"><c r="A{n}" t="s"><v>{n - 2}</v></c></row>' for n in (2, 3))
    for hint in ("", '<rPh sb="0" eb="1"><t>x</t></rPh>'):
        strings = ["<si><t>k_x0032_</t></si>", f"<si><t>k3</t>{hint}</si>"]
        path.write_bytes(sheet_package(f'<row r="1">{text("A1", "Id")}</row>{cells}', strings))
        report = write(path)
        assert report.matched == 2 and not report.unmatched


@pytest.mark.parametrize("key", ["a\r\nb", "a\rb", "a\nb"])
def test_ends_of_lines_in_keys_are_line_feeds(tmp_path: Path, key: str) -> None:
    """XML 1.0, 2.11: whatever ends a line, a reader gets a line feed."""
    path = tmp_path / "book.xlsx"
    path.write_bytes(sheet_package(f'{header(1)}<row r="2">{text("A2", key)}</row>'))
    found = Results([ResultColumn("f", "F")], {"f": [1.5]}, exactly(["a\nb"]))
    assert write_columns(path, "Id", found, options=OPTIONS).matched == 1


def test_numbers_of_the_default_format_are_keys_as_it_shows_them(tmp_path: Path) -> None:
    path = tmp_path / "book.xlsx"
    cells = "".join(f'<row r="{n}"><c r="A{n}"><v>{n}</v></c></row>' for n in range(2, 6))
    path.write_bytes(sheet_package(f'<row r="1">{text("A1", "Id")}</row>{cells}', zeros=0))
    found = Results([ResultColumn("f", "F")], {"f": [1.5] * 4}, exactly([f"{n:06d}" for n in range(2, 6)]))
    assert write_columns(path, "Id", found, options=OPTIONS).matched == 4


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([np.float64(0.5), 0.25], [0.5, 0.25]), (list(np.array([1e20, 1.5])), [1e20, 1.5]),
        ([np.datetime64("2020-01-02T00:00:00", "ns"), np.datetime64("NaT")], ["2020-01-02", None]),
        ([pd.Timestamp("2020-01-02"), pd.NaT], ["2020-01-02", None]), ([pd.NA, "<NA>"], [None, "<NA>"]),
        (["NaT", None], ["NaT", None]), ([10**400, 5], [None, 5]), ([10**20, 5], [1e20, 5]),
        ([[1, 2], {"a": 1}], ["[1, 2]", "{'a': 1}"]), ([np.array(3), np.bool_(True)], [3, True]),
        ([np.array([1, 2]), "x"], ["[1 2]", "x"]), (["\ud800", "x"], ["_xD800_", "x"]),
        ([math.nan, True], [None, True]),
    ],
)  # fmt: skip
def test_any_value_is_written_as_what_it_says_and_known_again(
    tmp_path: Path, values: list[object], expected: list[object]
) -> None:
    path = tmp_path / "book.xlsx"
    path.write_bytes(sheet_package(header(1) + rows(2, 3)))
    for _ in range(2):
        assert write(path, [None, None, *values]).matched == 2
        cells = [cell.value for cell in openpyxl.load_workbook(path).worksheets[0]["C"][1:]]
        # openpyxl leaves escaped characters as they are written.
        assert cells == expected
    assert remove_all(path, options=OPTIONS).exact


def test_half_a_character_of_the_users_does_not_keep_our_columns_in(tmp_path: Path) -> None:
    path = tmp_path / "book.xlsx"
    path.write_bytes(sheet_package(header(1) + rows(2, 5) + f'<row r="6">{text("A6", "q_xD800_")}</row>'))
    assert write(path).matched == 4
    book = openpyxl.load_workbook(path)
    book.worksheets[0]["B3"] = "mine"
    book.save(path)
    assert write(path).matched == 4
    assert remove_all(path, options=OPTIONS).columns


@pytest.mark.parametrize(
    "spoilt",
    [
        header(1) + rows(2, 4) + '<row r="1048577"><c r="A1048577"><v>1</v></c></row>',
        header(1) + rows(2, 4) + f'<row r="99999999">{text("A99999999", "k7")}</row>',
        header(1) + f'<row r="2">{text("A2", "k2")}<c r="B2"/></row >' + rows(3, 4) + '<row r="5"><c r="A5"/></row>',
        header(1) + f'<row r="2">{text("A2", "k2")}<c r="B2"><v>1</v></c ></row>' + '<row r="3"><c r="A3"/></row>',
    ],
)
def test_rows_that_cannot_be_told_apart_or_be_there_are_refused(tmp_path: Path, spoilt: str) -> None:
    path = tmp_path / "book.xlsx"
    path.write_bytes(sheet_package(spoilt))
    before = path.read_bytes()
    with pytest.raises((RefusedError, DeliveryError), match="damaged"):
        write(path)
    assert path.read_bytes() == before
    assert not [other for other in tmp_path.iterdir() if other != path and not re.match(r"\.", other.name)]


def test_rows_that_are_not_found_again_stop_the_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Should a block ever be cut elsewhere than it was read, its rows must not stay blank in silence."""
    path = tmp_path / "book.xlsx"
    path.write_bytes(sheet_package(header(1) + rows(2, 9)))
    before = path.read_bytes()

    def elsewhere(block: bytes, *_: int) -> list[bytes]:
        at = block.find(b'<row r="4"')
        return [block[:at], block[at:]]

    monkeypatch.setattr(columns, "cut", elsewhere)
    with pytest.raises(DeliveryError, match="could not be found again"):
        write(path)
    assert path.read_bytes() == before

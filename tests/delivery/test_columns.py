"""Result columns beside a key: tables and plain ranges, filters, totals, rules; again, moved, and taken out."""

from __future__ import annotations

import hashlib
import shutil
import warnings
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import xlsxwriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl.formatting.rule import FormulaRule
from openpyxl.workbook.defined_name import DefinedName
from openpyxl.worksheet.table import Table

from icp_xl.delivery.write_back.column_remove import remove_all
from icp_xl.delivery.write_back.column_rows import head_edits
from icp_xl.delivery.write_back.column_values import RESULT_COLUMNS, ResultColumn, Results
from icp_xl.delivery.write_back.columns import ColumnsReport, write_columns
from icp_xl.delivery.write_back.inject import inject_sheets
from icp_xl.delivery.write_back.sheets_and_columns import write_sheets_and_columns
from icp_xl.errors import DeliveryError
from icp_xl.opc.safe_write import SafeOptions
from icp_xl.opc.splice import Splice, reverted
from icp_xl.opc.unsupported import RefusedError
from tests.support.donors import make_donor
from tests.support.keys import exactly
from tests.support.validator import assert_valid, validate

OPTIONS = SafeOptions(backups=0)
SCORE, GRADE = RESULT_COLUMNS[0], RESULT_COLUMNS[1]
NAMES = ("Alpha GmbH", "Beta Inc", "Gamma & Co", "Delta Ltd", "Epsilon AG")


def results(*columns: ResultColumn, scale: float = 1.0, known: int = 4) -> Results:
    """Scores of the first ``known`` accounts; a segment begins like a formula."""
    values = {
        "icp_score": [scale * (10.5 + i) for i in range(known)],
        "icp_grade": list("ABCDF"[:known]),
        "segment": ["=1+1"] * known,
    }
    ids = [f"A{i}" for i in range(known)]
    return Results(columns or (SCORE, GRADE), values, exactly(ids, NAMES[:known]), others=RESULT_COLUMNS)


def table_book(path: Path, *, totals: bool = True, beside: bool = False) -> Path:
    """A table with a calculated column, a totals row, rules and choices, and a sheet that computes with it."""
    book = xlsxwriter.Workbook(str(path))
    sheet = book.add_worksheet("Kunden & Co")
    border = book.add_format({"border": 1, "bg_color": "#FFF2CC", "num_format": "yyyy-mm-dd"})
    columns: list[dict[str, Any]] = [
        {"header": "Id", "total_string": "Total"},
        {"header": "Revenue", "total_function": "sum"},
        {"header": "Twice", "formula": "=[@Revenue]*2", "format": border},
    ]
    rows = [[f"A{i}", 100.0 * i] for i in range(5)]
    options = {"name": "Kunden", "columns": columns, "data": rows, "total_row": totals}
    sheet.add_table(2, 1, 7 + totals, 3, options)
    sheet.conditional_format(3, 1, 7, 3, {"type": "formula", "criteria": "=$C4>200", "format": border})
    sheet.data_validation(3, 1, 7, 1, {"validate": "length", "criteria": "<", "value": 9})
    sheet.freeze_panes(3, 2)
    sheet.merge_range("B1:D1", "Our customers")
    if beside:
        sheet.write("F5", "mine")
    other = book.add_worksheet("Other")
    other.write_formula("A1", "=SUM(Kunden[Revenue])", None, 1000)
    book.close()
    return path


def plain_book(path: Path) -> Path:
    """Plain rows with a filter, a merged title, a blank row, a note on the right and a hidden column after that."""
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Data"
    sheet.merge_cells("A1:C1")
    sheet["A1"] = "Customers"
    for row in (("Customer", "City", "Revenue"), *((name, "X", 5.0) for name in ("alpha", "BETA  inc.", "gamma & co"))):
        sheet.append(row)
    sheet.append([])
    sheet.append(("Nobody", "Y", 1.0))
    sheet["E3"] = "a note"
    sheet.auto_filter.ref = "A2:C7"
    sheet.freeze_panes = "A3"
    sheet.column_dimensions["F"].hidden = True
    sheet.conditional_formatting.add("A3:E7", FormulaRule(formula=["$C3>1"]))
    book.save(path)
    return path


def parts(path: Path) -> dict[str, str]:
    with zipfile.ZipFile(path) as package:
        return {name: hashlib.sha256(package.read(name)).hexdigest() for name in package.namelist()}


def write(path: Path, key: str, found: Results, **options: Any) -> ColumnsReport:
    return write_columns(path, key, found, options=OPTIONS, **options)


def grid(path: Path, sheet: str) -> list[list[Any]]:
    opened = openpyxl.load_workbook(path, read_only=True)
    try:
        return [list(row) for row in opened[sheet].iter_rows(values_only=True)]
    finally:
        opened.close()


def part(path: Path, name: str) -> bytes:
    with zipfile.ZipFile(path) as package:
        return package.read(name)


def test_a_table_grows_and_keeps_everything(tmp_path: Path) -> None:
    book = table_book(tmp_path / "book.xlsx")
    before = parts(book)
    report = write(book, "id", results(SCORE, GRADE, RESULT_COLUMNS[3]))
    assert (report.matched, report.unmatched) == (4, {"A4": 1})
    changed = {name for name, digest in parts(book).items() if before.get(name) != digest}
    assert changed == {
        "[Content_Types].xml", "xl/workbook.xml", "xl/styles.xml", "xl/worksheets/sheet1.xml",
        "xl/tables/table1.xml", "xl/worksheets/_rels/sheet1.xml.rels", "xl/worksheets/icp_xl/sheet1.xml.bin",
    }  # fmt: skip
    sheet = openpyxl.load_workbook(book)["Kunden & Co"]
    table = sheet.tables["Kunden"]
    assert (table.ref, table.autoFilter.ref, table.totalsRowCount) == ("B3:G9", "B3:G8", 1)
    assert [column.name for column in table.tableColumns][3:] == ["ICP Score", "ICP Grade", "ICP Segment"]
    assert table.tableColumns[2].calculatedColumnFormula is not None
    assert [cell.value for cell in sheet[3][4:7]] == ["ICP Score", "ICP Grade", "ICP Segment"]
    assert [cell.value for cell in sheet[4][4:7]] == [10.5, "A", "=1+1"] and sheet["G4"].data_type == "s"
    assert [cell.value for cell in sheet[8][4:7]] == [None] * 3 == [cell.value for cell in sheet[9][4:7]]
    assert (sheet["E4"].number_format, sheet["F4"].number_format) == ("0.0", "General")
    assert sheet["E4"].border.left.style == "thin" and sheet["E4"].fill.fgColor.rgb == "FFFFF2CC"
    assert str(next(iter(sheet.conditional_formatting)).sqref) == "B4:G8"
    assert sheet.freeze_panes == "C4"
    assert b'<dimension ref="B1:G9"/>' in part(book, "xl/worksheets/sheet1.xml")
    assert_valid(book)
    report = remove_all(book, options=OPTIONS)
    assert report.exact and parts(book) == before


def test_a_second_run_replaces_whatever_the_columns_are_called(tmp_path: Path) -> None:
    book = table_book(tmp_path / "book.xlsx")
    before = parts(book)
    write(book, "Id", results())
    once = parts(book)
    write(book, "Id", results())
    assert parts(book) == once
    write(book, "Id", results(SCORE, scale=2))
    row = grid(book, "Kunden & Co")[3]
    assert row[4:6] == [21.0, "A"]
    mine = openpyxl.load_workbook(book)  # another program: a header renamed, a column of the user's put after ours
    sheet = mine["Kunden & Co"]
    sheet["E3"] = "Fit"
    table = sheet.tables["Kunden"]
    table.tableColumns[3].name = "Fit"
    mine.save(book)
    report = write(book, "Id", results(scale=3))
    assert report.columns == {"icp_score": "Fit (E)", "icp_grade": "ICP Grade (F)"}
    rows = grid(book, "Kunden & Co")
    assert rows[2][4:6] == ["Fit", "ICP Grade"] and rows[3][4:6] == [31.5, "A"] and len(rows[3]) == 6
    removed = remove_all(book, options=OPTIONS)
    assert not removed.exact and len(removed.columns) == 2
    sheet = openpyxl.load_workbook(book)["Kunden & Co"]
    assert sheet.tables["Kunden"].ref == "B3:D9" and sheet["E4"].value is None and sheet["E3"].value is None
    assert "xl/worksheets/icp_xl" not in " ".join(parts(book)) and len(parts(book)) <= len(before) + 2


def test_a_table_that_cannot_grow_says_where(tmp_path: Path) -> None:
    book = table_book(tmp_path / "book.xlsx", beside=True)
    before = book.read_bytes()
    with pytest.raises(RefusedError, match=r"cannot grow.*sheet Kunden & Co, F5"):
        write(book, "Id", results())
    assert book.read_bytes() == before
    write(book, "Id", results(SCORE))  # one column fits


def test_plain_rows_filter_and_loose_names(tmp_path: Path) -> None:
    book = plain_book(tmp_path / "book.xlsx")
    before, faults = parts(book), len(validate(book))
    found = results()
    found.find_keys = exactly(["alpha", "BETA  inc.", "gamma & co"])
    report = write(book, "CUSTOMER", found)
    assert (report.matched, report.unmatched) == (3, {"Nobody": 1})
    opened = openpyxl.load_workbook(book)["Data"]
    assert [opened.cell(2, c).value for c in range(4, 8)] == [None, None, "ICP Score", "ICP Grade"]
    assert [opened.cell(4, c).value for c in (5, 6, 7)] == [None, 11.5, "B"]
    assert not opened.column_dimensions["F"].hidden
    assert str(next(iter(opened.conditional_formatting)).sqref) == "A3:G7"
    assert len(validate(book)) == faults  # openpyxl's own
    assert remove_all(book, options=OPTIONS).exact and parts(book) == before


def test_what_is_wrong_is_said(tmp_path: Path) -> None:
    book = plain_book(tmp_path / "book.xlsx")
    with pytest.raises(DeliveryError, match="there is no column 'Kunde'.*Customer, City, Revenue"):
        write(book, "Kunde", results())
    with pytest.raises(DeliveryError, match="no row of the key column"):
        write(book, "City", results())
    opened = openpyxl.load_workbook(book)
    opened.copy_worksheet(opened["Data"])
    opened.save(book)
    with pytest.raises(DeliveryError, match=r"several columns.*Data, Data Copy.*--sheet"):
        write(book, "Customer", results())
    opened["Data"].protection.enable()
    opened.save(book)
    with pytest.raises(RefusedError, match="the sheet is protected"):
        write(book, "Customer", results(), sheet="data")
    with pytest.raises(RefusedError, match="nothing of ours"):
        remove_all(book, options=OPTIONS)


@pytest.mark.parametrize("order", ["columns first", "sheets first", "sheets twice"])
def test_sheets_and_columns_leave_together(tmp_path: Path, order: str) -> None:
    book, donor = table_book(tmp_path / "book.xlsx"), make_donor(tmp_path / "donor.xlsx")
    before = parts(book)
    if order != "columns first":
        inject_sheets(book, donor, options=OPTIONS)
    write(book, "Id", results())
    if order != "sheets first":
        inject_sheets(book, donor, options=OPTIONS)
        assert grid(book, "Kunden & Co")[3][4:6] == [10.5, "A"]
    assert_valid(book)
    remove_all(book, options=OPTIONS)
    after = parts(book)
    left = {name for name in set(before) | set(after) if before.get(name) != after.get(name)}
    # Where sheets came before and after the columns, formats and lists cannot be traced back; nothing else stays.
    assert left <= ({"xl/styles.xml", "xl/workbook.xml", "[Content_Types].xml", "docProps/app.xml",
                     "xl/_rels/workbook.xml.rels"} if order == "sheets twice" else set())  # fmt: skip
    assert b"_icpxl" not in part(book, "xl/workbook.xml")


def test_both_together_again_and_again_leave_without_a_trace(tmp_path: Path) -> None:
    book = table_book(tmp_path / "book.xlsx")
    before = parts(book)
    for generation in (1, 2, 3):
        donor = make_donor(tmp_path / "donor.xlsx", generation=generation)
        chosen = (SCORE, GRADE) if generation != 2 else (SCORE,)
        sheets, columns = write_sheets_and_columns(
            book, donor, "Id", results(*chosen, scale=generation), options=OPTIONS
        )
        assert len(sheets.replaced) == len(columns.replaced) == (0 if generation == 1 else 2)
        row = grid(book, "Kunden & Co")[3]
        assert row[4:6] == [generation * 10.5, "A"]
    assert_valid(book)
    assert remove_all(book, options=OPTIONS).exact
    assert parts(book) == before


def test_both_together_or_neither(tmp_path: Path) -> None:
    book, donor = table_book(tmp_path / "book.xlsx"), make_donor(tmp_path / "donor.xlsx")
    before = book.read_bytes()
    with pytest.raises(DeliveryError, match="no column 'Nope'"):
        write_sheets_and_columns(book, donor, "Nope", results(), options=OPTIONS)
    assert book.read_bytes() == before


def test_columns_that_someone_changed_stay_where_they_are(tmp_path: Path) -> None:
    """Then nothing is taken out first; sheets and columns are brought up to date each for itself."""
    book, donor = table_book(tmp_path / "book.xlsx"), make_donor(tmp_path / "donor.xlsx")
    write_sheets_and_columns(book, donor, "Id", results(), options=OPTIONS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # openpyxl says what it loses
        changed = openpyxl.load_workbook(book)
    changed["Kunden & Co"]["C4"] = 5
    changed.save(book)
    sheets, columns = write_sheets_and_columns(book, donor, "Id", results(scale=2.0), options=OPTIONS)
    assert len(sheets.replaced) == 2 and columns.replaced == ["icp_grade", "icp_score"]
    assert grid(book, "Kunden & Co")[3][4:6] == [21.0, "A"]


def test_a_copy_leaves_the_workbook_alone(tmp_path: Path) -> None:
    book = table_book(tmp_path / "book.xlsx", totals=False)
    before = book.read_bytes()
    shutil.copy(book, tmp_path / "same.xlsx")
    write_columns(book, "Id", results(), tmp_path / "copy.xlsx", options=OPTIONS)
    assert book.read_bytes() == before
    assert grid(tmp_path / "copy.xlsx", "Kunden & Co")[3][4:6] == [10.5, "A"]


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 4), st.binary(max_size=6)), max_size=6), st.binary())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_every_edit_can_be_undone(raw: list[tuple[int, int, bytes]], segment: bytes) -> None:
    splice, edits, at = Splice(), [], 0
    for gap, length, new in raw:
        position = min(at + gap, len(segment))
        length = min(length, len(segment) - position)
        edits.append((position, length, new))
        at = position + length
    splice.keep(b"before")
    splice.change(segment, edits)
    splice.keep(b"after")
    made = splice.taken()
    for size in (len(made), 1, 5):
        chunks = (made[at : at + size] for at in range(0, len(made), size))
        assert b"".join(reverted(chunks, splice.record(), 1 << 20)) == b"before" + segment + b"after"


def test_widths_do_not_touch_those_of_others() -> None:
    head = b'<worksheet><dimension ref="A1:C9"/><cols><col min="2" max="3" width="9"/></cols>'
    splice = Splice()
    splice.change(head, head_edits(head, b"", {3: 5.0, 4: 6.0}, 0))
    made = splice.taken().decode()
    assert 'ref="A1:D9"' in made and made.count("<col ") == 2 and 'min="4" max="4" width="6"' in made


@pytest.mark.parametrize("other_program", [False, True])
def test_the_emphasis_of_the_users_last_column_stays_on_it(tmp_path: Path, other_program: bool) -> None:
    path = tmp_path / "book.xlsx"
    book = xlsxwriter.Workbook(str(path))
    sheet = book.add_worksheet("Kunden")
    columns = [{"header": name} for name in ("Id", "Revenue", "Total")]
    rows = [[f"A{i}", 100.0 * i, 7.0] for i in range(5)]
    sheet.add_table(0, 0, 5, 2, {"columns": columns, "data": rows, "last_column": True})
    sheet.conditional_format(
        "B2:B6", {"type": "cell", "criteria": ">", "value": 3, "format": book.add_format({"italic": 1})}
    )
    sheet.data_validation("B2:B6", {"validate": "decimal", "criteria": ">=", "value": 0})
    book.close()
    before = openpyxl.load_workbook(path)["Kunden"]
    assert before.tables["Table1"].tableStyleInfo.showLastColumn
    write_columns(path, "Id", results(), options=OPTIONS)
    assert_valid(path)
    after = openpyxl.load_workbook(path)["Kunden"]
    info = after.tables["Table1"].tableStyleInfo
    assert after.tables["Table1"].ref == "A1:E6" and not info.showLastColumn, "ours is not the column that he meant"
    bold = [str(area.sqref) for area in after.conditional_formatting for rule in area.rules if rule.dxf.font.b]
    assert bold == ["C1:C6"]
    assert [after.cell(row, 3)._style for row in range(1, 7)] == [before.cell(row, 3)._style for row in range(1, 7)]
    write_columns(path, "Id", results(scale=2.0), options=OPTIONS)
    again = openpyxl.load_workbook(path)
    areas = again["Kunden"].conditional_formatting
    assert sum(bool(rule.dxf.font.b) for area in areas for rule in area.rules) == 1
    if other_program:
        again.save(path)
    assert remove_all(path, options=OPTIONS).exact is not other_program
    left = openpyxl.load_workbook(path)["Kunden"]
    assert left.tables["Table1"].ref == "A1:C6" and left.tables["Table1"].tableStyleInfo.showLastColumn
    assert [str(area.sqref) for area in left.conditional_formatting] == ["B2:B6"]


def typed_book(path: Path, cells: dict[str, Any], sheet: str = "Mine", *, table: bool = False) -> Path:
    """A short list with ids, as openpyxl writes it, and more ``cells`` of the user."""
    book = openpyxl.Workbook()
    list_sheet = book.worksheets[0]
    list_sheet.title = sheet
    for row in [["Id", "Region"], *([f"A{i}", "North"] for i in range(4))]:
        list_sheet.append(row)
    if table:
        list_sheet.add_table(Table(displayName="Tbl", ref="A1:B5"))
    book.save(path)
    return edit(path, cells)


def edit(path: Path, cells: dict[str, Any]) -> Path:
    """Type ``cells`` into the first sheet."""
    book = openpyxl.load_workbook(path)
    for address, value in cells.items():
        book.worksheets[0][address] = value
    book.save(path)
    return path


def values(path: Path, *addresses: str) -> list[Any]:
    sheet = openpyxl.load_workbook(path).worksheets[0]
    return [sheet[address].value for address in addresses]


@pytest.mark.parametrize("table", [False, True])
def test_what_the_user_types_into_single_cells_of_our_columns_stays_and_is_named(tmp_path: Path, table: bool) -> None:
    path = typed_book(tmp_path / "b.xlsx", {}, table=table)
    write_columns(path, "Id", results(), options=OPTIONS)
    typed = {"C2": "call first", "C3": 777, "D4": "A (mine)", "C5": "=1+1"}
    edit(path, typed)
    report = write_columns(path, "Id", results(scale=2), options=OPTIONS)
    assert values(path, *typed) == list(typed.values())
    assert values(path, "C4", "D2", "D5") == [25.0, "A", "D"], "the others are brought up to date"
    assert any("4 cells of yours" in note and "C2, C3, D4, C5" in note for note in report.notes), report.notes
    removed = remove_all(path, force=True, options=OPTIONS)
    assert values(path, *typed) == list(typed.values())
    assert values(path, "C4", "D2", "D3", "D5") == [None] * 4
    assert values(path, "C1", "D1") == (["ICP Score", "ICP Grade"] if table else [None, None])
    assert any("Mine: 4 cells of yours" in note for note in removed.notes), removed.notes


def test_formulas_on_our_cells_of_a_plain_list_are_named_before_they_go(tmp_path: Path) -> None:
    path = typed_book(tmp_path / "b.xlsx", {})
    write_columns(path, "Id", results(SCORE), options=OPTIONS)
    edit(path, {"C7": 5, "F1": "=C2*2", "F2": "=SUM(Mine!$C$2:$C$5)", "F3": "=C7*2", "F4": "=VLOOKUP(1,A:C,3,0)",
                "F5": "=B2&\"C2\""})  # fmt: skip
    book = openpyxl.load_workbook(path)
    book.defined_names["Scores"] = DefinedName("Scores", attr_text="Mine!$C$2:$C$5")
    book.save(path)
    before = path.read_bytes()
    with pytest.raises(RefusedError, match="2 formulas and 1 name: Mine!F1, Mine!F2, the name Scores"):
        remove_all(path, options=OPTIONS)
    assert path.read_bytes() == before
    report = remove_all(path, force=True, options=OPTIONS)
    assert values(path, "F1", "F2", "F3", "F4", "F5") == [
        "=#REF!*2", "=SUM(#REF!)", "=C7*2", "=VLOOKUP(1,A:C,3,0)", '=B2&"C2"',
    ]  # fmt: skip
    assert openpyxl.load_workbook(path).defined_names["Scores"].attr_text == "#REF!"
    assert any("Mine!F4" in note for note in report.notes), report.notes


@pytest.mark.parametrize(
    ("form", "key", "found"),
    [("00000", 123, True), ('"00"0', 123, True), ("[$-409]00000;-0", 123, True), ("00\\-000", 4711, False),
     ('"ID "0', 123, False), ("General", 123, False), ("0", 123, False), ("000.00", 123, False)],
)  # fmt: skip
def test_a_number_is_the_id_that_its_format_shows(tmp_path: Path, form: str, key: int, found: bool) -> None:
    path = typed_book(tmp_path / "b.xlsx", {"A2": key, "A3": "B"})
    book = openpyxl.load_workbook(path)
    book.worksheets[0]["A2"].number_format = form
    book.save(path)
    ids = ["00123", "B"]
    known = Results((SCORE,), {"icp_score": [1.0, 2.0]}, exactly(ids, ["x", "y"]), others=RESULT_COLUMNS)
    write_columns(path, "Id", known, options=OPTIONS)
    assert values(path, "C2", "C3") == [1.0 if found else None, 2.0]


def test_what_the_user_types_beside_our_cells_on_our_sheets_is_named_when_it_goes(tmp_path: Path) -> None:
    path = typed_book(tmp_path / "b.xlsx", {})
    donor = tmp_path / "donor.xlsx"
    with xlsxwriter.Workbook(str(donor)) as rendered:
        rendered.add_worksheet("ICP Report").write_row(3, 0, ["Account", "Score"])
    inject_sheets(path, donor, options=OPTIONS)
    assert not inject_sheets(path, donor, options=OPTIONS).notes
    for work in (lambda: inject_sheets(path, donor, options=OPTIONS), lambda: remove_all(path, options=OPTIONS)):
        book = openpyxl.load_workbook(path)
        book["ICP Report"]["AZ3"], book["ICP Report"]["A900"] = "mine", "=1+1"
        book.save(path)
        (note,) = work().notes
        assert note.startswith("ICP Report: ") and note.endswith(": AZ3, A900.")

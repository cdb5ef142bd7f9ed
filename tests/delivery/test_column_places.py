"""Where result columns go, beside which list and by which text of a key: what is guessed or lost is said."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import openpyxl
import pytest
from openpyxl.formatting.rule import FormulaRule
from openpyxl.worksheet.formula import ArrayFormula, DataTableFormula
from openpyxl.worksheet.table import Table
from openpyxl.worksheet.worksheet import Worksheet

from icp_xl.delivery.write_back.column_remove import remove_all
from icp_xl.delivery.write_back.column_styles import shown_digits
from icp_xl.delivery.write_back.column_values import ResultColumn, Results
from icp_xl.delivery.write_back.columns import ColumnsReport, write_columns
from icp_xl.errors import DeliveryError
from icp_xl.opc.safe_write import SafeOptions
from icp_xl.opc.unsupported import RefusedError
from tests.support.keys import exactly
from tests.support.odd_sheets import sheet_package

OPTIONS = SafeOptions(backups=0)
KEYS = [f"k{n}" for n in range(60)]


def write(path: Path, keys: Sequence[str] = KEYS, sheet: str | None = None, count: int = 2) -> ColumnsReport:
    fields = [ResultColumn(name, name.upper()) for name in "fgh"]
    values = {column.field: [float(n) for n in range(len(keys))] for column in fields}
    results = Results(fields[:count], values, exactly(keys), fields)
    return write_columns(path, "Id", results, sheet=sheet, options=OPTIONS)


def refused(path: Path, match: str, sheet: str | None = None, keys: Sequence[str] = KEYS) -> None:
    before = path.read_bytes()
    with pytest.raises((DeliveryError, RefusedError), match=match):
        write(path, keys, sheet)
    assert path.read_bytes() == before


def listed(sheet: Worksheet, row: int = 1, column: int = 1, headers: str = "Id N", first: int = 0) -> None:
    """A list of ten keys under one row of headers."""
    names = headers.split(" ")
    for at, name in enumerate(names):
        sheet.cell(row, column + at, name or None)
    for n in range(10):
        for at, name in enumerate(names):
            if name == "Id" or name == "N":
                sheet.cell(row + 1 + n, column + at, KEYS[first + n] if name == "Id" else n)


def made(path: Path, *fill: Callable[[Worksheet], object]) -> Worksheet:
    """A workbook of one sheet for each of ``fill``."""
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for n, each in enumerate(fill):
        each(book.create_sheet(f"S{n}"))
    book.save(path)
    return book.worksheets[0]


def column(path: Path, letters: str, sheet: int = 0) -> dict[int, object]:
    cells = openpyxl.load_workbook(path).worksheets[sheet][letters]
    return {cell.row: cell.value for cell in cells if cell.value is not None}


def values(first: int, header: int) -> dict[int, object]:
    """What a column of ours holds beside :func:`listed`."""
    return {header: "F", **{first + n: n for n in range(10)}}


def part(content: bytes, name: str = "xl/worksheets/sheet1.xml") -> bytes:
    with zipfile.ZipFile(io.BytesIO(content)) as package:
        return package.read(name)


def text(ref: str, value: str) -> str:
    return f'<c r="{ref}" t="inlineStr"><is><t>{value}</t></is></c>'


@pytest.mark.parametrize(
    ("ref", "formula"),
    [
        ("C2:E11", ArrayFormula("C2:E11", "=B2:B11*{1,2,3}")), ("C3:G5", ArrayFormula("C3:G5", "=TRANSPOSE(B2:B6)")),
        ("D4:F8", DataTableFormula("D4:F8", dt2D=True, r1="A1", r2="A2")),
    ],
)  # fmt: skip
def test_cells_that_one_formula_fills_are_taken_though_they_are_not_in_the_file(
    tmp_path: Path, ref: str, formula: ArrayFormula | DataTableFormula
) -> None:
    path = tmp_path / "book.xlsx"
    end = ref.split(":")[1][0]

    def fill(sheet: Worksheet) -> None:
        listed(sheet)
        sheet[ref.split(":")[0]] = formula

    made(path, fill)
    before = path.read_bytes()
    write(path)
    assert column(path, chr(ord(end) + 1)) == values(2, 1)
    assert not any(column(path, chr(at)).keys() - {int(ref[1])} for at in range(ord("C"), ord(end) + 1))
    assert remove_all(path, options=OPTIONS).exact and part(path.read_bytes()) == part(before)

    def table(sheet: Worksheet) -> None:
        fill(sheet)
        sheet.add_table(Table(displayName="T", ref="A1:B11"))

    made(path, table)
    refused(path, f"cannot grow.*S0, {ref}")


def two_rows(sheet: Worksheet) -> None:
    listed(sheet, 2)
    sheet["A1"], sheet["A2"] = "Id", None
    sheet["B1"], sheet["B2"] = "N", None
    sheet.merge_cells("A1:A2")
    sheet.merge_cells("B1:B2")


def comment_and_owner(sheet: Worksheet) -> None:
    two_rows(sheet)
    sheet["C1"], sheet["D1"] = "Comment", "Owner"


def group(sheet: Worksheet) -> None:
    listed(sheet, 2)
    sheet["B1"], sheet["C1"] = "Sales", "To fill in"
    sheet.merge_cells("C1:D1")


def apart(sheet: Worksheet) -> None:
    listed(sheet, 2)
    sheet["B1"], sheet["D1"] = "Sales", "To fill in"


def tall(sheet: Worksheet) -> None:
    listed(sheet, 3)
    sheet["C1"] = "To fill in"
    sheet.merge_cells("C1:C2")


def title(sheet: Worksheet) -> None:
    listed(sheet, 2)
    sheet["A1"] = "All our customers"
    sheet.merge_cells("A1:F1")


def dated(sheet: Worksheet) -> None:
    listed(sheet, 2)
    sheet["A1"], sheet["D1"] = "All our customers", "as of May"


def far_title(sheet: Worksheet) -> None:
    listed(sheet, 5)
    sheet["A1"], sheet["C1"], sheet["D1"], sheet["F4"] = "Customers", "as of", "today", "a note"


@pytest.mark.parametrize(
    ("fill", "place", "header"),
    [
        (comment_and_owner, "E", 2), (group, "E", 2), (apart, "E", 2), (tall, "D", 3), (title, "C", 2), (dated, "C", 2),
        (far_title, "C", 5), (two_rows, "C", 2),
    ],
)  # fmt: skip
def test_columns_never_go_under_a_header_of_the_users(
    tmp_path: Path, fill: Callable[[Worksheet], None], place: str, header: int
) -> None:
    path = tmp_path / "book.xlsx"
    made(path, fill)
    before = path.read_bytes()
    write(path)
    assert column(path, place) == values(header + 1, header) | {
        row: text for row, text in column(path, place).items() if row < header
    }
    write(path)
    assert remove_all(path, options=OPTIONS).exact and part(path.read_bytes()) == part(before)


def test_columns_beside_a_merged_header_are_known_again_after_the_workbook_was_saved(tmp_path: Path) -> None:
    path = tmp_path / "book.xlsx"
    made(path, two_rows)
    write(path)
    assert write(path, count=1).columns == {"f": "F (C)", "g": "G (D)"}
    book = openpyxl.load_workbook(path)
    book.worksheets[0]["B5"] = "changed"
    book.save(path)
    report = write(path, count=3)
    assert report.columns == {"f": "F (C)", "g": "G (D)", "h": "H (E)"} and not report.stale and not report.notes


def test_headings_stand_where_the_row_of_a_merged_header_is_not_in_the_file(tmp_path: Path) -> None:
    """As XlsxWriter merges cells without a format."""
    path = tmp_path / "book.xlsx"
    tail = '<mergeCells count="1"><mergeCell ref="A1:A2"/></mergeCells>'
    for size in (3, 3000):
        body = "".join(f'<row r="{n}">{text(f"A{n}", f"k{n - 3}")}</row>' for n in range(3, 3 + size))
        for second in ("", '<row r="2"/>', '<row r="2"></row>'):
            path.write_bytes(sheet_package(f'<row r="1">{text("A1", "Id")}</row>{second}{body}', tail=tail))
            before = path.read_bytes()
            assert write(path, [f"k{n}" for n in range(size)]).columns == {"f": "F (B)", "g": "G (C)"}
            assert column(path, "B") == {2: "F", **{n + 3: n for n in range(size)}}
            assert list(map(int, re.findall(rb'<row r="(\d+)"', part(path.read_bytes())))) == list(range(1, size + 3))
            write(path, [f"k{n}" for n in range(size)])
            assert remove_all(path, options=OPTIONS).exact and part(path.read_bytes()) == part(before)


def filtered(first: int, ref: str, headers: str = "Id N") -> Callable[[Worksheet], None]:
    def fill(sheet: Worksheet) -> None:
        listed(sheet, 3, first, headers)
        sheet.auto_filter.ref = ref
        rule = FormulaRule(formula=["$B4>5"])
        sheet.conditional_formatting.add(ref.replace("3:", "4:", 1), rule)

    return fill


@pytest.mark.parametrize(
    ("first", "headers", "ref", "grown"),
    [
        (1, "Id N", "A3:B13", "A3:D13"), (2, "Id N", "B3:C13", "B3:E13"), (3, "N Id N", "C3:E13", "C3:G13"),
        (2, "Id N", "A3:C13", "A3:E13"),
    ],
)  # fmt: skip
def test_filters_and_rules_grow_wherever_the_list_begins(
    tmp_path: Path, first: int, headers: str, ref: str, grown: str
) -> None:
    path = tmp_path / "book.xlsx"
    made(path, filtered(first, ref, headers))
    assert not write(path).notes
    sheet = part(path.read_bytes()).decode()
    assert f'<autoFilter ref="{grown}"' in sheet and f'sqref="{grown.replace("3:", "4:", 1)}"' in sheet
    named = re.sub(r"([A-Z])(\d+)", r"$\1$\2", grown)
    assert f"'S0'!{named}</definedName>" in part(path.read_bytes(), "xl/workbook.xml").decode()
    assert remove_all(path, options=OPTIONS).exact


def test_a_filter_below_the_first_row_of_the_header_grows_too(tmp_path: Path) -> None:
    path = tmp_path / "book.xlsx"

    def fill(sheet: Worksheet) -> None:
        listed(sheet, 2)
        sheet["A1"], sheet["A2"], sheet["B1"], sheet["B2"] = "Id", None, "Sales", "2024"
        sheet.auto_filter.ref = "A2:B12"

    made(path, fill)
    assert not write(path).notes
    assert b'<autoFilter ref="A2:D12"' in part(path.read_bytes())


def test_a_filter_that_cannot_grow_is_named_and_another_lists_is_not(tmp_path: Path) -> None:
    path = tmp_path / "book.xlsx"
    made(path, filtered(1, "B3:C13", "Id N N"))
    assert [note for note in write(path).notes if "filter, B3:C13, does not reach over our columns" in note]
    assert b'<autoFilter ref="B3:C13"' in part(path.read_bytes())

    def beside(sheet: Worksheet) -> None:
        listed(sheet)
        listed(sheet, 1, 6, "Other N")
        sheet.auto_filter.ref = "F1:G11"

    made(path, beside)
    assert not write(path).notes


def test_cells_without_any_attribute_are_cells(tmp_path: Path) -> None:
    path = tmp_path / "book.xlsx"
    body = "".join(f'<row r="{n}">{text(f"A{n}", f"k{n}")}<c><v>1</v></c><c><v>2</v></c></row>' for n in range(2, 9))
    path.write_bytes(sheet_package(f'<row r="1">{text("A1", "Id")}{text("B1", "N")}</row>{body}'))
    assert write(path, count=1).columns == {"f": "F (D)"}
    assert column(path, "C") == dict.fromkeys(range(2, 9), 2)
    assert column(path, "D") == {1: "F", **{n: n for n in range(2, 9)}}


@pytest.mark.parametrize("prefix", ["", "x:"])
def test_formulas_without_a_value_are_counted_and_those_that_make_no_text_are_not(tmp_path: Path, prefix: str) -> None:
    path = tmp_path / "book.xlsx"
    formulas = ['<c r="A%d"><f>B1</f></c>'] * 5 + ['<c r="A%d" t="str"><f>B1</f><v></v></c>'] * 3
    formulas += ['<c r="A%d"><f>B1</f><v></v></c>', '<c r="A%d" t="str"><f>B1</f></c>']
    body = "".join(f'<row r="{n}">{cell % n}</row>' for n, cell in enumerate(formulas, 4))
    head = f'<row r="1">{text("A1", "Id")}</row>' + "".join(f'<row r="{n}">{text(f"A{n}", "k1")}</row>' for n in (2, 3))
    content = sheet_package(head + body)
    path.write_bytes(prefixed(content) if prefix else content)
    report = write(path)
    assert report.matched == 2
    assert [note[:40] for note in report.notes] == ["7 keys are formulas that have not been c"]


def test_a_formula_that_points_to_ours_is_named_by_its_cell_in_prefixed_xml(tmp_path: Path) -> None:
    path = tmp_path / "book.xlsx"
    body = f'<row r="1">{text("A1", "Id")}</row><row r="2">{text("A2", "k1")}<c r="F2"><f>SUM(G2:G3)</f></c></row>'
    path.write_bytes(prefixed(sheet_package(body)))
    assert write(path).columns == {"f": "F (G)", "g": "G (H)"}
    with pytest.raises(RefusedError, match="1 formula: S!F2"):
        remove_all(path, options=OPTIONS)


def prefixed(content: bytes) -> bytes:
    """A workbook whose sheet gives its elements a prefix."""
    sheet, made = re.sub(rb"<(/?)(\w)", rb"<\1x:\2", part(content)).replace(b"xmlns=", b"xmlns:x="), io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(made, "w") as new:
        for item in old.infolist():
            new.writestr(item, sheet if item.filename.endswith("sheet1.xml") else old.read(item))
    return made.getvalue()


def numbers(path: Path, code: str, found: Sequence[int]) -> None:
    def fill(sheet: Worksheet) -> None:
        sheet["A1"] = "Id"
        for n, number in enumerate(found, 2):
            sheet.cell(n, 1, number).number_format = code

    made(path, fill)


def test_a_number_with_text_around_it_is_that_text(tmp_path: Path) -> None:
    path = tmp_path / "book.xlsx"
    numbers(path, '"AC-"0', [1, 2, 3, 4])
    report = write(path, ["AC-1", "AC-2", "3", "AC-4"])
    assert column(path, "B") == {1: "F", 2: 0, 3: 1, 5: 3}
    assert report.matched == 3 and report.unmatched == {"AC-3": 1} and not report.notes
    numbers(path, '"No. "0', [1, 2, 7])
    report = write(path, ["1", "2", "3"])
    assert column(path, "B") == {1: "F", 2: 0, 3: 1} and report.unmatched == {"No. 7": 1}
    assert [note for note in report.notes if note.startswith("2 keys were taken by their number") and "No. 1" in note]


@pytest.mark.parametrize(
    ("code", "number", "shown"),
    [
        ('"AC-"#', 7, "AC-7"), ("###-0000", 123, "-0123"), ("###-0000", 12_345_678, "1234-5678"),
        ('"AC-"#,##0', 1_234_567, "AC-1,234,567"), ('#,##0" pcs"', 5, "5 pcs"), ('"AC-"General', 12, "AC-12"),
        ("[$EUR-407] 0", 5, "EUR 5"), ('0"-"#,##0', 5, ""), ('"x"0,', 5, ""), ('[<10]"x"0;0', 5, ""), ('"x"0.0', 5, ""),
        ("#", 0, ""), ("+0", 3, "+3"), ('"K"0_);("K"0)', 3, "K3"),
    ],
)  # fmt: skip
def test_numbers_are_read_as_excel_shows_them(code: str, number: int, shown: str) -> None:
    """ECMA-376, 18.8.31: of digits without a place, the first place takes all; # shows no zeros."""
    assert shown_digits(code, str(number)) == shown


def test_leading_zeros_are_seen_and_passed_over_where_no_account_has_them(tmp_path: Path) -> None:
    path = tmp_path / "book.xlsx"
    numbers(path, "00000", [123, 456, 789])
    report = write(path, ["00123", "123", "789"])
    assert column(path, "B") == {1: "F", 2: 0, 4: 2} and report.unmatched == {"00456": 1}
    assert [note for note in report.notes if note.startswith("1 keys were taken") and "789 for 00789" in note]


@pytest.mark.parametrize(("row", "at", "place"), [(1, 5, "E1"), (15, 5, "E15"), (15, 2, "B15")])
def test_a_second_list_beside_or_below_is_named(tmp_path: Path, row: int, at: int, place: str) -> None:
    path = tmp_path / "book.xlsx"

    def fill(sheet: Worksheet) -> None:
        listed(sheet)
        listed(sheet, row, at, first=20)

    made(path, fill)
    report = write(path)
    assert report.matched == 10
    lost = f"The header stands in sheet S0, {place} too"
    assert f"{lost}: what is listed there gets nothing, only what is under sheet S0, A1." in report.notes


@pytest.mark.parametrize("merged", [True, False])
def test_an_upper_list_is_named_with_a_gap_under_its_header(tmp_path: Path, merged: bool) -> None:
    path = tmp_path / "book.xlsx"

    def fill(sheet: Worksheet) -> None:
        sheet["A1"], sheet["A3"], sheet["A4"] = "Id", "k1", "k2"
        if merged:
            sheet.merge_cells("A1:A2")
        listed(sheet, 15)

    made(path, fill)
    assert any("sheet S0, A1 too" in note for note in write(path).notes)


def test_a_legend_does_not_win_over_a_list_with_a_merged_header(tmp_path: Path) -> None:
    path = tmp_path / "book.xlsx"

    def fill(sheet: Worksheet) -> None:
        for row, name in enumerate(("Id", "N", "Revenue"), 1):
            sheet.cell(row, 6, name)
            sheet.cell(row, 7, "what it means")
        listed(sheet, 7)
        sheet["A6"], sheet["A7"] = "Id", None
        sheet.merge_cells("A6:A7")

    made(path, fill)
    report = write(path)
    assert report.matched == 10 and report.notes[0].startswith("The header stands in sheet S0, F1 too")


def test_a_cell_that_says_the_same_in_the_list_or_alone_is_no_list(tmp_path: Path) -> None:
    path = tmp_path / "book.xlsx"

    def fill(sheet: Worksheet) -> None:
        listed(sheet, 1, 1, "Id N N")
        sheet["C4"], sheet["C9"], sheet["A20"], sheet["G1"] = "Id", "Id", "Id", "Id"

    made(path, fill)
    assert not [note for note in write(path).notes if "too" in note]


def test_a_plain_list_that_loses_to_a_table_is_named(tmp_path: Path) -> None:
    path = tmp_path / "book.xlsx"

    def table(sheet: Worksheet) -> None:
        listed(sheet)
        listed(sheet, 20, 2, first=30)
        sheet.add_table(Table(displayName="T", ref="A1:B11"))

    def alone(sheet: Worksheet) -> None:
        sheet["A1"] = "Id"

    def two(sheet: Worksheet) -> None:
        listed(sheet, 3)
        listed(sheet, 20)

    made(path, table, two, alone)
    before = path.read_bytes()
    note = "The header stands in {} too: what is listed there gets nothing, only what is under sheet S0, A1."
    assert note.format("sheet S0, B20; sheet S1, A3; sheet S1, A20") in write(path).notes
    path.write_bytes(before)
    assert note.format("sheet S0, B20") in write(path, sheet="S0").notes
    path.write_bytes(before)
    assert not [each for each in write(path, sheet="t").notes if "too" in each]


def test_the_header_of_two_columns_is_told_where_the_first_holds_no_key(tmp_path: Path) -> None:
    path = tmp_path / "book.xlsx"

    def fill(sheet: Worksheet) -> None:
        listed(sheet, 1, 1, "Id N Id")

    made(path, fill)
    refused(path, "no row of the key column.*The header stands in sheet S0, C1 too", keys=["q"])


def test_sheets_are_found_by_their_names_with_blanks(tmp_path: Path) -> None:
    path = tmp_path / "book.xlsx"

    def named(name: str, first: int) -> Callable[[Worksheet], None]:
        def fill(sheet: Worksheet) -> None:
            listed(sheet, first=first)
            sheet.title = name

        return fill

    made(path, named("Accounts ", 0), named("Old", 20))
    for asked in ("Accounts ", " accounts"):
        assert write(path, sheet=asked).sheet == "Accounts "
    made(path, named("Accounts ", 0), named("Accounts", 20))
    assert write(path, sheet="Accounts ").sheet == "Accounts " and write(path, sheet="accounts").sheet == "Accounts"
    refused(path, "no sheet or table called 'Acounts'.*Accounts , Accounts", "Acounts")


def test_it_is_said_how_far_a_header_is_looked_for(tmp_path: Path) -> None:
    path = tmp_path / "book.xlsx"
    made(path, lambda sheet: listed(sheet, 70))
    refused(path, "no column 'Id' in the workbook .looked for in tables and in the first 60 rows of each sheet")
    refused(path, "no column 'Id' in 'S0' .looked for in tables and in the first 60 rows of the sheet", "S0")


@pytest.mark.parametrize("size", [3, 3000])
def test_comments_behind_the_rows_are_no_damage(tmp_path: Path, size: int) -> None:
    path = tmp_path / "book.xlsx"
    body = "".join(f'<row r="{n}">{text(f"A{n}", f"k{n}")}</row>' for n in range(2, 2 + size))
    rows, said = f'<row r="1">{text("A1", "Id")}</row>{body}', '<!-- <mergeCell ref="A1:A2"/> -->'
    path.write_bytes(sheet_package(rows, tail=said))
    before = path.read_bytes()
    assert write(path, [f"k{n}" for n in range(size + 2)]).matched == size
    assert column(path, "B") == {1: "F", **{n: n for n in range(2, size + 2)}}
    assert remove_all(path, options=OPTIONS).exact and part(path.read_bytes()) == part(before)
    path.write_bytes(sheet_package(rows + said * (size > 3), tail="" if size > 3 else "<![CDATA[ ]]>"))
    if size > 3:
        refused(path, "comments or CDATA between its cells")


def test_texts_that_are_longer_than_a_cell_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "book.xlsx"
    made(path, listed)
    fields = [ResultColumn("f", "F"), ResultColumn("g", "G")]
    texts = ["x" * 40_000, "y" * 32_767, "z" * 32_768] + [""] * 57
    found = Results(fields, {"f": texts, "g": list(range(60))}, exactly(KEYS))
    report = write_columns(path, "Id", found, options=OPTIONS)
    assert report.notes == ["2 texts are longer than the 32,767 characters that a cell holds, and end there."]
    assert len(str(column(path, "C")[2])) == 32_767

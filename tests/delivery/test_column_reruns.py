"""Result columns after the list was changed: nothing of the user's goes, nothing of ours stays stale."""

from __future__ import annotations

import random
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path

import openpyxl
import pytest
from openpyxl.worksheet.table import Table
from openpyxl.worksheet.worksheet import Worksheet

from icp_xl.delivery.write_back.column_remove import remove_all
from icp_xl.delivery.write_back.column_values import ResultColumn, Results
from icp_xl.delivery.write_back.columns import ColumnsReport, write_columns
from icp_xl.delivery.write_back.remove import RemoveReport
from icp_xl.delivery.write_back.sheets_and_columns import write_sheets_and_columns
from icp_xl.opc.safe_write import SafeOptions
from icp_xl.opc.unsupported import RefusedError
from tests.support.keys import exactly

OPTIONS = SafeOptions(backups=0)
SCORE, GRADE = ResultColumn("score", "ICP Score"), ResultColumn("grade", "ICP Grade")


def write(path: Path, plus: float = 0.0, *, sheet: str | None = None, fields: Sequence[ResultColumn] = (SCORE, GRADE),
          gone: Sequence[str] = ()) -> ColumnsReport:  # fmt: skip
    """Scores n + 0.5 + ``plus`` and grades for the keys k1 to k600; ``gone`` are no results any more."""
    values = {"score": [n + 0.5 + plus for n in range(1, 601)], "grade": ["ABCDF"[n % 5] for n in range(1, 601)]}
    values = {name: found for name, found in values.items() if name not in gone}
    others = [each for each in (SCORE, GRADE) if each.field not in gone]
    results = Results(fields, values, exactly([f"k{n}" for n in range(1, 601)]), others)
    return write_columns(path, "Id", results, sheet=sheet, options=OPTIONS)


def remove(path: Path) -> RemoveReport:
    return remove_all(path, options=OPTIONS)


def make(path: Path, rows: int, top: int = 1, *, table: bool = False) -> Path:
    """A list of keys and values, as the table T or as plain rows."""
    book = openpyxl.Workbook()
    fill(book.active, rows, top)
    if table:
        book.active.add_table(Table(displayName="T", ref=f"A{top}:B{top + rows}"))
    book.save(path)
    return path


def fill(sheet: Worksheet, rows: int, top: int = 1) -> None:
    for n, row in enumerate([("Id", "Value"), *((f"k{n}", n) for n in range(1, rows + 1))]):
        for at, value in enumerate(row, 1):
            sheet.cell(top + n, at, value)


def change(path: Path) -> openpyxl.Workbook:
    return openpyxl.load_workbook(path)


def column(path: Path, letter: str, first: int = 1, last: int = 700) -> list[object]:
    sheet = openpyxl.load_workbook(path).worksheets[0]
    return [sheet[f"{letter}{row}"].value for row in range(first, last + 1)]


def filled(path: Path, letter: str) -> dict[int, object]:
    return {row: value for row, value in enumerate(column(path, letter), 1) if value is not None}


BELOW = {("B", 310): "Budget", ("C", 310): 52.5, ("C", 311): 61.25, ("C", 312): 7.5, ("D", 311): "A", ("D", 312): "x"}


@pytest.mark.parametrize("edited", ["B2", "B310"])
def test_what_stands_below_the_list_is_not_ours(tmp_path: Path, edited: str) -> None:
    path = make(tmp_path / "book.xlsx", 300)
    book = change(path)
    for (letter, row), value in BELOW.items():
        book.active[f"{letter}{row}"] = value
    book.save(path)
    write(path)
    book = change(path)
    book.active[edited] = 99
    book.save(path)
    assert write(path, 1.0).notes == []
    book = change(path)
    book.active[edited] = 98
    book.save(path)
    remove(path)
    kept = {key: value for key, value in BELOW.items() if key[0] != "B"}
    assert {(letter, row): value for letter in "CD" for row, value in filled(path, letter).items()} == kept


def test_a_list_that_grows_beside_cells_of_the_users_leaves_them(tmp_path: Path) -> None:
    path = make(tmp_path / "book.xlsx", 300)
    book = change(path)
    book.active["C310"], book.active["D312"] = 52.5, "x"
    book.save(path)
    write(path)
    book = change(path)
    fill(book.active, 320)
    book.save(path)
    report = write(path, 1.0)
    assert report.matched == 320 and any("2 cells of yours in our columns stay as they are: C310, D312." in n
                                         for n in report.notes)  # fmt: skip
    assert column(path, "C", 309, 311) == [308 + 1.5, 52.5, 310 + 1.5] and column(path, "D", 312, 312) == ["x"]


@pytest.mark.parametrize("kept", [150, 60, 25, 3])
@pytest.mark.parametrize("table", [False, True])
def test_rows_deleted_between_runs_leave_our_columns_ours(tmp_path: Path, kept: int, table: bool) -> None:
    path = make(tmp_path / "book.xlsx", 500)
    if table:
        book = change(path)
        book.active.add_table(Table(displayName="T", ref="A1:B501"))
        book.save(path)
    write(path)
    book = change(path)
    book.active.delete_rows(kept + 2, 600)
    for each in book.active.tables.values():
        each.ref = f"A1:D{kept + 1}"
        each.autoFilter.ref = each.ref
    book.save(path)
    report = write(path, 1.0)
    assert report.notes == [] and sorted(report.replaced) == ["grade", "score"]
    assert column(path, "C", 1, kept + 2) == ["ICP Score", *(n + 1.5 for n in range(1, kept + 1)), None]
    assert column(path, "E", 1, 1) == [None]
    book = change(path)
    book.active["B2"] = 77
    book.save(path)
    assert len(remove(path).columns) == 2
    assert filled(path, "C") == filled(path, "D") == {}


def test_the_best_of_a_sorted_list_are_kept_and_others_typed_over(tmp_path: Path) -> None:
    """Any rows may be deleted; a column in which the user's own values stand is his, whatever its header says."""
    for seed in range(6):
        drawn = random.Random(seed)
        path = make(tmp_path / f"book{seed}.xlsx", 400)
        write(path)
        book = change(path)
        rows = list(book.active.iter_rows(min_row=2, values_only=True))
        left = drawn.sample(rows, drawn.randint(5, 90))
        book.active.delete_rows(2, 500)
        for row in left:
            book.active.append(row)
        book.save(path)
        assert write(path, 1.0).notes == [], seed
        assert column(path, "C", 2, len(left) + 1) == [int(row[0][1:]) + 1.5 for row in left], seed
    book = change(path)
    for row in range(2, len(left) + 2):
        book.active[f"C{row}"] = row * 1000.25
    book.save(path)
    report = write(path, 2.0)
    assert report.stale == ["score"] and column(path, "C", 2, 2) == [2000.5] and column(path, "E", 1, 1) != [None]


def test_two_header_rows_are_found_again(tmp_path: Path) -> None:
    path = tmp_path / "book.xlsx"
    book = openpyxl.Workbook()
    fill(book.active, 20, top=2)
    book.active["A1"], book.active["B1"] = "Id", "Group"
    book.active["A2"] = None
    book.active.merge_cells("A1:A2")
    book.save(path)
    write(path)
    before = path.read_bytes()
    write(path, fields=[SCORE])
    assert column(path, "D", 2, 3) == ["ICP Grade", "B"]
    path.write_bytes(before)
    for plus in (1.0, 2.0):
        book = change(path)
        book.active["B3"] = plus
        book.save(path)
        assert write(path, plus).notes == []
        assert column(path, "C", 2, 3) == ["ICP Score", 1.5 + plus] and column(path, "E", 2, 2) == [None]


@pytest.mark.parametrize("saved", [False, True])
@pytest.mark.parametrize("tables", [False, True])
def test_a_second_list_of_the_sheet_is_refused_while_the_first_has_our_columns(
    tmp_path: Path, saved: bool, tables: bool
) -> None:
    path = make(tmp_path / "book.xlsx", 3)
    book = change(path)
    if tables:
        fill(book.active, 3, top=10)
        for name, ref in (("T1", "A1:B4"), ("T2", "A10:B13")):
            book.active.add_table(Table(displayName=name, ref=ref))
    book.save(path)
    write(path, sheet="T1" if tables else None)
    book = change(path)
    if saved:
        book.active["B2"] = 5
    if not tables:
        # The lower list is the longer one from now on.
        fill(book.active, 30, top=10)
    if saved or not tables:
        book.save(path)
    before = path.read_bytes()
    with pytest.raises(RefusedError, match="beside another list") as told:
        write(path, 1.0, sheet="T2" if tables else None)
    assert told.value.reason == "another-list" and "ICP Score in C1" in str(told.value) and path.read_bytes() == before
    remove(path)
    assert write(path, sheet="T2" if tables else None).matched


@pytest.mark.parametrize("table", [False, True])
def test_rows_that_the_list_no_longer_has_lose_our_figures(tmp_path: Path, table: bool) -> None:
    path = make(tmp_path / "book.xlsx", 20, table=table)
    write(path)
    for again in (True, False):
        copy = tmp_path / f"copy{again}.xlsx"
        book = change(path)
        for row in range(17, 22):
            book.active[f"A{row}"] = book.active[f"B{row}"] = None
        for each in book.active.tables.values():
            each.ref = each.autoFilter.ref = "A1:D16"
        book.active["D19"] = "=1+1"
        book.save(copy)
        if again:
            notes = write(copy, 1.0).notes
            assert any(note == "5 rows below the list held figures of ours: taken out." for note in notes)
            assert any("1 cell of yours" in note and "D19" in note for note in notes)
            assert max(filled(copy, "C")) == 16 and filled(copy, "D")[19] == "=1+1"
        remove(copy)
        assert filled(copy, "C") == {} and filled(copy, "D") == {19: "=1+1"}


def test_a_figure_typed_beside_no_key_is_the_users(tmp_path: Path) -> None:
    path = make(tmp_path / "book.xlsx", 300)
    book = change(path)
    book.active["A100"], book.active["B100"] = None, "Subtotal"
    book.save(path)
    write(path)
    book = change(path)
    book.active["C100"] = 55.5
    book.save(path)
    assert any("C100" in note for note in write(path, 1.0).notes)
    assert column(path, "C", 99, 101) == [98 + 1.5, 55.5, 100 + 1.5]


def test_rows_put_in_by_a_program_that_moves_no_names_stay_ours(tmp_path: Path) -> None:
    """It leaves the mark pointing at too few rows; ours go on below without a gap, the user's stand behind one."""
    path = make(tmp_path / "book.xlsx", 50)
    book = change(path)
    book.active["C60"] = 1.25
    book.save(path)
    write(path)
    book = change(path)
    book.active.insert_rows(10, 4)
    for n in range(4):
        book.active.cell(10 + n, 1, f"k{101 + n}")
    book.save(path)
    assert write(path, 1.0).notes == []
    assert column(path, "C", 54, 55) == [49 + 1.5, 50 + 1.5] and column(path, "C", 10, 10) == [101 + 1.5]
    book = change(path)
    book.active.delete_rows(10, 4)
    book.active.insert_rows(2, 2)
    book.active["A2"] = book.active["A3"] = "k7"
    book.save(path)
    remove(path)
    assert filled(path, "C") == {62: 1.25} and filled(path, "D") == {}


def test_a_field_that_is_no_result_any_more_is_told(tmp_path: Path) -> None:
    path = make(tmp_path / "book.xlsx", 5)
    write(path)
    report = write(path, fields=[SCORE], gone=["grade"])
    assert report.notes == ["ICP Grade is not among the results any more: its column is empty now."]
    assert column(path, "D", 1, 2) == ["ICP Grade", None]


def test_removal_asks_before_it_changes_a_protected_sheet_and_says_what_stays(tmp_path: Path) -> None:
    path = make(tmp_path / "book.xlsx", 30)
    book = change(path)
    book.active.auto_filter.ref = "A1:B31"
    book.save(path)
    write(path)
    book = change(path)
    book.active.protection.sheet = True
    book.save(path)
    before = path.read_bytes()
    with pytest.raises(RefusedError, match="protected"):
        remove(path)
    assert path.read_bytes() == before
    book.active.protection.sheet = False
    book.save(path)
    quoted = tmp_path / "quoted.xlsx"
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(quoted, "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name).replace(b'<autoFilter ref="A1:D31"', b"<autoFilter ref='A1:D31'"))
    with zipfile.ZipFile(quoted) as made:
        assert b"<autoFilter ref='A1:D31'" in made.read("xl/worksheets/sheet1.xml")
    for each in (path, quoted):
        assert any("still reach over the columns that were ours: A1:D31" in note for note in remove(each).notes)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("table", [False, True])
def test_rows_added_below_and_sorted_in_are_ours_or_new(tmp_path: Path, seed: int, table: bool) -> None:
    """After the sort, rows of ours stand below the last row that we wrote, new ones without a figure above it."""
    drawn = random.Random(seed)
    old, new = drawn.choice([3, 30, 300]), drawn.randint(1, 40)
    fields = [SCORE, GRADE] if seed % 2 else [SCORE]
    path = make(tmp_path / "book.xlsx", old, table=table)
    write(path, fields=fields)
    book = change(path)
    rows = [*book.active.iter_rows(min_row=2, values_only=True), *((f"k{500 + n}", n) for n in range(new))]
    drawn.shuffle(rows)
    book.active.delete_rows(2, 700)
    for row in rows:
        book.active.append(row)
    for each in book.active.tables.values():
        each.ref = each.autoFilter.ref = each.ref.split(":")[0] + f":{'D' if len(fields) > 1 else 'C'}{old + new + 1}"
    book.save(path)
    straight = tmp_path / "straight.xlsx"
    straight.write_bytes(path.read_bytes())
    assert write(path, 1.0, fields=fields).notes == []
    assert column(path, "C", 2, old + new + 1) == [int(row[0][1:]) + 1.5 for row in rows]
    remove(straight)
    assert filled(straight, "C") == filled(straight, "D") == {}


def test_a_cell_that_was_kept_stays_kept(tmp_path: Path) -> None:
    """It is the user's at every later run and at removal, not only at the first that meets it."""
    path = make(tmp_path / "book.xlsx", 300)
    book = change(path)
    book.active["C310"], book.active["C311"] = 52.5, 61.25
    book.save(path)
    write(path)
    book = change(path)
    fill(book.active, 320)
    book.save(path)
    for plus in (1.0, 2.0, 3.0):
        assert any("C310, C311" in note for note in write(path, plus).notes)
        book = change(path)
        book.active["B3"] = plus
        book.save(path)
        assert column(path, "C", 309, 312) == [308.5 + plus, 52.5, 61.25, 311.5 + plus]
    assert any("C310, C311" in note for note in remove(path).notes)
    assert filled(path, "C") == {310: 52.5, 311: 61.25}


@pytest.mark.parametrize("again", [False, True])
def test_removal_knows_rows_without_a_key_and_below_the_list(tmp_path: Path, again: bool) -> None:
    path = make(tmp_path / "book.xlsx", 300)
    book = change(path)
    book.active["A100"], book.active["B100"] = None, "Subtotal"
    book.save(path)
    write(path)
    book = change(path)
    book.active["C100"], book.active["B302"], book.active["C302"] = 55.5, "Average", 88.25
    book.save(path)
    if again:
        write(path, 1.0)
        book = change(path)
        book.active["B2"] = 9
        book.save(path)
    remove(path)
    assert filled(path, "C") == {100: 55.5, 302: 88.25}


def test_a_number_under_a_table_that_became_shorter_is_the_users(tmp_path: Path) -> None:
    path = make(tmp_path / "book.xlsx", 300, table=True)
    write(path)
    book = change(path)
    book.active.delete_rows(202, 100)
    for each in book.active.tables.values():
        each.ref = each.autoFilter.ref = "A1:D201"
    book.active["A204"], book.active["C204"] = "Average", 88.25
    book.save(path)
    assert not any("taken out" in note for note in write(path, 1.0).notes)
    assert column(path, "C", 204, 204) == [88.25]


def test_figures_beside_a_key_that_was_cleared_go(tmp_path: Path) -> None:
    path = make(tmp_path / "book.xlsx", 40)
    write(path)
    book = change(path)
    book.active["A20"] = None
    book.save(path)
    assert write(path, 1.0).notes == []
    assert column(path, "C", 19, 21) == [18 + 1.5, None, 20 + 1.5] and column(path, "D", 20, 20) == [None]


def test_what_is_typed_into_a_column_that_we_left_empty_stays(tmp_path: Path) -> None:
    path = make(tmp_path / "book.xlsx", 60)
    write(path)
    write(path, fields=[SCORE], gone=["grade"])
    book = change(path)
    book.active["D7"] = "VIP"
    book.save(path)
    assert any("D7" in note for note in write(path, 1.0).notes)
    remove(path)
    assert filled(path, "D")[7] == "VIP"


def test_the_users_copy_of_the_sheet_is_not_emptied(tmp_path: Path) -> None:
    path = make(tmp_path / "book.xlsx", 20)
    write(path)
    book = change(path)
    copy = book.copy_worksheet(book.active)
    copy.title = "Before"
    for name, defined in book.active.defined_names.items():
        text = defined.attr_text.replace("Sheet", "Before") if defined.attr_text[0] == "'" else defined.attr_text
        copy.defined_names[name] = type(defined)(name, attr_text=text, hidden=True)
    book.save(path)
    remove(path)
    book = change(path)
    assert [cell.value for cell in book["Before"]["C"]][:2] == ["ICP Score", 1.5]
    assert filled(path, "C") == {}


def test_sheets_and_columns_in_one_run_stop_at_the_other_list_too(tmp_path: Path) -> None:
    path = make(tmp_path / "book.xlsx", 3)
    book = change(path)
    fill(book.active, 3, top=10)
    for name, ref in (("T1", "A1:B4"), ("T2", "A10:B13")):
        book.active.add_table(Table(displayName=name, ref=ref))
    book.save(path)
    write(path, sheet="T1")
    before = path.read_bytes()
    rendered = tmp_path / "report.xlsx"
    openpyxl.Workbook().save(rendered)
    results = Results([SCORE], {"score": [1.0]}, exactly(["k1"]))
    with pytest.raises(RefusedError, match="beside another list"):
        write_sheets_and_columns(path, rendered, "Id", results, sheet="T2", options=OPTIONS)
    assert path.read_bytes() == before


def test_our_header_is_the_one_that_we_wrote_and_not_a_title_above(tmp_path: Path) -> None:
    path = make(tmp_path / "book.xlsx", 20, top=3)
    write(path)
    book = change(path)
    book.active["C1"] = "ICP Score"
    book.save(path)
    assert write(path, 1.0).notes == [] and column(path, "C", 3, 4) == ["ICP Score", 2.5]
    remove(path)
    assert filled(path, "C") == {1: "ICP Score"}


def test_headers_that_the_user_merges_over_two_rows_or_parts_again(tmp_path: Path) -> None:
    path = tmp_path / "book.xlsx"
    book = openpyxl.Workbook()
    fill(book.active, 30, top=2)
    book.active["A1"], book.active["A2"] = "Id", None
    book.active.merge_cells("A1:A2")
    book.save(path)
    write(path)
    book = change(path)
    for letter, text in (("C", "ICP Score"), ("D", "ICP Grade")):
        book.active[f"{letter}1"], book.active[f"{letter}2"] = text, None
        book.active.merge_cells(f"{letter}1:{letter}2")
    book.save(path)
    for plus in (1.0, 2.0):
        report = write(path, plus)
        assert report.notes == [] and report.columns["score"] == "ICP Score (C)"
        book = change(path)
        book.active.delete_rows(12, 40)
        book.save(path)
    assert column(path, "C", 3, 11) == [n + 2.5 for n in range(1, 10)] and column(path, "E", 1, 2) == [None, None]
    book = change(path)
    for merged in list(book.active.merged_cells.ranges):
        book.active.unmerge_cells(str(merged))
    book.save(path)
    write(path, 3.0)
    assert column(path, "C", 4, 5) == [5.5, 6.5] and column(path, "E", 1, 2) == [None, None]


def test_columns_that_the_user_moved_elsewhere_on_the_sheet_are_set_afresh(tmp_path: Path) -> None:
    path = make(tmp_path / "book.xlsx", 20)
    write(path)
    book = change(path)
    book.active.move_range("C1:D21", rows=40, cols=5)
    book.save(path)
    report = write(path, 1.0)
    assert len(report.notes) == 2 and all("not where we put it" in note for note in report.notes)
    assert column(path, "C", 1, 2) == ["ICP Score", 2.5] and column(path, "H", 41, 42) == ["ICP Score", 1.5]


def test_blank_rows_with_a_format_hold_no_figures(tmp_path: Path) -> None:
    path = make(tmp_path / "book.xlsx", 20)
    write(path)
    book = change(path)
    for row in book.active.iter_rows(min_row=17, max_row=21):
        for cell in row:
            cell.value, cell.number_format = None, "0.00"
    book.save(path)
    assert write(path, 1.0).notes == []


@pytest.mark.parametrize("table", [False, True])
def test_marks_of_an_earlier_version_lead_on(tmp_path: Path, table: bool) -> None:
    """They name the header's cell alone, and neither the key nor how many values were written."""
    path = make(tmp_path / "book.xlsx", 30, table=table)
    write(path)
    book = change(path)
    names = book.active.defined_names
    for name in list(names):
        text = names[name].attr_text
        if name.startswith("_icpxl_col_"):
            names[name].attr_text = text.split(":")[0]
        elif name.startswith("_icpxl_own_"):
            names[name].attr_text = re.sub(r"\|([nmt])\d+\|", r"|\1|", text)
        elif name.startswith("_icpxl_key"):
            del names[name]
    book.active["B2"] = 77
    book.save(path)
    old = tmp_path / "old.xlsx"
    old.write_bytes(path.read_bytes())
    assert write(path, 1.0).notes == [] and column(path, "C", 2, 3) == [2.5, 3.5] and column(path, "E", 1, 1) == [None]
    for each in (path, old):
        remove(each)
        assert filled(each, "C") == filled(each, "D") == {}

"""Result columns after the list was changed: nothing of the user's goes, nothing of ours stays stale."""

from __future__ import annotations

import random
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


def make(path: Path, rows: int, top: int = 1, left: int = 1) -> Path:
    """A list of keys and values."""
    book = openpyxl.Workbook()
    fill(book.active, rows, top, left)
    book.save(path)
    return path


def fill(sheet: Worksheet, rows: int, top: int = 1, left: int = 1) -> None:
    for at, text in enumerate(("Id", "Value")):
        sheet.cell(top, left + at, text)
    for n in range(1, rows + 1):
        sheet.cell(top + n, left, f"k{n}")
        sheet.cell(top + n, left + 1, n)


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
    path = make(tmp_path / "book.xlsx", 20)
    book = change(path)
    if table:
        book.active.add_table(Table(displayName="T", ref="A1:B21"))
    book.save(path)
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
            assert any(note.startswith("5 rows below the list held figures of ours") for note in notes)
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
    assert any("still reach over the columns that were ours: A1:D31" in note for note in remove(path).notes)

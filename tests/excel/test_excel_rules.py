"""Rules of Excel that the stand-in enforces, each with its source; a macro that breaks one fails as it would there.

Sources are pages of learn.microsoft.com and support.microsoft.com, issues of xlwings, or use where no page was found.
"""

from __future__ import annotations

import datetime as dt
import os
import re
import zipfile
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pytest
from openpyxl.workbook.defined_name import DefinedName
from openpyxl.worksheet.formula import ArrayFormula

from icp_xl.delivery.render.book import render_bytes
from icp_xl.errors import DeliveryError
from icp_xl.excel import build, macros
from icp_xl.excel.cells import error_text
from icp_xl.excel.jobs import _spawn
from icp_xl.excel.stubs import stubs_module
from icp_xl.excel.workbook_discovery import folder_of, full_name
from icp_xl.reports.spec import Column, Control, ReportBook, Sheet, Table
from tests.support.calculation import ERROR_VALUES, Calculator
from tests.support.udf_server import function_server

#: The rules of ``../shared/cases/excel_rules.md`` that can be enforced, by number, and the tests that enforce them.
RULES = {
    (1,): "test_sheets_with_tables_are_never_copied_as_a_group",
    (2, 3, 4, 16): "test_nothing_is_copied_within_excel",
    (5,): "test_a_deleted_sheet_leaves_ref_everywhere",
    (6,): "test_names_of_sheets",
    (7, 8): "test_two_workbooks_of_one_name_are_not_open_together",
    (9,): "test_save_as_changes_the_name_at_once test_macros.py::test_save_as_during_a_job",
    (10, 11): "test_the_full_name_of_a_cloud_workbook_is_an_address",
    (12,): "test_a_copy_has_the_password_of_its_workbook "
    "test_macros.py::test_what_stands_in_the_way_is_said_before_anything_starts",
    (13, 14): "test_a_protected_sheet_lets_nothing_be_written test_a_read_only_workbook_is_not_saved_under_its_name "
    "test_a_protected_structure_lets_no_sheet_be_added_or_deleted test_a_shared_workbook_takes_no_table",
    (17,): "test_macros.py::test_a_button_opens_its_report_and_leaves_the_users_workbook "
    "test_selftest.py::test_every_step_is_reported_and_passes_on_a_sound_machine",
    (18,): "test_macros_of_the_users_do_not_hear_what_is_written",
    (19,): "test_no_formula_of_the_users_is_written_through_excel test_formula_never_spills_and_formula2_does",
    (20,): "test_a_part_of_an_array_cannot_be_written",
    (21,): "test_every_cell_of_an_array_has_its_formula",
    (22,): "test_how_long_formulas_may_be",
    (23,): "test_a_cell_holds_32767_characters",
    (24,): "test_macros.py::test_a_filtered_list_is_scored_in_its_hidden_rows_too",
    (25,): "test_a_cell_formatted_as_text_keeps_a_number_as_text",
    (26,): "test_an_apostrophe_in_front_is_no_part_of_the_text",
    (27,): "test_values_keep_the_format_of_their_cell "
    "test_macros.py::test_score_writes_beside_the_table_and_a_second_run_replaces",
    (28, 29): "test_currency_arrives_as_decimal_and_leaves_rounded "
    "test_worksheet_functions.py::test_a_currency_cell_is_a_number_in_every_function",
    (30, 33): "test_dates_times_blanks_and_truths_as_com_hands_them_over",
    (
        31,
        32,
    ): "test_errors_are_numbers test_worksheet_functions.py::test_an_error_that_xlwings_does_not_know_is_no_number",
    (34,): "test_the_shape_of_what_is_read test_a_whole_column_costs_no_more_than_its_rows_in_use",
    (35,): "test_a_function_that_is_not_computed_in_the_wizard_shows_no_zero",
    (36,): "test_a_function_changes_no_cell",
    (38,): "test_addin.py::test_one_function_server_serves_every_workbook",
    (39,): "test_a_job_leaves_the_group_of_processes_that_ends_with_excel",
    (41,): "test_macros.py::test_a_killed_job_says_so_with_its_log "
    "test_jobs.py::test_a_process_that_is_killed_is_known_to_be_dead",
    (42,): "test_doctor.py::test_what_defender_forbids",
    (44,): "test_doctor.py::test_the_library_is_that_of_excels_width_whatever_pythons",
    (47,): "test_macros.py::test_when_excel_refuses_the_book_is_as_it_was_and_the_result_waits",
    (48,): "test_everything_is_not_calculated_again",
    (49, 63, 64, 65, 66, 67): "test_write_back_cases.py::test_what_a_user_did_comes_out_as_he_expects",
    (50,): "test_a_path_of_more_than_218_characters",
    (51,): "test_macros.py::test_two_excels_and_one_workbook "
    "test_doctor.py::test_the_add_in_is_read_only_so_that_a_second_excel_opens_it_too",
    (52,): "test_functions_as_names.py::test_each_formula_keeps_to_the_limits_of_excel",
    (53,): "test_render.py::test_later_functions_are_prefixed_and_older_ones_are_not "
    "test_render.py::test_every_function_that_xlsxwriter_knows_as_later_is_prefixed",
    (55,): "test_refused.py::test_a_donor_with_dynamic_arrays_is_refused "
    "test_live_package.py::test_no_link_no_macro_and_nothing_volatile",
    (56, 57, 58): "test_what_a_table_may_be test_clashes.py::test_sheets_tables_and_names_that_are_called_like_ours",
    (59,): "test_controls.py::test_controls_are_linked_to_their_cells test_limits_of_files",
    (60,): "test_render.py::test_the_window_fits_a_small_screen",
    (61,): "test_limits_of_files test_render.py::test_more_rows_than_a_sheet_holds_is_one_clear_error",
    (68,): "test_worksheet_functions.py::test_two_workbooks_of_two_folders_show_two_models "
    "test_macros.py::test_a_button_opens_its_report_and_leaves_the_users_workbook",
    (69,): "test_macros.py::test_the_users_things_that_point_to_our_sheets_stand_after_every_report_went_in_twice",
    (70,): "test_macros.py::test_a_button_opens_its_report_and_leaves_the_users_workbook",
    (71,): "test_vba_and_python_look_for_jobs_in_one_place",
}
LIST = Path(__file__).parents[3] / "shared" / "cases" / "excel_rules.md"
VBA = {path.stem: path.read_text(encoding="ascii") for path in build.vba_folder().glob("*.bas")}
CODE = {path: path.read_text(encoding="utf-8") for path in Path(build.__file__).parent.glob("*.py")}


@pytest.fixture
def book(app: Any, tmp_path: Path) -> Any:
    wb = openpyxl.Workbook()
    wb.worksheets[0].append([1.0, 2.0, "x"])
    wb.save(tmp_path / "Book.xlsx")
    return app.books.open(str(tmp_path / "Book.xlsx"))


def refused(engine: Any) -> Any:
    return pytest.raises((engine.ExcelError, ValueError))  # the second where xlwings knows the rule itself


def test_sheets_with_tables_are_never_copied_as_a_group() -> None:
    """Run-time error 1004, "You cannot copy or move a group of sheets that contain a table" (by use)."""
    assert all(".Copy" not in text for text in VBA.values())
    assert all(".copy(" not in text or "shutil" in text for text in CODE.values())


def test_no_formula_of_the_users_is_written_through_excel() -> None:
    """Range.Formula sets implicit intersection and never spills ("Formula vs Formula2", learn.microsoft.com)."""
    assert all(".formula =" not in text for text in CODE.values())


def test_a_part_of_an_array_cannot_be_written(engine: Any, book: Any) -> None:
    """ "You can't change part of an array" (Range.CurrentArray; "Array formulas" of EPPlus and Mescius)."""
    book.api.worksheets[0]["E1"] = ArrayFormula("E1:E3", "=TRANSPOSE(A1:C1)")
    sheet = book.sheets[0]
    for area in ("E2", "D2:F2"):
        with refused(engine):
            sheet.range(area).value = 5
    sheet.range("E1:E3").value = [[1], [2], [3]]


def test_two_workbooks_of_one_name_are_not_open_together(engine: Any, app: Any, book: Any, tmp_path: Path) -> None:
    """By use; Workbooks.Open of a file that is open gives that very workbook (Workbooks.Open)."""
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "Book.xlsx").write_bytes((tmp_path / "Book.xlsx").read_bytes())
    with refused(engine):
        app.books.open(str(tmp_path / "other" / "Book.xlsx"))
    book.sheets[0]["A1"].value = "unsaved"
    assert app.books.open(str(tmp_path / "Book.xlsx")).sheets[0]["A1"].value == "unsaved" and len(app.books) == 1


def test_a_path_of_more_than_218_characters(engine: Any, app: Any, tmp_path: Path) -> None:
    """support.microsoft.com, "File name or path is too long in Excel"."""
    path = tmp_path / ("x" * 220 + ".xlsx")
    openpyxl.Workbook().save(path)
    with refused(engine):
        app.books.open(str(path))


def test_the_full_name_of_a_cloud_workbook_is_an_address(book: Any) -> None:
    """Workbook.FullName; xlwings' own ``fullname`` maps it or raises (its issues 2652, 2554, 2017, 2427)."""
    book.impl.url = "https://x.sharepoint.example/teams/A B/Book.xlsx"
    with pytest.raises(Exception, match="local path"):
        book.fullname  # noqa: B018
    assert full_name(book) == book.impl.url and folder_of(book) is None


def test_a_protected_sheet_lets_nothing_be_written(engine: Any, book: Any) -> None:
    """Worksheet.Protect: run-time error 1004. UserInterfaceOnly is not saved with a file."""
    book.api.worksheets[0].protection.sheet = True
    with refused(engine):
        book.sheets[0]["A1"].value = 1
    with refused(engine):
        book.sheets[0]["A1"].formula = "=1"
    assert all("UserInterfaceOnly" not in text for text in VBA.values())


def test_a_protected_structure_lets_no_sheet_be_added_or_deleted(engine: Any, book: Any) -> None:
    """Workbook.Protect."""
    book.sheets.add("Second", after=book.sheets[-1])
    book.impl.protected = True
    with refused(engine):
        book.sheets.add("Third")
    with refused(engine):
        book.sheets["Second"].delete()


def test_a_read_only_workbook_is_not_saved_under_its_name(engine: Any, book: Any) -> None:
    """Workbook.ReadOnly."""
    book.impl.read_only = True
    with refused(engine):
        book.save()


@pytest.mark.parametrize("name", ["", "x" * 32, "a:b", "a/b", "[x]", "'x", "x'", "history"])
def test_names_of_sheets(engine: Any, book: Any, name: str) -> None:
    """support.microsoft.com, "Rename a worksheet"."""
    with refused(engine):
        book.sheets[0].name = name


def test_currency_arrives_as_decimal_and_leaves_rounded(book: Any) -> None:
    """xlwings' issues 65, 640, 1238 (VT_CY) and 2634; Range.Value2 would give the double."""
    cell = book.api.worksheets[0]["A1"]
    cell.number_format = '_("$"* #,##0.00_)'
    assert book.sheets[0]["A1"].value == Decimal("1.0000")
    book.sheets[0]["B1"].value = Decimal("2.3456")
    assert book.sheets[0]["B1"].value == Decimal("2.3500")


def test_a_cell_formatted_as_text_keeps_a_number_as_text(book: Any) -> None:
    """support.microsoft.com, "Fix text-formatted numbers stored in cells"."""
    book.api.worksheets[0]["A2"].number_format = "@"
    book.sheets[0]["A2"].value = 5.0
    assert book.sheets[0]["A2"].value == "5.0"


def test_a_cell_holds_32767_characters(engine: Any, book: Any) -> None:
    """support.microsoft.com, "Excel specifications and limits"."""
    with refused(engine):
        book.sheets[0]["A1"].value = "x" * 32_768


def test_everything_is_not_calculated_again() -> None:
    """Application.CalculateFull recalculates all open workbooks, in manual mode too; Range.Dirty does some cells."""
    assert all("CalculateFull" not in text for text in VBA.values())


def test_vba_and_python_look_for_jobs_in_one_place() -> None:
    """Ours: ICP_XL_HOME moves the jobs, for both."""
    assert 'Environ("ICP_XL_HOME")' in VBA["IcpJobs"]


def test_a_job_leaves_the_group_of_processes_that_ends_with_excel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The DLL's job object kills with its host and lets none break away ("Job Objects", learn.microsoft.com; its
    config.cpp), so that CREATE_BREAKAWAY_FROM_JOB is refused. Win32_Process.Create starts outside of any.
    """
    import subprocess
    import sys

    from icp_xl.excel import jobs

    for name, value in (("CREATE_NO_WINDOW", 1), ("CREATE_NEW_PROCESS_GROUP", 2), ("CREATE_BREAKAWAY_FROM_JOB", 4)):
        monkeypatch.setattr(subprocess, name, value, raising=False)
    asked: list[int] = []

    class InsideExcel:
        pid = 4711

        def __init__(self, command: Any, *, creationflags: int, **_: Any) -> None:
            asked.append(creationflags)
            if creationflags & 4:
                raise PermissionError(13, "access denied")

        def wait(self) -> None:
            return None

    monkeypatch.setattr(subprocess, "Popen", InsideExcel)
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(jobs, "_spawn_by_service", lambda command, folder: 99)
    assert _spawn(["python"], dict(os.environ), tmp_path) == (99, False)
    # Where a rule of the administrator's forbids that too, the user is told to keep Excel open.
    monkeypatch.setattr(jobs, "_spawn_by_service", lambda command, folder: 0)
    assert _spawn(["python"], dict(os.environ), tmp_path) == (4711, True)
    assert asked == [7, 7, 3]


@pytest.mark.skipif(not LIST.is_file(), reason="the shared cases are not here")
def test_every_rule_that_can_be_enforced_has_its_test() -> None:
    wanted = set()
    for line in LIST.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if cells[0].isdigit() and (cells[-1].startswith("yes") or "yes)" in cells[-1]):
            wanted.add(int(cells[0]))
    assert len(wanted) > 50 and wanted <= {number for numbers in RULES for number in numbers}


def test_the_tests_that_the_rules_name_are_there() -> None:
    known = {
        (path.name, name)
        for path in Path(__file__).parents[1].rglob("test_*.py")
        for name in re.findall(r"(?m)^def (test_\w+)", path.read_text(encoding="utf-8"))
    }
    for named in " ".join(RULES.values()).split():
        file, _, name = named.rpartition("::")
        assert (file or Path(__file__).name, name) in known, named


def test_nothing_is_copied_within_excel(engine: Any, book: Any) -> None:
    """Copies keep formulas to their source file and take marks of ownership along (Worksheet.Copy; KB 108001), and
    tables of them get other names; Sheets.Add with a file brings all of it. Nothing here does either.
    """
    with pytest.raises((NotImplementedError, AttributeError)):
        book.sheets[0].copy()
    assert all("Type:=" not in text and ".Move" not in text for text in VBA.values())
    with pytest.raises(TypeError):
        book.impl.sheets.add(Type="report.xlsx")


def test_a_deleted_sheet_leaves_ref_everywhere(book: Any) -> None:
    """Names, formulas, validations, formats and charts keep #REF! for good, also when the sheet comes again (Infor,
    "Making major changes to the workbook"; by use).
    """
    book.sheets.add("Ours", after=book.sheets[-1])
    ours, own = book.api["Ours"], book.api.worksheets[0]
    ours["A1"], own["C1"] = 1, "=Ours!A1"
    book.api.defined_names["mine"] = DefinedName("mine", attr_text="Ours!$A$1")
    book.sheets[0]["D1"].api.Validation.Add(3, 1, 1, "=Ours!$A$1:$A$2")
    book.sheets[0]["D1"].api.FormatConditions.Add(2, 3, "=Ours!$A$1>1")
    chart = book.sheets[0].charts.add()
    chart.set_source_data(book.sheets["Ours"].range("A1:B2"))
    book.sheets["Ours"].delete()
    book.sheets.add("Ours", after=book.sheets[-1])
    cell = book.sheets[0]["D1"].api
    found = [own["C1"].value, book.api.defined_names["mine"].attr_text, cell.Validation.Formula1,
             cell.FormatConditions(1).Formula1, chart.api[1].SeriesCollection(1).Formula]  # fmt: skip
    assert all("#REF!" in text and "Ours" not in text for text in found), found


def test_save_as_changes_the_name_at_once(app: Any, book: Any, tmp_path: Path) -> None:
    """Workbook.FullName; a new workbook has its name from its first save."""
    book.save(str(tmp_path / "Other.xlsx"))
    assert book.name == "Other.xlsx" and full_name(book) == str(tmp_path / "Other.xlsx")
    new = app.books.add()
    assert folder_of(new) is None and new.name.startswith("Book")
    new.save(str(tmp_path / "New.xlsx"))
    assert (new.name, folder_of(new)) == ("New.xlsx", tmp_path)


def test_a_copy_has_the_password_of_its_workbook(app: Any, book: Any, tmp_path: Path) -> None:
    """Workbook.SaveCopyAs (by use): nobody but Excel reads the copy."""
    book.impl.has_password = True
    app.macro("IcpSaveCopy")(book.name, str(tmp_path / "copy.xlsx"))
    with pytest.raises((zipfile.BadZipFile, KeyError)):
        openpyxl.load_workbook(tmp_path / "copy.xlsx")


def test_a_shared_workbook_takes_no_table(engine: Any, book: Any) -> None:
    """Workbook.MultiUserEditing: no table is made or grows."""
    book.impl.shared = True
    book.sheets[0]["A5"].value = ["a", "b"]
    with refused(engine):
        book.sheets[0].tables.add(book.sheets[0]["A5:B6"], name="tbl")


def test_macros_of_the_users_do_not_hear_what_is_written(app: Any, book: Any) -> None:
    """Workbook_SheetChange and Workbook_NewSheet run on what others write, unless Application.EnableEvents is off."""
    book.sheets[0]["A1"].value = 3
    assert app.impl.heard.pop() == ("Sheet", "$A$1")
    macros.settings(book)
    assert app.impl.heard == [] and app.enable_events is True and "ICP Settings" in [each.name for each in book.sheets]


@pytest.fixture
def computing(app: Any) -> Iterator[Calculator]:
    with function_server() as server:
        app.impl.calculator = Calculator(server)
        yield app.impl.calculator


def test_formula_never_spills_and_formula2_does(computing: Calculator, book: Any) -> None:
    """ "Formula vs Formula2" and "Dynamic array formulas vs. legacy CSE" (learn.microsoft.com); a spill that finds no
    room is #SPILL!.
    """
    sheet = book.sheets.add("Spills")
    sheet["A1"].formula = "=SEQUENCE(3)"
    assert sheet["A1:A3"].value == [1.0, None, None]
    sheet["B1"].formula2 = "=SEQUENCE(3)"
    assert sheet["B1:B3"].value == [1.0, 2.0, 3.0]
    sheet["C2"].value = "in the way"
    sheet["C1"].formula2 = "=SEQUENCE(3)"
    assert sheet["C1:C3"].value == [ERROR_VALUES["#SPILL!"], "in the way", None]


def test_a_whole_column_costs_no_more_than_its_rows_in_use(
    computing: Calculator, book: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """xlwings hands whole columns over with all 1,048,576 rows; ``IcpArguments`` cuts them (its VBA: test_addin.py)."""
    sheet = book.sheets.add("Rows")
    sheet["A1:B300"].value = [["Acme Inc.", "Acme"]] * 300
    seen: list[int] = []
    call = computing.server.call

    def counted(name: str, *cells: Any, **told: Any) -> Any:
        seen.append(sum(len(item) for item in cells if isinstance(item, tuple)))
        return call(name, *cells, **told)

    monkeypatch.setattr(computing.server, "call", counted)
    sheet["D1"].formula2 = "=ICP_NORMALIZE(A1:A300)"
    used = sheet["D1:D300"].value
    sheet["F1"].formula2 = "=ICP_NORMALIZE(A:A)"
    assert seen[1] <= 2 * seen[0] and sheet["F1:F301"].value == [*used, None]


def test_a_function_changes_no_cell(engine: Any, computing: Calculator, book: Any) -> None:
    """support.microsoft.com, "Description of limitations of custom functions in Excel"."""

    def writes(name: str, found: Any) -> Any:
        book.sheets[0]["A9"].value = 1
        return found

    computing.answer = writes
    with refused(engine):
        book.sheets[0]["G1"].formula2 = '=ICP_NORMALIZE("Acme Inc.")'


def test_every_cell_of_an_array_has_its_formula(book: Any) -> None:
    """Range.HasArray, Range.CurrentArray: each cell of it reads as the same formula."""
    sheet = book.sheets[0]
    sheet["E1:E3"].formula_array = "=TRANSPOSE(A1:C1)"
    assert sheet["E1:E3"].formula == tuple([("=TRANSPOSE(A1:C1)",)] * 3) and sheet["E4"].formula == ""


def test_how_long_formulas_may_be(engine: Any, book: Any) -> None:
    """ "Excel specifications and limits" (support.microsoft.com); Range.FormulaArray; Validation.Add."""
    sheet, long = book.sheets[0], "=1" + "+1" * 200
    with refused(engine):
        sheet["E1:E2"].formula_array = long
    with refused(engine):
        sheet["F1"].api.Validation.Add(3, 1, 1, long)
    for text in ("=1" + "+1" * 4096, f'="{"x" * 256}"'):
        with refused(engine):
            sheet["G1"].formula2 = text
        with refused(engine):
            sheet["G1"].formula = text


def test_an_apostrophe_in_front_is_no_part_of_the_text(book: Any) -> None:
    """Range.PrefixCharacter."""
    book.sheets[0]["A3"].value = "'=1+1"
    assert book.sheets[0]["A3"].value == "=1+1" and book.sheets[0]["A3"].formula == "=1+1"


def test_values_keep_the_format_of_their_cell(book: Any) -> None:
    """Range.Formula: a number format that is there stays; a date makes a General cell a date."""
    sheet = book.sheets[0]
    sheet["A4"].number_format = "0%"
    sheet["A4"].value = 99
    assert sheet["A4"].number_format == "0%"
    sheet["A5"].number_format = "yyyy-mm-dd"
    sheet["A5"].value = 100.0
    assert sheet["A5"].value == dt.datetime(1900, 4, 9)
    sheet["A6"].value = dt.datetime(2024, 1, 31)
    assert "yy" in sheet["A6"].number_format.lower()


def test_dates_times_blanks_and_truths_as_com_hands_them_over(book: Any) -> None:
    """Range.Value2; ``_clean_value_data_element`` of xlwings: a time has the day 1899-12-30, a blank is None, ="" a
    text, TRUE no number, a percentage a plain number.
    """
    ws, sheet = book.api.worksheets[0], book.sheets[0]
    ws["A2"], ws["B2"], ws["C2"], ws["D2"] = dt.date(2024, 1, 31), dt.time(8, 30), '=""', True
    ws["E2"] = 0.125
    ws["E2"].number_format = "0.0%"
    found = list(sheet["A2:F2"].impl.raw_value[0])
    assert found == [dt.datetime(2024, 1, 31), dt.datetime(1899, 12, 30, 8, 30), "", True, 0.125, None]
    # xlwings makes one of the two empty kinds.
    assert sheet["C2"].value is None and sheet["A2"].value == found[0]


@pytest.mark.parametrize("text", ERROR_VALUES)
def test_errors_are_numbers(book: Any, text: str) -> None:
    """ "Cell Error Values" and XlCVError (learn.microsoft.com); xlwings knows the first seven."""
    book.api.worksheets[0]["A2"] = text
    raw = book.sheets[0]["A2"].impl.raw_value
    assert raw == ERROR_VALUES[text] and error_text(raw) == text
    assert book.sheets[0]["A2"].options(err_to_str=True).value in (text, raw)


def test_the_shape_of_what_is_read(book: Any) -> None:
    """xlwings, "Converters and options"; a whole column has all of Excel's rows."""
    sheet = book.sheets[0]
    assert sheet["A1"].value == 1.0 and sheet["A1:C1"].value == [1.0, 2.0, "x"] and sheet["A1:A2"].value == [1.0, None]
    assert sheet["A1:B2"].value == [[1.0, 2.0], [None, None]] and sheet["A1"].options(ndim=2).value == [[1.0]]
    assert sheet["A:B"].shape == (1_048_576, 2)


def test_a_function_that_is_not_computed_in_the_wizard_shows_no_zero() -> None:
    """xlwings' docs, "UDFs", call_in_wizard: a function that leaves without an answer is Empty, shown as 0."""
    lines = [line for line in stubs_module().splitlines() if 'CommandBars("Standard")' in line]
    assert lines and all("= CVErr(2042): Exit Function" in line for line in lines)


@pytest.mark.parametrize(
    ("name", "headers"),
    [
        ("tbl1", ["a", "b"]), ("c", ["a", "b"]), ("two words", ["a", "b"]), ("1st", ["a", "b"]), ("mine", ["a", "b"]),
        ("x" * 256, ["a", "b"]), ("good_one", ["a", "A"]), ("good_one", ["a", 5]), ("good_one", ["a", "b" * 256]),
        ("good_one", ["a", "=1+1"]), ("over", ["a", "b"]), ("merged", ["a", "b"]),
    ],
)  # fmt: skip
def test_what_a_table_may_be(engine: Any, book: Any, name: str, headers: list[Any]) -> None:
    """DevExpress Table.Name, openxlsx validate_table_name; openpyxl "Worksheet Tables", [MS-OI29500] 2.1.681;
    support.microsoft.com "Overview of Excel tables".
    """
    sheet = book.sheets[0]
    book.api.defined_names["mine"] = DefinedName("mine", attr_text="Sheet!$A$1")
    sheet["H1"].value = [["x", "y"], [1, 2]]
    sheet.tables.add(sheet["H1:I2"], name="first_one")
    sheet["E1"].value = headers
    place = {"over": "F1:H2", "merged": "E1:F2"}.get(name, "E1:F2")
    if name == "merged":
        book.api.worksheets[0].merge_cells("E2:F3")
    with refused(engine):
        sheet.tables.add(sheet[place], name=name)
    assert list(book.api.worksheets[0].tables) == ["first_one"]


def test_limits_of_files(engine: Any, book: Any) -> None:
    """ "Excel specifications and limits"; ControlFormat.Max: a form control counts from 0 to 30,000."""
    with refused(engine):
        book.sheets[0]["A:A"].column_width = 256
    high = Column("a", "A", editable=True, control=Control("scroll", "b", 0, 30_001))
    table = Table("t", [high, Column("b", "B")], pd.DataFrame({"a": [1], "b": [""]}))
    with pytest.raises((DeliveryError, ValueError)):
        render_bytes(ReportBook([Sheet("S", "S", [table])]))

"""Rules of Excel that the stand-in enforces, each with its source; a macro that breaks one fails as it would there.

Sources are pages of learn.microsoft.com and support.microsoft.com, issues of xlwings, or use where no page was found.
"""

from __future__ import annotations

import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from openpyxl.worksheet.formula import ArrayFormula

from icp_xl.excel import build
from icp_xl.excel.jobs import _spawn
from icp_xl.excel.workbook_discovery import folder_of, full_name

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

"""Every macro through xlwings' object model on an engine over files, with jobs that are real processes."""

from __future__ import annotations

import os
import textwrap
from functools import partial
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from openpyxl.workbook.defined_name import DefinedName
from openpyxl.worksheet.table import Table

from icp_xl.errors import DataError, DeliveryError
from icp_xl.excel import jobs, macros
from icp_xl.excel.actions import ACTIONS
from icp_xl.excel.published_results import published_folder

FAKE_CLI = """
import json, os
from pathlib import Path
import icp_xl.cli as cli

def run(arguments):
    command, options = arguments[0], dict(item.split("=", 1) for item in arguments[1:] if "=" in item)
    options = {key: json.loads(value) for key, value in options.items()}
    import openpyxl, pandas as pd
    from openpyxl.workbook.defined_name import DefinedName
    from openpyxl.worksheet.table import Table
    from icp_xl.cli._run import guarded, progress_bar
    from icp_xl.config import load_settings
    from icp_xl.runs import start_run
    from icp_xl.errors import DataError

    def call():
        settings = load_settings(environ={}, overrides={"paths.out": options["paths.out"]})
        with progress_bar(False) as progress, start_run(command, settings, progress=progress) as run:
            for key, value in options.items():
                if key.startswith("sources."):
                    assert Path(value).is_file(), value
            if os.environ.get("FAIL") == command:
                raise DataError("the sales log has no date", next_step="Add one.")
            if command == "check":
                print("12 accounts, nothing odd")
                return
            accounts = openpyxl.load_workbook(options["sources.customers.file"])["Accounts"]
            rows = list(accounts.iter_rows(min_row=4, values_only=True))
            book = openpyxl.Workbook()
            top = book.worksheets[0]
            top.title = f"ICP {command}"
            data = book.create_sheet(f"ICP {command} data")
            data.append(["Account", "Score", "Comment"])
            for i, row in enumerate(rows):
                data.append([row[0], 10.0 * i + len(os.environ.get("ROUND", "")), None])
            data.add_table(Table(displayName=f"icp_{command.replace('-', '_')}", ref=f"A1:C{len(rows) + 1}"))
            top["A1"] = f"=SUM('ICP {command} data'!B2:B99)"
            top["A2"] = "=icp_total*2"
            book.defined_names["icp_total"] = DefinedName("icp_total", attr_text=f"'ICP {command}'!$A$1")
            book.save(run.outputs.path(f"icp_{command}.xlsx"))
            run.outputs.parquet("state/scored_accounts.parquet", pd.DataFrame({
                "account_id": [row[0] for row in rows], "account_name": [row[1] for row in rows],
                "icp_score": [50.0 + i for i in range(len(rows))], "icp_grade": ["A"] * len(rows),
                "rank": list(range(1, len(rows) + 1)), "segment": ["=cmd"] * len(rows)}))
    return guarded(call)
cli.run = run
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's folder with a customer workbook, a sales log, and his own sheets, formulas and names."""
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(textwrap.dedent(FAKE_CLI), encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(site), str(Path(__file__).parents[2])]))
    place = tmp_path / "O'Neil & Co #1"
    place.mkdir()
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    sheet.title = "Accounts"
    sheet["A1"] = "Customers of the region"
    for row in (
        ["Account ID", "Company", "Industry", "Annual Revenue", "Printers", "Twice"],
        ["001", "Acme", "Dental", 1e6, 3, "=D4*2"],
        ["002", "Bêta", "Aerospace", None, 1, "=D5*2"],
        ["003", "Gamma", "Dental", 5e7, 2, "=D6*2"],
    ):
        sheet.append(row if row[0] != "Account ID" else row)
    sheet.insert_rows(2)
    sheet.add_table(Table(displayName="tblAccounts", ref="A3:F6"))
    own = book.create_sheet("My own")
    own["A1"], own["B1"] = "keep", "=SUM(Accounts!D4:D6)"
    book.defined_names["mine"] = DefinedName("mine", attr_text="'My own'!$A$1")
    book.save(place / "Accounts.xlsx")
    sales = openpyxl.Workbook()
    sales.worksheets[0].append(["Date", "Account ID", "Customer", "SKU", "Revenue", "Category"])
    sales.worksheets[0].append(["2024-01-01", "001", "Acme", "X1", 100.0, "consumable"])
    sales.save(place / "Sales.xlsx")
    return place


@pytest.fixture
def book(app: Any, folder: Path) -> Any:
    """The customer workbook, open beside the sales log."""
    app.books.open(str(folder / "Sales.xlsx"))
    return app.books.open(str(folder / "Accounts.xlsx"))


def contents(book: Any) -> dict[str, dict[str, Any]]:
    """Every cell of every sheet, as a formula or a value."""
    return {
        ws.title: {cell.coordinate: cell.value for cell in ws._cells.values() if cell.value is not None}
        for ws in book.api.worksheets
    }


def press(book: Any, name: str) -> jobs.Job:
    """Press a button, wait for its job, and let the watcher fetch it."""
    assert macros.guarded(book, macros.MACROS[name]), book.app.impl.alerts
    (job,) = jobs.running_jobs() or jobs.waiting_jobs()
    job.wait(60)
    macros.guarded(book, partial(macros.collect_job, job_id=job.id))
    return job


def test_every_button_has_its_macro_and_every_macro_its_words() -> None:
    assert set(ACTIONS) < set(macros.MACROS)
    assert set(macros.MACROS) - set(ACTIONS) == {"settings", "doctor", "about", "collect"}
    assert all(macro.__doc__ for macro in macros.MACROS.values())


# Check and Map columns bring no report: what they say is tested with their own buttons.
@pytest.mark.parametrize("name", [name for name in ACTIONS if name not in ("check", "score", "map_columns")])
def test_a_button_brings_its_sheets_and_leaves_the_users(name: str, book: Any, folder: Path) -> None:
    before = contents(book)
    job = press(book, name)
    assert book.app.impl.alerts == [] and job.delivered, job.log_tail()
    after = contents(book)
    commands = [command.partition(" --")[0] for command in ACTIONS[name].commands]
    new = [sheet for command in commands for sheet in (f"ICP {command}", f"ICP {command} data")]
    assert [sheet for sheet in after if sheet not in before] == new
    assert after["My own"] == before["My own"]
    if not ACTIONS[name].columns:
        assert after["Accounts"] == before["Accounts"]
    for command in commands:
        assert after[f"ICP {command}"]["A1"] == f"=SUM('ICP {command} data'!B2:B99)", "no link to the report's file"
    # Only what makes something that the functions read changes where they read.
    makes = bool({"score", "run", "train", "whitespace"} & set(commands))
    assert published_folder() == (folder / "icp_output" if makes else Path("icp_output"))
    assert not (job.folder / "inputs").exists(), "copies of the inputs are not kept"
    assert book.app.status_bar is False and book.app.screen_updating is True


def test_score_writes_beside_the_table_and_a_second_run_replaces(
    book: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(book)
    press(book, "score")
    assert book.app.impl.alerts == []
    after = contents(book)
    accounts = after["Accounts"]
    assert [accounts[f"{column}3"] for column in "GHIJ"] == ["ICP Score", "ICP Grade", "ICP Rank", "ICP Segment"]
    assert [accounts[f"{column}5"] for column in "GHI"] == [51.0, "A", 2]
    cell = book.api["Accounts"]["J5"]
    assert (cell.value, cell.data_type) == ("=cmd", "s"), "text from data is no formula"
    assert {key: value for key, value in accounts.items() if key[0] < "G"} == before["Accounts"]
    assert book.api["Accounts"].tables["tblAccounts"].ref == "A3:J6"
    # The user builds on our sheets and types into the column that is his.
    own = book.sheets["My own"]
    own["C1"].formula = "='ICP score'!A1+1"
    own["C2"].formula = "=SUM(icp_score[Score])"
    book.sheets["ICP score data"]["C3"].value = "call again"
    book.api.defined_names["my_total"] = DefinedName("my_total", attr_text="'ICP score'!$A$1")
    kept = contents(book)["My own"]
    monkeypatch.setenv("ROUND", "two")
    press(book, "score")
    assert book.app.impl.alerts == []
    again = contents(book)
    assert list(again) == list(after)
    assert again["My own"] == kept
    assert again["ICP score data"]["B2"] == 3.0 and again["ICP score data"]["C3"] == "call again"
    assert book.api.defined_names["my_total"].attr_text == "'ICP score'!$A$1"
    assert book.api.defined_names["icp_total"].attr_text == "'ICP score'!$A$1"
    assert list(book.api["ICP score data"].tables) == ["icp_score"]
    assert again["Accounts"] == accounts
    assert book.app.impl.macros["host"].calls.count("IcpRecalculate") == 2


def test_a_sheet_of_the_users_that_is_called_like_ours_stays(book: Any) -> None:
    book.sheets.add("ICP optimize", after=book.sheets[-1])["A1"].value = "mine"
    press(book, "optimize")
    after = contents(book)
    assert after["ICP optimize"] == {"A1": "mine"}
    assert after["ICP optimize (2)"]["A1"] == "=SUM('ICP optimize data'!B2:B99)"
    press(book, "optimize")
    assert list(contents(book)) == list(after)


def test_check_shows_what_it_found_and_changes_nothing(book: Any) -> None:
    before = contents(book)
    press(book, "check")
    assert contents(book) == before
    assert book.app.impl.alerts == ["12 accounts, nothing odd"]


def test_an_error_of_the_job_is_one_sentence_and_leaves_the_book(book: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAIL", "score")
    before = contents(book)
    job = press(book, "score")
    assert contents(book) == before and job.delivered
    assert book.app.impl.alerts == ["Score was not finished: the sales log has no date. Add one."]


@pytest.mark.parametrize("broken", ["IcpCopySheets", "IcpMarkSheet"])
def test_when_excel_refuses_the_book_is_as_it_was_and_the_result_waits(book: Any, broken: str) -> None:
    press(book, "score")
    before, names = contents(book), dict(book.api.defined_names)
    host = book.app.impl.macros["host"]
    host.fail.add(broken)
    job = press(book, "score")
    assert contents(book) == before
    assert {name: item.attr_text for name, item in book.api.defined_names.items()} == {
        name: item.attr_text for name, item in names.items()
    }
    assert [table for ws in book.api.worksheets for table in ws.tables] == ["tblAccounts", "icp_score"]
    assert len(book.app.impl.alerts) == 1 and "Excel could not do what was asked" in book.app.impl.alerts[0]
    assert not job.delivered and book.app.screen_updating is True
    assert [item.name for item in book.app.books] == ["Accounts.xlsx", "Sales.xlsx"], "the report was closed again"
    host.fail.clear()
    macros.guarded(book, macros.MACROS["collect"])
    assert job.delivered and list(contents(book)) == list(before)


def test_columns_that_find_no_room_are_refused_before_anything_is_written(book: Any) -> None:
    book.sheets["Accounts"]["H5"].value = "mine"
    before = contents(book)
    press(book, "score")
    assert contents(book) == before
    (text,) = book.app.impl.alerts
    assert text.startswith("The cells beside the customer table are not free (where: sheet Accounts, G3:J6")


def test_a_result_waits_until_its_workbook_is_open_again(book: Any, app: Any, folder: Path) -> None:
    macros.start(book, ACTIONS["optimize"])
    (job,) = jobs.running_jobs() or jobs.waiting_jobs()
    job.wait(60)
    book.close()
    other = app.books.active
    macros.guarded(other, partial(macros.collect_job, job_id=job.id))
    assert app.impl.alerts[-1].startswith("The result of Optimise weights is ready, but its workbook is not open")
    assert not job.delivered
    again = app.books.open(str(folder / "Accounts.xlsx"))
    macros.guarded(again, macros.MACROS["collect"])
    assert job.delivered and "ICP optimize" in contents(again)
    macros.guarded(again, macros.MACROS["collect"])
    assert app.impl.alerts[-1] == "No finished job waits to be brought in."


def test_the_same_job_is_not_started_twice(book: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    job = macros.start(book, ACTIONS["score"])
    monkeypatch.setattr(jobs, "running_jobs", lambda jobs=None: [job])
    with pytest.raises(DataError, match="already running"):
        macros.start(book, ACTIONS["score"])
    job.wait(60)


def test_the_active_workbook_may_be_any_and_is_not_saved(app: Any, folder: Path) -> None:
    app.books.open(str(folder / "Accounts.xlsx"))
    sales = app.books.open(str(folder / "Sales.xlsx"))
    stamps = {path.name: path.read_bytes() for path in folder.iterdir()}
    app.books["Accounts.xlsx"].sheets["My own"]["A1"].value = "unsaved"
    job = macros.start(sales, ACTIONS["score"])
    copy = openpyxl.load_workbook(job.folder / "inputs" / "customers.xlsx")
    assert copy["My own"]["A1"].value == "unsaved", "the job sees what the user sees"
    job.wait(60)
    macros.guarded(sales, macros.MACROS["collect"])
    assert "ICP score" in contents(app.books["Accounts.xlsx"]) and "ICP score" not in contents(sales)
    assert {name: (folder / name).read_bytes() for name in stamps} == stamps


def test_the_sales_log_is_found_by_settings_beside_or_asked_for(app: Any, folder: Path) -> None:
    book = app.books.open(str(folder / "Accounts.xlsx"))
    host = app.impl.macros["host"]
    assert not macros.guarded(book, macros.MACROS["score"])
    assert "The sales log was not found" in app.impl.alerts[-1] and host.calls == ["IcpAskFile"]
    host.answer = str(folder / "Sales.xlsx")
    job = macros.start(book, ACTIONS["score"])
    assert any(json_path.endswith('Sales.xlsx"') for json_path in job.request.commands[0])
    job.wait(60)
    settings = book.sheets.add("ICP Settings", after=book.sheets[-1])
    settings["A1"].value = [["Setting", "Value"], ["excel.sales_workbook", "Gone.xlsx"]]
    assert not macros.guarded(book, macros.MACROS["train"])
    assert "is neither open nor a file" in app.impl.alerts[-1]
    settings["B2"].value = "Sales.xlsx"
    host.answer = ""
    macros.start(book, ACTIONS["train"]).wait(60)


def test_a_workbook_without_customers_is_told_so(app: Any) -> None:
    book = app.books.add()
    assert not macros.guarded(book, macros.MACROS["score"])
    assert app.impl.alerts[-1].startswith("No open workbook has a customer table")
    book.sheets[0]["A1"].value = [["Setting", "Value"], ["scorring.x", 1]]
    book.sheets[0].name = "ICP Settings"
    assert not macros.guarded(book, macros.MACROS["score"])
    assert "unknown setting scorring" in app.impl.alerts[-1]


def test_settings_are_added_once_and_the_loader_knows_them_all(book: Any) -> None:
    from icp_xl.config import load_settings
    from icp_xl.excel.templates import setting_keys
    from icp_xl.excel.workbook_discovery import settings_on

    macros.guarded(book, macros.MACROS["settings"])
    sheet = book.sheets["ICP Settings"]
    known = dict(setting_keys())
    for row in range(2, sheet.used_range.shape[0] + 1):
        assert sheet.range((row, 1)).value in known
    sheet["B3"].value = False
    macros.guarded(book, macros.MACROS["settings"])
    assert sheet["B3"].value is False and [item.name for item in book.sheets].count("ICP Settings") == 1
    assert settings_on(book) == [("scoring.use_optimized_weights", False, "Accounts.xlsx, sheet ICP Settings, row 3")]
    assert load_settings(sheet=settings_on(book), environ={}).scoring.use_optimized_weights is False


def test_doctor_and_about_say_something(book: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    before = contents(book)
    macros.guarded(book, macros.MACROS["doctor"])
    macros.guarded(book, macros.MACROS["about"])
    doctor, about = book.app.impl.alerts
    assert "Score model: none yet" in doctor
    assert about.startswith("icp_xl ") and "Last run: none yet" in about
    assert contents(book) == before


def test_an_unexpected_failure_is_one_sentence_with_its_details_in_a_file(book: Any, home: Path) -> None:
    def broken(book: Any) -> None:
        raise ZeroDivisionError("secret figure 42")

    assert not macros.guarded(book, broken)
    (text,) = book.app.impl.alerts
    assert (
        text == f"Something unexpected happened and nothing was changed. The details are in {home / macros.LAST_ERROR}."
    )
    assert "ZeroDivisionError" in (home / macros.LAST_ERROR).read_text()


def test_faults_are_counted() -> None:
    from icp_xl.errors import ConfigError, Fault

    error = ConfigError("2 settings cannot be used", next_step="Correct them.", faults=[Fault("a"), Fault("b")])
    assert macros.sentence(error) == "2 settings cannot be used: a (and 1 more). Correct them."
    assert macros.sentence(DeliveryError("x")) == "X."

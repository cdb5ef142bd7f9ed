"""Every macro through xlwings' object model on an engine over files, with jobs that are real processes."""

from __future__ import annotations

import os
import signal
import textwrap
from functools import partial
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from openpyxl.chart import BarChart, Reference
from openpyxl.formatting.rule import FormulaRule
from openpyxl.workbook.defined_name import DefinedName
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.formula import ArrayFormula
from openpyxl.worksheet.table import Table

from icp_xl.errors import DataError, DeliveryError
from icp_xl.excel import jobs, macros
from icp_xl.excel.actions import ACTIONS
from icp_xl.excel.host import jobs_of
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
    job.wait(1200)
    macros.guarded(book, partial(macros.collect_job, job_id=job.id))
    return job


def test_every_button_has_its_macro_and_every_macro_its_words() -> None:
    assert set(ACTIONS) < set(macros.MACROS)
    assert set(macros.MACROS) - set(ACTIONS) == {
        "settings", "doctor", "about", "collect", "put_sheets", "put_functions", "selftest",
    }  # fmt: skip
    assert all(macro.__doc__ for macro in macros.MACROS.values())


#: What they say is no report: check and map_columns are tested with their own buttons, history_add on the command line.
SILENT = ("check", "score", "map_columns", "history_add")


@pytest.mark.parametrize("name", [name for name in ACTIONS if name not in SILENT])
def test_a_button_opens_its_report_and_leaves_the_users_workbook(name: str, book: Any, folder: Path) -> None:
    before = contents(book)
    job = press(book, name)
    assert book.app.impl.alerts == [] and job.delivered, job.log_tail()
    if not ACTIONS[name].columns:
        assert contents(book) == before
    commands = [command.partition(" --")[0] for command in ACTIONS[name].commands]
    first = sorted(f"icp_{command}.xlsx" for command in commands)[0]
    assert first in [item.name for item in book.app.books] and book.app.books.active.name == "Accounts.xlsx"
    assert f"{first} is open" in book.app.status_bar
    # Only what makes something that the functions read changes where they read.
    makes = bool({"score", "run", "train", "whitespace"} & set(commands))
    assert published_folder() == (folder / "icp_output" if makes else Path("icp_output"))
    assert not (job.folder / "inputs").exists(), "copies of the inputs are not kept"
    assert book.app.screen_updating is True and jobs_of(book) == []


def test_score_writes_beside_the_table_and_a_second_run_replaces(
    book: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(book)
    # What blank cells beside the table were formatted as takes no part in it.
    for row in range(4, 7):
        book.api["Accounts"].cell(row, 7).number_format = "@"
        book.api["Accounts"].cell(row, 9).number_format = "yyyy-mm-dd"
    press(book, "score")
    assert book.app.impl.alerts == []
    after = contents(book)
    accounts = after["Accounts"]
    assert [accounts[f"{column}3"] for column in "GHIJ"] == ["ICP Score", "ICP Grade", "ICP Rank", "ICP Segment"]
    assert [accounts[f"{column}5"] for column in "GHI"] == [51.0, "A", 2]
    assert book.api["Accounts"]["I5"].number_format == "#,##0"
    cell = book.api["Accounts"]["J5"]
    assert (cell.value, cell.data_type) == ("=cmd", "s"), "text from data is no formula"
    assert {key: value for key, value in accounts.items() if key[0] < "G"} == before["Accounts"]
    assert book.api["Accounts"].tables["tblAccounts"].ref == "A3:J6"
    assert {name: cells for name, cells in after.items() if name != "Accounts"} == {"My own": before["My own"]}
    # A decision typed into the open report and not saved: the next run would not read it.
    report = book.app.books["icp_score.xlsx"]
    report.sheets["ICP score data"]["C3"].value = "call again"
    assert not macros.guarded(book, macros.MACROS["score"])
    assert book.app.impl.alerts[-1].startswith("Icp_score.xlsx is open and has changes that were not saved")
    assert report.sheets["ICP score data"]["C3"].value == "call again" and jobs.list_jobs()[-1].delivered
    report.save()
    monkeypatch.setenv("ROUND", "two")
    press(book, "score")
    assert len(book.app.impl.alerts) == 1
    assert contents(book) == after
    assert contents(book.app.books["icp_score.xlsx"])["ICP score data"]["B2"] == 3.0, "the new report was opened"
    assert book.app.impl.macros["host"].calls.count("IcpRecalculate") == 2


def test_the_users_things_that_point_to_our_sheets_stand_after_every_report_went_in_twice(
    book: Any, folder: Path
) -> None:
    for name in ("score", "optimize", "whitespace"):
        press(book, name)
    real_names(folder / "icp_output")
    app, selected = book.app, book.sheets["My own"].range("B2:C2")
    selected.impl.select()
    assert macros.guarded(book, macros.MACROS["put_sheets"]), app.impl.alerts
    assert "3 reports are in Accounts.xlsx" in app.status_bar
    book = app.books["Accounts.xlsx"]
    ours = [f"ICP {name}{more}" for name in ("score", "whitespace", "optimize") for more in ("", " data")]
    assert [sheet.name for sheet in book.sheets] == ["Accounts", "My own", *ours]
    assert (app.selection.sheet.name, app.selection.address) == ("My own", "$B$2:$C$2")
    ws = book.api["My own"]
    ws["C1"], ws["C2"] = "='ICP score'!A1+1", "=SUM(icp_score[Score])"
    ws["D1"] = ArrayFormula("D1:D3", "=TRANSPOSE('ICP score data'!A2:C2)")
    book.api.defined_names["my_total"] = DefinedName("my_total", attr_text="'ICP score'!$A$1")
    chart = BarChart()
    chart.add_data(Reference(book.api["ICP score data"], min_col=2, min_row=1, max_row=4), titles_from_data=True)
    ws.add_chart(chart, "F1")
    rule = DataValidation("list", formula1="'ICP optimize data'!$A$2:$A$4")
    rule.add("E1")
    ws.add_data_validation(rule)
    ws.conditional_formatting.add("C1:C2", FormulaRule(formula=["'ICP score'!$A$1>1"]))
    book.api["ICP score data"]["C3"] = "mine"
    kept = contents(book)["My own"]
    for _ in range(2):
        assert macros.guarded(app.books["Accounts.xlsx"], macros.MACROS["put_sheets"]), app.impl.alerts
    book = app.books["Accounts.xlsx"]
    ws = book.api["My own"]
    assert [sheet.name for sheet in book.sheets] == ["Accounts", "My own", *ours]
    after = contents(book)["My own"]
    assert {key: getattr(value, "text", value) for key, value in after.items()} == {
        key: getattr(value, "text", value) for key, value in kept.items()
    }
    assert book.api.defined_names["my_total"].attr_text == "'ICP score'!$A$1"
    (drawn,) = ws._charts
    assert drawn.series[0].val.numRef.f == "'ICP score data'!$B$2:$B$4"
    assert ws.data_validations.dataValidation[0].formula1 == "'ICP optimize data'!$A$2:$A$4"
    (formatted,) = ws.conditional_formatting
    assert formatted.rules[0].formula == ["'ICP score'!$A$1>1"]
    assert len(list((folder / "ICP backups").glob("*.xlsx"))) == 3


def real_names(out: Path) -> None:
    """The stand-in's reports under the names that the real commands give them."""
    for command, name in (
        ("score", "icp_report"),
        ("optimize", "icp_optimisation"),
    ):
        (out / f"icp_{command}.xlsx").replace(out / f"{name}.xlsx")


@pytest.mark.parametrize(
    ("state", "text"),
    [
        ("new", "was never saved"), ("url", "is open from the web"), ("read_only", "is open read-only"),
        ("has_password", "has a password to open"), ("report", "has changes that were not saved"),
    ],
)  # fmt: skip
def test_sheets_are_not_put_where_only_excel_may_write(book: Any, folder: Path, state: str, text: str) -> None:
    press(book, "optimize")
    real = folder / "icp_output" / "icp_optimisation.xlsx"
    (folder / "icp_output" / "icp_optimize.xlsx").rename(real)
    before, saved = contents(book), (folder / "Accounts.xlsx").read_bytes()
    if state == "new":
        book.impl._path = None
    elif state == "url":
        book.impl.url = "https://x.sharepoint.example/teams/Sales/Shared Documents/Accounts.xlsx"
    elif state == "report":
        book.app.books.open(str(real)).sheets[0]["A5"].value = "typed"
    else:
        setattr(book.impl, state, True)
    assert not macros.guarded(book, partial(put_into_of, out=real.parent))
    assert text in book.app.impl.alerts[-1]
    assert contents(book) == before and (folder / "Accounts.xlsx").read_bytes() == saved
    assert "Accounts.xlsx" in [item.name for item in book.app.books]


def put_into_of(book: Any, out: Path) -> None:
    from icp_xl.config import load_settings
    from icp_xl.excel.host import Host
    from icp_xl.excel.put_sheets import put_into, reports_in

    put_into(book, reports_in(out), load_settings(environ={}), Host(book.app))


def test_a_workbook_that_the_writer_refuses_stays_open_as_it_was(book: Any, folder: Path) -> None:
    press(book, "optimize")
    out = folder / "icp_output"
    (out / "icp_optimize.xlsx").rename(out / "icp_optimisation.xlsx")
    book.sheets["My own"]["A9"].value = "unsaved"
    (out / "icp_optimisation.xlsx").write_bytes(b"torn")
    assert not macros.guarded(book, macros.MACROS["put_sheets"])
    assert [item.name for item in book.app.books if item.name == "Accounts.xlsx"]
    assert book.sheets["My own"]["A9"].value == "unsaved"


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


def test_when_excel_refuses_the_book_is_as_it_was_and_the_result_waits(book: Any) -> None:
    before = contents(book)
    job = macros.start(book, ACTIONS["score"])
    job.wait(1200)
    host = book.app.impl.macros["host"]
    host.fail.add("IcpStateOfBook")
    assert not macros.guarded(book, partial(macros.collect_job, job_id=job.id))
    assert contents(book) == before and not job.delivered
    assert len(book.app.impl.alerts) == 1 and "Excel could not do what was asked" in book.app.impl.alerts[0]
    host.fail.clear()
    macros.guarded(book, macros.MACROS["collect"])
    assert job.delivered and contents(book)["Accounts"]["G5"] == 51.0


@pytest.mark.parametrize(
    ("state", "text"),
    [
        ("read_only", "Accounts.xlsx is open read-only. Save it under a name of your own"),
        ("shared", "is a shared workbook of the old kind"),
        ("contents", "is protected: its sheet Accounts lets nothing be written"),
        ("has_password", "has a password to open, and so has every copy"),
    ],
)
def test_what_stands_in_the_way_is_said_before_anything_starts(book: Any, state: str, text: str) -> None:
    if state == "contents":
        book.api["Accounts"].protection.sheet = True
    else:
        setattr(book.impl, state, True)
    before = contents(book)
    assert not macros.guarded(book, macros.MACROS["score"])
    assert text in book.app.impl.alerts[-1] and contents(book) == before and jobs.list_jobs() == []
    if state != "has_password":
        # A job that writes nothing into the workbook is none the worse.
        press(book, "optimize")
        assert len(book.app.impl.alerts) == 1


def test_a_sheet_that_was_protected_meanwhile_is_left_and_the_result_waits(book: Any) -> None:
    job = macros.start(book, ACTIONS["score"])
    job.wait(1200)
    book.api["Accounts"].protection.sheet = True
    before = contents(book)
    assert not macros.guarded(book, partial(macros.collect_job, job_id=job.id))
    assert contents(book) == before and not job.delivered
    book.api["Accounts"].protection.sheet = False
    assert macros.guarded(book, macros.MACROS["collect"]) and job.delivered


def test_a_filtered_list_is_scored_in_its_hidden_rows_too(book: Any) -> None:
    book.api["Accounts"].row_dimensions[5].hidden = True
    press(book, "score")
    assert [contents(book)["Accounts"][f"G{row}"] for row in (4, 5, 6)] == [50.0, 51.0, 52.0]


def test_the_result_follows_its_workbook_through_save_as_and_goes_to_no_namesake(
    app: Any, book: Any, folder: Path, tmp_path: Path
) -> None:
    team_b = tmp_path / "Team B"
    team_b.mkdir()
    (team_b / "Accounts.xlsx").write_bytes((folder / "Accounts.xlsx").read_bytes())
    job = macros.start(book, ACTIONS["score"])
    job.wait(1200)
    # Another folder's workbook of the same name, in the same Excel, where the first was closed.
    book.close()
    other = app.books.open(str(team_b / "Accounts.xlsx"))
    before = contents(other)
    assert macros.guarded(other, partial(macros.collect_job, job_id=job.id))
    assert contents(other) == before and not job.delivered and app.impl.alerts == []
    assert "Score is done: open Accounts.xlsx" in app.status_bar
    assert not macros.guarded(other, macros.MACROS["collect"])
    assert str(folder / "Accounts.xlsx") in app.impl.alerts[-1]
    other.close()
    again = app.books.open(str(folder / "Accounts.xlsx"))
    macros.guarded(again, macros.MACROS["collect"])
    assert job.delivered and contents(again)["Accounts"]["G5"] == 51.0


def test_save_as_during_a_job(app: Any, book: Any, folder: Path) -> None:
    job = macros.start(book, ACTIONS["score"])
    book.save(str(folder / "Renamed.xlsx"))
    # The old file, too, is opened again: the job belongs to the one that went on.
    old = app.books.open(str(folder / "Accounts.xlsx"))
    before = contents(old)
    job.wait(1200)
    macros.guarded(old, partial(macros.collect_job, job_id=job.id))
    assert job.delivered and contents(old) == before
    assert contents(app.books["Renamed.xlsx"])["Accounts"]["G5"] == 51.0
    from icp_xl.excel.caller import called_by

    with called_by(str(folder / "Renamed.xlsx")):
        assert published_folder() == folder / "icp_output"


def test_a_workbook_that_is_renamed_or_moved_while_it_is_closed(app: Any, book: Any, folder: Path) -> None:
    job = macros.start(book, ACTIONS["score"])
    book.save()
    book.close()
    (folder / "archive").mkdir()
    moved = (folder / "Accounts.xlsx").rename(folder / "archive" / "Accounts 2024.xlsx")
    # A new file takes its old place and name, and is not taken for it.
    stranger = openpyxl.load_workbook(moved)
    del stranger.defined_names["_icpxl_jobs"]
    stranger.save(folder / "Accounts.xlsx")
    old, new = app.books.open(str(folder / "Accounts.xlsx")), app.books.open(str(moved))
    before = contents(old)
    job.wait(1200)
    macros.guarded(old, partial(macros.collect_job, job_id=job.id))
    assert job.delivered and contents(old) == before and contents(new)["Accounts"]["G5"] == 51.0


def test_two_excels_and_one_workbook(engine: Any, app: Any, book: Any, folder: Path) -> None:
    job = macros.start(book, ACTIONS["score"])
    job.wait(1200)
    second = engine.new_app()
    elsewhere = second.books.add()
    assert macros.guarded(elsewhere, partial(macros.collect_job, job_id=job.id))
    assert second.impl.alerts == [] and not job.delivered
    second.quit()
    macros.guarded(book, partial(macros.collect_job, job_id=job.id))
    assert job.delivered and contents(book)["Accounts"]["G5"] == 51.0


def test_a_workbook_from_sharepoint_that_is_not_synced(app: Any, book: Any, home: Path) -> None:
    book.impl.url = "https://x.sharepoint.example/teams/A/Accounts.xlsx"
    job = macros.start(book, ACTIONS["optimize"])
    job.wait(1200)
    macros.guarded(book, partial(macros.collect_job, job_id=job.id))
    assert job.delivered and app.impl.alerts == []
    first = Path(job.request.out)
    assert home in first.parents
    book.impl.url = "https://x.sharepoint.example/teams/B/Accounts.xlsx"
    settings, _ = macros.live_settings(book)
    assert macros.out_folder(book, settings) != first, "one folder of results per address"


def test_a_killed_job_says_so_with_its_log(app: Any, book: Any) -> None:
    job = macros.start(book, ACTIONS["score"])
    pid = job.status().pid
    os.kill(pid, signal.SIGKILL)
    assert job.wait(600).state == "crashed"
    macros.guarded(book, partial(macros.collect_job, job_id=job.id))
    (text,) = app.impl.alerts
    assert "Score was not finished: it stopped unexpectedly" in text and str(job.folder) in text and job.delivered


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
    job.wait(1200)
    book.close()
    other = app.books.active
    macros.guarded(other, partial(macros.collect_job, job_id=job.id))
    assert "Optimise weights is done: open Accounts.xlsx" in app.status_bar and not job.delivered
    assert not macros.guarded(other, macros.MACROS["collect"])
    assert app.impl.alerts[-1].startswith("The result of Optimise weights is ready, but its workbook is not open")
    again = app.books.open(str(folder / "Accounts.xlsx"))
    macros.guarded(again, macros.MACROS["collect"])
    assert job.delivered and "icp_optimize.xlsx" in [item.name for item in app.books]
    macros.guarded(again, macros.MACROS["collect"])
    assert app.impl.alerts[-1] == "No finished job waits to be brought in."


def test_the_same_job_is_not_started_twice(book: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    job = macros.start(book, ACTIONS["score"])
    monkeypatch.setattr(jobs, "running_jobs", lambda jobs=None: [job])
    with pytest.raises(DataError, match="already running"):
        macros.start(book, ACTIONS["score"])
    job.wait(1200)


def test_the_active_workbook_may_be_any_and_is_not_saved(app: Any, folder: Path) -> None:
    app.books.open(str(folder / "Accounts.xlsx"))
    sales = app.books.open(str(folder / "Sales.xlsx"))
    stamps = {path.name: path.read_bytes() for path in folder.iterdir()}
    app.books["Accounts.xlsx"].sheets["My own"]["A1"].value = "unsaved"
    job = macros.start(sales, ACTIONS["score"])
    copy = openpyxl.load_workbook(job.folder / "inputs" / "customers.xlsx")
    assert copy["My own"]["A1"].value == "unsaved", "the job sees what the user sees"
    job.wait(1200)
    macros.guarded(sales, macros.MACROS["collect"])
    assert "G3" in contents(app.books["Accounts.xlsx"])["Accounts"]
    assert {name: (folder / name).read_bytes() for name in stamps} == stamps


def test_the_sales_log_is_found_by_settings_beside_or_asked_for(app: Any, folder: Path) -> None:
    book = app.books.open(str(folder / "Accounts.xlsx"))
    host = app.impl.macros["host"]
    assert not macros.guarded(book, macros.MACROS["score"])
    assert "The sales log was not found" in app.impl.alerts[-1] and host.calls == ["IcpAskFile"]
    host.answer = str(folder / "Sales.xlsx")
    job = macros.start(book, ACTIONS["score"])
    assert any(json_path.endswith('Sales.xlsx"') for json_path in job.request.commands[0])
    job.wait(1200)
    settings = book.sheets.add("ICP Settings", after=book.sheets[-1])
    settings["A1"].value = [["Setting", "Value"], ["excel.sales_workbook", "Gone.xlsx"]]
    assert not macros.guarded(book, macros.MACROS["train"])
    assert "is neither open nor a file" in app.impl.alerts[-1]
    settings["B2"].value = "Sales.xlsx"
    host.answer = ""
    macros.start(book, ACTIONS["train"]).wait(1200)


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
    assert text == f"Something unexpected happened. The details are in {home / macros.LAST_ERROR}."
    assert "ZeroDivisionError" in (home / macros.LAST_ERROR).read_text()


def test_faults_are_counted() -> None:
    from icp_xl.errors import ConfigError, Fault

    error = ConfigError("2 settings cannot be used", next_step="Correct them.", faults=[Fault("a"), Fault("b")])
    assert macros.sentence(error) == "2 settings cannot be used: a (and 1 more). Correct them."
    assert macros.sentence(DeliveryError("x")) == "X."

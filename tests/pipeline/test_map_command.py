"""``icp-xl map``: asked on a terminal, without one, and through the sheet ICP Mapping."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Any

import openpyxl
import pexpect
import pytest
import yaml

from icp_xl.cli import run
from icp_xl.config import load_settings
from icp_xl.pipeline.settings import resolve_settings
from icp_xl.sources import read_sources

pytestmark = pytest.mark.filterwarnings("ignore:.*extension is not supported")
DOWN, ENTER, INTERRUPT = "\x1b[B", "\r", "\x03"
UNKNOWN = "Xdat,Wer,Wieviel,Notiz\n2024-01-05,Acme GmbH,100.50,x\n2024-01-06,Beta AG,200.75,y\n"
KNOWN = "Fakturadatum;Kundnamn;Belopp\n2024-01-05;Acme AB;100,50\n2024-02-06;Beta AB;200,25\n"
CRM = """Account Name,Account ID,Stage,Amount,Close Date
Acme,A-1001,Closed Won,500,2024-01-05
Beta,A-1002,Open,10,2024-02-05
"""
CLOSE = "Date,Cusotmer Name,Amount\n2024-01-05,Acme GmbH,100.50\n2024-01-06,Beta AG,200.75\n"


def terminal(folder: Path, *more: str) -> Any:
    """The command on a pseudo-terminal in ``folder``."""
    code = "import sys; from icp_xl.cli import run; sys.exit(run(sys.argv[1:]))"
    environ = {**os.environ, "TERM": "xterm", "COLUMNS": "200", "LINES": "60", "PYTHONPATH": os.getcwd()}
    child = pexpect.spawn(
        sys.executable, ["-c", code, "map", "--data", ".", "--out", "out", *more], cwd=str(folder), env=environ,
        dimensions=(60, 200), encoding="utf-8", timeout=1200,
    )  # fmt: skip
    return child


def ended(child: Any) -> int:
    child.expect(pexpect.EOF)
    child.close()
    return int(child.exitstatus)


def written(folder: Path) -> dict[str, Any]:
    body = yaml.safe_load((folder / "icp_xl.yaml").read_text(encoding="utf-8"))
    return dict(body)


def read_with(folder: Path) -> Any:
    return read_sources(load_settings(folder / "icp_xl.yaml", environ={}))


@pytest.mark.parametrize(
    "text, source, columns",
    [
        (KNOWN, "sales", {"date": "Fakturadatum", "account_name": "Kundnamn", "revenue": "Belopp"}),
        (CRM, "opportunities", {"account_name": "Account Name", "account_id": "Account ID", "stage": "Stage",
                                "amount": "Amount", "close_date": "Close Date"}),
    ],
)  # fmt: skip
def test_what_is_known_is_shown_and_not_asked(tmp_path: Path, text: str, source: str, columns: dict[str, str]) -> None:
    (tmp_path / "export.csv").write_text(text, encoding="utf-8")
    child = terminal(tmp_path)
    child.expect("Is this right")  # the first question is the last one
    assert "which column is" not in child.before
    assert re.search("First accounts:", child.before) and "2024-01-05" in child.before
    child.send(ENTER)
    assert ended(child) == 0
    body = written(tmp_path)
    assert body["columns"] == {source: columns} and body["sources"][source]["file"] == "export.csv"


def test_what_is_open_is_asked_with_values_beside_each_choice(tmp_path: Path) -> None:
    (tmp_path / "export.csv").write_text(UNKNOWN, encoding="utf-8")
    child = terminal(tmp_path)
    child.expect("What does export.csv hold")
    child.send(ENTER)  # the sales log
    asked: list[str] = []
    while len(asked) < 3:
        child.expect(r"which column is the ([a-z ]+)\?")
        if child.match[1] in asked:
            continue  # an answered question is drawn once more with its answer
        asked.append(child.match[1])
        child.expect("Wieviel")
        child.send(ENTER)  # the nearest stands first
    child.expect("Is this right")
    assert sorted(asked) == ["account name", "date", "revenue"]
    assert "301.25" in child.before and "Acme GmbH" in child.before
    child.send(ENTER)
    assert ended(child) == 0
    assert written(tmp_path)["columns"]["sales"] == {"date": "Xdat", "account_name": "Wer", "revenue": "Wieviel"}
    assert read_with(tmp_path).sales.frame["revenue"].sum() == 301.25


def test_another_choice_by_the_arrow_keys_and_a_change_at_the_end(tmp_path: Path) -> None:
    (tmp_path / "sales.csv").write_text(CLOSE, encoding="utf-8")
    child = terminal(tmp_path)
    child.expect("which column is the account name")  # only a close spelling: asked
    child.expect("Acme GmbH")
    child.send(ENTER)
    child.expect("Is this right")
    child.send(DOWN + ENTER)  # change a column
    child.expect("Which column")
    child.send(DOWN * 3 + ENTER)  # date, account id, account name, division
    child.expect("which column is the division")
    child.send(ENTER)
    child.expect("Is this right")
    child.send(ENTER)
    assert ended(child) == 0
    columns = written(tmp_path)["columns"]["sales"]
    assert columns["account_name"] == "Cusotmer Name" and "division" in columns


@pytest.mark.parametrize("keys", [INTERRUPT, DOWN * 2 + ENTER])
def test_leaving_writes_nothing(tmp_path: Path, keys: str) -> None:
    (tmp_path / "sales.csv").write_text(KNOWN, encoding="utf-8")
    child = terminal(tmp_path)
    child.expect("Leave without writing")
    child.send(keys)
    code = ended(child)
    assert code == (130 if keys == INTERRUPT else 0)
    assert not (tmp_path / "icp_xl.yaml").exists()


def command(*arguments: str) -> int:
    return run(["map", "--data", ".", "--out", "out", *arguments])


def test_without_a_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sales.csv").write_text(UNKNOWN, encoding="utf-8")
    assert command() != 0 and "--yes" in capsys.readouterr().err
    assert not (tmp_path / "icp_xl.yaml").exists()
    assert command("--yes", "--dry-run") == 0 and not (tmp_path / "icp_xl.yaml").exists()
    assert command("--yes") == 0
    said = capsys.readouterr().out
    assert "Wieviel is guessed to be the revenue" in said and "sum 301.25" in said
    # A second time: what stands in the file stays, and a copy of it is kept.
    path = tmp_path / "icp_xl.yaml"
    path.write_text(path.read_text(encoding="utf-8") + "run: {seed: 7}\n", encoding="utf-8")
    assert command("--yes") == 0
    assert written(tmp_path)["run"] == {"seed": 7} and (tmp_path / "icp_xl.yaml.before-map").is_file()
    (tmp_path / "sales.csv").write_text("a,b\nx,y\nz,w\n", encoding="utf-8")
    path.unlink()
    assert command("--yes") != 0 and "no column comes near" in capsys.readouterr().err and not path.exists()


def customer_book(folder: Path) -> Path:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "Customers"
    for row in (["Kd.-Nr.", "Firma", "Gewerbe"], ["0071", "Acme GmbH", "Dental"], ["0081", "Beta AG", "Foods"]):
        sheet.append(row)
    sheet["E9"] = "=SUM(1,2)"
    book.save(folder / "Customers.xlsx")
    return folder / "Customers.xlsx"


def test_the_sheet_is_written_read_and_obeyed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    path = customer_book(tmp_path)
    (tmp_path / "sales.csv").write_text(
        "Xdat,Wer,Stueck,Preis,Art\n2024-01-05,Acme GmbH,2,50,A1\n2024-01-06,Beta AG,3,10,A2\n", encoding="utf-8"
    )
    assert command("--sheet") == 0
    assert "closest header is Wer" in capsys.readouterr().out
    book = openpyxl.load_workbook(path)
    assert book.sheetnames == ["Customers", "ICP Mapping"] and book["Customers"]["E9"].value == "=SUM(1,2)"
    sheet = book["ICP Mapping"]
    rows = {(row[0].value, row[1].value): row for row in sheet.iter_rows()}
    assert rows["customers", "account_id"][3].value == "Kd.-Nr."
    assert "Acme GmbH" in rows["customers", "account_name"][4].value
    # The drop-down of each row lists the headers of that row's own file.
    for source, headers in (("sales", ["Xdat", "Wer", "Stueck", "Preis", "Art"]),
                            ("customers", ["Kd.-Nr.", "Firma", "Gewerbe"])):  # fmt: skip
        cell = rows[source, "account_name"][3]
        rule = next(r for r in sheet.data_validations.dataValidation if r.type == "list" and cell.coordinate in r.sqref)
        area = sheet[str(rule.formula1).rpartition("!")[2].replace("$", "")]
        assert [line[0].value for line in area] == headers
    choices = {
        ("customers", "industry"): "Gewerbe", ("sales", "date"): "Xdat", ("sales", "account_name"): "Wer",
        ("sales", "revenue"): "[Stueck] * [Preis]", ("sales", "category"): '= "consumable"',
        ("sales", "look-up 1"): "key: Art, sheet: Arten, other_key: Code, take: [Sparte]",
        ("sales", "division"): "Sparte",
    }  # fmt: skip
    for key, choice in choices.items():
        rows[key][3].value = choice
    book.save(path)
    # Only a bare sheet of the source's own file may be looked up from a workbook.
    settings = resolve_settings(None, {"paths.data": tmp_path})
    assert settings.columns["sales"]["revenue"] == "= [Stueck] * [Preis]"
    assert list(settings.sources.sales.joins[0].take) == ["Sparte"]
    rows["sales", "look-up 1"][3].value = rows["sales", "division"][3].value = None
    book.save(path)
    sources = read_sources(resolve_settings(None, {"paths.data": tmp_path}))
    assert sources.sales is not None and sources.customers is not None
    assert sources.sales.frame["revenue"].tolist() == [100.0, 30.0]
    assert sources.sales.frame["category"].tolist() == ["consumable"] * 2
    assert sources.customers.frame["industry"].tolist() == ["Dental", "Foods"]
    # Written again, the choices stay, no cell has become a formula, and what is read is said.
    capsys.readouterr()
    assert command("--sheet") == 0
    assert "revenue 130.00" in capsys.readouterr().out
    again = openpyxl.load_workbook(path)
    values = {(row[0].value, row[1].value): row[3] for row in again["ICP Mapping"].iter_rows()}
    assert values["sales", "revenue"].value == "[Stueck] * [Preis]"
    assert all(cell.data_type != "f" for row in again["ICP Mapping"].iter_rows() for cell in row)


def test_a_choice_that_the_file_lacks_is_told_with_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    path = customer_book(tmp_path)
    assert command("--sheet") == 0
    book = openpyxl.load_workbook(path)
    for row in book["ICP Mapping"].iter_rows():
        if row[1].value == "industry":
            row[3].value = "Gewerk"
    book.save(path)
    capsys.readouterr()
    assert run(["check", "--data", ".", "--out", "out"]) != 0
    said = capsys.readouterr().err
    assert "Gewerk" in said and "Gewerbe" in said


def test_the_sheet_needs_a_workbook(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sales.csv").write_text(KNOWN, encoding="utf-8")
    assert command("--sheet") != 0 and "no customer workbook" in capsys.readouterr().err

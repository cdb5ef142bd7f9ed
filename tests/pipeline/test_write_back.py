"""``icp-xl write-back`` on a real workbook of someone else: in, again with what was typed, and out without a trace."""

from __future__ import annotations

import hashlib
import shutil
import zipfile
from pathlib import Path

import pandas as pd
import pytest
from python_calamine import CalamineWorkbook

from icp_xl.cli import run
from icp_xl.pipeline.write_back.columns import read_results
from icp_xl.samples import write_samples
from tests.support.validator import validate

OUR_PLUMBING = (
    "[Content_Types].xml",
    "docProps/app.xml",
    "xl/styles.xml",
    "xl/workbook.xml",
    "xl/_rels/workbook.xml.rels",
)


def parts(path: Path) -> dict[str, str]:
    with zipfile.ZipFile(path) as package:
        return {name: hashlib.sha256(package.read(name)).hexdigest() for name in package.namelist()}


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scored")
    write_samples(folder / "books", accounts=120, lines=1500)
    assert run(["score", "--quiet", "--data", str(folder / "books"), "--out", str(folder / "out")]) == 0
    return folder / "out"


def test_in_again_and_out(shared_data: Path, scored: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    book = tmp_path / "US_Regional_Sales_Data.xlsx"
    shutil.copy(shared_data / "regional-sales" / book.name, book)
    before, faults = parts(book), len(validate(book))
    command = ["write-back", str(book), "--quiet"]
    assert run([*command, "--report", str(scored / "icp_report.xlsx")]) == 0
    for _ in range(2):
        after = parts(book)
        assert all(after[name] == digest for name, digest in before.items() if name not in OUR_PLUMBING)
        names = CalamineWorkbook.from_path(str(book)).sheet_names
        assert names[:3] == ["Sheet1", "Sales Orders Sheet", "Customers Sheet"]
        assert names.count("Summary") == 1
        assert len(validate(book)) == faults
        assert run([*command, "--report", str(scored / "icp_report.xlsx")]) == 0
    assert run([*command, "--remove"]) == 0
    assert parts(book) == before
    assert len(list((tmp_path / "ICP backups").iterdir())) >= 3


def test_a_workbook_that_cannot_be_written_is_left_alone(
    scored: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    book = tmp_path / "torn.xlsx"
    book.write_bytes(b"PK\x03\x04 torn")
    assert run(["write-back", str(book), "--report", str(scored / "icp_report.xlsx")]) != 0
    assert run(["write-back", str(tmp_path / "none.xlsx"), "--report", str(scored / "icp_report.xlsx")]) == 3
    assert "Traceback" not in capsys.readouterr().err
    assert book.read_bytes() == b"PK\x03\x04 torn"


def test_what_a_reader_may_fill_is_known_beside_the_report(scored: Path) -> None:
    import json

    body = json.loads((scored / "state" / "kept_cells.json").read_text(encoding="utf-8"))
    columns = {(item["sheet"], item["column"]) for item in body["icp_report.xlsx"]}
    assert ("Match Review", "Decision") in columns


def test_columns_beside_my_own_rows(
    scored: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import icp_xl

    monkeypatch.chdir(tmp_path)
    book = tmp_path / "mine.xlsx"
    shutil.copy(next((scored.parent / "books").glob("JY*.xlsx")), book)
    before = parts(book)
    report = str(scored / "icp_report.xlsx")
    settings = ["--set", f"paths.out={scored}"]
    assert run(["write-back", str(book), "--columns", "Acct ID", "--out", "copy.xlsx", *settings]) == 0
    # Three rows of duplicates get the results of the account that they were merged into.
    assert "123 rows have their account; 2 have none" in capsys.readouterr().out
    assert parts(book) == before
    rows = CalamineWorkbook.from_path("copy.xlsx").get_sheet_by_name("Customer List").to_python(skip_empty_area=False)
    header = next(row for row in rows if "Acct ID" in row)
    assert header[-5:] == ["ICP Score", "ICP Grade", "ICP Rank", "ICP Segment", "ICP Reasons"]
    assert run(["write-back", "copy.xlsx", "--remove"]) == 0
    assert parts(tmp_path / "copy.xlsx") == before
    wrong = ["write-back", str(book), "--columns", "Acct ID", "--fields", "icp_scor", *settings]
    assert run(wrong) != 0 and "icp_score" in capsys.readouterr().err
    done = icp_xl.write_back(
        book, {"paths.out": str(scored)}, report=report, sheets=["Scored Accounts"], columns="Company Name",
        fields=["icp_score", "total_revenue"],
    )  # fmt: skip
    lines = done.summary()
    assert done.sheets.sheets and done.columns.matched
    assert "1 sheets are in mine.xlsx" in lines[0] and any("ICP Total Revenue" in line for line in lines)
    assert icp_xl.write_back(book, {"paths.out": str(scored)}, remove=True).removed.removed
    assert parts(book) == before


def test_a_row_that_was_merged_into_another_account_gets_its_results(tmp_path: Path) -> None:
    scored = tmp_path / "scored_accounts.parquet"
    pd.DataFrame(
        {"account_id": ["C-1", "C-2"], "account_name": ["Acme Inc", "Bolt LLC"], "icp_score": [70.0, 40.0],
         "merged_ids": ["C-1; D-9", "C-2"]}
    ).to_parquet(scored)  # fmt: skip
    results = read_results(scored, ["icp_score"])
    found = results.find_keys(["C-1", "D-9", "C-2", "D-8", "Acme"])
    shown = {key: results.value("icp_score", row) for key, row in found.rows.items()}
    assert shown == {"C-1": 70.0, "D-9": 70.0, "C-2": 40.0} and not found.notes
    found = results.find_keys(["ACME", "Bolt LLC", "Acme (India)"])
    assert found.rows == {"ACME": 0, "Bolt LLC": 1}
    assert found.notes == ["1 of 3 names are written otherwise than the accounts they were taken for, such as "
                           "'ACME' for 'Acme Inc'."]  # fmt: skip


def test_a_report_is_not_written_into_itself(
    scored: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    report = tmp_path / "icp_report.xlsx"
    shutil.copy(scored / report.name, report)
    before = report.read_bytes()
    assert run(["write-back", str(report), "--report", str(report)]) == 5
    assert "into itself" in capsys.readouterr().err
    assert report.read_bytes() == before


def test_an_unknown_key_is_answered_with_the_headers_and_not_the_groups_above_them(
    scored: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    book = next((scored.parent / "books").glob("JY - *.xlsx"))
    command = ["write-back", str(book), "--report", str(scored / "icp_report.xlsx"), "--columns", "Acct No"]
    assert run([*command, "--out", str(book.with_name("copy.xlsx"))]) == 5
    assert "Acct ID, Company Name" in capsys.readouterr().err

"""``icp-xl whitespace`` end to end: what is typed is honoured and kept, reps see their own, the bytes repeat."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pytest

from icp_xl.cli import run
from icp_xl.excel.published_results import Published
from icp_xl.pipeline.whitespace.rank import REP_FOLDER, REPORT
from icp_xl.runs import load_manifest
from tests.support.validator import validate
from tests.support.whitespace_output import CUTOFF

# openpyxl drops the data bars of newer Excels, as it says; the cells, which are what a user types into, stay.
pytestmark = pytest.mark.filterwarnings("ignore:.*extension is not supported:UserWarning")
CLOCK = ["--set", "run.clock=2025-01-02T09:00:00"]
LATER = ["--set", "run.clock=2025-01-20T09:00:00"]


@pytest.fixture
def place(whitespace_output: Path, tmp_path: Path) -> Path:
    shutil.copytree(whitespace_output, tmp_path / "w")
    return tmp_path / "w"


def whitespace(place: Path, *more: str) -> int:
    short = [part for name in ("sheet", "division", "grid", "rep") for part in ("--set", f"whitespace.{name}_rows=150")]
    return run(["whitespace", "--quiet", "--data", str(place / "books"), "--out", str(place / "out"), *short, *more])


def rows(path: Path, sheet: str) -> list[dict[str, Any]]:
    """Rows of the sheet's table with our headers, and where each stands."""
    cells = openpyxl.load_workbook(path)[sheet]
    found, headers = [], []
    for row in cells.iter_rows():
        texts = [cell.value for cell in row]
        if "Account id" in texts and "Status" in texts:
            headers = texts
        elif headers and row[headers.index("Account id")].value:
            found.append(dict(zip(headers, texts, strict=True)) | {"row": row[0].row})
    return found


def type_in(path: Path, sheet: str, account: str, division: str, header: str, text: str | None) -> None:
    """Type into a cell as a user does, by openpyxl, and save."""
    book = openpyxl.load_workbook(path)
    cells, headers = book[sheet], []
    for row in cells.iter_rows():
        texts = [cell.value for cell in row]
        if "Account id" in texts and "Status" in texts:
            headers = texts
        elif headers and (texts[headers.index("Account id")], texts[headers.index("Division")]) == (account, division):
            row[headers.index(header)].value = text
    book.save(path)


def listed(place: Path) -> pd.DataFrame:
    return pd.read_csv(place / f"out/whitespace_{CUTOFF}.csv", encoding="utf-8-sig", keep_default_na=False)


def test_files_sheets_and_schema(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert whitespace(place, "--shadow", "revenue") == 0, capsys.readouterr().err
    out = place / "out"
    for name in (
        f"whitespace_{CUTOFF}.csv", f"whitespace_explanations_{CUTOFF}.csv", f"thresholds_whitespace_{CUTOFF}.csv",
        f"whitespace_metrics_{CUTOFF}.json", f"whitespace_log_{CUTOFF}.jsonl", f"whitespace_legacy_{CUTOFF}.csv",
        f"whitespace_overlap_{CUTOFF}.json", f"whitespace_removals_{CUTOFF}.csv", "schema_whitespace.json",
        "state/whitespace.parquet",
    ):  # fmt: skip
        assert (out / name).is_file(), name
    assert json.loads((out / "schema_whitespace.json").read_text())["valid"] is True
    names = openpyxl.load_workbook(out / REPORT, read_only=True).sheetnames
    assert names[0] == "Whitespace" and names[-5:] == [
        "Grid", "Thresholds", "Whitespace Metrics", "Not Eligible", "About"
    ]  # fmt: skip
    frame = listed(place)
    assert {"Printers", "Services"} & set(names) <= set(frame["division"])
    # On paper: every pair to work now, and not the thousands below them.
    for name in ("Whitespace", "Printers"):
        sheet = openpyxl.load_workbook(out / REPORT)[name]
        last_row = max(row for row in range(1, sheet.max_row + 1) if sheet.cell(row, 2).value == "Work now")
        assert sheet.print_area.endswith(f"${last_row}") and last_row < sheet.max_row
        assert str(sheet["A2"].value).endswith(f"On paper: the first {last_row - 4:,}.")
    assert not validate(out / REPORT)
    log = (out / f"whitespace_log_{CUTOFF}.jsonl").read_text().splitlines()
    people = set(pd.read_parquet(out / "state/customers.parquet")["rep"].dropna())
    assert log and all(json.loads(line)["event"] for line in log)
    assert not any(name in line for name in people for line in log)
    manifest = load_manifest(out / "runs", "latest")
    assert manifest["rows"]["whitespace pairs"]["read"] == len(frame)


def test_deals_and_people_who_must_not_be_called_are_left_out(place: Path) -> None:
    assert whitespace(place) == 0
    frame = listed(place)
    customers = pd.read_parquet(place / "out/state/customers.parquet").set_index("account_id")
    barred = set(customers.index[customers["do_not_contact"].astype(bool)])
    ranked = frame[frame["rank"] != ""]
    assert barred & set(frame["account_id"]) and not barred & set(ranked["account_id"])
    deals = pd.read_parquet(place / "out/state/opportunities.parquet")
    still = deals[~deals["stage"].str.startswith("Closed")]
    pairs = set(zip(still["account_id"], still["division"], strict=True))
    assert not pairs & set(zip(ranked["account_id"], ranked["division"], strict=True))
    assert (frame["removed_by"] == "open deal").any()


def test_what_is_typed_is_obeyed_and_not_lost(place: Path) -> None:
    report = place / "out" / REPORT
    assert whitespace(place, *CLOCK) == 0
    best = listed(place).iloc[:4][["account_id", "division"]].to_records(index=False).tolist()
    type_in(report, "Whitespace", *best[0], "Status", "Contacted")
    type_in(report, "Whitespace", *best[1], "Not eligible", "competitor's plant")
    type_in(report, best[2][1], *best[2], "Status", "to do")  # on the division's sheet
    type_in(report, "Whitespace", *best[3], "Status", "call in May")
    assert whitespace(place, *CLOCK) == 0
    frame = listed(place).set_index(["account_id", "division"])
    assert frame.loc[best[0], "removed_by"] == "recent contact" and frame.loc[best[0], "rank"] == ""
    assert frame.loc[best[1], "removed_by"] == "marked not eligible"
    assert frame.loc[best[2], "status"] == "to do" and frame.loc[best[2], "rank"] != ""
    assert frame.loc[best[3], "status"] == "call in May"
    gone = {(row["Account id"], row["Division"]): row for row in rows(report, "Not Eligible")}
    assert gone[best[0]]["Status"] == "contacted"
    assert gone[best[1]]["Not eligible"] == "competitor's plant"
    there = {(row["Account id"], row["Division"]): row for row in rows(report, "Whitespace")}
    assert there[best[2]]["Status"] == "to do" and there[best[3]]["Status"] == "call in May"
    # A run later everything still stands; a cleared mark brings the pair back.
    type_in(report, "Not Eligible", *best[1], "Not eligible", None)
    assert whitespace(place, *LATER) == 0
    frame = listed(place).set_index(["account_id", "division"])
    assert frame.loc[best[1], "rank"] != "" and frame.loc[best[1], "not_eligible"] == ""
    assert frame.loc[best[0], "removed_by"] == "recent contact"


def test_a_reps_workbook_that_comes_back_is_read(place: Path) -> None:
    assert whitespace(place, "--rep-books") == 0
    inbox = place / "inbox"
    inbox.mkdir()
    source = sorted((place / "out" / REP_FOLDER).glob("*.xlsx"))[0]
    row = rows(source, "Whitespace")[0]
    back = inbox / source.name
    shutil.copy(source, back)
    type_in(back, "Whitespace", row["Account id"], row["Division"], "Status", "not relevant")
    books = ["--set", f'whitespace.status_books=["{inbox}"]']
    assert whitespace(place, *books) == 0
    frame = listed(place).set_index(["account_id", "division"])
    pair = (row["Account id"], row["Division"])
    assert frame.loc[pair, "removed_by"] == "marked not relevant"
    assert not (place / "out" / REP_FOLDER).exists() or not list((place / "out" / REP_FOLDER).glob("*.xlsx"))
    # The copy is old now: what is typed into our own workbook since is not undone by it.
    type_in(place / "out" / REPORT, "Not Eligible", *pair, "Status", "to do")
    assert whitespace(place, *books) == 0
    assert listed(place).set_index(["account_id", "division"]).loc[pair, "status"] == "to do"


@pytest.mark.parametrize("change", ["a row of another", "and no word whose it is", "and another's name"])
def test_a_reps_workbook_decides_about_his_own_accounts_only(place: Path, change: str) -> None:
    assert whitespace(place, "--rep-books") == 0
    inbox = place / "inbox"
    inbox.mkdir()
    frame = listed(place)
    books = sorted((place / "out" / REP_FOLDER).glob("*.xlsx"))
    first, second = sorted(books, key=lambda path: len({row["Account id"] for row in rows(path, "Whitespace")}))[:-3:-1]
    rep, other = (rows(path, "Whitespace")[0]["Rep"] for path in (first, second))
    mine = rows(first, "Whitespace")[0]
    theirs = frame[(frame["rep"] == other) & (frame["rank"] != "")].iloc[0]
    back = inbox / "whatever it is called.xlsx"
    book = openpyxl.load_workbook(first)
    sheet = book["Whitespace"]
    heads = next([c.value for c in row] for row in sheet.iter_rows() if "Account id" in [c.value for c in row])
    last = max(row["row"] for row in rows(first, "Whitespace")) + 1
    for name, value in (("Account id", theirs["account_id"]), ("Division", theirs["division"]), ("Not eligible", "x")):
        sheet.cell(last, heads.index(name) + 1, value)
    if change == "and no word whose it is":
        del book["About"]
    elif change == "and another's name":
        for row in book["About"].iter_rows():
            for cell in row:
                if isinstance(cell.value, str) and cell.value.startswith("For rep"):
                    cell.value = cell.value.replace(f"For rep {rep}", f"For rep {other}")
    book.save(back)
    type_in(back, "Whitespace", mine["Account id"], mine["Division"], "Status", "not relevant")
    assert whitespace(place, "--set", f'whitespace.status_books=["{inbox}"]') == 0
    after = listed(place).set_index(["account_id", "division"])
    assert after.loc[(theirs["account_id"], theirs["division"]), "not_eligible"] == "", (
        "another rep's pair was taken off"
    )
    said = " ".join(load_manifest(place / "out" / "runs", "latest")["warnings"])
    assert f"{theirs['account_id']} {theirs['division']} (x; {other})" in said
    obeyed = after.loc[(mine["Account id"], mine["Division"]), "removed_by"] == "marked not relevant"
    # A copy whose name was changed is nobody's that can be told: nothing in it is obeyed, and all of it is said.
    assert obeyed == (change != "and another's name")
    assert obeyed or f"{mine['Account id']} {mine['Division']} (not relevant; {rep})" in said


def test_a_workbook_with_our_sheets_written_back_is_read(place: Path) -> None:
    book = place / "books" / "JY - Customer Analysis - Customer Segmentation.xlsx"
    out = place / "out"
    assert whitespace(place) == 0
    assert run(["write-back", str(book), "--quiet", "--report", str(out / REPORT), "--set", f"paths.out={out}"]) == 0
    pair = tuple(listed(place).iloc[0][["account_id", "division"]])
    type_in(book, "Whitespace", *pair, "Status", "won")
    assert whitespace(place) == 0
    assert listed(place).set_index(["account_id", "division"]).loc[pair, "removed_by"] == "marked won"


def test_no_reps_workbook_holds_another_reps_account(place: Path) -> None:
    assert whitespace(place, "--rep-books", "--holdout", "0.1") == 0
    frame = listed(place)
    owner = frame.drop_duplicates("account_id").set_index("account_id")
    books = sorted((place / "out" / REP_FOLDER).glob("*.xlsx"))
    reps = sorted(set(frame["rep"]) - {""})
    assert len(books) == len(reps) > 5
    held = set(frame.loc[frame["holdout"], "account_id"])
    seen = 0
    for book in books:
        with zipfile.ZipFile(book) as package:
            text = "\n".join(package.read(name).decode("utf-8", "replace") for name in package.namelist())
        mine = {a for a in owner.index if f">{a}<" in text}
        names = {owner.loc[a, "rep"] for a in mine}
        assert len(names) <= 1
        rep = next(iter(names), None)
        others = owner[owner["rep"] != rep]
        assert not [a for a, name in others["account_name"].items() if f">{name}<" in text or f">{a} |" in text]
        assert not [other for other in reps if other != rep and other in text]
        here = {row["Account id"] for row in rows(book, "Whitespace") if row["List"] == "Work now"}
        assert not here & held
        seen += len(mine)
    assert seen > 50


def test_the_same_inputs_give_the_same_bytes(place: Path, tmp_path: Path) -> None:
    shutil.copytree(place, tmp_path / "again")
    for folder in (place, tmp_path / "again"):
        assert whitespace(folder, *CLOCK, "--capacity-mode", "hybrid") == 0
    for name in (REPORT, f"whitespace_{CUTOFF}.csv", f"whitespace_metrics_{CUTOFF}.json", "state/whitespace.parquet"):
        assert (place / "out" / name).read_bytes() == (tmp_path / "again/out" / name).read_bytes(), name
    # A second list of a day takes the first one's place, and is held against that of an earlier day as it was.
    assert whitespace(place, *CLOCK, "--capacity-mode", "hybrid") == 0
    assert (place / "out" / REPORT).read_bytes() == (tmp_path / "again/out" / REPORT).read_bytes()
    assert whitespace(place, *LATER) == 0
    metrics = json.loads((place / f"out/whitespace_metrics_{CUTOFF}.json").read_text())
    assert 0.0 < metrics["stability_jaccard"] <= 1.0


def test_holds_contacts_and_broken_lists(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert whitespace(place) == 0
    best = listed(place).iloc[:2]
    holds, contacts = place / "holds.csv", place / "contacts.csv"
    holds.write_text(f"account_id,reason\n{best.iloc[0]['account_id']},court order\n")
    contacts.write_text(
        f"account_id,contacted_on,division\n{best.iloc[1]['account_id']},2024-12-28,{best.iloc[1]['division']}\n"
    )
    more = ["--set", f"whitespace.exclusions={holds}", "--set", f"whitespace.contacts={contacts}"]
    assert whitespace(place, *more, *CLOCK) == 0
    frame = listed(place)
    first = frame[frame["account_id"] == best.iloc[0]["account_id"]]
    assert (first["rank"] == "").all()
    second = frame[
        (frame["account_id"] == best.iloc[1]["account_id"]) & (frame["division"] == best.iloc[1]["division"])
    ]
    assert second["removed_by"].tolist() == ["recent contact"]
    holds.write_text("name\nAcme\n")
    assert whitespace(place, *more) == 3
    assert "columns are missing" in capsys.readouterr().err


def test_without_scores_it_says_what_to_do(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "out/state/icp_scores.parquet").unlink()
    assert whitespace(place) == 4
    assert "icp-xl train" in capsys.readouterr().err


def test_a_dry_run_writes_nothing(place: Path) -> None:
    assert whitespace(place, "--dry-run") == 0
    assert not (place / "out" / REPORT).exists()
    assert REPORT in load_manifest(place / "out/runs", "latest")["planned"]


def test_the_worksheet_function_offers_what_is_on_the_list(place: Path) -> None:
    assert whitespace(place) == 0
    frame = listed(place)
    offers = Published(lambda: place / "out")
    for account, rows_ in list(frame.groupby("account_id"))[:30]:
        mine = rows_[rows_["rank"] != ""]
        found = [row["division"] for row in offers.whitespace().of(account)]
        assert found == mine["division"].tolist()


def test_a_damaged_workbook_stops_nothing(place: Path) -> None:
    assert whitespace(place) == 0
    (place / "out" / REPORT).write_bytes(b"no workbook")
    assert whitespace(place) == 0
    assert any("could not be read" in text for text in load_manifest(place / "out/runs", "latest")["warnings"])

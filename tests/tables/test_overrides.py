"""Decisions on matches, read back and obeyed."""

from __future__ import annotations

from pathlib import Path

import pytest
import xlsxwriter

from icp_xl.errors import SourceError
from icp_xl.tables.matching import Override, combine_overrides, duplicate_key, link_key, read_match_overrides
from icp_xl.tables.matching.places import place_of
from icp_xl.tables.names import normalize_name

HEAD = "key,account_id,decision,merge_into\n"


def write(folder: Path, text: str) -> Path:
    path = folder / "match_overrides.csv"
    path.write_text(text, encoding="utf-8-sig")
    return path


def test_a_missing_file_holds_no_decision(tmp_path: Path) -> None:
    assert not read_match_overrides(tmp_path / "nothing.csv")


def test_a_csv_is_read(tmp_path: Path) -> None:
    found = read_match_overrides(
        write(tmp_path, HEAD + "sales: acme,A1,Same,\nsales: zen,A2,no,\nsales: x,A3,,\nsales: y,A4,merge into B9,\n")
    )
    assert [(item.key, item.decision, item.account_id) for item in found.items] == [
        ("name: acme", "same", "A1"),
        ("name: zen", "different", "A2"),
        ("name: y", "merge", "B9"),
    ]
    assert found.refused("name: zen") == {"A2"}
    assert found.link("name: y") == Override("name: y", "merge", "B9", "match_overrides.csv row 5")


def test_semicolons_and_a_title_above_the_header_do_not_matter(tmp_path: Path) -> None:
    text = "Match Review;;;\n;;;\nDecision;Key;Account ID;Merge into\nsame;sales: acme;A1;\n"
    assert read_match_overrides(write(tmp_path, text)).link("name: acme") is not None


def test_the_review_sheet_of_a_workbook_is_read(tmp_path: Path) -> None:
    path = tmp_path / "report.xlsx"
    book = xlsxwriter.Workbook(str(path))
    book.add_worksheet("Summary")
    sheet = book.add_worksheet("Match Review")
    sheet.write(0, 0, "Match Review")
    for row, cells in enumerate(
        [["Source", "Key", "Account id", "Decision"], ["sales", "sales: acme", 1001, "same"]], start=3
    ):
        sheet.write_row(row, 1, cells)
    book.close()
    link = read_match_overrides(path).link("name: acme")
    assert link is not None
    assert link.account_id == "1001"


def test_all_faults_come_in_one_message(tmp_path: Path) -> None:
    path = write(tmp_path, HEAD + "a,A1,perhaps,\nb,A2,merge,\nc,,same,\nd,A4,same,\n")
    with pytest.raises(SourceError, match="cannot be used") as caught:
        read_match_overrides(path)
    assert [fault.where for fault in caught.value.faults] == [f"match_overrides.csv row {n}" for n in (2, 3, 4)]


def test_a_file_without_the_columns_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="lack their columns"):
        read_match_overrides(write(tmp_path, "name,verdict\nacme,same\n"))


def test_a_file_that_is_no_workbook_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "report.xlsx"
    path.write_bytes(b"not a workbook")
    with pytest.raises(SourceError, match="this file is not a workbook"):
        read_match_overrides(path)


def test_the_last_decision_counts(tmp_path: Path) -> None:
    first = read_match_overrides(write(tmp_path, HEAD + "k,A1,same,\n"))
    second = read_match_overrides(write(tmp_path, HEAD + "k,A1,different,\n"))
    assert combine_overrides([first, second]).link("k") is None
    assert combine_overrides([second, first]).link("k") is not None


def test_keys_stay_the_same_from_run_to_run() -> None:
    place = place_of("Austin", "Texas", None)
    keys = {link_key(normalize_name(name), place) for name in ("ACME Corp.", "acme, inc", "The Acme Company")}
    assert keys == {"name: acme @ austin/tx/"}
    assert duplicate_key("b", "a") == duplicate_key("a", "b")


def test_the_pages_own_example_is_read(tmp_path: Path) -> None:
    page = Path(__file__).parents[2] / "docs" / "matching.md"
    block = page.read_text(encoding="utf-8").split("```csv\n")[1].split("```")[0]
    found = read_match_overrides(write(tmp_path, block))
    assert len(found.items) == len(block.splitlines()) - 1


def test_two_accounts_need_no_account_beside_their_key(tmp_path: Path) -> None:
    found = read_match_overrides(write(tmp_path, HEAD + "duplicate: c-1 = c-2,,same,\n"))
    assert list(found.duplicates()) == [("c-1", "c-2", "same")]

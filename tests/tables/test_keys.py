"""Keys in somebody's workbook."""

from __future__ import annotations

import pytest

from icp_xl.tables.matching.keys import match_keys

IDS = ["001", "1", "A-7", "A-8", "A-9"]
NAMES = ["Holm Dental Inc", "Quist Tooling", "Vexomat (India)", "Vexomat (Brazil)", "001"]


@pytest.mark.parametrize(
    ("keys", "kind", "rows"),
    [
        (["001", "1", "01", "a-7", None, ""], "id", [0, 1, None, 2, None, None]),
        ([1, "A-8", "Holm Dental"], "id", [1, 3, None]),
        (["HOLM DENTAL", "Quist Toolng Ltd", "Vexomat India", "Vexomat"], "name", [0, 1, 2, None]),
        (["nobody here", None], "name", [None, None]),
    ],
)
def test_a_column_holds_ids_or_names(keys: list[object], kind: str, rows: list[int | None]) -> None:
    assert match_keys(keys, IDS, NAMES)[:2] == (kind, rows)


def test_what_means_two_accounts_means_none() -> None:
    assert match_keys(["X1", "X2"], ["X1", "x1", "X2"], ["A", "B", "C"]).rows == [0, 2]
    two = ["Smile Dental", "Smile Dental LLC"]
    assert match_keys([*two, "SMILE DENTAL"], ["1", "2"], two).rows == [0, 1, None]
    assert match_keys(["Smile Dental"], ["1", "2"], ["Smile Dental", "Smile Dental"]).rows == [None]


def test_case_counts_where_two_ids_differ_by_it() -> None:
    ids, names = ["AbC0000001", "ac-1002", "0015e00000Xy", "0015e00000xY"], ["A", "B", "C", "D"]
    assert match_keys(["AbC0000001", "aBC0000001"], ids, names).rows == [0, None]
    assert match_keys(["aBC0000001", "AC-1002", "0015e00000Xy", "0015e00000xY"], ids, names).rows == [None, 1, 2, 3]
    assert match_keys(["AC-1002", "Ac-1002", "ac-1003"], ids, names).rows == [None, None, None]
    assert match_keys(["001Hs00003kPqRaIAK"], ["001Hs00003kPqRa", "001Hs00003kPqRA"], ["A", "B"]).rows == [0]


def test_ids_of_merged_rows_lead_to_their_account() -> None:
    found = match_keys(["C-1", "D-9", "C-2"], ["C-1", "C-2", "D-9"], ["Acme", "Bolt", None], accounts=[0, 1, 0])
    assert found.rows == [0, 0, 1]


def test_names_beside_one_that_is_an_id_are_names() -> None:
    found = match_keys(["Quist Toolng Ltd", "HOLM DENTAL INC.", "Vexomat, India", "A-7"], IDS, NAMES)
    assert found.kind == "name" and found.rows == [1, 0, 2, None]
    assert found.spelt["Quist Toolng Ltd"] == "Quist Tooling"

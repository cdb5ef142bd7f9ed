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
    assert match_keys(keys, IDS, NAMES) == (kind, rows)


def test_what_means_two_accounts_means_none() -> None:
    assert match_keys(["X1", "X2"], ["X1", "x1", "X2"], ["A", "B", "C"]).rows == [None, 2]
    assert match_keys(["Smile Dental"], ["1", "2"], ["Smile Dental", "Smile Dental LLC"]).rows == [None]

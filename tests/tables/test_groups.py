"""Accounts of one house, declared or suggested."""

from __future__ import annotations

import pandas as pd

from icp_xl.tables.groups import find_groups

NOTHING = pd.DataFrame({"account_id": [], "division": [], "revenue": []})


def houses(customers: pd.DataFrame, sales: pd.DataFrame = NOTHING) -> dict[tuple[str, str], set[str]]:
    found = find_groups(customers, sales)
    return {key: set(part) for key, part in found.groupby(["group", "how"])["account_id"]}


def accounts(*names: str, **columns: list[str | None]) -> pd.DataFrame:
    return pd.DataFrame({"account_id": [f"A{i}" for i in range(len(names))], "account_name": names, **columns})


def test_a_parents_id_makes_a_group_over_generations() -> None:
    frame = accounts("Holm", "Holm Dental", "Quist", "Holm Lab", parent_account_id=[None, "a0", "X9", "A1"])
    assert houses(frame)["Holm", "declared"] == {"A0", "A1", "A3"}


def test_a_parent_that_is_no_account_still_groups() -> None:
    frame = accounts("Holm", "Brant", "Quist", parent_name=["Kelmar Holding AG", "KELMAR HOLDING", None])
    assert houses(frame) == {("Kelmar Holding AG", "declared"): {"A0", "A1"}}


def test_names_of_one_house_are_suggested() -> None:
    frame = accounts("Vexomat Germany", "Vexomat - Austria", "Quorvex", "Quorvex Dental", "Fenn Tooling")
    found = houses(frame)
    assert {tuple(sorted(ids)) for ids in found.values()} == {("A0", "A1"), ("A2", "A3")}
    assert {how for _, how in found} == {"suggested"}


def test_ordinary_words_and_surnames_make_no_house() -> None:
    names = ("American Manufacturing", "American Manufacturing Services", "Hansen", "Hansen Dental", "General Supply")
    assert houses(accounts(*names)) == {}


def test_what_one_buys_that_the_others_do_not() -> None:
    frame = accounts("Vexomat Germany", "Vexomat Austria")
    lines = [("A0", "Dental", 5.0), ("A0", "Optics", 5.0), ("A1", "Dental", 90.0), ("A1", "Foundry", -4.0)]
    sales = pd.DataFrame(lines, columns=["account_id", "division", "revenue"])
    found = find_groups(frame, sales).set_index("account_id")
    assert (found.loc["A0", "only_here"], found.loc["A1", "bought_by_others"]) == ("Optics", "Optics")
    assert found["revenue"].tolist() == [10.0, 86.0]


def test_a_division_spelled_in_two_ways_is_one() -> None:
    frame = accounts("Vexomat Germany", "Vexomat Austria")
    lines = [("A0", "Dental", 5.0), ("A1", "DENTAL", 90.0), ("A0", "Dental ", 5.0), ("A1", "Dental", 9.0)]
    sales = pd.DataFrame(lines, columns=["account_id", "division", "revenue"])
    found = find_groups(frame, sales)
    assert found["divisions"].tolist() == ["Dental", "Dental"]
    assert set(found["only_here"]) == set(found["bought_by_others"]) == {""}


def test_the_order_of_rows_changes_nothing() -> None:
    frame = accounts(
        "Holm", "Holm Dental", "Vexomat Germany", "Vexomat Austria", parent_account_id=[None, "A0", None, None]
    )
    pd.testing.assert_frame_equal(find_groups(frame, NOTHING), find_groups(frame.iloc[::-1], NOTHING))

"""Accounts that one source lists more than once."""

from __future__ import annotations

import pandas as pd

from icp_xl.config.matching import MatchingSettings
from icp_xl.tables.matching import Override, Overrides, duplicate_key, find_duplicates

COLUMNS = ["id", "name", "city", "state"]


def groups(
    rows: list[tuple[str, str, str | None, str | None]], overrides: Overrides | None = None, made: bool = True
) -> list[set[str]]:
    """The ids that are joined; with ``made`` they are no ids of the source's own."""
    frame = pd.DataFrame(rows, columns=COLUMNS).assign(made=made)
    found = find_duplicates(frame, overrides=overrides)
    joined = frame.groupby(found.cluster.to_numpy())["id"].agg(set)
    return sorted((ids for ids in joined if len(ids) > 1), key=sorted)


def test_variants_at_one_place_are_one_account() -> None:
    rows = [
        ("A", "Acme Tool Inc", "Austin", "TX"),
        ("B", "ACME TOOL, LLC", "austin", "Texas"),
        ("C", "Acme Tol Company", "Austin", "TX"),
        ("D", "Granite Foods", "Austin", "TX"),
    ]
    assert {"A", "B"} <= groups(rows)[0]
    assert "D" not in groups(rows)[0]


def test_namesakes_at_other_places_are_not() -> None:
    rows = [("A", "Smith Dental", "Dallas", "TX"), ("B", "Smith Dental", "Boston", "MA")]
    assert groups(rows) == []


def test_a_namesake_without_a_place_waits_for_a_person() -> None:
    rows = [
        ("A", "Smith Dental", "Dallas", "TX"),
        ("B", "Smith Dental", "Boston", "MA"),
        ("C", "Smith Dental LLC", None, None),
    ]
    assert groups(rows) == []
    pairs = find_duplicates(pd.DataFrame(rows, columns=COLUMNS)).pairs
    assert set(pairs["outcome"]) == {"review"}
    assert len(pairs) == 2


def test_a_name_that_says_more_is_never_merged_unasked() -> None:
    names = [("A", "Pereira Defense Corp"), ("B", "Pereira Defense Systems")]
    assert groups([(own, name, None, None) for own, name in names]) == []
    assert groups([(own, name, "Enid", "OK") for own, name in names]) == []


def test_a_slip_is_merged_at_the_same_place_only() -> None:
    names = [("A", "Quorvexa Machining"), ("B", "Quorvxea Machining")]
    assert groups([(own, name, None, None) for own, name in names]) == []
    assert groups([(own, name, "Enid", "OK") for own, name in names]) == [{"A", "B"}]


ALIKE = [("A", "Acme Tool Inc", "Austin", "TX"), ("B", "Acme Tool, Inc.", "Austin", "TX")]


def test_accounts_under_ids_of_their_own_are_joined_by_a_person_only() -> None:
    assert groups(ALIKE) == [{"A", "B"}]
    assert groups(ALIKE, made=False) == []
    yes = Overrides((Override(duplicate_key("A", "B"), "same", ""),))
    assert groups(ALIKE, yes, made=False) == [{"A", "B"}]


def test_what_becomes_of_different_ids_is_a_setting() -> None:
    frame = pd.DataFrame(ALIKE, columns=COLUMNS)
    for choice, accounts, outcomes in (("review", 2, ["review"]), ("never", 2, []), ("accept", 1, ["accepted"])):
        found = find_duplicates(frame, MatchingSettings.model_validate({"merge_different_ids": choice}))
        assert found.cluster.nunique() == accounts
        assert found.pairs["outcome"].tolist() == outcomes


def test_what_a_name_says_of_its_place_separates() -> None:
    for one, other in (
        ("Siemens (India)", "Siemens (Brazil)"),
        ("Quorvex, TX", "Quorvex, FL"),
        ("Vexomat - Germany", "Vexomat Austria"),
        ("Grain Coop KS", "Grain Coop KY"),
    ):
        assert groups([("A", one, None, None), ("B", other, None, None)]) == [], (one, other)


def test_no_chain_joins_two_places() -> None:
    rows = [
        ("A", "Harbor Castings", "Tulsa", "OK"),
        ("B", "Harbor Castings Inc", None, "OK"),
        ("C", "Harbor Casting", "Enid", "OK"),
    ]
    for found in groups(rows):
        assert not {"A", "C"} <= found


def test_rows_of_one_id_are_one_account_whatever_their_names() -> None:
    assert groups([("A", "Acme", None, None), ("A", "Zenith", None, None), ("B", "Granite", None, None)]) == []
    frame = pd.DataFrame([("A", "Acme", None, None), ("A", "Zenith", None, None)], columns=COLUMNS)
    assert find_duplicates(frame).cluster.nunique() == 1


def test_decisions_are_obeyed() -> None:
    rows = [("A", "Acme Tool Inc", None, None), ("B", "Acme Tool", None, None), ("C", "Zenith Optics", None, None)]
    assert groups(rows) == [{"A", "B"}]
    apart = Overrides((Override(duplicate_key("A", "B"), "different", ""),))
    assert groups(rows, apart) == []
    together = Overrides((Override(duplicate_key("C", "A"), "same", "A"),))
    assert groups(rows, together) == [{"A", "B", "C"}]


def test_a_decision_against_a_pair_holds_through_a_third() -> None:
    rows = [("A", "Acme Tool Inc", None, None), ("B", "Acme Tool", None, None), ("C", "The Acme Tool Inc.", None, None)]
    apart = Overrides((Override(duplicate_key("A", "C"), "different", ""),))
    for found in groups(rows, apart):
        assert not {"A", "C"} <= found


def test_the_order_of_rows_changes_nothing() -> None:
    from tests.support.company_names import make_lists

    lists = make_lists(300, 300, 3)
    names = [*lists.left["name"], *lists.right["name"]]
    frame = pd.DataFrame({"id": [f"X{n}" for n in range(len(names))], "name": names})
    plain = find_duplicates(frame)
    mixed_frame = frame.sample(frac=1, random_state=4).reset_index(drop=True)
    mixed = find_duplicates(mixed_frame)

    def sets(data: pd.DataFrame, cluster: pd.Series) -> set[frozenset[str]]:
        return {frozenset(ids) for ids in data.groupby(cluster.to_numpy())["id"].agg(set)}

    assert sets(frame, plain.cluster) == sets(mixed_frame, mixed.cluster)
    columns = ["key", "score", "outcome", "reason"]
    pd.testing.assert_frame_equal(plain.pairs[columns], mixed.pairs[columns])


def test_a_chain_of_thousands_of_one_name_is_cheap() -> None:
    frame = pd.DataFrame(
        {"id": [f"S{n}" for n in range(3000)], "name": "Coffee House", "city": [f"town{n}x" * 3 for n in range(3000)]}
    )
    found = find_duplicates(frame)
    assert found.cluster.nunique() == 3000


def test_a_row_without_an_id_joins_no_two_accounts_that_have_ids() -> None:
    names = ["Vexomat Tooling", "Vexomat Tooling", "VEXOMAT TOOLING LTD", "Vexomat Tooling"]
    frame = pd.DataFrame({"name": names, "id": ["a1", "n-1", "n-2", "a2"], "made": [False, True, True, False]})
    found = find_duplicates(frame)
    assert found.cluster.tolist() == [0, 1, 1, 3]
    asked = found.pairs[found.pairs["outcome"].eq("review")]
    assert set(asked["left_id"] + asked["right_id"]) >= {"a1n-1", "a2n-1", "a1a2"}
    # Where the place tells which of them it is, nobody is asked about it.
    frame["city"] = ["Austin", "Austin", None, "Boise"]
    assert find_duplicates(frame.drop(index=2).reset_index(drop=True)).cluster.tolist() == [0, 0, 2]
    accept = MatchingSettings(merge_different_ids="accept")
    assert find_duplicates(frame.drop(columns="city"), accept).cluster.nunique() == 1

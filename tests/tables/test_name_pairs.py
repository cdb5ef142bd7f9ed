"""Pairs of names by kind, each judged alone among other names."""

from __future__ import annotations

import pandas as pd
import pytest

from icp_xl.tables.matching import ACCEPTED, REVIEW, find_duplicates, match_names
from tests.support.company_names import make_lists
from tests.support.name_pairs import PAIRS

OTHERS = make_lists(10, 150, 3).right


def outcome(one: str, other: str) -> str:
    accounts = pd.concat([OTHERS, pd.DataFrame({"name": [other], "id": ["it"]})], ignore_index=True)
    found = match_names(pd.DataFrame({"name": [one]}), accounts).iloc[0]
    return str(found["outcome"]) if found["right_id"] == "it" else "no match"


@pytest.mark.parametrize("kind", PAIRS["different"])
def test_different_companies_are_never_taken_for_each_other(kind: str) -> None:
    for one, other in PAIRS["different"][kind]:
        assert outcome(one, other) != ACCEPTED, (one, other)


@pytest.mark.parametrize("kind", PAIRS["different"])
def test_nor_are_they_merged_where_nothing_has_an_id(kind: str) -> None:
    names = sorted({name for pair in PAIRS["different"][kind] for name in pair})
    found = find_duplicates(pd.DataFrame({"name": names}))
    assert found.cluster.nunique() == len(names), found.pairs[found.pairs["outcome"].eq(ACCEPTED)]


def test_the_same_company_is_found() -> None:
    found = {pair: outcome(*pair) for pairs in PAIRS["same"].values() for pair in pairs}
    missed = [pair for pair, said in found.items() if said != ACCEPTED]
    assert len(missed) <= 0.05 * len(found), missed
    assert all(said in (ACCEPTED, REVIEW) for said in found.values())


@pytest.mark.parametrize("kind", PAIRS["review"])
def test_what_only_a_person_can_tell_is_asked(kind: str) -> None:
    for pair in PAIRS["review"][kind]:
        assert outcome(*pair) == REVIEW, pair

"""Names of one source matched to accounts of another."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest

from icp_xl.config.matching import MatchingSettings
from icp_xl.errors import Cancelled
from icp_xl.progress import RecordingProgress
from icp_xl.tables.matching import ACCEPTED, MATCH_COLUMNS, NO_MATCH, REVIEW, match_names
from icp_xl.tables.matching.align import Words, align
from icp_xl.tables.matching.candidates import find_candidates
from icp_xl.tables.matching.places import compare_places, place_of
from tests.support.company_names import make_lists

ACCOUNTS = pd.DataFrame(
    [
        ("1", "Acme Tool & Die Inc", "Austin", "TX"),
        ("2", "Blue Ridge Dental LLC", "Denver", "CO"),
        ("3", "Smith Manufacturing", "Dallas", "TX"),
        ("4", "Smith Manufacturing", "Boston", "MA"),
        ("5", "Northwind Castings Corp", None, None),
        ("6", "International Widget Works", "Omaha", "NE"),
        ("7", "株式会社日立製作所", None, None),
        ("8", "Zenith", None, None),
        ("9", "Harbor Fund II", None, None),
        ("10", "Ridgeline Holdings dba Summit Optics", None, None),
    ],
    columns=["id", "name", "city", "state"],
)


def one(name: str, city: str | None = None, state: str | None = None, **settings: object) -> pd.Series:
    left = pd.DataFrame({"name": [name], "city": [city], "state": [state]})
    return match_names(left, ACCOUNTS, MatchingSettings.model_validate(settings)).iloc[0]


@pytest.mark.parametrize(
    ("name", "account"),
    [
        ("ACME TOOL AND DIE, INC.", "1"),
        ("Acmee Tool & Die", "1"),
        ("The Blue-Ridge Dental", "2"),
        ("BlueRidge Dental", "2"),
        ("Bleu Ridge Dental L.L.C.", "2"),
        ("Northwind Castngs", "5"),
        ("Castings Northwind Co", "5"),
        ("Intl Widget Works", "6"),
        ("日立製作所", "7"),
        ("Summit Optics", "10"),
        ("Northwind Castings Group", "5"),
    ],
)
def test_the_same_account_under_another_spelling(name: str, account: str) -> None:
    found = one(name)
    assert (found["outcome"], found["right_id"]) == (ACCEPTED, account), found["reason"]


@pytest.mark.parametrize("name", ["Granite Foods", "Blue Harbor Optics", "Harbor Fund III", "Zenon", "!!!", ""])
def test_strangers_are_not_accepted(name: str) -> None:
    assert one(name)["outcome"] != ACCEPTED


def test_a_missing_name_is_no_match() -> None:
    found = match_names(pd.DataFrame({"name": [None, np.nan]}), ACCOUNTS)
    assert found["outcome"].tolist() == [NO_MATCH, NO_MATCH]
    assert found["right"].tolist() == [-1, -1]


def test_the_place_tells_namesakes_apart() -> None:
    assert one("Smith Mfg", "Boston", "Massachusetts")["right_id"] == "4"
    assert one("Smith Mfg", "Dallas")["outcome"] == ACCEPTED
    unknown = one("Smith Mfg")
    assert unknown["outcome"] == REVIEW
    assert unknown["margin"] == 0.0
    assert "two accounts fit equally well" in unknown["reason"]


def test_the_same_name_at_another_place_is_left_to_a_person() -> None:
    found = one("Acme Tool & Die", "Seattle", "WA")
    assert found["outcome"] == REVIEW
    assert "different place" in found["reason"]


def test_a_word_of_trade_beside_a_single_word_is_not_enough() -> None:
    assert one("Zenith Dental")["outcome"] == REVIEW


def test_thresholds_are_settings() -> None:
    assert one("Northwind Castngs", accept=0.9999)["outcome"] == REVIEW
    assert one("Zenith Dental", accept=0.3)["outcome"] == ACCEPTED


def test_several_rows_of_one_account_are_no_rivals() -> None:
    accounts = pd.DataFrame({"name": ["Acme Tool", "Acme Tools Inc", "Acme Tooling"], "id": ["1", "1", "2"]})
    found = match_names(pd.DataFrame({"name": ["Acme Tool LLC"]}), accounts).iloc[0]
    assert (found["outcome"], found["right_id"], found["runner_up_id"]) == (ACCEPTED, "1", "2") or found[
        "margin"
    ] > 0.03


def test_nothing_on_one_side() -> None:
    empty = pd.DataFrame({"name": pd.Series([], dtype="object")})
    assert list(match_names(empty, ACCOUNTS).columns) == list(MATCH_COLUMNS)
    assert match_names(ACCOUNTS, empty)["outcome"].eq(NO_MATCH).all()


def test_the_order_of_rows_changes_nothing() -> None:
    lists = make_lists(400, 400, 5)
    plain = match_names(lists.left, lists.right)
    columns = ["left_name", "right_name", "right_id", "score", "runner_up", "margin", "outcome", "reason"]
    for seed in (1, 2):
        left = lists.left.sample(frac=1, random_state=seed)
        right = lists.right.sample(frac=1, random_state=seed + 10)
        mixed = match_names(left.reset_index(drop=True), right.reset_index(drop=True))
        mixed.index = left.index
        pd.testing.assert_frame_equal(mixed.sort_index()[columns], plain[columns])


@pytest.mark.parametrize("after", [0, 1, 3])
def test_a_cancel_is_obeyed(after: int) -> None:
    lists = make_lists(300, 300, 6)
    with pytest.raises(Cancelled):
        match_names(lists.left, lists.right, progress=RecordingProgress(cancel_after=after))


def test_candidates_are_the_nearest_by_a_slow_oracle() -> None:
    lists = make_lists(60, 300, 8)
    left, right = sorted(set(lists.left["name"].str.lower())), sorted(set(lists.right["name"].str.lower()))
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectors = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 3), lowercase=False)
    b = vectors.fit_transform(right).toarray()
    a = vectors.transform(left).toarray()
    best = (a @ b.T).argmax(axis=1)
    pairs = find_candidates(left, right, top=6)
    found = set(zip(pairs.left.tolist(), pairs.right.tolist(), strict=True))
    clear = [(i, int(j)) for i, j in enumerate(best) if a[i] @ b[j] > 0.5]
    assert len(clear) > 30
    # Only each name's rarest letter groups are searched, so the oracle is met nearly always, not always.
    assert sum(pair in found for pair in clear) >= 0.97 * len(clear)


def test_a_name_is_not_its_own_candidate() -> None:
    names = sorted({"acme tool", "acme tools", "acme tooling", "zenith"})
    pairs = find_candidates(names, names, top=3, same=True)
    assert (pairs.left != pairs.right).all()


def test_alignment_is_symmetric_and_bounded() -> None:
    names = ["acme tool", "acme tool die", "acne tool", "blue ridge dental", "blueridge dental", "ibm", "tool acme",
             "acme ii", "international business machine", "acme iii", "acme boston"]  # fmt: skip
    words = Words.of(names)
    for x, y in itertools.product(names, repeat=2):
        forth, back = align(x, y, words), align(y, x, words)
        assert 0.0 <= forth.score <= 1.0
        assert forth.score == pytest.approx(back.score, abs=1e-9), (x, y)
        assert forth.most == back.most, (x, y)
        if sorted(x.split()) == sorted(y.split()):
            assert forth.score == 1.0
        elif sorted(x.replace(" ", "")) != sorted(y.replace(" ", "")):
            assert forth.score < 1.0, (x, y)


@pytest.mark.parametrize(
    ("a", "b", "verdict"),
    [
        (("Austin", "TX", "USA"), ("AUSTIN", "Texas", None), "same"),
        (("St. Louis", "MO", None), ("Saint Louis", None, None), "same"),
        (("Austin", "TX", None), ("Dallas", "TX", None), "different"),
        (("Portland", "OR", None), ("Portland", "ME", None), "different"),
        ((None, "TX", None), (None, "Texas", "US"), "near"),
        ((None, None, "Germany"), ("Berlin", None, "Deutschland"), "near"),
        (("Austin", None, "US"), ("Austin", None, "Canada"), "different"),
        ((None, None, None), ("Austin", "TX", None), "unknown"),
    ],
)
def test_places(a: tuple[str | None, ...], b: tuple[str | None, ...], verdict: str) -> None:
    assert compare_places(place_of(*a), place_of(*b)) == verdict
    assert compare_places(place_of(*b), place_of(*a)) == verdict

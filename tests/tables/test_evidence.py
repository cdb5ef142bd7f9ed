"""What other fields say of two accounts, beside their names."""

from __future__ import annotations

import pandas as pd
import pytest

from icp_xl.config.matching import MatchingSettings
from icp_xl.progress import Progress
from icp_xl.tables.customers import build_customers
from icp_xl.tables.matching import ACCEPTED, NO_MATCH, REVIEW, Overrides, find_duplicates, match_names
from tests.support.company_names import make_lists

OTHERS = make_lists(10, 150, 3).right[["name"]]
#: Field, a value, the same value otherwise written, and another value.
FIELDS = [
    ("website", "https://www.vexomat.com/shop", "vexomat.com", "ortalic.com"),
    ("website", "shop.vexomat.co.uk", "http://vexomat.co.uk", "ortalic.co.uk"),
    ("email", "jo@vexomat.com", "sales@mail.vexomat.com", "jo@ortalic.com"),
    ("phone", "+1 (512) 555-0199", "512.555.0199", "512 555 0777"),
    ("postcode", "78701-1234", "78701", "97201"),
    ("postcode", "EC1A 1BB", "ec1a1bb", "M1 1AE"),
    ("street", "12 North Main Street", "12 N. Main St", "90 Harbour Road"),
    ("tax_id", "DE 123.456.789", "DE123456789", "DE987654321"),
]


def look(one: dict[str, object], other: dict[str, object], *more: dict[str, object]) -> pd.Series:
    """The look-up of one record among others and this one."""
    accounts = pd.DataFrame([*OTHERS.to_dict("records"), *more, {**other, "id": "it"}])
    accounts["id"] = accounts["id"].fillna(pd.Series([f"S{i}" for i in range(len(accounts))]))
    found = match_names(pd.DataFrame([one]), accounts).iloc[0].copy()
    if found["right_id"] != "it":
        found["outcome"], found["score"] = NO_MATCH, 0.0
    return found


@pytest.mark.parametrize(("field", "value", "same", "other"), FIELDS)
def test_equal_helps_contradiction_separates_absence_says_nothing(
    field: str, value: str, same: str, other: str
) -> None:
    one, two = {"name": "Vexomat Tooling"}, {"name": "Vexomat Toling"}
    bare = look(one, two)
    assert bare["outcome"] == ACCEPTED
    assert look({**one, field: value}, two)["score"] == look(one, {**two, field: value})["score"] == bare["score"]
    equal, against = (
        look({**one, field: value}, {**two, field: same}),
        look({**one, field: value}, {**two, field: other}),
    )
    assert equal["score"] > bare["score"] > against["score"]
    assert "same" in equal["agrees"] and "differs" in against["contradicts"]


def test_a_rep_looks_after_many_accounts() -> None:
    one, two = {"name": "Vexomat", "rep": "Jo Marsh"}, {"name": "Vexomit"}
    scores = [look(one, {**two, "rep": rep})["score"] for rep in ("jo marsh", None, "Al Reed")]
    assert scores[0] > scores[1] == scores[2]


@pytest.mark.parametrize(
    ("field", "value"), [("website", "zorblat.com"), ("email", "jo@zorblat.com"), ("tax_id", "12-3456789")]
)
def test_names_that_differ_are_asked_about_where_a_domain_or_tax_number_is_one(field: str, value: str) -> None:
    one, two = {"name": "Zorblat LLC", field: value}, {"name": "Smile Dental", field: value}
    assert look(one, two)["outcome"] == REVIEW
    for ids in (["A", "B"], ["", ""]):
        pairs = find_duplicates(pd.DataFrame([*OTHERS.to_dict("records"), one, two]).assign(id=[""] * 150 + ids)).pairs
        asked = pairs[pairs["left_id"].isin(ids) & pairs["agrees"].str.contains("same (?:tax number|web domain)")]
        assert asked["outcome"].tolist() == [REVIEW]


def test_what_everybody_has_says_nothing() -> None:
    one, two = {"name": "Zorblat LLC"}, {"name": "Smile Dental"}
    for field, value in (("email", "zorblat@gmail.com"), ("website", "facebook.com/zorblat"), ("email", "n/a"),
                         ("tax_id", "n/a"), ("tax_id", "0000000"), ("phone", "000-000-0000")):  # fmt: skip
        assert look({**one, field: value}, {**two, field: value})["outcome"] == NO_MATCH, (field, value)
    agency = [
        {"name": f"{word} Foundry", "website": "agency.com"} for word in ("Brimstead", "Tharne", "Ostel", "Quell")
    ]
    assert look({**one, "website": "agency.com"}, {**two, "website": "agency.com"}, *agency)["outcome"] == NO_MATCH


def test_one_name_with_two_tax_numbers_is_two_companies() -> None:
    one, two = {"name": "Smile Dental", "tax_id": "11-1111119"}, {"name": "Smile Dental", "tax_id": "22-2222229"}
    assert look(one, two)["outcome"] == REVIEW
    assert find_duplicates(pd.DataFrame([one, two])).cluster.nunique() == 2


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("Hansen Dental LLC", "Hanson Dental LLC"),
        ("Acuvex", "Acuvex Robotics"),
        ("Vexomat (India)", "Vexomat (Brazil)"),
    ],
)
def test_no_address_makes_two_companies_one(one: str, two: str) -> None:
    where = {"city": "Austin", "state": "TX", "postcode": "78701", "street": "1 Main St", "website": "acuvex.com",
             "phone": "512 555 0199", "rep": "Jo Marsh"}  # fmt: skip
    assert look({"name": one, **where}, {"name": two, **where})["outcome"] != ACCEPTED
    assert find_duplicates(pd.DataFrame([{"name": one, **where}, {"name": two, **where}])).cluster.nunique() == 2


def test_customers_bring_their_fields() -> None:
    frame = pd.DataFrame(
        {"account_id": ["1", "2", "3"], "account_name": ["Zorblat LLC", "Smile Dental", "Orvane Optics"],
         "website": ["www.zorblat.com", None, "orvane.com"], "email": [None, "jo@zorblat.com", None]}
    )  # fmt: skip
    built = build_customers(frame, MatchingSettings(), Overrides(), Progress())
    assert built.merged == 0 and built.duplicates["key"].tolist() == ["duplicate: 1 = 2"]
    assert "same web domain" in built.duplicates["agrees"].iloc[0]

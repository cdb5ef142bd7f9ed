"""Industries and categories in one spelling each."""

from __future__ import annotations

import pandas as pd
import pytest

from icp_xl.columns import CATEGORIES
from icp_xl.tables.categories import category_of, standardize_category
from icp_xl.tables.industries import standardize_industry
from icp_xl.tables.industry_list import INDUSTRIES


@pytest.mark.parametrize(
    ("text", "industry"),
    [
        ("technolgy", "Technology"),
        ("  TECHNOLOGY ", "Technology"),
        ("Aerospace and Defence", "Aerospace & Defense"),
        ("Defense/Aerospace", "Aerospace & Defense"),
        ("Aerospce & Defense", "Aerospace & Defense"),
        ("Med. Devices", "Medical Devices"),
        ("Food & Bev.", "Food & Beverage"),
        ("Automotive Industry", "Automotive"),
        ("telecomunications", "Telecommunications"),
        ("Oil & Gas", "Energy & Utilities"),
        ("Éducation", "Education"),
        ("retial", "Retail"),
    ],
)
def test_known_industries(text: str, industry: str) -> None:
    assert standardize_industry([text]).values == [industry]


@pytest.mark.parametrize("text", [None, float("nan"), "", "N/A", " - ", "Unknown", "OTHER", "TBD", "null"])
def test_what_says_nothing_is_none(text: object) -> None:
    assert standardize_industry([text]).values == [None]


def test_the_users_own_words_win() -> None:
    found = standardize_industry(
        ["aerospace", "Aerospace & Defense", "Dental"], tiers={"Aero/Defense": "1", "Dental Labs": "2"}
    )
    assert found.values == ["Aero/Defense", "Aero/Defense", "Dental Labs"]


def test_an_unlisted_industry_often_in_the_data_draws_its_misspellings() -> None:
    found = standardize_industry(["Cosmonautics"] * 6 + ["cosmonautcs", "Basketry"])
    assert found.values == ["Cosmonautics"] * 7 + ["Basketry"]
    how = found.mapping.set_index("spelling")["how"]
    assert how["cosmonautcs"] == "close spelling of cosmonautics"
    assert how["Basketry"] == "unknown industry, kept as written"
    assert found.mapping["accounts"].sum() == 8


def test_canonical_names_stand_for_themselves_and_no_synonym_is_claimed_twice() -> None:
    assert standardize_industry(list(INDUSTRIES)).values == list(INDUSTRIES)
    synonyms = [word for words in INDUSTRIES.values() for word in words]
    assert len(synonyms) == len(set(synonyms))


def test_the_order_of_values_changes_nothing() -> None:
    values = ["tech", "Widgetry", "widgetry", "WIDGETRY", "wigetry", "Widgetry", "Widgetry", None, "auto"]
    plain = standardize_industry(values)
    mixed = standardize_industry(values[::-1])
    assert mixed.values[::-1] == plain.values
    pd.testing.assert_frame_equal(plain.mapping, mixed.mapping)


@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("Hardware", "hardware"), ("HW", "hardware"), ("consumables", "consumable"), ("SW License", "software licence"),
        ("Software Licences", "software licence"), ("SaaS", "saas"), ("Subscription", "saas"),
        ("Maint.", "maintenance"),
        ("Training", "service"), ("Fortus 450 printer", "hardware"), ("ABS filament, 2 spools", "consumable"),
        ("CAD seat perpetual", "software licence"), ("Cloud simulation, annual plan", "saas"),
        ("Printer maintenance renewal", "maintenance"), ("Onsite repair", "service"), ("GTX Pro", None), ("", None),
        (None, None), ("supportive", "maintenance"),
    ],
)  # fmt: skip
def test_categories(text: object, category: str | None) -> None:
    assert category_of(text) == category
    assert category is None or category in CATEGORIES


def test_the_category_column_counts_before_the_product() -> None:
    frame = pd.DataFrame(
        {
            "category": ["Service", None, "??", None],
            "product": ["printer", "resin", None, None],
            "division": [None, None, "Software", None],
            "sku": [None, None, None, "X-1"],
        }
    )
    found, how = standardize_category(frame)
    assert found.tolist() == ["service", "consumable", "software licence", None]
    assert how.tolist() == ["category", "product", "division", ""]

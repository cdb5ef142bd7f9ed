"""Numbers and dates as people write them, held to what they were made from."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from icp_xl.sources.cells import cell_text, to_raw
from icp_xl.sources.dates import from_serial, parse_date, parts_of
from icp_xl.sources.fields import Kind
from icp_xl.sources.numbers import marks_of, parse_number
from icp_xl.sources.typed import type_column

CENTS = st.integers(-(10**13), 10**13)
CURRENCIES = st.sampled_from(["", "$", "€", "£", "USD ", "EUR ", "kr ", "¥", "CHF "])


def _grouped(cents: int, group: str, mark: str) -> str:
    whole, rest = divmod(abs(cents), 100)
    return f"{whole:,}".replace(",", group) + mark + f"{rest:02d}"


@given(
    CENTS,
    CURRENCIES,
    st.sampled_from([(",", "."), (" ", "."), ("\u00a0", "."), ("\u202f", "."), ("'", "."), ("", ".")]),
)
def test_a_number_with_a_decimal_point_is_read_back(cents: int, currency: str, marks: tuple[str, str]) -> None:
    text = currency + _grouped(cents, *marks)
    assert parse_number(text) == pytest.approx(abs(cents) / 100, rel=1e-12)


@given(CENTS, st.sampled_from(["", " €", " EUR", " kr"]), st.sampled_from([".", " ", "\u00a0", "'", ""]))
def test_a_number_with_a_decimal_comma_is_read_back(cents: int, currency: str, group: str) -> None:
    text = _grouped(cents, group, ",") + currency
    assert parse_number(text, "comma") == pytest.approx(abs(cents) / 100, rel=1e-12)
    if abs(cents) >= 100_000 or group != ".":
        assert parse_number(text) == pytest.approx(abs(cents) / 100, rel=1e-12)


@given(
    st.integers(1, 10**12),
    st.sampled_from(["-{}", "{}-", "({})", "-${}", "$-{}", "(${})", "$({})", "\u2212{}", "{} CR"]),
)
def test_every_way_to_write_a_minus_is_one(cents: int, way: str) -> None:
    assert parse_number(way.format(_grouped(cents, ",", "."))) == pytest.approx(-cents / 100, rel=1e-12)


@given(st.floats(allow_nan=False, allow_infinity=False, width=32))
def test_what_python_prints_is_read_back(value: float) -> None:
    assert parse_number(repr(value)) == pytest.approx(value, rel=1e-12)


@given(st.text(max_size=30))
def test_no_text_makes_the_parsers_fail(text: str) -> None:
    number = parse_number(text)
    assert number is None or np.isfinite(number)
    day = parse_date(text)
    assert day is None or 1900 <= day.year <= 2200


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1.234,56 €", 1234.56), ("$1,234.50", 1234.5), ("(300)", -300.0), ("12%", 0.12), ("1 234", 1234.0),
        ("1,234-", -1234.0), ("1'234.50", 1234.5), ("12,34,567.00", 1234567.0), ("1.234.567", 1234567.0), ("0,5", 0.5),
        ("1e3", 1000.0), ("$12.5M", 12.5e6), ("3 million", 3e6), ("1.5bn", 1.5e9), ("٣٤٫٥", 34.5), ("１２３", 123.0),
        ("1,234.-", 1234.0), ("12.-", 12.0), ("US$ 5", 5.0),
    ],
)  # fmt: skip
def test_known_spellings_of_numbers(text: str, value: float) -> None:
    assert parse_number(text) == pytest.approx(value)


@pytest.mark.parametrize(
    "text", ["abc", "12 apples", "1,2,3", "1.2.3", "--5", "5%%", "$", "(5", "2024-01-31", "1:30", "", "."]
)
def test_what_is_no_number_is_none(text: str) -> None:
    assert parse_number(text) is None


def test_a_column_decides_what_its_marks_mean() -> None:
    assert marks_of(["1.234", "1.234,50"]).decided() == "comma"
    assert marks_of(["1.234", "12.5"]).decided() == "point"
    assert marks_of(["1.234", "7.500"]).decided() is None
    assert marks_of(["1.234", "850", "20"]).decided() == "comma"  # 850 would have decimals too
    assert marks_of(["1,234", "1500", "2000"]).decided() == "comma"  # nothing is grouped
    column = type_column(to_raw(["1.234", "2.500,75", 3.0]), "number")
    assert column.values.tolist() == [1234.0, 2500.75, 3.0]
    assert column.remarks == ["texts are read with a decimal comma"]


DAYS = st.dates(date(1930, 1, 1), date(2168, 12, 31))
FORMATS = [
    "%Y-%m-%d",
    "%Y/%m/%d",
    "%d-%b-%Y",
    "%d %B %Y",
    "%b %d, %Y",
    "%B %d %Y",
    "%Y%m%d",
    "%Y-%m-%dT%H:%M:%S",
    "%d.%b.%Y",
]


@given(DAYS, st.sampled_from(FORMATS))
def test_a_day_in_a_plain_format_is_read_back(day: date, form: str) -> None:
    assert parse_date(datetime(day.year, day.month, day.day).strftime(form)) == datetime(day.year, day.month, day.day)


@given(DAYS, st.sampled_from("/-. "))
def test_the_order_decides_an_ambiguous_day(day: date, mark: str) -> None:
    truth = datetime(day.year, day.month, day.day)
    assert parse_date(day.strftime(f"%d{mark}%m{mark}%Y"), "day first") == truth
    assert parse_date(day.strftime(f"%m{mark}%d{mark}%Y"), "month first") == truth


@given(st.lists(DAYS, min_size=25, max_size=60), st.booleans())
def test_a_column_of_days_tells_its_order(days: list[date], day_first: bool) -> None:
    days = [*days, date(2024, 5, 28)]
    texts = [day.strftime("%d/%m/%Y" if day_first else "%m/%d/%Y") for day in days]
    assert parts_of(texts).decided() == ("day first" if day_first else "month first")
    column = type_column(to_raw(texts), "date")
    assert [value.date() for value in column.values] == days
    assert not column.unreadable


@given(st.integers(10_000, 100_000))
def test_serial_numbers_of_both_systems(serial: int) -> None:
    assert from_serial(serial) == datetime(1899, 12, 30) + timedelta(days=serial)
    assert from_serial(serial, date1904=True) == datetime(1904, 1, 1) + timedelta(days=serial)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("15 mars 2024", date(2024, 3, 15)), ("3. Dezember 2023", date(2023, 12, 3)), ("1 août 2022", date(2022, 8, 1)),
        ("Mon, 5 Feb 2024", date(2024, 2, 5)), ("2024-02-05T10:00:00Z", date(2024, 2, 5)),
        ("5/2/24 3:45 PM", date(2024, 5, 2)),
        ("31/12/2023", date(2023, 12, 31)), ("12/31/2023", date(2023, 12, 31)), ("45000", date(2023, 3, 15)),
    ],
)  # fmt: skip
def test_known_spellings_of_days(text: str, day: date) -> None:
    found = parse_date(text)
    assert found is not None and found.date() == day


@pytest.mark.parametrize("text", ["30/02/2024", "2024-13-01", "13/13/2024", "soon", "Q5 2024", "2024", "12", ""])
def test_what_is_no_day_is_none(text: str) -> None:
    assert parse_date(text) is None


@pytest.mark.parametrize("cells", [["202412", "202501"], [202412.0, 202501.0], ["202412", 202501]])
def test_a_period_of_year_and_month_is_its_first_day(cells: list[object]) -> None:
    column = type_column(to_raw(cells), "date")
    assert [value.date() for value in column.values] == [date(2024, 12, 1), date(2025, 1, 1)]
    assert any("months without days (2 cells)" in remark for remark in column.remarks)
    assert type_column(to_raw(["202413", 202400.0]), "date").unreadable == [(0, "not a date"), (1, "not a date")]


def test_unreadable_cells_are_reported_where_they_stand() -> None:
    column = type_column(to_raw([1.0, "N/A", "about 5", None, True, "-"]), "number")
    assert column.unreadable == [(2, "not a number")]
    assert column.values.isna().tolist() == [False, True, True, True, False, True]
    days = type_column(to_raw([date(2024, 1, 2), "#N/A", "soon", 45000.0, 7.0]), "date")
    assert days.unreadable == [(2, "not a date"), (4, "not a date")]
    flags = type_column(to_raw(["Yes", "no", None, 1.0, "perhaps", True, "N/A"]), "flag")
    assert flags.values.tolist()[:2] == [True, False]
    assert flags.unreadable == [(4, "neither yes nor no")]


def test_keys_stay_text() -> None:
    column = type_column(to_raw(["007", 1001.0, "A-1", " x ", "None", 2.5]), "id")
    assert column.values.tolist()[:4] == ["007", "1001", "A-1", "x"]
    assert column.values.isna().tolist() == [False, False, False, False, True, False]
    assert type_column(to_raw([7.0, 1001.0, None]), "id").values.tolist()[:2] == ["7", "1001"]
    assert cell_text("a\u200b\nb\t c") == "a b c"


@pytest.mark.parametrize("kind", ["number", "date", "text"])
def test_a_whole_number_that_no_cell_holds_is_told_and_not_raised(kind: Kind) -> None:
    """JSON knows whole numbers of any length."""
    raw = to_raw([10**400, 5, 45_000])
    typed = type_column(raw, kind)
    assert len(typed.values) == 3
    if kind != "text":
        assert pd.isna(typed.values.iloc[0]) and pd.notna(typed.values.iloc[2])

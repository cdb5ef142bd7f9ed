"""Dates as people and programs write them, Excel's serial numbers included."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Literal

Order = Literal["day first", "month first"]

EPOCH_1900 = datetime(1899, 12, 30)
EPOCH_1904 = datetime(1904, 1, 1)
#: Serial numbers taken for dates: 1927 to 2173. Smaller ones are more likely years or counts.
SERIAL_MIN, SERIAL_MAX = 10_000, 100_000
YEAR_MIN, YEAR_MAX = 1900, 2200

_MONTHS: dict[str, int] = {}
for _number, _names in enumerate(
    (
        "jan january januar janvier janv enero ene gennaio gen janeiro januari",
        "feb february februar fevrier fevr febrero febbraio fevereiro fev februari",
        "mar march marz maerz mars marzo marco maart mrt mrz",
        "apr april avril avr abril abr aprile",
        "may mai mayo maggio mag maio mei",
        "jun june juni juin junio giugno giu junho",
        "jul july juli juillet juil julio luglio lug julho",
        "aug august aout agosto ago augustus",
        "sep sept september septembre septiembre settembre set setembro",
        "oct october oktober okt octobre octubre ottobre ott outubro out",
        "nov november novembre noviembre novembro",
        "dec december dezember dez decembre diciembre dic dicembre dezembro",
    ),
    start=1,
):
    _MONTHS.update(dict.fromkeys(_names.split(), _number))

_TIME = r"(?:[T ]+\d{1,2}[:.]\d{2}(?:[:.]\d{2}(?:[.,]\d+)?)?\s*(?:[ap]\.?m\.?)?\s*(?:Z|UTC|GMT|[+-]\d{2}:?\d{2})?)?"
_ISO = re.compile(rf"^(\d{{4}})[-/.](\d{{1,2}})[-/.](\d{{1,2}}){_TIME}$", re.I)
_COMPACT = re.compile(rf"^(\d{{4}})(\d{{2}})(\d{{2}}){_TIME}$", re.I)
_NUMERIC = re.compile(rf"^(\d{{1,2}})([-/. ])\s?(\d{{1,2}})\2\s?(\d{{4}}|\d{{2}}){_TIME}$", re.I)
_NAMED_DAY = re.compile(rf"^(\d{{1,2}})(?:st|nd|rd|th|\.)?[-/. ]*([a-z]+)\.?[-/. ,']*(\d{{4}}|\d{{2}}){_TIME}$", re.I)
_NAMED_MONTH = re.compile(rf"^([a-z]+)\.?[-/. ]*(\d{{1,2}})(?:st|nd|rd|th)?[-/. ,']+(\d{{4}}|\d{{2}}){_TIME}$", re.I)
_NAMED_YEAR = re.compile(rf"^(\d{{4}})[-/. ]*([a-z]+)\.?[-/. ]*(\d{{1,2}}){_TIME}$", re.I)
_WEEKDAY = re.compile(r"^(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?,?\s+", re.I)
_ACCENTS = str.maketrans("áàâäãéèêëíìîïóòôöõúùûüçñ", "aaaaaeeeeiiiiooooouuuucn")
_SERIAL = re.compile(r"^\d{5}(?:\.\d+)?$")


def parse_date(text: str, order: Order = "month first", *, date1904: bool = False) -> datetime | None:
    """The day that ``text`` stands for (its time of day dropped), or ``None``.

    ``order`` decides only what is ambiguous by itself: ``03/04/2024``. A two-digit year up to 68 is in this century.

    >>> parse_date("2024-02-29").date(), parse_date("31.12.23").date(), parse_date("Feb 3, 2024").date()
    (datetime.date(2024, 2, 29), datetime.date(2023, 12, 31), datetime.date(2024, 2, 3))
    >>> parse_date("03/04/2024", "day first").month, parse_date("45000").date(), parse_date("30/02/2024")
    (4, datetime.date(2023, 3, 15), None)
    """
    text = _WEEKDAY.sub("", " ".join(text.replace("\u00a0", " ").split())).lower().translate(_ACCENTS)
    if found := _ISO.match(text) or _COMPACT.match(text):
        return _day(int(found[1]), int(found[2]), int(found[3]))
    if found := _NUMERIC.match(text):
        first, second = int(found[1]), int(found[3])
        day_first = first > 12 or (order == "day first" and second <= 12)
        day, month = (first, second) if day_first else (second, first)
        return _day(_year(found[4]), month, day)
    if found := _NAMED_DAY.match(text):
        return _named(_year(found[3]), found[2], int(found[1]))
    if found := _NAMED_MONTH.match(text):
        return _named(_year(found[3]), found[1], int(found[2]))
    if found := _NAMED_YEAR.match(text):
        return _named(int(found[1]), found[2], int(found[3]))
    if _SERIAL.match(text):
        return from_serial(float(text), date1904=date1904)
    return None


def from_serial(value: float, *, date1904: bool = False) -> datetime | None:
    """The day of one of Excel's serial numbers, or of a number written as yyyymmdd.

    >>> from_serial(45000).date(), from_serial(20240131).date(), from_serial(7)
    (datetime.date(2023, 3, 15), datetime.date(2024, 1, 31), None)
    """
    if SERIAL_MIN <= value <= SERIAL_MAX:
        return (EPOCH_1904 if date1904 else EPOCH_1900) + timedelta(days=int(value))
    if value == int(value) and YEAR_MIN * 10_000 < value < YEAR_MAX * 10_000:
        whole = int(value)
        return _day(whole // 10_000, whole // 100 % 100, whole % 100)
    return None


def order_of(texts: Iterable[str]) -> tuple[Order, str]:
    """Whether a column of dates puts the day or the month first, and how that is known.

    The second value is ``"evident"`` (some text has one reading only), ``"mixed"`` (texts contradict each other; the
    majority wins), ``"assumed"`` (every text is ambiguous) or ``""`` (nothing to decide). Dots are written where the
    day comes first, so dots alone assume that; slashes and dashes alone assume the month.
    """
    day = month = dots = other = 0
    for text in texts:
        found = _NUMERIC.match(" ".join(text.split()))
        if not found:
            continue
        first, second = int(found[1]), int(found[3])
        if first > 12 >= second:
            day += 1
        elif second > 12 >= first:
            month += 1
        elif first != second and first <= 12:
            dots, other = (dots + 1, other) if found[2] == "." else (dots, other + 1)
    if day and month:
        return ("day first" if day > month else "month first"), "mixed"
    if day or month:
        return ("day first" if day else "month first"), "evident"
    if dots or other:
        return ("day first" if dots > other else "month first"), "assumed"
    return "month first", ""


def as_day(value: date | datetime) -> datetime | None:
    """A cell's date without its time of day; ``None`` for years that no sale can have."""
    return _day(value.year, value.month, value.day)


def _year(text: str) -> int:
    year = int(text)
    if len(text) == 2:
        return year + (2000 if year <= 68 else 1900)
    return year


def _named(year: int, name: str, day: int) -> datetime | None:
    month = _MONTHS.get(name)
    return _day(year, month, day) if month else None


def _day(year: int, month: int, day: int) -> datetime | None:
    if not YEAR_MIN <= year <= YEAR_MAX:
        return None
    try:
        return datetime(year, month, day)
    except ValueError:
        return None

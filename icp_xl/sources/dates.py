"""Dates as people and programs write them, Excel's serial numbers included."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Literal

from icp_xl.sources.cldr import date_words, day_names, months_of, plain_word

Order = Literal["day first", "month first", "year first"]

EPOCH_1900 = datetime(1899, 12, 30)
EPOCH_1904 = datetime(1904, 1, 1)
#: Serial numbers taken for dates: 1927 to 2173. Smaller ones are more likely years or counts.
SERIAL_MIN, SERIAL_MAX = 10_000, 100_000
YEAR_MIN, YEAR_MAX = 1900, 2200
#: Seconds and milliseconds since 1970, from September 2001 to the year 2099.
EPOCH_1970 = datetime(1970, 1, 1)
SECONDS = (1_000_000_000, 4_102_444_800)

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

_TIME = (
    r"(?:(?:T|,?\s+)\d{1,2}[:.]\d{2}(?:[:.]\d{2}(?:[.,]\d+)?)?\s*(?:[ap]\.?\s?m\.?)?"
    r"\s*(?:Z|[A-Z]{3,4}|(?:UTC|GMT)?\s*[+-]\d{1,2}:?\d{2})?)$"
)
_CLOCK = re.compile(_TIME, re.I)
_ISO = re.compile(r"^(\d{4})([-/. ])\s?(\d{1,2})\2\s?(\d{1,2})\.?$")
_COMPACT = re.compile(r"^(\d{4})(\d{2})(\d{2})$")
_COMPACT_MONTH = re.compile(r"^((?:19|20|21)\d{2})(0[1-9]|1[0-2])$")
_NUMERIC = re.compile(r"^(\d{1,2})([-/. ])\s?(\d{1,2})\2\s?(\d{4}|\d{2})\.?$")
_MONTH_YEAR = re.compile(r"^(\d{1,2})[-/.](\d{4})$|^(\d{4})[-/.](\d{1,2})\.?$")
_QUARTER = re.compile(
    r"^(?:[qtk](?:uartal|uarter|uartile|rimestre)?\.?\s?([1-4])|([1-4])\.?\s?(?:[qtk]|kv|quartal|quarter|trimestre|trim)\.?)"
    r"[-/ ]{0,3}'?(\d{4}|\d{2})$|^(\d{4})[-/ ]{0,3}(?:[qtk]\.?\s?([1-4])|([1-4])\.?\s?[qtk])$"
)
_WEEK = re.compile(r"^(\d{4})-?w(\d{2})(?:-?([1-7]))?$")
_SERIAL = re.compile(r"^\d{5}(?:\.\d+)?$")
_EPOCH = re.compile(r"^\d{10}(?:\d{3})?(?:\.0+)?$")
_EAST = str.maketrans({"年": "-", "月": "-", "日": "", "년": "-", "월": "-", "일": "", "號": "", "号": ""})
#: "Year" behind a date in figures: Bulgarian 5.01.2024 г., Polish 05.01.2024 r.
_YEAR_WORD = re.compile(r"(?<=\d)\s*(?:г|год|р|r|roku|j)\.?$")
_ERAS = {"令和": 2018, "平成": 1988, "昭和": 1925, "大正": 1911, "民國": 1911, "民国": 1911}
_ERA = re.compile(rf"^({'|'.join(_ERAS)})\s?(元|\d{{1,3}})")
#: Words that stand between the parts of a date and mean nothing: Spanish "de", Russian "г." for year, Catalan "del".
_FILLERS = frozenset(
    "de del d of the den di do da g г р r m roku y og und a an am о ob в ngay st nd rd th º er ter e".split()
)
_NUMBERED_MONTHS = frozenset({"thang", "thg"})
_TOKENS = re.compile(r"\d+|[^\W\d_](?:[^\W\d_]|[\u0300-\u036f\u0e31\u0e34-\u0e3a\u0e47-\u0e4e.'’])*")


@dataclass(frozen=True)
class Day:
    """A day, and what the text that it was read from names: a ``day``, ``month``, ``quarter`` or ``week``."""

    day: datetime
    precision: str = "day"


def parse_date(text: str, order: Order = "month first", *, date1904: bool = False) -> datetime | None:
    """The day that ``text`` stands for (its time of day dropped), or ``None``.

    ``order`` decides only what is ambiguous by itself: ``03/04/2024``. A two-digit year up to 68 is in this century.
    A month or a quarter stands for its first day.

    >>> parse_date("2024-02-29").date(), parse_date("31.12.23").date(), parse_date("Feb 3, 2024").date()
    (datetime.date(2024, 2, 29), datetime.date(2023, 12, 31), datetime.date(2024, 2, 3))
    >>> parse_date("03/04/2024", "day first").month, parse_date("45000").date(), parse_date("30/02/2024")
    (4, datetime.date(2023, 3, 15), None)
    """
    found = read_date(text, order, date1904=date1904)
    return None if found is None else found.day


def read_date(
    text: str, order: Order = "month first", months: Mapping[str, int] | None = None, *, date1904: bool = False
) -> Day | None:
    """Like :func:`parse_date`, with how exact the text is.

    >>> read_date("Jan-24").precision, read_date("Q2 2024").day.month, read_date("2024年1月5日").day.day
    ('month', 4, 5)
    >>> read_date("202401").precision, read_date("202413")
    ('month', None)
    >>> read_date("1704412800000").day.date(), read_date("2024.01.05.").day.date()
    (datetime.date(2024, 1, 5), datetime.date(2024, 1, 5))

    Args:
        text: of a cell.
        order: of day and month where both are numbers that could be either.
        months: words for months that a column decided on.
        date1904: whether serial numbers count from 1904.
    """
    plain = plain_date(text)
    if found := _NUMERIC.match(plain):
        return _exact(_ordered(found, order))
    if found := _ISO.match(plain):
        return _exact(_day(_era_year(int(found[1])), int(found[3]), int(found[4])))
    if found := _COMPACT.match(plain):
        return _exact(_day(int(found[1]), int(found[2]), int(found[3])))
    if _SERIAL.match(plain):
        return _exact(from_serial(float(plain), date1904=date1904))
    if _EPOCH.match(plain):
        return _exact(from_serial(float(plain)))
    if found := _COMPACT_MONTH.match(plain):
        return Day(datetime(int(found[1]), int(found[2]), 1), "month")
    if found := _MONTH_YEAR.match(plain):
        year, month = (found[2], found[1]) if found[1] else (found[3], found[4])
        day = _day(_era_year(int(year)), int(month), 1)
        return None if day is None else Day(day, "month")
    if found := _QUARTER.match(plain):
        year, quarter = (found[3], found[1] or found[2]) if found[3] else (found[4], found[5] or found[6])
        day = _day(_year(year), 3 * int(quarter) - 2, 1)
        return None if day is None else Day(day, "quarter")
    if found := _WEEK.match(plain):
        try:
            day = datetime.fromisocalendar(int(found[1]), int(found[2]), int(found[3] or 1))
        except ValueError:
            return None
        return Day(day, "day" if found[3] else "week")
    return _with_words(plain, months)


@lru_cache(maxsize=65_536)
def plain_date(text: str) -> str:
    """A text that may be a date, in ASCII digits and lower case, without the time of day."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).replace("\u200f", "").replace("\u200e", "")
        text = "".join(str(unicodedata.digit(c)) if c.isdigit() and not c.isascii() else c for c in text)
        if found := _ERA.match(text):
            text = f"{_ERAS[found[1]] + (1 if found[2] == '元' else int(found[2]))}{text[found.end() :]}"
        text = text.translate(_EAST)
    text = " ".join(text.split())
    if text.startswith('="') and text.endswith('"'):
        text = text[2:-1].strip()
    return _YEAR_WORD.sub("", _CLOCK.sub("", text).strip().rstrip("-").casefold())


def _ordered(found: re.Match[str], order: Order) -> datetime | None:
    first, second, third = int(found[1]), int(found[3]), found[4]
    if order == "year first" and len(third) == 2:
        return _day(_year(f"{first:02}"), second, int(third))
    day_first = first > 12 or (order == "day first" and second <= 12)
    day, month = (first, second) if day_first else (second, first)
    return _day(_era_year(_year(third)), month, day)


def _with_words(plain: str, months: Mapping[str, int] | None) -> Day | None:
    """A date whose month is a word: a day and a year in either order around it, or a year alone."""
    numbers: list[str] = []
    month: int | None = None
    numbered = False
    tokens = _TOKENS.findall(plain)
    if not any(token.isdigit() for token in tokens):
        return None  # Before the words of a hundred languages are loaded for it.
    for token in tokens:
        if token.isdigit():
            if numbered and month is None:
                month, numbered = int(token), False
            else:
                numbers.append(token)
            continue
        word = plain_word(token)
        if word in _NUMBERED_MONTHS:
            numbered = True
        elif (told := month_of(word, months)) is not None and month is None:
            month = told
        elif word not in _FILLERS and not _weekday(word) and word not in date_words():
            return None
    if month is None or not numbers or len(numbers) > 2 or any(len(number) not in (1, 2, 4) for number in numbers):
        return None
    if len(numbers) == 1:
        day = _day(_era_year(_year(numbers[0])), month, 1) if len(numbers[0]) in (2, 4) else None
        return None if day is None else Day(day, "month")
    first, second = numbers
    year, number = (first, second) if len(first) == 4 else (second, first)
    if len(year) == 1:
        return None
    return _exact(_day(_era_year(_year(year)), month, int(number)))


def month_of(word: str, months: Mapping[str, int] | None = None) -> int | None:
    """The month that a plain word names, or ``None``."""
    if months is not None and word in months:
        return months[word]
    if word in _MONTHS:
        return _MONTHS[word]
    return months_of((word,))[0].get(word) if len(word) > 1 else None


def month_words(texts: Iterable[str]) -> set[str]:
    """Plain words of ``texts`` that are not the usual names of months; they may be names in another language."""
    found: set[str] = set()
    for text in texts:
        for token in _TOKENS.findall(plain_date(text)):
            word = "" if token.isdigit() else plain_word(token)
            if len(word) > 1 and word not in _MONTHS and word not in _FILLERS:
                found.add(word)
    return found


@lru_cache(maxsize=4096)
def _weekday(word: str) -> bool:
    usual = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    return (
        word in usual
        or any(word == f"{day}{rest}" for day in usual for rest in ("day", "sday", "nesday", "rsday", "urday"))
        or word in day_names()
    )


def _exact(day: datetime | None) -> Day | None:
    return None if day is None else Day(day)


def from_serial(value: float, *, date1904: bool = False) -> datetime | None:
    """The day of one of Excel's serial numbers, of a number written as yyyymmdd, or of seconds since 1970.

    >>> from_serial(45000).date(), from_serial(20240131).date(), from_serial(7)
    (datetime.date(2023, 3, 15), datetime.date(2024, 1, 31), None)
    """
    if SERIAL_MIN <= value <= SERIAL_MAX:
        return (EPOCH_1904 if date1904 else EPOCH_1900) + timedelta(days=int(value))
    if value == int(value) and YEAR_MIN * 10_000 < value < YEAR_MAX * 10_000:
        whole = int(value)
        return _day(whole // 10_000, whole // 100 % 100, whole % 100)
    for unit in (1, 1000):
        if SECONDS[0] * unit <= value < SECONDS[1] * unit:
            return as_day(EPOCH_1970 + timedelta(seconds=value // unit))
    return None


@dataclass(frozen=True)
class Parts:
    """What the numeric dates of a column say of their order; each distinct text counts once.

    ``day`` and ``month`` count texts that can only be read so, ``either`` those that both readings fit and that are
    not the same day in both; ``dots`` are those of the latter with points between. ``pairs`` holds the first and
    second number of every text that both readings fit. ``two_digits`` is whether every year has two digits only.
    """

    day: int = 0
    month: int = 0
    either: int = 0
    dots: int = 0
    pairs: tuple[tuple[int, int], ...] = ()
    two_digits: bool = False
    thirds: tuple[int, ...] = ()
    firsts: tuple[int, ...] = ()

    def decided(self) -> Order | None:
        """The order, where every text that tells agrees."""
        if self.day and not self.month:
            return "day first"
        return "month first" if self.month and not self.day else None

    @property
    def mixed(self) -> bool:
        """Whether texts contradict each other."""
        return bool(self.day and self.month)

    def maybe_year_first(self) -> bool:
        """Whether 24-01-05 may be meant: every first number is beyond a month, and may be a year."""
        return self.two_digits and len(self.firsts) >= 2 and min(self.firsts, default=0) > 12

    def year_first(self) -> bool:
        """Whether only the year can stand first: as years the last numbers lie too far apart, or no days they are."""
        if not self.two_digits or not self.firsts:
            return False
        if max(self.firsts) > 31:
            return True
        far = max(self.thirds) - min(self.thirds) > 15
        return far and max(self.firsts) - min(self.firsts) <= 15 and min(self.firsts) > 12


def parts_of(texts: Iterable[str]) -> Parts:
    """Look through the numeric dates of a column.

    >>> parts_of(["31/01/2024", "05/02/2024", "03/03/2024"]).decided()
    'day first'
    """
    day = month = either = dots = short = numeric = 0
    pairs: list[tuple[int, int]] = []
    firsts: list[int] = []
    thirds: list[int] = []
    for text in texts:
        found = _NUMERIC.match(plain_date(text))
        if not found:
            continue
        numeric += 1
        first, second = int(found[1]), int(found[3])
        if len(found[4]) == 2:
            short += 1
            firsts.append(first)
            thirds.append(int(found[4]))
        if first > 12 >= second:
            day += 1
        elif second > 12 >= first:
            month += 1
        elif first <= 12:
            pairs.append((first, second))
            if first != second:
                either += 1
                dots += found[2] == "."
    return Parts(day, month, either, dots, tuple(pairs), bool(short) and short == numeric, tuple(thirds), tuple(firsts))


def as_day(value: date | datetime) -> datetime | None:
    """A cell's date without its time of day; ``None`` for years that no sale can have."""
    return _day(value.year, value.month, value.day)


def _year(text: str) -> int:
    year = int(text)
    if len(text) == 2:
        return year + (2000 if year <= 68 else 1900)
    return year


def _era_year(year: int) -> int:
    """Years of the Buddhist era, as Thailand counts them, are 543 ahead."""
    return year - 543 if 2400 <= year <= 2700 else year


def _day(year: int, month: int, day: int) -> datetime | None:
    if not YEAR_MIN <= year <= YEAR_MAX:
        return None
    try:
        return datetime(year, month, day)
    except ValueError:
        return None

"""Names of months and days, signs of currencies and words for large numbers, as people write them in many languages.

All of it is the Unicode CLDR's data, as babel carries it; it is loaded when a text first needs it.
"""

from __future__ import annotations

import pickle
import re
import unicodedata
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

#: Languages that are looked through, the most used first.
LANGUAGES = (
    "en de fr es it pt nl pl sv da nb nn fi cs sk hu ro ru uk bg el tr hr sr sl sr_Latn bs mk sq lt lv et is ga "
    "cy mt ca "
    "eu gl ja zh zh_Hant ko th vi id ms fil hi bn ta te mr gu kn ml pa ur fa ar he az kk uz ka hy mn be sw af zu "
    "am ne "
    "si km lo my de_AT pt_PT fr_CH fr_CA es_MX en_AU en_CA ar_DZ ar_MA ar_SA"
).split()
#: Countries whose own sign for their money differs from what the rest of the world writes.
_SIGNS = {
    "US$": "USD", "C$": "CAD", "CA$": "CAD", "A$": "AUD", "AU$": "AUD", "NZ$": "NZD", "HK$": "HKD", "S$": "SGD",
    "NT$": "TWD", "R$": "BRL", "MX$": "MXN", "Rs": "INR", "Rs.": "INR", "₹": "INR", "₨": "INR", "RMB": "CNY",
    "元": "CNY", "円": "JPY", "원": "KRW", "Fr.": "CHF", "SFr.": "CHF", "TL": "TRY", "Ft": "HUF", "lei": "RON",
    "Lei": "RON", "Rp": "IDR", "RM": "MYR", "zł": "PLN", "zl": "PLN", "Kč": "CZK", "руб": "RUB", "руб.": "RUB",
    "грн": "UAH", "лв": "BGN", "лв.": "BGN", "R": "ZAR", "Php": "PHP", "P": "PHP", "Dhs": "AED", "Dh": "AED",
    "SR": "SAR", "€": "EUR", "£": "GBP", "$": "$", "¥": "¥", "￥": "¥", "kr": "kr", "kr.": "kr", "Kr": "kr",
    "L": "L", "Br": "Br", "K": "K", "F": "F", "฿": "THB", "₫": "VND", "₦": "NGN", "₪": "ILS", "₱": "PHP", "₴": "UAH",
    "₩": "KRW", "₽": "RUB", "₺": "TRY", "₸": "KZT", "₾": "GEL", "₡": "CRC", "₲": "PYG", "₵": "GHS", "đ": "VND",
}  # fmt: skip


def plain_word(text: str) -> str:
    """A word in lower case, without accents and points.

    >>> plain_word("Févr."), plain_word("ม.ค."), plain_word("Października")
    ('fevr', 'มค', 'pazdziernika')
    """
    if text.isascii():
        return text.lower().replace(".", "").replace("'", "")
    text = unicodedata.normalize("NFKD", text.casefold().replace("ł", "l").replace("ı", "i").replace("ø", "o"))
    return "".join(c for c in text if not unicodedata.combining(c) and c not in ".\u200f\u200e'’")


@cache
def _locales() -> tuple[tuple[str, Any], ...]:
    from babel import Locale

    return tuple((name, Locale.parse(name)) for name in LANGUAGES)


@cache
def month_names() -> Mapping[str, Mapping[str, int]]:
    """Each word for a month, plain: the languages that use it, and the month it is there."""
    return _names("months")


@cache
def day_names() -> Mapping[str, Mapping[str, int]]:
    """Each word for a day of the week, plain: the languages that use it, and the day (Monday is 0)."""
    return _names("days")


def _names(what: str) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for language, locale in _locales():
        for context in getattr(locale, what).values():
            for width in ("wide", "abbreviated"):
                for number, name in (context.get(width) or {}).items():
                    word = plain_word(str(name))
                    if word and not any(c.isdigit() for c in word):
                        found.setdefault(word, {}).setdefault(language, int(number))
    if what == "months":
        # Common short forms that CLDR does not list.
        for word, number in {"sept": 9, "mrz": 3, "maerz": 3, "fev": 2, "avr": 4, "juil": 7, "out": 10}.items():
            found.setdefault(word, {}).setdefault("en" if word == "sept" else "", number)
    return found


def months_of(words: Iterable[str]) -> tuple[dict[str, int], tuple[str, ...]]:
    """What plain ``words`` mean as months, read in languages that know them all; and words that stay in doubt.

    >>> months_of(["sty", "lut", "gru"])[0], months_of(["listopad"])[1]
    ({'sty': 1, 'lut': 2, 'gru': 12}, ('listopad',))
    """
    known = month_names()
    wanted = [word for word in dict.fromkeys(words) if word in known]
    shared = set.intersection(*(set(known[word]) for word in wanted)) if wanted else set()
    found: dict[str, int] = {}
    doubt: list[str] = []
    for word in wanted:
        meant = {number for language, number in known[word].items() if not shared or language in shared}
        if "en" in known[word] and (not shared or "en" in shared):
            meant = {known[word]["en"]}
        if len(meant) == 1:
            found[word] = meant.pop()
        else:
            doubt.append(word)
    return found, tuple(doubt)


@cache
def date_words() -> frozenset[str]:
    """Plain words that stand in a language's dates beside the month and mean nothing: "de", "gada", "г."."""
    found: set[str] = set()
    for _, locale in _locales():
        for form in locale.date_formats.values():
            for literal in re.findall(r"'([^']+)'", form.pattern):
                found.update(plain_word(word) for word in literal.split())
    return frozenset(found - {""})


@cache
def _own(name: str) -> dict[str, Any]:
    """What a locale says itself of money and large numbers; a Locale merges in all that it inherits, which is slow."""
    from babel import localedata

    with Path(localedata.resolve_locale_filename(name)).open("rb") as file:
        said = pickle.load(file)
    return {what: said.get(what, {}) for what in ("currency_symbols", "compact_decimal_formats")}


@cache
def currency_signs() -> Mapping[str, str]:
    """Each sign or code of a currency to its code; a sign that several share stays itself.

    >>> signs = currency_signs()
    >>> signs["AED"], signs["Ft"], signs["kr"], signs["$"]
    ('AED', 'HUF', 'kr', '$')
    """
    from babel import Locale, localedata

    codes = set(Locale.parse("en").currencies)
    found: dict[str, set[str]] = {}
    names = [name for name in localedata.locale_identifiers() if name.split("_")[0] in _BASES]
    for name in ["root", *names]:
        signs_here = _own(name)["currency_symbols"]
        for code, sign in signs_here.items():
            sign = str(sign).strip("\u200e\u200f\u200b\u00a0 ")
            if sign and sign != code and not any(c.isdigit() for c in sign):
                found.setdefault(sign, set()).add(code)
    signs = {sign: found[sign].pop() if len(found[sign]) == 1 else sign for sign in found}
    signs.update({code: code for code in codes})
    signs.update(_SIGNS)
    return signs


_BASES = {name.split("_")[0] for name in LANGUAGES}


@cache
def large_words() -> Mapping[str, float]:
    """Words for thousands, millions and so on that mean the same wherever they are used.

    >>> large_words()["тыс"], large_words()["mrd"], "mil" in large_words()
    (1000.0, 1000000000.0, False)
    """
    from babel.core import get_global

    # Norwegian is written in two ways, of which neither says all of it itself.
    above = {get_global("parent_exceptions").get(name, "root") for name in LANGUAGES} - {"root"}
    meant: dict[str, set[float]] = {}
    for name in {*LANGUAGES, *above}:
        for forms in _own(name)["compact_decimal_formats"].values():
            for by_size in forms.values():
                for size, pattern in by_size.items():
                    raw = pattern.pattern if hasattr(pattern, "pattern") else str(pattern)
                    zeros = re.search(r"0+", raw)
                    word = plain_word(re.sub(r"[0#\u00a0\u200f\u200e ¤';,-]+", "", raw))
                    if zeros and word:
                        meant.setdefault(word, set()).add(float(size) / 10 ** (len(zeros.group()) - 1))
    # Two Latin letters are as likely a unit or a currency; what is usual of these stands in numbers.py.
    return {
        word: sizes.pop() for word, sizes in meant.items() if len(sizes) == 1 and (len(word) > 2 or not word.isascii())
    }


@cache
def order_where(code: str) -> str:
    """How dates are written where a currency is money: ``day first``, ``month first``, or nothing where that differs.

    >>> order_where("GBP"), order_where("INR"), order_where("JPY"), order_where("USD")
    ('day first', 'day first', '', '')
    """
    from babel import Locale
    from babel.core import UnknownLocaleError, get_global

    orders = set()
    for territory, money in get_global("territory_currencies").items():
        if any(entry[0] == code and entry[2] is None and entry[3] for entry in money):
            try:
                pattern = Locale.parse(f"und_{territory}").date_formats["short"].pattern
            except (UnknownLocaleError, ValueError, KeyError):
                continue
            places = sorted((pattern.lower().find(letter), letter) for letter in "dmy")
            orders.add("".join(letter for _, letter in places))
    # Where the year comes first nothing is ambiguous, so such places say nothing of the rest.
    said = orders & {"dmy", "mdy"}
    return {"dmy": "day first", "mdy": "month first"}[said.pop()] if len(said) == 1 else ""

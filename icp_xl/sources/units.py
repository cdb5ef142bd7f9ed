"""The unit that a header, a title or a row of units says amounts are counted in: thousands, ``TEUR``, ``(US$ m)``."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from icp_xl.sources.numbers import parse_number, take_apart

_BRACKETS = re.compile(r"[(\[（［]\s*([^()\[\]（）［］]{1,40}?)\s*[)\]）］]\s*$")
#: What stands before a unit: "in thousands", "Angaben in TEUR", "all figures in USD million", "en milliers d'euros".
_PHRASE = re.compile(r"(?i)(?:^|[\s,;:–-])(?:in|en|em|w|v|i)\s+(\S.{0,39})$")
#: Units that are written behind a header without more: TEUR, T€, k€, Mio. €, MUSD.
_GLUED = re.compile(
    r"(?:^|\s)((?:[TKMk]|Tsd\.?|Mio\.?|Mrd\.?)\s?(?:[A-Z]{3}|[€$£])|[tkm]kr|[eM]Ft|(?:[A-Z]{3}\s?|[€$£'])[€$£']?000s?)$"
    r"|(?<!\d),\s*([^\s,]{2,}(?: \S+)?)$"
)
_ZEROS = re.compile(r"^(?:[A-Z]{3})?\W{0,4}(?:1[., ]?)?000([., ]?000)?'?s?(?:\W{0,4}|\W(?:[A-Z]{3}|kr))$", re.I)
_THOUSANDS = re.compile(
    # "mil" is a million in English and a thousand in Spanish and Portuguese, beside a currency of theirs.
    r"(?i)^R\$ ?mil$|^mil(?= (?:R\$|reais|euros|pesos|d[óo]lares))"
    r"|^(?:thousands?|milliers?|miles|migliaia|milhares|tausend|duizend(?:en)?|tusental?|tys)\b\.?|^千"
)
#: Three letters that no currency is called by.
_SHORT = {
    "mio": 1e6,
    "mln": 1e6,
    "mrd": 1e9,
    "tsd": 1e3,
    "tys": 1e3,
    "тыс": 1e3,
    "млн": 1e6,
    "lac": 1e5,
    "eft": 1e3,
    "mft": 1e6,
}
_LINKS = re.compile(r"(?i)\s+(?:of|de|di|von|van|d['’])\s*")


_HUNDREDTHS = frozenset("cent cents ct pence centimes centavos céntimos centesimi".split())
_MONEY = frozenset(("euros", "euro", "dollars", "dólares", "reais", "pesos", "円", "元"))


@dataclass(frozen=True)
class Unit:
    """What one unit of a column is worth, and how the file says so."""

    factor: float
    text: str


def unit_of_header(header: str) -> Unit | None:
    """The unit that a header gives in brackets or behind it, or ``None`` where it gives none or counts in ones.

    >>> unit_of_header("Revenue (in thousands)"), unit_of_header("Umsatz TEUR")
    (Unit(factor=1000.0, text='in thousands'), Unit(factor=1000.0, text='TEUR'))
    >>> unit_of_header("Net Sales (USD)"), unit_of_header("Revenue M"), unit_of_header("Umsatz (netto)")
    (None, None, None)
    """
    for pattern in (_BRACKETS, _PHRASE, _GLUED):
        found = pattern.search(header)
        if found and (factor := _factor(text := found[found.lastindex or 0])) is not None:
            return Unit(factor, text) if factor != 1 else None
    return None


def unit_of_text(text: str) -> Unit | None:
    """The unit of a title, or of a cell in a row of units.

    >>> unit_of_text("All amounts in thousands of USD"), unit_of_text("k€"), unit_of_text("Sales in May")
    (Unit(factor=1000.0, text='thousands of USD'), Unit(factor=1000.0, text='k€'), None)
    """
    text = " ".join(text.split())
    whole = _factor(text) if len(text) <= 20 and parse_number(text) is None else None
    return Unit(whole, text) if whole not in (None, 1) else unit_of_header(text)


def column_unit(header: str, below: object, titles: Iterable[str]) -> Unit | None:
    """The unit of a column of money: by its header, by the row of units ``below`` it, or by a title above the table."""
    text = [unit_of_header(header), unit_of_text(below) if isinstance(below, str) else None]
    # A letter alone above a table is anything.
    above = (unit_of_text(text) for text in titles if len(text) > 2)
    return next((unit for unit in (*text, *above) if unit is not None), None)


def without_unit(header: str) -> str:
    """A header without the unit behind it.

    >>> without_unit("Net Amount (KWD)"), without_unit("Umsatz TEUR"), without_unit("Umsatz (netto)")
    ('Net Amount', 'Umsatz', 'Umsatz (netto)')
    """
    for pattern in (_BRACKETS, _PHRASE, _GLUED):
        found = pattern.search(header)
        if found and found.start() and _factor(found[found.lastindex or 0]) is not None:
            return header[: found.start()].rstrip(" ,;:-")
    return header


@lru_cache(maxsize=4096)  # Each column of money asks of the same titles.
def _factor(text: str) -> float | None:
    """What one of a unit is worth; 1 for a currency alone, ``None`` for what is no unit."""
    text = unicodedata.normalize("NFKC", text).strip()
    text = re.sub(r"(?i)^(?:(?:in|en|x|×)\s+)+|(?<=\S)\s+in(?=\s)", "", text)
    if found := _ZEROS.match(text):
        return 1e6 if found[1] else 1e3
    if text.casefold() in _HUNDREDTHS:
        return 0.01
    text = _LINKS.sub(" ", text)
    if _THOUSANDS.match(text):
        rest = _THOUSANDS.sub("", text).strip()
        return 1e3 if not rest or _factor(rest) is not None or rest.casefold() in _MONEY else None
    # A bare letter or two may be tonnes, a credit or a column's name.
    if len(text) == 3 and text.isalpha() and text.isascii() and text != text.upper() and text[1:] != "kr":
        return _SHORT.get(text.casefold())
    if (
        len(text) < 2
        and text not in ("k", "K", "m", "M", "€", "$", "£", "¥", "₹")
        or text.casefold() in ("cr", "dr", "ttl")
    ):
        return None
    for form in (text, re.sub(r"s\b", "", text)):
        amount = take_apart(f"1 {form}", ledger=False)
        if text.startswith("百万"):
            amount = take_apart(f"1 million {text[2:]}", ledger=False)
        if amount is not None and amount.digits == "1" and not amount.percent and amount.sign == 1:
            return amount.factor
    return None

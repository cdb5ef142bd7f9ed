"""Numbers as people write them: ``1.234,56 €``, ``$1,234.50``, ``(300)``, ``12%``, ``1 234``, ``1,234-``, ``3.5M``."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from icp_xl.sources.cldr import currency_signs, large_words, plain_word

Decimals = Literal["point", "comma"]

#: Texts that mean "nothing here", compared in lower case after stripping.
MISSING = frozenset(
    {
        "", "-", "--", "---", "–", "—", "n/a", "na", "n.a.", "n.a", "#n/a", "#n/a n/a", "null", "none", "nil", "nan",
        "<na>", "#null!", "#value!", "#ref!", "#div/0!", "#name?", "#num!", "#getting_data", "#spill!", "#calc!",
        "(blank)", "(null)", "(none)", "blank", "missing", "not available", "not applicable", "unknown", "?", "??",
        "tbd", "k.a.", "s/o", ".", "…", "...",
    }
)  # fmt: skip

_SPACES = dict.fromkeys(
    map(ord, " \t\u00a0\u2007\u2009\u200a\u202f\u2002\u2003\u2005\u2006\u2008'’`´\u200e\u200f"), None
)
#: The signs met most often; all others are looked up in the CLDR, which takes seconds to load.
USUAL_SIGNS = {
    "$": "$", "€": "EUR", "£": "GBP", "¥": "¥", "₹": "INR", "US$": "USD", "USD": "USD", "EUR": "EUR", "GBP": "GBP",
    "JPY": "JPY", "CNY": "CNY", "INR": "INR", "CAD": "CAD", "AUD": "AUD", "CHF": "CHF", "SEK": "SEK", "NOK": "NOK",
    "DKK": "DKK", "PLN": "PLN", "CZK": "CZK", "zł": "PLN", "Kč": "CZK", "kr": "kr", "Rs": "INR", "Rs.": "INR",
    "\\": "\\",  # the yen's or won's sign in a text file of Japan or Korea
}  # fmt: skip
_SCALES = {
    "k": 1e3, "tsd": 1e3, "thousand": 1e3, "m": 1e6, "mm": 1e6, "mn": 1e6, "mio": 1e6, "million": 1e6, "millions": 1e6,
    "b": 1e9, "bn": 1e9, "billion": 1e9, "billions": 1e9, "mrd": 1e9, "t": 1e12, "tn": 1e12, "trillion": 1e12,
    "lakh": 1e5, "lakhs": 1e5, "lac": 1e5, "lacs": 1e5, "crore": 1e7, "crores": 1e7, "万": 1e4, "萬": 1e4, "億": 1e8,
    "亿": 1e8, "만": 1e4, "억": 1e8,
}  # fmt: skip
_PLAIN = re.compile(r"^(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?$")
_GROUPED_COMMA = re.compile(r"^\d{1,3}(?:,\d{3})+(?:\.\d*)?$")
_GROUPED_INDIAN = re.compile(r"^\d{1,2}(?:,\d{2})+,\d{3}(?:\.\d*)?$")
_GROUPED_POINT = re.compile(r"^\d{1,3}(?:\.\d{3})+(?:,\d*)?$")
_COMMA_DECIMAL = re.compile(r"^\d*,\d+$|^\d+,$")
_BARE = re.compile(r"^[-+(]?[0-9.,]*[0-9][-+)]?$")
_AROUND = re.compile(
    r"^(?P<before>(?:[^\d.,]|(?<=[^\W\d_])\.)*)(?P<digits>[\d.,]+(?:[eE][+-]?\d{1,3}(?![^\W\d_]))?)(?P<after>[^\d]*)$"
)
_GROUPS_ONLY = {mark: re.compile(rf"^[1-9]\d{{0,2}}\{mark}\d{{3}}$") for mark in ".,"}


@dataclass(frozen=True)
class Amount:
    """A text taken apart: its bare digits with their marks, sign, factor, and the currency's code or sign."""

    digits: str
    sign: int = 1
    factor: float = 1.0
    currency: str = ""
    percent: bool = False


def is_missing(text: str) -> bool:
    """Whether ``text`` stands for a missing value.

    >>> is_missing(" N/A "), is_missing("0")
    (True, False)
    """
    return text.strip().lower() in MISSING


def parse_number(text: str, decimals: Decimals = "point", *, ledger: bool = True) -> float | None:
    """The number that ``text`` stands for, or ``None`` where it is no number.

    Args:
        text: the cell.
        decimals: decides only what is ambiguous by itself, such as ``1.234`` and ``1,234``.
        ledger: whether ``CR`` behind a number is a credit, and not ten million.

    >>> [parse_number(t) for t in ("$1,234.50", "1.234,56 €", "(300)", "12%", "1,234-", "1 234", "3.5M")]
    [1234.5, 1234.56, -300.0, 0.12, -1234.0, 1234.0, 3500000.0]
    >>> parse_number("1.234"), parse_number("1.234", "comma"), parse_number("12 apples")
    (1.234, 1234.0, None)
    >>> parse_number("RM1,234.00"), parse_number("₹1.2 Cr", ledger=False), parse_number('="066.5"')
    (1234.0, 12000000.0, 66.5)
    >>> parse_number(" $-  ")
    0.0
    """
    amount = take_apart(text, ledger=ledger)
    if amount is None:
        return None
    digits = _to_point(amount.digits, decimals)
    if digits is None:
        return None
    value = amount.sign * float(digits) * amount.factor
    if abs(amount.factor) > 1:
        value = round(value, 6)
    return value if math.isfinite(value) else None


def is_ledger(texts: Iterable[str]) -> bool:
    """Whether ``CR`` in a column of texts is a credit; beside rupees, lakhs and crores it is ten million."""
    texts = list(texts)
    if any(re.search(r"\bDR\b|(?<=\d)DR\b", text, re.I) for text in texts):
        return True
    return not any(re.search(r"₹|\brs\b|\binr\b|lakh|lac\b|crore", text, re.I) for text in texts)


@dataclass(frozen=True)
class Marks:
    """What the marks in a column of texts say: how many can only be read one way, and how many either way."""

    point: int = 0
    comma: int = 0
    #: Texts such as 1.234 and 1,234.
    unsure_point: int = 0
    unsure_comma: int = 0
    #: Whole numbers without a mark: up to 999, and from 1000.
    small: int = 0
    large: int = 0

    @property
    def unsure(self) -> int:
        """Texts that either reading fits."""
        return self.unsure_point + self.unsure_comma

    def decided(self) -> Decimals | None:
        """The decimal mark, where the column itself tells."""
        if self.point or self.comma:
            return "comma" if self.comma > self.point else "point"
        if self.unsure_point and self.unsure_comma:
            return None
        if self.unsure and self.small >= 2 and not self.large:
            # 850 beside 1.050: thousands are grouped, or 850 would have decimals too.
            return "comma" if self.unsure_point else "point"
        if self.unsure and self.large >= 2:
            # 1500 beside 1.050: nothing is grouped.
            return "point" if self.unsure_point else "comma"
        return None


def marks_of(texts: Iterable[str]) -> Marks:
    """Count what the decimal and thousands marks of a column's texts say.

    >>> marks_of(["1.234,50", "1.234", "850"])
    Marks(point=0, comma=1, unsure_point=1, unsure_comma=0, small=1, large=0)
    """
    count = dict.fromkeys(("point", "comma", "unsure_point", "unsure_comma", "small", "large"), 0)
    for text in texts:
        amount = take_apart(text)
        if amount is not None and (kind := _mark_kind(amount.digits)):
            count[kind] += 1
    return Marks(**count)


def _mark_kind(body: str) -> str:
    if "," in body and "." in body:
        return "comma" if body.rfind(",") > body.rfind(".") else "point"
    if "." in body:
        if body.count(".") > 1:
            return "comma"
        return "unsure_point" if _GROUPS_ONLY["."].match(body) else "point"
    if "," in body:
        if body.count(",") > 1:
            return "point"
        return "unsure_comma" if _GROUPS_ONLY[","].match(body) else "comma"
    return "small" if len(body) <= 3 else "large"


@lru_cache(maxsize=65_536)
def take_apart(text: str, *, ledger: bool = True) -> Amount | None:
    """``text`` as digits with what stands around them, or ``None`` where it is no number."""
    if _BARE.match(text):
        return _signed(text, "")
    body = unicodedata.normalize("NFKC", text).replace("\u2212", "-").strip()
    if body.startswith('="') and body.endswith('"'):
        body = body[2:-1].strip()
    if not body.isascii():
        body = "".join(str(unicodedata.digit(c)) if c.isdigit() and not c.isascii() else c for c in body)
        body = body.replace("٫", ".").replace("٬", ",")
    if not any(c.isdigit() for c in body):
        return _accounting_zero(body)
    # A blank between digits groups them; one between letters divides words.
    body = re.sub(r"(?<=\d)[\s'’`´\u200e\u200f]+(?=\d{3}(?!\d))", "", body)
    # "1,234.-" and "1,234.--" are how whole amounts are written in some countries; only "1,234-" is a minus.
    body = re.sub(r"(?<=\d)[.,][-–—]+(?=\D*$)", "", body)
    found = _AROUND.match(body)
    if found is None:
        return None
    around = f"{found['before']}\0{found['after']}"
    return _signed(found["digits"], around, ledger)


def _signed(digits: str, around: str, ledger: bool = True) -> Amount | None:
    if not around:
        negative = digits.startswith("(") and digits.endswith(")")
        bare = digits.strip("()") if negative else digits
        sign = -1 if negative else 1
        if bare[:1] in "+-" and bare:
            sign, bare = (-sign if bare[0] == "-" else sign), bare[1:]
        elif bare[-1:] in ("+", "-"):
            sign, bare = (-sign if bare[-1] == "-" else sign), bare[:-1]
        return (
            Amount(bare, sign) if bare and any(c.isdigit() for c in bare) and bare.strip(".,0123456789") == "" else None
        )
    before, after = (part.translate(_SPACES) if part.isascii() else part for part in around.split("\0", 1))
    before, after = before.strip(), after.strip()
    sign, factor, percent, currency = 1, 1.0, False, ""
    if "(" in before and ")" in after:
        sign, before, after = -1, before.replace("(", "", 1), after.replace(")", "", 1)
    for mark in ("-", "+"):
        if mark in before or mark in after:
            if before.count(mark) + after.count(mark) > 1:
                return None
            sign = -sign if mark == "-" else sign
            before, after = before.replace(mark, ""), after.replace(mark, "")
    if "%" in after or "%" in before:
        percent, factor = True, 0.01
        before, after = before.replace("%", "", 1), after.replace("%", "", 1)
    for part, behind in ((before, False), (after, True)):
        told = _word(part.strip(), behind, ledger)
        if told is None:
            return None
        sign, factor, currency = sign * told[0], factor * told[1], told[2] or currency
    digits = digits.rstrip(".,") if after else digits
    return Amount(digits, sign, factor, currency, percent) if digits else None


@lru_cache(maxsize=4096)
def _word(part: str, behind: bool, ledger: bool) -> tuple[int, float, str] | None:
    """What a text before or behind a number says: sign, factor, currency; ``None`` where it is something else."""
    if not part:
        return 1, 1.0, ""
    lower = part.lower().strip(". ")
    if behind and lower in ("cr", "dr"):
        if lower == "dr" or ledger:
            return (-1 if lower == "cr" else 1), 1.0, ""
        return 1, 1e7, ""
    code = _code(part, behind)
    if code:
        return 1, 1.0, code
    if not behind:
        return None
    if lower in _SCALES:
        return 1, _SCALES[lower], ""
    if lower in ("mil", "l"):
        # "mil" is a thousand in Spanish and a million in English; nothing is guessed.
        return (1, 1e5, "") if lower == "l" and not ledger else None
    # "1.2 Mio. €", "1.5万円", "€ behind M"
    for at in range(len(part) - 1, 0, -1):
        first, rest = part[:at].strip(), part[at:].strip()
        scale = _scale(first, ledger)
        if scale is not None and (money := _code(rest, True)):
            # T€ and tkr are thousands; a trillion is written so in dollars at most.
            return 1, (1e3 if first.lower() == "t" and money not in ("$", "USD") else scale), money
        if (money := _code(first, True)) and rest.lower().strip(". ") in ("cr", "dr", *_SCALES):
            inner = _word(rest, True, ledger)
            return None if inner is None else (inner[0], inner[1], money)
    scale = _scale(part, ledger)
    return None if scale is None else (1, scale, "")


def _scale(part: str, ledger: bool) -> float | None:
    lower = part.lower().strip(". ")
    if lower in _SCALES:
        return _SCALES[lower]
    if lower == "cr" and not ledger:
        return 1e7
    return large_words().get(plain_word(part.replace(" ", ""))) if any(c.isalpha() for c in part) else None


def _code(part: str, behind: bool) -> str:
    """The currency that ``part`` names; one Latin letter does so only before a number, where it is no scale."""
    part = part.strip()
    if part in USUAL_SIGNS:
        return USUAL_SIGNS[part]
    if not part or len(part) > 8 or (len(part) == 1 and part.isascii() and behind):
        return ""
    if part.lower().strip(". ") in _SCALES and behind:
        return ""
    signs = currency_signs()
    for spelt in (part, part.upper(), part.capitalize(), part.lower(), part.rstrip("."), part.rstrip(".").capitalize()):
        if spelt in signs:
            return signs[spelt]
    pieces = part.replace("\u00a0", " ").split()
    if len(pieces) == 2:
        codes = {_code(piece, behind) for piece in pieces}
        return codes.pop() if len(codes) == 1 else ("" if "" in codes else min(codes, key=lambda c: not c.isalpha()))
    return ""


def _accounting_zero(body: str) -> Amount | None:
    """Excel's accounting format shows a nought as a dash beside the sign of the currency."""
    rest = body.translate(_SPACES)
    dashes = "".join(c for c in rest if c in "-–—")
    sign = "".join(c for c in rest if c not in "-–—")
    if len(dashes) in (1, 2) and sign and (code := _code(sign, False)):
        return Amount("0", 1, 1.0, code)
    return None


def _to_point(body: str, decimals: Decimals) -> str | None:
    """``body`` with grouping removed and a decimal point, or ``None`` where its marks make no sense."""
    if "," not in body:
        if _GROUPED_POINT.match(body) and (body.count(".") > 1 or (decimals == "comma" and body[0] != "0")):
            return body.replace(".", "")
        return body if _PLAIN.match(body) else None
    if "." not in body:
        if _GROUPED_COMMA.match(body) and (body.count(",") > 1 or (decimals == "point" and body[0] != "0")):
            return body.replace(",", "")
        if _COMMA_DECIMAL.match(body):
            return body.replace(",", ".")
        return body.replace(",", "") if _GROUPED_INDIAN.match(body) else None
    if _GROUPED_COMMA.match(body) or _GROUPED_INDIAN.match(body):
        return body.replace(",", "")
    if _GROUPED_POINT.match(body):
        return body.replace(".", "").replace(",", ".")
    return None

"""Numbers as people write them: ``1.234,56 €``, ``$1,234.50``, ``(300)``, ``12%``, ``1 234``, ``1,234-``, ``3.5M``."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable
from typing import Literal

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

_SPACES = dict.fromkeys(map(ord, " \t\u00a0\u2007\u2009\u200a\u202f\u2002\u2003\u2005\u2006\u2008'’`´"), None)
_CURRENCY = re.compile(
    r"(?i)(?:us\$|ca\$|c\$|a\$|au\$|nz\$|hk\$|r\$|\$|€|£|¥|₹|₽|₩|₺|zł|kč|"
    r"(?<![a-z])(?:usd|eur|gbp|jpy|cny|rmb|inr|cad|aud|nzd|chf|sek|nok|dkk|pln|czk|mxn|brl|zar|krw|sgd|hkd|kr|fr|rs)"
    r"(?![a-z])\.?)"
)
_SCALES = {
    "k": 1e3, "tsd": 1e3, "thousand": 1e3, "m": 1e6, "mm": 1e6, "mn": 1e6, "mio": 1e6, "mil": 1e6, "million": 1e6,
    "millions": 1e6, "b": 1e9, "bn": 1e9, "bio": 1e9, "billion": 1e9, "billions": 1e9, "mrd": 1e9, "t": 1e12,
    "tn": 1e12, "trillion": 1e12,
}  # fmt: skip
_SCALE = re.compile(
    r"(?i)(?<=[\d.,])\.?(k|tsd|thousand|mm|mn|mio|mil|millions?|m|bn|bio|billions?|b|mrd|tn|t|trillion)\.?$"
)
_PLAIN = re.compile(r"^(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?$")
_GROUPED_COMMA = re.compile(r"^\d{1,3}(?:,\d{3})+(?:\.\d*)?$")
_GROUPED_INDIAN = re.compile(r"^\d{1,2}(?:,\d{2})+,\d{3}(?:\.\d*)?$")
_GROUPED_POINT = re.compile(r"^\d{1,3}(?:\.\d{3})+(?:,\d*)?$")
_COMMA_DECIMAL = re.compile(r"^\d*,\d+$|^\d+,$")


def is_missing(text: str) -> bool:
    """Whether ``text`` stands for a missing value.

    >>> is_missing(" N/A "), is_missing("0")
    (True, False)
    """
    return text.strip().lower() in MISSING


def parse_number(text: str, decimals: Decimals = "point") -> float | None:
    """The number that ``text`` stands for, or ``None`` where it is no number.

    ``decimals`` decides only what is ambiguous by itself, such as ``1.234`` and ``1,234``.

    >>> [parse_number(t) for t in ("$1,234.50", "1.234,56 €", "(300)", "12%", "1,234-", "1 234", "3.5M")]
    [1234.5, 1234.56, -300.0, 0.12, -1234.0, 1234.0, 3500000.0]
    >>> parse_number("1.234"), parse_number("1.234", "comma"), parse_number("12 apples")
    (1.234, 1234.0, None)
    """
    body, sign, factor = _strip(text)
    if body is None:
        return None
    digits = _to_point(body, decimals)
    if digits is None:
        return None
    value = sign * float(digits) * factor
    return value if math.isfinite(value) else None


def decimals_of(texts: Iterable[str]) -> tuple[Decimals, bool]:
    """The decimal mark that a column of texts uses, and whether that had to be assumed.

    Texts that can be read in one way only decide; the majority wins. Where every text is ambiguous the point is taken
    for the decimal mark and the comma for the mark of thousands; only ``1.234`` makes that an assumption worth a word.
    """
    point = comma = unsure = 0
    for text in texts:
        body, _, _ = _strip(text)
        if body is None or not ("," in body or "." in body):
            continue
        if "," in body and "." in body:
            if body.rfind(",") > body.rfind("."):
                comma += 1
            else:
                point += 1
        elif "." in body:
            if body.count(".") > 1:
                comma += 1
            elif re.fullmatch(r"[1-9]\d{0,2}\.\d{3}", body):
                unsure += 1
            else:
                point += 1
        elif body.count(",") > 1:
            point += 1
        elif not re.fullmatch(r"[1-9]\d{0,2},\d{3}", body):
            comma += 1
    decided = point + comma > 0
    return ("comma" if comma > point else "point"), unsure > 0 and not decided


def _strip(text: str) -> tuple[str | None, int, float]:
    """The bare digits of ``text`` with their marks, its sign, and the factor that a percent or a scale word makes."""
    body = unicodedata.normalize("NFKC", text).replace("\u2212", "-").strip().translate(_SPACES)
    if not body.isascii():
        body = "".join(str(unicodedata.digit(c)) if c.isdigit() and not c.isascii() else c for c in body)
        body = body.replace("٫", ".").replace("٬", ",")
    body = _CURRENCY.sub("", body, count=2)
    # "1,234.-" and "1,234.--" are how whole amounts are written in some countries; only "1,234-" is a minus.
    body = re.sub(r"(?<=\d)[.,][-–—]+$", "", body)
    sign = 1
    if body.startswith("(") and body.endswith(")"):
        sign, body = -1, body[1:-1]
    elif body.lower().endswith("cr"):
        sign, body = -1, body[:-2]
    body = _CURRENCY.sub("", body, count=1)
    if body.startswith(("-", "+")):
        sign, body = (-sign if body[0] == "-" else sign), body[1:]
    elif body.endswith(("-", "+")):
        sign, body = (-sign if body[-1] == "-" else sign), body[:-1]
    factor = 1.0
    if body.endswith("%"):
        factor, body = 0.01, body[:-1]
    elif scale := _SCALE.search(body):
        factor, body = _SCALES[scale.group(1).lower()], body[: scale.start()]
    if not body or not (body[0].isdigit() or body[0] in ".,") or not any(c.isdigit() for c in body):
        return None, 1, 1.0
    return body, sign, factor


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

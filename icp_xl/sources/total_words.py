"""Words by which rows say that they are sums, in many languages."""

from __future__ import annotations

import re
from collections.abc import Collection

from icp_xl.sources.cldr import plain_word

SUBTOTAL, TOTAL = "subtotal", "total"
_TOTAL = re.compile(
    r"(?i)^(?:(?:grand|report|overall|running|column|final|year|annual)[ -]?totals?\b.*"
    r"|totals?(?:\s*(?:[:(=#\d].*|for\b.*|of\b.*|by\b.*|rows?\b.*|revenue|sales|amount|gp|gross profit|customers"
    r"|accounts|lines))?|sums?:.*|total g[eé]n[eé]ral)$"
)
_SUBTOTAL = re.compile(r"(?i)^(?:sub[ -]?totals?\b.*|zwischensumme.*|sous[ -]total.*)$")
#: How languages call a sum, plain (see :func:`icp_xl.sources.cldr.plain_word`).
SUM_WORDS = frozenset(
    "total totals totale totali totaal totaux totales totais totalt totalsumma totalbelop sum suma summe summa somme "
    "sumar gesamt gesamtsumme gesamtbetrag gesamtergebnis insgesamt endsumme ergebnis zwischensumme teilergebnis "
    "subtotal "
    "subtotaal subtotale subtotales celkem celkom soucet spolu mezisoucet razem ogolem osszesen reszosszeg yhteensa "
    "valisumma delsumma итого всего разом усього подытог общо συνολο toplam aratoplam ukupno sveukupno skupaj kokku "
    "kopa viso alt ialt sammanlagt 合計 総計 总计 總計 合计 小计 小計 累計 합계 총계 소계 "
    'المجموع اجمالي الاجمالي סהכ סה"כ '
    "รวม รวมทงสน tong jumlah कुल योग".split()
)
#: Words beside them that say no more than how far the sum goes.
SUM_KINDS = frozenset("grand general generale generaal genel gross der des i general: umum keseluruhan cong".split())
_ASCII = {word for word in SUM_WORDS if word.isascii()}
#: A first look at texts, of which a log has many: none of the words of a sum stands in it. Those with another in them
#: are found by it, and a search for each of the rest is quicker than for all of them at once.
_ASCII_SUMS = sorted(word for word in _ASCII if not any(other in word for other in _ASCII - {word}))


def total_kind(text: str) -> str:
    """Whether a text says that its row is a sum.

    >>> total_kind("Grand Total"), total_kind("Január összesen"), total_kind("小計"), total_kind("Acme Tooling")
    ('total', 'subtotal', 'total', '')
    """
    if len(text) > 120:
        return ""
    if text.isascii():
        lower = text.lower()
        if not any(word in lower for word in _ASCII_SUMS):
            return ""
    text = " ".join(text.split())
    if _TOTAL.match(text):
        return TOTAL
    if _SUBTOTAL.match(text):
        return SUBTOTAL
    words = plain_words(text)
    if not words or not (words[0] in SUM_WORDS or words[-1] in SUM_WORDS):
        return ""
    return TOTAL if _is_bare(words) else SUBTOTAL


def plain_words(text: str) -> list[str]:
    """The words of a text, plain."""
    return [word for part in re.split(r"[\s:;,()/–—-]+", text) if (word := plain_word(part))]


def _is_bare(words: Collection[str]) -> bool:
    return all(word in SUM_WORDS or word in SUM_KINDS for word in words)

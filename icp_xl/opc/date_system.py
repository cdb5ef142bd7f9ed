"""Dates of rendered sheets counted as the target counts them: from 1900, or from 1904 as the old Macintosh did."""

from __future__ import annotations

import re

from icp_xl.opc.xml import Element, children, descendants, find

#: Days between the two beginnings: a date of the older system is so much smaller in the younger one.
DAYS = 1462
#: Built-in number formats that show a date (those of a mere time or a duration are not among them).
_BUILT_IN = frozenset((14, 15, 16, 17, 22, *range(27, 32), 36, *range(50, 55), 57, 58))
_LITERAL = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]|[_*].')
_CELL = re.compile(
    rb'(<c(?= )(?:(?! t=)[^>])*? s="(\d+)"(?:(?! t=)[^>])*>(?:<f(?:\s[^>]*)?(?:/>|>[^<]*</f>))?<v>)([^<]+)(</v>)'
)


def shows_date(code: str) -> bool:
    """Whether a number format shows a day, a month or a year.

    >>> shows_date("yyyy-mm-dd"), shows_date('0 "days"'), shows_date("[h]:mm"), shows_date("#,##0.00")
    (True, False, False, False)
    """
    bare = _LITERAL.sub("", code.lower())
    return bool(re.search(r"[yd]|m{3}", bare))


def date_styles(styles: Element) -> frozenset[bytes]:
    """Positions of the cell formats of a style sheet that show dates, as they stand in a cell."""
    codes = {e.get("numFmtId"): e.get("formatCode") or "" for e in descendants(styles, "numFmt")}
    found = set()
    for position, xf in enumerate(children(find(styles, "cellXfs"))):
        number = xf.get("numFmtId") or "0"
        if shows_date(codes[number]) if number in codes else number.isdigit() and int(number) in _BUILT_IN:
            found.add(str(position).encode())
    return frozenset(found)


def shift_dates(content: bytes, styles: frozenset[bytes], days: int) -> bytes:
    """A worksheet whose numbers under ``styles`` are ``days`` more; formulas stay, their last values move along."""

    def moved(match: re.Match[bytes]) -> bytes:
        if match[2] not in styles:
            return match[0]
        try:
            value = float(match[3]) + days
        except ValueError:
            return match[0]
        return match[1] + (b"%d" % value if value.is_integer() else repr(value).encode()) + match[4]

    return _CELL.sub(moved, content)

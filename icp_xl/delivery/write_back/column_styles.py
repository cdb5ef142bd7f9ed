"""Formats of result columns: the neighbour's font, fill and border with our number format."""

from __future__ import annotations

import re
from functools import lru_cache

from icp_xl.opc.styles import MAX_FORMATS, StyleSheet
from icp_xl.opc.unsupported import refuse
from icp_xl.opc.workbook_part import Workbook
from icp_xl.opc.xml import children, clone, find, local, serialise

#: Number formats that every program knows by number.
BUILT_IN = {"General": 0, "0": 1, "0.00": 2, "#,##0": 3, "#,##0.00": 4, "0%": 9, "0.00%": 10}


class ColumnStyles:
    """Gives out cell formats, made when they are first asked for; :meth:`save` lays them over the package."""

    def __init__(self, book: Workbook) -> None:
        self.book = book
        self.part = book.related("styles")
        self.sheet = StyleSheet(book.package.tree(self.part)) if self.part else None
        self._made: dict[tuple[str, str], str] = {}
        self._before = self.sheet.size("cellXfs") if self.sheet else 0
        self._formats = self.sheet.size("numFmts") if self.sheet else 0
        self._rules = self.sheet.size("dxfs") if self.sheet else 0

    def like(self, style: str, number_format: str) -> str:
        """Position of a format like ``style`` with ``number_format``; empty for the plain one."""
        key = (style, number_format)
        if key not in self._made:
            self._made[key] = self._make(style, number_format)
        return self._made[key]

    def _make(self, style: str, number_format: str) -> str:
        if self.sheet is None:
            return style
        formats = children(find(self.sheet.root, "cellXfs"))
        at = int(style) if style.isdigit() and int(style) < len(formats) else 0
        if not formats:
            return ""
        number = BUILT_IN.get(number_format)
        if number is None:
            number = self.sheet.number_formats([(-1, number_format)])[-1]
        made = clone(formats[at])
        made.set("numFmtId", str(number))
        made.set("applyNumberFormat", "1")
        if number == 0 and formats[at].get("numFmtId", "0") == "0":
            made = clone(formats[at])
        for child in list(made):
            if local(child) == "alignment":
                for name in ("horizontal", "indent", "textRotation"):
                    child.attrib.pop(name, None)
                if not child.attrib:
                    made.remove(child)
        made.attrib.pop("quotePrefix", None)
        position = self.sheet.append("cellXfs", [made])[0]
        if self.sheet.size("cellXfs") > MAX_FORMATS:
            refuse("formats", "the workbook holds nearly all the cell formats that Excel allows",
                   "Remove unused formats in Excel (Home, Cell Styles). Nothing was changed.", where=self.book.where,
                   got=self.sheet.size("cellXfs"), allowed=MAX_FORMATS)  # fmt: skip
        return str(position) if position else ""

    def bold(self) -> int | None:
        """Position of a format for rules that sets text in bold; none without a sheet of styles."""
        if self.sheet is None:
            return None
        n = self.sheet.n
        made = self.sheet.root.makeelement(n + "dxf", {})
        font = made.makeelement(n + "font", {})
        font.append(font.makeelement(n + "b", {}))
        made.append(font)
        return self.sheet.append("dxfs", [made])[0]

    def digit_formats(self) -> dict[str, str]:
        """Cell formats that show a whole number with leading zeros or with text around it, and their codes."""
        if self.sheet is None:
            return {}
        codes = {e.get("numFmtId"): e.get("formatCode") or "" for e in children(find(self.sheet.root, "numFmts"))}
        found = {}
        for at, xf in enumerate(children(find(self.sheet.root, "cellXfs"))):
            code = codes.get(xf.get("numFmtId"), "")
            if len(code) > 1 and shown_digits(code, "1") not in ("", "1"):
                found[str(at)] = code
        return found

    def save(self) -> None:
        """Lay the style sheet over the package, where something was added to it."""
        if self.sheet is None or self.part is None:
            return
        now = tuple(self.sheet.size(name) for name in ("cellXfs", "numFmts", "dxfs"))
        if now != (self._before, self._formats, self._rules):
            self.book.package.put(self.part, serialise(self.sheet.root))


_PIECE = re.compile(
    r'"(?P<quoted>[^"]*)"|\\(?P<escaped>.)|[_*].|\[\$(?P<symbol>[^\]-]*)(?:-[^\]]*)?\]|\[[A-Za-z]+\]'
    r"|(?P<place>[0#]|General)|(?P<comma>,)|(?P<plain>[-+$/ ():!^&'~{}<>=])"
)


@lru_cache(maxsize=1 << 10)
def _pieces(code: str) -> tuple[tuple[str, str], ...]:
    """Place for a digit and fixed text, one of them empty, of each piece; nothing at all for formats with other ones.

    A comma counts as a place, but for one behind the last place, which would divide by a thousand.
    """
    section, found, at = _first_section(code), list[tuple[str, str]](), 0
    for match in _PIECE.finditer(section):
        if match.start() != at:
            return ()
        at, told = match.end(), match.groupdict("")
        if told["comma"]:
            found.append((",", ""))
        else:
            found.append((told["place"], told["quoted"] or told["escaped"] or told["symbol"] or told["plain"]))
    places = [place for place, _ in found if place]
    whole = at == len(section) and places and "," not in (places[0], places[-1])
    return tuple(found) if whole else ()


def _first_section(code: str) -> str:
    match = re.match(r'(?:"[^"]*"|\\.|[^;"\\])*', code)
    return match[0] if match is not None else ""


def shown_digits(code: str, digits: str) -> str:
    """A whole number as the format ``code`` shows it; nothing where that takes more than digits and fixed text.

    >>> shown_digits("00000", "123"), shown_digits('00"-"000;-0', "1234"), shown_digits('[$-409]"AC-"0', "1001")
    ('00123', '01-234', 'AC-1001')
    >>> shown_digits('"AC-"#', "7"), shown_digits('"AC-"#,##0', "1001"), shown_digits('"AC-"General', "0")
    ('AC-7', 'AC-1,001', 'AC-0')
    >>> shown_digits("0.00", "1"), shown_digits("yyyy", "1"), shown_digits("0,", "1000")
    ('', '', '')
    """
    pieces = _pieces(code)
    places = [place for place, _ in pieces if place not in ("", ",")]
    if not places:
        return ""
    least = len(places) - next((at for at, place in enumerate(places) if place != "#"), len(places))
    digits = digits.lstrip("0").zfill(least)
    if any(place == "," for place, _ in pieces):
        first, *_, last = (at for at, (place, _) in enumerate(pieces) if place)
        if not all(place for place, _ in pieces[first:last]):
            return ""
        digits = re.sub(r"(?<=\d)(?=(?:\d{3})+$)", ",", digits)
        return "".join(
            [*(text for _, text in pieces[:first]), digits, *(text for _, text in pieces[last + 1 :])]
        ).strip()
    # The first place takes every digit for which there is no place.
    rest = len(digits) - len(places) + 1
    taken = iter([digits[: max(rest, 0)], *(digits[at : at + 1] if at >= 0 else "" for at in range(rest, len(digits)))])
    return "".join(next(taken) if place else text for place, text in pieces).strip()

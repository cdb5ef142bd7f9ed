"""What a workbook's sheet says of its cells beyond their values: hidden rows, merged cells, formats of numbers."""

from __future__ import annotations

import io
import re
import zipfile
from dataclasses import dataclass, field

#: Rows from the top whose formats are looked at.
FORMATS_FROM = 200
_ROW = re.compile(rb"<(?:\w+:)?row\b([^>]*)>")
_NUMBER = re.compile(rb'\br="(\d+)"')
_HIDDEN = re.compile(rb'\b(?:hidden|zeroHeight)="(?:1|true)"')
_MERGED = re.compile(rb'<(?:\w+:)?mergeCell\b[^>]*\bref="\$?([A-Z]+)\$?(\d+):\$?([A-Z]+)\$?(\d+)"')
_CELL = re.compile(
    rb'<(?:\w+:)?c\b[^>]*?\br="([A-Z]+)(\d+)"[^>]*?\bs="(\d+)"|<(?:\w+:)?c\b[^>]*?\bs="(\d+)"[^>]*?\br="([A-Z]+)(\d+)"'
)
_CHUNK = 1 << 20


@dataclass(frozen=True)
class SheetFacts:
    """Rows are counted from 0, and so are columns.

    ``merged`` holds first and last row and the first column of every merged range of several rows; ``formats`` the
    formats of numbers in each column's first cells.
    """

    hidden: frozenset[int] = frozenset()
    merged: tuple[tuple[int, int, int], ...] = ()
    formats: dict[int, set[str]] = field(default_factory=dict)


def read_facts(data: bytes, part: str) -> SheetFacts:
    """The facts of the sheet that is stored under ``part`` of an .xlsx file's bytes; none where it cannot be told."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as package:
            styles = _styles(package.read("xl/styles.xml")) if "xl/styles.xml" in package.namelist() else []
            with package.open(part.lstrip("/")) as stream:
                return _scan(stream, styles)
    except (KeyError, zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return SheetFacts()


def currency_cells(data: bytes, part: str, column: int) -> dict[int, str]:
    """The currency that the format of each cell of a column shows, by row; for columns that mix several."""
    found: dict[int, str] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as package:
            styles = _styles(package.read("xl/styles.xml"))
            text = package.read(part.lstrip("/"))
    except (KeyError, zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return found
    for cell in _CELL.finditer(text):
        letters, row, style = (cell[1], cell[2], cell[3]) if cell[1] else (cell[5], cell[6], cell[4])
        if _column(letters) == column and int(style) < len(styles):
            if sign := format_currency({styles[int(style)]}):
                found[int(row) - 1] = sign
    return found


def _scan(stream: object, styles: list[str]) -> SheetFacts:
    hidden: set[int] = set()
    merged: list[tuple[int, int, int]] = []
    formats: dict[int, set[str]] = {}
    tail, first = b"", True
    while chunk := stream.read(_CHUNK):  # type: ignore[attr-defined]
        text = tail + chunk
        if first:
            for found in _CELL.finditer(text):
                column, row, style = (found[1], found[2], found[3]) if found[1] else (found[5], found[6], found[4])
                if int(row) <= FORMATS_FROM and int(style) < len(styles) and styles[int(style)]:
                    formats.setdefault(_column(column), set()).add(styles[int(style)])
            first = False
        if b"idden=" in text:
            for row_found in _ROW.finditer(text):
                number = _NUMBER.search(row_found[1])
                if number and _HIDDEN.search(row_found[1]):
                    hidden.add(int(number[1]) - 1)
        if b"mergeCell" in text:
            for span in _MERGED.finditer(text):
                top, bottom = int(span[2]) - 1, int(span[4]) - 1
                if bottom > top:
                    merged.append((top, bottom, _column(span[1])))
        tail = text[-400:]
    return SheetFacts(frozenset(hidden), tuple(dict.fromkeys(merged)), formats)


def _column(letters: bytes) -> int:
    at = 0
    for letter in letters:
        at = at * 26 + letter - 64
    return at - 1


def _styles(xml: bytes) -> list[str]:
    """The format of numbers of each cell style: ``%`` for percentages, a currency's own text, or nothing."""
    import html

    text = xml.decode("utf-8", "replace")
    own = {
        int(number): html.unescape(code)
        for number, code in re.findall(r'<(?:\w+:)?numFmt\b[^>]*?numFmtId="(\d+)"[^>]*?formatCode="([^"]*)"', text)
    }
    block = re.search(r"<(?:\w+:)?cellXfs\b.*?</(?:\w+:)?cellXfs>", text, re.S)
    found = []
    for number in re.findall(r'<(?:\w+:)?xf\b[^>]*?numFmtId="(\d+)"', block[0] if block else ""):
        code = own.get(int(number), "0%" if int(number) in (9, 10) else "")
        found.append(code)
    return found


def format_currency(codes: set[str]) -> str:
    """The sign or code of the currency that formats of numbers show, where it is one.

    >>> format_currency({'[$€-407] #,##0.00'}), format_currency({'"CHF" #,##0'}), format_currency({"0.00"})
    ('€', 'CHF', '')
    """
    found = set()
    for code in codes:
        for sign in re.findall(r'\[\$([^\]-]+)(?:-[^\]]*)?\]|"([^"\d]{1,4})"|([€£¥₹])', code):
            text = "".join(sign).strip()
            if text:
                found.add(text)
        if "$" in re.sub(r"\[\$[^\]]*\]", "", code):
            found.add("$")
    return found.pop() if len(found) == 1 else ""

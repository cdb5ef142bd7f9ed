"""What a workbook's sheet says of its cells beyond their values: hidden rows, merged cells, formats of numbers."""

from __future__ import annotations

import io
import re
import struct
import zipfile
import zlib
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


@dataclass(frozen=True)
class SheetFacts:
    """Rows are counted from 0, and so are columns.

    ``merged`` holds first and last row and the first column of every merged range of several rows; ``formats`` the
    formats of numbers in each column's first cells.
    """

    hidden: frozenset[int] = frozenset()
    merged: tuple[tuple[int, int, int], ...] = ()
    formats: dict[int, set[str]] = field(default_factory=dict)


#: How a part that is missing or damaged ends a look at it; who reads the workbook says what is wrong with it.
_NOT_TOLD = (
    KeyError, zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, ValueError, NotImplementedError,
)  # fmt: skip


class FactsFinder:
    """Gathers a sheet's facts from its XML, which comes in blocks that end between two tags."""

    def __init__(self, data: bytes) -> None:
        """Args: ``data``, the bytes of the .xlsx file, which says what its styles look like."""
        self._styles: list[str] = []
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as package:
                self._styles = _styles(package.read("xl/styles.xml"))
        except _NOT_TOLD:
            pass  # no styles, or none that can be told
        self._hidden: set[int] = set()
        self._merged: list[tuple[int, int, int]] = []
        self._formats: dict[int, set[str]] = {}
        self._first = True

    def see(self, block: bytes) -> None:
        """Take in the next block."""
        if self._first:
            for found in _CELL.finditer(block):
                column, row, style = (found[1], found[2], found[3]) if found[1] else (found[5], found[6], found[4])
                if int(row) > FORMATS_FROM:
                    break
                if int(style) < len(self._styles) and self._styles[int(style)]:
                    self._formats.setdefault(_column(column), set()).add(self._styles[int(style)])
            self._first = False
        if b"idden=" in block:
            for row_found in _ROW.finditer(block):
                number = _NUMBER.search(row_found[1])
                if number and _HIDDEN.search(row_found[1]):
                    self._hidden.add(int(number[1]) - 1)
        if b"mergeCell" in block:
            for span in _MERGED.finditer(block):
                top, bottom = int(span[2]) - 1, int(span[4]) - 1
                if bottom > top:
                    self._merged.append((top, bottom, _column(span[1])))

    def facts(self) -> SheetFacts:
        """What was found."""
        return SheetFacts(frozenset(self._hidden), tuple(dict.fromkeys(self._merged)), self._formats)


def currency_cells(data: bytes, part: str, column: int) -> dict[int, str]:
    """The currency that the format of each cell of a column shows, by row; for columns that mix several."""
    found: dict[int, str] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as package:
            styles = _styles(package.read("xl/styles.xml"))
            text = package.read(part.lstrip("/"))
    except _NOT_TOLD:
        return found
    for cell in _CELL.finditer(text):
        letters, row, style = (cell[1], cell[2], cell[3]) if cell[1] else (cell[5], cell[6], cell[4])
        if _column(letters) == column and int(style) < len(styles):
            if sign := format_currency({styles[int(style)]}):
                found[int(row) - 1] = sign
    return found


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

"""A worksheet part as text: its rows one after the other, its cells, and what they say.

A sheet of 200,000 rows is about 100 MB of XML; a tree of it would be ten times that. Rows are cut out of the stream
by their closing tags instead, which is safe because ``<`` never stands in text or attributes of well-formed XML; the
two constructs in which it may (comments and CDATA) send the part through the parser first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple
from xml.sax.saxutils import escape, unescape

from icp_xl.opc.references import column_number
from icp_xl.opc.unsupported import MAX_TREE, damaged
from icp_xl.opc.xml import children, descendants, local, parse, serialise

_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_PLAIN = re.compile("[^\x00-\x1f&<>_\ud800-\udfff\ufffe\uffff]*")
_ENTITIES = {"&quot;": '"', "&apos;": "'"}
#: What a text holds that is not written as it reads.
_ODD = re.compile(rb"[&\r]|_x")
_NUMERIC_ENTITY = re.compile(r"&#(x[0-9A-Fa-f]+|\d+);")
_VALUE = re.compile(rb"<(?:[\w.-]+:)?v(?:\s[^>]*)?>([^<]*)<")
_FORMULA = re.compile(rb"<(?:[\w.-]+:)?f[\s>/]")
_COMMENT = re.compile(rb"<!--.*?-->", re.DOTALL)
_SPACED_CLOSE = re.compile(rb"</[^<>\s]+\s+>")
#: Characters that a cell holds at most.
MAX_TEXT = 32_767


class SheetPartReader:
    """Cuts a worksheet part into head, rows and tail; ``tail`` is known once the rows are read."""

    def __init__(self, chunks: Iterable[bytes], part: str, where: str) -> None:
        self.part, self.where = part, where
        self._chunks = iter(chunks)
        self._buffer = b""
        self._done = False
        self.tail = b""
        self._normalise_start()
        found = None
        while found is None:
            found = re.search(rb"<((?:[\w.-]+:)?)sheetData\s*(/?)>", self._buffer)
            if found is None and not self._more():
                damaged("a worksheet holds no cells part", where=where, got=part)
        self.prefix = found[1]
        self.empty = bool(found[2])
        self.head = self._buffer[: found.start()]
        self._buffer = self._buffer[found.end() :]
        self.open_tag = b"<" + self.prefix + b"sheetData>"
        self.close_tag = b"</" + self.prefix + b"sheetData>"

    def _normalise_start(self) -> None:
        while len(self._buffer) < 4096 and self._more():
            pass
        start = self._buffer[:4096]
        declared = re.search(rb'encoding=["\']([\w.-]+)["\']', start[:200])
        plain = declared is None or declared[1].lower() in (b"utf-8", b"us-ascii", b"ascii")
        if start[:2] in (b"\xff\xfe", b"\xfe\xff") or not plain or b"<!" in start:
            self._reparse()

    def _reparse(self) -> None:
        """Take the whole part through the parser: other encodings, comments, CDATA and document types."""
        whole = bytearray(self._buffer)
        for chunk in self._chunks:
            whole += chunk
            if len(whole) > 4 * MAX_TREE:
                damaged("a large worksheet is written in a way that no spreadsheet program uses", where=self.where)
        root = parse(bytes(whole), self.part, self.where)
        for element in list(root.iter()):
            if not isinstance(element.tag, str) and element.getparent() is not None:
                _remove_keeping_tail(element)
            elif isinstance(element.tag, str) and element.text and "]]>" not in element.text:
                element.text = str(element.text)
        self._buffer, self._chunks, self._done = serialise(root), iter(()), True

    def _more(self) -> bool:
        if self._done:
            return False
        try:
            self._buffer += next(self._chunks)
        except StopIteration:
            self._done = True
            return False
        return True

    def rows(self) -> Iterator[bytes]:
        """Every row as it stands, whatever is between rows (blanks) kept with the row after it."""
        for block in self.blocks():
            yield from self.split(block)

    def blocks(self) -> Iterator[bytes]:
        """All rows, some thousand at a time, as they stand."""
        close = b"</" + self.prefix + b"row>"
        while True:
            stop = 0 if self.empty else self._buffer.find(self.close_tag)
            if b"!" in self._buffer and b"<!" in (self._buffer[:stop] if stop >= 0 else self._buffer):
                damaged("a worksheet holds comments or CDATA between its cells", where=self.where, got=self.part)
            if stop >= 0:
                body = self._buffer[:stop].rstrip()
                if body:
                    yield body
                while self._more():
                    pass
                self.tail = self._buffer if self.empty else self._buffer[stop + len(self.close_tag) :]
                if b"<!" in self.tail:
                    self._drop_comments()
                self.close_tag = self._buffer[len(body) : stop] + self.close_tag
                return
            end = self._buffer.rfind(close) + len(close)
            if end >= len(close):
                block, self._buffer = self._buffer[:end], self._buffer[end:]
                yield block
            if not self._more():
                damaged("a worksheet ends too early", where=self.where, got=self.part)

    def _drop_comments(self) -> None:
        """Leave comments behind the rows out, as the parser does with those before them."""
        self.tail = _COMMENT.sub(b"", self.tail)
        if b"<!" in self.tail:
            damaged("a worksheet holds CDATA behind its cells", where=self.where, got=self.part)

    def split(self, block: bytes) -> Iterator[bytes]:
        """The rows of a block."""
        close = b"</" + self.prefix + b"row>"
        alone = re.compile(rb"\s*<" + re.escape(self.prefix) + rb"row(?:\s[^>]*)?/>")
        if (spaced := _SPACED_CLOSE.search(block)) is not None:
            damaged("its tags are closed in a way that no spreadsheet program uses", where=self.where, got=spaced[0])
        at = 0
        while True:
            single = alone.match(block, at)
            end = single.end() if single is not None else block.find(close, at) + len(close)
            if end < len(close):
                break
            yield block[at:end]
            at = end
        if block[at:].strip():
            damaged("a row of a worksheet is torn", where=self.where, got=self.part)


def _remove_keeping_tail(element: object) -> None:
    parent = element.getparent()  # type: ignore[attr-defined]
    before = element.getprevious()  # type: ignore[attr-defined]
    tail = element.tail or ""  # type: ignore[attr-defined]
    if before is not None:
        before.tail = (before.tail or "") + tail
    else:
        parent.text = (parent.text or "") + tail
    parent.remove(element)


class Cell(NamedTuple):
    """One cell as it stands: where in its row's bytes, which column, its attributes and its content."""

    start: int
    end: int
    column: int
    attributes: bytes
    inner: bytes

    def attribute(self, name: bytes) -> str:
        """One attribute; empty when absent."""
        found = _attribute(name).search(self.attributes) if name in self.attributes else None
        return (found[1] or found[2] or b"").decode() if found else ""


@lru_cache
def _attribute(name: bytes) -> re.Pattern[bytes]:
    return re.compile(rb"\b" + name + rb"\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")


@lru_cache(maxsize=1 << 15)
def _column(letters: bytes) -> int:
    return column_number(letters.decode().upper())


class RowParser:
    """Finds rows' numbers and cells; rows and cells without a reference count on from the one before."""

    def __init__(self, prefix: bytes) -> None:
        p = re.escape(prefix)
        self.prefix = prefix
        self._row = re.compile(rb"<" + p + rb"row(\s[^>]*?)?(/?)>")
        first = rb'(?:\sr="([A-Za-z]{1,3})\d+")?'
        self._cell = re.compile(
            rb"<" + p + rb"c(?=[\s/>])(" + first + rb"[^>]*?)(?:/>|>(.*?)</" + p + rb"c>)", re.DOTALL
        )
        self._number = re.compile(rb"\sr\s*=\s*[\"'](\d+)[\"']")
        self._reference = re.compile(rb"\sr\s*=\s*[\"']([A-Za-z]{1,3})\d+[\"']")
        self._last = 0

    def number(self, row: bytes) -> int:
        """Number of the row; to be asked for each row once, in order."""
        start = self._row.search(row)
        found = self._number.search(start[1] or b"") if start else None
        self._last = int(found[1]) if found else self._last + 1
        return self._last

    def next_number(self, rows: bytes) -> int:
        """Number of the first row of a block, as :meth:`number` will say it."""
        last, found = self._last, self.number(rows)
        self._last = last
        return found

    def passed(self, number: int) -> None:
        """Count on from ``number``."""
        self._last = number

    def cells(self, row: bytes) -> list[Cell]:
        """Cells of the row, in order."""
        found, last = [], 0
        for match in self._cell.finditer(row):
            attributes, letters, inner = match.groups()
            if letters is None:
                reference = self._reference.search(attributes)
                letters = reference[1] if reference is not None else None
            last = _column(letters) if letters is not None else last + 1
            found.append(Cell(*match.span(), last, attributes, inner or b""))
        return found

    def opened(self, row: bytes) -> tuple[bytes, bytes]:
        """The row up to its closing tag, and that tag; an empty row's tag is opened."""
        start = self._row.search(row)
        close = b"</" + self.prefix + b"row>"
        if start is not None and start[2]:
            return row[: start.end() - 2] + b">", close
        return row[: row.rindex(close)], close


def shared_strings(content: bytes, part: str, where: str) -> list[bytes]:
    """Inner XML of each shared string, phonetic hints left out.

    Plain tables are cut by text, as they can hold millions; anything unusual goes through the parser.
    """
    count = content.count(b"<si>")
    if (
        count
        and count == content.count(b"<si")
        and b"rPh" not in content
        and b"<!" not in content
        and not (b":si" in content and re.search(rb"<[\w.-]+:si\b", content))
    ):
        items = content[content.index(b"<si>") + 4 : content.rindex(b"</si>")].split(b"</si><si>")
        return items if len(items) == count else re.findall(rb"<si>(.*?)</si>", content, re.DOTALL)
    root = parse(content, part, where)
    return [_plain_item(item) for item in children(root) if local(item) == "si"]


def _plain_item(item: object) -> bytes:
    text = "".join(
        node.text or "" for node in descendants(item, "t") if not any(local(up) == "rPh" for up in node.iterancestors())
    )
    # What XML forbids stays written as it is.
    return b'<t xml:space="preserve">' + escape(text).encode() + b"</t>"


def text_item(text: str) -> bytes:
    """``<t>`` with ``text``, blanks kept, what XML forbids written as Excel writes it, cut at Excel's limit.

    >>> text_item("a\\x01<b _x0041_")
    b'<t xml:space="preserve">a_x0001_&lt;b _x005F_x0041_</t>'
    """
    if len(text) <= MAX_TEXT and _PLAIN.fullmatch(text):
        return b'<t xml:space="preserve">' + text.encode() + b"</t>"
    text = _ESCAPED.sub(r"_x005F_x\1_", text[:MAX_TEXT])
    text = _ILLEGAL.sub(lambda match: f"_x{ord(match[0]):04X}_", text).replace("\r", "_x000D_")
    return b'<t xml:space="preserve">' + escape(text).encode() + b"</t>"


def item_text(inner: bytes) -> str:
    """Text of the inner XML of a string item."""
    if inner.startswith(b"<t>") and inner.find(b"<", 3) == len(inner) - 4 and _ODD.search(inner) is None:
        return inner[3:-4].decode("utf-8", "replace")
    if b"rPh" in inner:
        inner = re.sub(rb"<(?:[\w.-]+:)?rPh\b.*?</(?:[\w.-]+:)?rPh>", b"", inner, flags=re.DOTALL)
    pieces = re.findall(rb"<(?:[\w.-]+:)?t(?:\s[^>]*)?>([^<]*)<", inner)
    return _ESCAPED.sub(lambda match: chr(int(match[1], 16)), unescape_xml(b"".join(pieces)))


def item_texts(items: Sequence[bytes]) -> list[str]:
    """:func:`item_text` of each, plain ones all at a time.

    >>> item_texts([b"<t>a</t>", b"<t>b</t>"]), item_texts([b"<t>a &amp; b</t>"])
    (['a', 'b'], ['a & b'])
    """
    whole, border = b"\0".join(items), b"</t>\0<t>"
    plain = whole.startswith(b"<t>") and whole.endswith(b"</t>") and _ODD.search(whole) is None
    # No text holds a zero byte, so that many borders and tags leave room for nothing else.
    if plain and whole.count(border) == whole.count(b"\0") == len(items) - 1 and whole.count(b"<") == 2 * len(items):
        return whole[3:-4].decode("utf-8", "replace").split(border.decode())
    return list(map(item_text, items))


def unescape_xml(content: bytes) -> str:
    """Text of character data."""
    # A parser takes every end of a line for a line feed.
    text = content.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")
    if "&" not in text:
        return text
    return unescape(_NUMERIC_ENTITY.sub(_character, text), _ENTITIES)


def _character(match: re.Match[str]) -> str:
    code = int(match[1][1:], 16) if match[1][0] == "x" else int(match[1])
    return chr(code) if code < 0x110000 else "\ufffd"


def has_formula(content: bytes) -> bool:
    """Whether a formula is in the XML of a cell, or of several, whatever the prefix of its elements.

    >>> has_formula(b'<x:f>A1</x:f>'), has_formula(b"<is><r><rPr><family/></rPr><t>f</t></r></is>")
    (True, False)
    """
    return _FORMULA.search(content) is not None


def cell_value(cell: Cell, strings: Sequence[bytes]) -> str | float | bool | None:
    """What a cell shows: text, number, truth or nothing; an error is its text."""
    kind = cell.attribute(b"t")
    if kind == "inlineStr":
        return item_text(cell.inner)
    found = _VALUE.search(cell.inner)
    if found is None:
        return None
    text = unescape_xml(found[1])
    if kind == "s":
        at = int(text) if text.strip().isdigit() else -1
        return item_text(strings[at]) if 0 <= at < len(strings) else None
    if kind == "b":
        return text.strip() in ("1", "true")
    if kind in ("", "n"):
        try:
            return float(text)
        except ValueError:
            return text
    return _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text)


def key_text(value: object) -> str:
    """A key as text, so that 7, 7.0 and " 7 " are the same account.

    >>> key_text(7.0), key_text(" 7 "), key_text("007"), key_text(None)
    ('7', '7', '007', '')
    """
    if value is None:
        return ""
    if isinstance(value, float) and value == value and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value).strip()

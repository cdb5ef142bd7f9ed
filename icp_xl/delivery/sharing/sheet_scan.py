"""Read the cells of a sheet row by row, and say which of them should not leave the house."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field

from lxml import etree

from icp_xl.delivery.sharing.finding_types import Finding
from icp_xl.delivery.sharing.formula_safety import (
    acts_as_formula,
    find_path,
    formula_danger,
    looks_like_formula,
    may_hold_path,
)
from icp_xl.opc.package import Package
from icp_xl.opc.unsupported import damaged, refuse
from icp_xl.opc.workbook_part import Workbook
from icp_xl.opc.xml import Element, descendants, local, truthy

_SHOWN = re.compile(
    rb"""\bt=["']s["'][^>]*>\s*(?:<(?:\w+:)?f\b[^>]*?(?:/>|>[^<]*</(?:\w+:)?f>)\s*)?<(?:\w+:)?v(?:\s[^>]*)?>\s*(\d+)"""
)
_ITEM, _ROW = (re.compile(rb"<(?:[^<>\s/:]+:)?" + tag + rb"(?=[\s/>])") for tag in (b"si", b"row"))
#: The footer of our own reports: title, sheet and run.
_OUR_FOOTER = re.compile(r"&L&8 .*&C&8 Page &P of &N&R&8 .*", re.DOTALL)
#: Findings of one part that are kept for the next look; with more, the part is read again.
MOST_KEPT = 1000


@dataclass(frozen=True)
class Strings:
    """Shared strings that matter, by their position: those that begin like a formula, and paths that stand in any."""

    formulas: dict[str, str] = field(default_factory=dict)
    paths: dict[str, str] = field(default_factory=dict)


def stream(package: Package, part: str, tag: str) -> Iterator[Element]:
    """Every element ``tag`` of ``part`` as it ends, then the root with what is left; the elements are emptied after.

    Raises:
        RefusedError: malformed, or with a DOCTYPE.
    """
    parser = etree.XMLPullParser(
        events=("end",), tag="{*}" + tag, resolve_entities=False, no_network=True, load_dtd=False
    )
    checked = False
    try:
        for block in package.chunks(part):
            parser.feed(block)
            for _, found in parser.read_events():
                element: Element = found
                if not checked:
                    checked = True
                    _check_doctype(element, part, package.where)
                yield element
                element.clear()
                parent = element.getparent()
                while parent is not None and len(parent) and parent[0] is not element:
                    del parent[0]
        root = parser.close()
    except (etree.XMLSyntaxError, ValueError) as error:
        damaged("a part is not well-formed", where=package.where, got=f"{part}: {str(error)[:120]}")
    _check_doctype(root, part, package.where)
    yield root


def _check_doctype(element: Element, part: str, where: str) -> None:
    if element.getroottree().docinfo.doctype:
        refuse("doctype", "a part of the workbook declares a document type, which no workbook needs",
               "Do not trust this file; save it afresh from Excel if it is yours. Nothing was changed.",
               where=where, got=part)  # fmt: skip


def text_of(item: Element) -> str:
    """The text of a string item, phonetic readings left out."""
    if len(item) == 1 and not len(item[0]) and local(item[0]) == "t":
        return item[0].text or ""
    return "".join(
        t.text or "" for t in item.iter("{*}t") if not any(local(above) == "rPh" for above in t.iterancestors())
    )


def scan_strings(package: Package, part: str | None) -> Strings:
    """The shared strings that begin like a formula, or hold a path."""
    if part is None:
        return Strings()
    texts = [text_of(item) for item in stream(package, part, "si") if local(item) == "si"]
    found = {str(at): text for at, text in enumerate(texts) if looks_like_formula(text)}
    paths: dict[str, str] = {}
    if may_hold_path("\n".join(texts).encode("utf-8", "replace")):
        each = ((str(at), find_path(text.encode("utf-8", "replace"))) for at, text in enumerate(texts))
        paths = {at: path for at, path in each if path is not None}
    return Strings(found, paths)


def unused_strings(book: Workbook) -> dict[int, str]:
    """Shared strings that no cell shows, by their position; blank ones are left out."""
    package, part = book.package, book.related("sharedStrings")
    if part is None:
        return {}
    used = set[int]()
    for element in book.sheet_elements():
        sheet = book.sheet_part(element)
        if sheet is not None and package.content_type(sheet).endswith("sheet+xml"):
            used |= {int(number) for number in _SHOWN.findall(package.read(sheet))}
    count = len(_ITEM.findall(package.read(part)))
    if count and used.issuperset(range(count)):  # None are found in an encoding with more bytes.
        return {}
    items = (item for item in stream(package, part, "si") if local(item) == "si")
    return {at: text for at, item in enumerate(items) if at not in used and (text := text_of(item).strip())}


def count_rows(package: Package) -> int:
    """Rows of all worksheets."""
    book = Workbook(package)
    parts = [book.sheet_part(element) for element in book.sheet_elements()]
    return sum(
        len(_ROW.findall(package.read(part)))
        for part in parts
        if part is not None and package.content_type(part).endswith("worksheet+xml")
    )


def own_functions(book: Workbook) -> frozenset[str]:
    """Functions that names of the workbook itself make, in small letters."""
    names = (name for name in book.defined_names() if (name.text or "").startswith("_xlfn.LAMBDA("))
    return frozenset((name.get("name") or "").lower() for name in names)


def scan_sheet(package: Package, part: str, name: str, strings: Strings, quoted: frozenset[str]) -> Iterator[Finding]:
    """Findings of one worksheet.

    Args:
        package: of the workbook.
        part: of the worksheet.
        name: of the sheet, as findings give it.
        strings: the workbook's shared strings.
        quoted: cell formats that mark text as text.
    """
    location = f"sheet {name}"
    hidden: list[str] = []
    own = own_functions(Workbook(package))
    for element in stream(package, part, "row"):
        if local(element) != "row":
            yield from _around_the_cells(element, part, location, own)
            break
        if truthy(element.get("hidden")) or (element.get("ht") is not None and _is_zero(element.get("ht"))):
            hidden.append(element.get("r") or "?")
        for formula in element.iter("{*}f"):
            danger = formula_danger(formula.text or "", own)
            if danger is not None:
                yield Finding(danger[0], part, f"{name}!{formula.getparent().get('r')}", danger[1])
        yield from _texts(element, part, name, strings, quoted)
    if hidden:
        shown = ", ".join(hidden[:5]) + (f" and {len(hidden) - 5:,} more" if len(hidden) > 5 else "")
        yield Finding("hidden-rows", part, location, f"rows {shown}")


@dataclass
class SheetMemo:
    """What was found in parts that nobody has changed since, so that a large one is read through once."""

    known: dict[tuple[Hashable, ...], list[Finding]] = field(default_factory=dict)
    _strings: dict[str, Strings] = field(default_factory=dict)
    _unused: dict[tuple[str | None, ...], dict[int, str]] = field(default_factory=dict)

    def strings(self, package: Package, part: str | None) -> Strings:
        """:func:`scan_strings`, or what it gave before for the part as it still is."""
        if part is None or part.lower() in package.new:
            return scan_strings(package, part)
        if part not in self._strings:
            self._strings[part] = scan_strings(package, part)
        return self._strings[part]

    def unused(self, book: Workbook) -> dict[int, str]:
        """:func:`unused_strings`, or what it gave before for the parts as they still are."""
        parts = book.related("sharedStrings"), *map(book.sheet_part, book.sheet_elements())
        if any(part is not None and part.lower() in book.package.new for part in parts):
            return unused_strings(book)
        if parts not in self._unused:
            self._unused[parts] = unused_strings(book)
        return self._unused[parts]

    def scan(
        self, package: Package, part: str, name: str, strings: Strings, quoted: frozenset[str]
    ) -> Iterator[Finding]:
        """:func:`scan_sheet`, or what it gave before.

        Args:
            package: of the workbook; what it gave before counts while the part is as it was read.
            part: of the worksheet.
            name: of the sheet, as findings give it.
            strings: the workbook's shared strings.
            quoted: cell formats that mark text as text.
        """
        return self.once(package, part, (), lambda: scan_sheet(package, part, name, strings, quoted))

    def once(
        self, package: Package, part: str, about: tuple[Hashable, ...], look: Callable[[], Iterator[Finding]]
    ) -> Iterator[Finding]:
        """What ``look`` finds in ``part``, or found before, while the part is as it was read and so is ``about``."""
        changed, key = part.lower() in package.new, (part, *about)
        if not changed and key in self.known:
            yield from self.known[key]
            return
        kept: list[Finding] = []
        for found in look():
            if len(kept) <= MOST_KEPT:
                kept.append(found)
            yield found
        if not changed and len(kept) <= MOST_KEPT:
            self.known[key] = kept


def _texts(row: Element, part: str, name: str, strings: Strings, quoted: frozenset[str]) -> Iterator[Finding]:
    for cell, text in formula_texts(row, strings):
        if (cell.get("s") or "0") not in quoted:
            kind = "formula-text" if acts_as_formula(text) else "formula-like-text"
            yield Finding(kind, part, f"{name}!{cell.get('r')}", text[:40])
    if strings.paths:
        for cell in row:
            value = shared_value(cell)
            if value in strings.paths:
                yield Finding("path", part, f"{name}!{cell.get('r')}", strings.paths[value])


def formula_texts(row: Element, strings: Strings) -> Iterator[tuple[Element, str]]:
    """Cells of ``row`` that hold text which begins like a formula."""
    for item in row.iter("{*}is"):
        text = text_of(item)
        if looks_like_formula(text):
            yield item.getparent(), text
    if strings.formulas:
        for cell in row:
            value = shared_value(cell)
            if value in strings.formulas:
                yield cell, strings.formulas[value]


def shared_value(cell: Element) -> str:
    """Position of the shared string that ``cell`` shows; empty for other cells."""
    if not isinstance(cell.tag, str) or cell.get("t") != "s":
        return ""
    return next((v.text or "" for v in cell if local(v) == "v"), "")


def _is_zero(value: str | None) -> bool:
    """Whether a width or height is too small for a single pixel."""
    try:
        return float(value or "1") < 0.3
    except ValueError:
        return False


def _around_the_cells(root: Element, part: str, location: str, own: frozenset[str]) -> Iterator[Finding]:
    for column in descendants(root, "col"):
        if truthy(column.get("hidden")) or _is_zero(column.get("width")):
            yield Finding("hidden-columns", part, location, f"columns {column.get('min')} to {column.get('max')}")
    for standard in descendants(root, "sheetFormatPr"):
        if truthy(standard.get("zeroHeight")):
            yield Finding("hidden-rows", part, location, "rows are hidden unless said otherwise")
    for tag in ("formula", "formula1", "formula2", "f"):
        for element in descendants(root, tag):
            danger = formula_danger(element.text or "", own)
            if danger is not None:
                yield Finding(danger[0], part, location, danger[1])
    for line in (child for element in descendants(root, "headerFooter") for child in element):
        # A code of the header, such as &L, stands right before the text.
        path = find_path(re.sub(r"&([A-Z]|\"[^\"]*\"|\d+)", " ", line.text or "").encode())
        if path is not None:
            yield Finding("path", part, location, path)
        words = re.sub(r"&(&|[A-Z]|\"[^\"]*\"|\d+|K[0-9A-Fa-f]{6})", " ", line.text or "").split()
        if any(re.search(r"[^\W\d_]", word) for word in words) and not _OUR_FOOTER.fullmatch(line.text or ""):
            yield Finding("header-text", part, location, " ".join(words)[:60])
    if any(local(c.getparent()) == "autoFilter" for c in descendants(root, "filterColumn")):
        yield Finding("active-filter", part, location)
    for allowed in descendants(root, "protectedRange"):
        if allowed.get("securityDescriptor"):
            yield Finding("user-name", part, location, f"who may edit {allowed.get('name') or 'a range'}"[:60])
    for view in descendants(root, "customSheetView"):
        yield Finding("view", part, location, (view.get("guid") or "")[:40])
    for scenario in descendants(root, "scenario"):
        yield Finding("scenario", part, location, (scenario.get("name") or "")[:60])
        said = scenario.get("user") or scenario.get("comment")
        if said:
            yield Finding("user-name", part, location, said[:60])
    for link in descendants(root, "hyperlink"):
        path = find_path((link.get("location") or "").encode())
        if path is not None:
            yield Finding("link", part, location, path)

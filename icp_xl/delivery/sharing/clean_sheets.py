"""Rewrite the sheets of a copy that is to be sent: formulas that reach out become values, text stays text."""

from __future__ import annotations

import re
from collections.abc import Iterator

from icp_xl.delivery.sharing.formula_safety import formula_danger, is_safe_link
from icp_xl.delivery.sharing.shareable import find_unshareable, quoted_styles
from icp_xl.delivery.sharing.sheet_scan import SheetMemo, Strings, formula_texts, own_functions
from icp_xl.opc.package import Package, relationships_of
from icp_xl.opc.unsupported import MAX_TREE
from icp_xl.opc.workbook_part import Workbook
from icp_xl.opc.xml import Element, children, clone, descendants, find, local, parse, serialise

_CELLS, _CELLS_END = re.compile(rb"<(?:\w+:)?sheetData\b[^>]*(?<!/)>"), re.compile(rb"</(?:\w+:)?sheetData\s*>")
_MARK = b"icp-xl-cells"
#: Elements around the cells in which something may go.
_AROUND = tuple(
    "{*}" + name for name in ("pageSetup", "customSheetViews", "scenarios", "filterColumn", "customProperties",
                              "dataConsolidate", "scenario", "controlPr", "hyperlink")
)  # fmt: skip
#: Findings in formulas that are mended by keeping the value.
VALUES = frozenset(("dde", "risky-formula", "external-link", "link", "addin-formula"))


def clean_sheets(book: Workbook, kinds: frozenset[str], memo: SheetMemo) -> None:
    """Rewrite the sheets that need it; the others stay as they are."""
    package = book.package
    strings = memo.strings(package, book.related("sharedStrings"))
    styles = _QuotedStyles(book) if {"formula-text", "formula-like-text"} & kinds else None
    unformulated = False
    for element in book.sheet_elements():
        part = book.sheet_part(element)
        if part is None or not _needs(package, part, strings, styles, kinds, memo):
            continue
        if _size(package, part) > MAX_TREE:
            _clean_large(package, part, kinds, book.rid)
            continue
        root = package.tree(part)
        unformulated |= _to_values(root, kinds & VALUES, own_functions(book))
        if styles is not None:
            _quote(root, strings, styles)
        _clean_around(package, part, root, kinds, book.rid)
        package.put(part, serialise(root))
    if styles is not None:
        styles.save()
    if unformulated:
        _drop_chain(book)
    if "external-link" in kinds:
        _cut_links(book, memo)


def _needs(
    package: Package, part: str, strings: Strings, styles: _QuotedStyles | None, kinds: frozenset[str], memo: SheetMemo
) -> bool:
    rels = package.relationships(part)
    if "printer-settings" in kinds and any(rel.kind == "printerSettings" for rel in rels):
        return True
    quoted = styles.before if styles is not None else frozenset()
    for found in memo.scan(package, part, "", strings, quoted):
        if found.kind in kinds & (VALUES | {"view", "user-name", "scenario", "active-filter"}):
            return True
        if styles is not None and found.kind in ("formula-text", "formula-like-text"):
            return True
    if "link" in kinds and any(r.kind == "hyperlink" and r.external and not is_safe_link(r.target) for r in rels):
        return True
    if "external-link" in kinds and any(rel.external and rel.kind == "externalLinkPath" for rel in rels):
        return True
    if "custom-property" in kinds and any(rel.kind == "customProperty" for rel in rels):
        return True
    return "macros" in kinds and any(rel.kind == "ctrlProp" for rel in rels)


def _size(package: Package, part: str) -> int:
    if part.lower() in package.new:
        content = package.new[part.lower()][1]
        return len(content) if isinstance(content, bytes) else content.size
    return package.entries[part.lower()].size


def _clean_large(package: Package, part: str, kinds: frozenset[str], rid: str) -> None:
    """A sheet too large for a tree: what stands around its cells is cleaned, the cells stay the bytes they are.

    A formula among them that reaches out is found again afterwards, and refused with its place.
    """
    content = package.read(part)
    start, end = _CELLS.search(content), content.rfind(b"</")
    for found in _CELLS_END.finditer(content):
        end = found.start()
    if start is None or end < start.end():
        return
    root = parse(content[: start.end()] + _MARK + content[end:], part, package.where)
    _clean_around(package, part, root, kinds, rid)
    head, _, tail = serialise(root).partition(_MARK)
    package.put(part, head + content[start.end() : end] + tail)


class _QuotedStyles:
    """Cell formats as they are, but for the apostrophe that marks text as text; made when first asked for."""

    def __init__(self, book: Workbook) -> None:
        self.book = book
        self.part = book.related("styles")
        self.before = quoted_styles(book)
        self.made: dict[int, int] = {}
        self.root = book.package.tree(self.part) if self.part else None
        self.formats = find(self.root, "cellXfs") if self.root is not None else None

    def of(self, style: str) -> str:
        """The quoted twin of ``style``."""
        if self.formats is None or style in self.before:
            return style
        known = children(self.formats)
        number = int(style) if style.isdigit() and int(style) < len(known) else 0
        if number not in self.made:
            twin = clone(known[number])
            twin.set("quotePrefix", "1")
            self.formats.append(twin)
            self.made[number] = len(known)
            self.formats.set("count", str(len(known) + 1))
        return str(self.made[number])

    def save(self) -> None:
        """Lay the formats over the package when any was made."""
        if self.made and self.part:
            self.book.package.put(self.part, serialise(self.root))


def _quote(root: Element, strings: Strings, styles: _QuotedStyles) -> None:
    for row in descendants(root, "row"):
        for cell, _ in list(formula_texts(row, strings)):
            cell.set("s", styles.of(cell.get("s") or "0"))


def _to_values(root: Element, kinds: frozenset[str], own: frozenset[str]) -> bool:
    """Formulas that reach out give way to the values they show; true when any did."""
    shared: set[str] = set()
    gone: list[Element] = []
    for formula in _cell_formulas(root):
        danger = formula_danger(formula.text or "", own)
        if danger is not None and danger[0] in kinds:
            gone.append(formula)
            if formula.get("t") == "shared" and formula.get("si"):
                shared.add(formula.get("si") or "")
    for formula in _cell_formulas(root):
        if formula.get("t") == "shared" and formula.get("si") in shared and not (formula.text or ""):
            gone.append(formula)
    for formula in gone:
        formula.getparent().remove(formula)
    return bool(gone)


def _cell_formulas(root: Element) -> Iterator[Element]:
    return (f for f in descendants(root, "f") if local(f.getparent()) == "c")


def _clean_around(package: Package, part: str, root: Element, kinds: frozenset[str], rid: str) -> None:
    rels = {rel.id: rel for rel in package.relationships(part)}
    gone = set()
    for element in list(root.iter(*_AROUND)):
        what = local(element)
        if what == "pageSetup" and "printer-settings" in kinds:
            element.attrib.pop(rid, None)
        elif what == "customSheetViews" and "view" in kinds:
            element.getparent().remove(element)
        elif what == "scenarios" and "scenario" in kinds:
            element.getparent().remove(element)
        elif what == "filterColumn" and "active-filter" in kinds:
            element.getparent().remove(element)
        elif what == "customProperties" and "custom-property" in kinds:
            element.getparent().remove(element)
        elif what == "dataConsolidate" and "external-link" in kinds:
            gone |= {ref.get(rid) or "" for ref in descendants(element, "dataRef")} - {""}
            element.getparent().remove(element)
        elif what == "scenario" and "user-name" in kinds:
            element.attrib.pop("user", None)
            element.attrib.pop("comment", None)
        elif what == "controlPr" and "macros" in kinds:
            element.attrib.pop("macro", None)
        elif what == "hyperlink" and "link" in kinds:
            rel = rels.get(element.get(rid) or "")
            if rel is not None and rel.external and not is_safe_link(rel.target):
                gone.add(rel.id)
                _remove_link(element)
    if gone:
        package.remove_relationships(part, gone)


def _remove_link(element: Element) -> None:
    parent = element.getparent()
    parent.remove(element)
    if not len(parent):
        parent.getparent().remove(parent)


def _drop_chain(book: Workbook) -> None:
    part = book.related("calcChain")
    if part is None:
        return
    package = book.package
    package.remove_relationships(book.part, {rel.id for rel in book.rels.values() if rel.kind == "calcChain"})
    package.drop(part)
    book.load()


def _cut_links(book: Workbook, memo: SheetMemo) -> None:
    """Cut links to other workbooks, once nothing refers to them."""
    package = book.package
    links = {rel.id for rel in book.rels.values() if rel.kind == "externalLink"}
    parts = {rel.target.lower() for rel in book.rels.values() if rel.kind == "externalLink"}
    parts |= {relationships_of(part) for part in parts}
    if not links or any(
        found.kind == "external-link" and found.part.lower() not in parts for found in find_unshareable(package, memo)
    ):
        return
    references = find(book.root, "externalReferences")
    if references is not None:
        references.getparent().remove(references)
        book.save()
    package.remove_relationships(book.part, links)

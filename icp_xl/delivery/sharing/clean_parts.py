"""Take out of the parts around the sheets what should not leave the house."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

from icp_xl.delivery.sharing.formula_safety import formula_danger, is_safe_link
from icp_xl.delivery.sharing.image_metadata import image_facts, without_facts
from icp_xl.delivery.sharing.shareable import NAME_TEXTS, PERSONAL, RELATED, stale_titles
from icp_xl.delivery.sharing.sheet_scan import SheetMemo
from icp_xl.delivery.write_back.column_ownership import TYPE as COLUMNS
from icp_xl.delivery.write_back.formulas import FORMULA
from icp_xl.opc.package import Package
from icp_xl.opc.undo import TYPE as UNDO
from icp_xl.opc.workbook_part import Workbook
from icp_xl.opc.xml import Element, children, descendants, find, local, serialise, truthy

#: Sorts whose relationship may be cut; the parts behind it are then swept away.
CUT = frozenset(
    (
        "macros",
        "ribbon",
        "web-extension",
        "custom-property",
        "printer-settings",
        "thumbnail",
        "connection",
        "query",
        "comment",
        "view",
    )
)
_CELLS = re.compile(r"(?:'(?:[^']|'')*'|[\w.]+)!\$?[A-Z]{1,3}\$?\d+(?::\$?[A-Z]{1,3}\$?\d+)?")
_WORD = re.compile(r"[^\W\d][\w.\\]*")
_NOTE = re.compile(rb"<v:shape\b(?:(?!</v:shape>).)*?ObjectType=[\"']Note[\"'].*?</v:shape>", re.DOTALL)
_TABLE_QUERY = ("tableType", "connectionId", "insertRow", "insertRowShift", "published")


def clean_properties(package: Package, kinds: frozenset[str]) -> None:
    """Empty the personal properties, and take titles of parts out where any is out of date."""
    stale = any(True for _ in stale_titles(Workbook(package)))
    if "property" not in kinds:
        return
    for rel in package.relationships(""):
        if rel.kind in ("core-properties", "extended-properties") and not rel.external and package.has(rel.target):
            root = package.tree(rel.target)
            personal = [e for e in children(root) if local(e) in PERSONAL and (e.text or "").strip()]
            for element in personal:
                element.text = None
            # What is left of titles of parts need not be what the copy holds.
            titles = [e for e in children(root) if local(e) in ("TitlesOfParts", "HeadingPairs")] if stale else []
            for element in titles:
                root.remove(element)
            if personal or titles:
                package.put(rel.target, serialise(root))


def clean_workbook(book: Workbook, kinds: frozenset[str]) -> None:
    """Take saved folder, custom views, user names and our own marks out of the workbook part."""
    changed = False
    for element in list(book.root.iter()):
        what = local(element)
        if (what == "absPath" and "saved-path" in kinds) or (what == "customWorkbookViews" and "view" in kinds):
            _remove(element)
            changed = True
        elif what == "fileSharing" and "user-name" in kinds and element.get("userName"):
            del element.attrib["userName"]
            changed = True
    loose = [name for name in book.defined_names() if _may_go(name, kinds)]
    texts = formula_words(book, [name for name in book.defined_names() if name not in loose]) if loose else frozenset()
    for name in book.defined_names():
        for what in NAME_TEXTS if "comment" in kinds else ():
            changed |= name.attrib.pop(what, None) is not None
        if _may_go(name, kinds):
            changed = True
            if (name.get("name") or "").lower() not in texts:
                _remove(name)
            elif formula_danger(name.text or "") is None:
                name.attrib.pop("hidden", None)
    if "hidden-name" in kinds:
        for name in book.defined_names():
            called = name.get("name") or ""
            if called.startswith("_icpxl_") or (".wvu." in called and "view" in kinds):
                _remove(name)
                changed = True
    names = find(book.root, "definedNames")
    if names is not None and not len(names):
        _remove(names)
    if changed:
        book.save()


def _may_go(name: Element, kinds: frozenset[str]) -> bool:
    """Whether a name may be taken out where no formula says it: one to another workbook, or a hidden one of cells."""
    called, text = name.get("name") or "", name.text or ""
    danger = formula_danger(text)
    if called.startswith(("_xlnm.", "_icpxl_")):
        return False
    if danger is not None:
        return danger[0] == "external-link" and "external-link" in kinds
    return "hidden-name" in kinds and truthy(name.get("hidden")) and _CELLS.fullmatch(text) is not None


def formula_words(book: Workbook, names: Sequence[Element]) -> frozenset[str]:
    """Every word that a formula of the workbook, or one of ``names``, holds, in small letters."""
    package, found = book.package, set[str]()
    for part in package.names():
        if package.content_type(part).endswith(("worksheet+xml", "chart+xml", "table+xml")):
            for match in FORMULA.finditer(package.read(part)):
                found |= set(_WORD.findall(match[3].decode("utf-8", "replace").lower()))
    for name in names:
        found |= set(_WORD.findall((name.text or "").lower()))
    return frozenset(found)


def _remove(element: Element) -> None:
    """Take ``element`` out, and what stood around it alone."""
    parent = element.getparent()
    parent.remove(element)
    while local(parent) in ("Choice", "Fallback", "AlternateContent") and not len(parent):
        parent, empty = parent.getparent(), parent
        parent.remove(empty)


def clean_comments(package: Package, kinds: frozenset[str]) -> None:
    """Empty authors' names, also where a comment begins with one, and give people of threads a number for a name."""
    for name in list(package.names()):
        kind = package.content_type(name).lower()
        if "comment-author" in kinds and kind.endswith("comments+xml") and "threaded" not in kind:
            _clean_authors(package, name)
        elif "person" in kinds and kind.endswith("person+xml"):
            root = package.tree(name)
            for number, person in enumerate(descendants(root, "person"), 1):
                person.set("displayName", f"Person {number}")
                person.set("userId", f"person{number}")
                person.set("providerId", "None")
            package.put(name, serialise(root))


def _clean_authors(package: Package, name: str) -> None:
    root = package.tree(name)
    gone = set()
    for author in descendants(root, "author"):
        text = (author.text or "").strip()
        if text and not text.startswith("tc="):
            gone.add(text)
            author.text = None
    for comment in descendants(root, "comment"):
        first = next(descendants(comment, "t"), None)
        start = (first.text or "").lstrip() if first is not None else ""
        named = next((one for one in sorted(gone, key=len, reverse=True) if start.startswith(one)), None)
        if first is not None and named is not None and start[len(named) :].lstrip()[:1] in ("", ":"):
            first.text = start[len(named) :].lstrip().removeprefix(":").lstrip()
    if gone:
        package.put(name, serialise(root))


def clean_images(package: Package, kinds: frozenset[str]) -> None:
    """Take what pictures say besides their pixels out of them."""
    if "image-metadata" not in kinds:
        return
    for name in list(package.names()):
        if name.rsplit(".", 1)[-1] in ("jpg", "jpeg", "png") or package.content_type(name).startswith("image/"):
            content = package.read(name)
            if image_facts(content):
                package.put(name, without_facts(content))


def cut_relationships(book: Workbook, kinds: frozenset[str]) -> None:
    """Cut what may be cut off: the parts behind are unreachable then."""
    package = book.package
    for part in ["", *sorted(package.closure([rel.target for rel in package.relationships("") if not rel.external]))]:
        gone = set()
        for rel in package.relationships(part):
            kind = RELATED.get(rel.kind, "")
            if rel.type in (UNDO, COLUMNS) or (
                kind in CUT and kind in kinds and not _is_labelled(package, rel.target, rel.kind)
            ):
                gone.add(rel.id)
            elif rel.kind == "customXml" and "custom-xml" in kinds:
                gone.add(rel.id)
            elif rel.kind == "xmlMaps" and "custom-xml" in kinds and not _maps_used(package):
                gone.add(rel.id)
            elif rel.kind == "hyperlink" and rel.external and "link" in kinds and not is_safe_link(rel.target):
                gone.add(rel.id)
        if gone:
            package.remove_relationships(part, gone)
        kind = package.content_type(part).lower() if part else ""
        if kind.endswith("table+xml") and "pivot" not in kind and "querytable" not in kind:
            if "query" in kinds:
                _plain_table(package, part)
            _clean_table(package, part, kinds)
        elif kind.endswith("drawing+xml"):
            _clean_drawing(package, part, gone, kinds)
        elif kind.endswith("vmldrawing"):
            _clean_vml(package, part, kinds)
        elif kind.endswith("chart+xml") and "external-link" in kinds:
            _keep_figures(package, part)


def _is_labelled(package: Package, part: str, kind: str) -> bool:
    return kind == "custom-properties" and package.has(part) and b"MSIP_Label" in package.read(part)


def _plain_table(package: Package, part: str) -> None:
    root = package.tree(part)
    if root.get("tableType") != "queryTable":
        return
    for name in _TABLE_QUERY:
        root.attrib.pop(name, None)
    for column in descendants(root, "tableColumn"):
        column.attrib.pop("queryTableFieldId", None)
        column.attrib.pop("uniqueName", None)
    package.put(part, serialise(root))


def _clean_table(package: Package, part: str, kinds: frozenset[str]) -> None:
    """Take the remark on a table out, and the criteria of its filter."""
    root = package.tree(part)
    changed = "comment" in kinds and root.attrib.pop("comment", None) is not None
    for column in list(descendants(root, "filterColumn")) if "active-filter" in kinds else ():
        column.getparent().remove(column)
        changed = True
    if changed:
        package.put(part, serialise(root))


def clean_markup(package: Package) -> None:
    """Take remarks out from between the elements of all parts."""
    for name in list(package.names()):
        kind = package.content_type(name).lower()
        if not (kind.endswith("xml") or name.endswith((".xml", ".rels"))) or name.endswith(".vml"):
            continue
        if any(b"<!--" in block for block in package.chunks(name)):
            content = package.read(name)
            package.put(name, re.sub(rb"<!--.*?-->", b"", content, flags=re.DOTALL))


def _clean_drawing(package: Package, part: str, gone: set[str], kinds: frozenset[str]) -> None:
    root, changed = package.tree(part), False
    for element in list(root.iter()):
        if not isinstance(element.tag, str):
            continue
        if "macros" in kinds and element.get("macro"):
            element.set("macro", "")
            changed = True
        if local(element) in ("hlinkClick", "hlinkHover") and set(element.attrib.values()) & gone:
            element.getparent().remove(element)
            changed = True
    if changed:
        package.put(part, serialise(root))


def _maps_used(package: Package) -> bool:
    """Whether a table or a cell is filled by an XML map."""
    kinds = {name: package.content_type(name) for name in package.names()}
    if any(kind.endswith("tableSingleCells+xml") for kind in kinds.values()):
        return True
    return any(b"xmlColumnPr" in package.read(name) for name, kind in kinds.items() if kind.endswith("table+xml"))


def _keep_figures(package: Package, part: str) -> None:
    """Series of a chart that point to another workbook keep their last figures instead."""
    root, changed = package.tree(part), False
    for name in ("numRef", "strRef"):
        for ref in list(descendants(root, name)):
            danger = formula_danger(next((f.text or "" for f in children(ref) if local(f) == "f"), ""))
            cache = find(ref, name.replace("Ref", "Cache"))
            if danger is None or danger[0] != "external-link" or cache is None:
                continue
            space, parent = ref.tag.rpartition("}")[0] + "}", ref.getparent()
            if local(parent) == "tx":
                made = root.makeelement(space + "v", {})
                made.text = " ".join("".join(point.itertext()).strip() for point in descendants(cache, "pt"))
            else:
                made = root.makeelement(space + name.replace("Ref", "Lit"), {})
                for child in list(cache):
                    made.append(child)
            parent.replace(ref, made)
            changed = True
    if changed:
        package.put(part, serialise(root))


def clean_strings(book: Workbook, memo: SheetMemo) -> None:
    """Blank the shared strings that no cell shows; the others keep their positions."""
    part, left = book.related("sharedStrings"), memo.unused(book)
    if part is None or not left:
        return
    positions = itertools.count()

    def blank(match: re.Match[bytes]) -> bytes:
        prefix = match[1]
        return b"<%bsi><%bt/></%bsi>" % (prefix, prefix, prefix) if next(positions) in left else match[0]

    item = re.compile(rb"<((?:\w+:)?)si\b[^>]*?(?:/>|>.*?</\1si>)", re.DOTALL)
    book.package.put(part, item.sub(blank, book.package.read(part)))


def _clean_vml(package: Package, part: str, kinds: frozenset[str]) -> None:
    plain = content = package.read(part)
    # VML is often not well-formed, so its text is changed and nothing else.
    if "macros" in kinds:
        plain = re.sub(rb"<(\w+:)?FmlaMacro>.*?</(\w+:)?FmlaMacro>", b"", plain, flags=re.DOTALL)
    if "comment" in kinds:
        plain = _NOTE.sub(b"", plain)
    if plain != content:
        package.put(part, plain)

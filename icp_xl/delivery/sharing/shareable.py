"""Say of any workbook what should not leave the house inside it: every finding with its place and the remedy."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from icp_xl.delivery.sharing.finding_types import Finding
from icp_xl.delivery.sharing.formula_safety import OVERLAP, find_path, formula_danger, is_safe_link
from icp_xl.delivery.sharing.image_metadata import image_facts
from icp_xl.delivery.sharing.sheet_scan import SheetMemo, own_functions
from icp_xl.opc.package import CONTENT_TYPES, Package, Relationship, open_package, relationships_of
from icp_xl.opc.unsupported import RefusedError
from icp_xl.opc.workbook_part import Workbook
from icp_xl.opc.xml import Element, children, descendants, find, local, truthy

#: One of the names that our functions are made of.
MODEL_MARK = "icp_fn_each"
#: Findings of one sort in one part; more are counted, not listed.
MOST = 20
#: Kinds of relationship to parts that are a finding by being there.
RELATED = {
    "vbaProject": "macros", "vbaProjectSignature": "macros", "wordVbaData": "macros",
    "xlMacrosheet": "macro-sheet", "xlIntlMacrosheet": "macro-sheet", "control": "activex",
    "activeXControlBinary": "activex", "extensibility": "ribbon", "userCustomization": "ribbon",
    "webextension": "web-extension", "webextensiontaskpanes": "web-extension",
    "externalLink": "external-link", "connections": "connection", "queryTable": "query",
    "powerPivotData": "data-model", "oleObject": "embedded-object", "package": "embedded-object",
    "custom-properties": "custom-property", "customProperty": "custom-property", "printerSettings": "printer-settings",
    "customXml": "custom-xml", "xmlMaps": "custom-xml", "revisionHeaders": "revision-log",
    "usernames": "revision-log", "thumbnail": "thumbnail", "origin": "signature", "signature": "signature",
    "classificationlabels": "label", "comments": "comment", "threadedComment": "comment",
    "documentTask": "comment", "namedSheetView": "view", "attachedToolbars": "ribbon",
    "volatileDependencies": "connection",
}  # fmt: skip
PERSONAL = (
    "creator", "lastModifiedBy", "subject", "identifier", "Template", "Manager", "Company", "HyperlinkBase",
    "description", "keywords", "category", "contentStatus",
)  # fmt: skip


#: Attributes of a defined name that are free text.
NAME_TEXTS = ("comment", "description", "help", "statusBar", "customMenu")
#: References of a form control to cells.
CONTROL_FORMULAS = ("fmlaRange", "fmlaLink", "fmlaGroup", "fmlaTxbx")


@dataclass(frozen=True)
class Shareable:
    """All findings of one workbook, in the order in which they were met."""

    path: Path
    findings: tuple[Finding, ...]

    @property
    def safe(self) -> bool:
        """Whether nothing in it should keep it from being sent."""
        return not any(found.unsafe for found in self.findings)

    def lines(self) -> list[str]:
        """The findings as lines of text."""
        if not self.findings:
            return [f"{self.path.name}: safe to send, nothing found."]
        graves = sum(found.unsafe for found in self.findings)
        noted = len(self.findings) - graves
        head = f"not safe to send, {graves} finding{'s' if graves != 1 else ''}" if graves else "safe to send"
        head += f", {noted} note{'s' if noted != 1 else ''}" if noted else ""
        ordered = sorted(self.findings, key=lambda found: not found.unsafe)
        return [f"{self.path.name}: {head}."] + [f"  {'!' if f.unsafe else '-'} {f}" for f in ordered]


def check_shareable(path: Path, allow: frozenset[str] = frozenset()) -> Shareable:
    """Look into every part of the workbook at ``path``.

    Args:
        allow: kinds of :data:`~icp_xl.delivery.sharing.finding_types.FINDINGS` that are accepted and left out.

    A workbook that cannot be looked into (a password, an older format, damage) is itself a finding, with the reason.
    """
    try:
        with open_package(path) as package:
            found = list(_limited(find_unshareable(package)))
    except RefusedError as error:
        found = [Finding("unreadable", "", path.name, error.fault.what)]
    return Shareable(path, tuple(item for item in found if item.kind not in allow))


def find_unshareable(package: Package, memo: SheetMemo | None = None) -> Iterator[Finding]:
    """Every finding of an open package; ``memo`` keeps what large sheets hold for the next look."""
    memo = SheetMemo() if memo is None else memo
    book = Workbook(package)
    sheets = sheet_names(book)
    if package.archive.comment:
        yield Finding("container-comment", "", "", package.archive.comment[:40].decode("utf-8", "replace"))
    for name in commented_entries(package):
        yield Finding("container-comment", name)
    yield from _types(package)
    yield from _relationships(package, sheets)
    yield from _workbook(book)
    yield from _properties(package)
    yield from stale_titles(book)
    told = printed = False
    strings = memo.strings(package, book.related("sharedStrings"))
    for element in book.sheet_elements():
        part = book.sheet_part(element)
        if part is not None and package.content_type(part).endswith("worksheet+xml"):
            for found in memo.scan(package, part, element.get("name") or "", strings, quoted_styles(book)):
                told |= found.kind == "path"
                if found.kind != "header-text":
                    yield found
                elif not printed:  # one for all pages
                    printed = True
                    yield found
    part = book.related("sharedStrings")
    left = memo.unused(book)
    if part is not None and left:
        yield Finding("unused-text", part, "", f"{len(left):,} texts, the first {next(iter(left.values()))[:40]!r}")
    yield from _other_parts(package, sheets, book, told, memo)


def commented_entries(package: Package) -> list[str]:
    """Parts whose entry in the container has a comment of its own."""
    known = {name.lower() for name in package.names()} - {name.lower() for name in package.new}
    entries = (entry for entry in package.archive.entries if entry.name.lower() in known)
    return [entry.name.lower() for entry in entries if entry.central[32:34] not in (b"", b"\0\0")]


def sheet_names(book: Workbook) -> dict[str, str]:
    """Sheet name by the lower-case name of its part, and of the parts that hang on it alone."""
    found: dict[str, str] = {}
    for element in book.sheet_elements():
        part = book.sheet_part(element)
        if part is None:
            continue
        name = f"sheet {element.get('name') or ''}"
        found[part.lower()] = name
        for below in book.package.closure([part], without=[book.part]):
            found.setdefault(below, name)
    return found


def quoted_styles(book: Workbook) -> frozenset[str]:
    """Cell formats whose text is marked as text with an apostrophe."""
    part = book.related("styles")
    if part is None:
        return frozenset()
    formats = find(book.package.tree(part), "cellXfs")
    return frozenset(str(i) for i, xf in enumerate(children(formats)) if truthy(xf.get("quotePrefix")))


def _limited(found: Iterator[Finding]) -> Iterator[Finding]:
    seen: dict[tuple[str, str], int] = {}
    for item in found:
        key = (item.kind, item.part)
        seen[key] = seen.get(key, 0) + 1
        if seen[key] <= MOST:
            yield item
    for (kind, part), count in seen.items():
        if count > MOST:
            yield Finding(kind, part, "", f"and {count - MOST:,} more")


def _types(package: Package) -> Iterator[Finding]:
    for name in package.names():
        kind = package.content_type(name).lower()
        if "vbaproject" in kind:
            yield Finding("macros", name)
        elif "macrosheet" in kind:
            yield Finding("macro-sheet", name)
        elif "activex" in kind or name.startswith("xl/ctrlprops/") and b"ActiveX" in package.read(name)[:200]:
            yield Finding("activex", name)
        elif "pivotcacherecords" in kind:
            yield Finding("pivot-cache", name)
        elif "oleobject" in kind:
            yield Finding("embedded-object", name)
        elif name.startswith("customxml/item") and "props" not in name:
            yield Finding("query" if b"DataMashup" in package.read(name)[:4000] else "custom-xml", name)


def _relationships(package: Package, sheets: dict[str, str]) -> Iterator[Finding]:
    reached = package.closure([rel.target for rel in package.relationships("") if not rel.external])
    plumbing = {CONTENT_TYPES.lower(), relationships_of("").lower()}
    for name in package.names():
        if name.endswith(".rels") or name in plumbing:
            if name.endswith(".rels") and name not in plumbing and _owner(name) not in reached:
                yield Finding("stray-part", name)
        elif name not in reached:
            yield Finding("stray-part", name)
    for part in ["", *sorted(reached)]:
        for rel in package.relationships(part):
            if rel.external and rel.kind == "externalLinkPath" and part.lower() in sheets:
                yield Finding("external-link", part, sheets[part.lower()], rel.target[:80])
            yield from _relationship(rel, part, sheets.get(part, ""))


def _owner(rels: str) -> str:
    folder, _, name = rels.rpartition("/")
    return (folder.removesuffix("_rels") + name.removesuffix(".rels")).lower()


def _relationship(rel: Relationship, part: str, location: str) -> Iterator[Finding]:
    if rel.external:
        if rel.kind == "hyperlink":
            if not is_safe_link(rel.target):
                yield Finding("link", part, location, rel.target[:80])
        elif rel.kind not in ("externalLinkPath", "externalLinkLongPath", "xlPathMissing", "alternateUrls"):
            yield Finding("external-data", part, location, rel.target[:80])
        return
    kind = RELATED.get(rel.kind)
    if kind == "custom-xml" and rel.kind == "customXml" and rel.target.lower().lstrip("/").startswith("customxml/item"):
        return  # named by its part
    if kind is not None and not (rel.kind == "control" and "ctrlprop" in rel.target.lower()):
        yield Finding(kind, rel.target, location)


def _workbook(book: Workbook) -> Iterator[Finding]:
    for element in book.sheet_elements():
        state = element.get("state") or "visible"
        if state != "visible":
            words = "very hidden" if state == "veryHidden" else "hidden"
            yield Finding("hidden-sheet", book.part, f"sheet {element.get('name')}", words)
    own = own_functions(book)
    if MODEL_MARK in own:
        yield Finding("score-model", book.part)
    for name in book.defined_names():
        called = name.get("name") or ""
        if truthy(name.get("hidden")) and not called.startswith(("_xlnm.", "_xlfn", "_xlpm", "_xlws")):
            yield Finding("hidden-name", book.part, f"name {called}"[:80])
        said = next((name.get(what) for what in NAME_TEXTS if name.get(what)), None)
        if said:
            yield Finding("comment", book.part, f"name {called}"[:80], said[:60])
        danger = formula_danger(name.text or "", own)
        if danger is not None:
            yield Finding(danger[0], book.part, f"name {called}"[:80], danger[1])
    for element in book.root.iter():
        what = local(element)
        if what == "absPath":
            yield Finding("saved-path", book.part, "", (element.get("url") or "")[:80])
        elif what == "customWorkbookView":
            yield Finding("view", book.part, "", (element.get("name") or "")[:60])
        elif what == "fileSharing" and element.get("userName"):
            yield Finding("user-name", book.part, "", (element.get("userName") or "")[:60])


def _properties(package: Package) -> Iterator[Finding]:
    for rel in package.relationships(""):
        if rel.external or not package.has(rel.target):
            continue
        if rel.kind in ("core-properties", "extended-properties"):
            for element in children(package.tree(rel.target)):
                if local(element) in PERSONAL and (element.text or "").strip():
                    yield Finding("property", rel.target, "", f"{local(element)}: {(element.text or '').strip()[:60]}")
        elif rel.kind == "custom-properties":
            names = [str(e.get("name") or "") for e in children(package.tree(rel.target))]
            if any(name.startswith("MSIP_Label") for name in names):
                yield Finding("label", rel.target)


def stale_titles(book: Workbook) -> Iterator[Finding]:
    """Titles in the properties that no sheet and no name has any more."""
    package, known = book.package, {element.get("name") or "" for element in book.sheet_elements()}
    known |= {(name.get("name") or "").removeprefix("_xlnm.") for name in book.defined_names()}
    for rel in package.relationships(""):
        if rel.kind == "extended-properties" and not rel.external and package.has(rel.target):
            for titles in descendants(package.tree(rel.target), "TitlesOfParts"):
                for text in ((e.text or "").strip() for e in descendants(titles, "lpstr")):
                    sheet, _, name = text.rpartition("!")  # a name of one sheet is 'Sheet'!Name
                    plain = sheet.removeprefix("'").removesuffix("'").replace("''", "'")
                    if text and text not in known and not (name in known and plain in known):
                        yield Finding("property", rel.target, "", f"title of a part: {text[:60]}")
                        return


def _other_parts(
    package: Package, sheets: dict[str, str], book: Workbook, told: bool, memo: SheetMemo
) -> Iterator[Finding]:
    """Pictures, paths in any text, and what single parts hold; ``told``: the cells with a path are named already."""
    own, strings = own_functions(book), (book.related("sharedStrings") or "").lower()
    for name in package.names():
        about = package.content_type(name).lower(), sheets.get(name, ""), own
        for found in memo.once(package, name, about, partial(_in_part, package, name, *about)):
            if found.kind != "path" or not (
                (told and name == strings) or (name == book.part.lower() and b"absPath" in package.read(name))
            ):
                yield found


def _in_part(package: Package, name: str, kind: str, location: str, own: frozenset[str]) -> Iterator[Finding]:
    if kind.startswith("image/") or name.rsplit(".", 1)[-1] in ("jpg", "jpeg", "png"):
        facts = image_facts(package.read(name))
        if facts:
            yield Finding("image-metadata", name, location, ", ".join(facts))
        return
    if not (kind.endswith(("xml", "vmldrawing")) or name.endswith((".xml", ".rels", ".vml"))):
        return
    if not (kind.endswith("vmldrawing") or name.endswith(".vml")) and any(
        b"<!--" in block for block in package.chunks(name)
    ):
        yield Finding("markup-comment", name, location)
    path = _path_in(package, name)
    if path is not None:
        yield Finding("path", name, location, path)
    yield from _by_content(package, name, kind, location, own)


def _path_in(package: Package, name: str) -> str | None:
    tail = b""
    for block in package.chunks(name):
        if block[:2] in (b"\xff\xfe", b"\xfe\xff"):
            return find_path(package.read(name).decode("utf-16", "replace").encode())
        found = find_path(tail + block)
        if found is not None:
            return found
        tail = block[-OVERLAP:]
    return None


def _by_content(package: Package, name: str, kind: str, location: str, own: frozenset[str]) -> Iterator[Finding]:
    if kind.endswith("comments+xml") and "threaded" not in kind:
        for author in descendants(package.tree(name), "author"):
            text = (author.text or "").strip()
            if text and not text.startswith("tc="):
                yield Finding("comment-author", name, location, text[:60])
    elif kind.endswith("person+xml"):
        for person in descendants(package.tree(name), "person"):
            called = person.get("displayName") or ""
            if not is_anonymous(called):
                yield Finding("person", name, "", called[:60])
    elif kind.endswith("pivotcachedefinition+xml"):
        root = package.tree(name)
        if any(children(items) for items in descendants(root, "sharedItems")):
            yield Finding("pivot-cache", name, "", "items")
    elif kind.endswith("externallink+xml"):
        if any(True for _ in descendants(package.tree(name), "ddeLink")):
            yield Finding("dde", name)
    elif kind.endswith(("chart+xml", "chartex+xml")):
        root = package.tree(name)
        yield from _formulas(root, ("f",), name, location, own)
        for element in root.iter():
            if isinstance(element.tag, str) and re.fullmatch(r"filtered\w*Series", local(element)):
                yield Finding("hidden-series", name, location, "".join(element.itertext()).strip()[:40])
    elif kind.endswith("table+xml") and "query" not in kind and "pivot" not in kind:
        root = package.tree(name)
        yield from _formulas(root, ("calculatedColumnFormula", "totalsRowFormula"), name, location, own)
        if root.get("comment"):
            yield Finding("comment", name, f"table {root.get('displayName')}"[:80], (root.get("comment") or "")[:60])
        if any(True for _ in descendants(root, "filterColumn")):
            yield Finding("active-filter", name, f"table {root.get('displayName')}"[:80])
    elif kind.endswith("controlproperties+xml"):
        root = package.tree(name)
        for what in CONTROL_FORMULAS:
            outward = formula_danger(root.get(what) or "")
            if outward is not None:
                yield Finding(outward[0], name, location, outward[1])
    elif kind.endswith("slicercache+xml"):
        if any(item.get("n") for item in descendants(package.tree(name), "i")):
            yield Finding("pivot-cache", name, "", "items of a slicer")
    elif kind.endswith("vmldrawing"):
        for shape in re.findall(rb"<v:shape\b(?:(?!</v:shape>).)*</v:shape>", package.read(name), re.DOTALL):
            words = re.sub(rb"<x:ClientData\b.*?</x:ClientData>|<[^>]*>", b"", shape, flags=re.DOTALL).strip()
            if words and re.search(rb"ObjectType=[\"']Note[\"']", shape) is not None:
                yield Finding("comment", name, location)
            style = re.search(rb"^<v:shape\b[^>]*visibility:\s*hidden", shape)
            if style is not None and re.search(rb"ObjectType=[\"']Note[\"']", shape) is None:
                yield Finding("hidden-shape", name, location)
    elif kind.endswith(("drawing+xml", "chartshapes+xml")):
        for element in package.tree(name).iter():
            if not isinstance(element.tag, str):
                continue
            if (element.get("macro") or "").strip():
                yield Finding("macros", name, location, (element.get("macro") or "")[:60])
            danger = formula_danger(element.get("textlink") or "")
            if danger is not None:
                yield Finding(danger[0], name, location, danger[1])
            if local(element) == "cNvPr" and truthy(element.get("hidden")):
                yield Finding("hidden-shape", name, location, (element.get("name") or "")[:60])


def _formulas(root: Element, tags: tuple[str, ...], part: str, location: str, own: frozenset[str]) -> Iterator[Finding]:
    for tag in tags:
        for element in descendants(root, tag):
            danger = formula_danger(element.text or "", own)
            if danger is not None:
                yield Finding(danger[0], part, location, danger[1])


def is_anonymous(name: str) -> bool:
    """Whether a person of threaded comments is called by a number, as in our copies.

    >>> is_anonymous("Person 3"), is_anonymous("Jane Roe")
    (True, False)
    """
    return re.fullmatch(r"Person \d+|", name) is not None

"""XML of a package: parsed without entities, network or DTD; written back with nothing lost."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any, NoReturn
from xml.parsers import expat

from lxml import etree

from icp_xl.opc.unsupported import damaged, refuse

#: An lxml element; its stubs are looser than its behaviour.
Element = Any

PACKAGE = "http://schemas.openxmlformats.org/package/2006/"
REL = f"{{{PACKAGE}relationships}}Relationship"
TYPES = f"{{{PACKAGE}content-types}}"
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
MAIN_STRICT = "http://purl.oclc.org/ooxml/spreadsheetml/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
OFFICE_STRICT = "http://purl.oclc.org/ooxml/officeDocument/relationships"
COMPATIBILITY = "http://schemas.openxmlformats.org/markup-compatibility/2006"
#: Namespaces that Excel understands, so that it takes the ``Choice`` of an ``AlternateContent`` that requires them.
UNDERSTOOD = frozenset(
    "http://schemas.microsoft.com/office/" + name
    for name in (
        "spreadsheetml/2009/9/main", "spreadsheetml/2009/9/ac", "spreadsheetml/2010/11/main",
        "spreadsheetml/2010/11/ac", "spreadsheetml/2015/02/main", "spreadsheetml/2014/11/main",
        "spreadsheetml/2014/revision", "spreadsheetml/2015/revision2", "spreadsheetml/2016/revision3",
        "spreadsheetml/2016/revision9", "drawing/2010/main", "drawing/2014/main",
    )
)  # fmt: skip
_STRICT = (
    (MAIN, MAIN_STRICT),
    (OFFICE, OFFICE_STRICT),
    *(
        (
            f"http://schemas.openxmlformats.org/drawingml/2006/{name}",
            f"http://purl.oclc.org/ooxml/drawingml/{name}",
        )
        for name in ("main", "chart", "spreadsheetDrawing")
    ),
)


def parse(content: bytes, part: str, where: str) -> Element:
    """Parse one part.

    Raises:
        RefusedError: malformed, or with a DOCTYPE (no program writes one, and entities can be bombs).
    """
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, strip_cdata=False
    )
    try:
        root = etree.fromstring(content, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        damaged("a part is not well-formed", where=where, got=f"{part}: {str(error)[:120]}")
    if root is None:
        damaged("a part is empty", where=where, got=part)
    docinfo: Any = root.getroottree().docinfo
    if docinfo.doctype:
        refuse_doctype(part, where)
    return root


def check_well_formed(content: bytes, part: str, where: str) -> None:
    """Read one part from end to end, as a stream, before it goes into somebody's workbook.

    Raises:
        RefusedError: as :func:`parse`.
    """
    reader = expat.ParserCreate()
    reader.StartDoctypeDeclHandler = lambda *_: refuse_doctype(part, where)
    try:
        reader.Parse(content, True)
    except expat.ExpatError as error:
        damaged("a part is not well-formed", where=where, got=f"{part}: {str(error)[:120]}")


def refuse_doctype(part: str, where: str) -> NoReturn:
    """Refuse a workbook with a part that declares a document type."""
    refuse("doctype", "a part of the workbook declares a document type, which no workbook needs",
           "Do not trust this file; save it afresh from Excel if it is yours. Nothing was changed.",
           where=where, got=part)  # fmt: skip


def serialise(root: Element) -> bytes:
    """The bytes of a part."""
    body: bytes = etree.tostring(root, xml_declaration=True, encoding="UTF-8", standalone=True)
    return body


def local(element: Element) -> str:
    """Name without namespace; empty for comments and instructions."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def namespace(element: Element) -> str:
    """Namespace of an element."""
    return str(etree.QName(element).namespace or "")


def children(element: Element | None) -> list[Element]:
    """Element children as a reader sees them: an ``AlternateContent`` stands for the branch that Excel takes."""
    found: list[Element] = []
    for child in element if element is not None else ():
        if not isinstance(child.tag, str):
            continue
        if child.tag == f"{{{COMPATIBILITY}}}AlternateContent":
            found += children(_branch(child))
        else:
            found.append(child)
    return found


def _branch(alternate: Element) -> Element | None:
    for branch in alternate:
        if local(branch) == "Choice":
            wanted = {branch.nsmap.get(prefix) for prefix in (branch.get("Requires") or "").split()}
            if wanted <= UNDERSTOOD:
                return branch
    return next((branch for branch in alternate if local(branch) == "Fallback"), None)


def find(element: Element, name: str) -> Element | None:
    """The first child called ``name``, whatever its namespace."""
    return next((child for child in children(element) if local(child) == name), None)


def descendants(element: Element, name: str) -> Iterator[Element]:
    """Every element below called ``name``, whatever its namespace."""
    found: Iterator[Element] = element.iter("{*}" + name)
    return found


def insert_ordered(parent: Element, child: Element, order: tuple[str, ...]) -> None:
    """Put ``child`` where the schema's ``order`` of the children of ``parent`` wants it."""
    before = set(order[: order.index(local(child)) + 1])
    at = 0
    for index, other in enumerate(parent):
        names = {local(other)} | (
            {local(x) for x in children(parent) if _within(x, other)} if local(other) == "AlternateContent" else set()
        )
        if names & before:
            at = index + 1
    if at == 0:
        first = next((i for i, other in enumerate(parent) if isinstance(other.tag, str)), len(parent))
        at = first
    parent.insert(at, child)


def _within(element: Element, ancestor: Element) -> bool:
    return any(node is ancestor for node in element.iterancestors())


def clone(element: Element) -> Element:
    """A deep copy without the text after it."""
    made = copy.deepcopy(element)
    made.tail = None
    return made


def to_strict(content: bytes) -> bytes:
    """Translate the namespaces of a transitional part into those of a strict one."""
    for old, new in _STRICT:
        content = content.replace(old.encode(), new.encode())
    return content


def truthy(value: str | None) -> bool:
    """An XML boolean."""
    return value in ("1", "true", "on")

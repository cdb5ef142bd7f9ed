"""What the package of an .xlsx workbook says of its sheets: names, parts, visibility, date system."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass, field
from xml.sax.saxutils import quoteattr

from icp_xl.opc.archive import Archive, deterministic_zip
from icp_xl.opc.package import Package, Relationship
from icp_xl.opc.unsupported import RefusedError
from icp_xl.opc.xml import Element, truthy

#: How a part in UTF-16 begins.
_WIDE = (b"\xff\xfe", b"\xfe\xff")
#: What readers need of a workbook, and where they look for it below ``xl``.
_READ = {
    "worksheet": "worksheets/", "chartsheet": "chartsheets/", "dialogsheet": "dialogsheets/",
    "styles": "styles.xml", "sharedStrings": "sharedStrings.xml",
}  # fmt: skip
_CONTENT = "application/vnd.openxmlformats-officedocument.spreadsheetml."


@dataclass(frozen=True)
class SheetList:
    """Sheets of a workbook as name to part, the hidden ones, and whether days count from 1904.

    ``usual`` says that every part lies where readers look for it without asking.
    """

    parts: dict[str, str] = field(default_factory=dict)
    hidden: frozenset[str] = frozenset()
    date1904: bool = False
    usual: bool = True


def read_sheet_list(data: bytes) -> SheetList:
    """The package's own list of sheets; an empty one where the package cannot be understood."""
    try:
        package = Package(Archive.read(io.BytesIO(data), ""))
        office, root = _workbook(package)
        relations = {rel.id: rel for rel in package.relationships(office.target) if not rel.external}
        parts, hidden = {}, set()
        for sheet in root.iter("{*}sheet"):
            name = sheet.get("name", "")
            rel = relations.get(next((v for attr, v in sheet.attrib.items() if str(attr).endswith("}id")), ""))
            if rel is not None and package.has(rel.target):
                parts[name] = package.entries[rel.target.lower()].name
            if sheet.get("state", "visible") != "visible":
                hidden.add(name)
        properties = root.find("{*}workbookPr")
        usual = office.target.lower() == "xl/workbook.xml" and all(map(_usual, relations.values()))
        usual = usual and not package.read(office.target).startswith(_WIDE)
        return SheetList(parts, frozenset(hidden), properties is not None and truthy(properties.get("date1904")), usual)
    except (RefusedError, KeyError, ValueError):
        return SheetList()


def _workbook(package: Package) -> tuple[Relationship, Element]:
    """The relationship to the workbook part, and that part parsed."""
    office = next((rel for rel in package.relationships("") if rel.kind == "officeDocument" and not rel.external), None)
    if office is None:
        raise KeyError("workbook")
    return office, package.tree(office.target)


def _usual(relation: Relationship) -> bool:
    """Whether a reader that does not resolve targets finds the part."""
    if relation.kind not in _READ:
        return True
    usual = _READ[relation.kind]
    written = relation.written.removeprefix("/xl/").removeprefix("xl/")
    return written.lower() == usual.lower() or (usual.endswith("/") and bool(re.fullmatch(r"\w+/[\w.-]+", written)))


def normalise_package(data: bytes) -> bytes:
    """The same workbook with what readers need of it laid out as Excel does, and nothing else.

    One reader looks for formats and texts under fixed names, and without them takes dates for numbers.
    """
    package = Package(Archive.read(io.BytesIO(data), ""))
    office, _ = _workbook(package)
    made = {"xl/workbook.xml": _narrow(package.read(office.target))}
    rels, types = [], [_declared("xl/workbook.xml", "sheet.main")]
    for relation in package.relationships(office.target):
        if relation.kind not in _READ or relation.external or not package.has(relation.target):
            continue
        usual = _READ[relation.kind]
        target = f"{usual}sheet{len(made)}.xml" if usual.endswith("/") else usual
        made[f"xl/{target}"] = _narrow(package.read(relation.target))
        rels.append(_relation(relation.id, relation.type, target))
        types.append(_declared(f"xl/{target}", relation.kind))
    made["xl/_rels/workbook.xml.rels"] = _list("Relationships", "relationships", rels)
    made["_rels/.rels"] = _list("Relationships", "relationships", [_relation("rId1", office.type, "xl/workbook.xml")])
    plain = '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    made["[Content_Types].xml"] = _list("Types", "content-types", [plain, *types])
    return deterministic_zip(made, level=1)


def _narrow(content: bytes) -> bytes:
    """A part in UTF-8, which is all that calamine reads."""
    if not content.startswith(_WIDE):
        return content
    return re.sub(r"""(<\?xml[^>]*?encoding=["'])[^"']*""", r"\1UTF-8", content.decode("utf-16"), count=1).encode()


def _relation(id_: str, type_: str, target: str) -> str:
    return f"<Relationship Id={quoteattr(id_)} Type={quoteattr(type_)} Target={quoteattr(target)}/>"


def _declared(part: str, kind: str) -> str:
    return f'<Override PartName="/{part}" ContentType="{_CONTENT}{kind}+xml"/>'


def _list(root: str, kind: str, items: list[str]) -> bytes:
    space = f"http://schemas.openxmlformats.org/package/2006/{kind}"
    return f'<{root} xmlns="{space}">{"".join(items)}</{root}>'.encode()

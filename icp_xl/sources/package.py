"""What the package of an .xlsx workbook says of its sheets: names, parts, visibility, date system."""

from __future__ import annotations

import io
import posixpath
import re
import zipfile
from dataclasses import dataclass, field
from urllib.parse import unquote
from xml.sax.saxutils import quoteattr

from lxml import etree

#: How a part in UTF-16 begins.
_WIDE = (b"\xff\xfe", b"\xfe\xff")
_WORKBOOK_TYPES = ("officeDocument",)


@dataclass(frozen=True)
class Package:
    """Sheets of a workbook as name to part, the hidden ones, and whether days count from 1904.

    ``usual`` says that every part lies where readers look for it without asking.
    """

    parts: dict[str, str] = field(default_factory=dict)
    hidden: frozenset[str] = frozenset()
    date1904: bool = False
    usual: bool = True


def read_package(data: bytes) -> Package:
    """The package's own list of sheets; an empty one where the package cannot be understood."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = {_clean(name).lower(): name for name in archive.namelist()}
            workbook = _workbook_part(archive, names)
            content = archive.read(names[workbook.lower()])
            root = _parse(content)
            folder, file = posixpath.split(workbook)
            relations = _relations(archive, names, f"{folder}/_rels/{file}.rels".lstrip("/"), folder)
            targets = {relation.id: relation.part for relation in relations}
            parts, hidden = {}, set()
            for sheet in root.iter("{*}sheet"):
                name = sheet.get("name", "")
                key = next((value for attr, value in sheet.attrib.items() if str(attr).endswith("}id")), "")
                part = names.get(targets.get(str(key), "").lower())
                if part is not None:
                    parts[name] = part
                if sheet.get("state", "visible") != "visible":
                    hidden.add(name)
            properties = root.find("{*}workbookPr")
            flag = "" if properties is None else properties.get("date1904", "")
            usual = workbook.lower() == "xl/workbook.xml" and all(relation.usual for relation in relations)
            usual = usual and not content.startswith(_WIDE)
            return Package(parts, frozenset(hidden), flag.lower() in ("1", "true", "on"), usual)
    except (zipfile.BadZipFile, KeyError, etree.XMLSyntaxError, OSError, ValueError, NotImplementedError, EOFError):
        return Package()
    except Exception as error:  # zlib and lzma have error types of their own
        if type(error).__module__ in ("zlib", "_lzma", "lzma"):
            return Package()
        raise


def _office(archive: zipfile.ZipFile, names: dict[str, str]) -> list[etree._Element]:
    relations = _parse(archive.read(names["_rels/.rels"])).iter("{*}Relationship")
    return [found for found in relations if found.get("Type", "").rpartition("/")[2] in _WORKBOOK_TYPES]


def _workbook_part(archive: zipfile.ZipFile, names: dict[str, str]) -> str:
    for relation in _office(archive, names):
        return posixpath.normpath("/" + _clean(relation.get("Target", ""))).lstrip("/")
    raise KeyError("workbook")


@dataclass(frozen=True)
class _Relation:
    """One relation of the workbook: its id, its type's whole name, what is written as its target, and the part."""

    id: str
    type: str
    written: str
    part: str

    @property
    def kind(self) -> str:
        return self.type.rpartition("/")[2]

    @property
    def usual(self) -> bool:
        """Whether a reader that does not resolve targets finds the part."""
        if self.kind not in _READ:
            return True
        place = _READ[self.kind]
        written = self.written.removeprefix("/xl/").removeprefix("xl/")
        return written.lower() == place.lower() or (place.endswith("/") and bool(re.fullmatch(r"\w+/[\w.-]+", written)))


#: What readers need of a workbook, and where they look for it below ``xl``.
_READ = {
    "worksheet": "worksheets/", "chartsheet": "chartsheets/", "dialogsheet": "dialogsheets/",
    "styles": "styles.xml", "sharedStrings": "sharedStrings.xml",
}  # fmt: skip
_CONTENT = "application/vnd.openxmlformats-officedocument.spreadsheetml."


def straighten(data: bytes) -> bytes:
    """The same workbook with what readers need of it laid out as Excel does, and nothing else.

    One reader looks for formats and texts under fixed names, and without them takes dates for numbers.
    """
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = {_clean(name).lower(): name for name in archive.namelist()}
        workbook = _workbook_part(archive, names)
        folder, file = posixpath.split(workbook)
        made = {"xl/workbook.xml": _narrow(archive.read(names[workbook.lower()]))}
        rels, types = [], [_declared("xl/workbook.xml", "sheet.main")]
        for relation in _relations(archive, names, f"{folder}/_rels/{file}.rels".lstrip("/"), folder):
            name = names.get(relation.part.lower())
            if relation.kind not in _READ or name is None:
                continue
            place = _READ[relation.kind]
            target = f"{place}sheet{len(made)}.xml" if place.endswith("/") else place
            made[f"xl/{target}"] = _narrow(archive.read(name))
            rels.append(_relation(relation.id, relation.type, target))
            types.append(_declared(f"xl/{target}", relation.kind))
        office = next(r.get("Type", "") for r in _office(archive, names))
    made["xl/_rels/workbook.xml.rels"] = _list("Relationships", "relationships", rels)
    made["_rels/.rels"] = _list("Relationships", "relationships", [_relation("rId1", office, "xl/workbook.xml")])
    plain = '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    made["[Content_Types].xml"] = _list("Types", "content-types", [plain, *types])
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as fresh:
        for name, body in made.items():
            fresh.writestr(name, body)
    return out.getvalue()


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


def _relations(archive: zipfile.ZipFile, names: dict[str, str], part: str, folder: str) -> list[_Relation]:
    found = []
    for relation in _parse(archive.read(names[part.lower()])).iter("{*}Relationship"):
        written = relation.get("Target", "")
        target = written.replace("\\", "/")
        absolute = target if target.startswith("/") else posixpath.join("/", folder, target)
        part_name = posixpath.normpath(absolute).lstrip("/")
        if part_name.lower() not in names:
            part_name = _clean(part_name)
        found.append(_Relation(relation.get("Id", ""), relation.get("Type", ""), written, part_name))
    return found


def _clean(name: str) -> str:
    return unquote(name).replace("\\", "/").lstrip("/")


def _parse(content: bytes) -> etree._Element:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    return etree.fromstring(content, parser)

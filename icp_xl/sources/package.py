"""What the package of an .xlsx workbook says of its sheets: names, parts, visibility, date system."""

from __future__ import annotations

import io
import posixpath
import zipfile
from dataclasses import dataclass, field
from urllib.parse import unquote

from lxml import etree

_WORKBOOK_TYPES = ("officeDocument",)


@dataclass(frozen=True)
class Package:
    """Sheets of a workbook as name to part, the hidden ones, and whether days count from 1904."""

    parts: dict[str, str] = field(default_factory=dict)
    hidden: frozenset[str] = frozenset()
    date1904: bool = False


def read_package(data: bytes) -> Package:
    """The package's own list of sheets; an empty one where the package cannot be understood."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = {_clean(name).lower(): name for name in archive.namelist()}
            workbook = _workbook_part(archive, names)
            root = _parse(archive.read(names[workbook.lower()]))
            folder, file = posixpath.split(workbook)
            targets = _relations(archive, names, f"{folder}/_rels/{file}.rels".lstrip("/"), folder)
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
            return Package(parts, frozenset(hidden), flag.lower() in ("1", "true", "on"))
    except (zipfile.BadZipFile, KeyError, etree.XMLSyntaxError, OSError, ValueError, NotImplementedError, EOFError):
        return Package()
    except Exception as error:  # zlib and lzma have error types of their own
        if type(error).__module__ in ("zlib", "_lzma", "lzma"):
            return Package()
        raise


def _workbook_part(archive: zipfile.ZipFile, names: dict[str, str]) -> str:
    targets = _parse(archive.read(names["_rels/.rels"]))
    for relation in targets.iter("{*}Relationship"):
        if relation.get("Type", "").rpartition("/")[2] in _WORKBOOK_TYPES:
            return _clean(relation.get("Target", ""))
    raise KeyError("workbook")


def _relations(archive: zipfile.ZipFile, names: dict[str, str], part: str, folder: str) -> dict[str, str]:
    found = {}
    for relation in _parse(archive.read(names[part.lower()])).iter("{*}Relationship"):
        target = relation.get("Target", "").replace("\\", "/")
        absolute = target if target.startswith("/") else posixpath.join("/", folder, target)
        found[relation.get("Id", "")] = _clean(posixpath.normpath(absolute))
    return found


def _clean(name: str) -> str:
    return unquote(name).replace("\\", "/").lstrip("/")


def _parse(content: bytes) -> etree._Element:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    return etree.fromstring(content, parser)

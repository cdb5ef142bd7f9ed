"""Merge the formats of a rendered workbook into the style sheet of another: append only, nothing renumbered.

Positions in a style list are what cells point at, so nothing of the target's moves. A format that the target has
already is used again, and so a second run adds nothing. Our default format becomes the target's own.
"""

from __future__ import annotations

from dataclasses import dataclass

from icp_xl.opc.unsupported import refuse
from icp_xl.opc.xml import Element, children, clone, descendants, find, insert_ordered, local, namespace

#: Excel stops at 65,490 cell formats; some programs sooner.
MAX_FORMATS = 64_000
ORDER = (
    "numFmts", "fonts", "fills", "borders", "cellStyleXfs", "cellXfs", "cellStyles", "dxfs", "tableStyles", "colors",
    "extLst",
)  # fmt: skip
_PARTS = (("fonts", "fontId", "applyFont"), ("fills", "fillId", "applyFill"), ("borders", "borderId", "applyBorder"))
_Key = tuple[object, ...]


@dataclass(frozen=True)
class StyleMap:
    """Where formats of the rendered workbook stand in the target: cell formats and differential formats."""

    cells: dict[int, int]
    differential: dict[int, int]


def _key(element: Element) -> _Key:
    """What a format is, so that equal ones compare equal whatever their prefixes and order of attributes."""
    attributes = tuple(sorted((str(name).rsplit("}", 1)[-1], value) for name, value in element.attrib.items()))
    return (
        local(element), attributes, (element.text or "").strip(), tuple(_key(child) for child in children(element)),
    )  # fmt: skip


class StyleSheet:
    """A style sheet part that can be appended to."""

    def __init__(self, root: Element) -> None:
        self.root = root
        self.n = f"{{{namespace(root)}}}"
        self._index: dict[str, dict[_Key, int]] = {}

    def collection(self, name: str) -> Element:
        """The list ``name``, made in its place where it is absent."""
        found = find(self.root, name)
        if found is None:
            found = self.root.makeelement(self.n + name, {})
            insert_ordered(self.root, found, ORDER)
        return found

    def append(self, name: str, items: list[Element]) -> list[int]:
        """Positions of ``items`` in the list ``name``, appending those that it lacks."""
        found = self.collection(name)
        existing = children(found)
        if name not in self._index:
            index: dict[_Key, int] = {}
            for position, child in enumerate(existing):
                index.setdefault(_key(child), position)
            self._index[name] = index
        index, count, positions = self._index[name], len(existing), []
        for item in items:
            key = _key(item)
            if key not in index:
                found.append(item)
                index[key] = count
                count += 1
            positions.append(index[key])
        if found.get("count") != str(count):
            found.set("count", str(count))
        return positions

    def number_formats(self, wanted: list[tuple[int, str]]) -> dict[int, int]:
        """Id in this style sheet per id of a custom number format elsewhere."""
        have: dict[str, int] = {}
        for child in children(find(self.root, "numFmts")):
            if (child.get("numFmtId") or "").isdigit():
                have.setdefault(child.get("formatCode") or "", int(child.get("numFmtId")))
        used = set(have.values())
        for element in descendants(self.root, "numFmt"):
            if (element.get("numFmtId") or "").isdigit():
                used.add(int(element.get("numFmtId")))
        ids: dict[int, int] = {}
        for other, code in wanted:
            if code not in have:
                have[code] = max(used | {163}) + 1
                used.add(have[code])
                made = self.root.makeelement(self.n + "numFmt", {"numFmtId": str(have[code]), "formatCode": code})
                self.append("numFmts", [made])
            ids[other] = have[code]
        return ids

    def normal(self) -> str:
        """Position of the format behind the cell style Normal."""
        for style in descendants(self.root, "cellStyle"):
            if style.get("builtinId") == "0" and (style.get("xfId") or "").isdigit():
                return str(style.get("xfId"))
        return "0"

    def seed(self, other: StyleSheet) -> None:
        """Fill the lists that every cell format needs from ``other`` where they are empty."""
        for name, first in (("fonts", 1), ("fills", 2), ("borders", 1), ("cellStyleXfs", 1)):
            if not children(find(self.root, name)):
                self.append(name, other.copies(name)[:first])
                self._index.pop(name, None)
        if not children(find(self.root, "cellXfs")):
            plain = self.root.makeelement(
                self.n + "xf", {"numFmtId": "0", "fontId": "0", "fillId": "0", "borderId": "0", "xfId": "0"}
            )
            self.append("cellXfs", [plain])

    def copies(self, name: str) -> list[Element]:
        """Copies of the elements of the list ``name``."""
        return [clone(child) for child in children(find(self.root, name))]

    def size(self, name: str) -> int:
        """Length of the list ``name``."""
        return len(children(find(self.root, name)))


def merge_styles(target: Element, donor: Element, where: str) -> StyleMap:
    """Append the formats of ``donor`` to ``target`` in place.

    Raises:
        RefusedError: the workbook would hold more cell formats than Excel allows.
    """
    into, source = StyleSheet(target), StyleSheet(donor)
    into.seed(source)
    wanted = [
        (int(element.get("numFmtId")), element.get("formatCode") or "")
        for element in descendants(donor, "numFmt")
        if element.get("formatCode") is not None
    ]
    formats = into.number_formats(wanted)
    moved = {attribute: into.append(name, source.copies(name)) for name, attribute, _ in _PARTS}
    cells = source.copies("cellXfs")
    for xf in cells:
        for _, attribute, applied in _PARTS:
            xf.set(attribute, str(moved[attribute][int(xf.get(attribute) or 0)]))
            xf.set(applied, "1")
        number = int(xf.get("numFmtId") or 0)
        xf.set("numFmtId", str(formats.get(number, number)))
        xf.set("applyNumberFormat", "1")
        xf.set("xfId", into.normal())
    positions = [0, *into.append("cellXfs", cells[1:])]
    if into.size("cellXfs") > MAX_FORMATS:
        refuse("formats", "the workbook holds nearly all the cell formats that Excel allows",
               "Remove unused formats in Excel (Home, Cell Styles), or write to another workbook. Nothing was changed.",
               where=where, got=into.size("cellXfs"), allowed=MAX_FORMATS)  # fmt: skip
    differential = source.copies("dxfs")
    for dxf in differential:
        for element in descendants(dxf, "numFmt"):
            element.set("numFmtId", str(formats[int(element.get("numFmtId"))]))
    after = into.append("dxfs", differential) if differential else []
    return StyleMap(dict(enumerate(positions)), dict(enumerate(after)))

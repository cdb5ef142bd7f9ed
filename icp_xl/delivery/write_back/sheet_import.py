"""Carry the parts of rendered sheets into another package: free names, their formats, tables and names kept apart."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from icp_xl.delivery.write_back.formulas import FORMULA, Renames, rename_escaped, rename_formula
from icp_xl.opc.date_system import DAYS, date_styles, shift_dates
from icp_xl.opc.package import Relationship, relationships_of
from icp_xl.opc.sheet_xml import shared_strings
from icp_xl.opc.styles import StyleMap, merge_styles
from icp_xl.opc.unsupported import refuse
from icp_xl.opc.workbook_part import TABLE_TYPE, Workbook
from icp_xl.opc.xml import Element, check_well_formed, children, parse, serialise, to_strict

SHEET_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"
STYLES_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.styles+xml"
_FORMULA_ATTRIBUTE = re.compile(rb'(\s(?:location|fmlaLink|fmlaRange)=")([^"]*)(")')
_STYLED = re.compile(rb"<(c|row|col)( [^>]*?)(/?)>(?:<v>(\d+)</v>)?")
_DXF_HOLDERS = re.compile(rb"<(?:cfRule|colorFilter|sortCondition|table|tableColumn)\b[^>]*>")
_DXF_ID = re.compile(rb'(?<= )(\w*[dD]xfId)="(\d+)"')


@dataclass
class SheetImport:
    """One graft of ``rendered`` sheets into ``target``; made once, then :meth:`sheet` for each sheet."""

    target: Workbook
    rendered: Workbook
    renames: Renames
    taken: set[str] = field(default_factory=set)
    tables: dict[str, Element] = field(default_factory=dict)
    _styles: StyleMap = field(default_factory=lambda: StyleMap({}, {}))
    _strings: list[bytes] = field(default_factory=list)
    _table_id: int = 0
    _days: int = 0
    _dates: frozenset[bytes] = frozenset()

    def prepare(self) -> None:
        """Merge the formats, read the donor's strings, and note which names are taken."""
        target, rendered = self.target, self.rendered
        if rendered.related("sheetMetadata"):
            refuse("donor", "the sheets use dynamic arrays, which cannot be carried into another workbook",
                   "Render them with plain formulas.", where=rendered.where)  # fmt: skip
        self._merge_styles()
        part = rendered.related("sharedStrings")
        self._strings = shared_strings(rendered.package.read(part), part, rendered.where) if part else []
        ids = [table.get("id") or "0" for table in target.tables().values()]
        self._table_id = max([0, *(int(text) for text in ids if text.isdigit())])
        self.taken = set(target.package.names())
        self.taken |= {(e.get("PartName") or "").lstrip("/").lower() for e in target.package.types}

    def _merge_styles(self) -> None:
        target, rendered = self.target, self.rendered
        source = rendered.related("styles")
        if source is None:
            refuse("donor", "the rendered sheets have no formats", "Render them again.", where=rendered.where)
        content = rendered.package.read(source)
        theirs = parse(to_strict(content) if target.strict else content, source, rendered.where)
        if target.date_1904 != rendered.date_1904:
            self._days = DAYS if rendered.date_1904 else -DAYS
            self._dates = date_styles(theirs)
        part = target.related("styles")
        if part is None:
            part = posixpath.join(posixpath.dirname(target.part), "styles.xml")
            root = parse(f'<styleSheet xmlns="{target.n[1:-1]}"/>'.encode(), part, target.where)
            self._styles = merge_styles(root, theirs, target.where)
            target.package.put(part, serialise(root), STYLES_TYPE)
            target.package.add_relationship(target.part, f"{target.office}/styles", part)
            return
        root = target.package.tree(part)
        before = serialise(root)
        self._styles = merge_styles(root, theirs, target.where)
        after = serialise(root)
        if after != before:
            target.package.put(part, after)

    def sheet(self, part: str, change: Callable[[bytes, str], bytes], selected: bool) -> str:
        """Carry the sheet ``part`` of the donor and everything it reaches; return the part's new name.

        ``change`` is given the sheet's bytes last, for what is to be put into it.
        """
        package, source = self.target.package, self.rendered.package
        names = self._free_names(part)
        for old, new in names.items():
            kind = source.content_type(old)
            content = source.read(old)
            if kind.endswith("xml"):
                check_well_formed(content, old, self.rendered.where)
            if kind == SHEET_TYPE:
                content = self._rewrite_sheet(content, selected)
            elif kind == TABLE_TYPE:
                content = self._rewrite_table(content)
            if kind.endswith("xml") or new.endswith(".vml"):
                content = self._rename(content)
                content = to_strict(content) if self.target.strict else content
            if kind == TABLE_TYPE:
                root = parse(content, new, self.target.where)
                original = _attribute(source.read(old), b"displayName").lower()
                self.tables[original] = root
            package.put(new, content, kind)
            self._relate(old, new, names)
        if names:
            new = names[part]
            changed = change(package.read(new), new)
            package.put(new, changed)
        return names[part]

    def _free_names(self, root: str) -> dict[str, str]:
        names: dict[str, str] = {}
        todo = [root]
        while todo:
            part = todo.pop()
            if part in names or not self.rendered.package.has(part):
                continue
            match = re.match(r"^(.*?)(\d*)(\.\w+)$", part)
            stem, number, suffix = (match[1], int(match[2] or 1), match[3]) if match else (part, 1, "")
            while {f"{stem}{number}{suffix}".lower(), relationships_of(f"{stem}{number}{suffix}").lower()} & self.taken:
                number += 1
            names[part] = f"{stem}{number}{suffix}"
            self.taken.add(names[part].lower())
            todo += [rel.target for rel in self.rendered.package.relationships(part) if not rel.external]
        return names

    def _relate(self, old: str, new: str, names: Mapping[str, str]) -> None:
        source = self.rendered.package
        if not source.has(relationships_of(old)):
            return
        root = source.tree(relationships_of(old))
        by_id: dict[str, Relationship] = {rel.id: rel for rel in source.relationships(old)}
        for element in children(root):
            rel = by_id.get(element.get("Id") or "")
            if rel is not None and not rel.external:
                element.set("Target", posixpath.relpath(names[rel.target], posixpath.dirname(new)))
            elif rel is not None and rel.kind == "hyperlink" and (element.get("Target") or "").startswith("#"):
                element.set("Target", "#" + rename_formula(element.get("Target")[1:], self.renames))
        content = serialise(root)
        name = relationships_of(new)
        self.target.package.put(name, to_strict(content) if self.target.strict else content)
        self.target.package.declare(name, "application/vnd.openxmlformats-package.relationships+xml")
        self.taken.add(name.lower())

    def _rewrite_sheet(self, content: bytes, selected: bool) -> bytes:
        """Formats remapped, shared strings put in line, never selected unless it is the open tab, no code name."""
        if self._days:
            content = shift_dates(content, self._dates, self._days)
        content = _STYLED.sub(self._cell, content)
        content = re.sub(rb'(<sheetView\b[^>]*?) tabSelected="(?:1|true)"', rb"\1", content)
        if selected:
            content = re.sub(rb"<sheetView\b", rb'<sheetView tabSelected="1"', content, count=1)
        content = re.sub(rb'(<sheetPr\b[^>]*?) codeName="[^"]*"', rb"\1", content)
        return self._remap_differential(content)

    def _cell(self, match: re.Match[bytes]) -> bytes:
        tag, attributes, end, value = match.groups()
        name = b" style=" if tag == b"col" else b" s="
        at = attributes.find(name + b'"')
        if at >= 0:
            start = at + len(name) + 1
            stop = attributes.index(b'"', start)
            position = self._styles.cells.get(int(attributes[start:stop]), 0)
            attributes = attributes[:start] + b"%d" % position + attributes[stop:]
        if value is None:
            return b"<" + tag + attributes + end + b">"
        if b' t="s"' in attributes:
            attributes = attributes.replace(b' t="s"', b' t="inlineStr"')
            return b"<c" + attributes + b"><is>" + self._strings[int(value)] + b"</is>"
        return b"<c" + attributes + b"><v>" + value + b"</v>"

    def _remap_differential(self, content: bytes) -> bytes:
        def swap(match: re.Match[bytes]) -> bytes:
            return match[1] + b'="%d"' % self._styles.differential.get(int(match[2]), 0)

        return _DXF_HOLDERS.sub(lambda holder: _DXF_ID.sub(swap, holder[0]), content)

    def _rewrite_table(self, content: bytes) -> bytes:
        self._table_id += 1
        content = re.sub(rb'(<table\b[^>]*?) id="\d+"', rb'\1 id="%d"' % self._table_id, content, count=1)
        for attribute in (b"displayName", b"name"):
            old = _attribute(content, attribute)
            new = self.renames.tables.get(old.lower())
            if new is not None:
                content = re.sub(
                    rb"(<table\b[^>]*? " + attribute + rb'=")[^"]*(")',
                    lambda match, new=new: match[1] + new.encode() + match[2],  # type: ignore[misc]
                    content,
                    count=1,
                )
        return self._remap_differential(content)

    def _rename(self, content: bytes) -> bytes:
        """Sheets, tables and names renamed wherever a formula or a link says them."""
        renames = self.renames
        if not renames:
            return content
        content = FORMULA.sub(
            lambda m: m[1] + rename_escaped(m[3].decode(), renames).encode() + m[4], content
        )  # fmt: skip
        return _FORMULA_ATTRIBUTE.sub(lambda m: m[1] + rename_escaped(m[2].decode(), renames).encode() + m[3], content)


def _attribute(content: bytes, name: bytes) -> str:
    found = re.search(rb"<table\b[^>]*?\s" + name + rb'="([^"]*)"', content)
    return found[1].decode() if found else ""


def plan_renames(target: Workbook, rendered: Workbook, sheet_names: Mapping[str, str]) -> Renames:
    """New names for what of the donor would collide; ``sheet_names`` maps the donor's sheets to their names there."""
    names = {(e.get("name") or "").lower() for e in target.defined_names() if e.get("localSheetId") is None}
    tables = {(table.get("displayName") or "").lower() for table in target.tables().values()}
    taken = names | tables
    new_tables: dict[str, str] = {}
    for table in rendered.tables().values():
        name = table.get("displayName") or ""
        free = free_name(name, taken)
        taken.add(free.lower())
        if free != name:
            new_tables[name.lower()] = free
    new_names: dict[str, str] = {}
    for element in rendered.defined_names():
        name = element.get("name") or ""
        if element.get("localSheetId") is None:
            free = free_name(name, taken)
            taken.add(free.lower())
            if free != name:
                new_names[name.lower()] = free
    sheets = {old.lower(): new for old, new in sheet_names.items() if old != new}
    return Renames(sheets, new_tables, new_names)


def function_names(rendered: Workbook) -> list[str]:
    """Names of the donor that formulas call: they are functions, and cannot give way to another of that name."""
    return [
        element.get("name") or ""
        for element in rendered.defined_names()
        if element.get("localSheetId") is None and (element.text or "").lstrip("=").startswith("_xlfn.LAMBDA(")
    ]


def check_function_names(target: Workbook, functions: Sequence[str]) -> None:
    """Names and tables of the user that are called as functions of ours are never touched.

    Raises:
        RefusedError: there are some.
    """
    theirs = [element.get("name") or "" for element in target.defined_names()]
    theirs += [table.get("displayName") or "" for table in target.tables().values()]
    wanted = {name.lower() for name in functions}
    taken = sorted({name for name in theirs if name.lower() in wanted})
    if taken:
        refuse("name-taken", "the workbook has names of its own that are called as our functions are",
               "Rename or delete them in Excel (Formulas, Name Manager), and run again. Nothing was changed.",
               where=target.where, got=", ".join(taken)[:200])  # fmt: skip


def free_name(name: str, taken: set[str]) -> str:
    """``name``, or ``name_2`` … where it is taken."""
    free, number = name, 1
    while free.lower() in taken:
        number += 1
        free = f"{name}_{number}"
    return free


def free_sheet_name(name: str, taken: set[str]) -> str:
    """``name``, or ``name (2)`` … within 31 characters.

    >>> free_sheet_name("ICP Score", {"icp score"})
    'ICP Score (2)'
    """
    free, number = name, 1
    while free.lower() in taken:
        number += 1
        tail = f" ({number})"
        free = name[: 31 - len(tail)] + tail
    return free


def source_names(rendered: Workbook, renames: Renames, positions: Mapping[int, int], n: str) -> list[Element]:
    """The source's defined names as the target shall hold them.

    Built-in names (print areas and titles, filters) stay with their sheets.

    Args:
        rendered: the workbook whose sheets are imported.
        renames: of sheets, tables and names, as the target has them.
        positions: index of a sheet in the source to its index in the target; other sheets stay behind.
        n: namespace of the target's elements, in braces.
    """
    made: list[Element] = []
    for element in rendered.defined_names():
        scope = element.get("localSheetId")
        name = element.get("name") or ""
        if name.startswith("_icpxl_") or (scope is not None and int(scope) not in positions):
            continue
        copied = rendered.root.makeelement(n + "definedName", dict(element.attrib))
        copied.text = rename_formula(element.text or "", renames)
        if scope is not None:
            copied.set("localSheetId", str(positions[int(scope)]))
        else:
            copied.set("name", renames.names.get(name.lower(), name))
        made.append(copied)
    return made


def global_names(rendered: Workbook, renames: Renames) -> Sequence[str]:
    """Workbook-wide names that the donor brings, as they will be called."""
    found = [e.get("name") or "" for e in rendered.defined_names() if e.get("localSheetId") is None]
    return [renames.names.get(name.lower(), name) for name in found]

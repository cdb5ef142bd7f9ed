"""Leave sheets out of a rendered workbook before it is put into another, and see that nothing left points at them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from icp_xl.delivery.write_back.formulas import FORMULA, Renames, rename_escaped
from icp_xl.errors import DeliveryError
from icp_xl.opc.workbook_entries import take_out_sheets
from icp_xl.opc.workbook_part import Workbook
from icp_xl.opc.xml import children, find

#: Stands for what is missing; no sheet can be called so.
_GONE = "?gone?"


def keep_sheets(rendered: Workbook, only: Sequence[str], titles: Sequence[str]) -> None:
    """Keep the sheets ``only`` of ``rendered``; links to the others go, unless the target has them (``titles``).

    Raises:
        DeliveryError: there is no such sheet, or one of them computes with a sheet that would be missing.
    """
    names = [element.get("name") or "" for element in rendered.sheet_elements()]
    wanted = {name.strip().lower() for name in only}
    unknown = [name for name in only if name.strip().lower() not in {title.lower() for title in names}]
    if unknown:
        raise DeliveryError(
            f"the report has no sheet called {', '.join(unknown)}", where=rendered.where, allowed=", ".join(names)[:300]
        )
    out = {at for at, name in enumerate(names) if name.lower() not in wanted}
    there = {title.lower() for title in titles}
    missing = {names[at].lower(): _GONE for at in out if names[at].lower() not in there}
    tables = {}
    for at in out:
        part = rendered.sheet_part(rendered.sheet_elements()[at])
        if part is not None and names[at].lower() in missing:
            tables.update({name.lower(): _GONE for name in _tables(rendered, part)})
    gone = Renames(sheets=missing, tables=tables)
    for at, name in enumerate(names):
        part = rendered.sheet_part(rendered.sheet_elements()[at])
        if at not in out and part is not None and gone:
            _check(rendered, name, part, gone)
    for element in rendered.defined_names():
        if element.get("localSheetId") is None and _points(element.text or "", gone):
            element.getparent().remove(element)
    holder = find(rendered.root, "definedNames")
    if holder is not None and not children(holder):
        holder.getparent().remove(holder)
    take_out_sheets(rendered, out)


def _tables(rendered: Workbook, part: str) -> Iterator[str]:
    for rel in rendered.package.relationships(part):
        if rel.kind == "table" and rendered.package.has(rel.target):
            yield rendered.package.tree(rel.target).get("displayName") or ""


def _points(formula: str, gone: Renames) -> bool:
    return _GONE in rename_escaped(formula, gone)


def _check(rendered: Workbook, name: str, part: str, gone: Renames) -> None:
    package = rendered.package
    for reached in sorted(package.closure([part])):
        content = package.read(reached)
        for match in FORMULA.finditer(content):
            if _points(match[3].decode("utf-8", "replace"), gone):
                raise DeliveryError(
                    f"sheet {name!r} computes with a sheet that is not among those asked for",
                    where=rendered.where,
                    got=match[3].decode("utf-8", "replace")[:120],
                    next_step="Ask for that sheet as well, or for all of them.",
                )
        if reached == part.lower():
            kept = re.sub(rb'<hyperlink\s[^>]*?location="([^"]*)"[^>]*/>', lambda m: _link(m, gone), content)
            if kept != content:
                package.put(part, re.sub(rb"<hyperlinks>\s*</hyperlinks>", b"", kept))


def _link(match: re.Match[bytes], gone: Renames) -> bytes:
    return b"" if _points(match[1].decode("utf-8", "replace"), gone) else match[0]

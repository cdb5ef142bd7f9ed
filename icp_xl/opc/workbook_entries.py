"""Enter sheets into a workbook part and take them out: what points at a sheet by its position moves along."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from icp_xl.opc.workbook_part import Workbook
from icp_xl.opc.xml import Element, children, clone, find, insert_ordered, local, serialise

#: Children of a workbook in the schema's order.
ORDER = (
    "fileVersion", "fileSharing", "workbookPr", "workbookProtection", "absPath", "revisionPtr", "bookViews", "sheets",
    "functionGroups", "externalReferences", "definedNames", "calcPr", "oleSize", "customWorkbookViews", "pivotCaches",
    "smartTagPr", "smartTagTypes", "webPublishing", "fileRecoveryPr", "webPublishObjects", "extLst",
)  # fmt: skip

#: Excel repairs a workbook with a larger one.
MAX_SHEET_ID = 65_534


def insert_sheet(book: Workbook, index: int, attributes: dict[str, str]) -> Element:
    """Enter a sheet at ``index`` (counted from 0; beyond the last: at the end) and return its element."""
    before = book.sheet_elements()
    made = book.sheets.makeelement(book.n + "sheet", attributes)
    if index < len(before):
        before[index].addprevious(made)
    elif before:
        before[-1].addnext(made)
    else:
        book.sheets.append(made)
    _renumber(book, before)
    return made


def take_out_sheets(book: Workbook, indices: set[int]) -> None:
    """Take the sheets at ``indices`` out, and every name that belongs to them."""
    before = book.sheet_elements()
    for index in indices:
        before[index].getparent().remove(before[index])
    _renumber(book, before)


def _renumber(book: Workbook, before: Sequence[Element]) -> None:
    """Point scopes of names and the open tab at the sheets that they pointed at."""
    after = book.sheet_elements()
    moved = {old: next((i for i, e in enumerate(after) if e is element), None) for old, element in enumerate(before)}
    names = find(book.root, "definedNames")
    for element in children(names):
        scope = element.get("localSheetId") or ""
        if scope.isdigit() and int(scope) in moved:
            new = moved[int(scope)]
            if new is None:
                element.getparent().remove(element)
            elif str(new) != scope:
                element.set("localSheetId", str(new))
    if names is not None and not children(names):
        names.getparent().remove(names)
    _move_views(book, moved, after)


def _move_views(book: Workbook, moved: dict[int, int | None], after: Sequence[Element]) -> None:
    views = children(find(book.root, "bookViews"))
    if not views and moved.get(0) not in (0, None):
        holder = book.root.makeelement(book.n + "bookViews", {})
        insert_ordered(book.root, holder, ORDER)
        view = holder.makeelement(book.n + "workbookView", {})
        holder.append(view)
        views = [view]
    shown = [i for i, element in enumerate(after) if element.get("state") not in ("hidden", "veryHidden")] or [0]
    for view in views:
        for attribute in ("activeTab", "firstSheet"):
            text = view.get(attribute) or "0"
            old = int(text) if text.isdigit() else 0
            if old not in moved:
                continue
            new = moved[old]
            if new is None:
                new = next((i for i in shown if i >= min(old, shown[-1])), shown[0]) if attribute == "activeTab" else 0
            if new != old:
                view.set(attribute, str(new))


def active_tab(book: Workbook) -> int:
    """Position of the sheet that opens first."""
    views = children(find(book.root, "bookViews"))
    text = (views[0].get("activeTab") or "0") if views else "0"
    return int(text) if text.isdigit() else 0


def open_tab(book: Workbook, element: Element) -> None:
    """Let the workbook open on ``element``."""
    views = children(find(book.root, "bookViews"))
    index = next(i for i, other in enumerate(book.sheet_elements()) if other is element)
    if views and (views[0].get("activeTab") or "0") != str(index):
        views[0].set("activeTab", str(index))


def next_sheet_id(book: Workbook) -> int:
    """A sheet id that no sheet has, within what Excel takes."""
    ids = {int(text) for text in (e.get("sheetId") or "0" for e in book.sheet_elements()) if text.isdigit()}
    after = max(ids, default=0) + 1
    return after if after <= MAX_SHEET_ID else next(number for number in itertools.count(1) if number not in ids)


def add_names(book: Workbook, elements: Sequence[Element]) -> None:
    """Append defined names, in a list made where there is none."""
    if not elements:
        return
    names = find(book.root, "definedNames")
    if names is None:
        names = book.root.makeelement(book.n + "definedNames", {})
        insert_ordered(book.root, names, ORDER)
    names.extend(elements)


def remove_global_names(book: Workbook, wanted: set[str]) -> None:
    """Take workbook-wide names away; ``wanted`` in lower case."""
    for element in book.defined_names():
        if element.get("localSheetId") is None and (element.get("name") or "").lower() in wanted:
            element.getparent().remove(element)


def update_titles(book: Workbook, before: Sequence[str], after: Sequence[str]) -> None:
    """Bring the sheet titles in ``docProps/app.xml`` up to date, where they can be told apart; else leave them."""
    package = book.package
    rels = (rel for rel in package.relationships("") if rel.kind == "extended-properties" and not rel.external)
    part = next((rel.target for rel in rels if package.has(rel.target)), None)
    if part is None or list(before) == list(after):
        return
    root = package.tree(part)
    pairs, titles = find(root, "HeadingPairs"), find(root, "TitlesOfParts")
    if pairs is None or titles is None or not children(pairs) or not children(titles):
        return
    vector = children(titles)[0]
    parts, start = children(vector), 0
    for count in (element for element in pairs.iter() if local(element) == "i4"):
        text = (count.text or "").strip()
        size = int(text) if text.isdigit() else 0
        group = parts[start : start + size]
        if size and [element.text for element in group] == list(before):
            _retitle(vector, group, after)
            count.text = str(len(after))
            vector.set("size", str(len(parts) - size + len(after)))
            package.put(part, serialise(root))
            return
        start += size


def _retitle(vector: Element, group: Sequence[Element], after: Sequence[str]) -> None:
    at = list(vector).index(group[0])
    fresh = []
    for name in after:
        made = clone(group[0])
        made.text = name
        fresh.append(made)
    for element in group:
        vector.remove(element)
    vector[at:at] = fresh


def prune_calculation_chain(book: Workbook, sheet_ids: set[str], cells: set[str] | None = None) -> None:
    """Take entries of ``sheet_ids`` (of ``cells`` only, when given) out of the chain: stale ones make Excel repair."""
    part = book.related("calcChain")
    if part is None or not sheet_ids:
        return
    package = book.package
    root = package.tree(part)
    current, changed = "", False
    for element in children(root):
        current = element.get("i") or current
        if current in sheet_ids and (cells is None or (element.get("r") or "") in cells):
            element.getparent().remove(element)
            changed = True
        elif changed and element.get("i") is None:
            element.set("i", current)
    if not changed:
        return
    if children(root):
        package.put(part, serialise(root))
        return
    package.remove_relationships(book.part, {rel.id for rel in book.rels.values() if rel.target == part})
    package.drop(part)


def recalculate(book: Workbook) -> None:
    """Let Excel compute every formula when it opens the workbook: some may refer to cells that have changed."""
    found = find(book.root, "calcPr")
    if found is None:
        found = book.root.makeelement(book.n + "calcPr", {})
        insert_ordered(book.root, found, ORDER)
    found.set("fullCalcOnLoad", "1")


def drop_calculation_chain(book: Workbook) -> None:
    """Leave the calculation chain out; Excel makes it again."""
    part = book.related("calcChain")
    if part is not None:
        book.package.remove_relationships(book.part, {rel.id for rel in book.rels.values() if rel.target == part})
        book.package.drop(part)
        book.rels = {rel.id: rel for rel in book.package.relationships(book.part)}

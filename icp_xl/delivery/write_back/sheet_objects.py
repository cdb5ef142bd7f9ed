"""Charts, pictures and shapes that lie over the cells of a sheet."""

from __future__ import annotations

import math

from icp_xl.opc.references import MAX_COLUMNS, MAX_ROWS, Area
from icp_xl.opc.workbook_part import Workbook
from icp_xl.opc.xml import Element, children, find, local

#: Pixels of the narrowest usual column and row, and the units of a drawing per pixel.
_COLUMN, _ROW, _PIXEL = 40, 18, 9525


def anchored_areas(book: Workbook, part: str) -> list[Area]:
    """The cells that each object of a sheet covers; of one that says its size in pixels, at most so many."""
    found, package = [], book.package
    for rel in package.relationships(part):
        if rel.kind == "drawing" and not rel.external and package.has(rel.target):
            found += [area for anchor in children(package.tree(rel.target)) if (area := _area(anchor)) is not None]
    return found


def _area(anchor: Element) -> Area | None:
    start = find(anchor, "from")
    if start is None:
        return None
    row, column = _number(start, "row") + 1, _number(start, "col") + 1
    if local(anchor) == "twoCellAnchor":
        end = find(anchor, "to")
        last_row, last_column = (_number(end, "row") + 1, _number(end, "col") + 1) if end is not None else (row, column)
        # An object that ends at the very edge of a cell does not lie over it.
        last_row -= int(end is not None and _number(end, "rowOff") <= 0 and last_row > row)
        last_column -= int(end is not None and _number(end, "colOff") <= 0 and last_column > column)
    else:
        size = find(anchor, "ext")
        across, down = (int(size.get(name) or 0) / _PIXEL if size is not None else 0 for name in ("cx", "cy"))
        last_row, last_column = row + math.ceil(down / _ROW), column + math.ceil(across / _COLUMN)
    return Area(row, column, min(max(last_row, row), MAX_ROWS), min(max(last_column, column), MAX_COLUMNS))


def _number(holder: Element, name: str) -> int:
    found = find(holder, name)
    text = (found.text or "").strip() if found is not None else ""
    return int(text) if text.lstrip("-").isdigit() else 0

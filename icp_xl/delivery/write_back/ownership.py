"""Which sheets of a workbook are ours: hidden names on the sheet itself, which survive renaming, moving and saving.

``_icpxl_owner`` holds the owner and the sheet's own key; ``_icpxl_name_1`` … name the workbook-wide names that came
with it; ``_icpxl_keep_1`` … name the cells that are the reader's to fill.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from icp_xl.opc.workbook_part import Workbook
from icp_xl.opc.xml import Element

OWNER, KEEP, NAME = "_icpxl_owner", "_icpxl_keep_", "_icpxl_name_"
#: Longest text constant of a formula.
MAX_CONSTANT = 255


@dataclass(frozen=True)
class UserColumn:
    """A column of a table whose cells are the reader's; ``sheet`` and ``table`` as rendered, the others are headers."""

    sheet: str
    table: str
    key: str
    column: str


@dataclass(frozen=True)
class OwnedSheet:
    """One sheet of ours as it stands in a workbook: ``key`` is its name as rendered, ``name`` what it is called now."""

    owner: str
    key: str
    index: int
    name: str
    sheet_id: str
    part: str | None
    names: tuple[str, ...]
    kept: tuple[UserColumn, ...]


def pack(*pieces: str) -> str:
    """Pieces as one text constant of a formula.

    >>> unpack(pack("icp_xl", 'a|"b"'))
    ('icp_xl', 'a|"b"')
    """
    text = "|".join(piece.replace("%", "%25").replace("|", "%7C") for piece in pieces)
    return '"' + text.replace('"', '""') + '"'


def unpack(constant: str | None) -> tuple[str, ...]:
    """The pieces of :func:`pack`; none when it is no text constant."""
    text = (constant or "").strip().removeprefix("=")
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        return ()
    pieces = text[1:-1].replace('""', '"').split("|")
    return tuple(piece.replace("%7C", "|").replace("%25", "%") for piece in pieces)


def read_owned_sheets(book: Workbook) -> list[OwnedSheet]:
    """Our sheets in the order of the tabs."""
    by_sheet: dict[int, list[tuple[str, tuple[str, ...]]]] = {}
    for element in book.defined_names():
        name, scope = element.get("name") or "", element.get("localSheetId") or ""
        if name.startswith("_icpxl_") and scope.isdigit():
            by_sheet.setdefault(int(scope), []).append((name, unpack(element.text)))
    found = []
    for index, element in enumerate(book.sheet_elements()):
        names = by_sheet.get(index, [])
        owner = next((pieces for name, pieces in names if name == OWNER and len(pieces) == 2), None)
        if owner is None:
            continue
        found.append(
            OwnedSheet(
                owner=owner[0],
                key=owner[1],
                index=index,
                name=element.get("name") or "",
                sheet_id=element.get("sheetId") or "",
                part=book.sheet_part(element),
                names=tuple(p[0] for name, p in names if name.startswith(NAME) and len(p) == 1),
                kept=tuple(UserColumn(owner[1], *p) for name, p in names if name.startswith(KEEP) and len(p) == 3),
            )
        )
    return found


def ownership_names(
    maker: Element, n: str, index: int, owner: str, key: str, names: Sequence[str], kept: Sequence[UserColumn]
) -> list[Element]:
    """The hidden names that mark the sheet at ``index``."""
    texts = [(OWNER, pack(owner, key))]
    texts += [(f"{NAME}{number}", pack(name)) for number, name in enumerate(names, 1)]
    texts += [(f"{KEEP}{number}", pack(k.table, k.key, k.column)) for number, k in enumerate(kept, 1)]
    made = []
    for name, text in texts:
        if len(text) > MAX_CONSTANT + 2:
            continue
        element = maker.makeelement(n + "definedName", {"name": name, "localSheetId": str(index), "hidden": "1"})
        element.text = text
        made.append(element)
    return made

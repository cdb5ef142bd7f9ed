"""Which sheets of a workbook are ours: hidden names on the sheet itself, which survive renaming, moving and saving.

``_icpxl_owner`` holds the owner, the sheet's own key, the report that it belongs to, the id and the name that it was
given, and the cells that it filled; so a copy that the user keeps, which carries the same marks, is told from the sheet
that we wrote.
``_icpxl_name_1`` … name the workbook-wide names that came with it; ``_icpxl_keep_1`` … name the cells that are the
reader's to fill.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from icp_xl.opc.workbook_part import Workbook
from icp_xl.opc.xml import Element

OWNER, KEEP, NAME = "_icpxl_owner", "_icpxl_keep_", "_icpxl_name_"
#: Longest text constant of a formula.
MAX_CONSTANT = 255


@dataclass(frozen=True)
class UserColumn:
    """A column of a table whose cells are the reader's; ``sheet`` and ``table`` as rendered, the others are headers.

    ``former``: headers of key and column in earlier versions, under which a workbook may still have it.
    """

    sheet: str
    table: str
    key: str
    column: str
    former: Sequence[Sequence[str]] = field(default=(), compare=False)


@dataclass(frozen=True)
class OwnedSheet:
    """One sheet of ours as it stands in a workbook: ``key`` is its name as rendered, ``name`` what it is called now.

    ``report`` is the report that it belongs to (empty where an earlier version wrote it); ``given`` the sheet id and
    the name that it was written with, ``extent`` the cells that it had then (empty where an earlier version wrote it).
    """

    owner: str
    key: str
    report: str
    given: tuple[str, str]
    extent: str
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
    """Our sheets in the order of the tabs; copies that the user keeps of them are not ours."""
    marked = _marked_sheets(book)
    copies = {mark.index for mark in _copies(marked)}
    return [mark for mark in marked if mark.index not in copies]


def release_copies(book: Workbook) -> list[str]:
    """Take our marks from the copies that the user keeps of our sheets; the names of those sheets."""
    copies = _copies(_marked_sheets(book))
    scopes = {str(mark.index) for mark in copies}
    for element in book.defined_names() if copies else ():
        if element.get("localSheetId") in scopes and (element.get("name") or "").startswith("_icpxl_"):
            element.getparent().remove(element)
    return [mark.name for mark in copies]


def _copies(marked: Sequence[OwnedSheet]) -> list[OwnedSheet]:
    """Sheets that bear the mark of another: the one that has kept the name, or else the id, that it was given is ours.

    One that has kept neither is a copy even where it is the only one left.
    """
    found = []
    for identity in dict.fromkeys((mark.owner, mark.report, mark.key) for mark in marked):
        alike = [mark for mark in marked if (mark.owner, mark.report, mark.key) == identity]
        ours = max(alike, key=_likeness)
        found += [mark for mark in alike if mark is not ours or _likeness(mark) == 0]
    return found


def _likeness(mark: OwnedSheet) -> int:
    if not any(mark.given):
        return 1
    return 2 * (mark.name == mark.given[1]) + (mark.sheet_id == mark.given[0])


def _marked_sheets(book: Workbook) -> list[OwnedSheet]:
    by_sheet: dict[int, list[tuple[str, tuple[str, ...]]]] = {}
    for element in book.defined_names():
        name, scope = element.get("name") or "", element.get("localSheetId") or ""
        if name.startswith("_icpxl_") and scope.isdigit():
            by_sheet.setdefault(int(scope), []).append((name, unpack(element.text)))
    found = []
    for index, element in enumerate(book.sheet_elements()):
        names = by_sheet.get(index, [])
        owner = next((pieces for name, pieces in names if name == OWNER and len(pieces) >= 2), None)
        if owner is None:
            continue
        _, key, report, sheet_id, given, extent = (*owner, "", "", "", "")[:6]
        found.append(
            OwnedSheet(
                owner=owner[0],
                key=key,
                report=report,
                given=(sheet_id, given),
                extent=extent,
                index=index,
                name=element.get("name") or "",
                sheet_id=element.get("sheetId") or "",
                part=book.sheet_part(element),
                names=tuple(p[0] for name, p in names if name.startswith(NAME) and len(p) == 1),
                kept=tuple(UserColumn(key, *p) for name, p in names if name.startswith(KEEP) and len(p) == 3),
            )
        )
    return found


def ownership_names(
    book: Workbook,
    index: int,
    identity: tuple[str, str, str],
    names: Sequence[str],
    kept: Sequence[UserColumn],
    extent: str = "",
) -> list[Element]:
    """The hidden names that mark a sheet as ours.

    Args:
        book: that holds the sheet.
        index: of the sheet in the workbook, counted from 0.
        identity: its owner, its key and its report.
        names: of the workbook that go with the sheet.
        kept: columns in which the reader types.
        extent: the cells that were ours at the last writing; empty for the whole sheet.
    """
    element = book.sheet_elements()[index]
    texts = [(OWNER, pack(*identity, element.get("sheetId") or "", element.get("name") or "", extent))]
    texts += [(f"{NAME}{number}", pack(name)) for number, name in enumerate(names, 1)]
    texts += [(f"{KEEP}{number}", pack(k.table, k.key, k.column)) for number, k in enumerate(kept, 1)]
    made = []
    for name, text in texts:
        if len(text) > MAX_CONSTANT + 2:
            continue
        element = book.root.makeelement(
            book.n + "definedName", {"name": name, "localSheetId": str(index), "hidden": "1"}
        )
        element.text = text
        made.append(element)
    return made

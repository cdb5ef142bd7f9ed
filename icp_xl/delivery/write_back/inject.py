"""Put rendered sheets into a workbook that someone else made, replacing exactly our own sheets of an earlier run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from icp_xl.delivery.write_back.dependents import find_dependents, has_formulas, sheet_spans, sheet_targets
from icp_xl.delivery.write_back.ownership import (
    OwnedSheet,
    UserColumn,
    ownership_names,
    read_owned_sheets,
    release_copies,
)
from icp_xl.delivery.write_back.remove import detach
from icp_xl.delivery.write_back.sheet_import import (
    SheetImport,
    check_function_names,
    free_sheet_name,
    function_names,
    global_names,
    plan_renames,
    source_names,
)
from icp_xl.delivery.write_back.sheet_subset import keep_sheets
from icp_xl.delivery.write_back.user_entries import (
    UserEntries,
    entries_beside,
    read_entries,
    restore_entries,
    written_extent,
)
from icp_xl.delivery.write_back.wishes import check_wishes
from icp_xl.errors import DeliveryError
from icp_xl.opc.package import Package, open_package
from icp_xl.opc.safe_write import SafeOptions, safe_write
from icp_xl.opc.undo import Snapshot, write_undo
from icp_xl.opc.unsupported import refuse
from icp_xl.opc.workbook_entries import (
    active_tab,
    add_names,
    insert_sheet,
    next_sheet_id,
    open_tab,
    recalculate,
    update_titles,
)
from icp_xl.opc.workbook_part import Workbook, check_writable
from icp_xl.opc.xml import Element, local

OWNER = "icp_xl"
#: What becomes of our earlier sheets that the new set lacks.
Stale = Literal["remove", "keep"]


@dataclass(frozen=True)
class SheetOptions:
    """Which sheets of a report go into a workbook, where, and what they replace.

    Attributes:
        place: ``end``, ``start``, ``before:Sheet``, ``after:Sheet`` or a position from 0, for sheets that are new;
            one that replaces an earlier sheet takes its slot, its name and its id.
        owner: whose sheets are replaced; several reports may live in one workbook under different owners.
        kept: cells that are the reader's to fill; what he typed is carried over.
        stale: whether earlier sheets of the same report that it lacks now are removed or kept; those that a formula
            of the user points to are kept in any case. Sheets of other reports stay.
        only: sheets of the report to put in, by name; the others, and earlier ones of theirs, are left alone.
        force: pass over what the workbook's owner asks for (a password to modify, marked as final, custom views …).
    """

    place: str | int = "end"
    owner: str = OWNER
    kept: Sequence[UserColumn] = ()
    stale: Stale = "remove"
    only: Sequence[str] | None = None
    force: bool = False


@dataclass
class InjectReport:
    """What a write-back did. ``sheets`` maps each sheet as rendered to its name in the workbook."""

    path: Path
    sheets: dict[str, str] = field(default_factory=dict)
    replaced: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    typed_kept: int = 0
    typed_lost: list[tuple[str, str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    touched: list[str] = field(default_factory=list)
    added: list[str] = field(default_factory=list)
    backup: Path | None = None


def inject_sheets(
    target: Path,
    rendered: Path,
    out: Path | None = None,
    sheets: SheetOptions | None = None,
    *,
    options: SafeOptions | None = None,
) -> InjectReport:
    """Put the sheets of ``rendered`` into ``target``; nothing else of the target changes.

    Args:
        target: the user's workbook: ``.xlsx``, ``.xlsm``, ``.xltx``, ``.xltm`` or ``.xlam``, transitional or strict.
        rendered: a rendered workbook, of whichever date system.
        out: where the result goes; the target itself by default, with a dated backup beside it.
        sheets: which sheets, where, and what they replace; all of them, at the end, by default.
        options: backups, checks and progress of the write.

    Raises:
        RefusedError: the workbook cannot be written; it is as it was.
        LockedWorkbookError: it is open elsewhere.
        DeliveryError: the result cannot be put in place.
    """
    report = InjectReport(out or target)

    def change(package: Package) -> None:
        with open_package(rendered) as source:
            inject_package(package, source, report, sheets or SheetOptions())

    report.backup = safe_write(target, out, change, options)
    return report


def inject_package(package: Package, source: Package, report: InjectReport, options: SheetOptions) -> None:
    """Lay the sheets of ``source`` over ``package``; see :func:`inject_sheets`.

    Args:
        package: the user's workbook, open; changed in place and not saved.
        source: the rendered workbook, open.
        report: filled with what was done.
        options: which sheets, where, and what they replace.

    Raises:
        RefusedError: the workbook cannot be written.
        DeliveryError: the rendered workbook is damaged, or there is no such place.
    """
    try:
        _inject(package, source, report, options)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        # A workbook of somebody's is read by what checks it; a report is ours, or no report at all.
        raise DeliveryError(
            "the report cannot be put in: it is damaged, or not one of ours",
            where=source.where,
            got=f"{type(error).__name__}: {error}"[:120],
            next_step="Make the report again (icp-xl score), and run again. Nothing was changed.",
        ) from error


def _inject(package: Package, source: Package, report: InjectReport, options: SheetOptions) -> None:
    owner, stale, place = options.owner, options.stale, options.place
    book, rendered = Workbook(package), Workbook(source)
    check_writable(book)
    wishes = check_wishes(book, tables=bool(rendered.tables()), force=options.force)
    identity = report_identity(rendered)
    copies = release_copies(book)
    if options.only is not None:
        stale = "keep"
        keep_sheets(rendered, options.only, _titles(book))
    keys = [element.get("name") or "" for element in rendered.sheet_elements()]
    marks = read_owned_sheets(book)
    mine = [m for m in marks if m.owner == owner and m.report in ("", identity) and (m.report or m.key in keys)]
    gone = [m for m in mine if m.key not in keys]
    held = [m for m in gone if stale == "keep" or find_dependents(book, sheet_targets(book, [m]))]
    mine = [m for m in mine if m not in held]
    slots = _slots(mine, keys)
    if any(key not in slots for key in keys):
        position_of(book, place)
    opened = active_tab(book)
    typed = read_entries(book, mine)
    beside = entries_beside(book, mine)
    detached = detach(book, mine, whole=len(mine) == len(marks))
    snapshot = Snapshot.of(package)
    functions = function_names(rendered)
    check_function_names(book, functions)
    titles = _titles(book)
    names = _sheet_names(book, keys, slots)
    graft = SheetImport(book, rendered, plan_renames(book, rendered, names))
    graft.prepare()
    entry = _SheetEntry(book, rendered, graft, slots, names, (owner, identity), tuple(options.kept), typed)
    entry.enter_all(place, opened, sorted(m.index for m in mine if slots.get(m.key) is not m))
    entry.enter_names()
    if functions or has_formulas(book):
        recalculate(book)
    book.save()
    update_titles(book, titles, _titles(book))
    if detached.traceable:
        write_undo(book, snapshot, detached.undo)
    report.sheets = names
    report.replaced = [slot.name for slot in slots.values()]
    report.removed = [m.name for m in mine if slots.get(m.key) is not m]
    report.typed_kept, report.typed_lost = typed.used, typed.lost
    report.notes = [f"{name} is a copy that you keep of one of our sheets; it stays as it is." for name in copies]
    if stale == "remove":
        report.notes += [f"{m.name} is not in the report any more; it stays with its old figures, since formulas of "
                         "yours point to it." for m in held]  # fmt: skip
    report.notes += beside
    report.notes += [f"Written all the same: {wish}." for wish in wishes]
    report.touched = sorted(name for name in package.touched() if name in package.entries)
    report.added = sorted(name for name in package.new if name not in package.entries)


def _titles(book: Workbook) -> list[str]:
    return [element.get("name") or "" for element in book.sheet_elements()]


def _slots(mine: Sequence[OwnedSheet], keys: Sequence[str]) -> dict[str, OwnedSheet]:
    """The earlier sheet that each new one replaces; of a sheet that the user copied, the first."""
    slots: dict[str, OwnedSheet] = {}
    for mark in mine:
        if mark.key in keys:
            slots.setdefault(mark.key, mark)
    return slots


def _sheet_names(book: Workbook, keys: Sequence[str], slots: dict[str, OwnedSheet]) -> dict[str, str]:
    taken = {name.lower() for name in _titles(book)} | {slot.name.lower() for slot in slots.values()}
    names = {}
    for key in keys:
        names[key] = slots[key].name if key in slots else free_sheet_name(key, taken)
        taken.add(names[key].lower())
    return names


@dataclass
class _SheetEntry:
    """Enters the donor's sheets into the workbook; ``entered`` holds their elements by position in the donor."""

    book: Workbook
    rendered: Workbook
    graft: SheetImport
    slots: dict[str, OwnedSheet]
    names: dict[str, str]
    owner: tuple[str, str]
    kept: tuple[UserColumn, ...]
    typed: UserEntries
    entered: dict[int, Element] = field(default_factory=dict)

    def enter_all(self, place: str | int, opened: int, gone: Sequence[int]) -> None:
        """Earlier slots first, from left to right, then what is new; ``gone`` are old positions not filled again."""
        keys = [element.get("name") or "" for element in self.rendered.sheet_elements()]
        filled = sorted((self.slots[key].index, at) for at, key in enumerate(keys) if key in self.slots)
        for index, at in filled:
            self._enter(at, index - sum(1 for other in gone if other < index), selected=index == opened)
            if index == opened:
                open_tab(self.book, self.entered[at])
        fresh = position_of(self.book, place)
        for at, key in enumerate(keys):
            if key not in self.slots:
                self._enter(at, fresh, selected=False)
                fresh += 1

    def _enter(self, at: int, index: int, *, selected: bool) -> None:
        book, element = self.book, self.rendered.sheet_elements()[at]
        key = element.get("name") or ""
        part = self.rendered.sheet_part(element)
        if part is None:
            refuse("donor", "a rendered sheet has no content", "Render it again.", where=self.rendered.where, got=key)
        mine = [item for item in self.kept if item.sheet == key]

        def fill(body: bytes, name: str) -> bytes:
            return restore_entries(body, name, self.graft.tables, mine, self.typed)

        new = self.graft.sheet(part, fill, selected)
        slot = self.slots.get(key)
        attributes = {
            "name": self.names[key],
            "sheetId": slot.sheet_id if slot is not None and slot.sheet_id else str(next_sheet_id(book)),
        }
        if element.get("state"):
            attributes["state"] = element.get("state")
        attributes[book.rid] = book.package.add_relationship(book.part, f"{book.office}/worksheet", new)
        self.entered[at] = insert_sheet(book, index, attributes)

    def enter_names(self) -> None:
        """The donor's own names and the marks, once every sheet has its place."""
        book, after = self.book, self.book.sheet_elements()
        positions = {at: next(i for i, e in enumerate(after) if e is made) for at, made in self.entered.items()}
        names = source_names(self.rendered, self.graft.renames, positions, book.n)
        wide = list(global_names(self.rendered, self.graft.renames))
        for at, index in sorted(positions.items()):
            key = self.rendered.sheet_elements()[at].get("name") or ""
            mine = [item for item in self.kept if item.sheet == key]
            part = self.rendered.sheet_part(self.rendered.sheet_elements()[at])
            extent = written_extent(self.rendered, part) if part is not None else ""
            names += ownership_names(book, index, (self.owner[0], key, self.owner[1]), wide, mine, extent)
            wide = []
        add_names(book, names)


def position_of(book: Workbook, place: str | int) -> int:
    """Position that ``place`` means.

    Raises:
        DeliveryError: no such place.
    """
    titles = [title.lower() for title in _titles(book)]
    side, mark, name = ("", "", "") if isinstance(place, int) else place.partition(":")
    if isinstance(place, int) or place.isdigit():
        position = min(max(int(place), 0), len(titles))
    elif place in ("start", "end"):
        position = 0 if place == "start" else len(titles)
    elif side in ("before", "after") and mark and name.lower() in titles:
        position = titles.index(name.lower()) + (side == "after")
    else:
        raise DeliveryError(
            "there is no such place in the workbook",
            where=book.where,
            got=place,
            allowed=f"start, end, a position, before:NAME or after:NAME with one of {', '.join(_titles(book))}"[:300],
        )
    for first, last in sheet_spans(book) if 0 < position < len(titles) else ():
        ends = sorted(titles.index(title.lower()) for title in (first, last) if title.lower() in titles)
        if len(ends) == 2 and ends[0] < position <= ends[1]:
            raise DeliveryError(
                "our sheets would come to stand inside a range over several sheets, and be added up with yours",
                where=book.where,
                got=f"{place}, within {first}:{last}",
                allowed="start, end, or a place outside that range",
                next_step="Choose another --place. Nothing was changed.",
            )
    return position


def report_identity(rendered: Workbook) -> str:
    """What tells one report from another, whatever its file is called: its title and its first sheet."""
    package, title = rendered.package, ""
    for rel in package.relationships(""):
        if rel.kind == "core-properties" and not rel.external and package.has(rel.target):
            title = next((e.text or "" for e in package.tree(rel.target) if local(e) == "title"), "")
    return f"{title[:60]}/{rendered.sheet_elements()[0].get('name') or ''}"

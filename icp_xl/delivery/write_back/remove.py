"""Take our sheets out of a workbook and leave it as if we had never been there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from icp_xl.delivery.write_back.dependents import Targets, break_dependents, check_dependents, say, sheet_targets
from icp_xl.delivery.write_back.ownership import OwnedSheet, read_owned_sheets, release_copies
from icp_xl.delivery.write_back.user_entries import entries_beside
from icp_xl.opc.package import Package
from icp_xl.opc.safe_write import SafeOptions, safe_write
from icp_xl.opc.undo import Snapshot, Undo, apply_undo, drop_undo, read_undo, write_undo
from icp_xl.opc.unsupported import refuse
from icp_xl.opc.workbook_entries import (
    prune_calculation_chain,
    recalculate,
    remove_global_names,
    take_out_sheets,
    update_titles,
)
from icp_xl.opc.workbook_part import Workbook, check_writable


@dataclass(frozen=True)
class Detached:
    """How the way back stands: whether it can be recorded, and what an earlier record leads to."""

    traceable: bool
    undo: Undo | None


@dataclass
class RemoveReport:
    """What a removal did. ``exact``: every part is again the very bytes that it was before we came."""

    path: Path
    removed: list[str] = field(default_factory=list)
    columns: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    exact: bool = False
    backup: Path | None = None


def detach(book: Workbook, owned: Sequence[OwnedSheet], whole: bool) -> Detached:
    """Take the sheets ``owned`` out; ``whole`` says that they are all that we have in the workbook.

    Where nothing else has changed the parts that we changed, and all our sheets go, the entries from before are put
    back; else the sheets, their names, parts and chain entries are taken out one by one.
    """
    undo = read_undo(book)
    if whole and owned and undo is not None:
        apply_undo(book, undo)
        return Detached(True, None)
    drop_undo(book)
    if owned:
        _take_out(book, owned)
    return Detached(whole or undo is not None, None if whole else undo)


def _take_out(book: Workbook, owned: Sequence[OwnedSheet]) -> None:
    package = book.package
    before = [e.get("name") or "" for e in book.sheet_elements()]
    ids = {book.sheet_elements()[mark.index].get(book.rid) for mark in owned}
    prune_calculation_chain(book, {mark.sheet_id for mark in owned})
    take_out_sheets(book, {mark.index for mark in owned})
    remove_global_names(book, {name.lower() for mark in owned for name in mark.names})
    parts = [mark.part for mark in owned if mark.part is not None]
    package.remove_relationships(book.part, {rel_id for rel_id in ids if rel_id})
    roots = [rel.target for rel in package.relationships("") if not rel.external]
    live = package.closure(roots, without=parts)
    for part in sorted(package.closure(parts) - live):
        package.drop(part)
    book.save()
    book.rels = {rel.id: rel for rel in package.relationships(book.part)}
    update_titles(book, before, [e.get("name") or "" for e in book.sheet_elements()])


def remove_sheets(
    target: Path,
    out: Path | None = None,
    *,
    owner: str | None = None,
    force: bool = False,
    options: SafeOptions | None = None,
) -> RemoveReport:
    """Remove our sheets from ``target``: those of ``owner``, or all.

    Args:
        force: also where formulas of the user point to them, which then say ``#REF!``.

    Raises:
        RefusedError: the workbook cannot be written, holds none of our sheets, or holds nothing else.
        LockedWorkbookError: it is open elsewhere.
    """
    report = RemoveReport(out or target)

    def change(package: Package) -> None:
        book = Workbook(package)
        gone = [mark for mark in read_owned_sheets(book) if owner is None or mark.owner == owner]
        targets = sheet_targets(book, gone)
        found = check_dependents(book, targets, force)
        remove_from_package(package, report, owner)
        after_removal(package, targets, found, report)

    report.backup = safe_write(target, out, change, options)
    return report


def after_removal(package: Package, targets: Targets, found: Sequence[str], report: RemoveReport) -> None:
    """Turn what pointed to us into what Excel would make of it, and say so.

    Args:
        package: from which something of ours was taken.
        targets: what was taken.
        found: formulas, rules and charts that point there, in words.
        report: gets a note, and is no longer exact.
    """
    if found:
        book = Workbook(package)
        break_dependents(book, targets)
        recalculate(book)
        book.save()
        report.exact = False
        report.notes.append(f"These pointed to what was taken out and now say #REF! or #NAME?: {say(found)}.")


def remove_from_package(package: Package, report: RemoveReport, owner: str | None = None) -> None:
    """Lay the removal over ``package``; see :func:`remove_sheets`."""
    book = Workbook(package)
    check_writable(book)
    marks = read_owned_sheets(book)
    owned = [mark for mark in marks if owner is None or mark.owner == owner]
    if not owned:
        refuse("nothing", "the workbook holds no sheet of ours", "There is nothing to remove.", where=book.where)
    theirs = [e for i, e in enumerate(book.sheet_elements()) if i not in {mark.index for mark in owned}]
    if not any(e.get("state") not in ("hidden", "veryHidden") for e in theirs):
        refuse("last-sheet", "without our sheets no visible sheet would be left in the workbook",
               "Add or unhide a sheet of your own first. Nothing was changed.", where=book.where)  # fmt: skip
    whole = len(owned) == len(marks)
    report.notes += entries_beside(book, owned)
    report.notes += [f"{name} is a copy that you keep of one of our sheets; it stays." for name in release_copies(book)]
    detached = detach(book, owned, whole)
    report.exact = bool(package.restored) and not package.new
    report.removed = [mark.name for mark in owned]
    if not whole and detached.undo is not None:
        write_undo(book, Snapshot.of(package), detached.undo)

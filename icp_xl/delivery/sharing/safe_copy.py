"""Make a copy of any workbook that is safe to send: take out what can go without harm, refuse the rest by name.

What goes: personal and custom properties, saved folder, printer settings, authors' and people's names, thumbnails,
custom views, macros and their buttons' calls, ribbon changes, add-ins, connections and queries, links to files, facts
inside pictures, our own marks, parts that nothing refers to, and the formulas that reach out (their values stay).
What stays is refused: hidden sheets, rows and columns, pivot caches, data models, embedded files, sensitivity labels,
signatures, change histories. The owner alone can say whether a reader may have those.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from icp_xl.delivery.sharing.clean_parts import (
    clean_comments,
    clean_images,
    clean_markup,
    clean_properties,
    clean_strings,
    clean_workbook,
    cut_relationships,
)
from icp_xl.delivery.sharing.clean_sheets import clean_sheets
from icp_xl.delivery.sharing.finding_types import FINDINGS, Finding
from icp_xl.delivery.sharing.shareable import Shareable, commented_entries, find_unshareable
from icp_xl.delivery.sharing.sheet_scan import SheetMemo
from icp_xl.errors import DeliveryError, Fault
from icp_xl.opc.package import CONTENT_TYPES, Package, open_package, relationships_of
from icp_xl.opc.safe_write import verify
from icp_xl.opc.unsupported import RefusedError
from icp_xl.opc.workbook_part import Workbook

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"


@dataclass(frozen=True)
class MadeSafe:
    """A safe copy: where it is, what was taken out (kind to how many), and the check of the result."""

    path: Path
    removed: dict[str, int]
    check: Shareable


def make_safe(source: Path, target: Path, allow: frozenset[str] = frozenset()) -> MadeSafe:
    """Write a copy of ``source`` that is safe to send to ``target``; ``source`` is only read.

    Args:
        allow: kinds of finding that are left in.

    Raises:
        RefusedError: the workbook cannot be read, or holds what only its owner can decide on; each finding is named.
    """
    with open_package(source) as package:
        memo = SheetMemo()
        before = list(find_unshareable(package, memo))
        left: tuple[Finding, ...] = ()
        if before:  # where nothing is found, nothing would be taken out
            strip(package, allow, memo)
            left = tuple(found for found in find_unshareable(package, memo) if found.kind not in allow)
        if any(found.unsafe for found in left):
            _refuse(source, [found for found in left if found.unsafe])
        package.check_foreign()
        with open(target, "w+b") as handle:
            package.write(handle)
        # The file holds what was looked through, byte for byte.
        verify(package, target)
    removed: dict[str, int] = {}
    for found in before:
        if found.kind not in allow:
            removed[found.kind] = removed.get(found.kind, 0) + 1
    for found in left:
        removed[found.kind] = removed.get(found.kind, 0) - 1
    return MadeSafe(target, {kind: n for kind, n in removed.items() if n > 0}, Shareable(target, left))


def strip(package: Package, allow: frozenset[str] = frozenset(), memo: SheetMemo | None = None) -> None:
    """Take out of an open package everything that can go without harm."""
    kinds, memo = frozenset(FINDINGS) - allow, memo or SheetMemo()
    package.archive.comment = b"" if "container-comment" in kinds else package.archive.comment
    if "container-comment" in kinds:
        for name in commented_entries(package):
            package.put(name, package.read(name))
    if "markup-comment" in kinds:
        clean_markup(package)
    clean_properties(package, kinds)
    clean_workbook(Workbook(package), kinds)
    clean_sheets(Workbook(package), kinds, memo)
    clean_comments(package, kinds)
    clean_images(package, kinds)
    cut_relationships(Workbook(package), kinds)
    if "unused-text" in kinds:
        clean_strings(Workbook(package), memo)
    if "macros" in kinds:
        book = Workbook(package)
        if "macroenabled" in package.content_type(book.part).lower():
            package.declare(book.part, XLSX)
    if "stray-part" in kinds:
        sweep(package)


def sweep(package: Package) -> None:
    """Drop every part that nothing refers to."""
    reached = package.closure([rel.target for rel in package.relationships("") if not rel.external])
    kept = {CONTENT_TYPES.lower(), relationships_of("").lower()} | reached
    kept |= {relationships_of(part).lower() for part in reached}
    for name in package.names():
        if name not in kept:
            package.drop(name)


def _refuse(source: Path, left: list[Finding]) -> None:
    shown = left[:20]
    kinds = sorted({f.kind for f in left})
    faults = [
        Fault(
            f.type.what,
            where=f.location or f.part or None,
            got=f.got or None,
            next_step=f.type.advice,
        )
        for f in shown
    ]
    error = RefusedError(
        "no safe copy can be made: the workbook holds what only its owner can decide on",
        where=source.name,
        got=f"{len(left):,} finding{'s' if len(left) != 1 else ''}",
        next_step=f"Mend these, or accept them with {' '.join(f'--allow {kind}' for kind in kinds)}, and run again. "
        "Nothing was changed.",
        faults=faults,
    )
    error.reason = "unshareable"
    raise error


def check_size(path: Path, limit: float) -> None:
    """Refuse a file above ``limit`` megabytes.

    Raises:
        DeliveryError: it is larger.
    """
    size = path.stat().st_size
    if size > limit * 1e6:
        raise DeliveryError(
            "the file is larger than an e-mail may be",
            where=path.name,
            got=f"{size / 1e6:,.1f} MB",
            allowed=f"{limit:,.1f} MB (share.size_limit_mb)",
            next_step="Share per rep or region, list fewer accounts (reports.most_accounts), or raise the limit.",
        )

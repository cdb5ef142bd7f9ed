"""What undoes a write: the parts that it changed, as the bytes they were, kept in a small part of our own.

The record holds, for each part that we changed, the entry before and the digest after. As long as nothing else has
changed those parts, removing our sheets puts the very entries back; once another program has saved the file, the
digests differ and the sheets are taken out one by one instead.
"""

from __future__ import annotations

import hashlib
import io
import json
import posixpath
import struct
from collections.abc import Mapping
from dataclasses import dataclass, replace

from icp_xl.opc.archive import Archive, Content, Entry, packed
from icp_xl.opc.package import Package
from icp_xl.opc.unsupported import MAX_TREE, RefusedError
from icp_xl.opc.workbook_part import Workbook

TYPE = "urn:icp-xl:undo"
CONTENT_TYPE = "application/binary"
_MAGIC = b"ICPXL-UNDO-1\n"


@dataclass(frozen=True)
class Undo:
    """Entries before by lower-case part name, digests after, and the parts that we added."""

    before: Mapping[str, Entry]
    after: Mapping[str, str]
    added: tuple[str, ...]

    def holds(self, package: Package) -> bool:
        """Whether every part that we changed is still as we left it."""
        try:
            return all(
                package.has(name) and digest(package.read(name, MAX_TREE)) == wanted
                for name, wanted in self.after.items()
            )
        except RefusedError:
            return False


@dataclass(frozen=True)
class Snapshot:
    """What had been laid over a package at some moment."""

    new: dict[str, tuple[str, bytes | Entry]]
    restored: dict[str, Entry]
    gone: frozenset[str]

    @classmethod
    def of(cls, package: Package) -> Snapshot:
        """The moment now."""
        return cls(dict(package.new), dict(package.restored), frozenset(package.gone))


def digest(content: bytes) -> str:
    """SHA-256."""
    return hashlib.sha256(content).hexdigest()


def read_undo(book: Workbook) -> Undo | None:
    """The record of an earlier write, where there is one and it still holds."""
    part = _part(book)
    if part is None:
        return None
    try:
        undo = decode(book.package.read(part, 4 * MAX_TREE), book.where)
    except (RefusedError, ValueError, KeyError, TypeError, struct.error):
        return None
    return undo if undo.holds(book.package) else None


def drop_undo(book: Workbook) -> None:
    """Take the record out."""
    part = _part(book)
    if part is not None:
        ids = {rel.id for rel in book.rels.values() if rel.type == TYPE}
        book.package.remove_relationships(book.part, ids)
        book.package.drop(part)
        book.rels = {rel.id: rel for rel in book.package.relationships(book.part)}


def apply_undo(book: Workbook, undo: Undo) -> None:
    """Put every changed part back and leave what was added out."""
    package = book.package
    part = _part(book)
    for name in (*undo.added, *([part] if part else [])):
        if package.has(name):
            package.new.pop(name.lower(), None)
            if name.lower() in package.entries:
                package.gone.add(name.lower())
    for name, entry in undo.before.items():
        package.restore(name, entry)
    book.load()


def write_undo(book: Workbook, snapshot: Snapshot, earlier: Undo | None) -> None:
    """Record how to come back to ``snapshot``, or to what ``earlier`` led back to, from how the package stands now."""
    package = book.package
    part = posixpath.join(posixpath.dirname(book.part), "icp_xl", "undo.bin")
    package.put(part, b"", CONTENT_TYPE)
    package.add_relationship(book.part, TYPE, part)
    package.put(part, encode(collect(package, snapshot, earlier, frozenset((part.lower(),)))))


def collect(package: Package, snapshot: Snapshot, earlier: Undo | None, skip: frozenset[str]) -> Undo:
    """What has changed since a snapshot, with what every changed part held then.

    Args:
        package: as it stands now.
        snapshot: of the package before the change.
        earlier: an undo that led back further, whose parts are kept as it has them.
        skip: parts (lower case) that are somebody else's to record.
    """
    before: dict[str, Entry] = dict(earlier.before) if earlier else {}
    added = set(earlier.added) if earlier else set()
    for name, (_, content) in package.new.items():
        if name in before or name in added or name in skip:
            continue
        if name in snapshot.new:
            if snapshot.new[name][1] != content:
                part, old = snapshot.new[name]
                before[name] = old if isinstance(old, Entry) else packed(Content(part.encode(), old))
        elif name not in snapshot.gone and (name in snapshot.restored or name in package.entries):
            entry = snapshot.restored.get(name) or package.entries[name]
            before[name] = replace(entry, blob=package.archive.lift(entry))
        else:
            added.add(name)
    after = {name: package.digest(name) for name in sorted(before) if package.has(name)}
    return Undo({name: before[name] for name in after}, after, tuple(sorted(n for n in added if package.has(n))))


def _part(book: Workbook) -> str | None:
    found = (rel.target for rel in book.rels.values() if rel.type == TYPE and not rel.external)
    return next((part for part in found if book.package.has(part)), None)


def encode(undo: Undo) -> bytes:
    """The record as bytes."""
    parts, blobs = [], []
    for name, entry in sorted(undo.before.items()):
        blob = entry.blob or b""
        parts.append(
            {
                "name": name,
                "part": entry.name,
                "central": entry.central.hex(),
                "header": entry.header_length,
                "sizes": [entry.compressed, entry.size, entry.crc, entry.method, len(blob)],
                "after": undo.after[name],
            }
        )
        blobs.append(blob)
    head = json.dumps({"parts": parts, "added": list(undo.added)}, separators=(",", ":")).encode()
    return _MAGIC + struct.pack("<I", len(head)) + head + b"".join(blobs)


def decode(content: bytes, where: str) -> Undo:
    """The record of :func:`encode`.

    Raises:
        ValueError: it is none, or torn.
    """
    if not content.startswith(_MAGIC):
        raise ValueError("no undo record")
    at = len(_MAGIC) + 4
    size = struct.unpack("<I", content[at - 4 : at])[0]
    try:
        head = json.loads(content[at : at + size])
    except RecursionError:
        raise ValueError("an undo record that is nested too deeply") from None
    at += size
    before, after = {}, {}
    for item in head["parts"]:
        compressed, full, crc, method, length = (int(value) for value in item["sizes"])
        blob, central = content[at : at + length], bytes.fromhex(item["central"])
        at += length
        header = int(item["header"])
        if len(blob) != length or full > MAX_TREE or header + compressed > length or len(central) < 46:
            raise ValueError("torn undo record")
        raw_name = central[46 : 46 + struct.unpack("<H", central[28:30])[0]]
        if b".." in raw_name.replace(b"\\", b"/").split(b"/"):
            raise ValueError("an undo record of a part outside the workbook")
        entry = Entry(
            str(item["part"]), raw_name, central, 0, header, compressed, full, crc, method, length, blob
        )  # fmt: skip
        Archive(io.BytesIO(), where).check(entry)
        before[str(item["name"])] = entry
        after[str(item["name"])] = str(item["after"])
    return Undo(before, after, tuple(str(name) for name in head["added"]))

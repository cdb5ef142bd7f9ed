"""An Open Packaging Conventions package with changes laid over it, everything else left as the bytes it was."""

from __future__ import annotations

import hashlib
import posixpath
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote

from icp_xl.opc.archive import Archive, Content, Entry, packed, write_archive
from icp_xl.opc.deflate import crc32
from icp_xl.opc.unsupported import MAX_TREE, damaged, refuse
from icp_xl.opc.xml import PACKAGE, REL, TYPES, Element, children, parse, refuse_doctype, serialise

CONTENT_TYPES = "[Content_Types].xml"
RELS_TYPE = "application/vnd.openxmlformats-package.relationships+xml"
#: From here on a part is packed more quickly and a little less tightly.
_LARGE = 4 << 20
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


@dataclass(frozen=True)
class Relationship:
    """One relationship; ``target`` is a part name without leading slash, or an address when ``external``.

    ``written`` is the target as it stands in the file.
    """

    id: str
    type: str
    target: str
    external: bool
    written: str = ""

    @property
    def kind(self) -> str:
        """Last word of the type: ``worksheet``, ``styles``, …"""
        return self.type.rsplit("/", 1)[-1]


class Digested:
    """Blocks that pass through, and what is known of them then: SHA-256 and size."""

    def __init__(self, blocks: Iterable[bytes]) -> None:
        self._blocks, self._sha, self.size = blocks, hashlib.sha256(), 0

    def __iter__(self) -> Iterator[bytes]:
        for block in self._blocks:
            self._sha.update(block)
            self.size += len(block)
            yield block

    def sha256(self) -> str:
        """Of all that has passed."""
        return self._sha.hexdigest()


class Package:
    """A package that is read lazily and changed in memory.

    ``put`` and ``drop`` lay changes over the container; :meth:`write` carries everything else over raw.
    """

    def __init__(self, archive: Archive) -> None:
        self.archive = archive
        self.where = archive.where
        self.entries = {entry.name.lower(): entry for entry in archive.entries}
        self.new: dict[str, tuple[str, bytes | Entry]] = {}
        self.gone: set[str] = set()
        self.restored: dict[str, Entry] = {}
        self.added_order: list[str] = []
        #: Relationships by the part that holds them, with its content when they were read.
        self._read: dict[str, tuple[bytes | Entry, list[Element]]] = {}
        if CONTENT_TYPES.lower() not in self.entries:
            _not_a_workbook(archive)
        self._load_types()

    def _load_types(self) -> None:
        self.types = self.tree(CONTENT_TYPES)
        self._overrides = {
            (e.get("PartName") or "").lstrip("/").lower(): e for e in self.types if e.tag == TYPES + "Override"
        }
        self._defaults = {(e.get("Extension") or "").lower(): e for e in self.types if e.tag == TYPES + "Default"}

    def names(self) -> list[str]:
        """Lower-case names of all parts as they stand now."""
        kept = [name for name in self.entries if name not in self.gone]
        return kept + [name for name in self.added_order if name not in self.entries]

    def has(self, part: str) -> bool:
        """Whether the package holds ``part`` now."""
        name = part.lower()
        return name in self.new or (name in self.entries and name not in self.gone)

    def read(self, part: str, limit: int | None = None) -> bytes:
        """Content of ``part`` as it stands now.

        Raises:
            RefusedError: absent, damaged, or larger than ``limit`` bytes.
        """
        found = self._entry(part, limit)
        return found if isinstance(found, bytes) else self.archive.content(found)

    def chunks(self, part: str) -> Iterator[bytes]:
        """Content of ``part`` block by block."""
        found = self._entry(part, None)
        if isinstance(found, bytes):
            yield found
        else:
            yield from self.archive.chunks(found)

    def checksum(self, part: str) -> int:
        """CRC-32 of the content of ``part``, which holds once that has been read."""
        found = self._entry(part, None)
        return crc32(found) if isinstance(found, bytes) else found.crc

    def digest(self, part: str) -> str:
        """SHA-256 of the content of ``part``."""
        found = Digested(self.chunks(part))
        deque(found, maxlen=0)
        return found.sha256()

    def _entry(self, part: str, limit: int | None) -> Entry | bytes:
        if part.lower() in self.new:
            return self.new[part.lower()][1]
        entry = self.restored.get(part.lower()) or self.entries.get(part.lower())
        if entry is None or part.lower() in self.gone:
            damaged("a part that others need is missing", where=self.where, got=part)
        if limit is not None and entry.size > limit:
            refuse("bomb", "a part of the workbook is far larger than such a part can be", "Nothing was changed.",
                   where=self.where, got=f"{part}: {entry.size:,} bytes", allowed=f"{limit:,}")  # fmt: skip
        return entry

    def tree(self, part: str) -> Element:
        """Content of ``part``, parsed."""
        return parse(self.read(part, MAX_TREE), part, self.where)

    def pack(self, part: str, blocks: Iterable[bytes]) -> Entry:
        """New content for ``part``, which is there, deflated as it comes: for what is too large to hold."""
        return packed(Content(self.entries[part.lower()].raw_name, blocks, level=None))

    def put(self, part: str, content: bytes | Entry, content_type: str | None = None) -> None:
        """Lay new content (see :meth:`pack`) over ``part``, or add it; ``content_type`` is declared for it."""
        name = part.lower()
        if name not in self.new and name not in self.entries:
            self.added_order.append(name)
        elif name in self.gone and name not in self.entries and name not in self.added_order:
            self.added_order.append(name)
        self.gone.discard(name)
        known = self.entries.get(name)
        self.new[name] = (known.name if known else part, content)
        if content_type is not None:
            self.declare(part, content_type)

    def restore(self, part: str, entry: Entry) -> None:
        """Put ``part`` back as the entry that it once was."""
        name = part.lower()
        self.new.pop(name, None)
        self.gone.discard(name)
        self.restored[name] = entry
        if name not in self.entries:
            self.entries[name] = entry
        if name == CONTENT_TYPES.lower():
            self._load_types()

    def drop(self, part: str) -> None:
        """Leave ``part``, its relationships and its content type out."""
        for name in (part.lower(), relationships_of(part).lower()):
            self.new.pop(name, None)
            if name in self.added_order:
                self.added_order.remove(name)
            if name in self.entries:
                self.gone.add(name)
            override = self._overrides.pop(name, None)
            if override is not None:
                self.types.remove(override)
                self._put_types()

    def forget(self, part: str) -> None:
        """Leave ``part`` out, whatever declares it being put back otherwise."""
        name = part.lower()
        self.new.pop(name, None)
        if name in self.added_order:
            self.added_order.remove(name)
        if name in self.entries:
            self.gone.add(name)

    def content_type(self, part: str) -> str:
        """Declared content type of ``part``; empty when none is."""
        found = self._overrides.get(part.lower())
        if found is None:
            found = self._defaults.get(part.rsplit("/", 1)[-1].rsplit(".", 1)[-1].lower())
        return (found.get("ContentType") or "") if found is not None else ""

    def declare(self, part: str, content_type: str) -> None:
        """Declare the content type of ``part``: by extension where that is how such parts are declared."""
        if self.content_type(part).lower() == content_type.lower():
            return
        extension = part.rsplit(".", 1)[-1].lower()
        override = self._overrides.get(part.lower())
        if override is not None:
            override.set("ContentType", content_type)
        elif extension in ("rels", "vml", "png", "jpeg", "jpg", "gif", "emf") and extension not in self._defaults:
            made = self.types.makeelement(TYPES + "Default", {"Extension": extension, "ContentType": content_type})
            self.types.insert(0, made)
            self._defaults[extension] = made
        else:
            attributes = {"PartName": "/" + part, "ContentType": content_type}
            self._overrides[part.lower()] = made = self.types.makeelement(TYPES + "Override", attributes)
            self.types.append(made)
        self._put_types()

    def _put_types(self) -> None:
        self.put(CONTENT_TYPES, serialise(self.types))

    def relationships(self, part: str) -> list[Relationship]:
        """Relationships of ``part``; of the package when it is empty."""
        name = relationships_of(part)
        if not self.has(name):
            return []
        held = self._entry(name, MAX_TREE)
        if name not in self._read or self._read[name][0] is not held:
            self._read[name] = held, [element for element in children(self.tree(name)) if element.tag == REL]
        return [self._relationship(part, element) for element in self._read[name][1]]

    def _relationship(self, part: str, element: Element) -> Relationship:
        written = target = element.get("Target") or ""
        external = element.get("TargetMode") == "External"
        if not external:
            target = target.replace("\\", "/").split("#", 1)[0]
            target = posixpath.normpath(posixpath.join("/" + posixpath.dirname(part), target)).lstrip("/")
            if not self.has(target) and self.has(unquote(target)):
                target = unquote(target)
        return Relationship(element.get("Id") or "", element.get("Type") or "", target, external, written)

    def closure(self, roots: Iterable[str], without: Iterable[str] = ()) -> set[str]:
        """Lower-case names of every part reached from ``roots``, not going through ``without``."""
        seen = {name.lower() for name in without}
        skipped = set(seen)
        todo = list(roots)
        while todo:
            part = todo.pop()
            if part.lower() in seen or not self.has(part):
                continue
            seen.add(part.lower())
            todo += [rel.target for rel in self.relationships(part) if not rel.external]
        return seen - skipped

    def add_relationship(self, part: str, type_: str, target: str) -> str:
        """Relate ``part`` to ``target`` and return the new id."""
        name = relationships_of(part)
        if self.has(name):
            root = self.tree(name)
        else:
            root = parse(f'<Relationships xmlns="{PACKAGE}relationships"/>'.encode(), name, self.where)
            self.declare(name, RELS_TYPE)
        taken = {element.get("Id") for element in root}
        number = 1
        while f"rIdIcp{number}" in taken:
            number += 1
        link = posixpath.relpath(target, posixpath.dirname(part) or ".")
        attributes = {"Id": f"rIdIcp{number}", "Type": type_, "Target": link}
        root.append(root.makeelement(REL, attributes))
        self.put(name, serialise(root))
        return f"rIdIcp{number}"

    def remove_relationships(self, part: str, ids: set[str]) -> None:
        """Take relationships of ``part`` away by id."""
        name = relationships_of(part)
        root = self.tree(name)
        for element in list(root):
            if isinstance(element.tag, str) and element.get("Id") in ids:
                root.remove(element)
        self.put(name, serialise(root))

    def items(self) -> list[Entry | Content]:
        """What :meth:`write` writes, in order."""
        found: list[Entry | Content] = []
        for name, entry in self.entries.items():
            if name in self.gone:
                continue
            if name in self.new:
                content = self.new[name][1]
                level = 6 if isinstance(content, Entry) or len(content) < _LARGE else None
                found.append(content if isinstance(content, Entry) else Content(entry.raw_name, content, level))
            else:
                found.append(self.restored.get(name, entry))
        for name in self.added_order:
            if name not in self.entries and name in self.new:
                part, content = self.new[name]
                found.append(content if isinstance(content, Entry) else Content(part.encode(), content))
        return found

    def write(self, out: BinaryIO) -> None:
        """Write the package as it stands now."""
        write_archive(self.archive, self.items(), out, self.archive.comment)

    def touched(self) -> set[str]:
        """Lower-case names of parts of the container that this package changes, leaves out or adds."""
        return set(self.new) | self.gone | set(self.restored)

    def check_foreign(self) -> None:
        """Inflate every part that is carried over raw, so that damage is found now and not by Excel.

        Raises:
            RefusedError: a part cannot be unpacked, or declares a document type.
        """
        for name, entry in self.entries.items():
            if name not in self.new and name not in self.gone:
                start = self.archive.check(self.restored.get(name, entry))
                if b"<!D" in start.replace(b"\0", b"") and self.content_type(name).endswith("+xml"):
                    refuse_doctype(name, self.where)


def relationships_of(part: str) -> str:
    """Name of the part that holds the relationships of ``part``.

    >>> relationships_of("xl/workbook.xml"), relationships_of("")
    ('xl/_rels/workbook.xml.rels', '_rels/.rels')
    """
    return posixpath.join(posixpath.dirname(part), "_rels", posixpath.basename(part) + ".rels")


@contextmanager
def open_package(path: Path) -> Iterator[Package]:
    """Open ``path`` as a package.

    Raises:
        RefusedError: it is none, with the reason and the next step.
    """
    try:
        handle = open(path, "rb")
    except FileNotFoundError:
        refuse("missing", "the workbook does not exist", "Check the path.", where=path.name)
    except IsADirectoryError:
        refuse("missing", "this is a folder, not a workbook", "Give the path of the workbook.", where=path.name)
    except PermissionError:
        refuse("locked", "the workbook cannot be opened: another program holds it, or you may not read it",
               "Close it in Excel and run again. Nothing was changed.", where=path.name)  # fmt: skip
    with handle:
        _check_container(handle, path.name)
        yield Package(Archive.read(handle, path.name))


def _check_container(handle: BinaryIO, where: str) -> None:
    head = handle.read(8)
    if not head:
        damaged("the file is empty", where=where)
    if head == _OLE:
        handle.seek(0)
        whole = handle.read(64 << 20)
        if "EncryptedPackage".encode("utf-16-le") in whole:
            refuse("encrypted", "the workbook is protected by a password to open",
                   "Remove the password in Excel (File, Info, Protect Workbook), run again, then set it again. "
                   "Nothing was changed.", where=where)  # fmt: skip
        refuse("legacy", "this is a workbook of Excel 97-2003",
               "Save it as .xlsx in Excel (File, Save As), and use that file. Nothing was changed.",
               where=where)  # fmt: skip
    if head[:2] != b"PK":
        refuse("not-a-workbook", "this file is not an Excel workbook, whatever its name says",
               "Open it in Excel and save it as .xlsx. Nothing was changed.", where=where)  # fmt: skip


def _not_a_workbook(archive: Archive) -> None:
    names = {entry.name.lower(): entry for entry in archive.entries}
    if "mimetype" in names and "content.xml" in names:
        refuse("not-a-workbook", "this is an OpenDocument file",
               "Save it as .xlsx, and use that file. Nothing was changed.", where=archive.where)  # fmt: skip
    damaged("it has no list of content types", where=archive.where)

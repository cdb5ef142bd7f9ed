"""Zip containers, read and written so that an entry can be carried over as the very bytes it was.

:mod:`zipfile` re-creates headers and offers no raw copy, so this module reads the central directory itself. An entry
that is carried over keeps its local header, its compressed data, its data descriptor and its central record; only
the offset in that record changes. Each limit is checked before anything is inflated.

Source: PKWARE APPNOTE 6.3.10, sections 4.3 and 4.5.3.
"""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import BinaryIO, NoReturn

from icp_xl.opc.deflate import DeflateErrors, crc32, deflater, inflater
from icp_xl.opc.unsupported import BOMB_FLOOR, MAX_ENTRIES, MAX_PACKAGE, MAX_RATIO, damaged, refuse

_BLOCK = 1 << 20
_FFFF = 0xFFFFFFFF
_ENCRYPTED, _DESCRIPTOR, _UTF8 = 0x1, 0x8, 0x800
_UNIX = 3


@dataclass(frozen=True)
class Entry:
    """One entry of a container: where its bytes are, and what the central directory says of it.

    ``blob`` holds the local record when the entry was lifted out of its container (see :meth:`Archive.lift`).
    """

    name: str
    raw_name: bytes
    central: bytes
    offset: int
    header_length: int
    compressed: int
    size: int
    crc: int
    method: int
    length: int
    blob: bytes | None = None


@dataclass(frozen=True)
class Content:
    """An entry to be written afresh from its content; the date is fixed, so that equal content gives equal bytes.

    ``level`` is zlib's; ``None`` packs more quickly and a little less tightly.
    ``mode`` holds the permissions of the file where it is unpacked on Unix; 0 leaves them to the unpacker.
    """

    raw_name: bytes
    data: bytes | Iterable[bytes]
    level: int | None = 6
    mode: int = 0


@dataclass
class Archive:
    """An open container. ``entries`` are in the order of the central directory, folders left out."""

    handle: BinaryIO
    where: str
    entries: list[Entry] = field(default_factory=list)
    comment: bytes = b""

    @classmethod
    def read(cls, handle: BinaryIO, where: str) -> Archive:
        """Read the central directory of ``handle``.

        Raises:
            RefusedError: not a sound zip container, or one that is too large to be a workbook.
        """
        archive = cls(handle, where)
        try:
            archive._read_directory()
        except (struct.error, IndexError, OverflowError):
            damaged("its container cannot be read", where=where)
        return archive

    def _read_directory(self) -> None:
        end, count, size, start, shift = self._find_end()
        if count > MAX_ENTRIES or size > end:
            refuse("bomb", "the container claims more entries than a workbook has", "Nothing was changed.",
                   where=self.where, got=count, allowed=MAX_ENTRIES)  # fmt: skip
        self.handle.seek(start + shift)
        directory = self.handle.read(size)
        at, seen, total = 0, set(), 0
        for _ in range(count):
            length = _central_length(directory, at)
            if directory[at : at + 4] != b"PK\x01\x02" or at + length > len(directory):
                damaged("its directory is torn", where=self.where)
            entry = self._entry(directory[at : at + length], shift, end)
            at += length
            if entry.raw_name.endswith((b"/", b"\\")) and not entry.size:
                continue
            if entry.name.lower() in seen:
                damaged("it holds the same part twice", where=self.where, got=entry.name[:80])
            seen.add(entry.name.lower())
            total += entry.size
            self.entries.append(entry)
        for name, size, packed in [("", total, end), *((e.name, e.size, e.compressed) for e in self.entries)]:
            if size > MAX_PACKAGE or (size > BOMB_FLOOR and size > MAX_RATIO * max(packed, 1)):
                refuse("bomb", "the workbook would unpack to more than a workbook can be", "Nothing was changed.",
                       where=self.where, got=f"{name[:80]} {size:,} bytes from {packed:,}".strip(),
                       allowed=f"{MAX_PACKAGE:,} bytes, {MAX_RATIO} times its size")  # fmt: skip
        self._check_overlap()

    def _find_end(self) -> tuple[int, int, int, int, int]:
        """Position of the end record; entries, size and offset of the directory; bytes before the container."""
        self.handle.seek(0, 2)
        whole = self.handle.tell()
        tail_start = max(0, whole - 65_557)
        self.handle.seek(tail_start)
        tail = self.handle.read()
        at = tail.rfind(b"PK\x05\x06")
        if at < 0 or at + 22 > len(tail):
            damaged("its container has no directory (cut off, or not a workbook)", where=self.where)
        disk, _, here, count, size, offset, note = struct.unpack("<HHHHIIH", tail[at + 4 : at + 22])
        self.comment = tail[at + 22 : at + 22 + note]
        end = tail_start + at
        if at >= 20 and tail[at - 20 : at - 16] == b"PK\x06\x07":
            start = struct.unpack("<Q", tail[at - 12 : at - 4])[0]
            self.handle.seek(start)
            record = self.handle.read(56)
            if record[:4] == b"PK\x06\x06":
                disk, here, count, size, offset = struct.unpack("<I4xQQQQ", record[16:56])
                # The directory ends where this record begins, however long it is; it is nowhere else than it says.
                return start, count, size, offset, 0 if (not disk and here == count) else self._several()
        if disk or here != count:
            self._several()
        shift = end - size - offset
        return end, count, size, offset, shift if shift > 0 else 0

    def _several(self) -> NoReturn:
        damaged("its container is one of several volumes", where=self.where)

    def _entry(self, central: bytes, shift: int, end: int) -> Entry:
        flags, method = struct.unpack("<HH", central[8:12])
        crc, compressed, size, n, m = struct.unpack("<IIIHH", central[16:32])
        offset = struct.unpack("<I", central[42:46])[0]
        raw_name = central[46 : 46 + n]
        wide = _zip64(central[46 + n : 46 + n + m])
        size, wide = _widen(size, wide)
        compressed, wide = _widen(compressed, wide)
        offset, wide = _widen(offset, wide)
        name = _part_name(raw_name, flags, self.where)
        if flags & _ENCRYPTED:
            refuse("encrypted", "the workbook's container is encrypted entry by entry",
                   "Save it without encryption, and use that file. Nothing was changed.", where=self.where)  # fmt: skip
        if method not in (0, 8):
            damaged(
                "an entry is packed by a method that Excel cannot read", where=self.where, got=f"{name[:80]}: {method}"
            )
        offset += shift
        if offset + 30 > end or (method == 0 and compressed != size):
            damaged("an entry lies outside the file", where=self.where, got=name[:80])
        self.handle.seek(offset)
        local = self.handle.read(30)
        if local[:4] != b"PK\x03\x04":
            damaged("an entry has no header", where=self.where, got=name[:80])
        ln, lm = struct.unpack("<HH", local[26:30])
        local_name = self.handle.read(ln)
        if local_name.replace(b"\\", b"/") != raw_name.replace(b"\\", b"/"):
            damaged("an entry has two names", where=self.where, got=name[:80])
        header = 30 + ln + lm
        if offset + header + compressed > end:
            damaged("an entry is cut off", where=self.where, got=name[:80])
        tail = self._descriptor(offset + header + compressed, crc, compressed, size) if flags & _DESCRIPTOR else 0
        return Entry(name, raw_name, central, offset, header, compressed, size, crc, method, header + compressed + tail)

    def _descriptor(self, at: int, crc: int, compressed: int, size: int) -> int:
        """Length of the data descriptor: with or without signature, with sizes of four or eight bytes."""
        self.handle.seek(at)
        found = self.handle.read(24)
        for sizes in ("<II", "<QQ"):
            for lead in (b"PK\x07\x08", b""):
                try:
                    want = lead + struct.pack("<I", crc) + struct.pack(sizes, compressed, size)
                except struct.error:
                    continue
                if found.startswith(want):
                    return len(want)
        return 0

    def _check_overlap(self) -> None:
        last, name = 0, ""
        for entry in sorted(self.entries, key=lambda entry: entry.offset):
            if entry.offset < last:
                damaged("entries overlap", where=self.where, got=f"{name[:60]} and {entry.name[:60]}")
            last, name = entry.offset + entry.header_length + entry.compressed, entry.name

    def raw(self, entry: Entry) -> Iterator[bytes]:
        """The local record of ``entry`` as it stands in the file, in blocks."""
        if entry.blob is not None:
            for at in range(0, len(entry.blob), _BLOCK):
                yield entry.blob[at : at + _BLOCK]
            return
        yield from self._range(entry.offset, entry.length)

    def _range(self, at: int, left: int) -> Iterator[bytes]:
        while left:
            self.handle.seek(at)
            block = self.handle.read(min(left, _BLOCK))
            if not block:
                damaged("it ends too early", where=self.where)
            yield block
            at += len(block)
            left -= len(block)

    def lift(self, entry: Entry) -> bytes:
        """The local record of ``entry`` as one string of bytes."""
        return b"".join(self.raw(entry))

    def chunks(self, entry: Entry) -> Iterator[bytes]:
        """Inflate ``entry`` block by block, checking its size and its CRC-32.

        Raises:
            RefusedError: the data are not what the directory says.
        """
        if entry.blob is not None:
            # In blocks, as what is left of one is copied each time that a part of it has been unpacked.
            blob, end = entry.blob, entry.header_length + entry.compressed
            places = range(entry.header_length, end, _BLOCK)
            packed: Iterable[bytes] = (blob[at : min(at + _BLOCK, end)] for at in places)
        else:
            packed = self._range(entry.offset + entry.header_length, entry.compressed)
        crc = left = 0
        left = entry.size
        for block in _inflated(packed, entry.method, self.where, entry.name):
            left -= len(block)
            if left < 0:
                damaged("a part is larger than it says", where=self.where, got=entry.name[:80])
            crc = crc32(block, crc)
            yield block
        if left or crc != entry.crc:
            damaged(
                "a part ends too early" if left else "a part does not match its checksum",
                where=self.where,
                got=entry.name[:80],
            )

    def content(self, entry: Entry) -> bytes:
        """The whole content of ``entry``."""
        return b"".join(self.chunks(entry))

    def check(self, entry: Entry) -> bytes:
        """Inflate ``entry`` only to see that it can be; how it begins."""
        start = b""
        for block in self.chunks(entry):
            start = start or block[:2048]
        return start


def _inflated(packed: Iterable[bytes], method: int, where: str, name: str) -> Iterator[bytes]:
    if method == 0:
        yield from packed
        return
    inflate = inflater()
    try:
        for block in packed:
            # Past the end of the stream there is nothing to do: the rest would come back as unconsumed for ever.
            while block and not inflate.eof:
                out = inflate.decompress(block, _BLOCK)
                if out:
                    yield out
                block = inflate.unconsumed_tail
        # Some writers leave the end mark out. Whether all is there is for the size and the checksum to say.
        while not inflate.eof:
            out = inflate.decompress(b"", _BLOCK)
            if not out:
                break
            yield out
    except DeflateErrors:
        damaged("a part cannot be unpacked", where=where, got=name[:80])


def _central_length(directory: bytes, at: int) -> int:
    n, m, k = struct.unpack("<HHH", directory[at + 28 : at + 34])
    return 46 + int(n) + int(m) + int(k)


def _zip64(extra: bytes) -> bytes:
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack("<HH", extra[at : at + 4])
        if kind == 1:
            return extra[at + 4 : at + 4 + length]
        at += 4 + length
    return b""


def _widen(value: int, wide: bytes) -> tuple[int, bytes]:
    return (struct.unpack("<Q", wide[:8])[0], wide[8:]) if value == _FFFF and len(wide) >= 8 else (value, wide)


def _part_name(raw: bytes, flags: int, where: str) -> str:
    try:
        name = raw.decode("utf-8" if flags & _UTF8 else "cp437")
    except UnicodeDecodeError:
        damaged("an entry's name is not text", where=where)
    name = name.replace("\\", "/").lstrip("/")
    if ".." in name.split("/") or re.match(r"^[A-Za-z]:", name) or "\0" in name:
        refuse("path-escape", "the workbook's container holds a path that leaves it",
               "A workbook made by Excel has none: do not trust this file. Nothing was changed.",
               where=where, got=name[:80])  # fmt: skip
    return name


def write_archive(
    source: Archive | None, items: Iterable[Entry | Content], out: BinaryIO, comment: bytes = b""
) -> None:
    """Write ``items`` in order: entries of ``source`` as the bytes they were, contents deflated afresh.

    Args:
        source: the container of the entries that are carried over; ``None`` where there are none.
        items: entries and contents, in the order in which they are to stand.
        out: where it is written, from its position on; it must be able to seek.
        comment: comment of the container.
    """
    directory: list[bytes] = []
    for item in items:
        offset = out.tell()
        if offset >= _FFFF:
            refuse("too-large", "the workbook would be larger than 4 GB", "Nothing was changed.")
        if isinstance(item, Content):
            directory.append(_write_content(item, offset, out))
            continue
        if source is None:
            raise ValueError("an entry needs the container that it is carried over from")
        for block in source.raw(item):
            out.write(block)
        directory.append(_moved(item.central, offset))
    start = out.tell()
    for record in directory:
        out.write(record)
    size, count = out.tell() - start, len(directory)
    out.write(struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, count, count, size, start, len(comment)) + comment)


def packed(content: Content) -> Entry:
    """``content`` as an entry that holds its bytes deflated, which stands for itself in any container."""
    out = io.BytesIO()
    write_archive(None, [content], out)
    entry = Archive.read(out, "").entries[0]
    # What is left are its very bytes, which are handed out without a copy.
    out.truncate(entry.length)
    return replace(entry, blob=out.getvalue())


def deterministic_zip(parts: Mapping[str, bytes], level: int = 6) -> bytes:
    """A container of ``parts`` (content by name) in their order; equal parts give equal bytes, on every system."""
    out = io.BytesIO()
    write_archive(None, [Content(name.encode(), data, level, 0o600) for name, data in parts.items()], out)
    return out.getvalue()


def _moved(central: bytes, offset: int) -> bytes:
    """A central record with its offset replaced, also where that stands in the zip64 field."""
    if central[42:46] != b"\xff\xff\xff\xff":
        return central[:42] + struct.pack("<I", offset) + central[46:]
    n, m = struct.unpack("<HH", central[28:32])
    at, end = 46 + n, 46 + n + m
    while at + 4 <= end:
        kind, length = struct.unpack("<HH", central[at : at + 4])
        if kind == 1:
            at += 4 + 8 * (central[20:24] == b"\xff" * 4) + 8 * (central[24:28] == b"\xff" * 4)
            return central[:at] + struct.pack("<Q", offset) + central[at + 8 :]
        at += 4 + length
    return central


def _write_content(item: Content, offset: int, out: BinaryIO) -> bytes:
    flags = _UTF8 if any(byte > 127 for byte in item.raw_name) else 0
    head = struct.pack("<HHHHH", 20, flags, 8, 0, 0x21)
    out.write(b"PK\x03\x04" + head + b"\0" * 12 + struct.pack("<HH", len(item.raw_name), 0) + item.raw_name)
    deflate = deflater(item.level)
    crc = size = packed = 0
    for block in [item.data] if isinstance(item.data, bytes) else item.data:
        crc, size = crc32(block, crc), size + len(block)
        packed += out.write(deflate.compress(block))
    packed += out.write(deflate.flush())
    if max(size, packed) >= _FFFF:
        refuse("too-large", "a part would be larger than 4 GB", "Nothing was changed.")
    sizes = struct.pack("<III", crc, packed, size)
    out.seek(offset + 14)
    out.write(sizes)
    out.seek(0, 2)
    tail = struct.pack("<HHHHHII", len(item.raw_name), 0, 0, 0, 0, item.mode << 16, offset)
    made_by = 20 | (_UNIX << 8 if item.mode else 0)
    return b"PK\x01\x02" + struct.pack("<H", made_by) + head + sizes + tail + item.raw_name

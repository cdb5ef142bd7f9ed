"""Workbooks damaged in every way that a disk, a mail server or a hostile hand can think of, from a seed."""

from __future__ import annotations

import io
import random
import re
import struct
import zipfile
import zlib
from collections.abc import Callable

Parts = dict[str, bytes]


def mutant(content: bytes, seed: int) -> tuple[str, bytes]:
    """A damaged copy of the workbook ``content``: how it was damaged, and its bytes."""
    chance = random.Random(seed)
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        name, change = chance.choice(MUTATORS)
        try:
            content = change(content, chance)
        except (LookupError, ValueError, RuntimeError, OSError, EOFError, zipfile.BadZipFile, struct.error, zlib.error):
            # Too damaged already for this one.
            name, content = "flip", _flip(content, chance)
    return name, content


def _flip(content: bytes, chance: random.Random) -> bytes:
    """A few bytes changed anywhere."""
    if not content:
        return b"\0"
    made = bytearray(content)
    for _ in range(chance.choice((1, 3, 20))):
        made[chance.randrange(len(made))] = chance.randrange(256)
    return bytes(made)


def _cut(content: bytes, chance: random.Random) -> bytes:
    """Cut off, or a piece missing in the middle."""
    at = chance.randrange(len(content))
    return content[:at] + (content[at + chance.randrange(1, 4000) :] if chance.random() < 0.5 else b"")


def _swap(content: bytes, chance: random.Random) -> bytes:
    """Two blocks changed over."""
    size = chance.choice((16, 512, 4096))
    a, b = (chance.randrange(max(1, len(content) - size)) for _ in range(2))
    made = bytearray(content)
    made[a : a + size], made[b : b + size] = made[b : b + size], made[a : a + size]
    return bytes(made)


def _directory(content: bytes, chance: random.Random) -> bytes:
    """A field of the container's directory changed to an extreme."""
    places = [m.start() for m in re.finditer(rb"PK\x01\x02|PK\x05\x06|PK\x03\x04", content)]
    at = chance.choice(places) + chance.randrange(4, 46)
    value = chance.choice((b"\0\0\0\0", b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\1\0\0\0", b"\0\0\0\x80"))
    return content[:at] + value + content[at + 4 :]


def _unpack(content: bytes) -> Parts:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        if sum(info.file_size for info in archive.infolist()) > 40_000_000:
            raise ValueError("too large to unpack in a test")
        return {info.filename: archive.read(info) for info in archive.infolist()}


def _pack(parts: Parts) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in parts.items():
            archive.writestr(name, body)
    return out.getvalue()


def _part(change: Callable[[bytes, random.Random], bytes]) -> Callable[[bytes, random.Random], bytes]:
    """Change the content of one part, in a sound container."""

    def changed(content: bytes, chance: random.Random) -> bytes:
        parts = _unpack(content)
        texts = [name for name in parts if name.endswith((".xml", ".rels", ".vml"))]
        # Plumbing is where damage does most.
        plumbing = [n for n in texts if n.endswith(".rels") or "workbook.xml" in n or "Content_Types" in n]
        name = chance.choice(plumbing if plumbing and chance.random() < 0.4 else texts)
        parts[name] = change(parts[name], chance)
        return _pack(parts)

    return changed


def _attribute(body: bytes, chance: random.Random) -> bytes:
    """One attribute's value changed for an odd one."""
    found = list(re.finditer(rb'="([^"]*)"', body))
    hit = chance.choice(found)
    odd = chance.choice((
        b"", b"-1", b"0", b"99999999999999999999", b"NaN", b"A0", b"XFE1048577", b"A1:B", b"true", b"../../etc/passwd",
        b"%2e%2e/x", b"\xc3\xa9\xe2\x82\xac", b"&#1;", b"&amp;" * 50, b"x" * 70_000, b"#REF!", b"rId999999",
        b"/xl/workbook.xml", b"1e308", b"\xff\xfe", b"A1:XFD1048576",
    ))  # fmt: skip
    return body[: hit.start(1)] + odd + body[hit.end(1) :]


def _element(body: bytes, chance: random.Random) -> bytes:
    """One tag dropped, doubled, or renamed."""
    hit = chance.choice(list(re.finditer(rb"<[^<>]+>", body)))
    made = chance.choice((b"", hit[0] * 2, b"<x>", b"</x>", hit[0].replace(b":", b"_"), b"<!--" + hit[0] + b"-->"))
    return body[: hit.start()] + made + body[hit.end() :]


def _text(body: bytes, chance: random.Random) -> bytes:
    """Text between two tags changed for an odd one."""
    hit = chance.choice(list(re.finditer(rb">([^<>]*)<", body)))
    odd = chance.choice(
        (b"99999999", b"-1", b"=1+1", b"&bogus;", b"]]>", b"\0", b"'[1]S'!A1", b"cmd|'/c x'!A0", b"9" * 400)
    )
    return body[: hit.start(1)] + odd + body[hit.end(1) :]


def _doctype(body: bytes, chance: random.Random) -> bytes:
    """A document type with entities that grow."""
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">' + b"".join(
        b'<!ENTITY %c "&%c;&%c;&%c;&%c;">' % (98 + i, 97 + i, 97 + i, 97 + i, 97 + i) for i in range(20)
    ) + b"]>"  # fmt: skip
    at = body.find(b"?>") + 2 if body.startswith(b"<?xml") else 0
    return body[:at] + bomb + body[at:].replace(b"</", b"&u;</", 1)


def _encoding(body: bytes, chance: random.Random) -> bytes:
    """The same text in another encoding, or one that is announced wrongly."""
    if chance.random() < 0.5:
        return body.replace(b"UTF-8", chance.choice((b"UTF-16", b"latin-1", b"nonsense", b"utf-7")), 1)
    text = body.decode("utf-8", "replace").replace("UTF-8", "UTF-16")
    return text.encode("utf-16")


def _deep(body: bytes, chance: random.Random) -> bytes:
    """Nested far too deep."""
    depth = chance.choice((300, 5_000, 50_000))
    hit = body.rfind(b"</")
    return body[:hit] + b"<d>" * depth + b"</d>" * depth + body[hit:]


def _drop(content: bytes, chance: random.Random) -> bytes:
    """A part left out."""
    parts = _unpack(content)
    del parts[chance.choice(list(parts))]
    return _pack(parts)


def _double(content: bytes, chance: random.Random) -> bytes:
    """A part under another's name, or in other capitals."""
    parts = _unpack(content)
    a, b = (chance.choice(list(parts)) for _ in range(2))
    parts[a.upper() if chance.random() < 0.5 else a] = parts[b]
    return _pack(parts)


def _loop(content: bytes, chance: random.Random) -> bytes:
    """Relationships that go round in circles."""
    parts = _unpack(content)
    for name in [n for n in parts if n.endswith(".rels")]:
        parts[name] = parts[name].replace(
            b"</Relationships>",
            b'<Relationship Id="rLoop" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/image"'
            b' Target="/xl/workbook.xml"/></Relationships>',
        )
    return _pack(parts)


def _bomb(content: bytes, chance: random.Random) -> bytes:
    """A part that unpacks to very much."""
    parts = _unpack(content)
    name = chance.choice([n for n in parts if n.endswith(".xml")])
    parts[name] += b" " * chance.choice((1_000_000, 30_000_000, 60_000_000))
    return _pack(parts)


def _escape(content: bytes, chance: random.Random) -> bytes:
    """A part whose name leaves the container."""
    parts = _unpack(content)
    parts[chance.choice(("../../evil.xml", "/abs/evil.xml", "C:/evil.xml", "xl\\..\\..\\evil.xml", "xl//x.xml"))] = (
        b"<x/>"
    )
    return _pack(parts)


MUTATORS: tuple[tuple[str, Callable[[bytes, random.Random], bytes]], ...] = (
    ("flip", _flip), ("cut", _cut), ("swap", _swap), ("directory", _directory), ("part flip", _part(_flip)),
    ("part cut", _part(_cut)), ("attribute", _part(_attribute)), ("attribute", _part(_attribute)),
    ("attribute", _part(_attribute)), ("element", _part(_element)), ("element", _part(_element)),
    ("text", _part(_text)),
    ("doctype", _part(_doctype)), ("encoding", _part(_encoding)), ("deep", _part(_deep)), ("drop", _drop),
    ("double", _double), ("loop", _loop), ("bomb", _bomb), ("escape", _escape),
)  # fmt: skip

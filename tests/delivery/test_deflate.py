"""Parts are read and refused alike by zlib-ng and by zlib, whatever the blocks, the limit and the damage."""

from __future__ import annotations

import io
import random
import zipfile
import zlib

import pytest

from icp_xl.opc import archive, deflate
from icp_xl.opc.archive import Archive, Content, write_archive
from icp_xl.opc.unsupported import RefusedError

pytest.importorskip("zlib_ng", reason="zlib-ng has no wheel here")


def _content(draw: random.Random) -> bytes:
    rows = draw.choice((0, 1, 3, 40, 2_000))
    text = b"".join(b'<row r="%d"><c r="A%d"><v>%d</v></c></row>' % (n, n, draw.randrange(10**6)) for n in range(rows))
    return text + draw.randbytes(draw.choice((0, 1, 7_000)))


def _outcome(raw: bytes) -> tuple[object, ...]:
    """What is read of a container, or why it is refused."""
    try:
        found = Archive.read(io.BytesIO(raw), "book.xlsx")
        return tuple((entry.name, found.content(entry)) for entry in found.entries)
    except RefusedError as error:
        return (error.reason,)  # of two faults either may be met first


@pytest.fixture(params=[True, False], ids=["zlib-ng", "zlib"])
def _by(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if not request.param:
        monkeypatch.setattr(deflate, "_ng", None)


@pytest.mark.usefixtures("_by")
@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("level", [None, 1, 6])
def test_what_is_packed_is_read_by_others(seed: int, level: int | None) -> None:
    draw = random.Random(seed)
    data, out = _content(draw), io.BytesIO()
    cuts = sorted(draw.randrange(len(data) + 1) for _ in range(draw.randrange(5)))
    blocks = [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    write_archive(None, [Content(b"part.xml", blocks, level)], out)
    with zipfile.ZipFile(out) as book:
        assert book.testzip() is None
        assert book.read("part.xml") == data
    assert _outcome(out.getvalue())[0][1] == data  # type: ignore[index]


@pytest.mark.parametrize("seed", range(150))
def test_both_read_and_refuse_the_same(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    draw = random.Random(seed)
    monkeypatch.setattr(archive, "_BLOCK", draw.choice((1 << 20, 4096, 61)))
    deflated, data, out = zlib.compressobj(draw.choice((0, 1, 6, 9)), zlib.DEFLATED, -15), _content(draw), io.BytesIO()
    packed = bytearray(deflated.compress(data) + deflated.flush(draw.choice((zlib.Z_FINISH, zlib.Z_SYNC_FLUSH))))
    size, kind = len(data), draw.choice(("whole", "whole", "bytes", "short", "long", "size"))
    if kind == "bytes":
        for _ in range(draw.randrange(1, 4)):
            packed[draw.randrange(len(packed))] = draw.randrange(256)
    elif kind == "short":
        del packed[draw.randrange(len(packed)) :]
    elif kind == "long":
        packed += draw.randbytes(draw.choice((1, 9, 5000)))
    elif kind == "size":
        size = max(0, size + draw.choice((-1, 1, -70, 70)))
    _by_hand(out, bytes(packed), size, zlib.crc32(data))
    first = _outcome(out.getvalue())
    monkeypatch.setattr(deflate, "_ng", None)
    second = _outcome(out.getvalue())
    # Rubbish in an unfinished stream may be met by one of them only; size and checksum say what was read of it.
    assert first == second or (kind in ("bytes", "long") and {first, second} == {("damaged",), (("part.xml", data),)})
    if kind == "whole":
        assert first == (("part.xml", data),)


def _by_hand(out: io.BytesIO, packed: bytes, size: int, crc: int) -> None:
    """A container of one part that says of itself what it is told to."""
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as book:
        book.writestr("part.xml", packed)
    raw = bytearray(out.getvalue())
    central = raw.rindex(b"PK\x01\x02")
    for at, method in ((0, 8), (central, 10)):
        raw[at + method : at + method + 2] = b"\x08\0"
        raw[at + method + 6 : at + method + 18] = b"".join(
            number.to_bytes(4, "little") for number in (crc, len(packed), size)
        )
    out.seek(0)
    out.write(raw)

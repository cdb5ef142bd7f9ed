"""Deflate and CRC-32 by zlib-ng where that is installed, else by zlib: it takes little more than half of the time.

What both read is the same; what they pack may differ, as it may between versions of zlib.

ISA-L packs faster still, but leaves the upper halves of the processor's registers in use: what runs after it takes up
to four times as long.
"""

from __future__ import annotations

import zlib
from typing import Protocol

try:
    from zlib_ng import zlib_ng
except ImportError:  # no wheel for this processor
    _ng = None
else:
    _ng = zlib_ng

_RAW = -15
crc32 = zlib.crc32 if _ng is None else _ng.crc32
#: What either raises of damaged data.
DeflateErrors: tuple[type[Exception], ...] = (zlib.error,) if _ng is None else (zlib.error, _ng.error)


class Deflater(Protocol):
    """What packs block by block."""

    def compress(self, data: bytes, /) -> bytes:
        """Pack a block, as far as that gives something."""

    def flush(self) -> bytes:
        """The rest."""


class Inflater(Protocol):
    """What unpacks block by block."""

    @property
    def eof(self) -> bool:
        """Whether the end mark was read."""

    @property
    def unconsumed_tail(self) -> bytes:
        """What of the block was beyond the limit."""

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        """Unpack a block, up to so many bytes."""


def deflater(level: int | None) -> Deflater:
    """Packs raw deflate at a level of zlib's; ``None`` for quickly and a little less tightly."""
    if level is None and _ng is not None:
        quick: Deflater = _ng.compressobj(2, _ng.DEFLATED, _RAW)
        return quick
    return zlib.compressobj(1 if level is None else level, zlib.DEFLATED, _RAW)


def inflater() -> Inflater:
    """Unpacks raw deflate."""
    return zlib.decompressobj(_RAW) if _ng is None else _ng.decompressobj(_RAW)

"""Byte-level edits of a part, and the small record that undoes them.

Whoever edits a sheet of 100 MB keeps no second copy of it: the record holds, for each edit, how many bytes stay, how
many were put in, and the bytes that stood there. It compresses to a few bytes a row.
"""

from __future__ import annotations

import struct
import zlib
from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field

#: Position in the segment, length of what goes, and what comes.
Edit = tuple[int, int, bytes]


@dataclass
class Splice:
    """Collects segments of a part, edited or not; ``pieces`` is the new part."""

    pieces: list[bytes] = field(default_factory=list)
    _steps: array[int] = field(default_factory=lambda: array("Q"))
    _saved: list[bytes] = field(default_factory=list)
    _kept: int = 0

    def keep(self, segment: bytes) -> None:
        """A segment that stays as it is."""
        self.pieces.append(segment)
        self._kept += len(segment)

    def change(self, segment: bytes, edits: Iterable[Edit]) -> None:
        """A segment with ``edits``, in order and apart from each other."""
        at = 0
        for position, length, new in edits:
            self.pieces += (segment[at:position], new)
            self._steps.extend((self._kept + position - at, len(new), length))
            self._saved.append(segment[position : position + length])
            self._kept = 0
            at = position + length
        self.keep(segment[at:])

    def content(self) -> bytes:
        """The new part."""
        return b"".join(self.pieces)

    def record(self) -> bytes:
        """What :func:`revert` needs to lead back."""
        steps, saved = self._steps.tobytes(), b"".join(self._saved)
        return struct.pack("<Q", len(steps)) + zlib.compress(steps + saved, 3)


def revert(content: bytes, record: bytes, limit: int) -> bytes:
    """The part before the edits.

    Raises:
        ValueError: the record does not fit the content, or is torn.
    """
    try:
        size = struct.unpack("<Q", record[:8])[0]
        inflate = zlib.decompressobj()
        body = inflate.decompress(record[8:], limit)
        if inflate.unconsumed_tail or not inflate.eof or size > len(body) or size % 24:
            raise ValueError("torn record")
    except (struct.error, zlib.error) as error:
        raise ValueError("torn record") from error
    steps = array("Q")
    steps.frombytes(body[:size])
    saved, at = size, 0
    pieces: list[bytes] = []
    for index in range(0, len(steps), 3):
        kept, put_in, length = steps[index : index + 3]
        if at + kept + put_in > len(content) or saved + length > len(body):
            raise ValueError("the record does not fit")
        pieces += (content[at : at + kept], body[saved : saved + length])
        at += kept + put_in
        saved += length
    pieces.append(content[at:])
    return b"".join(pieces)

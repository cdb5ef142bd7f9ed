"""Byte-level edits of a part, and the small record that undoes them.

Whoever edits a sheet of 100 MB keeps no second copy of it: the record holds, for each edit, how many bytes stay, how
many were put in, and the bytes that stood there. It compresses to a few bytes a row.
"""

from __future__ import annotations

import struct
import zlib
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from icp_xl.opc.deflate import crc32

#: Position in the segment, length of what goes, and what comes.
Edit = tuple[int, int, bytes]


@dataclass
class Splice:
    """Collects segments of a part, edited or not; :meth:`taken` hands the new part out, piece by piece.

    ``checksum`` is the CRC-32 of the segments as they were.
    """

    pieces: list[bytes] = field(default_factory=list)
    checksum: int = 0
    _steps: array[int] = field(default_factory=lambda: array("Q"))
    _saved: bytearray = field(default_factory=bytearray)
    _kept: int = 0

    def keep(self, segment: bytes) -> None:
        """A segment that stays as it is."""
        self.checksum = crc32(segment, self.checksum)
        self.pieces.append(segment)
        self._kept += len(segment)

    def change(self, segment: bytes, edits: Iterable[Edit]) -> None:
        """A segment with ``edits``, in order and apart from each other."""
        positions, lengths, new = zip(*edits, strict=True) if (edits := list(edits)) else ((), (), ())
        self.change_many(segment, np.array(positions, np.int64), np.array(lengths, np.int64), new)

    def change_many(
        self, segment: bytes, positions: NDArray[np.int64], lengths: NDArray[np.int64], new: Sequence[bytes]
    ) -> None:
        """:meth:`change` by many edits.

        Args:
            segment: as it was.
            positions: of the edits in it, ascending.
            lengths: of what goes there, in bytes.
            new: what comes there.
        """
        self.checksum = crc32(segment, self.checksum)
        ends = np.concatenate(([0], positions + lengths))
        kept = positions - ends[:-1]
        if len(kept):
            kept[0] += self._kept
            self._kept = 0
        sizes = np.fromiter(map(len, new), np.int64, len(new))
        self._steps.frombytes(np.column_stack((kept, sizes, lengths)).astype("u8").tobytes())
        goes = np.flatnonzero(lengths)
        taken = zip(positions[goes].tolist(), ends[goes + 1].tolist(), strict=True)
        self._saved += b"".join([segment[start:end] for start, end in taken])
        between = [segment[start:end] for start, end in zip(ends.tolist(), positions.tolist(), strict=False)]
        self.pieces += chain.from_iterable(zip(between, new, strict=True))
        self.pieces.append(segment[ends[-1] :])
        self._kept += len(segment) - int(ends[-1])

    def taken(self) -> bytes:
        """What has been made since it was last asked for."""
        made = b"".join(self.pieces)
        self.pieces.clear()
        return made

    def record(self) -> bytes:
        """What :func:`reverted` needs to lead back."""
        steps, deflate = memoryview(self._steps).cast("B"), zlib.compressobj(3)
        packed = (deflate.compress(steps), deflate.compress(self._saved), deflate.flush())
        return struct.pack("<Q", len(steps)) + b"".join(packed)


def reverted(chunks: Iterable[bytes], record: bytes, limit: int) -> Iterator[bytes]:
    """The part before the edits, piece by piece.

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
    saved, at, index, count = size, 0, 0, len(steps)
    buffer, pieces = b"", list[bytes]()
    for chunk in chunks:
        buffer, at = buffer[at:] + chunk, 0
        while index < count and at + steps[index] + steps[index + 1] <= len(buffer):
            kept, put_in, length = steps[index : index + 3]
            pieces += (buffer[at : at + kept], body[saved : saved + length])
            at += kept + put_in
            saved += length
            index += 3
        if index == count:
            pieces.append(buffer[at:])
            at = len(buffer)
        yield b"".join(pieces)
        pieces.clear()
    if index < count or saved > len(body):
        raise ValueError("the record does not fit")

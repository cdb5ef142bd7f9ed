"""What a picture file says besides its pixels: place, camera, author, program; found, and taken out.

Source: JPEG (ITU-T T.81, Annex B), Exif 2.32, PNG (W3C, third edition, section 11.3).
"""

from __future__ import annotations

import struct

#: JPEG segments that hold no pixels: Exif and XMP, IPTC, comments.
_JPEG = {0xE1: "Exif or XMP", 0xED: "IPTC", 0xFE: "comment"}
_PNG = {
    b"eXIf": "Exif", b"tEXt": "text", b"zTXt": "text", b"iTXt": "text",
}  # fmt: skip
_PNG_HEAD = b"\x89PNG\r\n\x1a\n"


def image_facts(content: bytes) -> list[str]:
    """What a JPEG or PNG file tells besides its pixels; nothing for other sorts.

    >>> image_facts(_PNG_HEAD + struct.pack(">I", 3) + b"tEXtabc" + bytes(4))
    ['text']
    """
    pieces = _jpeg(content) if content[:2] == b"\xff\xd8" else _png(content) if content[:8] == _PNG_HEAD else []
    return list(dict.fromkeys(fact for fact, _, _ in pieces if fact))


def without_facts(content: bytes) -> bytes:
    """The same picture without them; a file that cannot be read through is given back as it is."""
    pieces = _jpeg(content) if content[:2] == b"\xff\xd8" else _png(content) if content[:8] == _PNG_HEAD else []
    if not any(fact for fact, _, _ in pieces):
        return content
    head = content[: pieces[0][1]]
    return head + b"".join(content[start:end] for fact, start, end in pieces if not fact)


def _jpeg(content: bytes) -> list[tuple[str, int, int]]:
    """Every segment as (fact or empty, start, end); the last one runs from the first scan to the end."""
    found, at = [], 2
    while at + 4 <= len(content) and content[at] == 0xFF:
        marker = content[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        if marker in (0xDA, 0xD9) or 0xD0 <= marker <= 0xD7:
            break
        length = struct.unpack(">H", content[at + 2 : at + 4])[0]
        end = at + 2 + length
        if length < 2 or end > len(content):
            break
        found.append((_JPEG.get(marker, ""), at, end))
        at = end
    found.append(("", at, len(content)))
    return found


def _png(content: bytes) -> list[tuple[str, int, int]]:
    found, at = [], 8
    while at + 12 <= len(content):
        length = struct.unpack(">I", content[at : at + 4])[0]
        end = at + 12 + length
        if end > len(content):
            # A last chunk without its checksum still tells what it tells.
            end = len(content)
        found.append((_PNG.get(content[at + 4 : at + 8], ""), at, end))
        at = end
    if at < len(content):
        found.append(("", at, len(content)))
    return found

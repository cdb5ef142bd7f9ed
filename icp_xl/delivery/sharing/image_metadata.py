"""What a picture file says besides its pixels: place, camera, author, program; found, and taken out.

Source: JPEG (ITU-T T.81, Annex B), Exif 2.32, PNG (W3C, third edition, section 11.3).
"""

from __future__ import annotations

import re
import struct

#: JPEG segments that hold no pixels: Exif and XMP, IPTC, comments.
_JPEG = {0xE1: "Exif or XMP", 0xED: "IPTC", 0xFE: "comment"}
_PNG = {
    b"eXIf": "Exif", b"tEXt": "text", b"zTXt": "text", b"iTXt": "text",
}  # fmt: skip
_PNG_HEAD = b"\x89PNG\r\n\x1a\n"


#: Tags of a TIFF file that say more than its pixels (TIFF 6.0; Exif 2.32).
_TIFF = {270: "text", 305: "text", 315: "author", 316: "computer", 700: "XMP", 33432: "text", 33723: "IPTC",
         34665: "Exif", 34853: "place"}  # fmt: skip
_SVG = re.compile(
    rb"<!--.*?-->|<(?P<tag>(?:\w+:)?(?:metadata|title|desc)|sodipodi:namedview)\b[^>]*?(?:/>|>.*?</(?P=tag)\s*>)"
    rb"|\s(?:sodipodi:docname|inkscape:export-filename|sodipodi:absref)=(?:\"[^\"]*\"|'[^']*')",
    re.DOTALL,
)


def image_facts(content: bytes) -> list[str]:
    """What a picture file tells besides its pixels: JPEG, PNG, GIF, WebP, SVG, EMF and TIFF; nothing for other sorts.

    >>> image_facts(_PNG_HEAD + struct.pack(">I", 3) + b"tEXtabc" + bytes(4))
    ['text']
    >>> image_facts(b"<svg><metadata>by Jane</metadata></svg>"), image_facts(b"<svg/>")
    (['text'], [])
    """
    if content[:4] in (b"II*\0", b"MM\0*"):
        return list(dict.fromkeys(_tiff(content)))
    if _is_svg(content):
        return ["text"] if _SVG.search(content) else []
    if _is_emf(content):
        return ["text"] if content[60:64] != bytes(4) else []
    return list(dict.fromkeys(fact for fact, _, _ in _pieces(content) if fact))


def without_facts(content: bytes) -> bytes:
    """The same picture without them; one that cannot be read through, and a TIFF, is given back as it is."""
    if _is_svg(content):
        return _SVG.sub(b"", content)
    if _is_emf(content):
        count, at = struct.unpack("<II", content[60:68])
        end = min(at + 2 * count, len(content)) if at >= 68 else at
        blank = content[:at] + bytes(max(end - at, 0)) + content[max(end, at) :]
        return blank[:60] + bytes(8) + blank[68:]
    pieces = _pieces(content)
    if not any(fact for fact, _, _ in pieces):
        return content
    head = content[: pieces[0][1]]
    made = head + b"".join(content[start:end] for fact, start, end in pieces if not fact)
    if made[:4] == b"RIFF":
        flags = 20  # of a VP8X chunk: 8 says Exif, 4 says XMP
        made = made[:4] + struct.pack("<I", len(made) - 8) + made[8:]
        if made[12:16] == b"VP8X":
            made = made[:flags] + bytes([made[flags] & ~12]) + made[flags + 1 :]
    return made


def _is_svg(content: bytes) -> bool:
    return re.search(rb"<(?:\w+:)?svg\b", content[:2000]) is not None


def _is_emf(content: bytes) -> bool:
    return content[:4] == b"\1\0\0\0" and content[40:44] == b" EMF" and len(content) >= 88


def _pieces(content: bytes) -> list[tuple[str, int, int]]:
    if content[:2] == b"\xff\xd8":
        return _jpeg(content)
    if content[:8] == _PNG_HEAD:
        return _png(content)
    if content[:6] in (b"GIF87a", b"GIF89a"):
        return _gif(content)
    return _webp(content) if content[:4] == b"RIFF" and content[8:12] == b"WEBP" else []


def _gif(content: bytes) -> list[tuple[str, int, int]]:
    """Comments and XMP are facts (GIF89a, sections 24 and 26); other blocks are pixels."""

    def after(at: int) -> int:
        while at < len(content) and content[at]:
            at += content[at] + 1
        return at + 1

    def table(flags: int) -> int:
        return 3 << ((flags & 7) + 1) if flags & 0x80 else 0

    if len(content) < 13:
        return []
    at, found = 13 + table(content[10]), list[tuple[str, int, int]]()
    found.append(("", 6, at))
    while at + 1 < len(content) and content[at] in (0x21, 0x2C):
        if content[at] == 0x21:
            fact = "comment" if content[at + 1] == 0xFE else "XMP" if content[at + 3 : at + 11] == b"XMP Data" else ""
            end = after(at + 2)
        else:
            fact, flags = "", content[at + 9] if at + 9 < len(content) else 0
            end = after(at + 10 + table(flags) + 1)
        found.append((fact, at, min(end, len(content))))
        at = end
    if at < len(content):
        found.append(("", at, len(content)))
    return found


def _webp(content: bytes) -> list[tuple[str, int, int]]:
    """Exif and XMP are facts (RFC 9649, section 2.7); other chunks are pixels."""
    found, at = [], 12
    while at + 8 <= len(content):
        end = min(at + 8 + (struct.unpack("<I", content[at + 4 : at + 8])[0] + 1 & ~1), len(content))
        found.append(({b"EXIF": "Exif", b"XMP ": "XMP"}.get(content[at : at + 4], ""), at, end))
        at = end
    return found


def _tiff(content: bytes) -> list[str]:
    order = "<" if content[:2] == b"II" else ">"
    try:
        (at,) = struct.unpack_from(order + "I", content, 4)
        (count,) = struct.unpack_from(order + "H", content, at)
        tags = [struct.unpack_from(order + "H", content, at + 2 + 12 * n)[0] for n in range(count)]
    except struct.error:
        return ["a directory that cannot be read"]
    return [_TIFF[tag] for tag in tags if tag in _TIFF]


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

"""Words for the parts of a workbook that are no cells: titles, headings, properties."""

from __future__ import annotations

import re
from collections.abc import Iterable

_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")


def plain_text(text: object, limit: int = 255) -> str:
    """Words of ours or of data for a place that is no cell (a header, a title, a property): one clean line.

    >>> plain_text("Score\\n(0 to 100)\\x07")
    'Score (0 to 100)'
    """
    clean = " ".join(_NOT_XML.sub("", str(text)).split())
    return clean if len(clean) <= limit else clean[: limit - 1] + "\u2026"


def long_plain_text(text: object, limit: int = 2000) -> str:
    """Clean text that may hold several lines, for alternative texts and text blocks."""
    clean = _NOT_XML.sub("", str(text))
    return clean if len(clean) <= limit else clean[: limit - 1] + "\u2026"


def unique_headers(wanted: Iterable[str]) -> list[str]:
    """Headings of one table: clean, not empty, unique without regard to case.

    >>> unique_headers(["Name", "name", ""])
    ['Name', 'name (2)', 'Column 3']
    """
    seen: set[str] = set()
    found = []
    for i, text in enumerate(wanted, start=1):
        clean = plain_text(text, 250) or f"Column {i}"
        name, n = clean, 1
        while name.lower() in seen:
            n += 1
            name = f"{clean} ({n})"
        seen.add(name.lower())
        found.append(name)
    return found

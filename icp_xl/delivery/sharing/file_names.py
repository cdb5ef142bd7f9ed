"""Names of files made from words of the data: legal on every system, and no two alike."""

from __future__ import annotations

import re
import unicodedata

from icp_xl.safe_paths import DEVICES

_FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]')
MOST = 80


def safe_file_name(text: str) -> str:
    """``text`` as part of a file name: nothing that a system forbids, hides, or takes for a command.

    >>> safe_file_name("A/B: North"), safe_file_name("..\\\\evil"), safe_file_name("CON"), safe_file_name("=cmd")
    ('A-B- North', 'evil', 'CON_', 'cmd')
    >>> safe_file_name("gpj.\u202eexe"), safe_file_name("  ")
    ('gpj.exe', 'unnamed')
    """
    # Format characters turn the reading order round, so that a name shows another ending than it has.
    seen = "".join(c for c in unicodedata.normalize("NFC", text) if unicodedata.category(c) not in ("Cf", "Cs", "Co"))
    clean = " ".join(_FORBIDDEN.sub("-", seen).split())
    clean = clean.lstrip("=+-@. '~").rstrip(". ")
    while len(clean.encode()) > MOST:
        clean = clean[:-1].rstrip(". ")
    if DEVICES.fullmatch(clean):
        clean += "_"
    return clean or "unnamed"


def key_of(text: str) -> str:
    """A short plain key: letters, digits and underscores.

    >>> key_of("Marta Oyelaran"), key_of("Zoë O'Neil"), key_of("北京")
    ('marta_oyelaran', 'zoe_o_neil', 'u5317_u4eac')
    """
    plain = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    plain = "".join(c if c.isascii() else f" u{ord(c):x} " for c in plain)
    return re.sub(r"[^A-Za-z0-9]+", "_", plain).strip("_").lower()[:60] or "unnamed"


def unique(wanted: str, taken: set[str]) -> str:
    """``wanted``, or with a number behind it; compared without regard to case, and noted in ``taken``.

    >>> taken = set()
    >>> unique("Ann", taken), unique("ANN", taken)
    ('Ann', 'ANN (2)')
    """
    name, n = wanted, 1
    while name.casefold() in taken:
        n += 1
        name = f"{wanted} ({n})"
    taken.add(name.casefold())
    return name

"""What in a text endangers who sends a workbook, or who opens it: formulas that reach out, paths, links."""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import unquote

from icp_xl.outputs import FORMULA_STARTS

#: Addresses that a recipient may click: none opens a file, a script or a program.
SAFE_SCHEMES = ("http:", "https:", "mailto:", "tel:")
_TEXTS = re.compile(r'"(?:[^"]|"")*"')
_QUOTED = re.compile(r"'(?:[^']|'')*'")
_BRACKETS = re.compile(r"\[[^\[\]]*\]")
_OUTWARD = re.compile(
    r"(?<![\w.])(?:_xlfn\.|_xlws\.|_xll\.)*"
    r"(WEBSERVICE|IMAGE|RTD|CALL|REGISTER|REGISTER\.ID|EXEC|FOPEN|FWRITE|SQL\.REQUEST|STOCKHISTORY|CUBE[A-Z]+|PY)\s*\(",
    re.IGNORECASE,
)
_ADD_IN = re.compile(r"(?<![\w.])(?:_xll\.)?(ICP_[A-Z0-9_]+)\s*\(", re.IGNORECASE)
_OTHER_BOOK = re.compile(r"""(?<![\w\]\[.])\[[^\[\]]+\][^\[\]()+*/,&=<>"^'!]*!|'[^'\[\]]*\[[^\[\]']+\](?:[^']|'')*'!""")
_LINK = re.compile(r'(?<![\w.])HYPERLINK\s*\(\s*"((?:[^"]|"")*)"', re.IGNORECASE)
_PATHS = (
    rb"(?<![A-Za-z0-9])[A-Za-z]:(?:\\|%5[Cc])[^\s<>\"|?*:\\/]{2,}(?:\\|%5[Cc]|\.)[^\s<>\"|?*]*",
    rb"(?<![A-Za-z0-9])[A-Za-z]:\\[^\s<>\"|?*:\\/][^<>\"|?*:\\/\r\n]{0,60}\\[^\s<>\"|?*]*",
    rb"(?<![A-Za-z0-9])[A-Za-z]:\\[^\W\d_]\w{3,}",
    rb"(?<![A-Za-z0-9])[A-Za-z]:/(?!/)[^\s<>\"|?*:/]{2,}/[^\s<>\"|?*]*",
    rb"(?<=[\s>\"'=(;,])//[A-Za-z0-9._-]{2,}/[^\s<>\"|?*/]+/[^\s<>\"|?*]*\.(?:xls|csv|doc|ppt|pdf|txt)\w*",
    rb"\b(?:smb|afp|nfs)://[^\s<>\"]+",
    rb"https://[\w.-]+-my\.sharepoint\.com/[^\s<>\"]*personal/[^\s<>\"]+",
    rb"https://d\.docs\.live\.net/[0-9A-Fa-f]{8,}[^\s<>\"]*",
    rb"(?<=[\s>\"'=(;,])\\\\[A-Za-z0-9._-]{2,}\\[A-Za-z0-9$._ -]{2,}[^\s<>\"|?*]*",
    rb"(?<![\w./:-])/(?:Users|home|root|mnt|media|Volumes|private/var|var/folders)/[\w.@~-]+/[^\s<>\"]*",
    rb"file:/{0,3}[A-Za-z0-9%._/\\~-][^\s<>\"']*",
)
_PATH = re.compile(b"|".join(_PATHS))
#: Without any of these, or a slash where none belongs to an address, there is no path, and looking for these is quick.
_MARKS = (
    b":\\", b":%5C", b":%5c", b"\\\\", b"smb://", b"afp://", b"nfs://", b"-my.sharepoint.com/", b"//d.docs.live.net/",
    b"/Users/", b"/home/", b"/root/", b"/mnt/", b"/media/", b"/Volumes/", b"/private/var/", b"/var/folders/", b"file:",
)  # fmt: skip
#: Longest path that is looked for across two blocks.
OVERLAP = 400


@lru_cache(maxsize=16_384)  # A sheet is looked through several times.
def formula_danger(formula: str, own: frozenset[str] = frozenset()) -> tuple[str, str] | None:
    """What in ``formula`` reaches out of the workbook: the kind of finding and what was found.

    ``own`` are functions that the workbook defines itself, in small letters.

    >>> formula_danger("cmd|'/c calc'!A0")[0], formula_danger('WEBSERVICE("http://x")')
    ('dde', ('risky-formula', 'WEBSERVICE'))
    >>> formula_danger("'[1]Sheet 1'!A1+1")[0], formula_danger('HYPERLINK("file:///c:/x","go")')[0]
    ('external-link', 'link')
    >>> formula_danger("ICP_SCORE(A1)"), formula_danger("ICP_SCORE(A1)", frozenset({"icp_score"}))
    (('addin-formula', 'ICP_SCORE'), None)
    >>> formula_danger("SUM(T[[#This Row],[2020]])&\\"a|b [1]!\\""), formula_danger('HYPERLINK("#A1","go")')
    (None, None)
    """
    for address in _LINK.findall(formula):
        if address and not address.startswith("#") and not is_safe_link(address):
            return "link", address[:80]
    bare = _TEXTS.sub('""', formula)
    other = _OTHER_BOOK.search(bare)
    if other is not None:
        return "external-link", other.group(0)[:80]
    bare = _BRACKETS.sub("", _QUOTED.sub("", bare))
    if "|" in bare:
        return "dde", formula[:80]
    ours = [name.upper() for name in _ADD_IN.findall(bare) if name.lower() not in own]
    if ours:
        return "addin-formula", ours[0]
    called = _OUTWARD.search(bare)
    return ("risky-formula", called.group(1).upper()) if called is not None else None


def looks_like_formula(text: str) -> bool:
    """Whether a program that reads ``text`` afresh may take it for a formula.

    >>> looks_like_formula("=1+1"), looks_like_formula("@home GmbH"), looks_like_formula("-")
    (True, True, False)
    """
    return len(text) > 1 and text.startswith(FORMULA_STARTS)


def acts_as_formula(text: str) -> bool:
    """Whether ``text``, typed again, would be a formula that reaches out.

    >>> acts_as_formula("=HYPERLINK(\\"http://x\\")"), acts_as_formula("@home GmbH"), acts_as_formula("+cmd|'/c x'!A0")
    (True, False, True)
    """
    if not looks_like_formula(text):
        return False
    body = text.lstrip("=+-@\t\r ")
    return formula_danger(body) is not None or "HYPERLINK(" in body.upper().replace(" ", "")


def is_safe_link(address: str) -> bool:
    """Whether ``address`` is one of :data:`SAFE_SCHEMES`, or a place in the same workbook.

    >>> is_safe_link("https://example.com"), is_safe_link("file:///c:/x"), is_safe_link("Report.xlsx")
    (True, False, False)
    >>> is_safe_link("#Summary!A1"), is_safe_link("javascript:alert(1)")
    (True, False)
    """
    plain = unquote(address).strip().lower()
    return plain.startswith((*SAFE_SCHEMES, "#"))


def find_path(content: bytes) -> str | None:
    """The first path of a computer or a network drive in ``content``.

    >>> find_path(rb'<a url="C:\\Users\\ann\\plan.xlsx"/>'), find_path(b"https://example.com/home/ann/")
    ('C:\\\\Users\\\\ann\\\\plan.xlsx', None)
    >>> find_path(b'Target="file:///srv/x.xlsx"'), find_path(b"see /home/ann/plan.csv")
    ('file:///srv/x.xlsx', '/home/ann/plan.csv')
    """
    found = _PATH.search(content) if may_hold_path(content) else None
    return found.group(0).decode("utf-8", "replace")[:120] if found is not None else None


def may_hold_path(content: bytes) -> bool:
    """Whether :func:`find_path` has to look: a quick test, passed by all that holds a path and by little else.

    >>> may_hold_path(b'<a xmlns="http://example.com/a"/>'), may_hold_path(b"C:/plan/a.xlsx"), may_hold_path(b"//nas/a")
    (False, True, True)
    """
    # A drive is "X:/" and a share "//host" behind no colon; "://" alone is what every part of a workbook is full of.
    addresses = content.count(b"://")
    return not content.count(b":/") == addresses == content.count(b"//") or any(mark in content for mark in _MARKS)

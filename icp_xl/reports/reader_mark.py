"""The line in a workbook that says whose copy it is, so that it decides about his accounts only when it comes back.

A name can be typed by anybody. A code beside it can be made only by the user whose program made the workbook.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass

from icp_xl.user_dirs import user_key

_LINE = re.compile(r"For (?:(rep|region) (.*)|everybody|all )\. Copy ([0-9a-f]{16})\.", re.DOTALL)


@dataclass(frozen=True)
class ReaderMark:
    """Whose copy a workbook says it is: the column (``rep``, ``region`` or ``all``) and the name in it.

    ``proven``: this user's program wrote that.
    """

    by: str
    name: str
    proven: bool = True

    @property
    def words(self) -> str:
        """The reader in words."""
        return "everybody" if self.by == "all" else f"{self.by} {self.name}"


def mark_line(by: str, name: str) -> str:
    """The line for a reader; ``all`` with no name is the list of everybody."""
    return f"For {ReaderMark(by, name).words}. Copy {_code(by, name)}."


def read_mark(text: str) -> ReaderMark | None:
    """The mark in a cell, where it is one.

    >>> read_mark(mark_line("rep", "Ann Lee"))
    ReaderMark(by='rep', name='Ann Lee', proven=True)
    >>> read_mark("For rep Ann Lee. Copy 0123456789abcdef.").proven
    False
    >>> read_mark(mark_line("all", "")).words
    'everybody'
    """
    found = _LINE.fullmatch(text.strip())
    if found is None:
        return None
    by, name, code = found[1] or "all", found[2] or "", found[3]
    return ReaderMark(by, name, bool(user_key()) and hmac.compare_digest(code, _code(by, name)))


def _code(by: str, name: str) -> str:
    return hmac.new(user_key() or b"no key", f"copy\0{by}\0{name}".encode(), hashlib.sha256).hexdigest()[:16]

"""Who a reader is: a key and a file name that hang on his own name alone, whoever else comes or goes.

Two names are one reader only when they are the same text (white space, invisible characters and the way in which
accents are composed aside). A key is a pure function of the name, so that a password kept under it can never open
another reader's file, in whatever folder, after whatever was lost. A file name may need telling apart from that of
another reader; what was once given out is remembered and never given to anybody else.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Mapping

from icp_xl.delivery.sharing.file_names import key_of, safe_file_name

#: The key of a copy that is for everybody; no reader's.
FOR_ALL = "all"
_CODE = 8


def plain_name(text: str) -> str:
    """A reader's name as he is known by it: accents composed, spaces made one, nothing invisible.

    >>> plain_name(" Ann \\u00a0Le\\u0301e\\u200b") == "Ann Lée"
    True
    """
    kinds = [(c, unicodedata.category(c)) for c in unicodedata.normalize("NFC", text)]
    return " ".join("".join(" " if kind == "Cc" else c for c, kind in kinds if kind not in ("Cf", "Cs")).split())


def code_of(name: str) -> str:
    """A short code of exactly this name."""
    return hashlib.sha256(name.encode()).hexdigest()[:_CODE]


def reader_key(name: str) -> str:
    """The key of a reader: readable, and no two names have the same.

    Of all names that read alike, one (words that begin with a capital, in plain letters) has the bare key; every other
    has a code of its own behind it.

    >>> reader_key("Ann Lee"), reader_key("ANN LEE") != reader_key("Ann Lée"), reader_key("ANN LEE")[:8]
    ('ann_lee', True, 'ann_lee_')
    """
    key = key_of(name)
    usual = " ".join(word.capitalize() for word in key.split("_"))
    # A name that ends like a code must not be taken for another name with its code.
    if name == usual and key != FOR_ALL and not re.search(rf"_[0-9a-f]{{{_CODE}}}$", key):
        return key
    return f"{key}_{code_of(name)}"


def file_stems(names: Iterable[str], claimed: Mapping[str, str]) -> dict[str, str]:
    """The part of a file name that stands for each reader.

    A reader's own name where it can be one and is nobody else's, else with a code behind it.

    Args:
        names: readers of this run.
        claimed: bare file names given out before (case-folded), with the reader of each.

    >>> sorted(file_stems(["Ann Lee", "Bob"], {"bob": "BOB"}).items())
    [('Ann Lee', 'Ann Lee'), ('Bob', 'Bob (cd9fb1e1)')]
    """
    wanted: dict[str, list[str]] = {}
    for name in names:
        if bare_stem(name) is not None:
            wanted.setdefault(name.casefold(), []).append(name)
    owners = dict(claimed)
    for folded, rivals in wanted.items():
        usual = [name for name in rivals if name == name.title()] if len(rivals) > 1 else rivals
        if folded not in owners and len(usual) == 1:
            owners[folded] = usual[0]
    return {
        name: name if owners.get(name.casefold()) == name and bare_stem(name) else
        f"{safe_file_name(name)} ({code_of(name)})"
        for name in names
    }  # fmt: skip


def bare_stem(name: str) -> str | None:
    """The name itself where it can stand in a file name as it is."""
    # One that ends like a code must not be taken for another name with its code.
    ends_like_code = re.search(rf"\([0-9a-f]{{{_CODE}}}\)$", name) is not None
    return name if safe_file_name(name) == name and not ends_like_code else None

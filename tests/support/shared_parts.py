"""Look for other people's accounts in every unpacked part of a workbook."""

from __future__ import annotations

import html
import re
import zipfile
from pathlib import Path

import pandas as pd

_EDGE = r"(?<![\w]){}(?![\w])"


def strangers_in(path: Path, accounts: pd.DataFrame, mine: set[str]) -> list[str]:
    """Names and ids of accounts not in ``mine`` that stand in any part of the workbook, its file name or its raw bytes.

    A stranger's name or id that is one of the reader's own, or stands inside one, cannot be told apart and is left out.
    """
    own = accounts[accounts["account_id"].isin(mine)]
    other = accounts[~accounts["account_id"].isin(mine)]
    own_words = "\n".join([*own["account_id"].astype(str), *own["account_name"].astype(str)])
    words = {str(w) for column in ("account_id", "account_name") for w in other[column].dropna()}
    words |= {str(w) for w in other.get("merged_names", pd.Series(dtype=object)).dropna()}
    words = {word for word in words if len(word) > 2 and word not in own_words}
    text = [path.name]
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            content = archive.read(info)
            text += [info.filename, html.unescape(content.decode("utf-8", "replace"))]
            if info.filename.endswith(".bin"):
                text.append(content.decode("utf-16-le", "replace"))
    whole = "\n".join(text)
    tokens = set(re.findall(r"[\w-]+", whole))
    found = []
    for word in sorted(words):
        if re.fullmatch(r"[\w-]+", word):
            hit = word in tokens
        else:
            hit = word in whole and re.search(_EDGE.format(re.escape(word)), whole) is not None
        if hit:
            found.append(word)
    return found

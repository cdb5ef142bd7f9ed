"""Keys in somebody's workbook to accounts: ids exactly, names by the rules of matching, and never one as the other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

import pandas as pd

from icp_xl.config.matching import MatchingSettings
from icp_xl.tables.ids import id_key
from icp_xl.tables.matching.match import ACCEPTED, match_names
from icp_xl.tables.names import normalize_name


class MatchedKeys(NamedTuple):
    """What a column of keys holds, and for each key the position of its account, or ``None``.

    ``spelt`` are the names that are written otherwise than the account they were found to mean, with its name.
    """

    kind: Literal["id", "name"]
    rows: list[int | None]
    spelt: dict[str, str]


def match_keys(
    values: Sequence[object],
    ids: Sequence[object],
    names: Sequence[object],
    settings: MatchingSettings | None = None,
    accounts: Sequence[int] | None = None,
) -> MatchedKeys:
    """The account that each key of a column means.

    The column as a whole holds ids or names: ids where at least as many of its keys are ids of accounts as are names.
    An id is found as it is written; in other letters (see :func:`~icp_xl.tables.ids.id_key`) where neither side has two
    that differ by case, nor small and large letters mixed. A name is found as it is written, else when it is accepted
    as everywhere. What could mean two accounts means none.

    Args:
        values: the cells of the column, as text or numbers; blank ones mean no account.
        ids: known ids, one per line of what is known of the accounts.
        names: known names, one per line as well; an account that goes by its id alone has none.
        accounts: the position of each line's account, where an account has several; each its own by default.
    """
    accounts = range(len(ids)) if accounts is None else accounts
    texts = [_text(value) for value in values]
    keys = sorted({text for text in texts if text})
    by_id = _found_ids(keys, ids, accounts)
    cores = _unique(zip((_core(name) for name in names), accounts, strict=True))
    as_names = sum(_core(text) in cores for text in keys)
    if len(by_id) >= max(1, as_names, len(keys) / 2):
        return MatchedKeys("id", _rows(texts, by_id), {})
    by_name, spelt = _found_names(keys, names, accounts, settings)
    if len(by_id) >= max(1, as_names, len(by_name)):
        return MatchedKeys("id", _rows(texts, by_id), {})
    return MatchedKeys("name", _rows(texts, by_name), spelt)


def _text(value: object) -> str:
    return "" if value is None or value is pd.NA or value != value else " ".join(str(value).split())


def _core(name: object) -> str:
    return normalize_name(name if isinstance(name, str) else None).identity


def _rows(texts: Iterable[str], found: dict[str, int]) -> list[int | None]:
    """The account of each text; one that could mean several (-1) has none."""
    return [row if row is not None and row >= 0 else None for row in map(found.get, texts)]


def _found_ids(keys: Sequence[str], ids: Sequence[object], accounts: Sequence[int]) -> dict[str, int]:
    """The account of each key that is an id, -1 where it could mean several."""
    written = {account: _text(own) for own, account in zip(ids, accounts, strict=True)}
    exact = _unique((_text(own), account) for own, account in zip(ids, accounts, strict=True))
    loose = _unique((id_key(own), account) for own, account in zip(ids, accounts, strict=True))
    twins = Counter(key.casefold() for key in keys)
    found = {}
    for key in keys:
        row = exact.get(key)
        if row is None:
            row = loose.get(id_key(key))
            folded = key.casefold()
            if row is None or (row >= 0 and written[row].casefold() == folded and _by_case(key, written[row])):
                continue
            if twins[folded] > 1:
                continue
        found[key] = row
    return found


def _by_case(*ids: str) -> bool:
    """Whether case may carry meaning: small and large letters in one word that is not just written with a capital.

    >>> _by_case("AbC0000001"), _by_case("ac-1002", "Ac-1002")
    (True, False)
    """
    return any(own not in (own.upper(), own.lower(), own[:1].upper() + own[1:].lower()) for own in ids)


def _found_names(
    keys: Sequence[str], names: Sequence[object], accounts: Sequence[int], settings: MatchingSettings | None
) -> tuple[dict[str, int], dict[str, str]]:
    """The account of each key that is surely the name of one, and those that are written otherwise."""
    known = [(name, account) for name, account in zip(names, accounts, strict=True) if _text(name)]
    if not keys or not known:
        return {}, {}
    exact = _unique((_text(name), account) for name, account in known)
    frame = pd.DataFrame({"name": [name for name, _ in known], "id": [str(account) for _, account in known]})
    matches = match_names(pd.DataFrame({"name": keys}), frame, settings)
    found, spelt = {}, {}
    for key, own, name, outcome in zip(
        keys, matches["right_id"], matches["right_name"], matches["outcome"], strict=True
    ):
        if exact.get(key, -1) >= 0:
            found[key] = exact[key]
        elif outcome == ACCEPTED:
            found[key], spelt[key] = int(own), str(name)
    return found, spelt


def _unique(keys: Iterable[tuple[str, int]]) -> dict[str, int]:
    """Account by key; -1 for a key that several accounts have."""
    found: dict[str, int] = {}
    for key, account in keys:
        if key:
            found[key] = account if found.get(key, account) == account else -1
    return found

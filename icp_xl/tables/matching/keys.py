"""Keys in somebody's workbook to accounts: ids exactly, names by the rules of matching, and never one as the other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

import pandas as pd

from icp_xl.config.matching import MatchingSettings
from icp_xl.tables.ids import id_key
from icp_xl.tables.matching.match import ACCEPTED, match_names
from icp_xl.tables.names import normalize_name


class MatchedKeys(NamedTuple):
    """What a column of keys holds, and for each key the position of its account, or ``None``."""

    kind: Literal["id", "name"]
    rows: list[int | None]


def match_keys(
    values: Sequence[object],
    ids: Sequence[object],
    names: Sequence[object],
    settings: MatchingSettings | None = None,
) -> MatchedKeys:
    """The account that each key of a column means.

    The column as a whole holds ids or names: ids where at least as many of its keys are ids of accounts as are names.
    A key of ids is compared exactly (see :func:`~icp_xl.tables.ids.id_key`); one of names is accepted, as everywhere,
    when it is surely one account. What could mean two accounts means none.

    Args:
        values: the cells of the column, as text or numbers; blank ones mean no account.
        ids: of the accounts, one each.
        names: of the accounts, one each; an account that goes by its id alone has none.
    """
    texts = ["" if value is None or value != value else str(value).strip() for value in values]
    by_id = _unique(id_key(own) for own in ids)
    by_name = _unique(normalize_name(name if isinstance(name, str) else None).identity for name in names)
    as_ids = [by_id.get(id_key(text)) if text else None for text in texts]
    as_names = sum(1 for text in texts if text and by_name.get(normalize_name(text).identity) is not None)
    if sum(row is not None for row in as_ids) >= max(1, as_names):
        return MatchedKeys("id", [row if row is None or row >= 0 else None for row in as_ids])
    wanted = sorted({text for text in texts if text})
    known = [(row, name) for row, name in enumerate(names) if isinstance(name, str) and name.strip()]
    if not wanted or not known:
        return MatchedKeys("name", [None] * len(texts))
    accounts = pd.DataFrame(known, columns=["row", "name"])
    found = match_names(
        pd.DataFrame({"name": wanted}), accounts.assign(id=accounts["row"].astype(str))[["name", "id"]], settings
    )
    owner = {
        name: int(own)
        for name, own, outcome in zip(wanted, found["right_id"], found["outcome"], strict=True)
        if outcome == ACCEPTED
    }
    return MatchedKeys("name", [owner.get(text) for text in texts])


def _unique(keys: Iterable[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for row, key in enumerate(keys):
        if key:
            found[key] = row if key not in found else -1
    return found

"""Groups of accounts: those that the customers declare by a parent, and those that their names suggest.

A group never merges its accounts; it shows what a house buys in all and what one part of it buys that others do not.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from functools import cache

import pandas as pd

from icp_xl.tables.ids import id_key
from icp_xl.tables.lexicon import CITIES, COUNTRIES, FILLER, REGIONS, STATES, TRADE, common_words, personal_names
from icp_xl.tables.names import normalize_name
from icp_xl.tables.star_dims import fold

GROUP_COLUMNS = ("group", "how", "account_id", "account_name", "revenue", "divisions", "only_here", "bought_by_others")
DECLARED, SUGGESTED = "declared", "suggested"
#: More accounts of one name than this are a common name, not a house.
LARGEST_SUGGESTED = 60
_PLACE_WORDS = CITIES | REGIONS | {word for word in (*COUNTRIES, *STATES) if len(word) > 3 and " " not in word}


def find_groups(customers: pd.DataFrame, transactions: pd.DataFrame) -> pd.DataFrame:
    """The accounts that belong to a group, one row each, with :data:`GROUP_COLUMNS`, largest group first.

    Args:
        customers: one row per account: ``account_id``, ``account_name``, and where known ``parent_account_id`` and
            ``parent_name``; ``merged_ids`` as the tables have them.
        transactions: one row per sales line: ``account_id``, ``division``, ``revenue`` (its currency is the log's).
    """
    accounts = customers.sort_values("account_id", kind="stable", ignore_index=True)
    declared = _declared(accounts)
    taken = {row for rows in declared.values() for row in rows}
    suggested = _suggested(accounts, taken)
    revenue = transactions.groupby("account_id")["revenue"].sum() if len(transactions) else pd.Series(dtype=float)
    bought = _bought(transactions)
    groups = []
    for how, found in ((DECLARED, declared), (SUGGESTED, suggested)):
        for label, rows in found.items():
            ids = [accounts.at[row, "account_id"] for row in rows]
            groups.append((how, label, rows, float(sum(revenue.get(own, 0.0) for own in ids))))
    table = []
    for how, label, rows, _ in sorted(groups, key=lambda group: (group[0] != DECLARED, -group[3], group[1])):
        mine = {row: bought.get(str(accounts.at[row, "account_id"]), set()) for row in rows}
        for row in rows:
            own = accounts.at[row, "account_id"]
            others = set().union(*(mine[other] for other in rows if other != row))
            texts = (", ".join(sorted(part)) for part in (mine[row], mine[row] - others, others - mine[row]))
            table.append((label, how, own, accounts.at[row, "account_name"], float(revenue.get(own, 0.0)), *texts))
    return pd.DataFrame(table, columns=list(GROUP_COLUMNS))


def _bought(transactions: pd.DataFrame) -> dict[str, set[str]]:
    """Divisions that each account bought; spellings that differ in case and spaces are one, as the build has them."""
    if transactions.empty or "division" not in transactions.columns:
        return {}
    sold = transactions[(transactions["revenue"] > 0) & transactions["division"].notna()]
    names = sold["division"].astype(str)
    spelt = (
        names.value_counts().rename_axis("name").reset_index().sort_values(["count", "name"], ascending=[False, True])
    )
    commonest = spelt.groupby(fold(spelt["name"]))["name"].transform("first").set_axis(spelt["name"])
    return {str(own): set(part) for own, part in names.map(commonest).groupby(sold["account_id"])}


def _declared(accounts: pd.DataFrame) -> dict[str, list[int]]:
    """Groups by a parent's id or name; the parent itself belongs to its group, and a parent's parent too."""
    parent = list(range(len(accounts)))

    def find(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    by_id = {id_key(own): row for row, own in enumerate(accounts["account_id"])}
    if "merged_ids" in accounts.columns:
        for row, merged in enumerate(accounts["merged_ids"].fillna("").astype(str)):
            by_id |= {id_key(own): row for own in merged.split("; ") if own}
    by_name: dict[str, int] = {}
    for row, name in enumerate(accounts["account_name"]):
        by_name.setdefault(normalize_name(name).identity, row)
    first_of: dict[str, int] = {}
    labels: dict[int, str] = {}
    named: set[int] = set()
    for column, known in (("parent_account_id", by_id), ("parent_name", by_name)):
        for row, value in enumerate(accounts[column] if column in accounts.columns else ()):
            key = _parent_key(column, value)
            if not key:
                continue
            other = known.get(key, first_of.setdefault(f"{column} {key}", row))
            named |= {row, other}
            if key not in known:
                labels.setdefault(other, str(value).strip())
            parent[find(row)] = find(other)
    members: dict[int, list[int]] = defaultdict(list)
    for row in sorted(named):
        members[find(row)].append(row)
    return _labelled(accounts, (rows for rows in members.values() if len(rows) > 1), labels)


def _parent_key(column: str, value: object) -> str:
    if column == "parent_account_id":
        return id_key(value)
    return normalize_name(value if isinstance(value, str) else None).identity


def _labelled(
    accounts: pd.DataFrame, groups: Iterable[list[int]], labels: dict[int, str] | None = None
) -> dict[str, list[int]]:
    """Groups by their label: the parent that the source names, else the account with the shortest name."""
    found: dict[str, list[int]] = {}
    for rows in groups:
        names = sorted((str(accounts.at[row, "account_name"]) for row in rows), key=lambda name: (len(name), name))
        label = next((labels[row] for row in rows if row in labels), names[0]) if labels else names[0]
        while label in found:
            label += " "
        found[label] = rows
    return found


def _suggested(accounts: pd.DataFrame, taken: set[int]) -> dict[str, list[int]]:
    """Accounts whose names are one house's: the same but for a place, or one the beginning of the other."""
    stems: dict[str, list[int]] = defaultdict(list)
    for row, name in enumerate(accounts["account_name"]):
        if row not in taken and (stem := _stem(normalize_name(name).core)):
            stems[stem].append(row)
    houses: dict[str, list[int]] = {}
    for stem in sorted(stems, key=lambda text: (text.count(" "), text)):
        words = stem.split()
        starts = (" ".join(words[:length]) for length in range(1, len(words)))
        house = next((start for start in starts if start in houses), stem)
        houses.setdefault(house, []).extend(stems[stem])
    fit = {house: sorted(rows) for house, rows in houses.items() if 1 < len(rows) <= LARGEST_SUGGESTED}
    names = accounts["account_name"].astype(str)
    labels = {rows[0]: min((_head(names[row], house) for row in rows), key=len) for house, rows in fit.items()}
    return _labelled(accounts, fit.values(), labels)


def _head(name: str, stem: str) -> str:
    """The beginning of a name as written that is the house's: "Vexomat" of "Vexomat - Austria"."""
    words = name.split()
    heads = (" ".join(words[:length]).rstrip(" ,-–(") for length in range(1, len(words)))
    return next((head for head in heads if _stem(normalize_name(head).core) == stem), name)


@cache
def _ordinary_words() -> frozenset[str]:
    """Words that are no house's own."""
    return common_words() | TRADE | FILLER | _PLACE_WORDS


def _stem(core: str) -> str:
    """The name without a place at its end; nothing where no word of it is a house's own."""
    words = core.split()
    while len(words) > 1 and (words[-1] in _PLACE_WORDS or (len(words[-1]) == 2 and words[-1] in STATES)):
        words = words[:-1]
    while len(words) > 1 and words[-1] in ("group", "holding"):
        words = words[:-1]
    own = [word for word in words if len(word) > 2 and word not in _ordinary_words()]
    # A surname alone is no house: Hansen Dental and Hansen Plumbing are two families.
    if not own or (len(words) == 1 and own[0] in personal_names()):
        return ""
    return " ".join(words)

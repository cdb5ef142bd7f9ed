"""Hold the matching to the truths that the sample generator planted."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pandas as pd

from icp_xl.tables import Tables
from icp_xl.tables.accounts import made_id
from icp_xl.tables.ids import id_key

Pair = TypeVar("Pair", bound=tuple[object, object])


@dataclass(frozen=True)
class Judged:
    """Pairs or names joined: how many of the joined are right, and how many of the true ones were joined."""

    precision: float
    recall: float
    joined: int
    wanted: int
    wrong: tuple[str, ...] = ()
    missed: tuple[str, ...] = ()


def judge_duplicates(tables: Tables, customers: pd.DataFrame, truth_file: Path) -> Judged:
    """Pairs of rows of the customers file that the tables put into one account, against the planted ones."""
    truth = dict(map(tuple, json.loads(truth_file.read_text(encoding="utf-8"))["customer_rows"]))
    owner = dict(zip(tables.account_map["id"], tables.account_map["account_id"], strict=True))
    by_truth: dict[str, list[int]] = defaultdict(list)
    by_found: dict[str, list[int]] = defaultdict(list)
    names: dict[int, str] = {}
    for row, own, name in _rows(customers):
        if row in truth:
            by_truth[truth[row]].append(row)
            by_found[owner[own]].append(row)
            names[row] = f"{own} {name}"
    right, found = _pairs(by_truth), _pairs(by_found)
    return _judged(right, found, lambda pair: " = ".join(names[row] for row in pair))


def judge_links(tables: Tables, source: str, truth_file: Path, account_keys: dict[str, str]) -> Judged:
    """Names of ``source`` that were looked up: accepted ones against the account that they truly stand for.

    ``account_keys`` maps an account of the tables to the planted key that it stands for.
    """
    truth: dict[tuple[str, str], str] = {}
    body = json.loads(truth_file.read_text(encoding="utf-8"))
    for name, state, key in body["written_names"].get(source, []):
        truth[name, state] = key
    true_names = defaultdict(set)
    for item in body["accounts"]:
        true_names[item[1]].add(item[0])
    rows = tables.matches[tables.matches["source"].eq(source)]
    right: set[tuple[str, str]] = set()
    found: set[tuple[str, str]] = set()
    known = set(account_keys.values())
    for name, place, account, outcome in rows[["name", "place", "account_id", "outcome"]].itertuples(
        index=False, name=None
    ):
        tidy = " ".join(str(name).split())
        state = next((part.upper() for part in str(place).split(", ") if len(part) == 2), "")
        if (tidy, state) in truth:
            keys = {truth[tidy, state]}
        else:
            keys = {key for (other, _), key in truth.items() if other == tidy} or true_names.get(tidy, set())
        if len(keys) != 1:
            continue
        key = next(iter(keys))
        if key in known:
            right.add((tidy + place, key))
        if outcome == "accepted":
            found.add((tidy + place, account_keys.get(account, account)))
    return _judged(right, found, lambda pair: " -> ".join(pair))


def _pairs(groups: dict[str, list[int]]) -> set[tuple[int, int]]:
    return {(a, b) for rows in groups.values() for i, a in enumerate(sorted(rows)) for b in sorted(rows)[i + 1 :]}


def _judged(right: set[Pair], found: set[Pair], show: Callable[[Pair], str]) -> Judged:
    both = right & found
    return Judged(
        len(both) / max(1, len(found)),
        len(both) / max(1, len(right)),
        len(found),
        len(right),
        tuple(map(show, sorted(found - right))),
        tuple(map(show, sorted(right - found))),
    )


def keys_of_accounts(tables: Tables, customers: pd.DataFrame, truth_file: Path) -> dict[str, str]:
    """Account of the tables to the planted key of its first row."""
    truth = dict(map(tuple, json.loads(truth_file.read_text(encoding="utf-8"))["customer_rows"]))
    owner = dict(zip(tables.account_map["id"], tables.account_map["account_id"], strict=True))
    found: dict[str, str] = {}
    for row, own, _ in _rows(customers):
        if row in truth:
            found.setdefault(owner[own], truth[row])
    return found


def _rows(customers: pd.DataFrame) -> Iterator[tuple[int, str, str]]:
    columns = ["source_row", "account_id", "account_name", "city", "state", "country"]
    for row, own, name, *place in customers[columns].itertuples(index=False, name=None):
        yield row, id_key(own) or id_key(made_id(name, *place)), name

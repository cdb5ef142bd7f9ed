"""Decisions that a person took on matches, read back from the report's Match Review sheet or a CSV, and obeyed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from icp_xl.errors import Fault, SourceError
from icp_xl.sources.fields import SPECS
from icp_xl.tables.matching.places import Place
from icp_xl.tables.names import NormalizedName
from icp_xl.user_cells import MATCH_REVIEW, cell_text

SAME, DIFFERENT, MERGE = "same", "different", "merge"
#: Columns of an overrides file, as the Match Review sheet heads them in lower case with underscores.
SHEET = MATCH_REVIEW.sheet
_ANSWERS = {
    "same": SAME, "yes": SAME, "y": SAME, "match": SAME, "accept": SAME, "accepted": SAME, "same account": SAME,
    "different": DIFFERENT, "no": DIFFERENT, "n": DIFFERENT, "reject": DIFFERENT, "not the same": DIFFERENT,
    "true": SAME, "false": DIFFERENT, "ja": SAME, "nein": DIFFERENT, "oui": SAME, "non": DIFFERENT,
    "merge": MERGE, "merge into": MERGE,
}  # fmt: skip


@dataclass(frozen=True)
class Override:
    """One decision: the name behind ``key`` is, or is not, the account ``account_id``."""

    key: str
    decision: str
    account_id: str
    where: str = ""


@dataclass(frozen=True)
class Overrides:
    """All decisions, the last of each key and account."""

    items: tuple[Override, ...] = ()
    _links: dict[str, list[Override]] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        for item in self.items:
            self._links.setdefault(item.key, []).append(item)

    def __bool__(self) -> bool:
        return bool(self.items)

    def link(self, key: str) -> Override | None:
        """The account that a person chose for this key."""
        return next((item for item in reversed(self._links.get(key, [])) if item.decision != DIFFERENT), None)

    def refused(self, key: str) -> set[str]:
        """Accounts that a person said this key is not."""
        return {item.account_id for item in self._links.get(key, []) if item.decision == DIFFERENT}

    def duplicates(self) -> Iterator[tuple[str, str, str]]:
        """Decisions on duplicate accounts as (id, id, decision)."""
        for item in self.items:
            ids = _ids_of(item.key)
            if ids is None:
                continue
            left, right = ids
            if item.decision == MERGE and item.account_id.casefold() not in {name.casefold() for name in ids}:
                yield left, item.account_id, SAME
                yield right, item.account_id, SAME
            else:
                yield left, right, DIFFERENT if item.decision == DIFFERENT else SAME


def link_key(name: NormalizedName, place: Place) -> str:
    """The key of a name, the same in every source and from run to run.

    >>> from icp_xl.tables.names import normalize_name
    >>> link_key(normalize_name("ACME Corp."), Place("austin", "tx", ""))
    'name: acme @ austin/tx/'
    """
    return f"name: {name.identity}" + (f" @ {place.text}" if place.text else "")


def _of_any_source(key: str) -> str:
    """A key as it is now: those of earlier versions named one source, and an answer serves every source."""
    head, mark, rest = key.partition(": ")
    return f"name: {rest}" if mark and head in SPECS else key


def duplicate_key(left: str, right: str) -> str:
    """The key of a pair of accounts, the same whichever comes first.

    >>> duplicate_key("B2", "A1")
    'duplicate: A1 = B2'
    """
    first, second = sorted((left, right))
    return f"duplicate: {first} = {second}"


def _ids_of(key: str) -> tuple[str, str] | None:
    head, mark, rest = key.partition("duplicate: ")
    if head or not mark or " = " not in rest:
        return None
    left, _, right = rest.partition(" = ")
    return left, right


def read_match_overrides(path: Path) -> Overrides:
    """Read decisions from a CSV or from the Match Review sheet of a report workbook; a missing file holds none.

    The columns ``key``, ``account_id``, ``decision`` (same, different, merge) and ``merge_into`` are found by their
    headers, wherever the table begins. Rows without a decision are passed over.

    Raises:
        SourceError: the file cannot be read, lacks the columns, or holds a decision that is none of the three.
    """
    if not path.is_file():
        return Overrides()
    return _parse(_rows(path), path.name)


def _rows(path: Path) -> list[list[str]]:
    from icp_xl.sources.file_types import open_book

    if not path.stat().st_size:
        return []
    book = open_book(path, words=("key", "account_id", "decision", "merge_into"))
    if path.suffix.lower() in (".csv", ".txt"):
        name: str | None = book.sheet_names()[0]
    else:
        name = next((name for name in book.sheet_names() if name.strip().lower() == SHEET.lower()), None)
    return [] if name is None else [[cell_text(cell) for cell in row] for row in book.rows(name)]


def _parse(rows: list[list[str]], name: str) -> Overrides:
    filled = MATCH_REVIEW.read(rows)
    if filled is None:
        if not any(any(row) for row in rows):
            return Overrides()
        raise SourceError(
            "the decisions on matches lack their columns",
            where=name,
            allowed="key, account_id, decision, merge_into",
            next_step="Fill in the decision column of the report's Match Review sheet, or keep its headers in a CSV.",
        )
    found: dict[tuple[str, str], Override] = {}
    faults = []
    for number, cells in filled:
        cells["key"] = _of_any_source(cells["key"])
        answer = " ".join(cells["decision"].lower().split())
        if not answer or not cells["key"]:
            continue
        target = cells.get("merge_into", "")
        if answer.startswith("merge into ") and not target:
            target, answer = cells["decision"].split(None, 2)[2], "merge"
        decision = _ANSWERS.get(answer)
        account = target or cells.get("account_id", "")
        # The key of two accounts names both; the key of a name needs the account that it is.
        enough = account or decision == DIFFERENT or _ids_of(cells["key"]) is not None
        if decision is None or (decision == MERGE and not target) or not enough:
            where = f"{name} row {number}"
            faults.append(Fault("a decision cannot be used", where, cells["decision"][:40], "same, different, merge"))
            continue
        found.pop((cells["key"], account), None)
        found[cells["key"], account] = Override(cells["key"], decision, account, f"{name} row {number}")
    if faults:
        raise SourceError(
            "decisions on matches cannot be used",
            where=name,
            next_step="Write same, different or merge (with the account id under merge_into); leave the rest empty.",
            faults=faults,
        )
    return Overrides(tuple(found.values()))


def combine_overrides(parts: Iterable[Overrides]) -> Overrides:
    """Join decisions; a later one on the same key and account replaces an earlier one."""
    found: dict[tuple[str, str], Override] = {}
    for part in parts:
        for item in part.items:
            found.pop((item.key, item.account_id), None)
            found[item.key, item.account_id] = item
    return Overrides(tuple(found.values()))


def apply_overrides(matches: pd.DataFrame, overrides: Overrides) -> pd.DataFrame:
    """Obey the decisions in a frame of links (``key``, ``account_id``, ``outcome``, ``reason``, ``decision``)."""
    if not overrides or matches.empty:
        return matches
    columns = ["account_id", "outcome", "decision", "reason"]
    why = "decided in the match review"
    rows = []
    for key, *row in matches[["key", *columns]].itertuples(index=False, name=None):
        chosen = overrides.link(key)
        refused = overrides.refused(key)
        if chosen is not None:
            # Whether he said "same" or "merge", the row now names the account that he meant.
            row = [chosen.account_id, "accepted", SAME, why]
        elif row[0] in refused or "" in refused:
            row = [row[0], "no match", DIFFERENT, why]
        rows.append(row)
    return matches.assign(**dict(zip(columns, zip(*rows, strict=True), strict=True)))

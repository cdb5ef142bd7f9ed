"""Finding the account that a row of a source belongs to: by its id, else by its name and place."""

from __future__ import annotations

import hashlib
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from icp_xl.config.matching import MatchingSettings
from icp_xl.progress import Progress
from icp_xl.tables.ids import id_key, meet_without_zeros
from icp_xl.tables.matching import ACCEPTED, NO_MATCH, REVIEW, Overrides, apply_overrides, link_key
from icp_xl.tables.matching.evidence import FACT_COLUMNS
from icp_xl.tables.matching.places import place_of
from icp_xl.tables.matching.recalled import recall_matches
from icp_xl.tables.model import MATCH_TABLE_COLUMNS
from icp_xl.tables.names import normalize_name

PLACE_COLUMNS = ("city", "state", "country")
#: What a row that is looked up may say beside its name; a rep looks after many accounts and says little of one.
LOOKED_UP = tuple(name for name in FACT_COLUMNS if name != "rep")

#: From this share of a log's ids on that are among the accounts', its ids are theirs, and no other id is one of them.
SHARED_IDS = 0.1
#: Why a name that fits is asked about all the same.
OWN_ID = "it has an id of its own"


def made_id(name: object, city: object = None, state: object = None, country: object = None) -> str:
    """An id for an account that has none, the same in every run for the same name and place.

    >>> made_id("ACME Corp.") == made_id("Acme, Inc.") != made_id("Acme", "Austin")
    True

    Args:
        name: of the account.
        city: where known.
        state: likewise.
        country: likewise.
    """
    text = f"{normalize_name(name).identity}|{place_of(city, state, country).text}"
    return "N-" + hashlib.sha256(text.encode()).hexdigest()[:10].upper()


def made_ids(rows: Sequence[tuple[object, ...]], taken: Container[str] = frozenset()) -> list[str]:
    """An id for each (name, city, state, country) that has none; rows whose legal forms differ get two.

    The first form of a name keeps the plain id of :func:`made_id`; none is in ``taken`` (ids as compared).
    """
    kinds = [(made_id(*row), normalize_name(row[0]).legal) for row in rows]
    numbered: dict[tuple[str, tuple[str, ...]], str] = {}
    used: dict[str, int] = {}
    for base, legal in sorted(set(kinds)):
        while True:
            used[base] = number = used.get(base, 0) + 1
            numbered[base, legal] = own = base if number == 1 else f"{base}-{number}"
            if id_key(own) not in taken:
                break
    return [numbered[kind] for kind in kinds]


@dataclass(frozen=True)
class Directory:
    """All names under which accounts are known.

    ``names`` has one row per known name: ``name``, ``id`` (of the account), ``city``, ``state``, ``country``. ``ids``
    maps every id, as compared, to the account that holds it; ``labels`` maps an account to the name it is shown under.
    """

    names: pd.DataFrame
    ids: Mapping[str, str]
    labels: Mapping[str, str]

    def extended(self, names: pd.DataFrame, ids: Mapping[str, str], labels: Mapping[str, str]) -> Directory:
        """With more accounts."""
        return Directory(
            pd.concat([self.names, names], ignore_index=True), {**self.ids, **ids}, {**self.labels, **labels}
        )


@dataclass(frozen=True)
class Resolved:
    """The account of each row (None where unknown), how it was found ("id", "name", ""), and the decisions on names."""

    account_id: pd.Series
    how: pd.Series
    matches: pd.DataFrame
    unknown_targets: tuple[str, ...] = ()
    #: Ids that were found with or without leading zeros only: as written here, and the account's.
    zeros: Mapping[str, str] = field(default_factory=dict)


def empty_matches() -> pd.DataFrame:
    """A frame of matches with no row."""
    return pd.DataFrame(columns=list(MATCH_TABLE_COLUMNS))


def resolve_accounts(
    frame: pd.DataFrame,
    source: str,
    directory: Directory,
    settings: MatchingSettings,
    overrides: Overrides,
    progress: Progress,
) -> Resolved:
    """Find the account of each row of ``frame`` by ``account_id``, else by ``account_name`` and place.

    Only accepted matches count; the rest is left without an account. ``matches`` holds one row per name looked up,
    whatever the outcome.

    Args:
        frame: rows with ``account_id`` or ``account_name``, and places where known.
        source: name of the source, for the matches.
        directory: the accounts.
        settings: how names are matched.
        overrides: decisions on matches.
        progress: asks for a cancel.
    """
    known = ("account_id", "account_name", *PLACE_COLUMNS, *LOOKED_UP)
    columns = [name for name in known if name in frame.columns and (name in known[:2] or frame[name].notna().any())]
    if frame.empty or not columns:
        nothing = pd.Series(None, index=frame.index, dtype="object")
        return Resolved(nothing, pd.Series("", index=frame.index, dtype="object"), empty_matches())
    parts = frame[columns].astype("object").where(frame[columns].notna(), None)
    code, distinct = _distinct(parts)
    hanging = _hanging(frame, code, len(distinct))
    own = list(distinct.get("account_id", [None] * len(distinct)))
    keys = [id_key(value) for value in own]
    met = meet_without_zeros(set(filter(None, keys)), directory.ids)
    zeros = {str(value): met[key] for value, key in zip(own, keys, strict=True) if key in met}
    found = [directory.ids.get(key) or met.get(key) for key in keys]
    how = ["id" if account else "" for account in found]
    names = distinct.get("account_name", pd.Series([None] * len(distinct)))
    open_rows = [i for i, account in enumerate(found) if account is None and isinstance(names.iloc[i], str)]
    matches, unknown = empty_matches(), set[str]()
    if open_rows and len(directory.names):
        left = (
            distinct.iloc[open_rows]
            .rename(columns={"account_name": "name"})
            .drop(columns="account_id", errors="ignore")
        )
        left, hanging = left.reset_index(drop=True), hanging.iloc[open_rows].reset_index(drop=True)
        stated = np.array([bool(keys[i]) for i in open_rows]) & _shares_ids(source, keys, found)
        links = _links(left, hanging, stated, source, directory, settings, overrides, progress)
        for at, (account, outcome) in enumerate(zip(links["account_id"], links["outcome"], strict=True)):
            if outcome == ACCEPTED:
                target = directory.ids.get(id_key(account))
                if target is None:
                    unknown.add(str(account))
                else:
                    found[open_rows[at]], how[open_rows[at]] = target, "name"
        matches = _one_per_key(links)
    accounts = pd.Series(np.array([*found, None], dtype="object")[:-1][code], index=frame.index, dtype="object")
    ways = pd.Series(np.array(how, dtype="object")[code], index=frame.index, dtype="object")
    return Resolved(accounts, ways, matches, tuple(sorted(unknown)), zeros)


def _shares_ids(source: str, keys: Sequence[str], found: Sequence[str | None]) -> bool:
    """Whether the sales log names accounts by the ids of the accounts, so that another id is another account.

    Only the sales: a customer whom only they know becomes an account of its own; a row of another source had none.
    """
    by_id = {key: account is not None for key, account in zip(keys, found, strict=True) if key}
    return source == "sales" and sum(by_id.values()) >= max(1.0, SHARED_IDS * len(by_id))


def _hanging(frame: pd.DataFrame, code: np.ndarray, distinct: int) -> pd.DataFrame:
    """What hangs on each distinct name: its rows, their money, and the last rep and day that they name."""
    groups = np.asarray(code)
    hanging = pd.DataFrame({"rows": np.bincount(groups, minlength=distinct)})
    amounts = next((frame[name] for name in ("revenue", "amount") if name in frame.columns), None)
    money = np.zeros(len(frame)) if amounts is None else pd.to_numeric(amounts, errors="coerce").fillna(0.0).to_numpy()
    hanging["money"] = np.bincount(groups, weights=money, minlength=distinct)
    for name, column in (("name_last", "date"), ("name_rep", "rep")):
        values = frame[column] if column in frame.columns else pd.Series(None, index=frame.index, dtype="object")
        last = pd.Series(values.to_numpy(), index=groups).dropna()
        hanging[name] = last.groupby(level=0).max().reindex(range(distinct)).to_numpy(dtype="object")
    return hanging


def _distinct(parts: pd.DataFrame) -> tuple[np.ndarray, pd.DataFrame]:
    """The distinct rows of ``parts``, sorted so that their order never depends on the order of rows."""
    keys = parts.fillna("").astype(str)
    groups = keys.groupby(list(keys.columns), sort=True, dropna=False)
    code = groups.ngroup().to_numpy()
    first = pd.Series(np.arange(len(parts))).groupby(code).first().to_numpy()
    return code, parts.iloc[first].reset_index(drop=True)


def _links(
    left: pd.DataFrame,
    hanging: pd.DataFrame,
    stated: np.ndarray,
    source: str,
    directory: Directory,
    settings: MatchingSettings,
    overrides: Overrides,
    progress: Progress,
) -> pd.DataFrame:
    found = recall_matches(left, directory.names, settings, progress)
    asked = stated & found["outcome"].eq(ACCEPTED).to_numpy()
    if asked.any():
        why = [f"{text}; {OWN_ID}" if text else OWN_ID for text in found.loc[asked, "contradicts"]]
        found = found.assign(outcome=found["outcome"].mask(asked, REVIEW))
        found.loc[asked, "contradicts"] = why
    places = [place_of(*(row.get(name) for name in PLACE_COLUMNS)) for row in left.to_dict("records")]
    links = pd.DataFrame(
        {
            "key": [link_key(normalize_name(name), place) for name, place in zip(left["name"], places, strict=True)],
            "source": source,
            "name": left["name"],
            "place": [place.text.strip("/").replace("/", ", ") for place in places],
            "name_id": "",
            **{name: hanging[name] for name in ("name_rep", "name_last", "money")},
            "account_id": found["right_id"],
            "account_name": [directory.labels.get(account, "") for account in found["right_id"]],
            **{name: found[name] for name in ("score", "runner_up_name", "runner_up", "margin", "outcome", "how")},
            **{name: found[name] for name in ("reason", "agrees", "contradicts")},
            "decision": "",
            "rows": hanging["rows"],
        }
    )
    return apply_overrides(links, overrides)[list(MATCH_TABLE_COLUMNS)]


def _one_per_key(links: pd.DataFrame) -> pd.DataFrame:
    """One row per key: the best of the spellings that share it, standing for the rows of all."""
    rank = links["outcome"].map({ACCEPTED: 0, NO_MATCH: 2}).fillna(1)
    ordered = links.assign(_rank=rank).sort_values(
        ["key", "_rank", "score", "name"], ascending=[True, True, False, True], kind="stable"
    )
    groups = ordered.groupby("key", sort=False)
    kept = ordered.assign(rows=groups["rows"].transform("sum"), money=groups["money"].transform("sum"))
    kept = kept.drop_duplicates("key").drop(columns="_rank")
    return kept.reset_index(drop=True)

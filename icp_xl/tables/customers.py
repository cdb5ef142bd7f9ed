"""One row per account: ids made where missing, duplicates merged, the best-filled values kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from icp_xl.config.matching import MatchingSettings
from icp_xl.progress import Progress
from icp_xl.tables.accounts import PLACE_COLUMNS, Directory, empty_matches, made_ids
from icp_xl.tables.ids import id_key
from icp_xl.tables.matching import ACCEPTED, Overrides
from icp_xl.tables.matching.evidence import FACT_COLUMNS
from icp_xl.tables.matching.places import places_of
from icp_xl.tables.matching.recalled import recall_duplicates
from icp_xl.tables.model import DROPPED_COLUMNS, MATCH_TABLE_COLUMNS

FIELDS = (
    "industry", "annual_revenue", "rep", "region", "printers", "city", "state", "country", "do_not_contact",
    "parent_account_id", "parent_name",
)  # fmt: skip


@dataclass(frozen=True)
class BuiltCustomers:
    """Accounts (one row each), the directory of their names, the pairs judged, and the rows left out."""

    accounts: pd.DataFrame
    directory: Directory
    duplicates: pd.DataFrame
    dropped: pd.DataFrame
    read: int
    merged: int


def build_customers(
    frame: pd.DataFrame, settings: MatchingSettings, overrides: Overrides, progress: Progress, own: Sequence[str] = ()
) -> BuiltCustomers:
    """Merge the customers' rows into one row per account.

    A row without an id gets one made of its name and place; a row without a name is named by its id; a row with
    neither is dropped. Rows of one id are one account. The account keeps the id, name and values of its best-filled
    row, and takes what that row lacks from the next; ``merged_ids`` names every id that it stands for. ``own`` are
    further columns of the customers that are kept.

    Args:
        frame: one row per customer as read.
        settings: how doubles are found.
        overrides: decisions on matches.
        progress: asks for a cancel.
        own: further columns of the customers that are kept.
    """
    read = len(frame)
    frame = _complete(frame)
    lost = frame["account_id"].isna() & frame["account_name"].isna()
    dropped = dropped_rows(frame[lost], "customers", "no account id and no name")
    frame = _identified(frame[~lost])
    frame = frame.sort_values(["_key", "account_name", "source_row"], kind="stable", ignore_index=True)
    if settings.merge_duplicates:
        judged = recall_duplicates(_as_names(frame), settings, progress, overrides)
        cluster, pairs = judged.cluster.to_numpy(), judged.pairs
    else:
        cluster, pairs = frame.groupby("_key", sort=False).ngroup().to_numpy(), pd.DataFrame()
    accounts = _merge(frame, cluster, [name for name in own if name in frame.columns])
    owner = dict(zip(accounts["_cluster"], accounts["account_id"], strict=True))
    ids = [owner[number] for number in cluster]
    directory = Directory(
        _as_names(frame).assign(id=ids),
        {key: account for key, account in zip(frame["_key"], ids, strict=True) if key},
        dict(zip(accounts["account_id"], accounts["account_name"], strict=True)),
    )
    return BuiltCustomers(
        accounts.drop(columns="_cluster").reset_index(drop=True),
        directory,
        pair_table(pairs, frame, "customers", _one_id(frame)),
        dropped,
        read,
        len(frame) - len(accounts),
    )


def dropped_rows(rows: pd.DataFrame, source: str, reason: str) -> pd.DataFrame:
    """Rows left out, as they are listed for the user."""
    numbers = rows["source_row"].to_numpy() if "source_row" in rows.columns else np.arange(len(rows)) + 2
    return pd.DataFrame(
        {"source": source, "sheet": "", "row": numbers, "reason": reason}, columns=list(DROPPED_COLUMNS)
    )


def _complete(frame: pd.DataFrame) -> pd.DataFrame:
    frame = frame.reset_index(drop=True).copy()
    for name in ("account_id", "account_name", *FIELDS):
        if name not in frame.columns:
            frame[name] = None
    if "source_row" not in frame.columns:
        frame["source_row"] = np.arange(len(frame)) + 2
    for name in ("annual_revenue", "printers"):
        frame[name] = pd.to_numeric(frame[name], errors="coerce").astype("float64")
    for name in ("account_id", "account_name"):
        texts = frame[name].astype("object").where(frame[name].notna(), None)
        frame[name] = texts.map(lambda value: str(value).strip() or None, na_action="ignore")
    return frame


def _identified(frame: pd.DataFrame) -> pd.DataFrame:
    frame = frame.copy()
    no_id, no_name = frame["account_id"].isna(), frame["account_name"].isna()
    given = {id_key(value) for value in frame.loc[~no_id, "account_id"]}
    nameless = frame.loc[no_id, ["account_name", *PLACE_COLUMNS]]
    frame.loc[no_id, "account_id"] = made_ids(list(nameless.itertuples(index=False, name=None)), given)
    frame["_made"] = no_id
    frame["account_name"] = frame["account_name"].where(~no_name, frame["account_id"])
    frame["_key"] = [id_key(value) for value in frame["account_id"]]
    flags = np.where(no_id, "id made from the name", np.where(no_name, "no name", ""))
    frame["flags"] = pd.Series(flags, index=frame.index, dtype="object")
    return frame


def _as_names(frame: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "name": frame["account_name"].to_numpy(dtype="object"),
            "id": frame["_key"].to_numpy(dtype="object"),
            "made": frame["_made"].to_numpy(dtype=bool),
            **{name: frame[name].to_numpy(dtype="object") for name in PLACE_COLUMNS},
            **{name: frame[name].to_numpy(dtype="object") for name in FACT_COLUMNS if name in frame.columns},
        }
    )


def _merge(frame: pd.DataFrame, cluster: np.ndarray, own: Sequence[str]) -> pd.DataFrame:
    """One row per cluster: the best-filled row first, what it lacks from the next."""
    filled = frame[[*FIELDS, "account_name"]].notna().sum(axis=1) - 100 * frame["flags"].ne("")
    ranked = frame.assign(_cluster=cluster, _filled=filled).sort_values(
        ["_cluster", "_filled", "_key", "source_row"], ascending=[True, False, True, True], kind="stable"
    )
    groups = ranked.groupby("_cluster", sort=True)
    first = groups[["account_id", "account_name"]].first()
    values = groups[[*FIELDS, *own]].first()
    values["printers"] = groups["printers"].max()
    merged = first.join(values)
    barred = ranked["do_not_contact"].map(_truth)
    merged["do_not_contact"] = barred.groupby(ranked["_cluster"], sort=True).any()
    sizes = groups.size()
    merged["merged_ids"] = _listed(ranked, "account_id", sizes)
    merged["merged_names"] = _listed(ranked, "account_name", sizes)
    merged["flags"] = groups["flags"].first()
    twice = ranked.groupby("_key")["_cluster"].transform("size") > 1
    clusters_twice = set(ranked.loc[twice, "_cluster"])
    merged["flags"] = [
        "; ".join(part for part in (flag, "id listed twice" if number in clusters_twice else "") if part)
        for number, flag in zip(merged.index, merged["flags"], strict=True)
    ]
    merged["origin"] = "customers"
    return merged.reset_index(names="_cluster")


def _truth(value: object) -> bool:
    if isinstance(value, str):
        return value.strip().casefold() in ("true", "yes", "y", "1", "x", "do not contact", "dnc")
    return value is not None and value is not pd.NA and value == value and bool(value)


def _listed(ranked: pd.DataFrame, column: str, sizes: pd.Series) -> pd.Series:
    """The distinct values of each merged cluster, joined; a cluster of one row names its own."""
    texts = ranked.groupby("_cluster", sort=True)[column].first().copy()
    several = ranked[ranked["_cluster"].map(sizes) > 1]
    if len(several):
        joined = several.groupby("_cluster")[column].agg(lambda found: "; ".join(dict.fromkeys(map(str, found))))
        texts.loc[joined.index] = joined
    return texts


def _one_id(frame: pd.DataFrame) -> pd.DataFrame:
    """Rows that are one account because their ids are: one line per id, with what undoes it."""
    twice = frame[frame["_key"].duplicated(keep=False) & frame["_key"].ne("")]
    rows = []
    for _, part in twice.groupby("_key", sort=True):
        names = "; ".join(dict.fromkeys(map(str, part["account_name"])))
        made = bool(part["_made"].all())
        why = "no id, and the same name and place" if made else "the same id"
        listed = ", ".join(str(row) for row in part["source_row"].head(5))
        undo = f"rows {listed}: to keep them apart, give each an id of its own"
        rows.append((f"rows: {part['_key'].iloc[0]}", names, part["account_id"].iloc[0], why, undo, len(part)))
    return pd.DataFrame(rows, columns=["key", "name", "account_id", "agrees", "reason", "rows"])


def pair_table(pairs: pd.DataFrame, frame: pd.DataFrame, source: str, one_id: pd.DataFrame) -> pd.DataFrame:
    """The pairs judged, and what has one id, in the columns of the table of matches.

    Args:
        pairs: of :func:`~icp_xl.tables.matching.duplicates.find_duplicates`, as positions in ``frame``.
        frame: ``account_name``, ``account_id``, place columns and where known ``rep``; one row per row judged.
        source: where the accounts come from.
        one_id: rows joined by their id, see :func:`_one_id`.
    """
    names, ids = frame["account_name"].to_numpy(), frame["account_id"].to_numpy()
    reps = frame["rep"].to_numpy() if "rep" in frame.columns else np.full(len(frame), None)
    if not len(pairs) and not len(one_id):
        return empty_matches()
    left, right = (
        pairs[side].to_numpy(dtype=int) if len(pairs) else np.array([], dtype=int) for side in ("left", "right")
    )
    places = np.array([place.text.strip("/").replace("/", ", ") for place in places_of(frame)], dtype="object")
    columns = ("key", "score", "outcome", "reason", "agrees", "contradicts", "decision")
    table = pd.DataFrame(
        {
            **{name: pairs[name].to_numpy() if len(pairs) else [] for name in columns},
            "name": names[left],
            "place": places[left],
            "name_id": ids[left],
            "name_rep": reps[left],
            "account_id": ids[right],
            "account_name": names[right],
            "how": "duplicate",
            "rows": 1,
        }
    )
    same = one_id.assign(
        account_name=one_id["name"], score=1.0, outcome=ACCEPTED, how="same id", contradicts="", decision=""
    )
    whole = pd.concat([part for part in (table, same) if len(part)], ignore_index=True)
    whole = whole.assign(source=source).reindex(columns=list(MATCH_TABLE_COLUMNS))
    whole["money"] = 0.0
    texts = ["place", "name_id", "runner_up_name"]
    whole[texts] = whole[texts].astype("object").where(whole[texts].notna(), "")
    return whole.drop_duplicates("key", ignore_index=True)

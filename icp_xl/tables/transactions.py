"""Sales lines: checked, given their account and category, repeats dropped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from icp_xl.config.matching import MatchingSettings
from icp_xl.progress import Progress
from icp_xl.tables.accounts import PLACE_COLUMNS, Directory, Resolved, empty_matches, made_ids, resolve_accounts
from icp_xl.tables.categories import category_choices, standardize_category
from icp_xl.tables.customers import dropped_rows, pair_table
from icp_xl.tables.ids import id_key
from icp_xl.tables.matching import ACCEPTED, Overrides, link_key
from icp_xl.tables.matching.places import place_of
from icp_xl.tables.matching.recalled import recall_duplicates
from icp_xl.tables.model import TRANSACTION_COLUMNS
from icp_xl.tables.names import normalize_name

SALES_TEXT = ("account_id", "account_name", "division", "sku", "product", "category", "rep", "invoice", *PLACE_COLUMNS)
SALES_NUMBERS = ("quantity", "revenue", "gross_profit", "time")
#: Two lines that agree in all of these are one line listed twice.
LINE = ("date", "account_id", "account_name", "division", "sku", "product", "quantity", "revenue", "gross_profit",
        "category", "rep", "invoice", "time")  # fmt: skip


@dataclass(frozen=True)
class BuiltTransactions:
    """Sales lines (one row each), accounts that only the sales know, names and pairs judged, and the rows left out."""

    lines: pd.DataFrame
    created: pd.DataFrame
    directory: Directory
    matches: pd.DataFrame
    duplicates: pd.DataFrame
    dropped: pd.DataFrame
    read: int
    repeated: int
    unknown_targets: tuple[str, ...]
    categories: pd.DataFrame
    zeros: Mapping[str, str] = field(default_factory=dict)


def build_transactions(
    frame: pd.DataFrame, directory: Directory, settings: MatchingSettings, overrides: Overrides, progress: Progress
) -> BuiltTransactions:
    """Check the sales lines and give each its account and category.

    Lines without a date, an amount or any customer are dropped, each with its reason. A line that repeats another in
    everything is flagged, and dropped where it has an invoice number and the settings say so. A customer that is not
    among the accounts becomes an account of its own, unless the settings forbid it; its lines are then dropped.

    Args:
        frame: sales lines as read.
        directory: the accounts; customers that are not among them are added.
        settings: whether repeated lines are dropped, and new accounts made.
        overrides: decisions on matches.
        progress: asks for a cancel.
    """
    read = len(frame)
    frame = _complete(frame)
    dropped = []
    for mask, reason in (
        (frame["date"].isna(), "no date"),
        (frame["revenue"].isna(), "no revenue"),
        (frame["account_id"].isna() & frame["account_name"].isna(), "no customer"),
    ):
        mask = mask.reindex(frame.index)
        still = mask & ~frame["_out"]
        dropped.append(dropped_rows(frame[still], "sales", reason))
        frame.loc[still, "_out"] = True
    frame = frame[~frame["_out"]].copy()
    progress.check()
    frame["repeated"] = (
        frame.sort_values("source_row", kind="stable").duplicated(list(LINE), keep="first").reindex(frame.index)
    )
    repeated = int(frame["repeated"].sum())
    if settings.duplicate_lines == "drop":
        out = frame["repeated"] & frame["invoice"].notna()
        dropped.append(dropped_rows(frame[out], "sales", "repeats another line"))
        frame = frame[~out].copy()
    resolved = resolve_accounts(frame, "sales", directory, settings, overrides, progress)
    frame["_account"], frame["resolved_by"] = resolved.account_id, resolved.how
    created, directory, duplicates = _create(frame, directory, settings, overrides, progress)
    lost = frame["_account"].isna()
    dropped.append(dropped_rows(frame[lost], "sales", "customer is not among the accounts"))
    lines, categories = _finish(frame[~lost], directory, settings)
    return BuiltTransactions(
        lines, created, directory, _stand_alone(resolved.matches, directory), duplicates,
        pd.concat(dropped, ignore_index=True), read, repeated,
        resolved.unknown_targets, categories, resolved.zeros,
    )  # fmt: skip


def _complete(frame: pd.DataFrame) -> pd.DataFrame:
    frame = frame.reset_index(drop=True).copy()
    for name in SALES_TEXT:
        if name not in frame.columns:
            frame[name] = None
        frame[name] = frame[name].astype("object").where(frame[name].notna(), None)
    for name in SALES_NUMBERS:
        values = frame[name] if name in frame.columns else pd.Series(np.nan, index=frame.index)
        frame[name] = pd.to_numeric(values, errors="coerce").astype("float64").replace([np.inf, -np.inf], np.nan)
    dates = frame["date"] if "date" in frame.columns else pd.Series(pd.NaT, index=frame.index)
    frame["date"] = pd.to_datetime(dates, errors="coerce").astype("datetime64[ns]")
    if "source_row" not in frame.columns:
        frame["source_row"] = np.arange(len(frame)) + 2
    frame["_out"] = False
    return frame


def _create(
    frame: pd.DataFrame, directory: Directory, settings: MatchingSettings, overrides: Overrides, progress: Progress
) -> tuple[pd.DataFrame, Directory, pd.DataFrame]:
    """Make accounts of the customers that only the sales know, one per customer however often he is spelt anew."""
    open_lines = frame["_account"].isna()
    columns = ["account_id", "account_name", "city", "state", "country", "rep"]
    if not settings.create_missing_accounts or not open_lines.any():
        return pd.DataFrame(columns=columns), directory, empty_matches()
    lines = frame.loc[open_lines, columns]
    lines = lines.assign(_id=_own_ids(lines, directory))
    keys = ["_id", "account_name", *PLACE_COLUMNS]
    parts = lines.fillna(dict.fromkeys(keys[1:], "")).groupby(keys, sort=True, as_index=False).agg(rows=("_id", "size"))
    names = parts.rename(columns={"account_name": "name", "_id": "id"})
    names[["name", *PLACE_COLUMNS]] = names[["name", *PLACE_COLUMNS]].replace("", None)
    names["made"] = names["id"].str.startswith("N-")
    judged = recall_duplicates(names, settings, progress, overrides)
    names["_cluster"] = judged.cluster.to_numpy()
    ranked = names.sort_values(
        ["_cluster", "made", "rows", "name", "id"], ascending=[True, True, False, True, True], kind="stable"
    )
    best = ranked.groupby("_cluster", sort=True).first()
    owner = names["_cluster"].map(best["id"])
    by_id = dict(zip(names["id"], owner, strict=True))
    frame.loc[open_lines, "_account"] = lines["_id"].map(by_id)
    frame.loc[open_lines, "resolved_by"] = "created"
    created = best.rename(columns={"id": "account_id", "name": "account_name"}).reset_index(drop=True)
    created["account_name"] = created["account_name"].where(created["account_name"].notna(), created["account_id"])
    rep = frame.loc[open_lines].sort_values(["date", "source_row"], kind="stable").groupby("_account")["rep"].last()
    created["rep"] = created["account_id"].map(rep)
    directory = directory.extended(
        names[["name", *PLACE_COLUMNS]].assign(id=owner),
        {id_key(own): account for own, account in by_id.items()},
        dict(zip(created["account_id"], created["account_name"], strict=True)),
    )
    shown = names.rename(columns={"id": "account_id", "name": "account_name"})
    return created[columns], directory, pair_table(judged.pairs, shown, "sales", empty_matches())


def _stand_alone(matches: pd.DataFrame, directory: Directory) -> pd.DataFrame:
    """The names looked up, with the account that each makes of its own until somebody says that it is another's."""
    open_keys = set(matches.loc[matches["outcome"].ne(ACCEPTED), "key"])
    if not open_keys:
        return matches
    known = directory.names[["name", *PLACE_COLUMNS, "id"]].itertuples(index=False, name=None)
    owner = {link_key(normalize_name(name), place_of(*place)): own for name, *place, own in known}
    alone = [owner.get(key, "") if key in open_keys else "" for key in matches["key"]]
    return matches.assign(
        name_id=[own if own != other else "" for own, other in zip(alone, matches["account_id"], strict=True)]
    )


def _own_ids(lines: pd.DataFrame, directory: Directory) -> pd.Series:
    parts = lines[["account_id", "account_name", *PLACE_COLUMNS]]
    distinct = parts.drop_duplicates().sort_values(["account_name", *PLACE_COLUMNS], kind="stable")
    open_rows = [row for row in distinct.itertuples(index=False, name=None) if not id_key(row[0])]
    made = dict(zip(open_rows, made_ids([row[1:] for row in open_rows], directory.ids), strict=True))
    # Two forms of one id, say Salesforce's 15 and 18 characters, are the account's under the first of them.
    spelt: dict[str, str] = {}
    found = [
        made.get(row) or spelt.setdefault(id_key(row[0]), str(row[0]).strip())
        for row in parts.itertuples(index=False, name=None)
    ]
    return pd.Series(found, index=lines.index, dtype="object")


def _finish(frame: pd.DataFrame, directory: Directory, settings: MatchingSettings) -> tuple[pd.DataFrame, pd.DataFrame]:
    category, how = standardize_category(frame, settings.categories)
    choices = category_choices(frame, category, how)
    lines = frame.assign(
        account_id=frame["_account"],
        account_name=frame["_account"].map(dict(directory.labels)),
        category=category,
        category_from=how,
    )
    lines = lines.sort_values(["date", "account_id", "invoice", "sku", "revenue", "source_row"], kind="stable")
    return lines[list(TRANSACTION_COLUMNS)].reset_index(drop=True), choices


__all__ = ["BuiltTransactions", "Resolved", "build_transactions"]

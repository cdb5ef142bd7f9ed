"""People and rules around each account × division: who owns the account, open deals, holds, contacts, drivers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from icp_xl import artifacts
from icp_xl.feedback.opportunities import OPEN, prepare_opportunities
from icp_xl.pipeline.feedback.stages import answers_on_stages
from icp_xl.runs import RunContext
from icp_xl.sources.side_files import read_side_file
from icp_xl.tables.star import Star
from icp_xl.whitespace.frames import as_text

KEY = ["account_id", "division"]


def people_of(run: RunContext, star: Star) -> pd.DataFrame:
    """What is known of each account, by its id, from the latest of what is there."""
    people = star.customers.drop_duplicates("account_id").set_index("account_id")
    for table in (artifacts.CUSTOMERS, artifacts.SCORED_ACCOUNTS):
        if table.exists(run.outputs):
            newer = table.load(run.outputs).drop_duplicates("account_id").set_index("account_id")
            people = newer.combine_first(people) if len(people) else newer
    return people


def with_accounts(run: RunContext, star: Star, frame: pd.DataFrame) -> pd.DataFrame:
    """Name, rep, region, segment, hold and ICP score of each account, from the latest of what is there."""
    people = people_of(run, star)
    mine = people.reindex(frame["account_id"].to_numpy())
    for name in ("account_name", "rep", "region", "segment"):
        found = mine[name].to_numpy(dtype=object) if name in mine else np.full(len(frame), None, dtype=object)
        given = frame[name].to_numpy(dtype=object) if name in frame else np.full(len(frame), "", dtype=object)
        frame[name] = as_text(pd.Series(np.where(pd.isna(found), given, found), dtype=object))
    frame["do_not_contact"] = must_not_be_called(mine)
    if "icp_score" in mine:
        frame["icp_score"] = mine["icp_score"].to_numpy(dtype=np.float64)
    return frame


def must_not_be_called(people: pd.DataFrame) -> Any:
    """Whether each account is marked so."""
    held = people["do_not_contact"] if "do_not_contact" in people else pd.Series(False, index=people.index)
    return held.astype("object").map(lambda value: value is True or value == 1).to_numpy(dtype=bool)


def open_deals(run: RunContext, frame: pd.DataFrame) -> Any:
    """Pairs with an open opportunity; one without a division counts for every division of its account."""
    deals = deals_table(run)
    whole = set(deals.loc[deals["fold"] == "", "account_id"])
    pairs = set(zip(deals["account_id"], deals["fold"], strict=True))
    mine = zip(frame["account_id"], frame["division"].str.casefold(), strict=True)
    return np.asarray([pair in pairs for pair in mine], dtype=bool) | frame["account_id"].isin(whole).to_numpy()


def deals_table(run: RunContext) -> pd.DataFrame:
    """Open opportunities: account_id and division in small letters (fold), empty for every division."""
    path = artifacts.OPPORTUNITIES.find(run.outputs)
    mode = run.settings.whitespace.open_deals
    if mode == "off" or not path.is_file():
        return pd.DataFrame({"account_id": [], "fold": []}, dtype="str")
    deals = prepare_opportunities(artifacts.OPPORTUNITIES.read(path), answers_on_stages(run))
    deals = deals[(deals["outcome"] == OPEN) & (deals["account_id"] != "")]
    fold = deals["division"].str.casefold() if mode == "division" else ""
    return pd.DataFrame({"account_id": deals["account_id"], "fold": fold}).drop_duplicates().astype("str")


def exclusions(run: RunContext, frame: pd.DataFrame) -> Any:
    """Why each pair must not be called, from the file of holds; "" where it may."""
    table = holds_table(run)
    return "" if table is None else _matched(frame, table, table["reason"], "")


def holds_table(run: RunContext) -> pd.DataFrame | None:
    """The file of holds: account_id, fold (division in small letters, empty for all) and reason; the last wins."""
    table = _listed(run, run.settings.whitespace.exclusions, "whitespace.exclusions", ("account_id",))
    if table is None:
        return None
    reason = table["reason"].where(table["reason"] != "", "excluded") if "reason" in table else "excluded"
    return _keyed(table.assign(reason=reason))


def contacts(run: RunContext, frame: pd.DataFrame) -> Any:
    """When each pair, or its account, was last contacted, from the file of contacts."""
    table = contacts_table(run)
    return pd.NaT if table is None else pd.to_datetime(_matched(frame, table, table["contacted_on"], pd.NaT))


def contacts_table(run: RunContext) -> pd.DataFrame | None:
    """The file of contacts: account_id, fold and contacted_on, the latest of each."""
    table = _listed(run, run.settings.whitespace.contacts, "whitespace.contacts", ("account_id", "contacted_on"))
    if table is None:
        return None
    when = pd.to_datetime(table["contacted_on"], errors="coerce", format="ISO8601")
    unread = int(when.isna().sum())
    if unread:
        run.warn(f"{unread:,} contact dates could not be read; they are written as 2024-06-30")
    known = table.assign(contacted_on=when)[when.notna()]
    return _keyed(known.sort_values("contacted_on", kind="stable"))


def _keyed(table: pd.DataFrame) -> pd.DataFrame:
    fold = table["division"].str.casefold() if "division" in table else ""
    return table.assign(fold=fold).drop_duplicates(["account_id", "fold"], keep="last")


def _matched(frame: pd.DataFrame, table: pd.DataFrame, values: pd.Series[Any], missing: Any) -> Any:
    """Values by account and division, else by account for rows of the table that name no division."""
    by = dict(zip(zip(table["account_id"], table["fold"], strict=True), values, strict=True))
    mine = zip(frame["account_id"], frame["division"].str.casefold(), strict=True)
    return [by.get((account, name), by.get((account, ""), missing)) for account, name in mine]


def _listed(run: RunContext, path: Path | None, setting: str, needed: tuple[str, ...]) -> pd.DataFrame | None:
    if path is None:
        return None
    place = path if path.is_absolute() or path.exists() else run.settings.paths.data / path
    table = read_side_file(place, setting, needed)
    run.read(place)
    return table


def drivers(run: RunContext, frame: pd.DataFrame) -> Any:
    """The strongest reason for a high probability that the model gives for each pair, in words."""
    path = artifacts.EXPLANATIONS.find(run.outputs)
    if not path.is_file():
        return ""
    wanted = ["account_id", "division", "rank", "contribution", "words"]
    found = artifacts.EXPLANATIONS.read(path, wanted)
    found = found[(found["contribution"] > 0.0) & found["words"].notna()].sort_values("rank", kind="stable")
    found = found.assign(account_id=as_text(found["account_id"]), division=as_text(found["division"]))
    words = found.drop_duplicates(KEY).set_index(KEY)["words"]
    mine = words.reindex(pd.MultiIndex.from_frame(frame[KEY])).to_numpy(dtype=object)
    return np.where(pd.isna(mine), "", mine).astype(object)

"""What an account owns at a cutoff, what of it expires soon, and how much of it is under subscription.

An asset counts from its start date on, so one that was sold after the cutoff is not seen. Without a start date it is
left out, or its start is imputed as expiry minus the usual term of its rollup (``features.assets_missing_start``).
Expiry and subscription of an asset change as it is renewed, so they are features only as of a cutoff by which the table
had been filed, or where the settings call them stable (``features.stable_fields``); an expired one counts as off.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from icp_xl.config import Settings
from icp_xl.features.model import Array, Feature
from icp_xl.tables.star import Star, unique_slugs
from icp_xl.tables.star_calendar import to_day


def visible_assets(star: Star, cutoff: date, settings: Settings, today: bool = False) -> pd.DataFrame:
    """Assets that had started before the cutoff: account_key, rollup, start, expiry, on, quantity, imputed.

    Args:
        star: the star schema.
        cutoff: the day before which an asset must have started.
        settings: what assets are rolled up by, and what one without a start counts as.
        today: the cutoff is now, so that what the table says today may count.
    """
    day = to_day(cutoff)
    table = assets_as_of(star, cutoff, today)[0]
    column = settings.features.assets_rollup
    # What the log tells of a code only later was not known yet.
    told = table.get(f"{column}_day")
    rollup = table[column] if told is None else table[column].where(~(told >= day))
    frame = pd.DataFrame(
        {
            "account_key": table["account_key"],
            "rollup": rollup.fillna("Other").astype("str"),
            "start": table["start_day"],
            "expiry": table["expiry_day"],
            "flag": table["subscription"].astype(bool),
            "quantity": table["quantity"].astype(float),
        }
    )
    frame["imputed"] = False
    if settings.features.assets_missing_start == "impute":
        frame = _impute(frame, day)
    frame = frame[(frame["start"] < day) & (frame["account_key"] > 0)]
    # Expiry on the cutoff itself is still ahead: windows are half-open here too.
    frame["on"] = frame["flag"] & ~(frame["expiry"] < day)
    return frame.reset_index(drop=True)


def assets_as_of(star: Star, cutoff: date, today: bool = False) -> tuple[pd.DataFrame, bool]:
    """The assets as the last filing by ``cutoff`` had them, else as they stand today, and whether that is known then.

    ``today``: the cutoff is today, so that today's table is what is known.
    """
    history = star.filed.get("assets")
    if today or history is None or history.filed_by(cutoff) is None:
        return star.assets, today
    found = history.as_of(cutoff)
    assert found is not None
    keys = dict(zip(star.customers["account_id"], star.customers["account_key"], strict=True))
    return found.assign(account_key=[keys.get(name, 0) for name in found["account_id"]]), True


def _impute(frame: pd.DataFrame, day: int) -> pd.DataFrame:
    known = frame[(frame["start"] < day) & frame["expiry"].notna()]
    # The median of two terms may fall between two days; a start is a whole day.
    term = (known["expiry"] - known["start"]).groupby(known["rollup"]).median().floordiv(1.0)
    missing = frame["start"].isna() & frame["expiry"].notna()
    start = frame["expiry"] - frame["rollup"].map(term)
    frame["start"] = frame["start"].where(~missing, start)
    frame["imputed"] = missing & start.notna()
    return frame


def build_assets_features(
    star: Star, keys: Array, cutoff: date, settings: Settings, today: bool = False
) -> list[Feature]:
    """Asset features of the accounts ``keys``; none where no asset had started.

    Args:
        star: the star schema.
        keys: account keys of the rows, in their order.
        cutoff: the day before which an asset must have started.
        settings: what assets are rolled up by, and what one without a start counts as.
        today: the cutoff is now, so that what the table says today may count.
    """
    if not settings.features.use_assets or star.assets.empty:
        return []
    frame = visible_assets(star, cutoff, settings, today)
    if frame.empty:
        return []
    stable, dated = settings.features.stable_fields, assets_as_of(star, cutoff, today)[1]
    day = to_day(cutoff)
    terms = settings.features.assets_expiry_days if dated or "expiry" in stable else ()
    subscribed = dated or {"subscription", "expiry"} <= set(stable)
    place = pd.Series(np.arange(len(keys)), index=keys).reindex(frame["account_key"]).to_numpy()
    frame = frame[~np.isnan(place)].assign(place=place[~np.isnan(place)].astype(np.int64))
    n = len(keys)
    found: list[Feature] = []
    on_all, off_all = (_count(frame[frame["on"] == state], n) for state in (True, False))
    tenure = np.full(n, np.nan)
    first = frame.groupby("place")["start"].min()
    tenure[first.index.to_numpy()] = day - first.to_numpy()
    found.append(
        Feature("assets_tenure_days", tenure, "Days since the oldest asset's start", "days", "at cutoff", "assets")
    )
    groups = list(frame.groupby("rollup", sort=True))
    for tag, (name, rows) in zip(unique_slugs([str(name) for name, _ in groups]), groups, strict=True):
        label = f"in {name}"
        owned, on, off = _count(rows, n), _count(rows[rows["on"]], n), _count(rows[~rows["on"]], n)
        found.append(Feature(f"assets_active_{tag}", owned, f"Assets {label}", "assets", "at cutoff", "assets", True))
        for term in terms:
            soon = _count(rows[(rows["expiry"] >= day) & (rows["expiry"] < day + term)], n)
            window = f"{term} days from the cutoff"
            found += [
                Feature(
                    f"assets_expiring_{term}d_{tag}",
                    soon,
                    f"Assets {label} that expire",
                    "assets",
                    window,
                    "assets",
                    True,
                ),
                Feature(
                    f"assets_expiring_{term}d_share_{tag}",
                    _share(soon, owned),
                    f"Share of assets {label} that expire",
                    "share",
                    window,
                    "assets",
                ),
            ]
        if not subscribed:
            continue
        found += [
            Feature(
                f"assets_subs_share_{tag}",
                _share(on, on + off),
                f"Share of assets {label} under subscription",
                "share",
                "at cutoff",
                "assets",
            ),
            Feature(
                f"assets_on_subs_share_{tag}",
                _share(on, on_all),
                f"Share of all subscriptions that are {label}",
                "share",
                "at cutoff",
                "assets",
            ),
            Feature(
                f"assets_off_subs_share_{tag}",
                _share(off, off_all),
                f"Share of all unsubscribed assets that are {label}",
                "share",
                "at cutoff",
                "assets",
            ),
        ]
    return found


def assets_sanity(star: Star, cutoff: date, settings: Settings) -> pd.DataFrame:
    """One row per rollup: assets, accounts, expiring in the longest window, on, imputed starts, assets left out.

    Columns: rollup, assets, accounts, expiring, subscribed, tenure_median_days, imputed, imputed_share, problem.
    """
    columns = [
        "rollup",
        "assets",
        "accounts",
        "expiring",
        "subscribed",
        "tenure_median_days",
        "imputed",
        "imputed_share",
        "problem",
    ]
    if star.assets.empty or not settings.features.use_assets:
        return pd.DataFrame(columns=columns)
    frame, day = visible_assets(star, cutoff, settings), to_day(cutoff)
    rows: list[tuple[Any, ...]] = []
    for name, part in frame.groupby("rollup", sort=True):
        longest = settings.features.assets_expiry_days[-1]
        expiring = int(((part["expiry"] >= day) & (part["expiry"] < day + longest)).sum())
        imputed = int(part["imputed"].sum())
        problem = "most starts are imputed: tenure says little" if imputed > 0.5 * len(part) else ""
        problem = "no asset has an expiry date" if part["expiry"].isna().all() else problem
        rows.append(
            (
                name,
                len(part),
                int(part["account_key"].nunique()),
                expiring,
                int(part["on"].sum()),
                float((day - part["start"]).median()),
                imputed,
                imputed / len(part),
                problem,
            )
        )
    unstarted = int(star.assets["start_day"].isna().sum())
    if unstarted and settings.features.assets_missing_start == "exclude":
        rows.append(
            (
                "(no start date)",
                unstarted,
                int(star.assets.loc[star.assets["start_day"].isna(), "account_key"].nunique()),
                0,
                0,
                np.nan,
                0,
                0.0,
                "left out: they may have been sold after the cutoff",
            )
        )
    strangers = int((star.assets["account_key"] == 0).sum())
    if strangers:
        rows.append(("(unknown account)", strangers, 0, 0, 0, np.nan, 0, 0.0, "left out: the account is in no table"))
    return pd.DataFrame(rows, columns=columns)


def _count(rows: pd.DataFrame, n: int) -> Array:
    # Without a row numpy counts in whole numbers, whatever the weights.
    found: Array = np.bincount(rows["place"], weights=rows["quantity"], minlength=n).astype(float)
    return found


def _share(part: Array, whole: Array) -> Array:
    return np.divide(part, whole, out=np.zeros_like(whole), where=whole > 0)

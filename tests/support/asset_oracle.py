"""Asset features again, asset by asset."""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pandas as pd

from icp_xl.config import Settings
from tests.support.line_oracle import fold, given


@dataclass(frozen=True)
class Asset:
    """One asset that had started before the cutoff; a missing expiry means it never ends."""

    account: str
    rollup: str
    start: date
    expiry: date | None
    on: bool
    quantity: float


def asset_features(
    lines: pd.DataFrame,
    assets: pd.DataFrame,
    accounts: Sequence[str],
    customers: pd.DataFrame | None,
    cutoff: date,
    settings: Settings,
) -> dict[str, dict[str, float]]:
    """Feature to account to value, before caps."""
    visible = _visible(lines, assets, customers, cutoff, settings)
    if not visible:
        return {}
    mine = {account: [asset for asset in visible if asset.account == account] for account in accounts}
    found = {
        "assets_tenure_days": {
            account: float(max((cutoff - asset.start).days for asset in own)) if own else math.nan
            for account, own in mine.items()
        }
    }
    for rollup in sorted({asset.rollup for own in mine.values() for asset in own}):
        tag = re.sub(r"[^a-z0-9]+", "_", rollup.lower()).strip("_")
        tag = tag if tag[:1].isalpha() else f"d_{tag}"
        here = {account: [asset for asset in own if asset.rollup == rollup] for account, own in mine.items()}
        found[f"assets_active_{tag}"] = {account: _sum(own) for account, own in here.items()}
        for days in settings.features.assets_expiry_days:
            end = cutoff + timedelta(days)
            soon = {a: [x for x in own if x.expiry and cutoff <= x.expiry < end] for a, own in here.items()}
            found[f"assets_expiring_{days}d_{tag}"] = {account: _sum(own) for account, own in soon.items()}
            found[f"assets_expiring_{days}d_share_{tag}"] = {a: _part(soon[a], here[a]) for a in accounts}
        on = {account: [asset for asset in own if asset.on] for account, own in here.items()}
        off = {account: [asset for asset in own if not asset.on] for account, own in here.items()}
        found[f"assets_subs_share_{tag}"] = {a: _part(on[a], here[a]) for a in accounts}
        found[f"assets_on_subs_share_{tag}"] = {a: _part(on[a], [x for x in mine[a] if x.on]) for a in accounts}
        found[f"assets_off_subs_share_{tag}"] = {a: _part(off[a], [x for x in mine[a] if not x.on]) for a in accounts}
    return found


def _visible(
    lines: pd.DataFrame, assets: pd.DataFrame, customers: pd.DataFrame | None, cutoff: date, settings: Settings
) -> list[Asset]:
    known = set(lines["account_id"]) | (set(customers["account_id"]) if customers is not None else set())
    rows = [dict(row) for row in assets.to_dict("records")]
    terms: dict[str, list[int]] = {}
    for row in rows:
        row["rollup"] = _rollup(row, lines, settings.features.assets_rollup, cutoff)
        row["start"], row["expiry"] = (
            pd.Timestamp(row[name]).date() if given(row[name]) else None for name in ("start_date", "expiry_date")
        )
        if row["start"] and row["start"] < cutoff and row["expiry"]:
            terms.setdefault(row["rollup"], []).append((row["expiry"] - row["start"]).days)
    found = []
    for row in rows:
        start = row["start"]
        usual = terms.get(row["rollup"])
        if start is None and row["expiry"] and usual and settings.features.assets_missing_start == "impute":
            # Days are whole: the median of two terms may fall between two of them.
            start = row["expiry"] - timedelta(math.floor(statistics.median(usual)))
        if start is None or start >= cutoff or row["account_id"] not in known:
            continue
        on = bool(row["subscription"]) and not (row["expiry"] and row["expiry"] < cutoff)
        amount = row["quantity"] if given(row["quantity"]) and row["quantity"] > 0 else 1.0
        found.append(Asset(row["account_id"], row["rollup"], start, row["expiry"], on, float(amount)))
    return found


def _rollup(row: dict[str, Any], lines: pd.DataFrame, by: str, cutoff: date) -> str:
    """The settings' field of the asset; of divisions its own one, else that of its code's earliest line."""
    name = row[by]
    if by == "division" and not given(name):
        same = lines[lines["date"] < pd.Timestamp(cutoff)]
        same = same[same["sku"].map(lambda sku: given(sku) and fold(sku) == fold(row["sku"]))]
        name = same.sort_values(["date", "sku"], kind="stable")["division"].iloc[0] if len(same) else "Other"
    return " ".join(word.capitalize() for word in str(name).split())


def _sum(assets: Sequence[Asset]) -> float:
    return math.fsum(asset.quantity for asset in assets)


def _part(some: Sequence[Asset], whole: Sequence[Asset]) -> float:
    return _sum(some) / _sum(whole) if whole else 0.0

"""Market-basket affinity: which codes go with a division, and which of them an account owns.

The lift of a code for a division is the share of its owners who also own the division, against the share among all
accounts; with few owners it is pulled towards 1. Codes of the division itself make no rules: they say nothing new.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from icp_xl.config import Settings
from icp_xl.features.history import Accounts, History
from icp_xl.features.model import Array, Feature
from icp_xl.sql import features as sql
from icp_xl.sql.engine import Engine
from icp_xl.tables.star import Star
from icp_xl.tables.star_calendar import add_months, to_day

RULE_COLUMNS = ("kind", "item", "product", "division", "accounts", "owners", "support", "confidence", "lift")
_UNIT = 10**9


@dataclass(frozen=True)
class Basket:
    """Rules per division position, and the features that come of them."""

    rules: dict[int, pd.DataFrame]
    features: dict[int, list[Feature]]


def build_basket(
    engine: Engine,
    star: Star,
    accounts: Accounts,
    history: History,
    number: int,
    settings: Settings,
    names: Sequence[str],
    source: str,
    virtual: Mapping[int, Sequence[int]],
) -> Basket:
    """Rules and affinity features of every division at the cutoff of ``history``.

    Args:
        number: position of the cutoff in the query that was kept as ``source`` (see ``last_days_per_sku``).
        names: division names in the order of ``history.divisions``.
    """
    cutoff = to_day(history.cutoff)
    start = to_day(add_months(history.cutoff, -settings.features.basket_months))
    owned = (history.last_day >= start).T
    n_accounts, widths = len(accounts.keys), range(owned.shape[1])
    flags = [f"own_{d}" for d in widths]
    owners = pd.DataFrame({"account_key": accounts.keys})
    for d, flag in enumerate(flags):
        owners[flag] = owned[:, d].astype(np.int64)
    engine.view_frame("owners", owners)
    found = engine.fetch(sql.sku_owners(source, number, start, flags))
    own_codes = _codes_of(engine, history, virtual, cutoff)
    share = owned.sum(axis=0) / max(n_accounts, 1)
    rules = {
        d: _rules_of(found, flags[d], float(share[d]), own_codes.get(history.divisions[d], set()), settings)
        for d in widths
    }
    lifts = [f"lift_{d}" for d in widths]
    table = pd.concat([rules[d].set_index("sku_key")["lift_e9"].rename(lifts[d]) for d in widths], axis=1)
    engine.view_frame("rules", table.fillna(-1).astype(np.int64).rename_axis("sku_key").reset_index())
    best = engine.fetch(sql.best_rules(source, number, start, lifts))
    shown, features, products = {}, {}, star.products.set_index("sku_key")
    for d in widths:
        pairs = _division_lifts(owned, d, history.real)
        shown[d] = _shown(rules[d], pairs, products, names, names[d], n_accounts, cutoff)
        features[d] = _features(best, lifts[d], accounts.keys, owned, pairs, d)
    return Basket(shown, features)


def _codes_of(
    engine: Engine, history: History, virtual: Mapping[int, Sequence[int]], cutoff: int
) -> dict[int, set[int]]:
    """Codes that belong to each division: those sold in it, or those that define it."""
    real = list(history.divisions[: history.real])
    pairs = engine.fetch(sql.sku_divisions(real, cutoff))
    codes: dict[int, set[int]] = {key: set(skus) for key, skus in virtual.items()}
    for sku, division in zip(pairs["sku_key"].tolist(), pairs["division_key"].tolist(), strict=True):
        codes.setdefault(division, set()).add(sku)
    return codes


def _rules_of(found: dict[str, Array], flag: str, share: float, own: set[int], settings: Settings) -> pd.DataFrame:
    frame = pd.DataFrame({"sku_key": found["sku_key"], "accounts": found["accounts"], "owners": found[flag]})
    frame = frame[(frame["accounts"] >= settings.features.basket_min_accounts) & ~frame["sku_key"].isin(own)]
    prior = settings.features.basket_prior
    frame["confidence"] = (frame["owners"] + prior * share) / (frame["accounts"] + prior)
    lift = frame["confidence"] / share if share > 0 else pd.Series(1.0, index=frame.index)
    frame["lift_e9"] = np.round(lift * _UNIT).astype(np.int64)
    return frame


def _division_lifts(owned: Array, target: int, real: int) -> dict[int, tuple[int, int, float]]:
    """Other division to (its owners, those who own the target too, lift)."""
    total, base = len(owned), int(owned[:, target].sum())
    lifts = {}
    for d in range(real):
        having = int(owned[:, d].sum())
        if d != target and having and base:
            both = int((owned[:, d] & owned[:, target]).sum())
            lifts[d] = (having, both, (both / having) / (base / total))
    return lifts


def _shown(
    rules: pd.DataFrame,
    pairs: dict[int, tuple[int, int, float]],
    products: pd.DataFrame,
    names: Sequence[str],
    target: str,
    total: int,
    cutoff: int,
) -> pd.DataFrame:
    keys = rules["sku_key"]
    skus = pd.DataFrame(
        {
            "kind": "code",
            "item": keys.map(products["sku"]).astype("str"),
            "product": keys.map(products["product"]).astype("str"),
            "division": target,
            "accounts": rules["accounts"],
            "owners": rules["owners"],
            "support": rules["owners"] / max(total, 1),
            "confidence": rules["confidence"],
            "lift": rules["lift_e9"] / _UNIT,
        }
    )
    divisions = pd.DataFrame(
        [
            ("division", names[d], "", target, n, both, both / max(total, 1), both / n, lift)
            for d, (n, both, lift) in pairs.items()
        ],
        columns=list(RULE_COLUMNS),
    )
    frames = [frame for frame in (skus, divisions) if len(frame)]
    if not frames:
        return pd.DataFrame(columns=list(RULE_COLUMNS))
    found = pd.concat(frames, ignore_index=True)
    found = found.sort_values(["lift", "owners", "kind", "item"], ascending=[False, False, True, True], kind="stable")
    return found[list(RULE_COLUMNS)].reset_index(drop=True)


def _features(
    best: dict[str, Array],
    lift: str,
    keys: Array,
    owned: Array,
    pairs: dict[int, tuple[int, int, float]],
    target: int,
) -> list[Feature]:
    at = np.minimum(np.searchsorted(best["account_key"], keys), max(len(best["account_key"]) - 1, 0))
    highest, mean = np.zeros(len(keys)), np.zeros(len(keys))
    if len(best["account_key"]):
        n = np.where(best["account_key"][at] == keys, best[f"n_{lift}"][at], 0)
        highest = np.where(n > 0, best[f"best_{lift}"][at] / _UNIT, 0.0)
        mean = np.where(n > 0, best[f"total_{lift}"][at] / np.maximum(n, 1) / _UNIT, 0.0)
    related = np.zeros(len(keys))
    for d, (_, _, pair_lift) in pairs.items():
        related = np.where(owned[:, d], np.maximum(related, pair_lift), related)
    window = "basket window"
    return [
        Feature("mb_lift_max", highest, "Highest lift of a code owned for this division", "ratio", window, "basket"),
        Feature("mb_lift_mean", mean, "Mean lift of the codes owned for this division", "ratio", window, "basket"),
        Feature(
            "mb_division_lift_max", related, "Highest lift of a division owned for this one", "ratio", window, "basket"
        ),
    ]

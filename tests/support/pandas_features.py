"""The features and labels of the package by plain pandas group-bys, as one would write them: for scale comparisons.

Cutoffs must be first days of months. Left out are embeddings, assets and context, which are no group-bys.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from icp_xl.config import Settings
from icp_xl.features.families import smooth_shares
from icp_xl.tables.star import Star
from icp_xl.tables.star_calendar import add_months, from_day, to_day

A, D, S = "account_key", "division_key", "sku_key"
SCALE = 10_000
USED = [A, S, D, "day", "kind", "revenue_e4", "gross_profit_e4"]
Columns = dict[str, np.ndarray[Any, Any]]
Found = tuple[str, date, Columns, float]


def all_sets(star: Star, settings: Settings, *, text: bool = False) -> Iterator[Found]:
    """Division, cutoff, feature columns (accounts in the order of their keys) and positive labels.

    ``text`` groups by the log's own account ids, codes and division names, else by their keys, which are numbers.
    """
    facts = star.facts
    used = ["account_id", "sku", "division", *USED[3:]] if text else USED
    whole = isinstance(facts, pd.DataFrame)
    lines = facts[used] if whole else pd.concat([pd.read_parquet(file, columns=used) for file in facts])
    lines = lines[lines["kind"] != 0].set_axis(USED, axis=1)
    keys: list[Any] = star.division_names if text else [int(key) for key in star.divisions[D]]
    slugs = [str(text) for text in star.divisions["slug"]]
    for cutoff in settings.build.cutoffs:
        past = lines[lines["day"] < to_day(cutoff)]
        sales = past[past["kind"] == 1]
        accounts = pd.Index(np.sort(sales[A].unique()))
        common, own, owned = _windows(past, sales, accounts, keys, cutoff, settings)
        common |= _lifecycle(sales, accounts, cutoff, common, settings)
        common |= _mix(past, sales, accounts, keys, slugs, cutoff)
        baskets = _basket(sales, accounts, keys, owned, cutoff, settings)
        window = lines[
            (lines["day"] >= to_day(cutoff)) & (lines["day"] < to_day(add_months(cutoff, settings.build.window_months)))
        ]
        for d, name in enumerate(star.division_names):
            found = {**common, **own[d], **baskets[d]}
            found |= _rhythm("all", found, found["life_tenure_days"]) | _rhythm("own", found, found["own_tenure_days"])
            values = {k: _capped(k, v, settings) for k, v in found.items()}
            yield name, cutoff, values, _positives(window, keys[d], accounts)


def _wide(series: pd.Series[Any], accounts: pd.Index[Any], columns: list[Any]) -> np.ndarray[Any, Any]:
    """A series by account and division as a dense array."""
    return series.unstack(fill_value=0).reindex(index=accounts, columns=columns, fill_value=0).to_numpy()


def _windows(
    past: pd.DataFrame, sales: pd.DataFrame, accounts: pd.Index[Any], keys: list[Any], cutoff: date, settings: Settings
) -> tuple[Columns, list[Columns], np.ndarray[Any, Any]]:
    day = to_day(cutoff)
    ends = sales.groupby([A, D])["day"].agg(["min", "max"])
    first = ends["min"].unstack().reindex(index=accounts, columns=keys).to_numpy(dtype=float)
    last = ends["max"].unstack().reindex(index=accounts, columns=keys).to_numpy(dtype=float)
    common: Columns = {"all_recency_days": day - np.nanmax(np.where(np.isnan(last), -np.inf, last), axis=1)}
    own: list[Columns] = [
        {
            "own_recency_days": day - last[:, d],
            "own_ever": (~np.isnan(first[:, d])).astype(float),
            "own_tenure_days": day - first[:, d],
        }
        for d in range(len(keys))
    ]
    for w in settings.features.windows:
        start = to_day(add_months(cutoff, -w))
        window, bought = past[past["day"] >= start], sales[sales["day"] >= start]
        money = window.groupby([A, D])[["revenue_e4", "gross_profit_e4"]].sum()
        revenue = _wide(money["revenue_e4"], accounts, keys) / SCALE
        profit = _wide(money["gross_profit_e4"], accounts, keys) / SCALE
        count = _wide(bought.groupby([A, D]).size(), accounts, keys)
        for name, values in (("lines", count), ("revenue", revenue), ("profit", profit)):
            common[f"all_{name}_{w}m"] = values.sum(axis=1).astype(float)
            for d in range(len(keys)):
                own[d][f"own_{name}_{w}m"] = values[:, d].astype(float)
        own_days = _wide(bought[[A, D, "day"]].drop_duplicates().groupby([A, D]).size(), accounts, keys)
        for d in range(len(keys)):
            own[d][f"own_days_{w}m"] = own_days[:, d].astype(float)
        days = bought[[A, "day"]].drop_duplicates().groupby(A).size()
        common[f"all_days_{w}m"] = days.reindex(accounts, fill_value=0).to_numpy(dtype=float)
        codes = bought.groupby(A)[S].nunique()
        common[f"div_skus_{w}m"] = codes.reindex(accounts, fill_value=0).to_numpy(dtype=float)
    bounds = [to_day(add_months(cutoff, -back)) for back in range(24, -1, -1)]
    recent = past[past["day"] >= bounds[0]]
    back = 24 - np.searchsorted(bounds, recent["day"].to_numpy(), side="right")
    table = recent.groupby([A, D, back])["revenue_e4"].sum().unstack(fill_value=0)
    table = table.reindex(columns=range(24), fill_value=0)
    bought = recent["kind"].to_numpy() == 1
    active = recent[bought].groupby([A, D, back[bought]]).size().unstack(fill_value=0)
    active = (active.reindex(columns=range(24), fill_value=0) > 0).astype(int)
    for d, key in enumerate(keys):
        series = table.xs(key, level=D).reindex(accounts, fill_value=0).to_numpy()
        months = active.xs(key, level=D).reindex(accounts, fill_value=0).to_numpy()
        own[d] |= _trend("own", series, months)
    whole = table.groupby(level=A).sum().reindex(accounts, fill_value=0).to_numpy()
    any_month = active.groupby(level=A).max().reindex(accounts, fill_value=0).to_numpy()
    common |= _trend("all", whole, any_month)
    n = settings.build.window_months
    if n < 12 and past["day"].min() <= to_day(add_months(cutoff, -12)):
        same = slice(12 - n, 12)
        for d, key in enumerate(keys):
            months, series = (t.xs(key, level=D).reindex(accounts, fill_value=0).to_numpy() for t in (active, table))
            own[d]["own_season_months"] = months[:, same].sum(axis=1).astype(float)
            own[d]["own_season_revenue"] = series[:, same].sum(axis=1) / SCALE
        common["all_season_months"] = any_month[:, same].sum(axis=1).astype(float)
        common["all_season_revenue"] = whole[:, same].sum(axis=1) / SCALE
    since = to_day(add_months(cutoff, -settings.features.basket_months))
    return common, own, np.nan_to_num(last, nan=-1) >= since


def _trend(prefix: str, series: np.ndarray[Any, Any], active: np.ndarray[Any, Any]) -> Columns:
    found: Columns = {}
    for w in (12, 24):
        y = series[:, :w]
        # Twice the centred time is whole: a slope of zero must be zero, for caps look at its sign.
        x = w - 1 - 2 * np.arange(w)
        found[f"{prefix}_slope_{w}m"] = 2.0 * (y * x).sum(axis=1) / float((x * x).sum()) / SCALE
        found[f"{prefix}_std_{w}m"] = y.std(axis=1) / SCALE
        found[f"{prefix}_active_months_{w}m"] = active[:, :w].sum(axis=1).astype(float)
    return found


def _rhythm(prefix: str, found: Columns, tenure: np.ndarray[Any, Any]) -> Columns:
    recency, month = found[f"{prefix}_recency_days"], 365.25 / 12
    rate = found[f"{prefix}_active_months_24m"] / (np.minimum(tenure / month, 24) + 2)
    return {
        f"{prefix}_rate_24m": rate,
        f"{prefix}_missed_24m": rate * recency / month,
        f"{prefix}_span_days": tenure - recency,
        f"{prefix}_silence_share": recency / (tenure + 1),
    }


def _lifecycle(
    sales: pd.DataFrame, accounts: pd.Index[Any], cutoff: date, common: Columns, settings: Settings
) -> Columns:
    days = sales[[A, "day"]].drop_duplicates().sort_values([A, "day"])
    gaps = days.groupby(A)["day"].diff().groupby(days[A]).agg(["mean", "std", "max"]).reindex(accounts)
    ends = days.groupby(A)["day"].agg(["size", "min"]).reindex(accounts)
    mean = gaps["mean"].to_numpy()
    return {
        "all_days_ever": ends["size"].to_numpy(dtype=float),
        "life_tenure_days": (to_day(cutoff) - ends["min"]).to_numpy(dtype=float),
        "life_gap_mean_days": mean,
        "life_gap_std_days": gaps["std"].to_numpy(),
        "life_gap_max_days": gaps["max"].to_numpy(),
        "life_overdue_ratio": common["all_recency_days"] / mean,
    }


def _mix(
    past: pd.DataFrame, sales: pd.DataFrame, accounts: pd.Index[Any], keys: list[Any], slugs: list[str], cutoff: date
) -> Columns:
    found: Columns = {}
    for w in (12, 24):
        start = to_day(add_months(cutoff, -w))
        bought = sales[sales["day"] >= start]
        lines = _wide(bought.groupby([A, D]).size(), accounts, keys)
        shares = smooth_shares(lines)[0]
        found |= {f"share_{slug}_{w}m": shares[:, d] for d, slug in enumerate(slugs)}
        found[f"div_count_{w}m"] = (lines > 0).sum(axis=1).astype(float)
        part = lines / np.maximum(lines.sum(axis=1, keepdims=True), 1)
        found[f"div_entropy_{w}m"] = -(part * np.log(np.where(part > 0, part, 1.0))).sum(axis=1)
        returns = past[(past["day"] >= start) & (past["kind"] == -1)].groupby(A)["revenue_e4"].agg(["sum", "size"])
        returns = returns.reindex(accounts, fill_value=0)
        sold = bought.groupby(A)["revenue_e4"].sum().reindex(accounts, fill_value=0).to_numpy(dtype=float)
        back = -returns["sum"].to_numpy(dtype=float)
        found[f"ret_rate_{w}m"] = np.divide(back, sold, out=np.zeros(len(accounts)), where=sold > 0)
        found[f"ret_lines_{w}m"] = returns["size"].to_numpy(dtype=float)
    ever = sales[[A, D]].drop_duplicates().groupby(A).size()
    found["div_count_ever"] = ever.reindex(accounts, fill_value=0).to_numpy(dtype=float)
    recent = sales[sales["day"] >= to_day(add_months(cutoff, -24))]
    days = recent["day"].to_numpy()
    quarter_of = {day: (from_day(day).month - 1) // 3 for day in np.unique(days).tolist()}
    quarter = recent["day"].map(quarter_of)
    season = recent.groupby([A, quarter])["revenue_e4"].sum().unstack(fill_value=0)
    season = season.reindex(index=accounts, columns=range(4), fill_value=0).to_numpy(dtype=float)
    total = season.sum(axis=1)
    for q in range(4):
        found[f"season_q{q + 1}_share_24m"] = np.divide(
            season[:, q], total, out=np.zeros(len(accounts)), where=total > 0
        )
    return found


def _basket(
    sales: pd.DataFrame,
    accounts: pd.Index[Any],
    keys: list[Any],
    owned: np.ndarray[Any, Any],
    cutoff: date,
    settings: Settings,
) -> list[Columns]:
    chosen = settings.features
    recent = sales[sales["day"] >= to_day(add_months(cutoff, -chosen.basket_months))]
    pairs = recent[[A, S]].drop_duplicates()
    has = pd.DataFrame(owned, index=accounts)
    counts = pairs.groupby(S).size()
    buyers = pairs.join(has, on=A).groupby(S)[list(has.columns)].sum()
    sold_in = sales[[S, D]].drop_duplicates()
    found = []
    share = owned.mean(axis=0)
    for d, key in enumerate(keys):
        own = set(sold_in.loc[sold_in[D] == key, S])
        lift = (buyers[d] + chosen.basket_prior * share[d]) / (counts + chosen.basket_prior) / share[d]
        lift = lift[(counts >= chosen.basket_min_accounts) & ~lift.index.isin(own)].round(9)
        per_account = pairs[S].map(lift).groupby(pairs[A]).agg(["max", "mean"]).reindex(accounts).fillna(0.0)
        related = np.zeros(len(accounts))
        for other in range(len(keys)):
            if other != d:
                together = (owned[:, other] & owned[:, d]).sum() / owned[:, other].sum() / share[d]
                related = np.where(owned[:, other], np.maximum(related, together), related)
        found.append(
            {
                "mb_lift_max": per_account["max"].to_numpy(),
                "mb_lift_mean": per_account["mean"].to_numpy(),
                "mb_division_lift_max": related,
            }
        )
    return found


def _positives(window: pd.DataFrame, key: Any, accounts: pd.Index[Any]) -> float:
    rows = window[window[D] == key]
    measure = rows.groupby(A)["revenue_e4"].sum()
    bought = rows[rows["kind"] == 1].groupby(A).size()
    found = (measure > 0) & (bought.reindex(measure.index, fill_value=0) > 0)
    return float(found.reindex(accounts, fill_value=False).sum())


_HEAVY = (
    "own_days",
    "all_season_rev",
    "own_season_rev",
    "lines",
    "revenue",
    "profit",
    "slope",
    "std_1",
    "std_2",
    "all_days",
    "overdue",
    "div_skus",
    "ret_",
    "missed",
)


def _capped(name: str, values: np.ndarray[Any, Any], settings: Settings) -> np.ndarray[Any, Any]:
    """Heavy tails are capped at a quantile of the positive values, and its mirror of the negative ones."""
    q = settings.features.winsor_quantile
    if q >= 1 or not any(part in name for part in _HEAVY):
        return values
    series = pd.Series(values)
    high, low = series[series > 0].quantile(q), series[series < 0].quantile(1 - q)
    return series.clip(0.0 if np.isnan(low) else low, 0.0 if np.isnan(high) else high).to_numpy()

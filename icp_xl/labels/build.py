"""Labels: which accounts bought in a division within a window after a cutoff.

The window is half-open, ``[cutoff, cutoff + window)``: a purchase on the cutoff itself counts, one on the window's
last day plus one does not. A window that the log does not cover whole is censored, and its labels say so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from icp_xl.config import Settings
from icp_xl.errors import ConfigError
from icp_xl.labels.purchases import OwnPurchases, Purchases, SharedPurchases, Target
from icp_xl.sql.engine import Engine
from icp_xl.sql.star import SCALE
from icp_xl.tables.star import Star, open_engine
from icp_xl.tables.star_calendar import add_months, from_day, to_day
from icp_xl.tables.star_dims import fold

Array = np.ndarray[Any, Any]
NEW_LOGO, EXPANSION, RENEWAL = "is_new_logo", "is_expansion", "is_renewal_like"
COHORTS = (NEW_LOGO, EXPANSION, RENEWAL)


def find_target(star: Star, division: str, settings: Settings) -> Target:
    """Look up a division of the log, or one that is defined by its target codes.

    Raises:
        ConfigError: the log knows neither the division nor, where it is defined by codes, any of them.
    """
    keys = dict(zip(star.divisions["division"], star.divisions["division_key"], strict=True))
    chosen = settings.labels.target_skus.get(division, ())
    targets = _sku_keys(star, chosen)
    if division not in keys and not targets:
        raise ConfigError(
            "no such division in the log",
            where="build.divisions",
            got=division,
            allowed=", ".join([*star.division_names, *settings.labels.target_skus]),
        )
    if chosen and not targets:
        raise ConfigError("none of a division's target codes is in the log", where=f"labels.target_skus.{division}")
    return Target(division, int(keys.get(division, 0)), targets, _sku_keys(star, settings.labels.denylist_skus))


def build_labels(
    star: Star, division: str, cutoff: date, settings: Settings, *, window_months: int | None = None,
    engine: Engine | None = None,
) -> pd.DataFrame:  # fmt: skip
    """Labels of one division at one cutoff.

    Args:
        window_months: the window; ``build.window_months`` by default. It is doubled where too few accounts bought,
            and again, as far as the log reaches and the settings allow. Only lines that count for the division
            (its target codes, where the settings name some) make a purchase, however long the window.
        engine: an open engine to use; by default one is opened for this call.

    Returns:
        One row per account, by account id: account_id, division, cutoff_date, window_months (as used), window_end
        (exclusive), label (0 or 1), n_lines, revenue and gross_profit in the window, is_new_logo (bought nothing
        before), is_expansion (bought before, but never in this division), is_renewal_like (bought in this division
        before), censored (the log does not cover the window whole; a 0 may yet become a 1).

    Raises:
        ConfigError: no such division, or labels shall be measured by a gross profit that the log does not give.
    """
    with nullcontext(engine) if engine is not None else open_engine(star, settings) as opened:
        target = find_target(star, division, settings)
        months = window_months or settings.build.window_months
        return _widened(OwnPurchases(opened), star, _accounts(star), target, cutoff, months, settings)


def build_label_sets(
    star: Star,
    divisions: Sequence[str],
    cutoffs: Sequence[date],
    settings: Settings,
    *,
    window_months: int | None = None,
    engine: Engine | None = None,
) -> Iterator[pd.DataFrame]:
    """Labels of every division at every cutoff, cutoff by cutoff; the facts are read once per window, not per set.

    See :func:`build_labels` for each.

    Args:
        star: the star schema.
        divisions: names of divisions.
        cutoffs: first days of the label windows.
        settings: measure, threshold and window of the labels.
        window_months: length of the window; that of the settings by default.
        engine: where the SQL runs; DuckDB in memory by default.
    """
    with nullcontext(engine) if engine is not None else open_engine(star, settings) as opened:
        shared = SharedPurchases(opened, _sku_keys(star, settings.labels.denylist_skus))
        months = window_months or settings.build.window_months
        accounts = _accounts(star)
        targets = [find_target(star, division, settings) for division in divisions]
        for cutoff in cutoffs:
            for target in targets:
                yield _widened(shared, star, accounts, target, cutoff, months, settings)


def _widened(
    purchases: Purchases,
    star: Star,
    accounts: pd.DataFrame,
    target: Target,
    cutoff: date,
    months: int,
    settings: Settings,
) -> pd.DataFrame:
    """Labels with a window that is lengthened where too few accounts bought."""
    frame = _label(purchases, star, accounts, target, cutoff, months, settings)
    while settings.labels.auto_widen and _too_few(frame, settings):
        longer = min(months * 2, settings.labels.max_window_months)
        while longer > months and to_day(add_months(cutoff, longer)) > star.observed_until:
            longer -= 1
        if longer <= months:
            break
        months = longer
        frame = _label(purchases, star, accounts, target, cutoff, months, settings)
    return frame


def _too_few(frame: pd.DataFrame, settings: Settings) -> bool:
    positives = int(frame["label"].sum())
    wanted = settings.labels.min_prevalence * len(frame)
    return positives < settings.labels.min_positives or positives < wanted


def _label(
    purchases: Purchases,
    star: Star,
    accounts: pd.DataFrame,
    target: Target,
    cutoff: date,
    months: int,
    settings: Settings,
) -> pd.DataFrame:
    start, end = to_day(cutoff), to_day(add_months(cutoff, months))
    past = purchases.before(target, start)
    bought = purchases.within(target, start, end)
    keys = accounts["account_key"].to_numpy()
    before = _taken(past["bought_own"], _place(keys, past["account_key"]), missing=-1)
    at = _place(keys, bought["account_key"])
    lines = _taken(bought["n_lines"], at)
    revenue, profit, measured = (
        _taken(bought[name], at) / SCALE for name in ("revenue_e4", "gross_profit_e4", "measured_e4")
    )
    measure = measured if _measures_profit(star, settings) else revenue
    # All columns at once: one by one, as they are added to a frame, costs three times as much.
    frame = pd.DataFrame(
        {
            "account_id": accounts["account_id"],
            "division": target.division,
            "cutoff_date": pd.Timestamp(cutoff),
            "window_months": months,
            "window_end": pd.Timestamp(from_day(end)),
            "label": ((lines > 0) & (measure > settings.labels.threshold)).astype(np.int8),
            "n_lines": lines.astype(np.int64),
            "revenue": revenue,
            "gross_profit": profit,
            NEW_LOGO: before < 0,
            EXPANSION: before == 0,
            RENEWAL: before == 1,
            "censored": end > star.observed_until,
        }
    )
    if settings.labels.mode == "expansion":
        frame = frame[before >= 0].reset_index(drop=True)
    return frame


def _measures_profit(star: Star, settings: Settings) -> bool:
    wanted = settings.labels.measure
    if wanted == "gross_profit" and not star.has_profit:
        raise ConfigError(
            "the log gives no gross profit to measure labels by",
            where="labels.measure",
            got=wanted,
            allowed="revenue, or a log with a gross profit column",
        )
    return wanted == "gross_profit"


def _sku_keys(star: Star, skus: tuple[str, ...]) -> tuple[int, ...]:
    if not skus:
        return ()
    keys = dict(zip(star.products["fold"], star.products["sku_key"], strict=True))
    return tuple(sorted({int(keys[text]) for text in fold(pd.Series(list(skus))) if text in keys}))


def _accounts(star: Star) -> pd.DataFrame:
    """Key and id of every account, in the order of the ids."""
    table = star.customers[["account_key", "account_id"]].drop_duplicates("account_id")
    table = table.astype({"account_id": "str"}).sort_values("account_id", kind="stable")
    return table.reset_index(drop=True)


def _place(keys: Array, found: Array) -> tuple[Array, Array]:
    """Where each of ``keys`` stands in ``found``, which rises, and whether it does."""
    if not len(found):
        return np.zeros(len(keys), np.int64), np.zeros(len(keys), bool)
    at = np.minimum(np.searchsorted(found, keys), len(found) - 1)
    return at, found[at] == keys


def _taken(values: Array, place: tuple[Array, Array], missing: int = 0) -> Array:
    """``values`` at their places, as floats."""
    at, hit = place
    out = np.full(len(at), float(missing))
    out[hit] = values[at[hit]]
    return out


def summarise_labels(frame: pd.DataFrame) -> dict[str, Any]:
    """Figures of one label frame: accounts, positives, prevalence, per cohort too, and whether it is censored.

    ``left_out`` counts accounts that bought (revenue net of returns above 0) and are no positives all the same, because
    the settings ask for profit or for more than a purchase.
    """
    n, label = len(frame), frame["label"].to_numpy()
    positives = int(label.sum())
    left_out = (frame["n_lines"].to_numpy() > 0) & (frame["revenue"].to_numpy() > 0) & (label == 0)
    body: dict[str, Any] = {
        "division": str(frame["division"].iloc[0]) if n else "",
        "cutoff_date": frame["cutoff_date"].iloc[0].date().isoformat() if n else "",
        "window_months": int(frame["window_months"].iloc[0]) if n else 0,
        "window_end": frame["window_end"].iloc[0].date().isoformat() if n else "",
        "accounts": n,
        "positives": positives,
        "left_out": int(left_out.sum()),
        "prevalence": positives / n if n else 0.0,
        "censored": bool(frame["censored"].any()),
        "revenue": float(frame["revenue"].sum()),
        "gross_profit": float(frame["gross_profit"].sum()),
    }
    for cohort in COHORTS:
        member = frame[cohort].to_numpy()
        body[f"{cohort}_accounts"] = int(member.sum())
        body[f"{cohort}_positives"] = int(label[member].sum())
    return body

"""Dimensions: products with their division, divisions, customers, dates, assets.

Names that differ only by case or spaces are one thing, and the spelling that came first in time stands for it: a
spelling chosen by frequency would let later lines change what was known at an earlier cutoff.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from icp_xl.config.build import BuildSettings
from icp_xl.tables.star import FEE_DIVISION, stable_keys, unique_slugs
from icp_xl.tables.star_calendar import from_day

if TYPE_CHECKING:
    from icp_xl.tables.sku_map import SkuMap

CUSTOMER_TEXT = ("account_name", "industry", "segment", "region", "rep", "city", "state", "country")


def fold(texts: pd.Series[str]) -> pd.Series[str]:
    """Texts without case and without spaces at the ends or doubled inside."""
    return texts.astype(str).str.upper().str.replace(r"\s+", " ", regex=True).str.strip()


def build_products(seen: pd.DataFrame, sku_map: SkuMap, build: BuildSettings) -> pd.DataFrame:
    """One row per folded code.

    Args:
        seen: one row per spelling × division × product × category in the log, with ``first_seen`` and ``n``.
        sku_map: the overrides; those with dates are no matter of the code alone.

    Returns:
        sku_key, sku, fold, product, division (of the map, else of the earliest line), category, is_fee, from_map,
        spellings, lines, division_day and category_day (the day from which on the log tells them; NaN: never).
    """
    seen = seen[seen["sku"].notna()].copy()
    seen["fold"] = fold(seen["sku"])
    seen = seen.sort_values(["fold", "first_seen", "sku", "division", "product", "category"], na_position="last")
    # `first` passes over missing values, so each field is the earliest one that is given.
    grouped = seen.groupby("fold", sort=True)
    found = grouped[["sku", "product", "division", "category"]].first()
    for name in ("division", "category"):
        told = seen[seen[name].notna()].groupby("fold")["first_seen"].min()
        found[f"{name}_day"] = (told - pd.Timestamp("1970-01-01")).dt.days.astype(float)
    found["spellings"] = grouped["sku"].nunique()
    found["lines"] = grouped["n"].sum()
    found = found.join(sku_map.always.set_index("fold")["division"].rename("mapped"))
    found["from_map"] = found["mapped"].notna()
    found["division"] = found["mapped"].fillna(found["division"])
    exact = {text.upper() for text in build.fee_skus}
    starts = tuple(text.upper() for text in build.fee_prefixes)
    folds = [str(text) for text in found.index]
    found["is_fee"] = [
        not mapped and (text in exact or (bool(starts) and text.startswith(starts)))
        for text, mapped in zip(folds, found["from_map"], strict=True)
    ]
    found.insert(0, "sku_key", np.asarray(stable_keys(folds, "codes"), dtype=np.int64))
    found = found.drop(columns="mapped").reset_index()
    columns = ["sku_key", "sku", "fold", "product", "division", "category", "is_fee", "from_map", "spellings", "lines"]
    return found[[*columns, "division_day", "category_day"]]


def division_spellings(seen: pd.DataFrame, preferred: Sequence[str]) -> dict[str, str]:
    """Folded division to the spelling that stands for it: of the settings or the map, else the earliest in the log."""
    chosen: dict[str, str] = {}
    for name in preferred:
        chosen.setdefault(str(fold(pd.Series([name])).iloc[0]), name.strip())
    rows = seen[seen["division"].notna()].sort_values(["first_seen", "division"], na_position="last")
    for folded, name in zip(fold(rows["division"]), rows["division"], strict=True):
        chosen.setdefault(folded, name)
    return chosen


def build_divisions(names: Sequence[str], sku_map: SkuMap | None = None) -> pd.DataFrame:
    """One row per division in alphabetical order: division_key, division, slug (unique), valid_from and valid_to.

    The latter are days since 1970, half-open, of divisions that the map dates (NaN: always).
    """
    ordered = sorted(set(names))
    slugs = unique_slugs(ordered)
    keys = np.asarray(stable_keys([name.upper() for name in ordered], "divisions"), dtype=np.int64)
    found = pd.DataFrame({"division_key": keys, "division": ordered, "slug": slugs}).astype({"division": "str"})
    folded, given = fold(found["division"]), {} if sku_map is None else sku_map.periods
    for i, name in enumerate(("valid_from", "valid_to")):
        found[name] = np.array([given.get(text, (np.nan, np.nan))[i] for text in folded], dtype=float)
    return found


def division_key_table(divisions: pd.DataFrame) -> pd.DataFrame:
    """Keys of all divisions, the one of fee lines (key 0) included."""
    fee = pd.DataFrame({"division_key": [0], "division": [FEE_DIVISION]})
    return pd.concat([divisions[["division_key", "division"]], fee], ignore_index=True)


def build_customers(customers: pd.DataFrame | None, log_accounts: Sequence[str]) -> pd.DataFrame:
    """One row per account of the customers table or the log.

    What the log alone says of an account's place or rep is not taken over here: it would be known only in hindsight.
    """
    known = customers.copy() if customers is not None else pd.DataFrame({"account_id": pd.Series([], dtype="str")})
    known = known[known["account_id"].notna()]
    known["account_id"] = known["account_id"].astype(str).str.strip()
    log_alone = known["origin"].eq("sales") if "origin" in known else pd.Series(False, index=known.index)
    known["known_from"] = np.where(log_alone, "sales log", "customers")
    extra = sorted(set(log_accounts) - set(known["account_id"]))
    found = pd.DataFrame({"account_id": pd.Series([*known["account_id"], *extra], dtype="str")})
    for name in CUSTOMER_TEXT:
        given = list(known[name]) if name in known.columns else [None] * len(known)
        found[name] = pd.Series([*given, *([None] * len(extra))], dtype="str")
    for name in ("annual_revenue", "printers"):
        given = list(known[name]) if name in known.columns else [np.nan] * len(known)
        found[name] = pd.to_numeric(pd.Series([*given, *([np.nan] * len(extra))], dtype=object), errors="coerce")
        found[name] = found[name].astype(float)
    flags = list(known["do_not_contact"]) if "do_not_contact" in known.columns else [False] * len(known)
    found["do_not_contact"] = [not pd.isna(flag) and bool(flag) for flag in flags] + [False] * len(extra)
    found["known_from"] = pd.Series([*known["known_from"], *(["sales log"] * len(extra))], dtype="str")
    found = found.sort_values("account_id", kind="stable").reset_index(drop=True)
    first = found.drop_duplicates("account_id")
    keys = dict(zip(first["account_id"], stable_keys(list(first["account_id"]), "accounts"), strict=True))
    found.insert(0, "account_key", found["account_id"].map(keys).astype(np.int64))
    return found


def build_dates(first_day: int, last_day: int) -> pd.DataFrame:
    """One row per day of the log: day, date, year, quarter, month, ym, weekday (1 Monday), is_month_end."""
    when = pd.date_range(from_day(first_day), from_day(last_day), freq="D")
    return pd.DataFrame(
        {
            "day": np.arange(first_day, last_day + 1, dtype=np.int64),
            "date": when,
            "year": when.year,
            "quarter": when.quarter,
            "month": when.month,
            "ym": when.year * 100 + when.month,
            "weekday": when.day_of_week + 1,
            "is_month_end": when.is_month_end,
        }
    )


def build_assets(
    assets: pd.DataFrame | None, customers: pd.DataFrame, products: pd.DataFrame, divisions: Sequence[str] = (),
    sku_map: SkuMap | None = None,
) -> pd.DataFrame:  # fmt: skip
    """One row per asset: account_key, account_id, sku, start_day, expiry_day (NaN unknown), subscription, rollups.

    An asset that names no division takes that of its code: of ``sku_map`` as of the day on which the asset started, of
    the log from the day on which it was told there (``division_day``, ``category_day``; NaN: at any time).

    Args:
        divisions: names of the log's divisions; an asset's own division takes their spelling.
        sku_map: the overrides, by folded code.
    """
    columns = ["account_id", "sku", "product", "start_date", "expiry_date", "subscription", "quantity"]
    given = assets if assets is not None else pd.DataFrame(columns=columns)
    found = pd.DataFrame({"account_id": pd.Series(list(given["account_id"]), dtype="str").str.strip()})
    for name in ("sku", "product"):
        found[name] = pd.Series(list(given[name]) if name in given.columns else [None] * len(given), dtype="str")
    for name in ("start", "expiry"):
        column = f"{name}_date"
        values = pd.Series(list(given[column]) if column in given.columns else [pd.NaT] * len(given), dtype=object)
        when = pd.to_datetime(values, errors="coerce").astype("datetime64[us]")
        found[f"{name}_day"] = (when.dt.normalize() - pd.Timestamp("1970-01-01")).dt.days.astype(float)
    flags = list(given["subscription"]) if "subscription" in given.columns else [False] * len(given)
    found["subscription"] = [not pd.isna(flag) and bool(flag) for flag in flags]
    amounts = list(given["quantity"]) if "quantity" in given.columns else [1.0] * len(given)
    numbers = pd.to_numeric(pd.Series(amounts, dtype=object), errors="coerce").astype(float)
    found["quantity"] = numbers.where(numbers > 0, 1.0)
    keys = dict(zip(customers["account_id"], customers["account_key"], strict=True))
    # Looked up one by one: a column with a gap would pass through floats, which cannot hold 62 bits.
    found.insert(0, "account_key", np.asarray([keys.get(name, 0) for name in found["account_id"]], dtype=np.int64))
    by_fold = products.set_index("fold")
    folded = fold(found["sku"].fillna(""))
    for name in ("division", "category"):
        found[name] = (
            folded.map(by_fold[name]).astype("str") if len(by_fold) else pd.Series([None] * len(found), dtype="str")
        )
        found[f"{name}_day"] = folded.map(by_fold[f"{name}_day"]).astype(float)
    if sku_map is not None:
        mapped = folded.map(sku_map.always.set_index("fold")["division"]).astype("str")
        periods = sku_map.dated
        for code, division, start, end in zip(*(periods[name].tolist() for name in periods.columns[[0, 2, 3, 4]]),
                                              strict=True):  # fmt: skip
            here = (folded == code) & (found["start_day"] >= start) & (found["start_day"] < end)
            mapped = mapped.mask(here, str(division))
        found["division"] = mapped.fillna(found["division"])
        found["division_day"] = found["division_day"].where(mapped.isna())
    if "division" in given.columns:
        own = pd.Series(list(given["division"]), dtype="str").str.strip().replace("", None)
        found["division"] = own.fillna(found["division"])
        found["division_day"] = found["division_day"].where(own.isna())
    found["division"] = _respelt(found["division"], divisions)
    found["sku"] = _respelt(found["sku"], [str(name) for name in products["sku"]])
    order = ["account_id", "sku", "start_day", "expiry_day", "subscription", "quantity", "product"]
    return found.sort_values(order, kind="stable", na_position="last").reset_index(drop=True)


def _respelt(names: pd.Series[str], known: Sequence[str]) -> pd.Series[str]:
    """Names in the spelling of ``known``; those that are not there in the one that sorts first."""
    listed = [*known, *sorted(names.dropna().unique())]
    # The first of several spellings stands, so those that are known win.
    spelt = dict(reversed(list(zip(fold(pd.Series(listed, dtype="str")), listed, strict=True))))
    return fold(names.fillna("")).map(spelt).astype("str")

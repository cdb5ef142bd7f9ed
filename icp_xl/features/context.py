"""What the customers table says of an account as of a cutoff: as it was filed by then, and nothing else.

The table carries no dates. As it stands today it knows of sales that came later (an owner assigned after the win, a
count of printers that includes the one sold last month), so at a past cutoff it speaks only through what had been filed
by that day, or where the settings say that a field does not move. Only when accounts are scored as of today, today's
table is what is known.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd

from icp_xl.config import Settings
from icp_xl.features.history import Accounts
from icp_xl.features.model import Array, Feature
from icp_xl.sql import features as sql
from icp_xl.sql.engine import Engine
from icp_xl.tables.star import Star
from icp_xl.tables.star_calendar import to_day

#: Categories: feature, column of the table, meaning. The settings call each by its feature's name without ``ctx_``.
_TEXTS = (
    ("country", "country", "Country"), ("state", "state", "State"), ("region", "region", "Region"),
    ("industry", "industry", "Industry"), ("owner", "rep", "Owner"), ("segment", "segment", "Segment"),
)  # fmt: skip
#: Share of the accounts of a cutoff that may have left the customers table, and a stable field with them.
GONE_MOST = 0.02
_NUMBERS = (("annual_revenue", "Annual revenue", "currency"), ("printers", "Printers", "printers"))


def customers_as_of(star: Star, cutoff: date, today: bool) -> tuple[pd.DataFrame | None, date | None]:
    """The customers table that was known at ``cutoff``, and the day as of which it was filed; ``None``: not known."""
    if today:
        return star.customers, cutoff
    history = star.filed.get("customers")
    if history is None:
        return None, None
    day = history.filed_by(cutoff)
    return history.as_of(cutoff), None if day is None else date(1970, 1, 1) + timedelta(days=day)


def build_context(
    engine: Engine, star: Star, accounts: Accounts, cutoff: date, settings: Settings, today: bool = False
) -> list[Feature]:  # fmt: skip
    """Fields of the customers table as they were known at the cutoff; a field that was not known gives no feature.

    Args:
        today: the cutoff is today, so that today's table is what is known.
    """
    known, filed = customers_as_of(star, cutoff, today)
    stable = set(settings.features.stable_fields)
    ids = pd.Index(accounts.ids.astype(str))
    dated = None if known is None else _by_account(known).reindex(ids)
    declared = _declared(star, ids) if dated is None else None
    window = "as of the cutoff" if known is not None else "as in the customers table today"

    def column(field: str, name: str) -> pd.Series[Any] | None:
        table = declared if dated is None and field in stable else dated
        return None if table is None or name not in table else table[name]

    found = []
    for field, name, meaning in _TEXTS:
        given = column(field, name)
        if field == "segment" and given is not None:
            given = _segment(given, column("annual_revenue", "annual_revenue"), settings)
        if given is not None and given.notna().any():
            values = given.astype(object).where(given.notna(), None).to_numpy()
            found.append(Feature(f"ctx_{field}", values, meaning, "text", window, "context", kind="category"))
    for field, meaning, unit in _NUMBERS:
        given = column(field, field)
        if given is None:
            continue
        values = given.to_numpy(dtype=float)
        if field == "printers" and not today:
            values = values + _sold(engine, star, accounts, cutoff, filed, settings)
        found.append(Feature(f"acct_{field}", values, meaning, unit, window, "context", True))
    return found


def _by_account(table: pd.DataFrame) -> pd.DataFrame:
    return table.drop_duplicates("account_id").set_index("account_id")


def _declared(star: Star, ids: pd.Index[Any]) -> pd.DataFrame:
    """Fields that the settings may call stable: as they were first filed, else as they stand today.

    Fields that are unknown of accounts which the table lacks are left out: customers are taken off a table when they
    have stopped to buy, so that to have no country would tell of the future. Printers alone are of today, since the
    log rolls them back.
    """
    today, history = _by_account(star.customers), star.filed.get("customers")
    listed = today.index[today["known_from"] == "customers"] if "known_from" in today else today.index
    first = None if history is None else history.first()
    if first is not None:
        first = _by_account(first).drop(columns="printers", errors="ignore")
        today, listed = first.combine_first(today), listed.union(first.index)
    table = today.reindex(ids)
    gone = table.isna().loc[~ids.isin(listed)].sum() / max(1, len(ids))
    return table.loc[:, gone <= GONE_MOST]


def _segment(given: pd.Series[Any], revenue: pd.Series[Any] | None, settings: Settings) -> pd.Series[Any]:
    """The table's own segment, else the one that the revenue stands for."""
    if revenue is None:
        return given
    amount, scoring = revenue.to_numpy(dtype=float), settings.scoring
    with np.errstate(invalid="ignore"):
        by_size = np.where(
            amount >= scoring.segment_large,
            "Large Enterprise",
            np.where(amount >= scoring.segment_mid_market, "Mid-Market", "Small Business"),
        ).astype(object)
    by_size[np.isnan(amount)] = None
    return given.astype(object).where(given.notna(), pd.Series(by_size, index=given.index, dtype=object))


def _sold(
    engine: Engine, star: Star, accounts: Accounts, cutoff: date, filed: date | None, settings: Settings
) -> Array:  # fmt: skip
    """Units of the installed base that the log sold between the filing and the cutoff, less where it is later."""
    chosen = star.divisions[star.divisions["division"].isin(settings.features.installed_base)]
    divisions = [int(key) for key in chosen["division_key"]]
    nothing = np.zeros(len(accounts.keys))
    start = to_day(filed) if filed is not None else to_day(cutoff)
    end = to_day(cutoff) if filed is not None else star.observed_until
    if not divisions or end <= start:
        return nothing
    goods = star.products[star.products["division"].isin(chosen["division"])]
    hard = goods[goods["category"].astype(object).fillna("").str.lower() == "hardware"] if len(goods) else goods
    units = engine.fetch(sql.units_sold(divisions, [int(key) for key in hard["sku_key"]], start, end))
    sold = pd.Series(units["units"], index=units["account_key"]).reindex(accounts.keys).fillna(0.0)
    values: Array = sold.to_numpy(dtype=float)
    return values if filed is not None else -values

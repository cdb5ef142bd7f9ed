"""Expected value: the chance to buy times what such an account spends in the division in a year.

What it spends is the account's own last twelve months in the division, blended with the median of its group's buyers
there; with no purchase of its own the median stands alone. The product is capped per division, so that one giant does
not crowd out the rest.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from icp_xl.config.whitespace import WhitespaceSettings
from icp_xl.whitespace.model import Floats, Texts

#: Share of accounts with a known segment from which segments are used as groups.
_KNOWN = 0.5
#: Groups by spending, where segments are not known.
_FIFTHS = 5


def value_groups(frame: pd.DataFrame, settings: WhitespaceSettings) -> Texts:
    """The group of each row: the customer segment, or the fifth of accounts by spending that it belongs to."""
    segment = frame["segment"].to_numpy(dtype=object)
    known = np.asarray([text not in ("", "Unknown") for text in segment], dtype=bool)
    wanted = settings.value_groups
    if wanted == "segment" or (wanted == "auto" and len(known) and known.mean() >= _KNOWN):
        return segment
    accounts = frame[["account_id", "account_value"]].drop_duplicates("account_id")
    share = accounts["account_value"].fillna(0.0).rank(method="average").to_numpy() / max(len(accounts), 1)
    fifth = np.minimum((share * _FIFTHS).astype(np.int64), _FIFTHS - 1)
    by_account = pd.Series(fifth, index=accounts["account_id"].to_numpy())
    return np.asarray([f"spend {n + 1}" for n in by_account.reindex(frame["account_id"]).to_numpy()], dtype=object)


def compute_value(frame: pd.DataFrame, settings: WhitespaceSettings) -> Floats:
    """What each account would spend in the division in a year, if it buys; never negative, one entry per row.

    Reads ``value_own`` and ``days_own`` (revenue or gross profit, and days with a purchase, of the last twelve months).
    """
    own = frame["value_own"].to_numpy(dtype=np.float64).clip(min=0.0)
    days = frame["days_own"].to_numpy(dtype=np.float64).clip(min=0.0)
    group = value_groups(frame, settings)
    buyers = pd.DataFrame({"division": frame["division"].to_numpy(), "group": group, "own": own})[own > 0.0]
    expected = _medians(buyers, frame["division"].to_numpy(), group, settings.value_min_buyers)
    prior = settings.value_prior_days
    weight = np.divide(days, days + prior, out=np.zeros_like(days), where=(days + prior) > 0.0)
    return np.asarray(weight * own + (1.0 - weight) * expected)


def _medians(buyers: pd.DataFrame, division: Texts, group: Texts, fewest: int) -> Floats:
    """The median of buyers of the same group and division; with too few of them, of the division, then of all."""
    overall = float(buyers["own"].median()) if len(buyers) else 0.0
    by_division = buyers.groupby("division")["own"].median()
    found = buyers.groupby(["division", "group"])["own"].agg(["median", "size"])
    narrow = found["median"].where(found["size"] >= fewest)
    keys = pd.MultiIndex.from_arrays([division, group])
    out = narrow.reindex(keys).to_numpy(dtype=np.float64, copy=True) if len(narrow) else np.full(len(keys), np.nan)
    wide = by_division.reindex(division).to_numpy(dtype=np.float64)
    out = np.where(np.isnan(out), wide, out)
    return np.asarray(np.where(np.isnan(out), overall, out), dtype=np.float64)


def expected_value(p: Floats, value: Floats, division: Texts, quantile: float) -> Floats:
    """``p`` × ``value``, capped at ``quantile`` of each division."""
    product = pd.Series(p * value)
    if quantile >= 1.0 or product.empty:
        return np.asarray(product, dtype=np.float64)
    cap = product.groupby(division).transform(lambda part: part.quantile(quantile, interpolation="higher"))
    return np.minimum(np.asarray(product, dtype=np.float64), np.asarray(cap, dtype=np.float64))

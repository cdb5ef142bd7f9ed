"""Expected value: the chance to buy within the window, times what such an account spends in a window in which it buys.

What it spends is a credibility estimate (Bühlmann, "Experience rating and credibility", ASTIN Bulletin 4, 1967): the
account's own sum of the last twelve months in the division, plus the sum that its likes spend in a few windows, over
the windows that both took. Dividing by windows with a purchase, and not by all, keeps the chance from counting twice.
Its likes are the buyers of its group in the division, and buyers who spend the division's usual share of a total as
large as the account's, as far as buyers there go: one who buys machines for millions buys no millions' worth of paper.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from icp_xl.config.whitespace import WhitespaceSettings
from icp_xl.whitespace.model import Floats, Texts

#: Share of accounts with a known segment from which segments are used as groups.
GROUPED_BY_SEGMENT = 0.5
#: Groups by spending, where segments are not known.
_FIFTHS = 5
#: What a total's size tells ends at this quantile of what buyers of the division bring in a window, or at what the
#: account itself brings.
SIZE_CAP = 0.99


def value_groups(frame: pd.DataFrame, settings: WhitespaceSettings) -> Texts:
    """The group of each row: the customer segment, or the fifth of accounts by spending that it belongs to."""
    segment = frame["segment"].to_numpy(dtype=object)
    known = np.asarray([text not in ("", "Unknown") for text in segment], dtype=bool)
    wanted = settings.value_groups
    if wanted == "segment" or (wanted == "auto" and len(known) and known.mean() >= GROUPED_BY_SEGMENT):
        return segment
    accounts = frame[["account_id", "account_value"]].drop_duplicates("account_id")
    share = accounts["account_value"].fillna(0.0).rank(method="average").to_numpy() / max(len(accounts), 1)
    fifth = np.minimum((share * _FIFTHS).astype(np.int64), _FIFTHS - 1)
    by_account = pd.Series(fifth, index=accounts["account_id"].to_numpy())
    return np.asarray([f"spend {n + 1}" for n in by_account.reindex(frame["account_id"]).to_numpy()], dtype=object)


def active_windows(frame: pd.DataFrame, window_months: int) -> Floats:
    """In how many windows of the last twelve months each account bought in the division, one entry per row.

    Reads ``windows_own``; where that is missing, as many as ``days_own`` fall into on average, were they spread by
    chance. Never more than a year has; part of one, where a window is longer than a year.
    """
    most = 12.0 / window_months
    days = frame["days_own"].to_numpy(dtype=np.float64).clip(min=0.0)
    hit = most * (1.0 - (1.0 - 1.0 / most) ** days) if most > 1.0 else most * (days > 0.0)
    counted = frame["windows_own"].to_numpy(dtype=np.float64)
    return np.asarray(np.minimum(np.where(np.isfinite(counted), counted, hit), most))


def compute_value(frame: pd.DataFrame, settings: WhitespaceSettings, window_months: int) -> Floats:
    """What each account would spend in the division in a window in which it buys; never negative, one entry per row.

    Reads ``value_own`` (revenue or gross profit of the last twelve months in the division), ``windows_own`` or
    ``days_own``, and ``account_value`` (the same of all divisions).
    """
    own = frame["value_own"].to_numpy(dtype=np.float64).clip(min=0.0)
    windows = active_windows(frame, window_months)
    usual = _usual(frame, own, windows, settings)
    prior = settings.value_prior_windows
    total = windows + prior
    return np.asarray(np.divide(own + prior * usual, total, out=usual.copy(), where=total > 0.0))


def _usual(frame: pd.DataFrame, own: Floats, windows: Floats, settings: WhitespaceSettings) -> Floats:
    """What accounts like it spend per window: the mean of two medians of buyers, of its group and by its own size.

    Where the account's size is not known, or no buyer's is, the group's median stands alone.
    """
    division, group = frame["division"].to_numpy(), value_groups(frame, settings)
    size = frame["account_value"].to_numpy(dtype=np.float64)
    bought = (own > 0.0) & (windows > 0.0)
    per_window = own[bought] / windows[bought]
    buyers = pd.DataFrame(
        {
            "division": division[bought],
            "group": group[bought],
            "own": per_window,
            "share": np.divide(
                per_window, size[bought], out=np.full(len(per_window), np.nan), where=size[bought] > 0.0
            ),
        }
    )
    typical = _medians(buyers, division, group, settings.value_min_buyers)
    by_division = buyers.groupby("division")
    share = by_division["share"].median().reindex(division).to_numpy(dtype=np.float64)
    most = by_division["own"].quantile(SIZE_CAP, interpolation="higher").reindex(division).to_numpy(dtype=np.float64)
    itself = np.divide(own, windows, out=np.zeros(len(own)), where=windows > 0.0)
    by_size = np.minimum(share * np.where(size > 0.0, size, np.nan), np.maximum(most, itself))
    return np.asarray(np.where(np.isfinite(by_size), 0.5 * (typical + by_size), typical))


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
    """What each pair is expected to bring within the window, capped so that no outlier leads the list.

    Args:
        p: chance to buy, one entry per pair.
        value: what it brings if it buys, in money.
        division: of each pair.
        quantile: of the products in its division at which a product is capped; 1 caps none.
    """
    product = pd.Series(p * value)
    if quantile >= 1.0 or product.empty:
        return np.asarray(product, dtype=np.float64)
    cap = product.groupby(division).transform(lambda part: part.quantile(quantile, interpolation="higher"))
    return np.minimum(np.asarray(product, dtype=np.float64), np.asarray(cap, dtype=np.float64))


def in_balance(p: Floats, expected: Floats) -> Floats:
    """Chance against the mean chance, plus expected value against its mean.

    The top of this order holds more than any other list as long: of all expected purchases and of all expected value
    together, each counted as a share.

    >>> in_balance(np.array([0.5, 0.5]), np.array([30.0, 10.0]))
    array([2.5, 1.5])
    """
    if not len(p):
        return np.zeros(0)
    means = (float(p.mean()), float(expected.mean()))
    parts = [x / mean if mean > 0.0 else np.zeros_like(x) for x, mean in zip((p, expected), means, strict=True)]
    return np.asarray(parts[0] + parts[1])

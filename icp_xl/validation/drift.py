"""Has a distribution moved? Stability index and Kolmogorov-Smirnov distance, with thresholds that know the size.

The population stability index of two samples of one distribution is not 0: with B bins and n and m rows it is about
chi-square with B - 1 degrees of freedom, times 1/n + 1/m (Yurdakul and Naranjo, Journal of Risk Model Validation 14,
2020). A fixed 0.1 or 0.25 cries wolf at n = 100 and sleeps at n = 100,000.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtri

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Shift:
    """One comparison: ``psi`` and ``ks`` with the values from which they are more than noise, and whether both are."""

    psi: float
    psi_limit: float
    ks: float
    ks_limit: float

    @property
    def moved(self) -> bool:
        """Whether both measures are beyond their limits."""
        return self.psi > self.psi_limit and self.ks > self.ks_limit


def compare_samples(
    before: ArrayLike, after: ArrayLike, *, bins: int = 10, alpha: float = 0.01, least: float = 0.10
) -> Shift:
    """Compare two samples of one number; missing values are a bin of their own.

    Args:
        before: the number in the earlier sample.
        after: the number in the later one.
        bins: bins of equal size in the earlier sample.
        alpha: chance of an alarm where nothing moved.
        least: PSI below which nothing counts as moved.
    """
    old, new = (np.asarray(values, dtype=np.float64) for values in (before, after))
    old_counts, new_counts = bin_counts(old, new, bins)
    psi = stability_index(old_counts, new_counts)
    n, m = max(old.size, 1), max(new.size, 1)
    freedom = max(len(old_counts) - 1, 1)
    limit = max(least, float(chdtri(freedom, alpha)) * (1.0 / n + 1.0 / m))
    reach = float(np.sqrt(-0.5 * np.log(alpha / 2.0))) * float(np.sqrt((n + m) / (n * m)))
    return Shift(psi, limit, ks_distance(old, new), reach)


def bin_counts(old: Floats, new: Floats, bins: int) -> tuple[Floats, Floats]:
    """Rows of both samples per quantile bin of the first; the missing come last, where there are any."""
    known = old[~np.isnan(old)]
    edges = np.unique(np.quantile(known, np.linspace(0, 1, bins + 1)[1:-1])) if known.size else np.zeros(0)
    found = []
    for values in (old, new):
        present = values[~np.isnan(values)]
        counts = np.bincount(np.searchsorted(edges, present, side="left"), minlength=len(edges) + 1)
        found.append(np.append(counts, np.isnan(values).sum()).astype(np.float64))
    used = (found[0] + found[1]) > 0
    return found[0][used], found[1][used]


def stability_index(old: ArrayLike, new: ArrayLike) -> float:
    """Population stability index of two vectors of counts; half a row in each bin keeps it finite."""
    a, b = (np.asarray(counts, dtype=np.float64) + 0.5 for counts in (old, new))
    p, q = a / a.sum(), b / b.sum()
    return float(np.sum((q - p) * np.log(q / p)))


def ks_distance(old: ArrayLike, new: ArrayLike) -> float:
    """Largest gap between the two distribution functions; missing values count as below everything."""
    a, b = (np.sort(np.nan_to_num(np.asarray(values, dtype=np.float64), nan=-np.inf)) for values in (old, new))
    if not a.size or not b.size:
        return 0.0
    points = np.concatenate([a, b])
    gap = np.searchsorted(a, points, side="right") / a.size - np.searchsorted(b, points, side="right") / b.size
    return float(np.abs(gap).max())


def feature_drift(
    before: pd.DataFrame, after: pd.DataFrame, *, bins: int = 10, alpha: float = 0.01, least: float = 0.10
) -> pd.DataFrame:
    """One row per numeric feature that both frames have: feature, psi, psi_limit, ks, ks_limit, moved; worst first.

    Args:
        before: features of the earlier sample, one row per account.
        after: features of the later one.
        bins: bins of equal size in the earlier sample.
        alpha: chance of an alarm for a feature that did not move.
        least: PSI below which nothing counts as moved.
    """
    rows = []
    for name in before.columns:
        if name in after and pd.api.types.is_numeric_dtype(before[name]):
            shift = compare_samples(before[name], after[name], bins=bins, alpha=alpha, least=least)
            rows.append((str(name), shift.psi, shift.psi_limit, shift.ks, shift.ks_limit, shift.moved))
    frame = pd.DataFrame(rows, columns=["feature", "psi", "psi_limit", "ks", "ks_limit", "moved"])
    return frame.sort_values(["psi", "feature"], ascending=[False, True], kind="stable", ignore_index=True)


def value_drift(expected: ArrayLike, observed: ArrayLike, bins: int = 10) -> tuple[float, pd.DataFrame]:
    """Expected value against what came, in ``bins`` of equal size by what was expected: stability index and table."""
    ev, value = (np.asarray(values, dtype=np.float64).clip(0) for values in (expected, observed))
    order = np.argsort(-ev, kind="stable")
    decile = np.minimum(np.arange(ev.size) * bins // max(ev.size, 1), bins - 1) + 1
    frame = pd.DataFrame({"tenth": decile, "expected": ev[order], "came": value[order]})
    table = frame.groupby("tenth").agg(accounts=("came", "size"), expected=("expected", "sum"), came=("came", "sum"))
    p = (table["expected"] + 1e-9) / (table["expected"].sum() + 1e-9 * len(table))
    q = (table["came"] + 1e-9) / (table["came"].sum() + 1e-9 * len(table))
    p, q = p.clip(lower=1e-4), q.clip(lower=1e-4)
    return float(((q - p) * np.log(q / p)).sum()), table.reset_index()

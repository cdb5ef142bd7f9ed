"""Statistics of the feedback loop that respect time and accounts.

Two things make naive figures lie here. Scores and win rates both drift with time, so opportunities are compared only
within a stratum (those judged at the same snapshot, or closed in the same month). And opportunities of one account
are alike, so every error is computed from sums per account (a sandwich over clusters), not per opportunity.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def wilson(hits: float, n: float, level: float = 0.95) -> tuple[float, float]:
    """Wilson's interval of a share; (0, 1) when nothing was counted (Wilson 1927).

    >>> low, high = wilson(8, 10)
    >>> round(low, 4), round(high, 4)
    (0.4902, 0.9433)
    """
    if n <= 0:
        return (0.0, 1.0)
    z = float(stats.norm.ppf(0.5 + level / 2))
    share = hits / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * float(np.sqrt(share * (1 - share) / n + z * z / (4 * n * n)))
    return (max(0.0, centre - half), min(1.0, centre + half))


def holm(p_values: npt.ArrayLike) -> Floats:
    """Holm's adjusted p-values; NaN stays NaN and does not count as a look (Holm 1979).

    >>> holm([0.01, 0.04, 0.03]).round(3).tolist()
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p_values, dtype=np.float64)
    out = np.full(p.shape, np.nan)
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    running = 0.0
    for place, index in enumerate(order):
        running = max(running, float(p[index]) * (len(order) - place))
        out[index] = min(1.0, running)
    return out


def codes_of(values: Any) -> Ints:
    """Group numbers 0, 1, … of ``values``; every missing value is a group of its own."""
    import pandas as pd

    codes, uniques = pd.factorize(pd.Series(values), sort=True)
    out = np.asarray(codes, dtype=np.int64)
    missing = out < 0
    out[missing] = len(uniques) + np.arange(int(missing.sum()))
    return out


def cluster_sums(clusters: Ints, values: Floats) -> Floats:
    """Sums of the rows of ``values`` (n × m) per cluster (clusters × m)."""
    size = int(clusters.max()) + 1 if len(clusters) else 0
    return np.column_stack(
        [np.bincount(clusters, weights=values[:, k], minlength=size) for k in range(values.shape[1])]
    )


@dataclass(frozen=True)
class Auc:
    """Area under the curve of one or several scores on the same opportunities.

    ``value`` (m), ``cov`` (m × m, over clusters), ``clusters`` that contributed, ``won`` and ``lost`` that could be
    compared, ``unit_cov``: the covariance times the number of compared opportunities, for planning.
    """

    value: Floats
    cov: Floats
    clusters: int
    won: int
    lost: int

    @property
    def unit_cov(self) -> Floats:
        """Covariance that one opportunity would have; divide by n for n opportunities."""
        return self.cov * (self.won + self.lost)

    def interval(self, k: int = 0, level: float = 0.95) -> tuple[float, float]:
        """Interval of score ``k``, on the t distribution of the clusters, within [0, 1]."""
        half = self._t(level) * float(np.sqrt(self.cov[k, k]))
        return (max(0.0, float(self.value[k]) - half), min(1.0, float(self.value[k]) + half))

    def p_value(self, k: int = 0) -> float:
        """Two-sided p-value of "score ``k`` says nothing" (AUC 0.5)."""
        return self._p(float(self.value[k]) - 0.5, float(self.cov[k, k]))

    def difference(self, k: int, j: int, level: float = 0.95) -> tuple[float, float, float, float]:
        """Score ``k`` less score ``j``, paired: (difference, low, high, two-sided p)."""
        gap = float(self.value[k] - self.value[j])
        variance = max(0.0, float(self.cov[k, k] + self.cov[j, j] - 2 * self.cov[k, j]))
        half = self._t(level) * float(np.sqrt(variance))
        return (gap, gap - half, gap + half, self._p(gap, variance))

    def _t(self, level: float) -> float:
        return float(stats.t.ppf(0.5 + level / 2, max(1, self.clusters - 1)))

    def _p(self, gap: float, variance: float) -> float:
        if variance <= 0.0:
            # A score without any spread says nothing; equal scores do not differ.
            return 1.0
        return float(2 * stats.t.sf(abs(gap) / np.sqrt(variance), max(1, self.clusters - 1)))


def stratified_auc(won: npt.ArrayLike, scores: npt.ArrayLike, strata: Ints, clusters: Ints) -> Auc:
    """Chance that a won opportunity has the higher score than a lost one of the same stratum; ties count half.

    Strata are averaged with weights n₁n₀/(n₁+n₀) (van Elteren 1960); the covariance is that of the placement values
    (DeLong, DeLong and Clarke-Pearson 1988) summed within clusters.

    Args:
        won: n booleans.
        scores: n, or n × m for several scores on the same opportunities.
        strata: n group numbers; only pairs within a group are compared.
        clusters: n group numbers; opportunities of a group may depend on one another.
    """
    y = np.asarray(won, dtype=bool)
    x = np.asarray(scores, dtype=np.float64)
    x = x[:, None] if x.ndim == 1 else x
    n, m = x.shape
    theta = np.zeros(m)
    influence = np.zeros((n, m))
    used = np.zeros(n, dtype=bool)
    parts: list[tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], float, Floats]] = []
    order = np.argsort(strata, kind="stable")
    bounds = np.flatnonzero(np.diff(strata[order])) + 1
    for rows in np.split(order, bounds):
        one, zero = rows[y[rows]], rows[~y[rows]]
        if not len(one) or not len(zero):
            continue
        weight = len(one) * len(zero) / (len(one) + len(zero))
        placed = _placements(x[one], x[zero])
        here = placed[0].mean(axis=0)
        influence[one] = weight * (placed[0] - here) / len(one)
        influence[zero] = weight * (placed[1] - here) / len(zero)
        used[rows] = True
        parts.append((one, zero, weight, here))
    total = sum(part[2] for part in parts)
    if not parts or total <= 0:
        return Auc(np.full(m, 0.5), np.zeros((m, m)), 0, 0, 0)
    theta = sum((part[2] * part[3] for part in parts), np.zeros(m)) / total
    sums = cluster_sums(codes_of(clusters[used]), influence[used] / total)
    count = sums.shape[0]
    cov = sums.T @ sums * (count / max(1, count - 1))
    return Auc(theta, cov, count, sum(len(p[0]) for p in parts), sum(len(p[1]) for p in parts))


def _placements(one: Floats, zero: Floats) -> tuple[Floats, Floats]:
    """Share of losers below each winner, and of winners above each loser, ties counting half."""
    both = stats.rankdata(np.vstack([one, zero]), axis=0)
    ranks_one, ranks_zero = stats.rankdata(one, axis=0), stats.rankdata(zero, axis=0)
    above = (both[: len(one)] - ranks_one) / len(zero)
    below = 1.0 - (both[len(one) :] - ranks_zero) / len(one)
    return above, below


def factor_test(won: npt.ArrayLike, levels: Ints, strata: Ints, clusters: Ints | None = None) -> tuple[float, int]:
    """Does the win rate differ between ``levels``, within strata? The generalised Cochran-Mantel-Haenszel test.

    With ``clusters`` the larger p-value of two is taken: the test above, and the same sums with a covariance over
    clusters (Hotelling's T²) where there are at least three clusters a level. Levels beyond the 60 largest count as
    one. Returns (p-value, levels compared); p is NaN where nothing can be compared.

    Args:
        won: 1 or 0 per opportunity.
        levels: level of the factor per opportunity, from 0.
        strata: stratum per opportunity, from 0; only within one are levels compared.
        clusters: who decided (an account, a rep), from 0; rows of one are not independent.
    """
    y = np.asarray(won, dtype=np.float64)
    counts = np.bincount(levels)
    large = np.argsort(-counts, kind="stable")[:60]
    shown = np.full(len(counts), len(large), dtype=np.int64)
    shown[large] = np.arange(len(large))
    level = shown[levels]
    size = int(level.max()) + 1
    design = np.zeros((len(y), size))
    design[np.arange(len(y)), level] = 1.0
    design = design[:, design.sum(axis=0) > 0]
    residual_x, residual_y, spread = _within(design, y, strata)
    gap = residual_x.T @ residual_y
    cov = residual_x.T @ (residual_x * spread[:, None])
    p, rank = _quadratic_p(gap, cov)
    if clusters is not None and rank > 0:
        groups = codes_of(clusters)
        sums = cluster_sums(groups, residual_x * residual_y[:, None])
        active = int((np.abs(sums).sum(axis=1) > 1e-12).sum())
        if active >= 3 * rank:
            cov_cluster = sums.T @ sums
            value, dof = _quadratic(gap, cov_cluster)
            if dof > 0:
                # The sums have mean zero under the null, so this is the F test of regressing 1 on them.
                ratio = value * (active - dof) / (dof * max(active - value, 1e-9))
                p = max(p, float(stats.f.sf(ratio, dof, active - dof)))
    return p, design.shape[1]


def _within(design: Floats, y: Floats, strata: Ints) -> tuple[Floats, Floats, Floats]:
    """Residuals of design and outcome within strata, and each row's variance under permutation in its stratum."""
    groups = codes_of(strata)
    n = np.bincount(groups).astype(np.float64)
    mean_y = np.bincount(groups, weights=y) / n
    mean_x = cluster_sums(groups, design) / n[:, None]
    variance = np.where(n > 1, mean_y * (1 - mean_y) * n / np.maximum(n - 1, 1), 0.0)
    return design - mean_x[groups], y - mean_y[groups], variance[groups]


def _quadratic(gap: Floats, cov: Floats) -> tuple[float, int]:
    values, vectors = np.linalg.eigh(cov)
    keep = values > max(1e-10, float(values.max(initial=0.0)) * 1e-9)
    if not keep.any():
        return 0.0, 0
    return float((((vectors[:, keep].T @ gap) ** 2) / values[keep]).sum()), int(keep.sum())


def _quadratic_p(gap: Floats, cov: Floats) -> tuple[float, int]:
    value, dof = _quadratic(gap, cov)
    return (float(stats.chi2.sf(value, dof)), dof) if dof else (float("nan"), 0)


def mean_difference(won: npt.ArrayLike, x: Floats, strata: Ints, clusters: Ints) -> tuple[float, float, float, float]:
    """Mean of ``x`` among the lost less among the won, within strata: (difference, low, high, two-sided p).

    Args:
        won: 1 or 0 per opportunity.
        x: the figure, one per opportunity.
        strata: stratum per opportunity, from 0.
        clusters: what is not independent, from 0.
    """
    lost = 1.0 - np.asarray(won, dtype=np.float64)
    design, residual, _ = _within(x[:, None], lost, strata)
    weight = float((residual**2).sum())
    if weight <= 0.0 or len(lost) < 3:
        return (float("nan"), float("nan"), float("nan"), float("nan"))
    slope = float(design[:, 0] @ residual) / weight
    scores = (design[:, 0] - slope * residual) * residual / weight
    sums = cluster_sums(codes_of(clusters), scores[:, None])[:, 0]
    count = len(sums)
    error = float(np.sqrt((sums**2).sum() * count / max(1, count - 1)))
    if error <= 1e-12:
        return (slope, slope, slope, 1.0 if abs(slope) < 1e-12 else float("nan"))
    t = float(stats.t.ppf(0.975, max(1, count - 1)))
    p = float(2 * stats.t.sf(abs(slope) / error, max(1, count - 1)))
    return (slope, slope - t * error, slope + t * error, p)

"""The objective: λ × KL(grade mix, target mix) + (1 − λ) × (−Spearman correlation with revenue). Lower is better.

Grades by percentile in the same population would have the same mix under any weights, and λ would do nothing. So the
cut-points on the raw score are calibrated once, at the reference weights on all accounts, and held fixed: the KL of a
trial says how far its weights shift the mix.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from icp_xl.errors import DataError
from icp_xl.weight_search.problem import Problem
from icp_xl.weight_search.simplex import Floats, WeightGrid, as_floats

#: Raw scores that differ by less are the same score.
PRECISION = 1e-12
#: The first subsample of a trial has at least this many engaged accounts.
FIRST_RUNG = 750
MOST_RUNGS = 4
#: Weights that are evaluated together.
BLOCK = 256


@dataclass(frozen=True)
class Value:
    """What one weight vector achieves: ``rho`` is the Spearman correlation, ``kl`` the divergence of the mix."""

    rho: float
    kl: float

    def objective(self, lambda_: float) -> float:
        """λ × KL − (1 − λ) × correlation."""
        return lambda_ * self.kl - (1.0 - lambda_) * self.rho


class Spearman:
    """Exact Spearman correlation with a fixed target, average ranks for ties, in O(n log n) with a small constant.

    Scores are compared as whole multiples of 1e-12. Score and position are packed into one integer, since sorting
    integers is several times faster than sorting an index.

    >>> Spearman(np.array([1.0, 2.0, 3.0]))(np.array([0.1, 0.2, 0.2]))
    0.8660254037844387

    Raises:
        DataError: the target, or a score, is the same for every account.
    """

    def __init__(self, target: Floats) -> None:
        ranks = rankdata(target)
        self.n = len(ranks)
        self._centred: Floats = ranks - (self.n + 1) / 2
        self._norm = float(np.sqrt((self._centred**2).sum()))
        if self._norm == 0.0:
            raise DataError("revenue is the same for every account", next_step="There is nothing to rank by.")
        self._bits = max(1, int(self.n - 1).bit_length())
        self._index = np.arange(self.n, dtype=np.int64)

    def ranks(self, scores: Floats) -> Floats:
        """Average rank of each account under many scores at once: a row per weights, a column per account."""
        keys = np.ascontiguousarray(np.rint(scores * (1 / PRECISION)), dtype=np.int64)
        if self._bits > 23:
            return np.asarray(rankdata(keys, axis=1))
        keys <<= self._bits
        keys |= self._index
        keys.sort(axis=1)
        order = keys & ((1 << self._bits) - 1)
        keys >>= self._bits
        first = np.ones(keys.shape, dtype=bool)
        np.not_equal(keys[:, 1:], keys[:, :-1], out=first[:, 1:])
        starts = np.flatnonzero(first)
        sizes = np.diff(np.append(starts, keys.size))
        middle = starts % self.n + (sizes + 1) / 2
        found = np.empty(keys.shape)
        found[np.arange(len(keys))[:, None], order] = np.repeat(middle, sizes).reshape(keys.shape)
        return found

    def order(self, scores: Floats) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Accounts from lowest to highest score, and where each group of tied scores begins in that order."""
        keys = np.rint(scores * (1 / PRECISION)).astype(np.int64)
        if self._bits <= 23:  # 1e12 takes 40 bits, and 40 + 23 leaves the sign alone
            keys <<= self._bits
            keys |= self._index
            keys.sort()
            order = keys & ((1 << self._bits) - 1)
            keys >>= self._bits
        else:
            order = np.argsort(keys, kind="stable")
            keys = keys[order]
        starts = np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1])))
        return order, starts

    def of_ranks(self, ranks: Floats) -> Floats:
        """The correlation of many scores at once, given as a column of average ranks each; 0 for a constant one."""
        centred = ranks - (self.n + 1) / 2
        norms = np.sqrt((centred**2).sum(axis=0)) * self._norm
        found: Floats = (centred * self._centred[:, None]).sum(axis=0) / np.maximum(norms, 1e-300)
        return found

    def __call__(self, scores: Floats) -> float:
        order, starts = self.order(scores)
        counts = np.diff(np.append(starts, self.n))
        ranks = starts + (counts - self.n) / 2
        norm = float(np.sqrt((counts * ranks * ranks).sum()))
        if norm == 0.0:
            raise DataError("the weighted score is the same for every account", next_step="Check the components.")
        sums = np.add.reduceat(self._centred[order], starts)
        return float((ranks * sums).sum() / (norm * self._norm))


class Objective:
    """The objective of one problem, on all accounts or on nested subsamples of growing size.

    ``sizes`` are the engaged accounts of each subsample; the last is all of them.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.cuts = calibrate_cuts(problem.scores @ as_floats(problem.reference), problem.target)
        n, n_all = problem.n_engaged, len(problem.scores)
        self.sizes = rung_sizes(n)
        rng = np.random.default_rng([problem.seed, 1])
        mixed, mixed_all = rng.permutation(n), rng.permutation(n_all)
        engaged = problem.scores[problem.engaged]
        self._rungs = []
        for size in self.sizes[:-1]:
            take, take_all = np.sort(mixed[:size]), np.sort(mixed_all[: max(1, round(n_all * size / n))])
            self._rungs.append(_Sample(engaged[take], problem.revenue[take], problem.scores[take_all], self))
        self._rungs.append(_Sample(engaged, problem.revenue, problem.scores, self))
        self.spearman = self._rungs[-1].spearman

    def value(self, units: WeightGrid) -> Value:
        """Exact correlation and divergence on all accounts."""
        return self._rungs[-1].value(as_floats(units))

    def value_at(self, weights: Floats) -> Value:
        """The same for weights that need not be whole units, or obey the rules."""
        return self._rungs[-1].value(weights)

    def rung(self, units: WeightGrid, step: int) -> Value:
        """Exact correlation and divergence on the subsample ``step`` (0 is the smallest)."""
        return self._rungs[step].value(as_floats(units))

    def objectives(self, rows: WeightGrid, lambda_: float) -> Floats:
        """The objective on all accounts of many weights at once, to rounding; a row per weights."""
        return np.concatenate(
            [self._rungs[-1].objectives(as_floats(rows[at : at + BLOCK]), lambda_) for at in range(0, len(rows), BLOCK)]
            or [np.zeros(0)]
        )

    def divergence(self, units: WeightGrid) -> float:
        """The KL part alone."""
        return self._rungs[-1].divergence(as_floats(units))

    def mix(self, weights: Floats) -> Floats:
        """Share of all accounts per grade, A to F, under ``weights`` and the fixed cut-points."""
        return grade_mix(self.problem.scores @ weights, self.cuts)


class _Sample:
    def __init__(self, engaged: Floats, revenue: Floats, everyone: Floats, objective: Objective) -> None:
        self._engaged = np.ascontiguousarray(engaged)
        self._everyone = np.ascontiguousarray(everyone)
        self._cuts = objective.cuts
        self._target = objective.problem.target
        self.spearman = Spearman(revenue)

    def value(self, weights: Floats) -> Value:
        return Value(self.spearman(self._engaged @ weights), self.divergence(weights))

    def objectives(self, weights: Floats, lambda_: float) -> Floats:
        rho = np.zeros(len(weights))
        if lambda_ < 1:
            rho = self.spearman.of_ranks(self.spearman.ranks((self._engaged @ weights.T).T).T)
        raw, n = self._everyone @ weights.T, len(self._everyone)
        at_least = np.array([np.count_nonzero(raw >= cut - PRECISION / 2, axis=0) for cut in self._cuts])
        mix = np.diff(np.vstack([np.zeros(len(weights)), at_least, np.full(len(weights), n)]), axis=0) / n
        wanted = np.maximum(self._target, 0.5 / n)[:, None]
        parts = np.where(mix > 0, mix * np.log(np.maximum(mix, 1e-300) / wanted), 0.0)
        result: Floats = lambda_ * np.maximum(parts.sum(axis=0), 0.0) - (1 - lambda_) * rho
        return result

    def divergence(self, weights: Floats) -> float:
        return kl_divergence(grade_mix(self._everyone @ weights, self._cuts), self._target, len(self._everyone))


def rung_sizes(n: int) -> tuple[int, ...]:
    """Sizes of the subsamples for ``n`` engaged accounts, growing by one factor up to ``n``.

    >>> rung_sizes(600), rung_sizes(20_000)
    ((600,), (750, 2241, 6694, 20000))
    """
    rungs = 1 + min(MOST_RUNGS - 1, int(np.log(max(n / FIRST_RUNG, 1)) / np.log(2)))
    if rungs == 1:
        return (n,)
    factor = (n / FIRST_RUNG) ** (1 / (rungs - 1))
    return (*(round(FIRST_RUNG * factor**k) for k in range(rungs - 1)), n)


def calibrate_cuts(raw: Floats, target: Floats) -> Floats:
    """Lowest raw score of the grades A, B, C and D, so that the shares come as near to ``target`` as ties allow."""
    ordered = np.sort(raw)[::-1]
    cuts = []
    for share in np.cumsum(target)[:-1]:
        wanted = share * len(ordered)
        at = ordered[min(max(int(np.ceil(wanted - 1e-9)), 1), len(ordered)) - 1]
        with_ties = np.searchsorted(-ordered, -at + PRECISION / 2, side="right")
        without = np.searchsorted(-ordered, -at - PRECISION / 2, side="left")
        keep = abs(with_ties - wanted) <= abs(without - wanted)
        # A group of tied accounts that straddles the wanted share goes to the side that comes nearer.
        cuts.append(at if keep else at + 2 * PRECISION)
    return np.array(cuts)


def grade_mix(raw: Floats, cuts: Floats) -> Floats:
    """Share of accounts per grade, A to F."""
    at_least = [int(np.count_nonzero(raw >= cut - PRECISION / 2)) for cut in cuts]
    return np.diff(np.array([0, *at_least, len(raw)])) / len(raw)


def kl_divergence(mix: Floats, target: Floats, n: int) -> float:
    """Σ mix × ln(mix / target); a target share of 0 counts as half an account, so that the sum stays finite.

    >>> kl_divergence(np.array([0.5, 0.5]), np.array([0.5, 0.5]), 10)
    0.0
    """
    wanted = np.maximum(target, 0.5 / n)
    seen = mix > 0
    return float(max(0.0, (mix[seen] * np.log(mix[seen] / wanted[seen])).sum()))

"""How sure the figures are: a bootstrap over accounts, and what it says of gains and of the region of good weights.

Each resample draws engaged accounts with replacement. On large data a subsample is drawn from, and deviations are
scaled by the square root of the ratio of sizes (the m-out-of-n bootstrap). The divergence is a census of all accounts
and is not resampled.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from icp_xl.config.optimize import OptimizeSettings
from icp_xl.weight_search.objective import Spearman
from icp_xl.weight_search.simplex import Floats, WeightGrid, as_floats
from icp_xl.weight_search.successive_halving import COARSE_STEP, Surface
from icp_xl.weight_search.trials import EvaluatedTrials

#: Accounts that resamples are drawn from at the most.
DRAWN_FROM = 2500
#: Points that the resampled surfaces of more than four weights go through: three times the terms of seven free ones.
DESIGN = 360
#: Level of the noise region; higher than that of the intervals, since it is read as "cannot be told apart".
REGION_CONFIDENCE = 0.99


@dataclass(frozen=True)
class BootstrapInterval:
    """An estimate with the ends of its interval."""

    estimate: float
    low: float
    high: float


@dataclass(frozen=True)
class BootstrappedWeights:
    """What resampling says.

    ``correlation``: per named weights. ``gain``: objective gained by the best weights over each other named one.
    ``threshold``: gain that a search finds by luck alone, at the level of the intervals. ``region``: the same at 99 %:
    weights whose objective is no more than this above the best cannot be told from it. ``weights``: interval of each
    component's best weight.
    """

    correlation: dict[str, BootstrapInterval]
    gain: dict[str, BootstrapInterval]
    threshold: float
    region: float
    weights: tuple[BootstrapInterval, ...]
    resamples: int


class Resampler:
    """Spearman correlations over many resamples at once."""

    def __init__(self, scores: Floats, target: Floats, resamples: int, seed: int) -> None:
        n = len(target)
        rng = np.random.default_rng([seed, 2])
        self.taken = np.sort(rng.choice(n, DRAWN_FROM, replace=False)) if n > DRAWN_FROM else np.arange(n)
        self.m = len(self.taken)
        self.scale = float(np.sqrt(self.m / n))
        self._scores, self._target = scores[self.taken], target[self.taken]
        self._counts = rng.multinomial(self.m, np.full(self.m, 1 / self.m), size=resamples).astype(np.float64)
        self._spearman = Spearman(self._target)
        ranks = self._ranks(rankdata(self._target) / self.m)
        self._weighted = self._counts * ranks
        self._norm = np.sqrt((self._weighted * ranks).sum(axis=1))

    def _groups(self, values: Floats) -> tuple[Floats, WeightGrid, WeightGrid]:
        order, starts = self._spearman.order(values)
        sizes = np.add.reduceat(self._counts[:, order], starts, axis=1)
        return sizes, order, starts

    def _ranks(self, values: Floats) -> Floats:
        """Average rank of each account within each resample, centred: resamples × accounts."""
        sizes, order, starts = self._groups(values)
        ranks = np.cumsum(sizes, axis=1) - sizes / 2 - self.m / 2
        out = np.empty_like(self._counts)
        out[:, order] = np.repeat(ranks, np.diff(np.append(starts, self.m)), axis=1)
        return out

    def deviations(self, weights: Floats) -> Floats:
        """Correlation in each resample less that of the accounts drawn from, scaled to the full size."""
        values = self._scores @ weights
        sizes, order, starts = self._groups(values)
        ranks = np.cumsum(sizes, axis=1) - sizes / 2 - self.m / 2
        sums = np.add.reduceat(self._weighted[:, order], starts, axis=1)
        norm = np.sqrt((sizes * ranks * ranks).sum(axis=1)) * self._norm
        drawn = (ranks * sums).sum(axis=1) / np.maximum(norm, 1e-300)
        return np.asarray((drawn - self._spearman(values)) * self.scale)


def bootstrap_weights(
    pool: EvaluatedTrials, best: WeightGrid, named: Mapping[str, Floats], settings: OptimizeSettings, seed: int
) -> BootstrappedWeights:
    """Resample the accounts and compare ``best`` with the ``named`` weights (name to its weights).

    Args:
        pool: the problem and every trial.
        best: weights that the search found best.
        named: other weights to hold beside them, by name.
        settings: resamples and what counts as near the best.
        seed: seed of the resamples.
    """
    objective, progress = pool.objective, pool.progress
    problem = objective.problem
    lambda_ = problem.lambda_
    resampler = Resampler(problem.scores[problem.engaged], problem.revenue, settings.bootstrap, seed)
    tail = (1 - settings.confidence) / 2

    def interval(estimate: float, deviations: Floats) -> BootstrapInterval:
        low, high = np.quantile(deviations, [tail, 1 - tail])
        return BootstrapInterval(estimate, estimate + float(low), estimate + float(high))

    best_value, best_moves = pool.value(best), resampler.deviations(as_floats(best))
    correlation = {"best": _clipped(interval(best_value.rho, best_moves))}
    gain = {}
    for name, weights in named.items():
        value, moves = objective.value_at(weights), resampler.deviations(weights)
        correlation[name] = _clipped(interval(value.rho, moves))
        gained = value.objective(lambda_) - best_value.objective(lambda_)
        gain[name] = interval(gained, (1 - lambda_) * (best_moves - moves))
    progress.check()
    shortfall, winners = _shortfalls(pool, best, resampler)
    ends = np.quantile(winners, [tail, 1 - tail], axis=0)
    shares = as_floats(best)
    return BootstrappedWeights(
        correlation,
        gain,
        float(np.quantile(shortfall, settings.confidence)),
        float(np.quantile(shortfall, REGION_CONFIDENCE)),
        tuple(
            BootstrapInterval(
                float(shares[i]), min(float(ends[0, i]), float(shares[i])), max(float(ends[1, i]), shares[i])
            )
            for i in range(len(shares))
        ),
        settings.bootstrap,
    )


def _clipped(interval: BootstrapInterval) -> BootstrapInterval:
    return BootstrapInterval(interval.estimate, max(interval.low, -1.0), min(interval.high, 1.0))


def _shortfalls(pool: EvaluatedTrials, best: WeightGrid, resampler: Resampler) -> tuple[Floats, Floats]:
    """By how much the best weights miss each resample's own best, and which weights those are.

    Surfaces through a coarse lattice stand in for the resampled correlations: 200 searches cost as much as one.
    """
    problem = pool.objective.problem
    design = _design(pool, best)
    moves = []
    for row in design:
        pool.progress.check()
        moves.append(resampler.deviations(as_floats(row)))
    lattice = np.vstack([best[None, :], problem.rules.lattice()])
    drawn = Surface.fit(problem.rules, design, np.array(moves), best).predict(lattice)
    rows = np.array(list(pool.values), dtype=np.int64)
    known = np.array([value.objective(problem.lambda_) for value in pool.values.values()])
    near = np.exp(-(as_floats(rows - best) ** 2).sum(axis=1) / (2 * 0.08**2)) + 1e-3
    level = Surface.fit(problem.rules, rows, known, best, near).predict(lattice)
    # The surface may dip below the known best by its own error; that is not the accounts' doing.
    level = np.maximum(level - level[0], 0.0)
    values = level[:, None] - (1 - problem.lambda_) * drawn
    winners = values.argmin(axis=0)
    return values[0] - values.min(axis=0), as_floats(lattice[winners])


def _design(pool: EvaluatedTrials, best: WeightGrid) -> WeightGrid:
    rules = pool.objective.problem.rules
    rows = rules.grid(COARSE_STEP)
    if len(rows) < 40:
        lattice = rules.lattice()
        rows = np.vstack([rows, lattice[:: max(1, len(lattice) // 60)]])
    elif len(rules.used) > 4:
        rows = rows[:: max(1, len(rows) // DESIGN)]
    return np.unique(np.vstack([rows, best[None, :]]), axis=0)

"""How far each weight can move before it matters, and how much each weight matters at all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from icp_xl.weight_search.simplex import UNITS, Floats, WeightGrid, as_floats
from icp_xl.weight_search.successive_halving import Surface
from icp_xl.weight_search.trials import EvaluatedTrials

BISECTIONS = 7


@dataclass(frozen=True)
class Region:
    """Weights whose objective is at most ``tolerance`` above the best: the lowest and highest of each component."""

    name: str
    tolerance: float
    low: tuple[float, ...]
    high: tuple[float, ...]


def find_regions(pool: EvaluatedTrials, best: WeightGrid, tolerances: dict[str, float]) -> list[Region]:
    """The near-optimal region for each named tolerance, from exact values along the directions it extends in.

    The ends are weights that were evaluated and found within the tolerance, so an interval may be a little short,
    never long.
    """
    problem = pool.objective.problem
    lattice = pool.objective.problem.rules.lattice()
    level = objective_surface(pool, best).predict(lattice)
    base = pool.value(best).objective(problem.lambda_)
    regions = []
    pool.progress.stage("Measuring how far weights can move", len(tolerances) * 2 * len(problem.rules.used))
    known = {key: value.objective(problem.lambda_) - base for key, value in pool.values.items()}
    for name, tolerance in tolerances.items():
        inside = np.array([key for key, above in known.items() if above <= tolerance + 1e-12], dtype=np.int64)
        ends = as_floats(np.vstack([inside.reshape(-1, problem.rules.width), best[None, :]]))
        low, high = ends.min(axis=0), ends.max(axis=0)
        for i in problem.rules.used:
            for sign in (-1, 1):
                pool.progress.check()
                near = level - level.min() <= max(tolerance, 1e-3)
                rows = lattice[near] if near.any() else lattice
                toward = rows[np.argmax(sign * rows[:, i])]
                end = _farthest(pool, best, toward, base + tolerance)
                low, high = np.minimum(low, end), np.maximum(high, end)
                pool.progress.advance()
        regions.append(Region(name, tolerance, tuple(low.tolist()), tuple(high.tolist())))
    return regions


def objective_surface(pool: EvaluatedTrials, best: WeightGrid) -> Surface:
    """A smooth stand-in for the objective, through every exact value, truest near ``best``."""
    problem = pool.objective.problem
    rows = np.array(list(pool.values), dtype=np.int64)
    values = np.array([value.objective(problem.lambda_) for value in pool.values.values()])
    near = np.exp(-(as_floats(rows - best) ** 2).sum(axis=1) / (2 * 0.10**2)) + 1e-2
    return Surface.fit(problem.rules, rows, values, best, near)


def _farthest(pool: EvaluatedTrials, best: WeightGrid, toward: WeightGrid, limit: float) -> Floats:
    """The farthest point on the way from ``best`` through ``toward`` to the bounds that stays within ``limit``."""
    problem = pool.objective.problem
    start, step = as_floats(best), as_floats(toward - best)
    if not np.any(step):
        return start
    low, high = np.array(problem.rules.low) / UNITS, np.array(problem.rules.high) / UNITS
    with np.errstate(divide="ignore", invalid="ignore"):
        room = np.where(step > 0, (high - start) / step, np.where(step < 0, (low - start) / step, np.inf))
    inside, outside = 0.0, float(room.min())
    if pool.objective.value_at(start + outside * step).objective(problem.lambda_) <= limit:
        return start + outside * step
    for _ in range(BISECTIONS):
        middle = (inside + outside) / 2
        if pool.objective.value_at(start + middle * step).objective(problem.lambda_) <= limit:
            inside = middle
        else:
            outside = middle
    return start + inside * step


def weight_importance(pool: EvaluatedTrials, best: WeightGrid) -> Floats:
    """Share of the objective's variation over all allowed weights that each weight alone explains; sums to 1.

    The first-order variance (Sobol 1993) of the surface through the exact values, with the weights spread evenly
    over the feasible region; a component that is switched off has 0.
    """
    problem = pool.objective.problem
    lattice = pool.objective.problem.rules.lattice()
    level = objective_surface(pool, best).predict(lattice)
    shares = np.zeros(problem.rules.width)
    for i in problem.rules.used:
        _, place, counts = np.unique(lattice[:, i], return_inverse=True, return_counts=True)
        means = np.bincount(place, weights=level) / counts
        shares[i] = float((counts * (means - level.mean()) ** 2).sum())
    return shares / shares.sum() if shares.sum() > 0 else shares

"""Vectorised search of the simplex: successive halving on growing subsamples, then refinement on all accounts.

A lattice of the space can be enumerated, a fine one for up to four weights. Most of its points are told apart on a
few hundred accounts; the rest are settled exactly. A cubic surface through the exact correlations, which vary
smoothly, says where to look between the points; the divergence does not vary smoothly, and is always computed.
"""

from __future__ import annotations

from itertools import combinations_with_replacement

import numpy as np

from icp_xl.progress import Progress
from icp_xl.weight_search.objective import Objective
from icp_xl.weight_search.simplex import MOST_POINTS, UNITS, Floats, Rules, WeightGrid, as_floats
from icp_xl.weight_search.trials import EvaluatedTrials, Key, Outcome, key_of, rank_of

COARSE_STEP = 500
#: Share of the trials that survives each subsample.
KEPT = 0.25
#: Steps of the pattern search, in units of 1/10,000.
POLISH_STEPS = (200, 100, 50, 20, 10, 5)
DENSE_STEP = 50
DENSE_RADIUS = 200
#: On fewer accounts than this the divergence is rough at a finer scale too, and looking there is cheap.
ROUGH_BELOW = 50_000
FINE_STEP = 10
FINE_RADIUS = 50
#: Points times accounts that a scan may take, its starts, and the points of each lattice that are kept.
SCAN_WORK = 40_000_000
SCAN_STARTS = 6
SCAN_KEPT = 12
#: Points of the dense lattice that are evaluated exactly after the surface has ranked them.
DENSE_KEPT = 60


def coarse_points(rules: Rules, reference: WeightGrid, limit: int) -> WeightGrid:
    """The reference weights, then an even lattice over the whole feasible region, at most ``limit`` points."""
    lattice = rules.grid(COARSE_STEP)
    if len(lattice) < 15:
        lattice = _thinned(_fine_grid(rules, 150), 150)
    rows = np.vstack([reference[None, :], _thinned(lattice, max(limit - 1, 0))])
    _, first = np.unique(rows, axis=0, return_index=True)
    return rows[np.sort(first)]


def screening_points(rules: Rules, taken: set[Key], wanted: int) -> WeightGrid:
    """``wanted`` evenly spread points of a lattice fine enough to have them, without those ``taken``."""
    lattice = _fine_grid(rules, wanted + len(taken))
    fresh = np.array([key_of(row) not in taken for row in lattice], dtype=bool)
    return _thinned(lattice[fresh], wanted)


def _fine_grid(rules: Rules, wanted: int) -> WeightGrid:
    lattice = np.zeros((0, rules.width), dtype=np.int64)
    for step in (*((500,) if len(rules.used) > 4 else ()), 200, 100, 50, 20, 10, 5):
        if len(lattice) and rules.count(step) > MOST_POINTS:
            return lattice
        lattice = rules.grid(step)
        if len(lattice) >= wanted:
            return lattice
    return rules.grid(1) if len(lattice) < 20_000 and len(rules.used) < 4 else lattice


def _thinned(rows: WeightGrid, wanted: int) -> WeightGrid:
    if len(rows) <= wanted:
        return rows
    take: WeightGrid = np.floor((np.arange(wanted) + 0.5) * len(rows) / max(wanted, 1)).astype(np.int64)
    return rows[take]


def halve(objective: Objective, points: WeightGrid, progress: Progress) -> list[Outcome]:
    """Evaluate ``points`` on the smallest subsample, the best quarter of them on the next, and so on to all accounts.

    Returns one outcome per point, in the order of ``points``; those dropped on the way are pruned trials.
    """
    lambda_ = objective.problem.lambda_
    steps: list[list[float]] = [[] for _ in points]
    last = len(objective.sizes) - 1
    alive = np.arange(len(points))
    values = {}
    for step in range(last + 1):
        for k, i in enumerate(alive):
            if k % 16 == 0:
                progress.check()
            value = objective.rung(points[i], step)
            steps[i].append(value.objective(lambda_))
            if step == last:
                values[int(i)] = value
        if step < last:
            keep = max(1, int(np.ceil(len(alive) * KEPT)))
            order = sorted(alive, key=lambda i: (round(steps[i][-1], 12), int(i)))
            alive = np.sort(np.array(order[:keep], dtype=np.int64))
    return [
        Outcome(key_of(row), "screen", tuple(seen), values.get(i))
        for i, (row, seen) in enumerate(zip(points, steps, strict=True))
    ]


def polish(pool: EvaluatedTrials, starts: WeightGrid, lambda_: float, steps: tuple[int, ...] = POLISH_STEPS) -> None:
    """Pattern search from each start: swap weight between two components while that helps, in shrinking steps.

    Args:
        pool: the problem and every trial; it grows.
        starts: weights to begin from.
        lambda_: weight of the grade mix in the objective.
        steps: steps of the search in units of the lattice, largest first.
    """
    problem = pool.objective.problem
    for start in starts:
        centre = start
        rank = rank_of(pool.value(centre), key_of(centre), lambda_, problem.reference)
        for step in steps:
            while True:
                tried = problem.rules.swaps(centre, step)
                ranks = [rank_of(pool.value(row), key_of(row), lambda_, problem.reference) for row in tried]
                if not ranks or min(ranks) >= rank:
                    break
                rank = min(ranks)
                centre = tried[ranks.index(rank)]


def search_dense(pool: EvaluatedTrials, lambda_: float, step: int = DENSE_STEP, radius: int = DENSE_RADIUS) -> None:
    """Look at every lattice point near the best one: surface for the correlation, exact divergence.

    Args:
        pool: points evaluated so far; the best of those looked at here join it.
        lambda_: weight of the divergence against the correlation, 0 to 1.
        step: of the lattice, in units of weight.
        radius: of the box around the best point, likewise.
    """
    objective, rules = pool.objective, pool.objective.problem.rules
    centre, _ = pool.best(lambda_)
    points = rules.around(centre, step, radius)
    on_lattice = points - points % step
    points = np.unique(np.vstack([points, on_lattice[rules.allows(on_lattice)]]), axis=0)
    surface = Surface.of_pool(pool, centre)
    guessed = surface.predict(points)
    divergences = []
    for row in points:
        pool.progress.check()
        divergences.append(objective.divergence(row) if lambda_ > 0 else 0.0)
    ranked = np.argsort(lambda_ * np.array(divergences) - (1 - lambda_) * guessed, kind="stable")
    for i in ranked[:DENSE_KEPT]:
        pool.value(points[i])


def starts_of(pool: EvaluatedTrials, lambda_: float, most: int = 3, apart: int = 400) -> WeightGrid:
    """The best points of the pool that lie far enough from each other.

    Args:
        pool: points evaluated so far.
        lambda_: weight of the divergence against the correlation, 0 to 1.
        most: how many points.
        apart: least distance of any two in their most different weight, in units.
    """
    reference = pool.objective.problem.reference
    found: list[WeightGrid] = []
    for key in sorted(pool.values, key=lambda k: rank_of(pool.values[k], k, lambda_, reference)):
        row = np.array(key, dtype=np.int64)
        if all(np.abs(row - other).max() >= apart for other in found):
            found.append(row)
        if len(found) == most:
            break
    return np.array(found, dtype=np.int64)


def scan_step(rules: Rules, accounts: int) -> int | None:
    """Step of the finest lattice of which every point can be evaluated on all accounts; ``None`` where none can."""
    for step in (50, 100, 200):
        if rules.count(step) * accounts <= SCAN_WORK:
            return step
    return None


def scan(pool: EvaluatedTrials, lambda_: float) -> None:
    """Evaluate a whole lattice on all accounts, then the surroundings of its best points, as fine as weights are told.

    Over few accounts the objective is a landscape of steps that no surface and no descent finds its way through.
    """
    problem, rules = pool.objective.problem, pool.objective.problem.rules
    accounts = len(problem.scores) + problem.n_engaged
    step = scan_step(rules, accounts)
    if step is None:
        return
    pool.progress.check()
    _keep_best(pool, rules.grid(step), lambda_)
    for radius, finer in ((step, max(step // 5, 1)), (2 * max(step // 5, 1), max(step // 25, 1))):
        for start in starts_of(pool, lambda_, most=SCAN_STARTS, apart=step):
            pool.progress.check()
            _keep_best(pool, rules.around(start, finer, radius), lambda_)


def _keep_best(pool: EvaluatedTrials, rows: WeightGrid, lambda_: float) -> None:
    found = pool.objective.objectives(rows, lambda_)
    for i in np.argsort(found, kind="stable")[:SCAN_KEPT]:
        pool.value(rows[i])


def refine(pool: EvaluatedTrials, lambda_: float) -> None:
    """Scan where it can be done, polish from the best points, search densely round the winner, and polish once more."""
    scan(pool, lambda_)
    polish(pool, starts_of(pool, lambda_), lambda_)
    search_dense(pool, lambda_)
    if len(pool.objective.problem.scores) < ROUGH_BELOW:
        search_dense(pool, lambda_, FINE_STEP, FINE_RADIUS)
    polish(pool, starts_of(pool, lambda_, most=2, apart=20), lambda_, (20, 10, 5, 2, 1))


class Surface:
    """A cubic polynomial of the weights through known values, by least squares."""

    def __init__(self, rules: Rules, centre: WeightGrid, coefficients: Floats) -> None:
        self._rules, self._centre, self._coefficients = rules, centre, coefficients

    @classmethod
    def of_pool(cls, pool: EvaluatedTrials, centre: WeightGrid) -> Surface:
        """The surface of the correlations in ``pool``, nearer points counting more."""
        rows = np.array(list(pool.values), dtype=np.int64)
        rho = np.array([value.rho for value in pool.values.values()])
        near = np.exp(-(((rows - centre) / UNITS) ** 2).sum(axis=1) / (2 * 0.08**2)) + 1e-3
        return cls.fit(pool.objective.problem.rules, rows, rho, centre, near)

    @classmethod
    def fit(
        cls, rules: Rules, rows: WeightGrid, values: Floats, centre: WeightGrid, weight: Floats | None = None
    ) -> Surface:
        """Fit a surface of the third degree by least squares.

        Args:
            rules: of the weights.
            rows: n points.
            values: at each: n, or n × m for m surfaces at once.
            centre: the point around which the surface is written.
            weight: of each point; alike by default.
        """
        design = _terms(rules, rows, centre)
        scale = np.sqrt(np.ones(len(rows)) if weight is None else weight)
        scaled = values * (scale if values.ndim == 1 else scale[:, None])
        coefficients, *_ = np.linalg.lstsq(design * scale[:, None], scaled, rcond=None)
        return cls(rules, centre, np.asarray(coefficients, dtype=np.float64))

    def predict(self, rows: WeightGrid) -> Floats:
        """Values at ``rows``: n, or n × m."""
        result: Floats = _terms(self._rules, rows, self._centre) @ self._coefficients
        return result


def _terms(rules: Rules, rows: WeightGrid, centre: WeightGrid) -> Floats:
    free = list(rules.used[:-1])
    x = as_floats(rows - centre)[:, free] * 4.0
    columns = [np.ones(len(x))]
    for degree in (1, 2, 3):
        for picked in combinations_with_replacement(range(len(free)), degree):
            columns.append(np.prod(x[:, picked], axis=1))
    return np.column_stack(columns)

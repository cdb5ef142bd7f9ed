"""The whole trade-off: which correlation is to be had at which divergence of the grade mix, over λ from 0 to 1."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from icp_xl.weight_search import successive_halving
from icp_xl.weight_search.objective import Value
from icp_xl.weight_search.simplex import WeightGrid
from icp_xl.weight_search.trials import EvaluatedTrials

STEPS = (200, 100, 50, 20, 10)


@dataclass(frozen=True)
class TradeoffPoint:
    """The best weights for one λ."""

    lambda_: float
    units: WeightGrid
    value: Value
    chosen: bool


def trace_tradeoff(pool: EvaluatedTrials, best: WeightGrid, lambdas: Iterable[float]) -> list[TradeoffPoint]:
    """The best weights for each of ``lambdas`` and for the problem's own λ, in order.

    All are chosen from one pool of exact values. Of two choices from one pool the one with the higher λ never has the
    higher divergence, nor the higher correlation, so the curve is monotone whatever the search missed.
    """
    problem = pool.objective.problem
    wanted = sorted({*lambdas, problem.lambda_})
    pool.progress.stage("Tracing the trade-off", len(wanted))
    for lambda_ in wanted:
        if lambda_ != problem.lambda_:
            successive_halving.polish(pool, successive_halving.starts_of(pool, lambda_, most=1), lambda_, STEPS)
        pool.progress.advance()
    # The study's answer stays the answer at its own λ: what the walk met beyond it by a hair is left out.
    limit = pool.value(best).objective(problem.lambda_)
    kept = {key: value for key, value in pool.values.items() if value.objective(problem.lambda_) >= limit - 1e-12}
    shared = EvaluatedTrials(pool.objective, pool.progress, kept)
    points = []
    for lambda_ in wanted:
        units, value = shared.best(lambda_)
        if lambda_ == problem.lambda_:
            units, value = best, pool.value(best)
        points.append(TradeoffPoint(lambda_, units, value, lambda_ == problem.lambda_))
    return points

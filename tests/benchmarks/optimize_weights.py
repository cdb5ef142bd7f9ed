"""Full-scale proofs of the weight optimisation: optimum, cost, recovery of planted weights.

    python tests/benchmarks/optimize_weights.py optimum [--accounts 2000,20000,200000]
    python tests/benchmarks/optimize_weights.py cost
    python tests/benchmarks/optimize_weights.py recovery [--sets 100]

Times are CPU seconds of one process. Accounts are engaged ones; as many without revenue come on top.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from icp_xl.config import Settings, load_settings  # noqa: E402
from icp_xl.weight_search.objective import Objective  # noqa: E402
from icp_xl.weight_search.problem import build_problem  # noqa: E402
from icp_xl.weight_search.simplex import UNITS, WeightGrid, as_floats  # noqa: E402
from icp_xl.weight_search.storage import TrialStore, quiet  # noqa: E402
from icp_xl.weight_search.study import StudyResult, run_study  # noqa: E402
from tests.support.weights import make_scored  # noqa: E402

REFERENCE = {"vertical": 0.25, "size": 0.20, "adoption": 0.30, "relationship": 0.25}


def settings_of(**overrides: object) -> Settings:
    return load_settings(environ={}, overrides={"scoring.weights": REFERENCE, **overrides})


def study_of(frame: pd.DataFrame, settings: Settings) -> tuple[Objective, StudyResult, float]:
    """The study from the frame on, everything included, and its CPU seconds."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.process_time()
        with threadpool_limits(limits=1, user_api="blas"):  # as the command does
            objective = Objective(build_problem(frame, settings))
            result = run_study(objective, settings.optimize, TrialStore(Path(folder) / "a.journal"))
        return objective, result, time.process_time() - start


def exhaustive(objective: Objective) -> float:
    """The lowest objective over the whole simplex at step 0.005.

    The correlation of every point is first bounded with scores cut into 32,768 bins, which misses the exact figure
    by far less than 2e-5; only points that could still be the best are then computed exactly.
    """
    problem = objective.problem
    lambda_, points = problem.lambda_, problem.rules.grid(50)
    engaged = problem.scores[problem.engaged]
    guessed = np.array([rough(objective, engaged, row) for row in points])
    near = points[guessed <= guessed.min() + 1e-4]
    exact = [objective.value(row).objective(lambda_) for row in near]
    missed = max(abs(rough(objective, engaged, row) - value) for row, value in zip(near, exact, strict=True))
    print(f"  exhaustive: {len(points)} points, {len(near)} exact, bins miss by {missed:.0e} at most", flush=True)
    return min(exact)


def rough(objective: Objective, engaged: np.ndarray, row: WeightGrid, bins: int = 32_768) -> float:
    ranks = objective.spearman._centred
    place = np.rint(engaged @ as_floats(row) * (bins - 1)).astype(np.int64)
    counts = np.bincount(place, minlength=bins)
    sums = np.bincount(place, weights=ranks, minlength=bins)
    middle = np.cumsum(counts) - (counts + 1) / 2 - (len(place) - 1) / 2
    rho = (middle * sums).sum() / (objective.spearman._norm * np.sqrt((counts * middle * middle).sum()))
    lambda_ = objective.problem.lambda_
    return float(lambda_ * objective.divergence(row) - (1 - lambda_) * rho)


def optimum(sizes: list[int]) -> None:
    for n in sizes:
        for size in (True, False):
            settings = settings_of(**{"optimize.include_size": size})
            objective, result, cpu = study_of(make_scored(n, seed=3), settings)
            found = result.value.objective(objective.problem.lambda_)
            truth = exhaustive(objective)
            print(
                f"{n} accounts, size {'on' if size else 'off'}: study {found:.6f} in {cpu:.1f} s, "
                f"exhaustive {truth:.6f}, study minus exhaustive {found - truth:+.1e}, "
                f"{'at most' if found - truth <= 1e-4 else 'MORE than'} 1e-4 above",
                flush=True,
            )


def plain_optuna(objective: Objective, trials: int) -> tuple[float, float]:
    """Optuna as the specification draws it: TPE, Hyperband, four independent suggestions, sum checked, normalised."""
    import optuna

    problem = objective.problem
    steps = len(objective.sizes)

    def evaluate(trial: optuna.Trial) -> float:
        parts = np.array([trial.suggest_float(name, 0.15, 0.50) for name in REFERENCE])
        if not 0.95 <= parts.sum() <= 1.05:
            raise optuna.TrialPruned
        units = problem.rules.project(parts / parts.sum())
        for step in range(steps):
            value = objective.rung(units, step).objective(problem.lambda_)
            trial.report(value, step + 1)
            if step + 1 < steps and trial.should_prune():
                raise optuna.TrialPruned
        return value

    start = time.process_time()
    with quiet(), threadpool_limits(limits=1, user_api="blas"):
        study = optuna.create_study(
            study_name="plain",
            sampler=optuna.samplers.TPESampler(seed=1),
            pruner=optuna.pruners.HyperbandPruner(1, steps, 3),
        )
        study.optimize(evaluate, n_trials=trials)
    return time.process_time() - start, float(study.best_value)


def cost(trials: int) -> None:
    frame = make_scored(20_000, seed=3)
    study_of(make_scored(500), settings_of(**{"optimize.n_trials": 50}))  # imports and caches are nobody's cost
    objective, result, cpu = study_of(frame, settings_of())
    found = result.value.objective(objective.problem.lambda_)
    print(f"20000 accounts: our study, journal included: {cpu:.1f} CPU s, objective {found:.6f}", flush=True)
    plain, best = plain_optuna(objective, trials)
    print(f"20000 accounts: plain Optuna, {trials} TPE trials in memory: {plain:.1f} CPU s, objective {best:.6f}")
    print(f"ratio {plain / cpu:.1f}, objective better by {best - found:.1e}", flush=True)
    _, _, large = study_of(make_scored(200_000, seed=3), settings_of())
    print(f"200000 accounts: our study: {large:.1f} CPU s")


def recovery(sets: int) -> None:
    from tests.support.recovery import recovered

    hits = [recovered(seed) for seed in range(sets)]
    missed = [seed for seed, hit in enumerate(hits) if not hit]
    print(f"planted weights within the reported noise region: {sum(hits)} of {sets}; missed {missed}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["optimum", "cost", "recovery"])
    parser.add_argument("--accounts", default="2000,20000,200000")
    parser.add_argument("--trials", type=int, default=5000)
    parser.add_argument("--sets", type=int, default=100)
    asked = parser.parse_args()
    if asked.what == "optimum":
        optimum([int(part) for part in asked.accounts.split(",")])
    elif asked.what == "cost":
        cost(asked.trials)
    else:
        recovery(asked.sets)


if __name__ == "__main__":
    assert UNITS == 10_000
    main()

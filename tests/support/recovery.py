"""Does the optimisation find weights that were planted? Used by a test on a few data sets and the benchmark on many."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from icp_xl.config import load_settings
from icp_xl.weight_search.bootstrap import bootstrap_weights
from icp_xl.weight_search.objective import Objective
from icp_xl.weight_search.problem import build_problem
from icp_xl.weight_search.simplex import as_floats
from icp_xl.weight_search.storage import TrialStore
from icp_xl.weight_search.study import run_study
from icp_xl.weight_search.trials import EvaluatedTrials
from tests.support.weights import make_scored


def recovered(seed: int, n: int = 2000, n_trials: int = 400) -> bool:
    """Plant random weights in ``n`` engaged accounts, search by revenue alone, ask whether they are in the region."""
    rng = np.random.default_rng([seed, 99])
    while True:
        planted = np.round(0.15 + 0.4 * rng.dirichlet(np.ones(4)), 2)
        if planted.max() <= 0.5 and abs(planted.sum() - 1) < 1e-9:
            break
    settings = load_settings(
        environ={},
        overrides={"optimize.n_trials": n_trials, "optimize.tpe_trials": 32, "optimize.lambda_param": 0.0},
    )
    frame = make_scored(n, seed=seed, planted=planted)
    objective = Objective(build_problem(frame, settings))
    with tempfile.TemporaryDirectory() as folder:
        result = run_study(objective, settings.optimize, TrialStore(Path(folder) / "a.journal"))
    pool = EvaluatedTrials(objective)
    pool.add(result.outcomes)
    noise = bootstrap_weights(pool, result.best, {"best": as_floats(result.best)}, settings.optimize, seed)
    shortfall = objective.value_at(planted).objective(0.0) - result.value.objective(0.0)
    return bool(shortfall <= max(noise.region, settings.optimize.region_tolerance))

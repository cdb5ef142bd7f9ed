"""The weight search against an exhaustive search where there are few engaged accounts.

    python tests/benchmarks/optimizer_small.py [seeds] [step]

For each seed, number of engaged accounts, and with and without the size component: by how much the study misses the
best of every allowed weighting in steps of ``step`` ten-thousandths (100 by default).
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from icp_xl.config import load_settings
from icp_xl.weight_search.objective import Objective
from icp_xl.weight_search.problem import build_problem
from icp_xl.weight_search.storage import latest_store
from icp_xl.weight_search.study import run_study, study_name

if "--help" in sys.argv:
    print(__doc__)
    sys.exit()

SEEDS = int(sys.argv[1]) if len(sys.argv) > 1 else 40
STEP = int(sys.argv[2]) if len(sys.argv) > 2 else 100


def accounts(n: int, seed: int) -> pd.DataFrame:
    """Scored accounts, half of them engaged; scores with ties and a revenue that follows them loosely."""
    rng = np.random.default_rng([seed, n])
    total = 2 * n
    parts = np.column_stack(
        [
            rng.choice(np.round(rng.random(12), 3), total),
            rng.choice([0.2, 0.35, 0.5, 0.65, 0.8, 1.0], total),
            np.round(rng.beta(1.2, 2.0, total), 4),
            np.where(rng.random(total) < 0.5, 0.0, np.round(rng.random(total), 4)),
        ]
    )
    pull = parts @ rng.dirichlet([2.0] * 4)
    revenue = np.where(np.arange(total) < n, np.exp(3.0 * pull + rng.normal(0, 1, total)), 0.0)
    names = ("vertical_score", "size_score", "adoption_score", "relationship_score")
    frame = pd.DataFrame(parts, columns=list(names))
    return frame.assign(
        account_id=[f"A{i}" for i in range(total)],
        hardware_revenue=revenue,
        consumable_revenue=0.0,
        total_revenue=revenue,
    )


def main() -> None:
    """Print the worst and mean shortfall by number of engaged accounts."""
    for size in (True, False):
        for n in (50, 100, 200, 500):
            gaps = []
            for seed in range(SEEDS):
                settings = load_settings(environ={}, overrides={"optimize.include_size": size, "run.seed": seed})
                objective = Objective(build_problem(accounts(n, seed), settings))
                lambda_ = settings.optimize.lambda_param
                truth = float(objective.objectives(objective.problem.rules.grid(STEP), lambda_).min())
                with tempfile.TemporaryDirectory() as folder:
                    store = latest_store(Path(folder), study_name(objective, settings.optimize))
                    found = run_study(objective, settings.optimize, store)
                gaps.append(found.value.objective(lambda_) - truth)
            print(
                f"{'with' if size else 'without'} size, {n} engaged: worst {max(gaps):+.2e}, "
                f"mean {np.mean(gaps):+.2e}, "
                f"over 1e-4 in {np.mean(np.array(gaps) > 1e-4):.0%} of {SEEDS}",
                flush=True,
            )


if __name__ == "__main__":
    main()

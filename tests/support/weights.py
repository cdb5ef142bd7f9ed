"""Invented scored accounts with planted weights, for tests of the weight optimisation."""

from __future__ import annotations

import numpy as np
import pandas as pd

PLANTED = np.array([0.20, 0.17, 0.38, 0.25])


def make_scored(n: int = 600, seed: int = 0, planted: np.ndarray | None = None, noise: float = 0.10) -> pd.DataFrame:
    """``n`` engaged accounts and as many without revenue; revenue rises with the planted weights' score, plus noise."""
    rng = np.random.default_rng(seed)
    total = 2 * n
    fit = rng.normal(size=total)
    parts = [np.clip(0.5 + 0.2 * (0.4 * fit + 0.9 * rng.normal(size=total)), 0, 1) for _ in range(4)]
    scores = np.column_stack([np.round(parts[0], 1), np.round(parts[1] * 5) / 5, parts[2], np.round(parts[3], 2)])
    scores[n:, 2] *= rng.random(n) < 0.3  # most accounts that buy nothing own no printer either
    raw = scores @ (PLANTED if planted is None else planted) + noise * rng.normal(size=total)
    revenue = np.round(np.exp(8 + 6 * raw), 2)
    revenue[n:] = 0.0
    share = rng.random(total)
    frame = pd.DataFrame(
        {
            "account_id": [f"A{i:06d}" for i in range(total)],
            "account_name": [f"Account {i}" for i in range(total)],
            "industry": np.array(["Aerospace", "Dental", "Tooling"])[rng.integers(0, 3, total)],
            "rep": "Kim",
            "hardware_revenue": np.round(revenue * share, 2),
            "consumable_revenue": np.round(revenue * (1 - share), 2),
            "total_revenue": revenue,
        }
    )
    frame[["vertical_score", "size_score", "adoption_score", "relationship_score"]] = scores
    return frame


def run_small(where: str) -> None:
    """Run a small study to its end; a test kills the process that does."""
    from icp_xl.config import load_settings
    from icp_xl.weight_search.objective import Objective
    from icp_xl.weight_search.problem import build_problem
    from icp_xl.weight_search.storage import TrialStore
    from icp_xl.weight_search.study import run_study

    settings = load_settings(environ={}, overrides={"optimize.n_trials": 160, "optimize.tpe_trials": 40})
    run_study(Objective(build_problem(make_scored(1600), settings)), settings.optimize, TrialStore(where))

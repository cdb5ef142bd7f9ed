"""Which accounts change grade when the weights change."""

from __future__ import annotations

import numpy as np
import pandas as pd

from icp_xl.columns import GRADES
from icp_xl.config.scoring import ScoringSettings
from icp_xl.scoring.model import fit_knots, grade, percentile_of, sum_contributions
from icp_xl.weight_search.problem import Problem
from icp_xl.weight_search.simplex import Floats


def grade_moves(
    problem: Problem, before: Floats, after: Floats, accounts: pd.DataFrame, settings: ScoringSettings
) -> pd.DataFrame:
    """One row per account that changes grade, the biggest moves first; grades as scoring gives them.

    ``steps`` counts grades up (positive) or down. ``driver`` is the component whose contribution, compared with the
    average account's, changed most in the direction of the move.

    Args:
        problem: component scores and fixed cut-points.
        before: weights in force.
        after: weights that were found.
        accounts: one row per account: id and name.
        settings: how scores become grades.
    """
    ranks, grades = [], []
    shares = settings.grade_shares.model_dump()
    for weights in (before, after):
        raw = sum_contributions(problem.scores * weights)
        knots = np.asarray(fit_knots(raw, settings.knots), dtype=np.int64)
        ranks.append(percentile_of(raw, knots, len(raw)))
        grades.append(grade(ranks[-1], shares))
    place = {letter: at for at, letter in enumerate(GRADES)}
    old, new = (np.array([place[letter] for letter in given], dtype=np.int64) for given in grades)
    centred = problem.scores - problem.scores.mean(axis=0)
    change = centred * (after - before)
    steps = old - new
    driver = np.array(problem.names)[(change * np.sign(steps)[:, None]).argmax(axis=1)]
    frame = pd.DataFrame(
        {
            "account_id": problem.account_ids,
            "grade_before": grades[0],
            "grade_after": grades[1],
            "steps": steps,
            "percentile_before": ranks[0],
            "percentile_after": ranks[1],
            "driver": driver,
        }
    )
    facts = [name for name in ("account_name", "industry", "rep", "total_revenue") if name in accounts.columns]
    frame = frame[frame["steps"] != 0].merge(accounts[["account_id", *facts]], on="account_id", how="left")
    jump = (frame["percentile_after"] - frame["percentile_before"]).abs().round(12)
    order = pd.DataFrame({"steps": -frame["steps"].abs(), "jump": -jump, "id": frame["account_id"].astype(str)})
    order = order.sort_values(["steps", "jump", "id"], kind="stable")
    return frame.loc[order.index].reset_index(drop=True)

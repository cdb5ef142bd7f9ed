"""Which candidate serves: one that the windows of a year agree on is not lost to a rule for the noise between them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from icp_xl.propensity.arena import choose_candidate, cross_fitted, measure_candidate

NAMES = ("days", "logreg")


def judged_rows(seed: int, noise: dict[str, float], folds: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Windows of 150 accounts, every other with a lower level, and candidates that see the truth with some noise."""
    rng, frames = np.random.default_rng(seed), []
    for fold in range(folds):
        truth = rng.normal(0, 1, 150)
        label = (rng.random(150) < 1 / (1 + np.exp(fold % 2 - 1.2 * truth))).astype(float)
        seen = {name: truth + rng.normal(0, noise[name], 150) for name in NAMES}
        accounts = [f"A{i}" for i in range(150)]
        frames.append(
            pd.DataFrame(
                {"account_id": accounts, "cutoff_date": pd.Timestamp(2023, 1 + 3 * fold, 1), "fold": fold}
                | {"label": label, "revenue": label} | seen
            )
        )  # fmt: skip
    judged = cross_fitted(pd.concat(frames, ignore_index=True), NAMES, 0)
    rows = [measure_candidate(name, fold, judged[judged["fold"] == fold]) for name in NAMES for fold in range(folds)]
    return judged, pd.DataFrame(rows)


def test_a_model_that_a_year_of_windows_prefers_serves_though_the_gain_is_within_noise() -> None:
    served = []
    for seed in (2, 6, 7):
        chosen, steps = choose_candidate(*judged_rows(seed, {"days": 0.9, "logreg": 0.8}, 4), NAMES, 100, 0)
        served.append((chosen, "within noise" in steps[-1]))
    assert served == [("logreg", True)] * 3


def test_a_model_that_is_worse_or_judged_on_two_windows_does_not_serve_within_noise() -> None:
    for seed in range(4):
        assert choose_candidate(*judged_rows(seed, {"days": 0.6, "logreg": 1.2}, 4), NAMES, 100, 0)[0] == "days"
        _, steps = choose_candidate(*judged_rows(seed, {"days": 0.9, "logreg": 0.8}, 2), NAMES, 100, 0)
        assert "within noise" not in steps[-1]

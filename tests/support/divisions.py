"""Invented divisions with planted drivers: features at cutoffs, and purchases that follow a known probability."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
from scipy.special import expit

from icp_xl.propensity.data import CutoffData, DivisionData

DAYS = (date(2023, 1, 1), date(2023, 7, 1), date(2024, 1, 1))


def make_division(n: int = 800, seed: int = 0, *, days: tuple[date, ...] = DAYS, signal: float = 1.0,
                  base: float = -1.0, noise: int = 5) -> tuple[DivisionData, list[np.ndarray]]:  # fmt: skip
    """A division of ``n`` accounts, and the true probability of each account at each cutoff.

    Purchases follow recency and lines in the division, and the industry; ``noise`` columns mean nothing.
    """
    rng = np.random.default_rng(seed)
    ids = pd.Index([f"A{i:06d}" for i in range(n)], name="account_id")
    cutoffs, truths = [], []
    for day in days:
        never = rng.random(n) < 0.3
        lines = np.where(never, 0.0, rng.poisson(np.exp(rng.normal(1.2, 0.8, n))) + 1.0)
        recency = np.where(never, np.nan, rng.gamma(2.0, 60.0, n))
        industry = rng.choice(["Dental", "Aerospace", "Packaging"], n)
        odds = base + signal * (
            0.9 * (np.log1p(lines) - 1.0)
            - 0.5 * (np.log1p(np.nan_to_num(recency, nan=400.0)) - 4.5)
            + 0.7 * (industry == "Dental")
        )
        p = expit(odds)
        frame = pd.DataFrame(
            {
                "own_recency_days": recency, "own_lines_24m": lines, "own_active_months_24m": np.minimum(lines, 24.0),
                "own_active_months_12m": np.minimum(lines, 12.0),
                "own_tenure_days": recency + rng.gamma(2.0, 150.0, n), "all_recency_days": rng.gamma(2.0, 40.0, n),
                "all_days_24m": lines + rng.poisson(3, n), "all_days_12m": lines + rng.poisson(2, n),
                "life_gap_mean_days": rng.gamma(2.0, 30.0, n), "ctx_industry": industry,
                **{f"noise_{k}": rng.normal(size=n) for k in range(noise)},
            },
            index=ids,
        )  # fmt: skip
        label = (rng.random(n) < p).astype(np.int64)
        revenue = label * np.exp(rng.normal(7, 1, n))
        cutoffs.append(CutoffData(day, frame, label, revenue, 0.4 * revenue, 6))
        truths.append(p)
    names = [str(name) for name in cutoffs[0].features]
    catalog = pd.DataFrame({"name": names, "meaning": names, "unit": "", "window": "", "family": "", "kind": "number"})
    return DivisionData("Test", "test", 6, tuple(cutoffs), catalog), truths


def shuffled(data: DivisionData, seed: int = 0) -> DivisionData:
    """The same features with outcomes dealt out anew: nothing can be learned."""
    rng = np.random.default_rng(seed)
    dealt = []
    for each in data.cutoffs:
        order = rng.permutation(len(each.label))
        dealt.append(
            CutoffData(
                each.cutoff,
                each.features,
                each.label[order],
                each.revenue[order],
                each.gross_profit[order],
                each.window_months,
            )  # fmt: skip
        )
    return DivisionData(data.division, data.slug, data.window_months, tuple(dealt), data.catalog)

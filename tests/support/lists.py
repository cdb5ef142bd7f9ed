"""Simulated quarters of a list, with a lift that is known: reps choose whom to work, and choose well."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import expit


def simulate_quarter(
    rng: np.random.Generator,
    n: int = 600,
    *,
    held: float = 0.2,
    effect: float = 0.8,
    selection: float = 1.5,
    lists: int = 1,
) -> tuple[pd.DataFrame, float]:
    """Pairs as ``measure_list`` takes them, and the expected lift of these accounts.

    ``effect``: what being worked adds to the log odds of buying. ``selection``: how strongly reps prefer accounts that
    would buy anyway, by what they know and the list does not.
    """  # fmt: skip
    known = rng.normal(size=n)
    hidden = rng.normal(size=n)
    base = -2.0 + 0.6 * known + 0.7 * hidden
    wish = expit(-0.2 + selection * hidden + 0.3 * known)
    without, worked_chance = expit(base), expit(base + effect)
    lift = float((wish * (worked_chance - without)).mean())
    out = rng.random(n) < held
    worked = (rng.random(n) < wish) & ~out
    bought = rng.random(n) < np.where(worked, worked_chance, without)
    days = pd.Timestamp("2026-01-05") + pd.to_timedelta(rng.integers(0, lists, n) * 91, unit="D")
    return pd.DataFrame({
        "account_id": [f"A{k:05d}" for k in range(n)], "division": [f"D{k}" for k in rng.integers(0, 3, n)],
        "rep": [f"R{k}" for k in rng.integers(0, 6, n)], "list_day": days, "held_out": out, "worked": worked,
        "bought": bought, "revenue": np.where(bought, np.round(np.exp(rng.normal(9, 0.9, n)), 2), 0.0),
    }), lift  # fmt: skip

"""Invented accounts with every kind of gap, for tests of scoring and of what builds on it."""

from __future__ import annotations

import numpy as np
import pandas as pd

EQUAL = {"vertical": 0.25, "size": 0.25, "adoption": 0.25, "relationship": 0.25}


def make_accounts(n: int = 300, seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    industry = np.array(["Aerospace", "Dental", "Tooling", None], dtype=object)[rng.integers(0, 4, n)]
    consumable = np.where(rng.random(n) < 0.4, 0.0, np.exp(rng.normal(8, 2, n)))
    software = np.where(rng.random(n) < 0.4, 0.0, np.exp(rng.normal(9, 2, n)))
    return pd.DataFrame(
        {
            "account_id": [f"A{i:04d}" for i in range(n)],
            "account_name": [f"Account {i}" for i in range(n)],
            "industry": industry,
            "annual_revenue": np.where(rng.random(n) < 0.2, np.nan, np.exp(rng.normal(16, 2, n))),
            "printers": rng.poisson(1.0, n).astype(float),
            "region": "West",
            "rep": "Kim",
            "hardware_revenue": 0.0,
            "consumable_revenue": consumable,
            "software_revenue": software,
            "service_revenue": 0.0,
            "gross_profit": consumable / 3,
            "total_revenue": consumable + software,
        }
    )

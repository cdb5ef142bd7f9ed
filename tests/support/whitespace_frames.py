"""Made-up candidates for the whitespace ranking: every signal, some of them missing, ties among them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

DIVISIONS = (
    "Consumables",
    "Data Management",
    "Printers",
    "Scanning",
    "Services",
    "Simulation",
    "Solidworks",
    "Training",
)


def make_candidates(accounts: int, divisions: int = 4, *, seed: int = 0, reps: int = 3) -> pd.DataFrame:
    """One row per account × division, in account order; about a third of the pairs are owned."""
    rng = np.random.default_rng(seed)
    ids = np.asarray([f"A{i:06d}" for i in range(accounts)], dtype=object)
    account = np.repeat(np.arange(accounts), divisions)
    division = np.tile(np.asarray(DIVISIONS[:divisions], dtype=object), accounts)
    n = len(account)
    size = rng.lognormal(8.0, 1.2, accounts)
    p = np.clip(rng.beta(1.5, 9.0, n), 0.0005, 0.9995)
    owned = rng.random(n) < 0.33
    value = np.where(owned, size[account] * rng.uniform(0.05, 1.0, n), 0.0)
    lift = np.where(rng.random(n) < 0.9, np.round(rng.gamma(6.0, 0.2, n), 2), 0.0)
    columns: dict[str, Any] = {
        "account_id": ids[account],
        "account_name": np.asarray([f"Company {i}" for i in range(accounts)], dtype=object)[account],
        "rep": np.asarray([f"Rep {i % reps:03d}" for i in range(accounts)], dtype=object)[account],
        "region": np.asarray(["North", "South", "East"], dtype=object)[account % 3],
        "segment": np.asarray(["Small Business", "Mid-Market", "Large Enterprise"], dtype=object)[account % 3],
        "division": division,
        "p_icp": p,
        "mb_lift_max": lift,
        "mb_lift_mean": lift * 0.8,
        "als_similarity": np.where(rng.random(n) < 0.8, np.round(rng.uniform(-0.2, 0.9, n), 3), np.nan),
        "value_own": value,
        "days_own": np.where(owned, rng.integers(1, 12, n), 0).astype(float),
        "lines_own": np.where(owned, rng.integers(1, 40, n), 0).astype(float),
        "last_bought": pd.Series(pd.NaT, index=range(n)).mask(owned, pd.Timestamp("2024-03-15")),
        "account_value": size[account],
        "account_lines": rng.integers(1, 60, accounts)[account].astype(float),
        "icp_score": rng.uniform(0, 100, accounts)[account],
        "do_not_contact": (rng.random(accounts) < 0.02)[account],
        "open_deal": rng.random(n) < 0.03,
        "evidence": np.where(lift >= 1.0, "CODE-1", ""),
        "evidence_lift": np.where(lift >= 1.0, lift, np.nan),
    }
    return pd.DataFrame(columns)

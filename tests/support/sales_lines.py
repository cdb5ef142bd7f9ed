"""Invented sales lines with every awkward kind of row, for the star schema, labels and features."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd

from icp_xl.config import Settings, load_settings

DIVISIONS = ("Printers", "Software", "Service")


def build_settings(**overrides: object) -> Settings:
    """Settings of a small build: no embeddings, whose random start needs no proof here."""
    return load_settings(
        environ={},
        overrides={"features.use_als": False, "build.as_of": "2026-01-01", "build.window_months": 3, **overrides},
    )


def make_lines(seed: int, n: int = 400, accounts: int = 25) -> pd.DataFrame:
    """Cleaned sales lines over 2024 and 2025, sales and returns, on days that hit month starts often."""
    draw = np.random.default_rng(seed)
    start = dt.date(2024, 1, 1)
    days = draw.integers(0, 700, n)
    dates = [pd.Timestamp(start + dt.timedelta(int(day))) for day in days]
    dates = [date.replace(day=1) if draw.random() < 0.2 else date for date in dates]
    revenue = np.round(draw.gamma(2.0, 120.0, n), 2) * np.where(draw.random(n) < 0.1, -1.0, 1.0)
    division = draw.integers(0, len(DIVISIONS), n)
    frame = pd.DataFrame(
        {
            "date": dates,
            "account_id": [f"A{k:02d}" for k in draw.integers(0, accounts, n)],
            "division": [DIVISIONS[k] for k in division],
            "sku": [f"{DIVISIONS[k][:2]}-{draw.integers(0, 8)}" for k in division],
            "product": None,
            "quantity": np.where(revenue < 0, -1.0, 1.0),
            "revenue": revenue,
            "gross_profit": np.round(revenue * 0.3, 2),
            "category": "hardware",
            "rep": "Kim",
            "invoice": [f"I{k:05d}" for k in range(n)],
            "source_row": np.arange(2, n + 2),
            "region": "West",
        }
    )
    return frame

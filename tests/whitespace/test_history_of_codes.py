"""A division that is known by its codes has its history from its features, since the log has no such division."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd

from icp_xl.pipeline.whitespace import inputs as inputs
from icp_xl.whitespace.value import active_windows


def test_months_with_a_purchase_stand_for_days_and_windows() -> None:
    frame = pd.DataFrame(
        {"value_own": 0.0, "lines_own": 0.0, "days_own": 0.0, "windows_own": 0.0, "last_bought": pd.NaT}, index=range(3)
    )
    frame["last_bought"] = pd.to_datetime(frame["last_bought"])
    mine = pd.DataFrame(
        {"own_recency_days": [10.0, 200.0, np.nan], "own_revenue_12m": [900.0, 50.0, np.nan],
         "own_lines_12m": [40.0, 9.0, np.nan], "own_active_months_12m": [12.0, 1.0, np.nan]}
    )  # fmt: skip
    inputs._from_features(frame, np.arange(3), mine, dt.date(2025, 1, 1), "revenue")
    assert frame["value_own"].tolist() == [900.0, 50.0, 0.0]
    assert frame["lines_own"].tolist() == [40.0, 9.0, 0.0] and frame["days_own"].tolist() == [12.0, 1.0, 0.0]
    assert frame["last_bought"].iloc[0] == pd.Timestamp("2024-12-22") and frame["last_bought"].isna().iloc[2]
    windows = active_windows(frame, 3)
    assert 3.5 < windows[0] <= 4.0 and windows[1] == 1.0 and windows[2] == 0.0

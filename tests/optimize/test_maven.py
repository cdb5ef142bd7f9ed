"""Maven's 85 published accounts: λ orders both parts there too."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from icp_xl.config import load_settings
from icp_xl.weight_search.search import optimize_weights

pytestmark = pytest.mark.shared


def _scored(folder: Path) -> pd.DataFrame:
    """Components from what Maven publishes: sector, company revenue, employees, and breadth of products bought."""
    accounts = pd.read_csv(folder / "accounts.csv")
    deals = pd.read_csv(folder / "sales_pipeline.csv").query("deal_stage == 'Won'")
    won = deals.groupby("account")["close_value"].sum()
    average = accounts["account"].map(won).fillna(0.0).groupby(accounts["sector"]).transform("mean")
    many = accounts["account"].map(deals["account"].value_counts()).fillna(0.0)
    frame = pd.DataFrame(
        {
            "account_id": accounts["account"],
            "vertical_score": average / average.max(),
            "size_score": pd.qcut(accounts["revenue"], 5, labels=False) / 4,
            "adoption_score": np.log1p(accounts["employees"]) / np.log1p(accounts["employees"].max()),
            "relationship_score": np.log1p(many) / np.log1p(many.max()),
            "hardware_revenue": accounts["account"].map(won).fillna(0.0),
            "consumable_revenue": 0.0,
        }
    )
    return frame


def test_lambda_orders_both_parts(shared_data: Path, tmp_path: Path) -> None:
    frame = _scored(shared_data / "maven-crm")
    found = []
    for lambda_ in (0.0, 0.25, 0.5, 1.0):
        settings = load_settings(
            environ={},
            overrides={"optimize.lambda_param": lambda_, "optimize.n_trials": 300, "optimize.bootstrap": 50},
        )
        found.append(optimize_weights(frame, settings, tmp_path / str(lambda_)))
    pairs = list(zip(found, found[1:], strict=False))
    assert all(a.value.kl >= b.value.kl and a.value.rho >= b.value.rho for a, b in pairs)
    assert len({each.weights for each in found}) == 4
    assert found[-1].value.kl < 1e-2  # 85 accounts: one account more or less in a grade is 1 %

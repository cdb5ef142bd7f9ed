"""A change between two runs is split exactly, and lands on what was changed."""

from __future__ import annotations

import pandas as pd
import pytest

from icp_xl.config.scoring import ScoringSettings
from icp_xl.scoring.accounts import score_accounts
from icp_xl.scoring.compare import compare_runs
from tests.support.accounts import EQUAL, make_accounts


def run(accounts: pd.DataFrame, weights: dict[str, float] = EQUAL):
    return score_accounts(accounts, {}, weights, ScoringSettings())


def test_the_parts_make_the_change() -> None:
    before = run(make_accounts(seed=1))
    later = make_accounts(seed=1)
    later["consumable_revenue"] = later["consumable_revenue"] * 1.3 + 10
    after = run(later, {"vertical": 0.4, "size": 0.2, "adoption": 0.2, "relationship": 0.2})
    out = compare_runs(before.scored, before.model, after.scored, after.model)
    parts = out["data_effect"] + out["weights_effect"] + out["model_effect"]
    assert (parts - out["change"]).abs().max() < 1e-12
    assert out["change"].to_numpy() == pytest.approx((out["score_after"] - out["score_before"]).to_numpy(), abs=1e-12)


def test_nothing_changed_means_no_effect() -> None:
    one, two = run(make_accounts()), run(make_accounts())
    out = compare_runs(one.scored, one.model, two.scored, two.model)
    assert out[["change", "data_effect", "weights_effect", "model_effect"]].abs().to_numpy().max() == 0.0
    assert out["main_reason"].eq("no change").all()


def test_only_the_weights_changed() -> None:
    one = run(make_accounts())
    two = run(make_accounts(), {"vertical": 0.1, "size": 0.2, "adoption": 0.3, "relationship": 0.4})
    out = compare_runs(one.scored, one.model, two.scored, two.model)
    assert out["data_effect"].abs().max() == 0.0
    assert out["weights_effect"].abs().max() > 1.0


def test_new_and_gone_accounts_are_named() -> None:
    accounts = make_accounts()
    one, two = run(accounts.iloc[5:]), run(accounts.iloc[:-3])
    out = compare_runs(one.scored, one.model, two.scored, two.model)
    assert out["status"].value_counts().to_dict() == {"kept": 292, "new": 5, "gone": 3}

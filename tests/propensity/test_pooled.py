"""The model for all small divisions, and the rule that serves where it does not."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from icp_xl.config import load_settings
from icp_xl.propensity.pooled import fit_pooled
from tests.support.divisions import make_division


@pytest.mark.parametrize("seed", [4, 7, 9])
def test_a_small_division_that_a_rule_cannot_be_fitted_to_takes_another(seed: int) -> None:
    """Nobody has bought from a new division yet: BG/NBD, the best rule of the others (seed 4), knows nothing there."""
    few = {"train.bootstrap": 50, "train.candidates": ["logreg"], "train.logreg": [{"c": 0.02}]}
    levels = {"Big": -1.0, "Some": -3.0, "Few": -6.5, "New": -5.0}
    datas = [
        replace(make_division(200, seed * 10 + k, base=base)[0], division=name, slug=name.lower())
        for k, (name, base) in enumerate(levels.items())
    ]
    owned = [name for name in datas[3].cutoffs[0].features if name.startswith("own_")]
    nothing = {name: np.nan if "days" in name else 0.0 for name in owned}
    new = tuple(replace(each, features=each.features.assign(**nothing)) for each in datas[3].cutoffs)
    datas[3] = replace(datas[3], cutoffs=new)
    chosen = load_settings(environ={}, overrides=few)
    found = fit_pooled(datas, ["Some", "Few", "New"], chosen, seed=1, target=date(2024, 7, 1))
    assert set(found) == {"Some", "Few", "New"}
    for each in found.values():
        chances = each.fitted.judged["p_hat"]
        assert chances.between(0, 1, inclusive="neither").all()

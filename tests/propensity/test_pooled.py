"""The model for all small divisions, and the rule that serves where it does not."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from icp_xl.config import load_settings
from icp_xl.propensity.data import DivisionData
from icp_xl.propensity.metrics import Curve
from icp_xl.propensity.pooled import KIND, common_rules, fit_pooled
from tests.support.divisions import make_division

CHOSEN = load_settings(
    environ={},
    overrides={"train.bootstrap": 50, "train.candidates": ["logreg"], "train.logreg": [{"c": 0.02}]},
)


def divisions(seed: int, levels: dict[str, float]) -> list[DivisionData]:
    """Divisions of 200 accounts by name, with the log-odds that one of their accounts buys."""
    return [
        replace(make_division(200, seed * 10 + k, base=base)[0], division=name, slug=name.lower())
        for k, (name, base) in enumerate(levels.items())
    ]


@pytest.mark.parametrize("seed", [4, 7, 9])
def test_a_small_division_that_a_rule_cannot_be_fitted_to_takes_another(seed: int) -> None:
    """Nobody has bought from a new division yet: BG/NBD, the best rule of the others (seed 4), knows nothing there."""
    datas = divisions(seed, {"Big": -1.0, "Some": -3.0, "Few": -6.5, "New": -5.0})
    owned = [name for name in datas[3].cutoffs[0].features if name.startswith("own_")]
    nothing = {name: np.nan if "days" in name else 0.0 for name in owned}
    new = tuple(replace(each, features=each.features.assign(**nothing)) for each in datas[3].cutoffs)
    datas[3] = replace(datas[3], cutoffs=new)
    found = fit_pooled(datas, ["Some", "Few", "New"], CHOSEN, seed=1, target=date(2024, 7, 1))
    assert set(found) == {"Some", "Few", "New"}
    for each in found.values():
        chances = each.fitted.judged["p_hat"]
        assert chances.between(0, 1, inclusive="neither").all()


@pytest.mark.parametrize("seed", [4, 7, 9])
def test_the_gain_that_decides_is_the_difference_in_auc_of_all_judged_buyers(seed: int) -> None:
    """Windows of one or two buyers do not decide for all, however narrow the interval of so few may look."""
    datas = divisions(seed, {"Big": -1.0, "Some": -3.0, "Fewer": -5.0, "Few": -6.5})
    small = [each.division for each in datas[1:]]
    found = fit_pooled(datas, small, CHOSEN, seed=1, target=date(2024, 7, 1))
    rules = common_rules({name: each.fitted.candidates for name, each in found.items()})
    gain = buyers = 0.0
    for name, each in found.items():
        for _, part in each.fitted.judged.groupby("fold"):
            if bought := part["label"].sum():
                one, two = (Curve(part["label"], part[score]).auc() for score in (KIND, rules[name]))
                gain, buyers = gain + bought * (one - two), buyers + bought
    for each in found.values():
        assert each.gain[0] == pytest.approx(gain / buyers)
        assert 0.0 < each.gain[1] < 0.2


def test_the_rule_of_small_divisions_is_the_one_whose_top_tenth_holds_most_buyers() -> None:
    """Of those that could be fitted to the most divisions."""
    table = pd.DataFrame(
        {"candidate": ["base_rate", "spending", "days", "bgnbd", KIND], "auc": [0.5, 0.78, 0.77, 0.7, 0.9],
         "lift_10": [1.0, 4.4, 4.8, 5.0, 6.0]}
    )  # fmt: skip
    unfit = table[table["candidate"] != "bgnbd"]
    assert common_rules({"A": table, "B": table, "C": unfit}) == dict.fromkeys("ABC", "days")

"""Fits that were made of the same cutoffs under the same settings before are not made again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date

import pandas as pd

from icp_xl.config import Settings
from icp_xl.config.train import LinearGrid, TrainSettings, TreeGrid
from icp_xl.propensity.baselines import BaselineModel
from icp_xl.propensity.calibration import Calibrator
from icp_xl.propensity.candidates import Recipe
from icp_xl.propensity.data import DivisionData
from icp_xl.propensity.fit import Fitted, fit_division
from icp_xl.propensity.inputs import ModelInputs
from icp_xl.propensity.level import Level
from icp_xl.propensity.linear import LinearModel
from icp_xl.propensity.metrics import Interval
from icp_xl.propensity.model import DivisionModel
from icp_xl.propensity.pooled import Pooled, fit_pooled
from icp_xl.propensity.trees import TreeModel
from icp_xl.propensity.undated import FIELDS, UndatedCost, cost_of_undated
from icp_xl.propensity.verdict import Evaluation, evaluate
from icp_xl.recall import recalled

_KINDS = (
    Fitted, Pooled, DivisionModel, LinearModel, TreeModel, BaselineModel, Calibrator, ModelInputs, Recipe, Level,
    LinearGrid, TreeGrid,
)  # fmt: skip


def recall_fit(
    data: DivisionData, settings: Settings, *, seed: int, target: date, check: Callable[[], None] = lambda: None
) -> Fitted:
    """:func:`~icp_xl.propensity.fit.fit_division`, or what it gave of the same."""
    return recalled(
        "fit", lambda: (data, settings.train, settings.leakage, seed, target),
        lambda: fit_division(data, settings, seed=seed, target=target, check=check), _KINDS,
    )  # fmt: skip


def recall_pooled(
    datas: Sequence[DivisionData], small: Sequence[str], settings: Settings, *, seed: int, target: date,
    check: Callable[[], None] = lambda: None,
) -> dict[str, Pooled]:  # fmt: skip
    """:func:`~icp_xl.propensity.pooled.fit_pooled`, or what it gave of the same."""
    return recalled(
        "pooled", lambda: (datas, small, settings.train, settings.leakage, seed, target),
        lambda: fit_pooled(datas, small, settings, seed=seed, target=target, check=check), _KINDS,
    )  # fmt: skip


def recall_undated(
    data: DivisionData, today: pd.DataFrame, names: Sequence[str], settings: Settings, *, seed: int
) -> UndatedCost | None:
    """:func:`~icp_xl.propensity.undated.cost_of_undated`, or what it gave of the same; money is not told."""
    data, today = data.without_money(), today[[name for name in today if str(name).startswith(FIELDS)]]
    return recalled(
        "undated", lambda: (data, today, names, settings.train, settings.leakage, seed),
        lambda: cost_of_undated(data, today, names, settings, seed=seed), (UndatedCost, Interval),
    )  # fmt: skip


def recall_evaluation(
    fitted: Fitted, settings: TrainSettings, *, seed: int, score_cutoff: date, base_rates: dict[str, float],
    windows: Sequence[tuple[date, date]], looks: int,
) -> Evaluation:  # fmt: skip
    """:func:`~icp_xl.propensity.verdict.evaluate`, or what it gave of the same."""
    told = {"seed": seed, "score_cutoff": score_cutoff, "base_rates": base_rates, "windows": windows, "looks": looks}
    return recalled(
        "evaluation", lambda: (fitted, settings, told),
        lambda: evaluate(fitted, settings, seed=seed, score_cutoff=score_cutoff, base_rates=base_rates,
                         windows=windows, looks=looks),
        (Evaluation, Interval),
    )  # fmt: skip

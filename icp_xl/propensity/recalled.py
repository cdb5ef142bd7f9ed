"""Fits that were made of the same cutoffs under the same settings before are not made again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd

from icp_xl.config import Settings
from icp_xl.config.train import LinearGrid, TrainSettings, TreeGrid
from icp_xl.propensity.arena import measure_candidate
from icp_xl.propensity.baselines import BaselineModel
from icp_xl.propensity.calibration import Calibrator
from icp_xl.propensity.candidates import Recipe
from icp_xl.propensity.data import DivisionData
from icp_xl.propensity.filed import Known
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
    data: Known, settings: Settings, *, seed: int, target: date, check: Callable[[], None] = lambda: None
) -> Fitted:
    """:func:`~icp_xl.propensity.fit.fit_division`, or what it gave of the same.

    It asks who bought, and not for how much: that is only told of the judged rows, and nothing is fitted for it.
    """
    told = settings.train, settings.leakage, seed, target

    def fit() -> Fitted:
        return fit_division(data.whole.without_money(), settings, seed=seed, target=target, check=check)

    def work() -> Fitted:
        return _with_money(recalled("fit without money", lambda: (data.bare_digest, told), fit, _KINDS), data.whole)

    return recalled("fit", lambda: (data.digest, told), work, _KINDS)


def _with_money(found: Fitted, data: DivisionData) -> Fitted:
    """A fit to ``data`` without money, with the money of the judged rows and what it says of the candidates."""
    judged, money = found.judged, {name: np.zeros(len(found.judged)) for name in ("revenue", "gross_profit")}
    for each in data.cutoffs:
        rows = np.flatnonzero(judged["cutoff_date"] == pd.Timestamp(each.cutoff))
        at = each.features.index.get_indexer(pd.Index(judged["account_id"].iloc[rows]))
        for name, values in money.items():
            values[rows] = getattr(each, name)[at]
    judged = judged.assign(**money)
    order = zip(found.candidates["candidate"], found.candidates["fold"], strict=True)
    candidates = [measure_candidate(str(name), int(fold), judged[judged["fold"] == fold]) for name, fold in order]
    return replace(found, judged=judged, candidates=pd.DataFrame(candidates))


def recall_pooled(
    datas: Sequence[Known], small: Sequence[str], settings: Settings, *, seed: int, target: date,
    check: Callable[[], None] = lambda: None,
) -> dict[str, Pooled]:  # fmt: skip
    """:func:`~icp_xl.propensity.pooled.fit_pooled`, or what it gave of the same."""
    return recalled(
        "pooled", lambda: ([data.digest for data in datas], small, settings.train, settings.leakage, seed, target),
        lambda: fit_pooled([data.whole for data in datas], small, settings, seed=seed, target=target, check=check),
        _KINDS,
    )  # fmt: skip


def recall_undated(
    data: Known, today: pd.DataFrame, names: Sequence[str], settings: Settings, *, seed: int
) -> UndatedCost | None:
    """:func:`~icp_xl.propensity.undated.cost_of_undated`, or what it gave of the same; money is not told."""
    today = today[[name for name in today if str(name).startswith(FIELDS)]]
    return recalled(
        "undated", lambda: (data.bare_digest, today, names, settings.train, settings.leakage, seed),
        lambda: cost_of_undated(data.whole.without_money(), today, names, settings, seed=seed), (UndatedCost, Interval),
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

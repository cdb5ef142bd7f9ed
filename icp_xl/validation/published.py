"""What training would have published of a division at a past cutoff: its own model, the one for all, or a rule."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from typing import Any

from icp_xl.config import Settings
from icp_xl.errors import InsufficientDataError
from icp_xl.propensity.data import DivisionData
from icp_xl.propensity.fit import Fitted
from icp_xl.propensity.model import NOT_READY
from icp_xl.propensity.pooled import Pooled
from icp_xl.propensity.recalled import recall_fit
from icp_xl.propensity.train import DivisionJob, is_small, judge_fit, pool_small, pooled_verdict, read_job
from icp_xl.propensity.verdict import proves_skill
from icp_xl.recall import recalled

#: Gives a model, or what it would be without one of ``validation.ablations``.
Fit = Callable[[str], Fitted]
_TAKEN = {"assets": re.compile(r"assets_.*"), "als": re.compile(r"als_.*")}


@dataclass(frozen=True)
class ServedModel:
    """The model that would have served a division.

    Attributes:
        data: what was known of the division.
        fit: gives the model.
        skilled: whether its skill was proven; without that, training publishes nothing.
        basis: what the model depends on beside ``data``, settings and seed.
    """

    data: DivisionData
    fit: Fit
    skilled: bool = True
    basis: Any = None


def publish_then(jobs: Sequence[DivisionJob], check: Callable[[], None] = lambda: None) -> dict[str, ServedModel | str]:
    """What would have been published of each division, or why there was no model of it.

    The steps are those of :func:`~icp_xl.propensity.train.train_one` and ``train_pooled``, without scores.

    Args:
        jobs: all divisions, each with what was known by the day as of which it is scored.
        check: called between steps; raises to cancel.

    Raises:
        ValueError: a training window of any division reaches beyond that day.
    """
    if any(each.window_end > job.score_cutoff for job in jobs for each in job.data().cutoffs):
        raise ValueError("a training window reaches beyond the cutoff")
    found: dict[str, ServedModel | str] = {}
    known: dict[str, tuple[DivisionJob, DivisionData]] = {}
    for job in jobs:
        try:
            known[job.division] = job, read_job(job).whole
        except InsufficientDataError as error:
            found[job.division] = str(error)
    if not known:
        return found
    first, train = jobs[0], jobs[0].settings.train
    datas = {name: data for name, (_, data) in known.items()}
    fits = {
        name: own_fit(data, job.settings, seed=job.seed, target=job.score_cutoff, check=check)
        for name, (job, data) in known.items()
    }
    asked = train, first.settings.leakage, first.settings.run.seed, first.score_cutoff, first.looks
    standings = recalled(
        "standings", lambda: (datas, asked), lambda: {name: _standing(fits[name], first) for name in fits}, ()
    )
    for name, (_, skilled, why) in standings.items():
        found[name] = why or ServedModel(datas[name], fits[name], skilled)
    small = [name for name, (few, _, _) in standings.items() if few]
    for name, pooled in (pool_small(first, datas, small, check) if train.pooled else {}).items():
        verdict, _ = pooled_verdict(judge_fit(*known[name], pooled.fitted), pooled, train.evidence)
        if verdict != NOT_READY:
            fit = _pooled_fit(pooled, name, first, datas, small, check)
            found[name] = ServedModel(datas[name], fit, basis=(datas, small))
    return found


def own_fit(
    data: DivisionData, settings: Settings, *, seed: int, target: date, check: Callable[[], None] = lambda: None
) -> Fit:
    """The division's own model as of ``target``; what it raises: :func:`~icp_xl.propensity.fit.fit_division`."""

    @cache
    def fit(without: str = "") -> Fitted:
        poorer = _without(data, without)
        return recall_fit(poorer, _settings_without(settings, without), seed=seed, target=target, check=check)

    return fit


def _pooled_fit(
    pooled: Pooled, name: str, job: DivisionJob, datas: Mapping[str, DivisionData], small: Sequence[str],
    check: Callable[[], None],
) -> Fit:  # fmt: skip
    def fit(without: str) -> Fitted:
        if not without:
            return pooled.fitted
        poorer = {each: _without(data, without) for each, data in datas.items()}
        asked = replace(job, settings=_settings_without(job.settings, without))
        found = pool_small(asked, poorer, small, check)
        if name not in found:
            raise InsufficientDataError(f"without {without} nothing is left to learn from", where=name)
        return found[name].fitted

    return fit


def _standing(fit: Fit, job: DivisionJob) -> tuple[bool, bool, str]:
    """Whether the model for all may serve better, whether the own one is skilled, and why there is none."""
    train = job.settings.train
    try:
        own = fit("")
    except InsufficientDataError as error:
        return True, False, str(error)
    return is_small(own, train, job.looks), proves_skill(own, train, job.looks), ""


def _without(data: DivisionData, name: str) -> DivisionData:
    """``data`` without the features that an ablation takes away."""
    pattern = _TAKEN.get(name)
    if pattern is None:
        return data
    cutoffs = []
    for each in data.cutoffs:
        kept = [column for column in each.features if not pattern.fullmatch(str(column))]
        cutoffs.append(replace(each, features=each.features[kept]))
    return replace(data, cutoffs=tuple(cutoffs))


def _settings_without(settings: Settings, name: str) -> Settings:
    """The settings without the family that an ablation takes away."""
    if name != "lgbm":
        return settings
    return settings.model_copy(update={"train": settings.train.model_copy(update={"candidates": ("logreg",)})})

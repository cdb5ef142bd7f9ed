"""From the files of a build to one division's model, its verdict, scores and reasons: the work of one worker."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import pandas as pd

from icp_xl.config import Settings
from icp_xl.errors import InsufficientDataError
from icp_xl.propensity.baselines import BASELINES
from icp_xl.propensity.data import DivisionData, any_of, pool, read_division, read_scoring_features
from icp_xl.propensity.explain import explain, global_importance, join_reasons
from icp_xl.propensity.fit import Fitted, fit_division
from icp_xl.propensity.metrics import Curve
from icp_xl.propensity.model import CARE, NOT_READY, DivisionModel
from icp_xl.propensity.verdict import Evaluation, evaluate


@dataclass(frozen=True)
class Job:
    """One division to train: ``files`` gives the place of each file of the build by its name.

    ``looks`` is the number of divisions that are judged together.
    """

    division: str
    slug: str
    cutoffs: tuple[date, ...]
    score_cutoff: date
    settings: Settings
    files: dict[str, str]
    looks: int = 1

    def find(self, name: str) -> Path:
        """Place of a file."""
        return Path(self.files[name])

    @property
    def seed(self) -> int:
        """A seed of its own, the same in whatever order and process the division is trained."""
        return (self.settings.run.seed + crc32(self.slug.encode())) % 2**31


@dataclass(frozen=True)
class Scores:
    """``frame``: account_id, p_icp, p_icp_pct, reasons; ``explanations``: see :func:`~icp_xl.propensity.explain`.

    ``terms`` are contributions of a sample of the accounts.
    """

    frame: pd.DataFrame
    explanations: pd.DataFrame
    importance: pd.DataFrame
    terms: pd.DataFrame


@dataclass(frozen=True)
class Trained:
    """What training a division gave; ``status`` says in words why there is no model of its own, else it is empty.

    ``sample`` holds features of accounts at the latest training cutoff, for looking at drift later.
    """

    division: str
    slug: str
    status: str
    model: DivisionModel | None = None
    fitted: Fitted | None = None
    evaluation: Evaluation | None = None
    scores: Scores | None = None
    positives: int = 0
    rows: int = 0
    sample: pd.DataFrame | None = None


def train_one(job: Job, check: Callable[[], None] = lambda: None) -> Trained:
    """Read, fit, judge, and score where the verdict allows; too little data is a status."""
    try:
        data = read_division(job.find, job.division, job.slug, job.cutoffs)
        return train_data(data, job, check)
    except InsufficientDataError as error:
        return Trained(job.division, job.slug, str(error))


def train_data(data: DivisionData, job: Job, check: Callable[[], None] = lambda: None) -> Trained:
    """Fit and judge ``data``, and score the accounts of the scoring cutoff where the verdict allows.

    Raises:
        InsufficientDataError: too few buyers for a model.
    """
    fitted = fit_division(data, job.settings, seed=job.seed, target=job.score_cutoff, check=check)
    evaluation = evaluate(
        fitted, job.settings.train, seed=job.seed, score_cutoff=job.score_cutoff, base_rates=base_rates(data),
        windows=[(each.cutoff, each.window_end) for each in data.cutoffs], looks=job.looks,
    )  # fmt: skip
    model = fitted.model.judged(evaluation.verdict, evaluation.reasons)
    check()
    scores = None
    if model.published and job.slug != "any_purchase":
        features = read_scoring_features(job.find, job.slug, job.score_cutoff)
        scores = score_accounts(model, features, data.catalog, job.settings)
    rows = sum(len(each.label) for each in data.cutoffs)
    inputs = list(dict.fromkeys(each.partition("=")[0] for each in model.features))
    latest = data.cutoffs[-1].features
    sample = latest.iloc[_spread(len(latest), job.settings.train.sample_rows)][[n for n in inputs if n in latest]]
    return Trained(data.division, data.slug, "", model, fitted, evaluation, scores, data.positives, rows, sample)


def train_pooled(jobs: list[Job], wanted: list[Job], check: Callable[[], None] = lambda: None) -> list[Trained]:
    """One model for all divisions, serving those of ``wanted``, which have too few buyers for one of their own."""
    datas = []
    for job in jobs:
        try:
            datas.append(read_division(job.find, job.division, job.slug, job.cutoffs))
        except InsufficientDataError:
            continue
    if not datas:
        return []
    first = jobs[0]
    base = Job("All divisions", "all_divisions", first.cutoffs, first.score_cutoff, first.settings, first.files)
    data = pool(datas)
    fitted = fit_division(data, base.settings, seed=base.seed, check=check)
    evaluation = evaluate(
        fitted, base.settings.train, seed=base.seed, score_cutoff=base.score_cutoff, base_rates=base_rates(data),
        windows=[(each.cutoff, each.window_end) for each in data.cutoffs],
    )  # fmt: skip
    found = []
    for job in wanted:
        reasons = ["too few buyers for a model of its own: one model for all divisions serves", *evaluation.reasons]
        verdict = evaluation.verdict if evaluation.verdict == NOT_READY else CARE
        told, beaten = _told_in(job.division, fitted, datas)
        if beaten:
            verdict = NOT_READY
        if told:
            reasons.insert(0 if beaten else 1, told)
        body = fitted.model
        model = DivisionModel(
            job.division, job.slug, "pooled", body.parts, body.calibrator, body.trained_on, body.window_months, verdict,
            tuple(reasons),
        )  # fmt: skip
        scores = None
        if model.published:
            scores = score_accounts(
                model, read_scoring_features(job.find, job.slug, job.score_cutoff), data.catalog, job.settings
            )
        found.append(Trained(job.division, job.slug, "", model, fitted, evaluation, scores))
    return found


def _told_in(division: str, fitted: Fitted, datas: Sequence[DivisionData]) -> tuple[str, bool]:
    """How a model for all divisions ranks the latest rows of one, in words, and whether chance or a rule beats it.

    Nothing is told where the division has no outcome there, or where the model was not judged forward in time.
    """
    if not fitted.forward or fitted.model.kind == "base_rate":
        return "", False
    day = fitted.latest["cutoff_date"].iloc[0].date()
    parts = [(data.division, len(each.label)) for data in datas for each in data.cutoffs if each.cutoff == day]
    ends = np.cumsum([rows for _, rows in parts])
    place = [name for name, _ in parts].index(division) if division in dict(parts) else None
    if place is None:
        return "", False
    rows = fitted.latest.iloc[ends[place] - parts[place][1] : ends[place]]
    y = rows["label"].to_numpy(np.float64)
    if not 0.0 < y.mean() < 1.0:
        return "", False
    figures = {
        name: Curve(y, rows[name]).auc()
        for name in (fitted.model.kind, *BASELINES)
        if name in rows and name != "base_rate"
    }
    own = figures.pop(fitted.model.kind)
    best = max(figures, key=lambda name: figures[name], default="")
    told = f"in this division its AUC is {own:.3f} on {int(y.sum())} buyers"
    if best and figures[best] > own:
        return f"{told}, and the {best} rule has {figures[best]:.3f}", True
    return told, own <= 0.5


def train_any(jobs: list[Job], check: Callable[[], None] = lambda: None) -> Trained:
    """A purchase in any division, as one more question."""
    first = jobs[0]
    job = Job(
        "Any purchase", "any_purchase", first.cutoffs, first.score_cutoff, first.settings, first.files, first.looks
    )
    try:
        data = any_of([read_division(each.find, each.division, each.slug, each.cutoffs) for each in jobs])
        return train_data(data, job, check)
    except InsufficientDataError as error:
        return Trained(job.division, job.slug, str(error))


def score_accounts(model: DivisionModel, features: pd.DataFrame, catalog: pd.DataFrame, settings: Settings) -> Scores:
    """Probabilities and reasons as of the features' cutoff, one row per account.

    Raises:
        DataError: features that the model was trained on are missing.
    """
    p = model.predict(features)
    terms = model.contributions(features)
    reasons = explain(model, features, terms)
    texts = join_reasons(reasons)
    frame = pd.DataFrame(
        {
            "account_id": features.index.to_numpy(dtype=object),
            "p_icp": p,
            "p_icp_pct": pd.Series(p).rank(pct=True).to_numpy(),
            "reasons": texts.reindex(features.index).fillna("").to_numpy(dtype=object),
        }
    )
    kept = _spread(len(features), settings.train.sample_rows)
    return Scores(frame, reasons, global_importance(terms, catalog), terms.iloc[kept])


def base_rates(data: DivisionData) -> dict[str, float]:
    """Share of buyers at each cutoff, by its date."""
    return {each.cutoff.isoformat(): each.positives / max(len(each.label), 1) for each in data.cutoffs}


def facts_of(trained: Trained) -> dict[str, Any]:
    """Figures of a trained division for files and sheets; ``None`` where a figure has no meaning."""
    evaluation, fitted = trained.evaluation, trained.fitted
    if evaluation is None or fitted is None:
        return {"status": trained.status}
    return {
        "model": trained.model.kind if trained.model else "",
        "rows": evaluation.rows,
        "positives": evaluation.positives,
        "rule": evaluation.rule,
        "calibration_loss": evaluation.calibration_loss,
        "calibration_slope": _number(evaluation.slope),
        "calibration_intercept": _number(evaluation.intercept),
        "base_rates": evaluation.base_rates,
        "season_seen": evaluation.season_seen,
        "train_auc": fitted.train_auc,
        "forward_in_time": fitted.forward,
    }


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _spread(n: int, most: int) -> np.ndarray:
    """Positions of at most so many rows, evenly spread."""
    return np.linspace(0, n - 1, min(n, most)).round().astype(int)

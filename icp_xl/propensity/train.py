"""From the files of a build to one division's model, its verdict, scores and reasons: the work of one worker."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import pandas as pd

from icp_xl.config import Settings
from icp_xl.config.train import TrainSettings
from icp_xl.errors import InsufficientDataError
from icp_xl.features.files import names_of
from icp_xl.propensity.baselines import BASELINES
from icp_xl.propensity.data import DivisionData, Validity, any_of, label_file, read_division, read_scoring_features
from icp_xl.propensity.explain import explain, global_importance, join_reasons
from icp_xl.propensity.filed import Known, recall_division
from icp_xl.propensity.fit import Fitted
from icp_xl.propensity.level import Mix
from icp_xl.propensity.model import CARE, NOT_READY, DivisionModel
from icp_xl.propensity.pooled import KIND, Pooled, certain
from icp_xl.propensity.recalled import recall_evaluation, recall_fit, recall_pooled, recall_undated
from icp_xl.propensity.undated import UndatedCost
from icp_xl.propensity.verdict import Evaluation, is_certain, proves_skill
from icp_xl.runs import file_digest


@dataclass(frozen=True)
class DivisionJob:
    """One division to train: ``files`` gives the place of each file of the build by its name.

    ``looks`` is the number of divisions that are judged together, ``mix`` what the months of a short log tell,
    ``valid`` the time in which the division exists. Small data are ``held``, and so are the features to be
    ``scored``.
    """

    division: str
    slug: str
    cutoffs: tuple[date, ...]
    score_cutoff: date
    settings: Settings
    files: dict[str, str]
    looks: int = 1
    mix: Mix = Mix()
    valid: Validity = (None, None)
    held: DivisionData | None = None
    scored: pd.DataFrame | None = None

    def data(self, cutoffs: Sequence[date] | None = None) -> DivisionData:
        """Features and labels, of all cutoffs or some; see :func:`~icp_xl.propensity.data.read_division`."""
        return self.held or read_division(self.find, self.division, self.slug, cutoffs or self.cutoffs)

    def digests(self) -> list[str]:
        """Hashes of the files that hold the features and labels of all cutoffs."""
        names = [name for day in self.cutoffs for name in (*names_of(self.slug, day)[:2], label_file(self.slug, day))]
        return [file_digest(self.find(name)) for name in names]

    def scoring_features(self) -> pd.DataFrame:
        """Features as of the scoring cutoff, indexed by account id in order."""
        return read_scoring_features(self.find, self.slug, self.score_cutoff) if self.scored is None else self.scored

    def find(self, name: str) -> Path:
        """Place of a file."""
        return Path(self.files[name])

    @property
    def seed(self) -> int:
        """A seed of its own, the same in whatever order and process the division is trained."""
        return (self.settings.run.seed + crc32(self.slug.encode())) % 2**31


@dataclass(frozen=True)
class DivisionScores:
    """``frame``: account_id, p_icp, p_icp_pct, reasons; ``explanations``: see :func:`~icp_xl.propensity.explain`.

    ``terms`` are contributions of a sample of the accounts.
    """

    frame: pd.DataFrame
    explanations: pd.DataFrame
    importance: pd.DataFrame
    terms: pd.DataFrame


@dataclass(frozen=True)
class NoModel:
    """A division without a model; ``status`` says why, in words."""

    division: str
    slug: str
    status: str


@dataclass(frozen=True)
class Rescored:
    """A division whose model of an earlier training was asked again."""

    division: str
    slug: str
    model: DivisionModel
    scores: DivisionScores


@dataclass(frozen=True)
class Evaluated:
    """A division with a model, its own or the one for all, and what that proved to be worth.

    Attributes:
        status: why it has none of its own, where the model for all serves no better; else empty.
        scores: of the scoring cutoff; ``None`` where the verdict gives out none.
        positives: buyers among the training rows.
        rows: training rows.
        sample: features of accounts at the latest training cutoff, for looking at drift later.
        undated: what it costs to leave out fields of which nothing says what they held then.
    """

    division: str
    slug: str
    model: DivisionModel
    fitted: Fitted
    evaluation: Evaluation
    scores: DivisionScores | None
    positives: int
    rows: int
    sample: pd.DataFrame
    status: str = ""
    undated: UndatedCost | None = None


#: What training a division gave.
Trained = NoModel | Rescored | Evaluated


def train_one(job: DivisionJob, check: Callable[[], None] = lambda: None) -> Trained:
    """Read, fit, judge, and score where the verdict allows; too little data is a status."""
    try:
        return train_data(read_job(job), job, check)
    except InsufficientDataError as error:
        return NoModel(job.division, job.slug, str(error))


def read_job(job: DivisionJob) -> Known:
    """The cutoffs of a job at which its division could be bought.

    Raises:
        InsufficientDataError: there is none, or the division has ended.
    """
    end = job.valid[1]
    if end is not None and end <= job.score_cutoff:
        raise InsufficientDataError(f"the division ended before {end:%Y-%m-%d}", where=job.division)
    if job.held is not None:
        return _read(job, None)
    inputs = job.division, job.slug, job.cutoffs, job.valid, job.mix
    return recall_division(job.division, job.slug, lambda: (inputs, job.digests()), partial(_read, job))


def _read(job: DivisionJob, cutoffs: Sequence[date] | None) -> DivisionData:
    data = job.data(cutoffs).while_sold(job.valid)
    if not data.cutoffs:
        raise InsufficientDataError(
            "no cutoff with a full window lies in the time that the SKU map gives the division", where=job.division
        )
    return replace(data, mix=job.mix)


def train_data(data: Known, job: DivisionJob, check: Callable[[], None] = lambda: None) -> Evaluated:
    """Fit and judge ``data``, and score the accounts of the scoring cutoff where the verdict allows.

    Raises:
        InsufficientDataError: too few buyers for a model.
    """
    outline = data.outline
    fitted = recall_fit(data, job.settings, seed=job.seed, target=job.score_cutoff, check=check)
    evaluation = judge_fit(job, data, fitted)
    model = fitted.model.with_verdict(evaluation.verdict, evaluation.reasons)
    check()
    scores = undated = None
    if model.published and job.slug != "any_purchase":
        features = job.scoring_features()
        scores = score_accounts(model, features, outline.catalog, job.settings)
        undated = recall_undated(data, features, fitted.inputs.names, job.settings, seed=job.seed)
    sample = _sample(data, model, job.settings.train.sample_rows)
    return Evaluated(
        data.division, data.slug, model, fitted, evaluation, scores, outline.positives, outline.rows, sample,
        undated=undated,
    )  # fmt: skip


def judge_fit(job: DivisionJob, data: Known, fitted: Fitted) -> Evaluation:
    """What a model that was fitted on ``data`` is worth, and the verdict on it."""
    return recall_evaluation(
        fitted, job.settings.train, seed=job.seed, score_cutoff=job.score_cutoff, base_rates=data.outline.base_rates,
        windows=data.outline.windows, looks=job.looks,
    )  # fmt: skip


def train_pooled(
    jobs: Sequence[DivisionJob], own: Mapping[str, Trained], check: Callable[[], None] = lambda: None
) -> list[Evaluated]:
    """One model for all divisions, for those whose own is none, or a rule, or judged on few buyers.

    Args:
        jobs: all divisions.
        own: what each division has by itself.

    Returns:
        The divisions of which more is known than before.
    """
    small = [job.division for job in jobs if _is_small(own[job.division], job)]
    if not small:
        return []
    datas = {}
    for job in jobs:
        try:
            datas[job.division] = read_job(job)
        except InsufficientDataError:
            continue
    found = pool_small(jobs[0], datas, small, check)
    more = [_from_pool(job, datas[job.division], found[job.division], own[job.division]) for job in jobs
            if job.division in found]  # fmt: skip
    return [each for each in more if each is not None]


def pool_small(
    job: DivisionJob, datas: Mapping[str, Known], small: Sequence[str], check: Callable[[], None]
) -> dict[str, Pooled]:
    """The model for all divisions, or the best rule, for those of ``small``; see :func:`~icp_xl.propensity.pooled`.

    Args:
        job: any of the divisions; all have the same settings and the same day.
        datas: what there is of every division.
        small: names of those that are too small.
        check: called between steps; raises to cancel.
    """
    known = [name for name in datas if name in small]
    if not known or len(datas) < 2:
        return {}
    seed, target = job.settings.run.seed, job.score_cutoff
    return recall_pooled([*datas.values()], known, job.settings, seed=seed, target=target, check=check)


def _is_small(own: Trained, job: DivisionJob) -> bool:
    if isinstance(own, Evaluated):
        return is_small(own.fitted, job.settings.train, job.looks)
    return isinstance(own, NoModel)


def is_small(own: Fitted, train: TrainSettings, looks: int) -> bool:
    """Whether the model for all divisions may serve better: few buyers judged, and a rule or no skill of its own."""
    few = own.latest["label"].sum() < train.ready_positives
    return bool(few) and (own.model.kind in BASELINES or not proves_skill(own, train, looks))


def _from_pool(job: DivisionJob, data: Known, found: Pooled, own: Trained) -> Evaluated | None:
    """What the model for all, or the best rule, is worth in one division; ``None`` where that adds nothing."""
    fitted, train, outline = found.fitted, job.settings.train, data.outline
    evaluation = judge_fit(job, data, fitted)
    verdict, reasons = pooled_verdict(evaluation, found, train.evidence)
    if verdict == NOT_READY and not isinstance(own, NoModel):
        return None
    model = fitted.model.with_verdict(verdict, reasons)
    scores = None
    if model.published:
        scores = score_accounts(model, job.scoring_features(), outline.catalog, job.settings)
    evaluation = replace(evaluation, verdict=verdict, reasons=tuple(reasons))
    sample = _sample(data, model, train.sample_rows)
    status = own.status if isinstance(own, NoModel | Evaluated) and not model.published else ""
    return Evaluated(
        job.division, job.slug, model, fitted, evaluation, scores, outline.positives, outline.rows, sample, status
    )


#: How surely a small division that leans on the others has to rank its own buyers better than chance.
OWN_EVIDENCE = 0.95


def pooled_verdict(evaluation: Evaluation, found: Pooled, evidence: float) -> tuple[str, list[str]]:
    """Whether a small division is served, and why: never as Ready.

    Where the others carry the proof, one still has to rank its own buyers better than chance, at :data:`OWN_EVIDENCE`.
    """
    auc, buyers = evaluation.metrics["auc"].value, evaluation.positives
    verdict, reasons = evaluation.verdict, list(evaluation.reasons)
    if verdict != NOT_READY:
        verdict = CARE
    elif (
        found.fitted.model.kind == KIND
        and certain(found, evidence)
        and is_certain(auc, buyers, evaluation.rows, OWN_EVIDENCE)
    ):
        verdict = CARE
        alone = "its one buyer proves" if buyers == 1 else f"its {buyers} buyers alone prove"
        reasons = [f"{alone} too little (AUC {auc:.3f}), all small divisions together do"]
    if found.fitted.model.kind == KIND:
        gain, error = found.gain
        serves = "is the best there is" if verdict == NOT_READY else "serves"
        noise = f" (± {1.96 * error:.3f})" if error else ""
        reasons.insert(0, f"one model for all divisions {serves}: over the small ones its AUC is {gain:+.3f}{noise} "
                          "to the best rule")  # fmt: skip
    return verdict, reasons


def _sample(data: Known, model: DivisionModel, most: int) -> pd.DataFrame:
    """The model's features of accounts at the latest cutoff, evenly spread, for looking at drift later."""
    inputs = list(dict.fromkeys(each.partition("=")[0] for each in model.features))
    latest = data.latest
    return latest.iloc[_spread(len(latest), most)][[name for name in inputs if name in latest]]


def train_any(jobs: list[DivisionJob], check: Callable[[], None] = lambda: None) -> Trained:
    """A purchase in any division, as one more question."""
    first = jobs[0]
    job = DivisionJob(
        "Any purchase", "any_purchase", first.cutoffs, first.score_cutoff, first.settings, first.files, first.looks
    )
    try:
        data = any_of([each.data() for each in jobs])
        return train_data(data, job, check)
    except InsufficientDataError as error:
        return NoModel(job.division, job.slug, str(error))


def score_accounts(
    model: DivisionModel, features: pd.DataFrame, catalog: pd.DataFrame, settings: Settings
) -> DivisionScores:
    """Probabilities and reasons as of the features' cutoff, one row per account.

    Args:
        model: a model whose verdict allows it.
        features: one row per account, as of the scoring cutoff.
        catalog: meaning and window of each feature.
        settings: rows of the sample of explanations.

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
    return DivisionScores(frame, reasons, global_importance(terms, catalog), terms.iloc[kept])


def facts_of(trained: Trained) -> dict[str, Any]:
    """Figures of a trained division for files and sheets; ``None`` where a figure has no meaning."""
    if not isinstance(trained, Evaluated):
        return {"status": trained.status if isinstance(trained, NoModel) else ""}
    evaluation, fitted = trained.evaluation, trained.fitted
    expected = expected_share(trained)
    return {
        "expected_share": None if expected is None else list(expected),
        "level": fitted.level.to_json(),
        "model": trained.model.kind,
        "rows": evaluation.rows,
        "positives": evaluation.positives,
        "rule": evaluation.baseline,
        "calibration_loss": evaluation.calibration_loss,
        "calibration_slope": _number(evaluation.slope),
        "calibration_intercept": _number(evaluation.intercept),
        "base_rates": evaluation.base_rates,
        "season_seen": evaluation.season_seen,
        "train_auc": fitted.train_auc,
        "forward_in_time": fitted.forward,
        "undated_fields": None if trained.undated is None else trained.undated.to_json(),
    }


def expected_share(trained: Evaluated) -> tuple[float, float, float] | None:
    """Share of the scored accounts that is expected to buy, with its 95 % interval."""
    if trained.scores is None:
        return None
    return trained.fitted.level.rates(trained.scores.frame["p_icp"].to_numpy(np.float64))


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _spread(n: int, most: int) -> np.ndarray:
    """Positions of at most so many rows, evenly spread."""
    return np.linspace(0, n - 1, min(n, most)).round().astype(int)

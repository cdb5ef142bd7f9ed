"""One division's model: candidates and rules judged out of time on the same split, the simplest good one chosen.

The protocol, all before anything of the future is seen:

1. Folds go forward in time: a cutoff is predicted from those whose label windows had ended by it. With a single cutoff
   they are grouped by account. How far back to learn from is decided on the earlier of the judging cutoffs.
2. Rules and candidates (logistic regression, LightGBM, their mean) are fitted on the same training rows of each fold. A
   candidate is an ensemble: each member learns from all accounts but a group of its own, the newest cutoffs with the
   most say. What the members say of the accounts that they did not see calibrates the ensemble, and tells the level of
   every past window, from which that of the coming one is forecast. So the probabilities of a judging cutoff are those
   that would have been published then.
3. Among the rules, and among the candidates, the highest mean lift@10 over the folds wins; those within the noise of a
   paired bootstrap are told apart by their mean Brier loss. The best candidate replaces the best rule only if its lift
   or AUC is higher beyond noise, or its Brier loss lower by more than two standard errors, and neither lift nor AUC is
   lower beyond noise; within noise, if its Brier loss is lower and the windows of a year agree on its AUC, all but one
   at most. Otherwise the rule is what is published.
4. The chosen one is fitted and calibrated again in the same way on all cutoffs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit, logit

from icp_xl.config import Settings
from icp_xl.config.train import TrainSettings
from icp_xl.errors import InsufficientDataError
from icp_xl.propensity.arena import (
    MODELS,
    ORDER,
    P,
    choose_candidate,
    cross_fitted,
    fallen_behind,
    measure_candidate,
)
from icp_xl.propensity.baselines import BASELINES, GONE_FEATURES, fit_baseline, fit_gone, rate_of
from icp_xl.propensity.calibration import Calibrator, fit_calibrator, lifted, slope_and_intercept
from icp_xl.propensity.candidates import (
    BEYOND,
    Recipe,
    account_members,
    blend,
    choose_recipe,
    fit_family,
    recent_losses,
)
from icp_xl.propensity.data import CutoffData, DivisionData
from icp_xl.propensity.inputs import ModelInputs, choose_inputs, same_columns
from icp_xl.propensity.level import Level, Mix, differs_by_season, forecast_level, knows_a_year, own_levels, shift_of
from icp_xl.propensity.matrix import DesignMatrix, Ensemble, Matrices
from icp_xl.propensity.metrics import Curve
from icp_xl.propensity.model import DivisionModel
from icp_xl.propensity.splits import Fold, account_folds, forward_folds, recent
from icp_xl.propensity.windows import COMPLETED, complete_windows

Floats = NDArray[np.float64]
#: Rows over all members of an ensemble, and the members that there are at most.
_MEMBER_ROWS = 60_000
_MOST_MEMBERS = 3
#: Log-odds that differ less than this between all accounts are those of a failed fit.
_FLAT = 1e-4
#: Cutoffs that do not overlap, against which learning from all of them must hold its own.
_RECENT = 3


@dataclass(frozen=True)
class Fitted:
    """A model and how it was come by.

    ``judged`` has one row per account × judging cutoff: account_id, cutoff_date, fold, label, revenue, gross_profit,
    p_hat (as it would have been published then), and per rule and candidate its log-odds (across accounts: less those
    of the base rate) under its name and its
    calibrated probability under ``p_`` and its name. ``candidates`` has one row per
    candidate × cutoff with its metrics. ``steps`` tells the choice in words. ``forward`` is false where the folds
    could only be grouped by account. ``level`` is what the coming window is expected to differ by.
    """

    model: DivisionModel
    judged: pd.DataFrame
    candidates: pd.DataFrame
    steps: tuple[str, ...]
    inputs: ModelInputs
    recipe: Recipe
    forward: bool
    train_auc: float
    level: Level = Level()

    @property
    def latest(self) -> pd.DataFrame:
        """The judged rows of the latest cutoff."""
        frame = self.judged
        latest: pd.DataFrame = frame[frame["fold"] == frame["fold"].max()]
        return latest

    @property
    def best_baseline(self) -> str:
        """The rule with the highest AUC on the latest cutoff."""
        rows = self.candidates[self.candidates["fold"] == self.candidates["fold"].max()]
        rules = rows[rows["candidate"].isin(BASELINES)].sort_values("auc", ascending=False, kind="stable")
        return str(rules["candidate"].iloc[0])


@dataclass(frozen=True)
class Candidate:
    """A rule or an ensemble with its calibration, fitted as of one day; ``shifts`` are the levels of past windows."""

    parts: Ensemble
    calibrator: Calibrator
    level: Level


def fit_division(
    data: DivisionData, settings: Settings, *, seed: int, target: date | None = None,
    check: Callable[[], None] = lambda: None,
) -> Fitted:  # fmt: skip
    """Fit, choose and calibrate.

    Args:
        data: cutoffs to learn from, all with full label windows.
        target: the cutoff to be predicted; by default the end of the latest window.
        check: called between steps; raises to cancel.

    Raises:
        InsufficientDataError: too few buyers, or only one outcome.
    """
    train = settings.train
    if data.buyers < train.min_positives:
        raise InsufficientDataError(
            f"not enough outcomes: {data.buyers}, needs {train.min_positives}", where=data.division
        )
    end = target or data.cutoffs[-1].window_end
    known = replace(data, cutoffs=same_columns(data.cutoffs))
    data = complete_windows(known, end)
    inputs = choose_inputs(data.cutoffs, train, settings.leakage)
    folds, forward = forward_folds(data), True
    if not folds:
        folds, forward = account_folds(data, train.folds, seed), False
    if not folds or not inputs.names:
        raise InsufficientDataError(
            "the cutoffs allow no comparison" if inputs.names else "there are no usable features", where=data.division
        )
    matrices = Matrices(inputs.names, data.cutoffs)
    learned, folds, steps = _choose_history(data, folds, matrices, train, forward)
    recipe = choose_recipe(folds[-1], matrices, train, seed, check)
    if data is not known:
        steps.append(COMPLETED)
    judged, behind = _judge(folds, data, matrices, recipe, train, seed, forward, check)
    names = [name for name in ORDER if name in judged]
    steps += [f"{name}: {behind.get(name, 'failed')}, left out" for name in train.candidates if name not in judged]
    judged = cross_fitted(judged, names, seed)
    parts = _by_fold(judged)
    candidates = pd.DataFrame([measure_candidate(name, fold, part) for name in names for fold, part in parts])
    chosen, told = choose_candidate(judged, candidates, names, train.bootstrap, seed)
    check()
    final = fit_candidates(learned, matrices, recipe, train, seed, (chosen,), end, data.cutoffs, data.mix)
    if chosen not in final:
        # Fitted on all cutoffs it failed; the best rule never does.
        chosen = _best_of(candidates, BASELINES)
        final = fit_candidates(learned, matrices, recipe, train, seed, (chosen,), end, data.cutoffs, data.mix)
        told.append(f"the fit on all cutoffs failed: {chosen} serves")
    judged["p_hat"] = judged[P + chosen]
    found = final[chosen]
    scores = matrices.log_odds(found.parts, learned[-1])
    longer = knows_a_year(data.cutoffs[0].cutoff, end)
    calibrator = _tempered(found, judged, scores, longer) if forward else found.calibrator
    model = DivisionModel(
        data.division, data.slug, chosen, found.parts, calibrator, tuple(each.cutoff for each in learned),
        data.window_months,
    )  # fmt: skip
    train_auc = Curve(learned[-1].label, scores).auc()
    return Fitted(model, judged, candidates, (*steps, *told), inputs, recipe, forward, train_auc, found.level)


def _choose_history(
    data: DivisionData, folds: Sequence[Fold], inputs: Matrices, train: TrainSettings, forward: bool
) -> tuple[tuple[CutoffData, ...], list[Fold], list[str]]:
    """All cutoffs, or the last few that do not overlap where they predict the windows before the judging one better.

    Better means beyond noise over the windows of a year: a few windows know no season and fewer buyers, so all are
    learned from where the comparison cannot tell.
    """
    few = recent(data.cutoffs, _RECENT)
    if not forward or len(few) == len(data.cutoffs):
        return data.cutoffs, list(folds), []
    told = f"learned from {len(data.cutoffs)} cutoffs from {data.cutoffs[0].cutoff:%Y-%m-%d}"
    early = [
        fold
        for fold in forward_folds(data.before(folds[-1].valid.cutoff))
        if len(recent(fold.train, _RECENT)) < len(fold.train)
    ]
    if not early:
        return data.cutoffs, list(folds), [f"{told}: no earlier window could decide otherwise"]
    whole = np.concatenate([recent_losses(each, inputs, train) for each in early])
    part = np.concatenate([recent_losses(_shortened(each), inputs, train) for each in early])
    lost, error = (whole - part).mean(), (whole - part).std() / np.sqrt(part.size)
    windows = ", ".join(f"{each.valid.cutoff:%Y-%m-%d}" for each in early)
    said = f"log-loss {whole.mean():.4f} on the windows from {windows}, {part.mean():.4f} from the last {_RECENT}"
    if lost <= BEYOND * error:
        return data.cutoffs, list(folds), [f"{told}: {said}"]
    shorter = [_shortened(each) for each in folds]
    return few, shorter, [f"learned from the last {len(few)} cutoffs without overlap, not from all: {said}"]


def _shortened(fold: Fold) -> Fold:
    return replace(fold, train=recent(fold.train, _RECENT))


def _judge(
    folds: Sequence[Fold], data: DivisionData, inputs: Matrices, recipe: Recipe, train: TrainSettings,
    seed: int, forward: bool, check: Callable[[], None],
) -> tuple[pd.DataFrame, dict[str, str]]:  # fmt: skip
    """Log-odds and probabilities of every rule and candidate on the judging rows of each fold.

    A candidate that falls behind beyond doubt is not fitted for the folds that follow; its name comes with the reason.
    """
    frames, behind = [], dict[str, str]()
    for number, fold in enumerate(folds):
        check()
        valid = fold.valid
        told: dict[str, Any] = {
            "account_id": valid.accounts, "cutoff_date": pd.Timestamp(valid.cutoff), "fold": number if forward else 0,
            "label": valid.label, "revenue": valid.revenue, "gross_profit": valid.gross_profit,
        }  # fmt: skip
        wanted = (*train.baselines, *(name for name in train.candidates if name not in behind))
        past = [each for each in data.cutoffs if each.window_end <= valid.cutoff] if forward else ()
        found = fit_candidates(fold.train, inputs, recipe, train, seed, wanted, valid.cutoff, past, data.mix)
        # Where by chance more accounts of a fold bought, fewer did of those that it is learned from: that is no skill.
        apart = 0.0 if forward else float(logit(rate_of(fold.train)))
        for name, candidate in found.items():
            odds = inputs.log_odds(candidate.parts, valid)
            if not np.isfinite(odds).all():
                continue
            told |= {name: odds - apart, P + name: candidate.calibrator.apply(odds)}
        frame = pd.DataFrame(told)
        frames.append(frame)
        behind |= fallen_behind(frame) if forward and number < len(folds) - 1 else {}
        check()
    # A candidate that failed on one fold is out of the contest on all.
    return pd.concat(frames, ignore_index=True).dropna(axis=1, how="any"), behind


def fit_candidates(
    cutoffs: Sequence[CutoffData], inputs: Matrices, recipe: Recipe, train: TrainSettings, seed: int,
    wanted: Sequence[str], target: date, past: Sequence[CutoffData] = (), mix: Mix | None = None,
) -> dict[str, Candidate]:  # fmt: skip
    """Baselines and candidates of the kinds ``wanted``, fitted and calibrated for the window of a day.

    One whose log-odds are not finite or do not differ between accounts is left out.

    Args:
        cutoffs: to learn from.
        inputs: of these cutoffs and of what is asked of the candidates.
        recipe: settings of each family.
        train: settings of training.
        seed: of samples and trees.
        wanted: kinds of candidates: baselines and families.
        target: the day for whose window they are calibrated.
        past: further cutoffs, too old to learn from, whose levels tell of the season.
        mix: buyers by month of the log's first year, which tell of the season too.
    """
    made: dict[str, Candidate] = {}
    for name in BASELINES:
        rule = fit_baseline(name, cutoffs) if name in wanted else None
        if rule is not None:
            parts: Ensemble = ((1.0, rule),)
            made[name] = _calibrated(parts, None, cutoffs, inputs, train, target, past, mix)
    if not set(wanted) & set(MODELS):
        return made
    rows = inputs.stack(cutoffs, train.half_life_months)
    count = int(np.clip(_MEMBER_ROWS // max(rows.y.size, 1), 2, min(_MOST_MEMBERS, train.tree_seeds + 1)))
    members = account_members(rows.accounts, count, seed)
    if any(not 0.0 < rows.y[member].mean() < 1.0 for member in members):
        return made
    fitted: dict[str, tuple[Ensemble, Floats]] = {}
    # Once the log holds a year, what differs between windows and not between accounts is a level of each window, and no
    # part of the model: trees know a window by its features, and a season so learned is missed in the forecast.
    apart, begins = differs_by_season(cutoffs[0].cutoff, target), None
    if apart or "logreg" in wanted or "blend" in wanted:
        fitted["logreg"] = fit_family("logreg", rows, inputs.names, recipe, seed, members, apart=apart)
    if "lgbm" in wanted or "blend" in wanted:
        if apart:
            linear = fitted["logreg"][1]
            moved = own_levels(rows.y, linear, rows.window)[1] - linear
            mean = np.bincount(rows.window, weights=moved) / np.bincount(rows.window)
            begins = (np.average(linear, weights=rows.weight) + mean)[rows.window]
        fitted["lgbm"] = fit_family("lgbm", rows, inputs.names, recipe, seed, members, begins)
    if "blend" in wanted:
        (one, first), (two, second) = fitted["logreg"], fitted["lgbm"]
        fitted["blend"] = (blend(one, two), (first + second) / 2.0)
    for name, (parts, aside) in fitted.items():
        if name in wanted and np.isfinite(aside).all() and np.ptp(aside) > _FLAT:
            if apart and set(GONE_FEATURES) <= set(inputs.names):
                told = fit_gone(cutoffs, own_levels(rows.y, aside, rows.window)[1], rows.y, rows.weight)
                if told is not None:
                    parts, aside = (*parts, (1.0, told[0])), aside + told[1]
            made[name] = _calibrated(parts, (rows, aside), cutoffs, inputs, train, target, past, mix)
    return made


def _calibrated(
    parts: Ensemble, unseen: tuple[DesignMatrix, Floats] | None, cutoffs: Sequence[CutoffData], inputs: Matrices,
    train: TrainSettings, target: date, past: Sequence[CutoffData], mix: Mix | None,
) -> Candidate:  # fmt: skip
    """The candidate with its calibrator and the level that the window of ``target`` is expected to have.

    Args:
        unseen: the rows and what members that had not seen their accounts say of them; ``None`` for a rule, whose few
            numbers are calibrated as they are fitted.
    """
    if unseen is None:
        odds, accounts = (np.concatenate(each) for each in zip(
            *((inputs.log_odds(parts, each), each.accounts) for each in cutoffs), strict=True))  # fmt: skip
        y, weight, method = np.concatenate([each.label for each in cutoffs]).astype(np.float64), None, "platt"
    else:
        rows, odds = unseen
        y, weight, accounts, method = rows.y, rows.weight, rows.accounts, train.calibration
    # Each window at its own level: how bold the model is, is one matter, and how many buy is another.
    window = np.repeat(np.arange(len(cutoffs)), [len(each.label) for each in cutoffs])
    shifts, levelled = own_levels(y, odds, window)
    calibrator = fit_calibrator(levelled, y, method, weight=weight, accounts=accounts)
    known = {each.cutoff for each in cutoffs}
    older = [each for each in past if each.cutoff not in known and len(each.label)]
    shifts = [shift_of(each.label.astype(np.float64), expit(inputs.log_odds(parts, each))) for each in older] + shifts
    level = forecast_level(
        [each.cutoff for each in (*older, *cutoffs)], shifts, target, cutoffs[-1].window_months, train.half_life_months,
        mix,
    )  # fmt: skip
    return Candidate(parts, replace(calibrator, rate=level.shift), level)


def _tempered(found: Candidate, judged: pd.DataFrame, scores: Floats, longer: bool) -> Calibrator:
    """Probabilities drawn to each other, or apart, as far as those of the judged windows were too bold, beyond noise.

    Whether too many or too few were expected in a window is no matter of boldness: each window is set to its own level
    before the slope is found, and as many are expected after the drawing as before, by the log-odds ``scores``.
    ``longer``: the log knows a year; then the windows that judge go back to models which had learned from far less and
    were the more careful for it, so that nothing is drawn apart.
    """
    parts = []
    for _, each in _by_fold(judged):
        y, p = each["label"].to_numpy(np.float64), each["p_hat"].to_numpy(np.float64)
        parts.append((y, expit(lifted(logit(p), shift_of(y, p)[0]))))
    y, p = (np.concatenate(column) for column in zip(*parts, strict=True))
    slope, _ = slope_and_intercept(y, p)
    odds = logit(p)
    error = 1.0 / float(np.sqrt(max((p * (1.0 - p) * (odds - odds.mean()) ** 2).sum(), 1e-9)))
    if not np.isfinite(slope) or abs(slope - 1.0) <= BEYOND * error or (longer and slope > 1.0):
        return found.calibrator
    # As far as it is beyond noise: models that learned from less, as those of earlier windows did, are too careful.
    slope = 1.0 + (slope - 1.0) * (1.0 - (BEYOND * error / (slope - 1.0)) ** 2)
    slope, wanted = float(np.clip(slope, 0.5, 1.5)), found.calibrator.apply(scores).mean()

    def missed(pivot: float) -> float:
        return float(found.calibrator.drawn(slope, pivot).apply(scores).mean() - wanted)

    return found.calibrator.drawn(slope, float(brentq(missed, -60.0, 60.0)))


def _by_fold(judged: pd.DataFrame) -> list[tuple[int, pd.DataFrame]]:
    return [(int(fold), judged[judged["fold"] == fold]) for fold in sorted(judged["fold"].unique())]


def _best_of(candidates: pd.DataFrame, names: Sequence[str]) -> str:
    means = candidates[candidates["candidate"].isin(names)].groupby("candidate")["auc"].mean()
    return str(means.idxmax())


def describe_recipe(recipe: Recipe) -> Mapping[str, Any]:
    """The chosen settings, for the model card."""
    return {
        "logreg": recipe.logreg.model_dump() if recipe.logreg else None,
        "lgbm": recipe.lgbm.model_dump() if recipe.lgbm else None,
        "rounds": recipe.rounds,
        "regularised": recipe.regularised,
    }

"""One division's model: candidates and rules judged out of time on the same split, the simplest good one chosen.

The protocol, all before anything of the future is seen:

1. Folds go forward in time: a cutoff is predicted from those whose label windows had ended by it. With a single cutoff
   they are grouped by account.
2. Rules (base rate, recency, frequency, BG/NBD) and candidates (logistic regression, LightGBM, their mean) are fitted
   on the same training rows of each fold.
3. The choice goes from simple to complex. A candidate replaces the one before it only if its mean lift@10 over the
   folds is higher beyond the noise of a paired bootstrap, or, where lift cannot tell, if its Brier loss is lower beyond
   noise.
4. The chosen one is fitted again on all cutoffs. Its calibration comes from the latest fold, which is later than
   anything that its fold model saw; the probabilities reported for that fold are cross-fitted by account.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from icp_xl.config import Settings
from icp_xl.errors import InsufficientDataError
from icp_xl.propensity.baselines import fit_rule
from icp_xl.propensity.calibration import Calibrator, fit_calibrator
from icp_xl.propensity.candidates import Recipe, blend, choose_recipe, fit_family, stack
from icp_xl.propensity.data import CutoffData, DivisionData
from icp_xl.propensity.inputs import Inputs, choose_inputs
from icp_xl.propensity.metrics import Curve, compare
from icp_xl.propensity.model import DivisionModel, Part
from icp_xl.propensity.splits import Fold, account_folds, account_groups, forward_folds

Floats = NDArray[np.float64]
Parts = tuple[tuple[float, Part], ...]
#: Order of complexity.
ORDER = ("base_rate", "recency", "frequency", "bgnbd", "logreg", "lgbm", "blend")
RULES = ORDER[:4]


@dataclass(frozen=True)
class Fitted:
    """A model and how it was come by.

    ``judged`` has one row per account × judging cutoff: account_id, cutoff_date, fold, label, revenue, gross_profit,
    p_hat (calibrated, cross-fitted) and one column of log-odds per rule and candidate. ``candidates`` has one row per
    candidate × cutoff with its metrics. ``steps`` tells the choice in words. ``forward`` is false where the folds
    could only be grouped by account.
    """

    model: DivisionModel
    judged: pd.DataFrame
    candidates: pd.DataFrame
    steps: tuple[str, ...]
    inputs: Inputs
    recipe: Recipe
    forward: bool
    train_auc: float

    @property
    def latest(self) -> pd.DataFrame:
        """The judged rows of the latest cutoff."""
        frame = self.judged
        latest: pd.DataFrame = frame[frame["fold"] == frame["fold"].max()]
        return latest

    @property
    def best_rule(self) -> str:
        """The rule with the highest AUC on the latest cutoff."""
        rows = self.candidates[self.candidates["fold"] == self.candidates["fold"].max()]
        rules = rows[rows["candidate"].isin(RULES)].sort_values("auc", ascending=False, kind="stable")
        return str(rules["candidate"].iloc[0])


def fit_division(
    data: DivisionData, settings: Settings, *, seed: int, check: Callable[[], None] = lambda: None
) -> Fitted:
    """Fit, choose and calibrate.

    Args:
        data: cutoffs to learn from, all with full label windows.
        check: called between steps; raises to cancel.

    Raises:
        InsufficientDataError: too few buyers, or only one outcome.
    """
    train = settings.train
    if data.positives < train.min_positives:
        raise InsufficientDataError(
            f"not enough outcomes: {data.positives}, needs {train.min_positives}", where=data.division
        )
    inputs = choose_inputs(data.cutoffs, train, settings.gauntlet)
    folds, forward = forward_folds(data), True
    if not folds:
        folds, forward = account_folds(data, train.folds, seed), False
    if not folds or not inputs.names:
        raise InsufficientDataError(
            "the cutoffs allow no comparison" if inputs.names else "there are no usable features", where=data.division
        )
    recipe = choose_recipe(folds[-1], inputs.names, train, seed, check)
    judged = _judge(folds, inputs.names, recipe, settings, seed, forward, check)
    names = [name for name in ORDER if name in judged]
    candidates = pd.DataFrame(
        [_row(name, fold, part) for name in names for fold, part in judged.groupby("fold", sort=True)]
    )
    chosen, steps = _choose(judged, candidates, names, train.bootstrap, seed)
    check()
    parts = _fit_final(chosen, data.cutoffs, inputs.names, recipe, seed, train.tree_seeds)
    latest = judged[judged["fold"] == judged["fold"].max()]
    if latest["label"].sum() < train.min_positives:
        latest = judged
    calibrator = fit_calibrator(latest[chosen], latest["label"], train.calibration)
    judged["p_hat"] = _cross_fitted(judged, chosen, train.calibration, seed)
    model = DivisionModel(
        data.division, data.slug, chosen, parts, calibrator, tuple(each.cutoff for each in data.cutoffs),
        data.window_months,
    )  # fmt: skip
    return Fitted(model, judged, candidates, tuple(steps), inputs, recipe, forward, _training_auc(model, data.cutoffs))


def _judge(
    folds: Sequence[Fold],
    names: Sequence[str],
    recipe: Recipe,
    settings: Settings,
    seed: int,
    forward: bool,
    check: Callable[[], None],
) -> pd.DataFrame:
    """Log-odds of every rule and candidate on the judging rows of each fold."""
    frames = []
    for number, fold in enumerate(folds):
        check()
        valid = fold.valid
        frame = pd.DataFrame(
            {
                "account_id": valid.accounts, "cutoff_date": pd.Timestamp(valid.cutoff),
                "fold": number if forward else 0, "label": valid.label, "revenue": valid.revenue,
                "gross_profit": valid.gross_profit,
            }
        )  # fmt: skip
        found = _rules(fold, settings.train.baselines)
        found.update(_models(fold.train, names, recipe, seed, settings.train.tree_seeds, settings.train.candidates))
        for name, parts in found.items():
            frame[name] = DivisionModel("", "", name, parts, Calibrator("platt"), (), 0).log_odds(valid.features)
        frames.append(frame)
        check()
    return pd.concat(frames, ignore_index=True)


def _rules(fold: Fold, wanted: Sequence[str]) -> dict[str, Parts]:
    fitted = {name: fit_rule(name, fold.train) for name in wanted}
    return {name: ((1.0, rule),) for name, rule in fitted.items() if rule is not None}


def _models(
    cutoffs: Sequence[CutoffData],
    names: Sequence[str],
    recipe: Recipe,
    seed: int,
    seeds: int,
    wanted: Sequence[str],
) -> dict[str, Parts]:
    """Candidates fitted on ``cutoffs``; what a blend is made of is fitted once."""
    rows = stack(cutoffs, names)
    made: dict[str, Parts] = {}
    for family in ("logreg", "lgbm"):
        if family in wanted or "blend" in wanted:
            made[family] = fit_family(family, rows, names, recipe, seed, seeds)
    if "blend" in wanted:
        made["blend"] = blend(made["logreg"], made["lgbm"])  # type: ignore[arg-type]
    return {name: parts for name, parts in made.items() if name in wanted}


def _fit_final(
    chosen: str, cutoffs: Sequence[CutoffData], names: Sequence[str], recipe: Recipe, seed: int, seeds: int
) -> Parts:
    if chosen in RULES:
        rule = fit_rule(chosen, cutoffs)
        assert rule is not None
        return ((1.0, rule),)
    return _models(cutoffs, names, recipe, seed, seeds, (chosen,))[chosen]


def _row(name: str, fold: Any, part: pd.DataFrame) -> dict[str, Any]:
    measured = Curve(part["label"], expit(part[name]), part["revenue"]).measure()
    figures = {key: float(values[0]) for key, values in measured.items()}
    return {"candidate": name, "fold": fold, "cutoff_date": part["cutoff_date"].iloc[0], "rows": len(part), **figures}


def _choose(
    judged: pd.DataFrame, candidates: pd.DataFrame, names: Sequence[str], resamples: int, seed: int
) -> tuple[str, list[str]]:
    """From simple to complex, each step only beyond noise; and what was said at each."""
    y, groups = judged["label"].to_numpy(np.float64), judged["account_id"].to_numpy(object)
    lift = candidates.groupby("candidate")["lift_10"].mean()
    place = {name: judged.groupby("fold")[name].rank(pct=True).to_numpy() for name in names}
    loss = {name: (expit(judged[name].to_numpy(np.float64)) - y) ** 2 for name in names}
    best, steps = names[0], []
    for name in names[1:]:
        if judged[name].nunique() < 2:
            steps.append(f"{name}: gives every account the same probability, left out")
            continue
        gain = compare(y, place[name], place[best], resamples=resamples, seed=seed, groups=groups)["lift_10"]
        saved = loss[best] - loss[name]
        error = float(saved.std() / np.sqrt(max(saved.size, 1)))
        beyond = gain.low > 0.0
        tie = gain.low <= 0.0 <= gain.high
        sharper = float(saved.mean()) > 1.96 * error
        text = f"{name} against {best}: lift@10 {lift[name]:.2f} to {lift[best]:.2f}"
        if beyond or (tie and sharper):
            steps.append(f"{text}, better {'beyond noise' if beyond else 'by Brier loss'}")
            best = name
        else:
            steps.append(f"{text}, {'no better beyond noise' if tie else 'worse'}")
    return best, steps


def _cross_fitted(judged: pd.DataFrame, chosen: str, method: str, seed: int) -> Floats:
    """Calibrated probabilities of judged rows, each from a calibrator that did not see its account."""
    p = np.empty(len(judged))
    for fold in judged["fold"].unique():
        rows = (judged["fold"] == fold).to_numpy()
        x, y = judged.loc[rows, chosen].to_numpy(), judged.loc[rows, "label"].to_numpy()
        [half] = account_groups([judged.loc[rows, "account_id"].to_numpy(object)], 2, seed)
        found = np.empty(int(rows.sum()))
        for k in (0, 1):
            found[half == k] = fit_calibrator(x[half != k], y[half != k], method).apply(x[half == k])
        p[rows] = found
    return p


def _training_auc(model: DivisionModel, cutoffs: Sequence[CutoffData]) -> float:
    y = np.concatenate([each.label for each in cutoffs])
    score = np.concatenate([model.log_odds(each.features) for each in cutoffs])
    return float(Curve(y, score).measure()["auc"][0])


def describe_recipe(recipe: Recipe) -> Mapping[str, Any]:
    """The chosen settings, for the model card."""
    return {
        "logreg": recipe.logreg.model_dump() if recipe.logreg else None,
        "lgbm": recipe.lgbm.model_dump() if recipe.lgbm else None,
        "rounds": recipe.rounds,
        "regularised": recipe.regularised,
    }

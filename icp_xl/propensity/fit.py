"""One division's model: candidates and rules judged out of time on the same split, the simplest good one chosen.

The protocol, all before anything of the future is seen:

1. Folds go forward in time: a cutoff is predicted from those whose label windows had ended by it. With a single cutoff
   they are grouped by account.
2. Rules (base rate, recency, frequency, BG/NBD) and candidates (logistic regression, LightGBM, their mean) are fitted
   on the same training rows of each fold.
3. Among the rules, and among the candidates, the highest mean lift@10 over the folds wins; those within the noise of a
   paired bootstrap are told apart by their mean Brier loss. The best candidate replaces the best rule only if its lift
   is higher beyond noise, or, where lift cannot tell, its Brier loss lower by more than two standard errors.
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

from icp_xl.config import Settings
from icp_xl.errors import InsufficientDataError
from icp_xl.propensity.baselines import fit_baseline
from icp_xl.propensity.calibration import Calibrator, fit_calibrator
from icp_xl.propensity.candidates import BEYOND, Recipe, blend, choose_recipe, fit_family, stack
from icp_xl.propensity.data import CutoffData, DivisionData
from icp_xl.propensity.inputs import Inputs, choose_inputs
from icp_xl.propensity.metrics import Curve, Interval, bounds, resample_lifts
from icp_xl.propensity.model import DivisionModel, Part
from icp_xl.propensity.splits import Fold, account_folds, account_groups, forward_folds

Floats = NDArray[np.float64]
Ensemble = tuple[tuple[float, Part], ...]
#: Order of complexity.
ORDER = ("base_rate", "recency", "frequency", "bgnbd", "logreg", "lgbm", "blend")
BASELINES, MODELS = ORDER[:4], ORDER[4:]
#: DesignMatrix over all ensembles of a mean.
_SEED_ROWS = 60_000
#: Before a candidate's name: its calibrated probability, cross-fitted.
_P = "p_"


@dataclass(frozen=True)
class Fitted:
    """A model and how it was come by.

    ``judged`` has one row per account × judging cutoff: account_id, cutoff_date, fold, label, revenue, gross_profit,
    p_hat (calibrated, cross-fitted), and per rule and candidate its log-odds under its name and its calibrated
    probability under ``p_`` and its name. ``candidates`` has one row per
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
    def best_baseline(self) -> str:
        """The rule with the highest AUC on the latest cutoff."""
        rows = self.candidates[self.candidates["fold"] == self.candidates["fold"].max()]
        rules = rows[rows["candidate"].isin(BASELINES)].sort_values("auc", ascending=False, kind="stable")
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
    inputs = choose_inputs(data.cutoffs, train, settings.leakage)
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
    for name in names:
        judged[_P + name] = _cross_fitted(judged, name, "platt", seed)
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


def _rules(fold: Fold, wanted: Sequence[str]) -> dict[str, Ensemble]:
    fitted = {name: fit_baseline(name, fold.train) for name in wanted}
    return {name: ((1.0, rule),) for name, rule in fitted.items() if rule is not None}


def _models(
    cutoffs: Sequence[CutoffData],
    names: Sequence[str],
    recipe: Recipe,
    seed: int,
    seeds: int,
    wanted: Sequence[str],
) -> dict[str, Ensemble]:
    """Candidates fitted on ``cutoffs``; what a blend is made of is fitted once."""
    rows = stack(cutoffs, names)
    made: dict[str, Ensemble] = {}
    # The mean over seeds calms trees grown on few rows; on many there is little left to calm.
    seeds = max(1, min(seeds, _SEED_ROWS // max(rows.y.size, 1)))
    for family in ("logreg", "lgbm"):
        if family in wanted or "blend" in wanted:
            made[family] = fit_family(family, rows, names, recipe, seed, seeds)
    if "blend" in wanted:
        made["blend"] = blend(made["logreg"], made["lgbm"])  # type: ignore[arg-type]
    return {name: parts for name, parts in made.items() if name in wanted}


def _fit_final(
    chosen: str, cutoffs: Sequence[CutoffData], names: Sequence[str], recipe: Recipe, seed: int, seeds: int
) -> Ensemble:
    if chosen in BASELINES:
        rule = fit_baseline(chosen, cutoffs)
        assert rule is not None
        return ((1.0, rule),)
    return _models(cutoffs, names, recipe, seed, seeds, (chosen,))[chosen]


def _row(name: str, fold: Any, part: pd.DataFrame) -> dict[str, Any]:
    measured = Curve(part["label"], part[name], part["revenue"]).measure()
    measured |= {key: found for key, found in Curve(part["label"], part[_P + name]).measure().items() if "brier" in key}
    figures = {key: float(values[0]) for key, values in measured.items()}
    return {"candidate": name, "fold": fold, "cutoff_date": part["cutoff_date"].iloc[0], "rows": len(part), **figures}


def _choose(
    judged: pd.DataFrame, candidates: pd.DataFrame, names: Sequence[str], resamples: int, seed: int
) -> tuple[str, list[str]]:
    """The best rule, the best model, and the model only if it beats the rule beyond noise; and each step in words."""
    arena = _Arena(judged, candidates, resamples, seed)
    varied = [name for name in names if name == names[0] or judged[name].nunique() > 1]
    rules, models = ([name for name in varied if name in kind] for kind in (BASELINES, MODELS))
    steps = [f"{name}: gives every account the same probability, left out" for name in names if name not in varied]
    rule = arena.best(rules, steps) if rules else None
    model = arena.best(models, steps) if models else None
    if rule is None or model is None:
        return str(rule or model), steps
    gain, saved = arena.gain(model, rule), arena.saved(model, rule)
    won = gain.low > 0.0 or (gain.high >= 0.0 and saved[0] > BEYOND * saved[1])
    steps.append(f"{model} against {rule}: {arena.told(model, rule)}, {'better' if won else 'no better'} beyond noise")
    return (model if won else rule), steps


class _Arena:
    """Judged rows, and paired comparisons on them."""

    def __init__(self, judged: pd.DataFrame, candidates: pd.DataFrame, resamples: int, seed: int) -> None:
        self.judged = judged
        self.y, groups = judged["label"].to_numpy(np.float64), judged["account_id"].to_numpy(object)
        means = candidates.groupby("candidate")[["lift_10", "brier_loss"]].mean()
        self.lift, self.loss = ({str(k): float(v) for k, v in means[each].items()} for each in means)
        names = [name for name in ORDER if name in judged]
        # Ranked within each cutoff: a base rate that moves between them says nothing about the order of accounts.
        ranks = {name: judged.groupby("fold")[name].rank(pct=True).to_numpy() for name in names}
        drawn = resample_lifts(self.y, list(ranks.values()), 0.1, resamples=resamples, seed=seed, groups=groups)
        self.drawn = dict(zip(names, drawn, strict=True))
        self.point = {name: float(Curve(self.y, rank).lift(0.1)[0]) for name, rank in ranks.items()}

    def gain(self, name: str, other: str) -> Interval:
        """Difference in lift@10 with the interval of the paired bootstrap over accounts."""
        return Interval(self.point[name] - self.point[other], *bounds(self.drawn[name] - self.drawn[other]))

    def saved(self, name: str, other: str) -> tuple[float, float]:
        """How much lower the Brier loss of ``name`` is, and the standard error of that."""
        one, two = ((self.judged[_P + each].to_numpy(np.float64) - self.y) ** 2 for each in (name, other))
        return float((two - one).mean()), float((two - one).std() / np.sqrt(self.y.size))

    def told(self, name: str, other: str) -> str:
        """Both figures of both, in words."""
        lift, loss = self.lift, self.loss
        return f"lift@10 {lift[name]:.2f} to {lift[other]:.2f}, Brier loss {loss[name]:.4f} to {loss[other]:.4f}"

    def best(self, names: Sequence[str], steps: list[str]) -> str:
        """The highest mean lift@10; of those that are within its noise, the lowest mean Brier loss."""
        order = {name: i for i, name in enumerate(ORDER)}
        top = min(names, key=lambda name: (-self.lift[name], order[name]))
        tied = [name for name in names if name == top or self.gain(top, name).low <= 0.0]
        best = min(tied, key=lambda name: (self.loss[name], order[name]))
        others = [name for name in names if name != best]
        steps += [f"{best} before {name}: {self.told(best, name)}" for name in others]
        return best


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
    return Curve(y, score).auc()


def describe_recipe(recipe: Recipe) -> Mapping[str, Any]:
    """The chosen settings, for the model card."""
    return {
        "logreg": recipe.logreg.model_dump() if recipe.logreg else None,
        "lgbm": recipe.lgbm.model_dump() if recipe.lgbm else None,
        "rounds": recipe.rounds,
        "regularised": recipe.regularised,
    }

"""Which candidate is chosen: paired comparisons on rows that none of them saw."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from icp_xl.propensity.baselines import BASELINES
from icp_xl.propensity.calibration import fit_calibrator
from icp_xl.propensity.candidates import BEYOND, log_losses
from icp_xl.propensity.metrics import Curve, Interval, bounds, compare, resample_lifts
from icp_xl.propensity.splits import JUDGING, account_groups

Floats = NDArray[np.float64]
MODELS = ("logreg", "lgbm", "blend", "pooled")
#: Order of complexity.
ORDER = (*BASELINES, *MODELS)
#: Before a candidate's name: its calibrated probability, and one whose level and slope are those of the judging window
#: (cross-fitted by account), by which candidates are compared: a level that moved says nothing of their skill.
P, FITTED = "p_", "c_"
#: Standard errors beyond which a candidate need not be looked at again.
_DOUBTLESS = 3.0


def measure_candidate(name: str, fold: int, part: pd.DataFrame) -> dict[str, object]:
    """One row of the table of candidates: the metrics of one on the judging rows of one fold."""
    measured = Curve(part["label"], part[name], part["revenue"]).measure()
    measured |= {
        key: found for key, found in Curve(part["label"], part[FITTED + name]).measure().items() if "brier" in key
    }
    figures = {key: float(values[0]) for key, values in measured.items()}
    return {"candidate": name, "fold": fold, "cutoff_date": part["cutoff_date"].iloc[0], "rows": len(part), **figures}


def choose_candidate(
    judged: pd.DataFrame, candidates: pd.DataFrame, names: Sequence[str], resamples: int, seed: int
) -> tuple[str, list[str]]:
    """The best rule, the best model, and the model only if it beats the rule beyond noise; and each step in words.

    Args:
        judged: see :class:`icp_xl.propensity.fit.Fitted`.
        candidates: one row per candidate × fold.
        names: rules and candidates to choose from.
    """
    arena = _Arena(judged, candidates, resamples, seed)
    varied = [name for name in names if name == names[0] or judged[name].nunique() > 1]
    rules, models = ([name for name in varied if name in kind] for kind in (BASELINES, MODELS))
    steps = [f"{name}: gives every account the same probability, left out" for name in names if name not in varied]
    rule = arena.best(rules, steps) if rules else None
    model = arena.best(models, steps) if models else None
    if rule is None or model is None:
        return str(rule or model), steps
    gain, saved = arena.gain(model, rule), arena.saved(model, rule)
    order = arena.order(model, rule)
    better = gain.low > 0.0 or order.low > 0.0 or saved[0] > BEYOND * saved[1]
    unopposed = gain.high >= 0.0 and order.high >= 0.0
    told = f"{model} against {rule}: {arena.figures_of(model, rule)}"
    if not better and unopposed and saved[0] > 0.0 and _over_a_year(candidates, model, rule):
        return model, [*steps, f"{told}, better within noise, and by AUC in all windows of a year but one at most"]
    won = better and unopposed
    steps.append(f"{told}, {'better' if won else 'no better'} beyond noise")
    return (model if won else rule), steps


def _over_a_year(candidates: pd.DataFrame, model: str, rule: str) -> bool:
    """Whether the mean AUC of ``model`` over the windows of a year is higher, and that of each but one at most.

    Seasons differ in how many buy, so that the noise of all windows together hides what each of them says.
    """
    auc = candidates.pivot(index="fold", columns="candidate", values="auc")
    ahead = auc[model] - auc[rule]
    return len(ahead) >= JUDGING and bool(ahead.mean() > 0.0 and (ahead > 0.0).sum() >= len(ahead) - 1)


def fallen_behind(part: pd.DataFrame) -> dict[str, str]:
    """Candidates whose log-loss on one fold is above that of the best beyond doubt, and whose lift@10 is no higher."""
    y = part["label"].to_numpy(np.float64)
    names = [name for name in MODELS if name in part]
    losses = {name: log_losses(y, part[name].to_numpy(np.float64)) for name in names}
    lifts = {name: Curve(y, part[name]).lift(0.1) for name in names}
    best = min(names, key=lambda name: float(losses[name].mean()), default="")
    found = {}
    for name in names:
        lost = losses[name] - losses[best]
        if lifts[name] <= lifts[best] and lost.mean() > _DOUBTLESS * lost.std() / np.sqrt(lost.size):
            found[name] = f"behind {best} beyond doubt at {part['cutoff_date'].iloc[0]:%Y-%m-%d}"
    return {name: said for name, said in found.items() if name != best}


def cross_fitted(judged: pd.DataFrame, names: Sequence[str], seed: int) -> pd.DataFrame:
    """Probabilities of judged rows with the level of their own window, each from rows of other accounts.

    Returns:
        ``judged`` with one column more for each of ``names``.
    """
    p = {FITTED + name: np.empty(len(judged)) for name in names}
    label, accounts = judged["label"].to_numpy(), judged["account_id"].to_numpy(object)
    for fold in judged["fold"].unique():
        rows = np.flatnonzero((judged["fold"] == fold).to_numpy())
        [half] = account_groups([accounts[rows]], 2, seed)
        halves = rows[half == 0], rows[half == 1]
        for name in names:
            x = judged[name].to_numpy()
            for here, other in (halves, halves[::-1]):
                p[FITTED + name][here] = fit_calibrator(x[other], label[other], "platt").apply(x[here])
    return pd.concat([judged, pd.DataFrame(p, index=judged.index)], axis=1)


class _Arena:
    """Judged rows, and paired comparisons on them."""

    def __init__(self, judged: pd.DataFrame, candidates: pd.DataFrame, resamples: int, seed: int) -> None:
        self.judged, self.resamples, self.seed = judged, resamples, seed
        self.y, self.groups = judged["label"].to_numpy(np.float64), pd.factorize(judged["account_id"], sort=True)[0]
        means = candidates.groupby("candidate")[["lift_10", "brier_loss"]].mean()
        self.lift, self.loss = ({str(k): float(v) for k, v in means[each].items()} for each in means)
        names = [name for name in ORDER if name in judged]
        # Ranked within each cutoff: a base rate that moves between them says nothing about the order of accounts.
        ranks = {name: judged.groupby("fold")[name].rank(pct=True).to_numpy() for name in names}
        curves = {name: Curve(self.y, rank) for name, rank in ranks.items()}
        drawn = resample_lifts(list(curves.values()), 0.1, resamples=resamples, seed=seed, groups=self.groups)
        self.ranks, self.drawn = ranks, dict(zip(names, drawn, strict=True))
        self.point = {name: curve.lift(0.1) for name, curve in curves.items()}

    def gain(self, name: str, other: str) -> Interval:
        """Difference in lift@10 with the interval of the paired bootstrap over accounts."""
        return Interval(self.point[name] - self.point[other], *bounds(self.drawn[name] - self.drawn[other]))

    def order(self, name: str, other: str) -> Interval:
        """Difference in AUC with the interval of the paired bootstrap over accounts."""
        return compare(
            self.y, self.ranks[name], self.ranks[other], resamples=self.resamples, seed=self.seed, groups=self.groups,
            only="auc",
        )["auc"]  # fmt: skip

    def saved(self, name: str, other: str) -> tuple[float, float]:
        """How much lower the Brier loss of ``name`` is, and the standard error of that."""
        one, two = ((self.judged[FITTED + each].to_numpy(np.float64) - self.y) ** 2 for each in (name, other))
        return float((two - one).mean()), float((two - one).std() / np.sqrt(self.y.size))

    def figures_of(self, name: str, other: str) -> str:
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
        steps += [f"{best} before {name}: {self.figures_of(best, name)}" for name in others]
        return best

"""Weights that learn from outcomes, and only as far as outcomes carry them.

The model is a logistic regression with an intercept per month of closing and one non-negative coefficient per
component, pulled towards the current weights: only the part of the coefficients that departs from the direction of
the current weights is penalised, so with little evidence the current weights come back. How strong the pull is, and
whether the result beats the current weights, is decided on outcomes later than those it learned from. Older outcomes
count less. Components without a weight take part where earlier outcomes speak for them; a stage with enough outcomes
may get weights of its own, shrunk towards the common ones, where those do better on later outcomes.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import optimize

from icp_xl.config.feedback import (
    ALL_COMPONENTS,
    OPTIONAL_COMPONENTS,
    FeedbackSettings,
    PipelineWeights,
    StagedWeights,
)
from icp_xl.feedback.accuracy import strata_and_clusters
from icp_xl.feedback.evaluation_frame import enough_data
from icp_xl.feedback.stats import Auc, cluster_sums, codes_of, stratified_auc

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
#: Strengths of the pull towards the current weights, in opportunities; infinite means no change.
PULLS = (3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)
BOOTSTRAPS = 400
#: Strength with which the weights of one stage are held to the common ones, in opportunities.
STAGE_PULL = 30.0


@dataclass(frozen=True)
class Refinement:
    """What the outcomes say about the weights.

    ``status``: "" or what is missing. ``recommended``: learned weights beat the current ones on later outcomes.
    ``weights``: one row per component: name, current, suggested, low, high, verdict. ``gain``: AUC of the learned
    weights less that of the current ones on outcomes later than those learned from, with its interval;
    ``unit_variance``: the variance of that gain for one outcome, for planning a trial. ``stages``: one row per stage
    that had enough outcomes: stage, outcomes, and a column per component; ``stage_gain``: what weights per stage add to
    the AUC on later outcomes, with its interval; they are part of ``suggested`` only where it is above nothing.
    ``joined``: components without a weight that took part.
    """

    status: str
    recommended: bool
    reason: str
    current: PipelineWeights
    suggested: PipelineWeights
    weights: pd.DataFrame
    pull: float
    learned_from: int
    tried_on: int
    learned_until: str
    auc_current: float
    auc_suggested: float
    gain: float
    gain_low: float
    gain_high: float
    unit_variance: float
    stages: pd.DataFrame = field(default_factory=pd.DataFrame)
    stage_gain: tuple[float, float, float] = (float("nan"), float("nan"), float("nan"))
    joined: tuple[str, ...] = ()


def refine_weights(
    evaluated: pd.DataFrame, current: PipelineWeights, settings: FeedbackSettings, *, seed: int
) -> Refinement:
    """Suggest weights from closed opportunities, or say that nothing speaks for a change.

    Args:
        evaluated: the frame of :func:`~icp_xl.feedback.evaluation_frame.build_evaluation_frame`.
        current: the weights in force; an optional component takes part when it carries a weight, or when the outcomes
            before the latest ``refine_holdout`` of them speak for it.
    """
    evaluated = evaluated.sort_values(["close_date", "opportunity_id"], kind="stable", ignore_index=True)
    joined = _speaking(evaluated, current, settings)
    names = [n for n in ALL_COMPONENTS if n not in OPTIONAL_COMPONENTS or getattr(current, n) > 0 or n in joined]
    won, lost = int(evaluated["won"].sum()), int((~evaluated["won"].astype(bool)).sum())
    status = enough_data(won, lost, settings)
    if status:
        return _unchanged(current, names, status, status)
    base = np.asarray([getattr(current, name) for name in names])
    base = base / base.sum()
    tried = _try_forward(evaluated, names, base, settings)
    if tried is None:
        reason = f"not enough outcomes before the latest {settings.refine_holdout:.0%} of them to learn from"
        return _unchanged(current, names, reason, reason)
    stage_gain = tried.auc.difference(2, 1)[:3]
    staged = stage_gain[1] > 0 and tried.auc.difference(2, 0)[1] > 0
    best = 2 if staged else 1
    gain, low, high, _ = tried.auc.difference(best, 0)
    unit = float(tried.auc.unit_cov[0, 0] + tried.auc.unit_cov[best, best] - 2 * tried.auc.unit_cov[0, best])
    pull = _choose_pull(evaluated, names, base, settings)
    recommended = low > 0 and (staged or not np.isinf(pull))
    final = _fit(evaluated, names, base, pull, settings)
    by_stage = _fit_stages(evaluated, names, final.weights, settings)
    suggested = _as_weights(names, final.weights) if recommended else current
    if recommended and staged:
        own = {stage: _as_weights(names, weights) for stage, weights in by_stage.items()}
        suggested = StagedWeights(**suggested.model_dump(), stages=own)
    figures = f"by {gain:+.3f} ({low:+.3f} to {high:+.3f}) on {tried.outcomes} later outcomes"
    reason = (
        f"weights learned from earlier outcomes raised the AUC {figures}"
        if recommended
        else f"no evidence that other weights would do better: they changed the AUC {figures}"
    )
    return Refinement(
        status="", recommended=recommended, reason=reason, current=current, suggested=suggested,
        weights=_table(evaluated, names, base, final, pull, seed, settings, recommended), pull=pull,
        learned_from=len(evaluated) - tried.outcomes, tried_on=tried.outcomes, learned_until=tried.since,
        auc_current=float(tried.auc.value[0]), auc_suggested=float(tried.auc.value[best]), gain=gain, gain_low=low,
        gain_high=high, unit_variance=unit, stages=_stage_rows(evaluated, names, by_stage), stage_gain=stage_gain,
        joined=joined,
    )  # fmt: skip


@dataclass(frozen=True)
class _Tried:
    """How weights learned from the past ranked the outcomes that came later, beside the current weights."""

    auc: Auc
    outcomes: int
    since: str


def _try_forward(evaluated: pd.DataFrame, names: list[str], base: Floats, settings: FeedbackSettings) -> _Tried | None:
    """Walk through the latest ``refine_holdout`` of the outcomes in three steps; before each, learn all over again.

    Learning includes the choice of the pull, so nothing of a step's outcomes reaches the weights that rank them.
    """
    edges = [_time_cut(evaluated, settings.refine_holdout * k / 3) for k in (3, 2, 1)] + [pd.Timestamp.max]
    close = evaluated["close_date"]
    early = evaluated[close < edges[0]]
    if enough_data(int(early["won"].sum()), int((~early["won"].astype(bool)).sum()), settings):
        return None
    rows: list[npt.NDArray[np.intp]] = []
    ranked: list[Floats] = []
    for k in range(3):
        at = np.flatnonzero((close >= edges[k]) & (close < edges[k + 1]))
        past = evaluated[close < edges[k]]
        fit = _fit(past, names, base, _choose_pull(past, names, base, settings), settings)
        parts = evaluated.iloc[at][[f"{name}_score" for name in names]].to_numpy(dtype=float)
        by_stage = _fit_stages(past, names, fit.weights, settings)
        own = np.array([by_stage.get(stage, fit.weights) for stage in evaluated["stage"].iloc[at].map(_plain)])
        rows.append(at)
        ranked.append(np.column_stack([parts @ base, parts @ fit.weights, (parts * own).sum(axis=1)]))
    later = evaluated.iloc[np.concatenate(rows)]
    strata, clusters = strata_and_clusters(later)
    step = np.repeat(np.arange(3), [len(part) for part in rows])
    auc = stratified_auc(later["won"], np.vstack(ranked), codes_of(strata * 3 + step), clusters)
    return _Tried(auc, len(later), f"{edges[0]:%Y-%m-%d}")


def _plain(stage: object) -> str:
    return str(stage).casefold()


def _speaking(evaluated: pd.DataFrame, current: PipelineWeights, settings: FeedbackSettings) -> tuple[str, ...]:
    """Components without a weight of which a higher value won more, among the outcomes that weights learn from."""
    if len(evaluated) < 2:
        return ()
    early = evaluated[evaluated["close_date"] < _time_cut(evaluated, settings.refine_holdout)]
    found = []
    for name in OPTIONAL_COMPONENTS:
        x = early[f"{name}_score"].to_numpy(dtype=float)
        if getattr(current, name) > 0 or not len(x) or np.ptp(x) < 1e-12:
            continue
        auc = stratified_auc(early["won"], x, *strata_and_clusters(early))
        if auc.value[0] > 0.5 and auc.p_value() <= settings.alpha / len(OPTIONAL_COMPONENTS):
            found.append(name)
    return tuple(found)


def _fit_stages(frame: pd.DataFrame, names: list[str], common: Floats, settings: FeedbackSettings) -> dict[str, Floats]:
    """Weights of every stage with enough outcomes, shrunk towards the common ones; by the stage in lower case."""
    out = {}
    for stage, part in frame.groupby(frame["stage"].map(_plain), sort=True):
        won = int(part["won"].sum())
        if stage and not enough_data(won, len(part) - won, settings):
            out[str(stage)] = _fit(part, names, common, STAGE_PULL, settings).weights
    return out


def _stage_rows(evaluated: pd.DataFrame, names: list[str], by_stage: dict[str, Floats]) -> pd.DataFrame:
    counts = evaluated["stage"].map(_plain).value_counts()
    rows = [{"stage": stage, "outcomes": int(counts[stage]), **dict(zip(names, weights, strict=True))}
            for stage, weights in by_stage.items()]  # fmt: skip
    return pd.DataFrame(rows, columns=["stage", "outcomes", *names])


@dataclass(frozen=True)
class Fit:
    """Coefficients (non-negative) and the weights they stand for; intercepts per month."""

    coefficients: Floats
    weights: Floats
    intercepts: Floats


def fit_weights(
    parts: Floats, won: Floats, strata: Ints, base: Floats, pull: float, importance: Floats | None = None
) -> Fit:
    """Fit the constrained, pulled logistic regression.

    Minimises −log-likelihood + pull/2 · ‖(I − P)(s∘β)‖², β ≥ 0, where s are the components' deviations and P projects
    on the current weights (times s). An infinite pull leaves only the slope along the current weights.

    Args:
        parts: n × components, 0–1.  won: n zeros and ones.  strata: n group numbers 0…G−1, an intercept each.
        base: the current weights of the components, summing to 1.
        importance: what each outcome counts, 0 to 1; all alike by default.
    """
    counts = np.ones(len(won)) if importance is None else importance
    groups = int(strata.max()) + 1
    scale = np.maximum(parts.std(axis=0), 1e-6)
    along = scale * base / np.linalg.norm(scale * base)
    if np.isinf(pull):
        line = (parts @ base)[:, None]
        found = _minimise(line, won, strata, groups, np.zeros((1, 1)), counts)
        return Fit(found[0][0] * base, base, found[1])
    away = np.eye(len(base)) - np.outer(along, along)
    penalty = pull * (scale[:, None] * away * scale[None, :])
    coefficients, intercepts = _minimise(parts, won, strata, groups, penalty, counts)
    total = coefficients.sum()
    return Fit(coefficients, coefficients / total if total > 1e-9 else base, intercepts)


def _minimise(
    parts: Floats, won: Floats, strata: Ints, groups: int, penalty: Floats, counts: Floats
) -> tuple[Floats, Floats]:
    """Newton's method with the intercepts profiled out; each step is a small non-negative least-squares problem."""
    m = parts.shape[1]
    beta, alpha = np.zeros(m), np.zeros(groups)
    ridge = penalty + 1e-6 * np.eye(m)

    def loss(b: Floats, a: Floats) -> float:
        z = parts @ b + a[strata]
        return float(counts @ (np.logaddexp(0.0, z) - won * z) + 0.5 * b @ ridge @ b + 0.01 * a @ a)

    best = loss(beta, alpha)
    for _ in range(100):
        p = 0.5 * (1.0 + np.tanh(0.5 * (parts @ beta + alpha[strata])))
        curve = counts * p * (1 - p)
        # The very weak prior on the intercepts (0.01 a²) holds a month in which all were won or all lost.
        total = np.bincount(strata, weights=curve, minlength=groups) + 0.02
        pulled = np.bincount(strata, weights=counts * (won - p), minlength=groups) - 0.02 * alpha
        centre = cluster_sums(strata, parts * curve[:, None]) / total[:, None]
        hessian = (parts * curve[:, None]).T @ parts - (centre * total[:, None]).T @ centre + ridge
        gradient = parts.T @ (counts * (won - p)) - ridge @ beta - centre.T @ pulled
        root = np.linalg.cholesky(hessian).T
        goal, _ = optimize.nnls(root, np.linalg.solve(root.T, hessian @ beta + gradient))
        step = goal - beta
        shift = pulled / total - centre @ step
        size = 1.0
        while loss(beta + size * step, alpha + size * shift) > best + 1e-12 and size > 1e-4:
            size /= 2
        beta, alpha = beta + size * step, alpha + size * shift
        now = loss(beta, alpha)
        if best - now < 1e-9 * (1.0 + abs(now)):
            break
        best = now
    return beta, alpha


def _fit(frame: pd.DataFrame, names: list[str], base: Floats, pull: float, settings: FeedbackSettings) -> Fit:
    parts = frame[[f"{name}_score" for name in names]].to_numpy(dtype=float)
    strata, _ = strata_and_clusters(frame)
    return fit_weights(parts, frame["won"].to_numpy(dtype=float), strata, base, pull, recency(frame, settings))


def recency(frame: pd.DataFrame, settings: FeedbackSettings) -> Floats:
    """What each outcome counts, 0 to 1: the latest of ``frame`` 1, half of it for every ``outcome_half_life_days``."""
    if settings.outcome_half_life_days is None or not len(frame):
        return np.ones(len(frame))
    age = (frame["close_date"].max() - frame["close_date"]).dt.days.to_numpy(dtype=np.float64)
    return np.asarray(0.5 ** (age / settings.outcome_half_life_days))


def _time_cut(evaluated: pd.DataFrame, holdout: float) -> pd.Timestamp:
    """The close date from which on outcomes are kept for the trial: the latest ``holdout`` share of them."""
    ordered = evaluated["close_date"].sort_values(kind="stable")
    return pd.Timestamp(ordered.iloc[int(len(ordered) * (1.0 - holdout))])


def _choose_pull(frame: pd.DataFrame, names: list[str], base: Floats, settings: FeedbackSettings) -> float:
    """The pull that ranks best on later folds inside ``frame``; the strongest within one standard error of the best.

    Three forward folds: learn from all before, rank the next sixth. No change at all (an infinite pull) competes.
    """
    edges = [_time_cut(frame, share) for share in (0.5, 1 / 3, 1 / 6)] + [pd.Timestamp.max]
    parts = frame[[f"{name}_score" for name in names]].to_numpy(dtype=float)
    held: list[npt.NDArray[np.intp]] = []
    ranked: list[Floats] = []
    close = frame["close_date"]
    for k in range(3):
        past, rows = frame[close < edges[k]], np.flatnonzero((close >= edges[k]) & (close < edges[k + 1]))
        if past["won"].nunique() < 2 or not len(rows):
            continue
        fits = [_fit(past, names, base, pull, settings).weights for pull in PULLS]
        held.append(rows)
        ranked.append(np.column_stack([parts[rows] @ base, *(parts[rows] @ w for w in fits)]))
    if not held:
        return float("inf")
    rows = np.concatenate(held)
    later = frame.iloc[rows]
    strata, clusters = strata_and_clusters(later)
    # Folds are fitted apart, so their scores are compared within the fold as well as within the month.
    fold = np.repeat(np.arange(len(held)), [len(part) for part in held])
    auc = stratified_auc(later["won"], np.vstack(ranked), codes_of(strata * 4 + fold), clusters)
    best = int(np.argmax(auc.value))
    if best == 0:
        return float("inf")
    for k in (0, *range(len(PULLS), 0, -1)):
        gap, low, high, _ = auc.difference(best, k, level=0.68)
        if k == best or low <= 0.0:
            return float("inf") if k == 0 else PULLS[k - 1]
    return PULLS[best - 1]


def _table(
    evaluated: pd.DataFrame,
    names: list[str],
    base: Floats,
    fit: Fit,
    pull: float,
    seed: int,
    settings: FeedbackSettings,
    recommended: bool,
) -> pd.DataFrame:
    """Current and suggested weights, and the range that resampled accounts give; without a gate passed, no change."""
    strength = pull if not np.isinf(pull) else PULLS[-1]
    shown = fit if not np.isinf(pull) else _fit(evaluated, names, base, strength, settings)
    draws = _bootstrap(evaluated, names, base, shown, strength, seed, recency(evaluated, settings))
    low, high = np.quantile(draws, [0.025, 0.975], axis=0)
    verdict = np.where(low > base, "worth more", np.where(high < base, "worth less", "no evidence of a change"))
    return pd.DataFrame(
        {
            "name": names,
            "current": base,
            "suggested": fit.weights if recommended else base,
            "low": low,
            "high": high,
            "verdict": verdict if recommended else "no evidence of a change",
        }
    )


def _bootstrap(
    evaluated: pd.DataFrame, names: list[str], base: Floats, fit: Fit, pull: float, seed: int, counts: Floats
) -> Floats:
    """Weights under resampled accounts (draws × components), by one constrained Newton step from the fit.

    Refitting 200,000 outcomes 400 times would take hours; the quadratic around the optimum is what a refit would see,
    and its non-negative minimum is a small least-squares problem.
    """
    parts = evaluated[[f"{name}_score" for name in names]].to_numpy(dtype=float)
    strata, clusters = strata_and_clusters(evaluated)
    won = evaluated["won"].to_numpy(dtype=float)
    p = 0.5 * (1.0 + np.tanh(0.5 * (parts @ fit.coefficients + fit.intercepts[strata])))
    weight = counts * p * (1 - p)
    total = np.bincount(strata, weights=weight)
    centre = cluster_sums(strata, parts * weight[:, None]) / np.maximum(total, 1e-12)[:, None]
    inner = parts - centre[strata]
    scale = np.maximum(parts.std(axis=0), 1e-6)
    along = scale * base / np.linalg.norm(scale * base)
    penalty = pull * (scale[:, None] * (np.eye(len(base)) - np.outer(along, along)) * scale[None, :])
    hessian = (inner * weight[:, None]).T @ inner + penalty + 1e-9 * np.eye(len(base))
    sums = cluster_sums(clusters, inner * (counts * (won - p))[:, None])
    rng = np.random.default_rng(seed)
    root = np.linalg.cholesky(hessian).T
    out = np.empty((BOOTSTRAPS, len(base)))
    for k in range(BOOTSTRAPS):
        drawn = rng.multinomial(len(sums), np.full(len(sums), 1 / len(sums))) - 1.0
        target = hessian @ fit.coefficients + drawn @ sums
        beta, _ = optimize.nnls(root, np.linalg.solve(root.T, target))
        out[k] = beta / beta.sum() if beta.sum() > 1e-9 else base
    return out


def _as_weights(names: list[str], values: Floats) -> PipelineWeights:
    """Weights to four digits that sum to exactly 1."""
    parts = np.floor(values / values.sum() * 1e4 + 1e-9).astype(int)
    order = np.argsort(-(values / values.sum() * 1e4 - parts), kind="stable")
    parts[order[: 10_000 - int(parts.sum())]] += 1
    body = dict.fromkeys(ALL_COMPONENTS, 0.0) | dict(zip(names, (parts / 1e4).tolist(), strict=True))
    return PipelineWeights(**body)


def _unchanged(current: PipelineWeights, names: list[str], status: str, reason: str) -> Refinement:
    values = [getattr(current, name) for name in names]
    table = pd.DataFrame({"name": names, "current": values, "suggested": values, "low": np.nan, "high": np.nan,
                          "verdict": "not enough outcomes yet"})  # fmt: skip
    nan = float("nan")
    return Refinement(status, False, reason, current, current, table, float("inf"), 0, 0, "", nan, nan, nan, nan, nan,
                      nan)  # fmt: skip

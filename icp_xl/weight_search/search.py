"""The whole optimisation as one call: study, trade-off, region, noise, forward check, verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from icp_xl.components.record import Component
from icp_xl.config import Settings
from icp_xl.errors import Cancelled
from icp_xl.one_thread import one_thread
from icp_xl.progress import Progress
from icp_xl.weight_search.bootstrap import BootstrappedWeights, bootstrap_weights
from icp_xl.weight_search.forward import AsOf, ForwardCheck, check_forward
from icp_xl.weight_search.grade_changes import grade_moves
from icp_xl.weight_search.near_optimal_region import Region, find_regions, weight_importance
from icp_xl.weight_search.objective import Objective, Value
from icp_xl.weight_search.problem import Problem, build_problem
from icp_xl.weight_search.simplex import Floats, WeightGrid, as_floats, as_weights
from icp_xl.weight_search.storage import TrialStore, keep_only, latest_store
from icp_xl.weight_search.study import StudyResult, run_study, study_name
from icp_xl.weight_search.tradeoff import TradeoffPoint, trace_tradeoff
from icp_xl.weight_search.trials import EvaluatedTrials


@dataclass(frozen=True)
class WeightVerdict:
    """Whether to change the weights, and the sentence that says why."""

    change: bool
    text: str
    gain: float
    threshold: float


@dataclass(frozen=True)
class OptimizeResult:
    """Everything the optimisation found; ``weights`` sum to exactly 1 in their order."""

    problem: Problem
    study: StudyResult
    best: WeightGrid
    weights: tuple[float, ...]
    value: Value
    named: dict[str, tuple[Floats, Value]]
    mixes: dict[str, Floats]
    tradeoff: list[TradeoffPoint]
    regions: list[Region]
    importance: Floats
    bootstrap: BootstrappedWeights
    forward: ForwardCheck
    verdict: WeightVerdict
    moves: pd.DataFrame
    trials: pd.DataFrame
    warnings: tuple[str, ...] = field(default=())
    files: tuple[str, ...] = ()

    @property
    def objective(self) -> float:
        """The lowest objective found."""
        return self.value.objective(self.problem.lambda_)

    def summary(self) -> list[str]:
        """What to say at the end of the command."""
        shares = ", ".join(f"{name} {share:.4f}" for name, share in zip(self.problem.names, self.weights, strict=True))
        interval = self.bootstrap.correlation["best"]
        lines = [
            f"Best weights: {shares}",
            f"Objective {self.objective:.4f}: correlation {self.value.rho:.3f} "
            f"({interval.low:.3f} to {interval.high:.3f}), divergence of the grade mix {self.value.kl:.4f}",
            self.verdict.text,
            f"{len(self.moves)} of {len(self.problem.scores)} accounts would change grade.",
        ]
        return [*lines, f"Wrote {', '.join(self.files[:-1])} and {self.files[-1]}."] if self.files else lines


def optimize_weights(
    accounts: pd.DataFrame,
    settings: Settings,
    store: TrialStore | Path,
    *,
    current: Mapping[str, float] | None = None,
    transactions: pd.DataFrame | None = None,
    components: Sequence[Component] | None = None,
    as_of: AsOf | None = None,
    progress: Progress | None = None,
) -> OptimizeResult:
    """Find the weights and everything that a reader needs to judge them.

    Args:
        accounts: scored accounts, one row per account (component scores, hardware and consumable revenue).
        store: where the study is kept and resumed from; a folder takes one journal file, of the latest study.
        current: the weights in force; by default those of the settings.
        transactions: sales lines, for the forward check.
        components: the score's components; by default those of the equipment trade.
        as_of: the accounts with their component scores as of a day, for the forward check.

    Raises:
        MissingColumnsError, DataError, InsufficientDataError, ConfigError: the inputs or bounds cannot be used.
        Cancelled: the user stopped it; the study holds what was found, and the same call goes on from there.
    """
    with one_thread():
        return _optimize(accounts, settings, store, current, transactions, components, as_of, progress or Progress())


def _optimize(
    accounts: pd.DataFrame,
    settings: Settings,
    store: TrialStore | Path,
    current: Mapping[str, float] | None,
    transactions: pd.DataFrame | None,
    components: Sequence[Component] | None,
    as_of: AsOf | None,
    progress: Progress,
) -> OptimizeResult:
    problem = build_problem(accounts, settings, current, components)
    objective = Objective(problem)
    folder, name = store, study_name(objective, settings.optimize)
    if isinstance(store, Path):
        store = latest_store(store, name)
    study = run_study(objective, settings.optimize, store, progress)
    if not study.complete:
        raise Cancelled(_so_far(study, problem, settings.optimize.n_trials))
    if isinstance(folder, Path):
        keep_only(folder, name)
    pool = EvaluatedTrials(objective, progress)
    pool.add(study.outcomes)
    in_force = problem.in_force
    defaults = problem.defaults
    named = {"current": in_force, "default": defaults}
    tradeoff = trace_tradeoff(pool, study.best, settings.optimize.lambdas)
    progress.stage("Resampling accounts", None)
    bootstrap = bootstrap_weights(pool, study.best, named, settings.optimize, problem.seed)
    best = as_floats(study.best)
    tolerances = {
        "no loss": settings.optimize.region_tolerance,
        "small loss": settings.optimize.business_tolerance,
        "within noise": max(bootstrap.region, settings.optimize.region_tolerance),
    }
    regions = find_regions(pool, study.best, tolerances)
    progress.stage("Checking against later revenue", None)
    if as_of is None:
        forward = ForwardCheck(None, 0, {}, {}, False, "no sales log was given")
    else:
        forward = check_forward(accounts, transactions, as_of, {"best": best, **named}, settings, problem.components)
    verdict = _judge(study.value, objective.value_at(in_force), bootstrap, problem, settings)
    everyone = {"best": best, **named}
    return OptimizeResult(
        problem=problem,
        study=study,
        best=study.best,
        weights=as_weights(study.best),
        value=study.value,
        named={name: (weights, objective.value_at(weights)) for name, weights in everyone.items()},
        mixes={name: objective.mix(weights) for name, weights in everyone.items()},
        tradeoff=tradeoff,
        regions=regions,
        importance=weight_importance(pool, study.best),
        bootstrap=bootstrap,
        forward=forward,
        verdict=verdict,
        moves=grade_moves(problem, in_force, best, accounts, settings.scoring),
        trials=trials_table(study, problem),
        warnings=tuple(_warnings(forward, problem, in_force)),
    )


def _judge(
    best: Value, current: Value, bootstrap: BootstrappedWeights, problem: Problem, settings: Settings
) -> WeightVerdict:
    gain = current.objective(problem.lambda_) - best.objective(problem.lambda_)
    needed = max(bootstrap.threshold, settings.optimize.minimum_gain)
    inside = _allowed(problem, problem.in_force)
    facts = f"the objective improves by {gain:.4f} (correlation {current.rho:.3f} to {best.rho:.3f})"
    if not inside:
        text = f"Change recommended: the weights in force break the rules of the search; {facts}."
        return WeightVerdict(True, text, gain, needed)
    if gain <= bootstrap.threshold:
        text = f"No change recommended: {facts}, and a gain of up to {bootstrap.threshold:.4f} is within noise."
        return WeightVerdict(False, text, gain, needed)
    if gain < settings.optimize.minimum_gain:
        text = f"No change recommended: {facts}, less than the {settings.optimize.minimum_gain:g} that matters."
        return WeightVerdict(False, text, gain, needed)
    text = f"Change recommended: {facts}, more than the {needed:.4f} that noise would explain."
    return WeightVerdict(True, text, gain, needed)


def _warnings(forward: ForwardCheck, problem: Problem, in_force: Floats) -> list[str]:
    found = []
    if forward.flatters:
        found.append(
            f"The in-sample correlation flatters: {forward.in_sample['best'].estimate:.3f} on the revenue that the "
            f"scores already know, {forward.forward['best'].estimate:.3f} on the revenue that came after."
        )
    if not _allowed(problem, in_force):
        found.append("The weights in force break the bounds of the optimisation.")
    return found


def _allowed(problem: Problem, weights: Floats) -> bool:
    return bool(np.allclose(as_floats(problem.rules.project(weights)), weights, atol=1e-4))


def _so_far(study: StudyResult, problem: Problem, wanted: int) -> str:
    found = zip(problem.names, as_weights(study.best), strict=True)
    shares = ", ".join(f"{name} {share:.4f}" for name, share in found)
    return (
        f"cancelled after {len(study.outcomes)} of {wanted} trials: best so far "
        f"{study.value.objective(problem.lambda_):.4f} at {shares}. "
        "The study is kept and goes on when the same command is run again; no result was changed"
    )


def trials_table(study: StudyResult, problem: Problem) -> pd.DataFrame:
    """One row per trial: number, phase, state, weights, objective, correlation, divergence, best so far."""
    rows = []
    lowest = np.inf
    for number, outcome in enumerate(study.outcomes):
        value = outcome.value
        if value is not None:
            lowest = min(lowest, value.objective(problem.lambda_))
        rows.append(
            {
                "trial": number,
                "phase": outcome.phase,
                "state": "complete" if value is not None else "pruned",
                **{name: units / 10_000 for name, units in zip(problem.names, outcome.key, strict=True)},
                "objective": outcome.steps[-1],
                "correlation": np.nan if value is None else value.rho,
                "kl_divergence": np.nan if value is None else value.kl,
                "accounts_seen": _accounts_seen(len(outcome.steps), problem),
                "best_so_far": lowest,
            }
        )
    return pd.DataFrame(rows)


def _accounts_seen(steps: int, problem: Problem) -> int:
    from icp_xl.weight_search.objective import rung_sizes

    return rung_sizes(problem.n_engaged)[steps - 1]

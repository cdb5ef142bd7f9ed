"""The Optuna study: what it holds, how it fills, resumes, and is shared by several processes.

The study fills block by block: a coarse lattice, chunks of TPE trials under Hyperband, a screening of the simplex,
and its refinement. A block follows from the blocks before it and the seed alone, is computed in memory, and is added
in one locked step. So a killed study loses at most the block at hand and then continues as if nothing had happened,
and processes that share a storage never count a trial twice: whoever brings a block second drops it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import optuna
from optuna.distributions import FloatDistribution
from optuna.trial import FrozenTrial, TrialState

from icp_xl.config.optimize import OptimizeSettings
from icp_xl.errors import Cancelled
from icp_xl.progress import Progress
from icp_xl.weight_search import successive_halving
from icp_xl.weight_search.objective import Objective, Value
from icp_xl.weight_search.simplex import UNITS, WeightGrid, as_floats
from icp_xl.weight_search.storage import TrialStore, quiet
from icp_xl.weight_search.trials import EvaluatedTrials, Outcome, key_of, rank_of

CHUNK = 32


@dataclass(frozen=True)
class StudyResult:
    """A study as it stands: its trials in order, the best complete one, and whether it has all it should."""

    name: str
    outcomes: tuple[Outcome, ...]
    best: WeightGrid
    value: Value
    complete: bool

    @property
    def pool_size(self) -> int:
        """Trials evaluated on all accounts."""
        return sum(outcome.complete for outcome in self.outcomes)


def run_study(
    objective: Objective, settings: OptimizeSettings, store: TrialStore, progress: Progress | None = None
) -> StudyResult:
    """Fill the study until it is complete, or until ``progress`` says to stop.

    A cancel is no error here: what the study holds by then is returned with ``complete`` false, and the next call
    with the same problem, settings and storage goes on from there.

    Args:
        objective: what a trial is worth.
        settings: trials, λ, sampler and pruner.
        store: where trials are kept; a study that is there is gone on with.
        progress: shows trials and asks for a cancel.
    """
    progress = progress or Progress()
    study = _Study(objective, settings, store)
    progress.stage("Searching for weights", settings.n_trials)
    counted, cancelled = 0, False
    while True:
        held = study.blocks()
        stored = sum(len(outcomes) for outcomes in held.values())
        progress.advance(stored - counted)
        counted = stored
        _note_best(objective, held, progress)
        missing = study.missing(held)
        if not missing:
            break
        try:
            progress.check()
            name = study.choose(missing)
            study.add(name, study.compute(name, held, progress), progress)
        except Cancelled:
            cancelled = True
            break
    return study.result(held, complete=not cancelled)


def study_name(objective: Objective, settings: OptimizeSettings) -> str:
    """A name fixed by the inputs: Hyperband's brackets hang on it, and other inputs must not share its trials."""
    plan = f"{settings.n_trials}-{settings.tpe_trials}"
    return f"{settings.study_name}-{objective.problem.fingerprint()[:12]}-{plan}"


class _Study:
    def __init__(self, objective: Objective, settings: OptimizeSettings, store: TrialStore) -> None:
        self.objective, self.settings, self.store = objective, settings, store
        self.name = study_name(objective, settings)
        with store.exclusive(self.name + "-open"):
            self.study = store.study(self.name)
        n = settings.n_trials
        self.coarse = max(2, min(170, n // 4))
        self.tpe = min(settings.tpe_trials, n // 4)
        chunks = [f"tpe-{k:04d}" for k in range(-(-self.tpe // CHUNK))]
        self.plan = ["coarse", *chunks, "screen", "refine"]
        self._empty: set[str] = set()
        self._crowded = False

    def blocks(self) -> dict[str, list[Outcome]]:
        """What the storage holds, by block; a block that was cut off is whole again once its rest is added."""
        held: dict[str, list[tuple[int, int, Outcome]]] = {}
        for trial in self.study.get_trials(deepcopy=False):
            block = trial.user_attrs.get("block")
            if block in self.plan:
                at, of = trial.user_attrs["at"], trial.user_attrs["of"]
                held.setdefault(block, []).append((at, of, _outcome_of(trial, self.objective.problem.names)))
        whole = {}
        for name in self.plan:
            rows = sorted(held.get(name, []), key=lambda row: row[0])
            if name in self._empty or (rows and len(rows) == rows[0][1]):
                whole[name] = [row[2] for row in rows]
        return whole

    def missing(self, held: dict[str, list[Outcome]]) -> list[str]:
        """Blocks that can be computed now, in order; the later ones wait for all before them."""
        absent = [name for name in self.plan if name not in held]
        chunks = [name for name in absent if name.startswith("tpe-")]
        return absent[:1] if not chunks or absent[0] == "coarse" else chunks

    def choose(self, missing: Sequence[str]) -> str:
        """The next block; a process that met another on the storage takes any, so that they spread out."""
        if not self._crowded:
            return missing[0]
        return missing[int.from_bytes(os.urandom(4), "big") % len(missing)]

    def compute(self, name: str, held: dict[str, list[Outcome]], progress: Progress) -> list[Outcome]:
        """The trials of one block, from those of the blocks before it."""
        # A chunk of proposals builds on the lattice alone, not on the other chunks: whoever computes it, and when, it
        # comes out the same.
        sources = ["coarse"] if name.startswith("tpe-") else self.plan[: self.plan.index(name)]
        before = [outcome for other in sources for outcome in held.get(other, [])]
        if name == "coarse":
            rules, reference = self.objective.problem.rules, self.objective.problem.reference
            return [
                self._full(row, "coarse", progress)
                for row in successive_halving.coarse_points(rules, reference, self.coarse)
            ]
        if name == "screen":
            wanted = self.settings.n_trials - len(before) - self._refine_budget()
            taken = {outcome.key for outcome in before}
            points = successive_halving.screening_points(self.objective.problem.rules, taken, max(wanted, 0))
            return successive_halving.halve(self.objective, points, progress)
        if name == "refine":
            return self._refine(before, progress)
        chunk = int(name.removeprefix("tpe-"))
        return self._propose(chunk, before, min(CHUNK, self.tpe - chunk * CHUNK), progress)

    def _refine_budget(self) -> int:
        return min(250, max(1, self.settings.n_trials // 4))

    def _full(self, units: WeightGrid, phase: str, progress: Progress) -> Outcome:
        progress.check()
        value = self.objective.value(units)
        step = value.objective(self.objective.problem.lambda_)
        return Outcome(key_of(units), phase, (*[np.nan] * (len(self.objective.sizes) - 1), step), value)

    def _refine(self, before: list[Outcome], progress: Progress) -> list[Outcome]:
        problem = self.objective.problem
        pool = EvaluatedTrials(self.objective, progress)
        pool.add(before)
        known = set(pool.values)
        successive_halving.refine(pool, problem.lambda_)
        best, _ = pool.best(problem.lambda_)
        fresh = [key for key in pool.values if key not in known]
        budget = max(1, self.settings.n_trials - len(before))
        for row in problem.rules.around(best, 20, 200):
            if len(fresh) >= budget:
                break
            if key_of(row) not in pool.values:
                pool.value(row)
                fresh.append(key_of(row))
        if len(fresh) > budget:
            ranked = sorted(fresh, key=lambda key: rank_of(pool.values[key], key, problem.lambda_, problem.reference))
            kept = set(ranked[:budget])
            fresh = [key for key in fresh if key in kept]
        gaps = [np.nan] * (len(self.objective.sizes) - 1)
        return [
            Outcome(key, "refine", (*gaps, pool.values[key].objective(problem.lambda_)), pool.values[key])
            for key in fresh
        ]

    def _propose(self, chunk: int, before: list[Outcome], count: int, progress: Progress) -> list[Outcome]:
        """Trials by TPE under Hyperband, on a copy of the study in memory."""
        seed = int(np.random.SeedSequence([self.objective.problem.seed, chunk]).generate_state(1)[0])
        last = len(self.objective.sizes) - 1
        with quiet():
            study = optuna.create_study(
                study_name=self.name,
                direction="minimize",
                sampler=optuna.samplers.TPESampler(seed=seed),
                pruner=optuna.pruners.HyperbandPruner(min_resource=1, max_resource=last + 1, reduction_factor=3),
            )
            study.add_trials([self._frozen(outcome, {}) for outcome in before])
            outcomes = []
            for _ in range(count):
                progress.check()
                outcomes.append(self._tpe_trial(study, last))
        return outcomes

    def _tpe_trial(self, study: Any, last: int) -> Outcome:
        lambda_ = self.objective.problem.lambda_
        trial = study.ask()
        units = self._suggest(trial)
        steps: list[float] = []
        for step in range(last + 1):
            value = self.objective.rung(units, step)
            steps.append(value.objective(lambda_))
            trial.report(steps[-1], step + 1)
            if step < last and trial.should_prune():
                study.tell(trial, state=TrialState.PRUNED)
                return Outcome(key_of(units), "tpe", tuple(steps), None)
        study.tell(trial, steps[-1])
        return Outcome(key_of(units), "tpe", tuple(steps), value)

    def _suggest(self, trial: Any) -> WeightGrid:
        """Weights one by one, each within what the bounds and the weights before it leave: always feasible."""
        rules = self.objective.problem.rules
        units = np.zeros(rules.width, dtype=np.int64)
        for at, i in enumerate(rules.used):
            rest = rules.used[at + 1 :]
            left = UNITS - int(units.sum())
            low = max(rules.low[i], left - sum(rules.high[j] for j in rest))
            high = min(rules.high[i], left - sum(rules.low[j] for j in rest))
            # No step here: discrete kernels cost TPE ten times as much, and rounding stays within the range.
            units[i] = round(trial.suggest_float(self.objective.problem.names[i], low / UNITS, high / UNITS) * UNITS)
        return units

    def add(self, name: str, outcomes: list[Outcome], progress: Progress) -> None:
        """Store a block, or the rest of one that was cut off; drop it when another process stored it first."""
        if not outcomes:
            self._empty.add(name)
            return
        with self.store.exclusive(self.name):
            present = {
                trial.user_attrs["at"]
                for trial in self.study.get_trials(deepcopy=False)
                if trial.user_attrs.get("block") == name
            }
            if len(present) == len(outcomes):
                self._crowded = True
                return
            for at, outcome in enumerate(outcomes):
                if at % 10 == 0:
                    progress.check()  # a database takes minutes; what is stored by then stays, the rest follows
                if at not in present:
                    self.study.add_trial(self._frozen(outcome, {"block": name, "at": at, "of": len(outcomes)}))

    def _frozen(self, outcome: Outcome, place: dict[str, Any]) -> FrozenTrial:
        rules = self.objective.problem.rules
        weights = as_floats(np.array(outcome.key))
        names = [self.objective.problem.names[i] for i in rules.used]
        return optuna.trial.create_trial(
            state=TrialState.COMPLETE if outcome.complete else TrialState.PRUNED,
            value=outcome.steps[-1],
            params={name: float(weights[i]) for name, i in zip(names, rules.used, strict=True)},
            distributions={
                name: FloatDistribution(rules.low[i] / UNITS, rules.high[i] / UNITS)
                for name, i in zip(names, rules.used, strict=True)
            },
            intermediate_values={k + 1: step for k, step in enumerate(outcome.steps) if not np.isnan(step)},
            user_attrs={"phase": outcome.phase, **_measured(outcome.value), **place},
        )

    def result(self, held: dict[str, list[Outcome]], *, complete: bool) -> StudyResult:
        """The study as it stands."""
        outcomes = tuple(outcome for name in self.plan for outcome in held.get(name, []))
        problem = self.objective.problem
        pool = EvaluatedTrials(self.objective)
        pool.add(outcomes)
        if not pool.values:
            pool.value(problem.reference)
        best, value = pool.best(problem.lambda_)
        return StudyResult(self.name, outcomes, best, value, complete)


def _measured(value: Value | None) -> dict[str, float]:
    return {} if value is None else {"correlation": value.rho, "kl": value.kl}


def _outcome_of(trial: FrozenTrial, names: Sequence[str]) -> Outcome:
    units = tuple(round(trial.params.get(name, 0.0) * UNITS) for name in names)
    last = max(trial.intermediate_values)
    steps = tuple(trial.intermediate_values.get(k, np.nan) for k in range(1, last + 1))
    value = None
    if trial.state == TrialState.COMPLETE:
        value = Value(trial.user_attrs["correlation"], trial.user_attrs["kl"])
    return Outcome(units, trial.user_attrs["phase"], steps, value)


def _note_best(objective: Objective, held: dict[str, list[Outcome]], progress: Progress) -> None:
    lambda_ = objective.problem.lambda_
    values = [outcome.value for outcomes in held.values() for outcome in outcomes if outcome.value is not None]
    if values:
        best = min(values, key=lambda value: value.objective(lambda_))
        progress.note(f"best so far {best.objective(lambda_):.4f} (correlation {best.rho:.3f})")

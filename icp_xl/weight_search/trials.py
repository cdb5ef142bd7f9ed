"""A trial in plain form, and the pool of everything that was evaluated exactly."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from icp_xl.progress import Progress
from icp_xl.weight_search.objective import Objective, Value
from icp_xl.weight_search.simplex import WeightGrid

Key = tuple[int, ...]


def key_of(units: WeightGrid) -> Key:
    """WeightGrid as something that can be looked up."""
    return tuple(int(part) for part in units)


@dataclass(frozen=True)
class Outcome:
    """One trial: weights, its objective on each subsample it reached, and the exact value if it reached the last."""

    key: Key
    phase: str
    steps: tuple[float, ...]
    value: Value | None

    @property
    def complete(self) -> bool:
        """Whether the trial was evaluated on all accounts, not pruned before."""
        return self.value is not None


@dataclass
class EvaluatedTrials:
    """Exact values by weights; evaluates each point once, and watches for a cancel while it does."""

    objective: Objective
    progress: Progress = field(default_factory=Progress)
    values: dict[Key, Value] = field(default_factory=dict)

    def value(self, units: WeightGrid) -> Value:
        """The exact value of one point."""
        key = key_of(units)
        if key not in self.values:
            self.progress.check()
            self.values[key] = self.objective.value(units)
        return self.values[key]

    def add(self, outcomes: Iterable[Outcome]) -> None:
        """Take over what complete trials found."""
        for outcome in outcomes:
            if outcome.value is not None:
                self.values.setdefault(outcome.key, outcome.value)

    def best(self, lambda_: float) -> tuple[WeightGrid, Value]:
        """The lowest objective at ``lambda_``; of equals the one nearest to the reference weights."""
        reference = self.objective.problem.reference
        key = min(self.values, key=lambda k: rank_of(self.values[k], k, lambda_, reference))
        return np.array(key, dtype=np.int64), self.values[key]


def rank_of(value: Value, key: Key, lambda_: float, reference: WeightGrid) -> tuple[float, float, Key]:
    """What the better of two points is lower in: objective (to 1e-12), distance from the reference, weights.

    Args:
        value: of the point.
        key: its weights, in units.
        lambda_: weight of the divergence against the correlation, 0 to 1.
        reference: weights that ties fall towards.
    """
    distance = float(sum((at - to) ** 2 for at, to in zip(key, reference.tolist(), strict=True)))
    return (round(value.objective(lambda_), 12), distance, key)

"""Chance that is the same on every machine: only ``random()`` is used, whose sequence Python keeps from version to
version, and everything else is derived from it by plain arithmetic."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import TypeVar

T = TypeVar("T")
_NORMAL = NormalDist()


class Chance:
    """A seeded source of draws.

    >>> Chance(1).whole(1, 6) == Chance(1).whole(1, 6)
    True
    """

    def __init__(self, seed: int | str) -> None:
        self._random = random.Random(f"icp_xl samples {seed}")

    def unit(self) -> float:
        """Uniform on [0, 1)."""
        return self._random.random()

    def happens(self, probability: float) -> bool:
        """Whether something of this probability happens."""
        return self._random.random() < probability

    def whole(self, low: int, high: int) -> int:
        """A whole number from ``low`` to ``high``, both included."""
        return low + int(self._random.random() * (high - low + 1))

    def normal(self, mean: float = 0.0, deviation: float = 1.0) -> float:
        """A normal deviate by inversion."""
        return mean + deviation * _NORMAL.inv_cdf(min(max(self._random.random(), 1e-12), 1 - 1e-12))

    def gamma2(self, mean: float = 1.0) -> float:
        """A gamma deviate of shape 2."""
        return -mean / 2 * math.log((1.0 - self._random.random()) * (1.0 - self._random.random()))

    def count(self, mean: float) -> int:
        """A Poisson deviate of a small mean."""
        limit, product, found = math.exp(-mean), self._random.random(), 0
        while product > limit and found < 500:
            product *= self._random.random()
            found += 1
        return found

    def one(self, items: Sequence[T]) -> T:
        """One of ``items``."""
        return items[int(self._random.random() * len(items))]

    def weighted(self, weights: Mapping[T, float]) -> T:
        """One of the keys, in proportion to its weight."""
        mark = self._random.random() * sum(weights.values())
        for item, weight in weights.items():
            mark -= weight
            if mark < 0:
                return item
        return item

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """``items`` in another order."""
        out = list(items)
        for at in range(len(out) - 1, 0, -1):
            other = int(self._random.random() * (at + 1))
            out[at], out[other] = out[other], out[at]
        return out

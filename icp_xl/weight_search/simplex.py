"""The feasible weights: whole units of 1/10,000 that sum to 10,000 and keep within the bounds.

Counting in whole units makes every rule exact: bounds, maximum and sum hold after normalisation because nothing is
normalised. Weights are handled as integer arrays with a column per component, in their order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from icp_xl.components.presets import EQUIPMENT
from icp_xl.components.record import Component
from icp_xl.config.optimize import SIZE, OptimizeSettings, usual_bounds
from icp_xl.errors import ConfigError

UNITS = 10_000
#: Points of a lattice that are looked through at once, for up to four components.
MOST_POINTS = 200_000
WeightGrid = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Rules:
    """Which weights are allowed: ``low`` and ``high`` units per component; an unused component has both at 0."""

    low: tuple[int, ...]
    high: tuple[int, ...]

    @classmethod
    def of(cls, settings: OptimizeSettings, components: Sequence[Component] = EQUIPMENT) -> Rules:
        """The rules of the settings and of the components' own bounds; finer than 1/10,000 they are taken inwards.

        Raises:
            ConfigError: no weights of four decimals obey the bounds.
        """
        used = [settings.include_size or component.name != SIZE for component in components]
        minimum, maximum = usual_bounds(settings, sum(used))
        low = [minimum if item.minimum is None else item.minimum for item in components]
        high = [maximum if item.maximum is None else item.maximum for item in components]
        rules = cls(
            tuple(int(np.ceil(share * UNITS - 1e-6)) if on else 0 for share, on in zip(low, used, strict=True)),
            tuple(int(np.floor(share * UNITS + 1e-6)) if on else 0 for share, on in zip(high, used, strict=True)),
        )
        crossed = any(least > most for least, most in zip(rules.low, rules.high, strict=True))
        if crossed or sum(rules.low) > UNITS or sum(rules.high) < UNITS:
            ends = ", ".join(
                f"{item.name} {a:g} to {b:g}" for item, a, b, on in zip(components, low, high, used, strict=True) if on
            )
            raise ConfigError(
                "no weights obey the bounds of the optimisation",
                where="optimize.minimum, optimize.maximum and the bounds of scoring.components",
                got=ends,
                allowed="bounds between which weights can sum to 1",
            )
        return rules

    @property
    def width(self) -> int:
        """How many components there are, those that are not used too."""
        return len(self.low)

    @property
    def used(self) -> tuple[int, ...]:
        """Positions of the components that may have a weight."""
        return tuple(i for i in range(self.width) if self.high[i] > 0)

    def allows(self, units: WeightGrid) -> npt.NDArray[np.bool_]:
        """Which rows of ``units`` obey every rule."""
        rows = np.atleast_2d(units)
        inside = (rows >= self.low) & (rows <= self.high)
        ok: npt.NDArray[np.bool_] = inside.all(axis=1) & (rows.sum(axis=1) == UNITS)
        return ok

    def grid(self, step: int) -> WeightGrid:
        """Every allowed weight vector whose parts are multiples of ``step`` units, in lexical order."""
        rows = np.zeros((1, self.width), dtype=np.int64)
        for at, i in enumerate(self.used[:-1]):
            axis = np.arange(-(-self.low[i] // step), self.high[i] // step + 1) * step
            rest = self.used[at + 1 :]
            taken = len(rows)
            rows = np.repeat(rows, len(axis), axis=0)
            rows[:, i] = np.tile(axis, taken)
            left = UNITS - rows.sum(axis=1)
            # What the components after it cannot take up or fill is dropped at once, or many components have no room.
            rows = rows[(left >= sum(self.low[j] for j in rest)) & (left <= sum(self.high[j] for j in rest))]
        rows[:, self.used[-1]] = UNITS - rows.sum(axis=1)
        return rows[self.allows(rows)]

    def count(self, step: int) -> int:
        """How many points :meth:`grid` has for a ``step`` that divides the whole."""
        ways = np.ones(1)
        for i in self.used:
            low, high = -(-self.low[i] // step), self.high[i] // step
            ways = np.convolve(ways, np.concatenate([np.zeros(low), np.ones(max(high - low + 1, 0))]))
        whole = UNITS // step
        return round(ways[whole]) if whole < len(ways) else 0

    def lattice(self, least: int = 300) -> WeightGrid:
        """An even lattice of at least ``least`` points where there is one, no more than can be seen through."""
        for step in (100, 50, 20, 10, 5, 1):
            if self.count(step) >= least:
                break
        for coarser in (step, 200, 500, 1000):
            if coarser >= step and self.count(coarser) <= (MOST_POINTS if len(self.used) <= 4 else MOST_POINTS // 10):
                step = coarser
                break
        return self.grid(step)

    def around(self, centre: WeightGrid, step: int, radius: int) -> WeightGrid:
        """Allowed points at whole multiples of ``step`` from ``centre``, no part further off than ``radius``."""
        free = self.used[:-1]
        while (2 * (radius // step) + 1) ** len(free) > MOST_POINTS // 10 and step < radius:
            step = min(2 * step, radius)
        moves = np.arange(-(radius // step), radius // step + 1) * step
        mesh = np.stack(np.meshgrid(*([moves] * len(free)), indexing="ij"), axis=-1).reshape(-1, len(free))
        rows = np.tile(centre, (len(mesh), 1))
        rows[:, list(free)] += mesh
        rows[:, self.used[-1]] -= mesh.sum(axis=1)
        near = np.abs(rows - centre).max(axis=1) <= radius
        found: WeightGrid = rows[near & self.allows(rows)]
        return found

    def swaps(self, centre: WeightGrid, step: int) -> WeightGrid:
        """Allowed points that move ``step`` units, or what the bounds leave of it, from one component to another."""
        rows = []
        for up in self.used:
            for down in self.used:
                room = min(step, self.high[up] - int(centre[up]), int(centre[down]) - self.low[down])
                if up != down and room > 0:
                    row = centre.copy()
                    row[up] += room
                    row[down] -= room
                    rows.append(row)
        return np.array(rows, dtype=np.int64).reshape(-1, self.width)

    def project(self, weights: Floats) -> WeightGrid:
        """The allowed weights nearest to ``weights`` (which may break any rule), rounded to whole units."""
        low, high = np.array(self.low) / UNITS, np.array(self.high) / UNITS
        wanted = np.where(np.array(self.high) > 0, weights, 0.0)
        wanted = wanted / wanted.sum() if wanted.sum() > 0 else wanted
        # Euclidean projection: shift all by one amount, clip, and find the shift that makes the sum 1.
        below, above = -2.0, 2.0
        for _ in range(80):
            shift = (below + above) / 2
            if np.clip(wanted + shift, low, high).sum() < 1.0:
                below = shift
            else:
                above = shift
        exact = np.clip(wanted + above, low, high) * UNITS
        return self._rounded(exact)

    def _rounded(self, exact: Floats) -> WeightGrid:
        rows = np.floor(exact + 1e-6).astype(np.int64)
        order = np.argsort(-(exact - rows), kind="stable")
        while rows.sum() != UNITS:
            step = 1 if rows.sum() < UNITS else -1
            limit = self.high if step > 0 else self.low
            for i in order:
                if rows[i] != limit[i] and rows.sum() != UNITS:
                    rows[i] += step
        return rows


def as_weights(units: WeightGrid) -> tuple[float, ...]:
    """Floats whose sum, taken in order, is exactly 1.

    >>> sum(as_weights(np.array([3333, 3333, 1667, 1667])))
    1.0
    """
    *first, last = (int(part) / UNITS for part in units)
    before = sum(first)
    # 1 - x is exact for x in [0.5, 2], so the last weight takes the rounding of those before it.
    return (*first, last if before + last == 1.0 else 1.0 - before)


def as_floats(units: WeightGrid) -> Floats:
    """WeightGrid as shares of 1, shape kept."""
    return np.asarray(units, dtype=np.float64) / UNITS

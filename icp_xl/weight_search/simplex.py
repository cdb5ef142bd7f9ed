"""The feasible weights: whole units of 1/10,000 that sum to 10,000 and keep within the bounds.

Counting in whole units makes every rule exact: bounds, maximum and sum hold after normalisation because nothing is
normalised. Weights are handled as integer arrays of shape (n, 4), in the order of ``COMPONENTS``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from icp_xl.config.optimize import OptimizeSettings
from icp_xl.errors import ConfigError

UNITS = 10_000
Units = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Rules:
    """Which weights are allowed: ``low`` and ``high`` units per component; an unused component has both at 0."""

    low: tuple[int, int, int, int]
    high: tuple[int, int, int, int]

    @classmethod
    def of(cls, settings: OptimizeSettings) -> Rules:
        """The rules of the settings; bounds finer than 1/10,000 are taken inwards.

        Raises:
            ConfigError: no weights of four decimals obey the bounds.
        """
        low = int(np.ceil(settings.minimum * UNITS - 1e-6))
        high = int(np.floor(settings.maximum * UNITS + 1e-6))
        used = [True, settings.include_size, True, True]
        rules = cls(
            tuple(low if on else 0 for on in used),  # type: ignore[arg-type]
            tuple(high if on else 0 for on in used),  # type: ignore[arg-type]
        )
        if low > high or sum(rules.low) > UNITS or sum(rules.high) < UNITS:
            raise ConfigError(
                "no weights obey the bounds of the optimisation",
                where="optimize.minimum, optimize.maximum",
                got=f"{settings.minimum:g} to {settings.maximum:g} for {sum(used)} components",
                allowed="bounds between which weights can sum to 1",
            )
        return rules

    @property
    def used(self) -> tuple[int, ...]:
        """Positions of the components that may have a weight."""
        return tuple(i for i in range(4) if self.high[i] > 0)

    def allows(self, units: Units) -> npt.NDArray[np.bool_]:
        """Which rows of ``units`` obey every rule."""
        rows = np.atleast_2d(units)
        inside = (rows >= self.low) & (rows <= self.high)
        ok: npt.NDArray[np.bool_] = inside.all(axis=1) & (rows.sum(axis=1) == UNITS)
        return ok

    def grid(self, step: int) -> Units:
        """Every allowed weight vector whose parts are multiples of ``step`` units, in lexical order."""
        free = self.used[:-1]
        axes = [np.arange(-(-self.low[i] // step), self.high[i] // step + 1) * step for i in free]
        mesh = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(free))
        rows = np.zeros((len(mesh), 4), dtype=np.int64)
        rows[:, list(free)] = mesh
        rows[:, self.used[-1]] = UNITS - rows.sum(axis=1)
        return rows[self.allows(rows)]

    def around(self, centre: Units, step: int, radius: int) -> Units:
        """Allowed points at whole multiples of ``step`` from ``centre``, no part further off than ``radius``."""
        free = self.used[:-1]
        moves = np.arange(-(radius // step), radius // step + 1) * step
        mesh = np.stack(np.meshgrid(*([moves] * len(free)), indexing="ij"), axis=-1).reshape(-1, len(free))
        rows = np.tile(centre, (len(mesh), 1))
        rows[:, list(free)] += mesh
        rows[:, self.used[-1]] -= mesh.sum(axis=1)
        near = np.abs(rows - centre).max(axis=1) <= radius
        found: Units = rows[near & self.allows(rows)]
        return found

    def swaps(self, centre: Units, step: int) -> Units:
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
        return np.array(rows, dtype=np.int64).reshape(-1, 4)

    def project(self, weights: Floats) -> Units:
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

    def _rounded(self, exact: Floats) -> Units:
        rows = np.floor(exact + 1e-6).astype(np.int64)
        order = np.argsort(-(exact - rows), kind="stable")
        while rows.sum() != UNITS:
            step = 1 if rows.sum() < UNITS else -1
            limit = self.high if step > 0 else self.low
            for i in order:
                if rows[i] != limit[i] and rows.sum() != UNITS:
                    rows[i] += step
        return rows


def as_weights(units: Units) -> tuple[float, float, float, float]:
    """Four floats whose sum, taken in order, is exactly 1.

    >>> sum(as_weights(np.array([3333, 3333, 1667, 1667])))
    1.0
    """
    v, s, a, r = (int(part) / UNITS for part in units)
    # 1 - x is exact for x in [0.5, 2], so the last weight takes the rounding of the first three.
    if v + s + a + r != 1.0:
        r = 1.0 - (v + s + a)
    return (v, s, a, r)


def as_floats(units: Units) -> Floats:
    """Units as shares of 1, shape kept."""
    return np.asarray(units, dtype=np.float64) / UNITS

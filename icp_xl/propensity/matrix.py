"""The numbers that every candidate of a division learns from, made once: inputs of each cutoff, bins of the trees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from icp_xl.propensity.baselines import BaselineModel
from icp_xl.propensity.data import CutoffData
from icp_xl.propensity.inputs import design_matrix
from icp_xl.propensity.model import Part, matrix_of
from icp_xl.propensity.trees import Bins

Floats = NDArray[np.float64]
Ensemble = tuple[tuple[float, Part], ...]


@dataclass(frozen=True)
class DesignMatrix:
    """A design matrix with outcomes, and of each row its account, weight (1 on average), bins and number of cutoff."""

    x: Floats
    y: Floats
    accounts: NDArray[np.object_]
    weight: Floats
    bins: Bins
    window: NDArray[np.intp]

    def take(self, rows: NDArray[np.intp]) -> DesignMatrix:
        """Only the rows at these places, which ascend."""
        return DesignMatrix(
            self.x[rows], self.y[rows], self.accounts[rows], self.weight[rows], self.bins.take(rows), self.window[rows]
        )  # fmt: skip


class Matrices:
    """Inputs of some cutoffs, and what models say of them: each made when it is first asked for, and once.

    Args:
        names: inputs, in order.
        cutoffs: in the order in which they will be asked for together, so that many of them are a part of one array.
            The bins of trees are laid over all of them, which tells of no outcome.
    """

    def __init__(self, names: Sequence[str], cutoffs: Sequence[CutoffData] = ()) -> None:
        self.names = tuple(names)
        self._cutoffs = tuple(cutoffs)
        ends = np.cumsum([0, *(len(each.label) for each in cutoffs)])
        self._place = {id(each.features): (int(a), int(b)) for each, a, b in zip(cutoffs, ends, ends[1:], strict=False)}
        self._whole = np.empty((int(ends[-1]), len(self.names)))
        for each in cutoffs:
            design_matrix(each.features, self.names, self._whole[slice(*self._place[id(each.features)])])
        self._bins = Bins(self._whole)
        # The part and the frame are kept with what was said, so that their identities stay theirs.
        self._said: dict[tuple[int, int], tuple[Part, object, Floats]] = {}

    def of(self, data: CutoffData) -> Floats:
        """Rows × inputs of one cutoff."""
        rows = self._place.get(id(data.features))
        return design_matrix(data.features, self.names) if rows is None else self._whole[slice(*rows)]

    def stack(self, cutoffs: Sequence[CutoffData], half_life: float = np.inf) -> DesignMatrix:
        """All rows of some cutoffs, one under the other; a cutoff ``half_life`` months before the last weighs half."""
        slices = [self._place.get(id(each.features)) for each in cutoffs]
        known = [each for each in slices if each is not None]
        if len(known) < len(cutoffs):
            x = np.concatenate([self.of(each) for each in cutoffs])
            bins = Bins(x)
        else:
            adjacent = all(one[1] == two[0] for one, two in zip(known, known[1:], strict=False))
            rows = np.concatenate([np.arange(*each) for each in known])
            x = self._whole[known[0][0] : known[-1][1]] if adjacent else self._whole[rows]
            bins = self._bins.take(rows)
        y = np.concatenate([each.label for each in cutoffs]).astype(np.float64)
        ages = [(cutoffs[-1].cutoff - each.cutoff).days / 30.4375 for each in cutoffs]
        weight = np.concatenate(
            [np.full(len(each.label), 0.5 ** (age / half_life)) for each, age in zip(cutoffs, ages, strict=True)]
        )
        accounts = np.concatenate([each.accounts for each in cutoffs])
        window = np.repeat(np.arange(len(cutoffs)), [len(each.label) for each in cutoffs])
        return DesignMatrix(x, y, accounts, weight / max(float(weight.mean()), 1e-12), bins, window)

    def log_odds(self, parts: Ensemble, data: CutoffData) -> Floats:
        """Uncalibrated log-odds of each row of a cutoff; what a part said before is not asked again."""
        total = np.zeros(len(data.label))
        for weight, part in parts:
            key = (id(part), id(data.features))
            if key not in self._said:
                x = matrix_of(part, data.features) if isinstance(part, BaselineModel) else self.of(data)
                self._said[key] = (part, data.features, part.log_odds(x))
            total += weight * self._said[key][2]
        return total

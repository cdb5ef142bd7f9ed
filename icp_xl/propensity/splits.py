"""Which rows a candidate learns from and which judge it: forward in time, else by account."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from icp_xl.propensity.data import CutoffData, DivisionData


@dataclass(frozen=True)
class Fold:
    """Rows to learn from, and the cutoff (or the accounts) that judge."""

    train: tuple[CutoffData, ...]
    valid: CutoffData


#: Cutoffs that judge at most: a year of quarters, so that no season alone says which candidate is best.
JUDGING = 4


def forward_folds(data: DivisionData) -> list[Fold]:
    """The cutoffs of the last year that judge, each learned from those whose windows had ended by it; the latest last.

    At least two where the log allows them. Their own windows do not overlap either, so that each judges something else.
    """
    folds: list[Fold] = []
    count = min(JUDGING, max(2, 12 // max(data.window_months, 1)))
    for valid in reversed(data.cutoffs):
        known = tuple(each for each in data.cutoffs if each.window_end <= valid.cutoff)
        apart = not folds or valid.window_end <= folds[-1].valid.cutoff
        if known and apart and _both(known) and valid.positives:
            folds.append(Fold(known, valid))
        if len(folds) == count:
            break
    return folds[::-1]


def recent(cutoffs: Sequence[CutoffData], count: int) -> tuple[CutoffData, ...]:
    """At most ``count`` of the cutoffs, the latest first in choosing, whose windows do not overlap; oldest first."""
    found: list[CutoffData] = []
    for each in reversed(cutoffs):
        if len(found) < count and (not found or each.window_end <= found[-1].cutoff):
            found.append(each)
    return tuple(found[::-1])


def account_folds(data: DivisionData, count: int, seed: int) -> list[Fold]:
    """Folds grouped by account, for where time allows none: no account is on both sides."""
    member = account_groups([each.accounts for each in data.cutoffs], count, seed)
    folds = []
    for k in range(count):
        train = tuple(take(each, group != k) for each, group in zip(data.cutoffs, member, strict=True))
        last = data.cutoffs[-1]
        valid = take(last, member[-1] == k)
        if _both(train) and len(valid.label):
            folds.append(Fold(train, valid))
    return folds


def account_groups(accounts: Sequence[NDArray[np.object_]], count: int, seed: int) -> list[NDArray[np.int64]]:
    """A group from 0 to ``count`` - 1 for every row; an account has the same one at every cutoff and in any order."""
    code, known = pd.factorize(np.concatenate(accounts))
    groups = np.arange(known.size) % count
    np.random.default_rng(seed).shuffle(groups)
    place = np.empty(known.size, np.intp)
    place[np.argsort(known.astype(str))] = np.arange(known.size)
    return np.split(groups[place[code]].astype(np.int64), np.cumsum([each.size for each in accounts])[:-1])


def take(data: CutoffData, rows: NDArray[np.bool_]) -> CutoffData:
    """Only the marked rows."""
    return CutoffData(
        data.cutoff, data.features[rows], data.label[rows], data.revenue[rows], data.gross_profit[rows],
        data.window_months,
    )  # fmt: skip


def _both(cutoffs: Sequence[CutoffData]) -> bool:
    """Whether both outcomes occur."""
    positives = sum(each.positives for each in cutoffs)
    return 0 < positives < sum(len(each.label) for each in cutoffs)

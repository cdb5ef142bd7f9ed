"""The signals of each pair, how far each covers the list, and their common scale."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from icp_xl.signals import SIGNALS
from icp_xl.whitespace.model import Bools, Floats, Mode, Texts

#: Weight of the best lift against the mean one.
_MAX_SHARE = 2.0 / 3.0
_FLOORS = np.asarray([signal.floor for signal in SIGNALS])


def affinity(lift_max: Floats, lift_mean: Floats) -> Floats:
    """Market-basket affinity: two parts the best lift, one part the mean; NaN where no code owned makes a rule.

    >>> affinity(np.array([3.0, 0.0]), np.array([1.5, 0.0]))
    array([2.5, nan])
    """
    mean = np.where(np.isfinite(lift_mean), lift_mean, lift_max)
    found = _MAX_SHARE * lift_max + (1.0 - _MAX_SHARE) * mean
    return np.where(np.isfinite(lift_max) & (lift_max > 0.0), found, np.nan)


def similarity_to_owners(vectors: Floats, owners: Bools) -> Floats:
    """Cosine of each account's embedding and the centroid of the owners'; NaN without an embedding or an owner.

    An owner is compared with the centroid of the other owners: he would otherwise resemble himself.
    """
    known = np.isfinite(vectors).all(axis=1) & (np.abs(vectors).sum(axis=1) > 0.0)
    out = np.full(len(vectors), np.nan)
    unit = np.zeros_like(vectors)
    unit[known] = vectors[known] / np.linalg.norm(vectors[known], axis=1, keepdims=True)
    mine = owners & known
    total, count = unit[mine].sum(axis=0), int(mine.sum())
    centre = total[None, :] - unit * mine[:, None]
    size = np.linalg.norm(centre, axis=1)
    usable = known & (size > 1e-12) & (count - mine > 0)
    out[usable] = (unit[usable] * centre[usable]).sum(axis=1) / size[usable]
    return np.asarray(np.clip(out, -1.0, 1.0))


def fill_similarity(frame: pd.DataFrame) -> Floats:
    """``als_similarity`` where it is given, else the likeness to the division's owners by the columns ``als_f…``."""
    given = frame["als_similarity"].to_numpy(dtype=np.float64)
    factors = [str(name) for name in frame.columns if str(name).startswith("als_f")]
    if not factors or np.isfinite(given).all():
        return given
    out = given.copy()
    vectors = frame[factors].to_numpy(dtype=np.float64)
    owners = frame["days_own"].to_numpy() > 0.0
    for rows in frame.groupby("division", sort=True).indices.values():
        if np.isnan(given[rows]).all():
            out[rows] = similarity_to_owners(vectors[rows], owners[rows])
    return out


def coverage(signals: Mapping[str, Floats]) -> dict[str, float]:
    """Share of rows with a value, per signal."""
    return {name: float(np.isfinite(values).mean()) if len(values) else 0.0 for name, values in signals.items()}


def normalise(
    signals: Mapping[str, Floats], division: Texts, base_rate: Floats, mode: Mode
) -> pd.DataFrame:  # fmt: skip
    """The signals between 0 and 1, columns :data:`~icp_xl.signals.NORMALISED`; a missing one never beats a present one.

    Args:
        signals: values by name, one entry per row.
        division: of each row.
        base_rate: share of accounts that own the division, per row; makes a lift a probability (``calibrated``).
        mode: ``calibrated`` keeps the signals' own scales, and with them what is known of the divisions: the
            probability, the share of owners among those who own the same code, the cosine moved to 0–1, the expected
            value against the largest. ``percentile`` ranks within each division, which gives every division the same
            say and throws its base rate away; ``pooled`` ranks over all.
    """
    out: dict[str, Any] = {}
    for signal in SIGNALS:
        if mode == "calibrated":
            natural = signal.natural(signals[signal.name], base_rate)
            out[signal.normalised] = np.nan_to_num(np.clip(natural, 0.0, 1.0))
            continue
        column = pd.Series(signals[signal.name])
        ranks = column.groupby(division).rank() if mode == "percentile" else column.rank()
        counts = column.groupby(division).transform("count") if mode == "percentile" else column.count()
        out[signal.normalised] = ((ranks - 0.5) / counts).fillna(0.0).to_numpy()
    return pd.DataFrame(out)


def floored(values: Floats) -> Floats:
    """Values (rows × signals) fit to be multiplied: at least each signal's floor, order kept.

    >>> floored(np.array([[0.0, 1.0, 0.0, 0.0]])).tolist()
    [[0.01, 1.0, 0.01, 0.0001]]
    """
    return np.asarray(_FLOORS + (1.0 - _FLOORS) * values)

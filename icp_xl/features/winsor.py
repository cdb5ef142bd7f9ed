"""Caps on heavy tails, fitted on what was known at the cutoff, and saved."""

from __future__ import annotations

import numpy as np

from icp_xl.features.model import Array

Cap = tuple[float, float]


def fit_cap(values: Array, quantile: float) -> Cap | None:
    """Lower and upper cap: the quantile of the positive values, and its mirror of the negative ones.

    Zeros are left aside, because most accounts buy nothing of most things and the quantile of all values would be
    zero. ``None`` where there is nothing to cap.

    >>> fit_cap(np.array([0.0, 0.0, 1.0, 2.0, 3.0]), 1.0) is None
    True
    >>> fit_cap(np.array([0.0, 1.0, 2.0, 3.0]), 0.75)
    (0.0, 2.5)
    """
    if quantile >= 1.0:
        return None
    known = values[np.isfinite(values)]
    high, low = known[known > 0], known[known < 0]
    if not len(high) and not len(low):
        return None
    upper = float(np.quantile(high, quantile)) if len(high) else 0.0
    lower = float(np.quantile(low, 1.0 - quantile)) if len(low) else 0.0
    return lower, upper

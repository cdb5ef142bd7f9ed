"""What counts as ordinary, so that no account's own figures move others by more than any ordinary account does.

Amounts are looked at by their logarithms, where most are near to normal. How far one is from the ordinary is its
modified z-score: its distance from the median over 1.4826 times the median absolute deviation (Iglewicz and Hoaglin,
How to Detect and Handle Outliers, 1993). An amount counts in full up to 3, less and less beyond, and not at all from 4
on, a descending weight as Hampel's (The Influence Curve and Its Role in Robust Estimation, 1974). Median and median
absolute deviation have bounded influence, so one more account, however large, moves these limits by no more than any
other does; and beyond them it takes no part in a scale or a mean at all. Nobody loses anything by that: such an account
scores at the top of the scale, as it did.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Modified z-scores up to which an amount counts in full, and from which on not at all.
FULL, NONE = 3.5, 4.5
#: Modified z-score beyond which more performance is not better.
CAP = 2.5
#: Standard deviations of a normal distribution in one median absolute deviation.
MAD = 1.4826
#: Amounts are taken to differ by at least this much: the median of counts jumps from one whole number to the next, and
#: the limits would jump with it. So nothing below 20 times the median counts for less.
LEAST_SPREAD = 1.0
#: So many amounts at the least stand above a robust maximum, where there are twice as many: one more among the greatest
#: moves it by no more than the step from one of them to the next.
ABOVE = 3.0
#: Fewer positive amounts than this say nothing of what is ordinary.
LEAST = 5


def ordinary_weights(amounts: Any) -> Floats:
    """How far each amount counts, 0 to 1; nothing, the unknown and the small count in full.

    >>> ordinary_weights([10.0, 12.0, 9.0, 11.0, 1e9, 0.0]).tolist()
    [1.0, 1.0, 1.0, 1.0, 0.0, 1.0]
    """
    values = np.asarray(amounts, dtype=np.float64)
    centre, spread = _ordinary(values)
    logs = np.log1p(np.maximum(np.nan_to_num(values), 0.0))
    weights: Floats = np.clip((NONE - (logs - centre) / spread) / (NONE - FULL), 0.0, 1.0)
    return weights


def _ordinary(values: Floats) -> tuple[float, float]:
    """Median and spread of the logarithms of what is positive; an endless spread where there is too little."""
    logs = np.log1p(values[values > 0.0])
    if logs.size < LEAST:
        return 0.0, np.inf
    centre = float(np.median(logs))
    return centre, max(MAD * float(np.median(np.abs(logs - centre))), LEAST_SPREAD)


def capped(logs: Floats, amounts: Any) -> Floats:
    """``logs`` of amounts, at most ``CAP`` spreads above the median of the positive ones (Huber 1964)."""
    centre, spread = _ordinary(np.asarray(amounts, dtype=np.float64))
    return np.minimum(logs, centre + CAP * spread)


def robust_maximum(amounts: Any, quantile: float) -> float:
    """The amount that counts as the greatest: a high quantile of the positive ones, by what they count.

    Where all count in full it is their quantile as numpy has it; 0 where there is none.

    >>> robust_maximum([0.0, 1.0, 2.0, 3.0], 0.5), robust_maximum([10.0, 12.0, 9.0, 11.0, 1e9], 1.0)
    (2.0, 10.5)
    """
    values = np.asarray(amounts, dtype=np.float64)
    weights = ordinary_weights(values)
    counted = (values > 0.0) & (weights > 0.0)
    order = np.argsort(values[counted], kind="stable")
    ordered, weights = values[counted][order], weights[counted][order]
    if not ordered.size:
        return 0.0
    whole = float(weights.sum()) - 1.0
    if whole <= 0.0:
        return float(ordered[-1])
    quantile = min(quantile, max(1.0 - ABOVE / whole, 0.5))
    if np.all(weights == 1.0):
        return float(np.quantile(ordered, quantile))
    # The place of each is what counts before it, so that one of no weight leaves the others in their places.
    return float(np.interp(quantile, (np.cumsum(weights) - weights) / whole, ordered))

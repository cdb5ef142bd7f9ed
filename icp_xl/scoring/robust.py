"""What counts as ordinary, so that no account's own figures move others by more than any ordinary account does.

Amounts are looked at by their logarithms, where most are near to normal. **Each is judged by the smaller ones alone**,
from the greatest inwards (sequential testing, Rosner, Technometrics 17, 1975, with the median in the place of the
mean): its distance from their median in units of their spread, which is the distance between their quartiles over
1.349, the same as a standard deviation of a normal distribution. It counts in full up to a distance of 3.5 (Iglewicz
and Hoaglin, How to Detect and Handle Outliers, 1993), less and less beyond, and not at all from 4.5 on, a descending
weight as Hampel's (The Influence Curve and Its Role in Robust Estimation, 1974). The first that counts in full ends it.

So an account whose amount is beyond the ordinary has no influence whatsoever, not even on what is ordinary, in a
population of any size; and one whose amount is not moves a quantile by one place, as any other does. Nobody loses
anything by that: such an account scores at the top of the scale, as it did.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Distances up to which an amount counts in full, and from which on not at all.
FULL, NONE = 3.5, 4.5
#: Distance beyond which more performance is not better.
CAP = 2.5
#: Standard deviations between the quartiles of a normal distribution.
QUARTILES = 1.3489795003921634
#: Logarithms of amounts are taken to spread by at least this much: the median of counts jumps from one whole number to
#: the next, and the limits would jump with it. So nothing below 33 times the median counts for less.
LEAST_SPREAD = 1.0
#: Of fewer amounts than this the spread is hardly known, and is taken to be at least so much: nothing below 190 times
#: their median counts for less.
FEW, FEW_SPREAD = 5, 1.5
#: So many amounts at the least stand above a robust maximum, where there are twice as many: one more among the greatest
#: moves it by no more than the step from one of them to the next.
ABOVE = 3.0


def ordinary_weights(amounts: Any, among: Any = True) -> Floats:
    """How far each amount counts, 0 to 1; nothing, the unknown and the small count in full.

    An amount below 0 is judged by its size as one above it would be.

    Args:
        amounts: one per account.
        among: which of them say what is ordinary.

    >>> ordinary_weights([10.0, 12.0, 9.0, 11.0, 1e9, 0.0, -1e9, -5.0]).tolist()
    [1.0, 1.0, 1.0, 1.0, 0.0, 1.0, 0.0, 1.0]
    """
    values = np.asarray(amounts, dtype=np.float64)
    floors = np.array([np.inf, *[FEW_SPREAD] * (FEW - 1), LEAST_SPREAD])
    return _judged(np.log1p(np.abs(np.nan_to_num(values))), np.log1p(np.sort(values[(values > 0.0) & among])), floors)


def _judged(values: Floats, ordered: Floats, floors: Floats) -> Floats:
    """Weights of ``values``, each judged by those of ``ordered`` that are smaller.

    ``floors`` are the least spread of nothing, one, two, ... values; the last of them holds for all more.
    """
    below = np.searchsorted(ordered, values, side="left")
    count = np.arange(ordered.size + 1)
    centre, spread = _centre(ordered, count), _spread(ordered, count)
    spread = np.maximum(spread, floors[np.minimum(count, floors.size - 1)])
    # The greatest that counts in full vouches for all below it.
    first = np.searchsorted(ordered, ordered, side="left")
    sure = np.flatnonzero(ordered - centre[first] <= FULL * spread[first])
    vouched = ordered[sure[-1]] if sure.size else -np.inf
    weights: Floats = np.clip(NONE - (values - centre[below]) / spread[below], 0.0, NONE - FULL) / (NONE - FULL)
    return np.where(values <= vouched, 1.0, weights)


def _centre(ordered: Floats, count: Any) -> Floats:
    """Medians of the first ``count`` of the sorted values; 0 where that is none."""
    return _place(ordered, count, 0.5)


def _spread(ordered: Floats, count: Any) -> Floats:
    """Their spread, by the quartiles."""
    return (_place(ordered, count, 0.75) - _place(ordered, count, 0.25)) / QUARTILES


def _place(ordered: Floats, count: Any, quantile: float) -> Floats:
    """Quantile of the first ``count`` of the sorted values, for each count."""
    places = quantile * np.maximum(np.asarray(count) - 1, 0)
    return np.interp(places, np.arange(ordered.size), ordered) if ordered.size else np.zeros(np.shape(count))


def capped(logs: Floats, amounts: Any, counts: Floats) -> Floats:
    """``logs`` of amounts, at most ``CAP`` spreads above the median of the positive ones that count (Huber 1964)."""
    values = np.asarray(amounts, dtype=np.float64)
    counted = np.sort(values[(values > 0.0) & (counts > 0.0)])
    if counted.size < FEW:
        return logs
    known = np.log1p(counted)
    spread = max(float(_spread(known, known.size)), LEAST_SPREAD)
    return np.minimum(logs, float(_centre(known, known.size)) + CAP * spread)


def robust_maximum(amounts: Any, quantile: float, counts: Any = 1.0) -> float:
    """The amount that counts as the greatest: a high quantile of the positive ones, by what they count.

    Where all count in full it is their quantile as numpy has it; 0 where there is none.

    Args:
        amounts: one per account.
        quantile: the quantile, 0 to 1.
        counts: how far each counts at most, whatever its amount, 0 to 1.

    >>> robust_maximum([0.0, 1.0, 2.0, 3.0], 0.5), robust_maximum([10.0, 12.0, 9.0, 11.0, 1e9], 1.0)
    (2.0, 10.5)
    """
    values = np.asarray(amounts, dtype=np.float64)
    positive = values > 0.0
    counts = np.broadcast_to(counts, values.shape)
    weights = np.minimum(ordinary_weights(values, counts > 0.0), counts)
    return _high(values[positive], weights[positive], quantile)


def robust_range(numbers: Any, quantile: float, counts: Any = 1.0) -> tuple[float, float]:
    """The numbers that count as the least and the greatest, for a scale that is no logarithm.

    Both ends are judged as amounts are, by the different numbers there are and on their own scale; fewer than ten of
    them say nothing of what is ordinary. Both are 0 where no number is known. Arguments as in :func:`robust_maximum`.

    >>> robust_range([*range(100), 1e9, -1e9], 1.0)
    (3.0, 96.0)
    """
    values = np.asarray(numbers, dtype=np.float64)
    known = ~np.isnan(values)
    counts = np.broadcast_to(counts, values.shape)[known]
    values = values[known]
    if not values.size:
        return 0.0, 0.0
    floors = np.array([*[np.inf] * (2 * FEW), 0.0])
    weights = np.minimum(*(_judged(side * values, np.unique(side * values), floors) for side in (1.0, -1.0)))
    weights = np.minimum(weights, counts)
    return -_high(-values, weights, quantile), _high(values, weights, quantile)


def _high(values: Floats, weights: Floats, quantile: float) -> float:
    """A high quantile of values by what they count, never nearer to the greatest than ``ABOVE`` of them."""
    order = np.argsort(values, kind="stable")
    order = order[weights[order] > 0.0]
    ordered, weights = values[order], weights[order]
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

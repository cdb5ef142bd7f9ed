"""How large a trial must be, and what may be concluded at each look at it.

Somebody who looks every month and stops at the first good figure promotes noise. So the chance of a false promotion is
spread over the looks (O'Brien and Fleming's spending function, as Lan and DeMets 1983 use it): early looks promote
only on overwhelming evidence, and all looks together err with at most ``alpha``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy import stats

from icp_xl.config.feedback import FeedbackSettings

#: Paths of the simulated test statistic; the same ones every time.
PATHS = 100_000


def needed_outcomes(gain: float, unit_variance: float, settings: FeedbackSettings) -> int:
    """Outcomes that show a true gain in AUC of ``gain`` with the planned power, within the bounds of the settings.

    >>> needed_outcomes(0.05, 0.25, FeedbackSettings())
    785
    """
    worth = max(gain, settings.trial_min_gain)
    z = stats.norm.ppf(1 - settings.alpha / 2) + stats.norm.ppf(settings.trial_power)
    n = math.ceil(float(z) ** 2 * max(unit_variance, 1e-6) / worth**2)
    return int(min(max(n, settings.trial_min_outcomes), settings.trial_max_outcomes))


def power_of(outcomes: int, gain: float, unit_variance: float, alpha: float) -> float:
    """Chance that ``outcomes`` outcomes show a true gain of ``gain``, at a single look."""
    if unit_variance <= 0 or outcomes <= 0:
        return 0.0
    return float(stats.norm.cdf(gain / math.sqrt(unit_variance / outcomes) - stats.norm.ppf(1 - alpha / 2)))


def spent(share: float, alpha: float) -> float:
    """How much of ``alpha`` may be used up once ``share`` of the planned outcomes are in.

    >>> round(spent(1.0, 0.05), 6), spent(0.0, 0.05)
    (0.05, 0.0)
    """
    if share <= 0:
        return 0.0
    return float(2 * stats.norm.sf(stats.norm.ppf(1 - alpha / 2) / math.sqrt(min(share, 1.0))))


def critical_values(shares: Sequence[float], alpha: float) -> list[float]:
    """How many standard errors a gain needs at each look, the looks standing at these shares of the planned outcomes.

    Solved look by look on simulated paths of the statistic. A look that may use less than 1 in 10,000 needs an
    infinite gain.

    >>> critical_values([1.0], 0.05)[0] < 1.98
    True
    """
    rng = np.random.default_rng(20240630)
    level = np.zeros(PATHS)
    alive = np.ones(PATHS, dtype=bool)
    before, used, out = 0.0, 0.0, []
    for share in shares:
        share = min(share, 1.0)
        step = max(0.0, share - before)
        level = level + math.sqrt(step) * rng.standard_normal(PATHS)
        before = max(before, share)
        budget = spent(share, alpha) - used
        if budget < 1e-4 or step == 0.0:
            out.append(math.inf)
            continue
        size = np.where(alive, np.abs(level) / math.sqrt(share), 0.0)
        bound = float(np.quantile(size, 1.0 - budget))
        alive &= size <= bound
        used += budget
        out.append(bound)
    return out

"""How large a trial must be, and what may be concluded at each look at it.

Somebody who looks every month and stops at the first good figure promotes noise. So the chance of a false promotion is
spread over the looks (O'Brien and Fleming's spending function, as Lan and DeMets 1983 use it): early looks promote
only on overwhelming evidence, and all looks together err with at most ``alpha``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

from icp_xl.config.feedback import FeedbackSettings

#: Paths of the simulated test statistic; the same ones every time.
PATHS = 100_000


def needed_outcomes(gain: float, unit_variance: float, settings: FeedbackSettings) -> int:
    """Outcomes that show a true gain in AUC of ``gain`` with the planned power, within the bounds of the settings.

    >>> needed_outcomes(0.05, 0.25, FeedbackSettings())
    785
    """
    planned_gain = max(gain, settings.trial_min_gain)
    z = stats.norm.ppf(1 - settings.alpha / 2) + stats.norm.ppf(settings.trial_power)
    n = math.ceil(float(z) ** 2 * max(unit_variance, 1e-6) / planned_gain**2)
    return int(min(max(n, settings.trial_min_outcomes), settings.trial_max_outcomes))


def power_of(outcomes: int, gain: float, unit_variance: float, alpha: float) -> float:
    """Chance that ``outcomes`` outcomes show a true gain of ``gain``, at a single look.

    Args:
        outcomes: closed opportunities.
        gain: true gain in AUC of the challenger.
        unit_variance: variance of the gain times the number of outcomes.
        alpha: two-sided error rate of the look.
    """
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


def false_promotion(looks: int, alpha: float, paths: int = 50_000) -> float:
    """Chance that a challenger that is no better is promoted, over ``looks`` evenly spaced looks at its trial.

    >>> 0.02 < false_promotion(6, 0.05) < 0.03
    True
    """
    shares = [(k + 1) / looks for k in range(looks)]
    bounds = critical_values(shares, alpha)
    steps = np.random.default_rng(7).standard_normal((paths, looks)) / math.sqrt(looks)
    height = steps.cumsum(axis=1) / np.sqrt(shares)
    first = (np.abs(height) > np.asarray(bounds)).argmax(axis=1)
    crossed = height[np.arange(paths), first]
    return float((crossed > np.asarray(bounds)[first]).mean())


def trial_plan(unit_variance: float, planned_gain: float, settings: FeedbackSettings, planned: int) -> pd.DataFrame:
    """What trials of several sizes can show: outcomes, power for a gain of ``planned_gain``, the smallest gain that
    four of five trials show, and the chance of a false promotion over monthly looks. One row per size, ``planned``
    among them.

    Args:
        unit_variance: variance of the gain times the number of outcomes.
        planned_gain: gain in AUC that the trial is planned for.
        settings: error rates and looks of a trial.
        planned: outcomes that the trial is planned for.
    """
    sizes = sorted({settings.trial_min_outcomes, 250, 500, 1000, settings.trial_max_outcomes, planned} - {0})
    z = float(stats.norm.ppf(1 - settings.alpha / 2) + stats.norm.ppf(0.80))
    wrong = false_promotion(6, settings.alpha)
    return pd.DataFrame({
        "outcomes": sizes,
        "power": [power_of(n, planned_gain, unit_variance, settings.alpha) for n in sizes],
        "smallest": [z * math.sqrt(unit_variance / n) for n in sizes],
        "false_promotion": wrong,
        "planned": ["planned" if n == planned else "" for n in sizes],
    })  # fmt: skip

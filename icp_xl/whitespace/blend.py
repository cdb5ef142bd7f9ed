"""From signals to one score: weights that sum to 1, taken back where a signal covers few candidates."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from icp_xl.errors import ConfigError
from icp_xl.signals import COUNT, EXAMPLE, NORMALISED, SIGNALS
from icp_xl.whitespace.model import Floats, Mode
from icp_xl.whitespace.signals import floored


def check_weights(weights: Sequence[float]) -> tuple[float, ...]:
    """Non-negative weights, one per signal, made to sum to 1.

    Raises:
        ConfigError: anything else.

    >>> check_weights([6, 2, 1, 1])
    (0.6, 0.2, 0.1, 0.1)
    """
    given = [float(weight) for weight in weights]
    bad = len(given) != len(SIGNALS) or any(not math.isfinite(w) or w < 0.0 for w in given)
    if bad or math.fsum(given) <= 0.0:
        raise ConfigError(
            "these weights cannot be used",
            where="whitespace.weights",
            got=", ".join(f"{w:g}" for w in given),
            allowed=f"{COUNT} numbers, none negative and not all zero, for example {EXAMPLE}",
        )
    total = math.fsum(given)
    return tuple(weight / total for weight in given)


def scale_weights(weights: Sequence[float], coverage: Mapping[str, float], full: float) -> pd.DataFrame:
    """One row per signal: weight asked, coverage, what is left of it, and the weight used (they sum to 1).

    A signal that covers less than ``full`` of the candidates keeps its weight in proportion, and none at all when it
    covers nobody.
    """
    asked = np.asarray(check_weights(weights))
    found = np.asarray([coverage[signal.name] for signal in SIGNALS])
    kept = np.minimum(found / full, 1.0)
    scaled = asked * kept
    # A list of candidates always has probabilities; with their weight at 0 and nothing else covered they decide alone.
    used = scaled / scaled.sum() if scaled.sum() > 0.0 else np.eye(len(SIGNALS))[0]
    return pd.DataFrame(
        {"signal": [signal.name for signal in SIGNALS], "asked": asked, "coverage": found, "kept": kept, "used": used}
    )


def blend(normalised: pd.DataFrame, used: Sequence[float], mode: Mode) -> tuple[Floats, Floats]:
    """The score (0 to 1) and what each signal adds to it: rows × signals, summing to the score.

    Percentiles are averaged. Signals on their own scales are multiplied (a weighted geometric mean), because a chance
    and a sum of money have no common unit that could be added; the score is then split by each signal's share of the
    logarithm gained over the floor.
    """
    x = normalised[list(NORMALISED)].to_numpy(dtype=np.float64)
    weights = np.asarray(used, dtype=np.float64)
    if mode != "calibrated":
        parts = x * weights
        score = parts.sum(axis=1)
    else:
        gained = (np.log(floored(x)) - np.log(floored(np.zeros(len(weights))))) * weights
        score = np.exp((np.log(floored(x)) * weights).sum(axis=1))
        total = gained.sum(axis=1, keepdims=True)
        parts = score[:, None] * np.divide(gained, total, out=np.tile(weights, (len(x), 1)), where=total > 0.0)
    return np.round(score, 12), parts

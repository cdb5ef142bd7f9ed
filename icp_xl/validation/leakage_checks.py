"""Does a feature know the future? Scrambling, shifting, and looking for what is too good or gives itself away.

The surest check needs no statistics: whatever changes when only rows at or after the cutoff change has seen them. The
others also catch what came from outside the sales log: a single feature that ranks the buyers too well, one that was
worth far less a window earlier, one whose name tells of the outcome.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from icp_xl.config.build import LeakageSettings
from icp_xl.propensity.data import CutoffData
from icp_xl.propensity.inputs import ROTATING
from icp_xl.propensity.metrics import Curve
from icp_xl.tables.star import Star
from icp_xl.tables.star_calendar import to_day

COLUMNS = ("check", "feature", "division", "cutoff", "value", "limit", "leak", "advice")
SCRAMBLED, NAMED, TOO_GOOD, SHIFTED = "scrambled future", "name", "too good alone", "cutoff a window earlier"
_ADVICE = {
    SCRAMBLED: "It changes with rows at or after the cutoff: mend how it is made.",
    NAMED: "Its name tells of the outcome: look where it comes from.",
    TOO_GOOD: "Alone it ranks the buyers almost perfectly: look where it comes from.",
    SHIFTED: "A window earlier it was worth far less: look whether it was filled in later.",
}
#: Columns of the facts that are dealt out anew among the rows of the future.
_DEALT = ("account_key", "sku_key", "division_key", "revenue_e4", "gross_profit_e4")


def scramble_future(star: Star, cutoff: date, seed: int, how: str = "scramble") -> Star:
    """``star`` with the lines at or after the cutoff dealt out anew, deleted or doubled; nothing before it changes."""
    facts = star.facts if isinstance(star.facts, pd.DataFrame) else pd.concat(map(pd.read_parquet, star.facts))
    facts = facts.reset_index(drop=True)
    later = (facts["day"] >= to_day(cutoff)).to_numpy()
    if how == "delete":
        return replace(star, facts=facts[~later].reset_index(drop=True))
    if how == "double":
        extra = facts[later].assign(revenue_e4=lambda f: f["revenue_e4"] * 3)
        return replace(star, facts=pd.concat([facts, extra], ignore_index=True))
    rng = np.random.default_rng(seed)
    changed = facts.copy()
    for name in _DEALT:
        changed.loc[later, name] = rng.permutation(facts.loc[later, name].to_numpy())
    return replace(star, facts=changed)


def changed_features(one: pd.DataFrame, two: pd.DataFrame) -> list[str]:
    """Columns that are not the same to the last bit, or that only one of the frames has."""
    if not one.index.equals(two.index):
        return [str(name) for name in one.columns]
    found = [str(name) for name in one.columns if name not in two.columns or not one[name].equals(two[name])]
    return found + [str(name) for name in two.columns if name not in one.columns]


def examine(now: CutoffData, division: str, guard: LeakageSettings, earlier: CutoffData | None = None) -> pd.DataFrame:
    """One row per check × feature that can be judged: see :data:`COLUMNS`; leaks first.

    Args:
        earlier: the same division a window earlier, with the outcomes of its own window.
    """
    telling = re.compile(guard.name_pattern, re.IGNORECASE)
    rows: list[tuple[Any, ...]] = []
    day = now.cutoff.isoformat()
    for name in map(str, now.features.columns):
        if telling.search(name):
            rows.append((NAMED, name, division, day, 1.0, 0.0, True, _ADVICE[NAMED]))
        if not pd.api.types.is_numeric_dtype(now.features[name]) or now.positives < guard.min_positives:
            continue
        auc = best_auc(now.features[name], now.label)
        rows.append((TOO_GOOD, name, division, day, auc, guard.max_auc, auc > guard.max_auc, _ADVICE[TOO_GOOD]))
        # Embedding factors turn at every cutoff: what one was worth a window earlier says nothing of it.
        if ROTATING.fullmatch(name):
            continue
        if earlier is not None and name in earlier.features and earlier.positives >= guard.min_positives:
            before = best_auc(earlier.features[name], earlier.label)
            fall, limit = auc - before, guard.max_gap + 2.0 * _noise(now, earlier)
            rows.append((SHIFTED, name, division, day, fall, limit, fall > limit, _ADVICE[SHIFTED]))
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    return frame.sort_values(["leak", "check", "value", "feature"], ascending=[False, True, False, True],
                             kind="stable", ignore_index=True)  # fmt: skip


def scramble_rows(features: list[str], division: str, cutoff: date) -> pd.DataFrame:
    """Rows for features that changed with the future."""
    rows = [(SCRAMBLED, name, division, cutoff.isoformat(), 1.0, 0.0, True, _ADVICE[SCRAMBLED]) for name in features]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def best_auc(values: pd.Series[Any], label: NDArray[np.int64]) -> float:
    """How well one feature ranks the buyers, in either direction, by its value or by its absence."""
    x = values.to_numpy(np.float64)
    absent = ~np.isfinite(x)
    floor = float(np.min(x[~absent])) - 1.0 if (~absent).any() else 0.0
    found = [Curve(label, np.where(absent, floor, np.nan_to_num(x))), Curve(label, absent.astype(float))]
    aucs = [each.auc() for each in found]
    return max(max(auc, 1.0 - auc) for auc in aucs if np.isfinite(auc)) if np.isfinite(aucs).any() else 0.5


def _noise(*cutoffs: CutoffData) -> float:
    """Standard error of a difference of two AUCs under chance."""
    parts = []
    for each in cutoffs:
        n1, n0 = each.positives, len(each.label) - each.positives
        parts.append((n1 + n0 + 1) / (12.0 * max(n1, 1) * max(n0, 1)))
    return float(np.sqrt(sum(parts)))


# ---------------------------------------------------------------- the check of the check

#: Leaks that are planted, each made from what came after the cutoff: name to a function of the cutoff and a generator.
PLANTED: Mapping[str, Callable[[CutoffData, np.random.Generator], NDArray[Any]]] = {
    "the_label": lambda data, rng: data.label.astype(float),
    "noisy_copy": lambda data, rng: data.label + rng.normal(0, 0.1, len(data.label)),
    "turned_over": lambda data, rng: 1.0 - data.label,
    "revenue_of_the_window": lambda data, rng: data.revenue,
    "log_of_profit": lambda data, rng: np.sign(data.gross_profit) * np.log1p(np.abs(data.gross_profit)),
    "days_till_purchase": lambda data, rng: np.where(data.label == 1, rng.integers(1, 90, len(data.label)), np.nan),
    "missing_when_lost": lambda data, rng: np.where(data.label == 1, rng.random(len(data.label)), np.nan),
    "rank_of_revenue": lambda data, rng: pd.Series(data.revenue).rank().to_numpy(),
    "sorted_by_outcome": lambda data, rng: np.argsort(np.argsort(-data.revenue, kind="stable")).astype(float),
    "score_with_hindsight": lambda data, rng: data.label * 0.9 + rng.random(len(data.label)) * 0.5,
    "segment_by_outcome": lambda data, rng: np.where(data.revenue > 0, 3.0, rng.integers(0, 2, len(data.label))),
    "half_the_buyers": lambda data, rng: data.label * (rng.random(len(data.label)) < 0.6),
}
#: Planted too: worthless columns that only their names give away.
PLANTED_NAMES = ("won_flag", "next_order_date_diff", "target_enc")


def plant(data: CutoffData, seed: int) -> CutoffData:
    """``data`` with every leak of :data:`PLANTED` and :data:`PLANTED_NAMES` among its features."""
    rng = np.random.default_rng(seed)
    leaks = {name: make(data, rng) for name, make in PLANTED.items()}
    leaks |= {name: rng.random(len(data.label)) for name in PLANTED_NAMES}
    features = data.features.assign(**leaks)
    return replace(data, features=features)


def missed_plants(
    now: CutoffData, division: str, guard: LeakageSettings, seed: int, scrambled: CutoffData
) -> list[str]:
    """Planted leaks that no check caught; the leakage check may be trusted only where there are none.

    ``scrambled``: the same cutoff when the future was dealt out anew, so that its outcomes are others.
    """
    planted, again = plant(now, seed), plant(scrambled, seed)
    names = [*PLANTED, *PLANTED_NAMES]
    caught = set(changed_features(planted.features[names], again.features[names]))
    found = examine(planted, division, guard)
    caught |= set(found.loc[found["leak"], "feature"])
    return [name for name in names if name not in caught]

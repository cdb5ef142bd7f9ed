"""Does a feature know the future? Scrambling, shifting, and looking for what is too good or gives itself away.

The surest check needs no statistics: whatever changes when only rows at or after the cutoff change has seen them. The
others also catch what came from outside the sales log: a single feature that ranks the buyers too well, one that was
worth far less a window earlier, one whose name tells of the outcome.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from icp_xl.config.build import LeakageSettings
from icp_xl.propensity.data import CutoffData
from icp_xl.propensity.inputs import ROTATING, tells_outcome
from icp_xl.propensity.metrics import Curve
from icp_xl.tables.dated import TableHistory
from icp_xl.tables.star import Star
from icp_xl.tables.star_calendar import to_day

COLUMNS = ("check", "feature", "division", "cutoff", "value", "limit", "leak", "advice")
SCRAMBLED, NAMED, TOO_GOOD, SHIFTED = "scrambled future", "name", "too good alone", "cutoff a window earlier"
MOVED, CHANGED, AS_NOW, UNKNOWN = (
    "dates of change",
    "changed after the fact",
    "as of then, as of now",
    "cannot be known",
)
_ADVICE = {
    SCRAMBLED: "It changes with rows at or after the cutoff: mend how it is made.",
    NAMED: "Its name tells of the outcome: look where it comes from.",
    TOO_GOOD: "Alone it ranks the buyers almost perfectly: look where it comes from.",
    CHANGED: "It changes with what people write into the table after a sale: file exports of earlier days "
    "(icp-xl history add), or take it out of features.stable_fields.",
    AS_NOW: "As it stands today the field ranks the buyers better than as it was filed by then: it learns of sales.",
    MOVED: "How much more often it was changed for buyers; features see only what was filed before.",
    UNKNOWN: "The settings call the field stable and no filing shows whether it is: file exports of earlier days.",
    SHIFTED: "A window earlier it was worth far less: look whether it was filled in later.",
}
#: Columns of the facts that are dealt out anew among the rows of the future.
_DEALT = ("account_key", "sku_key", "division_key", "revenue_e4", "gross_profit_e4")


def scramble_future(star: Star, cutoff: date, seed: int, how: str = "scramble") -> Star:
    """``star`` with the lines at or after the cutoff dealt out anew, deleted or doubled; nothing before it changes.

    Args:
        star: the star schema.
        cutoff: the day from which lines are changed.
        seed: seed of the draw.
        how: ``scramble``, ``delete`` or ``double``.
    """
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
        if tells_outcome(name, telling):
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


def change_after_the_fact(star: Star, buyers: set[str]) -> Star:
    """``star`` with every change of :data:`AFTER_THE_FACT` made in today's tables, for the accounts ``buyers``."""
    tables = {"customers": star.customers, "assets": star.assets}
    for name, change in AFTER_THE_FACT.values():
        won = tables[name]["account_id"].astype(str).isin(buyers).to_numpy()
        tables[name] = change(tables[name], won)
    return replace(star, customers=tables["customers"], assets=tables["assets"])


def change_rows(features: list[str], division: str, cutoff: date) -> pd.DataFrame:
    """Rows for features that changed with what was written after the fact."""
    rows = [(CHANGED, name, division, cutoff.isoformat(), 1.0, 0.0, True, _ADVICE[CHANGED]) for name in features]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def compare_with_today(now: CutoffData, today: pd.DataFrame, division: str, guard: LeakageSettings) -> pd.DataFrame:
    """Each number of the customers table: how well it ranks the buyers as of the cutoff, and as it stands today.

    A field that does so better today has learned of sales. That is no leak where the cutoff saw what had been filed by
    it; where it is not a feature at all, the row says what it would have given away.

    Args:
        today: the table's fields under the names of their features, indexed by account.
    """
    rows: list[tuple[Any, ...]] = []
    if now.positives < guard.min_positives:
        return pd.DataFrame(rows, columns=list(COLUMNS))
    limit = guard.max_gap + 2.0 * _noise(now)
    for name in today:
        values = today[name].reindex(now.features.index)
        if not values.notna().any():
            continue
        as_now = best_auc(values, now.label)
        used = name in now.features
        as_then = best_auc(now.features[name], now.label) if used else 0.5
        here, there = (each.to_numpy(np.float64) for each in (now.features.get(name, values), values))
        same = used and np.array_equal(here, there, equal_nan=True)
        leak = same and as_now > guard.max_auc
        rows.append((AS_NOW, name, division, now.cutoff.isoformat(), as_now - as_then, limit, leak, _ADVICE[AS_NOW]))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def dates_of_change(
    history: TableHistory, key: str, fields: Sequence[str], now: CutoffData, stable: Sequence[str]
) -> pd.DataFrame:
    """Each filed field: how much more often it changed for buyers than for others by the filings after the cutoff.

    A difference beyond noise says that sales change it; that is a leak where the settings call it stable.

    Args:
        history: what was filed, day by day.
        key: column of accounts in it.
        fields: of the customers table.
        now: the latest cutoff with outcomes.
        stable: fields that the settings call so.

    Returns:
        One row per field, of :data:`COLUMNS`.
    """
    rows: list[tuple[Any, ...]] = []
    start, end = to_day(now.cutoff), to_day(now.window_end)
    bought, n = now.label == 1, len(now.label)
    for name in fields:
        changes = history.changes(key, name)
        moved = np.isin(now.accounts.astype(str), changes.loc[changes["day"].between(start + 1, end), key].astype(str))
        if not 0 < bought.sum() < n:
            continue
        gap, share = moved[bought].mean() - moved[~bought].mean(), moved.mean()
        limit = 2.58 * float(np.sqrt(share * (1 - share) * (1 / bought.sum() + 1 / (n - bought.sum()))))
        leak = name in stable and gap > max(limit, 1e-9)
        day = now.cutoff.isoformat()
        rows.append((MOVED, name, "(all)", day, float(gap), limit, leak, _ADVICE[CHANGED] if leak else _ADVICE[MOVED]))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def unknowable(fields: Sequence[str], cutoff: date) -> pd.DataFrame:
    """Rows for fields that the settings call stable and of which no filing says whether they are."""
    rows = [(UNKNOWN, name, "(all)", cutoff.isoformat(), np.nan, np.nan, False, _ADVICE[UNKNOWN]) for name in fields]
    return pd.DataFrame(rows, columns=list(COLUMNS))


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
#: Changes that people make in the customers and assets tables once a sale has been made, per kind of field; ``won``
#: marks the rows of those that bought after the cutoff.
AFTER_THE_FACT: Mapping[str, tuple[str, Callable[[pd.DataFrame, NDArray[np.bool_]], pd.DataFrame]]] = {
    "owner": ("customers", lambda t, won: t.assign(rep=np.where(won, "Key account team", t["rep"]))),
    "revenue": ("customers", lambda t, won: t.assign(annual_revenue=t["annual_revenue"].where(~won, 9e9))),
    "installed base": ("customers", lambda t, won: t.assign(printers=t["printers"].fillna(0) + 3 * won)),
    "industry": ("customers", lambda t, won: t.assign(industry=np.where(won, "Corrected", t["industry"]))),
    "region": ("customers", lambda t, won: t.assign(region=np.where(won, "Strategic", t["region"]))),
    "segment": ("customers", lambda t, won: t.assign(segment=np.where(won, "Customer", "Prospect"))),
    "status": ("customers", lambda t, won: t.assign(status=np.where(won, "Active", "Churned"))),
    "place": ("customers", lambda t, won: t.assign(state=np.where(won, "CA", t["state"]), country=t["country"])),
    "subscription": ("assets", lambda t, won: t.assign(subscription=t["subscription"].astype(bool) | won)),
    "renewal": ("assets", lambda t, won: t.assign(expiry_day=t["expiry_day"] + 365.0 * won)),
}


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

    Args:
        now: a cutoff with outcomes.
        division: its name.
        guard: settings of the checks.
        seed: of the planted noise.
        scrambled: the same cutoff when the future was dealt out anew, so that its outcomes are others.
    """
    planted, again = plant(now, seed), plant(scrambled, seed)
    # What is the same for every account gives nothing away: gross profit in a log that has none.
    names = [name for name in (*PLANTED, *PLANTED_NAMES) if planted.features[name].nunique(dropna=False) > 1]
    caught = set(changed_features(planted.features[names], again.features[names]))
    found = examine(planted, division, guard)
    caught |= set(found.loc[found["leak"], "feature"])
    return [name for name in names if name not in caught]

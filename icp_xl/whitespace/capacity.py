"""How many pairs are worked: a share of all, so many per rep, or one division after the other in turn."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from icp_xl.config.whitespace import WhitespaceSettings
from icp_xl.whitespace.frames import codes
from icp_xl.whitespace.holdout import draw_holdout
from icp_xl.whitespace.model import Bools, Texts

UNASSIGNED = "(no rep)"


def pairs_of_share(ranked: int, percent: float) -> int:
    """Pairs that ``percent`` of ``ranked`` are, rounded half up, at least one where there is any.

    >>> pairs_of_share(25, 10.0), pairs_of_share(3, 10.0), pairs_of_share(0, 10.0)
    (3, 1, 0)
    """
    return min(ranked, max(1, math.floor(ranked * percent / 100.0 + 0.5))) if ranked else 0


def select_pairs(pairs: pd.DataFrame, settings: WhitespaceSettings, seed: int) -> pd.DataFrame:
    """The ordered pairs with ``selected`` (worked now) and ``holdout`` (of these, kept back to measure the list)."""
    ranked = pairs["rank"].notna().to_numpy()
    selected = np.zeros(len(pairs), dtype=bool)
    selected[ranked] = select(pairs[ranked], settings)
    account, names = codes(pairs["account_id"])
    held = draw_holdout(names.tolist(), settings.holdout_share, seed)[account]
    return pairs.assign(selected=selected, holdout=selected & held)


def select(ranked: pd.DataFrame, settings: WhitespaceSettings) -> Bools:
    """Which of the ranked pairs (best first) are worked."""
    n = len(ranked)
    if settings.capacity == "per_rep":
        return (ranked.groupby(reps(ranked), sort=False).cumcount() < settings.per_rep).to_numpy()
    wanted = pairs_of_share(n, settings.top_percent)
    if settings.capacity == "top_percent":
        return np.arange(n) < wanted
    division = ranked["division"].to_numpy()
    turn = ranked.groupby(division, sort=False).cumcount().to_numpy()
    allowed = turn < quota(wanted, len(set(division)), settings.max_division_share)
    # One after the other: the best of every division, then the second best of every division, …
    order = np.lexsort((np.arange(n), turn))
    chosen = order[allowed[order]][:wanted]
    out = np.zeros(n, dtype=bool)
    out[chosen] = True
    return out


def quota(wanted: int, divisions: int, share: float) -> int:
    """Places that one division may take of ``wanted``; at least an even share, so that the list can be filled.

    >>> quota(100, 8, 0.6), quota(10, 2, 0.3)
    (60, 5)
    """
    return max(math.floor(wanted * share + 1e-9), math.ceil(wanted / divisions)) if divisions else 0


def reps(ranked: pd.DataFrame) -> Texts:
    """The rep of each row; accounts without one are a group of their own."""
    names = ranked["rep"].to_numpy(dtype=object)
    return np.where(names == "", UNASSIGNED, names)


def thresholds(ranked: pd.DataFrame, selected: Bools, settings: WhitespaceSettings) -> pd.DataFrame:
    """One row per group of the capacity: mode, group, ranked, places asked for, selected, and the last score taken."""
    rows = [
        _row(ranked, selected, settings.capacity, "all", np.ones(len(ranked), dtype=bool), _asked(ranked, settings))
    ]
    if settings.capacity == "per_rep":
        names = reps(ranked)
        for name in sorted(set(names)):
            mask = names == name
            rows.append(_row(ranked, selected, "per_rep", name, mask, min(settings.per_rep, int(mask.sum()))))
    division = ranked["division"].to_numpy()
    for name in sorted(set(division)):
        rows.append(_row(ranked, selected, "division", name, division == name, None))
    columns = ["mode", "group", "ranked", "asked", "selected", "share", "score_threshold", "p_threshold"]
    return pd.DataFrame(rows, columns=columns).astype({"asked": "Int64"})


def _asked(ranked: pd.DataFrame, settings: WhitespaceSettings) -> int:
    if settings.capacity == "per_rep":
        return int(pd.Series(reps(ranked)).value_counts().clip(upper=settings.per_rep).sum())
    return pairs_of_share(len(ranked), settings.top_percent)


def _row(
    ranked: pd.DataFrame, selected: Bools, mode: str, group: str, mask: Bools, asked: int | None
) -> tuple[object, ...]:
    taken = mask & selected
    n = int(taken.sum())
    last = float(ranked["score"].to_numpy()[taken].min()) if n else math.nan
    p = float(ranked["p_icp"].to_numpy()[taken].min()) if n else math.nan
    total = max(int(selected.sum()), 1)
    return (mode, group, int(mask.sum()), pd.NA if asked is None else asked, n, n / total, last, p)

"""Figures of a list: how much of the expected is at its top, who is in it, and how it moved since the last one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from icp_xl.whitespace.capacity import pairs_of_share
from icp_xl.whitespace.model import Floats

#: Shares of the list, in percent, that capture is told for.
GRID = (5.0, 10.0, 20.0)


def capture(amount: Floats, percent: float) -> float:
    """Share of ``amount`` (in the list's order) that its first ``percent`` hold.

    >>> capture(np.array([3.0, 1.0, 0.0, 0.0]), 25.0)
    0.75
    """
    total = float(amount.sum())
    return float(amount[: pairs_of_share(len(amount), percent)].sum()) / total if total > 0.0 else 0.0


def captures(ranked: pd.DataFrame) -> list[dict[str, float]]:
    """Capture of expected purchases and of expected value at each share of :data:`GRID`."""
    p = ranked["p_icp"].to_numpy(dtype=np.float64)
    value = ranked["expected_value"].to_numpy(dtype=np.float64)
    return [
        {
            "percent": k,
            "pairs": pairs_of_share(len(ranked), k),
            "purchases": round(capture(p, k), 6),
            "value": round(capture(value, k), 6),
        }
        for k in GRID
    ]


def shares(selected: pd.DataFrame) -> dict[str, float]:
    """Share of each division in the selected list, largest first."""
    counts = selected["division"].value_counts()
    order = sorted(counts.index, key=lambda name: (-int(counts[name]), str(name)))
    return {str(name): round(int(counts[name]) / len(selected), 6) for name in order}


def jaccard(left: set[tuple[str, str]], right: set[tuple[str, str]]) -> float | None:
    """Overlap of two lists, 0 to 1; None when both are empty.

    >>> jaccard({("a", "x")}, {("a", "x"), ("b", "x")})
    0.5
    """
    union = len(left | right)
    return len(left & right) / union if union else None


def pair_set(frame: pd.DataFrame) -> set[tuple[str, str]]:
    """The pairs of a frame."""
    return set(zip(frame["account_id"].astype(str), frame["division"].astype(str), strict=True))


def shadow_order(pairs: pd.DataFrame, rule: str) -> pd.DataFrame:
    """The same ranked pairs by an older rule: account's revenue, frequency or ICP score, then division's owners.

    ``legacy_rank`` 1 is best; ties by account and division.
    """
    by = {"revenue": "account_value", "frequency": "account_lines", "icp_score": "icp_score"}[rule]
    owners = pairs.groupby("division")["owned_share"].transform("first").to_numpy()
    frame = pairs[["account_id", "account_name", "division", "rank"]].copy()
    frame["legacy_value"] = pairs[by].to_numpy(dtype=np.float64)
    frame["owners"] = owners
    frame = frame.sort_values(
        ["legacy_value", "owners", "account_id", "division"], ascending=[False, False, True, True],
        kind="stable", na_position="last",
    )  # fmt: skip
    frame["legacy_rank"] = np.arange(1, len(frame) + 1)
    return frame.drop(columns="owners").reset_index(drop=True)


def overlap(ranked: pd.DataFrame, shadow: pd.DataFrame, rule: str, wanted: int) -> dict[str, Any]:
    """How far the list and the older rule agree, and what each has that the other lacks.

    Args:
        ranked: the ranked pairs, best first.
        shadow: the same pairs in the order of the older rule, see :func:`shadow_order`.
        rule: its name.
        wanted: how many of each are compared.
    """
    ours, theirs = pair_set(ranked.head(wanted)), pair_set(shadow.head(wanted))
    both = len(ours & theirs)
    joined = ranked[["account_id", "division", "rank"]].merge(shadow, on=["account_id", "division"], suffixes=("", "_"))
    rank = joined["rank"].astype(float).corr(joined["legacy_rank"].astype(float)) if len(joined) > 2 else None
    by_division = {
        str(name): {
            "list": sum(1 for pair in ours if pair[1] == name),
            "legacy": sum(1 for pair in theirs if pair[1] == name),
            "both": sum(1 for pair in ours & theirs if pair[1] == name),
        }
        for name in sorted({pair[1] for pair in ours | theirs})
    }
    return {
        "rule": rule,
        "places": wanted,
        "both": both,
        "only_list": len(ours) - both,
        "only_legacy": len(theirs) - both,
        "jaccard": jaccard(ours, theirs),
        "rank_correlation": None if rank is None or not np.isfinite(rank) else round(float(rank), 6),
        "by_division": by_division,
    }

"""The order of the list: what ranks it, what steps back for a while, and how ties are broken."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from icp_xl.config.whitespace import WhitespaceSettings
from icp_xl.whitespace.challenger import Challenger
from icp_xl.whitespace.eligibility_rules import Eligibility
from icp_xl.whitespace.frames import codes
from icp_xl.whitespace.model import Bools, Floats
from icp_xl.whitespace.states import ACTED
from icp_xl.whitespace.value import in_balance


def order_pairs(
    frame: pd.DataFrame,
    eligibility: Eligibility,
    challenger: Challenger | str,
    today: date,
    settings: WhitespaceSettings,
) -> pd.DataFrame:
    """Ranked pairs first, best first; ties by expected value, probability, account, division. Then those removed.

    Args:
        frame: scored pairs.
        eligibility: what the rules say of each of them, in the same order.
        challenger: whose score may order the list, or why there is none.
        today: the cooldown is judged at it.
        settings: of the section ``whitespace``.

    Returns:
        The pairs with cooldown, ranked_by, removed_by, removal_reason, state and rank (missing for those removed).
    """
    cooldown = in_cooldown(frame, today, settings)
    pairs = frame.assign(
        cooldown=cooldown,
        ranked_by=_order_by(frame, settings, challenger) * np.where(cooldown, settings.cooldown_factor, 1.0),
        removed_by=eligibility.removed_by,
        state=eligibility.state,
        removal_reason=eligibility.reason,
    )
    account, _ = codes(pairs["account_id"])
    division, _ = codes(pairs["division"])

    def falling(name: str) -> Floats:
        return -np.nan_to_num(np.round(pairs[name].to_numpy(dtype=np.float64), 12), nan=-np.inf)

    eligible = eligibility.eligible
    order = np.lexsort(
        (division, account, falling("p_icp"), falling("expected_value"), falling("ranked_by"), ~eligible)
    )
    n = int(eligible.sum())
    rank = np.full(len(pairs), np.nan)
    rank[:n] = np.arange(1, n + 1)
    return pairs.iloc[order].reset_index(drop=True).assign(rank=pd.array(rank, dtype="Float64").astype("Int64"))


def in_cooldown(frame: pd.DataFrame, today: date, settings: WhitespaceSettings) -> Bools:
    """Whether each pair steps back: listed since ``cooldown_days`` or longer, nobody acted, and its rest is not over.

    Reads ``surfaced_since`` and ``status``.
    """
    if settings.cooldown_days == 0:
        return np.zeros(len(frame), dtype=bool)
    age = (pd.Timestamp(today) - frame["surfaced_since"]).dt.days
    rests = (age >= settings.cooldown_days) & (age < settings.cooldown_days + settings.cooldown_rest_days)
    return np.asarray(rests & ~frame["status"].isin(ACTED), dtype=bool)


def _order_by(frame: pd.DataFrame, settings: WhitespaceSettings, challenger: Challenger | str) -> Floats:
    """What orders the list, larger first: NaN where a pair has no score."""
    if settings.rank_by == "challenger" and not isinstance(challenger, str):
        return frame["score_challenger"].to_numpy(dtype=np.float64)
    if settings.rank_by == "value":
        return frame["expected_value"].to_numpy(dtype=np.float64)
    if settings.rank_by == "balanced":
        known = frame["score"].notna().to_numpy()
        out = np.full(len(frame), np.nan)
        p, value = (frame[name].to_numpy(dtype=np.float64)[known] for name in ("p_icp", "expected_value"))
        out[known] = in_balance(p, value)
        return out
    return frame["score"].to_numpy(dtype=np.float64)

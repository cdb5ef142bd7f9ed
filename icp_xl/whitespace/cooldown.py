"""Step back what has stood in the list for weeks without anybody acting on it."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from icp_xl.config.whitespace import WhitespaceSettings
from icp_xl.whitespace.model import Bools
from icp_xl.whitespace.states import ACTED


def in_cooldown(frame: pd.DataFrame, today: date, settings: WhitespaceSettings) -> Bools:
    """Whether each pair steps back: listed since ``cooldown_days`` or longer, nobody acted, and its rest is not over.

    Reads ``surfaced_since`` and ``status``.
    """
    if settings.cooldown_days == 0:
        return np.zeros(len(frame), dtype=bool)
    age = (pd.Timestamp(today) - frame["surfaced_since"]).dt.days
    rests = (age >= settings.cooldown_days) & (age < settings.cooldown_days + settings.cooldown_rest_days)
    return np.asarray(rests & ~frame["status"].isin(ACTED), dtype=bool)

"""The history of a table gives back every filing, in whatever order they came, and keeps no row twice."""

from __future__ import annotations

import random
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from icp_xl.tables.dated import TableHistory

DAY = date(2024, 1, 1)
COLUMNS = ["account_id", "industry", "printers"]


def content(frame: pd.DataFrame) -> list[str]:
    return sorted(map(str, frame[COLUMNS].astype(object).where(frame[COLUMNS].notna(), None).to_numpy().tolist()))


@pytest.mark.parametrize("seed", range(40))
def test_every_filing_comes_back_whatever_their_order(seed: int) -> None:
    rng = random.Random(seed)
    truth: dict[date, pd.DataFrame] = {}
    history = TableHistory()
    for _ in range(rng.randint(1, 12)):
        day, n = DAY + timedelta(days=rng.randint(0, 8)), rng.randint(0, 5)
        frame = pd.DataFrame(
            {
                "account_id": [f"A{rng.randint(0, 3)}" for _ in range(n)],
                "industry": [rng.choice(["x", "y", None]) for _ in range(n)],
                "printers": [rng.choice([1.0, 2.0, np.nan]) for _ in range(n)],
            }
        )
        history, truth[day] = history.add(frame, day), frame
    for k in range(-1, 10):
        day = DAY + timedelta(days=k)
        last = max((each for each in truth if each <= day), default=None)
        found = history.as_of(day)
        assert (found is None) == (last is None)
        if last is not None and found is not None:
            assert content(found) == content(truth[last]) if len(truth[last]) else found.empty


def test_what_did_not_change_is_not_kept_again() -> None:
    frame = pd.DataFrame({"account_id": ["A", "B"], "industry": ["x", "y"], "printers": [1.0, 2.0]})
    history = TableHistory().add(frame, DAY)
    for k in range(1, 5):
        history = history.add(frame.iloc[::-1], DAY + timedelta(days=k))
    assert len(history.rows) == 2
    moved = history.add(frame.assign(industry=["x", "z"]), DAY + timedelta(days=9))
    assert len(moved.rows) == 3
    assert moved.changes("account_id", "industry").to_dict("records") == [
        {"account_id": "B", "day": (DAY - date(1970, 1, 1)).days + 9}
    ]
    assert moved.add(frame.assign(industry=["x", "z"]), DAY + timedelta(days=9)) is moved

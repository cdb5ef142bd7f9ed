"""The list by SQL beside the one in memory, of candidates with everything that a rule or a signal can trip over."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from icp_xl.config import load_settings
from icp_xl.sql.engine import Engine
from icp_xl.whitespace.by_sql import pairs_table, rank_by_sql
from icp_xl.whitespace.candidates import prepare_candidates
from icp_xl.whitespace.model import Memory, Ranking, Terms
from icp_xl.whitespace.rank import rank_whitespace
from icp_xl.whitespace.states import clean_states
from tests.support.whitespace_frames import make_candidates

TERMS = Terms(date(2024, 7, 1), date(2024, 7, 20), 6, seed=4)
_SAME = (
    "account_id", "account_name", "rep", "region", "segment", "division", "selected", "holdout", "state", "cooldown",
    "removed_by", "status", "not_eligible",
)  # fmt: skip
_NUMBERS = ("rank", "score", "p_icp", "p_icp_pct", "lift_norm", "als_norm", "EV_norm", "expected_value")


def ugly_candidates(accounts: int, seed: int = 3) -> pd.DataFrame:
    """Ties, missing and infinite signals, holds, contacts, quotes and other alphabets in names."""
    frame = make_candidates(accounts, 5, seed=seed)
    rng = np.random.default_rng(seed)
    n = len(frame)
    frame["account_id"] = frame["account_id"].replace({"A000003": "Ä'3", "A000007": "東7"})
    frame["p_icp"] = np.where(rng.random(n) < 0.3, 0.1, frame["p_icp"])
    frame["mb_lift_max"] = np.where(rng.random(n) < 0.05, np.inf, frame["mb_lift_max"])
    frame["value_own"] = np.where(rng.random(n) < 0.05, np.nan, frame["value_own"])
    frame["windows_own"] = np.where(rng.random(n) < 0.5, np.ceil(frame["days_own"] / 6.0), np.nan)
    frame["exclusion"] = np.where(rng.random(n) < 0.03, "legal hold", "")
    frame["contacted_on"] = pd.Series(pd.NaT, index=frame.index).mask(rng.random(n) < 0.1, pd.Timestamp("2024-07-03"))
    return frame


def ugly_memory(frame: pd.DataFrame) -> Memory:
    """Statuses with and without a date, marks, and pairs that have stood in the list for long."""
    rng = np.random.default_rng(9)
    some = frame.sample(len(frame) // 5, random_state=9)[["account_id", "division"]]
    days = pd.Timestamp("2024-07-20") - pd.to_timedelta(rng.integers(0, 500, len(some)), unit="D")
    words = ["", "contacted", "won", "not relevant", "call in May"]
    states = some.assign(
        status=rng.choice(words, len(some)),
        status_on=pd.Series(days, index=some.index).mask(rng.random(len(some)) < 0.2),
        not_eligible=np.where(rng.random(len(some)) < 0.1, "no budget", ""),
        surfaced_since=days,
        surfaced_last=days,
    )
    return Memory(clean_states(states))


def both_lists(
    engine: Engine, folder: Path, chosen: dict[str, Any], accounts: int = 400
) -> tuple[Ranking, pd.DataFrame]:
    """The list in memory, and the one that ``engine`` filed in ``folder``, in the order of its rows."""
    settings = load_settings(environ={}, overrides={"whitespace.challenger": False, **chosen}).whitespace
    candidates = ugly_candidates(accounts)
    memory = ugly_memory(candidates)
    engine.view_frame("pairs", pairs_table(prepare_candidates(candidates)))
    found = rank_by_sql(engine, settings, TERMS, folder, memory, shard_rows=accounts)
    assert len(found.files) > 3
    ranking = rank_whitespace(candidates, settings, TERMS, memory)
    pd.testing.assert_frame_equal(found.removals, ranking.removals)
    pd.testing.assert_series_equal(found.weights["used"], ranking.weights["used"], rtol=0.0, atol=1e-15)
    return ranking, pd.concat([pd.read_parquet(path) for path in found.files], ignore_index=True)


def assert_same_list(ranking: Ranking, filed: pd.DataFrame) -> None:
    """Every pair at the same place with the same texts, and with numbers that no more than their last digit parts."""
    ours = ranking.pairs.reset_index(drop=True)
    for name in _SAME:
        assert filed[name].fillna("?").tolist() == ours[name].tolist(), name
    for name in _NUMBERS:
        a, b = (frame[name].astype("Float64").to_numpy(dtype=float, na_value=np.nan) for frame in (filed, ours))
        np.testing.assert_allclose(a, b, rtol=1e-14, atol=1.1e-12, err_msg=name)

"""The list by SQL is the list in memory, whatever the settings; what cannot be ranked is refused with both."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from icp_xl.config import load_settings
from icp_xl.errors import Cancelled, DataError
from icp_xl.progress import RecordingProgress
from icp_xl.sql.engine import open_duckdb
from icp_xl.whitespace.by_sql import _below_top, _cut, pairs_table, rank_by_sql
from icp_xl.whitespace.candidates import prepare_candidates
from icp_xl.whitespace.reasons import TOP
from tests.support.whitespace_lists import TERMS, assert_same_list, both_lists, ugly_candidates

W = "whitespace."


@pytest.mark.parametrize(
    "chosen",
    [
        {},
        {W + "rank_by": "value", W + "capacity": "per_rep", W + "per_rep": 7, W + "holdout_share": 0.3},
        {W + "rank_by": "balanced", W + "capacity": "hybrid", W + "max_division_share": 0.3},
        {W + "normalize": "percentile", W + "value_groups": "spend", W + "ownership": "ever"},
        {W + "normalize": "pooled", W + "ownership": "off", W + "value_cap_quantile": 1.0, W + "cooldown_days": 0},
        {W + "regions": ["north"], W + "repeat_divisions": ["Printers"], W + "weights": [1, 0, 0, 0],
         W + "open_deals": "off", W + "value_min_buyers": 100_000},
    ],
    ids=["as it comes", "per rep", "hybrid", "percentile", "pooled", "gates"],
)  # fmt: skip
def test_the_same_list_as_in_memory(chosen: dict[str, Any], tmp_path: Path) -> None:
    with open_duckdb(1.0, 2) as engine:
        assert_same_list(*both_lists(engine, tmp_path, chosen))


def test_what_cannot_be_ranked_is_refused_with_all_its_faults(tmp_path: Path) -> None:
    pairs = pairs_table(prepare_candidates(ugly_candidates(20)))
    pairs.loc[3, "p_icp"] = float("nan")
    with open_duckdb(1.0, 2) as engine:
        engine.view_frame("pairs", pd.concat([pairs, pairs.head(2)], ignore_index=True))
        with pytest.raises(DataError, match=r"(?s)1 rows.*2 rows"):
            rank_by_sql(engine, load_settings(environ={}).whitespace, TERMS, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("checks", [1, 4, 8])
def test_a_cancel_is_obeyed_between_passes_and_files(checks: int, tmp_path: Path) -> None:
    with open_duckdb(1.0, 2) as engine:
        engine.view_frame("pairs", pairs_table(prepare_candidates(ugly_candidates(40))))
        with pytest.raises(Cancelled):
            rank_by_sql(engine, load_settings(environ={}).whitespace, TERMS, tmp_path, None,
                        RecordingProgress(cancel_after=checks), shard_rows=20)  # fmt: skip


def test_steps_that_overlap_stay_in_one_shard() -> None:
    steps = pd.DataFrame(
        {"k": [0, 0, 0, 1], "bin": [9, 8, 7, 9], "n": [5, 5, 5, 1], "low": [0.9, 0.7, 0.5, 0.9],
         "high": [1.0, 0.8, 0.7, 1.0]}
    )  # fmt: skip
    assert _cut(steps, 5)["shard"].tolist() == [0, 1, 1, 2]


def test_the_top_tenth_begins_where_ranks_in_memory_say() -> None:
    for n in range(2, 400):
        ranks = pd.Series(range(n)).rank(pct=True, method="min")
        assert (ranks > TOP).sum() == n - int(_below_top(n) + 0.5), n

"""Each list as it was given out, kept so that what it brought can be measured later."""

from __future__ import annotations

import pandas as pd

from icp_xl import artifacts
from icp_xl.runs import RunContext
from icp_xl.whitespace.model import Ranking

KEPT = artifacts.LISTS_GIVEN.columns


def keep_list(run: RunContext, ranking: Ranking, states: pd.DataFrame) -> None:
    """Leave the pairs that the list names, those it holds out, and every pair of which people said something.

    Args:
        states: what people said, before the statuses whose time is over are dropped.
    """
    frame = ranking.pairs.merge(
        states[["account_id", "division", "status", "status_on"]], on=["account_id", "division"], how="left",
        suffixes=("_valid", ""),
    )  # fmt: skip
    frame["status"] = frame["status"].fillna("").astype(object)
    kept = frame[frame["selected"] | (frame["status"] != "")]
    kept = kept.assign(cutoff=pd.Timestamp(ranking.cutoff), window_months=ranking.metrics["window_months"])
    run.outputs.parquet(artifacts.LISTS_GIVEN.path(day=run.now().date()), kept[list(KEPT)].reset_index(drop=True))

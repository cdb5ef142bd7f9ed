"""An example for *Did it work* in the demo: the list that models of the last validated cutoff would have given out."""

from __future__ import annotations

import pandas as pd

from icp_xl import artifacts
from icp_xl.pipeline.tables import load_tables
from icp_xl.runs import RunContext
from icp_xl.whitespace.holdout import draw_holdout

#: Share of the example's accounts that are held out; of a real list one in ten is usual.
HELD = 0.2
NOTE = (
    "This is an example: the list is what the models of {day} would have named, {share:.0%} of its accounts were held "
    "out at random, and nobody was ever given it. So it can have brought nothing, and what the two groups differ by is "
    "chance. Your own lists are measured by the same command."
)


def example_list(run: RunContext) -> tuple[pd.DataFrame, str]:
    """The example, as :func:`~icp_xl.pipeline.feedback.measure.earlier_lists` gives lists, and what to say of it.

    It names as large a share of the pairs as a list does, best first by the chance that the models then gave, without
    what the account had bought within a window before. It is nowhere kept as a list that was given out. Empty where
    this run validated nothing.
    """
    found = []
    for of in filter(None, map(artifacts.VALIDATION_METRICS.match, run.made)):
        body = artifacts.VALIDATION_METRICS.load(run.outputs, **of)
        frame = artifacts.VALIDATION_FRAME.load(run.outputs, ("account_id", "rep", "p_hat"), **of)
        found.append(frame.assign(
            division=body["division"], cutoff=pd.Timestamp(body["cutoff"]), window_months=body["window_months"],
        ))  # fmt: skip
    if not found:
        return pd.DataFrame(), ""
    pairs = pd.concat(found, ignore_index=True)
    pairs = pairs[pairs["cutoff"] == pairs["cutoff"].max()]
    pairs = pairs[~_bought_lately(pairs, load_tables(run).transactions)]
    pairs = pairs.sort_values(["p_hat", "account_id", "division"], ascending=[False, True, True], kind="stable")
    listed = pairs.head(round(len(pairs) * run.settings.whitespace.top_percent / 100)).reset_index(drop=True)
    held = draw_holdout(listed["account_id"].astype(str).tolist(), HELD, run.settings.run.seed)
    listed = listed.rename(columns={"p_hat": "p_icp"}).assign(
        account_name="", selected=True, holdout=held, status="", status_on=pd.NaT, list_day=lambda f: f["cutoff"],
        rep=lambda f: f["rep"].fillna("").astype(str),
    )  # fmt: skip
    return listed, NOTE.format(day=f"{listed['cutoff'].iloc[0]:%Y-%m-%d}", share=HELD)


def _bought_lately(pairs: pd.DataFrame, sales: pd.DataFrame) -> pd.Series[bool]:
    """Whether the account bought of the division in the months before the cutoff that a window has."""
    day = pairs["cutoff"].iloc[0]
    start = day - pd.DateOffset(months=int(pairs["window_months"].iloc[0]))
    lately = sales[(sales["date"] > start) & (sales["date"] <= day)]
    keys = set(zip(lately["account_id"], lately["division"].str.casefold(), strict=True))
    mine = zip(pairs["account_id"], pairs["division"].str.casefold(), strict=True)
    return pd.Series([key in keys for key in mine], index=pairs.index, dtype=bool)

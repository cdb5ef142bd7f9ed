"""What the lists of then said, and what happened: expected against actual wins, by tenth and by grade."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.stats import norm

from icp_xl.validation.holdout import Holdout

_REACH = float(norm.ppf(0.975))


def stack_holdouts(holdouts: Sequence[Holdout]) -> pd.DataFrame:
    """One row per account × division × cutoff of all holdouts."""
    frames = [each.frame.assign(division=each.division) for each in holdouts]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def backtest_by_decile(rows: pd.DataFrame) -> pd.DataFrame:
    """Per cutoff, the whole list (every account × division, best first) in tenths: pairs, expected, wins, revenue."""
    parts = []
    for day, part in rows.groupby("cutoff_date", sort=True):
        ranked = part.sort_values(["p_hat", "account_id", "division"], ascending=[False, True, True], kind="stable")
        tenth = np.minimum(np.arange(len(ranked)) * 10 // max(len(ranked), 1), 9) + 1
        parts.append(_expected(ranked.assign(tenth=tenth), ["tenth"]).assign(cutoff_date=day))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def backtest_by(rows: pd.DataFrame, column: str) -> pd.DataFrame:
    """Per cutoff and value of ``column``: pairs, expected and actual wins, revenue."""
    known = rows.assign(**{column: rows[column].astype(object).where(rows[column].notna(), "Unknown")})
    return _expected(known, ["cutoff_date", column])


def _expected(rows: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    spread = rows["p_hat"] * (1.0 - rows["p_hat"])
    table = (
        rows.assign(spread=spread)
        .groupby(by, sort=True)
        .agg(
            pairs=("label", "size"),
            expected=("p_hat", "sum"),
            wins=("label", "sum"),
            revenue=("revenue", "sum"),
            spread=("spread", "sum"),
        )  # fmt: skip
        .reset_index()
    )
    reach = _REACH * np.sqrt(table.pop("spread"))
    table["expected_low"] = (table["expected"] - reach).clip(lower=0.0)
    table["expected_high"] = np.minimum(table["expected"] + reach, table["pairs"])
    table["against_expected"] = table["wins"] / table["expected"].where(table["expected"] > 0)
    return table

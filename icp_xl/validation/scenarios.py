"""What calling so many accounts would have brought: capture, precision and revenue, with intervals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm

from icp_xl.propensity.metrics import draw_weights

Floats = NDArray[np.float64]
COLUMNS = (
    "scenario", "capacity", "accounts", "wins", "expected_wins", "expected_low", "expected_high", "as_expected",
    "precision", "precision_low", "precision_high", "capture", "capture_low", "capture_high", "rev_capture",
    "rev_capture_low", "rev_capture_high", "lift",
)  # fmt: skip


def build_scenarios(
    frame: pd.DataFrame, percents: Sequence[float], per_rep: Sequence[int], *, resamples: int, seed: int
) -> pd.DataFrame:
    """One row per scenario.

    ``frame``: one row per account: account_id, p_hat, label, revenue, and rep where known. A scenario's choice of
    accounts is fixed; the intervals (95 %) say how capture and precision would vary with other accounts of the same
    kind. ``expected_wins`` comes from the probabilities alone, its interval from their binomial spread.

    Args:
        frame: one row per account: account_id, p_hat, label, revenue, and rep where known.
        percents: shares of all accounts that are worked, in per cent.
        per_rep: accounts that each rep works.
        resamples: resamples of the bootstrap.
        seed: seed of the resamples.
    """
    ranked = frame.sort_values(["p_hat", "account_id"], ascending=[False, True], kind="stable", ignore_index=True)
    y, worth = ranked["label"].to_numpy(np.float64), ranked["revenue"].to_numpy(np.float64).clip(0)
    p, n = ranked["p_hat"].to_numpy(np.float64), len(ranked)
    chosen: list[tuple[str, float, NDArray[np.bool_]]] = []
    for percent in percents:
        taken = np.arange(n) < max(1, round(n * percent / 100.0))
        chosen.append((f"top {percent:g} %", percent, taken))
    if "rep" in ranked and ranked["rep"].notna().any():
        place = ranked.groupby(ranked["rep"].fillna("").astype(str)).cumcount().to_numpy()
        known = ranked["rep"].notna().to_numpy()
        for count in per_rep:
            chosen.append((f"{count} per rep", float(count), (place < count) & known))
    # Sums over the rows of each resample, block by block: the weights of all of them need not fit into memory.
    parts = [column for *_, taken in chosen for column in (y * taken, taken, worth * taken)]
    columns = np.column_stack([y, worth, *parts])
    drawn = np.concatenate([weights @ columns for weights in draw_weights(n, resamples, seed)])
    rows = [
        _row(name, capacity, taken, y, worth, p, drawn[:, :2], drawn[:, 2 + 3 * k : 5 + 3 * k])
        for k, (name, capacity, taken) in enumerate(chosen)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def sort_scenarios(scenarios: pd.DataFrame) -> pd.DataFrame:
    """The most precise first."""
    return scenarios.sort_values(["precision", "scenario"], ascending=[False, True], kind="stable", ignore_index=True)


def segment_performance(frame: pd.DataFrame, column: str, share: float) -> pd.DataFrame:
    """One row per value of ``column``: what the best ``share`` of all accounts holds of it.

    Columns: segment, accounts, buyers, called, capture, precision, rev_capture.
    """
    ranked = frame.sort_values(["p_hat", "account_id"], ascending=[False, True], kind="stable", ignore_index=True)
    ranked["called"] = np.arange(len(ranked)) < max(1, round(len(ranked) * share))
    ranked["hit"] = ranked["label"] * ranked["called"]
    ranked["worth"] = ranked["revenue"].clip(lower=0)
    ranked["worth_hit"] = ranked["worth"] * ranked["called"]
    values = ranked[column].astype(object).where(ranked[column].notna(), "Unknown")
    table = ranked.groupby(values.rename("segment")).agg(
        accounts=("label", "size"), buyers=("label", "sum"), called=("called", "sum"), hits=("hit", "sum"),
        worth=("worth", "sum"), worth_hit=("worth_hit", "sum"),
    )  # fmt: skip
    table["capture"] = _share(table["hits"], table["buyers"])
    table["precision"] = _share(table["hits"], table["called"])
    table["rev_capture"] = _share(table["worth_hit"], table["worth"])
    return table.drop(columns=["hits", "worth", "worth_hit"]).reset_index()


def _share(top: pd.Series[float], bottom: pd.Series[float]) -> pd.Series[float]:
    return (top / bottom.where(bottom > 0)).astype(float)


def _row(
    name: str, capacity: float, taken: NDArray[np.bool_], y: Floats, worth: Floats, p: Floats, all_drawn: Floats,
    drawn: Floats,
) -> tuple[object, ...]:  # fmt: skip
    chosen = taken.astype(np.float64)
    wins, called = float(y @ chosen), float(chosen.sum())
    expected = float(p @ chosen)
    spread = float(norm.ppf(0.975)) * float(np.sqrt((p * (1 - p)) @ chosen))
    low, high = max(0.0, expected - spread), min(called, expected + spread)
    (buyers, money), (hits, size, earned) = all_drawn.T, drawn.T
    precision = _interval(wins, called, hits, size)
    capture = _interval(wins, float(y.sum()), hits, buyers)
    revenue = _interval(float(worth @ chosen), float(worth.sum()), earned, money)
    base = float(y.mean()) if y.size else float("nan")
    lift = precision[0] / base if base > 0 else float("nan")
    inside = bool(np.floor(low) <= wins <= np.ceil(high))
    return (name, capacity, int(called), int(wins), expected, low, high, inside, *precision, *capture, *revenue, lift)


def _interval(top: float, bottom: float, tops: Floats, bottoms: Floats) -> tuple[float, float, float]:
    if bottom <= 0:
        return float("nan"), float("nan"), float("nan")
    drawn = tops[bottoms > 0] / bottoms[bottoms > 0]
    low, high = np.quantile(drawn, [0.025, 0.975]) if drawn.size else (np.nan, np.nan)
    return top / bottom, float(low), float(high)

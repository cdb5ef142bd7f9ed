"""Closed opportunities beside what was predicted of them: the frame that every analysis starts from."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from icp_xl.config.feedback import FeedbackSettings
from icp_xl.feedback.opportunities import LOST, WON
from icp_xl.feedback.outcomes import read_outcomes
from icp_xl.feedback.pipeline_score import ACCOUNT_SCORES, OPPORTUNITY_SCORES
from icp_xl.feedback.snapshots import KEY, list_parts, read_part
from icp_xl.feedback.store import Store
from icp_xl.progress import Progress

#: Columns that are taken from the snapshot.
SNAPSHOT_COLUMNS = (
    "account_id", "account_name", "industry", "stage", "owner", "division", "product", "amount", "days_open",
    "days_in_stage", "opportunity_score", "account_score", "opportunity_percentile", "account_percentile",
    "challenger_score", *OPPORTUNITY_SCORES, *ACCOUNT_SCORES,
)  # fmt: skip
BANDS = ("High", "Medium", "Low")


def build_evaluation_frame(
    store: Store, settings: FeedbackSettings, *, until: date | None = None, progress: Progress | None = None
) -> pd.DataFrame:
    """One row per closed opportunity that a snapshot on or before its close holds.

    It is judged at its last such snapshot, or at its first (``evaluate_at``). Columns: opportunity_id, won (bool),
    close_date, close_month, final_amount, days_to_close, reopened, actual_score_at_close, competitor, loss_reason,
    snapshot_date, model_id, challenger_id, replayed,
    band (High, Medium, Low by the percentile in that day's pipeline), and those of the snapshot. Rows in the order of
    the opportunities' keys.

    Args:
        store: the store of snapshots and outcomes.
        settings: which snapshot counts, and the limits of the bands.
        until: last day whose closes count; all by default.
        progress: where a cancel is asked for.
    """
    progress = progress or Progress()
    outcomes = read_outcomes(store)
    closed = outcomes[outcomes["outcome"].isin([WON, LOST]) & outcomes["close_date"].notna()]
    if until is not None:
        closed = closed[closed["close_date"] <= pd.Timestamp(until)]
    size = int(store.keys().max()) + 1 if len(store.keys()) else 1
    close_day = np.full(size, np.datetime64("0001-01-01", "D"))
    close_day[closed[KEY].to_numpy(dtype=np.int64)] = closed["close_date"].to_numpy(dtype="datetime64[D]")
    pending = np.zeros(size, dtype=bool)
    pending[closed[KEY].to_numpy(dtype=np.int64)] = True
    parts = list_parts(store, until)
    parts = parts if settings.evaluate_at == "first" else parts[::-1]
    found: list[pd.DataFrame] = []
    for part in progress.track(parts, "Reading snapshots"):
        if not pending.any():
            continue
        keys = read_part(store, part.part_id, [])[KEY].to_numpy()
        take = pending[keys] & (close_day[keys] >= np.datetime64(part.snapshot_date, "D"))
        if not take.any():
            continue
        rows = read_part(store, part.part_id, SNAPSHOT_COLUMNS).loc[take]
        pending[keys[take]] = False
        found.append(
            rows.assign(
                snapshot_date=pd.Timestamp(part.snapshot_date),
                model_id=part.model_id,
                challenger_id=part.challenger_id or "",
                replayed=part.replayed,
            )  # fmt: skip
        )
    if not found:
        return _empty()
    evaluated = pd.concat(found, ignore_index=True)
    facts = closed.assign(won=closed["outcome"] == WON)[
        [
            KEY,
            "opportunity_id",
            "won",
            "close_date",
            "amount",
            "days_to_close",
            "reopened",
            "actual_score_at_close",
            "competitor",
            "loss_reason",
        ]
    ].rename(columns={"amount": "final_amount"})
    evaluated = evaluated.merge(facts, on=KEY).sort_values(KEY, kind="stable", ignore_index=True)
    evaluated["close_month"] = evaluated["close_date"].dt.strftime("%Y-%m")
    evaluated["band"] = band_of(evaluated["opportunity_percentile"], settings)
    return evaluated.drop(columns=KEY)


def band_of(percentile: pd.Series[float], settings: FeedbackSettings) -> pd.Series[str]:
    """High, Medium or Low by the place in the day's pipeline; Medium where no place is known."""
    value = percentile.to_numpy(dtype=float)
    bands = np.where(value >= 1.0 - settings.high_share, "High", np.where(value <= settings.low_share, "Low", "Medium"))
    return pd.Series(np.where(np.isnan(value), "Medium", bands), index=percentile.index, dtype="object")


def _empty() -> pd.DataFrame:
    names = ["opportunity_id", "won", "close_date", "final_amount", "days_to_close", "reopened", "snapshot_date",
             "model_id", "challenger_id", "replayed", "close_month", "band", "actual_score_at_close", "competitor",
             "loss_reason", *SNAPSHOT_COLUMNS]  # fmt: skip
    frame = pd.DataFrame({name: pd.Series(dtype="float64") for name in names})
    for name in ("opportunity_id", "account_id", "account_name", "band", "close_month", "model_id", "stage", "owner",
                 "division", "product", "industry", "challenger_id", "competitor", "loss_reason"):  # fmt: skip
        frame[name] = frame[name].astype("object")
    for name in ("close_date", "snapshot_date"):
        frame[name] = frame[name].astype("datetime64[s]")
    return frame.astype({"won": bool, "replayed": bool})


def enough_data(won: int, lost: int, settings: FeedbackSettings) -> str:
    """What is missing before anything may be concluded; "" when there is enough.

    >>> enough_data(12, 60, FeedbackSettings())
    'not enough outcomes yet: 12 won, needs 40'
    """
    short = [
        f"{have} {word}, needs {need}"
        for have, need, word in ((won, settings.min_won, "won"), (lost, settings.min_lost, "lost"))
        if have < need
    ]
    return f"not enough outcomes yet: {' and '.join(short)}" if short else ""

"""Outcomes: what became of the opportunities that the snapshots hold.

Each change is one event: won, lost, reopened, changed value, deleted, restored. Reading the same export twice adds
nothing. An export row whose id no snapshot knows is matched by account and amount, and only a person accepts that.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from icp_xl.config.feedback import FeedbackSettings
from icp_xl.feedback.opportunities import DELETED, LOST, OPEN, WON
from icp_xl.feedback.pipeline_score import build_history, score_at_close
from icp_xl.feedback.snapshots import KEY, list_parts, read_part, read_snapshot, snapshot_dates
from icp_xl.feedback.store import Store

REVIEW_COLUMNS = (
    "export_opportunity_id", "account_id", "account_name", "outcome", "amount", "close_date", "snapshot_opportunity_id",
    "snapshot_amount", "why", "decision",
)  # fmt: skip
#: What a deal was lost for, and to whom, as the export has it.
REASONS = ("competitor", "loss_reason")


@dataclass(frozen=True)
class OutcomeReport:
    """What one reading of the outcomes did.

    ``events`` per kind, ``review``: one row per export row that may be a known opportunity under another id,
    ``unknown``: closed opportunities that no snapshot holds, ``warnings``.
    """

    events: dict[str, int] = field(default_factory=dict)
    review: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(REVIEW_COLUMNS)))
    unknown: int = 0
    warnings: tuple[str, ...] = ()


def record_outcomes(
    store: Store,
    opportunities: pd.DataFrame,
    settings: FeedbackSettings,
    *,
    today: date,
    now: str,
    run_id: str,
    complete: bool = True,
    decisions: pd.DataFrame | None = None,
) -> OutcomeReport:
    """Compare the export with what is on record and add an event for every change.

    Args:
        opportunities: the frame of :func:`~icp_xl.feedback.opportunities.prepare_opportunities`, one row per
            opportunity of the export as it stands today.
        complete: the export lists every opportunity; one that is absent was then deleted. When more than
            ``max_deleted_share`` of the open ones are absent, it is taken for a part and nothing is deleted.
        decisions: an earlier review with ``decision`` filled: "yes" takes the match, anything else leaves it.
    """
    known = store.keys()
    export = opportunities[opportunities["opportunity_id"].isin(known.index)].copy()
    export["matched_by"] = "id"
    stray = opportunities[~opportunities["opportunity_id"].isin(known.index)]
    review, accepted = _match_strays(store, stray, export, settings, decisions)
    export = pd.concat([export, accepted], ignore_index=True) if len(accepted) else export
    before = _on_record(store)
    warnings: list[str] = []
    rows = export.assign(**{KEY: known.reindex(export["opportunity_id"]).to_numpy(dtype="int64")})
    gone, warning = _absent(store, before, rows, settings) if complete else (pd.DataFrame(), None)
    if warning:
        warnings.append(warning)
    events = _events(before, pd.concat([rows, gone], ignore_index=True) if len(gone) else rows, today)
    events = _with_scores(store, events)
    events["actual_score_at_close"] = score_at_close(
        build_history(opportunities), events,
        {model: store.model(model) for model in events["model_id"].dropna().unique()}, settings,
    )  # fmt: skip
    counts = _append(store, events, now, run_id)
    unknown = stray["outcome"].isin([WON, LOST]).sum() - len(review) - len(accepted)
    return OutcomeReport(counts, review, int(unknown), tuple(warnings))


def read_outcomes(store: Store) -> pd.DataFrame:
    """The present outcome of every opportunity that ever had an event.

    One row per opportunity: opportunity_id, opportunity_key, kind, outcome, close_date, created_date, amount,
    days_to_close, snapshot_date, score_at_close and account_score_at_close (of the last snapshot),
    actual_score_at_close (from what was known on the day of the close), competitor, loss_reason, matched_by, and
    ``reopened``: how often.
    """
    frame = store.frame(
        "SELECT opportunity_id, opportunity_key, kind, outcome, close_date, created_date, amount, days_to_close,"
        " snapshot_date, score_at_close, account_score_at_close, actual_score_at_close, competitor, loss_reason,"
        " matched_by FROM outcome ORDER BY opportunity_key"
    )
    again = dict(store.rows("SELECT opportunity_key, count(*) FROM outcome_event WHERE kind = 'reopened' GROUP BY 1"))
    frame["reopened"] = frame["opportunity_key"].map(again).fillna(0).astype("int64")
    for name in ("close_date", "created_date", "snapshot_date"):
        frame[name] = pd.to_datetime(frame[name], errors="coerce").astype("datetime64[s]")
    for name in ("amount", "days_to_close", "score_at_close", "account_score_at_close", "actual_score_at_close"):
        frame[name] = frame[name].astype("float64")
    return frame


def _on_record(store: Store) -> pd.DataFrame:
    frame = store.frame(
        "SELECT opportunity_key, outcome, close_date, amount, competitor, loss_reason FROM outcome_event"
        " WHERE event_id IN (SELECT max(event_id) FROM outcome_event GROUP BY opportunity_key)"
    )
    return frame.set_index(KEY)


def _absent(
    store: Store, before: pd.DataFrame, rows: pd.DataFrame, settings: FeedbackSettings
) -> tuple[pd.DataFrame, str | None]:
    """Opportunities that were open when last seen and that a complete export no longer lists."""
    keys = store.keys()
    settled = before.index[before["outcome"].isin([WON, LOST, DELETED])]
    open_keys = keys[~keys.isin(settled)]
    missing = open_keys[~open_keys.isin(rows[KEY])]
    if not len(missing):
        return pd.DataFrame(), None
    if len(missing) > settings.max_deleted_share * len(open_keys) and len(missing) > 5:
        return pd.DataFrame(), (
            f"{len(missing)} of {len(open_keys)} open opportunities are absent from the export; it was taken for a "
            "part of the pipeline and nothing was marked as deleted (feedback.max_deleted_share)"
        )
    gone = pd.DataFrame({"opportunity_id": missing.index, KEY: missing.to_numpy(), "outcome": DELETED})
    gone["matched_by"], gone["amount"] = "absent from the export", np.nan
    gone["competitor"] = gone["loss_reason"] = ""
    gone["close_date"] = gone["created_date"] = pd.Series(pd.NaT, index=gone.index, dtype="datetime64[s]")
    return gone, None


def _events(before: pd.DataFrame, rows: pd.DataFrame, today: date) -> pd.DataFrame:
    """The rows whose outcome, close date or value differs from the record, with the kind of change."""
    old = before.reindex(rows[KEY])
    was = old["outcome"].fillna(OPEN).to_numpy(dtype=object)
    seen = old["outcome"].notna().to_numpy()
    now_is = rows["outcome"].to_numpy(dtype=object)
    closed = np.isin(now_is, [WON, LOST])
    close = rows["close_date"].dt.strftime("%Y-%m-%d").where(rows["close_date"].notna(), None)
    # A closed opportunity without a date closed no later than today; there is nothing better to say.
    close = close.where(close.notna() | ~closed, today.isoformat())
    close = close.where(closed, None)
    old_amount, amount = old["amount"].to_numpy(dtype=float), rows["amount"].to_numpy(dtype=float)
    moved = ~(np.isclose(old_amount, amount, rtol=1e-9, atol=0.005) | (np.isnan(old_amount) & np.isnan(amount)))
    old_close = old["close_date"].astype("object").where(old["close_date"].notna(), "").to_numpy()
    moved |= old_close != close.fillna("").to_numpy()
    for name in REASONS:
        # A reason that is filled in later counts; one that an export leaves out does not wipe it.
        moved |= (rows[name] != "").to_numpy() & (rows[name].to_numpy() != old[name].fillna("").to_numpy())
    kind = np.select(
        [
            (now_is == DELETED) & (was != DELETED),
            (was == DELETED) & (now_is == OPEN),
            (now_is == OPEN) & np.isin(was, [WON, LOST]),
            closed & (was != now_is),
            closed & (was == now_is) & seen & moved,
        ],
        ["deleted", "restored", "reopened", now_is, "changed value"],
        default="",
    )
    out = rows.assign(kind=kind, close=close, number=np.where(closed, 1, 0))
    days = (pd.to_datetime(close) - rows["created_date"]).dt.days
    out["days_to_close"] = days.where(closed & (days >= 0))
    return out[out["kind"] != ""].sort_values(KEY, kind="stable", ignore_index=True)


def _with_scores(store: Store, events: pd.DataFrame) -> pd.DataFrame:
    """The scores of the last snapshot on or before the close, and its day."""
    events = events.assign(snapshot_date=None, model_id=None, score_at_close=np.nan, account_score_at_close=np.nan)
    pending = events["close"].notna().to_numpy(copy=True)
    close = events["close"].fillna("").to_numpy(dtype=object)
    keys = events[KEY].to_numpy()
    for part in reversed(list_parts(store)):
        if not pending.any():
            break
        day = part.snapshot_date.isoformat()
        wanted = np.flatnonzero(pending & (close >= day))
        if not len(wanted):
            continue
        scores = read_part(store, part.part_id, ["opportunity_score", "account_score"]).set_index(KEY)
        found = wanted[np.isin(keys[wanted], scores.index)]
        taken = scores.loc[keys[found]]
        events.loc[found, "snapshot_date"] = day
        events.loc[found, "model_id"] = part.model_id
        events.loc[found, "score_at_close"] = taken["opportunity_score"].to_numpy()
        events.loc[found, "account_score_at_close"] = taken["account_score"].to_numpy()
        pending[found] = False
    return events


def _append(store: Store, events: pd.DataFrame, now: str, run_id: str) -> dict[str, int]:
    """Write the events that are still news once the write lock is held; count them by kind."""
    if not len(events):
        return {}
    created = events["created_date"].dt.strftime("%Y-%m-%d")
    body = zip(
        events[KEY].tolist(), events["kind"], events["outcome"], _none(events["close"]), _none(created),
        _none(events["amount"]), _none(events["days_to_close"]), _none(events["snapshot_date"]),
        _none(events["score_at_close"]), _none(events["account_score_at_close"]), events["matched_by"],
        _none(events["actual_score_at_close"]), events["competitor"], events["loss_reason"],
        strict=True,
    )  # fmt: skip
    counts: dict[str, int] = {}
    fresh: list[tuple[Any, ...]] = []
    with store.write() as connection:
        # Another writer may have recorded the same change since it was computed.
        latest = {
            row[0]: row[1:]
            for row in connection.execute(
                "SELECT opportunity_key, kind, outcome, close_date, amount, competitor, loss_reason FROM outcome_event"
                " WHERE event_id IN"
                " (SELECT max(event_id) FROM outcome_event GROUP BY opportunity_key)"
            )
        }
        for row in body:
            last = latest.get(row[0])
            if last is not None and last[1:] == (row[2], row[3], row[5], row[12], row[13]):
                continue
            fresh.append((*row, now, run_id))
            counts[row[1]] = counts.get(row[1], 0) + 1
        connection.executemany(
            "INSERT INTO outcome_event (opportunity_key, kind, outcome, close_date, created_date, amount,"
            " days_to_close, snapshot_date, score_at_close, account_score_at_close, matched_by, actual_score_at_close,"
            " competitor, loss_reason, recorded_at, run_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            fresh,
        )
    return dict(sorted(counts.items()))


def _none(column: pd.Series[Any]) -> list[Any]:
    return column.astype("object").where(column.notna(), None).tolist()


def _match_strays(
    store: Store,
    stray: pd.DataFrame,
    matched: pd.DataFrame,
    settings: FeedbackSettings,
    decisions: pd.DataFrame | None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Export rows under an unknown id, matched by account and amount: (to review, accepted rows under our id)."""
    review, accepted = pd.DataFrame(columns=list(REVIEW_COLUMNS)), stray.iloc[:0]
    closed = stray[stray["outcome"].isin([WON, LOST]) & stray["amount"].notna() & (stray["account_id"] != "")]
    days = snapshot_dates(store)
    if not len(closed) or not days:
        return review, accepted
    last = read_snapshot(store, days[-1], ["account_id", "amount", "created_date"])
    last = last[~last["opportunity_id"].isin(matched["opportunity_id"]) & last["amount"].notna()]
    settled = store.rows("SELECT opportunity_id FROM outcome WHERE outcome IN ('won', 'lost')")
    last = last[~last["opportunity_id"].isin([row[0] for row in settled])]
    pairs = closed.reset_index(names="row").merge(last, on="account_id", suffixes=("", "_known"))
    gap = (pairs["amount"] - pairs["amount_known"]).abs()
    near = gap <= settings.amount_tolerance * pairs[["amount", "amount_known"]].abs().max(axis=1)
    in_time = pairs["created_date_known"].isna() | ~(pairs["close_date"] < pairs["created_date_known"])
    pairs = pairs[near & in_time]
    if not len(pairs):
        return review, accepted
    rivals = pairs.groupby("row")["opportunity_id_known"].transform("count")
    claims = pairs.groupby("opportunity_id_known")["row"].transform("count")
    why = np.where(
        (rivals == 1) & (claims == 1),
        "same account and amount, the only one",
        "same account and amount as several: choose one",
    )
    review = pd.DataFrame(
        {
            "export_opportunity_id": pairs["opportunity_id"],
            "account_id": pairs["account_id"],
            "account_name": pairs["account_name"],
            "outcome": pairs["outcome"],
            "amount": pairs["amount"],
            "close_date": pairs["close_date"],
            "snapshot_opportunity_id": pairs["opportunity_id_known"],
            "snapshot_amount": pairs["amount_known"],
            "why": why,
            "decision": "",
        }
    ).sort_values(["account_id", "export_opportunity_id", "snapshot_opportunity_id"], ignore_index=True)
    return _apply_decisions(review, closed, decisions)


def _apply_decisions(
    review: pd.DataFrame, closed: pd.DataFrame, decisions: pd.DataFrame | None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    if decisions is None or not len(decisions):
        return review, closed.iloc[:0]
    said = decisions.assign(decision=decisions["decision"].fillna("").astype(str).str.strip().str.lower())
    keys = ["export_opportunity_id", "snapshot_opportunity_id", "account_id"]
    merged = review.drop(columns="decision").merge(said[[*keys, "decision"]].drop_duplicates(keys), on=keys, how="left")
    yes = merged["decision"].isin(["yes", "y", "true", "1", "accept"])
    # A person may say yes to two rivals; the first one then counts.
    taken = merged[yes].drop_duplicates("snapshot_opportunity_id").drop_duplicates("export_opportunity_id")
    rows = taken.merge(closed, left_on=["export_opportunity_id", "account_id", "amount"],
                       right_on=["opportunity_id", "account_id", "amount"], suffixes=("_review", ""))  # fmt: skip
    rows = rows.drop_duplicates("snapshot_opportunity_id")
    accepted = rows[closed.columns].assign(
        opportunity_id=rows["snapshot_opportunity_id"], matched_by="account and amount, reviewed"
    )
    no = merged["decision"].isin(["no", "n", "false", "0", "reject"])
    left = merged[~yes & ~no].assign(decision="")
    return left[list(REVIEW_COLUMNS)].reset_index(drop=True), accepted

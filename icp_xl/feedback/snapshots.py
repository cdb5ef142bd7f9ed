"""Snapshots: the pipeline as it was scored on a day, kept for good.

A part holds the opportunities of one scope ("all", or one division) at opportunity grain, and their accounts at
account grain, each as a compressed Arrow table. Taking the same snapshot twice adds nothing; another result for the
same day and scope is kept as a further part, and the latest part of each scope is what is read.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from icp_xl.config.feedback import PipelineWeights
from icp_xl.errors import DataError
from icp_xl.feedback.store import Store

#: Columns of a snapshot that belong to the account; stored once per account.
ACCOUNT_COLUMNS = (
    "account_name", "industry", "account_score", "history_won", "history_lost", "largest_won", "mean_days_to_win",
    "products_bought", "repeat_wins", "days_since_win", "account_speed_to_close_score", "account_largest_deal_score",
    "account_product_mix_score", "account_upsell_instances_score", "account_win_rate_score", "account_recency_score",
)  # fmt: skip
KEY = "opportunity_key"
ACCOUNT_KEY = "account_row"


@dataclass(frozen=True)
class SnapshotPart:
    """What is known of a stored part without reading its columns."""

    part_id: int
    snapshot_date: date
    scope: str
    model_id: str
    challenger_id: str | None
    replayed: bool
    rows: int


def model_id_of(weights: PipelineWeights) -> str:
    """A short name of a set of weights, the same for the same weights.

    >>> model_id_of(PipelineWeights())
    'w-3c790069'
    """
    text = json.dumps(_rounded(weights.model_dump()), sort_keys=True)
    return "w-" + hashlib.sha256(text.encode()).hexdigest()[:8]


def _rounded(body: dict[str, Any]) -> dict[str, Any]:
    return {k: round(v, 12) if isinstance(v, float) else _rounded(v) for k, v in body.items() if v != {}}


def write_snapshot(
    store: Store,
    day: date,
    scored: pd.DataFrame,
    weights: PipelineWeights,
    *,
    now: str,
    run_id: str,
    scope: str = "all",
    replayed: bool = False,
    challenger: PipelineWeights | None = None,
) -> bool:
    """Keep ``scored`` (one row per open opportunity) as the snapshot of ``day``; False when it was kept before.

    Args:
        scored: the frame of :func:`~icp_xl.feedback.pipeline_score.score_pipeline`.
        scope: "all", or the division whose pipeline this is.
    """
    if scored["opportunity_id"].duplicated().any():
        raise DataError("an opportunity stands twice in one snapshot", where=f"snapshot of {day}")
    with store.write() as connection:
        keys = store.add_opportunities(scored["opportunity_id"])
        opportunities, accounts = _encode(scored, keys)
        sha = hashlib.sha256(opportunities + accounts).hexdigest()
        model, on_trial = model_id_of(weights), model_id_of(challenger) if challenger else None
        connection.execute("INSERT OR IGNORE INTO snapshot (snapshot_date) VALUES (?)", (day.isoformat(),))
        snapshot_id = connection.execute(
            "SELECT snapshot_id FROM snapshot WHERE snapshot_date = ?", (day.isoformat(),)
        ).fetchone()[0]
        latest = connection.execute(
            "SELECT sha256, model_id, challenger_id FROM snapshot_part WHERE snapshot_id = ? AND scope = ?"
            " ORDER BY part_id DESC LIMIT 1",
            (snapshot_id, scope),
        ).fetchone()
        if latest == (sha, model, on_trial):
            return False
        store.add_model(model, weights.model_dump(), "snapshot", now)
        if challenger is not None and on_trial is not None:
            store.add_model(on_trial, challenger.model_dump(), "snapshot", now)
        connection.execute(
            "INSERT INTO snapshot_part (snapshot_id, scope, model_id, challenger_id, taken_at, run_id, replayed, rows,"
            " sha256, opportunities, accounts) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                snapshot_id,
                scope,
                model,
                on_trial,
                now,
                run_id,
                int(replayed),
                len(scored),
                sha,
                opportunities,
                accounts,
            ),
        )
    return True


def _encode(scored: pd.DataFrame, keys: pd.Series[int]) -> tuple[bytes, bytes]:
    """Two Arrow tables as bytes: one row per opportunity in the order of the keys, one row per account."""
    ordered = scored.assign(**{KEY: keys.to_numpy()}).sort_values(KEY, kind="stable")
    # An account without an id is told apart by its opportunity, so that no two of them share a row.
    name = ordered["account_id"].where(ordered["account_id"] != "", "\0" + ordered[KEY].astype(str))
    codes, _ = pd.factorize(name)
    first = ~pd.Series(codes).duplicated().to_numpy()
    accounts = ordered.loc[first, ["account_id", *ACCOUNT_COLUMNS]]
    rest = ordered.drop(columns=["opportunity_id", "account_id", *ACCOUNT_COLUMNS])
    rest[ACCOUNT_KEY] = codes.astype(np.int32)
    return _arrow(rest), _arrow(accounts)


def _arrow(frame: pd.DataFrame) -> bytes:
    arrays: list[Any] = []
    for name in frame.columns:
        column = frame[name]
        if column.dtype == object or isinstance(column.dtype, pd.StringDtype):
            arrays.append(pa.array(column, type=pa.string()).dictionary_encode())
        else:
            arrays.append(pa.array(column.to_numpy()))
    sink = pa.BufferOutputStream()
    table = pa.Table.from_arrays(arrays, names=list(frame.columns))
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.ipc.new_file(sink, table.schema, options=options) as writer:
        writer.write_table(table)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def _decode(blob: bytes, columns: Sequence[str] | None) -> pd.DataFrame:
    with pa.ipc.open_file(pa.py_buffer(blob)) as probe:
        names = probe.schema.names
    wanted = None if columns is None else [k for k, name in enumerate(names) if name in columns]
    options = pa.ipc.IpcReadOptions(included_fields=wanted) if wanted is not None else None
    with pa.ipc.open_file(pa.py_buffer(blob), options=options) as reader:
        table = reader.read_all()
    # Columns of somebody's making may point outside themselves, which no reader checks again.
    table.validate(full=True)
    frame = pd.DataFrame({name: _column(table.column(name)) for name in table.column_names})
    return frame


def _column(column: Any) -> Any:
    if pa.types.is_dictionary(column.type):
        return column.combine_chunks().to_pandas().astype("object")
    return column.to_numpy()


def list_parts(store: Store, until: date | None = None, *, every: bool = False) -> list[SnapshotPart]:
    """Stored parts by day, then in the order of writing; only the latest of each day and scope unless ``every``."""
    latest = "" if every else (
        " AND p.part_id = (SELECT max(x.part_id) FROM snapshot_part AS x"
        " WHERE x.snapshot_id = p.snapshot_id AND x.scope = p.scope)"
    )  # fmt: skip
    rows = store.rows(
        "SELECT p.part_id, s.snapshot_date, p.scope, p.model_id, p.challenger_id, p.replayed, p.rows"
        " FROM snapshot_part AS p JOIN snapshot AS s USING (snapshot_id) WHERE s.snapshot_date <= ?"
        + latest
        + " ORDER BY s.snapshot_date, p.part_id",
        ((until or date.max).isoformat(),),
    )
    return [SnapshotPart(r[0], date.fromisoformat(r[1]), r[2], r[3], r[4], bool(r[5]), r[6]) for r in rows]


def snapshot_dates(store: Store, until: date | None = None) -> list[date]:
    """Days of which a snapshot is kept, oldest first."""
    return sorted({part.snapshot_date for part in list_parts(store, until)})


def read_part(store: Store, part_id: int, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """The rows of one part with ``opportunity_key`` and the named columns (all of them by default).

    ``account_id`` and the columns of the account are joined in. One row per opportunity.
    """
    query = "SELECT sha256, opportunities, accounts FROM snapshot_part WHERE part_id = ?"
    try:
        (sha, opportunities, accounts), *_ = store.rows(query, (part_id,))
        if sha != hashlib.sha256(opportunities + accounts).hexdigest():
            raise ValueError("its checksum is another")
        return _joined(opportunities, accounts, columns)
    except (pa.ArrowException, ValueError, LookupError, OSError) as error:
        raise store.damaged(f"snapshot part {part_id}: {error}") from None


def _joined(opportunities: bytes, accounts: bytes, columns: Sequence[str] | None) -> pd.DataFrame:
    own = None if columns is None else [KEY, ACCOUNT_KEY, *columns]
    frame = _decode(opportunities, own)
    wanted = [n for n in ("account_id", *ACCOUNT_COLUMNS) if columns is None or n in columns]
    if wanted:
        found = _decode(accounts, wanted)
        row = frame[ACCOUNT_KEY].to_numpy()
        for name in wanted:
            frame[name] = found[name].to_numpy()[row]
    return frame.drop(columns=ACCOUNT_KEY)


def read_snapshot(store: Store, day: date, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """The snapshot of ``day``: the latest part of every scope; an opportunity in two scopes counts in the later.

    One row per opportunity, with ``opportunity_id``; empty where no snapshot of the day is kept.
    """
    parts = [part for part in list_parts(store, day) if part.snapshot_date == day]
    if not parts:
        return pd.DataFrame(columns=["opportunity_id", *(columns or ())])
    frames = [read_part(store, part.part_id, columns) for part in parts]
    frame = frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)
    frame = frame.drop_duplicates(KEY, keep="last").sort_values(KEY, kind="stable", ignore_index=True)
    keys = store.keys()
    ids = pd.Series(keys.index, index=keys.to_numpy())
    frame.insert(0, "opportunity_id", frame[KEY].map(ids).to_numpy())
    return frame.drop(columns=KEY)


def stage_ages(store: Store, day: date, opportunities: pd.DataFrame) -> pd.Series[float]:
    """Days that each opportunity has been in its current stage, as the snapshots before ``day`` show it.

    The stage is followed back through the snapshots until it differs. One never seen before counts from its creation
    date, where that is known. Index: opportunity id.
    """
    stage = opportunities.set_index("opportunity_id")["stage"]
    created = opportunities.set_index("opportunity_id")["created_date"]
    age: pd.Series[float] = (pd.Timestamp(day) - created).dt.days.astype("float64")
    seen = [d for d in snapshot_dates(store, day) if d < day]
    if not seen:
        return age
    last = read_snapshot(store, seen[-1], ["stage", "days_in_stage"]).set_index("opportunity_id")
    last = last[last["stage"] != ""].reindex(stage.index)
    gap = float((day - seen[-1]).days)
    same = last["stage"] == stage
    moved = last["stage"].notna() & ~same
    carried = last["days_in_stage"].astype("float64") + gap
    age = age.mask(same & carried.notna(), carried)
    # It moved some time since the last snapshot; the middle of the gap is the fair guess.
    return age.mask(moved, gap / 2.0)


def usual_stage_days(store: Store, day: date, least: int = 20) -> dict[str, float]:
    """Median days that won deals had been in each stage when last seen before they closed, by stage.

    Only deals won before ``day`` count, and only stages of which ``least`` of them tell.
    """
    won = store.frame(
        "SELECT opportunity_key, snapshot_date FROM outcome WHERE outcome = 'won' AND close_date < ?"
        " AND snapshot_date IS NOT NULL",
        (day.isoformat(),),
    )
    found = []
    for part in list_parts(store, day):
        keys = won.loc[won["snapshot_date"] == part.snapshot_date.isoformat(), KEY]
        if part.replayed or not len(keys):
            continue
        rows = read_part(store, part.part_id, ["stage", "days_in_stage"])
        found.append(rows[rows[KEY].isin(keys) & (rows["stage"] != "") & rows["days_in_stage"].notna()])
    if not found:
        return {}
    days = pd.concat(found, ignore_index=True).groupby("stage")["days_in_stage"].agg(["size", "median"])
    days = days[days["size"] >= least]
    return {str(stage): max(1.0, float(value)) for stage, value in days["median"].items()}

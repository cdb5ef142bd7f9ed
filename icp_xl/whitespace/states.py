"""What people say of a pair (status, not eligible) and how long it has stood in the list, from run to run.

A status is typed into a sheet and read back by the next run. Only a cell that was changed counts: the same pair stands
on several sheets and in several copies, most of them untouched.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import pandas as pd

from icp_xl.config.whitespace import WhitespaceSettings
from icp_xl.whitespace.frames import as_text

TO_DO, CONTACTED, WON, NOT_RELEVANT = "to do", "contacted", "won", "not relevant"
STATUSES = (TO_DO, CONTACTED, WON, NOT_RELEVANT)
#: Statuses that mean somebody acted.
ACTED = (CONTACTED, WON, NOT_RELEVANT)
#: Words in the column *Not eligible* that take the mark back.
_NO = ("no", "n", "false", "0", "-")
KEY = ["account_id", "division"]
STATE_COLUMNS = ("account_id", "division", "status", "status_on", "not_eligible", "surfaced_since", "surfaced_last")
TYPED_COLUMNS = ("source", "account_id", "division", "status", "not_eligible")
_DATES = ("status_on", "surfaced_since", "surfaced_last")


def empty_states() -> pd.DataFrame:
    """No state at all, typed."""
    return clean_states(pd.DataFrame(columns=list(STATE_COLUMNS)))


def clean_states(frame: pd.DataFrame) -> pd.DataFrame:
    """One row per account × division with :data:`STATE_COLUMNS`, typed and sorted."""
    out = pd.DataFrame(index=frame.index)
    for name in STATE_COLUMNS:
        column = frame[name] if name in frame.columns else pd.Series(None, index=frame.index, dtype="object")
        out[name] = pd.to_datetime(column).astype("datetime64[s]") if name in _DATES else as_text(column)
    return out.drop_duplicates(KEY).sort_values(KEY, kind="stable").reset_index(drop=True)


def clean_status(text: object) -> str:
    """A status in our words; other words are kept as they were typed.

    >>> clean_status(" Contacted "), clean_status("call in May"), clean_status(None)
    ('contacted', 'call in May', '')
    """
    plain = "" if text is None or text is pd.NA or text != text else " ".join(str(text).split())
    return plain.lower() if plain.lower() in STATUSES else plain


def clean_mark(text: object) -> str:
    """The reason given in *Not eligible*, or nothing.

    >>> clean_mark("x"), clean_mark("no"), clean_mark(None)
    ('x', '', '')
    """
    plain = "" if text is None or text is pd.NA or text != text else " ".join(str(text).split())
    return "" if plain.lower() in _NO else plain


def merge_typed(states: pd.DataFrame, typed: pd.DataFrame, seen: pd.DataFrame, today: date) -> tuple[pd.DataFrame, int]:
    """States with the cells that people changed, and how many pairs changed.

    Args:
        states: :data:`STATE_COLUMNS`, as the last run left them (and as it wrote them into its own sheets).
        typed: cells read now, :data:`TYPED_COLUMNS`; later rows win. ``source`` is empty for our own sheets of the
            last run, else the copy that was read.
        seen: what was read from the copies before; a copy's cell counts only when it differs from that.
        today: the day a new status is dated.
    """
    first = {(row["account_id"], row["division"]): row for row in states.to_dict("records")}
    before = {(r["source"], r["account_id"], r["division"]): r for r in seen.to_dict("records")}
    out = {key: dict(row) for key, row in first.items()}
    changed: set[tuple[str, str]] = set()
    for row in typed.to_dict("records"):
        key = (str(row["account_id"]), str(row["division"]))
        base: dict[Any, Any] = (before.get((row["source"], *key)) if row["source"] else first.get(key)) or {}
        for name, value in (("status", clean_status(row["status"])), ("not_eligible", clean_mark(row["not_eligible"]))):
            if value == base.get(name, ""):
                continue
            entry = out.setdefault(key, {"account_id": key[0], "division": key[1], "status": "", "not_eligible": ""})
            if entry[name] != value:
                entry[name] = value
                changed.add(key)
                if name == "status":
                    entry["status_on"] = pd.Timestamp(today) if value else pd.NaT
    return clean_states(pd.DataFrame(list(out.values()), columns=list(STATE_COLUMNS))), len(changed)


def valid_states(states: pd.DataFrame | None, today: date, settings: WhitespaceSettings) -> pd.DataFrame:
    """``states`` without the statuses whose time is over; none at all where there are none."""
    days = {CONTACTED: settings.contact_days, WON: settings.won_days, NOT_RELEVANT: settings.not_relevant_days}
    return expire(empty_states() if states is None else states, days, today)


def expire(states: pd.DataFrame, days: Mapping[str, int], today: date) -> pd.DataFrame:
    """States without the statuses whose time is over, so that the same may be typed again.

    Args:
        days: per status how long it holds.
    """
    age = (pd.Timestamp(today) - states["status_on"]).dt.days
    over = age >= states["status"].map(days)
    return states.assign(status=states["status"].mask(over, ""), status_on=states["status_on"].mask(over))


def update_states(states: pd.DataFrame, pairs: pd.DataFrame, rests: tuple[int, int], today: date) -> pd.DataFrame:
    """States after this run: which pairs stand in the list since when. Pairs of which nothing is known are left out.

    Args:
        pairs: the ranked pairs with ``selected`` and ``holdout``.
        rests: days in the list without action after which a pair steps back, and how long it stays back.
    """
    after, rest = rests
    shown = pairs.loc[pairs["selected"] & ~pairs["holdout"], KEY].assign(shown=True)
    frame = states.merge(shown, on=KEY, how="outer")
    frame["shown"] = frame["shown"].eq(True)
    frame["status"] = as_text(frame["status"])
    frame["not_eligible"] = as_text(frame["not_eligible"])
    now = pd.Timestamp(today)
    acted = frame["status"].isin(ACTED)
    over = (now - frame["surfaced_since"]).dt.days >= after + rest
    since = frame["surfaced_since"].mask(acted | over)
    frame["surfaced_since"] = since.mask(frame["shown"] & ~acted & since.isna(), now)
    frame["surfaced_last"] = frame["surfaced_last"].mask(frame["shown"], now)
    kept = (frame["status"] != "") | (frame["not_eligible"] != "") | frame["surfaced_since"].notna()
    return clean_states(frame.loc[kept, list(STATE_COLUMNS)])

"""The sheet Match Review: names that may be one account, for a person to decide.

One row per question, whichever sources ask it, with both candidates side by side. The next run reads the decisions
back by their headings (see :mod:`icp_xl.tables.matching.overrides`), so the headings Key, Account id, Decision and
Merge into must stay as they are.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from icp_xl.config.reports import ReportSettings
from icp_xl.reports.inputs import QualityTables
from icp_xl.reports.spec import Column, Item, Sheet, Table, Text
from icp_xl.reports.words import field_label, say_count
from icp_xl.tables.model import MATCH_TABLE_COLUMNS
from icp_xl.user_cells import MATCH_REVIEW

CHOICES = ("same", "different", "merge")
OPEN, DECIDED, MERGED = "Open", "Decided", "Merged unasked"
_SIDES = ("place", "rep", "revenue", "last_sale")
REVIEW_COLUMNS = (
    "decision", "merge_into", "status", "name", "name_id", *(f"name_{part}" for part in _SIDES), "account_name",
    "account_id", *(f"account_{part}" for part in _SIDES), "agrees", "contradicts", "score", "money", "source", "rows",
    "reason", "runner_up_name", "runner_up", "key",
)  # fmt: skip


#: Who decides, and what undoes it, by status.
_WHO = {
    OPEN: "Nobody yet: they stay apart.",
    DECIDED: "You: it holds from run to run. Choose otherwise to change it.",
    MERGED: "The rules: one name, and nothing against it. To take them apart, choose different.",
}


def review_frame(quality: QualityTables) -> pd.DataFrame:
    """One row per question: open ones first, those with the most money on top; then decided ones, then merges.

    Columns :data:`REVIEW_COLUMNS`; what hangs on an answer (``money``) is the revenue that it would move from one
    account to another.
    """
    parts = [
        part.reindex(columns=list(MATCH_TABLE_COLUMNS)) for part in (quality.matches, quality.duplicates) if len(part)
    ]
    if not parts:
        return pd.DataFrame({name: pd.Series([], dtype=object) for name in REVIEW_COLUMNS})
    frame = pd.concat(parts, ignore_index=True)
    decided = frame["decision"].notna() & (frame["decision"].astype(str).str.strip() != "")
    merged = frame["how"].isin(["duplicate", "same id"]) & (frame["outcome"] == "accepted") & ~decided
    frame["status"] = [
        DECIDED if each else MERGED if joined else OPEN for each, joined in zip(decided, merged, strict=True)
    ]
    frame = frame[(frame["outcome"] == "review") | decided | merged]
    frame = frame.sort_values(["status", "key", "source", "score"], kind="stable")
    groups = frame.groupby(["key", "account_id"], sort=False, dropna=False)
    sources = groups["source"].transform(lambda names: ", ".join(dict.fromkeys(field_label(str(n)) for n in names)))
    frame = frame.assign(source=sources, rows=groups["rows"].transform("sum"), money=groups["money"].transform("max"))
    frame = frame.drop_duplicates(["key", "account_id"], ignore_index=True)
    frame["reason"] = [
        reason if how == "same id" else _WHO[status]
        for status, how, reason in zip(frame["status"], frame["how"], frame["reason"], strict=True)
    ]
    frame = _both_sides(frame, quality.accounts)
    frame["_order"] = frame["status"].map({OPEN: 0, DECIDED: 1, MERGED: 2})
    frame = frame.sort_values(["_order", "money", "score", "key"], ascending=[True, False, False, True], kind="stable")
    return frame.assign(merge_into="").reindex(columns=list(REVIEW_COLUMNS)).reset_index(drop=True)


def open_questions(quality: QualityTables) -> int:
    """How many questions on names wait for an answer."""
    return int((review_frame(quality)["status"] == OPEN).sum())


def _both_sides(frame: pd.DataFrame, accounts: pd.DataFrame) -> pd.DataFrame:
    """Place, rep, revenue and last sale of both candidates, from the accounts or from the rows that name them."""
    known: dict[str, dict[Any, Any]] = {str(row["account_id"]): row for row in accounts.to_dict("records")}
    rows = []
    for row in frame.to_dict("records"):
        left, right = known.get(str(row["name_id"]), {}), known.get(str(row["account_id"]), {})
        given = {"place": row["place"], "rep": row["name_rep"], "revenue": row["money"], "last_sale": row["name_last"]}
        for part in _SIDES:
            row[f"name_{part}"] = left.get(part) or given[part]
            row[f"account_{part}"] = right.get(part)
        if left and right and row["how"] == "duplicate":
            # One answer moves the smaller into the larger, whichever stands first.
            row["money"] = min(left["revenue"], right["revenue"])
        rows.append(row)
    return pd.DataFrame(rows, columns=[*frame.columns, *(f"{a}_{b}" for a in ("name", "account") for b in _SIDES
                                                          if f"{a}_{b}" not in frame.columns)])  # fmt: skip


def build_review_sheet(quality: QualityTables, settings: ReportSettings) -> Sheet:
    """The table of open and decided questions, with yellow cells for the reader's decision."""
    frame = review_frame(quality)
    for name in ("name_last_sale", "account_last_sale"):
        frame[name] = pd.to_datetime(frame[name], errors="coerce")
    waiting = int((frame["status"] == OPEN).sum())
    columns = [
        Column("decision", MATCH_REVIEW.header("decision"), width=12, editable=True, choices=CHOICES,
               note="same: one account. different: two. merge: put it into the account id under Merge into. "
               "Blank: undecided."),
        Column("merge_into", MATCH_REVIEW.header("merge_into"), "id", width=12, editable=True,
               note="Only for merge: the account id that stays."),
        Column("status", "Status", rule="status", width=15,
               note="Open: the accounts stay apart until you answer. Decided: obeyed in every run; change the answer "
               "to change it. Merged unasked: write different to take it apart again."),
        Column("name", "This name", width=32),
        Column("name_id", "Its id", "id", width=13, note="Blank where the source gives no id of its own."),
        Column("name_place", "Its place", width=18),
        Column("name_rep", "Its rep", width=14),
        Column("name_revenue", "Its revenue", "money", width=13),
        Column("name_last_sale", "Its last sale", "date", width=12),
        Column("account_name", "May be this account", width=32),
        Column("account_id", MATCH_REVIEW.header("account_id"), "id", width=13),
        Column("account_place", "Account's place", width=18),
        Column("account_rep", "Account's rep", width=14),
        Column("account_revenue", "Account's revenue", "money", width=13),
        Column("account_last_sale", "Account's last sale", "date", width=12),
        Column("agrees", "What agrees", "long_text", width=34),
        Column("contradicts", "What contradicts", "long_text", width=34),
        Column("score", "Probability", "percent", decimals=0, rule="data_bar", width=11,
               note="Estimated probability that the two are one account."),
        Column("money", "Money at stake", "money", width=14, note="Revenue that the answer moves."),
        Column("source", "Asked by", width=22, note="One answer serves every source that asks."),
        Column("rows", "Rows", "integer", hidden_from_print=True, width=9,
               note="Rows of the sources that hang on this decision."),
        Column("reason", "Who decides, and undo", "long_text", hidden_from_print=True, width=40),
        Column("runner_up_name", "Next best", hidden_from_print=True, width=28),
        Column("runner_up", "Its probability", "percent", decimals=0, hidden_from_print=True, width=11),
        Column("key", MATCH_REVIEW.header("key"), "id", hidden_from_print=True, width=40,
               note="By this the next run knows the question; leave it as it is."),
    ]  # fmt: skip
    decided, merged = (int((frame["status"] == each).sum()) for each in (DECIDED, MERGED))
    blocks: list[Item] = [
        Text(
            f"{say_count(waiting, 'question')} to answer, those with the most money first; {decided:,} decided and "
            f"{merged:,} merged without asking are listed below them. Choose same, different or merge in the yellow "
            "cells, save the workbook, and run the scoring again: your answers are obeyed from then on, for every "
            "source. Blank means undecided, and the accounts stay apart.",
            "paragraph" if waiting else "good",
        ),
        Table("match_review", columns, frame, key="key", empty_text="No question is left to answer."),
    ]
    return Sheet(
        "Match Review", "Match review", blocks, freeze_table="match_review", freeze_columns=4, kind="data",
        subtitle="Names of different sources that may be the same account, and accounts that may be listed twice.",
    )  # fmt: skip

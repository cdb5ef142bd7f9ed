"""The sheet Match Review: names that may be one account, for a person to decide.

The next run reads the decisions back by their headings (see :mod:`icp_xl.tables.matching.overrides`), so the headings
Key, Account id, Decision and Merge into must stay as they are.
"""

from __future__ import annotations

import pandas as pd

from icp_xl.config.reports import ReportSettings
from icp_xl.reports.inputs import QualityTables
from icp_xl.reports.spec import Column, Item, Sheet, Table, Text
from icp_xl.reports.words import field_label, say_count
from icp_xl.tables.model import MATCH_TABLE_COLUMNS

CHOICES = ("same", "different", "merge")


def review_frame(quality: QualityTables) -> pd.DataFrame:
    """Pairs to decide, the surest first, then those decided already; one row per key and account."""
    parts = [
        part.reindex(columns=list(MATCH_TABLE_COLUMNS)) for part in (quality.matches, quality.duplicates) if len(part)
    ]
    if not parts:
        return pd.DataFrame({name: pd.Series([], dtype=object) for name in (*MATCH_TABLE_COLUMNS, "merge_into")})
    frame = pd.concat(parts, ignore_index=True)
    decided = frame["decision"].notna() & (frame["decision"].astype(str).str.strip() != "")
    frame = frame[(frame["outcome"] == "review") | decided].assign(decided=decided, merge_into="")
    frame = frame.sort_values(["decided", "score", "key"], ascending=[True, False, True], kind="stable")
    return frame.drop(columns="decided").drop_duplicates(["key", "account_id"], ignore_index=True)


def build_review_sheet(quality: QualityTables, settings: ReportSettings) -> Sheet:
    """The table of open and decided pairs, with yellow cells for the reader's decision."""
    frame = review_frame(quality)
    frame["source"] = [field_label(str(name)) for name in frame["source"]]
    open_pairs = int((frame["outcome"] == "review").sum())
    columns = [
        Column("decision", "Decision", width=12, editable=True, choices=CHOICES,
               note="same: one account. different: two. merge: put it into the account id under Merge into. "
               "Blank: undecided."),
        Column("merge_into", "Merge into", "id", width=12, editable=True,
               note="Only for merge: the account id that stays."),
        Column("name", "Name in the file", width=36),
        Column("account_name", "May be the account", width=36),
        Column("account_id", "Account id", "id", width=13),
        Column("score", "Likeness", "percent", decimals=0, rule="data_bar", width=11),
        Column("reason", "Why", "long_text", width=46),
        Column("source", "Source", width=18),
        Column("place", "Place", width=20),
        Column("runner_up_name", "Next best", hidden_from_print=True, width=30),
        Column("runner_up", "Its likeness", "percent", decimals=0, hidden_from_print=True, width=11),
        Column("rows", "Rows", "integer", hidden_from_print=True, width=9,
               note="Rows of the source that hang on this decision."),
        Column("outcome", "Outcome", rule="status", hidden_from_print=True, width=12),
        Column("key", "Key", "id", hidden_from_print=True, width=40,
               note="By this the next run knows the pair; leave it as it is."),
    ]  # fmt: skip
    blocks: list[Item] = [
        Text(
            f"{say_count(open_pairs, 'pair')} to decide. Choose same, different or merge in the yellow cells, save the "
            "workbook, and run the scoring again: the decisions are obeyed from then on. Blank means undecided, and "
            "the names stay apart.",
            "paragraph" if open_pairs else "good",
        ),
        Table("match_review", columns, frame, key="key", empty_text="No pair is left to decide."),
    ]
    return Sheet(
        "Match Review", "Match review", blocks, freeze_table="match_review", freeze_columns=4, kind="data",
        subtitle="Names of different sources that may be the same account, and accounts that may be listed twice.",
    )  # fmt: skip

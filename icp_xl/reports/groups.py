"""The sheet Groups: accounts of one house together, declared or suggested, never merged."""

from __future__ import annotations

import pandas as pd

from icp_xl.reports.inputs import ScoreReportInputs
from icp_xl.reports.spec import Column, Item, Sheet, Table, Text
from icp_xl.reports.words import say_count


def build_groups_sheet(inputs: ScoreReportInputs) -> Sheet | None:
    """Each group with its accounts, revenue and best score, or nothing where no account belongs to one."""
    accounts = inputs.quality.groups
    if accounts.empty:
        return None
    scored = inputs.scored[["account_id", "icp_score", "icp_grade", "rep"]]
    accounts = accounts.merge(scored, on="account_id", how="left")
    grouped = accounts.groupby(["group", "how"], sort=False)
    groups = grouped.agg(
        accounts=("account_id", "size"), revenue=("revenue", "sum"), best=("icp_score", "max")
    ).reset_index()
    top = accounts.sort_values("icp_score", ascending=False, kind="stable").drop_duplicates(["group", "how"])
    groups = groups.merge(
        top[["group", "how", "account_name", "icp_grade"]].rename(columns={"account_name": "best_account"}),
        on=["group", "how"],
        how="left",
    )
    declared = int((groups["how"] == "declared").sum())
    blocks: list[Item] = [
        Text(
            f"{say_count(declared, 'group')} by the parent that the customers name, and "
            f"{len(groups) - declared:,} that the names suggest. Accounts of a group are accounts of their own: "
            "nothing here is merged. To declare a group, give its accounts a parent account id or a parent name."
        ),
        _group_table(groups),
        Text("The accounts of each group", "heading"),
        _account_table(accounts),
    ]
    return Sheet(
        "Groups", "Groups", blocks, kind="data",
        subtitle="What each house buys, and what one part of it buys that the others do not.",
    )  # fmt: skip


def _group_table(groups: pd.DataFrame) -> Table:
    columns = [
        Column("group", "Group", width=34),
        Column("how", "Found", width=12, note="declared: by a parent in the customers. suggested: by the names."),
        Column("accounts", "Accounts", "integer", width=11),
        Column("revenue", "Revenue", "money", width=14, rule="data_bar"),
        Column("best", "Best score", "score", width=11),
        Column("icp_grade", "Best grade", "grade", rule="grade", width=11),
        Column("best_account", "Best account", width=34),
    ]
    return Table("groups", columns, groups)


def _account_table(accounts: pd.DataFrame) -> Table:
    columns = [
        Column("group", "Of group", width=34),
        Column("account_name", "Account", width=34),
        Column("account_id", "Account id", "id", width=14),
        # Revenue, score and grade stand below those of the groups, whose widths they share.
        Column("revenue", "Revenue", "money", width=14),
        Column("icp_score", "Score", "score", width=11),
        Column("icp_grade", "Grade", "grade", rule="grade", width=11),
        Column("rep", "Rep", width=34),
        Column("divisions", "Buys", "long_text", width=40),
        Column("only_here", "Only here", "long_text", width=40,
               note="Divisions that no other account of the group buys."),
        Column("bought_by_others", "Others of the group buy", "long_text", width=40,
               note="Divisions that another account of the group buys and this one does not."),
    ]  # fmt: skip
    return Table("group_accounts", columns, accounts)

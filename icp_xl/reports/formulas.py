"""Formulas over the table of scored accounts, with the values they must show."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from icp_xl.columns import GRADES
from icp_xl.reports.accounts import TABLE
from icp_xl.reports.spec import Column
from icp_xl.reports.words import share, total

#: Columns of a group table that hold formulas: key to formula with {group} for the group's own cell.
_GROUP_FORMULAS = {
    "accounts": "COUNTIF({scored.%(key)s},{%(key)s})",
    "revenue": "SUMIF({scored.%(key)s},{%(key)s},{scored.total_revenue})",
    "average_score": 'IF({accounts}=0,"",SUMIF({scored.%(key)s},{%(key)s},{scored.icp_score})/{accounts})',
    "top_grades": "COUNTIFS({scored.%(key)s},{%(key)s},{scored.icp_grade},\"A\")"
    "+COUNTIFS({scored.%(key)s},{%(key)s},{scored.icp_grade},\"B\")",
    "top_share": 'IF({accounts}=0,"",{top_grades}/{accounts})',
}  # fmt: skip


def group_figures(scored: pd.DataFrame, key: str, groups: list[str]) -> pd.DataFrame:
    """One row per group: accounts, revenue, average score, accounts graded A or B, and their share."""
    rows: list[dict[str, Any]] = []
    scored = scored[[*dict.fromkeys((key, "icp_grade", "total_revenue", "icp_score"))]]
    for name in groups:
        part = scored[scored[key] == name]
        n = len(part)
        top = int(part["icp_grade"].isin(GRADES[:2]).sum())
        rows.append(
            {
                key: name,
                "accounts": n,
                "revenue": total(part, "total_revenue"),
                "average_score": float(part["icp_score"].mean()) if n else np.nan,
                "top_grades": top,
                "top_share": share(top, n) if n else np.nan,
            }
        )
    return pd.DataFrame(rows, columns=[key, "accounts", "revenue", "average_score", "top_grades", "top_share"])


def group_formula(name: str, key: str, live: bool) -> str | None:
    """The formula of a column of :func:`group_figures`, or ``None`` where the sheet does not list every account."""
    return _GROUP_FORMULAS[name] % {"key": key} if live else None


def grade_mix(scored: pd.DataFrame, shares: dict[str, float]) -> pd.DataFrame:
    """One row per grade: accounts, share, target share, difference, revenue and its share."""
    figures = group_figures(scored, "icp_grade", list(GRADES))
    n, revenue = len(scored), total(scored, "total_revenue")
    figures["share"] = [share(count, n) for count in figures["accounts"]]
    figures["target"] = [shares[name] for name in GRADES]
    figures["difference"] = figures["share"] - figures["target"]
    figures["revenue_share"] = [share(part, revenue) for part in figures["revenue"]]
    return figures


def grade_mix_columns(live: bool) -> list[Column]:
    """Columns of :func:`grade_mix`, live where every account is listed."""
    all_accounts = "SUM({grade_mix.accounts})"
    grade, money = all_of("icp_grade"), all_of("total_revenue")
    revenue_share = f"IF(SUM({money})=0,0,SUMIF({grade},{{icp_grade}},{money})/SUM({money}))" if live else None
    return [
        Column("icp_grade", "Grade", "grade", rule="grade"),
        Column("accounts", "Accounts", "integer", total="sum", formula=group_formula("accounts", "icp_grade", live)),
        Column("share", "Share", "percent", formula=f"IF({all_accounts}=0,0,{{accounts}}/{all_accounts})"),
        Column("target", "Target share", "percent"),
        Column("difference", "Difference", "percent", rule="sign", formula="{share}-{target}"),
        Column("revenue", "Revenue with us", "money", total="sum", formula=group_formula("revenue", "icp_grade", live)),
        Column("revenue_share", "Share of revenue", "percent", formula=revenue_share),
    ]  # fmt: skip


def all_of(column: str) -> str:
    """All the cells of a column of the scored accounts, for a formula."""
    return f"{{{TABLE}.{column}}}"

"""How far names were joined to accounts: coverage per source, and the names that joined nothing, the largest first."""

from __future__ import annotations

import pandas as pd

COLUMNS = ("source", "kind", "name", "names", "rows", "share_of_rows", "money")
#: Names without an account that are listed per source.
_LISTED = 20


def name_join_qa(matches: pd.DataFrame) -> pd.DataFrame:
    """One row per source and outcome (kind ``accepted``, ``review``, ``no match``), then one per unmapped name.

    Args:
        matches: every decision on a name, see :class:`icp_xl.tables.Tables`.

    Returns:
        source, kind, name (of an unmapped one), names (how many), rows, share_of_rows (of the source's rows that go by
        a name), money.
    """
    found: list[tuple[object, ...]] = []
    for source, part in matches.groupby("source", sort=True):
        rows = pd.to_numeric(part["rows"], errors="coerce").fillna(0.0)
        money = pd.to_numeric(part["money"], errors="coerce").fillna(0.0)
        total = max(float(rows.sum()), 1.0)
        for outcome, index in part.groupby("outcome", sort=True).groups.items():
            count = float(rows[index].sum())
            found.append((source, outcome, "", len(index), count, count / total, float(money[index].sum())))
        lost = part.assign(rows=rows, money=money)[part["outcome"] == "no match"]
        lost = lost.sort_values(["rows", "name"], ascending=[False, True], kind="stable").head(_LISTED)
        sizes, amounts = lost["rows"].astype(float), lost["money"].astype(float)
        for name, count, amount in zip(lost["name"], sizes, amounts, strict=True):
            found.append((source, "unmapped name", name, 1, count, count / total, amount))
    return pd.DataFrame(found, columns=list(COLUMNS))

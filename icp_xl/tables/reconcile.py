"""Yearly totals against sales lines: what they say of each account and year, and where they differ."""

from __future__ import annotations

import numpy as np
import pandas as pd

from icp_xl.config.matching import MatchingSettings
from icp_xl.tables.model import RECONCILIATION_COLUMNS

MEASURES = ("revenue", "gross_profit")
EQUAL, DIFFERS, NO_LINES, NO_TOTAL = "equal", "differs", "no sales lines", "no yearly total"


def reconcile_totals(
    totals: pd.DataFrame, transactions: pd.DataFrame, labels: dict[str, str], settings: MatchingSettings
) -> pd.DataFrame:
    """Compare yearly totals with the sums of sales lines, one row per account × year × measure that either has.

    Only years and measures that the totals cover at all are compared. ``difference`` is total minus lines. Totals of a
    name that no account fits are left out here and counted with the matches.

    Args:
        totals: yearly totals as read, with the account of each.
        transactions: sales lines, one row each.
        labels: name of each account, by its id.
        settings: difference that is passed over.
    """
    known = totals[totals["account_id"].notna()] if len(totals) else totals
    if known.empty:
        return pd.DataFrame(columns=list(RECONCILIATION_COLUMNS))
    keys = ["account_id", "year", "measure"]
    known = known.assign(year=known["year"].astype("int64")).sort_values([*keys, "amount"], kind="stable")
    stated = known.groupby(keys)["amount"].sum(min_count=1).rename("yearly_total")
    covered = set(map(tuple, known[["year", "measure"]].drop_duplicates().to_numpy().tolist()))
    lines = transactions.assign(year=transactions["date"].dt.year.astype("int64")).sort_values(
        ["account_id", "source_row"], kind="stable"
    )
    parts = []
    for measure in MEASURES:
        years = sorted(year for year, kind in covered if kind == measure)
        part = lines[lines["year"].isin(years)]
        sums = part.groupby(["account_id", "year"])[measure].sum(min_count=1).reset_index(name="line_total")
        parts.append(sums.assign(measure=measure))
    summed = pd.concat(parts, ignore_index=True).set_index(keys)["line_total"]
    both = stated.to_frame().join(summed, how="outer").reset_index()
    both["difference"] = both["yearly_total"].fillna(0.0) - both["line_total"].fillna(0.0)
    size = np.maximum(both["yearly_total"].abs().fillna(0.0), both["line_total"].abs().fillna(0.0))
    equal = both["difference"].abs() <= np.maximum(settings.reconcile_tolerance * size, 0.5)
    both["status"] = np.select(
        [both["line_total"].isna() & ~equal, both["yearly_total"].isna() & ~equal, equal],
        [NO_LINES, NO_TOTAL, EQUAL],
        DIFFERS,
    )
    both["account_name"] = both["account_id"].map(labels)
    order = both.assign(_size=-both["difference"].abs()).sort_values(["_size", *keys], kind="stable")
    return order[list(RECONCILIATION_COLUMNS)].reset_index(drop=True)

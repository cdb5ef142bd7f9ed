"""What each account bought: sums over its sales lines, returns taken off."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from icp_xl.columns import SOFTWARE_CATEGORIES

TOTAL_COLUMNS = (
    "account_id", "hardware_revenue", "consumable_revenue", "software_revenue", "service_revenue", "total_revenue",
    "gross_profit", "lines", "first_purchase", "last_purchase",
)  # fmt: skip
#: Categories that each revenue column sums up.
TOTALLED_CATEGORIES = {
    "hardware_revenue": ("hardware",),
    "consumable_revenue": ("consumable",),
    "software_revenue": SOFTWARE_CATEGORIES,
    "service_revenue": ("service",),
}


def account_totals(
    transactions: pd.DataFrame,
    customers: pd.DataFrame,
    until: date | str | pd.Timestamp | None = None,
    since: date | str | pd.Timestamp | None = None,
) -> pd.DataFrame:
    """Totals per account, one row per account of ``customers``, in their order.

    Revenue is the sum of the lines of its categories, so that returns net out; ``total_revenue`` holds every line,
    those without a category too. ``gross_profit`` is NaN where no line says. First and last purchase are the dates of
    lines with positive revenue. Only lines on or after ``since`` and before ``until`` count (half-open).

    Args:
        transactions: sales lines, one row each.
        customers: one row per account; the order of the result.
        until: first day that does not count; all lines by default.
        since: first day that counts.
    """
    lines = transactions
    if since is not None:
        lines = lines[lines["date"] >= pd.Timestamp(since)]
    if until is not None:
        lines = lines[lines["date"] < pd.Timestamp(until)]
    # Sums of floats depend on their order; sorted by account and row of the file, they never differ.
    lines = lines.sort_values(["account_id", "source_row", "date", "revenue"], kind="stable")
    account, revenue = lines["account_id"], lines["revenue"]
    totals = pd.DataFrame(index=pd.Index(customers["account_id"], name="account_id"))
    for name, kinds in TOTALLED_CATEGORIES.items():
        part = lines["category"].isin(kinds)
        totals[name] = revenue[part].groupby(account[part]).sum()
    totals["total_revenue"] = revenue.groupby(account).sum()
    totals = totals.astype("float64").fillna(0.0)
    # Returns of all that was bought leave rounding dust, which is no revenue.
    totals = totals.mask(totals.abs() < 1e-6, 0.0)
    totals["gross_profit"] = lines["gross_profit"].groupby(account).sum(min_count=1)
    totals["lines"] = account.groupby(account).size()
    bought = lines[lines["revenue"] > 0]
    dates = bought.groupby("account_id")["date"].agg(["min", "max"])
    totals["first_purchase"], totals["last_purchase"] = dates["min"], dates["max"]
    totals["lines"] = totals["lines"].fillna(0).astype(np.int64)
    return totals.reset_index()[list(TOTAL_COLUMNS)]

"""What other sources know of the accounts: enriched annual revenue and corrected industries."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from icp_xl.config.matching import MatchingSettings
from icp_xl.tables.accounts import Resolved
from icp_xl.tables.industries import standardize_industry


def join_revenue(accounts: pd.DataFrame, enriched: pd.DataFrame, resolved: Resolved) -> pd.DataFrame:
    """Put the enriched annual revenue over the customers' own, one row per account as before.

    ``revenue_source`` says where the figure is from ("enriched", "customers" or ""). An account that several enriched
    names fit takes the figure of the best-fitting name, then the larger.
    """
    accounts = accounts.copy()
    accounts["annual_revenue"] = pd.to_numeric(accounts["annual_revenue"], errors="coerce").astype("float64")
    accounts.loc[accounts["annual_revenue"] <= 0, "annual_revenue"] = float("nan")
    accounts["revenue_source"] = accounts["annual_revenue"].notna().map({True: "customers", False: ""})
    if enriched.empty:
        return accounts
    rows = pd.DataFrame(
        {
            "account_id": resolved.account_id.to_numpy(),
            "name": enriched["account_name"].to_numpy(),
            "revenue": pd.to_numeric(enriched["annual_revenue"], errors="coerce").to_numpy(),
        }
    )
    score = dict(zip(resolved.matches["name"], resolved.matches["score"], strict=True))
    rows["score"] = rows["name"].map(score).astype("float64").fillna(1.0)
    rows = rows[rows["account_id"].notna() & (rows["revenue"] > 0)]
    rows = rows.sort_values(
        ["account_id", "score", "revenue", "name"], ascending=[True, False, False, True], kind="stable"
    )
    best = rows.drop_duplicates("account_id").set_index("account_id")["revenue"]
    found = accounts["account_id"].map(best)
    accounts["annual_revenue"] = found.fillna(accounts["annual_revenue"])
    accounts.loc[found.notna(), "revenue_source"] = "enriched"
    return accounts


def join_industries(
    accounts: pd.DataFrame,
    updates: pd.DataFrame,
    resolved: Resolved,
    tiers: Mapping[str, str],
    settings: MatchingSettings,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Standardise the accounts' industries, those of the updates first; also returns the mapping of spellings.

    ``industry_source`` is "update", "customers" or ""; ``industry_as_written`` is the spelling that was standardised.

    Args:
        accounts: one row per account.
        updates: industry updates as read.
        resolved: the account of each update.
        tiers: strategic tier by industry.
        settings: how spellings are matched.
    """
    accounts = accounts.copy()
    written = accounts["industry"].astype("object").where(accounts["industry"].notna(), None)
    source = written.notna().map({True: "customers", False: ""})
    if len(updates):
        rows = pd.DataFrame({"account_id": resolved.account_id.to_numpy(), "industry": updates["industry"].to_numpy()})
        rows = rows.dropna()
        # Of several updates of one account the last of the file holds.
        order = updates["source_row"].to_numpy() if "source_row" in updates.columns else None
        if order is not None:
            rows = rows.assign(_at=pd.Series(order).reindex(rows.index)).sort_values("_at", kind="stable")
        last = rows.drop_duplicates("account_id", keep="last").set_index("account_id")["industry"]
        usable = standardize_industry(last.tolist(), settings, tiers)
        last = last[[value is not None for value in usable.values]]
        update = accounts["account_id"].map(last)
        source = source.where(update.isna(), "update")
        written = update.where(update.notna(), written)
        written = written.where(written.notna(), None)
    standard = standardize_industry(written.tolist(), settings, tiers)
    accounts["industry"] = pd.Series(standard.values, index=accounts.index, dtype="object")
    accounts["industry_as_written"] = written
    accounts["industry_source"] = source.where(accounts["industry"].notna(), "")
    return accounts, standard.mapping

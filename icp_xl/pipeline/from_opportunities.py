"""What a folder of opportunities alone can stand in for: accounts, and won deals as sales."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from icp_xl.errors import DataError
from icp_xl.feedback.opportunities import WON, prepare_opportunities
from icp_xl.feedback.stages import StageAnswers
from icp_xl.sources import Sources, SourceTable
from icp_xl.sources.fields import CUSTOMERS, SALES, SourceSpec
from icp_xl.sources.typed import missing_column

_SALES_FROM = {
    "date": "close_date", "account_id": "account_id", "account_name": "account_name", "division": "division",
    "product": "product", "revenue": "amount", "rep": "owner", "invoice": "opportunity_id",
}  # fmt: skip


def fill_from_opportunities(
    sources: Sources, *, sales: bool = True, given: StageAnswers | None = None
) -> tuple[Sources, list[str]]:
    """``sources`` with what is absent taken from the opportunities, and what to tell the user about it.

    Won deals with a close date and an amount serve as sales lines where there is no sales log (and ``sales`` is true);
    open and lost ones never count as revenue. Every account of an opportunity is an account where there are no
    customers. ``given``: what people say of stages.
    """
    deals = sources.opportunities
    if deals is None or (sources.customers is not None and sources.sales is not None):
        return sources, []
    told = []
    frame = deals.frame.reset_index(drop=True)
    if sources.customers is None:
        keys = ["account_id", "account_name"]
        accounts = frame[[*keys, "owner", "source_row"]].dropna(subset=keys, how="all").drop_duplicates(keys)
        body = _shaped(CUSTOMERS, accounts.rename(columns={"owner": "rep"}))
        sources = replace(
            sources, customers=SourceTable("customers", body, deals.file, deals.sheet, rows_read=len(body))
        )
        told.append(
            f"No customer workbook was found: the {len(body):,} accounts of the opportunities ({deals.file}) "
            "are taken, without industry and size."
        )
    if sources.sales is None and sales:
        try:
            outcome = prepare_opportunities(frame, given)["outcome"]
        except DataError as error:
            # What needs the opportunities themselves stops over it; accounts can be scored without.
            return sources, [*told, f"There is no sales log, and the deals cannot stand in for it: {error.fault.what}."]
        won = frame[(outcome == WON).to_numpy() & frame["close_date"].notna() & frame["amount"].notna()]
        lines = _shaped(
            SALES, won[list(_SALES_FROM.values()) + ["source_row"]].set_axis([*_SALES_FROM, "source_row"], axis=1)
        )
        lines["time"] = missing_column("number", len(lines))
        sources = replace(sources, sales=SourceTable("sales", lines, deals.file, deals.sheet, rows_read=len(lines)))
        told.append(
            f"There is no sales log: the {len(lines):,} won of {len(frame):,} deals ({deals.file}) stand in for it, "
            f"{lines['revenue'].sum():,.0f} in all; open and lost deals are no revenue. Products bought, divisions and "
            "repeat purchases are known only as far as the deals tell them."
        )
    return sources, told


def _shaped(spec: SourceSpec, frame: pd.DataFrame) -> pd.DataFrame:
    """``frame`` with every column of ``spec``, what it lacks missing."""
    frame = frame.reset_index(drop=True)
    for item in spec.columns:
        if item.name not in frame:
            frame[item.name] = missing_column(item.kind, len(frame))
    return frame[[*(item.name for item in spec.columns), "source_row"]]

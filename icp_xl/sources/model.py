"""What reading the sources gives: typed frames under our own column names, with everything noticed on the way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd


@dataclass(frozen=True)
class Guess:
    """A column that was not found by its exact name; shown to the user, never silent."""

    source: str
    column: str
    header: str
    how: str  # "synonym", "close spelling", "setting", "expression"
    sheet: str = ""


@dataclass(frozen=True)
class Tally:
    """What a source's file holds, to be held against a report of one's own.

    ``money`` and ``lost_money`` are sums per column of money, over all rows of data and over those left out;
    ``lost`` counts the latter by reason. ``unused`` are headers that nobody took. ``samples`` gives three values as
    they stand in the file for each column of ours, ``sums`` what a column of numbers adds up to as read.
    """

    rows: int = 0
    money: Mapping[str, float] = field(default_factory=dict)
    lost: Mapping[str, int] = field(default_factory=dict)
    lost_money: Mapping[str, float] = field(default_factory=dict)
    unused: tuple[str, ...] = ()
    samples: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    sums: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class SourceTable:
    """One source as read.

    ``frame`` holds one row per kept row of the file, with our column names (see :mod:`icp_xl.sources.fields`), typed:
    text stripped or missing, numbers as float64 with NaN, dates as datetime64. ``source_row`` is the 1-based row in
    the file. ``dropped`` lists the rows left out: columns ``source``, ``sheet``, ``row``, ``reason``. ``flags`` lists
    cells that were kept but could not be read as wanted: ``source``, ``sheet``, ``row``, ``column``, ``problem``.
    """

    name: str
    frame: pd.DataFrame
    file: str
    sheet: str = ""
    header_row: int = 1
    rows_read: int = 0
    guesses: tuple[Guess, ...] = ()
    dropped: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=["source", "sheet", "row", "reason"]))
    flags: pd.DataFrame = field(
        default_factory=lambda: pd.DataFrame(columns=["source", "sheet", "row", "column", "problem"])
    )
    tally: Tally = Tally()


@dataclass(frozen=True)
class Sources:
    """All sources of a run. Customers or sales may be absent where a command can do without; the rest is optional.

    ``customers``: account_id, account_name, industry, annual_revenue, rep, region, printers, city, state, country,
    do_not_contact. ``sales``: date, account_id, account_name, division, sku, product, quantity, revenue, gross_profit,
    category, rep, invoice, city, state, country, time (seconds after midnight, NaN where the log tells none; ``date``
    is a day). ``yearly_totals``: account_id, account_name, year, measure
    (``revenue`` or ``gross_profit``), amount. ``enriched_revenue``: account_name, annual_revenue.
    ``industry_updates``: account_id, account_name, industry. ``assets``: account_id, account_name, sku, product,
    start_date, expiry_date, subscription (true, false or missing), quantity. ``opportunities``: opportunity_id,
    account_id, account_name, stage, outcome, amount, created_date, close_date, owner, division, product. Every frame
    has all its columns; one that the file lacks is all missing.
    """

    customers: SourceTable | None
    sales: SourceTable | None
    yearly_totals: SourceTable | None = None
    enriched_revenue: SourceTable | None = None
    industry_updates: SourceTable | None = None
    assets: SourceTable | None = None
    opportunities: SourceTable | None = None
    strategic_tiers: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def tables(self) -> list[SourceTable]:
        """Every source that was found."""
        found = (
            self.customers, self.sales, self.yearly_totals, self.enriched_revenue, self.industry_updates,
            self.assets, self.opportunities,
        )  # fmt: skip
        return [table for table in found if table is not None]

"""What a sales line counts as, told again in plain Python, line by line; the build says it in SQL."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from decimal import Decimal

import pandas as pd

from icp_xl.config import Settings


@dataclass(frozen=True)
class Line:
    """One line that counts: a sale, or a return (``sale`` is false). Fees are no lines; an unknown profit is none."""

    day: dt.date
    account: str
    division: str
    sku: str | None
    sale: bool
    revenue: Decimal
    profit: Decimal | None


def given(value: object) -> bool:
    """Neither missing nor empty."""
    return value is not None and value == value and value is not pd.NaT and str(value).strip() != ""


def fold(text: object) -> str:
    """Without case and needless spaces."""
    return " ".join(str(text).upper().split())


def back(cutoff: dt.date, months: int) -> dt.date:
    """So many months before the cutoff; negative months lie after it."""
    return (pd.Timestamp(cutoff) - pd.DateOffset(months=months)).date()


def read_lines(frame: pd.DataFrame, settings: Settings) -> list[Line]:
    """Lines that count, each exactly repeated line once."""
    build = settings.build
    named = (*build.allowed_divisions, *build.divisions, *settings.labels.target_skus)
    spelt = {fold(name): name for name in reversed(named)}
    for row in sorted((r for r in frame.to_dict("records") if given(r["division"])), key=_earliest):
        spelt.setdefault(fold(row["division"]), str(row["division"]).strip())
    seen: set[tuple[str, ...]] = set()
    found = []
    for row in frame.to_dict("records"):
        content = tuple(repr(row[name]) if given(row[name]) else "" for name in frame.columns if name != "source_row")
        if build.duplicates == "drop" and content in seen:
            continue
        seen.add(content)
        sku = fold(row["sku"]) if given(row["sku"]) else None
        if sku and (sku in build.fee_skus or sku.startswith(tuple(text.upper() for text in build.fee_prefixes))):
            continue
        cancelled = given(row["invoice"]) and bool(re.match(build.cancellation_pattern, str(row["invoice"]).strip()))
        revenue = Decimal(str(row["revenue"]))
        profit = Decimal(str(row["gross_profit"])) if given(row["gross_profit"]) else None
        if cancelled and revenue > 0:
            # A cancellation takes back what it names, whatever sign the log writes it with.
            revenue, profit = -revenue, None if profit is None else -profit
        negative = revenue < 0 or (revenue == 0 and given(row["quantity"]) and row["quantity"] < 0)
        division = spelt[fold(row["division"])] if given(row["division"]) else build.unmapped_division
        day = pd.Timestamp(row["date"]).date()
        found.append(Line(day, str(row["account_id"]), division, sku, not (cancelled or negative), revenue, profit))
    return found


def _earliest(row: dict[str, object]) -> tuple[object, str]:
    return row["date"], str(row["division"])

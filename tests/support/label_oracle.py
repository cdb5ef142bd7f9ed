"""Labels again, account by account and line by line."""

from __future__ import annotations

import calendar
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pandas as pd

from icp_xl.config import Settings
from tests.support.line_oracle import Line, back, fold, read_lines


def oracle_labels(
    frame: pd.DataFrame, customers: pd.DataFrame | None, division: str, cutoff: date, months: int, settings: Settings
) -> tuple[int, dict[str, dict[str, Any]]]:
    """The months used, and account to its label row."""
    lines, end_of_log = read_lines(frame, settings), observed_until(frame, settings)
    while True:
        rows = _label(frame, lines, customers, division, cutoff, months, settings)
        positives = sum(row["label"] for row in rows.values())
        chosen = settings.labels
        enough = positives >= chosen.min_positives and positives >= chosen.min_prevalence * len(rows)
        reachable = [
            m for m in range(months + 1, min(months * 2, chosen.max_window_months) + 1)
            if back(cutoff, -m) <= end_of_log
        ]  # fmt: skip
        if enough or not chosen.auto_widen or not reachable:
            break
        months = reachable[-1]
    for row in rows.values():
        row["censored"] = back(cutoff, -months) > end_of_log
    return months, rows


def observed_until(frame: pd.DataFrame, settings: Settings) -> date:
    """The first day that the log does not cover: a month that all but ended counts as whole."""
    if settings.build.observed_until:
        return settings.build.observed_until
    last = max(pd.Timestamp(moment).date() for moment in frame["date"])
    month_end = last.replace(day=calendar.monthrange(last.year, last.month)[1])
    whole = (month_end - last).days <= settings.build.month_end_slack_days
    return (month_end if whole else last) + timedelta(1)


def _label(
    frame: pd.DataFrame, lines: list[Line], customers: pd.DataFrame | None, division: str, cutoff: date, months: int,
    settings: Settings,
) -> dict[str, dict[str, Any]]:  # fmt: skip
    chosen = settings.labels
    targets = {fold(code) for code in chosen.target_skus.get(division, ())}
    denied = {fold(code) for code in chosen.denylist_skus}

    def counts(line: Line) -> bool:
        mine = line.sku in targets if targets else line.division == division
        return mine and line.sku not in denied

    known = {str(account) for account in frame["account_id"]}
    known |= set(customers["account_id"]) if customers is not None else set()
    by_profit = chosen.measure == "gross_profit"
    end = back(cutoff, -months)
    rows = {}
    for account in sorted(known):
        own = [line for line in lines if line.account == account]
        before = [line for line in own if line.sale and line.day < cutoff]
        if chosen.mode == "expansion" and not before:
            continue
        inside = [line for line in own if cutoff <= line.day < end and counts(line)]
        measure = sum((x.profit if by_profit and x.profit is not None else x.revenue for x in inside), Decimal(0))
        bought = any(line.sale for line in inside) and measure > Decimal(str(chosen.threshold))
        rows[account] = {
            "label": int(bought),
            "n_lines": sum(line.sale for line in inside),
            "revenue": float(sum((line.revenue for line in inside), Decimal(0))),
            "gross_profit": float(sum((line.profit or Decimal(0) for line in inside), Decimal(0))),
            "is_new_logo": not before,
            "is_expansion": bool(before) and not any(map(counts, before)),
            "is_renewal_like": any(map(counts, before)),
        }
    return rows

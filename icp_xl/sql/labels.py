"""SQL of the labels: what was bought in a window, and what had been bought before it."""

from __future__ import annotations

from collections.abc import Sequence

from icp_xl.sql.query import Query, marks

_SUMS = """
  cast(sum(case when kind = 1 then 1 else 0 end) as bigint) as n_lines,
  cast(sum(revenue_e4) as bigint) as revenue_e4,
  cast(sum(coalesce(gross_profit_e4, 0)) as bigint) as gross_profit_e4,
  cast(sum(coalesce(gross_profit_e4, revenue_e4)) as bigint) as measured_e4
"""


def _counts(division_key: int, targets: Sequence[int], denied: Sequence[int]) -> tuple[str, tuple[int, ...]]:
    """The condition that a line counts for the division."""
    text, values = ("division_key = ?", (division_key,)) if not targets else (f"sku_key in ({marks(targets)})", ())
    values = (*values, *targets)
    if denied:
        text, values = f"{text} and sku_key not in ({marks(denied)})", (*values, *denied)
    return text, values


def in_window(division_key: int, targets: Sequence[int], denied: Sequence[int], start: int, end: int) -> Query:
    """Per account that has a line of the division in ``[start, end)``: sale lines, net revenue, net gross profit.

    ``measured_e4`` is gross profit too, but a line whose profit is not known counts with its revenue: unknown is not 0.

    Args:
        division_key: of the division.
        targets: keys of the codes that define it; none where its lines do.
        denied: keys of codes that never count.
        start: first day of the window.
        end: the day after its last.
    """
    counts, values = _counts(division_key, targets, denied)
    return Query(
        f"""
        select account_key, {_SUMS} from fact_transactions
        where day >= ? and day < ? and kind <> 0 and {counts}
        group by account_key order by account_key
        """,
        (start, end, *values),
    )


def before(division_key: int, targets: Sequence[int], denied: Sequence[int], cutoff: int) -> Query:
    """Per account with a sale before ``cutoff``: whether one of them was of the division (1) or none (0).

    Args:
        division_key: of the division.
        targets: keys of the codes that define it; none where its lines do.
        denied: keys of codes that never count.
        cutoff: the first day that does not count.
    """
    counts, values = _counts(division_key, targets, denied)
    return Query(
        f"""
        select account_key, cast(max(case when {counts} then 1 else 0 end) as bigint) as bought_own
        from fact_transactions where day < ? and kind = 1
        group by account_key order by account_key
        """,
        (*values, cutoff),
    )


def window_sums(denied: Sequence[int], start: int, end: int) -> Query:
    """As :func:`in_window`, for all divisions in one pass; division by division."""
    allowed = f"and sku_key not in ({marks(denied)})" if denied else ""
    return Query(
        f"""
        select account_key, division_key, {_SUMS} from fact_transactions
        where day >= ? and day < ? and kind <> 0 {allowed}
        group by account_key, division_key order by division_key, account_key
        """,
        (start, end, *denied),
    )


def firsts(denied: Sequence[int]) -> Query:
    """Per account × division: the day of the first sale, and of the first one that counts (2147483647: none)."""
    counted = f"case when sku_key not in ({marks(denied)}) then day end" if denied else "day"
    return Query(
        f"""
        select account_key, division_key, cast(min(day) as bigint) as first_day,
          cast(coalesce(min({counted}), 2147483647) as bigint) as first_counted
        from fact_transactions where kind = 1 group by account_key, division_key
        """,
        tuple(denied),
    )


def monthly_buyers(denied: Sequence[int], end: int) -> Query:
    """Per month and division: accounts with a sale before ``end``; division 0 stands for anything.

    Reads ``calendar_months`` (day, month).
    """
    allowed = f"and sku_key not in ({marks(denied)})" if denied else ""
    return Query(
        f"""
        with bought as (
          select distinct month, division_key, account_key
          from fact_transactions f join calendar_months c on f.day = c.day
          where f.day < ? and kind = 1 {allowed}
        )
        select month, division_key, cast(count(*) as bigint) as buyers from bought group by month, division_key
        union all
        select month, cast(0 as bigint) as division_key, cast(count(distinct account_key) as bigint) as buyers
        from bought group by month
        """,
        (end, *denied),
    )

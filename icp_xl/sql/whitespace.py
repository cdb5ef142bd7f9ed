"""SQL of the whitespace ranking: what each account bought in each division, and which code speaks for another."""

from __future__ import annotations

from icp_xl.sql.query import Query, identifier


def pair_history(start: int, cutoff: int, window_days: int = 366) -> Query:
    """One row per account × division with a sale before ``cutoff``.

    First and last day of a sale; revenue, gross profit (ten-thousandths), sale lines and days with a sale in
    ``[start, cutoff)``, and in how many windows of ``window_days``, counted back from the cutoff, a sale falls.
    """
    return Query(
        """
        select account_key, division_key,
          cast(min(case when kind = 1 then f.day else 2147483647 end) as bigint) as first_day,
          cast(max(case when kind = 1 then f.day else -2147483648 end) as bigint) as last_day,
          cast(sum(case when f.day >= ? then revenue_e4 else 0 end) as bigint) as revenue,
          cast(sum(case when f.day >= ? then coalesce(gross_profit_e4, 0) else 0 end) as bigint) as profit,
          cast(sum(case when f.day >= ? and kind = 1 then 1 else 0 end) as bigint) as n_sales,
          cast(count(distinct case when f.day >= ? and kind = 1 then f.day end) as bigint) as n_days,
          cast(count(distinct case when f.day >= ? and kind = 1
            then cast(floor((? - 1 - f.day) / ?) as bigint) end) as bigint) as n_windows
        from fact_transactions f
        where f.day < ? and kind <> 0
        group by account_key, division_key
        order by account_key, division_key
        """,
        (start, start, start, start, start, cutoff, window_days, cutoff),
    )


def best_evidence(start: int, cutoff: int, only: str = "") -> Query:
    """Per account × division: the code bought in ``[start, cutoff)`` with the highest lift for that division.

    Reads ``spoken`` (sku_key, division_key, lift_e9).

    Args:
        start: first day that counts.
        cutoff: the day before which purchases count.
        only: a table of the accounts (account_key) to ask for; by default all.
    """
    among = f"and account_key in (select account_key from {identifier(only)})" if only else ""
    return Query(
        f"""
        with owned as (
          select distinct account_key, sku_key from fact_transactions
          where day >= ? and day < ? and kind = 1 and sku_key <> 0 {among}
        ), ranked as (
          select o.account_key, r.division_key, r.sku_key, r.lift_e9,
            row_number() over (
              partition by o.account_key, r.division_key order by r.lift_e9 desc, r.sku_key
            ) as place
          from owned o join spoken r on o.sku_key = r.sku_key
        )
        select account_key, division_key, sku_key, cast(lift_e9 as bigint) as lift_e9
        from ranked where place = 1 order by account_key, division_key
        """,
        (start, cutoff),
    )

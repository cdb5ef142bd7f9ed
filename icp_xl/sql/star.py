"""SQL that turns sales lines into facts. DuckDB only: it reads files and text that Spark's dialect says otherwise."""

from __future__ import annotations

from collections.abc import Sequence

from icp_xl.sql.query import Query, identifier

#: Money is kept as ten-thousandths in whole numbers: whole numbers add up to the same in any order.
SCALE = 10_000

#: Lines per division before or after the time that it is valid; reads ``facts`` and ``division_periods``.
OUTSIDE_VALIDITY = """
    select p.division, cast(count(*) as bigint) as n
    from facts f join division_periods p on f.division_key = p.division_key
    where f.kind <> 0 and (f.day < p.valid_from or f.day >= p.valid_to) group by p.division order by p.division
"""

TEXT = ("account_id", "division", "sku", "product", "category", "rep", "invoice", "region")
NUMBERS = ("quantity", "revenue", "gross_profit")

#: Order of a partition's lines; it names everything that a line holds, so that equal sets give equal files.
ORDER = "account_id, moment, invoice, sku, division, quantity, revenue_e4, gross_profit_e4, product, category, rep"


def staged(source: str, present: Sequence[str], max_e4: float) -> Query:
    """Typed lines of ``source``: text trimmed, empty text missing, money as whole ten-thousandths, days as integers."""
    columns = []
    for name in TEXT:
        value = f"nullif(trim(cast({identifier(name)} as varchar)), '')" if name in present else "cast(null as varchar)"
        columns.append(f"{value} as {name}")
    for name in NUMBERS:
        # A file may hold "not a number" where it means that nothing is known.
        number = f"try_cast({name} as double)"
        value = f"case when not isnan({number}) then {number} end" if name in present else "cast(null as double)"
        columns.append(f"{value} as {name}")
    row = "cast(source_row as bigint)" if "source_row" in present else "row_number() over ()"
    moment = "try_cast(date as timestamp)"
    return Query(
        f"""
        with typed as (
          select {", ".join(columns)}, {moment} as moment, {row} as source_row from {identifier(source)}
        )
        select *, cast(date_diff('day', date '1970-01-01', cast(moment as date)) as integer) as day,
          cast(year(moment) * 100 + month(moment) as integer) as ym,
          case when abs(revenue * {SCALE}) <= ? then cast(round(revenue * {SCALE}) as bigint) end as revenue_e4,
          case when abs(gross_profit * {SCALE}) <= ? then cast(round(gross_profit * {SCALE}) as bigint) end
            as gross_profit_e4
        from typed
        """,
        (max_e4, max_e4),
    )


def count(source: str) -> Query:
    """How many rows there are."""
    return Query(f"select cast(count(*) as bigint) as n from {identifier(source)}")


def classified(staging: str, min_day: int, max_day: int, cancellation: str, drop_duplicates: bool) -> Query:
    """Every staged line with its codes looked up, its kind, and the first reason to leave it out (or none).

    A cancellation takes back what it names: where the log writes its amount without a sign, it is turned round.

    Reads besides the tables ``sku_lookup`` (sku, sku_key, sku_name, sku_division, is_fee), ``sku_periods``
    (period_key, start_day, end_day, dated_division: what a code is on some days alone) and ``division_lookup``
    (division, division_name, division_known).

    Args:
        staging: the table of staged lines.
        min_day: earlier lines are left out.
        max_day: later ones likewise.
        cancellation: pattern of invoice numbers that take back.
        drop_duplicates: whether a line that repeats another in everything is left out.
    """
    content = "account_id, division, sku, product, category, rep, invoice, region, quantity, revenue, gross_profit"
    duplicate = "copy_number > 1" if drop_duplicates else "false"
    return Query(
        f"""
        with counted as (
          select *, row_number() over (partition by moment, {content} order by source_row) as copy_number,
            coalesce(regexp_matches(invoice, ?), false) as is_cancellation
          from {identifier(staging)}
        ), looked as (
          select c.* replace (
              case when is_cancellation and revenue_e4 > 0 then -revenue_e4 else revenue_e4 end as revenue_e4,
              case when is_cancellation and revenue_e4 > 0 then -gross_profit_e4 else gross_profit_e4 end
                as gross_profit_e4),
            coalesce(s.sku_key, 0) as sku_key, s.sku_name,
            coalesce(s.is_fee, false) and p.dated_division is null as is_fee,
            coalesce(p.dated_division, s.sku_division, d.division_name) as division_name,
            coalesce(d.division_known, true) as division_known
          from counted c left join sku_lookup s on c.sku = s.sku left join division_lookup d on c.division = d.division
            left join sku_periods p on s.sku_key = p.period_key and c.day >= p.start_day and c.day < p.end_day
        )
        select *,
          case when is_fee then 0
               when is_cancellation or revenue_e4 < 0 or (revenue_e4 = 0 and quantity < 0) then -1
               else 1 end as kind,
          case when copy_number > 1 and {duplicate} then 'exact duplicate'
               when moment is null then 'no readable date'
               when day < ? then 'before the earliest date'
               when day > ? then 'date in the future'
               when account_id is null then 'no account'
               when sku is null and division is null then 'neither code nor division'
               when revenue is null then 'no readable revenue'
               when revenue_e4 is null then 'amount out of range'
               when quantity is not null and abs(quantity) > 1e12 then 'amount out of range'
               when not division_known and not is_fee then 'unknown division'
          end as reason
        from looked
        """,
        (cancellation, min_day, max_day),
    )


def typed(source: str) -> Query:
    """Every line as it was judged, in the order of the log, for reading: what it holds, its kind and its reason."""
    return Query(
        f"""
        select source_row, moment as date, account_id, division_name as division, sku_name as sku, product, quantity,
          cast(revenue_e4 as double) / {SCALE} as revenue, cast(gross_profit_e4 as double) / {SCALE} as gross_profit,
          category, rep, invoice, region,
          case kind when 1 then 'sale' when -1 then 'return' else 'fee' end as kind, reason
        from {identifier(source)} order by source_row
        """
    )


def facts(source: str, unmapped: str) -> Query:
    """Lines that stay, as they are filed: one row per sales line."""
    return Query(
        f"""
        select a.account_key, l.account_id, l.sku_key, coalesce(l.sku_name, '') as sku,
          v.division_key, v.division, cast(l.moment as timestamp) as moment, l.day, l.ym,
          cast(l.kind as tinyint) as kind,
          l.quantity, l.revenue_e4, l.gross_profit_e4, l.category, l.rep, l.invoice, l.region, l.product
        from {identifier(source)} l
          join account_lookup a on l.account_id = a.account_id
          join division_keys v on v.division = case when l.kind = 0 then '(fee)' else coalesce(l.division_name, ?) end
        where l.reason is null
        """,
        (unmapped,),
    )


def filed(source: str, ym: int) -> Query:
    """One month's facts in their order, numbered; the numbers hang on nothing outside the month."""
    return Query(
        f"""
        select cast(? as bigint) * 100000000 + row_number() over (order by {ORDER}) as line_id, * exclude (ym)
        from {identifier(source)} where ym = ? order by line_id
        """,
        (ym, ym),
    )


def months(source: str) -> Query:
    """Per month: rows, first and last day, sums, and a checksum that hangs on content and not on order."""
    return Query(
        f"""
        select ym, cast(count(*) as bigint) as n, min(day) as first_day, max(day) as last_day,
          cast(sum(revenue_e4) as bigint) as revenue_e4, cast(count(gross_profit_e4) as bigint) as with_profit,
          cast(sum(cast(hash(f) as hugeint)) as varchar) as checksum
        from {identifier(source)} f group by ym order by ym
        """
    )


def problems(source: str) -> Query:
    """How often each peculiarity of real logs occurs among all lines read, each counted on its own."""
    return Query(
        f"""
        select cast(count(*) as bigint) as lines,
          cast(count(*) - count(account_id) as bigint) as no_account,
          cast(count(*) filter (where is_cancellation) as bigint) as cancellations,
          cast(count(*) filter (where is_cancellation and revenue > 0) as bigint) as cancellations_without_a_sign,
          cast(count(*) filter (where quantity < 0 and not is_cancellation) as bigint) as other_negative_quantity,
          cast(count(*) filter (where copy_number > 1) as bigint) as exact_duplicates,
          cast(count(*) filter (where is_fee) as bigint) as fee_lines,
          cast(count(*) filter (where sku is not null and sku <> sku_name) as bigint) as respelled_codes,
          cast(count(*) filter (where revenue = 0) as bigint) as zero_revenue,
          cast(count(*) filter (where moment is null) as bigint) as no_date
        from {identifier(source)}
        """
    )


def matched_returns(source: str) -> Query:
    """Per return line the latest earlier sale of the same code to the same account, where there is one."""
    return Query(
        f"""
        with lines as (
          select line_id, account_key, sku_key, moment, kind, quantity, revenue_e4 from {identifier(source)}
          where kind <> 0 and sku_key <> 0
        ), touched as (
          select l.* from lines l semi join (select distinct account_key, sku_key from lines where kind = -1) r
            on l.account_key = r.account_key and l.sku_key = r.sku_key
        ), linked as (
          select *, last_value(case when kind = 1 then line_id end ignore nulls) over (
            partition by account_key, sku_key order by moment, -kind, line_id rows unbounded preceding) as sale_line_id
          from touched
        )
        select r.line_id as return_line_id, r.sale_line_id, r.account_key, r.sku_key, s.moment as sold,
          r.moment as returned,
          abs(r.quantity) as returned_quantity, s.quantity as sold_quantity,
          case when r.sale_line_id is null then 'no earlier sale'
               when abs(r.quantity) = s.quantity then 'whole line'
               when abs(r.quantity) < s.quantity then 'part of a line'
               else 'more than that line' end as matched
        from linked r left join lines s on r.sale_line_id = s.line_id
        where r.kind = -1 order by r.line_id
        """
    )

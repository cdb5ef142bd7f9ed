"""SQL of the features: a few aggregations that every window of every cutoff is cut from."""

from __future__ import annotations

from collections.abc import Sequence

from icp_xl.sql.query import Query, identifier, marks

_MEASURES = """
  cast(sum(revenue_e4) as bigint) as revenue,
  cast(coalesce(sum(gross_profit_e4), 0) as bigint) as profit,
  cast(count(*) as bigint) as n,
  cast(count(distinct f.day) as bigint) as days,
  cast(min(f.day) as bigint) as first_day,
  cast(max(f.day) as bigint) as last_day
"""


def cube(end: int) -> Query:
    """One row per account × division × segment × kind (1 sale, -1 return) before ``end``; reads ``segments``."""
    return Query(
        f"""
        select account_key, division_key, seg, kind, {_MEASURES}
        from fact_transactions f join segments on f.day = segments.day
        where f.day < ? and kind <> 0
        group by account_key, division_key, seg, kind
        """,
        (end,),
    )


def target_cube(end: int) -> Query:
    """As :func:`cube`, for divisions that are defined by codes; reads ``target_skus`` (division_key, sku_key) too."""
    return Query(
        f"""
        select account_key, t.division_key, seg, kind, {_MEASURES}
        from fact_transactions f join segments on f.day = segments.day join target_skus t on f.sku_key = t.sku_key
        where f.day < ? and kind <> 0
        group by account_key, t.division_key, seg, kind
        """,
        (end,),
    )


def part(name: str, columns: Sequence[str], parts: int, number: int) -> Query:
    """The rows of one of several equal parts of the accounts.

    Args:
        name: of the table.
        columns: of it.
        parts: how many there are.
        number: of this one, counted from 0.
    """
    listed = ", ".join(identifier(column) for column in columns)
    return Query(
        f"select {listed} from {identifier(name)} where mod(account_key, ?) = ?",
        (parts, number),
    )


def universe(end: int) -> Query:
    """Accounts with a sale before ``end``, and the day of their first."""
    return Query(
        """
        select account_key, cast(min(day) as bigint) as first_day from fact_transactions
        where day < ? and kind = 1 group by account_key order by account_key
        """,
        (end,),
    )


def day_gaps(cutoffs: Sequence[int], starts: Sequence[Sequence[int]]) -> Query:
    """Per account: days with a sale in each window of each cutoff, and the squares and the largest of the gaps.

    Args:
        cutoffs: the cutoffs as days.
        starts: per cutoff the first day of each window.
    """
    columns, values = [], []
    for c, (cutoff, begins) in enumerate(zip(cutoffs, starts, strict=True)):
        for w, begin in enumerate(begins):
            columns.append(f"cast(count(case when day >= ? and day < ? then 1 end) as bigint) as d_{c}_{w}")
            values += [begin, cutoff]
        columns.append(f"cast(count(case when day < ? then 1 end) as bigint) as n_{c}")
        columns.append(f"cast(coalesce(sum(case when day < ? then gap * gap end), 0) as bigint) as sq_{c}")
        columns.append(f"cast(coalesce(max(case when day < ? then gap end), 0) as bigint) as mx_{c}")
        values += [cutoff, cutoff, cutoff]
    return Query(
        f"""
        with days as (
          select distinct account_key, day from fact_transactions where day < ? and kind = 1
        ), gaps as (
          select account_key, day,
            cast(day - lag(day) over (partition by account_key order by day) as bigint) as gap
          from days
        )
        select account_key, {", ".join(columns)} from gaps group by account_key order by account_key
        """,
        (max(cutoffs), *values),
    )


def last_days_per_sku(cutoffs: Sequence[int]) -> Query:
    """Per account × code: the last day of a sale before each cutoff (-1: none).

    An account's codes stand together, which makes what is grouped by account later on twice as fast.
    """
    columns = [f"cast(max(case when day < ? then day else -1 end) as bigint) as last_{c}" for c in range(len(cutoffs))]
    return Query(
        f"""
        select account_key, sku_key, {", ".join(columns)} from fact_transactions
        where day < ? and kind = 1 and sku_key <> 0 group by account_key, sku_key order by account_key, sku_key
        """,
        (*cutoffs, max(cutoffs)),
    )


def distinct_skus(source: str, starts: Sequence[Sequence[int]]) -> Query:
    """Per account: distinct codes in each window of each cutoff, from :func:`last_days_per_sku` kept as ``source``."""
    columns, values = [], []
    for c, begins in enumerate(starts):
        for w, begin in enumerate(begins):
            columns.append(f"cast(sum(case when last_{c} >= ? then 1 else 0 end) as bigint) as s_{c}_{w}")
            values.append(begin)
    return Query(
        f"select account_key, {', '.join(columns)} from {identifier(source)} group by account_key order by account_key",
        tuple(values),
    )


def sku_owners(source: str, c: int, start: int, flags: Sequence[str]) -> Query:
    """Per code: accounts that bought it in ``[start, cutoff)``, and how many of them own each flagged division.

    Reads ``owners`` (account_key, one 0/1 column per flag).

    Args:
        source: the table of days on which an account last bought a code before each cutoff (``last_c``).
        c: number of the cutoff.
        start: first day that counts.
        flags: columns of ``owners``, one per division.
    """
    columns = [f"cast(sum({identifier(flag)}) as bigint) as {flag}" for flag in flags]
    return Query(
        f"""
        select p.sku_key, cast(count(*) as bigint) as accounts, {", ".join(columns)}
        from {identifier(source)} p join owners o on p.account_key = o.account_key
        where p.last_{int(c)} >= ? group by p.sku_key order by p.sku_key
        """,
        (start,),
    )


def best_rules(source: str, c: int, start: int, lifts: Sequence[str]) -> Query:
    """Per account: the best lift over the codes bought in ``[start, cutoff)``, the sum and their number, per division.

    Reads ``rules`` (sku_key, and per division a column: the lift in whole billionths, so that sums hang on
    no order; -1 where the code says nothing of the division).

    Args:
        source: the table of days on which an account last bought a code before each cutoff (``last_c``).
        c: number of the cutoff.
        start: first day that counts.
        lifts: columns of ``rules``, one per division.
    """
    columns = []
    for name in map(identifier, lifts):
        columns += [
            f"cast(max({name}) as bigint) as best_{name}",
            f"cast(sum(case when {name} >= 0 then {name} else 0 end) as bigint) as total_{name}",
            f"cast(sum(case when {name} >= 0 then 1 else 0 end) as bigint) as n_{name}",
        ]
    return Query(
        f"""
        select p.account_key, {", ".join(columns)}
        from {identifier(source)} p join rules r on p.sku_key = r.sku_key
        where p.last_{int(c)} >= ? group by p.account_key order by p.account_key
        """,
        (start,),
    )


def sku_lines(start: int, end: int) -> Query:
    """Per account × code: sale lines in ``[start, end)``, in order."""
    return Query(
        """
        select account_key, sku_key, cast(count(*) as bigint) as n from fact_transactions
        where day >= ? and day < ? and kind = 1 and sku_key <> 0
        group by account_key, sku_key order by account_key, sku_key
        """,
        (start, end),
    )


def sku_divisions(divisions: Sequence[int], end: int) -> Query:
    """Distinct code × division pairs before ``end``, for the divisions given."""
    return Query(
        f"""
        select distinct sku_key, division_key from fact_transactions
        where day < ? and kind = 1 and sku_key <> 0 and division_key in ({marks(divisions)})
        order by sku_key, division_key
        """,
        (end, *divisions),
    )


def units_sold(divisions: Sequence[int], skus: Sequence[int], start: int, end: int) -> Query:
    """Per account: units sold net of returns in ``[start, end)``, of some divisions, and of some codes where given.

    Args:
        divisions: keys of them.
        skus: keys of codes; none for all.
        start: first day that counts.
        end: the day after the last one.
    """
    only = f"and sku_key in ({marks(skus)})" if skus else ""
    return Query(
        f"""
        select account_key, cast(round(sum(quantity)) as bigint) as units from fact_transactions
        where day >= ? and day < ? and kind <> 0 and division_key in ({marks(divisions)}) {only}
        group by account_key order by account_key
        """,
        (start, end, *divisions, *skus),
    )

"""SQL that joins the table ``pairs`` of the ranking from what earlier stages left, without loading any of it.

Reads ``scores`` (of the train stage), ``people``, ``account_keys``, ``names`` (division, div_ix, division_key, fold,
virtual), ``history`` (see :func:`icp_xl.sql.whitespace.pair_history`), ``signals``, and what people said: ``deals``,
``deal_accounts``, ``holds`` and ``contacts``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from icp_xl.sql.query import identifier
from icp_xl.sql.ranking import PAIRS
from icp_xl.sql.star import SCALE

#: A day on which nothing was bought.
_NEVER = -2147483648


def signals_of(tables: Mapping[int, tuple[str, Collection[str]]], wanted: Sequence[str]) -> str:
    """Columns of the feature sets, one below the other; missing ones are nothing.

    Args:
        tables: by the number of the division, the name of the table and the columns that it has.
        wanted: columns to take.
    """
    parts = [
        f"select account_id, {int(no)} as div_ix, "
        + ", ".join(f"cast({name if name in there else 'null'} as double) as {identifier(name)}" for name in wanted)
        + f" from {identifier(table)}"
        for no, (table, there) in tables.items()
    ]
    nothing = ", ".join(f"cast(null as double) as {identifier(name)}" for name in wanted)
    return " union all ".join(parts) or (
        f"select cast(null as varchar(9)) as account_id, 0 as div_ix, {nothing} from names where 1 = 0"
    )


def pairs(signals: str, cutoff_day: int, value: str) -> str:
    """The table ``pairs``.

    Args:
        signals: see :func:`signals_of`; with own purchases for divisions that the log does not know.
        cutoff_day: which scores are taken has been decided; purchases are as of this day.
        value: ``revenue`` or ``profit``.
    """
    unit = f"{SCALE}e0"
    own = "own_profit_12m" if value == "profit" else "own_revenue_12m"
    virtual = "n.virtual and f.own_recency_days is not null"
    columns = {
        "account_id": "cast(s.account_id as varchar(4000))",
        **{name: f"coalesce(pe.{name}, '')" for name in ("account_name", "rep", "region", "segment")},
        "division": "s.division",
        "p_icp": "s.p_icp",
        "p_icp_pct": "s.p_icp_pct",
        **{name: f"f.{name}" for name in ("mb_lift_max", "mb_lift_mean", "als_similarity")},
        "value_own": f"case when {virtual} then coalesce(f.{own}, 0e0) else coalesce(h.{value} / {unit}, 0e0) end",
        "days_own": f"case when {virtual} then coalesce(f.own_active_months_12m, 0e0) "
        "else coalesce(cast(h.n_days as double), 0e0) end",
        "windows_own": f"case when {virtual} then null else coalesce(cast(h.n_windows as double), 0e0) end",
        "account_value": f"coalesce(t.{value} / {unit}, 0e0)",
        "do_not_contact": "coalesce(pe.do_not_contact, false)",
        "open_deal": "d.account_id is not null or da.account_id is not null",
        "exclusion": "coalesce(h1.reason, h2.reason, '')",
        "last_day": f"case when {virtual} then {int(cutoff_day)} - cast(f.own_recency_days as bigint) "
        "else h.last_day end",
        "contacted_day": "coalesce(c1.contacted_day, c2.contacted_day)",
    }
    bought = f"select * from history where last_day > {_NEVER} and division_key in (select division_key from sold)"
    return f"""
        select {", ".join(f"{columns[name]} as {name}" for name in PAIRS)}
        from scores s join names n on s.division = n.division
          left join people pe on s.account_id = pe.account_id
          left join account_keys k on s.account_id = k.account_id
          left join ({bought}) h on k.account_key = h.account_key and n.division_key = h.division_key
          left join (
            select account_key, sum({value}) as {value} from ({bought}) b group by account_key
          ) t on k.account_key = t.account_key
          left join ({signals}) f on s.account_id = f.account_id and n.div_ix = f.div_ix
          left join deals d on s.account_id = d.account_id and n.fold = d.fold
          left join deal_accounts da on s.account_id = da.account_id
          left join holds h1 on s.account_id = h1.account_id and n.fold = h1.fold
          left join holds h2 on s.account_id = h2.account_id and h2.fold = ''
          left join contacts c1 on s.account_id = c1.account_id and n.fold = c1.fold
          left join contacts c2 on s.account_id = c2.account_id and c2.fold = ''
    """


#: Of the accounts that bought ``a`` and later a division that was new to them: how many took ``b`` first.
NEXT = f"""
    select a, b, cast(sum(case when first_day = soonest then 1 else 0 end) as bigint) as took
    from (
      select x.account_key, x.division_key as a, y.division_key as b, y.first_day,
        min(y.first_day) over (partition by x.account_key, x.division_key) as soonest
      from history x join history y on x.account_key = y.account_key and y.first_day > x.first_day
      where x.last_day > {_NEVER} and y.last_day > {_NEVER}
    ) t group by a, b order by a, b
"""
MOVERS = f"""
    select a, cast(count(*) as bigint) as movers from (
      select distinct x.account_key, x.division_key as a
      from history x join history y on x.account_key = y.account_key and y.first_day > x.first_day
      where x.last_day > {_NEVER} and y.last_day > {_NEVER}
    ) t group by a order by a
"""

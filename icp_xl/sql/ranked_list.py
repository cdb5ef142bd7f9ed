"""SQL of what is told of a filed list (``ranked``): figures, and the few pairs that a workbook shows."""

from __future__ import annotations

from collections.abc import Sequence

from icp_xl.config.whitespace import WhitespaceSettings


def figures(by: str) -> str:
    """Per ``by`` (``division`` or ``rep``): ranked and selected pairs, the last score and chance taken, and sums."""
    return f"""
        select {by} as name, cast(count(*) as bigint) as ranked,
          cast(sum(case when selected then 1 else 0 end) as bigint) as selected,
          min(case when selected then score end) as score, min(case when selected then p_icp end) as p,
          sum(case when selected then p_icp else 0e0 end) as purchases,
          sum(case when selected then expected_value else 0e0 end) as expected,
          cast(sum(case when cooldown then 1 else 0 end) as bigint) as cooldown, avg(p_icp) as mean_p
        from ranked where rank is not null group by {by} order by {by}
    """


def captures(places: Sequence[int]) -> str:
    """Expected purchases and value of the first so many pairs, and of all."""
    columns = [
        f"sum(case when rank <= {int(n)} then {x} else 0e0 end) as {name}_{i}"
        for i, n in enumerate(places)
        for x, name in (("p_icp", "p"), ("expected_value", "v"))
    ]
    return f"select {', '.join(columns)}, sum(p_icp) as p, sum(expected_value) as v from ranked where rank is not null"


ACCOUNTS = """
    select holdout, cast(count(distinct account_id) as bigint) as n from ranked where selected
    group by holdout order by holdout
"""
ALL = "select cast(count(*) as bigint) as pairs, cast(count(distinct account_id) as bigint) as accounts from ranked"
STATUSES = "select status, cast(count(*) as bigint) as n from ranked where status <> '' group by status order by status"
SELECTED = "select account_id, division, selected, holdout from ranked where selected"
#: Pairs that the last list named too; reads ``previous``.
STILL = """
    select cast(count(*) as bigint) as n from ranked r
    join previous p on r.account_id = p.account_id and r.division = p.division where r.selected
"""


def shown(settings: WhitespaceSettings, most_removed: int) -> str:
    """Pairs that the workbook shows: the best, those of each division, of the grid's accounts, and some removed."""
    division = settings.division_rows if settings.division_sheets else 1
    return f"""
        select account_id, division from ranked where rank <= {settings.sheet_rows}
        union
        select account_id, division from (
          select account_id, division from ranked where selected order by rank limit {settings.sheet_rows}
        ) a
        union
        select account_id, division from (
          select account_id, division, row_number() over (
            partition by division order by case when selected then 0 else 1 end, rank
          ) as place from ranked where rank is not null
        ) b where place <= {division}
        union
        select r.account_id, r.division from ranked r join (
          select account_id, sum(case when removed_by = '' then expected_value else 0e0 end) as worth
          from ranked group by account_id order by worth desc, account_id limit {settings.grid_rows}
        ) c on r.account_id = c.account_id
        union
        select account_id, division from (
          select account_id, division from ranked where removed_by not in ('', 'owned')
          order by case when not_eligible <> '' or status <> '' then 0 else 1 end, p_icp desc, account_id, division
          limit {int(most_removed)}
        ) d
    """


#: The pairs that are shown, in the order of the list.
ROWS = """
    select r.* from ranked r join shown s on r.account_id = s.account_id and r.division = s.division
    order by case when rank is null then 1 else 0 end, rank, case when score is null then 1 else 0 end, score desc,
      expected_value desc, p_icp desc, account_id, division
"""
DETAILS = "select p.* from pairs p join shown s on p.account_id = s.account_id and p.division = s.division"


def given(cutoff_day: int) -> str:
    """The pairs that were given out, and those of which people said something; reads ``said``."""
    return f"""
        select r.account_id, r.account_name, r.division, r.rep, r.p_icp, r.selected, r.holdout,
          coalesce(s.status, '') as status, s.status_day, {int(cutoff_day)} as cutoff_day
        from ranked r left join said s on r.account_id = s.account_id and r.division = s.division
        where r.selected or coalesce(s.status, '') <> ''
    """


def _wrong(rule: str, name: str) -> str:
    return f"cast(sum(case when {rule} then 1 else 0 end) as bigint) as {name}"


#: What is counted to hold the files against the rules of the list.
RULES = f"""
    select cast(count(*) as bigint) as n, cast(count(rank) as bigint) as ranked, min(rank) as low, max(rank) as high,
      sum(cast(rank as double)) as total, {_wrong("p_icp < 0e0 or p_icp > 1e0", "wrong_p")},
      {_wrong("rank is not null and (score is null or score < 0e0 or score > 1e0)", "wrong_score")},
      {_wrong("selected and rank is null", "wrong_selected")}, {_wrong("holdout and not selected", "wrong_held")}
    from ranked
"""

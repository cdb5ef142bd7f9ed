"""SQL of the whitespace ranking: gates, value, score and order of every pair, for lists that memory does not hold.

Each function gives the text of one ``select``; they stand within each other, so that nothing between is stored. All of
them begin with the table ``pairs`` (:data:`PAIRS`) and read small tables beside it: ``divisions`` (division, div_no,
repeated), ``states``, ``far_regions`` (region), ``usual_of`` (div_no, grp, typical, by_share), ``facts`` (div_no, base,
cap), ``bins`` (k, bin, shard) and ``shards`` (shard, before). Formulas are those of :mod:`icp_xl.whitespace`, step by
step, so that every sum of doubles has the same order there and here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from icp_xl.config.whitespace import WhitespaceSettings
from icp_xl.signals import SIGNALS

#: Columns of ``pairs``: one row per account × division; days are whole numbers since 1970.
PAIRS: Mapping[str, str] = {
    **dict.fromkeys(("account_id", "account_name", "rep", "region", "segment", "division"), "string"),
    **dict.fromkeys(("p_icp", "p_icp_pct", "mb_lift_max", "mb_lift_mean", "als_similarity"), "double"),
    **dict.fromkeys(("value_own", "days_own", "windows_own", "account_value"), "double"),
    **dict.fromkeys(("do_not_contact", "open_deal"), "boolean"),
    "exclusion": "string",
    **dict.fromkeys(("last_day", "contacted_day"), "bigint"),
}
#: Texts of a pair that go into the list.
_TEXTS = ("account_id", "account_name", "rep", "region", "segment", "division")
#: Gates, in the order in which they count.
GATES = 9
#: How finely the order is cut where shards are chosen: steps of 0.4 %.
_STEPS = 256
_LARGEST = "1.7976931348623157e308"
#: The order of the list within a class of pairs.
KEYS = "u desc, ev12 desc nulls last, p12 desc, account_id, division"


@dataclass(frozen=True)
class RankingDays:
    """Day numbers that the rules are judged by; ``months``: length of the window."""

    today: int
    owned_from: int
    months: int


def number(value: float) -> str:
    """A double as both dialects read it.

    >>> number(0.5), number(1e-05)
    ('0.5e0', '1e-05')
    """
    text = repr(float(value))
    return text if "e" in text else f"{text}e0"


def finite(text: str) -> str:
    """The number, or nothing where it is not finite."""
    return f"case when abs({text}) <= {_LARGEST} then {text} end"


def rounded(text: str) -> str:
    """The number at twelve decimals, as numpy rounds it."""
    # Beyond, a double has no twelve decimals, and adding a half would change it.
    return f"case when abs({text}) < 4e3 then floor({text} * 1e12 + 5e-1) / 1e12 else {text} * 1e12 / 1e12 end"


#: Per division: pairs, probabilities that are none, pairs with a percentile, and with a known segment.
DIVISIONS = """
    select division, cast(count(*) as bigint) as n,
      cast(sum(case when p_icp >= 0e0 and p_icp <= 1e0 then 0 else 1 end) as bigint) as wrong,
      cast(count(case when abs(p_icp_pct) <= 1e0 then 1 end) as bigint) as percentiles,
      cast(sum(case when segment in ('', 'Unknown') then 0 else 1 end) as bigint) as segments
    from pairs group by division order by division
"""

TWICE = """
    select cast(coalesce(sum(n), 0) as bigint) as n from (
      select count(*) - 1 as n from pairs group by account_id, division having count(*) > 1
    ) t
"""
#: Accounts by fifths of spending, where segments are not known.
FIFTHS = """
    select account_id, concat('spend ', cast(cast(least(floor(share * 5e0), 4e0) + 1e0 as bigint) as varchar(9))) as grp
    from (
      select account_id, (rank() over (order by spent) + (count(*) over (partition by spent) - 1) / 2e0)
        / (count(*) over ()) as share
      from (
        select account_id, coalesce(max(case when abs(account_value) <= 1.7976931348623157e308 then account_value end),
          0e0) as spent
        from pairs group by account_id
      ) a
    ) b
"""


def known(settings: WhitespaceSettings, days: RankingDays, *, by_spend: bool, percentiles: bool) -> str:
    """Every pair with what the rules say of it (``g0`` to ``g8``), its group and its own purchases.

    Args:
        settings: of the section ``whitespace``.
        days: what the rules are judged by.
        by_spend: whether accounts are grouped by fifths of spending rather than by segment.
        percentiles: whether the pairs bring ``p_icp_pct``.
    """
    percentile = finite("p.p_icp_pct")
    if not percentiles:
        among = "partition by p.division"
        percentile = (
            f"(rank() over ({among} order by p.p_icp) - 1 + (count(*) over ({among}, p.p_icp) + 1) / 2e0 - 5e-1) "
            f"/ count(*) over ({among})"
        )
    most = 12.0 / days.months
    bought = number(most)
    hit = (
        f"{bought} * (1e0 - power({number(1.0 - 1.0 / most)}, days))"
        if most > 1.0
        else f"{bought} * (case when days > 0e0 then 1e0 else 0e0 end)"
    )
    has = "last_day is not null" + ("" if settings.ownership == "ever" else f" and last_day >= {days.owned_from}")
    rests = (
        f"since is not null and {days.today} - since >= {settings.cooldown_days} and {days.today} - since < "
        f"{settings.cooldown_days + settings.cooldown_rest_days} "
        "and status not in ('contacted', 'won', 'not relevant')"
        if settings.cooldown_days
        else "1 = 0"
    )

    def lately(status: str, held: int) -> str:
        return f"status = '{status}' and (status_day is null or {days.today} - status_day < {held})"

    gates = (
        "has = 1 and not repeated" if settings.ownership != "off" else "1 = 0",
        "do_not_contact",
        "exclusion <> ''",
        "not_eligible <> ''",
        "elsewhere",
        lately("won", settings.won_days),
        lately("not relevant", settings.not_relevant_days),
        "open_deal" if settings.open_deals != "off" else "1 = 0",
        f"(contacted_day is not null and {days.today} - contacted_day between 0 and {settings.contact_days - 1}) "
        f"or ({lately('contacted', settings.contact_days)})",
    )
    flags = ", ".join(f"case when {gate} then 1 else 0 end as g{number}" for number, gate in enumerate(gates))
    group = "a.grp" if by_spend else "p.segment"
    beside = "left join account_groups a on p.account_id = a.account_id" if by_spend else ""
    return f"""
        select *, {flags}, case when {rests} then 1 else 0 end as cooldown,
          least(coalesce(counted, {hit}), {bought}) as windows
        from (
          select {", ".join(f"p.{name}" for name in _TEXTS)}, d.div_no, d.repeated, {group} as grp, p.p_icp as p,
            {percentile} as p_icp_pct, {finite("p.mb_lift_max")} as lift_max, {finite("p.mb_lift_mean")} as lift_mean,
            {finite("p.als_similarity")} as als_similarity, {finite("p.windows_own")} as counted,
            greatest(coalesce({finite("p.value_own")}, 0e0), 0e0) as own,
            greatest(coalesce({finite("p.days_own")}, 0e0), 0e0) as days,
            {finite("p.account_value")} as size, p.exclusion, p.contacted_day,
            coalesce(p.do_not_contact, false) as do_not_contact, coalesce(p.open_deal, false) as open_deal,
            case when {has} then 1 else 0 end as has, coalesce(s.status, '') as status,
            coalesce(s.not_eligible, '') as not_eligible, s.status_day, s.since, far.region is not null as elsewhere
          from pairs p join divisions d on p.division = d.division {beside}
            left join states s on p.account_id = s.account_id and p.division = s.division
            left join far_regions far on p.region = far.region
        ) q
    """


def gate_counts(known_text: str) -> str:
    """Per division: pairs, owners, and pairs that each gate catches and is the first to remove."""
    columns = []
    for i in range(GATES):
        before = "".join(f" and g{j} = 0" for j in range(i))
        columns.append(f"cast(sum(g{i}) as bigint) as caught_{i}")
        columns.append(f"cast(sum(case when g{i} = 1{before} then 1 else 0 end) as bigint) as removed_{i}")
    return f"""
        select div_no, cast(count(*) as bigint) as n, cast(sum(has) as bigint) as owners, {", ".join(columns)}
        from ({known_text}) k group by div_no order by div_no
    """


def _middle(text: str) -> str:
    """The median as numpy takes it: half the sum of the two middle ones."""
    ends = (f"percentile_disc(0.5) within group (order by {text}{way})" for way in ("", " desc"))
    return f"({' + '.join(ends)}) / 2e0"


def buyers(known_text: str) -> str:
    """What buyers spend per window, and the share of it in all that they spend."""
    return f"""
        select div_no, grp, own / windows as own, case when size > 0e0 then own / windows / size end as share
        from ({known_text}) k where own > 0e0 and windows > 0e0
    """


def medians(by: Sequence[str], table: str = "buyers") -> str:
    """Median spending and its median share by ``by`` (nothing: over all), and how many buyers there are."""
    keys = ", ".join(by)
    return f"""
        select {keys + ", " if keys else ""}{_middle("own")} as typical, {_middle("share")} as by_share,
          cast(count(*) as bigint) as n
        from {table} {f"group by {keys}" if keys else ""}
    """


def valued(known_text: str, prior: float) -> str:
    """Pairs with what they would spend (``value``) and the chance times it (``product``)."""
    weight = number(prior)
    itself = "case when windows > 0e0 then own / windows else 0e0 end"
    spent = f"({{own}} + {weight} * usual) / (windows + {weight})".format(own="own")
    return f"""
        select *, p * value as product from (
          select *, case when windows + {weight} > 0e0 then {spent} else usual end as value from (
            select k.*, case when size > 0e0 and o.by_share is not null
              then 5e-1 * (o.typical + least(o.by_share * size, greatest(o.most, {itself}))) else o.typical
              end as usual,
              case when lift_max > 0e0 then {number(2.0 / 3.0)} * lift_max
                + {number(1.0 - 2.0 / 3.0)} * coalesce(lift_mean, lift_max) end as affinity
            from ({known_text}) k join usual_of o on k.div_no = o.div_no and k.grp = o.grp
          ) u
        ) v
    """


def coverage(valued_text: str) -> str:
    """Per division, of the pairs that nobody owns: how many there are, signals there, and the largest product."""
    return f"""
        select div_no, cast(count(*) as bigint) as n, cast(count(affinity) as bigint) as affinity,
          cast(count(als_similarity) as bigint) as als, max(product) as largest
        from ({valued_text}) v where g0 = 0 group by div_no order by div_no
    """


def at_places(source: str, column: str, places: Mapping[int, float]) -> str:
    """Per division of ``places`` the value at that share of its rows (``v_<div_no>``), in order of size."""
    columns = (
        f"percentile_disc({share!r}) within group (order by case when div_no = {int(no)} then {column} end) as v_{no}"
        for no, share in places.items()
    )
    return f"select {', '.join(columns)} from ({source}) t"


def _normalised(mode: str, top: float) -> list[str]:
    """The signals between 0 and 1, as :func:`icp_xl.whitespace.signals.normalise` makes them."""
    columns = {"p_icp": "p", "affinity": "affinity", "als": "als_similarity", "expected_value": "ev"}
    out = []
    for signal in SIGNALS:
        x = columns[signal.name]
        if mode == "calibrated":
            natural = signal.in_sql.format(x=x, base="base", top=number(top) if top > 0.0 else _LARGEST)
            out.append(f"case when g0 = 0 then least(greatest({natural}, 0e0), 1e0) end")
            continue
        part = "partition by div_no, " if mode == "percentile" else "partition by "
        whole = f"partition by div_no, g0, {x} is null" if mode == "percentile" else f"partition by g0, {x} is null"
        out.append(
            f"case when g0 = 1 then null when {x} is null then 0e0 else (rank() over ({whole} order by {x}) - 1 "
            f"+ (count(*) over ({part}g0, {x}) + 1) / 2e0 - 5e-1) / count(*) over ({whole}) end"
        )
    return out


def scored(
    valued_text: str, settings: WhitespaceSettings, used: Sequence[float], top: float, means: tuple[float, float]
) -> str:
    """Pairs with their score, what orders them (``u`` within the class ``k``) and how the list shows them.

    Args:
        valued_text: see :func:`valued`.
        settings: of the section ``whitespace``.
        used: weights of the signals.
        top: the largest expected value.
        means: of chance and expected value, where both order the list in balance.
    """
    mode = settings.normalize
    names = [signal.normalised for signal in SIGNALS]
    scaled = ", ".join(f"{text} as {name}" for text, name in zip(_normalised(mode, top), names, strict=True))
    terms = []
    for signal, weight in zip(SIGNALS, used, strict=True):
        x = signal.normalised
        floored = f"ln({number(signal.floor)} + {number(1.0 - signal.floor)} * {x})" if mode == "calibrated" else x
        terms.append(f"{floored} * {number(weight)}")
    blend = f"exp({' + '.join(terms)})" if mode == "calibrated" else " + ".join(terms)
    parts = [
        f"{x} / {number(mean)}" if mean > 0.0 else f"{x} * 0e0" for x, mean in zip(("p", "ev"), means, strict=True)
    ]
    by = {"value": "ev", "balanced": " + ".join(parts)}.get(settings.rank_by, "score")
    gate = " ".join(f"when g{i} = 1 then {i}" for i in range(GATES))
    return f"""
        select *, case when k = 2 then p12 else v12 end as u from (
          select {", ".join(_TEXTS)}, div_no, p, p_icp_pct, als_similarity, {", ".join(names)}, score, ev, cooldown,
            status, not_eligible, gate, {rounded("p")} as p12, {rounded("ev")} as ev12, {rounded("v")} as v12,
            case when gate < 0 then 0 when v is not null then 1 else 2 end as k,
            case when has = 1 then 'owned' when open_deal then 'open deal' when gate > 0 then 'not eligible'
              else 'gap' end as state
          from (
            select *, ({by}) * (case when cooldown = 1 then {number(settings.cooldown_factor)} else 1e0 end) as v from (
              select *, case when g0 = 0 then {rounded(f"({blend})")} end as score,
                case {gate} else -1 end as gate
              from (
                select *, {scaled} from (
                  select v.*, f.base, case when g0 = 0 then least(product, f.cap) end as ev
                  from ({valued_text}) v join facts f on v.div_no = f.div_no
                ) a
              ) b
            ) c
          ) d
        ) e
    """


def _bin(u: str = "u") -> str:
    return f"cast(floor(ln({u} + 1e-9) * {_STEPS}e0) as bigint)"


def histogram(scored_text: str) -> str:
    """How many pairs stand in each step of the order, and its ends."""
    return f"""
        select k, {_bin()} as bin, cast(count(*) as bigint) as n, min(u) as low, max(u) as high
        from ({scored_text}) s group by k, {_bin()} order by k, bin desc
    """


def sharded(scored_text: str) -> str:
    """Pairs with the number of their shard: the first ones hold the best pairs."""
    return f"""
        select s.*, cast(b.shard as int) as shard from ({scored_text}) s
        join bins b on s.k = b.k and {_bin("s.u")} = b.bin
    """


def chosen(settings: WhitespaceSettings, wanted: int, allowed: int) -> str:
    """The pairs to work, where they are not simply the first: so many per rep, or the divisions in turn."""
    by = "rep" if settings.capacity == "per_rep" else "div_no"
    most = settings.per_rep if settings.capacity == "per_rep" else allowed
    inner = f"""
        select account_id, division, turn, u, ev12, p12 from (
          select account_id, division, u, ev12, p12, row_number() over (partition by {by} order by {KEYS}) as turn
          from sharded where k = 0
        ) t where turn <= {int(most)}
    """
    if settings.capacity == "per_rep":
        return f"select account_id, division from ({inner}) t"
    return f"select account_id, division from ({inner}) t order by turn, {KEYS} limit {int(wanted)}"


def listed(gates: Sequence[str], *, wanted: int | None, held: bool) -> str:
    """The list as it is filed, one shard after the other; reads ``sharded`` and ``shards``.

    Args:
        gates: names of the rules.
        wanted: how many of the first ranks are worked; ``None`` where the table ``chosen`` says which.
        held: whether the table ``held`` names accounts that are held out.
    """
    names = " ".join(f"when gate = {i} then '{name}'" for i, name in enumerate(gates))
    shown = [signal.normalised for signal in SIGNALS if signal.listed]
    selected = "c.account_id is not null" if wanted is None else f"coalesce(place <= {int(wanted)}, false)"
    beside = "left join chosen c on t.account_id = c.account_id and t.division = c.division" if wanted is None else ""
    holds = "left join held h on t.account_id = h.account_id" if held else ""
    return f"""
        select {", ".join(f"t.{name}" for name in _TEXTS)}, place as rank, score, p as p_icp, p_icp_pct,
          {", ".join(shown)}, ev as expected_value, {selected} as selected,
          {f"{selected} and h.account_id is not null" if held else "false"} as holdout, state, cooldown = 1 as cooldown,
          case {names} else '' end as removed_by, status, not_eligible, t.shard, nth
        from (
          select s.*, row_number() over (partition by s.shard order by {KEYS}) as nth, case when s.k = 0 then b.before
            + row_number() over (partition by s.shard order by {KEYS}) end as place
          from sharded s join shards b on s.shard = b.shard
        ) t {beside} {holds}
    """

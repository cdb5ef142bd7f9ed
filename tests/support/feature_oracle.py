"""Every feature of the catalog again, account by account and line by line: slow, and sharing no code with the build.

Embeddings aside, which have no closed form. Money is added up exactly, as decimals.
"""

from __future__ import annotations

import math
import re
import statistics
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import pandas as pd

from icp_xl.config import Settings
from tests.support.asset_oracle import asset_features
from tests.support.line_oracle import Line, back, fold, given, read_lines

Features = dict[str, dict[str, Any]]
NAN = math.nan
#: Beginnings (and one end) of the names of features whose tails are capped.
HEAVY = re.compile(
    r"(all|own)_(lines|revenue|profit|slope|std|missed)_|(all|own)_(days|season_revenue)|life_overdue|div_skus_|ret_|acct_|assets_active_"
    r"|assets_expiring_\d+d_(?!share_)"
)


def oracle_features(
    frame: pd.DataFrame,
    customers: pd.DataFrame | None,
    assets: pd.DataFrame | None,
    division: str,
    cutoff: date,
    settings: Settings,
) -> tuple[Features, dict[str, tuple[float, float]], list[dict[str, Any]]]:
    """Feature to account to value, capped; the caps; the market-basket rules."""
    everything = read_lines(frame, settings)
    lines = [line for line in everything if line.day < cutoff]
    accounts = sorted({line.account for line in lines if line.sale})
    mine = {account: [line for line in lines if line.account == account] for account in accounts}
    belongs = _membership(division, everything, settings)
    found: Features = {}

    def add(name: str, value: Callable[[list[Line]], Any]) -> None:
        found[name] = {account: value(mine[account]) for account in accounts}

    windows = settings.features.windows
    for prefix, counts in (("all", lambda line: True), ("own", belongs)):
        _purchases(add, prefix, counts, cutoff, windows)
        season = settings.build.window_months
        if season < 12 and min(line.day for line in everything) <= back(cutoff, 12):
            _season_of(add, prefix, counts, cutoff, season)
    _lifecycle(add, belongs, cutoff, windows)
    _seasons_and_returns(add, cutoff)
    for w in windows:
        add(f"div_skus_{w}m", lambda own, w=w: float(len({x.sku for x in _sales(own, back(cutoff, w)) if x.sku})))
    _mix(found, add, mine, lines, cutoff)
    rules = _basket(found, mine, lines, division, belongs, cutoff, settings) if settings.features.use_basket else []
    _context(found, accounts, customers, settings)
    if settings.features.use_assets and assets is not None and len(assets):
        found |= asset_features(frame, assets, accounts, customers, cutoff, settings)
    caps = {}
    for name, values in found.items():
        cap = _cap(values.values(), settings.features.winsor_quantile) if HEAVY.match(name) else None
        if cap is not None:
            caps[name] = cap
            found[name] = {key: v if v != v else min(max(v, cap[0]), cap[1]) for key, v in values.items()}
    return found, caps, rules


def _season_of(add: Any, prefix: str, counts: Callable[[Line], bool], cutoff: date, months: int) -> None:
    """Months with a purchase, and revenue, in the window that follows the cutoff, a year before."""
    spans = [(back(cutoff, 12 - k), back(cutoff, 11 - k)) for k in range(months)]

    def bought(own: list[Line]) -> float:
        return float(sum(any(counts(line) for line in _sales(own, a, b)) for a, b in spans))

    def revenue(own: list[Line]) -> float:
        inside = (x.revenue for x in own if counts(x) and spans[0][0] <= x.day < spans[-1][1])
        return float(sum(inside, Decimal(0)))

    add(f"{prefix}_season_months", bought)
    add(f"{prefix}_season_revenue", revenue)


def _membership(division: str, lines: Sequence[Line], settings: Settings) -> Callable[[Line], bool]:
    """Whether a line is of the division: by its name in the log, else by the codes that define it."""
    if any(line.division == division for line in lines):
        return lambda line: line.division == division
    codes = {fold(code) for code in settings.labels.target_skus[division]}
    return lambda line: line.sku in codes


def _sales(lines: Sequence[Line], start: date = date.min, end: date = date.max) -> list[Line]:
    return [line for line in lines if line.sale and start <= line.day < end]


def _purchases(
    add: Any, prefix: str, counts: Callable[[Line], bool], cutoff: date, windows: Sequence[int]
) -> None:  # fmt: skip
    def since_last(own: list[Line]) -> float:
        days = [line.day for line in _sales(own) if counts(line)]
        return float((cutoff - max(days)).days) if days else NAN

    add(f"{prefix}_recency_days", since_last)
    for w in windows:
        start = back(cutoff, w)

        def within(own: list[Line], start: date = start) -> list[Line]:
            return [line for line in own if counts(line) and line.day >= start]

        if prefix == "own":
            add(f"own_days_{w}m", lambda own, f=within: float(len({line.day for line in f(own) if line.sale})))
        add(f"{prefix}_lines_{w}m", lambda own, f=within: float(sum(line.sale for line in f(own))))
        add(f"{prefix}_revenue_{w}m", lambda own, f=within: float(sum((x.revenue for x in f(own)), Decimal(0))))
        add(
            f"{prefix}_profit_{w}m",
            lambda own, f=within: float(sum((x.profit or Decimal(0) for x in f(own)), Decimal(0))),
        )
    for w in (12, 24):
        spans = [(back(cutoff, k + 1), back(cutoff, k)) for k in reversed(range(w))]

        def months(own: list[Line], spans: list[tuple[date, date]] = spans) -> list[float]:
            return [float(sum((x.revenue for x in own if counts(x) and a <= x.day < b), Decimal(0))) for a, b in spans]

        def active(own: list[Line], spans: list[tuple[date, date]] = spans) -> float:
            return float(sum(any(counts(line) for line in _sales(own, a, b)) for a, b in spans))

        add(
            f"{prefix}_slope_{w}m", lambda own, f=months, w=w: statistics.linear_regression(range(w), f(own)).slope
        )  # fmt: skip
        add(f"{prefix}_std_{w}m", lambda own, f=months: statistics.pstdev(f(own)))
        add(f"{prefix}_active_months_{w}m", active)

    month = 365.25 / 12

    def rhythm(own: list[Line]) -> tuple[float, float, float, float]:
        sold = sorted(line.day for line in _sales(own) if counts(line))
        if not sold:
            return NAN, NAN, NAN, NAN
        tenure, recency = (cutoff - sold[0]).days, (cutoff - sold[-1]).days
        rate = active(own) / (min(tenure, 24 * month) / month + 2)
        return rate, rate * recency / month, float(tenure - recency), recency / (tenure + 1)

    for place, name in enumerate(("rate_24m", "missed_24m", "span_days", "silence_share")):
        add(f"{prefix}_{name}", lambda own, place=place: rhythm(own)[place])


def _lifecycle(add: Any, belongs: Callable[[Line], bool], cutoff: date, windows: Sequence[int]) -> None:
    def days(own: list[Line]) -> list[date]:
        return sorted({line.day for line in _sales(own)})

    def gaps(own: list[Line]) -> list[int]:
        found = days(own)
        return [(later - earlier).days for earlier, later in zip(found, found[1:], strict=False)]

    def overdue(own: list[Line]) -> float:
        found = gaps(own)
        return (cutoff - days(own)[-1]).days / statistics.mean(found) if found else NAN

    def own_first(own: list[Line]) -> list[date]:
        return sorted(line.day for line in _sales(own) if belongs(line))

    for w in windows:
        add(f"all_days_{w}m", lambda own, w=w: float(sum(day >= back(cutoff, w) for day in days(own))))
    add("all_days_ever", lambda own: float(len(days(own))))
    add("life_tenure_days", lambda own: float((cutoff - days(own)[0]).days))
    add("life_gap_mean_days", lambda own: float(statistics.mean(gaps(own))) if gaps(own) else NAN)
    add("life_gap_std_days", lambda own: statistics.stdev(gaps(own)) if len(gaps(own)) > 1 else NAN)
    add("life_gap_max_days", lambda own: float(max(gaps(own))) if gaps(own) else NAN)
    add("life_overdue_ratio", overdue)
    add("own_ever", lambda own: float(bool(own_first(own))))
    add("own_tenure_days", lambda own: float((cutoff - own_first(own)[0]).days) if own_first(own) else NAN)


def _seasons_and_returns(add: Any, cutoff: date) -> None:
    def season(own: list[Line], quarter: int) -> float:
        sold = _sales(own, back(cutoff, 24))
        total = sum((line.revenue for line in sold), Decimal(0))
        part = sum((line.revenue for line in sold if (line.day.month + 2) // 3 == quarter), Decimal(0))
        return float(part / total) if total else 0.0

    for quarter in (1, 2, 3, 4):
        add(f"season_q{quarter}_share_24m", lambda own, q=quarter: season(own, q))
    for w in (12, 24):
        start = back(cutoff, w)

        def rate(own: list[Line], start: date = start) -> float:
            sold = sum((line.revenue for line in _sales(own, start)), Decimal(0))
            returned = sum((-x.revenue for x in own if not x.sale and x.day >= start), Decimal(0))
            return float(returned / sold) if sold else 0.0

        add(f"ret_rate_{w}m", rate)
        add(f"ret_lines_{w}m", lambda own, s=start: float(sum(not x.sale and x.day >= s for x in own)))


def _mix(found: Features, add: Any, mine: dict[str, list[Line]], lines: Sequence[Line], cutoff: date) -> None:
    known = sorted({line.division for line in lines if line.sale})
    for w in (12, 24):
        counts = {
            account: Counter(line.division for line in _sales(own, back(cutoff, w))) for account, own in mine.items()
        }
        shares = _smoothed(counts, known)
        for name in known:
            found[f"share_{slug(name)}_{w}m"] = {account: shares[account][name] for account in mine}
        found[f"div_count_{w}m"] = {account: float(len(n)) for account, n in counts.items()}
        found[f"div_entropy_{w}m"] = {
            account: -sum(k / n.total() * math.log(k / n.total()) for k in n.values()) for account, n in counts.items()
        }
    add("div_count_ever", lambda own: float(len({line.division for line in _sales(own)})))


def _smoothed(counts: dict[str, Counter[str]], known: Sequence[str]) -> dict[str, dict[str, float]]:
    """Dirichlet shrinkage towards everyone's shares; its strength from the spread of shares (method of moments)."""
    total = sum(n.total() for n in counts.values())
    if not total:
        return {account: dict.fromkeys(known, 1 / len(known)) for account in counts}
    prior = {name: sum(n[name] for n in counts.values()) / total for name in known}
    usable = [n for n in counts.values() if n.total() >= 2]
    strength = 1000.0
    if usable:
        spread = statistics.fmean(sum((n[d] / n.total() - prior[d]) ** 2 for d in known) for n in usable)
        pure = sum(p * (1 - p) for p in prior.values())
        chance = statistics.fmean(1 / n.total() for n in usable)
        if spread - pure * chance > 1e-12:
            strength = min(max(pure * (1 - chance) / (spread - pure * chance) - 1, 0.1), 1000.0)
    return {
        account: {name: (n[name] + strength * prior[name]) / (n.total() + strength) for name in known}
        for account, n in counts.items()
    }


def _basket(
    found: Features,
    mine: dict[str, list[Line]],
    lines: Sequence[Line],
    division: str,
    belongs: Callable[[Line], bool],
    cutoff: date,
    settings: Settings,
) -> list[dict[str, Any]]:
    chosen = settings.features
    recent = {account: _sales(own, back(cutoff, chosen.basket_months)) for account, own in mine.items()}
    codes = {account: {line.sku for line in own if line.sku} for account, own in recent.items()}
    owners = {account for account, own in recent.items() if any(map(belongs, own))}
    share = len(owners) / len(mine)
    targeted = {fold(code) for code in settings.labels.target_skus.get(division, ())}
    is_real = any(line.division == division for line in lines)
    inside = {line.sku for line in _sales(lines) if line.division == division} if is_real else targeted
    rules, lifts = [], {}
    for code in sorted(set().union(*codes.values()) - inside):
        having = {account for account in mine if code in codes[account]}
        if len(having) >= chosen.basket_min_accounts:
            both, prior = len(having & owners), chosen.basket_prior
            confidence = (both + prior * share) / (len(having) + prior)
            lifts[code] = confidence / share if share else 1.0
            rules.append(_rule("code", code, having, both, len(mine), confidence, lifts[code]))
    others = {}
    for name in sorted({line.division for line in _sales(lines)} - {division}):
        having = {account for account, own in recent.items() if any(line.division == name for line in own)}
        if having and owners:
            confidence = len(having & owners) / len(having)
            others[name] = (having, confidence / share)
            rules.append(_rule("division", name, having, len(having & owners), len(mine), confidence, others[name][1]))
    hits = {account: [lifts[code] for code in sorted(codes[account]) if code in lifts] for account in mine}
    found["mb_lift_max"] = {account: max(values, default=0.0) for account, values in hits.items()}
    found["mb_lift_mean"] = {account: statistics.fmean(v) if v else 0.0 for account, v in hits.items()}
    found["mb_division_lift_max"] = {
        account: max((lift for having, lift in others.values() if account in having), default=0.0) for account in mine
    }
    return rules


def _rule(
    kind: str, item: str, having: set[str], both: int, total: int, confidence: float, lift: float
) -> dict[str, Any]:
    return {"kind": kind, "item": item, "accounts": len(having), "owners": both, "support": both / total,
            "confidence": confidence, "lift": lift}  # fmt: skip


def _context(found: Features, accounts: Sequence[str], customers: pd.DataFrame | None, settings: Settings) -> None:
    rows = {row["account_id"]: row for row in customers.to_dict("records")} if customers is not None else {}

    def field(account: str, name: str) -> Any:
        value = rows.get(account, {}).get(name)
        return value if given(value) else None

    texts = (
        ("country", "country"),
        ("state", "state"),
        ("industry", "industry"),
        ("region", "region"),
        ("owner", "rep"),
    )
    for name, column in texts:
        values = {account: field(account, column) for account in accounts}
        if any(value is not None for value in values.values()):
            found[f"ctx_{name}"] = values
    for name, column in (("acct_annual_revenue", "annual_revenue"), ("acct_printers", "printers")):
        found[name] = {a: NAN if field(a, column) is None else float(field(a, column)) for a in accounts}
    found["ctx_segment"] = {}
    for account in accounts:
        revenue, segment = found["acct_annual_revenue"][account], field(account, "segment")
        if segment is None and revenue == revenue:
            large, middle = settings.scoring.segment_large, settings.scoring.segment_mid_market
            segment = (
                "Large Enterprise" if revenue >= large else "Mid-Market" if revenue >= middle else "Small Business"
            )
        found["ctx_segment"][account] = segment
    if all(value is None for value in found["ctx_segment"].values()):
        del found["ctx_segment"]


def _cap(values: Any, quantile: float) -> tuple[float, float] | None:
    """The quantile of the positive values and its mirror among the negative ones."""
    known = [value for value in values if math.isfinite(value)]
    high, low = sorted(v for v in known if v > 0), sorted(-v for v in known if v < 0)
    if quantile >= 1 or not (high or low):
        return None
    return (-_quantile(low, quantile) if low else 0.0), (_quantile(high, quantile) if high else 0.0)


def _quantile(ordered: Sequence[float], q: float) -> float:
    at = q * (len(ordered) - 1)
    i = min(int(at), len(ordered) - 1)
    j = min(i + 1, len(ordered) - 1)
    return ordered[i] + (at - i) * (ordered[j] - ordered[i])


def slug(name: str) -> str:
    """A division's name as part of a column's name."""
    plain = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    return plain if plain[:1].isalpha() else f"d_{plain}"

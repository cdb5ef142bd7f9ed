"""Facts that components measure on the sales log and the assets, as of a day."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from icp_xl.components.kinds import EXPECTED_BEFORE, EXPECTED_LIFE, KINDS, WINDOW, window_of
from icp_xl.components.record import Component
from icp_xl.errors import MissingColumnsError
from icp_xl.formatting import plural

#: Rounding dust of sums, which is no revenue.
DUST = 1e-6
#: A product is billed month after month when at least so many months of the window have it, and this share of them the
#: amount of the month before, give or take a tenth.
STEADY_MONTHS, STEADY_SHARE, STEADY_STEP = 3, 0.6, 0.1
LAPSE = 1.5


#: So many accounts with sales say where a log ends, though one or two of them have lines so many days later.
MANY, AHEAD = 20, 31


@dataclass(frozen=True)
class SalesHistory:
    """What is on record: sales lines (date, account_id, revenue, category, division, sku, product) and assets.

    ``as_of`` is the first day that is not known yet; windows end there. By default it is the day after the last line:
    the last but for ``late`` lines, those of one or two accounts long after everybody else's (see :meth:`of`).
    """

    lines: pd.DataFrame
    assets: pd.DataFrame
    as_of: pd.Timestamp
    late: int = 0

    @classmethod
    def of(
        cls, lines: pd.DataFrame, assets: pd.DataFrame | None = None, until: pd.Timestamp | None = None
    ) -> SalesHistory:
        """The history before ``until``.

        By default that is the end of the log. Of ``MANY`` accounts or more, one or two whose lines lie more than
        ``AHEAD`` days after the last of all others do not say where it ends, so that no odd date ages everybody else.
        """
        lines = lines[lines["date"].notna()]
        given = until is not None
        if until is None:
            ends = lines.groupby("account_id")["date"].max().sort_values(ascending=False)
            until = ends.iloc[0].normalize() + pd.Timedelta(days=1) if len(ends) else pd.Timestamp(0)
            if len(ends) >= MANY and (ends.iloc[0] - ends.iloc[2]).days > AHEAD:
                until = ends.iloc[2].normalize() + pd.Timedelta(days=1)
        known = lines[lines["date"] < until]
        late = 0 if given else len(lines) - len(known)
        return cls(known, pd.DataFrame() if assets is None else assets, until, late)

    @property
    def warning(self) -> str:
        """What to warn of; empty where every line counts."""
        if not self.late:
            return ""
        day = self.as_of - pd.Timedelta(days=1)
        return (
            f"{plural(self.late, 'sales line')} of one or two accounts lie more than {AHEAD} days after the last of "
            f"all others, {day.date()}: the score's windows end on that day and leave them out. Check their dates."
        )

    def window(self, months: int, back: int = 0) -> pd.DataFrame:
        """Lines of the last ``months``, or of a window of the same length ``back`` windows earlier."""
        end = self.as_of - pd.DateOffset(months=months * back)
        start = self.as_of - pd.DateOffset(months=months * (back + 1))
        return self.lines[(self.lines["date"] >= start) & (self.lines["date"] < end)]


def measure_facts(
    accounts: pd.DataFrame, components: Iterable[Component], history: SalesHistory | None
) -> pd.DataFrame:
    """``accounts`` (one row each, with ``account_id``) with a column for each fact of ``components``.

    A column that is there already stays as it is.

    Raises:
        MissingColumnsError: a component reads a column that the accounts do not have.
    """
    out = accounts.copy()
    missing = []
    for component in components:
        for fact in KINDS[component.kind].facts(component):
            if fact.name in out.columns:
                if not fact.text and component.column:
                    out[fact.name] = pd.to_numeric(out[fact.name], errors="coerce")
                continue
            if component.column or component.columns or history is None:
                missing.append((component.name, fact.name))
                continue
            out[fact.name] = out["account_id"].map(_measure(component, history)).astype(float)
            if fact.unit in ("money", "count"):
                out[fact.name] = out[fact.name].fillna(0.0)
    if missing:
        raise MissingColumnsError(
            "components need columns that the accounts do not have",
            where="scoring.components",
            got="; ".join(f"{name} reads {column}" for name, column in missing),
            allowed=", ".join(map(str, accounts.columns)),
            next_step="Name another column, or say under columns.customers what it is called in the file.",
        )
    return out


def _measure(component: Component, history: SalesHistory) -> Any:
    """The component's fact by account; accounts of which nothing is known are absent."""
    months = window_of(component)
    if component.kind == "owned":
        return _owned(component, history.assets)
    every = _chosen(history.lines, component)
    bought = every[every["revenue"] > 0.0]
    if component.kind == "recency":
        return (history.as_of - bought.groupby("account_id")["date"].max()).dt.days.astype(float)
    if component.kind == "tenure":
        return _months_since(history, bought.groupby("account_id")["date"].min())
    if component.kind == "revenue" and not component.months:
        return _sums(every)
    if component.kind == "recurring":
        return _recurring(history, component)
    lines = _chosen(history.window(months), component)
    if component.kind in ("revenue", "monetary"):
        return _sums(lines)
    if component.kind == "expected":
        return _expected(history, bought, lines, months)
    if component.kind == "share":
        part, whole = _sums(lines), _sums(history.window(months)).clip(lower=0.0)
        return (part.clip(lower=0.0).reindex(whole.index).fillna(0.0) / whole.where(whole > 0.0)).clip(upper=1.0)
    if component.kind == "growth":
        now, before = (_sums(_chosen(history.window(months, back), component)).clip(lower=0.0) for back in (0, 1))
        now, before = now.align(before, fill_value=0.0)
        return ((now - before) / (now + before).where(now + before > 0.0)).astype(float)
    bought = lines[lines["revenue"] > 0.0]
    if component.kind == "frequency":
        return bought["date"].dt.normalize().groupby(bought["account_id"]).nunique()
    return _of(bought, component.of).groupby(bought["account_id"]).nunique()


def _expected(history: SalesHistory, bought: pd.DataFrame, lines: pd.DataFrame, months: int) -> Any:
    """Revenue a year at the pace of the window's ``lines``, times the chance that the account is still a customer.

    That chance is exact for purchases at random times and a life of random length, with the account's own rate and a
    given mean life (Schmittlein, Morrison and Colombo, Counting Your Customers, Management Science 33, 1987).
    """
    days = bought.groupby("account_id")["date"].agg(["min", "max"])
    known, silent = (_months_since(history, days[end]) for end in ("min", "max"))
    known = known.clip(upper=months)
    counted = lines[lines["revenue"] > 0.0]
    often = counted["date"].dt.normalize().groupby(counted["account_id"]).nunique().reindex(days.index).fillna(0.0)
    rate, end = often / known.clip(lower=1.0), 1.0 / EXPECTED_LIFE
    gone = end / (rate + end) * np.expm1(((rate + end) * silent).clip(upper=500.0))
    pace = _sums(lines).reindex(days.index).fillna(0.0) * 12.0 / (known + EXPECTED_BEFORE)
    return pace / (1.0 + gone)


def _months_since(history: SalesHistory, days: Any) -> Any:
    return (history.as_of - days).dt.days / (365.25 / 12)


def _recurring(history: SalesHistory, component: Component) -> Any:
    """Revenue a year of products billed month after month at one amount, and of the chosen kinds.

    What is billed month after month counts as it was in the last three months. One that was not billed again after
    ``LAPSE`` times its usual interval has ended, and is none.
    """
    lines = history.window(component.months or WINDOW)
    named = lines.index.isin(_chosen(lines, component).index) if component.categories else np.zeros(len(lines), bool)
    by = [lines["account_id"].to_numpy(), _of(lines, "products").fillna("").to_numpy()]
    months = lines["date"].dt.year * 12 + lines["date"].dt.month
    billed = lines["revenue"].groupby([*by, months.to_numpy()]).sum()
    before = billed.groupby(level=[0, 1]).shift()
    same = ((billed - before).abs() <= STEADY_STEP * before.abs()).groupby(level=[0, 1]).sum()
    count = billed.groupby(level=[0, 1]).size()
    steady = (count >= STEADY_MONTHS) & (same >= STEADY_SHARE * (count - 1))
    ends = lines["date"].groupby(by).agg(["min", "max"])
    usual = (ends["max"] - ends["min"]).dt.days / (count - 1).clip(lower=1)
    runs = steady & ((history.as_of - ends["max"]).dt.days <= LAPSE * usual)
    keys = pd.MultiIndex.from_arrays(by)
    monthly, open_ = (found.reindex(keys).fillna(False).to_numpy(bool) for found in (steady, runs))
    now = (lines["date"] >= history.as_of - pd.DateOffset(months=3)).to_numpy(bool)
    running, others = _sums(lines[open_ & now]) * 4.0, _sums(lines[named & ~monthly])
    return running.add(others, fill_value=0.0)


def _sums(lines: pd.DataFrame) -> Any:
    # Sums of floats depend on their order; sorted, they never differ.
    lines = lines.sort_values(["account_id", "date", "revenue"], kind="stable")
    sums = lines["revenue"].groupby(lines["account_id"]).sum().astype(float)
    return sums.mask(sums.abs() < DUST, 0.0)


def _chosen(lines: pd.DataFrame, component: Component) -> pd.DataFrame:
    """Lines of the chosen categories, divisions or products; of any of them where several are named."""
    tests = [
        _named(lines, columns, wanted)
        for columns, wanted in (
            (("category",), component.categories),
            (("division",), component.divisions),
            (("product", "sku"), component.products),
        )
        if wanted
    ]
    return lines[np.logical_or.reduce(tests)] if tests else lines


def _named(frame: pd.DataFrame, columns: Iterable[str], wanted: Iterable[str]) -> np.ndarray:
    keys = {_key(name) for name in wanted}
    tests = [frame[name].map(_key).isin(keys).to_numpy(bool) for name in columns if name in frame.columns]
    return np.logical_or.reduce(tests) if tests else np.zeros(len(frame), bool)


def _key(value: object) -> str:
    return " ".join(str(value).split()).casefold()


def _of(lines: pd.DataFrame, what: str) -> Any:
    """What breadth counts; a product is its number where it has one."""
    if what != "products":
        return lines[{"divisions": "division", "categories": "category"}[what]]
    sku = lines["sku"] if "sku" in lines else pd.Series(None, index=lines.index, dtype=object)
    return sku.where(sku.notna(), lines["product"]) if "product" in lines else sku


def _owned(component: Component, assets: pd.DataFrame) -> pd.Series[float]:
    if assets.empty:
        return pd.Series(dtype=float)
    chosen = assets[_named(assets, ("product", "sku"), component.products)] if component.products else assets
    count = pd.to_numeric(chosen["quantity"], errors="coerce").fillna(1.0) if "quantity" in chosen else 1.0
    return pd.Series(count, index=chosen.index).groupby(chosen["account_id"]).sum()

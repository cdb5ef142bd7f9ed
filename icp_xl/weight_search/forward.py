"""The forward check: components from before a day, revenue from that day on.

Adoption holds consumable revenue and so does the target: over one and the same period they agree by construction, and
the in-sample correlation flatters. Here nothing that the score knows happened in the period that it is held to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from icp_xl.components.presets import EQUIPMENT
from icp_xl.components.record import Component, score_columns
from icp_xl.config import Settings
from icp_xl.tables.totals import TOTAL_COLUMNS, TOTALLED_CATEGORIES, account_totals
from icp_xl.weight_search.bootstrap import BootstrapInterval, Resampler
from icp_xl.weight_search.objective import Spearman
from icp_xl.weight_search.problem import target_of
from icp_xl.weight_search.simplex import Floats

#: Accounts with the totals of their sales before a day, and that day, to the same accounts with their component scores.
AsOf = Callable[[pd.DataFrame, pd.Timestamp], pd.DataFrame]
#: Less than this many days on either side of the day is too little to compare.
SHORTEST_DAYS = 90


@dataclass(frozen=True)
class ForwardCheck:
    """Correlation of the same weights with past and with later revenue, over the same accounts.

    ``in_sample`` and ``forward`` hold an interval per named weights. ``flatters`` is true when the best weights'
    in-sample figure lies above the interval of the forward one. ``status`` is empty, or says why nothing was measured.
    """

    day: date | None
    accounts: int
    in_sample: dict[str, BootstrapInterval]
    forward: dict[str, BootstrapInterval]
    flatters: bool
    status: str = ""


def check_forward(
    accounts: pd.DataFrame,
    transactions: pd.DataFrame | None,
    as_of: AsOf,
    named: Mapping[str, Floats],
    settings: Settings,
    components: Sequence[Component] = EQUIPMENT,
) -> ForwardCheck:
    """Hold the ``named`` weights (with ``best`` among them) to revenue that came after the components' day.

    Args:
        accounts: one row per account with the facts that do not hang on the day (industry, annual revenue, printers).
        transactions: one row per sales line: date, account_id, category, revenue, gross_profit.
        as_of: computes component scores of accounts as of a day.
        components: the score's components.
    """
    if transactions is None or transactions.empty:
        return _nothing("no sales log was given")
    dates = transactions["date"].dropna()
    first, last = dates.min(), dates.max()
    chosen = settings.optimize.forward_date
    day = pd.Timestamp(chosen) if chosen else (first + (last - first) * (2 / 3)).normalize()
    if min((day - first).days, (last - day).days) < SHORTEST_DAYS:
        return _nothing(f"the sales log holds less than {SHORTEST_DAYS} days before or after {day:%Y-%m-%d}")
    targets, target_name = target_of(settings, components)
    fixed = accounts.drop(columns=[name for name in TOTAL_COLUMNS if name in accounts.columns and name != "account_id"])
    known = fixed.merge(account_totals(transactions, accounts, until=day), on="account_id", how="left")
    known = known.loc[(known[list(targets)] > 0).any(axis=1)]
    if len(known) < settings.optimize.minimum_engaged:
        return _nothing(f"only {len(known)} accounts had bought {target_name} before {day:%Y-%m-%d}")
    known = as_of(known, day).sort_values("account_id", kind="stable")
    later = transactions[transactions["date"] >= day]
    categories = [name for target in targets for name in TOTALLED_CATEGORIES.get(target, ())]
    later = later[later["category"].isin(categories)] if categories else later
    sums = later.groupby("account_id")["revenue"].sum()
    after = known["account_id"].map(sums).fillna(0.0).to_numpy(dtype=np.float64)
    before = known[list(targets)].sum(axis=1).to_numpy(dtype=np.float64)
    scores = known[score_columns(component.name for component in components)].to_numpy(dtype=np.float64)
    if np.ptp(after) == 0 or np.ptp(before) == 0 or np.isnan(scores).any():
        return _nothing(f"revenue after {day:%Y-%m-%d} is the same for every account")
    in_sample = _correlations(scores, before, named, settings)
    forward = _correlations(scores, after, named, settings)
    flatters = in_sample["best"].estimate > forward["best"].high
    return ForwardCheck(day.date(), len(known), in_sample, forward, flatters)


def _correlations(
    scores: Floats, target: Floats, named: Mapping[str, Floats], settings: Settings
) -> dict[str, BootstrapInterval]:
    resampler = Resampler(scores, target, settings.optimize.bootstrap, settings.run.seed)
    exact = Spearman(target)
    tail = (1 - settings.optimize.confidence) / 2
    out = {}
    for name, weights in named.items():
        rho = exact(scores @ weights)
        low, high = np.quantile(resampler.deviations(weights), [tail, 1 - tail])
        out[name] = BootstrapInterval(rho, max(rho + float(low), -1.0), min(rho + float(high), 1.0))
    return out


def _nothing(status: str) -> ForwardCheck:
    return ForwardCheck(None, 0, {}, {}, False, status)

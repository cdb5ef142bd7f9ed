"""The table of first purchases of a training: what was judged, and what was known of the accounts then."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix

from icp_xl import artifacts
from icp_xl.features.files import names_of
from icp_xl.propensity.data import label_file
from icp_xl.propensity.first_purchases import OURS, compare_orders, likeness
from icp_xl.propensity.train import DivisionJob, Evaluated, Trained
from icp_xl.runs import RunContext
from icp_xl.sql import features as sql
from icp_xl.tables.star import Star, open_engine
from icp_xl.tables.star_calendar import add_months, to_day

#: First purchases below which the orders cannot be told apart.
_FEWEST = 10
_NEEDED = ["own_recency_days", "all_days_12m"]


def first_purchases(
    run: RunContext, star: Star, jobs: Sequence[DivisionJob], trained: Sequence[Trained]
) -> pd.DataFrame | None:
    """First purchases after the latest judged cutoff by each order; ``None`` where there are too few.

    Args:
        run: whose settings and progress count.
        star: the star schema, for purchases before the cutoff.
        jobs: divisions with their cutoffs.
        trained: what training made of each.

    Returns:
        See :func:`icp_xl.propensity.first_purchases.compare_orders`.
    """
    judged = {each.division: each for each in trained if isinstance(each, Evaluated) and each.fitted.forward}
    days = Counter(_judged_at(each) for each in judged.values())
    if not days:
        return None
    day = max(days, key=lambda found: (days[found], found))
    parts = [
        part
        for job in jobs
        if job.division in judged and _judged_at(judged[job.division]) == day
        for part in [_pairs(job, judged[job.division], day)]
        if part is not None
    ]
    pairs = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    if pairs.empty or pairs["label"].sum() < _FEWEST:
        return None
    run.progress.stage("first purchases")
    pairs = _with_likeness(run, star, pairs, day)
    return compare_orders(pairs, resamples=run.settings.train.bootstrap, seed=run.settings.run.seed).assign(
        cutoff_date=day.isoformat()
    )


def _judged_at(each: Evaluated) -> date:
    found: date = each.fitted.latest["cutoff_date"].iloc[0].date()
    return found


def _pairs(job: DivisionJob, each: Evaluated, day: date) -> pd.DataFrame | None:
    """Accounts that had never bought the division, with outcome, chance, popularity, and rate × activity."""
    known = _never(job, day)
    before = max(
        (cutoff for cutoff in job.cutoffs if add_months(cutoff, each.model.window_months) <= day), default=None
    )
    if known is None:
        return None
    never, owners = known
    latest = each.fitted.latest.set_index("account_id")
    here = never.index.intersection(latest.index)
    rate = 0.0
    earlier = _never(job, before) if before is not None else None
    if earlier is not None and before is not None:
        labels = artifacts.LABELS.read(job.find(label_file(job.slug, before))).set_index("account_id")["label"]
        rate = float(labels.reindex(earlier[0].index).fillna(0.0).mean())
    return pd.DataFrame(
        {
            "account_id": here, "division": job.division, "label": latest.loc[here, "label"].to_numpy(),
            OURS: latest.loc[here, "p_hat"].to_numpy(), "popularity": owners,
            "rate_activity": rate * never.loc[here, "all_days_12m"].to_numpy(np.float64),
        }
    )  # fmt: skip


def _never(job: DivisionJob, cutoff: date) -> tuple[pd.DataFrame, float] | None:
    """Accounts without a purchase in the division before ``cutoff``, and the share of all that had one."""
    columns = artifacts.FEATURES.read(job.find(names_of(job.slug, cutoff)[0]))
    if not set(_NEEDED) <= set(columns):
        return None
    frame = columns.set_index("account_id")[_NEEDED]
    never = frame["own_recency_days"].isna()
    return frame[never], float(1.0 - never.mean())


def _with_likeness(run: RunContext, star: Star, pairs: pd.DataFrame, day: date) -> pd.DataFrame:
    """``pairs`` with the scores of item-kNN and EASE over what was bought in the two years before ``day``."""
    divisions = star.divisions[star.divisions["division"].isin(pairs["division"].unique())]
    keys, names = [int(key) for key in divisions["division_key"]], [str(name) for name in divisions["division"]]
    with open_engine(star, run.settings) as engine:
        lines = engine.fetch(sql.sku_lines(to_day(add_months(day, -24)), to_day(day)))
        owned = engine.fetch(sql.sku_divisions(keys, to_day(day)))
    skus, column = np.unique(lines["sku_key"], return_inverse=True)
    if len(skus) < 2 or not keys:
        return pairs
    accounts, row = np.unique(lines["account_key"], return_inverse=True)
    bought = csr_matrix((np.ones(len(row)), (row, column)), shape=(len(accounts), len(skus)))
    member = np.zeros((len(skus), len(keys)), bool)
    at = np.searchsorted(skus, owned["sku_key"]).clip(max=len(skus) - 1)
    there = skus[at] == owned["sku_key"]
    place = {key: i for i, key in enumerate(keys)}
    member[at[there], [place[int(key)] for key in owned["division_key"][there]]] = True
    customers = star.customers.drop_duplicates("account_id").set_index("account_id")["account_key"]
    who = pd.Series(np.arange(len(accounts)), index=accounts).reindex(customers.loc[pairs["account_id"]]).to_numpy()
    what = pairs["division"].map({name: i for i, name in enumerate(names)}).to_numpy()
    known = ~np.isnan(who) & ~pd.isna(what)
    for name, scores in likeness(bought, member).items():
        found = np.zeros(len(pairs))
        found[known] = scores[who[known].astype(int), what[known].astype(int)]
        pairs[name] = found
    return pairs

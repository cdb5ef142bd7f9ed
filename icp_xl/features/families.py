"""Features cut from an account's history: recency, frequency, money, trajectory, lifecycle, seasons, mix, returns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from icp_xl.features.history import NEVER, NOT_YET, TRENDS, History
from icp_xl.features.model import Array, Feature
from icp_xl.sql.star import SCALE
from icp_xl.tables.star_calendar import to_day

DAYS_A_MONTH = 365.25 / 12
_MOST_DAYS = 24 * DAYS_A_MONTH
#: A rate over a short time is drawn towards zero as if so many more months had passed.
_PRIOR_MONTHS = 2.0


def purchase_features(
    history: History, windows: Sequence[int], prefix: str, columns: slice, whose: str
) -> list[Feature]:
    """Recency, lines, revenue, gross profit, trend and spread over some of the divisions.

    Args:
        prefix: ``all`` for the whole business, ``own`` for one division.
        columns: the divisions that count.
        whose: how the catalog names them.
    """
    cutoff = to_day(history.cutoff)
    # The whole business stands after the divisions.
    row = -1 if prefix == "all" else columns.start
    last = history.last_day[columns].max(axis=0)
    found = [
        Feature(
            f"{prefix}_recency_days",
            _since(cutoff, last),
            f"Days since the last purchase {whose}",
            "days",
            "ever",
            "recency",
        ),
    ]
    for w in windows:
        sums, window = history.sums[w], f"{w} months"
        lines = sums["n_sales"][columns].sum(axis=0)
        revenue = sums["revenue"][columns].sum(axis=0)
        profit = sums["profit"][columns].sum(axis=0)
        found += [
            Feature(
                f"{prefix}_lines_{w}m", lines.astype(float), f"Sales lines {whose}", "lines", window, "frequency", True
            ),
            Feature(
                f"{prefix}_revenue_{w}m",
                revenue / SCALE,
                f"Revenue net of returns {whose}",
                "currency",
                window,
                "monetary",
                True,
            ),
            Feature(
                f"{prefix}_profit_{w}m",
                profit / SCALE,
                f"Gross profit net of returns {whose}",
                "currency",
                window,
                "monetary",
                True,
            ),
        ]
        if prefix == "own":
            days = sums["n_days"][columns].sum(axis=0).astype(float)
            found.append(
                Feature(f"own_days_{w}m", days, f"Days with a purchase {whose}", "days", window, "frequency", True)
            )
    if history.season is not None:
        span = f"{history.season.months} months, a year ago"
        found += [
            Feature(f"{prefix}_season_months", history.season.active[row].astype(float),
                    f"Months with a purchase {whose} in the season that follows the cutoff", "months", span,
                    "seasonality"),
            Feature(f"{prefix}_season_revenue", history.season.revenue[row] / SCALE,
                    f"Revenue net of returns {whose} in the season that follows the cutoff", "currency", span,
                    "seasonality", True),
        ]  # fmt: skip
    for w in TRENDS:
        trend = history.trends[w]
        found += [
            Feature(
                f"{prefix}_slope_{w}m",
                trend.slope[row],
                f"Monthly trend of revenue {whose}",
                "currency per month",
                f"{w} months",
                "trajectory",
                True,
            ),
            Feature(
                f"{prefix}_std_{w}m",
                trend.spread[row],
                f"Standard deviation of monthly revenue {whose}",
                "currency",
                f"{w} months",
                "trajectory",
                True,
            ),
        ]
    for w in TRENDS:
        count = history.trends[w].active[row].astype(float)
        found.append(
            Feature(
                f"{prefix}_active_months_{w}m",
                count,
                f"Months with a purchase {whose}",
                "months",
                f"{w} months",
                "lifecycle",
            )
        )
    first = history.first_day[columns].min(axis=0)
    tenure = np.where(first == NOT_YET, np.nan, cutoff - first)
    return [*found, *_rhythm(prefix, whose, tenure, _since(cutoff, last), found[-1].values)]


def _rhythm(prefix: str, whose: str, tenure: Array, recency: Array, months: Array) -> list[Feature]:
    """How often an account buys for the time it is known, and how long its silence is by that measure.

    Logistic regression cannot divide one feature by another, and trees need many splits to.

    Args:
        tenure: days since the first purchase; NaN where there was none.
        recency: days since the last one.
        months: months with a purchase among the last 24.
    """
    rate = months / (np.minimum(tenure, _MOST_DAYS) / DAYS_A_MONTH + _PRIOR_MONTHS)
    return [
        Feature(f"{prefix}_rate_24m", rate, f"Months with a purchase {whose}, by month known and two more",
                "per month", "24 months", "lifecycle"),
        Feature(f"{prefix}_missed_24m", rate * recency / DAYS_A_MONTH,
                f"Months with a purchase {whose} that were to be expected since the last",
                "months", "24 months", "lifecycle", True),
        Feature(f"{prefix}_span_days", tenure - recency, f"Days from the first to the last purchase {whose}",
                "days", "ever", "lifecycle"),
        Feature(f"{prefix}_silence_share", recency / (tenure + 1.0),
                f"Days since the last purchase {whose} as a share of all since the first",
                "share", "ever", "lifecycle"),
    ]  # fmt: skip


def own_features(history: History, windows: Sequence[int], position: int) -> list[Feature]:
    """Purchases in the target division alone."""
    column = slice(position, position + 1)
    first = history.first_day[position]
    bought = (first != NOT_YET).astype(float)
    tenure = np.where(first == NOT_YET, np.nan, to_day(history.cutoff) - first)
    return [
        *purchase_features(history, windows, "own", column, "in this division"),
        Feature("own_ever", bought, "Bought in this division before", "0 or 1", "ever", "lifecycle"),
        Feature(
            "own_tenure_days", tenure, "Days since the first purchase in this division", "days", "ever", "lifecycle"
        ),
    ]


def lifecycle_features(
    history: History, days: dict[int, Array], n_days: Array, squares: Array, largest: Array
) -> list[Feature]:
    """Tenure, days with purchases, and the gaps between them.

    Args:
        days: window to days with a purchase in it.
        n_days: days with a purchase ever.
        squares: sum of the squared gaps between consecutive such days.
        largest: the largest gap.
    """
    cutoff = to_day(history.cutoff)
    real = slice(0, history.real)
    first, last = history.first_day[real].min(axis=0), history.last_day[real].max(axis=0)
    gaps = n_days - 1.0
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.where(gaps > 0, (last - first) / gaps, np.nan)
        # Sample variance from exact whole numbers: n·Σx² and (Σx)² lose nothing before the division.
        spread = (gaps * squares - (last - first).astype(float) ** 2) / (gaps * (gaps - 1.0))
        deviation = np.where(gaps > 1, np.sqrt(np.maximum(spread, 0.0)), np.nan)
        overdue = np.where(gaps > 0, (cutoff - last) / np.maximum(mean, 1e-9), np.nan)
    return [
        *(
            Feature(
                f"all_days_{w}m", count.astype(float), "Days with a purchase", "days", f"{w} months", "frequency", True
            )
            for w, count in days.items()
        ),
        Feature("all_days_ever", n_days.astype(float), "Days with a purchase", "days", "ever", "frequency", True),
        Feature(
            "life_tenure_days",
            (cutoff - first).astype(float),
            "Days since the first purchase",
            "days",
            "ever",
            "lifecycle",
        ),
        Feature("life_gap_mean_days", mean, "Mean gap between days with a purchase", "days", "ever", "lifecycle"),
        Feature("life_gap_std_days", deviation, "Standard deviation of these gaps", "days", "ever", "lifecycle"),
        Feature(
            "life_gap_max_days",
            np.where(gaps > 0, largest.astype(float), np.nan),
            "Longest of these gaps",
            "days",
            "ever",
            "lifecycle",
        ),
        Feature("life_overdue_ratio", overdue, "Recency divided by the mean gap", "ratio", "ever", "lifecycle", True),
    ]


def season_features(history: History) -> list[Feature]:
    """Share of sales per calendar quarter."""
    sales = history.sales_by_quarter.astype(float)
    total = sales.sum(axis=0)
    shares = np.divide(sales, total, out=np.zeros_like(sales), where=total > 0)
    return [
        Feature(
            f"season_q{q + 1}_share_24m",
            shares[q],
            f"Share of sales in calendar quarter {q + 1}",
            "share",
            "24 months",
            "seasonality",
        )
        for q in range(4)
    ]


def mix_features(history: History, slugs: Sequence[str], names: Sequence[str], notes: dict[str, Any]) -> list[Feature]:
    """Shares of the divisions, smoothed by empirical Bayes, and how widely an account buys.

    Divisions without a sale before the cutoff give no column: they are not known yet.

    Args:
        history: figures of all accounts at the cutoff.
        slugs: file names of the divisions, in the order of the history.
        names: names of the divisions, in the same order.
        notes: gets the share that each division's is drawn to, and how strongly.
    """
    found: list[Feature] = []
    known = [d for d in range(history.real) if (history.last_day[d] != NEVER).any()]
    for w in (12, 24):
        lines = history.sums[w]["n_sales"][: history.real].T
        shares, prior, strength = smooth_shares(lines[:, known])
        notes[f"share_prior_{w}m"] = {slugs[d]: float(prior[i]) for i, d in enumerate(known)}
        notes[f"share_prior_strength_{w}m"] = float(strength)
        found += [
            Feature(
                f"share_{slugs[d]}_{w}m",
                shares[:, i],
                f"Share of lines in {names[d]}, smoothed by empirical Bayes",
                "share",
                f"{w} months",
                "mix",
            )
            for i, d in enumerate(known)
        ]
        bought = (lines > 0).sum(axis=1).astype(float)
        found += [
            Feature(f"div_count_{w}m", bought, "Divisions bought from", "divisions", f"{w} months", "diversity"),
            Feature(
                f"div_entropy_{w}m",
                _entropy(lines),
                "Entropy of the lines over the divisions",
                "nats",
                f"{w} months",
                "diversity",
            ),
        ]
    ever = (history.last_day[: history.real] != NEVER).sum(axis=0).astype(float)
    found.append(Feature("div_count_ever", ever, "Divisions ever bought from", "divisions", "ever", "diversity"))
    return found


def return_features(history: History) -> list[Feature]:
    """Returns and cancellations against sales."""
    found = []
    for w in (12, 24):
        sums = history.sums[w]
        returned = sums["returned"][: history.real].sum(axis=0).astype(float)
        sales = sums["revenue"][: history.real].sum(axis=0) + returned
        rate = np.divide(returned, sales, out=np.zeros_like(returned), where=sales > 0)
        lines = sums["n_returns"][: history.real].sum(axis=0).astype(float)
        found += [
            Feature(f"ret_rate_{w}m", rate, "Returned revenue against sales", "ratio", f"{w} months", "returns", True),
            Feature(f"ret_lines_{w}m", lines, "Return and cancellation lines", "lines", f"{w} months", "returns", True),
        ]
    return found


def smooth_shares(counts: Array) -> tuple[Array, Array, float]:
    """Shares pulled towards the population's, the more so the fewer lines an account has.

    The prior is a Dirichlet with the population's shares as its mean; its strength (in lines) comes from the spread of
    the accounts' raw shares by the method of moments (Mosimann 1962, Biometrika 49: 65–82).

    Args:
        counts: accounts × divisions, whole numbers.

    Returns:
        Smoothed shares (rows sum to 1), the population's shares, the strength.

    >>> shares, prior, strength = smooth_shares(np.array([[1, 0], [0, 0], [40, 60], [30, 70]]))
    >>> bool(np.allclose(shares.sum(axis=1), 1)), bool(shares[0, 0] < 1)
    (True, True)
    """
    total = counts.sum(axis=1).astype(float)
    everything = float(counts.sum())
    width = counts.shape[1]
    if everything == 0 or width == 0:
        return np.full(counts.shape, 1.0 / max(width, 1)), np.full(width, 1.0 / max(width, 1)), 0.0
    prior = counts.sum(axis=0) / everything
    rows = total >= 2
    strength = 1000.0
    if rows.any():
        raw = counts[rows] / total[rows, None]
        spread = float(np.mean(((raw - prior) ** 2).sum(axis=1)))
        pure = float((prior * (1.0 - prior)).sum())
        chance = float(np.mean(1.0 / total[rows]))
        beyond = spread - pure * chance
        if beyond > 1e-12:
            strength = float(np.clip(pure * (1.0 - chance) / beyond - 1.0, 0.1, 1000.0))
    shares = (counts + strength * prior) / (total + strength)[:, None]
    return shares, prior, strength


def _since(cutoff: int, last: Array) -> Array:
    found: Array = np.where(last == NEVER, np.nan, cutoff - last)
    return found


def _entropy(lines: Array) -> Array:
    total = lines.sum(axis=1).astype(float)
    entropy = np.zeros(len(lines))
    for d in range(lines.shape[1]):
        share = np.divide(lines[:, d], total, out=np.zeros(len(lines)), where=total > 0)
        entropy -= share * np.log(np.where(share > 0, share, 1.0))
    return entropy

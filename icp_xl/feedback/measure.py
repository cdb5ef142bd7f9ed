"""Did the list work? Accounts that were listed against accounts that were held out of the list at random.

Reps choose whom to work, and they choose well: worked accounts would have bought more anyway. So worked against not
worked says nothing of the list. What the draw made comparable is *listed* against *held out*, whoever was worked
(intention to treat). What working does is derived from that by the share that was worked (an instrumental variable:
the list acts only through being worked), never by comparing those whom reps chose.

Every account counts once, from the first list that named it: what later lists name hangs on what the first one did.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from icp_xl.feedback.stats import codes_of, holm, wilson

Floats = npt.NDArray[np.float64]
#: What :func:`measure_list` needs: one row per account and division of the list that first named the account.
PAIR_COLUMNS = ("account_id", "division", "rep", "list_day", "held_out", "worked", "bought", "revenue")
GROUPS = ("Listed and worked", "Listed, not worked", "Listed, all", "Held out")
BY = {"division": "Division", "rep": "Rep", "month": "Month of the list"}
ALPHA, POWER, PLANNED = 0.05, 0.80, 0.20
DRAWS = 1_000
#: With more accounts than this the t distribution alone gives the interval of revenue; resampling would say the same.
RESAMPLE_UP_TO = 20_000
#: Held-out accounts, and buyers in all, from which a comparison is drawn; fewer only describe.
LEAST_HELD, LEAST_BUYERS = 10, 5
#: Buyers on either side from which revenue is compared: with fewer, one large purchase more or less decides.
LEAST_SUMS = 10


@dataclass(frozen=True)
class Comparison:
    """Listed against held out. Rates are shares of accounts that bought; ``lift`` their difference, with its interval.

    ``p``: chance of so large a difference, either way, if the list did nothing. ``revenue_lift``: revenue per account,
    the same way; NaN where nothing can be compared.
    """

    listed: int
    listed_bought: int
    held: int
    held_bought: int
    listed_rate: float = math.nan
    held_rate: float = math.nan
    lift: float = math.nan
    low: float = math.nan
    high: float = math.nan
    p: float = math.nan
    revenue_lift: float = math.nan
    revenue_low: float = math.nan
    revenue_high: float = math.nan

    @property
    def possible(self) -> bool:
        """Whether there is enough on either side to say anything."""
        return (
            self.listed > 0 and self.held >= LEAST_HELD and self.listed_bought + self.held_bought >= LEAST_BUYERS
        )  # fmt: skip

    @property
    def verdict(self) -> str:
        """What the comparison shows, in a few words."""
        if self.held == 0:
            return "no account was held out"
        if not self.possible:
            return "too few to say"
        if self.low > 0:
            return "bought more"
        return "bought less" if self.high < 0 else "no difference shown"


@dataclass(frozen=True)
class Needed:
    """What it takes to show a lift: accounts listed and held out, and buyers among them, at the present holdout."""

    lift: float
    listed: int
    held: int
    buyers: int


@dataclass(frozen=True)
class Measured:
    """What the lists brought.

    ``groups``: one row per group of :data:`GROUPS`: accounts, bought, rate, low, high, revenue, per_account.
    ``by``: one row per division, rep and month: dimension, level, listed, listed_rate, held, held_rate, lift, low,
    high, p_adjusted, verdict. ``working``: what being worked does (value, low, high), derived by the share worked.
    """

    whole: Comparison
    groups: pd.DataFrame
    by: pd.DataFrame
    share_worked: float
    held_worked: float
    working: tuple[float, float, float]
    needed: tuple[Needed, ...]
    first_list: str
    last_list: str
    lists: int
    pairs: int = 0


def measure_list(pairs: pd.DataFrame, *, seed: int = 0) -> Measured:
    """Compare what was bought among the listed and among the held out.

    Args:
        pairs: one row per account and division, with :data:`PAIR_COLUMNS`; ``bought`` and ``revenue`` are of the
            days between the list and the end of its window, or of the data.
        seed: of the resampling behind the interval of revenue.
    """
    accounts = _accounts(pairs)
    whole = compare(accounts, seed=seed)
    listed = accounts[~accounts["held_out"]]
    held = accounts[accounts["held_out"]]
    share = float(listed["worked"].mean()) if len(listed) else math.nan
    held_worked = float(held["worked"].mean()) if len(held) else math.nan
    days = pd.to_datetime(accounts["list_day"])
    return Measured(
        whole, _groups(accounts), _by(pairs), share, held_worked, _working(accounts), _needed(whole),
        f"{days.min():%Y-%m-%d}" if len(days) else "", f"{days.max():%Y-%m-%d}" if len(days) else "",
        int(days.nunique()), len(pairs),
    )  # fmt: skip


def _accounts(pairs: pd.DataFrame) -> pd.DataFrame:
    """One row per account: bought any of what it was listed for, and the revenue of all of it."""
    grouped = pairs.groupby("account_id", sort=True)
    return grouped.agg(
        list_day=("list_day", "min"), held_out=("held_out", "first"), worked=("worked", "any"),
        bought=("bought", "any"), revenue=("revenue", "sum"),
    ).reset_index()  # fmt: skip


def compare(accounts: pd.DataFrame, *, seed: int | None = None) -> Comparison:
    """Listed against held out within each list, averaged over the lists.

    The weights of the lists are those of Mantel and Haenszel; the interval of the difference is Newcombe's (1998,
    method 10) on the effective sizes, so that it holds with few buyers. The interval of revenue resamples accounts
    and studentises (bootstrap-t), since few large sums carry it; it is left out where ``seed`` is, and with
    fewer than :data:`LEAST_SUMS` buyers on a side.

    Args:
        accounts: one row per account with list_day, held_out, bought, revenue.
    """
    held = accounts["held_out"].to_numpy(dtype=bool)
    bought = accounts["bought"].to_numpy(dtype=np.float64)
    counts = (int((~held).sum()), int(bought[~held].sum()), int(held.sum()), int(bought[held].sum()))
    strata = codes_of(accounts["list_day"].astype(str))
    sizes = np.column_stack([np.bincount(strata[at], minlength=strata.max(initial=-1) + 1) for at in (~held, held)])
    both = np.asarray((sizes > 0).all(axis=1))
    if not both.any():
        return Comparison(*counts)
    n = sizes[both].astype(np.float64)
    weight = n[:, 0] * n[:, 1] / n.sum(axis=1)
    rate, effective = [], []
    for k, at in enumerate((~held, held)):
        hits = np.bincount(strata[at], weights=bought[at], minlength=len(sizes))[both]
        rate.append(float(weight @ (hits / n[:, k]) / weight.sum()))
        effective.append(float(weight.sum() ** 2 / (weight**2 / n[:, k]).sum()))
    low, high = _newcombe(rate, effective)
    pooled = (rate[0] * effective[0] + rate[1] * effective[1]) / sum(effective)
    error = math.sqrt(pooled * (1 - pooled) * (1 / effective[0] + 1 / effective[1]))
    p = float(2 * stats.norm.sf(abs(rate[0] - rate[1]) / error)) if error > 0 else 1.0
    money = (math.nan, math.nan, math.nan)
    if seed is not None and min(counts[1], counts[3]) >= LEAST_SUMS:
        rows = both[strata]
        money = _revenue(accounts["revenue"].to_numpy(dtype=np.float64)[rows], held[rows], strata[rows], seed)
    return Comparison(*counts, rate[0], rate[1], rate[0] - rate[1], low, high, p, *money)


def _newcombe(rate: list[float], n: list[float]) -> tuple[float, float]:
    (low1, high1), (low0, high0) = (wilson(rate[k] * n[k], n[k]) for k in (0, 1))
    gap = rate[0] - rate[1]
    return (gap - math.hypot(rate[0] - low1, high0 - rate[1]), gap + math.hypot(high1 - rate[0], rate[1] - low0))


def _difference(values: list[Floats], squares: list[Floats], n: list[Floats], weight: Floats) -> tuple[Floats, Floats]:
    """Weighted difference of means and its variance from sums per stratum (… × strata)."""
    means = [values[k] / n[k] for k in (0, 1)]
    spread = [np.maximum(squares[k] / n[k] - means[k] ** 2, 0.0) / np.maximum(n[k] - 1, 1) for k in (0, 1)]
    share = weight / weight.sum()
    return (means[0] - means[1]) @ share, (spread[0] + spread[1]) @ share**2


def _revenue(
    revenue: Floats, held: npt.NDArray[np.bool_], strata: npt.NDArray[np.int64], seed: int
) -> tuple[float, float, float]:
    """Revenue per account, listed less held out, with its interval."""
    strata = codes_of(strata)
    size = int(strata.max()) + 1
    groups = (~held, held)
    n = [np.bincount(strata[at], minlength=size).astype(np.float64) for at in groups]
    weight = n[0] * n[1] / (n[0] + n[1])

    def sums(draws: list[Floats] | None) -> tuple[Floats, Floats]:
        first, second = [], []
        for k, at in enumerate(groups):
            x, code = revenue[at], strata[at]
            counts = np.ones((1, len(x))) if draws is None else draws[k]
            one = np.zeros((size, len(x)))
            one[code, np.arange(len(x))] = 1.0
            first.append(counts @ (one * x).T)
            second.append(counts @ (one * x * x).T)
        return _difference(first, second, n, weight)

    gap, variance = (float(np.ravel(part)[0]) for part in sums(None))
    error = math.sqrt(variance)
    degrees = max(1.0, float(min(n[0].sum(), n[1].sum())) - size)
    t = (-float(stats.t.ppf(1 - ALPHA / 2, degrees)), float(stats.t.ppf(1 - ALPHA / 2, degrees)))
    if error > 0 and len(revenue) <= RESAMPLE_UP_TO and size <= 60:
        rng = np.random.default_rng(seed)
        found = []
        for _ in range(10):
            draws = []
            for at in groups:
                code = strata[at]
                counts = np.zeros((DRAWS // 10, len(code)))
                for stratum in np.unique(code):
                    rows = np.flatnonzero(code == stratum)
                    counts[:, rows] = rng.multinomial(len(rows), np.full(len(rows), 1 / len(rows)), DRAWS // 10)
                draws.append(counts)
            value, spread = sums(draws)
            with np.errstate(divide="ignore", invalid="ignore"):
                found.append((value - gap) / np.sqrt(spread))
        ratios = np.concatenate(found)
        ratios = ratios[np.isfinite(ratios)]
        if len(ratios) > DRAWS / 2:
            # The wider of the two: with few purchases either of them alone is too sure.
            t = (min(t[0], float(np.quantile(ratios, ALPHA / 2))), max(t[1], float(np.quantile(ratios, 1 - ALPHA / 2))))
    return gap, gap - t[1] * error, gap - t[0] * error


def _groups(accounts: pd.DataFrame) -> pd.DataFrame:
    held, worked = accounts["held_out"].astype(bool), accounts["worked"].astype(bool)
    rows = []
    for name, at in zip(GROUPS, (~held & worked, ~held & ~worked, ~held, held), strict=True):
        part = accounts[at]
        n, hits = len(part), int(part["bought"].sum())
        low, high = wilson(hits, n)
        rows.append({
            "group": name, "accounts": n, "bought": hits, "rate": hits / n if n else math.nan,
            "low": low if n else math.nan, "high": high if n else math.nan, "revenue": float(part["revenue"].sum()),
            "per_account": float(part["revenue"].mean()) if n else math.nan,
        })  # fmt: skip
    return pd.DataFrame(rows)


def _by(pairs: pd.DataFrame) -> pd.DataFrame:
    """The comparison within each division, rep and month; p corrected for the number of looks taken."""
    frame = pairs.assign(month=pd.to_datetime(pairs["list_day"]).dt.strftime("%Y-%m"))
    rows: list[dict[str, Any]] = []
    for name, words in BY.items():
        for level, part in frame.groupby(name, sort=True):
            found = compare(_accounts(part))
            rows.append({
                "dimension": words, "level": str(level) or "(none)", "listed": found.listed,
                "listed_rate": found.listed_bought / found.listed if found.listed else math.nan, "held": found.held,
                "held_rate": found.held_bought / found.held if found.held else math.nan,
                "lift": found.lift, "low": found.low, "high": found.high,
                "p": found.p if found.possible else math.nan, "verdict": found.verdict,
            })  # fmt: skip
    columns = [
        "dimension",
        "level",
        "listed",
        "listed_rate",
        "held",
        "held_rate",
        "lift",
        "low",
        "high",
        "p",
        "verdict",
    ]
    table = pd.DataFrame(rows, columns=columns)
    table["p_adjusted"] = holm(table["p"].to_numpy(dtype=float))
    # The best of thirty reps always looks good: a level is named only where it stands out among all looked at.
    chance = table["p_adjusted"].isna() | (table["p_adjusted"] > ALPHA)
    told = table["verdict"].isin(["bought more", "bought less"])
    table.loc[told & chance, "verdict"] = "no difference shown"
    return table.drop(columns="p")


def _working(accounts: pd.DataFrame) -> tuple[float, float, float]:
    """What being worked does to the share that buys, by the share worked; Fieller's interval, NaN where it is open."""
    held = accounts["held_out"].to_numpy(dtype=bool)
    if held.sum() < LEAST_HELD or (~held).sum() < 2:
        return math.nan, math.nan, math.nan
    y, w = (accounts[name].to_numpy(dtype=np.float64) for name in ("bought", "worked"))
    gap = [float(x[~held].mean() - x[held].mean()) for x in (y, w)]
    cov = sum(np.cov(np.vstack([y[at], w[at]])) / at.sum() for at in (~held, held))
    z = float(stats.norm.ppf(1 - ALPHA / 2))
    a = gap[1] ** 2 - z**2 * cov[1, 1]
    if a <= 0:
        return math.nan, math.nan, math.nan
    b, c = gap[0] * gap[1] - z**2 * cov[0, 1], gap[0] ** 2 - z**2 * cov[0, 0]
    half = math.sqrt(max(0.0, b * b - a * c))
    return gap[0] / gap[1], (b - half) / a, (b + half) / a


def accounts_needed(base: float, raised: float, share: float) -> tuple[int, int]:
    """Accounts (listed, held out) that show a rise from ``base`` to ``raised`` in four of five cases, at 5 %.

    >>> accounts_needed(0.10, 0.12, 0.5)
    (3839, 3839)
    """
    z = float(stats.norm.ppf(1 - ALPHA / 2) + stats.norm.ppf(POWER))
    ratio = (1 - share) / share
    held = z**2 * (base * (1 - base) + raised * (1 - raised) / ratio) / (raised - base) ** 2
    return math.ceil(held * ratio), math.ceil(held)


def _needed(found: Comparison) -> tuple[Needed, ...]:
    """For the lift that was seen, where there is one, and for a fifth more buyers than without the list."""
    if not found.possible or found.held_bought == 0:
        return ()
    base, share = found.held_rate, found.held / (found.held + found.listed)
    out = []
    for raised in dict.fromkeys([found.listed_rate, min(base * (1 + PLANNED), 0.999)]):
        if raised > base:
            listed, held = accounts_needed(base, raised, share)
            out.append(Needed(raised - base, listed, held, round(listed * raised + held * base)))
    return tuple(out)

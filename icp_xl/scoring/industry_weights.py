"""Industry weights: how well each industry has paid, shrunk by how little is known, blended with strategy.

Performance of an account is ``log1p`` of its revenue with us; accounts count the less, the further their revenue is
beyond the ordinary (see :mod:`icp_xl.scoring.robust`). Industry means are shrunk towards the grand mean by empirical
Bayes for a normal mean with unequal variances: the variance between industries is DerSimonian and Laird's moment
estimate (Controlled Clinical Trials 7, 1986), and an industry of few accounts is pulled far. The shrunk mean is mapped
to 0 to 1 with 0.5 for the average industry; 1.5 standard deviations of the true differences between industries (or
more) are 0 or 1.

That estimate is above 0 on every other set of pure noise, and then stretches noise over the whole scale. So a test of
no differences decides (the F test of one-way analysis of variance): it is believed in full where its p is 0.015 or
less, not at all from 0.035 on, and by the logarithm of p between, so that no account tips the scale by itself. As far
as it is not believed, means and weights are the expected ones over all the differences that the data leave possible
(hierarchical Bayes, see :func:`_hierarchical`), and no weight is further than 0.1 from 0.5: little evidence, little
weight.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import fdtrc, ndtr

from icp_xl.components.shapes import Floats, lookup_key
from icp_xl.config.scoring import ScoringSettings
from icp_xl.scoring.robust import capped, ordinary_weights

NEUTRAL = 0.5
#: Standard deviations between industries that reach the end of the scale.
SPAN = 1.5
#: From the first of these p on differences are not believed, up to the second in full.
P_VALUES = (0.035, 0.015)
#: How far from neutral the weights may be while differences are not believed.
DOUBTED = 0.1
#: Columns of the table, for a score that looks no industry up and so has no row.
TABLE_COLUMNS = [
    "industry", "accounts", "performance", "mean_revenue", "shrunk", "evidence", "data_weight", "tier", "tier_score",
    "weight",
]  # fmt: skip


@dataclass(frozen=True)
class IndustryWeights:
    """``table``: one row per industry (see :func:`compute_industry_weights`); ``prior``: for an unknown industry."""

    table: pd.DataFrame
    prior: float
    between_variance: float
    reliability: float

    @property
    def believed(self) -> bool:
        """Whether anything speaks for differences: a test of the data, or strategic tiers."""
        return self.reliability > 0.0 or bool(self.table["tier_score"].notna().any())

    def as_dict(self) -> dict[str, float]:
        """Industry to weight."""
        return dict(zip(self.table["industry"], self.table["weight"].astype(float), strict=True))

    def to_json(self) -> dict[str, Any]:
        """What ``industry_weights.json`` holds."""
        rows = self.table.astype(object).where(self.table.notna(), None)
        return {
            "schema": 1,
            "prior": self.prior,
            "between_variance": self.between_variance,
            "reliability": self.reliability,
            "weights": self.as_dict(),
            "industries": rows.to_dict(orient="records"),
        }


def compute_industry_weights(
    accounts: pd.DataFrame,
    tiers: Mapping[str, str],
    settings: ScoringSettings,
    column: str = "industry",
    counts: Floats | None = None,
) -> IndustryWeights:
    """Weights per industry from accounts (industry, total_revenue) and strategic tiers.

    Args:
        accounts: one row per account.
        tiers: industry to strategic tier, a key of ``scoring.tier_scores``.
        settings: how much of a weight the tier is, and what tiers are worth.
        column: the column that is looked up; everything said of industries holds of its values.
        counts: how far each account counts, 0 to 1; by default as far as its revenue is ordinary.

    Returns a table with one row per industry, best first: industry, accounts, mean_revenue, performance (mean of
    log1p revenue), shrunk (after shrinkage), evidence (0 to 1: the share of the industry's own mean that is kept),
    data_weight, tier, tier_score, weight. An industry that only the tiers name is listed with no accounts.
    """
    accounts = accounts[[column, "total_revenue"]].rename(columns={column: "industry"})
    named = accounts["industry"].notna().to_numpy()
    known = accounts[named]
    revenue = known["total_revenue"].fillna(0.0)
    counts = ordinary_weights(revenue) if counts is None else counts[named]
    performance = np.log1p(revenue.clip(lower=0.0).to_numpy(dtype=np.float64))
    value = pd.Series(capped(performance, revenue, counts), index=known.index)
    counted = pd.Series(counts, index=known.index)
    industry = known["industry"]
    sizes = counted.groupby(industry, observed=True).sum()
    sizes = sizes[sizes > 0.0]
    means = (counted * value).groupby(industry, observed=True).sum().loc[sizes.index] / sizes
    errors = float((counted * (value - industry.map(means).astype(float)) ** 2).sum())
    found = _shrink(np.asarray(sizes, dtype=np.float64), np.asarray(means, dtype=np.float64), errors)
    table = pd.DataFrame(
        {
            "accounts": known.groupby("industry", observed=True).size(),
            "performance": means,
            "mean_revenue": known.groupby("industry", observed=True)["total_revenue"].mean(),
            "shrunk": pd.Series(found.means, index=sizes.index),
            "evidence": pd.Series(found.kept, index=sizes.index),
        }
    ).sort_index()
    # Of an industry all of whose accounts count for nothing, nothing is known.
    table = table.fillna({"shrunk": found.centre, "evidence": 0.0})
    offset = pd.Series(found.offsets, index=sizes.index).reindex(table.index).fillna(0.0)
    table["data_weight"] = NEUTRAL + NEUTRAL * offset
    table = table.reset_index(names="industry")
    table = _add_tiers(table, tiers, settings)
    share = settings.strategic_share
    tiered = table["tier_score"].notna()
    table["weight"] = np.where(
        tiered, (1.0 - share) * table["data_weight"] + share * table["tier_score"].fillna(0.0), table["data_weight"]
    )
    table = table.sort_values(["weight", "industry"], ascending=[False, True], ignore_index=True)
    prior = _prior(table, sizes)
    return IndustryWeights(table, prior, found.between, found.reliability * found.believed)


@dataclass(frozen=True)
class Shrunk:
    """Shrunk means per industry, the share of its own mean that each keeps, and what was found of all.

    ``offsets``: place of each on the scale, -1 to 1 with 0 for the average; ``between``: variance between industries;
    ``reliability``: of the means, 0 to 1; ``centre``: grand mean; ``believed``: how far a test speaks for differences,
    0 to 1.
    """

    means: Floats
    kept: Floats
    offsets: Floats
    between: float
    reliability: float
    centre: float
    believed: float


def _shrink(n: Floats, mean: Floats, errors: float) -> Shrunk:
    """Shrink the means of industries towards their grand mean.

    Args:
        n, mean: accounts (by what each counts) and mean performance per industry, sorted by industry.
        errors: squared differences of the accounts from the means of their industries, summed.
    """
    k = n.size
    if k < 2 or n.sum() <= k:
        centre = float(np.average(mean, weights=n)) if k else 0.0
        return Shrunk(np.full(k, centre), np.zeros(k), np.zeros(k), 0.0, 0.0, centre, 0.0)
    within = max(errors / float(n.sum() - k), 1e-12)
    precision = n / within
    common = float(np.average(mean, weights=precision))
    q = float((precision * (mean - common) ** 2).sum())
    spread = float(precision.sum() - (precision**2).sum() / precision.sum())
    between = max(0.0, (q - (k - 1)) / spread) if spread > 0.0 else 0.0
    believed = _believed(float(fdtrc(k - 1, n.sum() - k, q / (k - 1))))
    noise = within / n
    keep = between / (between + noise)
    centre = float(np.average(mean, weights=1.0 / (between + noise)))
    shrunk = centre + keep * (mean - centre)
    reliability = float(np.sqrt(between / (between + np.average(noise, weights=n))))
    offsets = np.clip((shrunk - centre) / (SPAN * np.sqrt(between)), -1.0, 1.0) if between > 0.0 else np.zeros(k)
    if believed < 1.0:
        expected, places = _hierarchical(mean, noise)
        shrunk = believed * shrunk + (1.0 - believed) * expected
        limit = DOUBTED / NEUTRAL
        offsets = believed * offsets + (1.0 - believed) * np.clip(places, -limit, limit)
    return Shrunk(shrunk, keep, offsets, between, reliability, centre, believed)


def _hierarchical(mean: Floats, noise: Floats) -> tuple[Floats, Floats]:
    """Expected true means and places on the scale (-1 to 1), over the standard deviations that differences may have.

    Args:
        mean, noise: mean performance per industry, and the variance that it has by chance.

    The standard deviation between industries is integrated out on a grid, by its marginal likelihood with the grand
    mean integrated out (Gelman et al., Bayesian Data Analysis, 3rd ed., section 5.4) and a density that falls as
    ``s / (s + deviation)``, the square root of the uniform shrinkage prior (Daniels, Canadian Journal of Statistics
    27, 1999); ``s`` is the usual standard error of a mean.
    """
    usual = float(np.sqrt(noise.size / np.sum(1.0 / noise)))
    deviation = ((np.arange(80) + 0.5) / 80 * (3.0 * float(mean.std()) + 2.0 * usual))[:, None]
    precision = 1.0 / (deviation**2 + noise)
    centre = (precision * mean).sum(axis=1, keepdims=True) / precision.sum(axis=1, keepdims=True)
    likelihood = 0.5 * (
        np.log(precision).sum(axis=1) - np.log(precision.sum(axis=1)) - (precision * (mean - centre) ** 2).sum(axis=1)
    )
    chance = np.exp(likelihood - likelihood.max()) * (usual / (usual + deviation[:, 0]))
    chance = chance / chance.sum()
    keep = deviation**2 * precision
    offset, error = keep * (mean - centre), np.sqrt(keep * noise)
    places = _expected_clipped(offset / (SPAN * deviation), error / (SPAN * deviation))
    return chance @ (centre + offset), chance @ places


def _expected_clipped(mean: Floats, deviation: Floats) -> Floats:
    """Expectation of a normal variable that is cut off at -1 and 1."""
    low, high = (-1.0 - mean) / deviation, (1.0 - mean) / deviation
    inside = ndtr(high) - ndtr(low)
    density = (np.exp(-0.5 * low**2) - np.exp(-0.5 * high**2)) / np.sqrt(2.0 * np.pi)
    expected: Floats = 1.0 - ndtr(high) - ndtr(low) + mean * inside + deviation * density
    return expected


def _believed(p: float) -> float:
    """How far a test that gives ``p`` makes differences believed, 0 to 1.

    >>> _believed(0.2), _believed(0.001), round(_believed(0.0229), 2)
    (0.0, 1.0, 0.5)
    """
    doubt, sure = P_VALUES
    return float(np.clip(np.log(doubt / max(p, 1e-300)) / np.log(doubt / sure), 0.0, 1.0))


def _add_tiers(table: pd.DataFrame, tiers: Mapping[str, str], settings: ScoringSettings) -> pd.DataFrame:
    by_key = {lookup_key(name): (name, tier) for name, tier in tiers.items()}
    present = {lookup_key(name) for name in table["industry"]}
    missing = [name for key, (name, _) in sorted(by_key.items()) if key not in present]
    if missing:
        extra = pd.DataFrame({"industry": missing, "accounts": 0, "data_weight": NEUTRAL, "evidence": 0.0})
        table = extra if table.empty else pd.concat([table, extra], ignore_index=True)
        table = table.reindex(
            columns=["industry", "accounts", "performance", "mean_revenue", "shrunk", "evidence", "data_weight"]
        )
    found = [by_key.get(lookup_key(name), (None, None))[1] for name in table["industry"]]
    table["tier"] = pd.Series(found, index=table.index, dtype=object)
    scores = [settings.tier_scores.get(str(tier)) if tier is not None else None for tier in found]
    table["tier_score"] = pd.Series(scores, index=table.index, dtype="float64")
    return table


def _prior(table: pd.DataFrame, sizes: pd.Series[float]) -> float:
    """The mean weight of accounts, by what each counts: expected of an account of which the industry is not known."""
    n = table["industry"].map(sizes).fillna(0.0).to_numpy(dtype=float)
    return float(np.average(table["weight"], weights=n)) if n.sum() > 0.0 else NEUTRAL

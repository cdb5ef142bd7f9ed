"""How far one account moves others, and what industry weights make of noise.

    python tests/benchmarks/robust_scores.py newcomer [populations] [times] [sizes] [first seed]
   # extreme newcomers against one more draw
    python tests/benchmarks/robust_scores.py industries                       # noise and planted differences

Populations are random; the newcomer of a population is either one more draw from it, or has figures thousands of times
as large: all of them, one alone, of either sign, in an industry of its own. Counted are the other accounts whose grade
changes, and by how many points a score moves beyond what the account's new rank alone would give it.
"""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd

from icp_xl.config.scoring import ScoringSettings
from icp_xl.scoring.accounts import score_accounts
from icp_xl.scoring.industry_weights import compute_industry_weights

if "--help" in sys.argv:
    print(__doc__)
    sys.exit()

EVEN = dict.fromkeys(("vertical", "size", "adoption", "relationship"), 0.25)
RUNS = int(sys.argv[2]) if len(sys.argv) > 2 else 200
#: What an extreme newcomer's figures are multiplied by.
EXTREME = float(sys.argv[3]) if len(sys.argv) > 3 else 5_000.0
SIZES = [int(n) for n in sys.argv[4].split(",")] if len(sys.argv) > 4 else [60, 100, 300, 1500]
#: Seed of the first population.
FIRST = int(sys.argv[5]) if len(sys.argv) > 5 else 0


def population(n: int, rng: np.random.Generator, effect: float = 0.6) -> pd.DataFrame:
    """Accounts of fifteen industries of very different size; half of them never bought this or that."""
    shares = rng.dirichlet(np.full(15, 0.8))
    industry = rng.choice(15, n, p=shares)
    level = rng.normal(0.0, effect, 15)[industry]
    amount = {
        name: np.round(np.exp(rng.normal(centre, 1.4, n) + level) * (rng.random(n) < buys), 2)
        for name, centre, buys in (("hardware", 9.5, 0.4), ("consumable", 8.0, 0.55), ("software", 8.5, 0.45))
    }
    frame = pd.DataFrame(
        {
            "account_id": [f"A{i:05d}" for i in range(n)],
            "account_name": "x", "region": "West", "rep": "R",
            "industry": np.char.add("Industry ", industry.astype(str)).astype(object),
            "annual_revenue": np.where(rng.random(n) < 0.2, np.nan, np.round(np.exp(rng.normal(16.5, 2.0, n)))),
            "printers": rng.poisson(1.2, n).astype(float),
            **{f"{name}_revenue": values for name, values in amount.items()},
            "service_revenue": 0.0, "gross_profit": 0.0,
        }
    )  # fmt: skip
    frame["total_revenue"] = frame[["hardware_revenue", "consumable_revenue", "software_revenue"]].sum(axis=1)
    return frame


MONEY = ("hardware_revenue", "consumable_revenue", "software_revenue")
#: Fields that an extreme newcomer has beyond all others; with a sign, an industry, or a revenue at a tier's edge.
KINDS = (
    "all", "annual_revenue", "printers", *MONEY, "negative", "new industry", "negative, new industry", "tier edge",
    "nothing",
)  # fmt: skip


def newcomer(kind: str, rng: np.random.Generator, like: pd.DataFrame) -> pd.DataFrame:
    """One more account of the population of ``like``, with figures of a kind beyond all others."""
    row = like.sample(1, random_state=int(rng.integers(2**31))).copy()
    fields = (kind,) if kind in ("annual_revenue", "printers", *MONEY) else ("annual_revenue", "printers", *MONEY)
    for name in fields:
        row[name] = EXTREME * max(float(like[name].max()), 1.0)
    if "negative" in kind:
        row[list(MONEY)] *= -1.0
    if "new industry" in kind:
        row["industry"] = "Industry of its own"
    if kind == "tier edge":
        row["annual_revenue"] = float(rng.choice([tier.from_revenue for tier in ScoringSettings().size_tiers]))
    if kind == "nothing":
        row[["annual_revenue", "printers", *MONEY]] = [np.nan, 0.0, 0.0, 0.0, 0.0]
    row["total_revenue"] = row[list(MONEY)].sum(axis=1)
    return row.assign(account_id="NEW")


def scored(accounts: pd.DataFrame) -> pd.DataFrame:
    """Scores by account."""
    return score_accounts(accounts, {}, EVEN, ScoringSettings()).scored.set_index("account_id")


def moved(before: pd.DataFrame, accounts: pd.DataFrame) -> tuple[int, float]:
    """Other accounts that change grade, and the largest move of a score beyond the shift of rank."""
    after = scored(accounts)
    new_raw = after.loc["NEW", "raw_score"]
    after = after.drop(index="NEW").loc[before.index]
    changed = int((before["icp_grade"] != after["icp_grade"]).sum())
    # The scores that the same order would give with one more account at the newcomer's place.
    held = pd.concat([before["raw_score"], pd.Series([new_raw])]).to_numpy()
    from icp_xl.scoring.model import fit_knots, icp_score, percentile_of

    knots = np.asarray(fit_knots(held), dtype=np.int64)
    expected = icp_score(percentile_of(before["raw_score"].to_numpy(), knots, len(held)))
    return changed, float(np.abs(after["icp_score"].to_numpy() - expected).max())


def newcomers() -> None:
    """Print the table of newcomers."""
    print(
        "accounts | newcomer | grades changed | less one more draw (95 %) | beyond the shift of rank: largest | 95th | "
        "populations over 1 point"
    )
    for n in SIZES:
        counts: dict[str, list[int]] = {kind: [] for kind in ("one more draw", *KINDS)}
        moves: dict[str, list[float]] = {kind: [] for kind in counts}
        for seed in range(FIRST, FIRST + RUNS):
            rng = np.random.default_rng([n, seed])
            everyone = population(n + 1, rng)
            accounts, fresh = everyone.iloc[:-1], everyone.iloc[[-1]]
            before = scored(accounts)
            for kind in counts:
                row = fresh.assign(account_id="NEW") if kind == "one more draw" else newcomer(kind, rng, accounts)
                changed, beyond = moved(before, pd.concat([accounts, row], ignore_index=True))
                counts[kind].append(changed)
                moves[kind].append(beyond)
        for kind, changed_of in counts.items():
            gap = np.array(changed_of) - np.array(counts["one more draw"])
            half = 1.96 * gap.std(ddof=1) / np.sqrt(RUNS)
            move = np.array(moves[kind])
            print(
                f"{n} | {kind} | {np.mean(changed_of):.2f} | "
                f"{gap.mean():+.2f} ({gap.mean() - half:+.2f} to {gap.mean() + half:+.2f}) | "
                f"{move.max():.2f} | {np.quantile(move, 0.95):.2f} | {(move > 1.0).sum()}",
                flush=True,
            )


def industries() -> None:
    """Print what the weights make of noise, and their error where differences are planted."""
    neutral = ScoringSettings(strategic_share=0.0)
    for name, buys in (("all buy", 1.0), ("half never buy", 0.5)):
        spreads = []
        for seed in range(400):
            rng = np.random.default_rng([9, seed])
            accounts, _ = made(rng, 0.0, buys)
            weights = compute_industry_weights(accounts, {}, neutral).table["data_weight"]
            spreads.append(float(weights.max() - weights.min()))
        over = np.array(spreads)
        print(f"noise, {name}: spread over 0.2 in {(over > 0.2).mean():.1%}, over 0.5 in {(over > 0.5).mean():.1%}")
    for effect in (0.3, 0.6, 1.0):
        for name, buys in (("all buy", 1.0), ("half never buy", 0.5)):
            errors, weight_errors = [], []
            for seed in range(200):
                rng = np.random.default_rng([11, seed])
                accounts, truth = made(rng, effect, buys)
                table = compute_industry_weights(accounts, {}, neutral).table.set_index("industry")
                wanted = truth.loc[table.index]
                shrunk = table["shrunk"] - np.average(table["shrunk"], weights=table["accounts"])
                errors.append(float(((shrunk - (wanted - np.average(wanted, weights=table["accounts"]))) ** 2).mean()))
                ideal = 0.5 + 0.5 * np.clip((wanted - truth.mean()) / (1.5 * truth.std(ddof=0)), -1, 1)
                weight_errors.append(float(((table["data_weight"] - ideal) ** 2).mean()))
            print(
                f"planted {effect:g}, {name}: error of means {np.mean(errors):.4f}, "
                f"of weights {np.mean(weight_errors):.4f}"
            )


def made(rng: np.random.Generator, effect: float, buys: float) -> tuple[pd.DataFrame, pd.Series]:
    """Accounts of fifteen industries of 2 to 59 accounts, and the true mean performance of each."""
    sizes = rng.integers(2, 60, 15)
    level = rng.normal(0.0, effect, 15)
    industry = np.repeat(np.arange(15), sizes)
    values = np.exp(rng.normal(9.0, 1.5, industry.size) + level[industry]) * (rng.random(industry.size) < buys)
    names = [f"I{k}" for k in range(15)]
    truth = pd.Series((9.0 + level) * buys, index=names)
    return pd.DataFrame({"industry": np.array(names)[industry], "total_revenue": values}), truth


if __name__ == "__main__":
    {"newcomer": newcomers, "industries": industries}[sys.argv[1]]()

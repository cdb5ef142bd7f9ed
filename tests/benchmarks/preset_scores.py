"""What the score that auto chooses is worth on other trades' logs: rank correlation with the next period's revenue.

    python tests/benchmarks/preset_scores.py             # one log of each kind, and Online Retail
    python tests/benchmarks/preset_scores.py seeds [20]  # mean over as many logs of each kind

Scores are made as of a day from what is known before it, with the default weights; held against them are the rules
that need no score: who bought last, who buys most often, and the last year's revenue. Intervals are 95 % bootstraps
over accounts, of the correlation and of its difference from the best single rule; of many logs, that of their mean.
The weights were set with these kinds and Online Retail in sight, but for spare parts, and with other seeds than those
that `seeds` takes.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from icp_xl.config.scoring import ScoringSettings
from icp_xl.scoring.accounts import score_accounts
from icp_xl.scoring.choose import choose_components
from icp_xl.scoring.measures import SalesHistory
from icp_xl.tables.totals import account_totals

if "--help" in sys.argv:
    print(__doc__)
    sys.exit()

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "online-retail" / "online_retail.parquet"
RESAMPLES = 500


def simulated(kind: str, accounts: int = 400, seed: int = 3) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Customers and 36 months of lines: orders of a maker of models, of a maker of software, or subscriptions."""
    rng = np.random.default_rng(seed)
    ids = np.array([f"A{i:04d}" for i in range(accounts)])
    industry = rng.choice(["Retail", "Museum", "Hobby", "Gift", "School"], accounts)
    worth = (
        rng.normal(0, 0.8, accounts)
        + pd.Series(industry).map({"Retail": 0.5, "Museum": 0.0, "Hobby": 0.3, "Gift": -0.3, "School": -0.5}).to_numpy()
    )
    size = np.exp(14 + 1.2 * worth + rng.normal(0, 1.0, accounts))
    rows: list[tuple[object, ...]] = []
    start = pd.Timestamp("2021-01-01")
    for i, one in enumerate(ids):
        first = int(rng.integers(0, 24))
        drift = rng.normal(0, 0.03)
        plan = int(rng.integers(1, 4))
        fee = round(float(50 * plan * np.exp(0.6 * worth[i])), 2)
        gone = first + (int(rng.geometric(0.02)) if kind == "subscription" else 99)
        for month in range(first, 36):
            day = start + pd.DateOffset(months=month)
            if kind == "subscription":
                if month < gone:
                    growth = 1 + int(max(0.0, month - first) * max(drift, 0) * 2)
                    rows.append((day, one, "Platform", None, f"Plan {plan}", fee * growth))
                continue
            rate = (0.35 if kind == "classic" else 0.8) * np.exp(0.7 * worth[i] + drift * (month - 18))
            for _ in range(int(rng.poisson(rate))):
                when = day + pd.Timedelta(days=int(rng.integers(0, 28)))
                amount = round(float(np.exp(6 + 0.7 * worth[i] + rng.normal(0, 0.8))), 2)
                lines = ("Planes", "Cars", "Ships", "Trains") if kind == "classic" else ("Paseo", "Velo", "Carretera")
                line = rng.choice(lines)
                rows.append((when, one, line, None, f"{line} {rng.integers(1, 30)}", amount))
    customers = pd.DataFrame({"account_id": ids, "account_name": ids, "industry": industry, "annual_revenue": size})
    if kind == "finance":  # the Financial Sample knows neither
        customers = customers.assign(industry=None, annual_revenue=np.nan)
    log = pd.DataFrame(rows, columns=["date", "account_id", "division", "category", "sku", "revenue"])
    return customers, log


def other(kind: str, seed: int, accounts: int = 300) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Logs of other makes.

    A wholesaler with a season, projects that are few and large, licences billed by quarter, and spare parts, of which
    accounts need many in some half-years and few in others.
    """
    rng = np.random.default_rng([101, seed])
    rows: list[tuple[object, ...]] = []
    start = pd.Timestamp("2019-03-01")
    for i in range(accounts):
        first = int(rng.integers(-24, 30))
        last = first + int(rng.exponential(40.0))
        level = rng.normal(0.0, 1.0)
        need = rng.lognormal(0.0, 0.8, 12)
        for month in range(max(first, 0), min(last, 36)):
            day = start + pd.DateOffset(months=month)
            season = 1.0 + 0.5 * np.sin(2.0 * np.pi * month / 12.0)
            rate = {
                "wholesale": 2.5 * season, "projects": 0.25, "licences": float((month - first) % 3 == 0),
                "spare parts": 1.2 * need[month // 6],
            }[kind]  # fmt: skip
            times = int(rate) if kind == "licences" else int(rng.poisson(rate * np.exp(0.4 * level)))
            for _ in range(times):
                when = day + pd.Timedelta(days=0 if kind == "licences" else int(rng.integers(0, 28)))
                for product in range(1 + (i % 3 if kind == "licences" else int(rng.integers(0, 6)))):
                    noise = 0.0 if kind == "licences" else rng.normal(0.0, 1.2 if kind == "projects" else 0.7)
                    sku = f"P{product if kind == 'licences' else rng.integers(0, 200)}"
                    rows.append((when, f"A{i:04d}", "Goods", None, sku, round(float(np.exp(5.0 + level + noise)), 2)))
    log = pd.DataFrame(rows, columns=["date", "account_id", "division", "category", "sku", "revenue"])
    names = sorted(log["account_id"].unique())
    customers = pd.DataFrame({"account_id": names, "account_name": names, "industry": None, "annual_revenue": np.nan})
    return customers, log


def retail() -> tuple[pd.DataFrame, pd.DataFrame]:
    """The customers and lines of Online Retail."""
    log = pd.read_parquet(DATA)
    log.columns = [str(name).lower().replace(" ", "").replace("_", "") for name in log.columns]
    key = next(name for name in log.columns if name.startswith("customer"))
    date = next(name for name in log.columns if "date" in name)
    code = next(name for name in log.columns if "stock" in name or name == "sku")
    price = next(name for name in log.columns if "price" in name)
    log = log[log[key].notna()]
    ids = log[key].astype(float).astype(int).astype(str) if log[key].dtype != object else log[key].astype(str)
    lines = pd.DataFrame(
        {
            "date": pd.to_datetime(log[date]), "account_id": ids, "division": None, "category": None,
            "sku": log[code].astype(str), "revenue": log["quantity"].astype(float) * log[price].astype(float),
        }
    )  # fmt: skip
    names = sorted(lines["account_id"].unique())
    customers = pd.DataFrame({"account_id": names, "account_name": names, "industry": None, "annual_revenue": np.nan})
    return customers, lines


def spearman(a: np.ndarray, b: np.ndarray) -> float:
    """Rank correlation, ties at their average rank."""
    return float(np.corrcoef(rankdata(a), rankdata(b))[0, 1])


def scores_and_rules(
    customers: pd.DataFrame, log: pd.DataFrame
) -> tuple[str, np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """What was chosen, the scores, the revenue after the day, and the single rules, by account."""
    log = log.assign(source_row=range(len(log)), gross_profit=0.0, product=log["sku"])
    first, last = log["date"].min(), log["date"].max()
    day = (first + (last - first) * (2 / 3)).normalize()
    customers = customers.assign(region=None, rep=None, printers=np.nan)
    accounts = customers.merge(account_totals(log, customers, until=day), on="account_id")
    accounts = accounts[accounts["lines"] > 0].reset_index(drop=True)
    history = SalesHistory.of(log, until=day)
    settings = ScoringSettings()
    choice = choose_components(accounts, history, settings, {})
    weights = settings.default_weights(choice.components)
    found = score_accounts(choice.accounts, {}, weights, settings, components=choice.components).scored
    found = found.set_index("account_id").loc[accounts["account_id"]]
    ids = pd.Series(accounts["account_id"])
    after = ids.map(log[log["date"] >= day].groupby("account_id")["revenue"].sum()).fillna(0.0).to_numpy()
    known, year = history.lines, history.window(12)
    bought = known[known["revenue"] > 0]
    rules = {
        "recency": -(day - ids.map(bought.groupby("account_id")["date"].max())).dt.days.fillna(9e9).to_numpy(float),
        "frequency": ids.map(
            bought["date"].dt.normalize().groupby(bought["account_id"]).nunique()
        ).fillna(0).to_numpy(float),
        "last year's revenue": ids.map(year.groupby("account_id")["revenue"].sum()).fillna(0.0).to_numpy(),
    }  # fmt: skip
    names = ", ".join(component.name for component in choice.components)
    return f"{choice.preset} ({names})", found["icp_score"].to_numpy(), after, rules


def over_seeds(name: str, logs: list[tuple[pd.DataFrame, pd.DataFrame]]) -> str:
    """One row of the table of many logs: mean correlations, and the mean difference with its 95 % interval."""
    mine, best, gaps, chosen = [], [], [], set()
    for customers, log in logs:
        preset, score, after, rules = scores_and_rules(customers, log)
        chosen.add(preset)
        mine.append(spearman(score, after))
        best.append(max(spearman(values, after) for values in rules.values()))
        gaps.append(mine[-1] - best[-1])
    half = 1.96 * np.std(gaps, ddof=1) / np.sqrt(len(gaps))
    low, high = np.mean(gaps) - half, np.mean(gaps) + half
    return (
        f"| {name} | {len(logs)} | {'; '.join(sorted(chosen))} | {np.mean(mine):.3f} | {np.mean(best):.3f} | "
        f"{np.mean(gaps):+.3f} ({low:+.3f} to {high:+.3f}) | {np.mean(np.array(gaps) > 0):.0%} |"
    )


def measured(name: str, customers: pd.DataFrame, log: pd.DataFrame) -> str:
    """One row of the table."""
    preset, score, after, rules = scores_and_rules(customers, log)
    best = max(rules, key=lambda rule: spearman(rules[rule], after))
    rng = np.random.default_rng(0)
    draws = [rng.integers(0, len(after), len(after)) for _ in range(RESAMPLES)]
    mine = [spearman(score[take], after[take]) for take in draws]
    gaps = [one - spearman(rules[best][take], after[take]) for one, take in zip(mine, draws, strict=True)]
    low, high = np.quantile(mine, [0.025, 0.975])
    least, most = np.quantile(gaps, [0.025, 0.975])
    told = ", ".join(f"{rule} {spearman(values, after):.3f}" for rule, values in rules.items())
    return (
        f"| {name} | {len(after):,} | {preset} | {score.std():.1f} | {spearman(score, after):.3f} "
        f"({low:.3f} to {high:.3f}) | {told} | {np.mean(gaps):+.3f} ({least:+.3f} to {most:+.3f}) |"
    )


KNOWN = {"like classicmodels": "classic", "like the Financial Sample": "finance", "subscriptions": "subscription"}


def main() -> None:
    """Print the table."""
    if sys.argv[1:2] == ["seeds"]:
        many = int(sys.argv[2]) if len(sys.argv) > 2 else 20
        print("| log | logs | preset | score | best single rule of each | difference (95 %) | better in |")
        print("| --- | ---: | --- | ---: | ---: | --- | ---: |")
        for name, kind in KNOWN.items():
            print(over_seeds(name, [simulated(kind, seed=2000 + seed) for seed in range(many)]), flush=True)
        for kind in ("wholesale", "projects", "licences", "spare parts"):
            print(over_seeds(kind, [other(kind, 500 + seed) for seed in range(many)]), flush=True)
        return
    print("| log | accounts | preset | spread of scores | score | single rules | score less the best rule |")
    print("| --- | ---: | --- | ---: | --- | --- | --- |")
    for name, kind in KNOWN.items():
        print(measured(name, *simulated(kind)), flush=True)
    print(measured("Online Retail", *retail()), flush=True)


if __name__ == "__main__":
    main()

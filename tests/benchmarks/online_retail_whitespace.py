"""What the whitespace list is worth on UCI Online Retail: purchases and revenue of the next three months at its top.

Everything is learned from cutoffs whose label windows ended by 2011-09-01; the list is made as of that day, by the
settings that the package comes with, and only then compared with what was bought until 2011-12-01.

    python tests/benchmarks/online_retail_whitespace.py --full          # all divisions, the table of the docs
    python tests/benchmarks/online_retail_whitespace.py                 # three divisions, a minute or so
    python tests/benchmarks/online_retail_whitespace.py --full --cutoff 2011-06-01   # the same a window earlier
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import icp_xl
from icp_xl.tables.star_calendar import add_months

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "online-retail"
WINDOW = 3
#: First day of the log; a list is learned from the windows that fit between it and the day of the list.
FIRST = date(2010, 12, 1)
TOP = 0.10
OURS = "list"
#: The lists that get a table each beside the default one, by what they set.
LISTS = {
    "list, rank_by balanced": {"whitespace.rank_by": "balanced"},
    "list, rank_by value": {"whitespace.rank_by": "value"},
}
#: Lists that stand in the tables without one of their own.
OTHERS = {
    "the challenger's list": {"whitespace.rank_by": "challenger"},
    "list on the scale percentile": {"whitespace.normalize": "percentile"},
}
FEW = ("Christmas", "Garden", "Home")


def settings_for(out: Path, divisions: Sequence[str]) -> dict[str, Any]:
    """Settings of the build and the list, beside the defaults."""
    return {
        "paths.data": str(DATA),
        "sources.accept_losses": True,  # A quarter of its lines names no customer.
        "paths.out": str(out),
        "sources.sales": {"file": "online_retail.parquet"},
        "sources.customers": {"ignore": True},
        "columns.sales": {
            "date": "InvoiceDate", "account_id": "CustomerID", "sku": "StockCode", "product": "Description",
            "quantity": "Quantity", "revenue": "= [Quantity] * [UnitPrice]", "invoice": "InvoiceNo",
            "country": "Country",
        },
        "build.sku_map": str(DATA / "sku_divisions.csv"),
        "build.window_months": WINDOW,
        "build.divisions": list(divisions),
        "whitespace.sheet_rows": 100,
        "whitespace.division_sheets": False,
    }  # fmt: skip


def score(given: Mapping[str, Any], cutoff: date) -> None:
    """Build, fit every division on what was known at ``cutoff``, and score as of it: what ``icp-xl train`` does."""
    learn = [add_months(cutoff, -WINDOW * k) for k in (2, 1) if add_months(cutoff, -WINDOW * k) > FIRST]
    icp_xl.build({**given, "build.cutoffs": [cutoff.isoformat()]})
    days = [day.isoformat() for day in learn]
    found = icp_xl.train({**given, "train.cutoffs": days, "train.score_cutoff": cutoff.isoformat()})
    assert found is not None and found.cutoffs == tuple(learn)
    for name, part in found.scores.groupby("division"):
        first = part.iloc[0]
        print(
            f"  {name}: {first['model_kind']}, {first['verdict']}, mean chance {part['p_icp'].mean():.3f}", flush=True
        )


def outcomes(out: Path, cutoff: date) -> pd.DataFrame:
    """What was bought after the cutoff: account_id, division, label, revenue."""
    files = sorted((out / "curated/labels").glob(f"labels_*_{cutoff}.parquet"))
    frame = pd.concat([pd.read_parquet(path) for path in files], ignore_index=True)
    frame["revenue"] = frame["revenue"].clip(lower=0.0)
    return frame[["account_id", "division", "label", "revenue"]]


def rules(pairs: pd.DataFrame, cutoff: date, whitespace: bool) -> dict[str, np.ndarray[Any, Any]]:
    """Orders that one would call by without a model, larger first."""
    owners = pairs["owned_share"].to_numpy() * 1e-6
    since = (pd.Timestamp(cutoff) - pairs["last_bought"]).dt.days.fillna(10_000)
    account_since = pd.Series(since).groupby(pairs["account_id"]).transform("min").to_numpy()
    of_account = {
        "account's frequency": pairs["account_lines"].to_numpy() + owners,
        "account's last year's revenue": pairs["account_value"].to_numpy() + owners,
    }
    if whitespace:
        return {"division's popularity": owners} | of_account
    return {
        "frequency (lines in the division)": pairs["lines_own"].to_numpy() + 0.0,
        "frequency (days in the division)": pairs["days_own"].to_numpy() + 0.0,
        "recency in the division": -since.to_numpy(),
        "last year's revenue in the division": pairs["value_own"].to_numpy() + 0.0,
        **of_account,
        "account's recency": -account_since + owners,
    }


def captured(
    order: np.ndarray[Any, Any], weight: np.ndarray[Any, Any], amounts: Sequence[np.ndarray[Any, Any]]
) -> list[float]:
    """Share of each amount within the first tenth of ``order``; ``weight`` says how often each row counts."""
    w = weight[order]
    inside = np.cumsum(w) <= TOP * w.sum()
    return [float((a[order] * w)[inside].sum() / (a * weight).sum()) for a in amounts]


def compare(
    orders: Mapping[str, np.ndarray[Any, Any]], pairs: pd.DataFrame, resamples: int, seed: int = 1
) -> dict[str, pd.DataFrame]:
    """Per list of ours, one row per order: purchases and revenue captured, and how far the list is ahead, with 95 %.

    The bootstrap draws accounts, and compares orders on the same draws.
    """
    rng = np.random.default_rng(seed)
    account = pd.factorize(pairs["account_id"])[0]
    n = int(account.max()) + 1
    amounts = [pairs["label"].to_numpy(dtype=float), pairs["revenue"].to_numpy(dtype=float)]
    sorted_ = {name: np.argsort(-values, kind="stable") for name, values in orders.items()}
    whole = {name: captured(order, np.ones(len(pairs)), amounts) for name, order in sorted_.items()}
    draws = np.empty((resamples, len(orders), 2))
    for i in range(resamples):
        weight = np.bincount(rng.integers(0, n, n), minlength=n)[account].astype(float)
        draws[i] = [captured(order, weight, amounts) for order in sorted_.values()]
    return {ours: _ahead(ours, whole, draws) for ours in (OURS, *LISTS)}


def _ahead(ours: str, whole: Mapping[str, Sequence[float]], draws: np.ndarray[Any, Any]) -> pd.DataFrame:
    rows = []
    mine, first = whole[ours], list(whole).index(ours)
    for k, name in enumerate(whole):
        ahead = draws[:, first] - draws[:, k]
        low, high = np.quantile(ahead, [0.025, 0.975], axis=0)
        rows.append(
            {
                "order": name, "purchases": whole[name][0], "revenue": whole[name][1],
                "purchases ahead": mine[0] - whole[name][0], "p low": low[0], "p high": high[0],
                "revenue ahead": mine[1] - whole[name][1], "r low": low[1], "r high": high[1],
            }
        )  # fmt: skip
    return pd.DataFrame(rows)


def show(title: str, ours: str, table: pd.DataFrame, pairs: pd.DataFrame) -> None:
    """Print a table as the docs have it."""
    print(f"\n{title}, {ours}: {len(pairs):,} pairs, {int(pairs['label'].sum()):,} bought, "
          f"revenue {pairs['revenue'].sum():,.0f}")  # fmt: skip
    print("| order | purchases | list ahead by (95 %) | revenue | list ahead by (95 %) |")
    print("| --- | --- | --- | --- | --- |")
    for row in table.to_dict("records"):
        own = row["order"] == ours
        p = "" if own else f"{row['purchases ahead']:+.1%} ({row['p low']:+.1%} to {row['p high']:+.1%})"
        r = "" if own else f"{row['revenue ahead']:+.1%} ({row['r low']:+.1%} to {row['r high']:+.1%})"
        print(f"| {row['order']} | {row['purchases']:.1%} | {p} | {row['revenue']:.1%} | {r} |")


def main() -> None:
    """Build, fit, rank, compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--full", action="store_true", help="all divisions")
    parser.add_argument("--cutoff", default="2011-09-01", help="the day of the list")
    parser.add_argument("--out", type=Path, help="folder to keep what is built, and to take up again")
    parser.add_argument("--resamples", type=int, default=1000, help="bootstrap resamples")
    chosen = parser.parse_args()
    cutoff = date.fromisoformat(chosen.cutoff)
    with tempfile.TemporaryDirectory() as scratch:
        out = chosen.out or Path(scratch)
        given = settings_for(out, () if chosen.full else FEW)
        began = time.process_time()
        if not (out / "state/icp_scores.parquet").is_file():
            score(given, cutoff)
        truth = outcomes(out, cutoff)
        for title, ownership in (("All pairs", "off"), ("Never bought before", "ever")):
            mine = {**given, "whitespace.ownership": ownership}
            pairs = icp_xl.rank_whitespace(mine).ranking.ranked.merge(truth, on=["account_id", "division"], how="left")
            pairs[["label", "revenue"]] = pairs[["label", "revenue"]].fillna(0.0)
            # Rules have many ties: those must fall by chance, not as the list has them.
            pairs = pairs.sort_values(["account_id", "division"]).sample(frac=1.0, random_state=1)
            keys = pd.MultiIndex.from_frame(pairs[["account_id", "division"]])
            orders = {OURS: -pairs["rank"].to_numpy(dtype=float)}
            for name, how in (LISTS | OTHERS).items():
                other = icp_xl.rank_whitespace({**mine, **how}).ranking.ranked.set_index(["account_id", "division"])
                orders[name] = -other["rank"].astype(float).reindex(keys).to_numpy()
            orders |= {f"by {name}": values for name, values in rules(pairs, cutoff, ownership == "ever").items()}
            for ours, table in compare(orders, pairs, chosen.resamples).items():
                show(title, ours, table, pairs)
        print(f"\n{time.process_time() - began:.0f} CPU seconds")


if __name__ == "__main__":
    main()

"""How well likeness to a division's owners finds who buys it next, on UCI Online Retail.

Fitted on the lines before the cutoff. A pair counts where the account had not bought the division before; the outcome
is a purchase within the three months after. AUC and average precision are means over divisions with ten such buyers.

    python tests/benchmarks/online_retail_likeness.py      # needs the package implicit (extra ``dev``)
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix
from sklearn.metrics import average_precision_score, roc_auc_score

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from icp_xl.config import Settings  # noqa: E402
from icp_xl.features.embeddings import _similarity, factorise  # noqa: E402

DATA = ROOT.parent / "shared" / "data" / "online-retail"
CUTOFFS = ("2011-03-01", "2011-06-01", "2011-09-01")
WINDOW = pd.DateOffset(months=3)


def read_lines() -> pd.DataFrame:
    """Purchases: account, sku, division, day."""
    lines = pd.read_parquet(DATA / "online_retail.parquet")
    lines = lines[(lines["Quantity"] > 0) & (lines["UnitPrice"] > 0) & lines["CustomerID"].notna()]
    divisions = pd.read_csv(DATA / "sku_divisions.csv", dtype=str).set_index("sku")["division"]
    lines = lines.assign(sku=lines["StockCode"].astype(str), day=pd.to_datetime(lines["InvoiceDate"]))
    return lines.assign(division=lines["sku"].map(divisions), account=lines["CustomerID"].astype(str))


def implicit_factors(matrix: csr_matrix, settings: Settings) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Factors by the package implicit, with the same settings."""
    from implicit.cpu.als import AlternatingLeastSquares
    from threadpoolctl import threadpool_limits

    chosen = settings.features
    with threadpool_limits(limits=1):
        model = AlternatingLeastSquares(
            factors=chosen.als_factors, regularization=chosen.als_regularization, iterations=chosen.als_iterations,
            num_threads=1, random_state=settings.run.seed, dtype=np.float32, use_cg=True, use_native=True,
        )  # fmt: skip
        model.fit(matrix.astype(np.float32), show_progress=False)
    return np.asarray(model.user_factors, float), np.asarray(model.item_factors, float)


def ease_scores(matrix: csr_matrix, strength: float) -> np.ndarray[Any, Any]:
    """Scores of every account and code by EASE (Steck 2019): a closed-form item-to-item regression."""
    binary = (matrix > 0).astype(float)
    inverse = np.linalg.inv((binary.T @ binary).toarray() + strength * np.eye(binary.shape[1]))
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0.0)
    return np.asarray(binary @ weights)


def main() -> None:
    """Fit, compare, print."""
    if "--help" in sys.argv:
        print(__doc__)
        return
    lines, settings, rows = read_lines(), Settings(), []
    for cutoff in map(pd.Timestamp, CUTOFFS):
        before = lines[lines["day"] < cutoff]
        after = lines[(lines["day"] >= cutoff) & (lines["day"] < cutoff + WINDOW)]
        row, accounts = pd.factorize(before["account"], sort=True)
        column, skus = pd.factorize(before["sku"], sort=True)
        n = csr_matrix((np.ones(len(row)), (row, column)), shape=(len(accounts), len(skus)))
        weighted = n.copy()
        weighted.data = settings.features.als_alpha * np.log1p(n.data)
        of_code = before.drop_duplicates("sku").set_index("sku")["division"].reindex(skus).to_numpy()
        found: dict[str, Any] = {}
        spent: dict[str, float] = {}
        for name, fit in (("ours", factorise), ("implicit", implicit_factors)):
            began = time.process_time()
            users, items = fit(weighted, settings)
            spent[name] = time.process_time() - began
            found[name] = lambda chosen, u=users, i=items: _similarity(u, i, chosen)
        for strength in (100.0, 500.0):
            scores = ease_scores(n, strength)
            found[f"EASE {strength:g}"] = lambda chosen, s=scores: s[:, chosen].mean(axis=1)
        counts = np.asarray((n > 0).sum(axis=1), dtype=float).ravel()
        found["codes bought"] = lambda _, s=counts: s
        for name, likeness in found.items():
            for division in sorted({d for d in of_code if isinstance(d, str)}):
                chosen = np.flatnonzero(of_code == division)
                owned = np.asarray(n[:, chosen].sum(axis=1)).ravel() > 0
                bought = np.isin(accounts, after.loc[after["division"] == division, "account"])
                new = ~owned
                if bought[new].sum() >= 10:
                    values = likeness(chosen)[new]
                    rows.append((name, f"{cutoff:%Y-%m-%d}", division, roc_auc_score(bought[new], values),
                                 average_precision_score(bought[new], values)))  # fmt: skip
        print(f"{cutoff:%Y-%m-%d}: {n.shape[0]:,} accounts, {n.shape[1]:,} codes, {n.nnz:,} pairs; CPU "
              + ", ".join(f"{name} {seconds:.1f} s" for name, seconds in spent.items()))  # fmt: skip
    table = pd.DataFrame(rows, columns=["likeness", "cutoff", "division", "AUC", "average precision"])
    print(table.groupby(["likeness", "cutoff"])[["AUC", "average precision"]].mean().unstack().round(4).to_string())
    print(table.groupby("likeness")[["AUC", "average precision"]].agg(["mean", "size"]).round(4).to_string())


if __name__ == "__main__":
    main()

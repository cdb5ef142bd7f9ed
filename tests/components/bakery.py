"""A bakery wholesaler: customers, deliveries, and a score of five components declared on the settings sheet."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

NAMES = ("class", "bread", "seats", "fresh", "growth")
#: Rows of the sheet ICP Settings.
SETTINGS = (
    ("scoring.components.class.kind", "lookup"),
    ("scoring.components.class.column", "Loyalty Class"),
    ("scoring.components.class.label", "Loyalty"),
    ("scoring.components.bread.kind", "revenue"),
    ("scoring.components.bread.divisions", "Bread, Rolls"),
    ("scoring.components.bread.weight", 0.3),
    ("scoring.components.seats.kind", "tiers"),
    ("scoring.components.seats.column", "Seats"),
    ("scoring.components.seats.tiers", "0: 0.2; 40: 0.6; 120: 1"),
    ("scoring.components.fresh.kind", "recency"),
    ("scoring.components.fresh.months", 2),
    ("scoring.components.growth.kind", "growth"),
)


def write_bakery(folder: Path, accounts: int = 120, seed: int = 4, settings: bool = True) -> None:
    """Write Customers.xlsx and Sales log.xlsx into ``folder``."""
    rng = np.random.default_rng(seed)
    ids = [f"C{i:04d}" for i in range(accounts)]
    taste = rng.normal(0.0, 1.0, accounts)
    grade = np.select([taste > 0.8, taste > -0.4], ["Gold", "Silver"], "Bronze")
    customers = pd.DataFrame(
        {
            "Customer ID": ids,
            "Customer Name": [f"Cafe Number {i} Ltd" for i in range(accounts)],
            "Loyalty Class": grade,
            "Seats": np.round(np.exp(rng.normal(4.0, 0.7, accounts))),
            "Rep": [("Anna Berg", "Ben Carr", "Cleo Dorn")[i % 3] for i in range(accounts)],
        }
    )
    lines = []
    for i, one in enumerate(ids):
        for _ in range(int(rng.poisson(20 * np.exp(0.4 * taste[i])))):
            day = pd.Timestamp("2022-01-01") + pd.Timedelta(days=int(rng.integers(0, 900)))
            division = rng.choice(["Bread", "Rolls", "Cakes", "Coffee"], p=[0.4, 0.2, 0.25, 0.15])
            lines.append(
                (day, one, division, f"{division} {rng.integers(1, 9)}", round(float(rng.lognormal(4, 0.6)), 2))
            )
    sales = pd.DataFrame(lines, columns=["Date", "Customer ID", "Division", "Product", "Revenue"])
    with pd.ExcelWriter(folder / "Customers.xlsx") as book:
        customers.to_excel(book, sheet_name="Customers", index=False)
        if settings:
            pd.DataFrame(SETTINGS, columns=["Setting", "Value"]).to_excel(book, sheet_name="ICP Settings", index=False)
    sales.to_excel(folder / "Sales log.xlsx", index=False)

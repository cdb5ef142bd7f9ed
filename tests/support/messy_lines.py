"""Sales lines, customers and assets with everything that real ones have, on days that sit on every boundary."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import numpy as np
import pandas as pd

DIVISIONS = ("Printers", "Software", "Service", "3D & Scan")
FIRST = dt.date(2023, 1, 1)
DAYS = 1060


def boundary_days(cutoffs: Sequence[dt.date], windows: Sequence[int] = (3, 6, 12, 24)) -> list[dt.date]:
    """Each cutoff and each window's first day, and the day before and after each."""
    found = []
    for cutoff in cutoffs:
        for months in (0, *windows, *(-w for w in windows)):
            day = (pd.Timestamp(cutoff) - pd.DateOffset(months=months)).date()
            found += [day - dt.timedelta(1), day, day + dt.timedelta(1)]
    return sorted(set(found))


def messy_lines(seed: int, cutoffs: Sequence[dt.date], n: int = 260, accounts: int = 18) -> pd.DataFrame:
    """Sales lines as the build takes them.

    Returns, cancellations by invoice number with either sign, exact duplicates, fees, codes and divisions in several
    spellings, lines without code, gross profit or quantity, times of day, and a third of all dates on a boundary.
    """
    draw = np.random.default_rng(seed)
    edges = boundary_days(cutoffs)
    rows = []
    for k in range(n):
        day = FIRST + dt.timedelta(int(draw.integers(0, DAYS)))
        if draw.random() < 0.35:
            day = edges[int(draw.integers(0, len(edges)))]
        moment = dt.datetime.combine(day, dt.time()) + dt.timedelta(seconds=int(draw.choice([0, 0, 41_000, 86_399])))
        d = int(draw.choice(len(DIVISIONS), p=[0.5, 0.3, 0.15, 0.05]))
        division, sku = DIVISIONS[d], f"{DIVISIONS[d][:2].strip()}-{draw.integers(0, 6)}"
        revenue, invoice = round(float(draw.gamma(1.5, 150.0)), 2), f"I{k // 3:05d}"
        kind = draw.random()
        if kind < 0.08:
            revenue = -revenue
        elif kind < 0.12:
            invoice, revenue = f"C{k:05d}", -revenue
        elif kind < 0.14:
            invoice = f"C{k:05d}"
        elif kind < 0.17:
            revenue = 0.0
        if draw.random() < 0.06:
            sku = str(draw.choice(["POST", "post", "Gift_9", "M"]))
        elif draw.random() < 0.15:
            sku = sku.lower()
        rows.append(
            {
                "date": moment,
                "account_id": f"A{int(accounts * draw.random() ** 1.6):02d}",
                "division": division.upper() if draw.random() < 0.1 else division,
                "sku": None if draw.random() < 0.04 else sku,
                "product": f"Thing {sku.upper()}",
                "quantity": float(np.sign(revenue)) if draw.random() < 0.95 else None,
                "revenue": revenue,
                "gross_profit": None if draw.random() < 0.1 else round(revenue * float(draw.uniform(-0.1, 0.6)), 2),
                "category": "hardware",
                "rep": "Kim",
                "invoice": invoice,
                "region": "West",
            }
        )
    frame = pd.DataFrame(rows)
    again = frame.iloc[draw.integers(0, n, n // 25)]
    frame = pd.concat([frame, again], ignore_index=True)
    return frame.assign(source_row=np.arange(2, len(frame) + 2))


def messy_customers(seed: int, accounts: int = 22) -> pd.DataFrame:
    """One row per account, some without a sale, with gaps in every field."""
    draw = np.random.default_rng(seed + 1)

    def gaps(values: Sequence[object]) -> list[object]:
        return [None if draw.random() < 0.2 else value for value in values]

    count = range(accounts)
    return pd.DataFrame(
        {
            "account_id": [f"A{k:02d}" for k in count],
            "account_name": [f"Company {k}" for k in count],
            "industry": gaps([("Toys", "Steel", "Food")[k % 3] for k in count]),
            "segment": [None if k % 4 else "Strategic" for k in count],
            "region": gaps([("West", "East")[k % 2] for k in count]),
            "rep": gaps([f"Rep {k % 5}" for k in count]),
            "annual_revenue": gaps([round(float(10 ** draw.uniform(5, 9.5)), 2) for _ in count]),
            "printers": gaps([float(draw.integers(0, 40)) for _ in count]),
        }
    ).astype({"annual_revenue": float, "printers": float})


def messy_assets(seed: int, cutoffs: Sequence[dt.date], n: int = 60, accounts: int = 24) -> pd.DataFrame:
    """One row per asset: unknown starts and expiries, dates on boundaries, accounts that no table knows."""
    draw = np.random.default_rng(seed + 2)
    edges = [
        cutoff + dt.timedelta(days)
        for cutoff in cutoffs
        for days in (-366, -1, 0, 1, 29, 30, 31, 59, 60, 61, 89, 90, 91)
    ]
    rows = []
    for _ in range(n):
        start = FIRST + dt.timedelta(int(draw.integers(-200, DAYS)))
        expiry = start + dt.timedelta(int(draw.choice([180, 365, 366, 730])))
        if draw.random() < 0.5:
            expiry = edges[int(draw.integers(0, len(edges)))]
        if draw.random() < 0.2:
            start = edges[int(draw.integers(0, len(edges)))]
        d = int(draw.integers(0, len(DIVISIONS)))
        rows.append(
            {
                "account_id": f"A{int(draw.integers(0, accounts)):02d}",
                "sku": f"{DIVISIONS[d][:2].strip()}-{draw.integers(0, 7)}",
                "product": "Thing",
                "start_date": None if draw.random() < 0.2 else pd.Timestamp(start),
                "expiry_date": None if draw.random() < 0.15 else pd.Timestamp(expiry),
                "subscription": bool(draw.random() < 0.5),
                "quantity": None if draw.random() < 0.1 else float(draw.integers(1, 5)),
                "division": [None, DIVISIONS[d], DIVISIONS[d].upper()][int(draw.integers(0, 3))],
            }
        )
    return pd.DataFrame(rows)

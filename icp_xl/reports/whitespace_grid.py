"""The sheet *Grid*: accounts × divisions, what each has, what is under way, and how likely the gaps are filled."""

from __future__ import annotations

import numpy as np
import pandas as pd

from icp_xl.reports.spec import Column, Sheet, Table
from icp_xl.reports.words import say_count
from icp_xl.whitespace.frames import codes
from icp_xl.whitespace.model import Ranking

#: Divisions up to which the grid is printed: on one page's width more are not legible.
MOST_PRINTED = 16
#: What a cell says where it is no chance.
_WORDS = {"owned": "owned", "open deal": "open deal", "not eligible": "–"}


def build_grid_sheet(ranking: Ranking, most: int, value_name: str = "revenue") -> Sheet:
    """One row per account, one column per division; a gap shows its chance, shaded, anything else its state."""
    pairs = ranking.pairs
    divisions = sorted(pairs["division"].unique())
    account, names = codes(pairs["account_id"])
    place, _ = codes(pairs["division"])
    chance = np.where(pairs["state"] == "gap", pairs["p_icp"].to_numpy(dtype=np.float64), np.nan)
    value = np.nan_to_num(pairs["expected_value"].to_numpy(dtype=np.float64)) * (pairs["removed_by"] == "").to_numpy()
    worth = np.bincount(account, weights=value, minlength=len(names))
    chosen = np.argsort(-worth, kind="stable")[:most]
    row_of = np.full(len(names), -1)
    row_of[chosen] = np.arange(len(chosen))
    cells = np.full((len(chosen), len(divisions)), None, dtype=object)
    kept = row_of[account] >= 0
    words = pairs["state"].map(_WORDS).to_numpy(dtype=object)
    content = np.where(np.isnan(chance), words, chance.astype(object))
    cells[row_of[account[kept]], place[kept]] = content[kept]
    first = pairs.iloc[np.sort(np.unique(account, return_index=True)[1])]
    people = first.set_index("account_id").reindex(names[chosen])
    frame = pd.DataFrame(
        {
            "account_id": names[chosen],
            "account_name": people["account_name"].to_numpy(dtype=object),
            "rep": people["rep"].to_numpy(dtype=object),
            "worth": worth[chosen],
        }
    )
    columns = [
        Column("account_id", "Account id", "id"),
        Column("account_name", "Account name", width=30),
        Column("rep", "Rep", width=18),
        Column("worth", f"Expected {value_name} of the gaps", "money", width=15),
    ]
    for i, name in enumerate(divisions):
        frame[f"d{i}"] = pd.Series(cells[:, i], dtype="object")
        columns.append(
            Column(f"d{i}", str(name), "probability", decimals=0, width=14, rule="scale", align="center")
        )  # fmt: skip
    accounts = len(names) if ranking.whole is None else ranking.whole.accounts
    rest = "" if len(chosen) == accounts else f" The {len(chosen):,} most valuable of {accounts:,} accounts."
    return Sheet(
        "Grid",
        "Accounts and divisions",
        [Table("ws_grid", columns, frame, empty_text="There are no accounts.")],
        subtitle=(
            f"A figure is the chance that a gap is filled within {say_count(ranking.window_months, 'month')}, darker "
            f"is likelier; – may not be called now.{rest}"
        ),
        freeze_table="ws_grid",
        freeze_columns=2,
        printed=len(divisions) <= MOST_PRINTED,
        kind="data",
    )

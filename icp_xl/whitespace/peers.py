"""What accounts bought next: of those that added a division after a given one, how many took each.

Also what expires at an account soon. Both are talking points: facts a rep can open a call with.
"""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from icp_xl.tables.star_calendar import from_day
from icp_xl.whitespace.frames import as_text, codes
from icp_xl.whitespace.model import Texts

#: Fewest accounts that took the division next before it is spoken of.
_FEWEST = 5
#: A share this many times an even one over the other divisions is worth a word.
_ABOVE = 1.2


def next_divisions(first_days: pd.DataFrame) -> pd.DataFrame:
    """One row per ordered pair of divisions: after, division, took (accounts), movers (accounts), share.

    ``movers`` are accounts that bought ``after`` and later a division that was new to them; ``took`` of them bought
    ``division`` before any other new one (or on the same day).

    Args:
        first_days: account_id, division, first_day (days since 1970), one row per pair with a purchase.
    """
    account, _ = codes(first_days["account_id"])
    place, names = codes(first_days["division"])
    n, width = int(account.max(initial=-1)) + 1, len(names)
    when = np.full((n, width), np.inf)
    when[account, place] = first_days["first_day"].to_numpy(dtype=np.float64)
    rows = []
    for a in range(width):
        owners = when[np.isfinite(when[:, a])]
        later = np.where(owners > owners[:, [a]], owners, np.inf)
        soonest = later.min(axis=1, initial=np.inf)
        moved = np.isfinite(soonest)
        took = (later[moved] == soonest[moved, None]).sum(axis=0)
        movers = int(moved.sum())
        rows += [(names[a], names[b], int(took[b]), movers) for b in range(width) if b != a]
    out = pd.DataFrame(rows, columns=["after", "division", "took", "movers"])
    out["share"] = out["took"] / out["movers"].clip(lower=1)
    return out


def peer_points(frame: pd.DataFrame, first_days: pd.DataFrame, fewest: int) -> Texts:
    """Per candidate: the division it has after which peers took this one most often, in words; "" without evidence."""
    return peers_said(
        frame, next_divisions(first_days), first_days, max(first_days["division"].nunique() - 1, 1), fewest
    )


def peers_said(frame: pd.DataFrame, table: pd.DataFrame, owned: pd.DataFrame, width: int, fewest: int) -> Texts:
    """As :func:`peer_points`, from a table that was counted already.

    Args:
        frame: candidates.
        table: see :func:`next_divisions`.
        owned: account_id and division of what the accounts of ``frame`` bought.
        width: divisions less one.
        fewest: accounts that a statement needs.
    """
    out = np.full(len(frame), "", dtype=object)
    table = table[(table["movers"] >= fewest) & (table["took"] >= _FEWEST) & (table["share"] >= _ABOVE / width)]
    table = table.sort_values(["division", "share", "movers", "after"], ascending=[True, False, False, True])
    has_it = {str(name): set(rows) for name, rows in owned.groupby("division")["account_id"]}
    account = frame["account_id"].to_numpy(dtype=object)
    for division, rows in frame.groupby("division", sort=True).indices.items():
        left = np.ones(len(rows), dtype=bool)
        has = pd.Series(account[rows])
        for rule in table[table["division"] == division].to_dict("records"):
            mine = has.isin(has_it.get(str(rule["after"]), set())).to_numpy() & left
            out[rows[mine]] = (
                f"After {rule['after']}, {rule['share']:.0%} of the accounts that added a division took {division} "
                f"next ({int(rule['took']):,} of {int(rule['movers']):,})"
            )
            left &= ~mine
    return out


def expiring_points(frame: pd.DataFrame, assets: pd.DataFrame, cutoff_day: int, days: int) -> Texts:
    """Per candidate: what of the account's expires within ``days`` from the cutoff, in words; "" where nothing does.

    Assets of the division itself come first, else the account's soonest.

    Args:
        assets: account_id, division, expiry_day, quantity, subscription (as the star schema has them).
    """
    out = np.full(len(frame), "", dtype=object)
    if assets.empty:
        return out
    soon = assets[(assets["expiry_day"] >= cutoff_day) & (assets["expiry_day"] < cutoff_day + days)]
    soon = soon.assign(division=as_text(soon["division"]), account_id=as_text(soon["account_id"]))
    soon = soon[soon["division"] != ""]
    if soon.empty:
        return out
    grouped = soon.groupby(["account_id", "division"])["expiry_day"].agg(["size", "min"]).reset_index()
    grouped["words"] = [
        f"{n} {division} {'asset expires' if n == 1 else 'assets expire'}, the first on {_day(day)}"
        if n > 1
        else f"A {division} asset expires on {_day(day)}"
        for division, n, day in zip(grouped["division"], grouped["size"], grouped["min"], strict=True)
    ]
    any_of = grouped.sort_values(["account_id", "min", "division"]).drop_duplicates("account_id")
    first = any_of.set_index("account_id")["words"].reindex(frame["account_id"]).to_numpy(dtype=object)
    keys = pd.MultiIndex.from_frame(frame[["account_id", "division"]])
    own = grouped.set_index(["account_id", "division"])["words"].reindex(keys).to_numpy(dtype=object)
    found = np.where(pd.isna(own), first, own)
    out[~pd.isna(found)] = found[~pd.isna(found)]
    return out


def _day(day: float) -> str:
    when: date = from_day(int(day))
    return f"{when.day} {when:%b %Y}"

"""Quantiles of many accounts in ordinary cells, without asking for each among all of them.

A worksheet has no sorted copy of a column that every Excel can keep without an array formula, and 1,001 ``PERCENTILE``
over all accounts cost more than all else in the workbook. So the keys are brought into windows, each of which holds
the keys of a known run of ranks:

1. ``sorted``: blocks of ``BLOCK`` rows, each in ascending order by ``SMALL`` over the block;
2. ``live_parts``: every block is cut at the same values, which are the keys just below the windows' edges and those
   less one (keys are whole numbers), so that keys equal to an edge are a part of their own; each part knows where it
   goes when all parts stand by value first, then by block;
3. ``gathered``: the keys in that order. A window is no longer sorted inside, but no key is below any of an earlier one,
   and a run of equal keys that an edge cuts is the same on both sides.

A knot is then the ``PERCENTILE`` of one window.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from icp_xl.reports.spec import Column, Sheet, Table

#: Accounts from which it is worth it; there must be more of them than knots.
SORTED_FROM = 5_000
#: A knot asked for among all accounts.
DIRECT = "PERCENTILE(icp_keys,{number}/(ROWS(icp_knots)-1))"
BLOCK = 128
WINDOWS = 10


@dataclass(frozen=True)
class Windows:
    """The windows of ``accounts`` keys for ``knots`` knots, one at every window's edge."""

    accounts: int
    knots: int

    @property
    def knots_per_window(self) -> int:
        return (self.knots - 1) // WINDOWS

    @property
    def blocks(self) -> int:
        return -(-self.accounts // BLOCK)

    @property
    def parts(self) -> int:
        """Into how many parts a block is cut: one a window, and one of keys equal to an edge between two."""
        return 2 * WINDOWS - 1

    def edge(self, window: int) -> int:
        """How many keys stand before the end of a window (counted from 1); none before that of window 0."""
        if window in (0, WINDOWS):
            return 0 if window == 0 else self.accounts
        return window * self.knots_per_window * (self.accounts - 1) // (self.knots - 1) + 1

    def block(self, number: int) -> tuple[int, int]:
        """First and last row of a block, all counted from 1."""
        return (number - 1) * BLOCK + 1, min(number * BLOCK, self.accounts)

    def knot(self, number: int) -> str:
        """Formula of the knot ``number`` (from 0), before it is rounded."""
        window, rest = divmod(number, self.knots_per_window)
        if number in (0, self.knots - 1):
            side, window = ("MAX", WINDOWS - 1) if number else ("MIN", 0)
            return f"{side}({{live.gathered:{self.edge(window) + 1}-{self.edge(window + 1)}}})"
        first, last = self.edge(window) + 1, self.edge(window + 1)
        if rest == 0:
            # Between the last key of the window before and the first of this one.
            edge, over = f"{{live_edges.key:{2 * window}}}", number * (self.accounts - 1) % (self.knots - 1)
            return f"{edge}+(MIN({{live.gathered:{first}-{last}}})-{edge})*{over}/{self.knots - 1}" if over else edge
        place = f"({{number}}*(icp_population-1)/(ROWS(icp_knots)-1)-{first - 1})/{last - first}"
        return f"PERCENTILE({{live.gathered:{first}-{last}}},{place})"


def windows(accounts: int, knots: int) -> Windows | None:
    """How the quantiles are asked for; ``None`` when directly."""
    worth = accounts >= max(SORTED_FROM, knots + 1) and (knots - 1) % WINDOWS == 0
    return Windows(accounts, knots) if worth else None


def sorted_columns(plan: Windows) -> list[Column]:
    """The columns ``sorted`` and ``gathered`` of the accounts."""
    in_blocks = []
    for number in range(1, plan.blocks + 1):
        first, last = plan.block(number)
        # The same in all its rows, which LibreOffice therefore computes in every core.
        in_blocks += [f"SMALL({{live.key:{first}-{last}}},ROW()-ROW({{live.key:{first}}})+1)"] * (last - first + 1)
    gathered = "INDEX({live.sorted},{row_no}+VLOOKUP({row_no},{live_parts.start..shift},2,TRUE))"
    return [
        Column("sorted", "Keys sorted in blocks", "integer", width=18, formula=in_blocks, hidden_from_print=True),
        Column("gathered", "Keys by window", "integer", width=18, formula=gathered, hidden_from_print=True),
    ]


def sorted_keys(keys: np.ndarray, plan: Windows) -> pd.DataFrame:
    """What those columns hold."""
    blocks = [np.sort(keys[start : start + BLOCK]) for start in range(0, plan.accounts, BLOCK)]
    parts = _parts(keys, plan)
    in_blocks = np.concatenate(blocks)
    rows = np.arange(1, plan.accounts + 1)
    shift = parts["shift"].to_numpy()[np.searchsorted(parts["start"].to_numpy(), rows, side="right") - 1]
    return pd.DataFrame({"sorted": in_blocks, "gathered": in_blocks[rows + shift - 1]})


def build_sorting(keys: np.ndarray, plan: Windows) -> Sheet:
    """The sheet of the windows' edges and of the parts of the blocks."""
    edges = _edges(keys, plan)
    # Equal keys may reach over several edges: none may be below the one before, or parts would not ascend.
    cut = ["{live_edges.key:2}-1"]
    for i in range(2, plan.parts):
        below = f"MAX({{live_edges.key:{i - 1}}},{{live_edges.key:{i + 1}}}-1)"
        cut.append(below if i % 2 else f"SMALL(icp_keys,{plan.edge(i // 2)})")
    number = Column("number", "No.", "integer", width=8)
    parts = _parts(keys, plan)
    many = plan.blocks
    up_to, start, shift = [], [], []
    for i, (part, block) in enumerate(zip(parts["part"], parts["block"], strict=True), 1):
        first, last = plan.block(block)
        # The last part ends with its block.
        here = f"IFERROR(MATCH({{live_edges.key:{part}}},{{live.sorted:{first}-{last}}},1),0)"
        up_to.append(here if part < plan.parts else f"{last - first + 1}")
        if i == 1:
            start.append("1")
        else:
            less = f"-{{live_parts.up_to:{i - 1 - many}}}" if i - 1 > many else ""
            start.append(f"{{live_parts.start:{i - 1}}}+{{live_parts.up_to:{i - 1}}}{less}")
        done = f"{{live_parts.up_to:{i - many}}}" if i > many else "0"
        shift.append(f"{first}+{done}-{{start}}")
    return Sheet(
        "Sorting", "How the keys are sorted",
        [
            Table("live_edges", [number, Column("key", "Keys up to", "integer", width=18, formula=cut)],
                  pd.DataFrame({"number": range(1, plan.parts), "key": edges}), title="Edges", filters=False),
            Table("live_parts",
                  [Column("start", "Goes to place", "integer", width=14, formula=start),
                   Column("shift", "Row less place", "integer", width=14, formula=shift),
                   Column("part", "Part", "integer", width=8), Column("block", "Block", "integer", width=8),
                   Column("up_to", "Keys of the block up to its end", "integer", width=14, formula=up_to)],
                  parts, title="Parts of the blocks", filters=False),
        ],
        subtitle="Blocks of keys are sorted, cut at the edges, and put together. Not printed.",
        kind="method", protected=True, portrait=True, printed=False,
    )  # fmt: skip


def _edges(keys: np.ndarray, plan: Windows) -> np.ndarray:
    ordered = np.sort(keys)
    at = np.asarray([ordered[plan.edge(window) - 1] for window in range(1, WINDOWS)])
    return np.maximum.accumulate(np.column_stack([at - 1, at]).ravel())


def _parts(keys: np.ndarray, plan: Windows) -> pd.DataFrame:
    edges = _edges(keys, plan)
    blocks = [np.sort(keys[start : start + BLOCK]) for start in range(0, plan.accounts, BLOCK)]
    # Rows are parts, columns are blocks.
    up_to = np.column_stack([np.append(np.searchsorted(block, edges, side="right"), len(block)) for block in blocks])
    before = np.vstack([np.zeros((1, plan.blocks), dtype=int), up_to[:-1]])
    count = (up_to - before).ravel()
    start = 1 + np.cumsum(count) - count
    first = np.tile(np.arange(plan.blocks) * BLOCK + 1, plan.parts)
    return pd.DataFrame(
        {
            "part": np.repeat(np.arange(1, plan.parts + 1), plan.blocks),
            "block": np.tile(np.arange(1, plan.blocks + 1), plan.parts),
            "up_to": up_to.ravel(), "start": start, "shift": first + before.ravel() - start,
        }
    )  # fmt: skip

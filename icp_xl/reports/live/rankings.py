"""Which accounts lead a list, without going through all accounts for each of its places.

The accounts are cut into blocks, and each step asks for less than the one before:

1. ``live_blocks``: the furthest value of every block;
2. ``live_leaders``: the blocks by that. One that comes after as many as the list has places holds none of its accounts;
3. ``live_first_up``, ``_down``, ``_best``: the first accounts of those blocks, of the k-th as many as the list has
   places from the k-th on;
4. ``live_places``, ``live_standing``: the first of them. Equal accounts stand in their published order.

Few accounts are one block. A value of 0 is one that is not there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from icp_xl.reports.live.figures import LEAST_MOVE, MOVERS, LiveFigures
from icp_xl.reports.spec import Block, Column, Table

#: Accounts from which they are cut into blocks.
BLOCKS_FROM = 5_000
#: Smaller ones cost LibreOffice more when it marks what hangs on a weight.
BLOCK = 1_024
#: More than a sheet has rows.
_BEYOND = 9_999_999


@dataclass(frozen=True)
class LeadingList:
    """A list of the ``places`` accounts that are furthest ``up`` or down in ``column``, where they meet ``named``."""

    name: Literal["up", "down", "best"]
    words: str
    column: Literal["place_change", "standing"]
    places: int
    named: str
    up: bool = True

    @property
    def cells(self) -> str:
        """The column that it ranks."""
        return f"{{live.{self.column}}}"

    @property
    def pick(self) -> str:
        return "LARGE" if self.up else "SMALL"

    @property
    def far(self) -> str:
        """What a value meets that is there."""
        return ">0" if self.up else "<0"

    def furthest(self, cells: str) -> str:
        """The furthest value of cells."""
        return f"{'MAX' if self.up else 'MIN'}({cells})"

    def place(self, cells: str, number: int | str) -> str:
        """The value that stands at a place, 0 where none is on this side of 0."""
        return self.furthest(f"0,IFERROR({self.pick}({cells},{number}),0)")

    def find(self, value: str, among: str, above: tuple[str, str] | None, inside: tuple[str, str] | None = None) -> str:
        """The row of a value, from 1: of equal ones that below the one ``above``.

        Args:
            value: its cell.
            among: the column that is searched.
            above: cells of the value and the row that stand above it.
            inside: how many rows come before those that are searched, and the last of these; all by default.
        """
        first = f"MATCH({value},{among},0)"
        last = f"ROWS({among})"
        if inside is not None:
            before, last = inside
            first = f"{before}+MATCH({value},{_rows(among, before, last)},0)"
        if above is not None:
            over, row = above
            first = f"IF({value}={over},{row}+MATCH({value},{_rows(among, row, last)},0),{first})"
        return f"IF({value}{self.far},{first},0)"


def _rows(column: str, before: str, last: str) -> str:
    return f"INDEX({column},{before}+1):INDEX({column},{last})"


def rankings(best: int) -> tuple[LeadingList, LeadingList, LeadingList]:
    """Who moves up, who moves down, and the ``best`` best accounts of the segment shown."""
    return (
        LeadingList("up", "Up", "place_change", MOVERS, f">={LEAST_MOVE}"),
        LeadingList("down", "Down", "place_change", MOVERS, f"<=-{LEAST_MOVE}", up=False),
        LeadingList("best", "Best", "standing", best, ">0"),
    )


def build_rankings(now: LiveFigures, best: int) -> list[Block | tuple[Block, ...]]:
    """The tables of all lists, from the last step to the first.

    Args:
        now: the figures as published.
        best: how many accounts the list of the best names.
    """
    made = rankings(best)
    accounts = len(now.accounts)
    size = BLOCK if accounts >= BLOCKS_FROM else max(accounts, 1)
    most = max(each.places for each in made)
    found: dict[str, _ListCells] = {
        each.name: _published(each, now.accounts[each.column].to_numpy(float), size, most) for each in made
    }
    number = Column("number", "No.", "integer", width=6)
    places = [number]
    for each in made[:2]:
        places += _list(each, "live_places", f"{each.name}_move", each.name, f"Row of the next to move {each.name}")
    lists = (
        Table("live_places", places, now.movers, title="Who moves most", filters=False),
        Table("live_standing", [number, *_list(made[2], "live_standing", "standing", "row", "Row")],
              now.best[["number", "standing", "row"]].head(best), title="Who is best", filters=False),
    )  # fmt: skip
    firsts = tuple(_firsts(each, found[each.name], size, accounts) for each in made)
    if size >= accounts:
        return [lists, firsts]
    return [lists, firsts, _block_tables(made, found, now.accounts, most)]


def _block_tables(
    made: Sequence[LeadingList], found: Mapping[str, _ListCells], accounts: pd.DataFrame, most: int
) -> tuple[Block, ...]:
    """The tables of the first two steps, and how many accounts there are to rank."""
    number = Column("number", "No.", "integer", width=6)
    leaders = [number]
    for each in made:
        leaders += _leaders(each, most)
    ordered = pd.concat([found[each.name].leaders for each in made], axis=1)
    blocks = pd.DataFrame({each.name: found[each.name].furthest for each in made})
    counted = Column("moves", "Moves", "integer", width=14, formula="COUNT({live.place_change})")
    asked = {"place_change": "{live_counted.moves:1}", "standing": "{live_box.accounts:1}"}
    furthest = [number]
    for each in made:
        # Asked first for a count of all, LibreOffice computes the column at once and not block by block.
        formula = [
            f"IF({asked[each.column]},"
            f"{each.furthest(f'{{live.{each.column}:{row}-{min(row + BLOCK - 1, len(accounts))}}}')},0)"
            for row in range(1, len(accounts) + 1, BLOCK)
        ]
        furthest.append(Column(each.name, f"Furthest, {each.words.lower()}", "number", decimals=4, width=12,
                               formula=formula))  # fmt: skip
    return (
        Table("live_leaders", leaders, ordered.assign(number=range(1, most + 1)), title="Blocks that lead",
              filters=False),
        Table("live_blocks", furthest, blocks.assign(number=range(1, len(blocks) + 1)),
              title=f"Blocks of {BLOCK:,} accounts", filters=False),
        Table("live_counted", [counted], pd.DataFrame({"moves": [accounts["place_change"].count()]}),
              title="Accounts to rank", filters=False),
    )  # fmt: skip


def _list(ranking: LeadingList, table: str, value: str, row: str, header: str) -> list[Column]:
    """The columns of the list itself."""
    first = f"live_first_{ranking.name}"
    rows = []
    for i in range(1, ranking.places + 1):
        equal = f"COUNTIF({{{table}.{value}:1-{i}}},{{{value}}})"
        others = f"{_BEYOND}*({{{first}.value}}<>{{{value}}})"
        found = f"SUMPRODUCT(SMALL({{{first}.row}}+{others},{equal}))"
        rows.append(f'IF({{{value}}}{ranking.named},{found},"")')
    return [
        Column(value, f"{ranking.words}, value", "number", decimals=4, width=10,
               formula=f"{ranking.pick}({{{first}.value}},{{number}})"),
        Column(row, header, "integer", width=16, formula=rows),
    ]  # fmt: skip


def _firsts(ranking: LeadingList, found: _ListCells, size: int, accounts: int) -> Table:
    """The first accounts of each block that leads."""
    name, one = f"live_first_{ranking.name}", size >= accounts
    inside = None if one else ("{start}", f"MIN({{start}}+{size},icp_population)")
    cells = ranking.cells if inside is None else _rows(ranking.cells, *inside)
    start, value, row = [], [], []
    for i, (block, place) in enumerate(found.firsts[["block", "place"]].itertuples(index=False), 1):
        start.append(f"({{live_leaders.{ranking.name}:{block}}}-1)*{size}")
        value.append(ranking.place(cells, place))
        above = (f"{{{name}.value:{i - 1}}}", f"{{{name}.row:{i - 1}}}") if place > 1 else None
        row.append(ranking.find("{value}", ranking.cells, above, inside))
    columns = [
        Column("start", "Rows before", "integer", width=10, formula=start),
        Column("value", "Value", "number", decimals=4, width=10, formula=value),
        Column("row", "Row", "integer", width=8, formula=row),
    ]
    return Table(name, columns[one:], found.firsts, title=f"{ranking.words}: first of each block", filters=False)


def _leaders(ranking: LeadingList, most: int) -> list[Column]:
    """The columns of the blocks that lead, furthest first."""
    top, blocks, rows = f"{ranking.name}_top", f"{{live_blocks.{ranking.name}}}", []
    for i in range(1, most + 1):
        above = (f"{{live_leaders.{top}:{i - 1}}}", f"{{live_leaders.{ranking.name}:{i - 1}}}") if i > 1 else None
        rows.append(ranking.find(f"{{{top}}}", blocks, above))
    return [
        Column(
            top, f"{ranking.words}, value", "number", decimals=4, width=10, formula=ranking.place(blocks, "{number}")
        ),
        Column(ranking.name, f"{ranking.words}, block", "integer", width=8, formula=rows),
    ]  # fmt: skip


@dataclass(frozen=True)
class _ListCells:
    """What the cells of a ranking hold as published."""

    furthest: np.ndarray
    leaders: pd.DataFrame
    firsts: pd.DataFrame


def _published(ranking: LeadingList, values: np.ndarray, size: int, most: int) -> _ListCells:
    sign = 1 if ranking.up else -1
    blocks = [sign * values[start : start + size] for start in range(0, max(len(values), 1), size)]
    furthest = np.asarray([np.nanmax(block) if np.isfinite(block).any() else 0.0 for block in blocks])
    order = np.argsort(-furthest, kind="stable")[:most]
    tops = furthest[order].clip(0)
    leaders = pd.DataFrame({f"{ranking.name}_top": sign * tops, ranking.name: np.where(tops > 0, order + 1, 0)})
    leaders = leaders.reindex(range(most), fill_value=0)
    if size >= len(values):
        wanted = [(1, place) for place in range(1, ranking.places + 1)]
    else:
        wanted = [(block, place) for block in range(1, ranking.places + 1)
                  for place in range(1, ranking.places + 2 - block)]  # fmt: skip
    rows = []
    for block, place in wanted:
        at = int(leaders[ranking.name].iloc[block - 1])
        here = blocks[at - 1] if at else np.empty(0)
        ranked = np.argsort(-here, kind="stable")[: np.isfinite(here).sum()]
        far = here[ranked[place - 1]] if place <= len(ranked) else 0.0
        start = (at - 1) * size
        rows.append((block, place, start, sign * max(far, 0.0), start + ranked[place - 1] + 1 if far > 0 else 0))
    firsts = pd.DataFrame(rows, columns=["block", "place", "start", "value", "row"])
    return _ListCells(sign * furthest, leaders, firsts)

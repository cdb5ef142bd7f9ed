"""The sheet *Grade Moves*: who would change grade."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from icp_xl.columns import GRADES
from icp_xl.reports.optimize.common import titles
from icp_xl.reports.spec import Block, Column, Figure, Figures, Sheet, Table, Text

if TYPE_CHECKING:
    from icp_xl.weight_search.search import OptimizeResult

#: Rows of the table of moves; the file of moves holds all of them.
MOST_MOVES = 2000


def build_moves_sheet(result: OptimizeResult) -> Sheet:
    """Accounts whose grade the suggested weights would change, and the crossing of grades."""
    moves = result.moves
    crossing = _crossing(moves)
    up, down = int((moves["steps"] > 0).sum()), int((moves["steps"] < 0).sum())
    frame = moves.head(MOST_MOVES).copy()
    frame["driver"] = frame["driver"].map(titles(result))
    columns = [
        Column("account_id", "Account", "id", width=14),
        Column("account_name", "Name", width=30),
        Column("industry", "Industry", width=28),
        Column("rep", "Rep"),
        Column("total_revenue", "Revenue", "money"),
        Column("grade_before", "Grade in force", "grade", rule="grade"),
        Column("grade_after", "Grade with best", "grade", rule="grade"),
        Column("steps", "Steps", "integer", rule="sign", note="grades up, or down if negative"),
        Column("percentile_before", "Percentile in force", "percent", decimals=1),
        Column("percentile_after", "Percentile with best", "percent", decimals=1),
        Column("driver", "Moved mostly by", width=22),
    ]
    more = f" The {MOST_MOVES:,} biggest moves are listed." if len(moves) > MOST_MOVES else ""
    blocks: list[Block | tuple[Block, ...]] = [
        Figures(
            [
                Figure("Accounts that change grade", len(moves), "integer", f"of {len(result.problem.scores):,}"),
                Figure("Up", up, "integer", tone="good" if up else "plain"),
                Figure("Down", down, "integer", tone="bad" if down else "plain"),
            ]
        ),
        Text("If the best weights replace those in force. Grades are by percentile, as scoring gives them." + more),
        crossing,
        Table(
            "moves",
            [column for column in columns if column.key in frame.columns],
            frame,
            title="Accounts that change grade, biggest moves first",
            empty_text="No account changes grade.",
        ),
    ]
    return Sheet("Grade Moves", "Grade moves", blocks, subtitle="Which accounts change grade, and why")


def _crossing(moves: pd.DataFrame) -> Table:
    counts = pd.crosstab(moves["grade_before"], moves["grade_after"]).reindex(
        index=list(GRADES), columns=list(GRADES), fill_value=0
    )
    frame = counts.reset_index(names="before")
    return Table(
        "crossing",
        [
            Column("before", "From \\ to", "grade", rule="grade"),
            *(Column(letter, letter, "integer") for letter in GRADES),
        ],
        frame,
        title="From grade (rows) to grade (columns)",
        filters=False,
    )

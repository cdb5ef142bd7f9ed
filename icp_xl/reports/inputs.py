"""What the score report is made from: frames and facts, gathered by the pipeline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pandas as pd

from icp_xl.scoring.model import ScoreModel
from icp_xl.sources.model import Sources
from icp_xl.tables.balance import BALANCE_COLUMNS, TAKEN_COLUMNS, SourceBalance, balance_frame, taken_frame
from icp_xl.tables.categories import CATEGORY_COLUMNS
from icp_xl.tables.groups import GROUP_COLUMNS, find_groups
from icp_xl.tables.model import (
    DROPPED_COLUMNS,
    ISSUE_COLUMNS,
    MATCH_TABLE_COLUMNS,
    RECONCILIATION_COLUMNS,
    RowCount,
    Tables,
)
from icp_xl.tables.totals import account_totals

GUESS_COLUMNS = ("source", "sheet", "header", "column", "how")
#: What a reader compares two accounts by.
REVIEWED_COLUMNS = ("account_id", "account_name", "place", "rep", "revenue", "last_sale")
FLAG_COLUMNS = ("source", "sheet", "row", "column", "problem")


def _frame(columns: Sequence[str]) -> pd.DataFrame:
    return pd.DataFrame({name: pd.Series([], dtype=object) for name in columns})


@dataclass(frozen=True)
class QualityTables:
    """What was noticed on the way from the files to the accounts; every frame may be empty.

    ``issues``: breaches of contracts (table, column, row, problem, severity). ``matches`` and ``duplicates``: every
    decision on a name or pair, with the columns of :data:`~icp_xl.tables.model.MATCH_TABLE_COLUMNS`. ``dropped``: one
    row per row left out (source, sheet, row, reason). ``guesses``: columns not found by their exact name. ``flags``:
    cells that could not be read. ``reconciliation``: account × year × measure. ``counts``: rows read and kept.
    ``categories``: what decided the category of the sales lines. ``accounts``: what a reader compares two accounts by,
    one row each (:data:`REVIEWED_COLUMNS`). ``groups``: accounts of one house
    (:data:`~icp_xl.tables.groups.GROUP_COLUMNS`).
    """

    issues: pd.DataFrame = field(default_factory=lambda: _frame(ISSUE_COLUMNS))
    matches: pd.DataFrame = field(default_factory=lambda: _frame(MATCH_TABLE_COLUMNS))
    duplicates: pd.DataFrame = field(default_factory=lambda: _frame(MATCH_TABLE_COLUMNS))
    dropped: pd.DataFrame = field(default_factory=lambda: _frame(DROPPED_COLUMNS))
    guesses: pd.DataFrame = field(default_factory=lambda: _frame(GUESS_COLUMNS))
    flags: pd.DataFrame = field(default_factory=lambda: _frame(FLAG_COLUMNS))
    reconciliation: pd.DataFrame = field(default_factory=lambda: _frame(RECONCILIATION_COLUMNS))
    counts: Sequence[RowCount] = ()
    #: The reconciliation: rows and money per source; what each guess led to; headers that nobody took.
    balance: pd.DataFrame = field(default_factory=lambda: _frame(BALANCE_COLUMNS))
    taken: pd.DataFrame = field(default_factory=lambda: _frame(TAKEN_COLUMNS))
    unused: Mapping[str, Sequence[str]] = field(default_factory=dict)
    categories: pd.DataFrame = field(default_factory=lambda: _frame(CATEGORY_COLUMNS))
    accounts: pd.DataFrame = field(default_factory=lambda: _frame(REVIEWED_COLUMNS))
    groups: pd.DataFrame = field(default_factory=lambda: _frame(GROUP_COLUMNS))

    @classmethod
    def gather(cls, sources: Sources, tables: Tables, balances: tuple[SourceBalance, ...] = ()) -> QualityTables:
        """Everything that reading the sources and cleaning the tables noticed."""
        read = sources.tables()
        guesses = [
            {"source": g.source, "sheet": g.sheet, "header": g.header, "column": g.column, "how": g.how}
            for table in read
            for g in table.guesses
        ]
        flags = [table.flags for table in read if len(table.flags)]
        return cls(
            issues=tables.issues,
            matches=tables.matches,
            duplicates=tables.duplicates,
            dropped=tables.dropped,
            guesses=pd.DataFrame(guesses) if guesses else _frame(GUESS_COLUMNS),
            flags=pd.concat(flags, ignore_index=True) if flags else _frame(FLAG_COLUMNS),
            reconciliation=tables.reconciliation,
            counts=tables.counts,
            categories=tables.categories,
            balance=balance_frame(balances),
            taken=taken_frame(balances),
            unused={item.source: item.unused for item in balances if item.unused},
            accounts=_reviewed(tables),
            groups=find_groups(tables.customers, tables.transactions),
        )


def _reviewed(tables: Tables) -> pd.DataFrame:
    totals = account_totals(tables.transactions, tables.customers).set_index("account_id")
    frame = tables.customers[["account_id", "account_name", "rep"]].copy()
    places = tables.customers[["city", "state", "country"]].itertuples(index=False, name=None)
    frame["place"] = [", ".join(str(part) for part in place if isinstance(part, str) and part) for place in places]
    frame["revenue"] = frame["account_id"].map(totals["total_revenue"])
    frame["last_sale"] = (
        frame["account_id"].map(totals["last_purchase"]).astype("object").where(lambda x: x.notna(), None)
    )
    return frame[list(REVIEWED_COLUMNS)]


@dataclass(frozen=True)
class RunFacts:
    """The particulars of the run that a report is signed with; ``inputs`` maps file names to their SHA-256."""

    run_id: str
    finished: datetime
    command: str = "icp-xl score"
    inputs: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    settings_hash: str = ""
    seed: int | None = None
    cutoffs: Sequence[str] = ()


@dataclass(frozen=True)
class ScoreReportInputs:
    """All that the score report shows.

    Args:
        scored: one row per account with :data:`icp_xl.scoring.accounts.SCORED_COLUMNS`, best first; ``reasons`` is
            built where it is absent.
        model: the score model that gave the scores.
        weights_source: where the weights come from, in words.
        industries: the table of :func:`icp_xl.scoring.industry_weights.compute_industry_weights`.
        run: the run's particulars.
        quality: what was noticed in the data.
        changes: :func:`icp_xl.scoring.compare.compare_runs` against the last run, or ``None`` without one.
        previous_run: id of the run compared with.
        warnings: what the reader must know, in words.
        extra: further facts for the About sheet.
        guarded: components whose constants and scores this reader is not told; their columns are not in ``scored``.
    """

    scored: pd.DataFrame
    model: ScoreModel
    weights_source: str
    industries: pd.DataFrame
    run: RunFacts
    quality: QualityTables = field(default_factory=QualityTables)
    changes: pd.DataFrame | None = None
    previous_run: str = ""
    warnings: Sequence[str] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)
    guarded: frozenset[str] = frozenset()

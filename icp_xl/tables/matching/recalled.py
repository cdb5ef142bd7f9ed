"""Names that were matched before, of the same lists under the same settings and decisions, are not matched again."""

from __future__ import annotations

import pandas as pd

from icp_xl.config.matching import MatchingSettings
from icp_xl.progress import Progress
from icp_xl.recall import recalled
from icp_xl.tables.matching.duplicates import Duplicates, find_duplicates
from icp_xl.tables.matching.match import match_names
from icp_xl.tables.matching.overrides import Overrides


def recall_matches(
    left: pd.DataFrame, right: pd.DataFrame, settings: MatchingSettings, progress: Progress
) -> pd.DataFrame:
    """:func:`~icp_xl.tables.matching.match.match_names`, or what it gave of the same.

    Args:
        left: rows to find an account for.
        right: rows of accounts.
        settings: thresholds and weights of evidence.
        progress: shows stages and asks for a cancel.
    """
    return recalled(
        "matches", lambda: (left, right, settings), lambda: match_names(left, right, settings, progress), ()
    )


def recall_duplicates(
    frame: pd.DataFrame, settings: MatchingSettings, progress: Progress, overrides: Overrides | None
) -> Duplicates:
    """:func:`~icp_xl.tables.matching.duplicates.find_duplicates`, or what it gave of the same.

    Args:
        frame: the accounts.
        settings: thresholds and weights of evidence.
        progress: shows stages and asks for a cancel.
        overrides: decisions on pairs.
    """

    def work() -> tuple[list[int], pd.DataFrame]:
        found = find_duplicates(frame, settings, progress, overrides)
        return found.cluster.tolist(), found.pairs

    cluster, pairs = recalled("duplicates", lambda: (frame, settings, overrides.items if overrides else ()), work, ())
    return Duplicates(pd.Series(cluster, index=range(len(frame)), dtype="int64"), pairs)

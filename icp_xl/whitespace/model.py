"""What the ranking takes and gives: frames with one row per account × division, and the figures beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from icp_xl.signals import FEATURES, PARTS, SIGNALS

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Texts = NDArray[np.object_]

Mode = Literal["percentile", "pooled", "calibrated"]

#: What a candidate frame must have; the rest of :data:`OPTIONAL` is missing where it is not given.
REQUIRED = ("account_id", "division", "p_icp")
OPTIONAL: Mapping[str, Any] = {
    "account_name": "",
    "rep": "",
    "region": "",
    "segment": "",
    "p_icp_pct": np.nan,
    "verdict": "",
    **dict.fromkeys(FEATURES, np.nan),
    "value_own": 0.0,
    "days_own": 0.0,
    "lines_own": 0.0,
    "windows_own": np.nan,
    "last_bought": pd.NaT,
    "account_value": np.nan,
    "account_lines": np.nan,
    "icp_score": np.nan,
    "do_not_contact": False,
    "exclusion": "",
    "open_deal": False,
    "contacted_on": pd.NaT,
    "evidence": "",
    "evidence_lift": np.nan,
    "peers": "",
    "expiring": "",
    "driver": "",
}
#: Columns of ``whitespace_<cutoff>.csv`` and of the state frame, in order.
COLUMNS = (
    "account_id", "account_name", "rep", "region", "segment", "division", "rank", "score", "score_challenger", "p_icp",
    "p_icp_pct", *(signal.normalised for signal in SIGNALS if signal.listed), "expected_value", "nba_reason",
    "talking_point", "selected", "holdout", "state", "cooldown", "removed_by", "status", "not_eligible",
)  # fmt: skip
EXPLANATION_COLUMNS = (
    "account_id", "division", "rank", "score", *PARTS, *FEATURES, "evidence", "evidence_lift", "driver", "peers",
    "expiring", "nba_reason", "talking_point",
)  # fmt: skip
STATES = ("owned", "open deal", "not eligible", "gap")


@dataclass(frozen=True)
class Terms:
    """What a ranking is of.

    ``cutoff``: the date that probabilities, purchases and signals are as of. ``today``: the date that contacts,
    statuses and the cooldown are judged at. ``window_months``: how far ahead the probabilities look. ``seed`` draws
    the holdout; ``currency`` stands before sums in the reasons.
    """

    cutoff: date
    today: date
    window_months: int
    seed: int = 0
    currency: str = "$"


@dataclass(frozen=True)
class Past:
    """Candidates of an earlier cutoff with out-of-time probabilities and ``bought`` (0 or 1), to learn weights from."""

    cutoff: date
    candidates: pd.DataFrame


@dataclass(frozen=True)
class Memory:
    """What is known from before.

    ``states``: what people said of pairs and how long they stand in the list
    (:data:`~icp_xl.whitespace.states.STATE_COLUMNS`). ``previous``: the pairs that the last run selected (account_id,
    division). ``past``: an earlier cutoff to learn the challenger's weights from.
    """

    states: pd.DataFrame | None = None
    previous: pd.DataFrame | None = None
    past: Past | None = None


@dataclass(frozen=True)
class ListTotals:
    """What there is of a list of which ``pairs`` are only the part that a workbook shows.

    ``accounts``: in all. ``ranked`` and ``selected``: pairs by division, and of all under the name ``""``. ``files``:
    how the files with all pairs are called.
    """

    accounts: int
    ranked: Mapping[str, int]
    selected: Mapping[str, int]
    files: str


@dataclass(frozen=True)
class Ranking:
    """The ranked list and all that is said of it.

    ``pairs``: one row per account × division, ranked ones first in order, then those removed; :data:`COLUMNS` and more.
    ``removals``: one row per eligibility rule: gate (its name), removed (by it first), caught (by it at all).
    ``thresholds``: one row per group of the capacity. ``weights``: asked, coverage and effective weight per signal.
    ``metrics``: the JSON report. ``whole``: what ``pairs`` are a part of, where they are not all.
    ``states``: what is remembered for the next run. ``warnings``: what the reader must know.
    """

    cutoff: date
    window_months: int
    pairs: pd.DataFrame
    removals: pd.DataFrame
    thresholds: pd.DataFrame
    weights: pd.DataFrame
    metrics: dict[str, Any]
    states: pd.DataFrame
    events: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    shadow: pd.DataFrame | None = None
    overlap: dict[str, Any] | None = None
    whole: ListTotals | None = None

    @property
    def ranked(self) -> pd.DataFrame:
        """The ranked pairs, best first."""
        return self.pairs[self.pairs["rank"].notna()]

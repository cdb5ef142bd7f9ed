"""What the sheets on won and lost opportunities share: inputs, names, colours, intervals in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from icp_xl.config.feedback import FeedbackSettings, PipelineWeights
from icp_xl.feedback.accuracy import Accuracy
from icp_xl.feedback.champion import TrialReport
from icp_xl.feedback.lost_patterns import LostAnalysis
from icp_xl.feedback.lost_reasons import LossReasons
from icp_xl.feedback.refine import Refinement
from icp_xl.reports.inputs import RunFacts
from icp_xl.reports.spec import Block, Column, Text
from icp_xl.reports.words import say_interval

NAMES = {
    "opportunity_score": "Opportunity score",
    "actual_score_at_close": "Score recomputed at the close",
    "account_score": "Account score",
    "speed_to_close": "Speed to close",
    "largest_deal": "Largest deal",
    "product_mix": "Product mix",
    "upsell_instances": "Upsell instances",
    "win_rate": "Win rate",
    "recency": "Recency",
    "owner_history": "Owner's history",
    "freshness": "Deal velocity",
}


#: Teal and orange, as everywhere: people who cannot tell red from green see the difference.
WON, EXPECTED, LOST = "#1B7F8C", "#A9B4BB", "#D9772B"


@dataclass(frozen=True)
class WonLostInputs:
    """All that the report shows. ``replayed``: share of judged opportunities whose snapshot was replayed (0–1)."""

    accuracy: Accuracy
    lost: LostAnalysis
    reasons: LossReasons
    refinement: Refinement
    trial: TrialReport
    changes: pd.DataFrame
    settings: FeedbackSettings
    weights: PipelineWeights
    weights_source: str
    snapshots: int
    first_snapshot: str
    last_snapshot: str
    replayed: float
    currency: str
    paper: Literal["letter", "a4"]
    run: RunFacts
    stages: pd.DataFrame


def name_of(key: str) -> str:
    """The words for a score or component.

    >>> name_of("win_rate_score"), name_of("account_score")
    ('Win rate', 'Account score')
    """
    return NAMES.get(key) or NAMES.get(key.removesuffix("_score"), key)


def period_of(inputs: WonLostInputs) -> str:
    """Which closed opportunities the sheets tell of."""
    found = inputs.accuracy
    if not found.won + found.lost:
        return "No opportunity that a snapshot holds has closed yet"
    return f"{found.won + found.lost:,} opportunities closed {found.first_close} to {found.last_close}"


def status_blocks(inputs: WonLostInputs, status: str) -> list[Block]:
    """What keeps the figures from being conclusions: too few outcomes, replayed snapshots."""
    blocks: list[Block] = []
    if status:
        blocks.append(Text(f"{status[:1].upper()}{status[1:]}. Until then the figures describe; nothing is concluded.",
                           "warning"))  # fmt: skip
    if inputs.replayed > 0:
        blocks.append(Text(
            f"{inputs.replayed:.0%} of these opportunities were scored in replay: for past days, from what had "
            "happened before each of them. Stage and amount as they then were are not known for these.", "note",
        ))  # fmt: skip
    return blocks


def or_none(value: float) -> float | None:
    """``None`` for NaN: a tile without a figure."""
    return None if np.isnan(value) else float(value)


def range_words(low: float, high: float, percent: bool = True) -> str:
    """An interval in words; empty where there is none."""
    return say_interval(low, high, ".0%" if percent else ".2f")


def ranges(frame: pd.DataFrame, low: str, high: str, percent: bool = True) -> list[str]:
    """A column of intervals in words.

    Args:
        frame: one row per interval.
        low: name of the column of lower ends.
        high: likewise of upper ends.
        percent: whether the figures are shares.
    """
    return [range_words(a, b, percent) for a, b in zip(frame[low], frame[high], strict=True)]


def chances(frame: pd.DataFrame) -> list[str]:
    """A column of p, corrected for the number of looks."""
    values = frame["p_adjusted"].astype(float).tolist()
    return ["" if np.isnan(p) else say_p(p).removeprefix("= ") for p in values]


def say_p(p: Any) -> str:
    """How likely chance alone would show as much, in words; it is never nothing.

    >>> say_p(0.04), say_p(0.00001)
    ('= 0.040', 'below 0.001')
    """
    return "below 0.001" if p < 0.0005 else f"= {p:.3f}"


def error_bars_of(frame: pd.DataFrame, value: str, low: str, high: str) -> pd.DataFrame:
    """The frame with ``above`` and ``below``: how far an interval reaches from its value.

    Args:
        frame: one row per value.
        value: name of the column of values.
        low: likewise of lower ends.
        high: likewise of upper ends.
    """
    return frame.assign(
        above=(frame[high] - frame[value]).clip(lower=0).fillna(0),
        below=(frame[value] - frame[low]).clip(lower=0).fillna(0),
    )


def deal_columns(last: str, header: str) -> list[Column]:
    """Columns of a list of opportunities; ``last`` is the column that says what is special about them."""
    return [
        Column("opportunity_id", "Opportunity", "id", width=14), Column("account_name", "Account", width=28),
        Column("owner", "Owner", width=18), Column("product", "Product", width=20),
        Column("value", "Value", "money"), Column("close_date", "Closed", "date"),
        Column("opportunity_score", "Opportunity score", "score"), Column("account_score", "Account score", "score"),
        Column(last, header, "long_text", width=36),
    ]  # fmt: skip

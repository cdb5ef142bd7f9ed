"""The score of each pair: its signals, put on one scale and blended, and what the challenger makes of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from icp_xl.config.whitespace import WhitespaceSettings
from icp_xl.signals import NORMALISED, PARTS, SIGNALS
from icp_xl.whitespace.blend import blend, scale_weights
from icp_xl.whitespace.candidates import complete_candidates
from icp_xl.whitespace.challenger import Challenger, fit_challenger
from icp_xl.whitespace.eligibility_rules import OWNED, apply_rules
from icp_xl.whitespace.model import Bools, Past, Terms
from icp_xl.whitespace.signals import affinity, coverage, normalise
from icp_xl.whitespace.states import KEY, empty_states
from icp_xl.whitespace.value import expected_value


@dataclass(frozen=True)
class SignalScores:
    """One row per scored pair: ``columns`` has the normalised signals, their parts, score and expected value.

    ``weights``: one row per signal, see :func:`~icp_xl.whitespace.blend.scale_weights`.
    """

    columns: pd.DataFrame
    weights: pd.DataFrame


def score_pairs(frame: pd.DataFrame, settings: WhitespaceSettings) -> SignalScores:
    """Score completed candidates, none of whom owns the division.

    Raises:
        ConfigError: the weights cannot be used.
    """
    division = frame["division"].to_numpy(dtype=object)
    base_rate = frame["owned_share"].to_numpy(dtype=np.float64)
    valued = _with_computed(frame, settings)
    signals = {signal.name: valued[signal.column].to_numpy(dtype=np.float64) for signal in SIGNALS}
    weights = scale_weights(settings.weights, coverage(signals), settings.full_coverage)
    scaled = normalise(signals, division, base_rate, settings.normalize)
    score, parts = blend(scaled, weights["used"].tolist(), settings.normalize)
    added = pd.DataFrame(parts, columns=list(PARTS))
    columns = pd.concat([scaled, added], axis=1).assign(score=score, expected_value=signals["expected_value"])
    return SignalScores(columns, weights)


def _with_computed(frame: pd.DataFrame, settings: WhitespaceSettings) -> pd.DataFrame:
    """The pairs with those signals that no feature set holds."""
    p, value, lift, mean_lift = (
        frame[name].to_numpy(dtype=np.float64) for name in ("p_icp", "value", "mb_lift_max", "mb_lift_mean")
    )
    division = frame["division"].to_numpy(dtype=object)
    return frame.assign(
        affinity=affinity(lift, mean_lift),
        expected_value=expected_value(p, value, division, settings.value_cap_quantile),
    )


def learn_challenger(past: Past | None, settings: WhitespaceSettings, window_months: int) -> Challenger | str:
    """Weights learned from an earlier cutoff, or why there are none."""
    if not settings.challenger:
        return "off by settings"
    if past is None:
        return "no earlier cutoff with an observed window and out-of-time probabilities"
    terms = Terms(past.cutoff, past.cutoff, window_months)
    frame = complete_candidates(past.candidates, empty_states(), terms, settings)
    owned = apply_rules(frame, terms.today, settings).matched[OWNED]
    frame = frame[~owned].reset_index(drop=True)
    if frame.empty:
        return "no candidates at the earlier cutoff"
    bought = past.candidates.set_index(KEY)["bought"]
    outcome = bought.reindex(pd.MultiIndex.from_frame(frame[KEY])).fillna(0).to_numpy(dtype=np.int64)
    normalised = score_pairs(frame, settings).columns[list(NORMALISED)]
    return fit_challenger(normalised, outcome.tolist(), past.cutoff, settings.normalize)


def add_scores(frame: pd.DataFrame, rows: Bools, scores: SignalScores, challenger: Challenger | str) -> pd.DataFrame:
    """The pairs with their scores; pairs that the account owns have none.

    Args:
        frame: all pairs.
        rows: those of them that were scored.
        scores: of these.
        challenger: whose score stands beside, or why there is none.
    """
    learned = np.nan if isinstance(challenger, str) else challenger.score(scores.columns)
    there = scores.columns.assign(score_challenger=learned).set_index(np.flatnonzero(rows))
    columns = {str(name): column.to_numpy() for name, column in there.reindex(range(len(frame))).items()}
    if frame["p_icp_pct"].isna().all():
        rank = frame.groupby("division")["p_icp"]
        columns["p_icp_pct"] = ((rank.rank() - 0.5) / rank.transform("count")).to_numpy()
    return frame.assign(**columns)

"""The ranking from candidates to list: one pure function over frames, in the order in which a reader would do it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from icp_xl.config.whitespace import WhitespaceSettings
from icp_xl.progress import Progress
from icp_xl.whitespace import capacity
from icp_xl.whitespace.blend import blend, scale_weights
from icp_xl.whitespace.challenger import Challenger, fit_challenger
from icp_xl.whitespace.cooldown import in_cooldown
from icp_xl.whitespace.frames import codes, prepare_candidates
from icp_xl.whitespace.gates import OWNED, count_removals, gate, is_owned, reason_of, state_of
from icp_xl.whitespace.holdout import draw_holdout
from icp_xl.whitespace.model import COLUMNS, NORMALISED, SIGNALS, Bools, Floats, Ranking
from icp_xl.whitespace.reasons import build_reasons
from icp_xl.whitespace.signals import Mode, affinity, coverage, fill_similarity, normalise
from icp_xl.whitespace.states import CONTACTED, KEY, NOT_RELEVANT, WON, empty_states, expire, update_states
from icp_xl.whitespace.summary import add_shadow, learned_weights, measure
from icp_xl.whitespace.value import compute_value, expected_value, in_balance

_PARTS = ("p_part", "lift_part", "als_part", "EV_part")


@dataclass(frozen=True)
class Past:
    """Candidates of an earlier cutoff with out-of-time probabilities and ``bought`` (0 or 1), to learn weights from."""

    cutoff: date
    candidates: pd.DataFrame


@dataclass(frozen=True)
class _Scored:
    """Candidates (pairs that ownership leaves) with their score, parts and normalised signals."""

    normalised: pd.DataFrame
    score: Floats
    parts: Floats
    weights: pd.DataFrame
    value: Floats
    mode: Mode


def rank_whitespace(
    candidates: pd.DataFrame,
    settings: WhitespaceSettings,
    *,
    cutoff: date,
    window_months: int,
    today: date,
    seed: int = 0,
    currency: str = "$",
    states: pd.DataFrame | None = None,
    previous: pd.DataFrame | None = None,
    past: Past | None = None,
    progress: Progress | None = None,
) -> Ranking:
    """Rank every account × division.

    Args:
        candidates: one row per pair, see :data:`icp_xl.whitespace.model.OPTIONAL`; in any order.
        cutoff: the date that the probabilities, purchases and signals are as of.
        today: the date that contacts, statuses and the cooldown are judged at.
        states: what people said of pairs and how long they stand in the list (``STATE_COLUMNS``).
        previous: the pairs that the last run selected (account_id, division).
        past: an earlier cutoff to learn the challenger's weights from.

    Raises:
        DataError: the candidates cannot be ranked.
        ConfigError: the weights cannot be used.
    """
    progress = progress or Progress()
    progress.stage("ranking whitespace", 5)
    frame = prepare_candidates(candidates)
    states = _still_valid(empty_states() if states is None else states, today, settings)
    frame = _with_states(frame, states)
    _complete(frame, cutoff, settings, window_months)
    gated = gate(frame, cutoff, today, settings)
    progress.advance()
    progress.check()
    open_rows = ~gated.caught[OWNED]
    scored = score_candidates(frame[open_rows].reset_index(drop=True), settings)
    learned = _learn(past, settings, scored.mode, window_months)
    frame = _place(frame, open_rows, scored, learned)
    progress.advance()
    progress.check()
    frame["cooldown"] = in_cooldown(frame, today, settings)
    frame["ranked_by"] = _order_by(frame, settings, learned) * np.where(
        frame["cooldown"], settings.cooldown_factor, 1.0
    )
    frame["removed_by"] = gated.removed_by
    frame["state"] = state_of(frame, gated, cutoff, settings)
    frame["removal_reason"] = reason_of(frame, gated)
    frame = _ordered(frame, gated.eligible)
    progress.advance()
    progress.check()
    n = int(gated.eligible.sum())
    ranked = frame.iloc[:n]
    selected = np.zeros(len(frame), dtype=bool)
    selected[:n] = capacity.select(ranked, settings)
    frame["selected"] = selected
    frame["holdout"] = selected & _held_out(frame, settings, seed)
    _explain(frame, window_months, currency)
    progress.advance()
    progress.check()
    ranked = frame.iloc[:n]
    result = Ranking(
        cutoff=cutoff,
        window_months=window_months,
        pairs=frame,
        removals=count_removals(gated),
        thresholds=capacity.thresholds(ranked, selected[:n], settings),
        weights=scored.weights.assign(challenger=learned_weights(learned)),
        metrics={},
        states=update_states(
            states,
            ranked,
            (settings.cooldown_days or 10**6, settings.cooldown_rest_days),
            today,
        ),
    )
    measure(result, settings, previous, learned, scored.mode)
    if settings.shadow != "off":
        add_shadow(result, settings)
    progress.advance()
    return result


def score_candidates(frame: pd.DataFrame, settings: WhitespaceSettings) -> _Scored:
    """Signals, coverage, common scale and blended score of candidates; ``value`` and ``owned_share`` stand beside."""
    mode = settings.normalize
    division = frame["division"].to_numpy(dtype=object)
    p = frame["p_icp"].to_numpy(dtype=np.float64)
    als = frame["als_similarity"].to_numpy(dtype=np.float64)
    value = expected_value(p, frame["value"].to_numpy(dtype=np.float64), division, settings.value_cap_quantile)
    lift = affinity(
        frame["mb_lift_max"].to_numpy(dtype=np.float64), frame["mb_lift_mean"].to_numpy(dtype=np.float64)
    )  # fmt: skip
    signals = dict(zip(SIGNALS, (p, lift, als, value), strict=True))
    weights = scale_weights(settings.weights, coverage(signals), settings.full_coverage)
    scaled = normalise(signals, division, frame["owned_share"].to_numpy(dtype=np.float64), mode)
    score, parts = blend(scaled, weights["used"].tolist(), mode)
    return _Scored(scaled, score, parts, weights, value, mode)


def _still_valid(states: pd.DataFrame, today: date, settings: WhitespaceSettings) -> pd.DataFrame:
    days = {CONTACTED: settings.contact_days, WON: settings.won_days, NOT_RELEVANT: settings.not_relevant_days}
    return expire(states, days, today)


def _with_states(frame: pd.DataFrame, states: pd.DataFrame) -> pd.DataFrame:
    """The frame with status, status_on, not_eligible, surfaced_since and surfaced_last."""
    found = frame.merge(states, on=KEY, how="left")
    for name in ("status", "not_eligible"):
        found[name] = found[name].astype("object").where(found[name].notna(), "")
    for name in ("status_on", "surfaced_since", "surfaced_last"):
        found[name] = pd.to_datetime(found[name]).astype("datetime64[s]")
    return found


def _complete(frame: pd.DataFrame, cutoff: date, settings: WhitespaceSettings, window_months: int) -> None:
    """What takes the owners to know, and so comes before they are set aside: likeness, value, share of owners."""
    frame["als_similarity"] = fill_similarity(frame)
    frame["value"] = compute_value(frame, settings, window_months)
    owned = pd.Series(is_owned(frame, cutoff, settings).astype(np.float64))
    frame["owned_share"] = owned.groupby(frame["division"].to_numpy()).transform("mean").to_numpy()


def _place(frame: pd.DataFrame, rows: Bools, scored: _Scored, learned: Challenger | str) -> pd.DataFrame:
    """Scores at their rows of the whole frame; pairs that the account owns have none."""
    at = np.flatnonzero(rows)

    def spread(values: Floats) -> Floats:
        out = np.full(len(frame), np.nan)
        out[at] = values
        return out

    columns = {name: spread(scored.normalised[name].to_numpy()) for name in NORMALISED}
    columns |= {name: spread(scored.parts[:, i]) for i, name in enumerate(_PARTS)}
    columns |= {
        "score": spread(scored.score),
        "expected_value": spread(scored.value),
    }
    challenger = np.full(len(at), np.nan) if isinstance(learned, str) else learned.score(scored.normalised)
    columns["score_challenger"] = spread(challenger)
    if frame["p_icp_pct"].isna().all():
        rank = frame.groupby("division")["p_icp"]
        columns["p_icp_pct"] = ((rank.rank() - 0.5) / rank.transform("count")).to_numpy()
    return frame.assign(**columns)


def _order_by(frame: pd.DataFrame, settings: WhitespaceSettings, learned: Challenger | str) -> Floats:
    """What orders the list, larger first: NaN where a pair has no score."""
    if settings.rank_by == "challenger" and not isinstance(learned, str):
        return frame["score_challenger"].to_numpy(dtype=np.float64)
    if settings.rank_by == "value":
        return frame["expected_value"].to_numpy(dtype=np.float64)
    if settings.rank_by == "balanced":
        known = frame["score"].notna().to_numpy()
        out = np.full(len(frame), np.nan)
        p, value = (frame[name].to_numpy(dtype=np.float64)[known] for name in ("p_icp", "expected_value"))
        out[known] = in_balance(p, value)
        return out
    return frame["score"].to_numpy(dtype=np.float64)


def _ordered(frame: pd.DataFrame, eligible: Bools) -> pd.DataFrame:
    """Ranked pairs first, best first; ties by expected value, probability, account, division. Then those removed."""
    account, _ = codes(frame["account_id"])
    division, _ = codes(frame["division"])

    def falling(name: str) -> Floats:
        return -np.nan_to_num(np.round(frame[name].to_numpy(dtype=np.float64), 12), nan=-np.inf)

    keys = (division, account, falling("p_icp"), falling("expected_value"), falling("ranked_by"), ~eligible)
    order = np.lexsort(keys)
    n = int(eligible.sum())
    out = frame.iloc[order].reset_index(drop=True)
    rank = np.full(len(out), np.nan)
    rank[:n] = np.arange(1, n + 1)
    out["rank"] = pd.array(rank, dtype="Float64").astype("Int64")
    return out


def _held_out(frame: pd.DataFrame, settings: WhitespaceSettings, seed: int) -> Bools:
    account, names = codes(frame["account_id"])
    return np.asarray(draw_holdout(names.tolist(), settings.holdout_share, seed)[account])


def _explain(frame: pd.DataFrame, window_months: int, currency: str) -> None:
    known = frame["score"].notna().to_numpy()
    reason, talk = build_reasons(
        frame[known],
        frame["expected_value"].to_numpy()[known],
        frame["als_similarity"].to_numpy()[known],
        window_months,
        currency,
    )
    for name, values in (("nba_reason", reason), ("talking_point", talk)):
        out = np.full(len(frame), "", dtype=object)
        out[known] = values
        frame[name] = out


def _learn(past: Past | None, settings: WhitespaceSettings, mode: Mode, window_months: int) -> Challenger | str:
    if not settings.challenger:
        return "off by settings"
    if past is None:
        return "no earlier cutoff with an observed window and out-of-time probabilities"
    frame = prepare_candidates(past.candidates)
    bought = past.candidates.set_index(KEY)["bought"]
    frame = _with_states(frame, empty_states())
    _complete(frame, past.cutoff, settings, window_months)
    kept = ~gate(frame, past.cutoff, past.cutoff, settings).caught[OWNED]
    frame = frame[kept].reset_index(drop=True)
    if frame.empty:
        return "no candidates at the earlier cutoff"
    scored = score_candidates(frame, settings)
    outcome = bought.reindex(pd.MultiIndex.from_frame(frame[KEY])).fillna(0).to_numpy(dtype=np.int64)
    return fit_challenger(scored.normalised, outcome.tolist(), past.cutoff, mode)


__all__ = ["COLUMNS", "Past", "rank_whitespace", "score_candidates"]

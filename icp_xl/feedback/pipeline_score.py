"""The pipeline score: how promising each open opportunity is, from what its account did before the day.

Six components, each 0 to 1 and higher is better, and two optional ones. All of them are computed from opportunities
that closed *before* the snapshot day; what happens on the day or later cannot reach them.

=================  ====================================================================================
speed_to_close     how fast the account's wins closed (mean of log days, shrunk), against all wins
largest_deal       the account's largest win, on a log scale up to the robust maximum
product_mix        number of different products the account bought
upsell_instances   wins after the account's first win day
win_rate           won of closed, shrunk to the average by ``prior_strength`` opportunities
recency            halves with every ``half_life_days`` since the last win
owner_history      win rate of the opportunity's owner, shrunk (optional)
freshness          velocity: halves with every so many days in the stage as won deals took in it (optional)
=================  ====================================================================================

The account score uses the components of the account. The opportunity score uses the same ones as seen from the
opportunity: speed and win rate of this account *with this product*, whether it ever bought so large a deal, and
whether it has bought this product.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import pandas as pd

from icp_xl.config.feedback import (
    ALL_COMPONENTS,
    PIPELINE_COMPONENTS,
    FeedbackSettings,
    PipelineWeights,
    StagedWeights,
)
from icp_xl.feedback.opportunities import LOST, OPEN, WON
from icp_xl.scoring.robust import robust_maximum

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
#: A day number that stands for "no date".
NO_DAY = np.iinfo(np.int64).min

ACCOUNT_SCORES = tuple(f"account_{name}_score" for name in PIPELINE_COMPONENTS)
OPPORTUNITY_SCORES = tuple(f"{name}_score" for name in ALL_COMPONENTS)


@dataclass(frozen=True)
class PipelineHistory:
    """Opportunities as arrays, made once and asked for any day. Days count from 1970-01-01."""

    frame: pd.DataFrame
    account: Ints
    product: Ints
    owner: Ints
    pair: Ints
    created: Ints
    closed: Ints
    amount: Floats
    won: npt.NDArray[np.bool_]
    lost: npt.NDArray[np.bool_]
    accounts: int
    products: int
    owners: int
    pairs: int


def build_history(frame: pd.DataFrame) -> PipelineHistory:
    """Arrays of the opportunities of :func:`~icp_xl.feedback.opportunities.prepare_opportunities`."""
    account = _account_codes(frame)
    product = _codes(frame["product"].where(frame["product"] != "", frame["division"]))
    owner = _codes(frame["owner"])
    pair = pd.factorize(account * (int(product.max(initial=0)) + 1) + product)[0].astype(np.int64)
    return PipelineHistory(
        frame=frame,
        account=account,
        product=product,
        owner=owner,
        pair=pair,
        created=day_numbers(frame["created_date"]),
        closed=day_numbers(frame["close_date"]),
        amount=frame["amount"].to_numpy(dtype=np.float64),
        won=(frame["outcome"] == WON).to_numpy(),
        lost=(frame["outcome"] == LOST).to_numpy(),
        accounts=int(account.max(initial=-1)) + 1,
        products=int(product.max(initial=-1)) + 1,
        owners=int(owner.max(initial=-1)) + 1,
        pairs=int(pair.max(initial=-1)) + 1,
    )


def day_numbers(dates: pd.Series[pd.Timestamp]) -> Ints:
    """Days since 1970-01-01; :data:`NO_DAY` where there is no date."""
    values = dates.to_numpy(dtype="datetime64[D]")
    return np.where(np.isnat(values), NO_DAY, values.astype(np.int64))


def day_of(day: date) -> int:
    """The day number of a date."""
    return (day - date(1970, 1, 1)).days


def _codes(column: pd.Series[str]) -> Ints:
    return pd.factorize(column)[0].astype(np.int64)


def _account_codes(frame: pd.DataFrame) -> Ints:
    """One number per account; an opportunity without one stands alone."""
    codes = _codes(frame["account_id"])
    nameless = (frame["account_id"] == "").to_numpy()
    codes[nameless] = codes.max(initial=-1) + 1 + np.arange(int(nameless.sum()))
    return codes


def score_pipeline(
    history: PipelineHistory,
    day: date,
    settings: FeedbackSettings,
    weights: PipelineWeights,
    *,
    replay: bool,
    stage_days: pd.Series[float] | None = None,
    usual_days: Mapping[str, float] | None = None,
    challenger: PipelineWeights | None = None,
) -> pd.DataFrame:
    """Score every opportunity that was open on ``day``. One row per open opportunity, in the order of the history.

    As-of rule: an opportunity is in the pipeline when it was created on or before the day and did not close before
    it; components come from opportunities that closed before the day. In a ``replay`` of a past day the stage and
    the amount are left empty, because the file holds them as they are now; an opportunity without a creation date
    is left out, because nobody can say whether it existed.

    Args:
        stage_days: days in the current stage by opportunity id, where known.
        usual_days: days that won deals had spent in each stage, where enough of them tell.
        challenger: weights on trial; their score is given beside that of ``weights``.

    Returns:
        opportunity_id, account_id, account_name, stage, owner, division, product, industry, amount, created_date,
        days_open, days_in_stage, the component scores (0–1) of opportunity and account, opportunity_score and
        account_score (0–100), their percentiles in the day's pipeline (0–1), challenger_score (NaN without a
        challenger), the inputs behind the components, and flags.
    """
    number = day_of(day)
    rows = _open_rows(history, number, replay)
    known = _known(history, number, settings)
    frame = history.frame
    out = frame.loc[rows, ["opportunity_id", "account_id", "account_name", "stage", "owner", "division", "product",
                           "industry", "amount", "created_date"]].reset_index(drop=True)  # fmt: skip
    if replay:
        out["stage"] = ""
        out["amount"] = np.nan
    created = history.created[rows]
    out["days_open"] = np.where(created == NO_DAY, np.nan, number - created).astype(np.float64)
    out["days_in_stage"] = np.nan if stage_days is None else out["opportunity_id"].map(stage_days).astype(np.float64)
    account = _account_components(history, known, number, settings)
    opportunity = _opportunity_components(history, known, account, out, rows, settings, usual_days)
    for name in ALL_COMPONENTS:
        out[f"{name}_score"] = opportunity[name]
    for name in PIPELINE_COMPONENTS:
        out[f"account_{name}_score"] = account[name][history.account[rows]]
    for name in ("history_won", "history_lost", "largest_won", "mean_days_to_win", "products_bought", "repeat_wins",
                 "days_since_win"):  # fmt: skip
        out[name] = account[name][history.account[rows]]
    parts = out[list(OPPORTUNITY_SCORES)].to_numpy()
    out["opportunity_score"] = weighted_score(parts, weights, out["stage"], settings.stage_weights)
    out["account_score"] = weighted_score(out[list(ACCOUNT_SCORES)].to_numpy(), weights)
    # Without an account nothing is known of an opportunity; ranked, all of these would push the others up.
    named = (out["account_id"] != "").to_numpy()
    for name in ("opportunity", "account"):
        out[f"{name}_percentile"] = np.nan
        out.loc[named, f"{name}_percentile"] = mid_percentile(out.loc[named, f"{name}_score"].to_numpy())
    out["challenger_score"] = np.nan if challenger is None else weighted_score(parts, challenger, out["stage"])
    none = (out["history_won"] + out["history_lost"]).to_numpy() == 0
    out["flags"] = np.where(named, np.where(none, "no closed history", ""), "no account")
    return out


def score_at_close(
    history: PipelineHistory, closed: pd.DataFrame, weights: Mapping[str, PipelineWeights], settings: FeedbackSettings
) -> Floats:
    """The opportunity score of each row of ``closed`` on the day it closed, from what had happened before that day.

    Args:
        closed: opportunity_id, close (a day as text), model_id (the weights then in force).
        weights: by model id.

    Returns:
        0–100 in the order of the rows; NaN where the history does not hold the opportunity or no weights are known.
    """
    place = pd.Series(np.arange(len(history.frame)), index=history.frame["opportunity_id"])
    at = closed["opportunity_id"].map(place[~place.index.duplicated()])
    out = np.full(len(closed), np.nan)
    known = (at.notna() & closed["close"].notna() & closed["model_id"].isin(list(weights))).to_numpy()
    numbered = closed.assign(at=at, place=np.arange(len(closed)))[known]
    for (day, model), part in numbered.groupby(["close", "model_id"], sort=True):
        rows, number = part["at"].to_numpy(dtype=np.intp), day_of(date.fromisoformat(str(day)))
        closed_before = _known(history, number, settings)
        account = _account_components(history, closed_before, number, settings)
        # In which stage it was, and for how long, the file does not say of a past day.
        shown = pd.DataFrame({"amount": history.amount[rows], "stage": "", "days_in_stage": np.nan})
        found = _opportunity_components(history, closed_before, account, shown, rows, settings, None)
        parts = np.column_stack([found[name] for name in ALL_COMPONENTS])
        out[part["place"].to_numpy()] = weighted_score(
            parts, weights[str(model)], shown["stage"], settings.stage_weights
        )
    return out


def weighted_score(
    parts: Floats,
    weights: PipelineWeights,
    stage: pd.Series[str] | None = None,
    stage_weights: dict[str, PipelineWeights] | None = None,
) -> Floats:
    """Score 0–100 from component scores (n × components, in the order of the weights).

    With six columns only the six base components count, scaled up so that their weights sum to 1. A stage that has
    weights of its own uses them; those of the settings go before learned ones. Scores that are mathematically equal are
    equal.

    Args:
        parts: n × components, each 0 to 1, in the order of the weights.
        weights: weight per component; they sum to 1.
        stage: stage of each row, where stages have weights of their own.
        stage_weights: weights by stage.
    """
    vector = np.asarray(weights.as_tuple())[: parts.shape[1]]
    total = vector.sum()
    score = parts @ (vector / total if total > 0 else np.full(len(vector), 1 / len(vector)))
    learned = weights.stages if isinstance(weights, StagedWeights) else {}
    for name, own in {**learned, **(stage_weights or {})}.items():
        if stage is not None:
            rows = (stage.str.casefold() == name.casefold()).to_numpy()
            score[rows] = parts[rows] @ np.asarray(own.as_tuple())[: parts.shape[1]]
    return np.asarray(np.round(100.0 * score, 10), dtype=np.float64)


def mid_percentile(values: Floats) -> Floats:
    """Share of values below, plus half of those equal: 0–1.

    >>> mid_percentile(np.array([3.0, 1.0, 3.0, 9.0])).tolist()
    [0.5, 0.125, 0.5, 0.875]
    """
    ordered = np.sort(values)
    below = np.searchsorted(ordered, values, "left")
    up_to = np.searchsorted(ordered, values, "right")
    return np.asarray((below + up_to) / (2.0 * max(1, len(values))), dtype=np.float64)


def _open_rows(history: PipelineHistory, day: int, replay: bool) -> npt.NDArray[np.intp]:
    is_open = (history.frame["outcome"] == OPEN).to_numpy()
    if not replay:
        return np.flatnonzero(is_open & (history.frame["opportunity_id"] != "").to_numpy())
    closed_later = (history.won | history.lost) & (history.closed >= day) & (history.closed != NO_DAY)
    existed = (history.created != NO_DAY) & (history.created <= day)
    return np.flatnonzero(existed & (is_open | closed_later) & (history.frame["opportunity_id"] != "").to_numpy())


@dataclass(frozen=True)
class _ClosedBefore:
    """What had closed before the day: row numbers of won and lost opportunities inside the history window."""

    won: npt.NDArray[np.intp]
    lost: npt.NDArray[np.intp]
    log_days: Floats  # of the won ones; NaN where the creation date is missing
    mean_log: float
    win_rate: float


def _known(history: PipelineHistory, day: int, settings: FeedbackSettings) -> _ClosedBefore:
    start = day - round(settings.history_months * 365.25 / 12)
    inside = (history.closed < day) & (history.closed >= start)
    won, lost = np.flatnonzero(inside & history.won), np.flatnonzero(inside & history.lost)
    days = history.closed[won] - history.created[won]
    # A deal closed before it was created tells nothing of how long it took.
    unknown = (history.created[won] == NO_DAY) | (days < 0)
    log_days = np.where(unknown, np.nan, np.log1p(np.maximum(days, 0).astype(np.float64)))
    usable = log_days[~np.isnan(log_days)]
    total = len(won) + len(lost)
    return _ClosedBefore(
        won, lost, log_days, float(usable.mean()) if len(usable) else np.nan, len(won) / total if total else 0.5
    )


def _counts(codes: Ints, rows: npt.NDArray[np.intp], size: int, weights: Floats | None = None) -> Floats:
    return np.bincount(codes[rows], weights=weights, minlength=size).astype(np.float64)


def _shrunk(total: Floats, count: Floats, prior: Floats | float, strength: float) -> Floats:
    return np.asarray((total + strength * prior) / (count + strength), dtype=np.float64)


def _robust_log(values: Floats, positive: npt.NDArray[np.bool_], quantile: float) -> Floats:
    """log(1+x) up to the robust maximum of the positive values, as 0–1."""
    if not positive.any():
        return np.zeros(len(values))
    top = np.log1p(robust_maximum(values, quantile))
    return np.asarray(np.clip(np.log1p(np.maximum(values, 0.0)) / top, 0.0, 1.0) if top > 0 else values * 0.0)


def _account_components(
    history: PipelineHistory, known: _ClosedBefore, day: int, settings: FeedbackSettings
) -> dict[str, Floats]:
    size, code, k = history.accounts, history.account, settings.prior_strength
    n_won, n_lost = _counts(code, known.won, size), _counts(code, known.lost, size)
    largest = np.zeros(size)
    np.maximum.at(largest, code[known.won], np.nan_to_num(history.amount[known.won]))
    last = np.full(size, NO_DAY)
    np.maximum.at(last, code[known.won], history.closed[known.won])
    first = np.full(size, np.iinfo(np.int64).max)
    np.minimum.at(first, code[known.won], history.closed[known.won])
    repeat = _counts(code, known.won[history.closed[known.won] > first[code[known.won]]], size)
    pairs = np.unique(history.pair[known.won], return_index=True)[1]
    products = _counts(code, known.won[pairs], size)
    timed = ~np.isnan(known.log_days)
    log_sum = _counts(code, known.won[timed], size, known.log_days[timed])
    n_timed = _counts(code, known.won[timed], size)
    mean_log = _shrunk(log_sum, n_timed, known.mean_log, k) if timed.any() else np.full(size, np.nan)
    since = np.where(last == NO_DAY, np.inf, day - last.astype(np.float64))
    with np.errstate(invalid="ignore"):
        return {
            "speed_to_close": _speed(mean_log, known),
            "largest_deal": _robust_log(largest, largest > 0, settings.robust_quantile),
            "product_mix": _share_of_top(products, settings.robust_quantile),
            "upsell_instances": _robust_log(repeat, repeat > 0, settings.robust_quantile),
            "win_rate": _shrunk(n_won, n_won + n_lost, known.win_rate, k),
            "recency": np.asarray(0.5 ** (since / settings.half_life_days)),
            "history_won": n_won,
            "history_lost": n_lost,
            "largest_won": largest,
            "mean_days_to_win": np.where(n_timed > 0, np.expm1(log_sum / np.maximum(n_timed, 1)), np.nan),
            "products_bought": products,
            "repeat_wins": repeat,
            "days_since_win": np.where(np.isinf(since), np.nan, since),
            "_mean_log": mean_log,
        }


def _share_of_top(values: Floats, quantile: float) -> Floats:
    if not (values > 0).any():
        return np.zeros(len(values))
    return np.asarray(np.clip(values / robust_maximum(values, quantile), 0.0, 1.0))


def _speed(mean_log: Floats, known: _ClosedBefore) -> Floats:
    """1 at the fast end of all wins (5th percentile of log days), 0 at the slow end; 0.5 where nothing is known."""
    usable = known.log_days[~np.isnan(known.log_days)]
    if not len(usable):
        return np.full(len(mean_log), 0.5)
    fast, slow = np.quantile(usable, [0.05, 0.95])
    if slow - fast < 1e-9:
        return np.full(len(mean_log), 0.5)
    return np.asarray(np.clip((slow - mean_log) / (slow - fast), 0.0, 1.0))


def _opportunity_components(
    history: PipelineHistory,
    known: _ClosedBefore,
    account: dict[str, Floats],
    shown: pd.DataFrame,
    rows: npt.NDArray[np.intp],
    settings: FeedbackSettings,
    usual_days: Mapping[str, float] | None,
) -> dict[str, Floats]:
    """The components as seen from each open opportunity (rows of ``shown``)."""
    k, code, product, pair = settings.prior_strength, history.account[rows], history.product[rows], history.pair[rows]
    won_ap, lost_ap = _counts(history.pair, known.won, history.pairs), _counts(history.pair, known.lost, history.pairs)
    won_p = _counts(history.product, known.won, history.products)
    lost_p = _counts(history.product, known.lost, history.products)
    rate_p = _shrunk(won_p, won_p + lost_p, known.win_rate, k)[product]
    prior = np.clip(account["win_rate"][code] + rate_p - known.win_rate, 0.01, 0.99)
    win_rate = _shrunk(won_ap[pair], (won_ap + lost_ap)[pair], prior, k)
    amount = shown["amount"].to_numpy()
    ever = account["largest_won"][code]
    with np.errstate(invalid="ignore", divide="ignore"):
        as_large = np.where(amount > 0, np.minimum(1.0, ever / amount), account["largest_deal"][code])
    owner_won = _counts(history.owner, known.won, history.owners)
    owner_all = owner_won + _counts(history.owner, known.lost, history.owners)
    stage_age = shown["days_in_stage"].to_numpy()
    usual = settings.freshness_half_life_days
    half = shown["stage"].map(usual_days).fillna(usual).to_numpy(dtype=np.float64) if usual_days else usual
    fresh = np.where(np.isnan(stage_age), 0.5, 0.5 ** (np.maximum(stage_age, 0) / half))
    return {
        "speed_to_close": _opportunity_speed(history, known, account, code, product, pair, k),
        "largest_deal": 0.5 * account["largest_deal"][code] + 0.5 * as_large,
        "product_mix": 0.5 * account["product_mix"][code] + 0.5 * (won_ap[pair] > 0),
        "upsell_instances": account["upsell_instances"][code],
        "win_rate": win_rate,
        "recency": account["recency"][code],
        "owner_history": _shrunk(owner_won, owner_all, known.win_rate, k)[history.owner[rows]],
        "freshness": np.asarray(fresh, dtype=np.float64),
    }


def _opportunity_speed(
    history: PipelineHistory,
    known: _ClosedBefore,
    account: dict[str, Floats],
    code: Ints,
    product: Ints,
    pair: Ints,
    strength: float,
) -> Floats:
    timed = ~np.isnan(known.log_days)
    if not timed.any():
        return np.full(len(code), 0.5)
    rows, logs = known.won[timed], known.log_days[timed]
    mean_p = _shrunk(
        _counts(history.product, rows, history.products, logs),
        _counts(history.product, rows, history.products),
        known.mean_log,
        strength,
    )
    prior = account["_mean_log"][code] + mean_p[product] - known.mean_log
    sums, counts = _counts(history.pair, rows, history.pairs, logs), _counts(history.pair, rows, history.pairs)
    return _speed(_shrunk(sums[pair], counts[pair], prior, strength), known)

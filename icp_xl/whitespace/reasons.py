"""``nba_reason``: why this pair stands where it stands, in words whose every number is the pair's own.

A phrase is said only where its numbers carry it: a chance is called above average from 1.2 times the division's mean,
an affinity from a lift of 1.2, a likeness and a value from the top tenth of the division.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from icp_xl.whitespace.model import Bools, Floats, Terms, Texts

ABOVE = 1.2
MIN_LIFT = 1.2
TOP = 0.9
NOT_READY = "Not ready"


@dataclass(frozen=True)
class Tops:
    """What a reason compares a pair with, by division: the mean chance, and the largest value below the top tenth."""

    mean_p: Mapping[str, float]
    expected: Mapping[str, float]
    als: Mapping[str, float]


def explain_pairs(pairs: pd.DataFrame, terms: Terms, tops: Tops | None = None) -> pd.DataFrame:
    """The pairs with ``nba_reason`` and ``talking_point``, both empty where a pair has no score.

    Args:
        pairs: with their scores.
        terms: window and currency.
        tops: what they are compared with; by default each other.
    """
    known = pairs["score"].notna().to_numpy()
    expected, als = (pairs[name].to_numpy()[known] for name in ("expected_value", "als_similarity"))
    reason, talk = np.full((2, len(pairs)), "", dtype=object)
    reason[known], talk[known] = build_reasons(pairs[known], expected, als, terms, tops)
    return pairs.assign(nba_reason=reason, talking_point=talk)


def build_reasons(
    frame: pd.DataFrame, expected: Floats, als: Floats, terms: Terms, tops: Tops | None = None
) -> tuple[Texts, Texts]:  # fmt: skip
    """The reason and the talking point of each candidate.

    Args:
        frame: candidates with p_icp, division, verdict, evidence, evidence_lift, peers, expiring and driver.
        expected: expected value; ``als``: similarity to owners. Both in the order of ``frame``.
        terms: window and currency.
        tops: what they are compared with; by default each other.
    """
    division = frame["division"].to_numpy(dtype=object)
    by = frame["division"]
    if tops is None:
        mean = frame.groupby(division)["p_icp"].transform("mean").to_numpy()
        high = [_in_top_tenth(values, division) for values in (expected, als)]
    else:
        mean = by.map(tops.mean_p).to_numpy(dtype=np.float64)
        ends = (by.map(least).fillna(np.inf).to_numpy(dtype=np.float64) for least in (tops.expected, tops.als))
        high = [np.nan_to_num(values, nan=-np.inf) > end for values, end in zip((expected, als), ends, strict=True)]
    phrases = [
        _chances(frame, mean, terms.window_months),
        _affinities(frame, division),
        _told(high[1] & (np.nan_to_num(als) > 0.0), lambda i: f"buys like owners of {division[i]}"),
        _values(expected, division, high[0], terms),
    ]
    reason = _join(phrases, "; ", 3)
    points = [_sentences(frame[name].to_numpy(dtype=object)) for name in ("expiring", "peers", "driver")]
    talk = _join(points, ". ", 2)
    return reason, np.asarray([f"{text}." if text else "" for text in talk], dtype=object)


def _sentences(texts: Texts) -> Texts:
    return np.asarray([text[:1].upper() + text[1:] for text in texts.tolist()], dtype=object)


def show_chance(p: float) -> str:
    """A probability in words, never rounded to nothing or to certainty.

    >>> show_chance(0.274), show_chance(0.0004), show_chance(0.999)
    ('27%', 'under 0.1%', 'over 99%')
    """
    if p < 0.001:
        return "under 0.1%"
    if p > 0.99:
        return "over 99%"
    return f"{p:.1%}" if p < 0.0095 else f"{p:.0%}"


def show_money(amount: float, currency: str) -> str:
    """Money in two or three digits.

    >>> show_money(12_345.0, "$"), show_money(940.0, "$"), show_money(2_500_000.0, "$")
    ('$12K', '$940', '$2.5M')
    """
    for limit, unit in ((1e9, "B"), (1e6, "M"), (1e3, "K")):
        if amount >= limit * 0.9995:
            scaled = amount / limit
            return f"{currency}{scaled:.1f}{unit}" if scaled < 9.95 else f"{currency}{scaled:,.0f}{unit}"
    return f"{currency}{amount:,.0f}"


def _chances(frame: pd.DataFrame, mean: Floats, months: int) -> Texts:
    p = frame["p_icp"].to_numpy(dtype=np.float64)
    ratio = np.divide(p, mean, out=np.ones_like(p), where=mean > 0.0)
    unready = (frame["verdict"] == NOT_READY).to_numpy()
    span = _span(months)

    def words(p: float, ratio: float, mean: float, unready: bool) -> str:
        if unready:
            return f"{show_chance(p)} chance to buy {span} at a guess: the model is not ready"
        if ratio >= ABOVE:
            return f"{show_chance(p)} chance to buy {span}, {ratio:.1f} times the average"
        return f"{show_chance(p)} chance to buy {span} (average {show_chance(mean)})"

    # Floors, so that "2.3 times" is never more than it is.
    shown = np.floor(ratio * 10.0 + 1e-9) / 10.0
    rows = zip(_digits(p).tolist(), shown.tolist(), _digits(mean).tolist(), unready.tolist(), strict=True)
    return _once(list(rows), lambda key: words(*key))


def _span(months: int) -> str:
    return f"within {months} month{'s' if months != 1 else ''}"


def _digits(p: Floats) -> Floats:
    """As many digits as are shown, so that equal texts are made once (and nothing is rounded twice)."""
    return np.where(p < 0.001, 0.0, np.where(p < 0.0095, np.round(p, 3), np.round(p, 2)))


def _affinities(frame: pd.DataFrame, division: Texts) -> Texts:
    lift = frame["evidence_lift"].to_numpy(dtype=np.float64)
    evidence = frame["evidence"].to_numpy(dtype=object)
    good = np.isfinite(lift) & (lift >= MIN_LIFT) & (evidence != "")
    shown = np.floor(np.nan_to_num(lift) * 10.0 + 1e-9) / 10.0
    out = np.full(len(frame), "", dtype=object)
    rows = np.flatnonzero(good)
    keys = list(zip(evidence[rows].tolist(), shown[rows].tolist(), division[rows].tolist(), strict=True))
    out[rows] = _once(keys, lambda key: f"has {key[0]}, whose owners have {key[2]} {key[1]:.1f} times as often")
    return out


def _values(expected: Floats, division: Texts, high: Bools, terms: Terms) -> Texts:
    words = "{money} expected " + _span(terms.window_months) + ", top tenth for {division}"
    return _told(
        high & (expected >= 1.0),
        lambda i: words.format(money=show_money(float(expected[i]), terms.currency), division=division[i]),
    )


def _in_top_tenth(values: Floats, division: Texts) -> Bools:
    rank = pd.Series(values).groupby(division).rank(pct=True, method="min").to_numpy()
    return np.asarray(np.nan_to_num(rank) > TOP, dtype=bool)


def _told(rows: Bools, words: Callable[[int], str]) -> Texts:
    out = np.full(len(rows), "", dtype=object)
    chosen = np.flatnonzero(rows)
    out[chosen] = [words(int(i)) for i in chosen]
    return out


def _once(keys: Sequence[tuple[Any, ...]], words: Callable[[tuple[Any, ...]], str]) -> Texts:
    """Words of each key, each made once."""
    made = {key: words(key) for key in set(keys)}
    return np.asarray([made[key] for key in keys], dtype=object)


def _join(phrases: Sequence[Texts], between: str, most: int) -> Texts:
    out = []
    for row in zip(*phrases, strict=True):
        said = [phrase for phrase in row if phrase][:most]
        text = between.join(said)
        out.append(text[:1].upper() + text[1:])
    return np.asarray(out, dtype=object)

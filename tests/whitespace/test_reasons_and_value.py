"""Reasons say only what their numbers carry; value, peers, assets and the challenger against slow or planted truth."""

from __future__ import annotations

import re
from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from icp_xl.config.whitespace import WhitespaceSettings
from icp_xl.whitespace.challenger import Challenger, fit_challenger
from icp_xl.whitespace.model import NORMALISED
from icp_xl.whitespace.peers import expiring_points, next_divisions, peer_points
from icp_xl.whitespace.rank import Past, rank_whitespace
from icp_xl.whitespace.value import compute_value, expected_value
from tests.support.whitespace_frames import make_candidates

CUTOFF, TODAY = date(2024, 7, 1), date(2024, 7, 2)
CHANCE = re.compile(r"(under 0\.1%|over 99%|[\d.]+%) chance to buy within 6 months(?:, ([\d.]+) times the average)?")
LIFT = re.compile(r"has (.+?), whose owners have (.+?) ([\d.]+) times as often")
VALUE = re.compile(r"\$([\d.,]+)([KMB]?) expected in a year, top tenth for (.+?)(?:;|$)")


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 1000), mode=st.sampled_from(["percentile", "calibrated"]))
def test_no_reason_goes_beyond_its_numbers(seed: int, mode: str) -> None:
    frame = make_candidates(60, seed=seed)
    ranking = rank_whitespace(
        frame, WhitespaceSettings(normalize=mode), cutoff=CUTOFF, window_months=6, today=TODAY  # type: ignore[arg-type]
    )  # fmt: skip
    known = ranking.pairs[ranking.pairs["score"].notna()]
    mean = known.groupby("division")["p_icp"].transform("mean")
    value_rank = known.groupby("division")["expected_value"].rank(pct=True, method="min")
    als_rank = known.groupby("division")["als_similarity"].rank(pct=True, method="min")
    assert (known["nba_reason"] != "").all()
    for i, row in enumerate(known.to_dict("records")):
        text = row["nba_reason"]
        chance = CHANCE.search(text)
        assert chance is not None
        if chance.group(1)[0].isdigit():
            assert float(chance.group(1)[:-1]) / 100 == pytest.approx(row["p_icp"], abs=0.0051)
        ratio = row["p_icp"] / mean.iloc[i]
        if chance.group(2):
            assert ratio >= 1.2 and float(chance.group(2)) <= ratio + 1e-9 < float(chance.group(2)) + 0.11
        else:
            assert ratio < 1.2
        lift = LIFT.search(text)
        if lift:
            assert lift.group(1) == row["evidence"] and lift.group(2) == row["division"]
            assert 1.2 <= float(lift.group(3)) <= row["evidence_lift"] + 1e-9
        if "buys like owners" in text:
            assert als_rank.iloc[i] > 0.9 and row["als_similarity"] > 0.0
        value = VALUE.search(text)
        if value:
            assert value_rank.iloc[i] > 0.9 and value.group(3) == row["division"]
            scale = {"": 1.0, "K": 1e3, "M": 1e6, "B": 1e9}[value.group(2)]
            assert float(value.group(1).replace(",", "")) * scale == pytest.approx(row["expected_value"], rel=0.06)


def test_a_model_that_is_not_ready_is_said_to_be_so() -> None:
    frame = make_candidates(20).assign(verdict="Not ready")
    ranking = rank_whitespace(frame, WhitespaceSettings(), cutoff=CUTOFF, window_months=6, today=TODAY)
    assert ranking.ranked["nba_reason"].str.contains("at a guess: the model is not ready").all()


def test_value_is_the_groups_median_for_gaps_and_leans_on_own_purchases() -> None:
    frame = make_candidates(400, 2, seed=5)
    chosen = WhitespaceSettings(value_prior_days=3.0)
    found = compute_value(frame, chosen)
    buyers = frame[frame["value_own"] > 0]
    medians = buyers.groupby(["division", "segment"])["value_own"].median()
    for i in range(0, len(frame), 37):
        row = frame.iloc[i]
        weight = row["days_own"] / (row["days_own"] + 3.0)
        slow = weight * row["value_own"] + (1 - weight) * medians[(row["division"], row["segment"])]
        assert found[i] == pytest.approx(slow)
    unknown = compute_value(frame.assign(segment=""), chosen)
    assert (unknown >= 0).all() and len(set(np.round(unknown[frame["value_own"] == 0], 6))) <= 10


def test_expected_value_is_capped_per_division() -> None:
    p, value = np.full(200, 0.5), np.r_[np.arange(199.0), 1e9]
    division = np.asarray(["A"] * 100 + ["B"] * 100, dtype=object)
    found = expected_value(p, value, division, 0.9)
    assert found.max() < 100 and found[:100].max() < found[100:].max()
    assert expected_value(p, value, division, 1.0).max() == 5e8


def test_what_peers_bought_next_against_a_slow_count() -> None:
    rng = np.random.default_rng(2)
    rows = [
        (f"A{i}", d, int(day)) for i in range(80) for d, day in zip("XYZ", rng.integers(0, 60, 3), strict=True)
        if rng.random() < 0.8
    ]  # fmt: skip
    days = pd.DataFrame(rows, columns=["account_id", "division", "first_day"])
    found = next_divisions(days).set_index(["after", "division"])
    by_account = {name: dict(zip(g["division"], g["first_day"], strict=True)) for name, g in days.groupby("account_id")}
    for after in "XYZ":
        took: dict[str, int] = {}
        movers = 0
        for bought in by_account.values():
            later = {d: t for d, t in bought.items() if after in bought and t > bought[after]}
            if later:
                movers += 1
                for d in (d for d, t in later.items() if t == min(later.values())):
                    took[d] = took.get(d, 0) + 1
        for division in set("XYZ") - {after}:
            assert found.loc[(after, division), "took"] == took.get(division, 0)
            assert found.loc[(after, division), "movers"] == movers
    frame = pd.DataFrame({"account_id": ["A0", "A1", "new"], "division": ["Z", "Z", "Z"]})
    points = peer_points(frame, days, 5)
    assert points[2] == ""
    assert all("took Z next" in text for text in points[:2] if text)


def test_what_expires_is_the_accounts_own_and_in_time() -> None:
    frame = pd.DataFrame({"account_id": ["A", "A", "B", "C"], "division": ["X", "Y", "X", "X"]})
    assets = pd.DataFrame(
        {"account_id": ["A", "A", "A", "B", "C"], "division": ["Y", "Y", "Z", "X", "X"],
         "expiry_day": [105.0, 110.0, 101.0, 95.0, 300.0]}
    )  # fmt: skip
    found = expiring_points(frame, assets, 100, 90)
    assert found[0] == "A Z asset expires on 12 Apr 1970"
    assert found[1] == "2 Y assets expire, the first on 16 Apr 1970"
    assert found[2] == "" and found[3] == ""


def test_the_challenger_finds_planted_weights_and_no_weight_below_zero() -> None:
    rng = np.random.default_rng(11)
    x = pd.DataFrame(rng.random((20_000, 4)), columns=list(NORMALISED))
    slopes = np.asarray([4.0, 2.0, 0.0, -1.5])
    p = 1 / (1 + np.exp(-(x.to_numpy() @ slopes - 3.0)))
    learned = fit_challenger(x, (rng.random(len(x)) < p).astype(int).tolist(), CUTOFF, "percentile")
    assert isinstance(learned, Challenger)
    assert np.allclose(learned.slopes, [4.0, 2.0, 0.0, 0.0], atol=0.35)
    assert min(learned.slopes) >= 0.0 and sum(learned.weights.values()) == pytest.approx(1.0)
    few = fit_challenger(x.head(60), [1] * 10 + [0] * 50, CUTOFF, "percentile")
    assert few == "not enough outcomes yet: 10 bought and 50 did not, needs 40 of each"


def test_the_challenger_scores_the_list_and_can_order_it() -> None:
    frame = make_candidates(400, 3, seed=8)
    rng = np.random.default_rng(1)
    past = frame.assign(bought=(rng.random(len(frame)) < frame["p_icp"]).astype(int))
    chosen = WhitespaceSettings(rank_by="challenger")
    ranking = rank_whitespace(
        frame, chosen, cutoff=CUTOFF, window_months=6, today=TODAY, past=Past(date(2024, 6, 1), past)
    )
    assert ranking.ranked["score_challenger"].is_monotonic_decreasing
    assert ranking.metrics["challenger"]["weights"]["p_icp"] > 0.5

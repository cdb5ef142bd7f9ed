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
from icp_xl.signals import NORMALISED
from icp_xl.whitespace.challenger import Challenger, fit_challenger
from icp_xl.whitespace.model import Memory, Past, Terms
from icp_xl.whitespace.peers import expiring_points, next_divisions, peer_points
from icp_xl.whitespace.rank import rank_whitespace
from icp_xl.whitespace.value import active_windows, compute_value, expected_value, in_balance
from tests.support.whitespace_frames import make_candidates

CUTOFF, TODAY = date(2024, 7, 1), date(2024, 7, 2)
CHANCE = re.compile(r"(under 0\.1%|over 99%|[\d.]+%) chance to buy within 6 months(?:, ([\d.]+) times the average)?")
LIFT = re.compile(r"has (.+?), whose owners have (.+?) ([\d.]+) times as often")
VALUE = re.compile(r"\$([\d.,]+)([KMB]?) expected within 6 months, top tenth for (.+?)(?:;|$)")


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 1000), mode=st.sampled_from(["percentile", "calibrated"]))
def test_no_reason_goes_beyond_its_numbers(seed: int, mode: str) -> None:
    frame = make_candidates(60, seed=seed)
    ranking = rank_whitespace(
        frame, WhitespaceSettings(normalize=mode), Terms(CUTOFF, TODAY, 6)  # type: ignore[arg-type]
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
    ranking = rank_whitespace(frame, WhitespaceSettings(), Terms(CUTOFF, TODAY, 6))
    assert ranking.ranked["nba_reason"].str.contains("at a guess: the model is not ready").all()


def test_value_is_own_sums_and_what_its_likes_spend() -> None:
    frame = make_candidates(400, 2, seed=5)
    windows = np.minimum(frame["days_own"], 1 + frame.index.to_numpy() % 2).astype(float)
    frame["windows_own"] = windows
    found = compute_value(frame, WhitespaceSettings(value_prior_windows=0.5), 6)
    frame["per"] = np.where(windows > 0, frame["value_own"] / np.maximum(windows, 1), 0.0)
    buyers = frame[frame["value_own"] > 0]
    medians = buyers.groupby(["division", "segment"])["per"].median()
    shares = (buyers["per"] / buyers["account_value"]).groupby(buyers["division"]).median()
    most = buyers.groupby("division")["per"].quantile(0.99, interpolation="higher")
    for i in range(0, len(frame), 37):
        row = frame.iloc[i]
        by_size = min(shares[row["division"]] * row["account_value"], max(most[row["division"]], row["per"]))
        usual = (medians[(row["division"], row["segment"])] + by_size) / 2
        assert found[i] == pytest.approx((row["value_own"] + 0.5 * usual) / (row["windows_own"] + 0.5))
    gaps = frame["value_own"] == 0
    unknown = compute_value(frame.assign(segment="", account_value=np.nan), WhitespaceSettings(), 6)
    assert (unknown >= 0).all() and len(set(np.round(unknown[gaps], 6))) <= 10
    alone = compute_value(frame, WhitespaceSettings(value_prior_windows=0.0), 6)
    assert np.allclose(alone[~gaps], frame["value_own"][~gaps] / windows[~gaps]) and (alone[gaps] > 0).all()


def test_a_project_of_millions_promises_no_millions_of_paper() -> None:
    """Of 300 accounts, one with a project is worth a thousand times the others; none brings over 3,000 of paper."""
    rng = np.random.default_rng(8)
    frame = make_candidates(300, 1, seed=6)
    frame["account_value"] = rng.uniform(2_000.0, 4_000.0, 300)
    frame.loc[0, "account_value"] = 3_000_000.0
    bought = np.arange(300) % 2 == 1
    frame["value_own"] = np.where(bought, rng.uniform(500.0, 3_000.0, 300), 0.0)
    frame["windows_own"] = bought.astype(float)
    found = compute_value(frame, WhitespaceSettings(), 6)
    assert 500.0 <= found[0] <= 3_000.0


def test_planted_sums_are_recovered_better_than_by_own_or_by_likes_alone() -> None:
    """Each account has its own size, each pair its own mean; what one window brings varies around it."""
    rng = np.random.default_rng(4)
    n, divisions = 3000, ("A", "B", "C")
    size = rng.lognormal(6.0, 1.0, n)
    factor = {"A": 0.5, "B": 0.3, "C": 0.2}
    rows = []
    for d in divisions:
        mean = size * factor[d] * rng.lognormal(0.0, 0.5, n)
        windows = rng.binomial(4, rng.beta(1.0, 1.5, n))
        noise = rng.lognormal(-0.32, 0.8, (n, 4))
        bought = (noise * (np.arange(4) < windows[:, None])).sum(axis=1) * mean
        rows.append(pd.DataFrame({"division": d, "truth": mean, "windows_own": windows, "value_own": bought}))
    frame = pd.concat(rows, ignore_index=True)
    frame["account_id"] = [f"A{i}" for i in range(n)] * len(divisions)
    frame["account_value"] = frame.groupby("account_id")["value_own"].transform("sum")
    frame = frame.assign(segment="", days_own=frame["windows_own"] * 1.0, windows_own=frame["windows_own"] * 1.0)
    buyers = (frame["windows_own"] > 0).to_numpy()
    truth = np.log(frame["truth"].to_numpy()[buyers])

    def loss(prior: float) -> float:
        found = compute_value(frame, WhitespaceSettings(value_prior_windows=prior), 3)[buyers]
        return float(np.mean((np.log(found) - truth) ** 2))

    assert loss(0.5) < 0.9 * loss(0.0) and loss(0.5) < 0.9 * loss(1000.0)
    gap = compute_value(frame, WhitespaceSettings(), 3)[~buyers]
    known = frame["account_value"].to_numpy()[~buyers] > 0
    assert np.corrcoef(np.log(gap[known]), np.log(frame["truth"].to_numpy()[~buyers][known]))[0, 1] > 0.5


@pytest.mark.parametrize("months", [1, 3, 6, 12, 24])
def test_windows_with_a_purchase(months: int) -> None:
    """Counted ones as they are, as many as a year has at most; unknown ones as days fall by chance."""
    frame = pd.DataFrame({"days_own": [0.0, 1.0, 5.0, 300.0], "windows_own": np.nan})
    most = 12.0 / months
    found = active_windows(frame, months)
    rng = np.random.default_rng(1)
    if most >= 1.0:
        drawn = [len(set(rng.integers(0, int(most), 5).tolist())) for _ in range(4000)]
        assert found[2] == pytest.approx(np.mean(drawn), rel=0.03)
    assert found[0] == 0.0 and found[1] == pytest.approx(min(1.0, most)) and found[3] == pytest.approx(most, rel=1e-6)
    counted = active_windows(frame.assign(windows_own=[0.0, 1.0, 2.0, 13.0]), months)
    assert counted.tolist() == [0.0, min(1.0, most), min(2.0, most), min(13.0, most)]


def test_a_chance_does_not_count_twice() -> None:
    """Who buys rarely spends as much when he buys as who buys often for the same in each window."""
    frame = pd.DataFrame(
        {"account_id": ["rare", "often"], "division": "A", "segment": "S", "account_value": np.nan,
         "value_own": [900.0, 3600.0], "days_own": [1.0, 4.0], "windows_own": [1.0, 4.0]}
    )  # fmt: skip
    found = compute_value(frame, WhitespaceSettings(), 3)
    assert found.tolist() == [900.0, 900.0]


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


def test_a_signal_that_never_differs_is_given_no_weight() -> None:
    rng = np.random.default_rng(5)
    x = pd.DataFrame(rng.random((2_000, len(NORMALISED))), columns=list(NORMALISED))
    x[NORMALISED[1]] = 0.0
    bought = (rng.random(len(x)) < x[NORMALISED[0]]).astype(int).tolist()
    found = fit_challenger(x, bought, CUTOFF, "percentile")
    assert isinstance(found, Challenger)
    assert found.weights["affinity"] == 0.0 and found.weights["p_icp"] > 0.8


def test_the_challenger_scores_the_list_and_can_order_it() -> None:
    frame = make_candidates(400, 3, seed=8)
    rng = np.random.default_rng(1)
    past = frame.assign(bought=(rng.random(len(frame)) < frame["p_icp"]).astype(int))
    chosen = WhitespaceSettings(rank_by="challenger")
    ranking = rank_whitespace(frame, chosen, Terms(CUTOFF, TODAY, 6), Memory(past=Past(date(2024, 6, 1), past)))
    assert ranking.ranked["score_challenger"].is_monotonic_decreasing
    assert ranking.metrics["challenger"]["weights"]["p_icp"] > 0.5


def test_the_list_can_be_ordered_by_value_or_in_balance() -> None:
    frame = make_candidates(300, 4, seed=3)
    lists = {
        rule: rank_whitespace(
            frame, WhitespaceSettings(rank_by=rule), Terms(CUTOFF, TODAY, 6)  # type: ignore[arg-type]
        )
        for rule in ("score", "value", "balanced")
    }  # fmt: skip
    assert lists["value"].ranked["expected_value"].is_monotonic_decreasing
    assert lists["balanced"].metrics["rank_by"] == "balanced"
    top = {rule: found.ranked.head(100) for rule, found in lists.items()}
    assert top["value"]["expected_value"].sum() >= top["balanced"]["expected_value"].sum()
    assert top["balanced"]["expected_value"].sum() > top["score"]["expected_value"].sum()
    assert top["balanced"]["p_icp"].sum() > top["value"]["p_icp"].sum()


def test_no_other_list_has_more_of_both_than_one_in_balance() -> None:
    rng = np.random.default_rng(6)
    p, value = rng.beta(1, 5, 200), rng.lognormal(3, 1.5, 200)
    order = np.argsort(-in_balance(p, value))

    def both(rows: np.ndarray) -> float:
        return float(p[rows].sum() / p.sum() + value[rows].sum() / value.sum())

    best = both(order[:20])
    assert all(both(rng.choice(200, 20, replace=False)) <= best for _ in range(200))
    assert both(np.argsort(-p)[:20]) <= best and both(np.argsort(-value)[:20]) <= best

"""What the ranking promises, on made-up candidates and by hypothesis."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from icp_xl.config.whitespace import WhitespaceSettings
from icp_xl.errors import ConfigError, DataError
from icp_xl.signals import NORMALISED, SIGNALS
from icp_xl.whitespace.blend import blend, check_weights, scale_weights
from icp_xl.whitespace.model import Memory, Mode, Ranking, Terms
from icp_xl.whitespace.rank import rank_whitespace
from icp_xl.whitespace.signals import affinity, normalise, similarity_to_owners
from tests.support.whitespace_frames import DIVISIONS, make_candidates

CUTOFF, TODAY = date(2024, 7, 1), date(2024, 7, 2)
QUICK = settings(max_examples=12, deadline=None)
NAMES = [signal.name for signal in SIGNALS]
MODES: tuple[Mode, ...] = ("percentile", "pooled", "calibrated")


def rank(frame: pd.DataFrame, *, today: date = TODAY, states: pd.DataFrame | None = None, **chosen: Any) -> Ranking:
    return rank_whitespace(frame, WhitespaceSettings(**chosen), Terms(CUTOFF, today, 6, seed=7), Memory(states))


def order(ranking: Ranking) -> list[tuple[str, str]]:
    return list(zip(ranking.ranked["account_id"], ranking.ranked["division"], strict=True))


@QUICK
@given(
    seed=st.integers(0, 500), row=st.integers(0, 79), mode=st.sampled_from(MODES),
    signal=st.sampled_from(["p_icp", "mb_lift_max", "mb_lift_mean", "als_similarity", "value_own"]),
    by=st.floats(0.001, 3.0), ownership=st.sampled_from(["off", "recent"]),
    rank_by=st.sampled_from(["score", "value", "balanced"]),
)  # fmt: skip
def test_raising_a_signal_never_lowers_a_rank(
    seed: int, row: int, mode: Mode, signal: str, by: float, ownership: str, rank_by: str
) -> None:
    frame = make_candidates(20, seed=seed).assign(do_not_contact=False, open_deal=False)
    if not np.isfinite(frame.loc[row, signal]) or (signal == "value_own" and frame.loc[row, "days_own"] == 0.0):
        return  # a signal that appears where there was none changes its coverage, and so the weights of all
    if signal.startswith("mb_") and frame.loc[row, "mb_lift_max"] == 0.0:
        return
    better = frame.copy()
    top = {"p_icp": 1.0, "als_similarity": 1.0}.get(signal, np.inf)
    better.loc[row, signal] = min(frame.loc[row, signal] + by, top)
    pair = (frame.loc[row, "account_id"], frame.loc[row, "division"])
    chosen = {"normalize": mode, "ownership": ownership, "cooldown_days": 0, "rank_by": rank_by}
    before = order(rank(frame, **chosen))
    after = order(rank(better, **chosen))
    if pair in before:
        assert after.index(pair) <= before.index(pair)


@QUICK
@given(seed=st.integers(0, 500), mode=st.sampled_from(MODES), capacity=st.sampled_from(["per_rep", "hybrid"]))
def test_the_order_of_the_rows_changes_nothing(seed: int, mode: Mode, capacity: str) -> None:
    frame = make_candidates(15, seed=seed)
    frame["p_icp"] = frame["p_icp"].round(1).clip(0.05)  # ties
    mixed = frame.sample(frac=1.0, random_state=seed)
    one = rank(frame, normalize=mode, capacity=capacity, holdout_share=0.2, shadow="revenue")
    two = rank(mixed, normalize=mode, capacity=capacity, holdout_share=0.2, shadow="revenue")
    pd.testing.assert_frame_equal(one.pairs, two.pairs)
    assert one.metrics == two.metrics and one.overlap == two.overlap


def test_ties_go_by_value_then_chance_then_account_then_division() -> None:
    frame = make_candidates(4, 2).assign(
        p_icp=0.2, mb_lift_max=1.0, mb_lift_mean=1.0, als_similarity=0.5, value_own=0.0, days_own=0.0,
        last_bought=pd.NaT, do_not_contact=False, open_deal=False,
    )  # fmt: skip
    found = order(rank(frame))
    assert found == sorted(found)


@pytest.mark.parametrize("weights", [(0.5, 0.5, 0.5), (-0.1, 0.5, 0.3, 0.3), (0, 0, 0, 0), (1, float("nan"), 0, 0)])
def test_other_weights_are_refused(weights: tuple[float, ...]) -> None:
    with pytest.raises(ConfigError, match="four numbers"):
        check_weights(weights)
    with pytest.raises(ValueError, match="weights"):
        WhitespaceSettings(weights=weights)


@QUICK
@given(st.lists(st.floats(0, 100), min_size=4, max_size=4).filter(lambda w: sum(w) > 1e-3))
def test_weights_are_made_to_sum_to_one(weights: list[float]) -> None:
    assert sum(check_weights(weights)) == pytest.approx(1.0, abs=1e-12)


@QUICK
@given(st.floats(0, 1), st.floats(0, 1), st.floats(0.05, 1.0))
def test_a_sparse_signal_counts_less_and_the_rest_takes_its_place(lift: float, als: float, full: float) -> None:
    covered = {"p_icp": 1.0, "affinity": lift, "als": als, "expected_value": 1.0}
    table = scale_weights((0.6, 0.2, 0.1, 0.1), covered, full).set_index("signal")
    assert table["used"].sum() == pytest.approx(1.0)
    for name in ("affinity", "als"):
        ratio = table.loc[name, "used"] / table.loc["p_icp", "used"]
        asked = table.loc[name, "asked"] / table.loc["p_icp", "asked"]
        assert ratio == pytest.approx(asked * min(covered[name] / full, 1.0))


def test_a_signal_that_covers_nobody_has_no_say() -> None:
    frame = make_candidates(30)
    ranking = rank(frame.assign(als_similarity=np.nan))
    used = ranking.weights.set_index("signal")["used"]
    assert used["als"] == 0.0 and used.sum() == pytest.approx(1.0)
    assert any("likeness to owners covers 0%" in text for text in ranking.warnings)


@pytest.mark.parametrize("mode", MODES)
def test_parts_sum_to_the_score(mode: Mode) -> None:
    rng = np.random.default_rng(3)
    x = pd.DataFrame(rng.random((50, 4)), columns=list(NORMALISED))
    x.iloc[0] = 0.0
    score, parts = blend(x, (0.6, 0.2, 0.1, 0.1), mode)
    assert np.allclose(parts.sum(axis=1), score, atol=1e-9)
    assert ((score >= 0.0) & (score <= 1.0)).all()


def test_percentiles_per_division_and_pooled_against_a_slow_count() -> None:
    frame = make_candidates(25, 3, seed=4)
    values = frame["p_icp"].to_numpy()
    division = frame["division"].to_numpy(dtype=object)
    signals = dict.fromkeys(NAMES, values)
    for mode in ("percentile", "pooled"):
        found = normalise(signals, division, np.ones(len(frame)), mode)["p_norm"].to_numpy()  # type: ignore[arg-type]
        for i in range(len(frame)):
            peers = values[division == division[i]] if mode == "percentile" else values
            slow = ((peers < values[i]).sum() + 0.5 * (peers == values[i]).sum()) / len(peers)
            assert found[i] == pytest.approx(slow)


def test_a_missing_signal_never_beats_a_present_one() -> None:
    lift = affinity(np.asarray([0.0, 0.2, 2.0]), np.asarray([0.0, 0.1, 1.0]))
    found = normalise(
        dict.fromkeys(NAMES, lift), np.asarray(["a"] * 3, dtype=object), np.full(3, 0.5), "percentile"
    )  # fmt: skip
    assert np.isnan(lift[0]) and found["lift_norm"].is_monotonic_increasing


def test_likeness_to_owners_without_embeddings_of_the_pair() -> None:
    """Owners point one way: those who point the same way are like them, and an owner is not compared with himself."""
    vectors = np.asarray([[1.0, 0.0], [0.9, 0.1], [0.8, 0.3], [0.0, 1.0], [np.nan, np.nan]])
    owners = np.asarray([True, True, False, False, False])
    found = similarity_to_owners(vectors, owners)
    assert found[2] > 0.9 > found[3]
    assert np.isnan(found[4])
    assert found[0] == pytest.approx(0.9 / np.hypot(0.9, 0.1))
    frame = make_candidates(40, 2, seed=1)
    rng = np.random.default_rng(0)
    frame[["als_f00", "als_f01"]] = rng.normal(size=(len(frame), 2))
    ranking = rank(frame.assign(als_similarity=np.nan))
    assert ranking.weights.set_index("signal")["coverage"]["als"] == 1.0


def test_faults_are_named_together() -> None:
    frame = make_candidates(5)
    with pytest.raises(DataError, match="p_icp"):
        rank(frame.drop(columns="p_icp"))
    broken = pd.concat([frame, frame.iloc[:2]])
    broken.iloc[0, broken.columns.get_loc("p_icp")] = 1.5
    with pytest.raises(DataError) as caught:
        rank(broken)
    assert "2 rows" in str(caught.value) and "outside 0 to 1" in str(caught.value)


def test_capture_shares_and_stability() -> None:
    frame = make_candidates(60, 4, seed=9)
    first = rank(frame)
    chosen = first.ranked[first.ranked["selected"]]
    assert first.metrics["division_shares"] == pytest.approx(
        (chosen["division"].value_counts() / len(chosen)).to_dict(), abs=1e-6
    )
    top = first.metrics["capture"][1]
    n = top["pairs"]
    assert top["purchases"] == pytest.approx(
        first.ranked["p_icp"].head(n).sum() / first.ranked["p_icp"].sum(), abs=1e-6
    )
    last = chosen[["account_id", "division"]]
    again = rank_whitespace(
        frame, WhitespaceSettings(), Terms(CUTOFF, TODAY, 6), Memory(previous=last)
    )  # fmt: skip
    assert again.metrics["stability_jaccard"] == 1.0
    assert first.metrics["stability_jaccard"] is None


def test_a_list_of_one_division_is_warned_of() -> None:
    frame = make_candidates(80, 3, seed=2)
    frame.loc[frame["division"] == DIVISIONS[0], "p_icp"] *= 0.01
    frame.loc[frame["division"] == DIVISIONS[1], "p_icp"] *= 0.01
    ranking = rank(frame, normalize="calibrated", max_division_share=0.5)
    assert any(DIVISIONS[2] in text and "hybrid" in text for text in ranking.warnings)


@pytest.mark.parametrize("capacity", ["top_percent", "per_rep", "hybrid"])
@pytest.mark.parametrize("left", ["nothing", "one pair"])
def test_a_list_of_nothing_or_of_one_is_a_list(capacity: str, left: str) -> None:
    frame = make_candidates(1, 1).assign(do_not_contact=left == "nothing", open_deal=False, last_bought=pd.NaT)
    ranking = rank(frame, capacity=capacity, shadow="revenue", holdout_share=0.1)
    n = 0 if left == "nothing" else 1
    assert ranking.metrics["ranked"] == ranking.metrics["selected"] == n
    assert any("no pair is left" in text for text in ranking.warnings) is (n == 0)

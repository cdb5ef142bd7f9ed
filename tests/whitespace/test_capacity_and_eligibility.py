"""Capacity, eligibility rules, cooldown, holdout: who is on the list, who is not, and why."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from icp_xl.config.whitespace import WhitespaceSettings
from icp_xl.whitespace.capacity import pairs_of_share, quota
from icp_xl.whitespace.eligibility_rules import RULES
from icp_xl.whitespace.holdout import draw_holdout, sample_size
from icp_xl.whitespace.model import Memory, Ranking, Terms
from icp_xl.whitespace.rank import rank_whitespace
from icp_xl.whitespace.states import STATE_COLUMNS, clean_states, merge_typed
from tests.support.whitespace_frames import make_candidates

CUTOFF, TODAY = date(2024, 7, 1), date(2024, 7, 2)
QUICK = settings(max_examples=8, deadline=None)


def rank(frame: pd.DataFrame, *, today: date = TODAY, states: pd.DataFrame | None = None, **chosen: Any) -> Ranking:
    return rank_whitespace(frame, WhitespaceSettings(**chosen), Terms(CUTOFF, today, 6, seed=7), Memory(states))


def said(frame: pd.DataFrame, row: int, **values: Any) -> pd.DataFrame:
    """One state, of the pair in ``row``."""
    base = {"account_id": frame.loc[row, "account_id"], "division": frame.loc[row, "division"]}
    return clean_states(pd.DataFrame([base | values], columns=list(STATE_COLUMNS)))


@QUICK
@given(seed=st.integers(0, 300), accounts=st.integers(3, 40), percent=st.floats(0.5, 100.0))
def test_top_percent_takes_exactly_so_many(seed: int, accounts: int, percent: float) -> None:
    ranking = rank(make_candidates(accounts, seed=seed), top_percent=percent)
    ranked = ranking.ranked
    wanted = pairs_of_share(len(ranked), percent)
    assert ranked["selected"].sum() == wanted
    assert ranked["selected"].head(wanted).all()


@QUICK
@given(seed=st.integers(0, 300), per_rep=st.integers(1, 30), reps=st.integers(1, 5))
def test_per_rep_takes_exactly_so_many_of_each(seed: int, per_rep: int, reps: int) -> None:
    frame = make_candidates(20, seed=seed, reps=reps)
    frame.loc[frame["account_id"] == "A000003", "rep"] = ""
    ranked = rank(frame, capacity="per_rep", per_rep=per_rep).ranked
    for _, mine in ranked.groupby("rep"):
        assert mine["selected"].sum() == min(per_rep, len(mine))
        assert mine["selected"].head(per_rep).all()


@QUICK
@given(seed=st.integers(0, 300), divisions=st.integers(1, 8), percent=st.floats(1.0, 100.0), share=st.floats(0.05, 1.0))
def test_hybrid_keeps_every_division_within_its_share(seed: int, divisions: int, percent: float, share: float) -> None:
    frame = make_candidates(25, divisions, seed=seed)
    frame["p_icp"] *= np.where(frame["division"] == "Consumables", 1.0, 0.05)
    ranking = rank(frame, capacity="hybrid", top_percent=percent, max_division_share=share, normalize="calibrated")
    ranked = ranking.ranked
    wanted, counts = pairs_of_share(len(ranked), percent), ranked["division"].value_counts()
    most = quota(wanted, len(counts), share)
    chosen = ranked.loc[ranked["selected"], "division"].value_counts()
    assert (chosen <= most).all()
    assert ranked["selected"].sum() == min(wanted, int(counts.clip(upper=most).sum()))
    for name, mine in ranked.groupby("division"):
        assert mine["selected"].head(int(chosen.get(name, 0))).all()


def test_thresholds_say_where_the_list_is_cut() -> None:
    ranking = rank(make_candidates(50, seed=5), capacity="per_rep", per_rep=6)
    table = ranking.thresholds
    whole = table[table["group"] == "all"].iloc[0]
    assert whole["selected"] == whole["asked"] == ranking.ranked["selected"].sum()
    per_rep = table[(table["mode"] == "per_rep") & (table["group"] != "all")]
    assert per_rep["selected"].sum() == whole["selected"]
    assert table.loc[table["mode"] == "division", "share"].sum() == pytest.approx(1.0)


GATED: dict[str, dict[str, Any]] = {
    "do not contact": {"do_not_contact": True},
    "legal or other hold": {"exclusion": "court order"},
    "region": {"region": "West"},
    "open deal": {"open_deal": True},
    "recent contact": {"contacted_on": pd.Timestamp("2024-06-20")},
    "owned": {"last_bought": pd.Timestamp("2024-01-15")},
}


@pytest.mark.parametrize("gate", GATED)
@QUICK
@given(rows=st.sets(st.integers(0, 59), max_size=20))
def test_a_gate_removes_exactly_whom_it_names(gate: str, rows: set[int]) -> None:
    frame = make_candidates(15).assign(
        do_not_contact=False, open_deal=False, last_bought=pd.NaT, exclusion="", contacted_on=pd.NaT
    )
    frame[["last_bought", "contacted_on"]] = frame[["last_bought", "contacted_on"]].astype("datetime64[s]")
    for name, value in GATED[gate].items():
        frame.loc[sorted(rows), name] = value
    ranking = rank(frame, regions_excluded=("west ",))
    gone = ranking.pairs[ranking.pairs["removed_by"] != ""]
    named = set(zip(frame.loc[sorted(rows), "account_id"], frame.loc[sorted(rows), "division"], strict=True))
    assert set(zip(gone["account_id"], gone["division"], strict=True)) == named
    assert set(gone["removed_by"]) <= {gate}
    counts = ranking.removals.set_index("gate")["removed"]
    assert counts[gate] == len(rows) and counts.sum() == len(rows)
    if gate == "legal or other hold" and rows:
        assert gone["removal_reason"].str.contains("court order").all()


def test_every_removal_is_counted_once_and_all_its_reasons_are_told() -> None:
    frame = make_candidates(200, seed=3)
    ranking = rank(frame, regions=("North", "South"))
    assert ranking.removals["removed"].sum() == (ranking.pairs["removed_by"] != "").sum()
    assert list(ranking.removals["gate"]) == list(RULES)
    both = ranking.pairs[ranking.pairs["do_not_contact"] & (ranking.pairs["region"] == "East")]
    assert (both["removal_reason"].str.contains("Do not contact") & both["removal_reason"].str.contains("Region")).all()
    # Only ownership says who is compared with whom; no other gate changes the score of those that remain.
    free = rank(frame).pairs.set_index(["account_id", "division"])["score"]
    left = ranking.ranked.set_index(["account_id", "division"])["score"]
    pd.testing.assert_series_equal(left, free.loc[left.index])


def test_ownership_recent_ever_off_and_repeat_divisions() -> None:
    frame = make_candidates(10, 2).assign(do_not_contact=False, open_deal=False)
    frame["last_bought"] = pd.Timestamp("2020-01-01")
    assert rank(frame).metrics["ranked"] == 20
    assert rank(frame, ownership="ever").metrics["ranked"] == 0
    assert rank(frame, ownership="ever", repeat_divisions=("Consumables",)).metrics["ranked"] == 10
    off = rank(frame.assign(last_bought=pd.Timestamp("2024-06-01")), ownership="off")
    assert off.metrics["ranked"] == 20 and set(off.pairs["state"]) == {"owned"}


@pytest.mark.parametrize(("status", "days"), [("contacted", 30), ("won", 365), ("not relevant", 365)])
def test_a_status_takes_a_pair_off_for_its_time(status: str, days: int) -> None:
    frame = make_candidates(10).assign(do_not_contact=False, open_deal=False, last_bought=pd.NaT)
    states = said(frame, 5, status=status, status_on=pd.Timestamp(TODAY))
    pair = (frame.loc[5, "account_id"], frame.loc[5, "division"])
    for when, there in ((TODAY, False), (TODAY + timedelta(days - 1), False), (TODAY + timedelta(days), True)):
        ranked = rank(frame, states=states, today=when).ranked
        assert (pair in set(zip(ranked["account_id"], ranked["division"], strict=True))) is there
    # Its time over, the cell is blank again, and the same may be typed anew.
    assert not (ranked["status"] != "").any()


def test_a_mark_takes_a_pair_off_for_good_and_is_remembered() -> None:
    frame = make_candidates(10).assign(do_not_contact=False, open_deal=False, last_bought=pd.NaT)
    states = said(frame, 5, not_eligible="competitor's plant")
    ranking = rank(frame, states=states, today=TODAY + timedelta(3000))
    gone = ranking.pairs[ranking.pairs["removed_by"] == "marked not eligible"]
    assert len(gone) == 1 and "competitor's plant" in gone["removal_reason"].iloc[0]
    assert (ranking.states["not_eligible"] == "competitor's plant").sum() == 1


def test_what_nobody_acts_on_steps_back_and_comes_again() -> None:
    frame = make_candidates(40, seed=6).assign(do_not_contact=False, open_deal=False, last_bought=pd.NaT)
    first = rank(frame)
    top = tuple(first.ranked.iloc[0][["account_id", "division"]])
    states = first.states
    assert states["surfaced_since"].notna().sum() == first.metrics["selected"]

    def place(ranking: Ranking) -> int:
        ranked = ranking.ranked
        return int(np.flatnonzero((ranked["account_id"] == top[0]) & (ranked["division"] == top[1]))[0])

    week = rank(frame, states=states, today=TODAY + timedelta(27))
    assert place(week) == 0 and not week.ranked["cooldown"].any()
    later = rank(frame, states=week.states, today=TODAY + timedelta(28))
    assert place(later) > 0 and later.ranked["cooldown"].sum() == first.metrics["selected"]
    rested = rank(frame, states=later.states, today=TODAY + timedelta(28 + 56))
    assert place(rested) == 0
    acted = said(frame, 0, status="to do", surfaced_since=pd.Timestamp(TODAY))
    acted[["account_id", "division"]] = top
    assert place(rank(frame, states=acted, today=TODAY + timedelta(30))) > 0
    assert place(rank(frame, states=states, today=TODAY + timedelta(30), cooldown_days=0)) == 0


def test_only_a_changed_cell_counts() -> None:
    """The pair stands on several sheets and in copies: an untouched or old cell undoes nothing."""
    states = clean_states(pd.DataFrame([{"account_id": "A", "division": "D", "status": "contacted"}]))
    columns = ["source", "account_id", "division", "status", "not_eligible"]

    def merge(rows: list[tuple[str, ...]], seen: list[tuple[str, ...]] = []) -> dict[str, Any]:  # noqa: B006
        typed, before = pd.DataFrame(rows, columns=columns), pd.DataFrame(seen, columns=columns)
        merged, _ = merge_typed(states, typed, before, TODAY)
        return dict(merged.iloc[0]) if len(merged) else {}

    assert merge([("", "A", "D", "won", ""), ("", "A", "D", "contacted", "")])["status"] == "won"
    assert merge([("", "A", "D", "contacted", ""), ("", "A", "D", "Won ", "")])["status"] == "won"
    assert merge([("", "A", "D", "", "")])["status"] == ""
    old = ("copy.xlsx", "A", "D", "to do", "")
    assert merge([old])["status"] == "to do"
    assert merge([old], [old])["status"] == "contacted"
    assert merge([("copy.xlsx", "A", "D", "", "")])["status"] == "contacted"
    assert merge([("copy.xlsx", "A", "D", "", "")], [old])["status"] == ""
    assert merge([("", "A", "D", "contacted", "x")])["not_eligible"] == "x"


def test_the_holdout_is_of_accounts_stable_and_of_its_size() -> None:
    names = [f"A{i}" for i in range(20_000)]
    held = draw_holdout(names, 0.1, 7)
    assert abs(held.mean() - 0.1) < 4 * np.sqrt(0.09 / 20_000)
    assert (draw_holdout(names[::-1], 0.1, 7)[::-1] == held).all()
    assert not (draw_holdout(names, 0.1, 8) == held).all()
    assert (draw_holdout(names, 0.2, 7) >= held).all()
    ranking = rank(make_candidates(300, seed=1), holdout_share=0.1, top_percent=50)
    chosen = ranking.ranked[ranking.ranked["selected"]]
    by_account = chosen.groupby("account_id")["holdout"].nunique()
    assert (by_account == 1).all() and 0 < chosen["holdout"].sum() < len(chosen)
    assert not ranking.states.merge(chosen[chosen["holdout"]], on=["account_id", "division"]).size


def test_the_planned_sample_finds_the_planned_lift() -> None:
    """By simulation: the power of the two-proportion test at the stated sizes is the promised 80 %."""
    rng = np.random.default_rng(0)
    worked, held = sample_size(0.2, 0.25, 0.3)
    a, b = rng.binomial(worked, 0.25, 4000) / worked, rng.binomial(held, 0.2, 4000) / held
    pooled = (a * worked + b * held) / (worked + held)
    z = (a - b) / np.sqrt(pooled * (1 - pooled) * (1 / worked + 1 / held))
    assert 0.77 < (np.abs(z) > 1.96).mean() < 0.83

"""What the loop concludes: nothing on real data without a signal, the planted truth where there is one."""

from __future__ import annotations

from datetime import date, datetime
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from python_calamine import CalamineWorkbook

from icp_xl.config import Settings, load_settings
from icp_xl.config.feedback import FeedbackSettings, PipelineWeights, StagedWeights, weights_of
from icp_xl.feedback.accuracy import compute_accuracy
from icp_xl.feedback.refine import _fit, refine_weights
from icp_xl.feedback.sequential_test import trial_plan
from icp_xl.pipeline.api import call
from icp_xl.pipeline.feedback.won_lost import run_loop as run_feedback
from tests.benchmarks.bench_feedback_truth import names_pattern, run_loop
from tests.support.pipelines import PLANTED, planted_by_stage, simulate_judged

FAST = FeedbackSettings(permutations=199, bootstrap=200)


def maven(shared_data: Path, out: Path) -> Settings:
    return load_settings(
        overrides={
            "paths.data": str(shared_data / "maven-crm"), "paths.out": str(out),
            "run.clock": datetime(2018, 1, 1, 8).isoformat(),
            "sources.customers": {"file": "accounts.csv"}, "sources.opportunities": {"file": "sales_pipeline.csv"},
            "sources.sales": {"ignore": True}, "feedback.permutations": 199, "feedback.bootstrap": 200,
            "columns.customers": {"account_name": "account", "industry": "sector", "annual_revenue": "revenue"},
            "columns.opportunities": {
                "account_name": "account", "stage": "deal_stage", "created_date": "engage_date",
                "amount": "close_value", "owner": "sales_agent",
            },
        }
    )  # fmt: skip


def test_maven_has_no_evidence_but_the_month_of_closing(shared_data: Path, tmp_path: Path) -> None:
    lines = " ".join(call("won-lost", run_feedback, maven(shared_data, tmp_path)).summary())
    assert "Opportunity score: no evidence. Account score: no evidence." in lines
    assert "No loss patterns" in lines
    book = CalamineWorkbook.from_path(str(tmp_path / "icp_won_lost.xlsx"))
    cells = [
        [str(cell) for cell in row] for name in book.sheet_names for row in book.get_sheet_by_name(name).to_python()
    ]
    (month,) = [row for row in cells if "Month in which it closed" in row and "it matters" in row]
    assert not [row for row in cells if "it matters" in row and row != month], "only the month matters in this data"
    from icp_xl.pipeline.feedback.won_lost import refine

    said = " ".join(call("refine", refine, maven(shared_data, tmp_path)).summary())
    assert "no change" in said


def test_the_first_snapshot_looks_back_and_the_next_adds_a_day(shared_data: Path, tmp_path: Path) -> None:
    """Whoever begins with a history of closed opportunities learns from it on the first day."""
    from icp_xl.pipeline.feedback.snapshots import snapshot

    settings = maven(shared_data, tmp_path)
    assert "13 snapshots kept" in " ".join(call("snapshot", snapshot, settings).summary())
    assert "0 snapshots kept, 1 were kept before" in " ".join(
        call("snapshot", partial(snapshot, as_of=date(2017, 12, 1)), settings).summary()
    )


def test_a_first_day_without_outcomes_is_a_report_too(shared_data: Path, tmp_path: Path) -> None:
    from icp_xl.pipeline.feedback.snapshots import outcomes, snapshot
    from icp_xl.pipeline.feedback.won_lost import won_lost

    settings = maven(shared_data, tmp_path)
    call("snapshot", partial(snapshot, only_today=True), settings)
    call("outcomes", outcomes, settings)
    assert "Not enough outcomes yet" in " ".join(call("won-lost", won_lost, settings).summary())
    assert (tmp_path / "icp_won_lost.xlsx").is_file()


def test_planted_weights_are_found_and_promoted() -> None:
    found = [run_loop(seed, PLANTED, FAST) for seed in range(6)]
    assert sum(each.promoted for each in found) >= 5
    assert sum(each.nearer for each in found) >= 5


def test_weights_that_differ_by_stage_and_owners_that_differ_are_learned() -> None:
    frame = simulate_judged(np.random.default_rng(5), 3000, truth=None, months=20, extra_logit=planted_by_stage)
    found = refine_weights(frame, PipelineWeights(), FAST, seed=1)
    assert found.recommended and found.joined == ("owner_history",)
    assert found.suggested.owner_history > 0.05 and found.stage_gain[1] > 0
    assert isinstance(found.suggested, StagedWeights)
    by_stage = {int(stage[-1]): weights for stage, weights in found.suggested.stages.items()}
    odd = [by_stage[k].recency - by_stage[k].win_rate for k in (1, 3)]
    even = [by_stage[k].recency - by_stage[k].win_rate for k in (0, 2, 4)]
    assert min(odd) > 0 > max(even), "recency leads at odd stages, the win rate at even ones"
    assert weights_of(found.suggested.model_dump()) == found.suggested


def test_the_same_weights_at_all_stages_get_none_of_their_own() -> None:
    frame = simulate_judged(np.random.default_rng(6), 2000, truth=PLANTED, months=20)
    found = refine_weights(frame, PipelineWeights(), FAST, seed=1)
    assert found.recommended and not isinstance(found.suggested, StagedWeights) and not found.joined


def test_what_happened_lately_counts_more() -> None:
    """Until the middle the one component decided, since then the other."""
    frame = simulate_judged(np.random.default_rng(8), 2000, truth=None, months=24, season=0.0)
    late = frame["close_date"] > frame["close_date"].median()
    line = np.where(late, frame["recency_score"], frame["win_rate_score"])
    frame["won"] = np.random.default_rng(9).random(len(frame)) < 1 / (1 + np.exp(-6 * (line - line.mean())))
    names = ["win_rate", "recency"]
    shares = [
        _fit(frame, names, np.array([0.5, 0.5]), 3.0, FeedbackSettings(outcome_half_life_days=days)).weights[1]
        for days in (None, 120.0)
    ]
    assert shares[0] < 0.6 < 0.65 < shares[1]


def test_the_chance_of_a_false_promotion_is_what_the_sheet_says() -> None:
    plan = trial_plan(0.25, 0.05, FeedbackSettings(), 785)
    assert plan["power"].is_monotonic_increasing and plan["smallest"].is_monotonic_decreasing
    assert plan.set_index("outcomes").loc[785, "power"] == pytest.approx(0.80, abs=0.005)
    assert 0.015 < plan["false_promotion"].iloc[0] < 0.03


def test_no_difference_is_not_promoted() -> None:
    found = [run_loop(100 + seed, None, FAST) for seed in range(6)]
    assert sum(each.promoted for each in found) <= 1


def test_planted_losses_are_named_and_noise_is_not() -> None:
    assert sum(bool(names_pattern(seed, FAST, n=1500, trap=True)) for seed in range(4)) >= 3
    assert sum(bool(names_pattern(seed, FAST, n=1500, trap=False)) for seed in range(6)) <= 1


def test_too_few_outcomes_are_descriptive_only() -> None:
    frame = simulate_judged(np.random.default_rng(0), 60, truth=PLANTED)
    accuracy = compute_accuracy(frame, FAST, seed=0)
    assert "needs" in accuracy.status or "need" in accuracy.status
    assert refine_weights(frame, PipelineWeights(), FAST, seed=0).status


def test_weights_stay_weights() -> None:
    frame = simulate_judged(np.random.default_rng(1), 800, truth=PLANTED)
    found = refine_weights(frame, PipelineWeights(), FAST, seed=0)
    values = pd.Series(found.suggested.as_tuple())
    assert values.ge(0).all()
    assert values.sum() == pytest.approx(1.0)

"""Planted truth for the feedback loop: how often the right thing is promoted, and the wrong one.

Run it for the figures in the docs:

    python tests/benchmarks/bench_feedback_truth.py --runs 200

A loop has 1,000 outcomes in all: 500 to learn from, then 500 after the challenger went on trial, looked at monthly.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from icp_xl.config.feedback import PIPELINE_COMPONENTS, FeedbackSettings, PipelineWeights
from icp_xl.feedback.champion import PROMOTE, challenger_weights, interim_analysis, start_trial
from icp_xl.feedback.lost_patterns import find_lost_patterns
from icp_xl.feedback.pipeline_score import weighted_score
from icp_xl.feedback.refine import Refinement, refine_weights
from icp_xl.feedback.snapshots import model_id_of
from icp_xl.feedback.store import Store
from tests.support.pipelines import PLANTED, planted_by_stage, simulate_judged


@dataclass(frozen=True)
class Loop:
    """What one simulated loop came to."""

    recommended: bool
    promoted: bool
    planned: int
    nearer: bool


def distance(weights: PipelineWeights, truth: dict[str, float]) -> float:
    """Distance between two directions of weights (1 less their cosine)."""
    a = np.asarray(weights.as_tuple())[: len(PIPELINE_COMPONENTS)]
    b = np.asarray([truth[name] for name in PIPELINE_COMPONENTS])
    return float(1 - a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def run_loop(
    seed: int,
    truth: dict[str, float] | None,
    settings: FeedbackSettings,
    *,
    strength: float = 1.3,
    learn: int = 500,
    after: int = 500,
    force: PipelineWeights | None = None,
    account_effect: float = 0.0,
    stages: bool = False,
) -> Loop:
    """Learn from the first outcomes, try the suggestion on the later ones, look every month.

    ``stages``: plant other weights at each stage, and an effect of the owner.
    ``force``: put these weights on trial whatever the gate says (to see what the trial alone lets through).
    """
    rng = np.random.default_rng(seed)
    early_share = learn / (learn + after)
    frame = simulate_judged(
        rng, learn + after, truth=truth, strength=strength, months=20, account_effect=account_effect,
        extra_logit=planted_by_stage if stages else None,
    )  # fmt: skip
    cut = frame["snapshot_date"].sort_values().iloc[int(len(frame) * early_share)]
    early, late = frame[frame["snapshot_date"] < cut], frame[frame["snapshot_date"] >= cut]
    current = PipelineWeights()
    found = refine_weights(early.reset_index(drop=True), current, settings, seed=seed)
    nearer = truth is not None and distance(found.suggested, truth) < distance(current, truth)
    if force is not None:
        found = Refinement(**{**found.__dict__, "recommended": True, "suggested": force, "gain": 0.05,
                              "unit_variance": 0.3})  # fmt: skip
    if not found.recommended:
        return Loop(False, False, 0, nearer)
    with Store(None) as store:
        planned = start_trial(store, found, settings, today=cut.date(), now="", run_id="")
        challenger = challenger_weights(store)
        assert challenger is not None
        parts = late[[c for c in late if c in _scores()]][_scores()].to_numpy()
        late = late.assign(
            challenger_score=weighted_score(parts, challenger, late["stage"]), challenger_id=model_id_of(challenger)
        )
        decision = ""
        for month in sorted(late["close_month"].unique()):
            seen = late[late["close_month"] <= month]
            decision = interim_analysis(store, seen, settings, today=date(2026, 1, 1)).decision
            if decision != "wait":
                break
    return Loop(True, decision == PROMOTE, planned, nearer)


def _scores() -> list[str]:
    from icp_xl.feedback.pipeline_score import OPPORTUNITY_SCORES

    return list(OPPORTUNITY_SCORES)


def planted_loss(frame: pd.DataFrame) -> np.ndarray:
    """Deals with high upsell and low win rate lose more than their score says."""
    upsell, rate = frame["upsell_instances_score"], frame["win_rate_score"]
    trap = (upsell >= upsell.quantile(2 / 3)) & (rate <= rate.quantile(1 / 3))
    return np.where(trap, -2.0, 0.0)


def names_pattern(seed: int, settings: FeedbackSettings, *, n: int, trap: bool, account_effect: float = 0.0) -> str:
    """The names of the patterns that one report gives, joined; "" when it names none."""
    rng = np.random.default_rng(seed)
    frame = simulate_judged(
        rng, n, truth=None, account_effect=account_effect, extra_logit=planted_loss if trap else None
    )
    return "; ".join(find_lost_patterns(frame, settings, seed=seed).patterns["pattern"])


def main() -> None:
    """Print every figure."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=100)
    runs = parser.parse_args().runs
    settings = FeedbackSettings(trial_max_outcomes=480)
    for label, truth, strength, effect in (
        ("true weights differ (planted)", PLANTED, 1.3, 0.0),
        ("true weights are the current ones", PipelineWeights().model_dump(), 1.3, 0.0),
        ("nothing predicts", None, 0.0, 0.0),
        ("nothing predicts, accounts differ", None, 0.0, 0.8),
    ):
        loops = [run_loop(k, truth, settings, strength=strength, account_effect=effect) for k in range(runs)]
        print(
            f"{label}: recommended {np.mean([x.recommended for x in loops]):.1%}, promoted "
            f"{np.mean([x.promoted for x in loops]):.1%}, nearer to the truth "
            f"{np.mean([x.nearer for x in loops]):.1%}, "
            f"trial planned for {np.median([x.planned for x in loops if x.recommended] or [0]):.0f} outcomes (median)"
        )
    loops = [run_loop(k, None, settings, strength=0.0, stages=True) for k in range(runs)]
    print(
        f"stages and owners differ (planted): recommended {np.mean([x.recommended for x in loops]):.1%}, promoted "
        f"{np.mean([x.promoted for x in loops]):.1%}"
    )
    other = PipelineWeights(speed_to_close=0.2, largest_deal=0.25, product_mix=0.15, upsell_instances=0.05,
                            win_rate=0.05, recency=0.3)  # fmt: skip
    loops = [run_loop(k, None, settings, strength=0.0, force=other, account_effect=0.5) for k in range(runs)]
    print(
        f"no difference, put on trial without the gate, monthly looks: promoted "
        f"{np.mean([x.promoted for x in loops]):.1%}"
    )
    plain = FeedbackSettings()
    found = [names_pattern(k, plain, n=1500, trap=True) for k in range(runs)]
    hit = np.mean(["low win rate" in x and "high upsell instances" in x for x in found])
    print(f"planted loss pattern found: {hit:.1%} of {runs} reports")
    for effect in (0.0, 0.8):
        found = [names_pattern(10_000 + k, plain, n=1500, trap=False, account_effect=effect) for k in range(runs)]
        print(f"pure noise (account effect {effect}): a pattern named in {np.mean([x != '' for x in found]):.1%}")


if __name__ == "__main__":
    main()

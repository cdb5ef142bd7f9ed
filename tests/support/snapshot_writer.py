"""Snapshots of an invented pipeline, as a process of its own writes them (to be killed by a test)."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from icp_xl.config.feedback import FeedbackSettings, PipelineWeights
from icp_xl.feedback.opportunities import prepare_opportunities
from icp_xl.feedback.pipeline_score import build_history, score_pipeline
from icp_xl.feedback.snapshots import write_snapshot
from icp_xl.feedback.store import Store
from tests.support.pipelines import simulate_opportunities


def pipeline(n: int = 200, seed: int = 0) -> pd.DataFrame:
    """Prepared opportunities."""
    return prepare_opportunities(simulate_opportunities(np.random.default_rng(seed), n))


def take(store: Store, frame: pd.DataFrame, day: date) -> bool:
    """Score and keep one day."""
    weights = PipelineWeights()
    scored = score_pipeline(build_history(frame), day, FeedbackSettings(), weights, replay=True)
    return write_snapshot(store, day, scored, weights, now="", run_id="", replayed=True)

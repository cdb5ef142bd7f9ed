"""The feedback loop at scale: 200,000 opportunities, 24 monthly snapshots, stored and analysed.

python tests/benchmarks/bench_feedback_scale.py            # 20,000 opportunities
python tests/benchmarks/bench_feedback_scale.py --full     # 200,000; the figures of the docs
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from icp_xl.config.feedback import FeedbackSettings, PipelineWeights
from icp_xl.feedback.accuracy import compute_accuracy
from icp_xl.feedback.evaluation_frame import build_evaluation_frame
from icp_xl.feedback.lost_patterns import find_lost_patterns
from icp_xl.feedback.opportunities import prepare_opportunities
from icp_xl.feedback.outcomes import record_outcomes
from icp_xl.feedback.pipeline_score import build_history, score_pipeline
from icp_xl.feedback.refine import refine_weights
from icp_xl.feedback.snapshots import write_snapshot
from icp_xl.feedback.store import Store
from tests.support.pipelines import simulate_opportunities


def main() -> None:
    """Print time by step, size of the store and peak memory."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--full", action="store_true")
    count = 200_000 if parser.parse_args().full else 20_000
    settings, weights = FeedbackSettings(), PipelineWeights()
    raw = simulate_opportunities(np.random.default_rng(0), count, accounts=count // 10, months=24)
    frame = prepare_opportunities(raw)
    days = [stamp.date() for stamp in pd.date_range("2023-02-01", periods=24, freq="MS")]
    started, cpu, said = time.monotonic(), time.process_time(), []

    def lap(name: str) -> None:
        said.append(f"{name} {time.monotonic() - started:.0f} s")

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "history.sqlite"
        with Store(path) as store:
            history = build_history(frame)
            for day in days:
                scored = score_pipeline(history, day, settings, weights, replay=True)
                write_snapshot(store, day, scored, weights, now="", run_id="", replayed=True)
            lap("24 snapshots by")
            record_outcomes(store, frame, settings, today=days[-1], now="", run_id="")
            lap("outcomes by")
            judged = build_evaluation_frame(store, settings)
            compute_accuracy(judged, settings, seed=0)
            lap("accuracy by")
            find_lost_patterns(judged, settings, seed=0)
            lap("loss patterns by")
            refine_weights(judged, weights, settings, seed=0)
            lap("refinement by")
        size = path.stat().st_size / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    sys.stdout.write(
        f"{count:,} opportunities, {len(judged):,} judged: {'; '.join(said)}; {time.process_time() - cpu:.0f} CPU s; "
        f"store {size:.0f} MB; peak {peak:.1f} GB\n"
    )


if __name__ == "__main__":
    main()

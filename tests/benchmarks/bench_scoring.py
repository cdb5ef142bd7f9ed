"""Score one million accounts from their components, against a row-wise ``DataFrame.apply`` in the same run.

Run: ``python tests/benchmarks/bench_scoring.py`` (add ``--rows N``). The alternative scores a sample of the rows and is
scaled up, since all of them would take minutes; both are measured in CPU seconds, the best of three.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from icp_xl.components.presets import EQUIPMENT
from icp_xl.config.scoring import ScoringSettings
from icp_xl.scoring.accounts import score_accounts
from icp_xl.scoring.model import ScoreModel
from tests.support.accounts import EQUAL, make_accounts  # noqa: E402


def best_of(call: Callable[[], object], times: int = 3) -> float:
    """Least CPU seconds of a few calls."""
    found = []
    for _ in range(times):
        start = time.process_time()
        call()
        found.append(time.process_time() - start)
    return min(found)


def row_by_row(model: ScoreModel, frame: pd.DataFrame) -> pd.Series:
    """What a row-wise loop does: the same model, one account at a time."""
    return frame.apply(lambda row: model.score_components(row.to_numpy()[None, :]).icp_score[0], axis=1)


def main() -> None:
    """Print both times and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    rows = parser.parse_args().rows
    model = score_accounts(make_accounts(2000), {}, EQUAL, ScoringSettings()).model
    components = np.random.default_rng(0).random((rows, 4))
    ours = best_of(lambda: model.score_components(components))
    sample = pd.DataFrame(components[:2000], columns=[component.name for component in EQUIPMENT])
    loop = best_of(lambda: row_by_row(model, sample), 1) * rows / len(sample)
    same = np.abs(row_by_row(model, sample).to_numpy() - model.score_components(components[:2000]).icp_score).max()
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print(f"{rows:,} accounts scored in {ours:.2f} CPU s; row-wise apply {loop:.0f} s: {loop / ours:.0f} times slower")
    print(f"largest difference {same:.1e}")


if __name__ == "__main__":
    main()

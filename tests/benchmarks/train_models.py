"""Training at size: divisions × cutoffs of planted accounts, all candidates, choosing, calibrating and judging.

python tests/benchmarks/train_models.py            # 5,000 accounts, a minute
python tests/benchmarks/train_models.py --full     # 50,000 accounts × 120 features × 8 divisions × 3 cutoffs

Beside it, in the same run and on as many processes: a plain loop of scikit-learn's ``CalibratedClassifierCV(cv=3)``
over logistic regression and LightGBM, which looks at no later window, compares with no rule and gives no interval.
"""

from __future__ import annotations

import argparse
import multiprocessing as mp
import os
import platform
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from icp_xl.config import load_settings
from icp_xl.propensity.data import DivisionData
from icp_xl.propensity.fit import fit_division
from icp_xl.propensity.inputs import choose_inputs, design_matrix
from icp_xl.propensity.verdict import evaluate
from tests.support.divisions import make_division

DAYS = (date(2023, 1, 1), date(2023, 7, 1), date(2024, 1, 1), date(2024, 7, 1))
#: Features that carry the planted truth; the others are noise.
DRIVERS = 10
FEATURES, DIVISIONS, WORKERS = 120, 8, 2


def plant(accounts: int, seed: int) -> tuple[DivisionData, DivisionData, np.ndarray]:
    """Three cutoffs to learn from, one to come, and the true probabilities in that."""
    data, truths = make_division(accounts, seed, days=DAYS, noise=FEATURES - DRIVERS)
    return replace(data, cutoffs=data.cutoffs[:3]), replace(data, cutoffs=data.cutoffs[3:]), truths[3]


def train_ours(seed: int, accounts: int) -> tuple[float, float]:
    """CPU seconds, and the mean distance of the probabilities from the true ones at the cutoff to come."""
    learned, later, truth = plant(accounts, seed)
    settings, started = load_settings(), time.process_time()
    fitted = fit_division(learned, settings, seed=seed)
    evaluate(
        fitted, settings.train, seed=seed, score_cutoff=DAYS[3], base_rates=learned.outline.base_rates,
        windows=[(each.cutoff, each.window_end) for each in learned.cutoffs],
    )  # fmt: skip
    spent = time.process_time() - started
    return spent, float(np.abs(fitted.model.predict(later.cutoffs[0].features) - truth).mean())


def train_plain(seed: int, accounts: int) -> tuple[float, float]:
    """The same of the plain loop, whose better half counts for the distance."""
    from lightgbm import LGBMClassifier
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    learned, later, truth = plant(accounts, seed)
    settings, started = load_settings(), time.process_time()
    names = choose_inputs(learned.cutoffs, settings.train, settings.leakage).names
    x = np.concatenate([design_matrix(each.features, names) for each in learned.cutoffs])
    y = np.concatenate([each.label for each in learned.cutoffs])
    linear = make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression(max_iter=1000))
    trees = LGBMClassifier(n_jobs=1, verbosity=-1)
    distances = []
    for model in (linear, trees):
        calibrated = CalibratedClassifierCV(model, method="isotonic", cv=3).fit(x, y)
        p = calibrated.predict_proba(design_matrix(later.cutoffs[0].features, names))[:, 1]
        distances.append(float(np.abs(p - truth).mean()))
    return time.process_time() - started, min(distances)


def run(train: Callable[[int], tuple[float, float]], divisions: int) -> tuple[float, float, float]:
    """Seconds on the clock, CPU seconds over all divisions, mean distance."""
    started = time.monotonic()
    # Begun anew, each reads how many threads it may have, of which a command's run allows one as well.
    with ProcessPoolExecutor(WORKERS, mp_context=mp.get_context("spawn")) as pool:
        found = list(pool.map(train, range(divisions)))
    spent, distance = zip(*found, strict=True)
    return time.monotonic() - started, sum(spent), float(np.mean(distance))


def main() -> None:
    """Print both."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--full", action="store_true", help="50,000 accounts")
    parser.add_argument("--divisions", type=int, default=DIVISIONS, help="how many; 8 by default")
    chosen = parser.parse_args()
    accounts = 50_000 if chosen.full else 5_000
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = "1"
    ours = run(partial(train_ours, accounts=accounts), chosen.divisions)
    plain = run(partial(train_plain, accounts=accounts), chosen.divisions)
    lines = [f"{accounts:,} accounts × {FEATURES} features × {chosen.divisions} divisions × 3 cutoffs, "
             f"{WORKERS} processes, {platform.machine()}, {os.cpu_count()} cores"]  # fmt: skip
    for name, (clock, cpu, distance) in (("icp_xl", ours), ("CalibratedClassifierCV", plain)):
        lines.append(f"{name}: {clock:.0f} s ({cpu:.0f} CPU s), probabilities off by {distance:.4f} on average")
    lines.append(f"ratio of CPU: {ours[1] / plain[1]:.2f}")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()

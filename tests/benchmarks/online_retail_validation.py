"""Forward validation on UCI Online Retail at 2011-09-01 and 2011-10-01, and whether the intervals cover the truth.

python tests/benchmarks/online_retail_validation.py              # the table of the docs, and the time of resampling
python tests/benchmarks/online_retail_validation.py --coverage   # share of simulated intervals that hold the truth
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from icp_xl.config import load_settings
from icp_xl.pipeline.api import call
from icp_xl.pipeline.models.validate import validate
from icp_xl.propensity.metrics import measure
from icp_xl.validation.scenarios import build_scenarios
from tests.benchmarks.online_retail_models import retail_settings


def run_retail(out: Path) -> str:
    """The table, and the time that 1,000 resamples of all divisions and cutoffs take."""
    given = retail_settings(out).model_dump(exclude_unset=True)
    settings = load_settings(
        overrides={f"{a}.{b}": c for a, section in given.items() for b, c in section.items()}
        | {"validation.cutoffs": ["2011-09-01", "2011-10-01"], "build.cutoffs": [], "train.cutoffs": []}
    )
    result = call("validate", validate, settings)
    assert result is not None
    lines = ["| division | cutoff | AUC (95 %) | top 10 % that bought (95 %) | predicted | came | alerts |",
             "| --- | --- | --- | --- | --- | --- | --- |"]  # fmt: skip
    for each in result.holdouts:
        auc, row = each.metrics["auc"], each.scenarios.set_index("scenario").loc["top 10 %"]
        lines.append(
            f"| {each.division} | {each.data.cutoff:%Y-%m-%d} | {auc.value:.3f} ({auc.low:.3f} to {auc.high:.3f}) "
            f"| {row['precision']:.1%} ({row['precision_low']:.1%} to {row['precision_high']:.1%}) "
            f"| {each.figures['predicted_rate']:.1%} | {each.figures['base_rate']:.1%} "
            f"| {', '.join(alert.kind for alert in each.alerts) or 'none'} |"
        )
    started, cpu = time.monotonic(), time.process_time()
    for each in result.holdouts:
        y, worth = each.frame["label"].to_numpy(float), each.frame["revenue"].to_numpy(float)
        measure(y, each.frame["score"], worth, resamples=1000, seed=1)
        build_scenarios(each.frame, (5, 10, 20), (10, 25), resamples=1000, seed=1)
    spent = f"{time.monotonic() - started:.0f} s ({time.process_time() - cpu:.0f} CPU s)"
    return "\n".join([*lines, "", f"1,000 resamples of {len(result.holdouts)} holdouts: {spent}"])


def run_coverage(runs: int = 1000, n: int = 1000) -> str:
    """How often 95 % intervals of AUC and lift hold the value of the whole population."""
    rng = np.random.default_rng(0)

    def sample(rows: int) -> tuple[np.ndarray, np.ndarray]:
        score = rng.normal(size=rows)
        return (rng.random(rows) < 1 / (1 + np.exp(-(score - 1)))).astype(float), score

    truth = {name: each.value for name, each in measure(*sample(1_000_000)).items()}
    names = ("auc", "pr_auc", "capture_20", "brier_loss")
    held = dict.fromkeys(names, 0)
    for seed in range(runs):
        found = measure(*sample(n), resamples=500, seed=seed)
        for name in names:
            held[name] += found[name].low <= truth[name] <= found[name].high
    return "; ".join(f"{name} {count / runs:.1%}" for name, count in held.items())


def main() -> None:
    """Print what is asked for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--coverage", action="store_true")
    if parser.parse_args().coverage:
        sys.stdout.write(run_coverage() + "\n")
        return
    with tempfile.TemporaryDirectory() as folder:
        sys.stdout.write(run_retail(Path(folder)) + "\n")


if __name__ == "__main__":
    main()

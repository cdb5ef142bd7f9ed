"""An output folder as ``build`` and ``train`` leave it, small: samples, star schema, features, made-up scores."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from icp_xl.cli import run
from icp_xl.samples import write_samples
from icp_xl.tables.star import open_star

CUTOFF = "2024-07-01"


def make_output(folder: Path, *, accounts: int = 150, lines: int = 2500) -> Path:
    """The folder ``out`` below ``folder``; the sources are in ``books``."""
    books, out = folder / "books", folder / "out"
    write_samples(books, accounts=accounts, lines=lines)
    common = ["--quiet", "--data", str(books), "--out", str(out)]
    fast = ["--set", "features.use_als=false", "--set", "reports.live=false"]
    assert run(["score", *common, *fast]) == 0
    assert run(["build", *common, *fast, "--cutoff", CUTOFF]) == 0
    make_scores(out)
    return out


def make_scores(out: Path, cutoff: str = CUTOFF, months: int = 6) -> pd.DataFrame:
    """Scores as ``train`` leaves them, by a formula over the features."""
    star, frames = open_star(out), []
    for division, slug in zip(star.divisions["division"], star.divisions["slug"], strict=True):
        path = out / f"curated/features/features_{slug}_{cutoff}.parquet"
        if not path.is_file():
            continue
        features = pd.read_parquet(path)
        line = 0.7 * np.log1p(features["own_lines_12m"]) + 0.3 * np.log1p(features["all_lines_12m"])
        p = 1.0 / (1.0 + np.exp(2.0 - line + 0.002 * features["all_recency_days"]))
        frames.append(
            pd.DataFrame(
                {
                    "account_id": features["account_id"], "division": division, "cutoff_date": pd.Timestamp(cutoff),
                    "window_months": months, "p_icp": p, "p_icp_pct": p.rank(pct=True), "model_kind": "logreg",
                    "model_version": "v0001", "verdict": "Ready", "reasons": "",
                }
            )
        )  # fmt: skip
    scores = pd.concat(frames, ignore_index=True)
    (out / "state").mkdir(exist_ok=True)
    scores.to_parquet(out / "state/icp_scores.parquet")
    return scores

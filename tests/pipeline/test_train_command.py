"""``icp-xl train`` end to end: scores, versions, going back, and a model that is withdrawn when it loses its skill."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from icp_xl.cli import run as cli
from icp_xl.config import Settings, load_settings
from icp_xl.pipeline.build import build
from icp_xl.pipeline.library import call
from icp_xl.pipeline.train import train
from tests.support.sales_lines import make_lines

QUICK = {
    "train.tree_seeds": 1, "train.logreg": [{"c": 0.02}], "train.candidates": ["logreg"], "train.bootstrap": 60,
    "train.min_positives": 20, "build.window_months": 3, "build.as_of": "2026-01-01", "features.use_als": False,
    "train.n_cutoffs": 3,
}  # fmt: skip


@pytest.fixture
def given(tmp_path: Path) -> dict[str, object]:
    rng = np.random.default_rng(0)
    lines = make_lines(3, n=9000, accounts=300)
    # Accounts of low numbers buy far more often, so that there is something to learn.
    lines["account_id"] = [f"A{int(k):03d}" for k in (rng.random(len(lines)) ** 2.5 * 300)]
    lines.to_parquet(tmp_path / "lines.parquet")
    return {**QUICK, "paths.data": str(tmp_path), "paths.out": str(tmp_path / "out"),
            "build.transactions": str(tmp_path / "lines.parquet")}  # fmt: skip


def settings(given: dict[str, object], **more: object) -> Settings:
    return load_settings(environ={}, overrides={**given, **more})


def test_train_score_and_go_back(given: dict[str, object], capsys: pytest.CaptureFixture[str]) -> None:
    call("build", build, settings(given))
    result = call("train", train, settings(given))
    assert result is not None and result.published
    out = Path(str(given["paths.out"]))
    scores = pd.read_csv(out / "icp_scores.csv", encoding="utf-8-sig")
    assert scores["p_icp"].between(0, 1, inclusive="neither").all()
    assert not scores.duplicated(["account_id", "division"]).any()
    assert json.loads((out / "schema_icp_scores.json").read_text())["ok"]
    assert (out / "icp_models.xlsx").is_file()
    again = call("train", train, settings(given))
    assert again is not None
    slug = again.published[0].slug
    current = out / "models" / slug / "current.json"
    assert json.loads(current.read_text())["version"] == "v0002"
    one, two = (out / "models" / slug / name / "trees_0.txt" for name in ("v0001", "v0002"))
    assert one.exists() == two.exists()
    sets = [part for key, value in given.items() for part in ("--set", f"{key}={json.dumps(value)}")]
    assert cli(["train", *sets, "--revert", again.published[0].division, "--quiet"]) == 0
    assert json.loads(current.read_text())["version"] == "v0001"
    assert cli(["train", *sets, "--revert", f"{again.published[0].division}=v0099", "--quiet"]) != 0
    assert cli(["train", *sets, "--score-only", "--quiet"]) == 0
    after = pd.read_csv(out / "icp_scores.csv", encoding="utf-8-sig")
    pd.testing.assert_frame_equal(
        after[["account_id", "division", "p_icp"]], scores[["account_id", "division", "p_icp"]]
    )
    capsys.readouterr()


def test_a_model_that_lost_its_skill_is_withdrawn(given: dict[str, object]) -> None:
    call("build", build, settings(given))
    first = call("train", train, settings(given))
    assert first is not None and first.published
    # No ranking is ever so sure: every division is judged to be without skill.
    strict = settings(given, **{"train.evidence": 1.0 - 1e-15})
    second = call("train", train, strict)
    assert second is not None
    lost = [each.slug for each in second.trained if not (each.model and each.model.published)]
    again = call("train", lambda run: train(run, score_only=True), settings(given))
    assert again is not None
    assert not {each.slug for each in again.published} & set(lost)

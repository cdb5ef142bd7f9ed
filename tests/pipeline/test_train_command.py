"""``icp-xl train`` end to end: scores, versions, going back, and a model that is withdrawn when it loses its skill."""

from __future__ import annotations

import json
import multiprocessing
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from icp_xl.cli import run as cli
from icp_xl.config import Settings, load_settings
from icp_xl.errors import Cancelled
from icp_xl.pipeline.api import call
from icp_xl.pipeline.models.build import build
from icp_xl.pipeline.models.train import choose_training_cutoffs, star_of, train
from icp_xl.propensity.train import Evaluated
from icp_xl.runs import start_run
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
    told = pd.read_csv(next(out.rglob("metrics_summary.csv")), encoding="utf-8-sig")
    for name in ("auc", "pr_auc", "lift_10", "brier_skill"):
        gain = told[name] - told[f"{name}_rule"]
        np.testing.assert_allclose(told[f"{name}_gain"], gain, atol=1e-9, err_msg=name)
    assert (out / "icp_models.xlsx").is_file()
    same = call("train", train, settings(given))
    assert same is not None
    slug = same.published[0].slug
    current = out / "models" / slug / "current.json"
    assert json.loads(current.read_text())["version"] == "v0001", "the same model is no new version"
    again = call("train", train, settings(given, **{"train.drop_features": ["own_recency_days"]}))
    assert again is not None
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
    assert cli(["train", *sets, "--dry-run", "--set", "train.score_cutoff=2035-01-01"]) == 0
    assert "days after the log's end: these count as days without a purchase" in capsys.readouterr().out
    assert cli(["train", *sets, "--dry-run", "--cutoff", "2034-01-01"]) == 4
    assert "got: cutoff 2034-01-01 in a log of" in capsys.readouterr().err


def test_a_log_without_divisions_is_one_clear_error(
    given: dict[str, object], capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(given["build.transactions"])
    pd.read_parquet(path).assign(division=None).to_parquet(path)
    sets = [part for key, value in given.items() for part in ("--set", f"{key}={json.dumps(value)}")]
    assert cli(["train", *sets, "--quiet"]) == 4
    assert "no line of the sales log names a division" in capsys.readouterr().err


@pytest.mark.parametrize("budget", [1000, 30_000])
def test_what_the_budget_of_rows_leaves_out_is_said(given: dict[str, object], budget: int) -> None:
    with start_run("train", settings(given, **{"train.n_cutoffs": None, "train.row_budget": budget})) as run:
        star = star_of(run)
        found = choose_training_cutoffs(star, run)
        said = [text for text in run.warnings if "train.row_budget" in text]
    held = len(found) * 300 <= 30_000 and len(found) > 3
    assert held == (budget == 30_000) and len(said) == (not held)
    assert held or said[0].startswith(
        "Division models learn from 3 cutoffs since 2025-03-01 instead of 18 since 2024-04-01: "
    )


@pytest.mark.parametrize(
    ("day", "said"),
    [
        ("2024-11-01", "less than a year before"),
        ("2025-03-01", "no season twice"),
        ("2025-10-01", "no season twice"),
        ("2026-04-01", ""),
    ],
)
def test_a_log_that_has_seen_no_season_twice_is_warned_of(given: dict[str, object], day: str, said: str) -> None:
    chosen = settings(given, **{"train.score_cutoff": day, "train.n_cutoffs": 1, "build.divisions": ["Printers"]})
    with start_run("train", chosen) as run:
        train(run)
    told = [text for text in run.warnings if text.startswith("The log knows")]
    assert len(told) == bool(said)
    assert all(said in text for text in told)


def test_first_purchases_are_held_against_orders_without_a_model(given: dict[str, object]) -> None:
    place = Path(str(given["build.transactions"]))
    lines = pd.read_parquet(place).sample(n=1800, random_state=1)
    lines.to_parquet(place)
    result = call("train", train, settings(given))
    assert result is not None
    table = pd.read_csv(Path(str(given["paths.out"])) / "models/artifacts/first_purchases.csv", encoding="utf-8-sig")
    assert table["order"].tolist() == ["model", "popularity", "rate_activity", "item_knn", "ease"]
    assert table["captured"].between(0.0, 1.0).all()
    # The pairs are those of the log: nobody in them had bought the division before the cutoff.
    day = pd.Timestamp(table["cutoff_date"].iloc[0])
    sales = lines[(lines["revenue"] >= 0) & (lines["date"] < day)].dropna(subset=["account_id"])
    judged = [each.division for each in result.trained if isinstance(each, Evaluated)]
    owned = sales.loc[sales["division"].isin(judged), ["account_id", "division"]].drop_duplicates()
    assert table["pairs"].iloc[0] == sales["account_id"].nunique() * len(judged) - len(owned)


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


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_one_worker_and_two_write_the_same_bytes(given: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    from icp_xl.pipeline.models import train as module

    monkeypatch.setattr(module, "_PARALLEL_ROWS", 0)
    more = {"train.candidates": ["logreg", "lgbm", "blend"], "train.tree_seeds": 2, "train.n_cutoffs": 2,
            "train.lgbm": [{"rounds": 20}], "run.clock": "2026-01-02T08:00:00"}  # fmt: skip
    written = []
    for workers in (1, 2):
        out = Path(str(given["paths.out"])) / str(workers)
        result = call("train", train, settings(given, **more, **{"paths.out": str(out), "run.workers": workers}))
        assert result is not None and result.published
        written.append(files_of(out / "models") | {"scores": (out / "icp_scores.csv").read_bytes()})
    assert written[0].keys() == written[1].keys()
    assert [name for name in written[0] if written[0][name] != written[1][name]] == []


def test_a_saved_model_scores_the_same_in_a_fresh_process(given: dict[str, object]) -> None:
    more = {"train.candidates": ["blend"], "train.lgbm": [{"rounds": 20}], "train.n_cutoffs": 2}
    result = call("train", train, settings(given, **more))
    assert result is not None and result.published
    scores = Path(str(given["paths.out"])) / "state" / "icp_scores.parquet"
    before = pd.read_parquet(scores)
    sets = [part for key, value in {**given, **more}.items() for part in ("--set", f"{key}={json.dumps(value)}")]
    program = "import sys; from icp_xl.cli import run; sys.exit(run(sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-c", program, "train", "--score-only", "--quiet", *sets], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    after = pd.read_parquet(scores)
    assert (before["p_icp"].to_numpy() == after["p_icp"].to_numpy()).all(), "the bits of the probabilities differ"


def test_a_cancel_while_workers_fit_leaves_everything_as_it_was(
    given: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    from icp_xl.pipeline.models import train as module

    call("build", build, settings(given))
    out = Path(str(given["paths.out"]))
    before = files_of(out / "curated")
    monkeypatch.setattr(module, "_PARALLEL_ROWS", 0)

    def cancelled(*_: object, **__: object) -> None:
        raise Cancelled("cancelled")

    monkeypatch.setattr(module, "as_completed", cancelled)
    with pytest.raises(Cancelled):
        call("train", train, settings(given, **{"run.workers": 2}))
    assert not (out / "models").exists() and not (out / "icp_scores.csv").exists()
    assert files_of(out / "curated") == before
    assert not multiprocessing.active_children()


def test_a_pooled_model_is_held_to_the_division_that_it_serves() -> None:
    """It may rank all divisions well, and one of them backwards: there it must not serve."""
    from dataclasses import replace
    from datetime import date

    from icp_xl.propensity.data import CutoffData, DivisionData
    from icp_xl.propensity.model import CARE, NOT_READY
    from icp_xl.propensity.pooled import KIND, fit_pooled
    from icp_xl.propensity.train import pooled_verdict
    from icp_xl.propensity.verdict import evaluate
    from tests.support.divisions import make_division

    def named(name: str, data: DivisionData, turn: bool = False) -> DivisionData:
        cutoffs = tuple(
            CutoffData(c.cutoff, c.features, 1 - c.label if turn else c.label, c.revenue, c.gross_profit, 6)
            for c in data.cutoffs
        )
        return DivisionData(name, name.lower(), 6, cutoffs, data.catalog)

    datas = [named("Large", make_division(900, 1)[0]), named("Like", make_division(800, 2, base=-2.0)[0]),
             named("Unlike", make_division(150, 3)[0], turn=True)]  # fmt: skip
    chosen = load_settings(environ={}, overrides={key: QUICK[key] for key in QUICK if key.startswith("train.")})
    found = fit_pooled(datas, ["Like", "Unlike"], chosen, seed=1, target=date(2024, 7, 1))
    evaluations = {
        name: evaluate(each.fitted, chosen.train, seed=1, score_cutoff=date(2024, 7, 1), base_rates={}, windows=[])
        for name, each in found.items()
    }
    verdicts = {name: pooled_verdict(evaluations[name], each, chosen.train.evidence)[0] for name, each in found.items()}
    assert verdicts == {"Like": CARE, "Unlike": NOT_READY}
    assert found["Like"].fitted.judged["p_hat"].mean() == pytest.approx(
        found["Like"].fitted.judged["label"].mean(), abs=0.1
    )
    # However sure the others are: 15 buyers among 300 have to rank above 0.5 + 1.645 × 0.077, the error of chance.
    fitted, auc = found["Like"].fitted, evaluations["Like"].metrics["auc"]
    sure = replace(found["Like"], fitted=replace(fitted, model=replace(fitted.model, kind=KIND)), skill=10.0)
    for value, verdict in ((0.55, NOT_READY), (0.61, NOT_READY), (0.65, CARE)):
        alone = replace(evaluations["Like"], verdict=NOT_READY, positives=15, rows=300,
                        metrics={"auc": replace(auc, value=value)})  # fmt: skip
        assert pooled_verdict(alone, sure, chosen.train.evidence)[0] == verdict

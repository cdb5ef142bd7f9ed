"""Files that ``icp-xl train`` leaves: scores, explanations, and the artifacts of each division."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from icp_xl import artifacts
from icp_xl.outputs import Publication, plain
from icp_xl.propensity.fit import describe_recipe
from icp_xl.propensity.linear import LinearModel
from icp_xl.propensity.metrics import flatten
from icp_xl.propensity.train import Evaluated, NoModel, Rescored, Trained, facts_of
from icp_xl.runs import RunContext

SCORES, SCORES_CSV = artifacts.SCORES.name, artifacts.SCORES_CSV.name
COLUMNS = (
    "account_id", "account_name", "division", "cutoff_date", "window_months", "p_icp", "p_icp_pct", "model_kind",
    "model_version", "verdict", "reasons",
)  # fmt: skip
_EXPLAINED = ("account_id", "division", "rank", "topic", "feature", "value", "contribution", "words")


def publish_scores(run: RunContext, trained: list[Trained], cutoff: date) -> pd.DataFrame:
    """Stage ``icp_scores`` (one row per account × division, best first) with its schema report, and the reasons."""
    parts, reasons = [], []
    for each in trained:
        if isinstance(each, NoModel) or each.scores is None:
            continue
        model = each.model
        parts.append(
            each.scores.frame.assign(
                division=each.division, cutoff_date=pd.Timestamp(cutoff), window_months=model.window_months,
                model_kind=model.kind, model_version=model.version, verdict=model.verdict,
            )
        )  # fmt: skip
        reasons.append(each.scores.explanations)
    frame = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=[*COLUMNS])
    frame["account_name"] = frame["account_id"].map(_names(run)).fillna("").astype(object)
    frame = frame[list(COLUMNS)]
    frame = frame.sort_values(["division", "p_icp", "account_id"], ascending=[True, False, True], kind="stable")
    frame = frame.reset_index(drop=True)
    told = pd.concat(reasons, ignore_index=True) if reasons else pd.DataFrame(columns=list(_EXPLAINED))
    run.outputs.parquet(SCORES, frame)
    run.outputs.csv(SCORES_CSV, frame)
    run.outputs.parquet(artifacts.EXPLANATIONS.name, told[list(_EXPLAINED)])
    run.outputs.json(artifacts.SCORES_SCHEMA.name, check_scores(frame))
    run.metric("scores", len(frame))
    return frame


def check_scores(frame: pd.DataFrame) -> dict[str, Any]:
    """What the score file holds against what it should: columns, types, ranges and keys."""
    p = frame["p_icp"].astype(float)
    checks = {
        "columns": list(frame.columns) == list(COLUMNS),
        "keys_unique": not frame.duplicated(["account_id", "division"]).any(),
        "p_icp_between_0_and_1": bool(((p > 0) & (p < 1)).all()),
        "p_icp_pct_between_0_and_1": bool(frame["p_icp_pct"].astype(float).between(0, 1).all()),
        "no_missing_account": not frame["account_id"].isna().any(),
    }
    return {
        "rows": len(frame),
        "columns": {str(name): str(frame[name].dtype) for name in frame.columns},
        "checks": {name: bool(value) for name, value in checks.items()},
        "ok": all(checks.values()),
    }


def publish_division(outputs: Publication, each: Trained, run: RunContext) -> None:
    """Stage the artifacts of one division under the names of the specification."""
    slug = each.slug
    outputs.json(artifacts.METRICS.path(division=slug), division_metrics(each))
    if not isinstance(each, Evaluated):
        return
    evaluation = each.evaluation
    outputs.csv(artifacts.GAINS.path(division=slug), evaluation.gains)
    outputs.csv(artifacts.CALIBRATION.path(division=slug), evaluation.calibration)
    outputs.csv(artifacts.THRESHOLDS.path(division=slug), evaluation.thresholds)
    outputs.json(artifacts.MODEL_CARD.path(division=slug), model_card(each, run))
    coefficients = _coefficients(each)
    if coefficients is not None:
        outputs.csv(artifacts.COEFFICIENTS.path(division=slug), coefficients)
    latest = each.fitted.latest
    stamp = f"{latest['cutoff_date'].iloc[0]:%Y-%m-%d}"
    scored = latest[["account_id", "cutoff_date", "label", "revenue", "gross_profit", "p_hat"]]
    outputs.csv(artifacts.TRAIN_SCORES.path(division=slug, cutoff=stamp), scored)
    day = f"{each.model.trained_on[-1]:%Y-%m-%d}"
    outputs.parquet(artifacts.FEATURE_SAMPLE.path(division=slug, cutoff=day), each.sample.reset_index())
    if each.scores is not None:
        outputs.csv(artifacts.SHAP_GLOBAL.path(division=slug), each.scores.importance)
        # Log-odds of a millionth say nothing, and half of the file.
        sample = (each.scores.terms.round(6) + 0.0).reset_index().rename(columns={"index": "account_id"})
        outputs.csv(artifacts.SHAP_SAMPLE.path(division=slug), sample)


def publish_summary(outputs: Publication, trained: list[Trained]) -> None:
    """Stage one table of all divisions' metrics."""
    rows = []
    for each in trained:
        body = division_metrics(each)
        row: dict[str, Any] = {
            "division": each.division, "verdict": body["verdict"], "model": body.get("model", ""),
            "version": body["version"], "status": "" if isinstance(each, Rescored) else each.status,
        }  # fmt: skip
        row |= {name: body.get(name) for name in ("rows", "positives", "rule", "calibration_loss")}
        for name in ("auc", "pr_auc", "lift_10", "brier_skill"):
            for end in ("", "_low", "_high"):
                row[name + end] = body.get("metrics", {}).get(name + end)
            row[f"{name}_rule"] = body.get("baseline_metrics", {}).get(name)
            row[f"{name}_gain"] = body.get("gain", {}).get(name)
        rows.append(row)
    outputs.csv(artifacts.METRICS_SUMMARY.name, pd.DataFrame(rows))


def division_metrics(each: Trained) -> dict[str, Any]:
    """Everything that was measured of a division, as plain JSON."""
    model = None if isinstance(each, NoModel) else each.model
    body: dict[str, Any] = {
        "division": each.division,
        "verdict": model.verdict if model else "No model",
        "reasons": [each.status] if isinstance(each, NoModel) else list(each.model.reasons),
        "version": model.version if model else "",
        **facts_of(each),
    }
    if isinstance(each, Evaluated):
        evaluation = each.evaluation
        body["metrics"] = flatten(evaluation.metrics)
        body["baseline_metrics"] = {name: value.value for name, value in evaluation.baseline_metrics.items()}
        body["gain"] = flatten(evaluation.gain)
        body["selection"] = list(each.fitted.steps)
        table = each.fitted.candidates.assign(cutoff_date=lambda t: t["cutoff_date"].astype(str))
        body["candidates"] = table.replace({np.nan: None}).to_dict("records")
    return dict(plain(body))


def model_card(each: Evaluated, run: RunContext) -> dict[str, Any]:
    """What one must know before using the model."""
    model, fitted = each.model, each.fitted
    return dict(plain(
        {
            "division": each.division, "model": model.kind, "version": model.version, "verdict": model.verdict,
            "reasons": list(model.reasons), "cutoffs": [day.isoformat() for day in model.trained_on],
            "window_months": model.window_months, "seed": run.settings.run.seed,
            "params": describe_recipe(fitted.recipe), "candidates": list(run.settings.train.candidates),
            "baselines": list(run.settings.train.baselines), "data": {"rows": each.rows, "positives": each.positives},
            "left_out": fitted.inputs.left_out, "features": list(model.features), "calibration":
            {"method": model.calibrator.method, **{k: v for k, v in facts_of(each).items() if "calibration" in k}},
            "intended_use": "Ranking accounts of this sales log for this division within the window after the cutoff.",
            "limits": "Accounts that never bought anything before the cutoff are not scored.",
        }
    ))  # fmt: skip


def _coefficients(each: Evaluated) -> pd.DataFrame | None:
    parts = [(weight, part) for weight, part in each.model.parts if isinstance(part, LinearModel)]
    if not parts:
        return None
    weight, part = parts[0]
    frame = pd.DataFrame({"feature": part.features, "coefficient": weight * part.coefficients})
    frame["centre"], frame["scale"] = part.centre, part.scale
    order = frame["coefficient"].abs().sort_values(ascending=False, kind="stable").index
    return frame.loc[order].reset_index(drop=True)


def _names(run: RunContext) -> dict[str, str]:
    star = run.memo.get("star")
    if star is None or "account_name" not in star.customers:
        return {}
    table = star.customers.drop_duplicates("account_id")
    return dict(zip(table["account_id"].astype(str), table["account_name"].fillna("").astype(str), strict=True))

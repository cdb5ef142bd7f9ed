"""What the last scoring left, gathered again so that a part of it can be rendered for one reader."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from icp_xl.errors import DataError, IcpError
from icp_xl.pipeline.score import HISTORY, INDUSTRY_WEIGHTS, SCORED_STATE
from icp_xl.reports.inputs import RunFacts, ScoreReportInputs
from icp_xl.runs import RunContext, list_runs, load_manifest, versions
from icp_xl.scoring.compare import compare_runs
from icp_xl.scoring.model import FILE as MODEL_FILE
from icp_xl.scoring.model import ScoreModel
from icp_xl.scoring.weights import WEIGHTS_FILE, load_weights


@dataclass(frozen=True)
class LastScoring:
    """The whole report's inputs, and the accounts of the run before (empty without one)."""

    inputs: ScoreReportInputs
    before: pd.DataFrame

    def gone(self, by: str, name: str) -> pd.Series[str]:
        """Ids of accounts that belonged to ``name`` and are no longer there."""
        if self.before.empty or by not in self.before.columns:
            return pd.Series([], dtype=object)
        mine = self.before[reader_of(self.before[by]) == name]
        ids: pd.Series[str] = mine.loc[~mine["account_id"].isin(self.inputs.scored["account_id"]), "account_id"]
        return ids


def reader_of(column: pd.Series[Any]) -> pd.Series[str]:
    """Names of readers: spaces made one, nothing for what is missing or blank."""
    text = column.astype("string").str.split().str.join(" ")
    return text.where(text.str.len() > 0).astype(object).where(text.notna() & (text.str.len() > 0), None)


def load_last_scoring(run: RunContext) -> LastScoring:
    """Everything that the last ``score`` left for its report.

    Raises:
        DataError: nothing was scored yet, or its files cannot be read.
    """
    try:
        scored = pd.read_parquet(run.outputs.find(SCORED_STATE))
        model = ScoreModel.load(run.outputs.find(MODEL_FILE))
        weights = json.loads(run.outputs.find(INDUSTRY_WEIGHTS).read_text(encoding="utf-8"))
        industries = pd.DataFrame(weights["industries"])
    except (OSError, ValueError, KeyError, IcpError):
        raise DataError(
            "there is nothing to share: the scores of the last run were not found or cannot be read",
            where=run.settings.paths.out.name,
            next_step="Run `icp-xl score` first, with the same --out.",
        ) from None
    before, changes, previous = _changes(run, scored, model)
    inputs = ScoreReportInputs(
        scored=scored,
        model=model,
        weights_source=_weights_source(run, model),
        industries=industries,
        run=_facts(run),
        changes=changes,
        previous_run=previous,
    )
    return LastScoring(inputs, before)


def _changes(run: RunContext, scored: pd.DataFrame, model: ScoreModel) -> tuple[pd.DataFrame, pd.DataFrame | None, str]:
    try:
        entries = json.loads(run.outputs.find(HISTORY).read_text(encoding="utf-8"))
        previous = str(entries[-1]["compared_with"])
        if not previous:
            return pd.DataFrame(), None, ""
        folder = f"state/history/{previous}"
        before = pd.read_parquet(run.outputs.find(f"{folder}/scored_accounts.parquet"))
        older = ScoreModel.load(run.outputs.find(f"{folder}/{MODEL_FILE}"))
    except (OSError, ValueError, KeyError, IndexError, TypeError, IcpError):
        return pd.DataFrame(), None, ""
    return before, compare_runs(before, older, scored, model), previous


def _weights_source(run: RunContext, model: ScoreModel) -> str:
    try:
        weights, source, _ = load_weights(run.outputs.find(WEIGHTS_FILE), run.settings)
    except IcpError:
        return "the last scoring"
    same = all(abs(value - model.weights.get(name, -1.0)) < 1e-12 for name, value in weights.model_dump().items())
    return source if same else "the last scoring"


def _facts(run: RunContext) -> RunFacts:
    """Particulars of the run that scored: this one, or the last one on record."""
    if SCORED_STATE not in run.outputs.names:
        runs = run.settings.paths.runs
        for line in reversed(list_runs(runs)):
            try:
                body = load_manifest(runs, line["run_id"])
            except (IcpError, OSError, ValueError):
                continue
            if SCORED_STATE in body.get("outputs", {}):
                return RunFacts(
                    run_id=body["run_id"],
                    finished=datetime.fromisoformat(body["finished"]),
                    command=f"icp-xl {body['command']}",
                    inputs=body["inputs"],
                    versions=body["versions"],
                    settings_hash=body["settings_hash"],
                    seed=body["seed"],
                )
    return RunFacts(
        run_id=run.run_id,
        finished=run.now(),
        command=f"icp-xl {run.command}",
        inputs=dict(run.inputs),
        versions=versions(),
        settings_hash=run.settings.digest(),
        seed=run.settings.run.seed,
    )

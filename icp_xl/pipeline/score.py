"""``score``: from the source files to scored accounts and the report."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from icp_xl import artifacts
from icp_xl.delivery.render.book import render_book
from icp_xl.errors import DataError, IcpError
from icp_xl.pipeline.live import LIVE, write_live
from icp_xl.pipeline.run_metadata import run_facts
from icp_xl.pipeline.tables import REPORT, accounts_with_totals, load_sources, load_tables, reconciliation
from icp_xl.pipeline.write_back.sheets import stage_kept_cells
from icp_xl.reports.inputs import QualityTables, ScoreReportInputs
from icp_xl.reports.score_report import build_score_report
from icp_xl.reports.words import build_reasons
from icp_xl.runs import RunContext
from icp_xl.safe_paths import is_plain_name
from icp_xl.scoring.accounts import ScoringResult, score_accounts
from icp_xl.scoring.choose import choose_components
from icp_xl.scoring.compare import compare_runs
from icp_xl.scoring.measures import SalesHistory
from icp_xl.scoring.model import FILE as MODEL_FILE
from icp_xl.scoring.model import ScoreModel
from icp_xl.scoring.weights import WEIGHTS_FILE, load_weights, usual_weights

SCORED_CSV = artifacts.SCORED_CSV.name
INDUSTRY_WEIGHTS = artifacts.INDUSTRY_WEIGHTS.name
SCORED_STATE = artifacts.SCORED_ACCOUNTS.name
HISTORY = artifacts.SCORE_HISTORY.name
#: Earlier scorings that are kept for comparison.
HISTORY_KEPT = 12


@dataclass(frozen=True)
class ScoreOutcome:
    """What ``score`` gives a caller; files lie in the output folder."""

    result: ScoringResult
    changes: pd.DataFrame | None
    weights_source: str
    report: Path
    reconciliation: tuple[str, ...] = ()

    def summary(self) -> list[str]:
        """What to say at the end of the command."""
        scored = self.result.scored
        mix = scored["icp_grade"].value_counts()
        grades = ", ".join(f"{name} {int(mix.get(name, 0)):,}" for name in ("A", "B", "C", "D", "F"))
        count = f"{len(scored):,} account{'s' if len(scored) != 1 else ''}"
        lines = [f"{count} scored with weights from {self.weights_source}: {grades}."]
        if self.changes is not None:
            moved = int((self.changes["grade_move"].fillna(0) != 0).sum())
            lines.append(f"Since the last run {moved:,} account{'s' if moved != 1 else ''} changed grade.")
        return [*self.reconciliation, *lines, f"Open {self.report}"]


def score(run: RunContext, *, report: bool = True) -> ScoreOutcome:
    """Score every account and write the report, the CSV, the score model and what later stages read.

    Args:
        report: write the workbook too; a run of everything leaves it out until the weights are optimised.
    """
    if run.dry_run:
        run.plan(
            REPORT,
            *([LIVE] if run.settings.reports.live else []),
            SCORED_CSV,
            MODEL_FILE,
            INDUSTRY_WEIGHTS,
            SCORED_STATE,
        )
    tables = load_tables(run)
    sources = load_sources(run)
    run.progress.stage("Scoring accounts")
    settings = run.settings.scoring
    if "choice" not in run.memo:  # The scoring after the weights' search measures nothing anew.
        history = SalesHistory.of(tables.transactions, tables.assets)
        choice = choose_components(accounts_with_totals(tables), history, settings, sources.strategic_tiers)
        run.memo["choice"] = choice, history.warning
    choice, warning = run.memo["choice"]
    for text in filter(None, (choice.explanation, warning)):
        run.warn(text)
    usual = usual_weights(run.settings, choice.components)
    weights, weights_source, warnings = load_weights(run.outputs.find(WEIGHTS_FILE), run.settings, usual)
    for text in warnings if report else ():  # the first scoring of a whole run comes before the weights on purpose
        run.warn(text)
    result = score_accounts(
        choice.accounts,
        sources.strategic_tiers,
        weights,
        settings,
        components=choice.components,
        preset=choice.preset,
        run_id=run.run_id,
        fitted_at=run.now().isoformat(),
    )
    reasons = build_reasons(result.scored, result.model, run.settings.reports.currency)
    result.scored.insert(list(result.scored.columns).index("flags"), "reasons", reasons)
    for text in result.warnings:
        run.warn(text)
    _record(run, result)
    _write_state(run, result, tables)
    changes, previous = None, ""
    if report:
        run.outputs.csv(SCORED_CSV, result.scored)
        changes, previous = _compare(run, result)
        _file(run, result, previous)
        inputs = ScoreReportInputs(
            scored=result.scored,
            model=result.model,
            weights_source=weights_source,
            industries=result.industries.table,
            run=run_facts(run),
            quality=QualityTables.gather(sources, tables, run.memo.get("balances", ())),
            changes=changes,
            previous_run=previous,
            warnings=tuple(run.warnings),
        )
        run.progress.stage("Writing the report")
        run.progress.check()
        book = build_score_report(inputs, run.settings.reports)
        stage_kept_cells(run, REPORT, book, render_book(book, run.outputs.path(REPORT), clock=run.now()))
        if run.settings.reports.live:
            write_live(run, result.scored, result.model, _model_of(run, previous) if previous else None)
    told = tuple(reconciliation(run))
    return ScoreOutcome(result, changes, weights_source, run.settings.paths.out / REPORT, told)


def _record(run: RunContext, result: ScoringResult) -> None:
    run.metric("accounts", len(result.scored))
    run.metric("grade_mix", {str(k): int(v) for k, v in result.scored["icp_grade"].value_counts().items()})
    run.metric("weights", result.model.weights)
    run.metric("industry_reliability", round(result.industries.reliability, 6))


def _write_state(run: RunContext, result: ScoringResult, tables: Any) -> None:
    out = run.outputs
    out.parquet(SCORED_STATE, result.scored)
    out.text(MODEL_FILE, result.model.to_json())
    out.json(INDUSTRY_WEIGHTS, result.industries.to_json())
    for name, table in artifacts.STATE_TABLES.items():
        # The scoring after the weights' search finds them written.
        if table.name not in out.names:
            out.parquet(table.name, getattr(tables, name))


def _file(run: RunContext, result: ScoringResult, previous: str) -> None:
    """Keep the scoring for those that come after it."""
    out, (name, inputs) = run.outputs, _identity(run)
    out.parquet(artifacts.SCORED_BEFORE.path(run=name), result.scored)
    out.text(artifacts.MODEL_BEFORE.path(run=name), result.model.to_json())
    mine = {"run_id": name, "inputs": inputs, "compared_with": previous}
    entries = [entry for entry in _history(run) if (entry["run_id"], entry["inputs"]) != (name, inputs)]
    out.json(HISTORY, [*entries, mine][-HISTORY_KEPT:])
    for entry in entries[: max(0, len(entries) + 1 - HISTORY_KEPT)]:
        out.remove(artifacts.SCORED_BEFORE.path(run=entry["run_id"]).rpartition("/")[0])


def _identity(run: RunContext) -> tuple[str, str]:
    """Under which name the scoring is kept, and its inputs, in which two runs of one clock and one id may differ."""
    inputs = run.inputs_digest()
    kept = {entry["run_id"]: entry["inputs"] for entry in _history(run)}
    apart = f"{run.run_id}-{inputs[:8]}"
    taken = kept.get(run.run_id, inputs) != inputs
    return (apart if taken or apart in kept else run.run_id), inputs


def _history(run: RunContext) -> list[dict[str, str]]:
    try:
        body = artifacts.SCORE_HISTORY.load(run.settings.paths.out)
        # A name in it is followed, and what is too old is removed by it.
        return [
            entry for entry in body
            if {"run_id", "inputs", "compared_with"} <= set(entry) and is_plain_name(entry["run_id"])
            and (entry["compared_with"] == "" or is_plain_name(entry["compared_with"]))
        ]  # fmt: skip
    except (DataError, TypeError):
        return []


def _model_of(run: RunContext, previous: str) -> ScoreModel | None:
    """The score model of an earlier run, or ``None`` where there is none that can be read."""
    try:
        return ScoreModel.load(artifacts.MODEL_BEFORE.find(run.settings.paths.out, run=previous))
    except IcpError:
        return None


def _compare(run: RunContext, result: ScoringResult) -> tuple[pd.DataFrame | None, str]:
    """Compare with the last scoring; a run repeated under a fixed clock compares with what it compared with before."""
    entries = _history(run)
    again = next((entry for entry in entries if (entry["run_id"], entry["inputs"]) == _identity(run)), None)
    previous = again["compared_with"] if again else (entries[-1]["run_id"] if entries else "")
    if not previous:
        return None, ""
    out = run.settings.paths.out
    try:
        before = artifacts.SCORED_BEFORE.load(out, run=previous)
        model = ScoreModel.load(artifacts.MODEL_BEFORE.find(out, run=previous))
    except IcpError:
        run.warn(f"The scores of run {previous} cannot be read, so this run is compared with none.")
        return None, ""
    return compare_runs(before, model, result.scored, result.model), previous

"""What the last scoring left, gathered again so that a part of it can be rendered for one reader."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import pandas as pd

from icp_xl import artifacts
from icp_xl.delivery.sharing.identity import plain_name
from icp_xl.errors import DataError, IcpError
from icp_xl.pipeline.run_metadata import run_facts
from icp_xl.pipeline.score import SCORED_STATE
from icp_xl.pipeline.tables import REPORT
from icp_xl.pipeline.whitespace.rank import REPORT as WHITESPACE_REPORT
from icp_xl.pipeline.whitespace.rank import STATE as WHITESPACE_STATE
from icp_xl.reports.guarded import guard_of, guard_pairs
from icp_xl.reports.inputs import RunFacts, ScoreReportInputs
from icp_xl.reports.share import Reader, build_reader_report, guard_rows, inputs_for
from icp_xl.reports.spec import ReportBook
from icp_xl.reports.whitespace import WhitespaceReport, build_rep_book
from icp_xl.runs import RunContext, list_runs, load_manifest
from icp_xl.scoring.compare import compare_runs
from icp_xl.scoring.industry_weights import TABLE_COLUMNS
from icp_xl.scoring.model import FILE as MODEL_FILE
from icp_xl.scoring.model import ScoreModel
from icp_xl.scoring.weights import WEIGHTS_FILE, load_weights, usual_weights
from icp_xl.whitespace.model import Ranking

#: Reports that can be cut into one file per rep or region.
CUTTABLE = (REPORT, WHITESPACE_REPORT)


@dataclass(frozen=True)
class Cuttable:
    """A report that can be cut: its rows (with account id, rep and region), and how a reader's rows become a book.

    ``public`` takes out of a reader's rows what would give others' figures away.
    """

    report: str
    rows: pd.DataFrame
    build: Callable[[Reader, pd.DataFrame], ReportBook]
    clock: datetime
    model: ScoreModel | None = None
    public: Callable[[pd.DataFrame], pd.DataFrame] = lambda rows: rows


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


def load_cuttable(run: RunContext, report: str) -> Cuttable:
    """The rows behind ``report`` as the last run left them.

    Raises:
        DataError: they were not found or cannot be read.
    """
    if report == WHITESPACE_REPORT:
        return _whitespace(run)
    last = load_last_scoring(run)
    scored = last.inputs.scored

    def build(reader: Reader, rows: pd.DataFrame) -> ReportBook:
        gone = last.gone(reader.by, reader.name) if reader.by and reader.part == 1 else None
        inputs = inputs_for(last.inputs, rows, gone, run.settings.reports.currency, guarded=bool(reader.by))
        return build_reader_report(inputs, run.settings.reports, reader, len(scored))

    guard = guard_of(last.inputs.model, scored)

    def public(rows: pd.DataFrame) -> pd.DataFrame:
        if len(rows) == len(scored):
            return rows
        return guard_rows(last.inputs, rows, guard, run.settings.reports.currency)

    return Cuttable(REPORT, scored, build, last.inputs.run.finished, last.inputs.model, public)


def _whitespace(run: RunContext) -> Cuttable:
    try:
        pairs = artifacts.WHITESPACE.load(run.outputs)
        facts, outputs = _facts(run, WHITESPACE_STATE)
        days = [parts["cutoff"] for name in sorted(outputs) if (parts := artifacts.WHITESPACE_METRICS.match(name))]
        cutoff = date.fromisoformat(days[0])
        told = artifacts.WHITESPACE_METRICS.load(run.outputs, cutoff=cutoff)
        months = int(told["window_months"])
    except (DataError, ValueError, KeyError, IndexError, TypeError):
        raise DataError(
            "the whitespace list of the last run was not found or cannot be read",
            where=run.settings.paths.out.name,
            next_step="Run `icp-xl whitespace` first, with the same --out.",
        ) from None
    pairs["removal_reason"] = pairs["removed_by"]

    def public(rows: pd.DataFrame) -> pd.DataFrame:
        return rows if len(rows) == len(pairs) else guard_pairs(rows, pairs)

    def build(reader: Reader, rows: pd.DataFrame) -> ReportBook:
        rows = public(rows) if reader.by else rows
        gates = rows.loc[rows["removed_by"] != "", "removed_by"].value_counts().rename_axis("gate").reset_index()
        removals = gates.rename(columns={"count": "removed"}).assign(caught=lambda frame: frame["removed"])
        empty = pd.DataFrame()
        ranking = Ranking(cutoff, months, rows, removals, empty, empty, {}, empty)
        report = WhitespaceReport(
            ranking=ranking, settings=run.settings.whitespace, run=facts, value_name=str(told.get("value", "revenue")),
            currency=run.settings.reports.currency, paper=run.settings.reports.paper,
        )  # fmt: skip
        return build_rep_book(report, reader.name, rows, by=reader.by or "all")

    return Cuttable(WHITESPACE_REPORT, pairs, build, facts.finished, public=public)


def reader_of(column: pd.Series[Any]) -> pd.Series[str]:
    """Names of readers as they are known by; nothing for what is missing or blank."""
    names = {text: plain_name(str(text)) or None for text in column.dropna().unique()}
    return column.astype(object).map(names).astype(object).where(column.notna(), None)


def load_last_scoring(run: RunContext) -> LastScoring:
    """Everything that the last ``score`` left for its report.

    Raises:
        DataError: nothing was scored yet, or its files cannot be read.
    """
    try:
        scored = artifacts.SCORED_ACCOUNTS.load(run.outputs)
        model = ScoreModel.load(run.outputs.find(MODEL_FILE))
        weights = artifacts.INDUSTRY_WEIGHTS.load(run.outputs)
        industries = pd.DataFrame(weights["industries"], columns=None if weights["industries"] else TABLE_COLUMNS)
    except (ValueError, KeyError, TypeError, IcpError):
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
        run=_facts(run, SCORED_STATE)[0],
        changes=changes,
        previous_run=previous,
    )
    return LastScoring(inputs, before)


def _changes(run: RunContext, scored: pd.DataFrame, model: ScoreModel) -> tuple[pd.DataFrame, pd.DataFrame | None, str]:
    try:
        entries = artifacts.SCORE_HISTORY.load(run.outputs)
        previous = str(entries[-1]["compared_with"])
        if not previous:
            return pd.DataFrame(), None, ""
        before = artifacts.SCORED_BEFORE.load(run.outputs, run=previous)
        older = ScoreModel.load(artifacts.MODEL_BEFORE.find(run.outputs, run=previous))
    except (OSError, ValueError, KeyError, IndexError, TypeError, IcpError):
        return pd.DataFrame(), None, ""
    return before, compare_runs(before, older, scored, model), previous


def _weights_source(run: RunContext, model: ScoreModel) -> str:
    try:
        usual = usual_weights(run.settings, [part.declared for part in model.parts])
        weights, source, _ = load_weights(run.outputs.find(WEIGHTS_FILE), run.settings, usual)
    except IcpError:
        return "the last scoring"
    same = all(abs(value - model.weights.get(name, -1.0)) < 1e-12 for name, value in weights.items())
    return source if same else "the last scoring"


def _facts(run: RunContext, state: str) -> tuple[RunFacts, list[str]]:
    """Particulars and outputs of the run that wrote ``state``: this one, or the last one on record."""
    if state not in run.made:
        runs = run.settings.paths.runs
        for line in reversed(list_runs(runs)):
            try:
                body = load_manifest(runs, line["run_id"])
            except (IcpError, OSError, ValueError):
                continue
            if state in body.get("outputs", {}):
                facts = RunFacts(
                    run_id=body["run_id"],
                    finished=datetime.fromisoformat(body["finished"]),
                    command=f"icp-xl {body['command']}",
                    inputs=body["inputs"],
                    versions=body["versions"],
                    settings_hash=body["settings_hash"],
                    seed=body["seed"],
                )
                return facts, list(body["outputs"])
    return run_facts(run), run.made

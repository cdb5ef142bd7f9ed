"""``won-lost`` and ``refine``: what the outcomes say, and weights that change only on evidence."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from icp_xl import artifacts
from icp_xl.config.feedback import PipelineWeights
from icp_xl.delivery.render.book import render_book
from icp_xl.delivery.render.html import html_text
from icp_xl.errors import DataError, InsufficientDataError
from icp_xl.feedback.accuracy import Accuracy, compute_accuracy
from icp_xl.feedback.champion import (
    PROMOTE,
    change_log,
    end_trial,
    interim_analysis,
    promote,
    revert,
    running_trial,
    start_trial,
)
from icp_xl.feedback.evaluation_frame import build_evaluation_frame
from icp_xl.feedback.lost_patterns import LostAnalysis, find_lost_patterns
from icp_xl.feedback.lost_reasons import find_loss_reasons
from icp_xl.feedback.refine import Refinement, refine_weights
from icp_xl.feedback.snapshots import model_id_of, snapshot_dates
from icp_xl.feedback.weights_file import WEIGHTS_FILE, weights_body
from icp_xl.pipeline.feedback.snapshots import OutcomesResult, first_snapshots, open_store, outcomes, weights_in_force
from icp_xl.pipeline.feedback.stages import kept_stages
from icp_xl.pipeline.run_metadata import run_facts
from icp_xl.pipeline.write_back.sheets import stage_kept_cells
from icp_xl.recall import recalled
from icp_xl.reports.won_lost.book import build_won_lost_book
from icp_xl.reports.won_lost.common import WonLostInputs
from icp_xl.runs import RunContext

REPORT = artifacts.WON_LOST_REPORT.name


@dataclass(frozen=True)
class WonLostResult:
    """What closed opportunities say: whether higher scores won more, what losses have in common, better weights."""

    accuracy: Accuracy
    lost: LostAnalysis
    refinement: Refinement
    path: Path

    def summary(self) -> list[str]:
        """What to say at the end of the command."""
        found = self.accuracy
        verdict = found.scores.set_index("name")["verdict"]
        status = found.status[:1].upper() + found.status[1:] + "." if found.status else None
        return [
            f"{found.won:,} won and {found.lost:,} lost opportunities were scored before they closed.",
            f"Opportunity score: {verdict['opportunity_score']}. Account score: {verdict['account_score']}.",
            status or lost_line(len(self.lost.patterns)),
            f"Open {self.path}.",
        ]


@dataclass(frozen=True)
class RefineResult:
    """What was found or done, in sentences; what was learned; and the weights in force, where they changed."""

    lines: tuple[str, ...]
    refinement: Refinement | None = None
    in_force: PipelineWeights | None = None

    def summary(self) -> list[str]:
        """What to say at the end of the command."""
        return list(self.lines)


@dataclass(frozen=True)
class LoopResult:
    """Outcomes and report of one turn of the loop."""

    outcomes: OutcomesResult | None
    won_lost: WonLostResult | None

    def summary(self) -> list[str]:
        """What to say at the end of the stage."""
        return [line for part in (self.outcomes, self.won_lost) if part is not None for line in part.summary()]


def won_lost(run: RunContext) -> WonLostResult | None:
    """Write the report on closed opportunities from what ``snapshot`` and ``outcomes`` kept.

    Returns:
        ``None`` in a dry run.

    Raises:
        DataError: no snapshot is kept yet.
    """
    settings, seed = run.settings.feedback, run.settings.run.seed
    run.plan(REPORT, *([artifacts.WON_LOST_HTML.name] if run.settings.reports.html else []))
    with open_store(run) as store:
        days = snapshot_dates(store)
        if not days:
            raise DataError("no snapshot is kept yet", next_step="Run `icp-xl snapshot` first.")
        if run.dry_run:
            return None
        weights, source = weights_in_force(run, store)
        judged = build_evaluation_frame(store, settings, progress=run.progress)
        run.progress.stage("Comparing predictions with outcomes")

        def learn() -> tuple[Accuracy, LostAnalysis, Refinement]:
            accuracy = compute_accuracy(judged, settings, seed=seed)
            run.progress.check()
            lost = find_lost_patterns(judged, settings, seed=seed)
            run.progress.check()
            return accuracy, lost, refine_weights(judged, weights, settings, seed=seed)

        # A sale changes nothing of what closed deals say.
        accuracy, lost, refinement = recalled(
            "won and lost", lambda: (judged, weights, settings, seed), learn,
            (Accuracy, LostAnalysis, Refinement, PipelineWeights),
        )  # fmt: skip
        trial = interim_analysis(store, judged, settings, today=run.now().date())
        changes = change_log(store)
    replayed = float(judged["replayed"].mean()) if len(judged) else 0.0
    book = build_won_lost_book(
        WonLostInputs(
            accuracy=accuracy, lost=lost, reasons=find_loss_reasons(judged, settings.alpha), refinement=refinement,
            trial=trial, changes=changes, settings=settings,
            weights=weights, weights_source=source, snapshots=len(days), first_snapshot=f"{days[0]}",
            last_snapshot=f"{days[-1]}", replayed=replayed, run=run_facts(run),
            currency=run.settings.reports.currency, paper=run.settings.reports.paper, stages=kept_stages(run),
        )
    )  # fmt: skip
    run.progress.stage("Writing the report")
    run.progress.check()
    stage_kept_cells(run, REPORT, book, render_book(book, run.outputs.path(REPORT), clock=run.now()))
    if run.settings.reports.html:
        run.outputs.text(artifacts.WON_LOST_HTML.name, html_text(book))
    run.metric("closed opportunities judged", len(judged))
    run.metric("loss patterns", len(lost.patterns))
    if accuracy.status:
        run.status("won and lost", accuracy.status)
    return WonLostResult(accuracy, lost, refinement, run.settings.paths.out / REPORT)


def lost_line(count: int) -> str:
    """How many patterns the losses show, in words."""
    return f"{count or 'No'} loss pattern{'' if count == 1 else 's'} beyond chance."


def refine(
    run: RunContext, *, apply: bool = False, take_back: bool = False, stop: bool = False, trial: bool = True
) -> RefineResult | None:
    """Suggest weights and put them on trial; or apply, take back, or end a trial.

    Args:
        apply: put the challenger in force, if its trial has decided so.
        take_back: put the weights before the last promotion in force again.
        stop: end the running trial and keep the champion.
        trial: put a recommended suggestion on trial.

    Returns:
        ``None`` in a dry run.

    Raises:
        InsufficientDataError: too few outcomes to learn from.
        DataError: the trial has not decided for the challenger; or nothing to take back or to end.
    """
    if apply + take_back + stop > 1:
        raise DataError("one of --apply, --revert and --end-trial at a time")
    now, today = run.now().isoformat(), run.now().date()
    run.plan(WEIGHTS_FILE if apply or take_back else artifacts.SUGGESTED_WEIGHTS.path(model="…"))
    with open_store(run) as store:
        if take_back:
            if run.dry_run:
                return None
            weights = revert(store, today=today, now=now, run_id=run.run_id)
            run.outputs.json(WEIGHTS_FILE, weights_body(weights, "taken back by the user", run.run_id))
            said = (f"Weights {model_id_of(weights)} are in force again.", f"Wrote {WEIGHTS_FILE}.")
            return RefineResult(said, in_force=weights)
        if stop:
            if run.dry_run:
                return None
            end_trial(store, "ended by the user", today=today, now=now, run_id=run.run_id)
            return RefineResult(("The trial is ended; the weights in force stay.",))
        judged = build_evaluation_frame(store, run.settings.feedback, progress=run.progress)
        report = interim_analysis(store, judged, run.settings.feedback, today=today)
        if apply:
            if report.decision == PROMOTE and run.dry_run:
                return None
            weights = promote(store, report, today=today, now=now, run_id=run.run_id)
            run.outputs.json(WEIGHTS_FILE, weights_body(weights, report.reason, run.run_id))
            line = f"Weights {model_id_of(weights)} are in force. Wrote {WEIGHTS_FILE}."
            return RefineResult((report.reason, line), in_force=weights)
        current, _ = weights_in_force(run, store)
        run.progress.stage("Learning weights")
        found = refine_weights(judged, current, run.settings.feedback, seed=run.settings.run.seed)
        if found.status:
            raise InsufficientDataError("the weights cannot be refined yet", got=found.status)
        lines = [f"Recommendation: {'try other weights' if found.recommended else 'no change'} ({found.reason})."]
        if report.running:
            lines.append(report.reason)
        if run.dry_run:
            return None
        if found.recommended:
            lines.append(f"Wrote {_suggest(run, found)}.")
            if trial and running_trial(store) is None:
                planned = start_trial(store, found, run.settings.feedback, today=today, now=now, run_id=run.run_id)
                lines.append(
                    f"On trial from today: it scores beside the weights in force and changes nothing. Planned for "
                    f"{planned} outcomes; then `icp-xl refine --apply`."
                )
        return RefineResult(tuple(lines), refinement=found)


def _suggest(run: RunContext, found: Refinement) -> str:
    """A suggestion is a file of its own name; nothing is overwritten but the same suggestion."""
    name = artifacts.SUGGESTED_WEIGHTS.path(model=model_id_of(found.suggested))
    body = weights_body(found.suggested, found.reason, run.run_id)
    table = found.weights.round(6).to_dict(orient="records")
    evidence = {"gain": found.gain, "low": found.gain_low, "high": found.gain_high, "outcomes": found.tried_on}
    run.outputs.json(name, {**body, "components": table, "evidence": evidence})
    return name


def run_loop(run: RunContext) -> LoopResult:
    """The whole loop as part of a run of everything: snapshot, outcomes, report."""
    first_snapshots(run)
    return LoopResult(outcomes(run), won_lost(run))

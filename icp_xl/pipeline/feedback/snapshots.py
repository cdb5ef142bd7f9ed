"""``snapshot`` and ``outcomes``: keep the pipeline as it was scored, and what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from icp_xl import artifacts
from icp_xl.config.feedback import PipelineWeights
from icp_xl.errors import ConfigError, DataError, SourceError
from icp_xl.feedback.champion import challenger_weights, last_decided
from icp_xl.feedback.outcomes import OutcomeReport, record_outcomes
from icp_xl.feedback.pipeline_score import build_history, score_pipeline
from icp_xl.feedback.snapshots import list_parts, model_id_of, stage_ages, usual_stage_days, write_snapshot
from icp_xl.feedback.store import Store
from icp_xl.feedback.weights_file import WEIGHTS_FILE, load_pipeline_weights, weights_body
from icp_xl.pipeline.feedback.stages import keep_stages, prepared_opportunities
from icp_xl.pipeline.tables import load_sources, load_tables
from icp_xl.runs import RunContext
from icp_xl.sources.side_files import read_side_file

STORE = artifacts.STORE.name
SCORED = artifacts.PIPELINE_SCORES.name
REVIEW = artifacts.OUTCOMES_REVIEW.name
#: Snapshots that a first run replays, so that there is something to learn from on the first day.
FIRST_REPLAY_MONTHS = 12
SHOWN = (
    "opportunity_id", "account_id", "account_name", "owner", "division", "product", "stage", "amount",
    "opportunity_score", "account_score", "opportunity_percentile", "flags",
)  # fmt: skip


@dataclass(frozen=True)
class SnapshotResult:
    """The pipeline as of ``as_of``, one row per open opportunity, best first; and how many snapshots are new."""

    as_of: date
    scored: pd.DataFrame
    weights_source: str
    kept: int
    kept_before: int
    path: Path

    def summary(self) -> list[str]:
        """What to say at the end of the command."""
        again = f", {self.kept_before} were kept before and are the same." if self.kept_before else "."
        return [
            f"{len(self.scored):,} open opportunities scored as of {self.as_of} with the weights of "
            f"{self.weights_source}.",
            f"{self.kept} snapshot{'s' if self.kept != 1 else ''} kept{again}",
            f"Open {self.path}.",
        ]


@dataclass(frozen=True)
class OutcomesResult:
    """New outcomes by kind; closed opportunities to decide on, one row each; and those that no snapshot knows."""

    events: dict[str, int]
    review: pd.DataFrame
    unknown: int
    review_path: Path

    def summary(self) -> list[str]:
        """What to say at the end of the command."""
        lines = [f"{count:,} {kind}" for kind, count in self.events.items()]
        said = ["New since last time: " + ", ".join(lines) + "." if lines else "Nothing new since last time."]
        if len(self.review):
            said.append(
                f"{len(self.review)} closed opportunities are known under another id only: write yes or no into the "
                f"column decision of {self.review_path} and give it back with --review."
            )
        if self.unknown:
            said.append(f"{self.unknown:,} closed opportunities were in no snapshot; a weekly snapshot misses fewer.")
        return said


def store_path(run: RunContext) -> Path:
    """Where the snapshots are kept."""
    return run.settings.feedback.store or run.settings.paths.out / STORE


def open_store(run: RunContext) -> Store:
    """The snapshot store; a dry run only reads it."""
    return Store(store_path(run), read_only=run.dry_run)


def load_opportunities(run: RunContext) -> pd.DataFrame:
    """One row per opportunity, prepared, from the CRM or from the file; accounts as the other tables know them.

    Raises:
        SourceError: there is no source of opportunities.
    """
    if "opportunities" in run.memo:
        found: pd.DataFrame = run.memo["opportunities"]
        return found
    if load_sources(run).opportunities is None:
        raise SourceError(
            "there are no opportunities",
            where=str(run.settings.paths.data),
            allowed="Opportunities.xlsx or opportunities.csv among the sources, a setting sources.opportunities.file, "
            "feedback.salesforce.enabled, feedback.hubspot.enabled or feedback.dynamics.enabled",
            next_step="Put the export of opportunities beside the other source files and run again.",
        )
    frame = _with_accounts(run)
    prepared = prepared_opportunities(run, frame)
    run.count("opportunities for the pipeline", len(frame), len(prepared))
    run.memo["opportunities"] = prepared
    return prepared


def _with_accounts(run: RunContext) -> pd.DataFrame:
    """The opportunities with our account ids and industries; the CRM's industry where we know none."""
    tables = load_tables(run)
    frame = tables.opportunities
    industry = frame["account_id"].map(tables.customers.set_index("account_id")["industry"])
    return frame.assign(industry=industry.fillna(frame["industry"]) if "industry" in frame else industry)


def weights_in_force(run: RunContext, store: Store) -> tuple[PipelineWeights, str]:
    """The weights that score the pipeline, and where they come from.

    A promotion that a crash kept from reaching the file is completed here.
    """
    weights, source, warning = load_pipeline_weights(run.outputs.find(WEIGHTS_FILE), run.settings.feedback)
    if warning:
        run.warn(warning)
    decided = last_decided(store) if run.settings.feedback.use_saved_weights else None
    if decided is not None and model_id_of(decided) != model_id_of(weights):
        run.warn(f"{WEIGHTS_FILE} did not hold the weights last decided on; it was written again.")
        run.outputs.json(WEIGHTS_FILE, weights_body(decided, "as last decided", run.run_id))
        return decided, WEIGHTS_FILE
    return weights, source


def snapshot(
    run: RunContext,
    *,
    as_of: date | None = None,
    replay_from: date | None = None,
    division: str | None = None,
    only_today: bool = False,
) -> SnapshotResult | None:
    """Score the pipeline and keep it; with ``replay_from`` once a month up to ``as_of``.

    The first snapshot of a store replays the last year too, unless a day, a division or ``only_today`` is given: a
    store that begins today has nothing to say before the first of today's opportunities closes.

    Args:
        as_of: the day to take it for; today by default, and then with stage and amount. A past day is a replay.
        replay_from: also take the first of every month from this day on.
        division: only the opportunities of this division, as a scope of its own.
        only_today: no replay, even where the store is empty.

    Returns:
        ``None`` in a dry run.

    Raises:
        ConfigError: a day in the future, or days in the wrong order.
    """
    today = run.now().date()
    last = as_of or today
    if last > today or (replay_from is not None and replay_from > last):
        raise ConfigError("a snapshot can be taken of today or of the past", got=f"{replay_from or last} to {last}")
    frame = _with_ids(run, load_opportunities(run))
    if division is not None:
        known = sorted(set(frame["division"]) - {""})
        frame = frame[frame["division"].str.casefold() == division.casefold()].reset_index(drop=True)
        if not len(frame):
            raise DataError("no opportunity is of this division", got=division, allowed=", ".join(known) or "none")
    days = [*(_months(replay_from, last) if replay_from else []), last]
    run.plan(str(store_path(run).name), SCORED)
    if run.dry_run:
        return None
    with open_store(run) as store:
        if not (as_of or replay_from or division or only_today or list_parts(store)):
            last = _end_of_export(frame, today)
            days = [*_months(_ago(last, FIRST_REPLAY_MONTHS), last), last]
        weights, source = weights_in_force(run, store)
        kept, scored = _take(run, store, frame, sorted(set(days)), weights, division or "all")
    run.metric("snapshots kept", kept)
    run.metric("opportunities scored", len(scored))
    shown = scored.sort_values(["opportunity_score", "opportunity_id"], ascending=[False, True], kind="stable")
    run.outputs.csv(SCORED, shown[list(SHOWN)])
    keep_stages(run)
    return SnapshotResult(last, shown, source, kept, len(set(days)) - kept, run.settings.paths.out / SCORED)


def _with_ids(run: RunContext, frame: pd.DataFrame) -> pd.DataFrame:
    """The opportunities that have an id: what becomes of another could never be told."""
    named = (frame["opportunity_id"] != "").to_numpy()
    if named.all():
        return frame
    what = f"{int((~named).sum()):,} of {len(named):,} opportunities have no id and cannot be followed"
    step = "Export the id of each opportunity too; columns.opportunities.opportunity_id says what it is called."
    if not named.any():
        raise DataError(what, where="opportunities", next_step=step)
    run.warn(f"{what}. {step}")
    return frame[named].reset_index(drop=True)


def _take(
    run: RunContext, store: Store, frame: pd.DataFrame, days: Sequence[date], weights: PipelineWeights, scope: str
) -> tuple[int, pd.DataFrame]:
    """Score and keep each day; how many were new, and the scores of the last."""
    settings, today = run.settings.feedback, run.now().date()
    history = build_history(frame)
    challenger = challenger_weights(store)
    kept, scored = 0, pd.DataFrame()
    for day in run.progress.track(days, "Taking snapshots"):
        replay = day < today
        ages = None if replay else stage_ages(store, day, frame)
        # A challenger scores beside the champion from its first day on, and never looks back.
        rival = None if replay else challenger
        usual = None if replay else usual_stage_days(store, day)
        scored = score_pipeline(
            history, day, settings, weights, replay=replay, stage_days=ages, usual_days=usual, challenger=rival
        )
        kept += write_snapshot(
            store, day, scored, weights, now=run.now().isoformat(), run_id=run.run_id, scope=scope,
            replayed=replay, challenger=rival,
        )  # fmt: skip
    return kept, scored


def _months(first: date, last: date) -> list[date]:
    """First days of the months from ``first`` to ``last``.

    >>> [str(day) for day in _months(date(2025, 11, 5), date(2026, 1, 31))]
    ['2025-12-01', '2026-01-01']
    """
    return [stamp.date() for stamp in pd.date_range(first, last, freq="MS")]


def outcomes(run: RunContext, *, review: Path | None = None, partial: bool = False) -> OutcomesResult | None:
    """Record what became of the opportunities in the snapshots.

    Args:
        review: an earlier ``outcomes_review.csv`` with its column ``decision`` filled.
        partial: the export is a part of all opportunities, so that an absent one was not deleted.

    Returns:
        ``None`` in a dry run.

    Raises:
        DataError: no snapshot is kept yet.
        SourceError: the review cannot be read or lacks columns.
    """
    frame = load_opportunities(run)
    decisions = _read_review(run, review) if review else None
    run.plan(str(store_path(run).name), REVIEW)
    with open_store(run) as store:
        if not list_parts(store):
            raise DataError("no snapshot is kept yet", next_step="Run `icp-xl snapshot` first.")
        if run.dry_run:
            return None
        report = _record(run, store, frame, decisions, partial)
    if len(report.review):
        run.outputs.csv(REVIEW, report.review)
    keep_stages(run)
    return OutcomesResult(dict(report.events), report.review, report.unknown, run.settings.paths.out / REVIEW)


def _record(
    run: RunContext, store: Store, frame: pd.DataFrame, decisions: pd.DataFrame | None, partial: bool
) -> OutcomeReport:
    since = run.settings.feedback.salesforce
    part = partial or (since.enabled and since.modified_since_days is not None)
    report = record_outcomes(
        store, frame, run.settings.feedback, today=run.now().date(), now=run.now().isoformat(), run_id=run.run_id,
        complete=not part, decisions=decisions,
    )  # fmt: skip
    for text in report.warnings:
        run.warn(text)
    for kind, count in report.events.items():
        run.metric(f"outcomes: {kind}", count)
    return report


def _read_review(run: RunContext, path: Path) -> pd.DataFrame:
    needed = ["export_opportunity_id", "account_id", "snapshot_opportunity_id", "decision"]
    frame = read_side_file(path, "--review", needed)
    run.read(path)
    # Text that begins like a formula was written with an apostrophe before it.
    plain = {name: frame[name].str.replace(r"^'(?=[=+\-@\t\r])", "", regex=True) for name in frame.columns}
    return pd.DataFrame(plain)


def first_snapshots(run: RunContext) -> None:
    """The snapshot of a run of everything: none of today where the export ended long ago and has no pipeline."""
    with open_store(run) as store:
        empty = not list_parts(store)
    today = run.now().date()
    if empty or _end_of_export(load_opportunities(run), today) >= _ago(today, 1):
        snapshot(run)


def _end_of_export(opportunities: pd.DataFrame, today: date) -> date:
    """The last day on which something happened in the export, and today at the latest."""
    closed = opportunities.loc[opportunities["outcome"] != "open", "close_date"]
    happened = pd.concat([opportunities["created_date"], closed]).max()
    return today if pd.isna(happened) else min(today, happened.date())


def _ago(day: date, months: int) -> date:
    moment: Any = pd.Timestamp(day) - pd.DateOffset(months=months)
    found: date = moment.date()
    return found

"""``icp-xl train``: features and labels at several cutoffs, one model per division, scores of every account."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from datetime import date
from itertools import product
from typing import Any

import pandas as pd

from icp_xl import artifacts
from icp_xl.config import Settings
from icp_xl.errors import Cancelled, ConfigError, InsufficientDataError
from icp_xl.features.files import names_of
from icp_xl.features.recalled import Filed, recall_feature_sets
from icp_xl.labels.build import build_label_sets, summarise_labels
from icp_xl.pipeline.models.build import build, choose_divisions, division_slug, load_star
from icp_xl.pipeline.models.first_purchases import first_purchases
from icp_xl.pipeline.models.model_artifacts import SCORES, SCORES_CSV, publish_division, publish_scores, publish_summary
from icp_xl.pipeline.models.monthly_mix import read_mixes
from icp_xl.propensity.data import CutoffData, division_of, join_labels, label_file
from icp_xl.propensity.level import Mix
from icp_xl.propensity.store import load_current, stage_model, stage_revert, stage_withdrawal
from icp_xl.propensity.train import (
    DivisionJob,
    Evaluated,
    NoModel,
    Rescored,
    Trained,
    score_accounts,
    train_any,
    train_one,
    train_pooled,
)
from icp_xl.reports.words import say_count
from icp_xl.runs import RunContext
from icp_xl.tables.star import Star, open_engine
from icp_xl.tables.star_calendar import add_months, from_day, month_start

REPORT = artifacts.MODELS_REPORT.name
#: Rows of training data below which starting worker processes costs more than it saves.
_PARALLEL_ROWS = 60_000


@dataclass(frozen=True)
class TrainResult:
    """What was trained, in the order of the divisions, and the scores (one row per account × division).

    ``first``: who bought a division for the first time, by each order; ``None`` where too few did.
    """

    trained: list[Trained]
    scores: pd.DataFrame
    cutoffs: tuple[date, ...]
    score_cutoff: date
    window_months: int = 0
    first: pd.DataFrame | None = None

    @property
    def published(self) -> list[Trained]:
        """Divisions whose probabilities are given out."""
        return [each for each in self.trained if not isinstance(each, NoModel) and each.model.published]

    def summary(self) -> list[str]:
        """What to say at the end of the command."""
        lines = []
        for each in self.trained:
            verdict = "No model" if isinstance(each, NoModel) else each.model.verdict
            status = "" if isinstance(each, Rescored) else each.status
            reason = status or ("" if isinstance(each, NoModel) else "".join(each.model.reasons[:1]))
            lines.append(f"{each.division}: {verdict} ({reason})")
        n = self.scores["division"].nunique()
        day = f"{self.score_cutoff:%Y-%m-%d}"
        lines.append(f"{len(self.scores):,} scores of {say_count(n, 'division')} as of {day} in {SCORES_CSV}.")
        if self.cutoffs:
            lines.append(f"Open {REPORT} to see what each model knows.")
        return lines


@dataclass(frozen=True)
class RevertResult:
    """The model version that is current again, by division."""

    versions: dict[str, str]

    def summary(self) -> list[str]:
        """What to say at the end of the command."""
        return [
            f"{division}: version {version} is current. Run `icp-xl train --score-only` to score with it."
            for division, version in self.versions.items()
        ]


def train(run: RunContext, *, score_only: bool = False) -> TrainResult | None:
    """Train, judge, score and publish every division of the settings.

    Args:
        score_only: score with the current models; nothing is fitted.

    Returns:
        ``None`` in a dry run.

    Raises:
        InsufficientDataError: the log names no division, or allows no training cutoff with a full window after it.
        ConfigError: a division that the log does not have.
    """
    star = star_of(run)
    divisions = choose_divisions(star, run.settings)
    if not divisions:
        raise InsufficientDataError(
            "no line of the sales log names a division",
            allowed="a column of divisions or product groups, or build.sku_map",
            next_step="Map it under columns.sales.division; one for all lines is '= \"All\"'.",
        )
    score_cutoff = run.settings.train.score_cutoff or star.observed_through
    unknown = (score_cutoff - star.observed_through).days
    if unknown > 0:
        run.warn(
            f"Accounts are scored as of {score_cutoff:%Y-%m-%d}, {say_count(unknown, 'day')} after the log's end: "
            "these count as days without a purchase (train.score_cutoff)."
        )
    if not score_only:
        for text in _short_log(from_day(star.first_day), score_cutoff, run.settings.build.window_months):
            run.warn(text)
    key = run.settings.models.key()
    cutoffs = () if score_only else choose_training_cutoffs(star, run)
    run.plan(SCORES_CSV, SCORES, REPORT)
    if run.dry_run:
        return None
    run.cutoffs = [each.isoformat() for each in (*cutoffs, score_cutoff)]
    jobs = _frames(run, star, divisions, cutoffs, score_cutoff)
    trained = [_rescored(run, job) for job in jobs] if score_only else _train(run, jobs)
    stamped = []
    for each in trained:
        if isinstance(each, Evaluated) and each.model.published:
            keep = run.settings.train.keep_versions
            model = stage_model(run.outputs, run.settings.paths.out, each.model, keep, key)
            each = replace(each, model=model)
        elif not score_only:
            stage_withdrawal(run.outputs, run.settings.paths.out, each.slug, each.division)
        stamped.append(each)
        _say(run, each)
        if not score_only:
            publish_division(run.outputs, each, run)
    result = TrainResult(
        stamped, publish_scores(run, stamped, score_cutoff), cutoffs, score_cutoff, run.settings.build.window_months
    )
    if not score_only:
        publish_summary(run.outputs, stamped)
        result = replace(result, first=first_purchases(run, star, jobs, stamped))
        if result.first is not None:
            run.outputs.csv(artifacts.FIRST_PURCHASES.name, result.first)
        _report(run, result)
    return result


def _short_log(first: date, score_cutoff: date, window_months: int) -> list[str]:
    """What to say of chances where the log from ``first`` on has seen no season twice; nothing of longer ones."""
    if add_months(first, 12) > score_cutoff:
        return [
            f"The log knows less than a year before {score_cutoff:%Y-%m-%d}: the order of the accounts holds, but "
            "their chances may be off by ten points and more, most often too high, beyond the interval that is stated."
        ]
    if add_months(first, 24 + _before_first(window_months)) > score_cutoff:
        return [
            f"The log knows no season twice before {score_cutoff:%Y-%m-%d}: trust the order of the accounts more than "
            "their chances, which are off by two to ten points in such logs, the more the shorter they are."
        ]
    return []


def _before_first(window_months: int) -> int:
    """Months of the log that lie before the first cutoff."""
    return min(window_months, 3)


def revert(run: RunContext, names: Sequence[str]) -> RevertResult | None:
    """Make earlier model versions current: ``DIVISION`` for the one before, or ``DIVISION=v0001``.

    Returns:
        ``None`` in a dry run.

    Raises:
        ConfigError: a division that the log does not have.
    """
    star, versions = load_star(run), {}
    for text in names:
        division, _, version = text.partition("=")
        if division not in star.division_names and division not in run.settings.labels.target_skus:
            raise ConfigError(
                "unknown division", where="--revert", got=division, allowed=", ".join(star.division_names)
            )
        slug = division_slug(star, division)
        if run.dry_run:
            continue
        key = run.settings.models.key()
        versions[division] = stage_revert(run.outputs, run.settings.paths.out, slug, version or None, key)
    return None if run.dry_run else RevertResult(versions)


def choose_training_cutoffs(star: Star, run: RunContext) -> tuple[date, ...]:
    """The cutoffs of the settings, else those that the log allows: see :func:`learning_cutoffs`.

    No label window reaches beyond the day as of which accounts are scored: what is to be predicted is not learned from.
    """
    settings, months = run.settings, run.settings.build.window_months
    given, until = asked_cutoffs(settings), _known_until(star, settings)
    if given:
        found = asked_cutoffs(settings, until, months)
        lost = [f"{each:%Y-%m-%d}" for each in given if each not in found]
        if lost and found:
            run.warn(f"cutoffs whose window is not over by {until:%Y-%m-%d} are not trained on: {', '.join(lost)}")
    else:
        found = learning_cutoffs(star, settings, until, months)
        possible = learning_cutoffs(star, settings, until, months, bounded=False)
        if len(found) < len(possible) and settings.train.n_cutoffs is None:
            run.warn(
                f"Division models learn from {say_count(len(found), 'cutoff')} since {found[0]:%Y-%m-%d} instead of "
                f"{len(possible)} since {possible[0]:%Y-%m-%d}: train.row_budget allows "
                f"{settings.train.row_budget:,} rows of accounts × cutoffs, and three windows always."
            )
    if not found:
        asked = f"cutoff {', '.join(map(str, given))} in a log of " if given else ""
        raise InsufficientDataError(
            "the log allows no training cutoff",
            got=f"{asked}{from_day(star.first_day):%Y-%m-%d} to {until:%Y-%m-%d}",
            allowed=f"some history before a cutoff and {months} months after it",
            next_step="Shorten build.window_months, or wait for more sales.",
        )
    return tuple(found)


def asked_cutoffs(settings: Settings, until: date = date.max, months: int = 0) -> list[date]:
    """Training cutoffs that the settings give, oldest first, whose windows of ``months`` are over by ``until``."""
    given = sorted(set(settings.train.cutoffs or settings.build.cutoffs))
    return [each for each in given if add_months(each, months) <= until]


def learning_cutoffs(
    star: Star, settings: Settings, until: date, months: int, *, bounded: bool = True
) -> list[date]:  # fmt: skip
    """Cutoffs over the whole log whose windows of ``months`` are over by ``until``, oldest first.

    Monthly where the log has less than a year and a half of them, else quarterly, and where the budget of rows
    (``train.row_budget``) does not hold them, one per window, the newest; three of these always.

    Args:
        star: the star schema.
        settings: budget of rows and fewest cutoffs.
        until: the day by which every window must be over.
        months: length of the window.
        bounded: keep to the budget.
    """
    latest = month_start(add_months(until, -months))
    first = add_months(from_day(star.first_day), _before_first(months))
    span = (latest.year - first.year) * 12 + latest.month - first.month
    most = max(3, settings.train.row_budget // max(len(star.customers), 1))
    if settings.train.n_cutoffs is not None:
        most = settings.train.n_cutoffs
    most = most if bounded else span + 1
    series: list[date] = []
    for step in dict.fromkeys((1 if span < 18 else 3, 3, months)):
        series = [add_months(latest, -step * k) for k in range(span // step + 1)]
        series = [each for each in series if each >= first]
        if len(series) <= most:
            break
    return sorted(series[:most])


def _known_until(star: Star, settings: Settings) -> date:
    """The first day of which nothing may be learned: the end of the log, or the day as of which accounts are scored."""
    end = star.observed_through
    return min(end, settings.train.score_cutoff or end)


def star_of(run: RunContext) -> Star:
    """The star schema of this run or of an earlier one; built where there is none."""
    from icp_xl.errors import DataError

    try:
        return load_star(run)
    except DataError:
        if run.dry_run:
            raise
    build(run)
    return load_star(run)


def _frames(
    run: RunContext, star: Star, divisions: Sequence[str], cutoffs: Sequence[date], score_cutoff: date
) -> list[DivisionJob]:
    """Stage labels of the cutoffs, and features of these and of the scoring cutoff; one job per division."""
    settings = learning_settings(run)
    left_out = rows = 0
    # What is small is held for the models that learn from it, which would read it three times.
    outcomes: dict[tuple[str, date], pd.DataFrame] = {}
    held: dict[str, list[CutoffData]] = {division: [] for division in divisions}
    latest, scored = dict[str, Filed](), dict[str, pd.DataFrame]()
    files: dict[str, dict[str, str]] = {division: {} for division in divisions}
    with open_engine(star, settings) as engine:
        run.progress.stage("labels", len(divisions) * len(cutoffs))
        sets = build_label_sets(star, divisions, cutoffs, settings, engine=engine)
        for (cutoff, division), labels in zip(product(cutoffs, divisions), sets, strict=True):
            run.progress.check()
            name = label_file(division_slug(star, division), cutoff)
            run.outputs.parquet(name, labels)
            left_out += int(summarise_labels(labels)["left_out"])
            files[division][name] = str(run.outputs.find(name))
            rows += len(labels)
            outcomes[division, cutoff] = labels
            if rows >= _PARALLEL_ROWS:
                outcomes.clear()
            run.progress.advance()
        if left_out:
            run.warn(
                f"Labels count {settings.labels.measure.replace('_', ' ')} above {settings.labels.threshold:g}: "
                f"{left_out:,} times an account bought in a window and counts as no buyer (labels.measure)."
            )
        mixes = read_mixes(engine, star, divisions, settings)
        wanted = [*cutoffs, score_cutoff]
        today = score_cutoff if score_cutoff >= star.observed_through else None
        for filed in recall_feature_sets(
            run.outputs, star, divisions, wanted, settings, engine=engine, progress=run.progress, today=today
        ):
            for name in names_of(filed.slug, filed.cutoff):
                files[filed.division][name] = str(run.outputs.find(name))
            if rows >= _PARALLEL_ROWS:
                continue
            frame, known = filed.frame(), outcomes.get((filed.division, filed.cutoff))
            if known is not None and not known["censored"].any():
                held[filed.division].append(join_labels(filed.cutoff, frame, known))
                latest[filed.division] = filed
            if filed.cutoff == score_cutoff:
                scored[filed.division] = frame.sort_index()
    described = {division: filed.load().catalog for division, filed in latest.items()}
    return [
        DivisionJob(
            division,
            division_slug(star, division),
            tuple(cutoffs),
            score_cutoff,
            settings,
            files[division],
            looks=len(divisions),
            mix=mixes.get(division, Mix()),
            valid=star.validity(division),
            held=division_of(division, division_slug(star, division), held[division], described.get(division)),
            scored=scored.get(division),
        )
        for division in divisions
    ]


def learning_settings(run: RunContext) -> Settings:
    """The settings to learn with.

    Features are dropped that `icp-xl check --leakage` found to know the future, and no window is lengthened: of windows
    of several lengths no chance of buying in one of them is learned.
    """
    labels = run.settings.labels.model_copy(update={"auto_widen": False})
    settings = run.settings.model_copy(update={"labels": labels})
    path = artifacts.LEAKY_FEATURES.find(run.outputs)
    if not path.is_file():
        return settings
    body = artifacts.LEAKY_FEATURES.read(path)
    leaky = body.get("features") if isinstance(body, dict) else None
    if not isinstance(leaky, list):
        raise artifacts.LEAKY_FEATURES.damaged(path, "without the list of features")
    dropped = tuple(sorted({*settings.train.drop_features, *map(str, leaky)}))
    return settings.model_copy(update={"train": settings.train.model_copy(update={"drop_features": dropped})})


def _train(run: RunContext, jobs: list[DivisionJob]) -> list[Trained]:
    """Every division by its own worker, then those that are too small by one model for all."""
    run.progress.stage("models", len(jobs))
    found = {each.division: each for each in _work(run, jobs)}
    settings = run.settings.train
    if settings.pooled and len(jobs) > 1:
        run.progress.stage("one model for small divisions")
        for each in train_pooled(jobs, found, run.progress.check):
            found[each.division] = each
    ordered = [found[job.division] for job in jobs]
    if settings.any_division:
        ordered.append(train_any(jobs, run.progress.check))
    return ordered


def _work(run: RunContext, jobs: list[DivisionJob]) -> Iterator[Trained]:
    """Divisions one by one, or by processes where there is enough to do; a cancel stops at once."""
    workers = min(run.settings.run.workers or _cores(), len(jobs))
    if workers < 2 or _rows(jobs) * len(jobs) < _PARALLEL_ROWS:
        for job in jobs:
            yield train_one(job, run.progress.check)
            run.progress.advance()
        return
    pool = ProcessPoolExecutor(max_workers=workers)
    try:
        waiting = {pool.submit(train_one, job) for job in jobs}
        while waiting:
            run.progress.check()
            try:
                done = next(as_completed(waiting, timeout=0.5))
            except TimeoutError:
                continue
            waiting.discard(done)
            yield done.result()
            run.progress.advance()
        pool.shutdown()
    except (Cancelled, KeyboardInterrupt):
        for process in list((pool._processes or {}).values()):
            process.terminate()
        pool.shutdown(wait=False, cancel_futures=True)
        raise


def _rows(jobs: list[DivisionJob]) -> int:
    """Labelled rows of one division."""
    import pyarrow.parquet as parquet

    job = jobs[0]
    return sum(parquet.read_metadata(job.find(label_file(job.slug, day))).num_rows for day in job.cutoffs)


def _cores() -> int:
    import os

    return os.cpu_count() or 1


def _rescored(run: RunContext, job: DivisionJob) -> Trained:
    model = load_current(run.outputs.find, job.slug, run.settings.models.key())
    if model is None or not model.published:
        return NoModel(job.division, job.slug, "there is no model yet")
    features = job.scoring_features()
    return Rescored(job.division, job.slug, model, score_accounts(model, features, pd.DataFrame(), job.settings))


def _say(run: RunContext, each: Trained) -> None:
    if isinstance(each, NoModel):
        run.status(each.division, each.status)
        return
    run.status(each.division, f"{each.model.verdict}: {'; '.join(each.model.reasons)}")
    if isinstance(each, Evaluated):
        facts: dict[str, Any] = {"kind": each.model.kind, "version": each.model.version}
        facts |= {
            name: each.evaluation.metrics[name].value for name in ("auc", "lift_10") if name in each.evaluation.metrics
        }
        run.metric(f"model {each.division}", facts)


def _report(run: RunContext, result: TrainResult) -> None:
    from icp_xl.delivery.render.book import render_book
    from icp_xl.pipeline.run_metadata import run_facts
    from icp_xl.reports.models import build_model_book

    run.progress.stage("Writing the model report")
    book = build_model_book(
        result.trained, result.cutoffs, result.score_cutoff, run_facts(run), run.settings.reports, result.first
    )
    render_book(book, run.outputs.path(REPORT), clock=run.now())

"""``icp-xl validate``: the models as they would have been at past cutoffs, held against what came after."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date

import pandas as pd

from icp_xl import artifacts
from icp_xl.config import Settings
from icp_xl.errors import InsufficientDataError
from icp_xl.outputs import plain
from icp_xl.pipeline.models.build import choose_divisions
from icp_xl.pipeline.models.cutoff_data import load_cutoffs
from icp_xl.pipeline.models.train import asked_cutoffs, learning_cutoffs, learning_settings, star_of
from icp_xl.propensity.metrics import flatten
from icp_xl.propensity.train import DivisionJob
from icp_xl.runs import RunContext
from icp_xl.tables.star import Star
from icp_xl.tables.star_calendar import add_months, from_day, month_start, to_day
from icp_xl.validation.holdout import Holdout
from icp_xl.validation.published import publish_then
from icp_xl.validation.recalled import recall_holdout

SUMMARY, SNAPSHOTS = artifacts.VALIDATION_SUMMARY.name, artifacts.DRIFT_SNAPSHOTS.name
REPORT = artifacts.VALIDATION_REPORT.name
_KNOWN = ("rep", "region", "segment", "icp_grade")


@dataclass(frozen=True)
class Window:
    """A cutoff to look back on: ``months`` after it are observed; ``learn`` are the cutoffs before it."""

    cutoff: date
    months: int
    learn: tuple[date, ...]
    note: str = ""


@dataclass(frozen=True)
class ValidationResult:
    """Holdouts by cutoff and division, what could not be validated, and what must be known of the windows."""

    holdouts: list[Holdout]
    windows: list[Window]
    left_out: list[tuple[str, str, str]] = field(default_factory=list)

    @property
    def alerts(self) -> int:
        """Alerts of all divisions and cutoffs."""
        return sum(len(each.alerts) for each in self.holdouts)

    def summary(self) -> list[str]:
        """What to say at the end of the command."""
        from icp_xl.reports.validation import say_model

        lines = []
        for each in self.holdouts:
            auc = each.metrics["auc"]
            told = "; ".join(alert.kind for alert in each.alerts) or "no alert"
            lines.append(f"{each.division} at {each.data.cutoff:%Y-%m-%d}: AUC {auc.value:.3f} ({auc.low:.3f} to "
                         f"{auc.high:.3f}) by {say_model(each)}; {told}")  # fmt: skip
        lines += [f"{division} at {day} is left out: {why}" for division, day, why in self.left_out]
        lines.append(f"{self.alerts} alerts. Open {REPORT}.")
        return lines


def validate(run: RunContext) -> ValidationResult | None:
    """Validate every division at every cutoff of the settings.

    Returns:
        ``None`` in a dry run.

    Raises:
        InsufficientDataError: a window is not observed and may not be cut, or nothing lies before a cutoff.
    """
    star = star_of(run)
    windows = choose_windows(star, run.settings)
    run.plan(REPORT, SUMMARY, SNAPSHOTS)
    if run.dry_run:
        return None
    run.cutoffs = [each.cutoff.isoformat() for each in windows]
    result = ValidationResult([], windows)
    divisions = choose_divisions(star, run.settings)
    accounts = _accounts(run)
    settings = learning_settings(run)
    for window in windows:
        if window.note:
            run.warn(window.note)
        days = (*window.learn, window.cutoff)
        found = load_cutoffs(run, star, divisions, days, settings, window_months=window.months)
        run.progress.stage(f"Validating {window.cutoff:%Y-%m-%d}", len(found))
        jobs = [
            DivisionJob(
                every.division, every.slug, window.learn, window.cutoff, settings, {}, len(found), every.mix,
                star.validity(every.division), replace(every, cutoffs=every.cutoffs[:-1]),
            )
            for every in found.values()
        ]  # fmt: skip
        check = run.progress.check
        published = publish_then(jobs, check)
        for job in jobs:
            check()
            each, now = published[job.division], found[job.division].cutoffs[-1]
            try:
                if isinstance(each, str):
                    result.left_out.append((job.division, window.cutoff.isoformat(), each))
                else:
                    result.holdouts.append(recall_holdout(each, now, accounts, settings, seed=job.seed, check=check))
            except InsufficientDataError as error:
                result.left_out.append((job.division, window.cutoff.isoformat(), str(error)))
            run.progress.advance()
    for division, day, why in result.left_out:
        run.status(f"{division} at {day}", why)
    _publish(run, result)
    _report(run, result)
    return result


def choose_windows(star: Star, settings: Settings) -> list[Window]:
    """The cutoffs to look back on, each with the months observed after it and the cutoffs that were known at it.

    Raises:
        InsufficientDataError: a window is not observed whole and ``validation.cut_window`` is off, or not one month of
            it is; or no cutoff before it had a full window.
    """
    months = settings.build.window_months
    given = settings.validation.cutoffs or (month_start(add_months(star.observed_through, -months)),)
    found, wrong = [], []
    for cutoff in sorted(set(given)):
        full = [k for k in range(1, months + 1) if to_day(add_months(cutoff, k)) <= star.observed_until]
        if not full or (len(full) < months and not settings.validation.cut_window):
            wrong.append(
                f"{cutoff:%Y-%m-%d}: the log ends on {from_day(star.observed_until - 1):%Y-%m-%d}, its window of "
                f"{months} months on {add_months(cutoff, months):%Y-%m-%d}"
            )
            continue
        n = len(full)
        note = "" if n == months else (
            f"The window after {cutoff:%Y-%m-%d} is cut to {n} of {months} months: the log covers no more."
        )  # fmt: skip
        learn = asked_cutoffs(settings, cutoff, n) or learning_cutoffs(star, settings, cutoff, n)
        if learn:
            found.append(Window(cutoff, n, tuple(learn), note))
        else:
            wrong.append(f"{cutoff:%Y-%m-%d}: the log has no full window before it to learn from")
    if wrong:
        raise InsufficientDataError(
            "a cutoff cannot be validated", where="validation.cutoffs", got="; ".join(wrong),
            allowed="a cutoff with a full window after it and one before it",
            next_step="Choose earlier cutoffs, a shorter build.window_months, or wait for more sales.",
        )  # fmt: skip
    return found


def _accounts(run: RunContext) -> pd.DataFrame:
    """What is known of the accounts today, where they were scored."""
    path = artifacts.SCORED_ACCOUNTS.find(run.outputs)
    if not path.is_file():
        return pd.DataFrame({"account_id": pd.Series(dtype=object)})
    frame: pd.DataFrame = artifacts.SCORED_ACCOUNTS.read(path)
    return frame[["account_id", *(name for name in _KNOWN if name in frame)]]


def _publish(run: RunContext, result: ValidationResult) -> None:
    rows, drifts = [], []
    for each in result.holdouts:
        of = {"division": each.slug, "cutoff": each.data.cutoff}
        outputs = run.outputs
        outputs.parquet(artifacts.VALIDATION_FRAME.path(**of), each.frame)
        outputs.csv(artifacts.VALIDATION_GAINS.path(**of), each.gains)
        outputs.csv(artifacts.VALIDATION_CALIBRATION.path(**of), each.calibration)
        outputs.csv(artifacts.SCENARIOS.path(**of), each.scenarios)
        outputs.csv(artifacts.SCENARIOS_SORTED.path(**of), each.sorted_scenarios)
        outputs.csv(artifacts.SEGMENT_PERFORMANCE.path(**of), each.segments)
        outputs.json(artifacts.DRIFT.path(**of), plain(each.drift_json()))
        outputs.json(artifacts.ALERTS.path(**of), plain([alert.to_json() for alert in each.alerts]))
        moved = each.drift[each.drift["moved"]].head(10)
        body = {
            "division": each.division, "cutoff": each.data.cutoff.isoformat(), "model": each.kind,
            "window_months": each.data.window_months, "figures": each.figures, "metrics": flatten(each.metrics),
            "badges": each.badges, "drift_highlights": moved.to_dict("records"), "ablations": each.ablations,
        }  # fmt: skip
        outputs.json(artifacts.VALIDATION_METRICS.path(**of), plain(body))
        key = {"division": each.division, "cutoff_date": each.data.cutoff.isoformat(), "model": each.kind}
        rows.append(key | {name: each.figures[name] for name in (
            "rows", "buyers", "auc", "pr_auc", "lift_10", "calibration_loss", "slope", "intercept")}
            | {"auc_low": each.metrics["auc"].low, "auc_high": each.metrics["auc"].high, "alerts": len(each.alerts)}
            | {f"badge_{name.replace(' ', '_')}": word for name, word in each.badges.items()})  # fmt: skip
        drifts.append(key | {name: each.figures[name] for name in (
            "base_rate", "train_base_rate", "predicted_rate", "calibration_loss", "score_ks", "score_ks_limit",
            "ev_psi")} | {"features_moved": int(each.drift["moved"].sum()), "features": len(each.drift)})  # fmt: skip
    run.outputs.csv(SUMMARY, pd.DataFrame(rows))
    run.outputs.csv(SNAPSHOTS, pd.DataFrame(drifts))
    run.metric("validated", len(result.holdouts))
    run.metric("alerts", result.alerts)


def _report(run: RunContext, result: ValidationResult) -> None:
    from icp_xl.delivery.render.book import render_book
    from icp_xl.pipeline.run_metadata import run_facts
    from icp_xl.reports.validation import build_validation_book

    run.progress.stage("Writing the validation report")
    run.progress.check()
    notes = [each.note for each in result.windows if each.note]
    book = build_validation_book(result.holdouts, result.left_out, notes, run_facts(run), run.settings.reports)
    render_book(book, run.outputs.path(REPORT), clock=run.now())

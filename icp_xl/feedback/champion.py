"""Champion against challenger: two sets of weights score the same pipeline, and outcomes decide.

The champion is in force. A challenger scores every snapshot beside it and changes nothing that anyone sees. Only
outcomes of opportunities that were scored by both count, and only those scored after the trial began. Every change is
in the log, with its evidence, and can be taken back.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from icp_xl.config.feedback import FeedbackSettings, PipelineWeights
from icp_xl.errors import DataError
from icp_xl.feedback.accuracy import strata_and_clusters
from icp_xl.feedback.refine import Refinement
from icp_xl.feedback.sequential_test import critical_values, needed_outcomes, power_of
from icp_xl.feedback.snapshots import model_id_of
from icp_xl.feedback.stats import stratified_auc
from icp_xl.feedback.store import Store

PROMOTE, KEEP, WAIT = "promote", "keep the champion", "wait"
#: Figures that a trial is planned with.
PLAN = ("planned", "worth", "unit_variance", "alpha")


@dataclass(frozen=True)
class TrialReport:
    """Where a trial stands.

    ``decision``: promote, keep the champion, or wait. ``outcomes`` of the ``planned`` ones are in. The gain is the AUC
    of the challenger less that of the champion, with the interval that this look is entitled to.
    """

    running: bool
    decision: str = WAIT
    reason: str = "No challenger is on trial."
    champion_id: str = ""
    challenger_id: str = ""
    started: str = ""
    outcomes: int = 0
    won: int = 0
    lost: int = 0
    planned: int = 0
    power: float = float("nan")
    planned_gain: float = float("nan")
    auc_champion: float = float("nan")
    auc_challenger: float = float("nan")
    gain: float = float("nan")
    low: float = float("nan")
    high: float = float("nan")
    looks: pd.DataFrame = field(default_factory=pd.DataFrame)

    @property
    def still_needed(self) -> int:
        """Outcomes that are missing from the planned number."""
        return max(0, self.planned - self.outcomes)


def start_trial(
    store: Store, refinement: Refinement, settings: FeedbackSettings, *, today: date, now: str, run_id: str
) -> int:
    """Put the suggested weights on trial from ``today``; return the number of outcomes the trial is planned for.

    The plan assumes two thirds of the gain that was measured, because the measured gain is what made it a suggestion.

    Args:
        store: the store, open for writing.
        refinement: the suggestion, with its gain and the weights.
        settings: size, error rates and looks of a trial.
        today: first day whose outcomes count.
        now: time stamp of the record.
        run_id: run that starts it.

    Raises:
        DataError: nothing is recommended, or another challenger is on trial.
    """
    if not refinement.recommended:
        raise DataError("no weights are recommended, so there is nothing to try", got=refinement.reason)
    if running_trial(store) is not None:
        raise DataError(
            "another challenger is on trial",
            next_step="Wait for its decision, or end it with `icp-xl refine --end-trial`.",
        )
    planned_gain = max(settings.trial_min_gain, refinement.gain * 2 / 3)
    planned = needed_outcomes(planned_gain, refinement.unit_variance, settings)
    champion, challenger = model_id_of(refinement.current), model_id_of(refinement.suggested)
    plan = {
        "planned": planned,
        "worth": planned_gain,
        "unit_variance": refinement.unit_variance,
        "alpha": settings.alpha,
    }
    with store.write() as connection:
        store.add_model(champion, refinement.current.model_dump(), "in force", now)
        store.add_model(challenger, refinement.suggested.model_dump(), "refined", now)
        if not connection.execute("SELECT 1 FROM deployment WHERE role = 'champion' AND to_date IS NULL").fetchone():
            _deploy(store, "champion", champion, today, {})
        _deploy(store, "challenger", challenger, today, plan)
        evidence = {"reason": refinement.reason, **plan}
        _log(store, "trial started", challenger, champion, evidence, now, run_id)
    return planned


def running_trial(store: Store) -> tuple[int, str, str, dict[str, Any]] | None:
    """The trial that runs: (deployment id, challenger's id, first day, plan)."""
    rows = store.rows(
        "SELECT deployment_id, model_id, from_date, plan FROM deployment WHERE role = 'challenger' AND to_date IS NULL"
    )
    if not rows:
        return None
    deployment, model, begun, plan = rows[0]
    return deployment, model, begun, store.body(plan, "the plan of the trial", *PLAN)


def challenger_weights(store: Store) -> PipelineWeights | None:
    """The weights on trial, for scoring beside those in force."""
    trial = running_trial(store)
    return None if trial is None else store.model(trial[1])


def interim_analysis(store: Store, evaluated: pd.DataFrame, settings: FeedbackSettings, *, today: date) -> TrialReport:
    """Compare champion and challenger on the outcomes since the trial began, and record the look.

    The same outcomes looked at again give the same answer and use up nothing. A store opened for reading only, and a
    trial already decided, record nothing.

    Args:
        store: the store; one that is open for reading only records nothing.
        evaluated: one row per closed opportunity, as
            :func:`~icp_xl.feedback.evaluation_frame.build_evaluation_frame` gives it.
        settings: size, error rates and looks of a trial.
        today: day of the look; outcomes up to it count.
    """
    trial = running_trial(store)
    if trial is None:
        return TrialReport(False)
    deployment, challenger, started, plan = trial
    rows = evaluated[(evaluated["challenger_id"] == challenger) & (evaluated["snapshot_date"] >= pd.Timestamp(started))]
    # Weights that somebody set by hand in between are neither side of this trial.
    rows = rows[rows["model_id"] == _champion_id(store)]
    rows = rows[rows["challenger_score"].notna()]
    strata, clusters = strata_and_clusters(rows)
    scores = rows[["opportunity_score", "challenger_score"]].to_numpy(dtype=float)
    auc = stratified_auc(rows["won"], scores, strata, clusters)
    n, won, planned = len(rows), int(rows["won"].sum()), int(plan["planned"])
    looks = _looks(store, deployment)
    base = TrialReport(
        True, WAIT, "", _champion_id(store), challenger, started, n, won, n - won, planned,
        power_of(planned, plan["worth"], plan["unit_variance"], plan["alpha"]), plan["worth"],
        float(auc.value[0]), float(auc.value[1]), looks=looks,
    )  # fmt: skip
    if len(looks) and (looks["decision"].isin([PROMOTE, KEEP]).any() or n <= looks["outcomes"].max()):
        decided = looks[looks["decision"].isin([PROMOTE, KEEP])]
        row = decided.iloc[0] if len(decided) else looks.iloc[-1]
        return _with(base, str(row["decision"]), float(row["difference"]), float(row["low"]), float(row["high"]))
    if min(won, n - won) < min(settings.min_won, settings.min_lost):
        gain, low, high, _ = auc.difference(1, 0)
        return _with(base, WAIT, gain, -math.inf, math.inf)
    shares = [*(looks["outcomes"] / planned).tolist(), n / planned] if len(looks) else [n / planned]
    bound = critical_values(shares, plan["alpha"])[-1]
    gain, low, high = _interval(auc, bound)
    decision = PROMOTE if low > 0 else KEEP if high < 0 or n >= planned else WAIT
    if not store.read_only:
        with store.write() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO trial_look (deployment_id, looked_on, outcomes, alpha_spent, difference, low,"
                " high, decision) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (deployment, today.isoformat(), n, 0.0 if math.isinf(bound) else 2 * float(stats.norm.sf(bound)), gain,
                 max(low, -9.0), min(high, 9.0), decision),
            )  # fmt: skip
    return _with(TrialReport(**{**base.__dict__, "looks": _looks(store, deployment)}), decision, gain, low, high)


def _interval(auc: Any, bound: float) -> tuple[float, float, float]:
    gap = auc.difference(1, 0)[0]
    if math.isinf(bound):
        return gap, -math.inf, math.inf
    return tuple(auc.difference(1, 0, level=1 - 2 * float(stats.norm.sf(bound)))[:3])


def _with(base: TrialReport, decision: str, gain: float, low: float, high: float) -> TrialReport:
    figures = f"AUC {gain:+.3f}" + (f" ({low:+.3f} to {high:+.3f})" if np.isfinite(low) and low > -9 else "")
    reason = {
        PROMOTE: f"The challenger ranks better: {figures} on {base.outcomes} outcomes scored by both.",
        KEEP: f"The challenger did not prove better: {figures} on {base.outcomes} outcomes scored by both.",
        WAIT: f"Too early: {base.outcomes} of {base.planned} outcomes are in, {base.still_needed} still needed.",
    }[decision]
    return TrialReport(**{**base.__dict__, "decision": decision, "reason": reason, "gain": gain, "low": low,
                          "high": high})  # fmt: skip


def promote(store: Store, report: TrialReport, *, today: date, now: str, run_id: str) -> PipelineWeights:
    """Put the challenger in force and return its weights.

    Args:
        store: the store, open for writing.
        report: the look that decided for the challenger.
        today: the date that counts as today.
        now: time stamp of the record.
        run_id: run that promotes it.

    Raises:
        DataError: the trial did not decide so.
    """
    if not report.running or report.decision != PROMOTE:
        raise DataError(
            "the weights in force stay: the trial has not decided for the challenger",
            got=report.reason,
            next_step="`icp-xl won-lost` shows where the trial stands.",
        )
    with store.write():
        before = _champion_id(store)
        _end(store, "challenger", today)
        _end(store, "champion", today)
        _deploy(store, "champion", report.challenger_id, today, {})
        evidence = {"reason": report.reason, "outcomes": report.outcomes, "gain": report.gain, "low": report.low,
                    "high": report.high}  # fmt: skip
        _log(store, "promoted", report.challenger_id, before or None, evidence, now, run_id)
    return store.model(report.challenger_id)


def end_trial(store: Store, reason: str, *, today: date, now: str, run_id: str) -> None:
    """End the running trial and keep the champion.

    Args:
        store: the store, open for writing.
        reason: why it ends, in words; it is kept in the record.
        today: the date that counts as today.
        now: time stamp of the record.
        run_id: run that ends it.

    Raises:
        DataError: no challenger is on trial.
    """
    trial = running_trial(store)
    if trial is None:
        raise DataError("no challenger is on trial")
    with store.write():
        _end(store, "challenger", today)
        _log(store, "trial ended", trial[1], _champion_id(store) or None, {"reason": reason}, now, run_id)


def revert(store: Store, *, today: date, now: str, run_id: str) -> PipelineWeights:
    """Put the weights before the last promotion in force again and return them.

    Args:
        store: the store, open for writing.
        today: the date that counts as today.
        now: time stamp of the record.
        run_id: run that takes it back.

    Raises:
        DataError: no promotion is on record that was not taken back yet.
    """
    rows = store.rows("SELECT change, model_id, before_id FROM change_log WHERE change IN ('promoted', 'reverted')"
                      " ORDER BY change_id")  # fmt: skip
    stack: list[tuple[str, str]] = []
    for change, model, before in rows:
        if change == "promoted":
            stack.append((model, before))
        elif stack:
            stack.pop()
    if not stack or not stack[-1][1]:
        raise DataError("there is no promotion to take back")
    now_in_force, earlier = stack[-1]
    with store.write():
        _end(store, "challenger", today)
        _end(store, "champion", today)
        _deploy(store, "champion", earlier, today, {})
        _log(store, "reverted", earlier, now_in_force, {"reason": "taken back by the user"}, now, run_id)
    return store.model(earlier)


def last_decided(store: Store) -> PipelineWeights | None:
    """The weights that the last promotion or revert put in force; ``None`` when there was none."""
    rows = store.rows(
        "SELECT model_id FROM change_log WHERE change IN ('promoted', 'reverted') ORDER BY change_id DESC LIMIT 1"
    )
    return store.model(rows[0][0]) if rows else None


def change_log(store: Store) -> pd.DataFrame:
    """Every change of weights, oldest first: changed_at, change, model_id, before_id, reason, run_id."""
    frame = store.frame(
        "SELECT changed_at, change, model_id, before_id, evidence, run_id FROM change_log ORDER BY change_id"
    )
    frame["reason"] = [store.body(text, "reasons of a change").get("reason", "") for text in frame["evidence"]]
    return frame[["changed_at", "change", "model_id", "before_id", "reason", "run_id"]]


def _champion_id(store: Store) -> str:
    rows = store.rows("SELECT model_id FROM deployment WHERE role = 'champion' AND to_date IS NULL")
    return str(rows[0][0]) if rows else ""


def _looks(store: Store, deployment: int) -> pd.DataFrame:
    return store.frame(
        "SELECT looked_on, outcomes, difference, low, high, decision FROM trial_look WHERE deployment_id = ?"
        " ORDER BY outcomes",
        (deployment,),
    )


def _deploy(store: Store, role: str, model_id: str, day: date, plan: dict[str, Any]) -> None:
    store.connection.execute(
        "INSERT INTO deployment (role, model_id, from_date, plan) VALUES (?, ?, ?, ?)",
        (role, model_id, day.isoformat(), json.dumps(plan, sort_keys=True)),
    )


def _end(store: Store, role: str, day: date) -> None:
    store.connection.execute(
        "UPDATE deployment SET to_date = ? WHERE role = ? AND to_date IS NULL", (day.isoformat(), role)
    )


def _log(
    store: Store, change: str, model_id: str, before: str | None, evidence: dict[str, Any], now: str, run_id: str
) -> None:
    store.connection.execute(
        "INSERT INTO change_log (changed_at, change, model_id, before_id, evidence, run_id) VALUES (?, ?, ?, ?, ?, ?)",
        (now, change, model_id, before, json.dumps(evidence, sort_keys=True), run_id),
    )

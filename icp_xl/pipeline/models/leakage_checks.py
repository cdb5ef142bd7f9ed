"""``icp-xl check --leakage``: does any feature know the future? The checks, and the proof that they catch leaks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import pandas as pd

from icp_xl import artifacts
from icp_xl.outputs import plain
from icp_xl.pipeline.models.build import choose_divisions
from icp_xl.pipeline.models.cutoff_data import load_cutoffs
from icp_xl.pipeline.models.history import FIELDS
from icp_xl.pipeline.models.train import choose_training_cutoffs, star_of
from icp_xl.propensity.data import CutoffData
from icp_xl.reports.words import say_count
from icp_xl.runs import RunContext
from icp_xl.tables.star import Star
from icp_xl.tables.star_calendar import add_months, to_day
from icp_xl.validation.leakage_checks import (
    AFTER_THE_FACT,
    COLUMNS,
    PLANTED,
    PLANTED_NAMES,
    UNKNOWN,
    change_after_the_fact,
    change_rows,
    changed_features,
    compare_with_today,
    dates_of_change,
    examine,
    missed_plants,
    scramble_future,
    scramble_rows,
    unknowable,
)

CSV, JSON, REPORT = (item.name for item in (artifacts.LEAKAGE_CSV, artifacts.LEAKAGE_JSON, artifacts.LEAKAGE_REPORT))
#: Features that training leaves out, because a leakage check found that they leak.
LEAKY = artifacts.LEAKY_FEATURES.name
WAYS = ("scramble", "delete", "double")


@dataclass(frozen=True)
class LeakageResult:
    """``findings``: one row per check × feature × division × cutoff; ``planted`` leaks, and those ``missed``.

    ``prevented``: kinds of changes after the fact that move no feature of the past.
    """

    findings: pd.DataFrame
    planted: int
    missed: tuple[str, ...]
    action: str
    prevented: tuple[str, ...] = ()

    @property
    def leaks(self) -> list[str]:
        """Features that leak, each once."""
        return sorted(set(self.findings.loc[self.findings["leak"].astype(bool), "feature"]))

    @property
    def sound(self) -> bool:
        """Whether the features may be used: none leaks, or those that do are dropped; and the checks work."""
        return not self.missed and (not self.leaks or self.action != "refuse")

    @property
    def exit_code(self) -> int:
        """4 where something must be mended first."""
        return 0 if self.sound else 4

    def summary(self) -> list[str]:
        """What to say at the end of the command."""
        caught = self.planted - len(self.missed)
        works = "the checks work" if not self.missed else "NOT ALL"
        lines = [f"{caught} of {self.planted} planted leaks caught: {works}."]
        lines += [f"Not caught: {name}" for name in self.missed]
        if self.prevented:
            lines.append(f"What people write after a sale moves no feature of the past: {', '.join(self.prevented)}.")
        unknown = self.findings[self.findings["check"] == UNKNOWN] if len(self.findings) else self.findings
        if len(unknown):
            fields = ", ".join(sorted(set(unknown["feature"])))
            lines.append(f"Cannot be known: whether {fields} never moves, as the settings say; no export was filed.")
        if not self.leaks:
            return [*lines, "No feature knows the future.", f"Wrote {CSV}, {JSON} and {REPORT}."]
        done = {"drop": "training leaves them out", "refuse": "mend them first", "report": "they are only reported"}
        lines.append(f"{say_count(len(self.leaks), 'feature')} may know the future; {done[self.action]}.")
        shown = self.findings[self.findings["leak"].astype(bool)].drop_duplicates("feature").head(10)
        lines += [f"  {row.feature} ({row.check}): {row.advice}" for row in shown.itertuples()]
        return [*lines, f"Wrote {CSV}, {JSON} and {REPORT}."]


def run_leakage_checks(run: RunContext, cutoffs: Sequence[date] = ()) -> LeakageResult | None:
    """Run every check per division and cutoff.

    Args:
        cutoffs: by default the latest one with a full window.

    Returns:
        ``None`` in a dry run.

    Raises:
        DataError: there is no star schema and none can be built.
        InsufficientDataError: no cutoff has a full window.
    """
    run.plan(CSV, JSON, REPORT)
    star = star_of(run)
    days = sorted(set(cutoffs)) or [choose_training_cutoffs(star, run)[-1]]
    if run.dry_run:
        return None
    run.cutoffs = [day.isoformat() for day in days]
    divisions, action = choose_divisions(star, run.settings), run.settings.leakage.action
    frames: list[pd.DataFrame] = []
    missed: set[str] = set()
    prevented: set[str] = set(AFTER_THE_FACT)
    for day in days:
        found, lost, open_kinds = _check_cutoff(run, star, divisions, day)
        frames += found
        missed |= lost
        prevented -= open_kinds
    findings = pd.concat([each for each in frames if len(each)], ignore_index=True) if frames else pd.DataFrame()
    findings = findings.drop_duplicates(["check", "feature", "division", "cutoff"], ignore_index=True)
    planted = len(PLANTED) + len(PLANTED_NAMES) + len(AFTER_THE_FACT)
    result = LeakageResult(findings, planted, tuple(sorted(missed)), action, tuple(sorted(prevented)))
    _publish(run, result)
    return result


def _check_cutoff(
    run: RunContext, star: Star, divisions: list[str], cutoff: date
) -> tuple[list[pd.DataFrame], set[str], set[str]]:
    """Findings at one cutoff, planted leaks that were missed, and kinds of changes after the fact that were seen."""
    guard, seed = run.settings.leakage, run.settings.run.seed
    before = add_months(cutoff, -run.settings.build.window_months)
    known = _at(run, star, divisions, [before, cutoff] if to_day(before) > star.first_day else [cutoff])
    frames: list[pd.DataFrame] = []
    dealt: dict[str, dict[date, CutoffData]] = {}
    for how in WAYS:
        run.progress.stage(f"Changing the future: {how}")
        run.progress.check()
        other = _at(run, scramble_future(star, cutoff, seed, how), divisions, [cutoff])
        if how == "scramble":
            dealt = other
        for division in divisions:
            same = known[division][cutoff].features
            frames.append(scramble_rows(changed_features(same, other[division][cutoff].features), division, cutoff))
    run.progress.stage("Changing the tables after the fact")
    buyers = {str(account) for division in divisions for account in _buyers(known[division][cutoff])}
    written = _at(run, change_after_the_fact(star, buyers), divisions, [cutoff])
    today = _fields_today(star)
    missed: set[str] = set()
    seen: set[str] = set()
    for division in divisions:
        run.progress.check()
        now = known[division][cutoff]
        moved = changed_features(now.features, written[division][cutoff].features)
        seen |= {kind for kind, stem in _STEMS.items() if any(stem in name for name in moved)}
        frames.append(change_rows(moved, division, cutoff))
        frames.append(examine(now, division, guard, comparable(now, known[division].get(before))))
        frames.append(compare_with_today(now, today, division, guard))
        if now.positives >= guard.min_positives:
            missed |= set(missed_plants(now, division, guard, seed, dealt[division][cutoff]))
    filed = star.filed.get("customers")
    if filed is None or filed.filed_by(cutoff) is None:
        frames.append(unknowable(run.settings.features.stable_fields, cutoff))
    if filed is not None and divisions:
        now = known[divisions[0]][cutoff]
        anything = replace(now, label=np.isin(now.accounts.astype(str), sorted(buyers)).astype(np.int64))
        stable = ["rep" if name == "owner" else name for name in run.settings.features.stable_fields]
        frames.append(dates_of_change(filed, "account_id", FIELDS[1:], anything, stable))
    return frames, missed, seen


#: Part of the names of the features that a change after the fact would move.
_STEMS = {
    "owner": "ctx_owner", "revenue": "acct_annual_revenue", "installed base": "acct_printers",
    "industry": "ctx_industry", "region": "ctx_region", "segment": "ctx_segment", "status": "status",
    "place": "ctx_state", "subscription": "subs_share", "renewal": "expiring",
}  # fmt: skip


def comparable(now: CutoffData, earlier: CutoffData | None) -> CutoffData | None:
    """``earlier``, unless the division had hardly begun by then: what was bought of it tells more as it sells more.

    Args:
        now: the division at a cutoff.
        earlier: the same a window earlier.
    """
    if earlier is None or "own_ever" not in now.features or "own_ever" not in earlier.features:
        return earlier
    return earlier if 2.0 * earlier.features["own_ever"].sum() >= now.features["own_ever"].sum() else None


def _buyers(data: CutoffData) -> list[object]:
    return list(data.accounts[data.label == 1])


def _fields_today(star: Star) -> pd.DataFrame:
    """The numbers of the customers table as they stand today, under the names of their features."""
    table = star.customers.drop_duplicates("account_id").set_index("account_id")
    return table[["annual_revenue", "printers"]].add_prefix("acct_").astype(float)


def _at(
    run: RunContext, star: Star, divisions: list[str], days: list[date]
) -> dict[str, dict[date, CutoffData]]:  # fmt: skip
    """Features and outcomes of every division by day."""
    found = load_cutoffs(run, star, divisions, days, run.settings)
    return {name: {each.cutoff: each for each in data.cutoffs} for name, data in found.items()}


def _publish(run: RunContext, result: LeakageResult) -> None:
    from icp_xl.delivery.render.book import render_book
    from icp_xl.pipeline.run_metadata import run_facts
    from icp_xl.reports.leakage import build_leakage_book

    table = result.findings.reindex(columns=list(COLUMNS))
    run.outputs.csv(CSV, table)
    leaks = table[table["leak"].astype(bool)]
    body = {"planted": result.planted, "missed": list(result.missed), "action": result.action,
            "prevented": list(result.prevented),
            "leaks": leaks.to_dict("records"), "looked_at": len(table), "sound": result.sound}  # fmt: skip
    run.outputs.json(JSON, plain(body))
    run.outputs.json(LEAKY, {"features": result.leaks if result.action == "drop" else []})
    run.metric("leaking features", len(result.leaks))
    book = build_leakage_book(table, result.planted, result.missed, result.action, run_facts(run), run.settings.reports)
    render_book(book, run.outputs.path(REPORT), clock=run.now())

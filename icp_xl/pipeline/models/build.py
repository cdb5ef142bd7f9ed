"""``icp-xl build``: sales log to star schema, labels and features, with a report of all that was left out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd

from icp_xl import artifacts
from icp_xl.config import Settings
from icp_xl.errors import ConfigError, DataError, InsufficientDataError, SourceError
from icp_xl.features.assets import assets_sanity
from icp_xl.features.files import names_of
from icp_xl.features.model import FeatureSet
from icp_xl.features.recalled import recall_feature_sets
from icp_xl.labels.build import build_label_sets, find_target, summarise_labels
from icp_xl.pipeline.models.build_inputs import (
    CLEANING,
    CONTRACTS,
    VIOLATIONS,
    cleaning_of,
    read_inputs,
    report_files,
    with_rows_before,
)
from icp_xl.pipeline.models.history import file_today, with_history
from icp_xl.pipeline.models.name_join_qa import name_join_qa
from icp_xl.runs import RunContext
from icp_xl.sql.engine import Engine
from icp_xl.tables.star import FOLDER, MANIFEST, Star, open_engine, open_star, slug
from icp_xl.tables.star_build import StarBuild, build_star
from icp_xl.tables.star_calendar import add_months, month_start, to_day
from icp_xl.tables.star_contracts import Findings, findings_of
from icp_xl.tables.star_files import StarTarget, sweep

STAGED = artifacts.STAGED_LINES.name
SUMMARY = artifacts.LABEL_SUMMARY.name
SANITY = artifacts.ASSETS_SANITY.name
REPORT = artifacts.BUILD_REPORT.name


@dataclass(frozen=True)
class BuildResult:
    """What a build made: the star schema, one row per label set, and per feature set its catalog and statistics."""

    star: StarBuild
    cleaning: pd.DataFrame
    labels: pd.DataFrame
    catalogs: dict[tuple[str, str], pd.DataFrame] = field(default_factory=dict)
    stats: list[dict[str, Any]] = field(default_factory=list)
    sanity: pd.DataFrame = field(default_factory=pd.DataFrame)
    left_out: list[str] = field(default_factory=list)
    staged_only: bool = False

    def summary(self) -> list[str]:
        """What to say at the end of the command."""
        star = self.star
        found = [f"{star.kept:,} of {star.read:,} sales lines kept"]
        if not self.staged_only:
            found[0] += f"; {star.written} months written, {star.unchanged} unchanged"
        if len(self.labels):
            cutoffs = ", ".join(sorted(set(self.labels["cutoff_date"].astype(str))))
            found.append(f"{len(self.labels)} label sets, {len(self.stats)} feature sets, cutoffs {cutoffs}")
        found += [f"Left out: {text}" for text in self.left_out]
        found.append(f"Wrote {CLEANING}, {CONTRACTS}" + (f" and {REPORT}." if len(self.labels) else "."))
        return found


def build(
    run: RunContext, *, rebuild: bool = False, staging_only: bool = False, fail_soft: bool = False
) -> BuildResult | None:
    """Build everything the settings ask for.

    Args:
        rebuild: write every month anew, whether it changed or not.
        staging_only: stop after the lines are read and judged: typed lines, each with the reason that leaves it out,
            cleaning and contract reports.
        fail_soft: go on without lines, divisions and cutoffs that cannot be used, and say so.

    Raises:
        SourceError, DataError, ConfigError: as their texts say. The contract report is published all the same, and
            earlier outputs stay as they were.
    """
    run.plan(CLEANING, CONTRACTS, VIOLATIONS, STAGED if staging_only else f"{FOLDER}/{MANIFEST}")
    folder = run.settings.paths.out / FOLDER
    if not run.dry_run:
        sweep(folder)
    earlier_star = None if staging_only else _previous(run)
    previous = None if rebuild else earlier_star
    before, earlier = run.outputs.names, run.memo.get("star")
    staged = run.outputs.path(STAGED) if staging_only else None
    try:
        inputs = read_inputs(run)
        star = build_star(
            inputs.lines, run.settings, customers=inputs.customers, assets=inputs.assets, today=run.now().date(),
            fail_soft=fail_soft, progress=run.progress,
            target=StarTarget(_nowhere(run) if staging_only else run.outputs.path, folder, previous, staged),
        )  # fmt: skip
    except (SourceError, DataError) as error:
        _give_up(run, findings_of(error), before, earlier)
        raise
    star = with_rows_before(star, inputs.dropped)
    if not staging_only:
        star = replace(star, star=file_today(run, star.star))
        if "tables" in run.memo:
            run.plan(artifacts.NAME_JOIN.name)
            run.outputs.csv(artifacts.NAME_JOIN.name, name_join_qa(run.memo["tables"].matches))
    # What this run builds is published at its end; a later stage of the same run reads it from here.
    run.memo["star"] = star.star
    for text in [*star.warnings, *_moved_codes(earlier_star, star.star)]:
        run.warn(text)
    run.count("sales lines of the star schema", star.read, star.kept, star.reasons)
    cleaning = cleaning_of(run, star, inputs.raw)
    findings = Findings(star.contracts, star.violations, cleaning)
    for name, content in report_files(findings).items():
        run.outputs.path(name).write_bytes(content)
    result = BuildResult(star, cleaning, pd.DataFrame(), staged_only=staging_only)
    if staging_only:
        return result
    try:
        result = _labels_and_features(run, result, fail_soft)
    except (DataError, ConfigError):
        _give_up(run, findings, before, earlier)
        raise
    run.plan(REPORT)
    if not run.dry_run:
        _report(run, result)
    return result


def load_star(run: RunContext) -> Star:
    """The star schema that this run built, else the one of an earlier build.

    Raises:
        DataError: there is none.
    """
    if "star" not in run.memo:
        run.memo["star"] = with_history(run, open_star(run.settings.paths.out))
    found: Star = run.memo["star"]
    return found


def choose_cutoffs(star: Star, settings: Settings) -> list[date]:
    """The cutoffs of the settings, else the latest month's start that has a fully observed window after it."""
    if settings.build.cutoffs:
        return sorted(set(settings.build.cutoffs))
    latest = month_start(add_months(star.observed_through, -settings.build.window_months))
    return [latest]


def choose_divisions(star: Star, settings: Settings) -> list[str]:
    """The divisions of the settings, else all of the log (lines without one aside) and those defined by codes."""
    if settings.build.divisions:
        known = {*star.division_names, *settings.labels.target_skus}
        return list(dict.fromkeys(name for given in settings.build.divisions for name in _listed(given, known)))
    named = [name for name in star.division_names if name != settings.build.unmapped_division]
    return named + [name for name in settings.labels.target_skus if name not in named]


def _listed(given: str, known: Collection[str]) -> list[str]:
    """The divisions that a text names: itself, or several with commas between, where all of them are known."""
    parts = [part.strip() for part in given.split(",")]
    return parts if given not in known and set(parts) <= set(known) else [given]


def _give_up(run: RunContext, findings: Findings, before: Sequence[str], earlier: Star | None) -> None:
    """Publish the reports alone: the build fails, but the user needs them to mend his log.

    What other stages of the same run staged ``before`` stays, and so does the star schema they built.
    """
    run.memo.pop("star", None)
    if earlier is not None:
        run.memo["star"] = earlier
    run.outputs.withdraw(before)
    if not run.dry_run:
        run.outputs.publish_apart(report_files(findings))


def _nowhere(run: RunContext) -> Callable[[str], Path]:
    """Places that are forgotten at the end of the run."""

    def place(name: str) -> Path:
        path = run.outputs.staging / "unpublished" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    return place


def _previous(run: RunContext) -> Star | None:
    try:
        return open_star(run.settings.paths.out)
    except DataError:
        return None


def _moved_codes(before: Star | None, now: Star) -> list[str]:
    """That codes have changed their division since the last build, which moves their past as well."""
    if before is None:
        return []
    known = before.products.set_index("fold")["division"]
    table = now.products.assign(before=now.products["fold"].map(known))
    moved = table[table["before"].notna() & table["division"].notna() & (table["before"] != table["division"])]
    if moved.empty:
        return []
    told = ", ".join(f"{row.sku} from {row.before} to {row.division}" for row in moved.head(3).itertuples())
    return [
        f"{len(moved):,} codes belong to another division than at the last build ({told}): all of their history went "
        "along, also before past cutoffs. A row of build.sku_map with a date in valid_from leaves the past as it was."
    ]


def _labels_and_features(run: RunContext, result: BuildResult, fail_soft: bool) -> BuildResult:
    settings, star = run.settings, result.star.star
    divisions, cutoffs = choose_divisions(star, settings), choose_cutoffs(star, settings)
    run.cutoffs = [cutoff.isoformat() for cutoff in cutoffs]
    with open_engine(star, settings) as engine:
        cutoffs = _usable(run, result, star, cutoffs, fail_soft)
        divisions = _known(run, result, star, divisions, fail_soft)
        summaries, positives = _labels(run, engine, star, divisions, cutoffs)
        labels = pd.DataFrame(summaries)
        _stage_label_tables(run, star, labels, positives)
        for filed in recall_feature_sets(
            run.outputs, star, divisions, cutoffs, settings, engine=engine, progress=run.progress
        ):
            run.plan(*names_of(filed.slug, filed.cutoff))
            _remember(result, filed.load())
    parts = [assets_sanity(star, cutoff, settings).assign(cutoff_date=cutoff.isoformat()) for cutoff in cutoffs]
    sanity = pd.concat(parts, ignore_index=True)
    if settings.features.use_assets and not star.assets.empty:
        run.outputs.csv(SANITY, sanity)
    else:
        run.outputs.remove(SANITY)
    _als_report(run, result)
    return replace(result, labels=labels, sanity=sanity)


def _usable(run: RunContext, result: BuildResult, star: Star, cutoffs: Sequence[date], fail_soft: bool) -> list[date]:
    """Cutoffs with purchases before them and observed days after them."""
    kept = []
    for cutoff in cutoffs:
        problem = None
        if to_day(cutoff) <= star.first_day:
            problem = f"cutoff {cutoff:%Y-%m-%d}: the log has no line before it"
        elif to_day(cutoff) > star.last_day:
            problem = f"cutoff {cutoff:%Y-%m-%d}: the label window is empty, the log has no line at or after it"
        if problem is None:
            kept.append(cutoff)
        else:
            result.left_out.append(problem)
            run.warn(problem + "; it is left out")
    if not kept or (result.left_out and not fail_soft):
        raise InsufficientDataError(
            "a cutoff cannot be used",
            got="; ".join(result.left_out),
            allowed="a date after the log's first line and not after its last",
            next_step="Change build.cutoffs, or run with --fail-soft to go on without it.",
        )
    return kept


def _known(run: RunContext, result: BuildResult, star: Star, divisions: Sequence[str], fail_soft: bool) -> list[str]:
    """Divisions that the log knows, or that are defined by codes which it knows."""
    kept, problems = [], []
    for division in divisions:
        try:
            find_target(star, division, run.settings)
            kept.append(division)
        except ConfigError as unknown:
            problems.append(unknown)
    if problems and not (fail_soft and kept):
        raise problems[0]
    for error in problems:
        result.left_out.append(f"{error.fault.what}: {error.fault.got or error.fault.where}")
        run.warn(result.left_out[-1] + "; it is left out")
    return kept


def _labels(
    run: RunContext, engine: Engine, star: Star, divisions: Sequence[str], cutoffs: Sequence[date]
) -> tuple[list[dict[str, Any]], dict[str, list[pd.DataFrame]]]:
    summaries: list[dict[str, Any]] = []
    positives: dict[str, list[pd.DataFrame]] = {}
    run.progress.stage("labels", len(divisions) * len(cutoffs))
    sets = build_label_sets(star, divisions, cutoffs, run.settings, engine=engine)
    for (cutoff, division), frame in zip(product(cutoffs, divisions), sets, strict=True):
        run.progress.check()
        name = artifacts.LABELS.path(division=division_slug(star, division), cutoff=cutoff)
        run.plan(name)
        run.outputs.parquet(name, frame)
        summaries.append(summarise_labels(frame) | {"division": division, "cutoff_date": cutoff.isoformat()})
        positives.setdefault(division, []).append(frame[frame["label"] == 1])
        run.progress.advance()
    summaries.sort(key=lambda row: divisions.index(row["division"]))
    for division in divisions:
        rows = [row for row in summaries if row["division"] == division]
        usable = [row for row in rows if not row["censored"]]
        n = sum(int(row["positives"]) for row in usable)
        run.status(division, f"{len(usable)} of {len(rows)} cutoffs fully observed, {n} positives in them")
    return summaries, positives


def division_slug(star: Star, division: str) -> str:
    """The division's part of a file name."""
    known = dict(zip(star.divisions["division"], star.divisions["slug"], strict=True))
    return str(known.get(division, slug(division)))


def _stage_label_tables(
    run: RunContext, star: Star, summary: pd.DataFrame, positives: dict[str, list[pd.DataFrame]]
) -> None:
    run.outputs.csv(SUMMARY, summary)
    for division, frames in positives.items():
        name = division_slug(star, division)
        rows = summary[summary["division"] == division]
        run.outputs.csv(artifacts.PREVALENCE.path(division=name), rows[
            ["cutoff_date", "window_months", "accounts", "positives", "prevalence", "censored"]])  # fmt: skip
        asked = run.settings.build.window_months
        body = {
            "division": division,
            "window_months": asked,
            "mode": run.settings.labels.mode,
            "target_skus": list(run.settings.labels.target_skus.get(division, ())),
            "cutoffs": [
                {
                    "cutoff_date": row["cutoff_date"],
                    "window_end": row["window_end"],
                    "window_months": int(row["window_months"]),
                    "widened": int(row["window_months"]) != asked,
                    "censored": bool(row["censored"]),
                    "accounts": int(row["accounts"]),
                    "positives": int(row["positives"]),
                }
                for row in rows.to_dict("records")
            ],
        }
        run.outputs.json(artifacts.CUTOFFS.path(division=name), body)
        run.outputs.csv(artifacts.POSITIVES.path(division=name), pd.concat(frames, ignore_index=True))
        made = (artifacts.PREVALENCE, artifacts.CUTOFFS, artifacts.POSITIVES)
        run.plan(*(item.path(division=name) for item in made))


def _remember(result: BuildResult, found: FeatureSet) -> None:
    key = (found.division, found.cutoff.isoformat())
    result.catalogs[key] = found.catalog
    kept = ("division", "cutoff_date", "accounts", "features", "checksum", "als", "share_prior_strength_12m")
    result.stats.append({name: found.stats[name] for name in kept if name in found.stats} | {"rules": len(found.rules)})


def _als_report(run: RunContext, result: BuildResult) -> None:
    """One coverage report for all cutoffs: how many accounts have an embedding."""
    if not run.settings.features.use_als:
        return
    body = {row["cutoff_date"]: row.get("als") for row in result.stats}
    run.outputs.json(artifacts.ALS_COVERAGE.name, body)
    for cutoff, report in body.items():
        if report and report["status"] != "built":
            run.warn(f"embeddings at {cutoff}: {report['status']}")


def _report(run: RunContext, result: BuildResult) -> None:
    from icp_xl.delivery.render.book import render_book
    from icp_xl.reports.build import BuildReport, build_book

    report = BuildReport(
        cleaning=result.cleaning, reasons=result.star.reasons, read=result.star.read, kept=result.star.kept,
        contracts=[(c.table, c.rule, c.broken, c.status) for c in result.star.contracts],
        violations=result.star.violations, labels=result.labels, catalogs=result.catalogs, sanity=result.sanity,
        warnings=run.warnings, facts=_facts(run, result),
    )  # fmt: skip
    book = build_book(report, run.settings.reports)
    render_book(book, Path(run.outputs.path(REPORT)), clock=run.settings.run.clock)


def _facts(run: RunContext, result: BuildResult) -> dict[str, Any]:
    star = result.star.star
    return {
        "Run": run.run_id,
        "Made": f"{run.now():%Y-%m-%d %H:%M}",
        "Accounts": len(star.customers),
        "Codes": len(star.products),
        "Divisions": ", ".join(star.division_names),
        "First day that the log does not cover": star.observed_through.isoformat(),
        "Engine": run.settings.build.engine,
        **{f"Input {name} (SHA-256)": digest[:16] for name, digest in sorted(run.inputs.items())},
    }

"""``icp-xl build``: sales log to star schema, labels and features, with a report of all that was left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from icp_xl.config import Settings
from icp_xl.errors import DataError, InsufficientDataError, SourceError
from icp_xl.features.assets import assets_sanity
from icp_xl.features.build import build_feature_sets
from icp_xl.features.files import names_of, write_features
from icp_xl.features.model import FeatureSet
from icp_xl.labels.build import build_labels, find_target, summarise_labels
from icp_xl.runs import RunContext
from icp_xl.sql.engine import Engine
from icp_xl.tables.star import FOLDER, MANIFEST, Star, open_engine, open_star, slug
from icp_xl.tables.star_build import ContractBroken, StarBuild, build_star, survey_lines
from icp_xl.tables.star_calendar import add_months, month_start, to_day
from icp_xl.tables.star_contracts import Contract
from icp_xl.tables.star_files import sweep

LABELS = "curated/labels"
STAGED = "curated/staging/sales_lines.parquet"
CLEANING, CONTRACTS, VIOLATIONS = "cleaning_report.csv", "contract_report.csv", "contract_violations.csv"
SUMMARY = f"{LABELS}/labels_summary.csv"
SANITY = "curated/features/assets_sanity.csv"
REPORT = "icp_build.xlsx"


@dataclass
class BuildResult:
    """What a build made: the star schema, one row per label set, and per feature set its catalog and statistics."""

    star: StarBuild
    cleaning: pd.DataFrame
    labels: pd.DataFrame
    catalogs: dict[tuple[str, str], pd.DataFrame] = field(default_factory=dict)
    stats: list[dict[str, Any]] = field(default_factory=list)
    sanity: pd.DataFrame = field(default_factory=pd.DataFrame)
    left_out: list[str] = field(default_factory=list)


def build(
    run: RunContext, *, rebuild: bool = False, staging_only: bool = False, fail_soft: bool = False
) -> BuildResult | None:
    """Build everything the settings ask for.

    Args:
        rebuild: write every month anew, whether it changed or not.
        staging_only: stop after the lines are read and judged: typed lines, cleaning and contract reports.
        fail_soft: go on without lines, divisions and cutoffs that cannot be used, and say so.

    Raises:
        ContractBroken, InsufficientDataError: as their texts say; the cleaning and contract reports are published all
            the same.
    """
    lines, customers, assets, raw = _inputs(run)
    run.plan(CLEANING, CONTRACTS, VIOLATIONS, STAGED if staging_only else f"{FOLDER}/{MANIFEST}")
    folder = run.settings.paths.out / FOLDER
    if not run.dry_run:
        sweep(folder)
    previous = None if rebuild or staging_only else _previous(run)
    keep = not staging_only and not run.dry_run
    try:
        star = build_star(
            lines, run.settings, customers=customers, assets=assets, today=run.now().date(),
            place=run.outputs.path if keep else None, folder=folder, previous=previous, fail_soft=fail_soft,
            progress=run.progress,
        )  # fmt: skip
    except ContractBroken as error:
        _publish_findings(run, error.contracts, error.violations)
        raise
    # What this run builds is published at its end; a later stage of the same run reads it from here.
    run.memo["star"] = star.star
    for text in star.warnings:
        run.warn(text)
    run.count("sales lines of the star schema", star.read, star.kept, star.reasons)
    cleaning = star.cleaning if raw is None else _joined(survey_lines(raw, run.settings), star.cleaning)
    _stage_findings(run, star.contracts, star.violations, cleaning)
    result = BuildResult(star, cleaning, pd.DataFrame())
    if staging_only:
        if isinstance(lines, pd.DataFrame):
            run.outputs.parquet(STAGED, lines)
        return result
    try:
        _labels_and_features(run, result, fail_soft)
    except DataError:
        _publish_findings(run, star.contracts, star.violations, cleaning)
        raise
    if not run.dry_run:
        _report(run, result)
    return result


def load_star(run: RunContext) -> Star:
    """The star schema that this run built, else the one of an earlier build.

    Raises:
        DataError: there is none.
    """
    if "star" not in run.memo:
        run.memo["star"] = open_star(run.settings.paths.out)
    found: Star = run.memo["star"]
    return found


def closing_lines(result: BuildResult | None) -> list[str]:
    """What to say at the end of the command."""
    if result is None:
        return []
    star = result.star
    found = [
        f"{star.kept:,} of {star.read:,} sales lines kept; {star.written} months written, {star.unchanged} unchanged",
    ]
    if len(result.labels):
        rows = result.labels
        found.append(
            f"{len(rows)} label sets, {len(result.stats)} feature sets, cutoffs "
            + ", ".join(sorted(set(rows["cutoff_date"].astype(str))))
        )
    found += [f"Left out: {text}" for text in result.left_out]
    found.append(f"Wrote {CLEANING}, {CONTRACTS}" + (f" and {REPORT}." if len(result.labels) else "."))
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
        return list(dict.fromkeys(settings.build.divisions))
    named = [name for name in star.division_names if name != settings.build.unmapped_division]
    return named + [name for name in settings.labels.target_skus if name not in named]


def _inputs(
    run: RunContext,
) -> tuple[pd.DataFrame | Path, pd.DataFrame | None, pd.DataFrame | None, pd.DataFrame | None]:
    """Lines, customers, assets, and the log as it was read (for counting what real logs have)."""
    from icp_xl.pipeline.tables import load_sources, load_tables

    path = run.settings.build.transactions
    if path is not None:
        place = path if path.is_absolute() or path.exists() else run.settings.paths.data / path
        if not place.exists():
            raise SourceError("the sales lines do not exist", where="build.transactions", got=path.name)
        if place.is_file():
            run.read(place)
        return place, None, None, None
    sources = load_sources(run)
    if sources.sales is None:
        raise SourceError("the build needs a sales log", next_step="Put it into the data folder, or set sources.sales.")
    tables = load_tables(run)
    raw = sources.sales.frame
    return tables.transactions, tables.customers, tables.assets if len(tables.assets) else None, raw


def _previous(run: RunContext) -> Star | None:
    try:
        return open_star(run.settings.paths.out)
    except DataError:
        return None


def _labels_and_features(run: RunContext, result: BuildResult, fail_soft: bool) -> None:
    settings, star = run.settings, result.star.star
    divisions, cutoffs = choose_divisions(star, settings), choose_cutoffs(star, settings)
    run.cutoffs = [cutoff.isoformat() for cutoff in cutoffs]
    with open_engine(star, settings) as engine:
        cutoffs = _usable(run, result, star, cutoffs, fail_soft)
        for division in divisions:
            find_target(star, division, settings)
        summaries, positives = _labels(run, engine, star, divisions, cutoffs)
        result.labels = pd.DataFrame(summaries)
        _stage_label_tables(run, star, result.labels, positives)
        for found in build_feature_sets(star, divisions, cutoffs, settings, engine=engine, progress=run.progress):
            run.plan(*names_of(found.slug, found.cutoff))
            write_features(run.outputs, found)
            _remember(result, found)
    sanity = [assets_sanity(star, cutoff, settings).assign(cutoff_date=cutoff.isoformat()) for cutoff in cutoffs]
    result.sanity = pd.concat(sanity, ignore_index=True)
    if settings.features.use_assets and not star.assets.empty:
        run.outputs.csv(SANITY, result.sanity)
    _als_report(run, result)


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


def _labels(
    run: RunContext, engine: Engine, star: Star, divisions: Sequence[str], cutoffs: Sequence[date]
) -> tuple[list[dict[str, Any]], dict[str, list[pd.DataFrame]]]:
    summaries: list[dict[str, Any]] = []
    positives: dict[str, list[pd.DataFrame]] = {}
    run.progress.stage("labels", len(divisions) * len(cutoffs))
    for division in divisions:
        for cutoff in cutoffs:
            run.progress.check()
            frame = build_labels(star, division, cutoff, run.settings, engine=engine)
            name = f"{LABELS}/labels_{division_slug(star, division)}_{cutoff:%Y-%m-%d}.parquet"
            run.plan(name)
            run.outputs.parquet(name, frame)
            summaries.append(summarise_labels(frame) | {"division": division, "cutoff_date": cutoff.isoformat()})
            positives.setdefault(division, []).append(frame[frame["label"] == 1])
            run.progress.advance()
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
        run.outputs.csv(f"{LABELS}/prevalence_{name}.csv", rows[
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
        run.outputs.json(f"{LABELS}/cutoffs_{name}.json", body)
        run.outputs.csv(f"{LABELS}/labels_positive_{name}.csv", pd.concat(frames, ignore_index=True))
        run.plan(*(f"{LABELS}/{stem}" for stem in
                   (f"prevalence_{name}.csv", f"cutoffs_{name}.json", f"labels_positive_{name}.csv")))  # fmt: skip


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
    run.outputs.json("curated/features/als_coverage.json", body)
    for cutoff, report in body.items():
        if report and report["status"] != "built":
            run.warn(f"embeddings at {cutoff}: {report['status']}")


def _joined(raw: pd.DataFrame, star: pd.DataFrame) -> pd.DataFrame:
    """What the log has, as it was read; then what only the finished star schema knows."""
    later = star[~star["found"].isin(set(raw["found"]))]
    return pd.concat([raw, later], ignore_index=True)


def _stage_findings(
    run: RunContext, contracts: list[Contract], violations: pd.DataFrame, cleaning: pd.DataFrame | None
) -> None:
    rows = [(c.table, c.rule, c.broken, c.status) for c in contracts]
    run.outputs.csv(CONTRACTS, pd.DataFrame(rows, columns=["table", "rule", "broken", "status"]))
    run.outputs.csv(VIOLATIONS, violations)
    if cleaning is not None:
        run.outputs.csv(CLEANING, cleaning)


def _publish_findings(
    run: RunContext, contracts: list[Contract], violations: pd.DataFrame, cleaning: pd.DataFrame | None = None
) -> None:
    """Publish the reports alone: the run fails, but the user needs them to mend his log."""
    run.outputs.discard()
    _stage_findings(run, contracts, violations, cleaning)
    if not run.dry_run:
        run.outputs.publish()


def _report(run: RunContext, result: BuildResult) -> None:
    from icp_xl.delivery.render import render_book
    from icp_xl.reports.build import build_book

    run.plan(REPORT)
    book = build_book(
        cleaning=result.cleaning, reasons=result.star.reasons, read=result.star.read, kept=result.star.kept,
        contracts=[(c.table, c.rule, c.broken, c.status) for c in result.star.contracts],
        violations=result.star.violations, labels=result.labels, catalogs=result.catalogs, sanity=result.sanity,
        warnings=run.warnings, facts=_facts(run, result),
    )  # fmt: skip
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

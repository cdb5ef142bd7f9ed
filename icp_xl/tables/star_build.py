"""Build the star schema: stage the lines, judge them, file those that stay by month, say what happened to the rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from icp_xl import artifacts
from icp_xl.config import Settings
from icp_xl.progress import Progress
from icp_xl.sql import star as sql
from icp_xl.sql.engine import DuckEngine, open_duckdb
from icp_xl.sql.query import Query
from icp_xl.tables import star_dims as dims
from icp_xl.tables.sku_map import SkuMap, read_sku_map
from icp_xl.tables.star import Star
from icp_xl.tables.star_calendar import add_months, from_day, month_start, to_day
from icp_xl.tables.star_contracts import (
    COLUMNS,
    ORDINARY,
    Contract,
    Findings,
    NothingLeft,
    check_columns,
    check_dimensions,
    line_contracts,
    refuse,
)
from icp_xl.tables.star_files import StarTarget, write_star
from icp_xl.tables.star_stage import Stages

#: Violations listed one by one in the CSV; the counts are complete.
MOST_LISTED = 100_000
_SEEN = "select sku, division, product, category, min(moment) as first_seen, count(*) as n from staged group by all"


@dataclass(frozen=True)
class StarBuild:
    """A built star schema and the account of the building.

    ``cleaning``: one row per peculiarity of the log with how many lines have it. ``reasons``: dropped lines by first
    reason; with ``kept`` they add up to ``read``. ``violations``: table, row, column, reason, severity, value.
    ``written`` and ``unchanged`` count month files.
    """

    star: Star
    read: int
    kept: int
    reasons: dict[str, int]
    cleaning: pd.DataFrame
    contracts: list[Contract]
    violations: pd.DataFrame
    warnings: list[str]
    written: int = 0
    unchanged: int = 0


def build_star(
    lines: pd.DataFrame | Path,
    settings: Settings,
    *,
    customers: pd.DataFrame | None = None,
    assets: pd.DataFrame | None = None,
    today: date | None = None,
    target: StarTarget | None = None,
    fail_soft: bool = False,
    progress: Progress | None = None,
) -> StarBuild:
    """Build the star schema from sales lines.

    Args:
        lines: one row per sales line (see :mod:`icp_xl.tables`), or a Parquet file or folder of them; a file is
            never loaded whole.
        customers: one row per account; accounts that only the log knows are added.
        assets: one row per asset.
        today: last day that a line may have, unless ``build.as_of`` says otherwise.
        target: where its files go; without it the star schema stays in memory.
        fail_soft: go on without lines that break the contract, instead of raising.

    Raises:
        MissingColumnsError: the log lacks columns.
        ContractBroken: lines break the contract and ``fail_soft`` is off.
        NothingLeft: no line is left.
    """
    progress, target = progress or Progress(), target or StarTarget()
    with open_duckdb(settings.run.memory_limit_gb, settings.run.workers, target.scratch) as engine:
        progress.stage("reading the sales log", None)
        present = _open_lines(engine, lines)
        check_columns(present)
        typed = sql.staged("raw_lines", present, settings.build.max_amount * sql.SCALE)
        stages = Stages(engine, "staged", typed, _count(engine, "raw_lines"))
        progress.check()
        seen = engine.frame(Query(_SEEN))
        sku_map = read_sku_map(settings)
        products = dims.build_products(seen, sku_map, settings.build)
        _look_up(engine, seen, products, sku_map, settings)
        progress.stage("judging the lines", None)
        limit = settings.build.as_of or today
        judge = partial(
            sql.classified,
            min_day=to_day(settings.build.min_date),
            max_day=to_day(limit) if limit else 10**6,
            cancellation=settings.build.cancellation_pattern,
            drop_duplicates=settings.build.duplicates == "drop",
        )
        stages.derive("judged", "staged", judge, progress.check)
        if target.staged is not None:
            engine.write_parquet(sql.typed("judged"), target.staged)
        progress.check()
        reasons = _reasons(engine)
        cleaning, read = _cleaning(engine)
        violations = _violations(engine)
        contracts = line_contracts(reasons)
        grave = {reason: n for reason, n in reasons.items() if reason not in ORDINARY}
        findings = Findings(contracts, violations, cleaning)
        if not fail_soft:
            refuse(grave, artifacts.CONTRACTS.name, findings)
        if read == sum(reasons.values()):
            _refuse_empty(read, reasons, findings)
        judged = _JudgedLines(read, reasons, cleaning, contracts, violations, grave)
        known = _KnownBeside(products, sku_map, customers, assets)
        return _file(engine, stages, settings, known, judged, target, progress)


@dataclass(frozen=True)
class _KnownBeside:
    """What is known beside the lines."""

    products: pd.DataFrame
    sku_map: SkuMap
    customers: pd.DataFrame | None
    assets: pd.DataFrame | None


@dataclass(frozen=True)
class _JudgedLines:
    """What was found of the lines: how many, why some are left out, and what they break."""

    read: int
    reasons: dict[str, int]
    cleaning: pd.DataFrame
    contracts: list[Contract]
    violations: pd.DataFrame
    grave: dict[str, int]


def survey_lines(lines: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """How often each peculiarity of real logs occurs among the lines as they were read; nothing is left out.

    Args:
        lines: one row per line of the log; columns that are not there are taken as missing. ``country``, ``state``
            and ``city`` tell in how many places an account is.

    Returns:
        One row per peculiarity: ``found``, ``count``.
    """
    frame = pd.DataFrame({name: lines[name] for name in lines.columns})
    places = [name for name in ("country", "state", "city") if name in frame.columns and frame[name].notna().any()]
    if "region" not in frame.columns and places:
        frame["region"] = frame[places[0]]
    with open_duckdb(settings.run.memory_limit_gb, settings.run.workers) as engine:
        present = _open_lines(engine, frame)
        if "account_name" in present and ("account_id" not in present or frame["account_id"].isna().all()):
            frame["account_id"] = frame["account_name"]
            present = _open_lines(engine, frame)
        engine.keep("staged", sql.staged("raw_lines", present, settings.build.max_amount * sql.SCALE))
        seen = engine.frame(Query(_SEEN))
        sku_map = read_sku_map(settings)
        products = dims.build_products(seen, sku_map, settings.build)
        _look_up(engine, seen, products, sku_map, settings)
        engine.keep("judged", sql.classified("staged", 0, 10**6, settings.build.cancellation_pattern, True))
        return _cleaning(engine)[0]


def _open_lines(engine: DuckEngine, lines: pd.DataFrame | Path) -> list[str]:
    if isinstance(lines, Path):
        found = sorted(lines.rglob("*.parquet")) if lines.is_dir() else [lines]
        engine.view_parquet("raw_lines", found)
    else:
        frame = pd.DataFrame({name: lines[name] for name in lines.columns})
        for name in sql.TEXT:
            if name in frame.columns:
                frame[name] = frame[name].astype("str")
        if "time" in frame.columns:
            frame["date"] = frame["date"] + pd.to_timedelta(frame["time"].fillna(0.0), unit="s")
        engine.view_frame("raw_lines", frame)
    names = engine.connection.execute("select * from raw_lines limit 0").description or []
    return [str(item[0]) for item in names]


def _count(engine: DuckEngine, source: str) -> int:
    return int(engine.fetch(sql.count(source))["n"][0])


def _look_up(
    engine: DuckEngine, seen: pd.DataFrame, products: pd.DataFrame, sku_map: SkuMap, settings: Settings
) -> None:
    """Give the engine the tables that codes and divisions are looked up in, each in its chosen spelling."""
    build = settings.build
    named = [*build.allowed_divisions, *build.divisions, *settings.labels.target_skus]
    preferred = [*named, *sku_map.names]
    spelt = dims.division_spellings(seen, preferred)
    allowed = {dims.fold(pd.Series([name])).iloc[0] for name in build.allowed_divisions}
    skus = pd.DataFrame({"sku": seen["sku"].dropna().drop_duplicates()})
    by_fold = products.set_index("fold")
    folded = dims.fold(skus["sku"])
    skus["sku_key"] = folded.map(by_fold["sku_key"]).astype(np.int64)
    skus["sku_name"] = folded.map(by_fold["sku"]).astype("str")
    mapped = by_fold["division"].where(by_fold["from_map"]).astype("str")
    chosen = folded.map(mapped)
    skus["sku_division"] = dims.fold(chosen.fillna("")).map(spelt).astype("str")
    skus["is_fee"] = folded.map(by_fold["is_fee"]).astype(bool)
    engine.view_frame("sku_lookup", skus)
    # Codes that the log lacks go first: a column with a gap would pass through floats, which cannot hold 62 bits.
    dated = sku_map.dated[sku_map.dated["fold"].isin(by_fold.index)]
    periods = pd.DataFrame(
        {"period_key": dated["fold"].map(by_fold["sku_key"]).astype(np.int64), "start_day": dated["start"],
         "end_day": dated["end"], "dated_division": dims.fold(dated["division"]).map(spelt).astype("str")}
    )  # fmt: skip
    engine.view_frame("sku_periods", periods)
    names = pd.DataFrame({"division": seen["division"].dropna().drop_duplicates()}).astype("str")
    folds = dims.fold(names["division"])
    names["division_name"] = folds.map(spelt).astype("str")
    names["division_known"] = folds.isin(allowed) if allowed else True
    engine.view_frame("division_lookup", names.astype({"division_known": bool}))
    products["division"] = dims.fold(products["division"].fillna("")).map(spelt).astype("str")


def _reasons(engine: DuckEngine) -> dict[str, int]:
    rows = engine.frame(
        Query("select reason, count(*) as n from judged where reason is not null group by 1 order by 1")
    )
    return {str(reason): int(n) for reason, n in zip(rows["reason"], rows["n"], strict=True)}


def _cleaning(engine: DuckEngine) -> tuple[pd.DataFrame, int]:
    counts = engine.fetch(sql.problems("judged"))
    moved = engine.frame(
        Query(
            "select count(*) as n from (select account_id from judged where account_id is not null "
            "and region is not null group by 1 having count(distinct region) > 1)"
        )
    )
    last = engine.frame(Query("select max(day) as last_day from judged where reason is null"))["last_day"].iloc[0]
    rows = [(name.replace("_", " "), int(values[0])) for name, values in counts.items()]
    rows.append(("accounts in several places", int(moved["n"].iloc[0])))
    if not pd.isna(last):
        day = from_day(int(last))
        end = add_months(month_start(day), 1)
        rows.append(("days missing at the end of the last month", to_day(end) - to_day(day) - 1))
    return pd.DataFrame(rows, columns=["found", "count"]), int(counts["lines"][0])


def _violations(engine: DuckEngine) -> pd.DataFrame:
    listed = engine.frame(
        Query(
            f"""
            select 'sales log' as "table", source_row as "row",
              case reason when 'no account' then 'account_id' when 'unknown division' then 'division'
                when 'no readable revenue' then 'revenue' when 'amount out of range' then 'revenue'
                when 'neither code nor division' then 'sku' when 'exact duplicate' then '' else 'date' end as "column",
              reason, case when reason in ({", ".join(f"'{reason}'" for reason in ORDINARY)}) then 'dropped'
                else 'error' end as severity,
              case reason when 'unknown division' then left(division, 60)
                when 'date in the future' then cast(cast(moment as date) as varchar)
                when 'before the earliest date' then cast(cast(moment as date) as varchar) else '' end as value
            from judged where reason is not null order by severity desc, reason, source_row limit {MOST_LISTED}
            """
        )
    )
    return listed[list(COLUMNS)]


def _refuse_empty(read: int, reasons: dict[str, int], findings: Findings) -> None:
    told = "".join(f"; {reason}: {n:,}" for reason, n in reasons.items())
    error = NothingLeft(
        "no sales line is left after cleaning",
        got=f"{read:,} lines read{told}",
        next_step=f"Look at {artifacts.VIOLATIONS.name}, and at the columns that were recognised.",
    )
    rule = Contract("fact_transactions", "a line is left to build from", 1)
    error.findings = replace(findings, contracts=[*findings.contracts, rule])
    raise error


def _file(
    engine: DuckEngine,
    stages: Stages,
    settings: Settings,
    known: _KnownBeside,
    judged: _JudgedLines,
    target: StarTarget,
    progress: Progress,
) -> StarBuild:
    read, reasons, cleaning, violations = judged.read, judged.reasons, judged.cleaning, judged.violations
    products = known.products
    kept = read - sum(reasons.values())
    accounts = engine.frame(Query("select distinct account_id from judged where reason is null"))["account_id"]
    customer_table = dims.build_customers(known.customers, [str(name) for name in accounts])
    keys = customer_table.drop_duplicates("account_id")[["account_id", "account_key"]]
    engine.view_frame("account_lookup", keys.astype({"account_id": "str"}).reset_index(drop=True))
    named = engine.frame(
        Query(
            "select distinct coalesce(division_name, ?) as division from judged where reason is null and kind <> 0",
            (settings.build.unmapped_division,),
        )
    )
    divisions = dims.build_divisions([str(name) for name in named["division"]], known.sku_map)
    engine.view_frame("division_keys", dims.division_key_table(divisions).astype({"division": "str"}))
    file = partial(sql.facts, unmapped=settings.build.unmapped_division)
    stages.derive("facts", "judged", file, progress.check)
    months = engine.frame(sql.months("facts"))
    progress.stage("filing the months", len(months))
    first, last = int(months["first_day"].min()), int(months["last_day"].max())
    observed = _observed_until(last, settings)
    asset_table = dims.build_assets(known.assets, customer_table, products, list(divisions["division"]), known.sku_map)
    dates = dims.build_dates(first, last)
    checks, broken = check_dimensions(customer_table, products, dates, asset_table)
    star = Star(
        facts=(),
        customers=customer_table,
        products=products,
        divisions=divisions,
        assets=asset_table,
        returns=pd.DataFrame(),
        first_day=first,
        last_day=last,
        observed_until=observed,
        has_profit=bool(months["with_profit"].sum()),
    )
    written = unchanged = 0
    if target.place is None:
        parts = [engine.frame(sql.filed("facts", int(ym))) for ym in months["ym"]]
        lines = pd.concat(parts, ignore_index=True)
        engine.view_frame("filed", lines)
        star = replace(star, facts=lines, returns=engine.frame(sql.matched_returns("filed")))
    else:
        star, written, unchanged = write_star(engine, star, months, dates, cleaning, settings, target, progress)
    warnings = _warnings(star, settings, judged.grave, reasons, read)
    if known.sku_map.periods:
        engine.view_frame("division_periods", divisions)
        outside = engine.frame(Query(sql.OUTSIDE_VALIDITY))
        warnings += [f"{n:,} lines of {name} lie outside the time that the SKU map gives it; they count as purchases "
                     "all the same" for name, n in zip(outside["division"], outside["n"], strict=True)]  # fmt: skip
    contracts = [*judged.contracts, *checks]
    violations = pd.concat([violations, broken], ignore_index=True) if len(broken) else violations
    matched = int(star.returns["sale_line_id"].notna().sum())
    extra = pd.DataFrame(
        [("return lines", len(star.returns)), ("return lines with an earlier sale", matched)], columns=cleaning.columns
    )
    cleaning = pd.concat([cleaning, extra], ignore_index=True)
    return StarBuild(star, read, kept, reasons, cleaning, contracts, violations, warnings, written, unchanged)


def _observed_until(last: int, settings: Settings) -> int:
    if settings.build.observed_until is not None:
        return to_day(settings.build.observed_until)
    end = to_day(add_months(month_start(from_day(last)), 1))
    return end if end - last - 1 <= settings.build.month_end_slack_days else last + 1


def missing_accounts(reasons: Mapping[str, int], read: int) -> list[str]:
    """The warning that many lines name no account, where they are more than one in twenty."""
    lost = reasons.get("no account", 0)
    if lost <= 0.05 * read:
        return []
    return [f"{lost:,} of {read:,} sales lines ({lost / read:.0%}) name no account and are left out"]


def _warnings(star: Star, settings: Settings, grave: dict[str, int], reasons: dict[str, int], read: int) -> list[str]:
    found = [f"went on without {n:,} lines of the sales log: {reason}" for reason, n in sorted(grave.items())]
    found += missing_accounts(reasons, read)
    end = to_day(add_months(month_start(from_day(star.last_day)), 1))
    if star.observed_until < end:
        found.append(f"the last month is partial: the log ends on {from_day(star.last_day):%Y-%m-%d}")
    unmapped = settings.build.unmapped_division
    if unmapped in star.division_names:
        found.append(f"some codes belong to no division; their lines are filed under {unmapped}")
    return found

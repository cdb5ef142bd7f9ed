"""What a build takes in, and the reports on it that are published whether the build comes to an end or not."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd

from icp_xl import artifacts
from icp_xl.errors import SourceError
from icp_xl.outputs import csv_bytes
from icp_xl.runs import RunContext, file_digest
from icp_xl.tables.star_build import MOST_LISTED, StarBuild, missing_accounts, survey_lines
from icp_xl.tables.star_contracts import COLUMNS, Findings, line_contracts

CLEANING, CONTRACTS, VIOLATIONS = (
    item.name for item in (artifacts.CLEANING, artifacts.CONTRACTS, artifacts.VIOLATIONS)
)
#: Rows that cleaning the tables leaves out before the lines come here, and the reason as the contract words it.
_BEFORE = {
    "no date": "no readable date",
    "no revenue": "no readable revenue",
    "no customer": "no account",
    "customer is not among the accounts": "no account",
    "repeats another line": "exact duplicate",
}


@dataclass(frozen=True)
class BuildInputs:
    """Lines, customers and assets; the log as it was read, for counting what real logs have; rows left out so far."""

    lines: pd.DataFrame | Path
    customers: pd.DataFrame | None = None
    assets: pd.DataFrame | None = None
    raw: pd.DataFrame | None = None
    dropped: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(COLUMNS)))


def read_inputs(run: RunContext) -> BuildInputs:
    """The sales lines of ``build.transactions``, else the cleaned tables of the sources.

    Raises:
        SourceError, DataError: there is no log, or it cannot be read as one.
    """
    from icp_xl.pipeline.tables import load_sources, load_tables

    path = run.settings.build.transactions
    if path is not None:
        place = path if path.is_absolute() or path.exists() else run.settings.paths.data / path
        if not place.exists():
            raise SourceError("the sales lines do not exist", where="build.transactions", got=path.name)
        if place.is_file():
            run.read(place)
        for part in sorted(place.rglob("*.parquet")) if place.is_dir() else ():
            run.inputs[part.relative_to(place).as_posix()] = file_digest(part)
        return BuildInputs(place)
    sources = load_sources(run)
    if sources.sales is None:
        folder = run.settings.paths.data
        raise SourceError(
            "the build needs a sales log",
            where=f"folder {folder.name or folder}",
            got="none there",
            next_step="Name the folder that holds it with --data, or the file under sources.sales.file.",
        )
    tables = load_tables(run)
    gone = tables.dropped[(tables.dropped["source"] == "sales") & tables.dropped["reason"].isin(list(_BEFORE))]
    reasons = gone["reason"].map(_BEFORE)
    dropped = pd.DataFrame(
        {"table": "sales log", "row": gone["row"], "column": "", "reason": reasons, "severity": "dropped", "value": ""}
    )
    assets = tables.assets if len(tables.assets) else None
    return BuildInputs(tables.transactions, tables.customers, assets, sources.sales.frame, dropped)


def with_rows_before(star: StarBuild, dropped: pd.DataFrame) -> StarBuild:
    """Count the rows that cleaning the tables left out among the lines read, with their reasons."""
    if dropped.empty:
        return star
    reasons = dict(star.reasons)
    for reason, n in dropped["reason"].value_counts(sort=False).items():
        reasons[str(reason)] = reasons.get(str(reason), 0) + int(n)
    others = star.contracts[len(line_contracts({})) :]
    violations = pd.concat([star.violations, dropped], ignore_index=True).head(MOST_LISTED)
    read = star.read + len(dropped)
    before = missing_accounts(star.reasons, star.read)
    warnings = [*missing_accounts(reasons, read), *(text for text in star.warnings if text not in before)]
    return replace(
        star, read=read, warnings=warnings, reasons=dict(sorted(reasons.items())), violations=violations,
        contracts=[*line_contracts(reasons), *others],
    )  # fmt: skip


def cleaning_of(run: RunContext, star: StarBuild, raw: pd.DataFrame | None) -> pd.DataFrame:
    """What the log has, as it was read; then what only the finished star schema knows."""
    if raw is None:
        return star.cleaning
    survey = survey_lines(raw, run.settings)
    later = star.cleaning[~star.cleaning["found"].isin(set(survey["found"]))]
    return pd.concat([survey, later], ignore_index=True)


def report_files(findings: Findings) -> dict[str, bytes]:
    """The contract report, its violations and the cleaning report: file name to content."""
    rows = [(c.table, c.rule, c.broken, c.status) for c in findings.contracts]
    files = {
        CONTRACTS: csv_bytes(pd.DataFrame(rows, columns=["table", "rule", "broken", "status"])),
        VIOLATIONS: csv_bytes(findings.violations),
    }
    if findings.cleaning is not None:
        files[CLEANING] = csv_bytes(findings.cleaning)
    return files

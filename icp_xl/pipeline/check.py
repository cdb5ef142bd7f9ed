"""``check``: what is missing, thin or doubtful in the inputs, before anything is run."""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd

from icp_xl.components.kinds import facts_of
from icp_xl.components.record import Component
from icp_xl.errors import ConfigError, DataError, IcpError, InsufficientDataError, MissingColumnsError, SourceError
from icp_xl.feedback.opportunities import LOST, UNKNOWN, WON
from icp_xl.feedback.stages import paste_line
from icp_xl.pipeline.feedback.crm import crm_of, what_the_crm_holds
from icp_xl.pipeline.feedback.stages import prepared_opportunities
from icp_xl.pipeline.tables import SOURCES, accounts_with_totals, load_sources, load_tables
from icp_xl.runs import RunContext
from icp_xl.scoring.choose import LEAST_APART, LEAST_SHARE, OWN, choose_components
from icp_xl.scoring.measures import SalesHistory
from icp_xl.sources import Sources, SourceTable
from icp_xl.sources.locate import locate
from icp_xl.tables import Tables
from icp_xl.tables.contracts import check_sources, read_problem
from icp_xl.tables.star_dims import fold
from icp_xl.weight_search.problem import target_of

STATES = ("good", "thin", "missing", "problem")
#: What a source is for, so that a missing one is said in terms of what will not be there.
PURPOSE = {
    "customers": "accounts, industries and sizes",
    "sales": "revenue, division models and whitespace",
    "yearly_totals": "the reconciliation of sales lines with yearly totals",
    "enriched_revenue": "annual revenue where the customer workbook has none",
    "industry_updates": "corrected industries",
    "assets": "expiry and subscription features",
    "opportunities": "snapshots, won and lost analysis",
    "strategic_tiers": "strategy in the industry weights",
}
NEEDED = ("customers", "sales")
RECONCILIATION = "Reconciliation"
SCORE = "Components of the score"
RULES = "Rules that the tables must keep"


@dataclass(frozen=True)
class CheckLine:
    """One line of the check: what was looked at, how it stands, and what to do."""

    area: str
    item: str
    state: str
    value: str
    advice: str = ""


@dataclass(frozen=True)
class CheckReport:
    """All findings, in the order of the pipeline."""

    findings: list[CheckLine] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        """Whether nothing stands in the way of a run."""
        return not any(finding.state == "problem" for finding in self.findings)

    def frame(self) -> pd.DataFrame:
        """Findings as a table, one row each."""
        return pd.DataFrame([vars(finding) for finding in self.findings], columns=list(CheckLine.__annotations__))

    @property
    def exit_code(self) -> int:
        """4 where something must be mended first."""
        return 0 if self.sound else 4

    def summary(self) -> list[str]:
        """The findings as lines of text, problems marked."""
        lines, area = [], ""
        width = max((len(finding.item) for finding in self.findings), default=0)
        for finding in self.findings:
            if finding.area != area:
                area = finding.area
                lines += ["", area]
            advice = f" {finding.advice}" if finding.advice else ""
            lines.append(f"  {finding.state:<8} {finding.item:<{width}}  {finding.value}.{advice}")
        closing = "Ready to run." if self.sound else "Not ready: mend what is marked as a problem first."
        return [*lines, "", closing]


def check(run: RunContext) -> CheckReport:
    """Read the sources, clean them, and say how they stand; writes nothing but the run record."""
    if crm_of(run) and all(locate(name, run.settings) is None for name in SOURCES):
        # No file is needed where the CRM has the opportunities; they are not read for a check.
        return CheckReport(
            [*_crm(run), CheckLine("Sources", "files", "missing", "none", "Accounts come from the CRM.")]
        )
    sources = load_sources(run)
    tables = load_tables(run, stop=False)
    findings = [
        *_sources(sources),
        *_balances(run),
        *_contracts(sources),
        *_coverage(tables),
        *_crm(run),
        *_readiness(run, tables),
        *_components(run, sources, tables),
    ]
    report = CheckReport(findings)
    run.metric("findings", {state: sum(f.state == state for f in findings) for state in STATES})
    return report


def _sources(sources: Sources) -> list[CheckLine]:
    found = {table.name: table for table in sources.tables()}
    out = []
    for name, purpose in PURPOSE.items():
        title = name.replace("_", " ")
        table = found.get(name)
        if table is not None:
            out.append(_source(title, table))
        elif name == "strategic_tiers" and sources.strategic_tiers:
            out.append(CheckLine("Sources", title, "good", f"{len(sources.strategic_tiers)} industries"))
        elif name == "customers" and "sales" in found:
            out.append(CheckLine("Sources", title, "thin", "not found", "Accounts are taken from the sales log alone."))
        else:
            state = "problem" if name in NEEDED else "missing"
            out.append(CheckLine("Sources", title, state, "not found", f"It would serve for {purpose}."))
    for table in found.values():
        for guess in dict.fromkeys(table.guesses):
            name, how = f"{guess.source.replace('_', ' ')}.{guess.column}", f"header '{guess.header}' by {guess.how}"
            if guess.how not in ("setting", "expression"):
                advice = "Correct it under columns: in the settings if it is wrong."
                out.append(CheckLine("Columns taken by guess", name, "thin", how, advice))
    return out


def _balances(run: RunContext) -> list[CheckLine]:
    """What was read of each source, held against its file."""
    out = []
    limits = run.settings.sources
    for item in run.memo["balances"]:
        first, *rest = item.lines()
        much = item.loss >= limits.loss_stop and item.lost >= limits.loss_stop_rows and not limits.accept_losses
        state = "problem" if much else "thin" if item.lost and item.loss >= limits.loss_warning else "good"
        advice = "A run stops here; --accept-losses goes on." if much else ""
        out.append(CheckLine(RECONCILIATION, item.source.replace("_", " "), state, first.rstrip("."), advice))
        if item.lost:
            out.append(CheckLine(RECONCILIATION, "left out", state, item.loss_text()))
        out += [CheckLine(RECONCILIATION, "", "good", line.strip()) for line in rest]
    return out


def _source(title: str, table: SourceTable) -> CheckLine:
    place = table.file + (f", sheet {table.sheet}" if table.sheet else "")
    kept = len(table.frame)
    dropped = f", {len(table.dropped):,} left out" if len(table.dropped) else ""
    flagged = f", {len(table.flags):,} cells unreadable" if len(table.flags) else ""
    return CheckLine(
        "Sources",
        title,
        "good" if kept else "problem",
        f"{kept:,} rows from {place}, header in row {table.header_row}{dropped}{flagged}",
        "" if kept else "No row is left; look at the file.",
    )


def _contracts(sources: Sources) -> list[CheckLine]:
    issues = check_sources(sources)
    out = []
    read = [read_problem(str(text)) for text in issues["problem"]]
    issues = issues.assign(problem=[text for text, _ in read], rows=[rows for _, rows in read])
    for (table, problem, severity), rows in issues.groupby(["table", "problem", "severity"], sort=True):
        state = "problem" if severity == "error" else "thin"
        listed = rows.loc[rows["row"] > 0, "row"]
        count = int(rows["rows"].sum())
        told = (
            f": {count:,} row{'s' if count != 1 else ''}, the first is row {int(listed.min())}" if len(listed) else ""
        )
        out.append(CheckLine(RULES, str(table).replace("_", " "), state, f"{problem}{told}"))
    return out or [CheckLine(RULES, "all tables", "good", "no row breaks one")]


def _coverage(tables: Tables) -> list[CheckLine]:
    accounts = accounts_with_totals(tables)
    tests = (
        ("industry", accounts["industry"].notna(), "Give industries in TR - Industry Enrichment.csv."),
        ("annual revenue", accounts["annual_revenue"].notna(), "Give revenues in enrichment_progress.csv."),
        ("printer count", accounts["printers"].notna(), "Unknown counts as none in the adoption score."),
        ("rep", accounts["rep"].notna(), "Lists per rep leave such accounts out."),
        ("any sales line", accounts["lines"].fillna(0) > 0, "Others score on industry and size alone."),
    )
    out = []
    for name, known, advice in tests:
        share = float(known.mean()) if len(known) else 0.0
        state = "good" if share >= 0.7 else "thin" if share > 0 else "missing"
        out.append(
            CheckLine("Coverage of accounts", name, state, f"{share:.0%} known", "" if state == "good" else advice)
        )
    waiting = int((tables.matches["outcome"] == "review").sum()) + int((tables.duplicates["outcome"] == "review").sum())
    state = "thin" if waiting else "good"
    advice = "Decide on the Match Review sheet of the report." if waiting else ""
    out.append(CheckLine("Coverage of accounts", "names to review", state, f"{waiting:,} waiting", advice))
    return out


def _crm(run: RunContext) -> list[CheckLine]:
    """What the CRM of the settings would be read for, without reading it."""
    name = crm_of(run)
    if not name:
        return []
    try:
        columns, lost, count = what_the_crm_holds(run)
    except (ConfigError, SourceError) as error:
        return [
            CheckLine("CRM", name, "problem", str(error.fault.what), error.fault.next_step or error.fault.allowed or "")
        ]
    told = ", ".join(f"{field} as {column}" for column, field in columns.items())
    out = [CheckLine("CRM", name, "good", f"{count + ' ' if count else ''}opportunities would be read: {told}")]
    if lost:
        out.append(CheckLine("CRM", name, "thin", f"not readable, left out: {', '.join(lost)}",
                           f"Name other fields in feedback.{name.lower()}.fields."))  # fmt: skip
    return out


def _readiness(run: RunContext, tables: Tables) -> list[CheckLine]:
    accounts = accounts_with_totals(tables)
    n = len(accounts)
    targets, _ = target_of(run.settings, _chosen(run, tables))
    engaged = int((accounts[list(targets)] > 0).any(axis=1).sum())
    dates = tables.transactions["date"].dropna()
    months = (dates.max().to_period("M") - dates.min().to_period("M")).n + 1 if len(dates) else 0
    out = [
        _enough("accounts to score", n, 50, 1, "Percentiles over few accounts mean little."),
        _enough("engaged accounts to optimise weights", engaged, 50, 50, "Fewer end in an error."),
        _enough("months of sales to model", months, 18, 6, "A division model wants history and a window after it."),
    ]
    for division, count in _buyers(tables.transactions).items():
        out.append(_enough(f"buyers in {division}", count, 100, 40, "The pooled or baseline model serves instead."))
    if tables.opportunities.empty:
        return out
    try:
        outcome = prepared_opportunities(run, tables.opportunities)["outcome"]
    except DataError as error:
        fault = error.fault
        return [*out, CheckLine("Readiness", "opportunities", "problem", fault.what, fault.next_step or "")]
    for kind in (WON, LOST):
        count = int((outcome == kind).sum())
        out.append(_enough(f"{kind} opportunities", count, 100, 40, "Under 40 the analysis is descriptive only."))
    unknown = int((outcome == UNKNOWN).sum())
    if unknown:
        stages = run.memo["stages"]
        out.append(CheckLine("Readiness", "stages of opportunities", "problem",
                           f"{unknown:,} opportunities are at stages that do not tell won, lost or open",
                           paste_line(stages[stages["unknown"] > 0])))  # fmt: skip
    return out


def _buyers(lines: pd.DataFrame) -> dict[str, int]:
    """Accounts that bought, by division; spellings that differ in case and spaces are one, as the build has them."""
    bought = lines[(lines["revenue"] > 0) & lines["division"].notna()]
    names = bought["division"].astype(str)
    frame = pd.DataFrame({"fold": fold(names), "name": names, "account_id": bought["account_id"]})
    counts = {
        str(part["name"].value_counts(sort=True).index[0]): int(part["account_id"].nunique())
        for _, part in frame.groupby("fold", sort=True)
    }
    return dict(sorted(counts.items()))


def _chosen(run: RunContext, tables: Tables) -> tuple[Component, ...]:
    """The components that scoring would take; those of the equipment trade where it would take none."""
    sources, settings = load_sources(run), run.settings.scoring
    try:
        history = SalesHistory.of(tables.transactions, tables.assets)
        return choose_components(accounts_with_totals(tables), history, settings, sources.strategic_tiers).components
    except IcpError:
        return settings.declared("equipment")


def _components(run: RunContext, sources: Sources, tables: Tables) -> list[CheckLine]:
    """How many accounts each component of the score tells apart, and which components would be taken."""
    settings = run.settings.scoring
    history = SalesHistory.of(tables.transactions, tables.assets)
    try:
        choice = choose_components(accounts_with_totals(tables), history, settings, sources.strategic_tiers)
    except (InsufficientDataError, MissingColumnsError) as error:
        fault = error.fault
        lacking = "; ".join(item.what for item in error.faults if item is not fault)
        text = f"{fault.what}{f' ({lacking})' if lacking else ''}"
        return [CheckLine(SCORE, "components", "problem", text, fault.next_step or "")]
    except ConfigError as error:
        return [CheckLine(SCORE, "components", "problem", f"{error.fault.what}: {error.fault.got}", "")]
    n = len(choice.accounts)
    told = choice.explanation or f"the components of {choice.preset}"
    out = [CheckLine(SCORE, "components", "good", told.rstrip("."))]
    for item in settings.declared(choice.preset if choice.preset != OWN else "equipment"):
        apart = choice.apart[item.name]
        state = "good" if apart >= max(LEAST_APART, LEAST_SHARE * n) else "thin" if apart else "missing"
        labels = ", ".join(fact.label.lower() for fact in facts_of((item,)))
        advice = "" if state == "good" else f"It reads {labels}; map the column, or leave the component out."
        out.append(CheckLine(SCORE, item.title.lower(), state, f"tells {apart:,} of {n:,} accounts apart", advice))
    return out


def _enough(item: str, got: int, comfortable: int, least: int, advice: str) -> CheckLine:
    state = "good" if got >= comfortable else "thin" if got >= least else "missing"
    wanted = "" if state == "good" else f", wants {least if state == 'missing' else comfortable}"
    return CheckLine("Readiness", item, state, f"{got:,}{wanted}", "" if state == "good" else advice)

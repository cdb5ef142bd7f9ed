"""``icp-xl optimize``: find the weights, judge them, publish them with their report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from icp_xl import artifacts
from icp_xl.components.kinds import KINDS
from icp_xl.components.record import FACTS, Component, score_columns
from icp_xl.errors import InsufficientDataError, SourceError
from icp_xl.runs import RunContext
from icp_xl.scoring.model import FILE as MODEL_FILE
from icp_xl.scoring.model import ScoreModel
from icp_xl.scoring.weights import WEIGHTS_FILE, load_weights, usual_weights
from icp_xl.weight_search.forward import AsOf
from icp_xl.weight_search.problem import build_problem
from icp_xl.weight_search.search import OptimizeResult, optimize_weights
from icp_xl.weight_search.storage import TrialStore
from icp_xl.weight_search.weights_file import weights_body

ACCOUNTS = artifacts.SCORED_ACCOUNTS.name
MOVES = artifacts.GRADE_CHANGES.name
TRIALS_FILE = artifacts.TRIALS.name
REPORT = artifacts.OPTIMIZE_REPORT.name


def optimize(run: RunContext, *, required: bool = True) -> OptimizeResult | None:
    """Optimise on what the scoring run left, and stage the weights file, the trials, the moves and the report.

    Args:
        required: raise when there is too little data; else record that as a status and return nothing, for a run of
            the whole pipeline.

    Returns:
        The result; nothing on a dry run.
    """
    settings = run.settings
    accounts, digest = _accounts(run)
    components = _components(run)
    current = _current(run, components)
    run.plan(WEIGHTS_FILE, TRIALS_FILE, MOVES, REPORT)
    try:
        problem = build_problem(accounts, settings, current, components)
    except InsufficientDataError as error:
        if required:
            raise
        run.status("weights", f"not optimised: {error.fault.got} engaged accounts, needs {error.fault.allowed}")
        return None
    engaged, everyone = problem.n_engaged, len(problem.scores)
    lacking = f"no {problem.target_name.replace(' and ', ' or ')}"
    run.count("optimisation accounts", everyone, engaged, {lacking: everyone - engaged})
    if run.dry_run:
        return None
    storage = settings.optimize.storage
    result = optimize_weights(
        accounts,
        settings,
        TrialStore(storage) if storage else settings.paths.state / "optimization",
        current=current,
        transactions=_transactions(run),
        components=components,
        as_of=_as_of(run, components),
        progress=run.progress,
    )
    _publish(run, result, digest)
    return replace(result, files=(WEIGHTS_FILE, TRIALS_FILE, REPORT))


def _accounts(run: RunContext) -> tuple[pd.DataFrame, str]:
    path = run.outputs.find(ACCOUNTS)
    if not path.is_file():
        raise SourceError(
            "there are no scored accounts to optimise on", where=ACCOUNTS, next_step="Run `icp-xl score` first."
        )
    return artifacts.SCORED_ACCOUNTS.read(path), run.read(path)


def _transactions(run: RunContext) -> pd.DataFrame | None:
    path = artifacts.TRANSACTIONS.find(run.outputs)
    if not path.is_file():
        return None
    run.read(path)
    found: pd.DataFrame = artifacts.TRANSACTIONS.read(path)
    return found


def _components(run: RunContext) -> tuple[Component, ...]:
    """The components that the accounts were scored by."""
    path = run.outputs.find(MODEL_FILE)
    if not path.is_file():
        return run.settings.scoring.declared("equipment")
    return tuple(part.declared for part in ScoreModel.load(path).parts)


def _current(run: RunContext, components: Sequence[Component]) -> dict[str, float]:
    path = run.outputs.find(WEIGHTS_FILE)
    weights, _, warnings = load_weights(path, run.settings, usual_weights(run.settings, components))
    if path.exists():  # before the first optimisation there is nothing to warn of
        for text in warnings:
            run.warn(text)
    return weights


def _as_of(run: RunContext, components: Sequence[Component]) -> AsOf:
    """Component scores as scoring would have given them on the day: facts, scales and lookups made anew."""
    from icp_xl.scoring.accounts import score_accounts
    from icp_xl.scoring.measures import SalesHistory, measure_facts

    settings = run.settings.scoring
    lines, assets = _transactions(run), artifacts.ASSETS.find(run.outputs)
    owned = artifacts.ASSETS.read(assets) if assets.is_file() else None
    measured = [
        fact.name
        for component in components
        for fact in KINDS[component.kind].facts(component)
        if not (component.column or component.columns or fact.name in FACTS)
    ]

    def as_of(accounts: pd.DataFrame, day: pd.Timestamp) -> pd.DataFrame:
        stale = [*measured, *score_columns(component.name for component in components)]
        facts = accounts.drop(columns=[name for name in stale if name in accounts.columns])
        for name in ("industry", "annual_revenue", "printers"):
            if name not in facts.columns:
                facts[name] = None
        history = None if lines is None else SalesHistory.of(lines, owned, until=day)
        facts = measure_facts(facts, components, history)
        weights = usual_weights(run.settings, components)
        return score_accounts(facts, {}, weights, settings, components=components).scored

    return as_of


def _publish(run: RunContext, result: OptimizeResult, digest: str) -> None:
    from icp_xl.delivery.render.book import render_book
    from icp_xl.reports.optimize.book import optimisation_book

    settings = run.settings
    body = weights_body(result, settings, timestamp=run.now().isoformat(), input_hash=digest)
    run.outputs.json(WEIGHTS_FILE, body)
    run.outputs.csv(TRIALS_FILE, result.trials)
    run.outputs.parquet(MOVES, result.moves)
    facts = {"Run": run.run_id, "Made": f"{run.now():%Y-%m-%d %H:%M}", "Scored accounts (SHA-256)": digest}
    book = optimisation_book(result, settings, facts)
    render_book(book, Path(run.outputs.path(REPORT)), clock=run.now())
    for text in result.warnings:
        run.warn(text)
    run.metric("optimize.objective", result.objective)
    run.metric("optimize.correlation", result.value.rho)
    run.metric("optimize.kl_divergence", result.value.kl)
    run.metric("optimize.gain", result.verdict.gain)
    run.metric("optimize.trials", len(result.study.outcomes))
    run.status("weights", result.verdict.text)

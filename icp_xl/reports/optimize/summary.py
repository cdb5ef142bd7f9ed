"""The sheet *Optimisation*: which weights are best, how sure that is, and what the search did."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from icp_xl.config.optimize import SIZE
from icp_xl.reports.optimize.common import NAMES, differ, titles
from icp_xl.reports.spec import Block, Chart, Column, Facts, Figure, Figures, Ref, Series, Sheet, Table, Text
from icp_xl.reports.words import number_word
from icp_xl.weight_search.objective import FIRST_RUNG, rung_sizes
from icp_xl.weight_search.simplex import UNITS
from icp_xl.weight_search.successive_halving import scan_step

if TYPE_CHECKING:
    from icp_xl.config import Settings
    from icp_xl.weight_search.search import OptimizeResult

PHASES = {"coarse": "Even lattice", "tpe": "TPE sampler", "screen": "Screening", "refine": "Refinement"}
#: Points of the history chart.
HISTORY = 60


def build_summary_sheet(result: OptimizeResult, settings: Settings, facts: Mapping[str, str]) -> Sheet:
    """The answer, the weights with their ranges, the comparison, and what the search did."""
    verdict = result.verdict
    shown = [name for name in ("current", "default") if name == "current" or differ(result)]
    blocks: list[Block | tuple[Block, ...]] = [
        _tiles(result),
        Text(verdict.text, "good" if verdict.change else "warning"),
        *_adoption_note(result, settings),
        _weights_table(result),
        (_radar(shown, len(result.best)), _importance_chart()),
        Text("How good are these weights?", "heading"),
        _comparison_table(result, ["best", *shown]),
        *_forward_blocks(result),
        Text("How far can a weight move?", "heading"),
        Text(
            "Each interval holds weights that were tried while the others moved with it. Within noise means: with "
            "other accounts from the same market, the search could as well have ended there."
        ),
        _region_table(result),
        Text("How the search went", "heading"),
        (_history_chart(), _phase_table(result)),
        _history_table(result),
        _facts(result, settings, facts),
    ]
    return Sheet(
        "Optimisation",
        "Weight optimisation",
        blocks,
        subtitle="Which weights rank accounts best by what they buy, without turning the grade mix over",
    )


def _tiles(result: OptimizeResult) -> Figures:
    correlation = result.bootstrap.correlation["best"]
    now = result.named["current"][1]
    forward = result.forward.forward.get("best")
    tiles = [
        Figure(
            "Recommendation",
            "Change" if result.verdict.change else "Keep",
            "text",
            "the weights in force",
            tone="good" if result.verdict.change else "plain",
        ),
        Figure(
            "Correlation with revenue",
            correlation.estimate,
            "number",
            f"{correlation.low:.3f} to {correlation.high:.3f}; in force {now.rho:.3f}",
            decimals=3,
        ),
        Figure("Shift of the grade mix", result.value.kl, "number", "KL divergence, 0 is none", decimals=4),
        Figure(
            "Correlation with later revenue",
            "not measured" if forward is None else forward.estimate,
            "text" if forward is None else "number",
            result.forward.status or f"{forward.low:.3f} to {forward.high:.3f}" if forward else "no sales log given",
            decimals=None if forward is None else 3,
            tone="warning" if result.forward.flatters else "plain",
        ),
        Figure("Accounts that change grade", len(result.moves), "integer", f"of {len(result.problem.scores):,}"),
    ]
    return Figures(tiles)


def _adoption_note(result: OptimizeResult, settings: Settings) -> list[Text]:
    if result.verdict.change:
        return [Text("The next scoring run uses the best weights.", "note")]
    if settings.optimize.adopt == "always":
        return [Text("Scoring takes the best weights all the same, as the settings say (optimize.adopt).", "note")]
    return [Text("Scoring keeps the weights in force; the best ones are shown so that you can judge.", "note")]


def _weights_table(result: OptimizeResult) -> Table:
    best, current, default = (result.named[name][0] for name in ("best", "current", "default"))
    intervals = result.bootstrap.weights
    frame = pd.DataFrame(
        {
            "component": list(titles(result).values()),
            "default": default,
            "current": current,
            "best": best,
            "change": best - current,
            "low": [interval.low for interval in intervals],
            "high": [interval.high for interval in intervals],
            "importance": result.importance,
        }
    )
    level = "from resampling the accounts"
    return Table(
        "weights",
        [
            Column("component", "Component", width=24),
            Column("default", "Default", "weight"),
            Column("current", "In force", "weight"),
            Column("best", "Best", "weight", rule="data_bar"),
            Column("change", "Change", "weight", rule="sign"),
            Column("low", "Best, from", "weight", note=level),
            Column("high", "Best, to", "weight", note=level),
            Column("importance", "Importance", "percent", note="share of the objective's variation it explains"),
        ],
        frame,
        title="Weights",
        filters=False,
    )


def _radar(shown: list[str], components: int) -> Chart:
    colours = {"best": "#1B7F8C", "current": "#D9772B", "default": "#A9B4BB"}
    return Chart(
        "radar",
        "Weights before and after",
        [
            Series(NAMES[name], Ref("weights", "component"), Ref("weights", name), colour=colours[name])
            for name in [*reversed(shown), "best"]
        ],
        f"Radar of the {number_word(components)} weights: best against those in force and the default",
        y_format="0%",
    )


def _importance_chart() -> Chart:
    return Chart(
        "column",
        "How much each weight matters",
        [Series("Importance", Ref("weights", "component"), Ref("weights", "importance"), labels=True)],
        "Columns: share of the objective's variation that each weight explains",
        y_format="0%",
        legend=False,
    )


def _comparison_table(result: OptimizeResult, names: list[str]) -> Table:
    rows = []
    for name in names:
        value = result.named[name][1]
        interval = result.bootstrap.correlation[name]
        gain = result.bootstrap.gain.get(name)
        later = result.forward.forward.get(name)
        rows.append(
            {
                "weights": NAMES[name],
                "objective": value.objective(result.problem.lambda_),
                "correlation": value.rho,
                "low": interval.low,
                "high": interval.high,
                "kl": value.kl,
                "gain": np.nan if gain is None else gain.estimate,
                "gain_low": np.nan if gain is None else gain.low,
                "gain_high": np.nan if gain is None else gain.high,
                "later": np.nan if later is None else later.estimate,
            }
        )
    gained = "by how much the best weights lower the objective; resampled pairwise"
    return Table(
        "comparison",
        [
            Column("weights", "Weights", width=24),
            Column("objective", "Objective", "number", decimals=4, note="lower is better"),
            Column("correlation", "Correlation", "number", decimals=3),
            Column("low", "Correlation, low", "number", decimals=3),
            Column("high", "Correlation, high", "number", decimals=3),
            Column("kl", "Mix shift", "number", decimals=4),
            Column("gain", "Gain of the best", "number", decimals=4, note=gained),
            Column("gain_low", "Gain, low", "number", decimals=4),
            Column("gain_high", "Gain, high", "number", decimals=4),
            Column(
                "later",
                "Correlation, later revenue",
                "number",
                decimals=3,
                note="correlation with revenue after the day",
            ),
        ],
        pd.DataFrame(rows),
        filters=False,
    )


def _forward_blocks(result: OptimizeResult) -> list[Block]:
    check = result.forward
    if check.status:
        return [Text(f"No forward check: {check.status}.", "note")]
    past, later = check.in_sample["best"], check.forward["best"]
    text = (
        f"Forward check: scores as of {check.day:%d %B %Y} for {check.accounts:,} accounts. Against revenue up to that "
        f"day, which the scores already hold in part, the correlation is {past.estimate:.3f}; against revenue after "
        f"it, {later.estimate:.3f} ({later.low:.3f} to {later.high:.3f})."
    )
    if check.flatters:
        return [Text(text + " The in-sample figure flatters: judge by the later one.", "warning")]
    return [Text(text + " The in-sample figure holds up.", "good")]


def _region_table(result: OptimizeResult) -> Table:
    rows = []
    for region in result.regions:
        row: dict[str, object] = {"region": region.name.capitalize(), "tolerance": region.tolerance}
        for i, name in enumerate(titles(result)):
            row[name] = f"{region.low[i]:.1%} to {region.high[i]:.1%}"
        rows.append(row)
    return Table(
        "regions",
        [
            Column("region", "Region", width=24),
            Column("tolerance", "Loss of objective", "number", decimals=4),
            *(Column(name, title, width=19) for name, title in titles(result).items()),
        ],
        pd.DataFrame(rows),
        filters=False,
    )


def _history(result: OptimizeResult) -> pd.DataFrame:
    trials = result.trials
    last = len(trials) - 1
    steps = np.unique(np.append(np.geomspace(1, last + 1, HISTORY).astype(int) - 1, last))
    frame = trials.loc[steps, ["trial", "phase", "best_so_far"]]
    return frame.assign(trial=frame["trial"] + 1, phase=frame["phase"].map(PHASES))


def _history_chart() -> Chart:
    return Chart(
        "line",
        "Best objective so far",
        [Series("Best so far", Ref("history", "trial"), Ref("history", "best_so_far"), marker=False)],
        "Line: the lowest objective found after so many trials",
        x_title="Trials",
        y_title="Objective (lower is better)",
        y_format="0.000",
        legend=False,
    )


def _history_table(result: OptimizeResult) -> Table:
    return Table(
        "history",
        [
            Column("trial", "Trials", "integer"),
            Column("phase", "Phase"),
            Column("best_so_far", "Best so far", "number", decimals=5),
        ],
        _history(result),
        title="Objective history",
        filters=False,
    )


def _phase_table(result: OptimizeResult) -> Table:
    trials = result.trials
    rows = []
    for phase, title in PHASES.items():
        part = trials[trials["phase"] == phase]
        if len(part):
            complete = part[part["state"] == "complete"]
            best = float(complete["objective"].min()) if len(complete) else np.nan
            rows.append({"phase": title, "trials": len(part), "pruned": len(part) - len(complete), "best": best})
    every = trials[trials["state"] == "complete"]
    best = float(every["objective"].min()) if len(every) else np.nan
    rows.append({"phase": "All", "trials": len(trials), "pruned": len(trials) - len(every), "best": best})
    return Table(
        "phases",
        [
            Column("phase", "Phase"),
            Column("trials", "Trials proposed", "integer"),
            Column("pruned", "Pruned early", "integer"),
            Column("best", "Best objective", "number", decimals=5),
        ],
        pd.DataFrame(rows),
        title="Trials",
        filters=False,
    )


def _facts(result: OptimizeResult, settings: Settings, facts: Mapping[str, str]) -> Facts:
    problem = result.problem
    return Facts(
        [
            ("Objective", "λ × KL divergence of the grade mix − (1 − λ) × Spearman correlation; lower is better"),
            ("λ", problem.lambda_),
            ("Correlation with", f"{problem.target_name} of engaged accounts, ties at their average rank"),
            ("Grade mix", "all accounts, by cut-points fixed at the settings' weights"),
            ("Engaged accounts", problem.n_engaged),
            ("Accounts", len(problem.scores)),
            ("Bounds of a weight", _bounds(result)),
            *(
                [("Size component", "used" if settings.optimize.include_size else "switched off")]
                if SIZE in problem.names
                else []
            ),
            ("Scanned besides", _scanned(result)),
            ("Pruning", _pruning(result)),
            ("Resamples", result.bootstrap.resamples),
            ("Intervals", f"{settings.optimize.confidence:.0%}"),
            ("Study", result.study.name),
            ("Seed", str(problem.seed)),
            *facts.items(),
        ],
        title="How this was made",
    )


def _scanned(result: OptimizeResult) -> str:
    """The lattice that was evaluated as a whole, which is not among the trials."""
    problem = result.problem
    step = scan_step(problem.rules, len(problem.scores) + problem.n_engaged)
    if step is None:
        return "nothing: too many accounts for a whole lattice; the trials are the search"
    return f"all {problem.rules.count(step):,} weights in steps of {step / UNITS:g}, each on all accounts"


def _pruning(result: OptimizeResult) -> str:
    """What there was to prune."""
    sizes = rung_sizes(result.problem.n_engaged)
    if len(sizes) == 1:
        return f"nothing to prune: below {2 * FIRST_RUNG:,} engaged accounts every trial sees all of them"
    return f"trials are dropped on subsamples of {', '.join(f'{size:,}' for size in sizes[:-1])} engaged accounts"


def _bounds(result: OptimizeResult) -> str:
    """The bounds that components in use share, or each one's own."""
    rules = result.problem.rules
    ends = {name: f"{rules.low[i] / UNITS:g} to {rules.high[i] / UNITS:g}"
            for i, name in enumerate(titles(result)) if i in rules.used}  # fmt: skip
    return ends.popitem()[1] if len(set(ends.values())) == 1 else "; ".join(f"{k} {v}" for k, v in ends.items())

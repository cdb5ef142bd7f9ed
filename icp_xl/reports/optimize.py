"""The sheets *Optimisation*, *Trade-off* and *Grade Moves*."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from icp_xl.columns import COMPONENTS, GRADES
from icp_xl.reports.spec import (
    Block,
    Book,
    Chart,
    Column,
    Facts,
    Figure,
    Figures,
    Ref,
    Series,
    Sheet,
    Table,
    Text,
)
from icp_xl.reports.words import component_label

if TYPE_CHECKING:
    from icp_xl.config import Settings
    from icp_xl.optimize.search import OptimizeResult

TITLES = {name: component_label(name) for name in COMPONENTS}
NAMES = {"best": "Best", "current": "In force", "default": "Default"}
PHASES = {"coarse": "Even lattice", "tpe": "TPE sampler", "screen": "Screening", "refine": "Refinement"}
#: Points of the history chart.
HISTORY = 60
#: Rows of the table of moves; the file of moves holds all of them.
MOST_MOVES = 2000


def optimisation_book(result: OptimizeResult, settings: Settings, facts: Mapping[str, str]) -> Book:
    """A workbook of the optimisation alone."""
    return Book(
        optimisation_sheets(result, settings, facts), title="Weight optimisation",
        subject="Which weights rank accounts best by what they buy",
        footer=f"run {facts['Run']}" if "Run" in facts else "", currency=settings.reports.currency,
        paper=settings.reports.paper,
    )  # fmt: skip


def optimisation_sheets(result: OptimizeResult, settings: Settings, facts: Mapping[str, str]) -> list[Sheet]:
    """The three sheets; ``facts`` are lines about the run for the foot of the first."""
    return [_summary(result, settings, facts), _tradeoff(result), _moves(result)]


def _summary(result: OptimizeResult, settings: Settings, facts: Mapping[str, str]) -> Sheet:
    verdict = result.verdict
    shown = [name for name in ("current", "default") if name == "current" or _differ(result)]
    blocks: list[Block | tuple[Block, ...]] = [
        _tiles(result),
        Text(verdict.text, "good" if verdict.change else "warning"),
        *_adoption_note(result, settings),
        _weights_table(result),
        (_radar(shown), _importance_chart()),
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
    correlation = result.noise.correlation["best"]
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
    intervals = result.noise.weights
    frame = pd.DataFrame(
        {
            "component": [TITLES[name] for name in COMPONENTS],
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


def _radar(shown: list[str]) -> Chart:
    colours = {"best": "#1B7F8C", "current": "#D9772B", "default": "#A9B4BB"}
    return Chart(
        "radar",
        "Weights before and after",
        [
            Series(NAMES[name], Ref("weights", "component"), Ref("weights", name), colour=colours[name])
            for name in [*reversed(shown), "best"]
        ],
        "Radar of the four weights: best against those in force and the default",
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
        interval = result.noise.correlation[name]
        gain = result.noise.gain.get(name)
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
        for i, name in enumerate(COMPONENTS):
            row[name] = f"{region.low[i]:.1%} to {region.high[i]:.1%}"
        rows.append(row)
    return Table(
        "regions",
        [
            Column("region", "Region", width=24),
            Column("tolerance", "Loss of objective", "number", decimals=4),
            *(Column(name, TITLES[name], width=19) for name in COMPONENTS),
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
    return Table(
        "phases",
        [
            Column("phase", "Phase"),
            Column("trials", "Trials", "integer"),
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
            ("Correlation with", "hardware and consumable revenue of engaged accounts, ties at their average rank"),
            ("Grade mix", "all accounts, by cut-points fixed at the settings' weights"),
            ("Engaged accounts", problem.n_engaged),
            ("Accounts", len(problem.scores)),
            ("Bounds of a weight", f"{settings.optimize.minimum:g} to {settings.optimize.maximum:g}"),
            ("Size component", "used" if settings.optimize.include_size else "switched off"),
            ("Resamples", result.noise.resamples),
            ("Intervals", f"{settings.optimize.confidence:.0%}"),
            ("Study", result.study.name),
            ("Seed", str(problem.seed)),
            *facts.items(),
        ],
        title="How this was made",
    )


def _tradeoff(result: OptimizeResult) -> Sheet:
    rows = []
    for point in result.tradeoff:
        row: dict[str, object] = {
            "lambda": point.lambda_,
            "kl": point.value.kl,
            "correlation": point.value.rho,
            "chosen_kl": point.value.kl if point.chosen else np.nan,
            "chosen": "chosen" if point.chosen else "",
        }
        row.update({name: int(units) / 10_000 for name, units in zip(COMPONENTS, point.units, strict=True)})
        rows.append(row)
    frame = pd.DataFrame(rows)
    frame["marked"] = np.where(frame["chosen"] == "chosen", frame["correlation"], np.nan)
    curve = Table(
        "tradeoff",
        [
            Column("lambda", "λ", "number", decimals=2),
            Column("correlation", "Correlation", "number", decimals=4),
            Column("kl", "Mix shift (KL)", "number", decimals=5),
            *(Column(name, TITLES[name], "weight") for name in COMPONENTS),
            Column("chosen", "Choice", "text"),
            Column("marked", "Chosen point", "number", decimals=4, hidden_from_print=True),
        ],
        frame,
        title="Best weights for each λ",
        filters=False,
    )
    chart = Chart(
        "scatter",
        "Correlation against shift of the grade mix",
        [
            Series("Best for each λ", Ref("tradeoff", "kl"), Ref("tradeoff", "correlation")),
            Series("Chosen", Ref("tradeoff", "kl"), Ref("tradeoff", "marked"), colour="#D9772B", labels=True),
        ],
        "Scatter: the correlation that can be had at each divergence of the grade mix, with the choice marked",
        x_title="Shift of the grade mix (KL divergence)",
        y_title="Correlation with revenue",
        x_format="0.000",
        y_format="0.000",
        x_range=(0.0, None),
    )
    mix = pd.DataFrame(
        {
            "grade": list(GRADES),
            "target": result.problem.target,
            "current": result.mixes["current"],
            "best": result.mixes["best"],
        }
    )
    mix_table = Table(
        "mix",
        [
            Column("grade", "Grade", "grade", rule="grade"),
            Column("target", "Target", "percent", decimals=1),
            Column("current", "In force", "percent", decimals=1),
            Column("best", "Best", "percent", decimals=1),
        ],
        mix,
        title="Grade mix under fixed cut-points",
        filters=False,
    )
    mix_chart = Chart(
        "column",
        "Grade mix",
        [
            Series(title, Ref("mix", "grade"), Ref("mix", key))
            for key, title in (("target", "Target"), ("current", "In force"), ("best", "Best"))
        ],
        "Columns: share of accounts per grade, target, in force and best",
        y_format="0%",
    )
    return Sheet(
        "Trade-off",
        "Trade-off between correlation and grade mix",
        [
            Text(
                "A small λ looks at revenue only and lets the grade mix drift; λ = 1 keeps the mix alone. "
                "Each point of the curve is the best that can be had for its λ; the chosen one is marked."
            ),
            (chart, mix_chart),
            curve,
            mix_table,
        ],
        subtitle="What a better ranking costs in shifted grades",
    )


def _moves(result: OptimizeResult) -> Sheet:
    moves = result.moves
    crossing = _crossing(moves)
    up, down = int((moves["steps"] > 0).sum()), int((moves["steps"] < 0).sum())
    frame = moves.head(MOST_MOVES).copy()
    frame["driver"] = frame["driver"].map(TITLES)
    columns = [
        Column("account_id", "Account", "id", width=14),
        Column("account_name", "Name", width=30),
        Column("industry", "Industry", width=28),
        Column("rep", "Rep"),
        Column("total_revenue", "Revenue", "money"),
        Column("grade_before", "Grade in force", "grade", rule="grade"),
        Column("grade_after", "Grade with best", "grade", rule="grade"),
        Column("steps", "Steps", "integer", rule="sign", note="grades up, or down if negative"),
        Column("percentile_before", "Percentile in force", "percent", decimals=1),
        Column("percentile_after", "Percentile with best", "percent", decimals=1),
        Column("driver", "Moved mostly by", width=22),
    ]
    more = f" The {MOST_MOVES:,} biggest moves are listed." if len(moves) > MOST_MOVES else ""
    blocks: list[Block | tuple[Block, ...]] = [
        Figures(
            [
                Figure("Accounts that change grade", len(moves), "integer", f"of {len(result.problem.scores):,}"),
                Figure("Up", up, "integer", tone="good" if up else "plain"),
                Figure("Down", down, "integer", tone="bad" if down else "plain"),
            ]
        ),
        Text("If the best weights replace those in force. Grades are by percentile, as scoring gives them." + more),
        crossing,
        Table(
            "moves",
            [column for column in columns if column.key in frame.columns],
            frame,
            title="Accounts that change grade, biggest moves first",
            empty_text="No account changes grade.",
        ),
    ]
    return Sheet("Grade Moves", "Grade moves", blocks, subtitle="Which accounts change grade, and why")


def _crossing(moves: pd.DataFrame) -> Table:
    counts = pd.crosstab(moves["grade_before"], moves["grade_after"]).reindex(
        index=list(GRADES), columns=list(GRADES), fill_value=0
    )
    frame = counts.reset_index(names="before")
    return Table(
        "crossing",
        [
            Column("before", "From \\ to", "grade", rule="grade"),
            *(Column(letter, letter, "integer") for letter in GRADES),
        ],
        frame,
        title="From grade (rows) to grade (columns)",
        filters=False,
    )


def _differ(result: OptimizeResult) -> bool:
    return not np.allclose(result.named["current"][0], result.named["default"][0], atol=1e-9)

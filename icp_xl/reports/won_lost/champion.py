"""The sheet *Champion*: weights in force, suggested, and on trial."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from icp_xl.config.feedback import ALL_COMPONENTS
from icp_xl.feedback.champion import TrialReport
from icp_xl.feedback.sequential_test import needed_outcomes, trial_plan
from icp_xl.feedback.snapshots import model_id_of
from icp_xl.reports.spec import Block, Chart, Column, Facts, Figure, Figures, Ref, Series, Sheet, Table, Text
from icp_xl.reports.won_lost.common import EXPECTED, WON, WonLostInputs, name_of, ranges
from icp_xl.reports.words import say_interval


def build_champion_sheet(inputs: WonLostInputs) -> Sheet:
    """The suggested weights with their evidence, the trial, and the log of changes."""
    found, trial = inputs.refinement, inputs.trial
    blocks: list[Block | tuple[Block, ...]] = [
        _champion_tiles(inputs),
        Text(f"{found.reason[:1].upper()}{found.reason[1:]}.", "good" if found.recommended else "paragraph"),
        Text("Weights", "heading"),
        Text(
            "The suggestion is the weights that best tell won from lost within a month, never negative, and pulled "
            "towards the weights in force. The range is where they end up when accounts are drawn anew."
        ),
        *_weights_blocks(inputs),
        *_stage_blocks(inputs),
        Text("Champion against challenger", "heading"),
        Text(trial.reason, "good" if trial.decision == "promote" else "paragraph"),
    ]
    if trial.running:
        blocks += [Facts(_trial_facts(trial), title="The trial"), _looks_table(trial)]
    if not found.status and np.isfinite(found.unit_variance):
        blocks.append(_plan_table(inputs))
    if not trial.running:
        blocks.append(Text("The command icp-xl refine puts recommended weights on trial. A trial scores the pipeline "
                           "beside the weights in force and changes nothing until icp-xl refine --apply.",
                           "note"))  # fmt: skip
    blocks += [
        Text("Change log", "heading"),
        Table("champion_log",
              [Column("changed_at", "When", "id", width=20), Column("change", "Change", width=16),
               Column("model_id", "Weights", "id", width=16), Column("before_id", "Before", "id", width=16),
               Column("reason", "Evidence", width=70)],
              inputs.changes, title="Changes", filters=False, empty_text="The weights were never changed."),
        Text("The command icp-xl refine --revert takes the last change back.", "note"),
    ]  # fmt: skip
    return Sheet("Champion", "Weights: champion and challenger", blocks,
                 subtitle=f"In force: {model_id_of(inputs.weights)}, from {inputs.weights_source}")  # fmt: skip


def _champion_tiles(inputs: WonLostInputs) -> Figures:
    found, trial = inputs.refinement, inputs.trial
    known = not found.status
    advice = "Too early" if not known else "Try other weights" if found.recommended else "No change"
    return Figures([
        Figure("Recommendation", advice, "text",
               "of the weights in force", tone="good" if found.recommended else "plain"),
        Figure("Change in AUC", found.gain if known else "too early", "number" if known else "text",
               f"{say_interval(found.gain_low, found.gain_high)} on {found.tried_on:,} later outcomes" if known
               else found.status, decimals=3 if known else None),
        Figure("Trial", trial.decision if trial.running else "none", "text",
               f"{trial.outcomes:,} of {trial.planned:,} outcomes" if trial.running else "no challenger"),
        Figure("Outcomes still needed", trial.still_needed if trial.running else "none",
               "integer" if trial.running else "text", "to the planned decision" if trial.running else ""),
    ])  # fmt: skip


def _weights_blocks(inputs: WonLostInputs) -> Sequence[Block | tuple[Block, ...]]:
    found = inputs.refinement
    order = {name: k for k, name in enumerate(ALL_COMPONENTS)}
    frame = found.weights.sort_values("name", key=lambda names: names.map(order), ignore_index=True)
    frame = frame.assign(label=frame["name"].map(name_of), range=ranges(frame, "low", "high", False))
    table = Table(
        "champion_weights",
        [Column("label", "Component", width=22), Column("current", "In force", "weight"),
         Column("suggested", "Suggested", "weight"), Column("range", "Range the outcomes allow", width=24),
         Column("verdict", "Finding", width=28)],
        frame, title="Weights of the components", filters=False,
    )  # fmt: skip
    chart = Chart(
        "bar", "Weights in force and suggested",
        [Series("In force", Ref("champion_weights", "label"), Ref("champion_weights", "current"), EXPECTED),
         Series("Suggested", Ref("champion_weights", "label"), Ref("champion_weights", "suggested"), WON)],
        "Weights of the components in force and as suggested", y_format="0%", width=520, height=300,
    )  # fmt: skip
    return [table, chart] if found.recommended else [table]


def _stage_blocks(inputs: WonLostInputs) -> list[Block]:
    """Weights per stage, and which components without a weight took part."""
    found = inputs.refinement
    blocks: list[Block] = []
    if found.status:
        return blocks
    joined = ", ".join(name_of(name).lower() for name in found.joined)
    blocks.append(Text(
        f"Earlier outcomes speak for {joined}, which took part in learning." if joined
        else "Owner's history and deal velocity take part once earlier outcomes speak for them; they do not yet.",
        "note",
    ))  # fmt: skip
    if found.stages.empty:
        blocks.append(Text(
            f"No stage has the {inputs.settings.min_won} won and {inputs.settings.min_lost} lost outcomes yet that "
            f"weights "
            "of its own take.", "note",
        ))  # fmt: skip
        return blocks
    gain, low, high = found.stage_gain
    names = [name for name in ALL_COMPONENTS if name in found.stages]
    told = (
        "and are part of the suggestion"
        if low > 0 and found.recommended
        else "so the common weights hold for all stages"
    )
    return [
        *blocks,
        Text(f"Weights of a stage's own, shrunk towards the common ones, change the AUC on later outcomes by "
             f"{gain:+.3f} "
             f"({say_interval(low, high)}), {told}."),
        Table(
            "champion_stages",
            [Column("stage", "Stage", width=26), Column("outcomes", "Outcomes", "integer"),
             *(Column(name, name_of(name), "weight") for name in names)],
            found.stages, title="Weights per stage", filters=False,
        ),
    ]  # fmt: skip


def _plan_table(inputs: WonLostInputs) -> Table:
    found, trial = inputs.refinement, inputs.trial
    planned_gain = trial.planned_gain if trial.running else max(2 / 3 * found.gain, inputs.settings.trial_min_gain)
    planned = trial.planned if trial.running else needed_outcomes(planned_gain, found.unit_variance, inputs.settings)
    plan = trial_plan(found.unit_variance, planned_gain, inputs.settings, planned)
    return Table(
        "champion_plan",
        [Column("outcomes", "Outcomes", "integer"),
         Column("power", f"Shows a gain of {planned_gain:.3f}", "percent", decimals=0,
                note="Chance that a trial of this size promotes a challenger that is so much better."),
         Column("smallest", "Smallest gain shown in 4 of 5", "number", decimals=3),
         Column("false_promotion", "False promotion", "percent", decimals=1,
                note="Chance that a challenger that is no better is promoted, over six looks at the trial."),
         Column("planned", "Which", width=12)],
        plan, title="What a trial can show here, by its size", filters=False,
    )  # fmt: skip


def _trial_facts(trial: TrialReport) -> list[tuple[str, object]]:
    interval = say_interval(trial.low, trial.high) if np.isfinite(trial.low) and trial.low > -9 else "too early"
    return [
        ("Champion", trial.champion_id),
        ("Challenger", trial.challenger_id),
        ("Since", trial.started),
        ("Outcomes scored by both", f"{trial.outcomes:,} ({trial.won:,} won, {trial.lost:,} lost)"),
        (
            "Planned",
            f"{trial.planned:,} outcomes: {trial.power:.0%} chance to see a gain of {trial.planned_gain:.3f} in AUC",
        ),
        ("AUC of the champion", f"{trial.auc_champion:.3f}"),
        ("AUC of the challenger", f"{trial.auc_challenger:.3f}"),
        ("Interval of the gain", interval),
        ("Decision", trial.decision),
    ]


def _looks_table(trial: TrialReport) -> Table:
    looks = trial.looks.assign(
        range=["too early" if low <= -9 else say_interval(low, high)
               for low, high in zip(trial.looks["low"], trial.looks["high"], strict=True)]
    )  # fmt: skip
    return Table(
        "champion_looks",
        [Column("looked_on", "Looked on", "id", width=14), Column("outcomes", "Outcomes", "integer"),
         Column("difference", "Gain in AUC", "number", decimals=3), Column("range", "Interval at this look", width=24),
         Column("decision", "Decision", width=20)],
        looks, title="Looks at the trial", filters=False, empty_text="Nobody looked at the trial yet.",
    )  # fmt: skip

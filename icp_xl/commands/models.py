"""``build``, ``train``, ``whitespace`` and ``validate``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from icp_xl.commands.declare import Button, InRun, Option, Setting, command

if TYPE_CHECKING:
    from icp_xl.pipeline.models.build import BuildResult
    from icp_xl.pipeline.models.train import RevertResult, TrainResult
    from icp_xl.pipeline.models.validate import ValidationResult
    from icp_xl.pipeline.whitespace.rank import WhitespaceOutcome
    from icp_xl.runs import RunContext

DIVISION = Setting("--division", "build.divisions")
WINDOW = Setting("--window-months", "build.window_months")
LABELS = Setting("--label-mode", "labels.mode")


@command(
    DIVISION,
    Setting("--cutoff", "build.cutoffs"),
    WINDOW,
    LABELS,
    in_run=InRun(40, "build", remembers=("won and lost",), daily=True),
)
def build(
    run: RunContext,
    *,
    rebuild: Annotated[bool, Option("Write every month anew, changed or not.")] = False,
    staging_only: Annotated[bool, Option("Read and judge the lines, write no star schema.")] = False,
    fail_soft: Annotated[bool, Option("Go on without lines and cutoffs that cannot be used, and say so.")] = False,
) -> BuildResult | None:
    """Build the star schema, labels and features from the sales log.

    Only months that changed are written again.

    Example: icp-xl build --data workbooks --out icp_output --cutoff 2024-06-30 --window-months 6
    """
    from icp_xl.pipeline.models.build import build as stage

    return stage(run, rebuild=rebuild, staging_only=staging_only, fail_soft=fail_soft)


@command(
    DIVISION,
    Setting("--cutoff", "train.cutoffs"),
    WINDOW,
    LABELS,
    Setting("--model", "train.candidates"),
    Setting("--calibration", "train.calibration"),
    button=Button(
        "Build and train", "Model", "MacroPlay", "B",
        "Builds the tables that models learn from and trains one model per division. Takes minutes; you can go on "
        "working.",
        large=True, order=10, before=("build",),
    ),
    in_run=InRun(50, "train", reads=("build",)),
)  # fmt: skip
def train(
    run: RunContext,
    *,
    score_only: Annotated[bool, Option("Score with the current models; fit nothing.")] = False,
    revert: Annotated[
        tuple[str, ...],
        Option("DIVISION or DIVISION=v0001: make an earlier model current; may be repeated."),
    ] = (),
) -> TrainResult | RevertResult | None:
    """Train one model per division, judge it forward in time against plain rules, and score every account.

    Example: icp-xl train --out icp_output --window-months 6
    """
    from icp_xl.pipeline.models import train as stage

    return stage.revert(run, revert) if revert else stage.train(run, score_only=score_only)


@command(
    Setting("--normalize", "whitespace.normalize"),
    Setting("--weights", "whitespace.weights"),
    Setting("--rank-by", "whitespace.rank_by"),
    Setting("--capacity-mode", "whitespace.capacity"),
    Setting("--top-percent", "whitespace.top_percent"),
    Setting("--per-rep", "whitespace.per_rep"),
    Setting("--ownership", "whitespace.ownership"),
    Setting("--holdout", "whitespace.holdout_share"),
    Setting("--shadow", "whitespace.shadow"),
    Setting("--rep-books", "whitespace.rep_books"),
    after="train",
    public="rank_whitespace",  # icp_xl.whitespace is the package behind it
    button=Button(
        "Rank whitespace", "Act", "PivotTableInsert", "W",
        "Ranks what to offer to whom next, with the reason, within each rep's capacity.",
        large=True, order=10,
    ),
    in_run=InRun(60, "whitespace", daily=True),
)  # fmt: skip
def whitespace(run: RunContext) -> WhitespaceOutcome | None:
    """Rank every account × division: who to call next, about what, and why.

    Needs the scores of icp-xl train. Status and Not eligible, as typed into the last workbook, are taken over.

    Example: icp-xl whitespace --out icp_output --capacity-mode per_rep --per-rep 25 --rep-books
    """
    from icp_xl.pipeline.whitespace.rank import whitespace as stage

    return stage(run)


@command(
    DIVISION,
    Setting("--cutoff", "validation.cutoffs"),
    WINDOW,
    Setting("--capacity-grid", "validation.capacity_grid"),
    Setting("--accounts-per-rep-grid", "validation.accounts_per_rep_grid"),
    Setting("--bootstrap", "validation.bootstrap"),
    Setting("--ablation", "validation.ablations"),
    button=Button(
        "Validate", "Model", "ErrorChecking", "V",
        "Tests the models on months that they have not seen, and watches for drift.",
        screentip="Validate the models", order=20,
    ),
    in_run=InRun(70, "validation", brief=True, reads=("report", "build", "train")),
)  # fmt: skip
def validate(run: RunContext) -> ValidationResult | None:
    """Hold the models, as they would have been at past cutoffs, against what came after: scenarios, drift, alerts.

    Example: icp-xl validate --out icp_output --cutoff 2024-07-01 --capacity-grid 5,10,20
    """
    from icp_xl.pipeline.models.validate import validate as stage

    return stage(run)

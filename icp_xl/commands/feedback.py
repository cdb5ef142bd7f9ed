"""``snapshot``, ``outcomes``, ``won-lost``, ``refine`` and ``measure``."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from icp_xl.artifacts import OUTCOMES_REVIEW
from icp_xl.commands.declare import Button, InRun, Option, Setting, command
from icp_xl.pipeline import run_all

if TYPE_CHECKING:
    from icp_xl.pipeline.feedback.measure import MeasureResult
    from icp_xl.pipeline.feedback.snapshots import OutcomesResult, SnapshotResult
    from icp_xl.pipeline.feedback.won_lost import RefineResult, WonLostResult
    from icp_xl.runs import RunContext

HTML = Setting("--html", "reports.html")
KEPT = ("config", "out", "set_")


@command(
    button=Button(
        "Snapshot", "Learn", "Camera", "N",
        "Keeps the scores of open opportunities as they are today, so that they can be compared with what happens.",
        order=10,
    ),
)  # fmt: skip
def snapshot(
    run: RunContext,
    *,
    as_of: Annotated[date | None, Option("A past day to replay (default: today).")] = None,
    replay_from: Annotated[date | None, Option("Also replay every month from this day on.")] = None,
    only_today: Annotated[bool, Option("Do not replay the last year when nothing is kept yet.")] = False,
    division: Annotated[str | None, Option("Only the pipeline of one division.")] = None,
) -> SnapshotResult | None:
    """Score the open pipeline and keep it, so that outcomes can be held against it later.

    Taking the same snapshot twice adds nothing. A replay uses only what had happened before its day; the first
    snapshot of all replays the last year.

    Example: icp-xl snapshot --data . --replay-from 2025-01-01
    """
    from icp_xl.pipeline.feedback.snapshots import snapshot as stage

    return stage(run, as_of=as_of, replay_from=replay_from, division=division, only_today=only_today)


@command()
def outcomes(
    run: RunContext,
    *,
    review: Annotated[Path | None, Option(f"{OUTCOMES_REVIEW.name} with yes or no in its column decision.")] = None,
    partial: Annotated[bool, Option("The export is not complete: what is absent was not deleted.")] = False,
) -> OutcomesResult | None:
    """Record which opportunities were won, lost, reopened, changed or deleted since the last time.

    Example: icp-xl outcomes --data .
    """
    from icp_xl.pipeline.feedback.snapshots import outcomes as stage

    return stage(run, review=review, partial=partial)


@command(
    HTML,
    shared=KEPT,
    button=Button(
        "Won and lost", "Learn", "AcceptInvitation", "L",
        "Compares earlier scores with the opportunities that were won and lost since.",
        screentip="Closed won and lost", order=20, before=("outcomes",),
    ),
    in_run=InRun(
        80, "won and lost", run_all.feedback_if_there, reads=("report", "build", "train", "validation"), daily=True
    ),
)  # fmt: skip
def won_lost(run: RunContext) -> WonLostResult | None:
    """Write the report on won and lost opportunities: did higher scores win more, and what did losses have in common.

    Example: icp-xl won-lost --out icp_output
    """
    from icp_xl.pipeline.feedback.won_lost import won_lost as stage

    return stage(run)


@command(
    shared=KEPT,
    button=Button(
        "Refine", "Learn", "ReviewTrackChanges", "F",
        "Proposes better weights from won and lost opportunities, and says whether there is enough evidence.",
        screentip="Refine the weights", order=30,
    ),
)  # fmt: skip
def refine(
    run: RunContext,
    *,
    apply: Annotated[bool, Option("Put the challenger in force, if its trial decided so.")] = False,
    revert: Annotated[bool, Option("Put the weights before the last change in force.")] = False,
    end_trial: Annotated[bool, Option("End the trial and keep the weights.")] = False,
    trial: Annotated[bool, Option("Put recommended weights on trial.")] = True,
) -> RefineResult | None:
    """Learn weights of the pipeline score from outcomes, and try them beside those in force.

    A suggestion is a file of its own; the weights in force change only with --apply, after the trial.

    Example: icp-xl refine --out icp_output
    """
    from icp_xl.pipeline.feedback.won_lost import refine as stage

    return stage(run, apply=apply, take_back=revert, stop=end_trial, trial=trial)


@command(
    HTML,
    button=Button(
        "Did it work", "Learn", "ChartInsert", "K",
        "Compares what listed accounts bought with what accounts bought that were held out of the list at random.",
        screentip="Did the list work?", order=40,
    ),
    in_run=InRun(85, "did it work", run_all.measure_if_there, daily=True),
)  # fmt: skip
def measure(run: RunContext) -> MeasureResult | None:
    """Say what the list brought: what listed accounts bought, against accounts held out of it at random.

    Reads the earlier lists, the statuses typed since, and the sales. Lists hold accounts out where
    whitespace.holdout_share is set; without that it says what cannot be told.

    Example: icp-xl measure --data my_files --out icp_output
    """
    from icp_xl.pipeline.feedback.measure import measure as stage

    return stage(run)

"""``run``: every stage in order, each from what the earlier ones staged, in one run record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from icp_xl.errors import ConfigError, DataError, DeliveryError, SourceError
from icp_xl.pipeline.stage import Stage

if TYPE_CHECKING:
    from icp_xl.pipeline.unchanged import Unchanged
    from icp_xl.runs import RunContext


@dataclass(frozen=True)
class StageResult:
    """What became of one stage: its result, why it was left out, or since which run it stands."""

    name: str
    result: Any = None
    left_out: str = ""
    brief: bool = False
    since: str = ""

    def summary(self) -> list[str]:
        """What to say of it."""
        lines: list[str] = [] if self.result is None else self.result.summary()
        return lines[-1:] if self.brief else lines


@dataclass(frozen=True)
class RunResult:
    """Every stage in the order of the run, and where the results are."""

    stages: tuple[StageResult, ...]
    out: Path

    def __getitem__(self, name: str) -> Any:
        """The result of the stage ``name``; ``None`` where it was left out, or stands since an earlier run."""
        return next(each.result for each in self.stages if each.name == name)

    def summary(self) -> list[str]:
        """What to say at the end of the command."""
        standing: dict[str, list[str]] = {}
        for stage in self.stages:
            if stage.since:
                standing.setdefault(stage.since, []).append(stage.name)
        lines = [
            f"Unchanged since run {since}, and so left as they are: {', '.join(names)}. With --fresh all is done again."
            for since, names in standing.items()
        ]
        if standing:
            lines.append(f"The results are in {self.out}.")
        return [*(line for stage in self.stages for line in stage.summary()), *lines]


def run_all(run: RunContext, stages: Sequence[Stage], *, fresh: bool = False) -> RunResult:
    """Run all stages whose inputs changed, or all if ``fresh``.

    One that has too little data is a status and a warning, and the rest goes on.

    Scores are first computed with the weights there are, the weights are optimised on them, and the report is written
    with the result.

    Raises:
        IcpError: of a stage that is needed; or of any, where it is not about too little data.
    """
    from icp_xl.pipeline.unchanged import Unchanged, place_of_recall
    from icp_xl.recall import recalling

    with recalling(place_of_recall(run, fresh=fresh)):
        return _run_all(run, stages, Unchanged(run, stages, fresh=fresh))


def _run_all(run: RunContext, stages: Sequence[Stage], known: Unchanged) -> RunResult:
    found = []
    for stage in stages:
        run.progress.check()
        if since := known.stands(stage):
            run.log("stands", name=stage.name)
            found.append(StageResult(stage.name, since=since))
            continue
        run.log("stage", name=stage.name)
        mild = (ConfigError, DataError, DeliveryError, SourceError) if stage.last else (DataError,)
        try:
            found.append(StageResult(stage.name, stage.call(run), brief=stage.brief))
            known.done(stage, well=True)
        except mild as error:
            if stage.needed:
                raise
            run.status(stage.name, error.fault.what if stage.last else str(error))
            run.warn(f"{stage.name}: {error}")
            found.append(StageResult(stage.name, left_out=str(error)))
            known.done(stage, well=False)
    known.keep()
    return RunResult(tuple(found), run.settings.paths.out)


def score_first(run: RunContext) -> None:
    """Scores with the weights there are, for what needs them; the report follows once the weights are found."""
    from icp_xl.pipeline.score import score

    score(run, report=False)


def optimize_if_possible(run: RunContext) -> Any:
    """Weights where there are enough accounts; else a status."""
    from icp_xl.pipeline.optimize import optimize

    return optimize(run, required=False)


def lite_if_asked(run: RunContext) -> Any:
    """The script for xlwings Lite, where the settings ask for it with a run."""
    if not run.settings.reports.lite:
        return None
    from icp_xl.pipeline.lite import write_lite

    return write_lite(run)


def share_if_asked(run: RunContext) -> Any:
    """Copies to send, and drafts, where the settings ask for them with a run."""
    from icp_xl.pipeline.share.wish import MailWish

    demo, chosen = run.command == "demo", run.settings.share
    copies, drafts = chosen.with_run or demo, chosen.mail.with_run or demo
    if not copies and not drafts:
        return None
    from icp_xl.pipeline.share.copies import share

    if not drafts:
        return share(run)
    if copies and chosen.by == "none":
        share(run)
    return share(run, wish=MailWish(mail=True))


def feedback_if_there(run: RunContext) -> Any:
    """Snapshot, outcomes and report, where there are opportunities."""
    from icp_xl.pipeline.feedback.won_lost import run_loop
    from icp_xl.pipeline.tables import load_sources

    if load_sources(run).opportunities is None:
        run.status("won and lost", "there are no opportunities among the sources")
        return None
    return run_loop(run)


def measure_if_there(run: RunContext) -> Any:
    """What earlier lists brought, where there are any."""
    from icp_xl.pipeline.feedback.measure import measure_if_there as stage

    return stage(run)


def publish(run: RunContext) -> Any:
    """Results into the workbook that the settings name."""
    from icp_xl.pipeline.write_back.publish_to_workbook import publish_to_workbook

    return publish_to_workbook(run)

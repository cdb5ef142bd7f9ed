"""``run``: every stage in order, each from what the earlier ones staged, in one run record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from icp_xl.errors import DataError
from icp_xl.runs import RunContext

Lines = list[str]


@dataclass(frozen=True)
class Stage:
    """One stage: its name, the function that runs it and says what came out, and whether the rest can do without."""

    name: str
    call: Callable[[RunContext], Lines]
    needed: bool = False


def run_everything(run: RunContext) -> Lines:
    """Run all stages; one that has too little data is a status and a warning, and the rest goes on.

    Scores are first computed with the weights there are, the weights are optimised on them, and the report is written
    with the result.
    """
    lines: Lines = []
    for stage in STAGES:
        run.progress.check()
        run.log("stage", name=stage.name)
        try:
            lines += stage.call(run)
        except DataError as error:
            if stage.needed:
                raise
            run.status(stage.name, str(error))
            run.warn(f"{stage.name}: {error}")
    return lines


def _scores(run: RunContext) -> Lines:
    from icp_xl.pipeline.score import score

    score(run, report=False)
    return []


def _optimize(run: RunContext) -> Lines:
    from icp_xl.pipeline.optimize import closing_lines, optimize

    result = optimize(run, required=False)
    return [] if result is None else closing_lines(result)


def _report(run: RunContext) -> Lines:
    from icp_xl.pipeline.score import score, score_lines

    return score_lines(run, score(run))


def _build(run: RunContext) -> Lines:
    from icp_xl.pipeline.models.build import build, closing_lines

    return closing_lines(build(run))


def _train(run: RunContext) -> Lines:
    from icp_xl.pipeline.models.train import closing_lines, train

    return closing_lines(train(run))


def _validate(run: RunContext) -> Lines:
    from icp_xl.pipeline.models.validate import closing_lines, validate

    return closing_lines(validate(run))[-1:]


def _share(run: RunContext) -> Lines:
    if not run.settings.share.with_run and run.command != "demo":
        return []
    from icp_xl.errors import DeliveryError
    from icp_xl.pipeline.share.copies import share, share_lines

    try:
        return share_lines(run, share(run))
    except DeliveryError as error:
        # The results stand, whether or not they may be sent.
        run.status("share", error.fault.what)
        run.warn(f"share: {error}")
        return []


def _write_back(run: RunContext) -> Lines:
    from icp_xl.errors import ConfigError, DeliveryError, SourceError
    from icp_xl.pipeline.write_back.publish_to_workbook import put_after_run

    try:
        return put_after_run(run)
    except (ConfigError, DeliveryError, SourceError) as error:
        # The workbook is as it was, and the results stand.
        run.status("write-back", error.fault.what)
        run.warn(f"write-back: {error}")
        return []


def _whitespace(run: RunContext) -> Lines:
    from icp_xl.pipeline.whitespace.rank import closing_lines, whitespace

    return closing_lines(whitespace(run))


def _feedback(run: RunContext) -> Lines:
    from icp_xl.pipeline.tables import load_sources

    if load_sources(run).opportunities is None and not run.settings.feedback.salesforce.enabled:
        run.status("won and lost", "there are no opportunities among the sources")
        return []
    from icp_xl.pipeline.feedback.won_lost import run_loop

    return run_loop(run)


STAGES = (
    Stage("scores", _scores, needed=True),
    Stage("weights", _optimize),
    Stage("report", _report, needed=True),
    Stage("build", _build),
    Stage("train", _train),
    Stage("whitespace", _whitespace),
    Stage("validation", _validate),
    Stage("won and lost", _feedback),
    Stage("share", _share),
    Stage("write-back", _write_back),
)

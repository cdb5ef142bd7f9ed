"""Commands as library calls: settings in, result out, with the same run record as on the command line."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from icp_xl.config import Settings
from icp_xl.pipeline.settings import resolve_settings
from icp_xl.progress import Progress
from icp_xl.runs import RunContext, start_run

if TYPE_CHECKING:
    from icp_xl.pipeline.check import CheckReport
    from icp_xl.pipeline.models.build import BuildResult
    from icp_xl.pipeline.models.leakage_checks import LeakageResult
    from icp_xl.pipeline.models.train import TrainResult
    from icp_xl.pipeline.models.validate import ValidationResult
    from icp_xl.pipeline.score import ScoreOutcome
    from icp_xl.pipeline.share.copies import Passwords, ShareOutcome
    from icp_xl.pipeline.whitespace.rank import WhitespaceOutcome
    from icp_xl.weight_search.search import OptimizeResult

Result = TypeVar("Result")
#: Settings as a caller may give them: settings, dotted keys to values, the path of a YAML file, or the defaults.
Given = Settings | Mapping[str, object] | Path | str | None


def call(
    command: str,
    body: Callable[[RunContext], Result],
    settings: Given = None,
    *,
    progress: Progress | None = None,
    dry_run: bool = False,
) -> Result:
    """Run ``body`` as ``command`` inside a run record and return what it returns.

    Args:
        settings: settings, a mapping of dotted keys to values, or the path of a YAML file.
    """
    if not isinstance(settings, Settings):
        config = Path(settings) if isinstance(settings, str | Path) else None
        settings = resolve_settings(config, settings if isinstance(settings, Mapping) else {})
    with start_run(command, settings, progress=progress, dry_run=dry_run) as run:
        return body(run)


def score(settings: Given = None, *, progress: Progress | None = None, dry_run: bool = False) -> ScoreOutcome:
    """Score every account and write the report; the same as ``icp-xl score``.

    Raises:
        IcpError: the inputs, the settings or the output folder cannot be used; the text says what to do.
    """
    from icp_xl.pipeline.score import score as stage

    return call("score", stage, settings, progress=progress, dry_run=dry_run)


def check(settings: Given = None, *, progress: Progress | None = None) -> CheckReport:
    """Say what is missing, thin or doubtful in the inputs; the same as ``icp-xl check``."""
    from icp_xl.pipeline.check import check as stage

    return call("check", stage, settings, progress=progress)


def optimize(settings: Given = None, *, progress: Progress | None = None) -> OptimizeResult | None:
    """Find the component weights on what ``score`` left; the same as ``icp-xl optimize``."""
    from icp_xl.pipeline.optimize import optimize as stage

    return call("optimize", stage, settings, progress=progress)


def build(settings: Given = None, *, progress: Progress | None = None) -> BuildResult | None:
    """Build the star schema, labels and features; the same as ``icp-xl build``."""
    from icp_xl.pipeline.models.build import build as stage

    return call("build", stage, settings, progress=progress)


def check_leakage(settings: Given = None, *, progress: Progress | None = None) -> LeakageResult | None:
    """Say whether any feature knows the future; the same as ``icp-xl check --leakage``."""
    from icp_xl.pipeline.models.leakage_checks import run_leakage_checks

    return call("check", run_leakage_checks, settings, progress=progress)


def train(settings: Given = None, *, score_only: bool = False, progress: Progress | None = None) -> TrainResult | None:
    """Train, judge and score every division; the same as ``icp-xl train``."""
    from icp_xl.pipeline.models.train import train as stage

    return call("train", lambda run: stage(run, score_only=score_only), settings, progress=progress)


def rank_whitespace(settings: Given = None, *, progress: Progress | None = None) -> WhitespaceOutcome | None:
    """Rank every account × division on what ``train`` left; the same as ``icp-xl whitespace``.

    It is not called ``whitespace``, since that is the name of the package behind it.
    """
    from icp_xl.pipeline.whitespace.rank import whitespace as stage

    return call("whitespace", stage, settings, progress=progress)


def validate(settings: Given = None, *, progress: Progress | None = None) -> ValidationResult | None:
    """Hold models as of past cutoffs against what came after; the same as ``icp-xl validate``."""
    from icp_xl.pipeline.models.validate import validate as stage

    return call("validate", stage, settings, progress=progress)


def snapshot(
    settings: Given = None,
    *,
    as_of: date | None = None,
    replay_from: date | None = None,
    progress: Progress | None = None,
) -> list[str]:
    """Score the open pipeline and keep it; the same as ``icp-xl snapshot``."""
    from icp_xl.pipeline.feedback.snapshots import snapshot as stage

    return call("snapshot", lambda run: stage(run, as_of=as_of, replay_from=replay_from), settings, progress=progress)


def outcomes(settings: Given = None, *, review: Path | None = None, progress: Progress | None = None) -> list[str]:
    """Record what became of the opportunities in the snapshots; the same as ``icp-xl outcomes``."""
    from icp_xl.pipeline.feedback.snapshots import outcomes as stage

    return call("outcomes", lambda run: stage(run, review=review), settings, progress=progress)


def won_lost(settings: Given = None, *, progress: Progress | None = None) -> list[str]:
    """Write the report on won and lost opportunities; the same as ``icp-xl won-lost``."""
    from icp_xl.pipeline.feedback.won_lost import won_lost as stage

    return call("won-lost", stage, settings, progress=progress)


def refine(settings: Given = None, *, apply: bool = False, progress: Progress | None = None) -> list[str]:
    """Learn weights of the pipeline score from outcomes; the same as ``icp-xl refine``."""
    from icp_xl.pipeline.feedback.won_lost import refine as stage

    return call("refine", lambda run: stage(run, apply=apply), settings, progress=progress)


def run(settings: Given = None, *, progress: Progress | None = None, dry_run: bool = False) -> list[str]:
    """Run everything and return the closing lines; the same as ``icp-xl run``."""
    from icp_xl.pipeline.run_all import run_everything

    return call("run", run_everything, settings, progress=progress, dry_run=dry_run)


def write_back(
    workbook: Path | str,
    settings: Given = None,
    *,
    report: Path | str | None = None,
    sheets: Sequence[str] = (),
    columns: str | None = None,
    sheet: str | None = None,
    fields: Sequence[str] = (),
    out: Path | str | None = None,
    place: str | None = None,
    remove: bool = False,
    progress: Progress | None = None,
) -> list[str]:
    """Put report sheets or result columns into someone's workbook, or take them out; as ``icp-xl write-back``.

    Args:
        columns: header of the column in the workbook that holds account ids or names.
        remove: take everything of ours out instead.
    """
    from icp_xl.pipeline.write_back.columns import put_back
    from icp_xl.pipeline.write_back.sheets import remove_lines, take_out

    book, source, copy = Path(workbook), Path(report) if report else None, Path(out) if out else None

    def body(run: RunContext) -> list[str]:
        if remove:
            return remove_lines(take_out(run, book, copy))
        return put_back(
            run, book, source, sheets=sheets, columns=columns, sheet=sheet, fields=fields, out=copy, place=place
        )

    return call("write-back", body, settings, progress=progress)


def share(
    settings: Given = None,
    reports: Sequence[Path | str] = (),
    *,
    by: str | None = None,
    passwords: Passwords | None = None,
    progress: Progress | None = None,
) -> ShareOutcome:
    """Make copies of reports that are safe to send; the same as ``icp-xl share``.

    Args:
        reports: workbooks; those of the settings without any.
        by: ``rep``, ``region`` or ``none``.
        passwords: gives the password of each file by the key of its reader.
    """
    from icp_xl.pipeline.share.copies import share as stage

    paths = tuple(Path(report) for report in reports)
    return call("share", lambda run: stage(run, paths, by=by, passwords=passwords), settings, progress=progress)

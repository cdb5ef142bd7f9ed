"""``live``: the live workbook from scored accounts, with the run's own score model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from icp_xl import artifacts
from icp_xl.delivery.render.book import render_book
from icp_xl.errors import SourceError
from icp_xl.reports.live.book import build_live_book
from icp_xl.reports.live.inputs import LiveInputs
from icp_xl.runs import RunContext
from icp_xl.scoring.model import FILE as MODEL_FILE
from icp_xl.scoring.model import ScoreModel
from icp_xl.scoring.weights import WEIGHTS_FILE, load_weights, usual_weights

#: In a folder of its own: it is for handing on, and the add-in brings only top-level reports into the open workbook.
LIVE = artifacts.LIVE_WORKBOOK.name


@dataclass(frozen=True)
class LiveResult:
    """The live workbook, and the sets of weights that it offers to start from."""

    path: Path
    presets: tuple[str, ...]

    def summary(self) -> list[str]:
        """What to say at the end of the command."""
        return [f"Open {self.path} and move a weight."]


def write_live(
    run: RunContext, scored: pd.DataFrame, model: ScoreModel, previous: ScoreModel | None = None
) -> LiveResult:
    """Write the live workbook into the run's outputs.

    Args:
        run: the run, whose outputs get the workbook.
        scored: one row per account, best first.
        model: the score model that the workbook starts from.
        previous: that of the run before, for what its sheet of changes shows.
    """
    run.progress.stage("Writing the live workbook")
    run.progress.check()
    settings = run.settings
    usual = usual_weights(settings, [part.declared for part in model.parts])
    presets = {"Default": usual}
    path = run.outputs.find(WEIGHTS_FILE)
    if path.is_file():
        presets["Optimised"] = load_weights(path, settings, usual)[0]
    if previous is not None and previous.names == model.names:
        presets["Last run"] = {name: previous.weights[name] for name in model.names}
    book = build_live_book(LiveInputs(scored, model, presets, run.run_id), settings.reports)
    render_book(book, run.outputs.path(LIVE), clock=run.now())
    return LiveResult(settings.paths.out / LIVE, tuple(presets))


def rebuild_live(run: RunContext) -> LiveResult | None:
    """Write the live workbook again from what ``score`` left.

    Returns:
        ``None`` in a dry run.

    Raises:
        SourceError: nothing was scored yet.
    """
    run.plan(LIVE)
    path = artifacts.SCORED_ACCOUNTS.find(run.outputs)
    if not path.is_file():
        raise SourceError("there are no scored accounts yet", where=path.name, next_step="Run `icp-xl score` first.")
    scored, model = artifacts.SCORED_ACCOUNTS.read(path), ScoreModel.load(run.outputs.find(MODEL_FILE))
    return None if run.dry_run else write_live(run, scored, model)

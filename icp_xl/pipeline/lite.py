"""``lite``: the script for xlwings Lite, from the last scores and their model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from icp_xl import artifacts
from icp_xl.errors import SourceError
from icp_xl.formatting import plural
from icp_xl.reports.lite.script import REQUIREMENTS, LiteInputs, lite_script
from icp_xl.runs import RunContext
from icp_xl.scoring.model import ScoreModel

_NAMES = (artifacts.LITE_SCRIPT.name, artifacts.LITE_REQUIREMENTS.name)


@dataclass(frozen=True)
class LiteResult:
    """The script, how many accounts it holds, and of how many."""

    path: Path
    accounts: int
    total: int

    def summary(self) -> list[str]:
        """What to say at the end of the command."""
        lines = []
        if self.accounts < self.total:
            lines.append(
                f"ICP_LOOKUP finds the best {self.accounts:,} of {self.total:,} accounts; the setting "
                "reports.lite_accounts says how many."
            )
        return [
            *lines,
            f"It holds the score model and {plural(self.accounts, 'account')} with their scores: give it to those who "
            "may see them.",
            f"Paste {self.path} and the requirements beside it into xlwings Lite.",
        ]


def write_lite(run: RunContext) -> LiteResult | None:
    """Write the script and its requirements.

    Returns:
        ``None`` in a dry run.

    Raises:
        SourceError: nothing was scored yet.
    """
    for name in _NAMES:
        run.plan(name)
    scored, model = artifacts.SCORED_ACCOUNTS.find(run.outputs), artifacts.SCORE_MODEL.find(run.outputs)
    for path, what in ((scored, "are no scored accounts"), (model, "is no score model")):
        if not path.is_file():
            raise SourceError(f"there {what} yet", where=path.name, next_step="Run `icp-xl score` first.")
    frame, settings = artifacts.SCORED_ACCOUNTS.read(scored), run.settings
    inputs = LiteInputs(ScoreModel.load(model), frame, settings.reports.lite_accounts, run.run_id)
    if run.dry_run:
        return None
    run.progress.stage("Writing the script for xlwings Lite")
    for name, text in zip(_NAMES, (lite_script(inputs), REQUIREMENTS), strict=True):
        run.outputs.text(name, text)
    return LiteResult(settings.paths.out / artifacts.LITE_SCRIPT.name, len(inputs.accounts), len(frame))

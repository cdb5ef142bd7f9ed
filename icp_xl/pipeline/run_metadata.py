"""The particulars of a run, as every report is signed with them."""

from __future__ import annotations

from icp_xl.reports.inputs import RunFacts
from icp_xl.runs import RunContext, versions


def run_facts(run: RunContext) -> RunFacts:
    """What the About sheet says of ``run``."""
    return RunFacts(
        run_id=run.run_id,
        finished=run.now(),
        command=f"icp-xl {run.command}",
        inputs=dict(run.inputs),
        versions=versions(),
        settings_hash=run.settings.digest(),
        seed=run.settings.run.seed,
        cutoffs=list(run.cutoffs),
    )

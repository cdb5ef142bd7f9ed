"""An earlier cutoff to learn from: candidates as of then, probabilities out of time, and who bought since."""

from __future__ import annotations

from icp_xl.pipeline.whitespace_inputs import Inputs
from icp_xl.runs import RunContext
from icp_xl.whitespace.rank import Past


def past_candidates(run: RunContext, inputs: Inputs) -> Past | None:
    """The latest earlier cutoff whose window is over, or None where there is none."""
    return None

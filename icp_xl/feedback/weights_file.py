"""The saved weights of the pipeline score: the only way from what was learned back to what is scored."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from icp_xl import artifacts
from icp_xl.config.feedback import FeedbackSettings, PipelineWeights, weights_of
from icp_xl.feedback.snapshots import model_id_of

WEIGHTS_FILE = artifacts.PIPELINE_WEIGHTS.name
SCHEMA = artifacts.PIPELINE_WEIGHTS.version


def weights_body(weights: PipelineWeights, reason: str, run_id: str) -> dict[str, Any]:
    """What a weights file holds."""
    return {
        "schema": SCHEMA,
        "model_id": model_id_of(weights),
        "weights": weights.model_dump(),
        "reason": reason,
        "run_id": run_id,
    }


def load_pipeline_weights(path: Path, settings: FeedbackSettings) -> tuple[PipelineWeights, str, str]:
    """The weights to score with, where they come from in words, and a warning or "".

    A file that is damaged or breaks a rule never stops a run: the settings' weights are used, and the warning says so.
    """
    if not settings.use_saved_weights or not path.is_file():
        return settings.weights, "settings", ""
    try:
        body = json.loads(path.read_text(encoding="utf-8-sig"))
        if not isinstance(body, dict) or body.get("schema") != SCHEMA:
            raise ValueError("it is of another version")
        return weights_of(body["weights"]), path.name, ""
    except (OSError, ValueError, KeyError, RecursionError, AttributeError, ValidationError) as error:
        kind = type(error).__name__
        return settings.weights, "settings", (
            f"{path.name} cannot be used ({kind}); the pipeline is scored with the weights of the settings. "
            "`icp-xl refine --revert` writes it anew."
        )  # fmt: skip

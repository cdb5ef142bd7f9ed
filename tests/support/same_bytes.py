"""Outputs of a run as far as they must be the same byte for byte wherever it runs."""

from __future__ import annotations

import hashlib
from pathlib import Path

from icp_xl.artifacts import RUN_MANIFEST, RUN_SETTINGS, STAGES, STUDY

#: What is of the machine on purpose: where files lie, their signature by a key of the user's, and Optuna's own log of
#: when it tried what.
OF_THE_MACHINE = (RUN_SETTINGS, RUN_MANIFEST, STAGES, STUDY)


def outputs_of(out: Path) -> dict[str, str]:
    """SHA-256 of every file below an output folder, by its name there."""
    files = {path.relative_to(out).as_posix(): path for path in out.rglob("*") if path.is_file()}
    return {
        name: hashlib.sha256(path.read_bytes()).hexdigest()
        for name, path in files.items()
        if path.suffix != ".lock" and not any(item.match(name) is not None for item in OF_THE_MACHINE)
    }

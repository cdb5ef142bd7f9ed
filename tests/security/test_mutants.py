"""A few of the mutants of the benchmark: seeded damage under whole commands."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "mutants_everywhere.py"


@pytest.mark.skipif(os.name == "nt", reason="limits of a process are those of Unix")
def test_damaged_inputs_and_outputs_of_a_scoring_are_answered(tmp_path: Path) -> None:
    command = [sys.executable, str(SCRIPT), "--stage", "score", "--count", "6", "--world", str(tmp_path / "world")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "6 mutants: 0 faults" in done.stdout

"""Try a tree file in a process of its own before this one loads it.

A model folder may lie on a shared drive, and whoever can write a tree file can write its hash too. LightGBM's parser
ends the process on many damaged texts, or never ends, and no exception handler sees that.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import lightgbm

#: Memory that the trial may take, in bytes, and seconds that it may run.
MEMORY, SECONDS = 4 << 30, 60


def are_sound(trees: Sequence[tuple[str, int]]) -> bool:
    """Whether LightGBM comes through every text and predicts finite numbers from as many features as are stated.

    Args:
        trees: LightGBM's text and the number of its features, for each ensemble.
    """
    if not trees:
        return True
    child = Path(__file__).with_name("tree_trial_child.py")
    library = str(Path(lightgbm.__file__).parents[1])
    try:
        done = subprocess.run(
            [sys.executable, "-I", str(child), library, str(MEMORY)],
            input=json.dumps(list(trees)).encode(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=SECONDS,
            check=False,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except (subprocess.TimeoutExpired, OSError):
        return False
    return done.returncode == 0

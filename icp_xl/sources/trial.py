"""Give a doubtful workbook to the native reader in a process of its own first.

calamine lays a sheet out as a rectangle. What it cannot allocate ends the whole process, Excel's worker or a nightly
run, and no exception handler sees it. A sheet whose XML looks as every program writes it is safe (see
:mod:`icp_xl.sources.used_range`); anything else, and the formats that cannot be looked into cheaply, is tried here.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import python_calamine

#: Memory that a trial may take: so much, and so many times the file's size.
MEMORY, MEMORY_TIMES = 1 << 30, 40
SECONDS = 20


def survives(data: bytes, sheet: str = "") -> bool:
    """Whether calamine comes through ``data`` (one ``sheet``, or all) within bounds; a refusal counts as that."""
    child = Path(__file__).with_name("trial_child.py")
    library = str(Path(python_calamine.__file__).parents[1])
    memory = str(MEMORY + MEMORY_TIMES * len(data))
    try:
        done = subprocess.run(
            [sys.executable, "-I", str(child), library, memory, sheet],
            input=data,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=SECONDS + len(data) / 2**20,
            check=False,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except subprocess.TimeoutExpired:
        return False
    except OSError:
        return True  # No process can be started here: read as before.
    return done.returncode == 0

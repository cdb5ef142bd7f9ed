"""Size, rendering and recalculation of the live workbook: ``python tests/benchmarks/bench_live.py 1500 20000``."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.office.test_live_workbook import check, make_live

for size in [int(text) for text in sys.argv[1:]] or [1500]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "live.xlsx"
        started = time.process_time()
        seconds = check(make_live(size), path, 3)
        spent = time.process_time() - started
        told = ", ".join(f"{each:.2f}" for each in seconds)
        sys.stdout.write(f"{size:,}: {path.stat().st_size / 1e6:.2f} MB, recalculated in {told} s, {spent:.0f} CPU s\n")

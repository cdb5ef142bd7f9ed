"""Rendering 50,000 × 20 cells: CPU seconds and peak memory. Run: python tests/benchmarks/render.py [rows]"""

from __future__ import annotations

import resource
import sys
import time

import numpy as np
import pandas as pd

from icp_xl.delivery.render.book import render_bytes
from icp_xl.reports.spec import Column, ReportBook, Sheet, Table

if "--help" in sys.argv:
    print(__doc__)
    sys.exit()


def main(rows: int) -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({f"n{i}": rng.random(rows) * 1e5 for i in range(12)})
    for i in range(8):
        frame[f"t{i}"] = np.char.add("Account ", rng.integers(0, rows, rows).astype(str))
    columns = [Column(c, c.upper(), "money" if c[0] == "n" else "text") for c in frame]
    book = ReportBook([Sheet("Data", "Data", [Table("data", columns, frame)], kind="data")])
    started = time.process_time()
    content, _ = render_bytes(book)
    used = time.process_time() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{rows:,} x 20: {used:.1f} CPU s, peak {peak:.0f} MB, file {len(content) / 1e6:.1f} MB")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 50_000)

"""Every workbook of the published corpus through the reader: outcome, CPU seconds and peak memory of each.

``python tests/benchmarks/read_corpus.py`` reads each file in a process of its own, for at most 30 seconds, and fails
when one crashes, takes longer than that, or needs more than a gigabyte.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

if "--help" in sys.argv:
    print(__doc__)
    sys.exit()

CORPUS = Path(os.environ.get("ICP_XL_SHARED", Path(__file__).resolve().parents[3] / "shared")) / "data" / "workbooks"
SECONDS, GIGABYTES = 30.0, 1.0


def read(path: Path, answer: Any) -> None:
    from icp_xl.errors import IcpError
    from icp_xl.sources import open_book

    begin, outcome, text = time.process_time(), "read", ""
    try:
        book = open_book(path)
        for sheet in book.sheets:
            for _ in book.rows(sheet.name):
                pass
    except IcpError as error:
        outcome, text = "refused", error.fault.what
    except BaseException as error:
        outcome, text = "crashed", repr(error)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    answer.put((outcome, text, time.process_time() - begin, peak))


def main() -> int:
    import openpyxl

    import icp_xl.sources  # imported once, so that a forked reader starts at once

    assert openpyxl and icp_xl
    context = multiprocessing.get_context("fork")
    outcomes: Counter[str] = Counter()
    slowest = largest = 0.0
    for path in sorted(path for path in CORPUS.iterdir() if path.is_file()):
        answer: Any = context.Queue()
        process = context.Process(target=read, args=(path, answer))
        process.start()
        process.join(SECONDS)
        if process.is_alive():
            process.kill()
            outcome, text, seconds, peak = "too slow", "", SECONDS, 0.0
        elif process.exitcode:
            outcome, text, seconds, peak = "died", f"exit code {process.exitcode}", 0.0, 0.0
        else:
            outcome, text, seconds, peak = answer.get()
        outcomes[outcome if peak <= GIGABYTES else "too large"] += 1
        slowest, largest = max(slowest, seconds), max(largest, peak)
        if outcome != "read":
            print(f"{outcome:9} {path.name}: {text}")
    print(f"{dict(outcomes)}; slowest {slowest:.1f} CPU s, largest {largest:.2f} GB")
    return 0 if not set(outcomes) - {"read", "refused"} else 1


if __name__ == "__main__":
    sys.exit(main())

"""Kill write-backs at random moments: the workbook must be the old one or the new one, whole, every time.

python tests/benchmarks/kills.py           10 kills
python tests/benchmarks/kills.py --full    500 kills
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from icp_xl.delivery.write_back.inject import inject_sheets
from icp_xl.opc.safe_write import SafeOptions
from tests.support.donors import make_donor


def digest(path: Path) -> str:
    """Of the whole file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def trial(folder: Path, kills: int, seed: int = 1) -> dict[str, int]:
    """How often the file was the old one, the new one, or (a fault) neither, and what was left beside it."""
    book, donor = folder / "book.xlsx", make_donor(folder / "donor.xlsx")
    first = make_donor(folder / "theirs.xlsx", generation=7, accounts=400)
    shutil.copyfile(first, book)
    old, options = digest(book), SafeOptions(backups=2, wait_seconds=30)
    start = time.perf_counter()
    inject_sheets(book, donor, options=SafeOptions(backups=0))
    usual, new = time.perf_counter() - start, digest(book)
    draw = random.Random(seed)
    found = {"old": 0, "new": 0, "neither": 0, "backup torn": 0}
    for _ in range(kills):
        shutil.copyfile(first, book)
        child = os.fork()
        if child == 0:
            try:
                inject_sheets(book, donor, options=options)
            finally:
                os._exit(0)
        time.sleep(draw.uniform(0, 1.3 * usual))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        state = digest(book)
        found["old" if state == old else "new" if state == new else "neither"] += 1
        backups = list((folder / "ICP backups").glob("book*.xlsx"))
        found["backup torn"] += sum(digest(path) not in (old, new) for path in backups)
    # The next run sweeps what the killed ones left, and is not held up by their locks.
    inject_sheets(book, donor, options=options)
    found["left over"] = len(list(folder.glob(".*.icp-tmp")))
    return found


def main() -> int:
    """Run and print; the exit code is the number of faults."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--kills", type=int)
    arguments = parser.parse_args()
    kills = arguments.kills or (500 if arguments.full else 10)
    with tempfile.TemporaryDirectory() as name:
        found = trial(Path(name), kills)
    print(f"{kills} kills:", ", ".join(f"{what} {count}" for what, count in found.items()))
    return found["neither"] + found["backup torn"] + found["left over"]


if __name__ == "__main__":
    sys.exit(main())

"""Whether ``icp-xl demo`` gives the same bytes twice: in two folders, with other hash seeds, threads and workers.

    python tests/benchmarks/same_bytes.py            two demos of this version, compared file by file
    python tests/benchmarks/same_bytes.py FOLDER     the first against outputs that another version left in FOLDER

The clock is fixed. Told apart are only what is of the machine on purpose: resolved settings and the record of the run
(where files lie), hashes signed by the user's key, and Optuna's own record of when it tried what.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.support.same_bytes import outputs_of  # noqa: E402

CLOCK = "2026-01-05T10:00:00"


def demo(folder: Path, hash_seed: int, threads: int, workers: int) -> Path:
    """The outputs of a demo in ``folder``."""
    names = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS")
    environment = {**os.environ, **dict.fromkeys(names, str(threads)), "PYTHONHASHSEED": str(hash_seed),
                   "PYTHONPATH": str(ROOT)}  # fmt: skip
    subprocess.run(
        [sys.executable, "-m", "icp_xl", "demo", "--out", str(folder), "--set", f"run.clock={CLOCK}",
         "--set", f"run.workers={workers}", "--quiet"],
        env=environment, check=True,
    )  # fmt: skip
    return folder


def main() -> int:
    """1 where outputs differ."""
    if "--help" in sys.argv:
        print(__doc__)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        one = outputs_of(demo(Path(folder, "here"), 1, 1, 1))
        earlier = Path(sys.argv[1]) if len(sys.argv) > 1 else demo(Path(folder, "and", "there"), 2, 2, 2)
        other = outputs_of(earlier)
    differ = sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))
    print(f"{len(one)} files, {len(differ)} differ" + "".join(f"\n  {name}" for name in differ))
    return int(bool(differ))


if __name__ == "__main__":
    sys.exit(main())

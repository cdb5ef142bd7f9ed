"""Every attack under every command: no effect outside the output folder, no traceback, nothing waited for.

python tests/benchmarks/attacks_everywhere.py              all of them
python tests/benchmarks/attacks_everywhere.py --every 7    each seventh pair; --start N begins at another
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.support.adversary import ATTACKS, CALLS, Call, arguments, everything, prepare
from tests.support.whole_world import call, load_all


def meet(world: Path, attack: str, command: Call) -> tuple[int, str]:
    """How ``command`` ends when it meets ``attack``, and what was wrong, or nothing."""
    out, data, home = prepare(world)
    ATTACKS[attack](out, data, home)
    before = everything(world)
    words = ["functions"] if command[0] == "functions" else arguments(command, out, data)
    ended = call(world, words)
    if ended.fault:
        return ended.code, ended.fault
    after = everything(world)
    changed = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    changed = [name for name in changed if name != "said.txt" and not name.startswith("share/out/")]
    return ended.code, f"changed: {', '.join(changed[:4])}" if changed else ""


def main() -> int:
    """Try and print; 1 where anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--start", type=int, default=0)
    chosen = parser.parse_args()
    load_all()
    pairs = [(attack, command) for attack in ATTACKS for command in CALLS][chosen.start :: chosen.every]
    codes: Counter[int] = Counter()
    faults, mark = 0, time.monotonic()
    for attack, command in pairs:
        with tempfile.TemporaryDirectory() as name:
            code, fault = meet(Path(name).resolve() / "world", attack, command)
        codes[code] += 1
        if fault:
            faults += 1
            print(f"{attack}, {command[0]} {' '.join(command[1])}: {fault}", flush=True)
    print(f"{len(pairs):,} of {len(ATTACKS)} attacks x {len(CALLS)} commands: {faults} faults; "
          f"{time.monotonic() - mark:,.0f} s in all; exit codes {dict(sorted(codes.items()))}")  # fmt: skip
    return int(faults > 0)


if __name__ == "__main__":
    sys.exit(main())

"""Every published workbook: what should not leave the house in it, and a safe copy or a refusal by name.

python tests/benchmarks/shareable_corpus.py            check and copy every file
python tests/benchmarks/shareable_corpus.py --full     and hold each copy to the Open XML SDK's validator: no new error
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from icp_xl.delivery.sharing.safe_copy import make_safe
from icp_xl.delivery.sharing.shareable import check_shareable
from icp_xl.opc.unsupported import RefusedError
from tests.support.validator import validate, validator_binary

BOOKS = Path(__file__).resolve().parents[3] / "shared" / "data" / "workbooks"


def main() -> int:
    """Print the counts; 1 when a copy is unsafe or less valid than what it was made from."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--books", type=Path, default=BOOKS)
    chosen = parser.parse_args()
    kinds: Counter[str] = Counter()
    outcomes: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    bad, slowest = 0, (0.0, "")
    full = chosen.full and not isinstance(validator_binary(), str)
    with tempfile.TemporaryDirectory() as folder:
        for book in sorted(path for path in chosen.books.iterdir() if path.is_file()):
            start = time.process_time()
            check = check_shareable(book)
            slowest = max(slowest, (time.process_time() - start, book.name))
            kinds.update({found.kind for found in check.findings})
            outcomes["safe as it is" if check.safe else "not safe"] += 1
            target = Path(folder) / "copy.xlsx"
            try:
                make_safe(book, target)
            except RefusedError as error:
                outcomes["refused"] += 1
                reasons.update({fault.what for fault in error.faults} or {error.fault.what})
                continue
            outcomes["copied"] += 1
            if any(found.kind != "header-text" for found in check_shareable(target).findings):
                bad += 1
                print(f"{book.name}: its copy is not clean")
            if full:
                before = Counter(error.description for error in validate(book))
                new = Counter(error.description for error in validate(target)) - before
                if new:
                    bad += 1
                    print(f"{book.name}: {list(new)[:2]}")
    for words, counter in (("outcomes", outcomes), ("workbooks with", kinds), ("refused for", reasons)):
        print(f"{words}: " + ", ".join(f"{name} {n}" for name, n in counter.most_common()))
    print(f"slowest check {slowest[0]:.1f} CPU s ({slowest[1]}); copies unsafe or less valid: {bad}")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())

"""One file per rep of the sample report, and no other rep's account in any unpacked part of any of them.

python tests/benchmarks/share_isolation.py            8 reps
python tests/benchmarks/share_isolation.py --full     100 reps, every file through the Open XML SDK's validator,
                                                      five through LibreOffice
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from icp_xl import score, share
from icp_xl.delivery.sharing.shareable import check_shareable
from tests.support.shared_parts import strangers_in
from tests.support.validator import validate, validator_binary

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    """Make the files, look through them, print the figures; 1 when anything is found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--reps", type=int)
    chosen = parser.parse_args()
    reps = chosen.reps or (100 if chosen.full else 8)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        accounts = prepare(out, reps)
        start = time.process_time()
        outcome = share({"paths.out": str(out)}, by="rep")
        spent = time.process_time() - start
        files = [out / file.file for file in outcome.files]
        strangers = unsafe = 0
        for file, path in zip(outcome.files, files, strict=True):
            mine = set(accounts.loc[accounts["rep"] == file.recipient, "account_id"])
            found = strangers_in(path, accounts, mine)
            strangers += len(found)
            if found:
                print(f"{path.name}: {found[:5]}")
            unsafe += len(check_shareable(path).findings)
        print(f"{len(files)} files for {reps} reps, {len(accounts):,} accounts, {spent:.1f} CPU s; "
              f"largest {max(path.stat().st_size for path in files) / 1e6:.2f} MB")  # fmt: skip
        print(f"names or ids of other reps' accounts: {strangers}; findings of check --shareable: {unsafe}")
        invalid = validated(files if chosen.full else files[:2])
        rendered = office(files[:: max(1, len(files) // 5)][:5] if chosen.full else files[:1], Path(folder))
    return int(bool(strangers or unsafe or invalid or not rendered))


def prepare(out: Path, reps: int) -> pd.DataFrame:
    """Score the sample twice, so that there are changes to tell, and give its accounts to so many reps."""
    given = {"paths.data": str(ROOT / "workbooks"), "paths.out": str(out), "reports.live": False}
    score({**given, "scoring.strategic_share": 0.1})
    score(given)
    chance = np.random.default_rng(7)
    for path in sorted(out.glob("state/**/scored_accounts.parquet")):
        frame = pd.read_parquet(path)
        given_to = chance.integers(0, reps, len(frame))
        frame["rep"] = [f"Rep {number:03d}" for number in given_to]
        frame.to_parquet(path)
    return pd.read_parquet(out / "state/scored_accounts.parquet")


def validated(files: list[Path]) -> int:
    """Errors of the Open XML SDK's validator."""
    if isinstance(validator_binary(), str):
        print("Open XML SDK validator: not installed")
        return 0
    errors = sum(len(validate(path)) for path in files)
    print(f"Open XML SDK validator: {errors} errors in {len(files)} files")
    return errors


def office(files: list[Path], folder: Path) -> bool:
    """Whether LibreOffice turns the files into PDF."""
    program = shutil.which("soffice")
    if program is None:
        print("LibreOffice: not installed")
        return True
    profile = f"-env:UserInstallation={(folder / 'profile').as_uri()}"
    pdfs = folder / "pdf"
    command = [program, profile, "--headless", "--convert-to", "pdf", "--outdir", str(pdfs), *map(str, files)]
    subprocess.run(command, capture_output=True, check=False)
    made = len(list(pdfs.glob("*.pdf")))
    print(f"LibreOffice: {made} of {len(files)} rendered")
    return made == len(files)


if __name__ == "__main__":
    sys.exit(main())

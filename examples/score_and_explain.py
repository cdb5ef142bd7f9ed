"""Score the accounts of two workbooks and print the best ones with the reasons in words.

Run it with a folder of your own, or without one on sample workbooks:

    python examples/score_and_explain.py my_files
"""

import sys
import tempfile
from pathlib import Path

import icp_xl
from icp_xl.samples import write_samples


def main(data: Path, out: Path) -> None:
    outcome = icp_xl.score(data=data, out=out)
    print("\n".join(outcome.summary()))
    accounts = outcome.result.scored  # One row per account, best first.
    print(accounts[["account_name", "icp_score", "icp_grade", "reasons"]].head(5).to_string(index=False))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        if len(sys.argv) > 1:
            main(Path(sys.argv[1]), Path("icp_output"))
        else:
            write_samples(Path(folder) / "workbooks", accounts=300, lines=6_000)
            main(Path(folder) / "workbooks", Path(folder) / "out")

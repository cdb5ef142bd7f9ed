"""What would change if company size counted for more? Scores under other weights, from a score model alone.

python examples/other_weights.py
"""

import tempfile
from pathlib import Path

import icp_xl
from icp_xl.samples import write_samples


def main(folder: Path) -> None:
    write_samples(folder / "workbooks", accounts=300, lines=6_000)
    outcome = icp_xl.score(data=folder / "workbooks", out=folder / "out")
    model = icp_xl.ScoreModel.load(folder / "out" / "score_model.json")
    accounts = outcome.result.scored
    facts = [
        accounts[name] for name in ("industry", "annual_revenue", "printers", "consumable_revenue", "software_revenue")
    ]
    now = model.score_arrays(*facts)
    then = model.score_arrays(*facts, weights={"vertical": 0.2, "size": 0.4, "adoption": 0.2, "relationship": 0.2})
    moved = (now.icp_grade != then.icp_grade).sum()
    print(f"{moved} of {len(accounts)} accounts would change grade.")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        main(Path(name))

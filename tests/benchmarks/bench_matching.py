"""Figures of the name matching.

``python tests/benchmarks/bench_matching.py`` matches 50,000 invented names against 50,000 others and prints time, peak
memory, precision and recall; ``--sizes 5000`` does so on fewer. ``--sp500`` matches the S&P 500's names against the
SEC's titles (published data beside the project), ``--samples`` judges the sample workbooks' planted duplicates.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from icp_xl.config import load_settings
from icp_xl.sources import read_sources
from icp_xl.tables import build_tables
from icp_xl.tables.matching import ACCEPTED, REVIEW, match_names
from tests.support.company_names import Lists, make_lists
from tests.support.matching_truth import judge_duplicates

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "company-names"


def judge_lists(lists: Lists) -> dict[str, float]:
    """Precision and recall of what is accepted, the share at rank one, and the share left for review."""
    found = match_names(lists.left, lists.right)
    truth = pd.Series(lists.truth)
    accepted, right = found["outcome"].eq(ACCEPTED), found["right"].eq(truth) & truth.ge(0)
    return {
        "precision": float((accepted & right).sum() / accepted.sum()),
        "recall": float((accepted & right).sum() / truth.ge(0).sum()),
        "rank_one": float(right.sum() / truth.ge(0).sum()),
        "review": float(found["outcome"].eq(REVIEW).mean()),
    }


def judge_sp500(folder: Path) -> dict[str, float]:
    """Share of the S&P 500's names right at rank one, share accepted unseen, and how many of these are right."""
    titles = pd.DataFrame(json.loads((folder / "company_tickers.json").read_text()).values())
    pairs = pd.read_csv(folder / "sp500_x_sec_by_cik.csv", dtype=str)
    found = match_names(
        pd.DataFrame({"name": pairs["name_sp500"]}),
        pd.DataFrame({"name": titles["title"], "id": titles["cik_str"].astype(str)}),
    )
    right, accepted = found["right_id"].eq(pairs["CIK"]), found["outcome"].eq(ACCEPTED)
    return {
        "titles": len(titles),
        "rank_one": float(right.mean()),
        "accepted": float(accepted.mean()),
        "right_of_accepted": float(right[accepted].mean()),
    }


def judge_samples(seed: int) -> dict[str, float]:
    """Precision and recall of duplicate accounts in the sample workbooks of one seed."""
    from icp_xl.samples import write_samples

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_samples(folder, seed=seed, truth=True)
        settings = load_settings(overrides={"paths.data": folder, "matching.merge_different_ids": "accept"})
        sources = read_sources(settings)
        assert sources.customers is not None
        judged = judge_duplicates(
            build_tables(sources, settings), sources.customers.frame, folder / "planted_truth.json"
        )
    return {"precision": judged.precision, "recall": judged.recall, "pairs": judged.wanted}


def main() -> None:
    """Print the figures asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--sp500", action="store_true")
    parser.add_argument("--samples", action="store_true")
    options = parser.parse_args()
    if options.sp500:
        print(judge_sp500(DATA))
    elif options.samples:
        for seed in (20240630, 1, 2, 3):
            print(seed, judge_samples(seed))
    else:
        lists = make_lists(options.sizes, options.sizes, options.seed)
        wall, cpu = time.perf_counter(), time.process_time()
        figures = judge_lists(lists)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        print({**figures, "wall_s": round(wall, 1), "cpu_s": round(cpu, 1), "peak_gb": round(peak, 2)})


if __name__ == "__main__":
    main()

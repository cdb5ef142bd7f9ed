"""Figures of the name matching; each option is one set of figures.

``--sizes N`` matches N invented names against N others and prints time, peak memory, precision and recall.
``--sp500`` matches the S&P 500's names against the SEC's titles (published data beside the project), ``--sec`` looks
for duplicates among 7,854 companies that are all different, ``--noisy`` looks up titles with errors (the model is in
noisy_names.py) beside two scorers of rapidfuzz, ``--samples`` judges the planted duplicates of the sample workbooks.
``--noisy --write FOLDER`` leaves the same names as CSV, which splink_names.py (in an environment of its own) reads.
"""

from __future__ import annotations

import argparse
import json
import random
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
from icp_xl.tables.matching import ACCEPTED, REVIEW, find_duplicates, match_names
from tests.support.company_names import Lists, make_lists
from tests.support.matching_truth import judge_duplicates
from tests.support.noisy_names import noisy

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


def sec_titles(folder: Path) -> pd.DataFrame:
    """One title per company of the SEC's list: ``name`` and ``id``."""
    titles = pd.DataFrame(json.loads((folder / "company_tickers.json").read_text()).values())
    titles = titles.drop_duplicates("cik_str", ignore_index=True)
    return pd.DataFrame({"name": titles["title"], "id": titles["cik_str"].astype(str)})


def judge_different(folder: Path) -> dict[str, int]:
    """How many of the SEC's companies are merged into another, with ids and without, and how many are asked about."""
    titles = sec_titles(folder)
    with_ids, without = find_duplicates(titles), find_duplicates(titles[["name"]])
    return {
        "companies": len(titles),
        "merged_with_ids": len(titles) - with_ids.cluster.nunique(),
        "asked_with_ids": len(with_ids.pairs),
        "merged_without_ids": len(titles) - without.cluster.nunique(),
    }


def noisy_lists(folder: Path, *, held_out: bool, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Titles with errors, and all titles; odd company numbers are held out, even ones served for tuning."""
    titles = sec_titles(folder)
    chosen = titles[[int(own) % 2 == held_out for own in titles["id"]]].reset_index(drop=True)
    dice = random.Random(seed)
    return chosen.assign(name=[noisy(name, dice) for name in chosen["name"]], title=chosen["name"]), titles


def judge_noisy(folder: Path, *, held_out: bool = True, seed: int = 7, absent: bool = False) -> dict[str, float]:
    """Share of noisy titles accepted, and how many of these are right; with ``absent`` half of them have no account."""
    queries, titles = noisy_lists(folder, held_out=held_out, seed=seed)
    there = titles[~titles["id"].isin(queries["id"][::2])] if absent else titles
    found = match_names(queries[["name"]], there.reset_index(drop=True))
    present = queries["id"].isin(there["id"])
    right, accepted = found["right_id"].eq(queries["id"]), found["outcome"].eq(ACCEPTED)
    return {
        "names": len(queries),
        "rank_one": float(right[present].mean()),
        "accepted": float(accepted[present].mean()),
        "right_of_accepted": float(right[accepted].mean()),
        "expected_right": float(found["score"][accepted].mean()),
        "review": float(found["outcome"].eq(REVIEW).mean()),
    }


def judge_rapidfuzz(folder: Path, scorer: str, most: int = 800) -> list[tuple[int, float, float]]:
    """(threshold, accepted, right of accepted) of one scorer of rapidfuzz on the first ``most`` held-out names."""
    from rapidfuzz import fuzz, process

    queries, titles = noisy_lists(folder, held_out=True, seed=7)
    queries = queries.head(most)
    names = titles["name"].str.lower().tolist()
    best = [process.extractOne(name.lower(), names, scorer=getattr(fuzz, scorer)) for name in queries["name"]]
    right = pd.Series([titles["id"][found[2]] for found in best]).eq(queries["id"])
    scores = pd.Series([found[1] for found in best])
    return [(at, float((scores >= at).mean()), float(right[scores >= at].mean())) for at in (85, 90, 95)]


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
    parser.add_argument("--sec", action="store_true")
    parser.add_argument("--noisy", action="store_true")
    parser.add_argument("--write", type=Path)
    parser.add_argument("--samples", action="store_true")
    options = parser.parse_args()
    if options.sp500:
        print(judge_sp500(DATA))
    elif options.sec:
        print(judge_different(DATA))
    elif options.noisy and options.write:
        for name, frame in zip(("left", "right"), noisy_lists(DATA, held_out=True, seed=7), strict=True):
            frame.to_csv(options.write / f"{name}.csv", index=False)
    elif options.noisy:
        print("held out", judge_noisy(DATA))
        print("held out, half of them absent", judge_noisy(DATA, absent=True))
        for scorer in ("WRatio", "token_set_ratio"):
            print(scorer, judge_rapidfuzz(DATA, scorer))
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

"""splink on the names that ``bench_matching.py --noisy --write FOLDER`` wrote; run it where splink 5 is installed.

``python splink_names.py FOLDER`` links left.csv to right.csv by name alone: Jaro-Winkler and Jaccard levels, term
frequencies, blocking on the first letters and on words, parameters estimated by splink itself; prints accepted and
right of accepted at several probabilities.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pandas as pd


def main() -> None:
    """Print the figures."""
    if "--help" in sys.argv:
        print(__doc__)
        return
    # Splink stands in an environment of the benchmark's own.
    from splink import DuckDBAPI, Linker, SettingsCreator, block_on
    from splink import comparison_library as cl

    folder = Path(sys.argv[1])
    left, right = (
        pd.read_csv(folder / f"{name}.csv", dtype=str).assign(
            unique_id=lambda frame: frame["id"],
            name=lambda frame: [" ".join(re.findall(r"\w+", name.lower())) for name in frame["name"]],
            first=lambda frame: frame["name"].str.split().str[0],
            second=lambda frame: frame["name"].str.split().str[1],
        )
        for name in ("left", "right")
    )
    settings = SettingsCreator(
        link_type="link_only",
        comparisons=[
            cl.JaroWinklerAtThresholds("name", [0.97, 0.93, 0.88, 0.8]).configure(term_frequency_adjustments=True),
            cl.JaroWinklerAtThresholds("first", [0.92, 0.8]).configure(term_frequency_adjustments=True),
            cl.JaroWinklerAtThresholds("second", [0.92, 0.8]).configure(term_frequency_adjustments=True),
        ],
        blocking_rules_to_generate_predictions=[
            block_on("substr(name,1,3)"), block_on("first"), block_on("second"), "l.first = r.second",
            "l.second = r.first", block_on("substr(second,1,4)"),
        ],
    )  # fmt: skip
    columns = ["unique_id", "name", "first", "second"]
    engine = DuckDBAPI()
    tables = [
        engine.register(frame[columns], table_name=name) for frame, name in ((left, "a_left"), (right, "b_right"))
    ]
    linker = Linker(tables, settings)
    linker.training.estimate_probability_two_random_records_match([block_on("name")], recall=0.3)
    linker.training.estimate_u_using_random_sampling(max_pairs=1e6)
    linker.training.estimate_parameters_using_expectation_maximisation(block_on("first"))
    linker.training.estimate_parameters_using_expectation_maximisation(block_on("substr(name,1,3)"))
    found = linker.inference.predict(threshold_match_probability=0.01).as_pandas_dataframe()
    flip = found["source_dataset_l"].ne(found["source_dataset_l"].min())
    found["query"] = found["unique_id_l"].where(~flip, found["unique_id_r"])
    found["account"] = found["unique_id_r"].where(~flip, found["unique_id_l"])
    best = found.sort_values("match_weight", ascending=False).drop_duplicates("query")
    for least in (0.5, 0.9, 0.99, 0.999):
        taken = best[best["match_probability"] >= least]
        print(least, round(len(taken) / len(left), 3), round(float((taken["query"] == taken["account"]).mean()), 4))


if __name__ == "__main__":
    main()

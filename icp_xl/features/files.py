"""Feature sets as files, and back."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pandas as pd

from icp_xl.errors import DataError
from icp_xl.features.model import FeatureSet
from icp_xl.outputs import Publication

FOLDER = "curated/features"


def names_of(slug: str, cutoff: date) -> tuple[str, str, str, str]:
    """Files of one set: features, catalog, stats, rules."""
    stem = f"{slug}_{cutoff:%Y-%m-%d}"
    return (
        f"{FOLDER}/features_{stem}.parquet",
        f"{FOLDER}/feature_catalog_{stem}.csv",
        f"{FOLDER}/feature_stats_{stem}.json",
        f"{FOLDER}/mb_rules_{stem}.csv",
    )


def write_features(outputs: Publication, found: FeatureSet) -> None:
    """Stage one set: Parquet (one row per account), catalog CSV, stats JSON, market-basket rules CSV."""
    features, catalog, stats, rules = names_of(found.slug, found.cutoff)
    outputs.parquet(features, found.frame.reset_index())
    outputs.csv(catalog, found.catalog)
    outputs.json(stats, found.stats)
    outputs.csv(rules, found.rules)


def read_features(out: Path, slug: str, cutoff: date) -> FeatureSet:
    """A set that an earlier build wrote to the output folder ``out``.

    Raises:
        DataError: it is not there.
    """
    features, catalog, stats, rules = (out / name for name in names_of(slug, cutoff))
    if not features.is_file():
        raise DataError(
            "there are no features for this division and cutoff",
            where=features.name,
            next_step="Run `icp-xl build` with this division and cutoff first.",
        )
    body = json.loads(stats.read_text(encoding="utf-8"))
    frame = pd.read_parquet(features).set_index("account_id")
    listed = pd.read_csv(catalog, encoding="utf-8-sig")
    return FeatureSet(body["division"], slug, cutoff, frame, listed, body, pd.read_csv(rules, encoding="utf-8-sig"))

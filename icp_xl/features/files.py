"""Feature sets as files, and back."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pandas as pd

from icp_xl import artifacts
from icp_xl.errors import DataError
from icp_xl.features.model import FeatureSet
from icp_xl.outputs import Publication

_FILES = (artifacts.FEATURES, artifacts.FEATURE_CATALOG, artifacts.FEATURE_STATS, artifacts.BASKET_RULES)


def names_of(slug: str, cutoff: date) -> tuple[str, str, str, str]:
    """Files of one set: features, catalog, stats, rules."""
    features, catalog, stats, rules = (item.path(division=slug, cutoff=cutoff) for item in _FILES)
    return features, catalog, stats, rules


def write_features(outputs: Publication, found: FeatureSet) -> None:
    """Stage one set: Parquet (one row per account), catalog CSV, stats JSON, market-basket rules CSV."""
    features, catalog, stats, rules = names_of(found.slug, found.cutoff)
    outputs.parquet(features, found.frame.reset_index())
    outputs.csv(catalog, found.catalog)
    outputs.json(stats, found.stats)
    outputs.csv(rules, found.rules)


def read_features(out: Path | Publication, slug: str, cutoff: date) -> FeatureSet:
    """A set that this run or an earlier build wrote to the output folder ``out``.

    Raises:
        DataError: it is not there.
    """
    frame = read_frame(out, slug, cutoff)
    _, catalog, stats, rules = (_find(out, name) for name in names_of(slug, cutoff))
    body = artifacts.FEATURE_STATS.read(stats)
    listed = artifacts.FEATURE_CATALOG.read(catalog)
    return FeatureSet(body["division"], slug, cutoff, frame, listed, body, artifacts.BASKET_RULES.read(rules))


def read_frame(out: Path | Publication, slug: str, cutoff: date) -> pd.DataFrame:
    """The features of such a set alone, indexed by ``account_id``.

    Raises:
        DataError: they are not there.
    """
    features = _find(out, names_of(slug, cutoff)[0])
    if not features.is_file():
        raise DataError(
            "there are no features for this division and cutoff",
            where=features.name,
            next_step="Run `icp-xl build` with this division and cutoff first.",
        )
    frame: pd.DataFrame = artifacts.FEATURES.read(features)
    return frame.set_index("account_id")


def _find(out: Path | Publication, name: str) -> Path:
    return out / name if isinstance(out, Path) else out.find(name)

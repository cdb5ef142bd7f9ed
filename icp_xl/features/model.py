"""What a feature is, and what a build of features gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Feature:
    """One column: its values in the order of the accounts, and what a reader must know of it.

    ``heavy`` marks tails that are capped; ``kind`` is ``number`` or ``category`` (text, may be missing).
    """

    name: str
    values: Array
    meaning: str
    unit: str
    window: str
    family: str
    heavy: bool = False
    kind: str = "number"


@dataclass(frozen=True)
class FeatureSet:
    """Features of one division at one cutoff.

    ``frame`` has one row per account that bought anything before the cutoff, indexed by ``account_id`` in order;
    numbers are float64 (NaN: the question does not arise, such as the recency of one who never bought), categories
    are text with the prefix ``ctx_``. ``catalog`` has one row per column: name, meaning, unit, window, family, kind,
    coverage (share of accounts with a value that is neither missing nor zero), cap_low, cap_high. ``stats`` holds
    counts, caps, priors, the coverage of embeddings and a checksum. ``rules`` are the market-basket rules.
    """

    division: str
    slug: str
    cutoff: date
    frame: pd.DataFrame
    catalog: pd.DataFrame
    stats: Mapping[str, Any]
    rules: pd.DataFrame

    @property
    def numbers(self) -> list[str]:
        """Names of the numeric features."""
        return [str(name) for name in self.catalog.loc[self.catalog["kind"] == "number", "name"]]

    @property
    def categories(self) -> list[str]:
        """Names of the categorical features."""
        return [str(name) for name in self.catalog.loc[self.catalog["kind"] == "category", "name"]]

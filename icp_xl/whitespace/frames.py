"""Columns of long frames: texts as single objects, and whole numbers for them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from icp_xl.whitespace.model import Texts


def as_text(column: pd.Series[Any]) -> pd.Series[Any]:
    """Text without missing values, as plain objects; equal texts are one object, which keeps long frames small."""
    found, unique = pd.factorize(column)
    texts = np.asarray([*(str(value) for value in unique), ""], dtype=object)
    return pd.Series(texts[found], index=column.index, dtype="object", name=column.name)


def codes(column: pd.Series[Any]) -> tuple[np.ndarray[Any, Any], Texts]:
    """Whole numbers for texts, in the texts' own order."""
    found, names = pd.factorize(column.to_numpy(dtype=object), sort=True)
    return np.asarray(found, dtype=np.int64), np.asarray(names, dtype=object)

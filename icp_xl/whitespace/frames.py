"""Candidates as the ranking wants them: checked, filled, in one order whatever order they came in."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from icp_xl.errors import DataError, Fault
from icp_xl.whitespace.model import OPTIONAL, REQUIRED, Texts

_DATES = ("last_bought", "contacted_on")


def prepare_candidates(frame: pd.DataFrame) -> pd.DataFrame:
    """One row per account × division with all columns, sorted by account and division.

    Raises:
        DataError: a needed column is missing, a pair stands twice, or a probability is none.
    """
    faults = [Fault("a column is missing", got=name) for name in REQUIRED if name not in frame.columns]
    if faults:
        raise DataError("the pairs cannot be ranked", faults=faults)
    out = pd.DataFrame(index=frame.index)
    for name in REQUIRED:
        out[name] = frame[name]
    for name in ("account_id", "division"):
        out[name] = as_text(out[name])
    extra = [str(name) for name in frame.columns if str(name).startswith("als_f")]
    for name, missing in OPTIONAL.items():
        out[name] = _column(frame[name], missing) if name in frame.columns else missing
    for name in _DATES:
        out[name] = pd.to_datetime(out[name], errors="coerce")
    p = out["p_icp"] = pd.to_numeric(out["p_icp"], errors="coerce").astype(np.float64)
    wrong = int((~((p >= 0.0) & (p <= 1.0))).sum())
    if wrong:
        faults.append(Fault("probabilities are missing or outside 0 to 1", where="p_icp", got=f"{wrong:,} rows"))
    account, division = codes(out["account_id"])[0], codes(out["division"])[0]
    order = np.lexsort((division, account))
    key = account * (int(division.max(initial=0)) + 1) + division
    twice = len(key) - len(np.unique(key))
    if twice:
        faults.append(Fault("an account and division stand in several rows", got=f"{twice:,} rows"))
    if faults:
        raise DataError("the pairs cannot be ranked", faults=faults)
    for name in extra:
        out[name] = frame[name].to_numpy(dtype=np.float64)
    return out.iloc[order].reset_index(drop=True)


def as_text(column: pd.Series[Any]) -> pd.Series[Any]:
    """Text without missing values, as plain objects; equal texts are one object, which keeps long frames small."""
    found, unique = pd.factorize(column)
    texts = np.asarray([*(str(value) for value in unique), ""], dtype=object)
    return pd.Series(texts[found], index=column.index, dtype="object", name=column.name)


def codes(column: pd.Series[Any]) -> tuple[np.ndarray[Any, Any], Texts]:
    """Whole numbers for texts, in the texts' own order."""
    found, names = pd.factorize(column.to_numpy(dtype=object), sort=True)
    return np.asarray(found, dtype=np.int64), np.asarray(names, dtype=object)


def _column(column: pd.Series[Any], missing: Any) -> pd.Series[Any]:
    if isinstance(missing, str):
        return as_text(column)
    if isinstance(missing, bool):
        return column.astype("object").where(column.notna(), False).astype(bool)
    if isinstance(missing, float):
        numbers = pd.to_numeric(column, errors="coerce").astype(np.float64).replace([np.inf, -np.inf], np.nan)
        return numbers if np.isnan(missing) else numbers.fillna(missing)
    return column
